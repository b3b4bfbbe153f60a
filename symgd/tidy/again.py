"""What an equation reads at another sample is computed there again, where that saves waiting for a pass to end."""

from __future__ import annotations

from dataclasses import replace

from symgd.nodes.fold import filled
from symgd.nodes.node import TRUE, Node, substituted
from symgd.program.equation import Equation, Program, Scan
from symgd.program.levels import Levels, levels
from symgd.tidy.inline import fills

DEEPEST = 8  # times that a formula is filled into another


def computed_again(program: Program) -> Program:
    """Fill in what an equation reads of an array at another sample, where all that is read then is ready a pass earlier.

    `dz[k] += -t[i, k]` has to wait for the whole of t, and for its memory; `dz[k] += -2*(z[i] - z[k])` only for z.

    >>> from symgd.nodes.node import length
    >>> from symgd.program.equation import read_equation
    >>> heads = ["t[i, k] = 2*(z[i] - z[k])", "dz[i] += t[i, k]", "dz[k] += -t[i, k]"]
    >>> sides = {"t": (length("m"), length("m")), "dz": (length("m"),)}
    >>> equations = tuple(read_equation(f"{head} for i in 0:m, k in 0:m") for head in heads)
    >>> print(computed_again(Program(equations, {"z": 1}, "C", (), extents=sides, row=length("m"))))
    (1) t[i, k] = 2*(z[i] - z[k]) for i in 0:m, k in 0:m
    (2) dz[i] += t[i, k] for i in 0:m, k in 0:m
    (3) dz[k] += -2*(z[i] - z[k]) for i in 0:m, k in 0:m
    """
    found = levels(program)
    n = 0
    output: list[Equation | Scan] = []
    for item in program.equations:
        if isinstance(item, Scan):
            output.append(item)
            n += len(item.equations)
        else:
            output.append(_earlier(item, found.row[n], found, program))
            n += 1
    return replace(program, equations=tuple(output))


def _earlier(equation: Equation, row: Node | None, found: Levels, program: Program) -> Equation:
    """The equation so that it may run in an earlier pass, or as it is."""
    if row is None:
        return equation
    waits = {read: _level(read, row, found) for read in equation.reads()}
    last = max(waits.values(), default=1)
    new = equation
    for _ in range(DEEPEST):
        held = [read for read in new.reads() if _level(read, row, found) >= last]
        if not held:
            return new
        values = {read: _value(read, row, found, program) for read in held}
        changes = {read: value for read, value in values.items() if value is not None}
        if len(changes) < len(values):
            break
        new = replace(new, body=filled(new.body, changes), guard=substituted(new.guard, changes))
    return equation


def _level(read: Node, row: Node, found: Levels) -> int:
    """The first pass in which an equation over the samples can read this."""
    writers = found.writers.get(read.value, [])
    local = read.value in found.axis and found.is_local(read, row)
    return max((found.when[n] + (not local) for n in writers), default=1)


def _value(read: Node, row: Node, found: Levels, program: Program) -> Node | None:
    """What stands at this place of an array that one plain equation fills, read at another sample."""
    writers = found.writers.get(read.value, [])
    if read.value not in found.axis or found.is_local(read, row) or len(writers) != 1:
        return None
    writer = found.equations[writers[0]]
    if writer.op != "=" or writer.guard is not TRUE or writer.at != writer.letters or not fills(writer, program):
        return None
    return substituted(writer.body, dict(zip(writer.at, read.args, strict=True)))
