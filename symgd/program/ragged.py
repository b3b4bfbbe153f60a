"""Where an intermediate is kept whose index runs over a range of another length each time: behind each other, from the start of its range on.

`s[g, t]` for t in off[g]:off[g + 1] would need as many columns as there are values in all groups together. `s[g, t - off[g]]` needs as many as
the longest group has, a length that only the values of `off` tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

from symgd.nodes.node import ONE, Node, accesses, length
from symgd.program.equation import Range
from symgd.program.extremes import largest
from symgd.program.linear import combined, size
from symgd.program.names import Fresh

__all__ = ["Shelves"]


class Shelves:
    """Subscripts and extents of intermediates, and the lengths that only values tell: name -> the ranges of which the last is that long at most.

    >>> from symgd.nodes.text import text
    >>> from symgd.program.equation import read_equation
    >>> shelves = Shelves(lambda: ["m"])
    >>> at, extents = shelves.kept(read_equation("C += x[t] for g in 0:m, t in off[g]:off[g + 1]").domain)
    >>> print(*map(text, at), "|", *map(text, extents), "|", *shelves.longest)
    g t - off[g] | m most_t | most_t
    """

    def __init__(self, lengths: Callable[[], Iterable[str]], longest: Mapping[str, tuple[Range, ...]] | None = None) -> None:
        self.longest = dict(longest or {})
        self._lengths = lengths  # asked for when a name is needed: they are all over the program

    @cached_property
    def _fresh(self) -> Fresh:
        return Fresh({*self._lengths(), *self.longest})

    def kept(self, scope: Sequence[Range]) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
        """(the subscripts at which a value for each index is kept, the extents of such an array)."""
        found = [self._one(tuple(scope[: count + 1])) for count in range(len(scope))]
        return tuple(at for at, _ in found), tuple(extent for _, extent in found)

    def _one(self, scope: tuple[Range, ...]) -> tuple[Node, Node]:
        axis = scope[-1]
        ranges = tuple((outer.index, outer.low, outer.high) for outer in scope)
        extent = largest(combined((1, axis.index), (1, ONE)), ranges)
        if extent is not None and not any(accesses(extent)):
            return axis.index, extent
        behind = combined((1, axis.index), (-1, axis.low))
        extent = largest(size(axis.low, axis.high), ranges[:-1])
        if extent is not None and not any(accesses(extent)):
            return behind, extent
        return behind, length(self._label(scope))

    def _label(self, scope: tuple[Range, ...]) -> str:
        known = next((label for label, ranges in self.longest.items() if ranges == scope), None)
        if known is None:
            known = self._fresh.exactly(f"most_{scope[-1].index.value}")
            self.longest[known] = scope
        return known
