"""What happens where a piecewise formula changes its branch: do the values meet there, and do the slopes?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from symgd.derivation.steps import Deriving
from symgd.nodes.constants import Constants
from symgd.nodes.fold import filled, minus, plus
from symgd.nodes.node import COMPARISONS, ZERO, Node, accesses, postorder
from symgd.tidy.collect import collected

__all__ = ["Boundary", "boundaries"]


@dataclass(frozen=True, slots=True)
class Boundary:
    """At `by == place` the branch changes from `one` to `other`. `jump`, `bend`: by how much value and slope differ there, formulas without `by`."""

    by: Node
    place: Node
    one: Node
    other: Node
    jump: Node
    bend: Node


def boundaries(deriving: Deriving, part: Node) -> Iterator[Boundary]:
    """The places at which the conditions of a piecewise formula compare the parameter itself, or its absolute value, with something else.

    >>> from symgd.nodes.node import access
    >>> from symgd.nodes.text import text
    >>> from symgd.reading.text import expression
    >>> for found in boundaries(Deriving(access("x")), expression("piecewise(x^2/2, abs(x) < 1, abs(x) - 1/2)")):
    ...     print(text(found.place), text(found.jump), text(found.bend))
    1 0 0
    -1 0 0
    """
    deriving.of(part)
    values = [*part.args[:-1:2], *part.args[len(part.args) - len(part.args) % 2 :]]
    for n, condition in enumerate(part.args[1::2]):
        if n + 1 >= len(values):
            return
        for place in _places(condition, deriving.by):
            one, other = values[n], values[n + 1]
            slopes = [deriving.known[value].value for value in (one, other)]
            jump, bend = (_difference(a, b, deriving.by, place) for a, b in ((one, other), slopes))
            yield Boundary(deriving.by, place, one, other, jump, bend)


def _places(condition: Node, by: Node) -> list[Node]:
    if condition.op not in COMPARISONS or condition.op in ("==", "!="):
        return []
    left, right = condition.args
    if by in accesses(right):
        left, right = right, left
    if by in accesses(right):
        return []
    return [right] if left is by else [right, minus(right)] if left.op == "abs" and left.args[0] is by else []


def _difference(one: Node, other: Node, by: Node, place: Node) -> Node:
    """one - other at the place, 0 where that is certain."""
    gap = collected(plus(filled(one, {by: place}), minus(filled(other, {by: place}))))
    if any(part.op in ("access", "index", "length") for part in postorder(gap)):
        return gap
    value = Constants().of(gap)
    return ZERO if value is not None and abs(value) < 1e-18 else gap
