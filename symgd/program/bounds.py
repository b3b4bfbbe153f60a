"""What the accesses of a Program say about the lengths of its arrays: the indices that each of them reaches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from symgd.errors import InputError, NotBuilt
from symgd.nodes.node import COMPARISONS, ONE, ZERO, Node, accesses, node, postorder
from symgd.nodes.polynomial import STEPS, denominator, is_whole, polynomial
from symgd.nodes.text import text
from symgd.program.equation import Equation
from symgd.program.extremes import Ranges, at_most, largest, smallest
from symgd.program.linear import coefficient, combined, difference

__all__ = ["Bound", "Ranges", "Said", "agreed", "at_most", "extents", "in_subscripts", "reached", "strongest", "told", "whole"]

Said = Mapping[str, tuple[tuple["Bound", ...], ...]]
_NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Bound:
    """What one access says about one position of an array: its indices run from `low` to `high` - 1 there; None where only the values tell.

    `letter`: the index letter that stands there alone and runs over the whole of 0:high.
    """

    access: Node
    low: Node | None
    high: Node | None
    letter: Node | None = None

    @property
    def fixed(self) -> bool:
        """Whether the index is one number, so that the access says nothing about the array's end."""
        return (
            self.high is not None
            and self.high.op == "number"
            and self.letter is None
            and self.low is not None
            and difference(self.high, self.low) == 1
        )


def extents(equations: Iterable[Equation]) -> Said:
    """For every array and each of its positions what the accesses, on the left side too, say about its length.

    Conditions of piecewise and guards on index letters count: `piecewise(x[i - 1], i > 0, 0)` reads nothing before x[0].

    >>> from symgd.program.equation import read_equation
    >>> for bound in extents([read_equation("r[i] = x[i + 1]*w[3] for i in 0:m")])["x"][0]:
    ...     print(text(bound.low), text(bound.high))
    1 m + 1
    """
    return _extents(tuple(equations))


@lru_cache(maxsize=8)
def _extents(listed: tuple[Equation, ...]) -> Said:
    integers = in_subscripts(listed)
    found: dict[str, list[dict[Bound, None]]] = {}
    for equation in listed:
        whole = _ranges(equation, ())
        for access, conditions in reached(equation, integers):
            ranges = _ranges(equation, conditions) if conditions else whole
            positions = found.setdefault(access.value, [{} for _ in access.args])
            if len(positions) != len(access.args):
                raise InputError(
                    f"{access.value} is read with {len(positions)} and with {len(access.args)} indices.", accepted="one number of indices"
                )
            for place, bounds in zip(access.args, positions, strict=True):
                bounds[_bound(access, place, ranges)] = None
    return MappingProxyType({name: tuple(tuple(bounds) for bounds in positions) for name, positions in found.items()})


def _bound(access: Node, place: Node, ranges: Ranges) -> Bound:
    if place.op == "index":
        for letter, low, high in ranges:
            if letter is place and low is ZERO and not high.free and not any(accesses(high)):
                return Bound(access, ZERO, high, letter)
    if not is_whole(place):
        accepted = f"floor({text(place)})" if polynomial(place) is not None else "whole-number arithmetic with +, -, *, mod, floor, max, min"
        raise NotBuilt(f"Subscript {text(place)} of {text(access)} need not be a whole number.", accepted=accepted)
    found = told(place, ranges)
    return Bound(access, None, None) if found is None else Bound(access, *found)


def told(place: Node, ranges: Ranges) -> tuple[Node, Node] | None:
    """(smallest value, largest value + 1) of a subscript, formulas in the lengths. None where integer data stand in it or in the ranges, or where it
    has its extreme somewhere inside: then the values have to tell.
    """
    first, last = smallest(place, ranges), largest(place, ranges)
    if first is None or last is None or any(accesses(first, last)):
        return None
    return first, combined((1, last), (1, ONE))


def in_subscripts(equations: Iterable[Equation]) -> frozenset[str]:
    """The names that stand in subscripts or in the bounds of ranges."""
    found: set[str] = set()
    for equation in equations:
        places = [place for access in (equation.left, *equation.reads()) for place in access.args]
        bounds = [bound for axis in equation.domain for bound in (axis.low, axis.high)]
        if any(part.args or part.op == "access" for part in (*places, *bounds)):
            found.update(access.value for access in accesses(*places, *bounds))
    return frozenset(found)


def reached(equation: Equation, integers: frozenset[str]) -> Iterator[tuple[Node, tuple[Node, ...]]]:
    """Every access of an equation, also the one on the left, with the conditions under which it is reached.

    Only conditions on indices, lengths and integer data are kept; those on other values cannot be told before the run.
    """
    guard = _conjuncts(equation.guard, integers)
    stack = [(equation.body, guard), (equation.guard, ())]
    stack += [(bound, ()) for axis in equation.domain for bound in (axis.low, axis.high)]
    stack.append((equation.left, guard))
    seen: set[tuple[Node, tuple[Node, ...]]] = set()
    order: list[tuple[Node, tuple[Node, ...]]] = []
    while stack:
        part, conditions = stack.pop()
        if (part, conditions) in seen:
            continue
        seen.add((part, conditions))
        if part.op == "access":
            order.append((part, conditions))
        stack.extend(reversed(_opened(part, conditions, integers)))
    return iter(sorted(order, key=lambda found: _depth(found[0])))


def _depth(access: Node) -> int:
    """0 for a plain access, one more for each level of accesses in its subscripts: what stands inside is checked first."""
    return max((1 + _depth(inner) for place in access.args for inner in accesses(place)), default=0)


