"""A function that other tools have is refused with the formula that it is, and that formula is right."""

import numpy as np
import pytest
from scipy import special, stats

import symgd as sg
from symgd.nodes.node import index
from symgd.program.meaning import Arithmetic, Interpreter
from symgd.reading.elsewhere import WRITTEN
from symgd.reading.text import expression

PROSE = {"transpose", "median"}
U, V, P = np.array([-7.0, -0.6, 0.3, 0.9, 2.5]), np.array([0.2, 1.5, 4.0, 0.7, 3.0]), np.array([0.1, 0.4, 0.5, 0.7, 0.95])
VALUES = {
    "average": U.mean(), "var": U.var(), "std": U.std(), "dot": U @ V, "mse": np.mean((U - V)**2), "rmse": np.sqrt(np.mean((U - V)**2)),
    "mae": np.mean(abs(U - V)), "bce": -np.mean(np.where(V > 1, np.log(P), np.log(1 - P))), "square": U**2, "cube": U**3, "norm1": abs(U).sum(),
    "norm2": np.linalg.norm(U), "clip": np.clip(U, -0.5, 1.5), "huber": special.huber(1, U),
    "hinge": np.maximum(0, 1 - U), "step": np.heaviside(U, 0),
    "leaky_relu": np.where(U > 0, U, 0.01*U), "relu6": np.clip(U, 0, 6), "elu": np.where(U > 0, U, np.expm1(U)), "silu": U*special.expit(U),
    "gelu": U*special.ndtr(U), "mish": U*np.tanh(np.logaddexp(0, U)), "softsign": U/(1 + abs(U)), "logit": special.logit(P), "ndtr": special.ndtr(U),
    "normpdf": stats.norm.pdf(U), "beta": special.beta(P, V), "binomial": special.binom(4 + V, P), "haversine": (1 - np.cos(U))/2,
    "matmul": np.outer(V, U) @ U, "trace": np.outer(U, V).trace(),
}  # fmt: skip


def formula(name):
    call, _, written = WRITTEN[name].removeprefix("for ").partition("), ")
    return call + ")", written


@pytest.mark.parametrize("name", WRITTEN)
def test_the_refusal_shows_how_it_is_written(name):
    with pytest.raises(sg.InputError) as refused:
        sg.parse(f"w*{name}(x)", samples="x")
    assert refused.value.what == f"Unknown function {name}." and WRITTEN[name] in refused.value.accepted
    if name not in PROSE:
        assert any(formula(name) == formula(tested) for tested in VALUES)


@pytest.mark.parametrize("name", VALUES)
def test_what_is_shown_is_that_function(name):
    written = formula(name)[1]
    read = expression(written, axes="j:m k:m") if "[" in written else expression(written, samples="u v p q y n k", hidden="i")
    arrays = {"u": U, "v": V, "p": P, "q": V, "y": V > 1, "n": 4 + V, "k": P, "A": np.outer(U, V) if name == "trace" else np.outer(V, U)}
    inputs = {"low": -0.5, "high": 1.5, **{letter: array.astype(float).tolist() for letter, array in arrays.items()}}
    reader = Interpreter(inputs, {"m": 5, "d": 5}, Arithmetic(50))
    every = np.shape(VALUES[name]) != ()
    found = [float(reader.formula(read, {index("i"): row, index("k"): row})) for row in range(5 if every else 1)]
    np.testing.assert_allclose(found, np.atleast_1d(VALUES[name]), rtol=1e-12)
