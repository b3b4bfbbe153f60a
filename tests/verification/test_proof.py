"""A proof is given for formulas that are the same function, and for no others."""

from __future__ import annotations

import random
from fractions import Fraction
from functools import lru_cache

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.node import COMPARISONS, ONE, REDUCTIONS, TWO, ZERO, Node, access, fraction, node, number, postorder, substituted
from symgd.nodes.text import text
from symgd.reading.text import expression
from symgd.verification.answers import asked, written_out
from symgd.verification.bench import Bench
from symgd.verification.judge import exact_formula
from symgd.verification.proof import Proof, proof

from .answers import Problem, Row, rows

bench = lru_cache(maxsize=None)(lambda problem: Bench(problem.read))


def of_row(row: Row) -> tuple[Proof | None, bool]:
    part = asked(row.problem.read, {row.parameter: row.answer})[0]
    own = bench(row.problem)
    exact, answer = exact_formula(own, part, written=True), written_out(part.formula, own.checked)
    return (None, False) if exact is None or answer is None else (proof(exact, answer), True)


@pytest.mark.parametrize("row", [row for row in rows() if row.verdict == "right"], ids=str)
def test_every_right_answer_is_proved(row):
    found, is_written = of_row(row)
    assert found is not None or not is_written


@pytest.mark.parametrize("problem", dict.fromkeys(row.problem for row in rows()), ids=lambda problem: problem.cost)
def test_no_wrong_answer_is_proved(problem: Problem):
    for row in rows():
        if row.problem == problem and row.verdict in ("wrong", "unexplained"):
            assert of_row(row)[0] is None, str(row)


def test_an_answer_under_a_condition_is_proved_with_exactly_that_condition():
    proved = {}
    for row in rows():
        if row.verdict == "conditional" and (found := of_row(row)[0]) is not None:
            proved[row.problem.cost] = (row.needs, *(text(need, hidden="i") for need in found.needs))
    assert proved == {"mean(log(x^2)*w)": ("x > 0", "x > 0")}


