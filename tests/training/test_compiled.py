"""Cost and gradient as one compiled function, for other compiled code."""

import sys

import numpy as np
import pytest
from numba import njit

import symgd as sg
from symgd.compiling.cache import load
from symgd.compiling.guard import CALLABLE
from symgd.printing.callable import callable_source
from symgd.training import compiled as compiling

from ..oracle import against_jax
from ..oracle.compositions import COMPOSITIONS
from ..oracle.levels import LEVELS
from ..oracle.structures import STRUCTURES

NAMES = ["network regression", "gather of an embedding", "convolution", "LSTM", "ragged (CSR) sums"]
CASES = [*(s for s in STRUCTURES if s.name in NAMES), *(s for _, s in LEVELS if s.name == "correlation")]
RANDOM = np.random.default_rng(3)
X, Y, W = RANDOM.normal(size=(7, 3)), RANDOM.normal(size=7), RANDOM.normal(size=3)


def least_squares(**more):
    return sg.parse("mean((sum(w[j]*X[i, j], j) + b - y[i])^2, i)", axes="i:m j:d", parameters=["w", "b"], **more)


@pytest.fixture(scope="module")
def f():
    return least_squares().compiled()


@pytest.mark.parametrize("structure", CASES, ids=lambda s: s.name)
def test_it_is_cost_and_gradient(structure):
    equals_jax(structure, structure.read.compiled())


@pytest.mark.parametrize("structure", [*STRUCTURES, *COMPOSITIONS, *(s for _, s in LEVELS)], ids=lambda s: s.name)
def test_its_source_is_cost_and_gradient(structure):
    source = callable_source(structure.read._checked, structure.read.gradient.program)
    with np.errstate(all="ignore"):
        equals_jax(structure, load(source, compiled=False, allowed=CALLABLE).cost_and_gradient)


def equals_jax(structure, function):
    cost, (parameters, data) = structure.read, structure.split(structure.arrays(1))
    said = [line for line in function.__doc__.splitlines() if "Lengths that no array tells" in line]
    lengths = [structure.told(1)[name] for name in said[0].partition(": ")[2].strip(".").split(", ")] if said else []
    found, gradients = function(*(parameters[name] for name in cost.parameters), *(data[name] for name in cost.data), *lengths)
    against_jax.equal_jax(structure, 1, found, dict(zip(cost.parameters, gradients, strict=True)))


def test_the_signature_stands_in_its_docstring(f):
    said = f.__doc__.splitlines()
    assert said[0] == "cost, (dw, db) = cost_and_gradient(w, b, X, y)"
    assert "    Parameters: w (d,), b." in said
    assert "    Data: X (m, d), y (m,)." in said
    assert [line for line in said if line != line.rstrip()] == []


def test_it_is_called_from_a_loop_of_ones_own(f):
    @njit
    def descend(w, b, X, y, steps):
        for _ in range(steps):
            _, (dw, db) = f(w, b, X, y)
            w = w - 0.1 * dw
            b -= 0.1 * db
        return w, b

    w, b = descend(np.zeros(3), 0.0, X, Y, 3000)
    expected = np.linalg.lstsq(np.column_stack([X, np.ones(7)]), Y)[0]
    assert np.append(w, b) == pytest.approx(expected, rel=1e-6)


def test_two_costs_in_one_function(f):
    penalty = sg.parse("lam*sum(w[j]^2, j)", parameters=["w"], constants=["lam"], axes="j:d").compiled()

    @njit
    def both(w, b, X, y, lam):
        first, (dw, db) = f(w, b, X, y)
        second, (more,) = penalty(w, lam)
        return first + second, dw + more, db

    cost, dw, _ = both(W, 0.5, X, Y, 0.3)
    expected, (slope, _) = f(W, 0.5, X, Y)
    assert cost == pytest.approx(expected + 0.3 * W @ W)
    assert dw == pytest.approx(slope + 0.6 * W)


def test_nothing_of_the_caller_changes_and_nothing_is_shared(f):
    w = W.copy()
    _, (first, _) = f(w, 0.5, X, Y)
    kept = first.copy()
    _, (second, _) = f(w + 1, 0.5, X, Y)
    assert (w == W).all()
    assert (first == kept).all()
    assert not np.shares_memory(first, second)


def test_whole_numbers_and_other_layouts_will_do(f):
    expected = f(W, 2.0, X, Y)
    found = f(W, 2, np.asfortranarray(X), Y)
    assert found[0] == pytest.approx(expected[0])
    assert found[1][0] == pytest.approx(expected[1][0])


@pytest.mark.parametrize(
    ("w", "y", "x", "said"),
    [
        (W[:2], Y, X, r"w does not have the shape \(d,\)"),
        (W, Y[:5], X, r"y does not have the shape \(m,\)"),
        (W, Y[:0], X[:0], "The length m is below 1"),
    ],
)
def test_other_shapes_are_refused_in_compiled_code_too(f, w, y, x, said):
    @njit
    def called(w, y, x):
        return f(w, 0.0, x, y)[0]

    for function in (lambda w, y, x: f(w, 0.0, x, y), called):
        with pytest.raises(ValueError, match=said):
            function(w, y, x)


@pytest.mark.parametrize("label", [[0, 1, 3], [0, -1, 2]])
def test_subscripts_stay_within_their_array(label):
    g = sg.parse("sum(E[label[i]]^2, i)", parameters=["E"], axes="i:m").compiled()
    assert g(np.ones(3), np.array([0, 1, 1]))[1][0].tolist() == [2.0, 4.0, 0.0]
    with pytest.raises(ValueError, match=r"E\[label\[i\]\] is read outside of axis 0"):
        g(np.ones(3), np.array(label))


def test_lengths_that_no_array_tells_come_last():
    g = sg.parse("sum((w - k)^2/q, k)", parameters=["w"], constants=["q"], axes="k:K").compiled()
    assert g.__doc__.splitlines()[0] == "cost, (dw,) = cost_and_gradient(w, q, K)"
    assert g(1.0, 2.0, 3) == (1.0, (0.0,))
    with pytest.raises(ValueError, match="The length K is below 1"):
        g(1.0, 2.0, 0)


def test_names_constants_and_what_is_not_read():
    cost = sg.parse("λ*class^2 + c", where={"q[i]": "x[i]^2"}, axes="i:m", parameters=["class"], constants={"λ": 0.5, "c": 1})
    g = cost.compiled()
    assert cost.data == ("x",)
    assert g.__doc__.splitlines()[0] == "cost, (dclass_,) = cost_and_gradient(class_, x)"
    assert "Fixed: λ = 0.5, c = 1." in g.__doc__ and "class_ (that is class)" in g.__doc__
    assert g(3.0, np.ones(4)) == (5.5, (3.0,))


def test_what_is_too_long_or_cannot_be_compiled_is_refused_in_a_sentence(monkeypatch):
    cost = sg.parse("(w - 3)^2")
    monkeypatch.setattr(compiling, "LONGEST", 0)
    with pytest.raises(sg.InputError, match=r"for about 0 seconds; the limit is 0\. Accepted: cost\.evaluate"):
        cost.compiled()
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(sg.InputError, match=r"needs Numba, which is not installed\. Accepted: cost\.evaluate"):
        cost.compiled()
