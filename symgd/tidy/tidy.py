"""Program -> Program with the same meaning and nothing in it that does not need to be there."""

from __future__ import annotations

from dataclasses import replace

from symgd.program.equation import Equation, Program, Scan
from symgd.program.sharing import shared
from symgd.tidy.inline import inlined
from symgd.tidy.merge import assigned, merged
from symgd.tidy.pull import pulled


def tidy(program: Program) -> Program:
    """Trivial equations filled in, scatters turned into sums where an index can be solved for, equal work done once, dead equations dropped.

    >>> from symgd.program.equation import read_equation
    >>> from symgd.reverse.reverse import reverse
    >>> forward = Program((read_equation("C += (x[i+1] - x[i])^2 for i in 0:m-1"),), {"x": 1}, "C", ("x",), extents={"C": ()})
    >>> print(tidy(reverse(forward)))
    (1) C += (x[i + 1] - x[i])^2 for i in 0:m - 1
    (2) t1[i] = 2*(x[i + 1] - x[i]) for i in 0:m - 1
    (3) dx[i] += t1[i - 1] for i in 1:m
    (4) dx[i] += -t1[i] for i in 0:m - 1
    """
    wanted = {program.cost, *(program.adjoints[name] for name in program.parameters if name in program.adjoints)}
    program = alive(inlined(alive(merged(program), wanted)), wanted)
    program = alive(inlined(shared(program)), wanted)
    return assigned(pulled(program))


def alive(program: Program, wanted: set[str]) -> Program:
    """The equations and data that what is wanted depends on, and all parameters."""
    needed = set(wanted)
    kept: list[Equation | Scan] = []
    for item in reversed(program.equations):
        inner = item.equations if isinstance(item, Scan) else (item,)
        if any(equation.target in needed for equation in inner):
            kept.append(item)
            needed.update(found.value for equation in inner for found in equation.reads())
    live = {equation.target for item in kept for equation in (item.equations if isinstance(item, Scan) else (item,))} | wanted
    extents = {name: lengths for name, lengths in program.extents.items() if name in live}
    inputs = {name: rank for name, rank in program.inputs.items() if name in needed or name in program.parameters}
    measured = {label: place for label, place in program.measured.items() if place[0] in inputs}
    return replace(program, equations=tuple(reversed(kept)), extents=extents, inputs=inputs, measured=measured)
