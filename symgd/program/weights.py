"""Sums that are divided by a logsumexp over the same samples need not wait for it: `T += g[i]*exp(u[i] - L)` beside `L logsumexp= u[i]`.

A block of samples takes its own L_b. Where blocks are joined, each share counts with exp(L_b - L). So log-mean-exp and its gradient are one pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from symgd.nodes.node import Node, accesses, node, outside_subscripts, substituted
from symgd.program.equation import Equation

__all__ = ["Weight", "Weights"]

Weight = tuple[str, tuple[int, ...]]
"""The logsumexp, and where its subscripts stand among those of the sum."""


class _Mixed(Exception):
    """The formula is not a multiple of exp(-L)."""


@dataclass(slots=True)
class Weights:
    """`totals`: the logsumexps over the samples that may be known by block. `weighted`: array with an entry a sample -> (its subscripts, the
    logsumexp that it is divided by)."""

    totals: frozenset[str]
    weighted: dict[str, tuple[tuple[Node, ...], Node]] = field(default_factory=dict)

    def of(self, equation: Equation) -> Node | None:
        """The logsumexp that the equation divides by, as it is read; None where it does not, or not as a whole."""
        if not self.totals or equation.op not in ("=", "+="):
            return None
        outside = (equation.guard, *equation.at, *(edge for axis in equation.domain for edge in (axis.low, axis.high)))
        if any(self._is_touched(place) for place in accesses(*outside)):
            return None
        try:
            return self._weight(equation.body)
        except _Mixed:
            return None

    def _is_touched(self, place: Node) -> bool:
        return place.value in self.totals or place.value in self.weighted

    def _weight(self, body: Node) -> Node | None:
        found: dict[Node, Node | None] = {}
        for part in outside_subscripts(body):
            found[part] = self._of_part(part, found)
        return found[body] if found[body] is not _BARE else None

    def _of_part(self, part: Node, found: Mapping[Node, Node | None]) -> Node | None:
        """What the part divides by: None where it is free of all logsumexps, _BARE where one stands in it that no exponential has taken up yet."""
        if part.op == "access":
            if part.value in self.totals:
                return _BARE
            if part.value not in self.weighted:
                return None
            at, weight = self.weighted[part.value]
            return substituted(weight, dict(zip(at, part.args, strict=True)))
        inner = [found[argument] for argument in part.args]
        used = [weight for weight in inner if weight is not None]
        if not used:
            return None
        if part.op == "exp":
            return self._of_exponent(part.args[0])
        if part.op == "neg" or (part.op == "+" and _BARE in used):
            return used[0] if part.op == "neg" else _BARE
        if part.op == "+" and all(weight is used[0] for weight in inner):
            return used[0]
        if _BARE not in used and len(used) == 1 and (part.op == "*" or (part.op == "/" and inner[1] is None)):
            return used[0]
        raise _Mixed

    def _of_exponent(self, exponent: Node) -> Node | None:
        """exp(u - L)"""
        terms = exponent.args if exponent.op == "+" else (exponent,)
        taken = [term for term in terms if term.op == "neg" and term.args[0].op == "access" and term.args[0].value in self.totals]
        if len(taken) != 1 or any(self._is_touched(place) for term in terms if term is not taken[0] for place in accesses(term)):
            raise _Mixed
        return taken[0].args[0]


def positions(equation: Equation, weight: Node) -> Weight | None:
    """Where the subscripts of the logsumexp stand among those of what the equation sums into, in their order."""
    places = [next((n for n, place in enumerate(equation.at) if place is argument), None) for argument in weight.args]
    found = tuple(place for place in places if place is not None)
    return (weight.value, found) if len(found) == len(places) and list(found) == sorted(set(found)) else None


_BARE = node("constant", value="bare")
