"""The pull form: dx[i + 1] += f(i) becomes dx[i] += f(i - 1), so that the left side is a plain element, as on paper."""

from __future__ import annotations

from dataclasses import replace

from symgd.nodes.node import ONE, ZERO, Node, accesses, substituted
from symgd.program.equation import Equation, Program, Range
from symgd.program.linear import coefficient, combined, difference, in_subscripts_collected


def pulled(program: Program) -> Program:
    """Solve the subscripts on the left of every `+=` for their index, where it stands alone with coefficient +1 or -1 and bounds no other range.

    What is assigned stays as the user wrote it, h[t + 1], and so does what a recurrence sums into, so that all its equations speak of one step.
    """
    return replace(program, equations=tuple(pull(item) if isinstance(item, Equation) and item.op == "+=" else item for item in program.equations))


def pull(equation: Equation) -> Equation:
    """One equation in pull form; what cannot be solved for stays a scatter.

    >>> from symgd.program.equation import read_equation
    >>> print(pull(read_equation("dx[i + 1] += 2*r[i] for i in 0:m - 1")))
    dx[i] += 2*r[i - 1] for i in 1:m
    """
    for position, place in enumerate(equation.at):
        solved = _solved(equation, position, place)
        if solved is not None:
            equation = solved
    return equation


def _solved(equation: Equation, position: int, place: Node) -> Equation | None:
    if place.op == "index" or len(place.free) != 1 or any(accesses(place)):
        return None
    (letter,) = place.free
    found = coefficient(place, letter)
    factor = None if found is None else difference(found[0], ZERO)
    if found is None or factor not in (1, -1):
        return None
    elsewhere = [other for n, other in enumerate(equation.at) if n != position]
    bounds = [bound for axis in equation.domain for bound in (axis.low, axis.high)]
    if any(letter in part.free for part in (*elsewhere, *bounds)):
        return None
    sign, rest = 1 if factor == 1 else -1, found[1]  # place = sign*letter + rest, so letter = sign*(place - rest)
    value = combined((sign, letter), (-sign, rest))
    domain = tuple(_shifted(axis, sign, rest) if axis.index is letter else axis for axis in equation.domain)
    at = tuple(letter if n == position else other for n, other in enumerate(equation.at))
    body, guard = (in_subscripts_collected(substituted(part, {letter: value})) for part in (equation.body, equation.guard))
    return replace(equation, at=at, domain=domain, body=body, guard=guard)


def _shifted(axis: Range, sign: int, rest: Node) -> Range:
    if sign > 0:
        return Range(axis.index, combined((1, axis.low), (1, rest)), combined((1, axis.high), (1, rest)))
    return Range(axis.index, combined((1, rest), (-1, axis.high), (1, ONE)), combined((1, rest), (-1, axis.low), (1, ONE)))
