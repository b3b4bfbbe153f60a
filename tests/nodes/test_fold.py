"""Folding keeps the value, never expands, and writes numbers as the reader would."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symgd.nodes.fold import chained, choice, minus, over, plus, times, to_the
from symgd.nodes.node import FALSE, ONE, TRUE, ZERO, access, fraction, node, number, postorder
from symgd.nodes.text import text
from symgd.reading.text import expression

FOLDED = """
plus    0 | 0                          0
plus    x | 0                          x
plus    -1 | x | 1                     x
plus    x | -1 | 3                     x + 2
plus    1/3 | x | 1/6                  1/2 + x
plus    0.1 | x | 0.2                  0.3 + x
plus    0.1 | x | 1/3                  0.1 + x + 1/3
plus    x + (y + 1) | -(x - y)         x + y + 1 - (x - y)
times   0 | x/y                        0
times   1 | x                          x
times   x | 2 | y | -3                 -6*x*y
times   x + 1 | y | 2                  2*y*(x + 1)
times   -x | -y                        x*y
times   2/3 | x | 3                    2*x
times   0.01 | 2 | x                   0.02*x
times   1e-3 | x                       1e-3*x
times   0.1 | x/3                      0.1*x/3
times   1/m | x | sin(x)               x*sin(x)/m
times   x | x                          x*x
times   1e200 | 1e200 | x              1e200*1e200*x
times   0.5 | 2 | x                    x
over    0 | x                          0
over    x | 1                          x
over    2*x | 2                        x
over    -x | 4*y                       -x/(4*y)
over    x | -y                         -x/y
over    x/y | z                        x/(y*z)
over    x | y/z                        x*z/y
over    6*x | 4                        3*x/2
over    x | 0.02                       x/0.02
over    0.1*x | 0.2                    0.5*x
over    x | 0                          x/0
over    0 | 0                          0/0
minus   0                              0
minus   -x                             x
minus   3                              -3
minus   x - y                          -(x - y)
to_the  x | 1                          x
to_the  x | 0                          1
to_the  1 | x                          1
to_the  2 | 10                         1024
to_the  2 | -2                         1/4
to_the  0.1 | 2                        0.01
to_the  x | 1/2                        x^(1/2)
to_the  9 | 9^9                        9^9^9
to_the  0 | -1                         0^(-1)
"""


@pytest.mark.parametrize("row", FOLDED.strip().splitlines())
def test_a_folded_formula_as_it_is_written(row):
    name, given_, wanted = row[:8].strip(), row[8:39], row[39:].strip()
    fold = {"plus": plus, "times": times, "over": over, "minus": minus, "to_the": to_the}[name]
    assert text(fold(*(expression(part) for part in given_.split("|")))) == wanted


def exact(formula, at):
    """The rational value of a formula."""
    values = [exact(argument, at) for argument in formula.args]
    match formula.op:
        case "number":
            return fraction(formula)
        case "access":
            return at[formula.value]
        case "+":
            return sum(values)
        case "neg":
            return -values[0]
        case "/":
            return values[0] / values[1]
        case "^":
            return values[0] ** int(values[1])
    product = Fraction(1)
    for factor in values:
        product *= factor
    return product


numbers = st.one_of(st.integers(1, 40).map(number), st.integers(1, 4000).map(lambda n: number(f"{n / 1000:.3f}")))
letters = st.sampled_from([access("x"), access("y"), access("z")])
formulas = st.recursive(
    st.one_of(numbers, letters),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=4).map(lambda terms: node("+", *terms)),
        st.lists(inner, min_size=2, max_size=4).map(lambda factors: node("*", *factors)),
        st.tuples(inner, inner).map(lambda pair: node("/", *pair)),
        inner.map(lambda a: node("neg", a)),
    ),
    max_leaves=12,
)
POINT = {"x": Fraction(7, 3), "y": Fraction(-5, 11), "z": Fraction(13, 17)}


def defined(fold, *args):
    try:
        return fold(*args)
    except ZeroDivisionError:
        return None


@given(st.lists(formulas, min_size=1, max_size=4))
def test_folding_keeps_the_value(parts):
    values = [defined(exact, part, POINT) for part in parts]
    if None in values:
        return
    product = Fraction(1)
    for each in values:
        product *= each
    assert exact(plus(*parts), POINT) == sum(values)
    assert exact(times(*parts), POINT) == product
    assert exact(minus(parts[0]), POINT) == -values[0]
    assert exact(to_the(parts[0], number(2)), POINT) == values[0] ** 2
    if values[-1] != 0:
        assert exact(over(parts[0], parts[-1]), POINT) == values[0] / values[-1]


@given(st.lists(formulas, min_size=1, max_size=4))
def test_a_product_is_never_longer_than_its_factors(parts):
    together = len(postorder(*parts))
    assert len(postorder(times(*parts))) <= together + 2 * len(parts) + 2


def test_choices():
    x, y = access("x"), access("y")
    positive = expression("x > 0")
    assert choice(x, TRUE, y) is x
    assert choice(x, FALSE, y) is y
    assert choice(x, FALSE, y, positive) is node("piecewise", y, positive)
    assert choice(x, positive, x) is x
    assert choice(x, positive, y, TRUE, x) is node("piecewise", x, positive, y)
    assert choice(x, positive) is node("piecewise", x, positive)


CHAINED = """
piecewise(x, x > 0, y)       | z                                   | z*piecewise(x, x > 0, y)
piecewise(x, x > 0, 0)       | z                                   | piecewise(x*z, x > 0, 0)
-x                           | piecewise(0, y > 0, 2, y == 0, z)   | piecewise(0, y > 0, -2*x, y == 0, -x*z)
piecewise(x, x > 0, 0)       | 0                                   | 0
piecewise(x, x > 0, 0)       | piecewise(y, y > 0, 0)              | piecewise(x*y, x > 0 and y > 0, 0)
piecewise(0, x > 0, y)       | piecewise(z, x == 0, y, x < 0, 0)   | piecewise(y*piecewise(z, x == 0, y), not x > 0 and (x == 0 or x < 0), 0)
"""


@pytest.mark.parametrize("row", CHAINED.strip().splitlines())
def test_a_zero_branch_stays_zero(row):
    adjoint, factor, wanted = (part.strip() for part in row.split("|"))
    assert text(chained(expression(adjoint), expression(factor))) == wanted


def test_neutral_elements_are_the_shared_ones():
    x = access("x")
    assert times() is ONE and plus() is ZERO and times(ONE, x) is x and plus(ZERO, x) is x and over(x, ONE) is x
