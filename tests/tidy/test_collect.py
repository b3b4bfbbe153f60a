"""Formulas as a person would leave them: the same values, written shorter."""

import mpmath
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from symgd.nodes.node import ONE, ZERO, access, index, length, node, range_, tree_size
from symgd.nodes.text import text
from symgd.program.meaning import Arithmetic, Interpreter
from symgd.reading.text import expression
from symgd.tidy.collect import collected

from ..oracle.formulas import formulas, points

FORMS = """
x*x*x                                             | x^3
x*y*x*2*y                                         | 2*x^2*y^2
(x*y)^2*x                                         | x^3*y^2
x - x                                             | 0
2*x + 3*x - y                                     | 5*x - y
0.5*x + 0.25*x                                    | 0.75*x
x/3 + x/3                                         | 2*x/3
-y + w*x                                          | -y + w*x
exp(x)*y/exp(x)                                   | y
x*y/x^3                                           | y/x^2
x/x                                               | x/x
(1 + x)/(1 + x)^3                                 | 1/(1 + x)^2
(2*x + 4*y)*z                                     | 2*z*(x + 2*y)
1 - x^2 - 2*x*(x - y)                             | 1 + 2*x*y - 3*x^2
sqrt(x)*sqrt(x)                                   | sqrt(x)^2
piecewise(x, y > 0, 0) + piecewise(z, y > 0, 0)   | piecewise(x + z, y > 0, 0)
piecewise(x, y > 0, 0) + piecewise(0, y > 0, z)   | piecewise(x, y > 0, z)
2*piecewise(x, y > 0, 0)*x                        | piecewise(2*x^2, y > 0, 0)
piecewise(x, y > 0 or not y > 0, 0)               | x
piecewise(piecewise(x, z > 0, y), y > 0, 0)       | piecewise(x, y > 0 and z > 0, y, y > 0, 0)
"""

# with i in 0:m bound, j in 0:d bound, p and q free: p in 0:m, q in 0:d
SUMS = """
sum(2*x[i]*u/m, i in 0:m)                                          | 2*u*mean(x[i], i in 0:m)
sum(x[i]*x[i]/m - 3*x[i]*y[i]/m, i in 0:m)                         | mean(x[i]*(x[i] - 3*y[i]), i in 0:m)
mean(u, i in 0:m)                                                  | u
sum(u, i in 0:m)                                                   | u*m
sum(piecewise(x[i], i == p, 0), i in 0:m)                          | x[p]
mean(piecewise(x[i], i == p, 0), i in 0:m)                         | x[p]/m
sum(piecewise(x[i]*piecewise(1, i == p, 0), x[i] < u, u*piecewise(1, i == p, 0)), i in 0:m) | piecewise(x[p], x[p] < u, u)
sum(piecewise(y[i]*delta(i, p), x[i]<2, 3*delta(i + 1, p)), i)|piecewise(y[p], x[p] < 2, 0) + piecewise(piecewise(0, x[p - 1] < 2, 3), p - 1 >= 0, 0)
sum(piecewise(x[i], i == p + 1, 0), i in 0:m)                      | piecewise(x[p + 1], p + 1 < m, 0)
sum(piecewise(x[i], i + 1 == p, 0), i in 0:m)                      | piecewise(x[p - 1], p - 1 >= 0, 0)
sum(piecewise(x[i], i == p, 0), i in 1:m)                          | piecewise(x[p], p >= 1, 0)
sum(piecewise(X[i, j], i == p and j == q, 0), i in 0:m, j in 0:d)  | X[p, q]
sum(piecewise(X[i, j], i == p, 0), i in 0:m, j in 0:d)             | sum(X[p, j], j in 0:d)
sum(x[i]*(piecewise(y[i], i == p, 0) - u), i in 0:m)               | x[p]*y[p] - u*sum(x[i], i in 0:m)
sum(piecewise(x[i], label[i] == p, 0), i in 0:m)                   | sum(piecewise(x[i], label[i] == p, 0), i in 0:m)
sum(piecewise(x[i], q == 0, 0), i in 0:m)                          | piecewise(sum(x[i], i in 0:m), q == 0, 0)
sum(piecewise(x[i], i >= 0, 0), i in 0:m)                          | sum(x[i], i in 0:m)
sum(piecewise(x[i]*y[j], j == i, 0), i in 0:m, j in i + 1:m)       | sum(piecewise(x[i]*y[j], j == i, 0), i in 0:m, j in i + 1:m)
sum(piecewise(z[i], x[i] > 0, 0)*piecewise(y[i], i == p, 0), i in 0:m) | piecewise(z[p]*y[p], x[p] > 0, 0)
"""
m, d = length("m"), length("d")
ENDS = {index("p"): (ZERO, m), index("q"): (ZERO, d)}
SIZES = {"m": 4, "d": 3}
VALUES = {
    "x": [0.3, -1.2, 0.7, 2.0], "y": [1.1, 0.4, -0.6, 0.9], "z": [0.2, 0.5, 1.5, -0.3], "u": 1.7, "label": [2, 0, 2, 3],
    "X": [[0.1, 0.2, 0.3], [1.1, 1.2, 1.3], [2.1, 2.2, 2.3], [3.1, 3.2, 3.3]],
}  # fmt: skip


