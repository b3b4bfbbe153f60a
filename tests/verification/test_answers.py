"""The table says what it means: right answers are the derivative, the others are not. Nothing here knows how answers are judged."""

import random
from collections import Counter

import pytest

import symgd as sg
from symgd.derivation.check import reading
from symgd.program.gate import random_point
from symgd.program.meaning import Arithmetic, interpret

from .answers import Row, rows

pytestmark = pytest.mark.slow
ROWS = rows()
KINDS = {
    "missing-chain-factor", "sign", "constant-factor", "mean-vs-sum", "quotient-rule", "product-rule", "wrong-argument", "missing-inner-level",
    "table-entry", "power-rule", "exponential-as-power", "wrong-variable", "missing-term", "data-as-constant", "not-differentiated", "integrated",
    "transpose", "missed-path", "softmax", "wrong-branch", "misread-cost", "algebra-slip", "domain",
}  # fmt: skip
FREQUENT = KINDS - {"data-as-constant", "domain", "not-differentiated"}
ARITHMETIC = Arithmetic(40)
SCALED = {"w", "x", "y", "z", "a", "q"}


def gaps(row: Row):
    """How far the answer is from the derivative, relatively, at elements and points; also at numbers below zero and far beyond one."""
    with sg.checking(False):
        program = row.problem.read.gradient.program
    formula, place = row.problem.formula(row.answer), row.place
    for seed in range(12):
        inputs, lengths = random_point(program, seed)
        scales = random.Random(seed)
        inputs = {name: scaled(value, scales.choice((1, -1, 5, -5))) if name in SCALED else value for name, value in inputs.items()}
        exact = interpret(program, inputs, lengths, ARITHMETIC)
        reader = reading(row.problem.read._checked.definitions, inputs, lengths)
        for at, slope in exact.get(program.adjoints[place.value], {(): 0}).items():
            point = {letter: n for letter, n in zip(place.args, at, strict=True) if letter.op == "index"}
            try:
                found = reader.formula(formula, point)
            except KeyError:  # a transposed answer reads beyond the end
                yield 1.0
                continue
            if abs(slope) < 1e30:  # NaN and infinity are not: a cost that has no value there is not asked
                yield abs(found - slope) / max(1, abs(slope)) if found == found else 1.0


def scaled(value, by):
    return [scaled(part, by) for part in value] if isinstance(value, list) else by * value


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_right_answers_are_right_and_no_others(row):
    found = list(gaps(row))
    assert found
    if row.verdict == "right":
        assert max(found) < 1e-25
    else:
        assert max(found) > 1e-6


def test_there_are_enough_of_each():
    count = Counter(row.verdict for row in ROWS)
    assert count["right"] >= 150 and count["wrong"] >= 250 and count["conditional"] >= 30 and count["unexplained"] >= 50
    kinds = Counter(kind for row in ROWS for kind in row.kinds)
    assert kinds.keys() <= KINDS and all(kinds[kind] >= 8 for kind in FREQUENT), kinds
    assert len({str(row) for row in ROWS}) == len(ROWS)
