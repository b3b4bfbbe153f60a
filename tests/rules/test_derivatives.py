"""Every law is the slope that it abbreviates, at every point of its domain; kinks and zeros are as agreed."""

import dataclasses
import itertools

import mpmath
import pytest

from symgd.errors import NoRule
from symgd.nodes.fold import chained
from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.node import ONE, access, accesses, fraction, index, length, node, number
from symgd.nodes.text import text
from symgd.reading.text import expression
from symgd.rules.derivatives import RULES, coefficients, domain, partial, rule_for

CTX = mpmath.mp.clone()
CTX.dps = 60
CONSTANTS = {"n": CTX.mpf(3), "c": CTX.mpf("1.7")}
CANDIDATES = [CTX.mpf(letters) for letters in ("0.37", "1.93", "-0.58", "-2.41", "0.71", "3.2")]
COMPARED = {
    "<": lambda u, v: u < v,
    "<=": lambda u, v: u <= v,
    ">": lambda u, v: u > v,
    ">=": lambda u, v: u >= v,
    "==": lambda u, v: u == v,
    "!=": lambda u, v: u != v,
}


def value(formula, at):
    """The value of a scalar formula at name -> number; branches that are not taken are not evaluated."""
    op, args = formula.op, formula.args
    if op == "number":
        exact = fraction(formula)
        return CTX.mpf(exact.numerator) / exact.denominator
    if op == "constant":
        return +getattr(CTX, formula.value)
    if op in ("access", "index", "length"):
        return at[formula.value]
    if op == "piecewise":
        for result, condition in itertools.zip_longest(args[::2], args[1::2]):
            if condition is None or holds(condition, at):
                return value(result, at)
        return CTX.nan
    values = [value(argument, at) for argument in args]
    if op in FUNCTIONS:
        return FUNCTIONS[op].mpmath(CTX, *values)
    try:
        if op == "+":
            found = CTX.fsum(values)
        elif op == "*":
            found = CTX.fprod(values) if all(map(CTX.isfinite, values)) else values[0] * values[1]
        else:
            found = {"/": lambda u, v: u / v, "^": lambda u, v: u**v, "neg": lambda u: -u}[op](*values)
    except ZeroDivisionError:
        return CTX.inf if values[0] or op == "^" else CTX.nan
    return CTX.nan if isinstance(found, CTX.mpc) else found


def holds(condition, at):
    op, args = condition.op, condition.args
    if op in ("and", "or"):
        return {"and": all, "or": any}[op](holds(argument, at) for argument in args)
    if op == "not":
        return not holds(args[0], at)
    return COMPARED[op](*(value(argument, at) for argument in args))


def letters(rule):
    return list(coefficients(rule))


def generic_points(rule):
    """Points in the domain of a rule, no two coordinates equal."""
    where = domain(rule)
    found = []
    for point in itertools.permutations(CANDIDATES, len(letters(rule))):
        at = dict(zip(letters(rule), point, strict=True)) | CONSTANTS
        if (where is None or holds(where, at)) and CTX.isfinite(value(expression(rule.pattern), at)):
            found.append(at)
    return found


def slope(formula, letter, at):
    return CTX.diff(lambda moved: value(formula, {**at, letter: moved}), at[letter])


def close(found, wanted, relative=1e-25):
    return abs(found - wanted) <= relative * (1 + abs(wanted))


def disagreements(rule):
    """Where a law is not the slope of its pattern."""
    pattern = expression(rule.pattern)
    return [
        (letter, at)
        for at in generic_points(rule)
        for letter, factor in coefficients(rule).items()
        if not close(value(factor, at), slope(pattern, letter, at))
    ]


def test_every_function_has_a_rule_and_every_rule_a_function():
    assert {rule.key for rule in RULES.values() if expression(rule.pattern).op in FUNCTIONS} - {"relu"} == set(FUNCTIONS)
    assert all(rule_for(expression(RULES[name].pattern)) is RULES[name] for name in FUNCTIONS)
    assert all(rule.wording for rule in RULES.values())


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.key)
def test_every_law_is_the_slope_it_abbreviates(rule):
    assert len(generic_points(rule)) >= 2
    assert disagreements(rule) == []


