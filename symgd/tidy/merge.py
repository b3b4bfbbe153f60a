"""Accumulations over one domain into one target become one equation; an accumulation that happens once is an assignment."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from symgd.nodes.fold import joined
from symgd.program.equation import Equation, Program, Scan
from symgd.tidy.inline import fills


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
    """Write `=` for a `+=` that writes every element of its target once and alone, or every one that is read."""
    writers = Counter(equation.target for equation in program.flat())

    def one(equation: Equation) -> Equation:
        alone = equation.op == "+=" and writers[equation.target] == 1
        return replace(equation, op="=") if alone and fills(equation, program) else equation

    output = [replace(item, equations=tuple(map(one, item.equations))) if isinstance(item, Scan) else one(item) for item in program.equations]
    return replace(program, equations=tuple(output))
