"""Accumulations over one domain into one target become one equation, equal equations one array; what happens once is an assignment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from symgd.nodes.fold import joined
from symgd.nodes.node import Node, access, rebuilt
from symgd.program.equation import Equation, Program, Range, Scan
from symgd.tidy.inline import fills


def merged(program: Program) -> Program:
    """Join the `+=` equations of one target over one domain that reduce nothing: dz = dz' + dz'' in one line, where the last stood."""
    program = replace(program, equations=tuple(_in_order(item) if isinstance(item, Equation) else item for item in program.equations))
    groups: dict[object, list[int]] = {}
    for place, item in enumerate(program.equations):
        if isinstance(item, Equation) and item.op == "+=" and not item.reduced:
            groups.setdefault((item.target, item.at, item.domain, item.guard), []).append(place)
    output: list[Equation | Scan | None] = list(program.equations)
    for places in groups.values():
        if len(places) > 1:
            parts = [item for place in places if isinstance(item := program.equations[place], Equation)]
            for place in places:
                output[place] = None
            facts = tuple(dict.fromkeys(fact for part in parts for fact in part.facts))
            output[places[-1]] = replace(parts[-1], body=joined(*(part.body for part in reversed(parts))), facts=facts)
    return replace(program, equations=tuple(item for item in output if item is not None))


def unified(program: Program) -> Program:
    """Drop a generated array that one equation fills as it fills another one, and read that one in its place.

    >>> from symgd.program.equation import read_equation
    >>> lines = ["s1[j] += X[i, j] for i in 0:m, j in 0:d", "s2[j] += X[i, j] for i in 0:m, j in 0:d", "C += s1[j]*s2[j] for j in 0:d"]
    >>> print(unified(Program(tuple(map(read_equation, lines)), {"X": 2}, "C", ())))
    (1) s1[j] += X[i, j] for i in 0:m, j in 0:d
    (2) C += s1[j]*s1[j] for j in 0:d
    """
    writers = Counter(equation.target for equation in program.flat())
    kept = {*program.results, *program.given}
    first: dict[object, str] = {}
    names: dict[str, str] = {}
    for equation in program.flat():
        same = read_as(equation, names)
        key = (same.at, same.op, same.domain, same.body, same.guard, program.extents.get(same.target))
        if writers[same.target] == 1:
            known = first.setdefault(key, same.target)
            if known != same.target and same.target not in kept:
                names[same.target] = known
    if not names:
        return program
    output = [read_as(equation, names) for equation in program.flat() if equation.target not in names]
    return replace(program, equations=tuple(output))


def read_as(equation: Equation, names: Mapping[str, str]) -> Equation:
    """The equation with other names for arrays that it reads."""
    if names.keys().isdisjoint(equation.names()):
        return equation

    def changed(part: Node) -> Node | None:
        return access(names[part.value], *part.args) if part.op == "access" and part.value in names else None

    return replace(
        equation,
        at=tuple(rebuilt(place, changed) for place in equation.at),
        domain=tuple(Range(axis.index, rebuilt(axis.low, changed), rebuilt(axis.high, changed)) for axis in equation.domain),
        body=rebuilt(equation.body, changed),
        guard=rebuilt(equation.guard, changed),
    )


def _in_order(equation: Equation) -> Equation:
    """The ranges in the order in which their indices stand on the left side, where that is all that they do there."""
    if not equation.domain or equation.at == equation.letters or len(equation.at) != len(equation.domain) or {*equation.at} != {*equation.letters}:
        return equation
    if any(axis.low.free | axis.high.free for axis in equation.domain):
        return equation
    ranges = {axis.index: axis for axis in equation.domain}
    return replace(equation, domain=tuple(ranges[place] for place in equation.at))


def assigned(program: Program) -> Program:
    """Write `=` for a `+=` that writes every element of its target once and alone, or every one that is read."""
    writers = Counter(equation.target for equation in program.flat())

    def one(equation: Equation) -> Equation:
        alone = equation.op == "+=" and writers[equation.target] == 1
        return replace(equation, op="=") if alone and fills(equation, program) else equation

    output = [replace(item, equations=tuple(map(one, item.equations))) if isinstance(item, Scan) else one(item) for item in program.equations]
    return replace(program, equations=tuple(output))
