"""Textbook formulas, in every spelling, at arguments of any size: finite where the true value is, and as exact as 53 bits allow."""

import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgd as sg
from symgd.compiling.numpy_backend import run
from symgd.pipeline import forward_program
from symgd.program.meaning import Arithmetic, Jiggled, interpret
from symgd.reverse.reverse import reverse

DIGITS = 1000  # exp(1000) beside 1 has 435
LINES = (Path(__file__).parents[1] / "cases" / "stable.txt").read_text(encoding="utf-8").splitlines()
CASES = [tuple(part.strip() for part in line.split("|"))[1:] for line in LINES if line and not line.startswith("#")]
SLOPES = {"any": ["x", "(2*x - 3)", "(0.5 - x)", "(x/4 + 100)"], "positive": ["x"], "negative": ["(-x)"]}
coordinates = st.floats(-1000, 1000).map(lambda value: round(value, 3))
sizes = st.floats(1e-3, 1000).map(lambda value: round(value, 3))


@cache
def programs(formula: str):
    """Cost and gradient as they run, and as they were written."""
    cost = sg.parse(formula)
    with sg.checking(False):
        written = reverse(forward_program(cost._checked))
    return cost.gradient.program, written


def compare(formula: str, point: dict[str, float]) -> None:
    program, written = programs(formula)
    here = {name: point[name] for name in program.inputs}
    exact = interpret(written, {name: point[name] for name in written.inputs}, {}, Arithmetic(DIGITS))
    found = run(program, here, {})
    rounded = [interpret(program, here, {}, Jiggled(seed)) for seed in (1, 2, 3)]
    isfinite = Arithmetic(DIGITS).ctx.isfinite
    for stable, naive in [(program.cost, written.cost), *((program.adjoints[name], written.adjoints[name]) for name in program.parameters)]:
        value = exact.get(naive, {}).get((), 0)
        if isfinite(value) and abs(value) < 1e300:
            got = float(found.get(stable, 0.0))
            assert np.isfinite(got), (formula, point, stable, float(value))
            spread = max(abs(one.get(stable, {}).get((), 0) - value) for one in rounded)
            assert abs(got - value) <= 1e-12 * abs(value) + 100 * spread + 1e-307, (formula, point, stable, got, float(value))


def filled(formula: str, u: str) -> str:
    return re.sub(r"\b[uv]\b", lambda letter: u if letter[0] == "u" else "y", formula)


def check(formula: str, domain: str, data: st.DataObject) -> None:
    x = data.draw(coordinates if domain == "any" else sizes)
    compare(filled(formula, data.draw(st.sampled_from(SLOPES[domain]))), {"x": x, "y": data.draw(coordinates)})


@pytest.mark.parametrize(("formula", "domain"), CASES, ids=[formula for formula, _ in CASES])
@settings(max_examples=3)
@given(data=st.data())
def test_every_spelling_is_exact_everywhere(formula, domain, data):
    check(formula, domain, data)


@pytest.mark.slow
@pytest.mark.parametrize(("formula", "domain"), CASES, ids=[formula for formula, _ in CASES])
@settings(max_examples=15)
@given(data=st.data())
def test_every_spelling_is_exact_at_many_points(formula, domain, data):
    check(formula, domain, data)


@pytest.mark.parametrize(("formula", "domain"), CASES, ids=[formula for formula, _ in CASES])
def test_every_spelling_is_exact_at_the_ends(formula, domain):
    for u in SLOPES[domain]:
        for x in (1000.0, 1e-3, 40.0) if domain != "any" else (-1000.0, 1000.0, 0.0, 40.0, -40.0):
            compare(filled(formula, u), {"x": x, "y": 999.0})
