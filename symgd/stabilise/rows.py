"""What is written naively and what is computed in its place: one row each, in our own notation, and how a row is found in a formula."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import isqrt

from symgd.nodes.fold import factors_of, filled, minus, over, plus, times
from symgd.nodes.node import ONE, TWO, Node, access, fraction, node, number
from symgd.reading.text import expression

__all__ = ["ROWS", "Row", "operations", "rewritten"]

MOST = 12  # terms of a sum, or factors, among which those of a row are looked for


@dataclass(frozen=True, slots=True)
class Row:
    """`form` is computed as `then`. u and v stand for any formulas; terms and factors may come in any order, with others between them.

    Where `then` alone has a w, that is u - v with equal terms cancelled, and the row fits where something cancels. `whole`: it is looked for before
    the parts of the formula are rewritten.
    """

    form: str
    then: str
    reason: str
    whole: bool = False


ROWS = (
    Row("exp(u) - 1", "expm1(u)", "the difference cancels where u is small"),
    Row("1 - exp(u)", "-expm1(u)", "the difference cancels where u is small"),
    Row("log(1 + u)", "log1p(u)", "the sum rounds to 1 where u is small"),
    Row("log(cosh(u))", "logcosh(u)", "cosh(u) overflows from |u| = 711 on"),
    Row("u*log(u)", "xlogy(u, u)", "at 0 it is 0, not 0 times minus infinity"),
    Row("sqrt(u^2 + v^2)", "hypot(u, v)", "the squares overflow or vanish where the root does not"),
    Row("sqrt(u^2 + v^2 + w^2)", "hypot(hypot(u, v), w)", "the squares overflow or vanish where the root does not"),
    Row("sqrt(u) - sqrt(v)", "w/(sqrt(u) + sqrt(v))", "the difference of roots cancels, that below them is known"),
    Row("sqrt(u^2)", "abs(u)", "the square overflows or vanishes where the root does not"),
    Row("sqrt(1 + u) - 1", "u/(1 + sqrt(1 + u))", "the difference cancels where u is small"),
    Row("1 - sqrt(1 + u)", "-u/(1 + sqrt(1 + u))", "the difference cancels where u is small"),
    Row("(1 - cos(u))/u^2", "sinc(u/2)^2/2", "the difference cancels where u is small", whole=True),
    Row("1 - cos(u)", "2*sin(u/2)^2", "the difference cancels where u is small"),
    Row("cos(u) - 1", "-2*sin(u/2)^2", "the difference cancels where u is small"),
    Row("piecewise(sin(u)/u, u != 0, 1)", "sinc(u)", "one function, with all its derivatives at 0"),
    Row("piecewise(1, u == 0, sin(u)/u)", "sinc(u)", "one function, with all its derivatives at 0"),
    Row("1 - sigmoid(u)", "sigmoid(-u)", "the difference cancels where u is large"),
    Row("(exp(u) - exp(-u))/(exp(u) + exp(-u))", "tanh(u)", "the exponentials overflow from |u| = 710 on", whole=True),
    Row("(1 - exp(-2*u))/(1 + exp(-2*u))", "tanh(u)", "the exponential overflows below u = -355", whole=True),
    Row("(exp(2*u) - 1)/(exp(2*u) + 1)", "tanh(u)", "the exponential overflows from u = 355 on", whole=True),
    Row("(1 + tanh(u))/2", "sigmoid(2*u)", "the sum cancels where u is negative and large"),
    Row("0.5*(1 + tanh(u))", "sigmoid(2*u)", "the sum cancels where u is negative and large"),
    Row("0.5*(1 - tanh(u))", "sigmoid(-2*u)", "the difference cancels where u is large"),
    Row("(1 - tanh(u))/2", "sigmoid(-2*u)", "the difference cancels where u is large"),
    Row("1 - tanh(u)^2", "sech(u)^2", "the difference cancels where |u| is large"),
)

Letters = dict[str, Node]


@cache
def operations(whole: bool) -> frozenset[str]:
    """The operations that a row may rewrite."""
    found = frozenset(op for op, rows_are_whole in _rows() if rows_are_whole == whole)
    return found | {"^"} if "sqrt" in found else found


def rewritten(part: Node, whole: bool = False) -> tuple[Node, Row, Mapping[str, Node]] | None:
    """The formula by the first row that fits its outermost operation, with the row and what its letters stand for.

    `whole`: by a row that is looked for before the parts are rewritten.

    >>> from symgd.nodes.text import text
    >>> print(text(rewritten(expression("x - 1 + exp(2*x)"))[0]))
    x + expm1(2*x)
    """
    part = _root(part)
    rows, known = _rows().get((part.op, whole), _NO_ROWS)
    if not rows or known.isdisjoint([argument.op for argument in part.args]):
        return None
    heads = _heads(part)
    for row, form, then, needs in rows:
        for letters, rest in _found(form, part) if all([not heads.isdisjoint(need) for need in needs]) else ():
            if "w" in row.then and "w" not in letters:
                gap = _difference(letters["u"], letters["v"])
                if gap is None:
                    continue
                letters = {**letters, "w": gap}
            new = filled(then, {access(letter): value for letter, value in letters.items()})
            return _beside(part, new, rest), row, letters
    return None


@cache
def _rows() -> Mapping[tuple[str, bool], _Known]:
    """The rows as nodes, by the operation that they are found in and whether whole; each with what its terms or factors need to be among others.

    Behind them: the operations of which an argument needs one, so that any of the rows may fit.
    """
    found: dict[tuple[str, bool], _Known] = {}
    for row in ROWS:
        form, then = (expression(part, names="u v w") for part in (row.form, row.then))
        needs = [_ALIKE.get(op, frozenset({op})) for op in _heads(form) - {"access"}]
        for op in ("*", "/") if form.op in ("*", "/") else (form.op,):
            rows, first = found.get((op, row.whole), _NO_ROWS)
            nested = frozenset({"*", "/", "neg"}) if op in ("*", "/") else frozenset[str]()
            found[op, row.whole] = [*rows, (row, form, then, needs)], first.union(nested, *needs)
    return found


_Known = tuple[list[tuple[Row, Node, Node, list[frozenset[str]]]], frozenset[str]]
_NO_ROWS: _Known = ([], frozenset())


def _heads(part: Node) -> frozenset[str]:
    """The operations of the arguments, in a product those of its factors."""
    if part.op in ("*", "/"):
        above, below = factors_of(part)
        return frozenset([factor.op for factor in above] + [factor.op for factor in below])
    return frozenset([argument.op for argument in part.args])


_ALIKE = {"exp": frozenset({"exp", "^", "/"}), "^": frozenset({"^", "*", "/"}), "sqrt": frozenset({"sqrt", "^"})}
"""Operations that may stand for another: e^u and 1/exp(u) for an exponential, u*u for a square."""


Rest = tuple[list[Node], list[Node]]


def _found(form: Node, part: Node) -> Iterator[tuple[Letters, Rest]]:
    """Ways in which a form is some of the terms or factors of a formula, with the others."""
    if form.op == "+":
        if len(part.args) <= MOST:
            for letters, rest in _among(form.args, list(part.args), {}):
                yield letters, (rest, [])
    elif form.op in ("*", "/"):
        (above, below), (tops, bottoms) = factors_of(form), factors_of(part)
        if len(tops) + len(bottoms) <= MOST:
            for letters, rest in _among(above, tops, {}):
                for more, under in _among(below, bottoms, letters):
                    yield more, (rest, under)
    else:
        for letters in _matches(form, part, {}):
            yield letters, ([], [])


def _beside(part: Node, new: Node, rest: Rest) -> Node:
    if part.op == "+":
        place = next((n for n, term in enumerate(part.args) if term not in rest[0]), 0)
        return plus(*rest[0][:place], new, *rest[0][place:])
    return over(times(new, *rest[0]), times(*rest[1])) if rest[0] or rest[1] else new


def _among(forms: Sequence[Node], parts: list[Node], letters: Letters) -> Iterator[tuple[Letters, list[Node]]]:
    """Ways to find each form in a part of its own, with the parts that are left; forms with an operation before letters, which fit anything."""
    if not forms:
        yield letters, parts
        return
    first, *others = sorted(forms, key=lambda form: form.op == "access")
    for n, part in enumerate(parts):
        for more in _matches(first, part, letters):
            yield from _among(others, parts[:n] + parts[n + 1 :], more)


def _root(part: Node) -> Node:
    """u^(1/2) as a root, u*u and 4*u^2 as squares."""
    if part.op == "^" and (part.args[1] is _HALF or (part.args[1].op == "number" and fraction(part.args[1]) == Fraction(1, 2))):
        return node("sqrt", part.args[0])
    if part.op in ("*", "/"):
        roots = [_roots(side) for side in factors_of(part)]
        if roots[0] is not None and roots[1] is not None:
            return node("^", over(times(*roots[0]), times(*roots[1])), TWO)
    return part


def _roots(factors: list[Node]) -> list[Node] | None:
    """Factors whose squares are these, one by one or in pairs."""
    found: list[Node] = []
    waiting = list(factors)
    while waiting:
        factor = waiting.pop(0)
        if factor.op == "number":
            value = fraction(factor)
            above, below = isqrt(value.numerator), isqrt(value.denominator)
            if value < 0 or value != Fraction(above, below) ** 2:
                return None
            found.append(over(number(above), number(below)))
        elif factor.op == "^" and factor.args[1] is TWO:
            found.append(factor.args[0])
        elif factor in waiting:
            waiting.remove(factor)
            found.append(factor)
        else:
            return None
    return found


def _difference(u: Node, v: Node) -> Node | None:
    """u - v without the terms that both have; None where they have none in common."""
    left, right = (list(side.args) if side.op == "+" else [side] for side in (u, v))
    alike = [term for term in right if term in left]
    for term in alike:
        if term in left:
            left.remove(term)
            right.remove(term)
    return plus(*left, *map(minus, right)) if alike else None


def _matches(form: Node, part: Node, letters: Letters) -> Iterator[Letters]:
    """Ways to fill the letters of a form so that it is this formula."""
    if form.op in ("^", "sqrt"):
        part = _root(part)
    if form.op == "access":
        known = letters.get(form.value)
        if known is None:
            yield {**letters, form.value: part}
        elif known is part:
            yield letters
    elif form.op == "number":
        if part.op == "number" and fraction(form) == fraction(part):
            yield letters
    elif form.op == "neg":
        inner = form.args[0]
        if part.op == "neg" or inner.value in letters or inner.op == "*":
            yield from _matches(inner, minus(part), letters)
    elif form.op == "exp" and part.op == "^" and part.args[0] is _E:
        yield from _matches(form.args[0], part.args[1], letters)
    elif form.op == "exp" and part.op == "/" and part.args[0] is ONE and part.args[1].op == "exp":
        yield from _matches(form.args[0], minus(part.args[1].args[0]), letters)
    elif form.op == "+" and part.op == "+":
        for more, rest in _among(form.args, list(part.args), letters) if len(form.args) == len(part.args) else ():
            if not rest:
                yield more
    elif form.op in ("*", "/"):
        (above, below), (tops, bottoms) = factors_of(form), factors_of(part)
        yield from _scaled(above, tops, below, bottoms, letters)
    elif form.op == part.op and len(form.args) == len(part.args):
        ways: list[Letters] = [letters]
        for inner, argument in zip(form.args, part.args, strict=True):
            ways = [more for way in ways for more in _matches(inner, argument, way)]
        yield from ways


def _scaled(above: list[Node], tops: list[Node], below: list[Node], bottoms: list[Node], letters: Letters) -> Iterator[Letters]:
    """A product or quotient whole. `2*u` is any formula twice: u is half of it."""
    if len(tops) + len(bottoms) > MOST:
        return
    numbers = [factor for factor in above if factor.op == "number"]
    others = [factor for factor in above if factor.op != "number"]
    if not below and len(numbers) == 1 and len(others) == 1 and others[0].op == "access":
        yield from _matches(others[0], over(over(times(*tops), times(*bottoms)), numbers[0]), letters)
        return
    for more, rest in _among(above, tops, letters):
        for found, under in _among(below, bottoms, more):
            if not rest and not under:
                yield found


_E, _HALF = node("constant", value="e"), node("/", ONE, TWO)
