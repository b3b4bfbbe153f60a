"""LaTeX: the form that was written, in commands that amsmath and KaTeX know, with every name inert."""

import re
import time
from pathlib import Path

import pytest

from symgd.errors import LimitError
from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.latex import latex, latex_name
from symgd.nodes.node import access, index, length, node, number
from symgd.reading.text import expression, problem

CASES = (Path(__file__).parents[1] / "cases" / "latex.txt").read_text(encoding="utf-8").splitlines()
ROWS = [line.split("  =>  ") for line in CASES if line and not line.startswith("#")]
HOSTILE = [
    r"\input{x}",
    r"\href{javascript:alert(1)}{x}",
    "x}^2",
    "%s",
    "a$b",
    "\\",
    "{{7*7}}",
    "<script>",
    "x\n\\y",
    "\u202ex",
    "😀",
    "x'",
    '"""',
    "`",
    "~^_&#",
    " ",
]


@pytest.mark.parametrize("typed, expected", ROWS, ids=[typed for typed, _ in ROWS])
def test_a_formula_in_latex(typed: str, expected: str) -> None:
    assert latex(expression(typed, names="n")) == expected
    assert_well_formed(expected)


def test_whole_axes_and_the_samples_are_letters_alone() -> None:
    given = problem("mean((sum(w[j]*x[j], j) - y)^2)", samples="x y", axes="j:d")
    shown = r"\sum_{i} \left(\sum_{j} w_{j}\,x_{i,j} - y_{i}\right)^{2}"
    assert latex(given.expression, hidden=given.hidden, axes=given.axes) == rf"\frac{{1}}{{m}} {shown}"
    assert latex(expression("sum(x[j], j)")) == r"\sum_{j=0}^{n_{j}-1} x_{j}"


@pytest.mark.parametrize("row", FUNCTIONS.values(), ids=lambda row: row.name)
def test_every_function_is_well_formed_in_every_place(row: object) -> None:
    name, arity = row.name, row.arity or 2  # type: ignore[attr-defined]
    call = node(name, *(node("+", access(letter), number(1)) for letter in "xyz"[:arity]))
    for formula in (call, node("^", call, number(2)), node("*", number(2), call, access("y")), node("/", call, call), node(name, *[call] * arity)):
        assert_well_formed(latex(formula))
        assert all(letter in latex(formula) for letter in "xyz"[:arity])


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_name_cannot_leave_its_place(name: str) -> None:
    for formula in (access(name), access(name, index(name)), node("^", access(name), number(2)), length(name)):
        shown = latex(formula)
        assert_well_formed(shown)
        commands = set(re.findall(r"\\[A-Za-z]+", shown))
        assert commands <= {r"\text", r"\textbackslash", r"\textasciicircum", r"\textasciitilde", r"\textless", r"\textgreater"}
        assert shown.isprintable()


def test_different_names_look_different() -> None:
    names = [
        "x",
        "X",
        "xx",
        "x__2",
        "x_2",
        "x_a",
        "xhat",
        "a_b_c",
        "a_bc",
        "ab_c",
        "x_",
        "_x",
        "α",
        "β",
        "Α",
        "A",
        "é",
        "e",
        "x y",
        "U+00E9",
        *HOSTILE,
    ]
    assert len({latex_name(name) for name in names}) == len(names)


def test_deep_long_and_shared_formulas() -> None:
    start = time.process_time()
    deep = access("x")
    for _ in range(20_000):
        deep = node("sin", deep)
    assert latex(deep).count(r"\sin") == 20_000
    assert latex(node("+", *(access(f"x{n}") for n in range(100_000)))).count("+") == 99_999
    assert time.process_time() - start < 15
    shared = access("x")
    for _ in range(40):
        shared = node("+", node("sin", shared), shared)
    with pytest.raises(LimitError, match="Written out, the formula has 3,298,534,883,326 parts"):
        latex(shared)


def assert_well_formed(shown: str) -> None:
    """Braces and \\left ... \\right in pairs, no second exponent or index on one base."""
    bare = re.sub(r"\\[\\{}$%&#_,]", "", shown)
    ends: list[str] = [""]  # for each open group, what its last script was
    for sign in re.findall(r"\\[A-Za-z]+|.", bare):
        if sign in ("{", r"\left"):
            ends.append("")
        elif sign in ("}", r"\right"):
            ends.pop()
            assert ends, shown
        elif sign in "^_":
            assert sign not in ends[-1], shown
            ends[-1] += sign
        elif sign != " ":
            ends[-1] = ""
    assert len(ends) == 1, shown