# exact | answer | what the answer needs; "-" for two different functions
PAIRS = """
2*w | 2*w^2/w | w != 0
2*w - 6 | (2*w^2 - 6*w)/w | w != 0
2/w | 2*w/w^2 |
2*w | 2*exp(log(w)) | w > 0
2*w | 2*sqrt(w)^2 | w >= 0
sqrt(w)^2 | w |
w | sqrt(w)^2 | w >= 0
w/abs(w) | sign(w) |
sign(w) | w/abs(w) |
w | w*sign(w)^2 |
abs(w) | sqrt(w^2) |
w | sqrt(w^2) | -
1 | sign(w)^2 | w != 0
log(w^2) | 2*log(abs(w)) |
log(w^2) | 2*log(w) | w > 0
2*log(w) | log(w^2) |
log(w*x) | log(w) + log(x) | w > 0, x > 0
log(w) + log(x) | log(w*x) |
log(exp(w)) | w |
exp(2*w) | exp(w)^2 |
2^(3*w) | 8^w |
log(8) | 3*log(2) |
e^w*exp(x) | exp(w + x) |
sqrt(12) | 2*sqrt(3) |
w^(3/2) | w*sqrt(w) |
w^(2/3) | cbrt(w)^2 |
cbrt(w)^2 | w^(2/3) | w >= 0
cbrt(w)^3 | w |
sqrt(w)*sqrt(x) | sqrt(w*x) |
sqrt(w*x) | sqrt(w)*sqrt(x) | w >= 0, x >= 0
1/(1 + w) | (1 - w)/(1 - w^2) | w != 1
1/(1 + exp(-w)) | (1 + tanh(w/2))/2 |
2/(exp(w) + exp(-w)) | 1/cosh(w) |
softplus(w) - softplus(-w) | w |
logcosh(w) | log(cosh(w)) |
sin(w)^2 | (1 - cos(2*w))/2 |
sin(3*w) | 3*sin(w) - 4*sin(w)^3 |
cos(w + pi/2) | -sin(w) |
sin(pi/3) | sqrt(3)/2 |
1 + tan(w)^2 | sec(w)^2 |
1 | tan(w)/tan(w) | cos(w) != 0, tan(w) != 0
tan(w) | sin(w)/cos(w) |
sin(2*w) | 2*tan(w)*cos(w)^2 | cos(w) != 0
coth(w) | cosh(w)/sinh(w) |
cosh(w) | sinh(w)*coth(w) | w != 0
max(w, 0) | (w + abs(w))/2 |
max(w, x) | -min(-w, -x) |
piecewise(1, w > 0, 0) | piecewise(0, w <= 0, 1) |
piecewise(1, w > 0, 0) | piecewise(1, w >= 0, 0) | -
piecewise(w, abs(w) < 1, sign(w)) | max(-1, min(w, 1)) |
piecewise(log(w), w > 0, 0) | piecewise(0, w <= 0, log(w)) |
piecewise(2, w == 1, 3) | 3 | -
asin(w) - asin(w) + 1 | 1 |
1 | asin(w) - asin(w) + 1 | w^2 - 1 <= 0
gamma(w)*digamma(w) | digamma(w)*gamma(w) |
w^x*w | w^(x + 1) | w != 0
w^w | exp(w*log(w)) | w > 0
sinc(w) | sin(w)/w | w != 0
(1 + w)^8 | (1 + 2*w + w^2)^4 |
sqrt(1 + 2*w + w^2) | abs(1 + w) |
1/(w + sqrt(1 + w^2)) | sqrt(1 + w^2) - w |
0.5*w | w/2 |
0.333*w | w/3 | -
exp(w) | exp(w) + 1e-9 | -
sum(x[j], j) | sum(x[k], k in 0:d) |
sum(2*x[j] + a, j) | 2*sum(x[j], j) + a*d |
sum(x[j]*y[k], j, k in 0:d) | sum(x[j], j)*sum(y[j], j) |
sum(sum(A[j, k]*x[k], k in 0:d)*x[j], j) | sum(x[k]*sum(A[k, j]*x[j], j), k in 0:d) |
sum(A[j, k]*x[j]*x[k], j, k in 0:d) | sum(A[k, j]*x[j]*x[k], j, k in 0:d) |
sum(A[j, k]*x[j], j, k in 0:d) | sum(A[k, j]*x[j], j, k in 0:d) | -
sum(x[j], j)^2 | sum(x[j]*x[k], j, k in 0:d) |
sum(x[j], j)^2 | sum(x[j]^2, j) | -
sum(sigmoid(w*x[j]), j) | d - sum(sigmoid(-w*x[j]), j) |
sum(tanh(sum(A[j, k]*x[k], k in 0:d)), j) | sum(tanh(sum(A[k, j]*x[j], j)), k in 0:d) |
sum(w*x[j], j) | sum(w*x[j]^2/x[j], j) | x[j] != 0
norm(x[j], j)^2 | sum(x[j]^2, j) |
norm(w*x[j], j) | abs(w)*norm(x[j], j) |
softmax(x[j], j) | exp(x[j])/sum(exp(x[k]), k in 0:d) |
exp(logsumexp(x[j], j)) | sum(exp(x[j]), j) |
sum(softmax(x[j], j)*a, j) | a |
mean(abs(x[j]), j)*abs(w) | mean(abs(w*x[j]), j) |
sum(x[j]/w, j in 0:d - 1) | sum(x[j], j in 0:d - 1)/w | w != 0
sum(piecewise(log(x[j]), x[j] > 0, 0), j) | sum(piecewise(log(x[k]), x[k] > 0, 0), k in 0:d) |
sum(piecewise(w^2/w, x[j] > 0, a), j) | sum(piecewise(w, x[j] > 0, a*w/w), j) | w != 0
sum(piecewise(w^2/w, x[j] > 0, a), j) + 1 | sum(piecewise(w^2/w, x[j] > 0, a), j) + w/w | w != 0
sum(piecewise(1, x[j] > 0, 0)*x[j], j) | sum(max(x[j], 0), j) | x[j] != 0
product(x[j], j) | product(x[k], k in 0:d) |
mean(x[j], j) | sum(x[j], j)/d |
"""
PAIR_ROWS = [tuple(part.strip() for part in line.split("|")) for line in PAIRS.strip().splitlines()]


@pytest.mark.parametrize(("exact", "answer", "needs"), PAIR_ROWS, ids=lambda part: part)
def test_pairs(exact, answer, needs):
    found = proof(*(expression(side, axes="j:d", lengths="d") for side in (exact, answer)))
    assert (found is None) if needs == "-" else (found is not None and ", ".join(map(text, found.needs)) == needs), found


def test_a_small_budget_is_kept():
    assert proof(expression("(1 + w)^8"), expression("(1 + 2*w + w^2)^4"), budget=20) is None


# numbers decide

CTX = mpmath.MPContext()
CTX.dps = 30
TINY = CTX.mpf(10) ** -22
ROWS = ["u - 1", "u^2", "u^3", "1/u", "-u", "u/2", "u^(1/2)", "u^(-1/2)", "u^(3/2)", "u^(2/3)", "max(u, 0)", "max(-1, min(u, 1))"] + [
    f"{name}(u)"
    for name in ("exp", "log", "sqrt", "abs", "sign", "sin", "cos", "tan", "tanh", "sinh", "cosh", "coth", "sigmoid", "softplus", "cbrt", "asin",
                 "atan", "log1p", "expm1", "logcosh", "sinc")
]  # fmt: skip
SAME = [  # what may stand for u, often only somewhere
    "2*u - u", "u^2/u", "exp(log(u))", "sqrt(u)^2", "sqrt(u^2)", "abs(u)*sign(u)", "log(exp(u))", "u + 0*log(u)", "cbrt(u)^3", "tan(atan(u))",
]


