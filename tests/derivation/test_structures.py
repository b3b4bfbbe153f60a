"""Networks, recurrences and every index structure: the steps lead to what the equations compute."""

import pytest
from hypothesis import assume, given, settings

import symgd as sg
from symgd.errors import LimitError
from symgd.nodes.formula import Formula
from tests.oracle.compositions import COMPOSITIONS
from tests.oracle.formulas import formulas, points
from tests.oracle.indexed import costs
from tests.oracle.levels import LEVELS, mixtures
from tests.oracle.recurrences import RECURRENCES
from tests.oracle.structures import STRUCTURES
from tests.oracle.test_indexed import read

from .numbers import holds, numbers

ALL = [*STRUCTURES, *COMPOSITIONS, *RECURRENCES, *(structure for _, structure in LEVELS)]


@pytest.mark.parametrize("structure", ALL, ids=lambda structure: structure.name)
def test_the_last_lines_are_what_the_equations_compute(structure):
    derivation = structure.read.derivation()
    assert derivation.checked is not None and derivation.checked.numbers  # it compares
    for number in derivation.checked.numbers:
        if number.difference != number.difference:
            continue  # an empty group has no value
        assert number.steps == pytest.approx(number.difference, abs=1e-6 * max(1.0, abs(number.steps)) + 10 * number.error)
    assert derivation.text("full") and derivation.latex() and derivation.steps


def test_a_wrong_rule_would_be_seen(monkeypatch):
    from symgd.derivation import steps

    monkeypatch.setitem(steps._OPERATIONS, "/", lambda deriving, part: steps.Deriving._of_product(deriving, part))
    with pytest.raises(AssertionError, match="a fault of symgd"):
        _ = sg.parse("w/(w + 1)").derivation().checked


@settings(max_examples=12)
@given(made=costs())
def test_costs_with_indices_that_nobody_chose(made):
    agree(read(made))


@settings(max_examples=12)
@given(made=mixtures())
def test_networks_with_totals_that_nobody_chose(made):
    agree(sg.parse(made.cost, where=made.where, axes="i:m j:d k:h", parameters=("w", "W", "v", "s")))


@pytest.mark.slow
@settings(max_examples=200)
@given(made=costs())
def test_many_costs_with_indices(made):
    agree(read(made))


@pytest.mark.slow
@settings(max_examples=150)
@given(made=mixtures())
def test_many_networks_with_totals(made):
    agree(sg.parse(made.cost, where=made.where, axes="i:m j:d k:h", parameters=("w", "W", "v", "s")))


def agree(cost):
    """Steps, equations and differences; `checked` raises where the steps say something else than the equations."""
    with sg.checking(False):
        derivation = cost.derivation()
        try:
            assert derivation.text("full") and derivation.steps
        except LimitError:
            assume(False)


def test_a_definition_that_nothing_needs_keeps_its_name():
    cost = sg.parse("mean((tanh(w*x) + w)^2 + tanh(w*x))", samples="x", where={"t1": "mean(5*w*x)"})
    assert "t1" not in cost.gradient.text() and "t1 " not in str(cost.gradient.program)


@settings(max_examples=150)
@given(formula=formulas, point=points)
def test_every_line_of_any_formula_is_true(formula, point):
    with sg.checking(False):
        try:
            derivation = sg.Cost(Formula(formula), parameters=["x"]).derivation("x")
            steps = derivation.steps
            assert derivation.text("full") and derivation.latex("brief")
        except LimitError:
            assume(False)
    numeric = numbers(point)
    for step in steps:
        assert holds(step, numeric, 12), str(step)
