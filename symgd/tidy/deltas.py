"""Sums over terms that are 0 but at one value of an index: the delta is solved for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from symgd.nodes.fold import all_of, choice, times
from symgd.nodes.node import ONE, ZERO, Node, node, number, postorder, substituted
from symgd.program.linear import combined, difference, from_linear, linear
from symgd.tidy.conditions import conjuncts, is_masked, plain_condition

__all__ = ["Ends", "without_delta"]

NONE = Fraction(0)

Ends = Mapping[Node, tuple[Node, Node]]
"""Free index letter -> low and high of its range, low <= letter < high."""


def without_delta(term: Node, bounds: Sequence[Node], inside: Ends) -> Node | None:
    """The sum over a term that is 0 but where an index has one value: that value put in. A condition that no summed index enters comes in front."""
    if not is_masked(term):
        return None
    value, condition, _ = term.args
    parts = [one for one in conjuncts(condition) if not _certain(one, inside)]
    if not parts:
        return node("sum", value, *bounds)
    letters = [bound.args[0] for bound in bounds]
    outer = [one for one in parts if not any(letter in one.free for letter in letters)]
    if outer:
        inner = all_of(*(one for one in parts if one not in outer))
        return choice(node("sum", choice(value, inner, ZERO), *bounds), plain_condition(all_of(*outer)), ZERO)
    for one in parts:
        for letter, place in _solutions(one, letters):
            if any(bound.args[0] in place.free for bound in _bound_inside(value)):
                continue
            others = [bound for bound in bounds if bound.args[0] is not letter]
            low, high = next(bound.args[1:] for bound in bounds if bound.args[0] is letter)
            if any(letter in bound.args[1].free | bound.args[2].free for bound in others) or any(other in low.free | high.free for other in letters):
                continue
            kept = [substituted(other, {letter: place}) for other in parts if other is not one]
            kept += [one for one in (node(">=", place, low), node("<", place, high)) if not _certain(one, inside)]
            summand = choice(substituted(value, {letter: place}), plain_condition(all_of(*kept)), ZERO)
            return node("sum", summand, *others) if others else summand
    return None


def _certain(condition: Node, ends: Ends) -> bool:
    """Does a condition on indices hold on all of their ranges?"""
    if condition.op in (">=", ">"):
        return _at_least(condition.args[0], combined((1, condition.args[1]), (int(condition.op == ">"), ONE)), ends)
    if condition.op in ("<", "<="):
        return _below(condition.args[0], combined((1, condition.args[1]), (int(condition.op == "<="), ONE)), ends)
    return False


def _bound_inside(value: Node) -> Iterator[Node]:
    return (part for part in postorder(value) if part.op == "range")


def _solutions(condition: Node, letters: Sequence[Node]) -> Iterator[tuple[Node, Node]]:
    """The letters that `u == v` determines, each with its value; the innermost first."""
    if condition.op != "==":
        return
    left, right = map(linear, condition.args)
    if left is None or right is None:
        return
    form = {atom: left.get(atom, NONE) - right.get(atom, NONE) for atom in {**left, **right}}
    for letter in reversed(letters):
        coefficient = form.get(letter, NONE)
        if coefficient in (1, -1):
            yield letter, from_linear({atom: -c / coefficient for atom, c in form.items() if atom is not letter})


def _at_least(place: Node, low: Node, ends: Ends) -> bool:
    """Is place >= low for certain?"""
    smallest = _extreme(place, ends, 0)
    gap = difference(smallest, low) if smallest is not None else None
    return gap is not None and gap >= 0


def _below(place: Node, high: Node, ends: Ends) -> bool:
    largest = _extreme(place, ends, 1)
    gap = difference(high, largest) if largest is not None else None
    return gap is not None and gap >= 1


def _extreme(place: Node, ends: Ends, side: int) -> Node | None:
    """The smallest (0) or largest (1) value of an index expression."""
    form = linear(place)
    if form is None or any(atom is not None and atom.op == "access" for atom in form):
        return None
    values: list[tuple[int, Node]] = []
    for atom, c in form.items():
        if atom is None or atom.op != "index":
            values.append((1, number(c) if atom is None else times(number(c), atom)))
        elif atom not in ends:
            return None
        else:
            low, high = ends[atom]
            values.append((1, times(number(c), low if (c > 0) == (side == 0) else combined((1, high), (-1, ONE)))))
    return combined(*values) if values else ZERO
