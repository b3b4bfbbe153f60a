"""Accumulations over one domain into one target become one equation; an accumulation that happens once is an assignment."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from symgd.nodes.fold import joined
from symgd.program.equation import Equation, Program, Scan
from symgd.tidy.inline import whole


def merged(program: Program) -> Program:
    """Join the `+=` equations of one target over one domain that reduce nothing: dz = dz' + dz'' in one line, where the last stood."""
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
            output[places[-1]] = replace(parts[-1], body=joined(*(part.body for part in reversed(parts))))
    return replace(program, equations=tuple(item for item in output if item is not None))


def assigned(program: Program) -> Program:
    """Write `=` for a `+=` that writes every element of its target once and alone."""
    writers = Counter(equation.target for equation in program.flat())
    output: list[Equation | Scan] = []
    for item in program.equations:
        if isinstance(item, Equation) and item.op == "+=" and writers[item.target] == 1 and item.at == item.letters and whole(item, program):
            item = replace(item, op="=")
        output.append(item)
    return replace(program, equations=tuple(output))