@pytest.mark.parametrize("wrong", ["(1 + tanh(u)^2)*du", "(1 - tanh(u))*du", "tanh(u)^2*du", "du/(1 + u^2)"])
def test_a_wrong_law_is_noticed(wrong):
    assert disagreements(dataclasses.replace(RULES["tanh"], law=wrong))


@pytest.mark.parametrize("rule", [rule for rule in RULES.values() if rule.of_output], ids=lambda rule: rule.key)
def test_a_law_of_the_output_is_the_law(rule):
    for at in generic_points(rule):
        output = {**at, "a": value(expression(rule.pattern), at)}
        for letter, factor in coefficients(rule, by_output=True).items():
            assert close(value(factor, output), value(coefficients(rule)[letter], at))


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.key)
def test_every_law_is_linear_in_the_inner_derivatives(rule):
    inner = {"du": CTX.mpf("0.3"), "dv": CTX.mpf("-1.9"), "dw": CTX.mpf("2.2")}
    for by_output, law in ((False, rule.law), (True, rule.of_output)):
        for at in generic_points(rule)[:3] if law else ():
            at = at | inner | {"a": CTX.mpf("0.83")}
            factors = coefficients(rule, by_output)
            assert close(value(expression(law), at), sum(value(factor, at) * inner[f"d{letter}"] for letter, factor in factors.items()))


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.key)
def test_laws_know_only_their_letters(rule):
    known = {*letters(rule), *(f"d{letter}" for letter in letters(rule)), *(found.value for found in accesses(expression(rule.pattern)))}
    assert {found.value for found in accesses(expression(rule.law))} <= known
    if rule.of_output:
        assert {found.value for found in accesses(expression(rule.of_output))} <= known | {"a"}


PARTIALS = """
x + y + z              1   1
x - y                  1   1
-x                     0   -1
x*y*z                  1   x*z
x*x                    0   x
x/y                    0   1/y
x/y                    1   -x/y^2
(x + 1)/(y*z)          0   1/(y*z)
x^2                    0   2*x
x^1                    0   1
x^0                    0   0
x^3                    0   3*x^2
x^(1/2)                0   x^(-1/2)/2
x^0.5                  0   0.5*x^(-0.5)
x^(-1)                 0   -x^(-2)
e^x                    1   e^x
2^x                    1   log(2)*2^x
x^y                    0   piecewise(0, x == 0 and y == 0, y*x^(y - 1))
x^y                    1   piecewise(0, x == 0, x^y*log(x))
(w*x - y)^2            0   2*(w*x - y)
sin(2*x)               0   cos(2*x)
log(x/y)               0   y/x
exp(-x)                0   exp(-x)
fma(x, y, z)           2   1
max(x, 0)              0   piecewise(1, x > 0, 0)
max(0, x)              1   piecewise(1, x > 0, 0)
max(0, x)              0   0
max(x, y)              0   piecewise(1, x > y, 1/2, x == y, 0)
max(x, y)              1   piecewise(0, x > y, 1/2, x == y, 1)
min(x, 0)              0   piecewise(1, x < 0, 1/2, x == 0, 0)
piecewise(x, z > 0, y) 0   piecewise(1, z > 0, 0)
piecewise(x, z > 0, y) 1   0
piecewise(x, z > 0, y) 2   piecewise(0, z > 0, 1)
floor(x)               0   0
mod(x, y)              1   -floor(x/y)
heaviside(x, y)        0   0
polygamma(2, x)        1   polygamma(3, x)
digamma(x)             0   trigamma(x)
trigamma(x)            0   polygamma(2, x)
"""