def _opened(part: Node, conditions: tuple[Node, ...], integers: frozenset[str]) -> list[tuple[Node, tuple[Node, ...]]]:
    """The arguments of a node, each with the conditions under which it is evaluated."""
    if part.op not in ("piecewise", "and", "or"):
        return [(argument, conditions) for argument in part.args]
    opened: list[tuple[Node, tuple[Node, ...]]] = []
    before = conditions
    if part.op == "piecewise":
        pairs = len(part.args) // 2
        for branch, condition in zip(part.args[0 : 2 * pairs : 2], part.args[1 : 2 * pairs : 2], strict=True):
            opened.append((condition, before))
            opened.append((branch, _joined(before, _conjuncts(condition, integers))))
            before = _joined(before, _conjuncts(node("not", condition), integers))
        opened += [(otherwise, before) for otherwise in part.args[2 * pairs :]]
        return opened
    for argument in part.args:
        opened.append((argument, before))
        before = _joined(before, _conjuncts(argument if part.op == "and" else node("not", argument), integers))
    return opened


def _joined(old: tuple[Node, ...], new: tuple[Node, ...]) -> tuple[Node, ...]:
    return tuple(dict.fromkeys((*old, *new)))


def _conjuncts(condition: Node, integers: frozenset[str]) -> tuple[Node, ...]:
    """What holds where the condition holds, as far as it can be told from indices, lengths and integer data."""
    negative = False
    while condition.op == "not":
        negative, condition = not negative, condition.args[0]
    if condition.op == ("or" if negative else "and"):
        parts = [_conjuncts(node("not", a) if negative else a, integers) for a in condition.args]
        return tuple(dict.fromkeys(part for inner in parts for part in inner))
    known = {"index", "length", "number", "access", "+", "*", "/", "^", "neg", *STEPS, *COMPARISONS, "and", "or", "not"}
    inside = postorder(condition)
    if any(part.op not in known for part in inside) or any(part.op == "access" and part.value not in integers for part in inside):
        return ()
    if not any(part.op in ("index", "access") for part in inside) or not all(map(_is_comparison_of_whole, inside)):
        return ()
    if negative:
        return (node(_NEGATED[condition.op], *condition.args) if condition.op in _NEGATED else node("not", condition),)
    return (condition,)


def _is_comparison_of_whole(part: Node) -> bool:
    """Whether it compares what is whole once fractions are cleared; True for everything but comparisons."""
    if part.op not in COMPARISONS:
        return True
    return all(is_whole(combined((denominator(side), side))) for side in part.args)


def _ranges(equation: Equation, conditions: tuple[Node, ...]) -> Ranges:
    """The ranges of the equation, made narrower by conditions such as `i > 0` and `j != i`."""
    ranges = {axis.index: (axis.low, axis.high) for axis in equation.domain}
    order = {letter: n for n, letter in enumerate(ranges)}
    for condition in conditions:
        if condition.op not in COMPARISONS or any(accesses(condition)):
            continue
        gap = combined((1, condition.args[0]), (-1, condition.args[1]))
        letters = [letter for letter in gap.free if letter in order]
        if not letters:
            continue
        letter = max(letters, key=order.__getitem__)
        found = coefficient(gap, letter)
        sign = None if found is None else difference(found[0], ZERO)
        if found is not None and sign in (1, -1):
            edge = combined((-int(sign), found[1]))
            op = condition.op if sign > 0 else _TURNED.get(condition.op, condition.op)
            ranges[letter] = _narrowed(*ranges[letter], op, edge)
    return tuple((letter, low, high) for letter, (low, high) in ranges.items())


def _narrowed(low: Node, high: Node, op: str, edge: Node) -> tuple[Node, Node]:
    """The part of low:high in which the index is `op` edge."""
    after = combined((1, edge), (1, ONE))
    if op in ("<", "<=", "=="):
        end = edge if op == "<" else after
        high = high if at_most(high, end) else end
    if op in (">", ">=", "=="):
        begin = after if op == ">" else edge
        low = low if at_most(begin, low) else begin
    if op == "!=":
        if difference(edge, low) == 0:
            low = after
        if difference(after, high) == 0:
            high = edge
    return low, high


def whole(bounds: Iterable[Bound], high: Node) -> bool:
    """Whether an array of which this is read has exactly `high` elements, if an index runs over the whole of 0:high."""
    return all(bound.high is None or bound.high is high or at_most(bound.high, high) for bound in bounds)


def strongest(bounds: tuple[Bound, ...]) -> list[Bound]:
    """The bounds that no other bound is known to reach or exceed; of equal ones the first, a letter before a formula."""
    kept: list[Bound] = []
    for bound in sorted((b for b in bounds if b.high is not None), key=lambda b: b.letter is None):
        high = bound.high
        if high is None or any(other.high is not None and at_most(high, other.high) for other in kept):
            continue
        kept = [other for other in kept if other.high is None or not at_most(other.high, high)]
        kept.append(bound)
    return kept


def agreed(bounds: Iterable[Bound]) -> Node | None:
    """The number of elements along a position as a formula in the lengths; None where only the array itself can tell.

    An index that runs over a whole range decides. Else data in a subscript, or bounds that cannot be compared, leave it open.

    >>> from symgd.program.equation import read_equation
    >>> (rows, columns) = extents([read_equation("C += E[label[i], k + 1] for i in 0:m, k in 0:h")])["E"]
    >>> print(agreed(rows), text(agreed(columns)))
    None h + 1
    """
    listed = tuple(bounds)
    top = strongest(listed)
    chosen = [bound for bound in top if bound.letter is not None] or ([] if any(bound.high is None for bound in listed) else top)
    whole_range = chosen and chosen[0].letter is not None
    return chosen[0].high if chosen and (whole_range or len(chosen) == 1) else None
