"""What follows for one formula from what is known of the elements that it reads: |x| is x where x > 0, y^2 is 1 where y is -1 or 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import isqrt

from symgd.cost.facts import Fact
from symgd.nodes.fold import all_of, choice, factors_of, joined, minus, one_folded, over, times, to_the
from symgd.nodes.node import COMPARISONS, FALSE, ONE, TRUE, Node, access, node, number, outside_subscripts, substituted
from symgd.program.intervals import Interval, Intervals, exact_value
from symgd.reading.text import expression

__all__ = ["ROWS", "Elements", "Row", "decided"]


@dataclass(frozen=True, slots=True)
class Row:
    """`form` is `then` where `needs` holds. u and v stand for any formulas."""

    form: str
    needs: str
    then: str


ROWS = (
    Row("abs(u)", "u >= 0", "u"),
    Row("abs(u)", "u <= 0", "-u"),
    Row("sign(u)", "u > 0", "1"),
    Row("sign(u)", "u < 0", "-1"),
    Row("sqrt(u^2)", "u >= 0", "u"),
    Row("sqrt(u^2)", "u <= 0", "-u"),
    Row("log(u^2)", "u > 0", "2*log(u)"),
    Row("log(u^2)", "u < 0", "2*log(-u)"),
    Row("heaviside(u, v)", "u > 0", "1"),
    Row("heaviside(u, v)", "u < 0", "0"),
    Row("max(u, v)", "u >= v", "u"),
    Row("max(u, v)", "u <= v", "v"),
    Row("min(u, v)", "u <= v", "u"),
    Row("min(u, v)", "u >= v", "v"),
)
_LETTERS = frozenset(map(access, "uv"))


@cache
def _rows() -> Mapping[str, list[tuple[Node, Node, Node]]]:
    """The rows as nodes, by the op of their form."""
    found: dict[str, list[tuple[Node, Node, Node]]] = {}
    for row in ROWS:
        form, needs, then = (expression(part, names="u v") for part in (row.form, row.needs, row.then))
        found.setdefault(form.op, []).append((form, needs, then))
    return found


def decided(condition: Node, intervals: Intervals) -> tuple[bool, frozenset[Fact]] | None:
    """Whether a comparison holds, and the facts from which that follows; None where it is open.

    >>> from symgd.program.equation import Program
    >>> decided(expression("exp(x) > -1"), Intervals(Program((), {}, "C", ())))
    (True, frozenset())
    """
    left, right = condition.args
    gap = intervals.of(left) + -intervals.of(right)
    for op, holds, fails in _DECIDED:
        if condition.op == op:
            return (True, gap.facts) if holds(gap) else (False, gap.facts) if fails(gap) else None
    return None


_DECIDED: tuple[tuple[str, Callable[[Interval], bool], Callable[[Interval], bool]], ...] = (
    (">", lambda gap: gap.positive, lambda gap: (-gap).from_zero),
    (">=", lambda gap: gap.from_zero, lambda gap: gap.negative),
    ("<", lambda gap: gap.negative, lambda gap: gap.from_zero),
    ("<=", lambda gap: (-gap).from_zero, lambda gap: gap.positive),
    ("==", lambda gap: gap.low == gap.high == 0, lambda gap: gap.nonzero),
    ("!=", lambda gap: gap.nonzero, lambda gap: gap.low == gap.high == 0),
)  # fmt: skip


class Elements:
    """Rewrites formulas by facts about single elements, and says which facts it used."""

    def __init__(self, intervals: Intervals) -> None:
        self.intervals = intervals
        self.by_name = intervals.facts

    def rewritten(self, root: Node) -> tuple[Node, list[Fact]]:
        """The formula with everything replaced that a fact makes simpler, and the facts."""
        made: dict[Node, tuple[Node, frozenset[Fact]]] = {}
        for part in outside_subscripts(root):
            if not part.args or part.op == "access":
                made[part] = self.element(part)
                continue
            args = tuple(made[argument][0] for argument in part.args)
            used = frozenset[Fact]().union(*(made[argument][1] for argument in part.args))
            same = part if args == part.args else _folded(part.op, args, part.value)
            new, more = self.one(same)
            made[part] = new, used | more
        found, facts = made[root]
        return found, sorted(facts, key=self.intervals.program.facts.index)

    def element(self, part: Node) -> tuple[Node, frozenset[Fact]]:
        """An element whose value is known."""
        for fact in self.by_name.get(part.value, ()) if part.op == "access" else ():
            bound = fact.matched(part) if fact.kind == "known" else None
            if bound is not None:
                return substituted(fact.right, bound), frozenset({fact})
        return part, frozenset()

    def one(self, part: Node) -> tuple[Node, frozenset[Fact]]:
        """One operation whose arguments are rewritten already."""
        if part.op in COMPARISONS:
            answer = decided(part, self.intervals)
            return (TRUE if answer[0] else FALSE, answer[1]) if answer is not None and answer[1] else (part, frozenset())
        if part.op in ("*", "/", "^"):
            return self.powers(part)
        for form, needs, then in _rows().get(part.op, ()):
            letters = _matched(form, part)
            if letters is None:
                continue
            answer = decided(substituted(needs, letters), self.intervals)
            if answer is not None and answer[0] and answer[1]:
                return _filled(then, letters), answer[1]
        if part.op == "abs":
            return self.size(part)
        return part, frozenset()

    def size(self, part: Node) -> tuple[Node, frozenset[Fact]]:
        """|y| where y^2 is a square number."""
        found = self.power_fact(part.args[0])
        if found is not None and found.right is not found.element and found.power == 2:
            value = exact_value(found.right)
            root = None if value is None else _root(value)
            if root is not None:
                return _written(root), frozenset({found})
        return part, frozenset()

    def power_fact(self, part: Node) -> Fact | None:
        if part.op != "access":
            return None
        return next((fact for fact in self.by_name.get(part.value, ()) if fact.kind == "power" and fact.matched(part) is not None), None)

    def powers(self, part: Node) -> tuple[Node, frozenset[Fact]]:
        """The powers of elements in a product or quotient brought below the power that is known."""
        above, below = factors_of(part)
        exponents: dict[Node, int] = {}
        rest: tuple[list[Node], list[Node]] = ([], [])
        for side, members in ((0, above), (1, below)):
            for factor in members:
                base, exponent = _whole_power(factor)
                for inner in _members(base, exponent, self):
                    if self.power_fact(inner) is not None:
                        exponents[inner] = exponents.get(inner, 0) + (exponent if side == 0 else -exponent)
                    else:
                        rest[side].append(to_the(inner, number(exponent)) if exponent != 1 else inner)
        used: set[Fact] = set()
        for element, exponent in exponents.items():
            fact = self.power_fact(element)
            assert fact is not None
            scale, reduced = _reduced(fact, exponent)
            if reduced != exponent:
                used.add(fact)
            if scale is not ONE:
                rest[0].append(scale)
            if reduced:
                rest[0 if reduced > 0 else 1].append(to_the(element, number(abs(reduced))))
        return (over(times(*rest[0]), times(*rest[1])), frozenset(used)) if used else (part, frozenset())


def _members(base: Node, exponent: int, elements: Elements) -> list[Node]:
    """The factors of a product that stands in a power, if one of them has a power that is known: (y*z)^2 is y^2*z^2."""
    inner = base.args[0] if base.op == "neg" else base
    parts = list(inner.args) if inner.op == "*" else [inner]
    if exponent == 1 or all(elements.power_fact(part) is None for part in parts):
        return [base]
    return parts if base is inner or exponent % 2 == 0 else [node("neg", ONE), *parts]


def _reduced(fact: Fact, exponent: int) -> tuple[Node, int]:
    """(scale, lower exponent): element^exponent is scale*element^lower."""
    power = fact.power
    if fact.right is fact.element:
        while exponent >= power:
            exponent -= power - 1
        return ONE, exponent
    times_taken = exponent // power
    return to_the(fact.right, number(times_taken)) if times_taken >= 0 else over(ONE, to_the(fact.right, number(-times_taken))), exponent % power


def _whole_power(part: Node) -> tuple[Node, int]:
    """base^n for a whole n from 1, else the part itself to the power 1."""
    if part.op == "^" and part.args[1].op == "number" and part.args[1].value.isdigit() and 0 < int(part.args[1].value) <= 64:
        return part.args[0], int(part.args[1].value)
    return part, 1


def _matched(form: Node, part: Node) -> dict[Node, Node] | None:
    """What the letters of a form stand for."""
    found: dict[Node, Node] = {}
    stack = [(form, part)]
    while stack:
        wanted, given = stack.pop()
        if wanted in _LETTERS:
            if found.setdefault(wanted, given) is not given:
                return None
        elif wanted.op != given.op or wanted.value != given.value or len(wanted.args) != len(given.args):
            return None
        else:
            stack.extend(zip(wanted.args, given.args, strict=True))
    return found


def _filled(then: Node, letters: Mapping[Node, Node]) -> Node:
    if then.op == "neg":
        return minus(_filled(then.args[0], letters))
    if then.op == "*":
        return times(*(_filled(factor, letters) for factor in then.args))
    return substituted(then, letters)


def _folded(op: str, args: tuple[Node, ...], value: str) -> Node:
    """The operation on new arguments, conditions that are settled taken out."""
    if op == "and":
        return FALSE if FALSE in args else all_of(*args)
    if op == "or":
        open_ = tuple(argument for argument in args if argument is not FALSE)
        return TRUE if TRUE in args else FALSE if not open_ else open_[0] if len(open_) == 1 else node("or", *open_)
    if op == "not" and args[0] in (TRUE, FALSE):
        return FALSE if args[0] is TRUE else TRUE
    if op == "piecewise":
        return choice(*args)
    if op == "+":
        return joined(*args)
    same = node(op, *args, value=value)
    return one_folded(same) or same


def _root(value: Fraction) -> Fraction | None:
    """The square root, where it is a fraction."""
    top, bottom = isqrt(value.numerator), isqrt(value.denominator)
    return Fraction(top, bottom) if top * top == value.numerator and bottom * bottom == value.denominator else None


def _written(value: Fraction) -> Node:
    return number(value.numerator) if value.denominator == 1 else over(number(value.numerator), number(value.denominator))
