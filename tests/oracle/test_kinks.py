"""At kinks, jumps and the ends of a domain the derivative is the one that docs/notation.md states: compiled, by NumPy, by the interpreter."""

import re
from pathlib import Path

import numpy as np
import pytest

import symgd as sg
from symgd.compiling.numpy_backend import run
from symgd.nodes.node import access, index, substituted
from symgd.nodes.text import text
from symgd.program.meaning import Arithmetic, interpret
from symgd.reading.text import expression

LINES = (Path(__file__).parents[1] / "cases" / "kinks.txt").read_text(encoding="utf-8").splitlines()
ROWS = [[part.strip() for part in line.split(" | ")] for line in LINES if line and not line.startswith("#")]


def number(written: str) -> float:
    """The numbers of the table: 1/3, log(2), nan, -inf."""
    if written.lstrip("-") in ("nan", "inf"):
        return float(written)
    return sg.parse(written).evaluate({}).cost


def the_same(found, wanted: list[float]) -> bool:
    return [float(one) for one in found] == pytest.approx(wanted, rel=1e-14, nan_ok=True)


@pytest.fixture(autouse=True)
def without_gates():
    with sg.checking(False):  # their points are anywhere
        yield


@pytest.mark.parametrize(("formula", "point", "value", "slopes"), ROWS, ids=[f"{row[0]} at {row[1]}" for row in ROWS])
def test_the_derivative_is_the_stated_one_everywhere(formula, point, value, slopes):
    here = {name: float(at) for name, at in (part.split("=") for part in point.split())}
    wanted = [number(value), *map(number, slopes.split())]
    cost = sg.parse(formula, parameters=sorted(here))
    program = cost.gradient.program

    found = cost.evaluate(here)
    assert the_same([found.cost, *(found.gradient[name] for name in sorted(here))], wanted), "compiled"

    by_numpy = run(program, here, {})
    assert the_same([by_numpy[program.cost], *(by_numpy.get(program.adjoints[name], 0.0) for name in sorted(here))], wanted), "NumPy"

    exact = interpret(program, here, {}, Arithmetic(30))
    slopes = [exact.get(program.adjoints[name], {}).get((), 0) for name in sorted(here)]
    assert the_same([exact[program.cost].get((), 0), *slopes], wanted), "interpreter"


FINITE = [row for row in ROWS if row[1].count("=") == 1 and not re.search("nan|inf", f"{row[2]} {row[3]}")]


@pytest.mark.parametrize(("formula", "point", "value", "slopes"), FINITE, ids=[f"{row[0]} at {row[1]}" for row in FINITE])
def test_every_element_of_an_array_has_its_own_branch(formula, point, value, slopes):
    """The kink beside ordinary points: vectorised code has no branch to take."""
    at = float(point.partition("=")[2])
    places = np.array([at, at + 0.75, at, at - 0.25, at])
    element = text(substituted(expression(formula), {access("x"): access("w", index("j"))}))
    cost = sg.parse(f"sum({element}, j)", axes="j:d", parameters=["w"])
    program = cost.gradient.program
    by_numpy = run(program, {"w": places}, {"d": 5}).get(program.adjoints["w"], np.zeros(5))
    compiled = cost.evaluate({"w": places}).gradient["w"]
    assert the_same(by_numpy[[0, 2, 4]], [number(slopes)] * 3)
    assert compiled == pytest.approx(by_numpy, rel=1e-14)
