"""Between which numbers a value lies: from what functions can give, from the equations that compute a name, from what is known of the data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from symgd.cost.facts import Fact
from symgd.nodes.node import TRUE, ZERO, Node, fraction, postorder
from symgd.program.equation import Equation, Program, Scan

__all__ = ["Interval", "Intervals", "exact_value"]

DEEPEST = 20  # equations behind each other that are looked through
LARGEST = 400  # nodes of an equation that is looked through


@dataclass(frozen=True, slots=True)
class Interval:
    """low <= value <= high, None for no bound; an `open` end is not reached. `nonzero`: the value is never 0. `facts`: what this rests on.

    >>> Interval(Fraction(0), None, low_open=True).positive
    True
    """

    low: Fraction | None = None
    high: Fraction | None = None
    low_open: bool = False
    high_open: bool = False
    apart: bool = False  # known to be other than 0, wherever the ends are
    facts: frozenset[Fact] = frozenset()

    @property
    def positive(self) -> bool:
        return self.low is not None and (self.low > 0 or (self.low == 0 and (self.low_open or self.apart)))

    @property
    def negative(self) -> bool:
        return (-self).positive

    @property
    def nonzero(self) -> bool:
        return self.apart or self.positive or self.negative

    @property
    def from_zero(self) -> bool:
        """At least 0."""
        return self.low is not None and self.low >= 0

    def __neg__(self) -> Interval:
        return Interval(
            None if self.high is None else -self.high, None if self.low is None else -self.low, self.high_open, self.low_open, self.apart, self.facts
        )

    def __add__(self, other: Interval) -> Interval:
        low = None if self.low is None or other.low is None else self.low + other.low
        high = None if self.high is None or other.high is None else self.high + other.high
        return Interval(low, high, self.low_open or other.low_open, self.high_open or other.high_open, facts=self.facts | other.facts)

    def __mul__(self, other: Interval) -> Interval:
        apart, facts = self.nonzero and other.nonzero, self.facts | other.facts
        one, two = self, other
        sign = 1
        if one.high is not None and one.high <= 0:
            one, sign = -one, -sign
        if two.high is not None and two.high <= 0:
            two, sign = -two, -sign
        if not (one.from_zero and two.from_zero):
            ends = (self.low, self.high, other.low, other.high)
            if None in ends:
                return Interval(apart=apart, facts=facts)
            products = [a * b for a in (self.low, self.high) for b in (other.low, other.high) if a is not None and b is not None]
            return Interval(min(products), max(products), apart=apart, facts=facts)
        assert one.low is not None and two.low is not None
        high = None if one.high is None or two.high is None else one.high * two.high
        zero_low = one.low * two.low == 0
        low_open = (one.positive and two.positive) if zero_low else one.low_open or two.low_open
        found = Interval(one.low * two.low, high, low_open, one.high_open or two.high_open, apart, facts)
        return found if sign > 0 else -found

    def inverse(self) -> Interval:
        """Of 1/value; only the sign is kept, and the value of a number."""
        if self.low is not None and self.low == self.high != 0:
            return Interval(1 / self.low, 1 / self.low, facts=self.facts)
        if self.positive:
            return Interval(Fraction(0), None, low_open=True, facts=self.facts)
        if self.negative:
            return Interval(None, Fraction(0), high_open=True, facts=self.facts)
        return Interval(apart=True, facts=self.facts)  # infinite, or no number, but not 0

    def union(self, other: Interval) -> Interval:
        low = None if self.low is None or other.low is None else min(self.low, other.low)
        high = None if self.high is None or other.high is None else max(self.high, other.high)
        low_open = all(each.low_open for each in (self, other) if each.low == low)
        high_open = all(each.high_open for each in (self, other) if each.high == high)
        return Interval(low, high, low_open, high_open, self.nonzero and other.nonzero, self.facts | other.facts)

    def within(self, op: str, edge: Fraction, fact: Fact) -> Interval:
        """The part in which value `op` edge holds, if that says more."""
        facts = self.facts | {fact}
        if op == "!=":
            return replace(self, apart=True, facts=facts) if edge == 0 and not self.nonzero else self
        if op in (">", ">="):
            if self.low is None or edge > self.low or (edge == self.low and op == ">" and not self.low_open):
                return replace(self, low=edge, low_open=op == ">", facts=facts)
            return self
        return -(-self).within({"<": ">", "<=": ">="}[op], -edge, fact)


def _from(low: int, *, open_: bool = False) -> Interval:
    return Interval(Fraction(low), None, low_open=open_)


def _between(low: int, high: int, *, open_: bool = False) -> Interval:
    return Interval(Fraction(low), Fraction(high), open_, open_)


RANGES: Mapping[str, Interval] = {
    "exp": _from(0, open_=True), "exp2": _from(0, open_=True), "expm1": _from(-1, open_=True), "sqrt": _from(0), "cosh": _from(1),
    "sech": Interval(Fraction(0), Fraction(1), low_open=True), "tanh": _between(-1, 1, open_=True), "erf": _between(-1, 1, open_=True),
    "erfc": _between(0, 2, open_=True), "sigmoid": _between(0, 1, open_=True), "softplus": _from(0, open_=True), "logcosh": _from(0),
    "log1mexp": Interval(None, Fraction(0), high_open=True), "sin": _between(-1, 1),
    "cos": _between(-1, 1), "unit": _between(-1, 1),
    "sign": _between(-1, 1), "hypot": _from(0), "atan": _between(-2, 2, open_=True), "trigamma": Interval(),
}  # fmt: skip
"""Function -> where its values lie, whatever its arguments are."""


class Intervals:
    """The interval of every formula of a program; of a name through the equations that compute it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.known: dict[Node, Interval] = {}
        self.of_names: dict[str, Interval] = {}
        self.depth = 0

    @cached_property
    def facts(self) -> Mapping[str, list[Fact]]:
        found: dict[str, list[Fact]] = defaultdict(list)
        for fact in self.program.facts:
            found[fact.name].append(fact)
        return found

    @cached_property
    def writers(self) -> Mapping[str, list[Equation]]:
        """The equations of every name that is computed by no scan."""
        found: dict[str, list[Equation]] = defaultdict(list)
        scanned = {equation.target for item in self.program.equations if isinstance(item, Scan) for equation in item.equations}
        for equation in self.program.flat():
            if equation.target not in scanned:
                found[equation.target].append(equation)
        return found

    def of(self, root: Node) -> Interval:
        """Where the value of a formula lies.

        >>> from symgd.reading.text import expression
        >>> Intervals(Program((), {}, "C", ())).of(expression("exp(x) + y^2")).positive
        True
        """
        for part in postorder(root):
            if part not in self.known:
                self.known[part] = self._one(part)
        return self.known[root]

    def _one(self, part: Node) -> Interval:
        op = part.op
        if op == "number":
            return Interval(fraction(part), fraction(part))
        if op == "constant":
            return _between(3, 4, open_=True) if part.value == "pi" else _between(2, 3, open_=True)
        if op == "length":
            return _from(1)
        if op == "index":
            return _from(0)
        if op == "access":
            return self._access(part)
        args = [self.known.get(argument, Interval()) for argument in part.args]
        if op in _COMBINED:
            return _COMBINED[op](args)
        if op == "^":
            return self._power(args[0], part.args[1])
        if op == "piecewise" and len(args) % 2:
            return _joined([*args[:-1:2], args[-1]])
        found = RANGES.get(op, Interval())
        if op in _FACTS_PASS and args[0].positive:
            found = replace(found, low=Fraction(0), low_open=True, facts=args[0].facts)
        return found

    def _access(self, part: Node) -> Interval:
        found = self._name(part.value) if part.value in self.program.extents else Interval()
        for fact in self.facts.get(part.value, ()):
            if fact.kind == "total" or fact.kind == "symmetric" or fact.matched(part) is None:
                continue
            for op, edge in (*fact.limits, *_limits(fact)):
                found = found.within(op, edge, fact)
        return found

    def _power(self, base: Interval, exponent: Node) -> Interval:
        if exponent.op == "number" and fraction(exponent).denominator == 1 and fraction(exponent) > 0:
            power = int(fraction(exponent))
            found = base
            if power % 2 == 0:
                size = base if base.from_zero else -base if (-base).from_zero else None
                facts = base.facts if base.nonzero else frozenset()
                found = size * size if size else Interval(Fraction(0), None, base.nonzero, apart=base.nonzero, facts=facts)
                power = power // 2 - 1
                step = found
            else:
                step, power = base * base, power // 2
            for _ in range(min(power, 8)):
                found = found * step
            low = Fraction(0) if found.from_zero else None
            return found if power <= 8 else Interval(low, None, found.positive, apart=found.nonzero, facts=found.facts)
        return Interval(Fraction(0), None, low_open=True, facts=base.facts) if base.positive else Interval()

    def _name(self, name: str) -> Interval:
        """Of every element of a computed name."""
        if name not in self.of_names:
            self.of_names[name] = Interval()  # while it is looked at
            if self.depth < DEEPEST:
                self.depth += 1
                self.of_names[name] = self._written(self.writers.get(name, []))
                self.depth -= 1
        return self.of_names[name]

    def _written(self, equations: list[Equation]) -> Interval:
        if len(equations) != 1 or equations[0].guard is not TRUE or len(postorder(equations[0].body)) > LARGEST:
            return Interval()
        equation = equations[0]
        body = self.of(equation.body)
        if equation.op == "=" or (equation.op in ("max=", "min=") and equation.reduced):
            return body
        if equation.op == "+=" and not equation.reduced:
            return body
        if equation.op in ("+=", "*=") and body.from_zero:
            some = all(axis.low is ZERO and axis.high.op in ("length", "number") for axis in equation.domain)  # and not an empty sum
            return Interval(Fraction(0), None, low_open=body.positive and (some or equation.op == "*="), facts=body.facts)
        return Interval()