@pytest.mark.parametrize("row", PARTIALS.strip().splitlines())
def test_partial_derivatives_as_they_are_written(row):
    formula, position, wanted = row[:23].strip(), row[23:27].strip(), row[27:].strip()
    assert text(partial(expression(formula), int(position))) == text(expression(wanted))


def at(**values):
    return {name: CTX.mpf(number) for name, number in values.items()}


def test_the_output_takes_the_place_of_the_function():
    assert text(partial(expression("sigmoid(z)"), 0, access("p"))) == "p*(1 - p)"
    assert text(partial(expression("x/y"), 1, access("q", index("i")))) == "-q[i]/y"
    assert text(partial(expression("sin(z)"), 0, access("s"))) == "cos(z)"
    assert text(partial(expression("max(0, z)"), 1, access("h"))) == "piecewise(1, h > 0, 0)"


def test_a_tie_of_several_is_shared_equally():
    formula = expression("max(x, y, z)")
    for point, wanted in (((1, 2, 0), (0, 1, 0)), ((2, 2, 0), (0.5, 0.5, 0)), ((3, 3, 3), (1 / 3, 1 / 3, 1 / 3))):
        values = at(x=point[0], y=point[1], z=point[2])
        for output in (None, access("a")):
            found = [value(partial(formula, place, output), values | at(a=max(point))) for place in range(3)]
            assert found == pytest.approx(wanted)


def test_powers_at_zero():
    for exponent, wanted in ((0, 0), (1, 1), (2, 0)):
        for formula in (node("^", access("x"), number(exponent)), expression("x^y"), node("^", access("x"), index("y"))):
            assert value(partial(formula, 0), at(x=0, y=exponent)) == wanted
    assert value(partial(expression("x^y"), 1), at(x=0, y=2)) == 0
    assert CTX.isnan(value(partial(expression("x^y"), 1), at(x=-1, y=2)))  # beside y = 2 the power is not real
    assert rule_for(node("^", access("x"), length("m"))).key == "power"
    assert rule_for(node("^", access("x"), index("j"))).key == "general-power"


@pytest.mark.parametrize("kink", ["abs(x)", "max(x, 0)", "max(0, x)", "sign(x)", "floor(x)", "ceiling(x)", "heaviside(x, 1/2)"])
def test_the_derivative_at_a_kink_is_zero(kink):
    place = 1 if kink == "max(0, x)" else 0
    assert value(partial(expression(kink), place), at(x=0)) == 0
    assert rule_for(expression(kink)).note


def test_a_branch_that_is_not_taken_makes_no_nan():
    root = expression("sqrt(max(x, 0))")
    slope_of_root = chained(partial(root, 0), partial(root.args[0], 0))
    assert value(slope_of_root, at(x=-1)) == value(slope_of_root, at(x=0)) == 0
    assert value(slope_of_root, at(x=4)) == 0.25
    guarded = expression("piecewise(log(x), x > 0, 0)")
    slope_of_log = chained(partial(guarded, 0), partial(guarded.args[0], 0))
    assert text(slope_of_log) == "piecewise(1/x, x > 0, 0)"
    assert value(slope_of_log, at(x=0)) == 0


def test_nested_choices_stay_linear_in_size():
    formula = access("x0")
    chain = ONE
    for depth in range(60):
        formula = node("max", formula, access(f"x{depth + 1}"))
    while formula.op == "max":
        chain = chained(chain, partial(formula, 0))
        formula = formula.args[0]
    values = {f"x{place}": CTX.mpf(1) for place in range(61)}
    assert value(chain, values) == CTX.mpf(2) ** -60
    assert value(chain, values | at(x30=2)) == 0


def test_no_rule():
    for op in ("sum", "softmax", "<"):
        with pytest.raises(NoRule, match=f"no derivative rule for {op}"):
            rule_for(node(op, access("x"), access("y")))
    with pytest.raises(NoRule, match="order of polygamma"):
        partial(expression("polygamma(n, x)"), 0)
