"""Random values that keep what is known of the data, for the points at which programs are compared."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import product
from typing import Any

from symgd.cost.facts import Fact
from symgd.errors import InputError
from symgd.nodes.node import Node, fraction
from symgd.program.meaning import Arithmetic, Interpreter

__all__ = ["keeping"]

DIGITS = 60  # of a number that has to keep a fact: the programs are compared at 40
ROUNDS = 200  # tries for a point
Place = tuple[int, ...]
Shape = list[int]


def keeping(
    facts: tuple[Fact, ...], inputs: Mapping[str, Any], lengths: Mapping[str, int], integers: frozenset[str] = frozenset(), seed: int = 0
) -> dict[str, Any]:
    """The inputs, numbers and nested lists, with other values in the arrays that facts are about, so that all facts hold.

    Raises InputError where no such values are found.
    """
    kept, random_numbers = dict(inputs), random.Random(seed)
    for name in _order(facts):
        if name in kept:
            own = [fact for fact in facts if fact.name == name]
            kept[name] = _Keeping(name, _shape(kept[name]), own, kept, lengths, random_numbers, name in integers).values()
    return kept


def _shape(values: Any) -> Shape:
    return [len(values), *_shape(values[0])] if isinstance(values, list) else []


def _order(facts: tuple[Fact, ...]) -> list[str]:
    """The arrays with facts, what a right side reads before what it is about."""
    waiting = dict.fromkeys(fact.name for fact in facts)
    needs = {name: {other for fact in facts if fact.name == name for other in fact.names if other != name} for name in waiting}
    ordered: list[str] = []
    while waiting:
        name = next((name for name in waiting if needs[name].isdisjoint(waiting)), next(iter(waiting)))
        ordered.append(name)
        del waiting[name]
    return ordered


class _Keeping:
    """Random values of one array that keep all facts about it: drawn from what bounds and powers allow, then mirrored, then fitted to the totals."""

    def __init__(
        self,
        name: str,
        shape: Shape,
        facts: list[Fact],
        inputs: Mapping[str, Any],
        lengths: Mapping[str, int],
        random_numbers: random.Random,
        whole: bool,
    ) -> None:
        self.name, self.shape, self.facts, self.random, self.whole, self.lengths = name, shape, facts, random_numbers, whole, lengths
        self.wide, self.turn = Arithmetic(DIGITS), 0
        self.reader = Interpreter({other: value for other, value in inputs.items() if other != name}, lengths, self.wide)
        self.first = {place: _at(inputs[name], place) for place in product(*map(range, shape))}
        places = random_numbers.sample(list(self.first), len(self.first))  # in no pattern, which could be a symmetry
        self.order = {place: n for n, place in enumerate(places)}

    def values(self) -> Any:
        """Nested lists, as the interpreter takes them."""
        for self.turn in range(ROUNDS):
            drawn = {place: value if self.whole else self.wide.exact(value) for place in self.first for value in [self.drawn(place)]}
            for fact in self.of("symmetric"):
                self.mirror(drawn, fact)
            for fact in self.of("total"):
                self.fit(drawn, fact)
            if all(self.kept(drawn, fact) for fact in self.facts):
                return _nested(self.shape, drawn)
        raise InputError(f"No values of {self.name} were found that keep {' and '.join(map(str, self.facts))}.")

    def of(self, kind: str) -> list[Fact]:
        return [fact for fact in self.facts if fact.kind == kind]

    def about(self, kind: str, place: Place) -> list[Fact]:
        """The facts of a kind that speak of this element."""
        return [fact for fact in self.of(kind) if _bound(fact, place) is not None]

    def choices(self, place: Place) -> list[Any] | None:
        """The few values that an element may have; None for an interval."""
        known = self.about("known", place)
        if known:
            return [self.right(known[0], place)]
        found: list[Any] | None = None
        for fact in self.about("power", place):
            if fact.right is fact.element:
                mine = [0, 1] if fact.power % 2 == 0 else [-1, 0, 1]
            else:
                root = self.wide.ctx.root(self.right(fact, place), fact.power)
                mine = [-root, root] if root else [root]
            found = mine if found is None else [value for value in found if value in mine]
        return found

    def drawn(self, place: Place) -> Any:
        limits = [limit for fact in self.about("bounds", place) for limit in fact.limits]
        choices = self.choices(place)
        if choices is not None:
            choices = [value for value in choices if all(_holds(value, op, edge) for op, edge in limits)]
            return choices[(self.turn + self.order[place]) % len(choices)] if choices else 0  # all of them occur
        if not limits and not self.of("total") and not self.of("symmetric"):
            return self.first[place]
        low = max((edge for op, edge in limits if op in (">", ">=")), default=None)
        high = min((edge for op, edge in limits if op in ("<", "<=")), default=None)
        if self.whole:
            return self.random.randint(int(low or 0), int(high if high is not None else (low or 0) + 3))
        size = Fraction(round(self.random.uniform(0.2, 0.9), 6)).limit_denominator(10**6)
        if self.of("symmetric") and self.of("total") and low is None:
            low, high = Fraction(0), Fraction(1, 10 * len(self.first))
        if low is not None and high is not None:
            return low + size * (high - low)
        return size if (low is None or low < Fraction(1, 5)) and high is None else low + size if low is not None else (high or 0) - size

    def mirror(self, drawn: dict[Place, Any], fact: Fact) -> None:
        """The later of two exchanged elements is the earlier one, or its negative."""
        other = fact.right.args[0] if fact.sign < 0 else fact.right
        first, last = (n for n, (u, v) in enumerate(zip(fact.element.args, other.args, strict=True)) if u is not v)
        for place in drawn:
            turned = list(place)
            turned[first], turned[last] = place[last], place[first]
            if place > tuple(turned):
                drawn[place] = fact.sign * drawn[tuple(turned)]
            elif fact.sign < 0 and place == tuple(turned):
                drawn[place] = 0

    def fit(self, drawn: dict[Place, Any], fact: Fact) -> None:
        """Every line of elements brought to its total: by a choice among few values, on the diagonal of a symmetric array, or by one factor."""
        for line in self.lines(fact):
            wanted = self.wanted(fact, line)
            if all(self.choices(place) is not None for place in line):
                self.choose(drawn, line, wanted, fact.power)
                continue
            diagonal = [place for place in line if len(set(place)) < len(place)]
            if self.of("symmetric") and len(diagonal) == 1 and fact.power == 1:  # what stands beside the diagonal stays as mirrored
                drawn[diagonal[0]] = wanted - self.total(drawn, [place for place in line if place not in diagonal], 1)
                continue
            total = self.total(drawn, line, fact.power)
            if wanted == 0 and fact.power == 1:
                for place in line:
                    drawn[place] = drawn[place] - total / self.wide.ctx.mpf(len(line))
            elif total:
                factor = self.wide.ctx.root(wanted / total, fact.power) if wanted / total > 0 or fact.power == 1 else 0
                for place in line:
                    drawn[place] = drawn[place] * factor

    def choose(self, drawn: dict[Place, Any], line: list[Place], wanted: Any, power: int) -> None:
        """A random choice with the wanted total, if one of a few hundred has it: of 0 and 1 with total 1, a single 1."""
        allowed = [self.choices(place) or [0] for place in line]
        for _ in range(ROUNDS):
            values = [self.random.choice(values) for values in allowed]
            if sum(value**power for value in values) == wanted:
                drawn.update(zip(line, map(self.wide.exact, values), strict=True))
                return

    def lines(self, fact: Fact) -> Iterator[list[Place]]:
        """The groups of elements that a total adds up."""
        found: dict[Place, list[Place]] = {}
        for place in self.first:
            bound = _bound(fact, place)
            if bound is not None:
                found.setdefault(tuple(bound[letter] for letter in fact.kept), []).append(place)
        yield from found.values()

    def total(self, drawn: Mapping[Place, Any], line: list[Place], power: int) -> Any:
        return sum((drawn[place] ** power for place in line), self.wide.ctx.mpf(0))

    def wanted(self, fact: Fact, line: list[Place]) -> Any:
        return self.right(fact, line[0]) * (len(line) if fact.mean else 1)

    def kept(self, drawn: Mapping[Place, Any], fact: Fact) -> bool:
        """Does the fact hold, to all digits that count?"""
        if fact.kind == "total":
            return all(_near(self.total(drawn, line, fact.power), self.wanted(fact, line)) for line in self.lines(fact))
        if fact.kind == "symmetric":
            swapped = fact.right.args[0] if fact.sign < 0 else fact.right
            order = [fact.element.args.index(letter) for letter in swapped.args]
            return all(_near(value, fact.sign * drawn[tuple(place[n] for n in order)]) for place, value in drawn.items())
        for place, value in drawn.items():
            bound = _bound(fact, place)
            if bound is None:
                continue
            if fact.kind == "bounds" and not all(_holds(value, op, edge) for op, edge in fact.limits):
                return False
            if fact.kind in ("power", "known"):
                right = value if fact.right is fact.element else self.right(fact, place)
                if not _near(value**fact.power, right):
                    return False
        return True

    def right(self, fact: Fact, place: Place) -> Any:
        """What the right side of a fact says about the element at a place."""
        return self.reader.number(fact.right, _bound(fact, place) or {})


def _bound(fact: Fact, place: Place) -> dict[Node, int] | None:
    """The values of the fact's letters at an element; None where the fact does not speak of it."""
    found: dict[Node, int] = {}
    for wanted, given in zip(fact.element.args, place, strict=True):
        if (found.setdefault(wanted, given) if wanted.op == "index" else int(fraction(wanted))) != given:
            return None
    return found


def _holds(value: Any, op: str, edge: Fraction) -> bool:
    above, same = bool(value * edge.denominator > edge.numerator), bool(value * edge.denominator == edge.numerator)
    return {">": above, ">=": above or same, "<": not above and not same, "<=": not above, "!=": not same, "==": same}[op]


def _near(u: Any, v: Any) -> bool:
    return bool(abs(u - v) <= max(1, abs(u)) * 10.0 ** (10 - DIGITS))


def _at(value: Any, place: Place) -> Any:
    for n in place:
        value = value[n]
    return value


def _nested(shape: Shape, values: Mapping[Place, Any], start: Place = ()) -> Any:
    return values[start] if len(start) == len(shape) else [_nested(shape, values, (*start, n)) for n in range(shape[len(start)])]
