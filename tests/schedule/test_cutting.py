"""A long program in pieces is the same program; what takes Numba too long is run by NumPy, with one notice."""

import random
import warnings
from dataclasses import replace

import numpy as np
import pytest

import symgd as sg
from symgd.schedule import cutting
from symgd.training import kernels
from tests.oracle.against_jax import compiled_equals_jax, loops_equal_jax
from tests.oracle.compositions import COMPOSITIONS
from tests.oracle.structures import STRUCTURES

NAMES = {
    "network regression", "2-layer softmax cross-entropy", "batch norm", "attention", "LSTM", "max over an axis", "variance with one letter nested",
    "Gaussian mixture with packed factors", "log of a product", "double sum over samples",
}  # fmt: skip
CUT = [structure for structure in (*STRUCTURES, *COMPOSITIONS) if structure.name in NAMES]


@pytest.fixture
def in_pieces(monkeypatch):
    monkeypatch.setattr(cutting, "LONG", 0)
    monkeypatch.setattr(cutting, "PIECE", 40)


def of_different_shapes(count: int) -> str:
    """Terms sin((a + b)*c), cos(a)*x - d, ... without two of one shape, squared and summed."""
    made = random.Random(1)

    def formula(depth: int) -> str:
        if depth == 0:
            return made.choice("abcd")
        if made.random() < 0.5:
            return f"{made.choice(('sin', 'cos', 'tanh', 'exp', 'atan', 'sigmoid'))}({formula(depth - 1)})"
        return f"({formula(depth - 1)} {made.choice('+-*')} {formula(depth - 1)})"

    terms: dict[str, None] = {}
    while len(terms) < count:
        terms[formula(3)] = None
    return " + ".join(f"({term} - x)^2" for term in terms)


def cost_of(count: int) -> sg.Cost:
    return sg.parse(f"mean({of_different_shapes(count)})", samples="x")


AT, DATA = dict(zip("abcd", (0.1, 0.2, 0.3, 0.4), strict=True)), {"x": np.linspace(0, 1, 7)}


@pytest.mark.parametrize("structure", CUT, ids=lambda structure: structure.name)
def test_pieces_equal_jax_block_by_block(structure, in_pieces):
    cut = replace(structure)
    loops_equal_jax(cut, 0)
    assert cut.read._kernels.generated.driven and "_part_2" in cut.read._kernels.generated.source


def test_compiled_pieces_equal_jax(in_pieces):
    compiled_equals_jax(replace(next(s for s in CUT if s.name == "network regression")), 1)


@pytest.mark.parametrize("batch", [None, 3])
def test_a_fit_in_pieces_takes_the_steps_of_a_fit_in_one(batch, monkeypatch):
    def fitted():
        return cost_of(5).trainer("adam").fit(DATA, start=AT, steps=12, batch_size=batch, progress=False)

    whole = fitted()
    monkeypatch.setattr(cutting, "LONG", 0)
    monkeypatch.setattr(cutting, "PIECE", 60)
    cut = fitted()
    assert cut.steps == whole.steps == 12
    np.testing.assert_allclose(cut.history.cost, whole.history.cost, rtol=1e-12)
    for name in AT:
        assert cut.parameters[name] == pytest.approx(whole.parameters[name], rel=1e-10)


def test_numpy_runs_300_terms_of_300_shapes_and_says_so_once():
    cost = cost_of(300)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        first = cost.evaluate(AT, DATA)
        cost.evaluate(AT, DATA)
    assert [str(notice.message).partition(" for ")[0] for notice in said] == ["Numba would compile this program"]
    moved = {name: cost.evaluate({**AT, name: AT[name] + 1e-6}, DATA).cost - cost.evaluate({**AT, name: AT[name] - 1e-6}, DATA).cost for name in AT}
    for name in AT:
        assert first.gradient[name] == pytest.approx(moved[name] / 2e-6, rel=1e-6)


@pytest.mark.slow
def test_numba_compiles_50_terms_of_50_shapes_when_asked(monkeypatch):
    by_numpy, by_numba = cost_of(50), cost_of(50)
    with pytest.warns(UserWarning, match="NumPy runs it"):
        expected = by_numpy.evaluate(AT, DATA)
    monkeypatch.setattr(kernels, "PATIENCE", 1000.0)
    found = by_numba.evaluate(AT, DATA)
    assert found.cost == pytest.approx(expected.cost, rel=1e-13)
    for name in AT:
        assert found.gradient[name] == pytest.approx(expected.gradient[name], rel=1e-12)


def test_what_numpy_would_compute_for_longer_than_compiling_takes_is_compiled(monkeypatch):
    monkeypatch.setattr(kernels, "PATIENCE", 0.0)
    cost = sg.parse("mean(tanh(w*x - y)^2)", samples="x y")
    few, many = np.ones(10), np.ones(1_000_000)
    with pytest.warns(UserWarning, match="NumPy runs it"):
        first = cost.evaluate({"w": 0.5}, {"x": few, "y": few})
    assert not cost._kernels.compiled
    monkeypatch.setattr(kernels, "BY_NUMPY", 1e-6)
    assert cost.evaluate({"w": 0.5}, {"x": many, "y": many}).cost == pytest.approx(first.cost)
    assert cost._kernels.compiled
