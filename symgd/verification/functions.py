"""A Python function that returns the gradient, called at points of unequal sizes and compared with the exact derivatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from symgd.errors import InputError, LimitError
from symgd.nodes.node import Node, access, index
from symgd.verification.bench import Bench, Spot
from symgd.verification.blamed import Search, formula_of
from symgd.verification.called import Apart, Arguments, Call, Here, arguments_of
from symgd.verification.conditions import facts_about
from symgd.verification.judge import Deadline
from symgd.verification.points import NoPoint, Sampler, square, switch
from symgd.verification.returned import NEARLY, Block, Exact, Given, Odd, Returned, wanted
from symgd.verification.verdict import Verdict, Verification, remark

if TYPE_CHECKING:
    from symgd.api import Cost

__all__ = ["judged_at", "verify_function"]

FIRST, OTHERS, ACROSS = 3, 2, 4  # points at the first lengths, at the others, for more sides of switches
FACTS = 2  # points for each set of lengths at which more is known of the data
MODERATE = 4  # size of the numbers that are taken first
PRECISION = {2: (1e-2, "float16"), 4: (1e-4, "float32"), 8: (1e-7, "float64")}  # bytes of a number -> (tolerance relative to the block, name)


def verify_function(
    cost: Cost, function: Callable[..., Any], *, timeout: float = 2.0, isolate: bool = False, tolerance: float | None = None
) -> Verification:  # fmt: skip
    """Judge a function by what it returns at points of unequal sizes.

    Arguments are found by name: parameters, data, constants, lengths. It returns a mapping name -> array (`w`, `dw` or `grad_w` for a parameter,
    `dz` for the adjoint of a definition z), a tuple in the order of `cost.parameters`, or one array; the cost may stand before it. A block is right
    where it is within 1e-7 of its largest element, 1e-4 for float32; `tolerance` is another number in place of it.

    >>> import symgd as sg
    >>> cost = sg.parse("mean((w*x + b - y)^2)", samples="x y")
    >>> found = verify_function(cost, lambda w, b, x, y: (2*((w*x + b - y)*x).mean(), 2*(w*x + b - y).sum()))
    >>> found.verdicts["w"].status, found.verdicts["b"].mistakes[0].kind
    ('equal', 'mean-vs-sum')
    """
    bench = Bench(cost)
    arguments = arguments_of(function, _accepted(bench))
    try:
        spots = _chosen(bench)
    except (NoPoint, LimitError) as none:
        return _undecided(cost, str(none))
    runner = Apart(function, arguments, timeout) if isolate else Here(function, arguments)
    with runner:
        return _Trial(bench, runner, arguments, timeout, tolerance).verification(spots)


def judged_at(
    cost: Cost, function: Callable[..., Any], values: Mapping[str, Any], lengths: Mapping[str, int], exact: Mapping[str, Any], tolerance: float | None
) -> Verification:
    """Judge a function at one point of the user's. `exact`: the targets of the gradient's program there.

    What went wrong is looked for at constructed points.
    """
    bench = Bench(cost)
    arguments = arguments_of(function, _accepted(bench))
    trial = _Trial(bench, Here(function, arguments), arguments, 2.0, tolerance)
    given = Given(cost, values, lengths, exact)
    (called,) = trial.called([given])
    if called.error:
        return _undecided(cost, f"The function {called.error}.")
    try:
        blocks, missing = trial.blocks([given], [Returned(cost, called.value, given)])
    except Odd as odd:
        return _undecided(cost, f"The function {odd}.")
    elsewhere = {} if not missing and all(block.right[0] for block in blocks) else verify_function(cost, function, tolerance=tolerance).verdicts
    verdicts = {name: Verdict(name, "undecided", said, access(name)) for name, said in missing.items()}
    for block in blocks:
        if block.right[0]:
            verdicts[block.key] = Verdict(block.key, "equal", "It is the derivative at this point.", block.place)
        else:
            search, known = Search(bench, block, {}, Deadline(0.0)), elsewhere.get(block.key)
            mistakes = known.mistakes if known else ()
            reason = search.where() + (mistakes[0].message if mistakes else "It is not the derivative.")
            verdicts[block.key] = Verdict(block.key, "different", reason, block.place, (), mistakes, search.witness())
    return Verification(cost, verdicts)


def _accepted(bench: Bench) -> dict[str, list[str]]:
    """What arguments may be called. A length that nobody named is none."""
    checked = bench.checked
    named = {"parameters": [*checked.parameters], "data": [*checked.data], "constants": [*checked.constants]}
    used = {name for names in named.values() for name in names}
    try:
        lengths = [name for name in bench.settings[0].lengths if not name.startswith("n_") and name not in used]
    except InputError:
        lengths = []
    named["data"] = [name for name in named["data"] if name not in checked.constants]
    return {**named, "lengths": lengths}


def _undecided(cost: Cost, reason: str, names: Sequence[str] = ()) -> Verification:
    verdicts = {name: Verdict(name, "undecided", reason, access(name, *cost.gradient._letters(name))) for name in names or cost.parameters}
    return Verification(cost, verdicts)


# where it is called


def _chosen(bench: Bench) -> list[Spot]:
    """A few points for each set of lengths, where float64 has enough digits and numbers are moderate, and more for switches that they leave out."""
    ranked = sorted(bench.spots, key=lambda spot: (not spot.plain, _size(spot) > MODERATE))
    chosen: list[Spot] = []
    for sampler in bench.samplers:
        own = [spot for spot in ranked if spot.sampler is sampler]
        chosen += own[: OTHERS if chosen else (FIRST if len(bench.samplers) > 1 else 2 * FIRST)]
    seen = {side for spot in chosen for side in _sides(spot)}
    more: list[Spot] = []
    for spot in ranked:
        new = _sides(spot) - seen
        if new and len(more) < ACROSS:
            more.append(spot)
            seen |= new
    return chosen + more


def _size(spot: Spot) -> float:
    return max((abs(float(value)) for value in spot.inputs.values()), default=0.0)


def _sides(spot: Spot) -> set[tuple[Node, bool]]:
    return {(part, switch(spot.double, entry) > 0) for part, entries in spot.sampler.switches([spot.sampler.root]).items() for entry in entries}


# the judgement


class _Trial:
    """One function at the points, and the verdicts about it."""

    def __init__(self, bench: Bench, runner: Here | Apart, arguments: Arguments, timeout: float, tolerance: float | None) -> None:
        self.bench, self.runner, self.arguments = bench, runner, arguments
        self.cost, self.timeout, self.tolerance = bench.cost, timeout, tolerance
        self.notes: list[str] = []

    def verification(self, spots: Sequence[Spot]) -> Verification:
        exact = [Exact(spot) for spot in spots]
        calls = self.called(exact)
        failed = next((n for n, one in enumerate(calls) if one.error), None)
        if failed is not None:
            return self._failed(exact[failed], calls[failed])
        try:
            returned = [Returned(self.cost, one.value, spot) for one, spot in zip(calls, exact, strict=True)]
        except Odd as odd:
            return _undecided(self.cost, f"The function {odd}.")
        changed = sorted({name for one in calls for name in one.changed})
        if changed:
            self.notes.append(f"The function changed its {', '.join(changed)} in place; it was given a copy.")
        self.notes += returned[0].notes
        return self._judged(exact, returned)

    def called(self, spots: Sequence[Exact]) -> list[Call]:
        return self.runner([spot.values for spot in spots])

    def _failed(self, spot: Exact, call: Call) -> Verification:
        """Undecided, unless it runs where all lengths are equal and is wrong there, as with a forgotten transpose."""
        values = spot.values
        shapes = [f"{name} {np.shape(values[name])}" for name in spot.spot.setting.shapes if np.shape(values[name])]
        reason = f"The function {call.error}" + (f", called with {', '.join(shapes)}" if shapes and "raised" in call.error else "") + "."
        found = self._where_square() if "raised" in call.error else None
        if found is None or found.correct is not False:
            return _undecided(self.cost, reason)
        verdicts = {
            key: replace(one, reason=f"{reason} Where all lengths are equal it runs: {one.reason}")
            if one.status == "different"
            else Verdict(key, "undecided", reason, one.place)
            for key, one in found.verdicts.items()
        }
        return replace(found, verdicts=verdicts)

    def _where_square(self) -> Verification | None:
        """The verdicts where all lengths are equal, if it runs there."""
        setting = square(self.bench.program)
        if setting is None:
            return None
        sampler = Sampler(self.bench.checked, setting, self.bench.program.facts)
        try:
            spots = [Exact(Spot(self.bench, sampler, inputs)) for _, inputs in zip(range(FIRST), sampler.points(tries=2 * FIRST), strict=False)]
            calls = self.called(spots)
            if len(spots) < 2 or any(one.error for one in calls):
                return None
            return self._judged(spots, [Returned(self.cost, one.value, spot) for one, spot in zip(calls, spots, strict=True)])
        except (InputError, Odd):
            return None

    def _judged(self, spots: list[Exact], returned: list[Returned]) -> Verification:
        blocks, missing = self.blocks(spots, returned)
        verdicts: dict[str, Verdict] = {}
        wrong = [block for block in blocks if not all(block.right)]
        unsteady = self._unsteady(spots[0], returned[0]) if wrong else frozenset()
        known = self._under_facts(wrong, Deadline(self.timeout / 2)) if wrong else {}
        deadline, left = Deadline(self.timeout), len(wrong)
        for name in self.cost.parameters:
            if name in missing:
                verdicts[name] = Verdict(name, "undecided", missing[name], self._place(name))
        for block in blocks:
            if all(block.right):
                verdicts[block.key] = self._right(block)
            elif block.name in unsteady:
                reason = "It is another number when the function is called again with the same values: is something added up between calls?"
                verdicts[block.key] = Verdict(block.key, "undecided", reason, block.place)
            elif block.nearly and not any(np.isnan(yours).any() for yours in block.yours):
                digits = -round(np.log10(NEARLY))
                reason = f"It agrees to {digits} digits, but not to those of float64: are these finite differences, or float32 inside?"
                verdicts[block.key] = Verdict(block.key, "undecided", reason, block.place, exact=formula_of(self.bench, block))
            else:
                verdicts[block.key] = Search(self.bench, block, known, Deadline(max(0.0, deadline.left) / left)).verdict()
                left -= 1
        order = [name for name in self.cost.parameters if name in verdicts] + [key for key in verdicts if key not in self.cost.parameters]
        verdicts = {key: verdicts[key] for key in order}
        if verdicts and self.notes:
            first = next(iter(verdicts))
            verdicts[first] = replace(verdicts[first], notes=(*verdicts[first].notes, *self.notes))
        return Verification(self.cost, verdicts, remark(verdicts, self.cost.parameters if returned[0].listed else ()))

    def blocks(self, spots: list[Exact], returned: list[Returned]) -> tuple[list[Block], dict[str, str]]:
        blocks: list[Block] = []
        missing: dict[str, str] = {}
        names = [*self.cost.parameters, *(name for name in spots[0].defined if any(name in one.parts for one in returned))]
        for name in names:
            yours = [one.parts.get(name) for one in returned]
            if any(one is None for one in yours):
                missing[name] = f"Nothing was returned for {name}."
                continue
            arrays = [np.asarray(one) for one in yours]
            if any(one.dtype.kind == "c" for one in arrays):
                if all(np.all(np.imag(one) == 0) for one in arrays):
                    arrays = [np.real(one) for one in arrays]
                else:
                    arrays = [np.where(np.imag(one) == 0, np.real(one), np.nan) for one in arrays]
            size = min((one.dtype.itemsize for one in arrays if one.dtype.kind == "f"), default=8)
            tolerance, called = PRECISION.get(size, PRECISION[8])
            if called != "float64" and self.tolerance is None:
                note = f"The function computes in {called}: agreement to {-round(np.log10(tolerance))} digits is enough."
                self.notes += [note] if note not in self.notes else []
            blocks.append(
                Block(
                    name, name if name in self.cost.parameters else f"d{name}", self._place(name), spots,
                    [one.astype(np.float64) for one in arrays], self.tolerance or tolerance, called,
                )
            )  # fmt: skip
        return blocks, missing

    def _place(self, name: str) -> Node:
        if name in self.cost.parameters:
            return access(name, *self.cost.gradient._letters(name))
        part = next(d for d in self.bench.checked.definitions if d.target == name)
        letters = part.at if all(place.op == "index" for place in part.at) else [index(letter) for letter in "pqrs"[: len(part.at)]]
        return access(name, *letters)

    def _right(self, block: Block) -> Verdict:
        sizes = "; ".join(dict.fromkeys(", ".join(f"{name} = {n}" for name, n in spot.lengths.items()) for spot in block.spots))
        reason = f"It agrees with the derivative at {len(block.spots)} points" + (f", at the lengths {sizes}." if sizes else ".")
        notes: tuple[str, ...] = ()
        yours, exact = block.yours[0], block.exact[0]
        if yours.shape != exact.shape:
            notes = (f"d{block.name} has the shape {yours.shape}, {block.name} {wanted(exact)}: the numbers are right.",)
        return Verdict(block.key, "equal", reason, block.place, exact=formula_of(self.bench, block), notes=notes)

    def _unsteady(self, spot: Exact, returned: Returned) -> frozenset[str]:
        """What another call with the same values gives another value for."""
        (again,) = self.called([spot])
        if again.error:
            return frozenset()
        try:
            parts = Returned(self.cost, again.value, spot).parts
        except Odd:
            return frozenset()
        both = [(name, value, parts[name]) for name, value in returned.parts.items() if value is not None and parts.get(name) is not None]
        return frozenset(
            name for name, one, other in both if np.shape(one) != np.shape(other) or not np.allclose(one, other, rtol=1e-6, atol=0, equal_nan=True)
        )

    def _under_facts(self, wrong: list[Block], deadline: Deadline) -> dict[str, tuple[str, list[Block]]]:
        """Name of a block -> (facts, the block where they hold), for what is right there; under "" those that are wrong where rows sum to 1."""
        found: dict[str, tuple[str, list[Block]]] = {}
        given = {fact.name for fact in self.bench.program.facts}
        for known in facts_about(self.bench.checked):
            left = [block.name for block in wrong if block.name not in found and block.aligned[0] is not None]
            if not left or deadline.over:
                break
            added = [[fact for fact in facts if fact not in self.bench.program.facts] for facts in known.variants]
            if not all(added) or any(fact.name in given and fact.kind != "total" for facts in added for fact in facts):
                continue  # what the cost says itself, or against it
            if known.symmetric and not self.bench.turned(known.symmetric):
                continue
            try:
                variants = [[Exact(spot) for spot in self.bench.keeping(facts, FACTS)] for facts in known.variants]
            except InputError:
                continue
            blocks = self._returned([spot for own in variants for spot in own]) if all(len(own) > 1 for own in variants) else None
            for block in blocks or ():
                if block.name in left and all(block.right):
                    found[block.name] = (known.said, [block])
            if blocks and len(known.variants[0]) == 1 and known.variants[0][0].kind == "total":
                found.setdefault("", (known.said, blocks))
        return found

    def _returned(self, spots: list[Exact]) -> list[Block] | None:
        """What is returned at other spots, if it is a gradient there."""
        calls = self.called(spots)
        if any(one.error for one in calls):
            return None
        try:
            return self.blocks(spots, [Returned(self.cost, one.value, spot) for one, spot in zip(calls, spots, strict=True)])[0]
        except Odd:
            return None
