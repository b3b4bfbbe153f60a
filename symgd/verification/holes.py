"""Points at which an answer divides by 0 while the derivative has a value: what `w^2/w` asks for beside `w`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite

from symgd.nodes.node import Node, fraction
from symgd.program.meaning import Arithmetic
from symgd.verification.answers import Asked
from symgd.verification.bench import DIGITS, Bench, Spot
from symgd.verification.points import Inputs
from symgd.verification.tape import Point, Tape

__all__ = ["holes"]

STEPS = 40  # of Newton's method, which halves the distance to a double root
WAYS = 4  # inputs that are moved
WORK = 100_000  # operations of all these steps
ZERO = 1e-20
HUGE = 1e12
FAR = 1e4  # where a search for a root ends
NEAR = 1e-9  # of a kink


def holes(bench: Bench, asked: Asked, line: Node) -> list[Node]:
    """Denominators of the answer that may be 0 where the derivative has a value and the cost no kink."""
    found: dict[Node, None] = {}
    work = WORK
    for spot in bench.spots[:3]:
        element = next((one for one in spot.elements(asked.name) if asked.letters(one) is not None), None)
        letters = None if element is None else asked.letters(element)
        if letters is None:
            continue
        for entry, below in _denominators(spot, spot.tape.entry(line, letters)):
            work -= STEPS * WAYS * len(spot.tape.needed(entry))
            if work < 0:
                break
            if below not in found and any(_is_hole(bench, spot, inputs, asked, line, letters) for inputs in _roots(spot, entry)):
                found[below] = None
    return list(dict.fromkeys(map(_base, found)))


def _base(below: Node) -> Node:
    """w for w^2 and 3*w: they are 0 together."""
    while below.op == "^" or (below.op == "*" and len(below.args) == 2 and below.args[0].op == "number"):
        below = below.args[below.op == "*"]
    return below


def _denominators(spot: Spot, root: int) -> Iterator[tuple[int, Node]]:
    tape = spot.tape
    seen: set[Node] = set()
    for number in tape.needed(root):
        entry = tape.entries[number]
        if entry.part not in seen and (entry.op == "/" or (entry.op == "^" and _is_negative(entry.part.args[1]))):
            seen.add(entry.part)
            which = 1 if entry.op == "/" else 0
            if any(tape.entries[inner].op == "input" for inner in tape.needed(entry.args[which])):
                yield entry.args[which], entry.part.args[which]


def _is_negative(exponent: Node) -> bool:
    return exponent.op == "neg" or (exponent.op == "number" and fraction(exponent) < 0)


def _roots(spot: Spot, entry: int) -> Iterator[Inputs]:
    """The point moved along one input until the entry is 0: roughly in float64, then with all digits."""
    tape = spot.tape
    ways = [number for number in tape.needed(entry) if tape.entries[number].op == "input" and tape.entries[number].key in spot.sampler.free]
    for number in ways[:WAYS]:
        key = tape.entries[number].key
        near = _newton(tape, entry, number, spot.inputs, spot.double.arithmetic, 1e-6)
        root = near and _newton(tape, entry, number, near, spot.point(DIGITS).arithmetic, ZERO)
        if root:
            whole = round(root[key])
            yield {**root, key: whole if abs(root[key] - whole) < ZERO else root[key]}


def _newton(tape: Tape, entry: int, number: int, inputs: Inputs, arithmetic: Arithmetic, close: float) -> Inputs | None:
    key = tape.entries[number].key
    moved: Inputs = {**inputs, key: arithmetic.exact(inputs[key])}
    for _ in range(STEPS):
        point = Point(tape, moved, arithmetic)
        value = point.value(entry)
        if not isfinite(value) or abs(moved[key]) > FAR:
            return None
        slope = point.gradient({entry: arithmetic.exact(1)}).get(number, 0)
        if not slope or not isfinite(slope):
            return moved if value == 0 else None
        if abs(value) < close and abs(value / slope) < 1e-2:  # e^-w is small far away, and nowhere 0
            return moved
        moved[key] = moved[key] - value / slope
    return None


def _is_hole(bench: Bench, spot: Spot, inputs: Inputs, asked: Asked, line: Node, letters: Mapping[Node, int]) -> bool:
    sampler = spot.sampler
    rough = Point(spot.tape, inputs, spot.double.arithmetic)
    rough.value(sampler.root)
    if not isfinite(rough.value(sampler.root)) or sampler.outside(rough) or sampler.at_kink(rough, NEAR):
        return False
    there = Spot(bench, sampler, inputs)
    exact = there.exact(asked.name)
    finite = spot.point(DIGITS).arithmetic.ctx.isfinite
    if not all(finite(value) and abs(value) < HUGE for value in exact.values()):
        return False
    point = there.point(DIGITS)
    root = spot.tape.entry(line, letters)
    point.value(root)
    values = [point.values[number] for number in spot.tape.needed(root)]
    return any(not isinstance(value, bool) and (not finite(value) or abs(value) > HUGE) for value in values)
