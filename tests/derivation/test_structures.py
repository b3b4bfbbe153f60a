"""Networks, recurrences and every index structure: the steps lead to what the equations compute."""

import pytest
from hypothesis import assume, given, settings

import symgd as sg
from symgd.errors import LimitError
from symgd.nodes.formula import Formula
from tests.oracle.compositions import COMPOSITIONS
from tests.oracle.formulas import formulas, points
from tests.oracle.levels import LEVELS
from tests.oracle.recurrences import RECURRENCES
from tests.oracle.structures import STRUCTURES

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
