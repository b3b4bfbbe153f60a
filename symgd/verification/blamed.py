"""Why what a function returned is not the derivative: which entries, at which point, and the mistake that explains it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from symgd.nodes.node import Node, accesses
from symgd.verification.answers import Asked
from symgd.verification.bench import Bench, Spot
from symgd.verification.case import case_for
from symgd.verification.explained import in_words
from symgd.verification.judge import Deadline, exact_formula, shown
from symgd.verification.returned import Array, Block, Exact, agree, wanted
from symgd.verification.search import explanations
from symgd.verification.tape import Place, Slopes
from symgd.verification.verdict import MINUS, Mistake, Verdict, Witness

__all__ = ["Search", "formula_of"]


def formula_of(bench: Bench, block: Block) -> Node | None:
    """The exact derivative, if it is short enough to be shown."""
    return exact_formula(bench, Asked(block.key, block.name, block.place, ()))


class Search:
    """The verdict about one block that is not the derivative."""

    def __init__(self, bench: Bench, block: Block, known: Mapping[str, tuple[str, list[Block]]], deadline: Deadline) -> None:
        self.bench, self.block, self.known, self.deadline = bench, block, known, deadline
        self.cost = bench.cost

    def verdict(self) -> Verdict:
        block = self.block
        formula = formula_of(self.bench, block)
        if block.name in self.known:
            said = self.known[block.name][0]
            reason = f"It is the derivative if {said}; without that it is not."
            return Verdict(block.key, "conditional", reason, block.place, (said,), (), self.witness(), exact=formula)
        mistakes = self.mistakes()
        reason = self.where() + (mistakes[0].message if mistakes else "It follows from no known mistake.")
        return Verdict(block.key, "different", reason, block.place, (), tuple(mistakes), self.witness(), exact=formula)

    def where(self) -> str:
        """Which entries differ, or that the shape does."""
        block, called = self.block, f"d{self.block.name}"
        for n, aligned in enumerate(block.aligned):
            if aligned is None:
                return f"{called} has the shape {block.yours[n].shape}, {block.name} {wanted(block.exact[n])}. "
        yours, exact = block.aligned[self.shown], block.exact[self.shown]
        assert yours is not None
        odd = ~agree(yours, exact, block.spots[self.shown].scale, block.tolerance)
        place = self.worst()
        called += f"[{', '.join(map(str, place))}]" if place else ""
        if np.isnan(yours[odd]).any():
            return f"{called} has no value (NaN). "
        return f"{called} is wrong, {int(np.sum(odd))} of {exact.size} entries differ. " if place else ""

    @cached_property
    def shown(self) -> int:
        """The point with the shortest numbers at which it differs in its own shape; -1 if there is none."""
        wrong = [n for n, right in enumerate(self.block.right) if not right and self.block.aligned[n] is not None]
        return min(wrong, key=lambda n: len(str(self.block.spots[n].point)), default=-1)

    def worst(self) -> Place:
        """The entry that is furthest away there; one without a value first."""
        yours, exact = self.block.aligned[self.shown], self.block.exact[self.shown]
        assert yours is not None
        gaps = np.where(np.isnan(exact), -1.0, np.where(np.isfinite(yours), np.abs(yours - exact), np.inf))
        return tuple(int(at) for at in np.unravel_index(int(np.argmax(gaps)), exact.shape))

    def witness(self) -> Witness | None:
        """That point; none where every shape is another one."""
        if self.shown < 0:
            return None
        spot, place, aligned = self.block.spots[self.shown], self.worst(), self.block.aligned[self.shown]
        assert aligned is not None
        return Witness(spot.point, spot.lengths, place, float(aligned[place]), spot.slope(self.block.name, place))

    def mistakes(self) -> list[Mistake]:
        block = self.block
        found = [*self.reduced()] or [*self.whole()] or [*self.reduced(exactly=False)]
        if not found or found[0].kind == "wrong-variable":  # that may be chance
            found += self.rules(block)
        if not found:
            found += self.products()
        if not found and "" in self.known:
            said, others = self.known[""]
            other = next((one for one in others if one.name == block.name), None)
            for n, one in enumerate(self.rules(other) if other is not None else []):
                found.append(one if n else replace(one, message=f"{one.message} ({said.partition(':')[0].capitalize()}, as it is usual.)"))
        unique: dict[str, Mistake] = {}
        for one in found:
            unique.setdefault(one.kind, one)
        return list(unique.values())[:2]

    def whole(self) -> Iterator[Mistake]:
        """Minus it, N times it, its transpose, another block's."""
        block = self.block
        if block.matches(lambda n: block.exact[n], lambda n: -1.0):
            yield Mistake("sign", MINUS)
            return
        for name in block.spots[0].lengths:
            sizes = [float(spot.lengths[name]) for spot in block.spots]
            if len(set(sizes)) < 2:
                continue
            for power, said in ((1, f"{name} times the derivative: the sum, not the mean"), (-1, f"the derivative divided by {name} once too often")):
                for sign, words in ((1.0, ""), (-1.0, ", with the opposite sign")):
                    if block.matches(lambda n: block.exact[n], lambda n: sign * sizes[n] ** power):  # noqa: B023
                        yield Mistake("mean-vs-sum", f"It is {said}{words}.")
        if block.matches(lambda n: block.exact[n].T) and block.exact[0].ndim == 2:
            yield Mistake("transpose", "It is the transpose of the derivative.")
        for other in block.spots[0].adjoints:
            if other != block.name and block.matches(lambda n: block.spots[n].adjoints[other]):  # noqa: B023
                yield self._by_other(other)

    def _by_other(self, other: str) -> Mistake:
        """The derivative by something else; by what reads this, if it is a definition, the last factor is missing."""
        reading = [d for d in self.bench.checked.definitions if d.target == other and any(one.value == self.block.name for one in accesses(d.body))]
        if self.block.name not in self.cost.parameters and reading:
            body = shown(self.bench, reading[0].body)
            said = f"It is the derivative by {other}: the derivative of {body} by {self.block.name} is missing as a factor."
            return Mistake("missing-inner-level", said, body, "", reading[0].body)
        return Mistake("wrong-variable", f"It is d{other}, the derivative by {other} and not by {self.block.name}.")

    def reduced(self, exactly: bool = True) -> Iterator[Mistake]:
        """Axes too many, over which the sum or mean is missing, or none at all, because everything was added up. `exactly`: with it, it is right."""
        block = self.block
        yours, exact = block.yours, block.exact
        if all(one is not None for one in block.aligned):
            return
        for axis in range(yours[0].ndim):
            if any(one.shape[:axis] + one.shape[axis + 1 :] != other.shape for one, other in zip(yours, exact, strict=True)):
                continue
            length = _length(block, [one.shape[axis] for one in yours])
            over = f"the samples ({length}, axis {axis})" if axis == 0 else f"axis {axis} ({length})"
            for said, one in (("sum", [one.sum(axis=axis) for one in yours]), ("mean", [one.mean(axis=axis) for one in yours])):
                if exactly and all(replace(block, yours=one).right):
                    yield Mistake("mean-vs-sum", f"The {said} over {over} is missing.")
                    return
            if not exactly:
                yield Mistake("mean-vs-sum", f"The sum over {over} is missing.")
                summed = replace(block, yours=[one.sum(axis=axis) for one in yours])
                yield from Search(self.bench, summed, {}, self.deadline).mistakes()
                return
        if exactly and exact[0].ndim and all(one.ndim == 0 for one in yours) and block.matches(lambda n: np.asarray(exact[n].sum())):
            yield Mistake("mean-vs-sum", "Everything was added up: it is the sum over all entries of the derivative, for which `axis=` is missing.")

    def products(self) -> Iterator[Mistake]:
        """A sum over another axis, or a product of other arrays: those of another layer, or one of them transposed."""
        block = self.block
        if not block.spots[0].defined:
            return
        right = next((one for one in _candidates(block.spots[0]) if all(self._is_product(one, n, exact=True) for n in range(len(block.spots)))), None)
        for one in _candidates(block.spots[0]):
            if one != right and all(self._is_product(one, n) for n in range(len(block.spots))):
                belongs = f" where {right} belongs" if right is not None else ""
                kind = "transpose" if right is not None and right.arrays == one.arrays else "wrong-variable"
                yield Mistake(kind, f"It is {one}{belongs}.")
                return

    def _is_product(self, one: _Product, n: int, exact: bool = False) -> bool:
        block = self.block
        found, yours = one.value(block.spots[n]), block.exact[n] if exact else block.yours[n]
        return found is not None and found.shape == yours.shape and bool(np.all(agree(yours, found, block.spots[n].scale, block.tolerance)))

    def rules(self, block: Block) -> list[Mistake]:
        """What wrong rules give: the search for formulas, at the spots where float64 has enough digits."""
        if block.precision != "float64":
            return []
        spots: list[Spot] = []
        targets: list[Slopes] = []
        for spot, yours in sorted(zip(block.spots, block.aligned, strict=True), key=lambda pair: len(pair[0].spot.inputs)):
            if yours is not None and np.isfinite(yours).all() and spot.spot.plain:
                spots.append(spot.spot)
                targets.append({place: float(yours[place]) for place in spot.slopes[block.name] or np.ndindex(yours.shape)})
        if len(spots) < 2:
            return []
        case = case_for(self.bench, block.name, spots, targets)
        if case is None:
            return []
        with np.errstate(all="ignore"):
            found = explanations(case, lambda: self.deadline.over, formula_of(self.bench, block))
        return [in_words(self.bench, block.name, one) for one in found]


