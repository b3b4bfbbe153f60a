"""Three hundred formulas and their derivatives: the steps lead there, every line of them is true, and what they lead to can be read."""

import random
import time
from itertools import pairwise
from pathlib import Path

import pytest
import sympy as sp

import symgd as sg
from symgd.reading.text import expression

from .numbers import alike, holds, numbers


def table():
    ends = (0.2, 1.8)
    for line in (Path(__file__).parents[1] / "cases" / "derivatives.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            ends = tuple(map(float, line.rpartition(":")[2].split())) if line[-1].isdigit() else ends
        else:
            formula, _, derivative = line.rpartition(" | ")
            yield formula.strip(), derivative.strip(), ends


ROWS = list(table())
IDS = [formula for formula, _, _ in ROWS]


def points(formula, ends):
    source = random.Random(formula)
    for _ in range(3):
        yield {"x": source.uniform(*ends), **{name: source.uniform(0.5, 1.5) for name in "abc"}}


def test_the_table_is_large():
    assert len({*IDS}) == len(ROWS) >= 300


@pytest.mark.parametrize(("formula", "wanted", "ends"), ROWS, ids=IDS)
def test_the_steps_lead_to_the_derivative(formula, wanted, ends):
    began = time.perf_counter()
    derivation = sg.parse(formula, parameters=["x"]).derivation("x")
    steps = derivation.steps
    assert derivation.text()
    assert time.perf_counter() - began < 3
    assert steps
    ways = [steps[0].before.node, expression(wanted), steps[-1].after.node]
    for point in points(formula, ends):
        exact, listed, found = (numbers(point).formula(way, {}) for way in ways)
        assert alike(listed, exact), (point, listed, exact)
        assert alike(found, exact), (point, found, exact)
        for step in steps:
            assert holds(step, numbers(point)), (point, str(step))
    for one, other in pairwise(steps):
        assert one.after.node is other.before.node


@pytest.mark.parametrize("formula", ["sin(4*x)/(4*x)", "x^x", "exp(-x^2/2)/sqrt(2*pi)", "max(x, 0)*log(x)", "log(x, 2)"])
def test_steps_are_sympy_expressions(formula):
    x = sp.Symbol("x")
    derivation = sg.parse(formula, parameters=["x"]).derivation("x")
    for step in derivation.steps:
        before, after = (sp.sympify(part).doit().subs(x, sp.Rational(3, 4)).evalf() for part in (step.before, step.after))
        assert abs(before - after) < 1e-12, str(step)
    assert abs((derivation.result - sp.sympify(derivation.steps[-1].after)).subs(x, sp.Rational(3, 4)).evalf()) < 1e-12


@pytest.mark.slow
def test_what_the_steps_lead_to_is_not_much_longer_than_what_sympy_simplifies_to():
    long = []
    for formula, _, _ in ROWS:
        cost = sg.parse(formula, parameters=["x"])
        x = next((s for s in cost.expression.free_symbols if s.name == "x"), sp.Symbol("x"))
        real = sp.Symbol("x", real=True)
        try:
            simple = sp.simplify(sp.diff(cost.expression.subs(x, real), real))
        except Exception:  # not all of ours are SymPy's
            continue
        ours = str(cost.derivation("x").steps[-1].after)
        if len(ours) > 3 * len(str(simple).replace("**", "^")):
            long.append((formula, ours, str(simple)))
    assert len(long) <= 0.05 * len(ROWS), long
