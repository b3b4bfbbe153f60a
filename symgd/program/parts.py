"""Definitions in parts, `h[0, k]` and `h[t + 1, k]`: where two of them meet, and whether together they define what is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from symgd.cost.checked import Definition
from symgd.errors import InputError
from symgd.nodes.circles import circles
from symgd.nodes.node import ONE, TRUE, Node, access, accesses, number, postorder, range_
from symgd.nodes.text import text
from symgd.program.bounds import in_subscripts, reached
from symgd.program.equation import Equation, Range
from symgd.program.extremes import largest
from symgd.program.linear import combined, difference
from symgd.program.meaning import Arithmetic, Interpreter

__all__ = ["check_defined", "narrowed"]

SIZES = (5, 4, 3, 2)


def narrowed(definitions: Iterable[Definition]) -> tuple[Definition, ...]:
    """The definitions, a general part without the elements at its ends that another part fixes: `h[0]` beside `h[t]` leaves t in 1:T.

    >>> from symgd.cost.checked import check
    >>> from symgd.reading.text import problem
    >>> given = check(problem("h[3]", where={"h[0]": "w", "h[t]": "tanh(h[t - 1])"}, axes="t:T"), parameters=["w"])
    >>> print(*(text(bound) for definition in narrowed(given.definitions) for bound in definition.ranges))
    t in 1:T
    """
    found = list(definitions)
    parts: dict[str, list[int]] = {}
    for n, definition in enumerate(found):
        parts.setdefault(definition.target, []).append(n)
    for places in parts.values():
        moved = len(places) > 1
        while moved:
            moved = False
            for general in places:
                for fixed in places:
                    smaller = _without(found[general], found[fixed])
                    if smaller is not None:
                        found[general], moved = smaller, True
    return tuple(found)


def _without(general: Definition, fixed: Definition) -> Definition | None:
    """The general part without what the fixed one defines, if that is a slice at one end of a range; None if there is nothing to take away."""
    ranges = {bound.args[0]: bound for bound in general.ranges}
    theirs = {bound.args[0]: bound for bound in fixed.ranges}
    for position, (mine, other) in enumerate(zip(general.at, fixed.at, strict=True)):
        if other.free or len(mine.free) != 1:
            continue
        rest = [(a, b) for n, (a, b) in enumerate(zip(general.at, fixed.at, strict=True)) if n != position]
        if not all(_covers(b, theirs, a, ranges) for a, b in rest):
            continue
        (letter,) = mine.free
        _, low, high = ranges[letter].args
        last = combined((1, high), (-1, ONE))
        at_low, at_high = (_at(mine, letter, end) for end in (low, last))
        if difference(at_low, other) == 0:
            low = combined((1, low), (1, ONE))
        elif difference(at_high, other) == 0:
            high = last
        else:
            continue
        return replace(general, ranges=tuple(range_(letter, low, high) if bound.args[0] is letter else bound for bound in general.ranges))
    return None


def _at(place: Node, letter: Node, value: Node) -> Node:
    found = largest(place, [(letter, value, combined((1, value), (1, ONE)))])
    return place if found is None else found


def _covers(place: Node, ranges: Mapping[Node, Node], other: Node, others: Mapping[Node, Node]) -> bool:
    """Whether the place runs over the same indices as the other one: `t + 1` and `s + 1` over axes of one length."""
    ends = [_ends(place, ranges), _ends(other, others)]
    return len(place.free) == len(other.free) and all(difference(a, b) == 0 for a, b in zip(*ends, strict=True))


def _ends(place: Node, ranges: Mapping[Node, Node]) -> tuple[Node, Node]:
    listed = [(bound.args[0], bound.args[1], bound.args[2]) for letter, bound in ranges.items() if letter in place.free]
    high, low = largest(place, listed), largest(combined((-1, place)), listed)
    return (place if low is None else combined((-1, low))), (place if high is None else high)


def check_defined(definitions: Sequence[Definition], equations: Sequence[Equation], extents: Mapping[str, tuple[Node, ...]]) -> None:
    """Every element that is read of a definition in parts, or of a recurrence, is defined, once. Raises InputError, which names the element.

    Looked at where all lengths are small: what is shifted past a boundary is so at any length. Whether an axis of another length ends too late, only
    the data tell.

    >>> from symgd.cost.checked import check
    >>> from symgd.program.forward import forward
    >>> from symgd.reading.text import problem
    >>> forward(check(problem("h[T]", where={"h[t + 1]": "tanh(h[t])"}, axes="t:T"), parameters=[]))
    Traceback (most recent call last):
    symgd.errors.InputError: h[t] reads h[0], which no part of h defines. Accepted: one more part: h[0] = ...
    """
    parts: dict[str, list[Definition]] = {}
    for definition in definitions:
        parts.setdefault(definition.target, []).append(definition)
    uses = {name: dict.fromkeys(a.value for d in mine for a in accesses(d.body) if a.value in parts) for name, mine in parts.items()}
    recurring = {name for group in circles(uses) for name in group if len(group) > 1 or name in uses[name]}
    partial = {
        name: mine for name, mine in parts.items() if name in recurring or len(mine) > 1 or any(place.op != "index" for place in mine[0].at)
    }
    if not partial:
        return
    data = {inner.value for e in equations for found in e.reads() for place in found.args for inner in accesses(place)}
    reader = Interpreter({}, _small(equations, definitions), Arithmetic(15))
    for name, mine in partial.items():
        written: dict[tuple[int, ...], Definition] = {}
        for definition in mine:
            for place, _ in _elements(definition.at, [bound.args for bound in definition.ranges], reader):
                other = written.setdefault(place, definition)
                if other is not definition:
                    raise InputError(
                        f"{_named(name, place)} is defined twice, by {text(_left(other))} and by {text(_left(definition))}.",
                        accepted="parts that share no element",
                    )
        for equation in equations:
            bounds = [(axis.index, axis.low, axis.high) for axis in equation.domain]
            if any(found.value in data for _, low, high in bounds for found in accesses(low, high)):
                continue
            for found in equation.reads():
                if found.value == name and not any(inner.value in data for place in found.args for inner in accesses(place)):
                    _check_read(found, equation, mine, written, extents[name], reader)


def _check_read(
    found: Node,
    equation: Equation,
    parts: list[Definition],
    written: Mapping[tuple[int, ...], Any],
    extents: tuple[Node, ...],
    reader: Interpreter,
) -> None:
    bounds = [(axis.index, axis.low, axis.high) for axis in equation.domain]
    always = equation.guard is TRUE and all(part.op != "piecewise" for part in postorder(equation.body))
    missing: list[tuple[int, ...]] = []
    for place, point in _elements(found.args, bounds, reader, whole=not always):
        if place not in written and (always or _reached(found, equation, point, reader)):
            missing.append(place)
    for n, extent in enumerate(extents):
        top = largest(found.args[n], bounds)
        if top is None or difference(top, extent) is None:
            missing = [place for place in missing if place[n] < reader.integer(extent, {})]
    if missing:
        shown = [_common(n, found.args[n], {place[n] for place in missing}, bounds, parts[-1].at[n], reader) for n in range(len(found.args))]
        element = f"{found.value}[{', '.join(shown)}]"
        raise InputError(f"{text(found)} reads {element}, which no part of {found.value} defines.", accepted=f"one more part: {element} = ...")


def _reached(found: Node, equation: Equation, point: Mapping[Node, int], reader: Interpreter) -> bool:
    """Whether the conditions on indices around the access let it be read at this point."""
    return any(
        other is found and all(any(accesses(c)) or reader.holds(c, point) for c in conditions)
        for other, conditions in reached(equation, in_subscripts([equation]))
    )


def _common(position: int, place: Node, values: set[int], bounds: list[tuple[Node, Node, Node]], letter: Node, reader: Interpreter) -> str:
    """One index of what is missing: a number, the end of the range that it is, or the letter of the definition where many are."""
    if len(values) > 1:
        return text(letter)
    (value,) = values
    top = largest(place, bounds)
    if top is not None and top.op != "number" and not any(accesses(top)) and reader.integer(top, {}) == value and value > 1:
        return text(top)
    return str(value)


def _elements(
    at: Sequence[Node], bounds: Sequence[tuple[Node, ...]], reader: Interpreter, *, whole: bool = False
) -> Iterator[tuple[tuple[int, ...], dict[Node, int]]]:
    """The elements at all points of the ranges that the places use, or of the `whole` domain."""
    needed = set[Node]().union(*(place.free for place in at))
    for letter, low, high in reversed(bounds):
        if letter in needed:
            needed |= low.free | high.free
    domain = tuple(Range(*bound) for bound in bounds if whole or bound[0] in needed)
    for point in reader.points(domain, {}):
        yield tuple(reader.integer(place, point) for place in at), point


def _small(equations: Sequence[Equation], definitions: Sequence[Definition]) -> dict[str, int]:
    """Small lengths of all axes, unequal as far as there are so many."""
    roots = [part for e in equations for axis in e.domain for part in (axis.low, axis.high)]
    roots += [part for e in equations for part in (e.body, e.guard, *e.at)]
    roots += [part for d in definitions for part in (*d.at, *d.ranges)]
    names = dict.fromkeys(part.value for part in postorder(*roots) if part.op == "length")
    return {name: SIZES[n % len(SIZES)] + 1 for n, name in enumerate(names)}


def _left(definition: Definition) -> Node:
    return access(definition.target, *definition.at)


def _named(name: str, place: tuple[int, ...]) -> str:
    return text(access(name, *map(number, place)))