class NoValue(Exception):
    pass


def value(part: Node, at: dict[str, Fraction]):
    """The real value at a point; raises NoValue."""
    op = part.op
    assert op not in REDUCTIONS
    if op == "number":
        exact = fraction(part)
        return CTX.mpf(exact.numerator) / exact.denominator
    if op == "access":
        return CTX.mpf(at[part.value].numerator) / at[part.value].denominator
    if op == "piecewise":
        for chosen, condition in zip(part.args[::2], part.args[1::2], strict=False):
            if value(condition, at):
                return value(chosen, at)
        return value(part.args[-1], at)
    args = [value(argument, at) for argument in part.args]
    args = [near if abs(argument - (near := CTX.nint(argument))) < TINY else argument for argument in args]
    if op in COMPARISONS:
        gap = args[0] - args[1]
        gap = 0 if abs(gap) < TINY else gap
        return {"<": gap < 0, "<=": gap <= 0, ">": gap > 0, ">=": gap >= 0, "==": gap == 0, "!=": gap != 0}[op]
    if op in ("+", "*"):
        return (CTX.fsum if op == "+" else CTX.fprod)(args)
    if op == "neg":
        return -args[0]
    if (op == "/" and args[1] == 0) or (op == "^" and args[0] == 0 and args[1] < 0) or (op == "^" and args[0] < 0 and args[1] != int(args[1])):
        raise NoValue
    if op in ("exp", "expm1", "sinh", "cosh", "^") and abs(args[-1]) > 500:
        raise NoValue
    found = args[0] / args[1] if op == "/" else args[0] ** args[1] if op == "^" else FUNCTIONS[op].mpmath(CTX, *args)
    if not CTX.isfinite(found) or isinstance(found, CTX.mpc):
        raise NoValue
    return found


def or_none(part, at):
    try:
        return value(part, at)
    except (NoValue, OverflowError, ZeroDivisionError):
        return None


def filled(row: str, u: Node) -> Node:
    return substituted(expression(row), {access("u"): u})


def tree(choose: random.Random, depth: int) -> Node:
    if depth == 0 or choose.random() < 0.1:
        return choose.choice([access("w"), access("w"), access("x"), ONE, TWO])
    if choose.random() < 0.6:
        return filled(choose.choice(ROWS), tree(choose, depth - 1))
    left, right = tree(choose, depth - 1), tree(choose, choose.randrange(depth))
    op = choose.choice(["+", "+", "*", "*", "/", "-", "^", "piecewise"])
    if op == "piecewise":
        return node(op, left, node(choose.choice(COMPARISONS), access("w"), choose.choice([ZERO, ONE, access("x")])), right)
    return node("+", left, node("neg", right)) if op == "-" else node(op, left, right)


def changed(choose: random.Random, root: Node) -> Node:
    """A part of the formula written in another way, or wrong by a little."""
    part = choose.choice([part for part in postorder(root) if part.op not in COMPARISONS])
    if choose.random() < 0.3:
        new = choose.choice([node("+", part, number("0.001")), node("neg", part), node("abs", part), node("*", TWO, part)])
    else:
        new = filled(choose.choice(SAME), part)
    return substituted(root, {part: new})


POINTS = [
    {"w": Fraction(w), "x": Fraction(x)}
    for w in ("-2", "-1", "-1/2", "0", "1/3", "1/2", "1", "7/5", "2", "3") for x in ("-3/2", "0", "1", "13/7")
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9))
def test_what_is_proved_has_the_same_values(seed):
    choose = random.Random(seed)
    exact = tree(choose, choose.choice([1, 2, 3]))
    answer = exact
    for _ in range(choose.choice([1, 1, 2, 3])):
        answer = changed(choose, answer)
    for one, other in ((exact, answer), (answer, exact)):
        found = proof(one, other)
        if found is None:
            continue
        switches = [part.args[0] for part in postorder(one) if part.op in ("abs", "sign", "cbrt")]
        switches += [node("+", part.args[0], node("neg", part.args[1])) for part in postorder(one) if part.op in ("max", "min")]
        for at in POINTS:
            wanted = or_none(one, at)
            if wanted is None or any((gap := or_none(switch, at)) is not None and abs(gap) < TINY for switch in switches):
                continue
            if all(or_none(need, at) for need in found.needs):
                got = or_none(other, at)
                assert got is not None and abs(got - wanted) < 1e-12 * max(1, abs(wanted)), (text(one), text(other), found, at)
