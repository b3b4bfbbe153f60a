"""A cost at constructed points: what an answer is compared with, computed once for all answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Any

from symgd.cost.facts import Fact
from symgd.errors import InputError
from symgd.nodes.node import Node
from symgd.program.equation import Program
from symgd.program.gate import checking
from symgd.program.meaning import Arithmetic, interpret
from symgd.verification.answers import Asked
from symgd.verification.points import DOUBLES, Inputs, NoPoint, Sampler, Setting, nested, settings, switch
from symgd.verification.tape import Place, Point, Slopes, Tape

__all__ = ["Bench", "Spot"]

DIGITS = 30
FEW = 300  # steps towards a point at which more is known, which may leave no room
LARGE = 1500  # operations of a cost at which fewer points have to do
BASE = (7, 4, 3)  # points for each set of lengths


@dataclass(eq=False)
class Spot:
    """One point of one setting: the values of its tape at several precisions."""

    bench: Bench
    sampler: Sampler
    inputs: Inputs
    points: dict[int, Point] = field(default_factory=dict)
    exact_values: dict[int, Any] = field(default_factory=dict)
    adjoints: dict[int, dict[int, Any]] = field(default_factory=dict)

    @property
    def setting(self) -> Setting:
        return self.sampler.setting

    @property
    def tape(self) -> Tape:
        return self.sampler.tape

    @cached_property
    def double(self) -> Point:
        """The values in float64."""
        return Point(self.tape, self.inputs, DOUBLES)

    def point(self, digits: int) -> Point:
        if digits not in self.points:
            self.points[digits] = Point(self.tape, self.inputs, Arithmetic(digits))
        return self.points[digits]

    @cached_property
    def plain(self) -> bool:
        """Has float64 enough digits for every adjoint here? At a saturated sigmoid they cancel, and wrong rules with them."""
        root = self.sampler.root
        found = []
        for point in (self.double, self.point(DIGITS)):
            point.value(root)
            found.append(point.adjoints({root: point.arithmetic.exact(1)}))
        rough, wide = found
        return all(abs(value - float(wide.get(entry, 0))) <= 1e-9 * max(1e-9, abs(value)) for entry, value in rough.items())

    def exact(self, name: str, digits: int = DIGITS) -> Mapping[Place, Any]:
        """The derivative by a parameter, from the equations that run, or by a definition."""
        if name in self.tape.parts:
            return self._adjoint(name, digits)
        program = self.bench.program
        if digits not in self.exact_values:
            inputs = {one: nested(self.inputs, one, shape) for one, shape in self.setting.shapes.items()}
            self.exact_values[digits] = interpret(program, inputs, self.setting.lengths, Arithmetic(digits))
        adjoint = program.adjoints.get(name)
        return self.exact_values[digits].get(adjoint, {}) if adjoint else {}

    def _adjoint(self, name: str, digits: int) -> Mapping[Place, Any]:
        """The derivative by a definition, backwards through the cost as it was typed: what runs may have put another one in its place."""
        if digits not in self.adjoints:
            point = self.point(digits)
            point.value(self.sampler.root)
            self.adjoints[digits] = point.adjoints({self.sampler.root: point.arithmetic.exact(1)})
        return {place: self.adjoints[digits].get(entry, 0) for place, entry in self.tape.defined(name).items()}

    def elements(self, name: str) -> list[Place]:
        """The elements of a parameter or a definition."""
        return self.setting.elements(name) if name in self.setting.shapes else list(self.tape.defined(name))

    def seeds(self, name: str) -> dict[int, Slopes]:
        """The entries of the elements of a parameter, each with slope 1 by itself."""
        return {self.tape.input(name, place): {place: 1.0} for place in self.setting.elements(name)} if name in self.setting.shapes else {}

    def answer(self, asked: Asked, line: Node, digits: int = 0) -> dict[Place, Any]:
        """Element -> value of a formula, in float64 or with so many digits."""
        point = self.point(digits) if digits else self.double
        found: dict[Place, Any] = {}
        for element in self.elements(asked.name):
            letters = asked.letters(element)
            if letters is not None:
                found[element] = point.of(line, letters)
        return found


class Bench:
    """Spots for one cost, made when they are asked for."""

    def __init__(self, cost: Any) -> None:
        self.cost, self.checked = cost, cost._checked
        with checking(False):
            self.program: Program = cost.gradient.program

    @cached_property
    def settings(self) -> list[Setting]:
        """Lengths, of which the first few are used at which there are points."""
        ranks = {**dict.fromkeys(self.checked.constants, 0), **self.checked.parameters, **self.checked.data}
        numbers: dict[str, Place] = {name: () for name, rank in ranks.items() if not rank}
        return [replace(setting, shapes={**numbers, **setting.shapes}) for setting in settings(self.program)]

    @property
    def samplers(self) -> list[Sampler]:
        return list(dict.fromkeys(spot.sampler for spot in self.spots))

    @cached_property
    def spots(self) -> list[Spot]:
        """Generic points for the settings that have some, and more on the other side of every switch. Raises NoPoint."""
        found: list[Spot] = []
        none: NoPoint | None = None
        counts = list(BASE) if len(self.settings) > 1 else [sum(BASE) - 5]
        for setting in self.settings:
            sampler = Sampler(self.checked, setting, self.program.facts)
            size = len(sampler.tape.needed(sampler.root))
            most = counts[0] if size < LARGE else 2
            if size > 3 * LARGE:
                del counts[1:]
            try:
                own = list(islice(sampler.points(tries=3 * most), most))
            except NoPoint as missing:  # integer data may leave groups empty
                none = missing
                continue
            if size < 3 * LARGE:
                own += self.across(sampler, own, [sampler.root])
            found += [Spot(self, sampler, inputs) for inputs in own]
            counts.pop(0)
            if not counts:
                break
        if not found and none is not None:
            raise none
        return found

    def across(self, sampler: Sampler, known: Sequence[Inputs], roots: Sequence[int], most: int = 12) -> list[Inputs]:
        """Points at which switches are on the sides that the known points have not seen."""
        found: list[Inputs] = []
        points = [Point(sampler.tape, inputs, DOUBLES) for inputs in known]
        for _, entries in list(sampler.switches(roots).items())[:most]:
            for sign in (1, -1):
                seen = [point for point in points if all(sign * switch(point, entry) > 0 for entry in entries)]
                for seed in range(2 - min(2, len(seen))):
                    wants = [(entry, sign) for entry in entries]
                    for attempt in range(3):
                        moved = sampler.fitted(sampler.start(100 + 7 * seed + attempt), [sampler.root], wants, seed)
                        if moved is not None:
                            found.append(moved)
                            points.append(Point(sampler.tape, moved, DOUBLES))
                            break
        return found

    def turned(self, name: str) -> bool:
        """Is the cost the same with this array transposed, so that its symmetric part alone counts?"""
        for spot in self.spots[:2]:
            swapped = {(one, place[::-1] if one == name else place): value for (one, place), value in spot.inputs.items()}
            before, after = (Point(spot.tape, inputs, DOUBLES).value(spot.sampler.root) for inputs in (spot.inputs, swapped))
            if not abs(before - after) <= 1e-9 * max(1.0, abs(before)):
                return False
        return True

    def keeping(self, facts: Iterable[Fact], most: int = 4) -> Iterator[Spot]:
        """Points at which more is known of the data."""
        for setting in self.settings[:2]:
            sampler = Sampler(self.checked, setting, (*self.program.facts, *facts))
            sampler.rounds = min(FEW, sampler.rounds)
            count = 0
            try:
                for inputs in sampler.points(tries=2 * most):
                    yield Spot(self, sampler, inputs)
                    count += 1
                    if count == most:
                        break
            except InputError:  # no values keep these facts, or none of those is in the domain
                return
