"""Conditions of formulas: what is certain left out, what is decided decided; and those on subscripts, of which deltas are made."""

from __future__ import annotations

from symgd.nodes.node import COMPARISONS, FALSE, TRUE, ZERO, Node, accesses, node
from symgd.program.linear import difference

__all__ = ["conjuncts", "decided", "is_masked", "is_on_places", "is_place", "plain_condition"]


def is_masked(part: Node) -> bool:
    """Is it 0 but under a condition? piecewise(u, c, 0)"""
    return part.op == "piecewise" and len(part.args) == 3 and part.args[2] is ZERO


def plain_condition(part: Node) -> Node:
    """and, or, not with what is certain left out."""
    if part.op == "not":
        inner = part.args[0]
        return {TRUE: FALSE, FALSE: TRUE}.get(inner, inner.args[0] if inner.op == "not" else part)
    if part.op not in ("and", "or"):
        return part
    certain, idle = (FALSE, TRUE) if part.op == "and" else (TRUE, FALSE)
    kept: dict[Node, None] = {}
    for argument in part.args:
        kept |= dict.fromkeys(argument.args if argument.op == part.op else (argument,))
    kept.pop(idle, None)
    if certain in kept or any(node("not", argument) in kept for argument in kept):
        return certain
    return idle if not kept else next(iter(kept)) if len(kept) == 1 else node(part.op, *kept)


def decided(part: Node) -> Node:
    """A comparison of index expressions that is decided: `i + 1 == i`."""
    gap = difference(*part.args) if all(a.free or a.op == "number" for a in part.args) else None
    if gap is None:
        return node(part.op, *reversed(part.args)) if part.op == "==" and part.args[0].op == "number" else part
    holds = {"<": gap < 0, "<=": gap <= 0, ">": gap > 0, ">=": gap >= 0, "==": gap == 0, "!=": gap != 0}[part.op]
    return TRUE if holds else FALSE


def is_on_places(condition: Node) -> bool:
    """Does it compare subscripts, as a delta does?"""
    return condition.op in COMPARISONS and any(map(is_place, condition.args))


def conjuncts(condition: Node) -> tuple[Node, ...]:
    """The conditions that all have to hold."""
    return condition.args if condition.op == "and" else (condition,)


def is_place(side: Node) -> bool:
    """Is this a subscript rather than a value? `k == p` is a delta; sums over deltas are solved, not written case by case."""
    return bool(side.free) and not any(True for _ in accesses(side))
