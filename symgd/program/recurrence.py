"""The order in which equations run: what refers to itself at a shifted index becomes a Scan, all else comes after what it reads.

A set of equations means the same in any order, since every element is assigned once and summed into before it is read. This file finds an order in
which that can be run. Equations that refer to each other form a circle; they run step by step along one index if every reference goes to an earlier
step, or within a step to an equation before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, product
from typing import Literal

from symgd.errors import InputError, NotBuilt
from symgd.nodes.circles import circles
from symgd.nodes.node import ONE, Node, access, accesses, index, substituted
from symgd.nodes.text import text
from symgd.program.equation import Equation, Program, Range, Scan
from symgd.program.extremes import at_most, largest
from symgd.program.linear import Linear, collected, combined, difference, in_subscripts_collected, linear
from symgd.program.names import Fresh

__all__ = ["recurrent"]

Direction = Literal[1, -1]
CHOICES = 200  # ways to choose the letters of steps that are tried
DIRECTIONS: tuple[Direction, ...] = (1, -1)  # up first


def recurrent(program: Program) -> Program:
    """The program with its equations in an order in which they can run, circles as Scans. Raises InputError for a circle that never starts.

    >>> from symgd.program.equation import read_equation
    >>> lines = ["h[t + 1] = tanh(w*h[t]) for t in 0:T", "h[0] = 0", "C += h[t + 1] for t in 0:T"]
    >>> print(recurrent(Program(tuple(map(read_equation, lines)), {"w": 0}, "C", ("w",))))
    (1) h[0] = 0
        step by step, t = 0, ..., T - 1:
    (2)     h[t + 1] = tanh(w*h[t]) for t in 0:T
    (3) C += h[t + 1] for t in 0:T
    """
    equations = list(program.flat())
    if all(isinstance(item, Equation) for item in program.equations) and _in_order(equations):
        return program
    links = _links(equations)
    sources: list[dict[int, None]] = [{} for _ in equations]
    for link in links:
        sources[link.reader][link.source] = None
    uses = list(map(list, sources))
    if not any(n in found or any(m > n for m in found) for n, found in enumerate(uses)):
        return program if not any(isinstance(item, Scan) for item in program.equations) else replace(program, equations=tuple(equations))
    output: list[Equation | Scan] = []
    for group in circles(dict(enumerate(uses))):
        if len(group) == 1 and group[0] not in uses[group[0]]:
            output.append(equations[group[0]])
        else:
            place = {n: k for k, n in enumerate(group)}
            inside = [replace(k, reader=place[k.reader], source=place[k.source]) for k in links if k.reader in place and k.source in place]
            output.append(_scan([equations[n] for n in group], inside))
    return replace(program, equations=tuple(output))


# Which equation reads what which other one writes


@dataclass(frozen=True, slots=True)
class _Link:
    """Equation `reader` touches at `place` elements of an array that equation `source` has to have written before."""

    reader: int
    source: int
    place: tuple[Node, ...]


def _in_order(equations: Sequence[Equation]) -> bool:
    """Whether every name is complete before it is read, so that the order needs no second look."""
    last = {equation.target: n for n, equation in enumerate(equations)}
    assigned = {equation.target: n for n, equation in enumerate(equations) if equation.op == "="}
    for n, equation in enumerate(equations):
        if any([last.get(name, -1) >= n for name in equation.names()]):
            return False
        if equation.op != "=" and assigned.get(equation.target, -1) > n:
            return False
    return True


def _links(equations: Sequence[Equation]) -> list[_Link]:
    writers: dict[str, list[int]] = {}
    assigned: dict[str, list[int]] = {}
    for n, equation in enumerate(equations):
        writers.setdefault(equation.target, []).append(n)
        if equation.op == "=":
            assigned.setdefault(equation.target, []).append(n)
    boxes: dict[tuple[int, tuple[Node, ...]], list[tuple[Node | None, Node | None]]] = {}

    def box(n: int, place: tuple[Node, ...]) -> list[tuple[Node | None, Node | None]]:
        if (n, place) not in boxes:
            ranges = _ranges(equations[n])
            boxes[n, place] = [(_least(part, ranges), _most(part, ranges)) for part in place]
        return boxes[n, place]

    def apart(n: int, place: tuple[Node, ...], m: int) -> bool:
        """Whether the elements that n touches are none of those that m writes."""
        if len(writers[equations[m].target]) == 1:
            return False
        pairs = zip(box(n, place), box(m, equations[m].at), strict=True)
        return any(_below(mine[1], other[0]) or _below(other[1], mine[0]) for mine, other in pairs)

    found: dict[_Link, None] = {}
    for n, equation in enumerate(equations):
        for read in equation.reads():
            for m in writers.get(read.value, ()):
                if not apart(n, read.args, m):
                    found[_Link(n, m, read.args)] = None
        if equation.op != "=":  # what is summed into an element comes after what is assigned to it
            for m in assigned.get(equation.target, ()):
                if not apart(n, equation.at, m):
                    found[_Link(n, m, equation.at)] = None
    return list(found)


def _ranges(equation: Equation, without: Node | None = None) -> list[tuple[Node, Node, Node]]:
    return [(axis.index, axis.low, axis.high) for axis in equation.domain if axis.index is not without]


def _most(part: Node, ranges: list[tuple[Node, Node, Node]]) -> Node | None:
    found = largest(part, ranges)
    return None if found is None or any(accesses(found)) else found


def _least(part: Node, ranges: list[tuple[Node, Node, Node]]) -> Node | None:
    found = _most(combined((-1, part)), ranges)
    return None if found is None else combined((-1, found))


def _below(u: Node | None, v: Node | None) -> bool:
    """Whether u < v, for all lengths."""
    return u is not None and v is not None and at_most(combined((1, u), (1, ONE)), v)


# One circle


def _scan(group: list[Equation], links: list[_Link]) -> Scan:
    """The circle as a Scan: a letter for each equation that counts the steps, and how far each is shifted against the others."""
    for letters in islice(_choices(group), CHOICES):
        for direction in DIRECTIONS:
            gaps = [_gap(group, link, letters, direction) for link in links]
            if all(gap is not None for gap in gaps):
                weights = [(link.reader, link.source, gap) for link, gap in zip(links, gaps, strict=True) if gap is not None]
                offsets = _offsets(len(group), weights)
                order = None if offsets is None else _within_a_step(len(group), weights, offsets)
                if offsets is not None and order is not None:
                    return _built(group, letters, [direction * o for o in offsets], order, direction)
    raise _never_starts(group, links)


def _choices(group: list[Equation]) -> Iterator[tuple[Node, ...]]:
    """Letters that may count the steps, one for each equation: the same for all, where there is one, else those at one place of their targets."""
    common = [letter for letter in group[0].letters if all(letter in e.letters for e in group)]
    yield from (tuple(letter for _ in group) for letter in common)
    yield from product(*(e.letters for e in group))


def _gap(group: list[Equation], link: _Link, letters: tuple[Node, ...], direction: int) -> int | None:
    """At step s the reader needs what the source writes up to step s + gap, counted in the direction of the Scan; None if there is no such gap."""
    reader, source = group[link.reader], group[link.source]
    mine, other = letters[link.reader], letters[link.source]
    outer, inner = _ranges(reader, mine), _ranges(source, other)
    found: list[int] = []
    for place, target in zip(link.place, source.at, strict=True):
        if direction > 0:
            needed, written = _most(place, outer), _least(target, inner)
        else:
            needed, written = _least(place, outer), _most(target, inner)
        if needed is not None and written is not None:
            gap = _shift(linear(needed), mine, linear(written), other)
            if gap is not None:
                found.append(direction * gap)
    return min(found) if found else None


def _shift(needed: Linear | None, mine: Node, written: Linear | None, other: Node) -> int | None:
    """needed - written where both go with the letter of the step alone, one for one."""
    if needed is None or written is None or needed.get(mine) != 1 or written.get(other) != 1:
        return None
    rest = {atom: needed.get(atom, Fraction(0)) for atom in needed if atom is not mine}
    for atom, c in written.items():
        if atom is not other:
            rest[atom] = rest.get(atom, Fraction(0)) - c
    constant = rest.pop(None, Fraction(0))
    return int(constant) if constant.denominator == 1 and not any(rest.values()) else None


def _offsets(count: int, weights: list[tuple[int, int, int]]) -> list[int] | None:
    """How many steps each equation is late, so that offset[source] + gap <= offset[reader]; None where a circle goes forward (Bellman 1958)."""
    offsets = [0] * count
    for _ in range(count + 1):
        moved = False
        for reader, source, gap in weights:
            if offsets[source] + gap > offsets[reader]:
                offsets[reader] = offsets[source] + gap
                moved = True
        if not moved:
            return offsets
    return None


def _within_a_step(count: int, weights: list[tuple[int, int, int]], offsets: list[int]) -> list[int] | None:
    """An order in which each equation comes after those that it reads in the same step; None for a circle within a step."""
    before: list[set[int]] = [set() for _ in range(count)]
    for reader, source, gap in weights:
        if offsets[source] + gap == offsets[reader]:
            before[reader].add(source)
    order: list[int] = []
    while len(order) < count:
        ready = next((n for n in range(count) if n not in order and before[n] <= set(order)), None)
        if ready is None:
            return None
        order.append(ready)
    return order


def _built(group: list[Equation], letters: tuple[Node, ...], offsets: list[int], order: list[int], direction: Direction) -> Scan:
    """All equations under one letter, shifted so that they belong to the same steps."""
    letter = letters[order[0]]
    for n, equation in enumerate(group):
        if letters[n] is not letter and letter in equation.letters:
            used = {other.value for e in group for other in e.letters}
            letter = index(Fresh(used)(letters[order[0]].value))
            break
    equations = [_outwards(_moved(group[n], letters[n], letter, offsets[n]), letter) for n in order]
    bounds = [next(axis for axis in e.domain if axis.index is letter) for e in equations]
    low, high = bounds[0].low, bounds[0].high
    for axis in bounds[1:]:
        low = _extreme(low, axis.low, group, lower=True)
        high = _extreme(high, axis.high, group, lower=False)
    if any(edge.free or any(accesses(edge)) for edge in (low, high)):
        steps = f"{text(low)}:{text(high)}"
        raise NotBuilt(f"{_names(group)} is a recurrence whose steps {steps} depend on other indices or data.", accepted="a whole axis")
    return Scan(Range(letter, low, high), direction, tuple(equations))


def _outwards(equation: Equation, letter: Node) -> Equation:
    """The equation with a range of the letter that uses no other index: j in 0:i + 1 for i in 0:m is i in j:m for j in 0:m."""
    place = next(n for n, axis in enumerate(equation.domain) if axis.index is letter)
    mine = equation.domain[place]
    for n, axis in enumerate(equation.domain[:place]):
        if axis.index not in mine.low.free | mine.high.free or axis.low.free | axis.high.free:
            continue
        other, last = axis.index, combined((1, axis.high), (-1, ONE))
        if mine.low.free:  # letter >= other + rest
            rest = combined((1, mine.low), (-1, other))
            turned = Range(letter, combined((1, axis.low), (1, rest)), mine.high), Range(
                other, axis.low, combined((1, letter), (-1, rest), (1, ONE))
            )
            fits = not mine.high.free and at_most(combined((1, mine.high), (-1, rest)), axis.high)
        else:  # letter < other + rest
            rest = combined((1, mine.high), (-1, other))
            turned = Range(letter, mine.low, combined((1, last), (1, rest))), Range(other, combined((1, letter), (-1, rest), (1, ONE)), axis.high)
            fits = at_most(axis.low, combined((1, mine.low), (-1, rest), (1, ONE)))
        if fits and not rest.free and not any(accesses(rest)):
            others = [other for m, other in enumerate(equation.domain) if m not in (n, place)]
            return replace(equation, domain=(*others[:n], *turned, *others[n:]))
    return equation


def _extreme(u: Node, v: Node, group: list[Equation], *, lower: bool) -> Node:
    if difference(u, v) == 0:
        return u
    if at_most(u, v):
        return u if lower else v
    if at_most(v, u):
        return v if lower else u
    raise NotBuilt(f"{_names(group)} is a recurrence along axes of lengths {text(u)} and {text(v)}.", accepted="one axis for all its definitions")


def _moved(equation: Equation, own: Node, letter: Node, offset: int) -> Equation:
    """The equation in the letter of the Scan, so that what it does at own = n it does at letter = n + offset."""
    if own is letter and not offset:
        return equation
    back = {own: combined((1, letter), (-offset, ONE)) if offset else letter}

    def moved(axis: Range) -> Range:
        low, high = substituted(axis.low, back), substituted(axis.high, back)
        if axis.index is not own:
            return Range(axis.index, low, high)
        return Range(letter, combined((1, low), (offset, ONE)), combined((1, high), (offset, ONE))) if offset else Range(letter, low, high)

    at = tuple(substituted(place, back) for place in equation.at)
    body, guard = (substituted(part, back) for part in (equation.body, equation.guard))
    if offset:
        at, body, guard = tuple(map(collected, at)), in_subscripts_collected(body), in_subscripts_collected(guard)
    return replace(equation, at=at, domain=tuple(map(moved, equation.domain)), body=body, guard=guard)


def _names(group: Iterable[Equation]) -> str:
    named = dict.fromkeys(e.target for e in group if e.rule == "given") or dict.fromkeys(e.target for e in group)
    return " -> ".join([*named, next(iter(named))]) if len(named) > 1 else next(iter(named))


def _never_starts(group: list[Equation], links: Iterable[_Link]) -> InputError:
    """What is wrong with a circle that no order of steps can run."""
    name = _names(group)
    read = ", ".join(dict.fromkeys(text(access(group[link.source].target, *link.place)) for link in links))
    written = ", ".join(dict.fromkeys(text(e.left) for e in group))
    return InputError(
        f"Definitions refer to each other in a circle that has no start: {name}; {written} from {read}.",
        accepted="references that shift one index the same way, h[t + 1] = tanh(h[t]), and no circle within a step",
    )
