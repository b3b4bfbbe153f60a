"""The mean of squares less the square of the mean, however it is written: exact where the mean is a hundred million times the deviation."""

import numpy as np
import pytest

import symgd as sg
from symgd.pipeline import forward_program
from symgd.program.meaning import Arithmetic, interpret
from symgd.reverse.reverse import reverse

MATRIX = {"axes": "i:m k:h", "parameters": ["w"]}
CENTRED = [
    ("mean((w*x)^2) - mean(w*x)^2", {"samples": "x"}),
    ("mean(w^2*x^2) - mean(w*x)*mean(w*x)", {"samples": "x"}),
    ("-mean(w*x)^2 + mean(w*x*w*x) + w^2", {"samples": "x"}),
    ("sqrt(mean((w + x)^2) - mean(w + x)^2)", {"samples": "x"}),
    ("w*(mean(x^4) - mean(x^2)^2)", {"samples": "x"}),
    ("q - mu^2", {"samples": "x", "where": {"mu": "mean(w*x)", "q": "mean((w*x)^2)"}}),
    ("mean((w*x - mu)^2)/(mean((w*x)^2) - mu^2)", {"samples": "x", "where": {"mu": "mean(w*x)"}}),
    ("sum(v[k], k)", {"where": {"v[k]": "mean((w[k]*X[i, k])^2, i) - mean(w[k]*X[i, k], i)^2"}, **MATRIX}),
    ("sum(log(sum((w[k] + X[i, k])^2, i)/m - (sum(w[k] + X[i, k], i)/m)^2), k)", MATRIX),
]
LEFT_ALONE = [
    ("mean((w*x)^2) - mean(w*x + 1)^2", {"samples": "x"}),
    ("mean((w*x)^2) - 2*mean(w*x)^2", {"samples": "x"}),
    ("mean((w*x)^2) + mean(w*x)^2", {"samples": "x"}),
    ("sum((w*x)^2) - sum(w*x)^2", {"samples": "x"}),
    ("mean((w*x)^3) - mean(w*x)^2", {"samples": "x"}),
    ("mean((w*x)^2) - mean(w*y)^2", {"samples": "x y"}),
]
RANDOM = np.random.default_rng(5)
x = 1e8 + RANDOM.normal(size=12)


@pytest.mark.parametrize(("formula", "given"), CENTRED, ids=[formula for formula, _ in CENTRED])
def test_a_variance_is_exact(formula, given):
    cost = sg.parse(formula, **given)
    assert any("cancels" in use for use in cost.rewritten)
    parameters = {"w": np.array([0.5, -2.0])} if "axes" in given else {"w": 0.75}
    data = {"X": np.stack([x, 3 * x], axis=1)} if "axes" in given else {"x": x}
    with sg.checking(False):
        found = cost.evaluate(parameters, data)
        written = reverse(forward_program(cost._checked))
    exact = interpret(written, {**parameters, **data}, {"m": 12, "h": 2}, Arithmetic(60))
    assert found.cost == pytest.approx(float(exact[written.cost][()]), rel=1e-6)  # the deviations have 8 digits in a float64
    slopes = exact[written.adjoints["w"]]
    assert np.ravel(found.gradient["w"]) == pytest.approx([float(slopes[place]) for place in sorted(slopes)], rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("formula", "given"), LEFT_ALONE, ids=[formula for formula, _ in LEFT_ALONE])
def test_what_is_no_variance_stays(formula, given):
    assert not sg.parse(formula, **given).rewritten


def test_without_stable_forms_it_is_computed_as_written():
    cost = sg.parse("mean((w*x)^2) - mean(w*x)^2", samples="x", stabilise=False)
    assert cost.gradient.program.passes == 1