_FACTS_PASS = ("sqrt", "tanh", "erf", "sinh", "atan", "asinh", "log1p", "expm1", "cbrt")
"""Functions that are positive where their argument is."""


def _limits(fact: Fact) -> list[tuple[str, Fraction]]:
    """What a fact of another kind says about the size of an element."""
    right = exact_value(fact.right)
    if fact.kind == "known" and right is not None:
        return [(">=", right), ("<=", right)]
    if fact.kind == "power" and fact.right is fact.element:
        return [(">=", Fraction(0 if fact.power % 2 == 0 else -1)), ("<=", Fraction(1))]
    if fact.kind == "power" and right is not None and right > 0:
        return [("!=", Fraction(0)), *([(">=", Fraction(-1)), ("<=", Fraction(1))] if right <= 1 else [])]
    return []


def exact_value(part: Node) -> Fraction | None:
    """The value of a number, its negative, or a quotient of two."""
    if part.op == "number":
        return fraction(part)
    below = [exact_value(argument) for argument in part.args] if part.op in ("neg", "/") else [None]
    if None in below:
        return None
    first, *rest = (value for value in below if value is not None)
    return -first if part.op == "neg" else first / rest[0] if rest[0] else None


def _sum(args: list[Interval]) -> Interval:
    found = args[0]
    for other in args[1:]:
        found = found + other
    return found


