"""Program -> Program with the same meaning and nothing in it that does not need to be there."""

from __future__ import annotations

from dataclasses import replace

from symgd.nodes.node import postorder
from symgd.program.equation import Equation, Program, Scan
from symgd.program.recurrence import recurrent
from symgd.program.sharing import shared
from symgd.tidy.cancel import cancelled
from symgd.tidy.facts import known_elements, known_sums
from symgd.tidy.inline import inlined
from symgd.tidy.merge import assigned, merged, unified
from symgd.tidy.pull import pulled


def tidy(program: Program) -> Program:
    """Trivial equations filled in, scatters turned into sums where an index can be solved for, equal work done once, dead equations dropped; for data
    that keep the program's facts, what follows from them.

    >>> from symgd.program.equation import read_equation
    >>> from symgd.reverse.reverse import reverse
    >>> forward = Program((read_equation("C += (x[i+1] - x[i])^2 for i in 0:m-1"),), {"x": 1}, "C", ("x",), extents={"C": ()})
    >>> print(tidy(reverse(forward)))
    (1) C += (x[i + 1] - x[i])^2 for i in 0:m - 1
    (2) t1[i] = 2*(x[i + 1] - x[i]) for i in 0:m - 1
    (3) dx[i] += t1[i - 1] for i in 1:m
    (4) dx[i] += -t1[i] for i in 0:m - 1
    """
    program = replace(program, equations=tuple(program.flat()))
    program = living(inlined(living(merged(program))))
    program = living(known_sums(cancelled(known_elements(program))))
    program = living(inlined(unified(shared(program))))
    return assigned(pulled(recurrent(program)))


def living(program: Program) -> Program:
    """The equations that what is wanted depends on, cost and gradient."""
    return alive(program, set(program.results))


def alive(program: Program, wanted: set[str]) -> Program:
    """The equations and data that what is wanted depends on, and all parameters."""
    needed, writers = program.reached(wanted), {equation.target for equation in program.flat()}
    kept = [_alive(item, needed) if isinstance(item, Scan) else item for item in program.equations if isinstance(item, Scan) or item.target in needed]
    extents = {name: lengths for name, lengths in program.extents.items() if name in wanted or (name in needed and name in writers)}
    inputs = {name: rank for name, rank in program.inputs.items() if name in needed or name in program.parameters}
    measured = {label: place for label, place in program.measured.items() if place[0] in inputs}
    sides = {part.value for shape in extents.values() for part in postorder(*shape)}
    longest = {label: ranges for label, ranges in program.longest.items() if label in sides}
    filled = tuple(item for item in kept if isinstance(item, Equation) or item.equations)
    return replace(program, equations=filled, extents=extents, inputs=inputs, measured=measured, longest=longest)


def _alive(scan: Scan, needed: set[str]) -> Scan:
    return replace(scan, equations=tuple(equation for equation in scan.equations if equation.target in needed))
