"""An answer at some points, and explanations of it: what rules, readings and rewritings are compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite

from symgd.nodes.node import Node
from symgd.verification.bench import Bench, Spot
from symgd.verification.mistakes import KINDS
from symgd.verification.tape import Slopes, Wrong

__all__ = ["Case", "Found", "case_for", "literal", "ratio", "same", "score"]

CLOSE = 1e-7


@dataclass(frozen=True, slots=True)
class Found:
    """One explanation. `score`: the smaller the better; `part`: where, in the cost or, if it is no `step` of the derivation, in the derivative."""

    kind: str
    score: float
    message: str
    part: Node | None = None
    letters: Mapping[str, Node] = field(default_factory=dict)
    step: bool = True


@dataclass
class Case:
    """An answer for one parameter at some spots: `targets`, element -> number, one for each spot."""

    bench: Bench
    name: str
    spots: Sequence[Spot]
    targets: Sequence[Slopes]

    @cached_property
    def roots(self) -> list[int]:
        return [spot.sampler.root for spot in self.spots]

    @cached_property
    def seeds(self) -> list[dict[int, Slopes]]:
        both = zip(self.spots, self.targets, strict=True)
        return [{entry: own for entry, own in spot.seeds(self.name).items() if not own.keys().isdisjoint(target)} for spot, target in both]

    @cached_property
    def right(self) -> list[dict[int, Slopes]]:
        """The right slopes of all entries."""
        return [spot.double.tangents(root, seeds) for spot, root, seeds in zip(self.spots, self.roots, self.seeds, strict=True)]

    @cached_property
    def exact(self) -> list[Slopes]:
        return [slopes.get(root, {}) for slopes, root in zip(self.right, self.roots, strict=True)]

    def wrongly(self, n: int, wrong: Mapping[Node, Wrong]) -> Slopes:
        """What the cost's derivative would be at a spot with wrong rules."""
        self.spots[n].double.named = self.name
        return self.spots[n].double.tangents(self.roots[n], self.seeds[n], wrong, self.right[n]).get(self.roots[n], {})

    def fits_wrong(self, wrong: Mapping[Node, Wrong]) -> bool:
        """Do these wrong rules lead to the answer?"""
        return self.fits(lambda n: self.wrongly(n, wrong))

    def fits(self, given: Callable[[int], Slopes]) -> bool:
        """Is this the answer, at every spot? The first spot decides nearly always."""
        return all(same(given(n), target) for n, target in enumerate(self.targets))

    def ratio(self, given: Callable[[int], Slopes]) -> list[float] | None:
        """For each spot, the number that the answer is times this; None if there is none."""
        found = []
        for n, target in enumerate(self.targets):
            one = ratio(given(n), target)
            if one is None:
                return None
            found.append(one)
        return found


class _Within(Case):
    """An answer for an intermediate: the entries of a definition are what is differentiated by."""

    @cached_property
    def seeds(self) -> list[dict[int, Slopes]]:
        return [{entry: {place: 1.0} for place, entry in spot.tape.defined(self.name).items()} for spot in self.spots]

    @cached_property
    def is_flat(self) -> bool:
        """Does no element depend on another one, as those of a recurrence do?"""
        both = zip(self.spots, self.seeds, strict=True)
        return not any(seeds.keys() & {*spot.tape.needed(entry)} - {entry} for spot, seeds in both for entry in seeds)


def case_for(bench: Bench, name: str, spots: Sequence[Spot], targets: Sequence[Slopes]) -> Case | None:
    """The case of a parameter, or of a definition whose elements do not depend on each other; None for a recurrence."""
    if name in bench.cost.parameters:
        return Case(bench, name, spots, targets)
    case = _Within(bench, name, spots, targets)
    return case if case.is_flat else None


def literal(name: str) -> str:
    """A name as it stands in a sentence that is still to be filled in: `a name {with} anything in it` is one."""
    return name.replace("{", "{{").replace("}", "}}")


def same(given: Slopes, target: Slopes) -> bool:
    """Are these the wanted numbers, to the digits that float64 leaves?"""
    scale = max((abs(value) for value in target.values()), default=0.0)
    for place, value in target.items():
        other = given.get(place, 0.0)
        if not isfinite(other) or not abs(value - other) <= CLOSE * (abs(value) + abs(other)) + 1e-11 * scale:
            return False
    return True


def ratio(given: Slopes, target: Slopes) -> float | None:
    """The one number that the wanted ones are these times; None if there is none."""
    place = max(target, key=lambda one: abs(given.get(one, 0.0)), default=None)
    if place is None or not given.get(place, 0.0) or not isfinite(given[place]):
        return None
    ratio = float(target[place] / given[place])
    scaled = {one: ratio * value for one, value in given.items()}
    return ratio if ratio and isfinite(ratio) and same(scaled, target) else None


def score(kind: str, stage: float = 0.0) -> float:
    """Frequent kinds first, and what one rule explains before what takes more."""
    return stage * 100 + KINDS.index(kind)
