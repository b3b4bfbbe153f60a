"""Equations that only pass a value on are filled in where they are read."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from symgd.nodes.fold import filled
from symgd.nodes.node import TRUE, Node, accesses, postorder, substituted
from symgd.program.equation import Equation, Program
from symgd.program.linear import difference


def inlined(program: Program) -> Program:
    """Fill in generated equations whose body is a number or a product of scalars, and those that one equation reads once.

    Definitions of the user stay, and so do their adjoints unless they are trivial: a reader looks for them. A part is never drawn into a larger
    loop than its own, so no work is repeated.
    """
    readers, counts = _readers(program)
    first = _first_reads(program)
    writers = Counter(equation.target for equation in program.flat())
    visible = {program.cost, *program.given, *program.parameters}
    visible |= {program.adjoints[name] for name in program.given if name in program.adjoints}
    kept_results = set(program.results)
    trivial: dict[str, Equation] = {}
    output: list[Equation] = []
    for place, item in enumerate(program.flat()):
        equation = _filled(item, trivial) if trivial else item
        only = writers[equation.target] == 1 and equation.target not in kept_results and first.get(equation.target, place) >= place
        if only and _passes_on(equation, program):
            simple = _trivial(equation.body) or (_copies(equation) and equation.target not in visible)
            once = counts[equation.target] == 1 and equation.target not in visible and _no_larger(equation, readers.get(equation.target))
            if (simple and equation.target not in program.given) or once:
                trivial[equation.target] = equation
                continue
        output.append(equation)
    return replace(program, equations=tuple(output))


def _readers(program: Program) -> tuple[dict[str, Equation | None], Counter[str]]:
    """name -> the one equation that reads it, None for several; and how often it is read. What a range, guard or subscript reads counts as often."""
    readers: dict[str, Equation | None] = {}
    counts: Counter[str] = Counter()
    for equation in program.flat():
        found: Counter[str] = Counter()
        for part in postorder(equation.body):
            for argument in part.args:
                if argument.op == "access":
                    found[argument.value] += 1 if part.op != "access" else 2
        if equation.body.op == "access":
            found[equation.body.value] += 1
        if equation.domain or equation.guard is not TRUE:
            bounds = [bound for axis in equation.domain for bound in (axis.low, axis.high)]
            for kept in accesses(equation.guard, *bounds, *equation.at):
                found[kept.value] += 2
        for name in found:
            readers[name] = equation if name not in readers else None
        counts.update(found)
    return readers, counts


def _first_reads(program: Program) -> dict[str, int]:
    """name -> the first equation that reads it; in a recurrence that may stand before the one that writes it."""
    first: dict[str, int] = {}
    for place, equation in enumerate(program.flat()):
        for found in equation.reads():
            first.setdefault(found.value, place)
    return first


def _passes_on(equation: Equation, program: Program) -> bool:
    """One value a place, for every place of the target."""
    if equation.op not in ("=", "+=") or equation.guard is not TRUE or equation.at != equation.letters:
        return False
    return whole(equation, program)


def whole(equation: Equation, program: Program) -> bool:
    """Does the equation write every element of its target?"""
    extents = program.extents.get(equation.target)
    if extents is None or len(extents) != len(equation.domain):
        return False
    return all(difference(axis.high, extent) == 0 and axis.low.value == "0" for axis, extent in zip(equation.domain, extents, strict=True))


def _trivial(body: Node) -> bool:
    """A number, or a short product of numbers, lengths and scalars."""
    if body.op in ("number", "constant", "length"):
        return True
    if body.op == "access":
        return not body.args
    return body.op in ("*", "/", "neg") and len(body.args) <= 2 and all(map(_trivial, body.args))


def _copies(equation: Equation) -> bool:
    """Is the body an element of another array, found without data?"""
    body = equation.body
    return body.op == "access" and bool(equation.at) and not any(part.op == "access" for place in body.args for part in postorder(place))


def _no_larger(equation: Equation, reader: Equation | None) -> bool:
    return reader is not None and len(reader.domain) <= len(equation.domain)


def _filled(equation: Equation, trivial: dict[str, Equation]) -> Equation:
    changes: dict[Node, Node] = {}
    for found in equation.reads():
        source = trivial.get(found.value)
        if source is not None:
            changes[found] = substituted(source.body, dict(zip(source.at, found.args, strict=True)))
    if not changes:
        return equation
    return replace(equation, body=filled(equation.body, changes), guard=substituted(equation.guard, changes))
