"""Text: minimal parentheses, linear time, names that cannot be taken for something else. tests/reading/ reads every text back."""

import time

import pytest

from symgd.errors import LimitError
from symgd.nodes.node import FALSE, TRUE, ZERO, Node, access, index, length, node, number, range_
from symgd.nodes.text import name, text

x, y, z = map(access, "xyz")
i, j = index("i"), index("j")


@pytest.mark.parametrize(
    "formula, written",
    [
        (node("+", x, node("neg", y), z), "x - y + z"),
        (node("+", node("neg", x), y), "-x + y"),
        (node("+", x, node("+", y, z)), "x + (y + z)"),
        (node("+", node("+", x, y), z), "(x + y) + z"),
        (node("+", x, node("neg", node("+", y, z))), "x - (y + z)"),
        (node("+", x, node("neg", node("*", y, z))), "x - y*z"),
        (node("neg", node("neg", x)), "-(-x)"),
        (node("*", node("neg", x), y), "(-x)*y"),
        (node("neg", node("*", x, y)), "-x*y"),
        (node("*", x, node("*", y, z)), "x*(y*z)"),
        (node("*", node("/", x, y), z), "x/y*z"),
        (node("*", x, node("/", y, z)), "x*(y/z)"),
        (node("/", node("*", x, y), node("*", y, z)), "x*y/(y*z)"),
        (node("^", node("neg", x), number(2)), "(-x)^2"),
        (node("^", x, node("neg", y)), "x^(-y)"),
        (node("^", x, node("^", y, z)), "x^y^z"),
        (node("^", node("^", x, y), z), "(x^y)^z"),
        (node("^", x, number("1/3")), "x^(1/3)"),
        (node("*", number("1/3"), x), "1/3*x"),
        (node("*", x, number("1/3")), "x*(1/3)"),
        (node("+", x, number(-3)), "x + -3"),
        (node("*", x, number(-3)), "x*(-3)"),
        (node("tanh", node("+", x, y)), "tanh(x + y)"),
        (node("max", x, i), "max(x, (i))"),
        (node("max", x, i, y), "max(x, i, y)"),
        (node("piecewise", x, node("and", node("<", x, y), TRUE), y), "piecewise(x, x < y and true, y)"),
        (node("not", node("or", FALSE, TRUE)), "not (false or true)"),
        (access("w", access("label", i), node("+", i, number(1))), "w[label[i], i + 1]"),
        (node("sum", x, range_(i, ZERO, length("m")), range_(j, i, length("d"))), "sum(x, i in 0:m, j in i:d)"),
        (node("maximum", x, range_(i, ZERO, length("m"))), "max(x, i in 0:m)"),
        (node("*", node("constant", value="e"), access("e"), access("pi")), "e*`e`*pi"),
        (range_(i, ZERO, length("m")), "i in 0:m"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_formula_with_the_fewest_parentheses(formula: Node, written: str) -> None:
    assert text(formula) == written


def test_the_hidden_axis_and_whole_axes_are_not_written_out() -> None:
    m, d = length("m"), length("d")
    rows, features = range_(i, ZERO, m), range_(j, ZERO, d)
    inner = node("sum", node("*", access("w", j), access("X", i, j)), features)
    cost = node("mean", inner, rows)
    assert text(cost) == "mean(sum(w[j]*X[i, j], j in 0:d), i in 0:m)"
    assert text(cost, axes={"i": m, "j": d}) == "mean(sum(w[j]*X[i, j], j), i)"
    assert text(cost, axes={"j": m}, hidden="i") == "mean(sum(w[j]*X[j], j in 0:d))"
    assert text(node("mean", x, rows, features), hidden="i", axes={"i": m, "j": d}) == "mean(x, i, j)"
    assert text(node("mean", x, range_(i, ZERO, d)), hidden="i", axes={"i": m}) == "mean(x, i in 0:d)"


@pytest.mark.parametrize(
    "given, written",
    [
        ("x_1", "x_1"),
        ("lambda", "lambda"),
        ("λ", "λ"),
        ("if", "`if`"),
        ("nan", "`nan`"),
        ("x y", "`x y`"),
        ("1x", "`1x`"),
        ("x;import os", "`x;import os`"),
        ("𝐱", "`𝐱`"),
        ("x`\n\\", r"`x\x60\x0a\x5c`"),
        ("\u202ex", r"`\u202ex`"),
        ("", "``"),
    ],
    ids=ascii,
)
def test_a_name_is_inert(given: str, written: str) -> None:
    assert name(given) == written
    assert text(access(given)) == written
    assert text(access(given, i)) == f"{written}[i]"
    assert text(index(given)) == text(length(given)) == written


def test_deep_long_and_shared_formulas() -> None:
    start = time.process_time()
    deep = x
    for _ in range(20_000):
        deep = node("sin", deep)
    assert text(deep) == "sin(" * 20_000 + "x" + ")" * 20_000
    names = [f"x{n}" for n in range(100_000)]
    assert text(node("+", *map(access, names))) == " + ".join(names)
    assert time.process_time() - start < 15
    shared = x
    for _ in range(20_000):
        shared = node("+", node("sin", shared), shared)
    with pytest.raises(LimitError, match=r"about 10\^6021 parts"):
        text(shared)
