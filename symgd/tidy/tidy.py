"""Program -> Program with the same meaning and nothing in it that does not need to be there."""

from __future__ import annotations

from dataclasses import replace

from symgd.program.equation import Equation, Program, Scan
from symgd.program.recurrence import recurrent
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
    wanted = set(program.results)
    program = replace(program, equations=tuple(program.flat()))
    program = alive(inlined(alive(merged(program), wanted)), wanted)
    program = alive(inlined(shared(program)), wanted)
    return assigned(pulled(recurrent(program)))


def alive(program: Program, wanted: set[str]) -> Program:
    """The equations and data that what is wanted depends on, and all parameters."""
    writers: dict[str, list[Equation]] = {}
    for equation in program.flat():
        writers.setdefault(equation.target, []).append(equation)
    needed = set(wanted)
    waiting = list(wanted)
    while waiting:
        for equation in writers.get(waiting.pop(), ()):
            more = {read.value for read in equation.reads()} - needed
            needed |= more
            waiting += more
    kept = [_alive(item, needed) if isinstance(item, Scan) else item for item in program.equations if isinstance(item, Scan) or item.target in needed]
    extents = {name: lengths for name, lengths in program.extents.items() if name in wanted or (name in needed and name in writers)}
    inputs = {name: rank for name, rank in program.inputs.items() if name in needed or name in program.parameters}
    measured = {label: place for label, place in program.measured.items() if place[0] in inputs}
    filled = tuple(item for item in kept if isinstance(item, Equation) or item.equations)
    return replace(program, equations=filled, extents=extents, inputs=inputs, measured=measured)


def _alive(scan: Scan, needed: set[str]) -> Scan:
    return replace(scan, equations=tuple(equation for equation in scan.equations if equation.target in needed))