def rows(table):
    return [tuple(part.strip() for part in line.split("|")) for line in table.strip().splitlines()]


@pytest.mark.parametrize(("written", "wanted"), rows(FORMS))
def test_terms_and_factors(written, wanted):
    assert text(collected(expression(written))) == wanted


def read(written):
    """With p and q as letters: a sum over them is peeled off."""
    return expression(f"sum(0*W[p, q] + ({written}), p in 0:m, q in 0:d)", axes="i:m j:d").args[0].args[1]


@pytest.mark.parametrize(("written", "wanted"), rows(SUMS))
def test_sums_and_deltas(written, wanted):
    before = read(written)
    after = collected(before, ENDS)
    assert text(after) == wanted
    meaning = Interpreter(VALUES, SIZES, Arithmetic(30))
    for p in range(SIZES["m"]):
        for q in range(SIZES["d"]):
            point = {index("p"): p, index("q"): q}
            assert mpmath.almosteq(meaning.formula(before, point), meaning.formula(after, point), 1e-25, 1e-25)


def test_a_letter_is_not_captured():
    """sum over i of delta(i, p) times a sum in which another letter is called p."""
    inner = node("sum", node("*", access("x", index("i")), access("y", index("p"))), range_(index("p"), ZERO, m))
    outer = node("sum", node("piecewise", inner, node("==", index("i"), index("p")), ZERO), range_(index("i"), ZERO, m))
    meaning = Interpreter(VALUES, SIZES, Arithmetic(30))
    for p in range(4):
        point = {index("p"): p}
        assert mpmath.almosteq(meaning.formula(outer, point), meaning.formula(collected(outer, ENDS), point), 1e-25, 1e-25)


SHAPES = [
    lambda u, v: node("*", u, v, u),
    lambda u, v: node("+", node("*", u, v), node("neg", node("*", v, u)), u),
    lambda u, v: node("/", u, node("*", v, u)),
    lambda u, v: node("*", node("+", u, v), u),
    lambda u, v: node("+", node("piecewise", u, node(">", v, ONE), ZERO), node("piecewise", v, node(">", v, ONE), u)),
]


@given(formula=formulas, other=formulas, point=points, shape=st.sampled_from(SHAPES))
def test_collecting_keeps_values(formula, other, point, shape):
    combined = shape(formula, other)
    meaning = Interpreter(point, {}, Arithmetic(40))
    before = meaning.formula(combined, {})
    assume(mpmath.isfinite(before) and all(mpmath.isfinite(meaning.formula(part, {})) for part in (formula, other)))
    after = collected(combined)
    assert tree_size(after) <= 4 * tree_size(combined)
    assert abs(meaning.formula(after, {}) - before) <= 1e-25 * (1 + abs(before)), text(after)
