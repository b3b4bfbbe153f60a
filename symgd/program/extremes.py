"""The largest and the smallest value of an index expression while its letters run over their ranges.

A polynomial is followed letter by letter, the innermost first: where its difference from one value of the letter to the next keeps its sign, the
extreme stands at an end of the range. Whatever cannot be decided so for all lengths is None, and the values themselves have to tell.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import lcm

from symgd.nodes.node import ONE, ZERO, Node, node, number, substituted
from symgd.nodes.polynomial import STEPS, is_whole, node_of, polynomial
from symgd.program.linear import coefficient, combined

__all__ = ["Ranges", "at_most", "largest", "rises", "smallest"]

MINUS_ONE = node("neg", ONE)
Ranges = tuple[tuple[Node, Node, Node], ...]  # (letter, low, high), later ones inside earlier ones


def largest(part: Node, ranges: Iterable[tuple[Node, Node, Node]]) -> Node | None:
    """The largest value while the letters run over (letter, low, high), later ranges inside earlier ones; None where it cannot be told.

    >>> from symgd.nodes.text import text
    >>> from symgd.nodes.node import index, length
    >>> i, j, d = index("i"), index("j"), length("d")
    >>> packed = combined((1, node("/", node("*", i, combined((1, i), (-1, ONE))), number(2))), (1, j))
    >>> print(text(largest(packed, [(i, ZERO, d), (j, ZERO, i)])))
    d*(d - 1)/2 - 1
    >>> print(text(largest(node("floor", node("/", i, number(2))), [(i, ZERO, d)])))
    floor((d - 1)/2)
    """
    return _extreme(part, tuple(ranges), 1)


def smallest(part: Node, ranges: Iterable[tuple[Node, Node, Node]]) -> Node | None:
    """The smallest value, like `largest`."""
    return _extreme(part, tuple(ranges), -1)


def at_most(u: Node, v: Node) -> bool:
    """Whether u <= v for all lengths of at least 1.

    >>> from symgd.nodes.node import length
    >>> d = length("d")
    >>> at_most(d, node("*", d, d)), at_most(d, node("max", combined((1, d), (-1, ONE)), ONE))
    (True, False)
    """
    return u is v or _nonnegative(combined((1, v), (-1, u)), ())


def rises(part: Node, length: Node) -> bool:
    """Whether the expression grows with every step of a length of at least 1, so that its value tells the length.

    >>> from symgd.nodes.node import length
    >>> d = length("d")
    >>> rises(node("*", d, d), d), rises(node("floor", node("/", d, number(2))), d)
    (True, False)
    """
    return at_most(ONE, _step(part, length))


def _extreme(part: Node, ranges: Ranges, sign: int) -> Node | None:
    if polynomial(part) is None:
        return None
    for count in range(len(ranges), 0, -1):
        found = _without_letter(part, ranges[:count], sign)
        if found is None:
            return None
        part = found
    return _simplified(part)


def _without_letter(part: Node, ranges: Ranges, sign: int) -> Node | None:
    """The extreme over the innermost letter alone: at an end of its range, or with the one step function that contains it at its own extreme."""
    letter, low, high = ranges[-1]
    if letter not in part.free:
        return part
    way = _trend(part, ranges)
    if way is not None:
        return substituted(part, {letter: low if way * sign < 0 else combined((1, high), (-1, ONE))})
    atoms = _steps(part, letter)
    found = coefficient(part, atoms[0]) if len(atoms) == 1 else None
    if found is None or letter in found[0].free or letter in found[1].free:
        return None
    outer = _direction(found[0], ranges)
    value = None if outer is None else _extreme_step(atoms[0], ranges, outer * sign)
    return None if value is None else combined((1, node("*", found[0], value)), (1, found[1]))


def _extreme_step(atom: Node, ranges: Ranges, sign: int) -> Node | None:
    """mod(i, n) is n - 1 or 0, a floor that of the extreme inside, a largest max the max of the largest."""
    if atom.op == "mod":
        by = atom.args[1]
        if ranges[-1][0] in by.free or not _positive(by, ranges):
            return None
        return ZERO if sign < 0 else combined((1, by), (-1, ONE))
    if atom.op in ("max", "min") and (atom.op == "max") != (sign > 0):
        return None
    values = [_without_letter(argument, ranges, sign) for argument in atom.args]
    known = [value for value in values if value is not None]
    return node(atom.op, *known) if len(known) == len(values) else None


def _trend(part: Node, ranges: Ranges) -> int | None:
    """1 where the expression never falls as the innermost letter grows, -1 where it never rises, 0 where neither, None if unknown."""
    letter = ranges[-1][0]
    ways: set[int | None] = set()
    for atom in _steps(part, letter):
        found = coefficient(part, atom)
        if found is None or letter in found[0].free:
            return None
        inside, outer = _trend_inside(atom, ranges), _direction(found[0], ranges)
        ways.add(None if inside is None or outer is None else inside * outer)
        part = found[1]
    ways.add(_direction(_step(part, letter), _shorter(ranges)) if letter in part.free else 0)
    ways.discard(0)
    return None if None in ways or len(ways) > 1 else ways.pop() if ways else 0


def _trend_inside(atom: Node, ranges: Ranges) -> int | None:
    """The trend of floor, ceiling, max, min, which is that of their arguments; mod has none."""
    args: tuple[Node, ...] = atom.args
    if atom.op == "mod":
        return None
    if atom.op in ("floor", "ceiling") and polynomial(args[0]) is None:
        above, below = args[0].args
        if ranges[-1][0] in below.free or not _positive(below, ranges):
            return None
        args = (above,)
    ways = {_trend(argument, ranges) for argument in args} - {0}
    return None if None in ways or len(ways) > 1 else ways.pop() if ways else 0


def _steps(part: Node, letter: Node) -> list[Node]:
    """mod, floor, ceiling, max, min in which the letter stands."""
    form = polynomial(part) or {}
    return list(dict.fromkeys(atom for monomial in form for atom in monomial if atom.op in STEPS and letter in atom.free))


def _direction(part: Node, ranges: Ranges) -> int | None:
    """The sign of an expression that never changes it."""
    if _nonnegative(part, ranges):
        return 1
    return -1 if _nonnegative(combined((-1, part)), ranges) else None


def _positive(part: Node, ranges: Ranges) -> bool:
    return _nonnegative(combined((1, part), (-1, ONE)), ranges)


def _step(part: Node, letter: Node) -> Node:
    """part at letter + 1 minus part at letter."""
    return combined((1, substituted(part, {letter: combined((1, letter), (1, ONE))})), (-1, part))


def _shorter(ranges: Ranges) -> Ranges:
    """The ranges over which the innermost letter can still take a step."""
    letter, low, high = ranges[-1]
    return (*ranges[:-1], (letter, low, combined((1, high), (-1, ONE))))


def _simplified(part: Node) -> Node:
    """Collected, without arguments of max and min that others are known to exceed, and without floors of less than 1."""
    form = polynomial(part)
    if form is None:
        return part
    atoms = dict.fromkeys(atom for monomial in form for atom in monomial if atom.op in ("max", "min", "floor"))
    changes = {atom: found for atom in atoms if (found := _simpler(atom)) is not None}
    return combined((1, substituted(node_of(form), changes)))


def _simpler(atom: Node) -> Node | None:
    if atom.op == "floor":
        return _small_floor(atom.args[0])
    kept: list[Node] = []
    for argument in atom.args:
        if not any(_beats(atom.op, other, argument) for other in kept):
            kept = [other for other in kept if not _beats(atom.op, argument, other)] + [argument]
    return kept[0] if len(kept) == 1 else node(atom.op, *kept)


def _small_floor(inside: Node) -> Node | None:
    """floor(a/b) where 0 <= a < b is 0, where -b <= a < 0 it is -1."""
    if inside.op != "/" or polynomial(inside) is not None or not _positive(inside.args[1], ()):
        return None
    above, below = inside.args
    if at_most(ZERO, above) and at_most(combined((1, above), (1, ONE)), below):
        return ZERO
    if at_most(above, MINUS_ONE) and at_most(combined((-1, above)), below):
        return MINUS_ONE
    return None


def _beats(op: str, u: Node, v: Node) -> bool:
    return at_most(v, u) if op == "max" else at_most(u, v)


# Signs


def _nonnegative(part: Node, ranges: Ranges) -> bool:
    """Whether the expression is proved to be at least 0 all over the ranges, for all lengths of at least 1.

    A step function is replaced by what bounds it. Then letter by letter, the innermost first: at the low end of its range if the expression rises,
    at the high end if it falls, at both if it is concave.
    """
    form = polynomial(part)
    if form is None:
        return False
    atoms = dict.fromkeys(atom for monomial in form for atom in monomial)
    here = node_of(form)
    step = next((atom for atom in atoms if atom.op in STEPS), None)
    if step is not None:
        return _nonnegative_with(here, step, ranges)
    for count in range(len(ranges), 0, -1):
        letter, low, high = ranges[count - 1]
        if letter not in atoms:
            continue
        outer, inside = ranges[: count - 1], _shorter(ranges[:count])
        first, last = (substituted(here, {letter: end}) for end in (low, combined((1, high), (-1, ONE))))
        rise = _step(here, letter)
        if _nonnegative(rise, inside):
            return _nonnegative(first, outer)
        fall = combined((-1, rise))
        if _nonnegative(fall, inside):
            return _nonnegative(last, outer)
        return _nonnegative(_step(fall, letter), inside) and _nonnegative(first, outer) and _nonnegative(last, outer)
    if any(atom.op != "length" for atom in atoms):
        return False
    above = polynomial(substituted(here, {atom: node("+", atom, ONE) for atom in atoms}))  # a length is 1 and something
    return above is not None and all(c > 0 for c in above.values())


def _nonnegative_with(part: Node, atom: Node, ranges: Ranges) -> bool:
    """The same where a step function occurs: a bound from the right side stands in for it."""

    def at(value: Node) -> bool:
        return _nonnegative(substituted(part, {atom: value}), ranges)

    found = coefficient(part, atom)
    if atom.op in ("max", "min"):
        if all(map(at, atom.args)):
            return True
        helps = found is not None and _nonnegative(combined((1 if atom.op == "max" else -1, found[0])), ranges)
        return helps and any(map(at, atom.args))
    if found is None:
        return False
    low, high = _bounds_of(atom, ranges)
    if low is not None and _nonnegative(found[0], ranges):
        return at(low)
    return high is not None and _nonnegative(combined((-1, found[0])), ranges) and at(high)


def _bounds_of(atom: Node, ranges: Ranges) -> tuple[Node | None, Node | None]:
    """What mod, floor and ceiling are at least and at most."""
    if atom.op == "mod":
        return (ZERO, combined((1, atom.args[1]), (-1, ONE))) if _positive(atom.args[1], ranges) else (None, None)
    inside = atom.args[0]
    form = polynomial(inside)
    if form is None:
        above, below = inside.args
        return (ZERO, above) if _nonnegative(above, ranges) and _positive(below, ranges) else (None, None)
    grain = lcm(*(c.denominator for c in form.values()))  # a multiple of 1/D is at most (D - 1)/D above its floor
    slack = number(Fraction(grain - 1, grain)) if is_whole(combined((grain, inside))) else ONE
    return (combined((1, inside), (-1, slack)), inside) if atom.op == "floor" else (inside, combined((1, inside), (1, slack)))
