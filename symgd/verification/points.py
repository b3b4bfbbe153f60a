"""Points of the real domain of a cost, constructed: numbers in many shapes, moved along what a domain asks for until all of it holds."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import isfinite, prod
from typing import Any

from symgd.cost.checked import Checked
from symgd.cost.facts import Fact
from symgd.errors import InputError
from symgd.nodes.node import COMPARISONS, Node
from symgd.nodes.text import text
from symgd.program.equation import Program
from symgd.program.extents import input_extents
from symgd.program.gate import random_point
from symgd.program.meaning import Arithmetic, Interpreter
from symgd.program.points import keeping
from symgd.verification.tape import Doubles, Place, Point, Tape, slack

__all__ = ["DOUBLES", "Inputs", "NoPoint", "Sampler", "Setting", "nested", "settings", "square", "switch"]

Inputs = dict[tuple[str, Place], Any]
INSIDE = 1e-3  # a start that is as far inside is taken as it is
MARGINS = (0.1, 1e-2, 1e-4, 1e-7, 0.0)
ROUNDS = 60  # steps towards the domain from one start
MANY, FEWEST = 6000, 40  # steps of one sampler in all
WORK = 300_000  # operations of these steps
STUCK = 5  # times that nothing shows the way
WIDE = 6  # a longer axis gets smaller numbers: sums along it saturate what they go into
READABLE = (12, 30, 100, 1000, 10**4, 10**6, 10**9)  # denominators, the first that stays inside is taken
LARGEST = 1e60
DOUBLES = Doubles()


class NoPoint(InputError):
    """No point of the domain was found; the message names what could not be met."""


@dataclass(frozen=True)
class Setting:
    """Lengths of all axes, the integer data, and the shapes of all inputs."""

    lengths: Mapping[str, int]
    whole: Mapping[str, Any]
    shapes: Mapping[str, Place]

    @cached_property
    def places(self) -> list[tuple[str, Place]]:
        """Every element of every input."""
        return [(name, place) for name, shape in self.shapes.items() for place in product(*map(range, shape))]

    def elements(self, name: str) -> list[Place]:
        return list(product(*map(range, self.shapes.get(name, ()))))


def settings(program: Program, most: int = 6) -> list[Setting]:
    """Sets of unequal lengths, those with the smallest arrays of some; one if nothing has a length."""
    found: list[Setting] = []
    for seed in range(3 * most):
        inputs, lengths = random_point(program, seed)
        if program.integers or all(lengths != other.lengths for other in found):
            whole = {name: inputs[name] for name in program.integers if name in inputs}
            found.append(Setting(lengths, whole, {name: _shape(value) for name, value in inputs.items()}))
    return sorted(found, key=lambda setting: sum(map(prod, setting.shapes.values())))[:most]


def square(program: Program, side: int = 3) -> Setting | None:
    """The setting in which all named lengths are equal, for what is compared with its transpose."""
    extents, _ = input_extents(program)
    lengths = dict.fromkeys(program.lengths(), side)
    reader = Interpreter({}, lengths, Arithmetic(15))
    try:
        shapes = {name: tuple(reader.integer(part, {}) for part in extent) for name, extent in extents.items()}
    except KeyError:
        return None
    return None if program.integers or not lengths else Setting(lengths, {}, shapes)


class Sampler:
    """Points at which the cost and its derivative have values, for one setting.

    >>> import symgd as sg
    >>> cost = sg.parse("sqrt(log(w) - 5)")
    >>> setting, = settings(cost.gradient.program)
    >>> point = next(Sampler(cost._checked, setting).points())
    >>> point["w", ()] > 149
    True
    """

    def __init__(self, checked: Checked, setting: Setting, facts: Sequence[Fact] = ()) -> None:
        self.checked, self.setting = checked, setting
        self.facts = tuple(facts)
        self.tape = Tape(checked.definitions, setting.lengths, setting.whole, setting.shapes)
        self.root = self.tape.entry(checked.formula.expression, {})
        fixed = {name for name, value in checked.constants.items() if value is not None} | {*setting.whole}
        self.fixed: Inputs = {
            (name, place): self._given(name, place) for name, place in setting.places if name in fixed
        }
        self.kept = {fact.name for fact in self.facts}
        self.free = [key for key in setting.places if key[0] not in fixed and key[0] not in self.kept]
        self.failed: Node | None = None
        self.rounds = max(FEWEST, min(MANY, WORK // len(self.tape.needed(self.root))))

    def _given(self, name: str, place: Place) -> Any:
        if name in self.setting.whole:
            value = self.setting.whole[name]
            for n in place:
                value = value[n]
            return value
        return Fraction(str(self.checked.constants[name]))

    def points(self, also: Iterable[int] = (), tries: int = 60) -> Iterator[Inputs]:
        """Points in turn, each from another start. `also`: more entries that have to have values. Raises NoPoint if there is none at all."""
        found, roots = False, (self.root, *also)
        for seed in range(tries):
            point = self.fitted(self.start(seed), roots, seed=seed)
            if point is not None:
                found = True
                yield point
            elif not found and self.facts and seed == 2:
                break  # what is known leaves no room
        if not found:
            needed = "" if self.failed is None else f": {_told(self.failed, self.checked)} could not be met"
            raise NoPoint(f"No point was found at which the cost has a value{needed}.")

    def start(self, seed: int) -> Inputs:
        """Numbers of one shape or another: near one, of both signs, simplex, ordered, positive definite, of many magnitudes."""
        chance = random.Random(seed)
        shape = _SHAPES[seed % len(_SHAPES)]
        drawn: Inputs = dict(self.fixed)
        seen, again = set(self.fixed.values()), 0
        for name in self.setting.shapes:
            if (name, ()) not in self.fixed and name not in {key[0] for key in self.fixed}:
                places = self.setting.elements(name)
                sides = self.setting.shapes[name]
                scale = sides[-1] if sides and sides[-1] > WIDE else 1
                for place, value in shape(sides, places, chance).items():
                    value /= scale
                    while value in seen:  # no two equal, which could make a wrong formula right
                        again += 1
                        value *= 1 + Fraction(again, 101 if again < 20 else 9973)
                    drawn[name, place] = value
                    seen.add(value)
        return self._keeping(drawn, seed)

    def _keeping(self, drawn: Inputs, seed: int) -> Inputs:
        if not self.facts:
            return drawn
        inputs = {name: nested(drawn, name, shape) for name, shape in self.setting.shapes.items()}
        kept = keeping(self.facts, inputs, self.setting.lengths, frozenset(self.setting.whole), seed)
        return {(name, place): _at(kept[name], place) for name, place in drawn}

    def fitted(self, start: Inputs, roots: Sequence[int], wants: Sequence[tuple[int, int]] = (), seed: int = 0) -> Inputs | None:
        """The start moved until every operation has a value and every want, (switching entry, sign), is met; None if that does not come about."""
        point = Point(self.tape, start, DOUBLES)
        if not self._unmet(point, roots, wants, INSIDE):
            return start if self._sound(point, roots) else None
        for margin in MARGINS:
            moved = self._moved(start, roots, wants, margin, random.Random(seed))
            if moved is not None:
                return self._readable(moved, start, roots, wants)
        return None

    def _moved(
        self, start: Inputs, roots: Sequence[int], wants: Sequence[tuple[int, int]], margin: float, chance: random.Random
    ) -> Inputs | None:  # fmt: skip
        now, stuck = dict(start), 0
        for _ in range(ROUNDS):
            if not self.rounds:
                return None
            self.rounds -= 1
            point = Point(self.tape, now, DOUBLES)
            unmet = self._unmet(point, roots, wants, margin)
            if not unmet:
                return now if self._sound(point, roots) else None
            measured = [found for found in unmet if isfinite(found[0])]
            if not measured:
                return None
            distance, number, sign = measured[0] if chance.random() < 0.7 else min(measured)
            slope = point.gradient(_slopes(point, number, sign))
            moves = {self.tape.entries[entry].key: value for entry, value in slope.items() if self.tape.entries[entry].key in self._movable}
            size = sum(value * value for value in moves.values())
            if not isfinite(size) or size == 0:
                self.failed = self.tape.entries[number].part
                stuck += 1
                if stuck > STUCK or not any(self.tape.entries[inner].key in self._movable for inner in self.tape.needed(number)):
                    return None
                key = chance.choice(self.free)  # no way to go: another place
                now[key] = float(now[key]) + chance.uniform(-2, 2)
                continue
            for key, value in moves.items():
                here = float(now[key])
                far = 2 * (1 + abs(here))
                now[key] = here + min(max((1.5 * margin + 1e-12 - distance) / size * value, -far), far)
            self.failed = self.tape.entries[number].part
        return None

    @cached_property
    def _movable(self) -> frozenset[tuple[str, Place]]:
        return frozenset(self.free)

    def _unmet(self, point: Point, roots: Sequence[int], wants: Sequence[tuple[int, int]], margin: float) -> list[tuple[float, int, int]]:
        """(distance inside, entry, sign of a want or 0) of everything that is not inside by the margin, inner operations first."""
        unmet: list[tuple[float, int, int]] = []
        wanted = dict(wants)
        for number in self._live(point, (*roots, *wanted)):
            inside = point.slack(number)
            if inside is not None and not inside > margin * min(1.0, abs(self._scale(point, number))):
                unmet.append((inside, number, 0))
        for number, sign in wants:
            side = sign * switch(point, number)
            if not side > margin:
                unmet.append((side, number, sign))
        return unmet

    def outside(self, point: Point) -> bool:
        """Is some operation of the cost at the edge of its domain, or beyond it?"""
        return bool(self._unmet(point, (self.root,), (), 0.0))

    def at_kink(self, point: Point, near: float) -> bool:
        """Is the cost where the two sides of a switch meet, or where a norm is 0?"""
        norms = [number for number in self.tape.needed(self.root) if self.tape.entries[number].op in ("norm", "hypot")]
        switches = (number for numbers in self.switches([self.root]).values() for number in numbers)
        return any(abs(switch(point, number)) < near for number in switches) or any(abs(point.value(number)) < near for number in norms)

    def _scale(self, point: Point, number: int) -> float:
        """Of a condition such as u != 0, which any distance satisfies, a small margin is enough."""
        return 0.1 if self.tape.entries[number].op in ("/", "^") else 1.0

    def _live(self, point: Point, roots: Iterable[int]) -> list[int]:
        """The entries on the branches that are taken, in order."""
        seen: set[int] = set()
        stack = list(roots)
        for root in stack:
            point.value(root)
        while stack:
            number = stack.pop()
            if number in seen:
                continue
            seen.add(number)
            entry = self.tape.entries[number]
            if entry.op == "piecewise":
                taken = point.taken([point.values[argument] for argument in entry.args])
                stack += [entry.args[n] for n in range(len(entry.args)) if n == taken or (n % 2 and (taken is None or n < taken + 2))]
            else:
                stack += entry.args
                if entry.op == "softmax":
                    stack.append(entry.own)
        return sorted(seen)

    def _sound(self, point: Point, roots: Sequence[int]) -> bool:
        return all(abs(float(point.values[number])) < LARGEST for number in self._live(point, roots))

    def _readable(self, moved: Inputs, start: Inputs, roots: Sequence[int], wants: Sequence[tuple[int, int]]) -> Inputs | None:
        """The same with short fractions, if that is inside too."""
        if moved == start:
            return moved
        for most in READABLE:
            near = {key: Fraction(value).limit_denominator(most) if isinstance(value, float) else value for key, value in moved.items()}
            point = Point(self.tape, near, DOUBLES)
            free = [near[key] for key in self.free]
            if len(set(free)) == len(free) and not self._unmet(point, roots, wants, 0.0) and self._sound(point, roots):
                return near
        exact = {key: Fraction(value) if isinstance(value, float) else value for key, value in moved.items()}
        return exact if not self._unmet(Point(self.tape, exact, DOUBLES), roots, wants, 0.0) else None

    def switches(self, roots: Iterable[int]) -> dict[Node, list[int]]:
        """Part -> its entries, of everything that has two sides: absolute values, choices of a largest, conditions."""
        found: dict[Node, list[int]] = {}
        for number in sorted({inner for root in roots for inner in self.tape.needed(root)}):
            entry = self.tape.entries[number]
            if entry.op in ("abs", "sign", "heaviside") or (entry.op in ("max", "min") and len(entry.args) == 2) or entry.op in COMPARISONS:
                found.setdefault(entry.part, []).append(number)
        return found


def switch(point: Point, number: int) -> float:
    """How far an operation with two sides is on its first one: positive there, negative on the other."""
    entry = point.tape.entries[number]
    args = [point.value(argument) for argument in entry.args]
    if entry.op in COMPARISONS:
        return float(slack(entry.part, dict(zip(entry.part.args, args, strict=True)).__getitem__))
    return float(args[0] - args[1] if len(args) == 2 else args[0])


def _slopes(point: Point, number: int, sign: int) -> dict[int, float]:
    """Argument -> how the distance inside changes with it."""
    entry = point.tape.entries[number]
    found: dict[int, float] = {}
    for argument in dict.fromkeys(entry.args):
        here = point.values[argument]
        if isinstance(here, bool):
            continue
        step = 1e-6 * max(1e-3, abs(here))
        sides = []
        for value in (here + step, here - step):
            point.values[argument] = value
            sides.append(sign * switch(point, number) if sign else point.slack(number))
        point.values[argument] = here
        up, down = sides
        if up is not None and down is not None and isfinite(up) and isfinite(down):
            found[argument] = (up - down) / (2 * step)
    return found


def _told(part: Node, checked: Checked) -> str:
    return text(part, hidden=checked.formula.hidden)


def nested(inputs: Mapping[tuple[str, Place], Any], name: str, shape: Place, start: Place = ()) -> Any:
    """An array as nested lists, as the interpreter takes it."""
    if len(start) == len(shape):
        return inputs[name, start]
    return [nested(inputs, name, shape, (*start, n)) for n in range(shape[len(start)])]


def _shape(value: Any) -> Place:
    return (len(value), *_shape(value[0])) if isinstance(value, list) else ()


def _at(value: Any, place: Place) -> Any:
    for n in place:
        value = value[n]
    return value


Drawing = Callable[[Place, list[Place], random.Random], dict[Place, Fraction]]
"""Numbers of one shape: (sides of the array, its elements, chance) -> element -> number."""


def _fractions(low: int, high: int, signed: bool) -> Drawing:
    """Fractions between low/7 and high/7 or so, none of them whole, no two equal but by chance."""

    def drawn(shape: Place, places: list[Place], chance: random.Random) -> dict[Place, Fraction]:
        found: dict[Place, Fraction] = {}
        for place in places:
            below = chance.choice((7, 11, 13))
            above = chance.randint(low * below // 7 + 1, high * below // 7)
            value = Fraction(above + (above % below == 0), below)
            found[place] = -value if signed and chance.random() < 0.5 else value
        return found

    return drawn


def _negative(shape: Place, places: list[Place], chance: random.Random) -> dict[Place, Fraction]:
    return {place: -value for place, value in _fractions(1, 10, False)(shape, places, chance).items()}


def _magnitudes(shape: Place, places: list[Place], chance: random.Random) -> dict[Place, Fraction]:
    size = Fraction(10) ** chance.randint(-3, 6)
    return {place: value * size for place, value in _fractions(1, 10, False)(shape, places, chance).items()}


def _simplex(shape: Place, places: list[Place], chance: random.Random) -> dict[Place, Fraction]:
    """Positive numbers whose sum along the last axis is below 1."""
    drawn = _fractions(1, 10, False)(shape, places, chance)
    total: dict[Place, Fraction] = {}
    for place, value in drawn.items():
        total[place[:-1]] = total.get(place[:-1], Fraction(1)) + value
    return {place: value / total[place[:-1]] for place, value in drawn.items()}


def _ordered(shape: Place, places: list[Place], chance: random.Random) -> dict[Place, Fraction]:
    """Rising along the last axis."""
    drawn = _fractions(1, 10, False)(shape, places, chance)
    total: dict[Place, Fraction] = {}
    found: dict[Place, Fraction] = {}
    for place in places:
        found[place] = total[place[:-1]] = total.get(place[:-1], Fraction(-1)) + drawn[place]
    return found


def _definite(shape: Place, places: list[Place], chance: random.Random) -> dict[Place, Fraction]:
    """Symmetric positive definite where the last two sides are equal: L*L' + 1/2 on the diagonal; else near one."""
    drawn = _fractions(1, 7, True)(shape, places, chance)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        return _fractions(1, 7, False)(shape, places, chance)
    side = range(shape[-1])
    found: dict[Place, Fraction] = {}
    for *front, i, j in places:
        found[(*front, i, j)] = sum((drawn[(*front, i, k)] * drawn[(*front, j, k)] for k in side), Fraction(int(i == j), 2))
    return found


_SHAPES = (
    _fractions(1, 7, False), _fractions(1, 12, True), _simplex, _fractions(4, 20, True), _fractions(1, 30, False), _negative, _ordered, _definite,
    _fractions(1, 3, True), _magnitudes, _fractions(8, 60, True), _magnitudes,
)  # fmt: skip
