"""What is written out runs as loops over tables, and means the same."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import symgd as sg
from symgd.nodes.node import Node, access, number, substituted
from symgd.nodes.text import text
from symgd.pipeline import rolled_program
from symgd.program.gate import checked_packed
from symgd.program.meaning import Arithmetic, interpret
from symgd.program.operations import weight
from symgd.rolling.elements import plain
from symgd.rolling.rolling import LONG, rolled
from tests.oracle.formulas import NAMES, formulas

PARAMETERS = [f"w{n}" for n in range(12)]
COLUMNS = [f"a{n}" for n in range(9)]


@st.composite
def written_out(draw: st.DrawFn) -> str:
    """A sum of 30 to 60 terms of one to four shapes, in scalars, elements of W and numbers, also as definitions that the cost adds up."""
    shapes = draw(st.lists(formulas, min_size=1, max_size=4))
    source = draw(st.randoms(use_true_random=False))

    def leaf() -> Node:
        names = (*PARAMETERS, *COLUMNS)
        return source.choice([access(source.choice(names)), access("W", number(source.randrange(7))), number(source.randrange(1, 9))])

    terms = [substituted(source.choice(shapes), {access(name): leaf() for name in NAMES}) for _ in range(source.randrange(30, 60))]
    return " + ".join(f"({text(term)})" for term in terms)


@settings(max_examples=15)
@given(written_out())
def test_loops_have_the_cost_and_the_gradient_of_what_was_written_out(formula):
    try:
        program = sg.parse(formula, parameters=[*PARAMETERS, "W"]).gradient.program  # every stage of it checked, as in all tests
    except sg.InputError as refused:
        assume("has no real value" not in str(refused))  # acos(2)
        raise
    found = rolled(program)
    checked_packed(program, found.program, found.packed, "rolling")
    if found.packed:
        assert sum(map(weight, found.program.flat())) <= 2 * sum(map(weight, program.flat()))


@pytest.mark.parametrize(
    ("formula", "most"),
    [
        (" + ".join(f"(w{n} - {n})^2" for n in range(100)), 4),
        (" + ".join(f"100*(w{n + 1} - w{n}^2)^2 + (1 - w{n})^2" for n in range(60)), 8),
        (" + ".join(f"log(1 + exp(-{n % 7 + 1}*w{n}*a{n}))" for n in range(60)), 6),
        (" + ".join(f"(sin(w{n}) - W[{n}])^2" for n in range(60)) + " + exp(w1*w2)", 10),
    ],
    ids=["squares", "Rosenbrock", "logistic", "array elements"],
)
def test_terms_of_one_shape_become_few_equations(formula, most):
    program = sg.parse(formula, parameters=[*(f"w{n}" for n in range(101)), "W"]).gradient.program
    found = rolled_program(program)
    assert sum(1 for _ in found.program.flat()) <= most < sum(1 for _ in program.flat())


def test_what_is_short_stays_as_it_is_shown():
    program = sg.parse("(w0 - 1)^2 + (w1 - 2)^2 + (w2 - 3)^2").gradient.program
    assert sum(map(weight, plain(program))) <= LONG
    assert rolled(program).program is program


@pytest.mark.parametrize("variables", [50, 1000])
def test_rosenbrock_written_out_has_its_gradient(variables):
    names = [f"x{n}" for n in range(variables)]
    cost = sg.parse(" + ".join(f"100*({b} - {a}^2)^2 + (1 - {a})^2" for a, b in pairwise(names)))
    x = np.linspace(-1.2, 1.1, variables)
    expected = np.zeros(variables)
    inner = x[1:] - x[:-1] ** 2
    expected[:-1] += -400 * x[:-1] * inner - 2 * (1 - x[:-1])
    expected[1:] += 200 * inner
    found = cost.evaluate(dict(zip(names, x.tolist(), strict=True)))
    assert found.cost == pytest.approx(float(np.sum(100 * inner**2 + (1 - x[:-1]) ** 2)), rel=1e-13)
    assert np.allclose([found.gradient[name] for name in names], expected, rtol=1e-12, atol=1e-10)


def test_loops_read_the_data_and_constants_they_were_written_with():
    terms = " + ".join(f"(u*a{n} + v*{n} - c)^2" for n in range(80))
    cost = sg.parse(terms, parameters=["u", "v"], constants=["c"])
    data = {f"a{n}": 0.1 * n for n in range(80)} | {"c": 2.0}
    rows = np.stack([0.1 * np.arange(80), np.arange(80.0)], axis=1)
    residual = rows @ [0.3, -0.2] - 2
    found = cost.evaluate({"u": 0.3, "v": -0.2}, data)
    assert found.cost == pytest.approx(residual @ residual, rel=1e-13)
    assert [found.gradient["u"], found.gradient["v"]] == pytest.approx((2 * rows.T @ residual).tolist(), rel=1e-13)


def test_the_interpreter_reads_both():
    program = sg.parse(" + ".join(f"(w{n}*w{n + 1} - {n})^2" for n in range(60))).gradient.program
    found = rolled(program)
    point = {f"w{n}": 0.5 + n / 60 for n in range(61)}
    shown = interpret(program, point, {}, Arithmetic(30))
    (array,) = (name for name in found.packed if name in found.program.inputs)
    run = interpret(found.program, {array: [point[name] for name in found.packed[array]]}, {}, Arithmetic(30))
    assert abs(shown[program.cost][()] - run[found.program.cost][()]) < 1e-25