@dataclass(frozen=True, slots=True)
class _Product:
    """X.T @ dZ of a forward value and an adjoint, or of one of them alone; `axis`: what an adjoint alone is summed over."""

    left: str
    right: str
    turned: tuple[bool, bool] = (False, False)
    axis: int | None = None
    swapped: bool = False

    @property
    def arrays(self) -> frozenset[str]:
        return frozenset((self.left, f"d{self.right}"))

    def value(self, spot: Exact) -> Array | None:
        adjoint = spot.adjoints[self.right]
        if not self.left:
            found: Array | None = adjoint if self.axis is None else adjoint.sum(axis=self.axis) if adjoint.ndim > self.axis else None
            return found
        one, other = spot.forward[self.left], adjoint
        one, other = one.T if self.turned[0] else one, other.T if self.turned[1] else other
        one, other = (other, one) if self.swapped else (one, other)
        return one @ other if one.ndim and other.ndim and one.shape[-1] == other.shape[max(0, other.ndim - 2)] else None

    def __str__(self) -> str:
        if not self.left:
            return f"d{self.right}" if self.axis is None else f"the sum of d{self.right} over axis {self.axis}"
        one, other = self.left + ".T" * self.turned[0], f"d{self.right}" + ".T" * self.turned[1]
        return f"{other} @ {one}" if self.swapped else f"{one} @ {other}"


def _candidates(spot: Exact) -> Iterator[_Product]:
    for adjoint in spot.defined:
        rank = spot.adjoints[adjoint].ndim
        if rank not in (1, 2):
            continue
        yield from (_Product("", adjoint, axis=axis) for axis in range(rank))
        for name, value in spot.forward.items():
            for turned in ((True, False), (False, False), (False, True), (True, True)):
                if (value.ndim == 2 or (value.ndim == 1 and not turned[0])) and (rank == 2 or not turned[1]):
                    yield from (_Product(name, adjoint, turned, swapped=swapped) for swapped in (False, True))


def _length(block: Block, sizes: Sequence[int]) -> str:
    """The name of the length that these are, else the first number."""
    for name in block.spots[0].lengths:
        if not name.startswith("n_") and all(spot.lengths[name] == size for spot, size in zip(block.spots, sizes, strict=True)):
            return f"length {name}"
    return f"length {sizes[0]} here"