def _product(args: list[Interval]) -> Interval:
    found = args[0]
    for other in args[1:]:
        found = found * other
    return found


def _joined(args: list[Interval]) -> Interval:
    found = args[0]
    for other in args[1:]:
        found = found.union(other)
    return found


def _size(args: list[Interval]) -> Interval:
    (inner,) = args
    if inner.from_zero or (-inner).from_zero:
        return inner if inner.from_zero else -inner
    ends = None if inner.low is None or inner.high is None else max(-inner.low, inner.high)
    return Interval(Fraction(0), ends, low_open=inner.nonzero, facts=inner.facts if ends is not None or inner.nonzero else frozenset())


def _largest(args: list[Interval]) -> Interval:
    lows = [(arg.low, arg.low_open, arg) for arg in args if arg.low is not None]
    highs = [arg.high for arg in args]
    facts = frozenset[Fact]().union(*(arg.facts for arg in args))
    low, low_open, _ = max(lows, key=lambda found: (found[0], found[1])) if lows else (None, False, None)
    high = None if None in highs else max(end for end in highs if end is not None)
    return Interval(low, high, low_open, facts=facts)


_COMBINED: Mapping[str, Callable[[list[Interval]], Interval]] = {
    "+": _sum,
    "*": _product,
    "neg": lambda args: -args[0],
    "/": lambda args: args[0] * args[1].inverse(),
    "abs": _size,
    "max": _largest,
    "min": lambda args: -_largest([-arg for arg in args]),
}
