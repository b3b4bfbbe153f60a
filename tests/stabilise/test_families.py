"""Textbook formulas, in every spelling, at arguments of any size: neither NaN nor infinite where the true value is finite, and as exact as 53 bits allow."""

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
CASES = [tuple(part.strip() for part in line.split("|")) for line in LINES if line and not line.startswith("#")]
coordinates = st.floats(-1000, 1000).map(lambda value: round(value, 3))


def argument(letter: str, slope: float, shift: float) -> str:
    """An affine formula in one parameter."""
    return letter if (slope, shift) == (1, 0) else f"({slope}*{letter} + {shift})"


def exact(cost: sg.Cost, point: dict[str, float]) -> dict[str, object]:
    """Cost and gradient of the formula as it was written, at a thousand digits."""
    with sg.checking(False):
        program = reverse(forward_program(cost._checked))
    found = interpret(program, point, {}, Arithmetic(DIGITS))
    return {name: found.get(adjoint, {}).get((), 0) for name, adjoint in [("C", program.cost), *((p, program.adjoints[p]) for p in program.parameters)]}


def compare(formula: str, point: dict[str, float]) -> None:
    cost = sg.parse(formula)
    wanted = exact(cost, {name: point[name] for name in cost.parameters})
    program = cost.gradient.program
    here = {name: point[name] for name in program.inputs}
    found = run(program, here, {})
    rounded = [interpret(program, here, {}, Jiggled(seed)) for seed in (1, 2, 3)]
    ctx = Arithmetic(DIGITS).ctx
    for name, value in wanted.items():
        if not ctx.isfinite(value) or abs(value) > 1e300:
            continue
        adjoint = program.cost if name == "C" else program.adjoints[name]
        got = float(found.get(adjoint, 0.0))
        assert np.isfinite(got), (formula, point, name, got, float(value), str(program))
        spread = max(abs(one.get(adjoint, {}).get((), 0) - value) for one in rounded)
        assert abs(got - value) <= 1e-12 * abs(value) + 100 * spread + 1e-307, (formula, point, name, got, float(value), str(program))


@pytest.mark.parametrize(("family", "formula", "domain"), CASES, ids=[formula for _, formula, _ in CASES])
@settings(max_examples=12)
@given(data=st.data())
def test_every_spelling_is_exact_everywhere(family, formula, domain, data):
    if domain == "any":
        slope, shift, u = data.draw(st.sampled_from([(1, 0), (2, -3), (-1, 0.5), (0.25, 100)])), None, data.draw(coordinates)
    else:
        sign = 1 if domain == "positive" else -1
        slope, u = (sign, 0), data.draw(st.floats(1e-3, 1000).map(lambda value: round(value, 3)))
    point = {"x": u, "y": data.draw(coordinates)}
    letters = {"u": argument("x", *slope), "v": "y"}
    text = "".join(letters.get(word, word) for word in _words(formula))
    compare(text, point)


def _words(formula: str) -> list[str]:
    import re

    return re.findall(r"\w+|\W", formula)
