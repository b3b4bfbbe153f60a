"""Points are constructed: in every domain that is not empty some are found, and the cost has a value there to 40 digits."""

from itertools import combinations, islice
from pathlib import Path

import pytest
import sympy as sp

import symgd as sg
from symgd.program.meaning import Arithmetic
from symgd.verification.points import NoPoint, Sampler, settings
from symgd.verification.tape import Point

from .answers import Problem

FILE = Path(__file__).parents[1] / "cases" / "domains.txt"
DOMAINS = [line for line in FILE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def problem(line):
    cost, _, options = line.partition(" | ")
    return Problem(cost, **dict(part.split(": ", 1) for part in options.split("; ")) if options else {})


def minors(size):
    """Sylvester: a symmetric matrix is positive definite where all leading minors are positive."""
    names = [[sp.Symbol(f"a{min(i, j)}{max(i, j)}") for j in range(size)] for i in range(size)]
    return " + ".join(f"log({sp.sstr(sp.Matrix(names)[:n, :n].det()).replace('**', '^')})" for n in range(1, size + 1))


def points_of(cost, most=3):
    with sg.checking(False):
        program = cost.gradient.program
    for setting in settings(program):
        sampler = Sampler(cost._checked, setting, program.facts)
        yield sampler, list(islice(sampler.points(), most))


@pytest.mark.parametrize("line", DOMAINS)
def test_points_are_found_and_the_cost_has_a_value_there(line):
    for sampler, points in points_of(problem(line).read):
        assert len(points) == 3
        for inputs in points:
            value = Point(sampler.tape, inputs, Arithmetic(40)).value(sampler.root)
            assert abs(value) < 1e60


@pytest.mark.parametrize("size", [2, 3, 4])
def test_positive_definite_matrices_are_found(size):
    ((_, points),) = points_of(sg.parse(minors(size)))
    for inputs in points:
        found = sp.Matrix(size, size, lambda i, j, inputs=inputs: sp.Rational(str(inputs[f"a{min(i, j)}{max(i, j)}", ()])))
        assert found.is_positive_definite


def test_there_are_enough_domains():
    assert len(set(DOMAINS)) >= 48


@pytest.mark.parametrize("cost", ["log(-1 - w^2)", "sqrt(w) + log(-w)", "log(w - 2) + log(1 - w)", "asin(2 + w^2)"])
def test_an_empty_domain_is_said_with_what_could_not_be_met(cost):
    with pytest.raises(NoPoint, match="No point was found at which the cost has a value"):
        list(points_of(sg.parse(cost)))


def test_the_numbers_of_a_point_are_different_and_none_is_0_or_1():
    ((_, points),) = points_of(sg.parse("a*b + c*d*e1"), most=9)
    for inputs in points:
        values = list(inputs.values())
        assert not {0, 1, -1} & set(values) and all(u != v for u, v in combinations(values, 2))


def test_both_sides_of_every_switch_are_seen():
    from symgd.verification.bench import Bench

    spots = Bench(sg.parse("abs(w - 100) + max(v, 50) + piecewise(w^2, w > 200, w)")).spots
    w, v = ([float(spot.inputs[name, ()]) for spot in spots] for name in "wv")
    assert min(w) < 100 < max(w) > 200 and min(v) < 50 < max(v)
