"""Which data a mini-batch slices, which costs have none, and a cost restricted to one."""

from __future__ import annotations

from dataclasses import replace

from symgd.errors import InputError, NotBuilt
from symgd.nodes.fold import times
from symgd.nodes.node import access, accesses, length
from symgd.nodes.text import text
from symgd.program.equation import Equation, Program, Range
from symgd.program.levels import levels
from symgd.program.recurrence import recurrent


def batched_inputs(program: Program) -> dict[str, int]:
    """Data name -> the position of its sample axis, for all data with one.

    Raises NotBuilt for a cost in which a sample reads others, or with a parameter for each sample: its mini-batches would mean something else.

    >>> from symgd.nodes.node import length
    >>> from symgd.program.equation import read_equation
    >>> line = read_equation("C += (w[j]*X[i, j] - y[i])^2/m for i in 0:m, j in 0:d")
    >>> batched_inputs(Program((line,), {"w": 1, "X": 2, "y": 1}, "C", ("w",), row=length("m")))
    {'X': 0, 'y': 0}
    """
    if program.row is None:
        raise InputError("The sums of this cost share no axis that batches could be taken from.", accepted="no batch_size")
    found = levels(program)
    positions: dict[str, int] = {}
    gathered: set[str] = set()
    for equation, row in zip(found.equations, found.row, strict=True):
        over_samples = [axis for axis in equation.domain if axis.high is program.row]
        if len(over_samples) > 1 or (over_samples and row is None):
            raise NotBuilt(f"In {equation} a sample meets other samples; mini-batches of such a cost are not built yet.", accepted="no batch_size")
        for read in equation.reads():
            for position, place in enumerate(read.args):
                if row is None or row not in place.free or read.value in program.extents:
                    continue
                if any(True for _ in accesses(place)):
                    gathered.add(read.value)  # E[label[i]]: label is sliced, E is not
                    continue
                if read.value in program.parameters:
                    raise NotBuilt(f"{read.value} has an entry a sample; mini-batches of such a cost are not built yet.", accepted="no batch_size")
                if place is not row or positions.setdefault(read.value, position) != position:
                    raise NotBuilt(f"{text(read)} reads other samples; mini-batches of such a cost are not built yet.", accepted="no batch_size")
    both = sorted(gathered & positions.keys())
    if both:
        raise NotBuilt(f"{both[0]} is read at samples and through data; mini-batches of such a cost are not built yet.", accepted="no batch_size")
    return positions


BATCH, SCALE = "rows of the batch", "samples a row stands for"


def on_batches(program: Program) -> Program:
    """The program with its samples running over a batch: what is summed over them is multiplied by samples/batch, once a sum.

    The batch's length and that factor are inputs with names of their own, BATCH and SCALE. What the generated loops do on the fly, for NumPy.
    """
    found = levels(program)
    batch, scale = length(BATCH), access(SCALE)
    equations: list[Equation] = []
    extents = dict(program.extents)
    for equation, row in zip(found.equations, found.row, strict=True):
        if row is not None:
            domain = tuple(Range(axis.index, axis.low, batch) if axis.index is row else axis for axis in equation.domain)
            summed = equation.target not in found.axis
            equation = replace(equation, domain=domain, body=times(scale, equation.body) if summed else equation.body)
        equations.append(equation)
    for name, position in found.axis.items():
        extents[name] = tuple(batch if place == position else side for place, side in enumerate(extents[name]))
    return recurrent(replace(program, equations=tuple(equations), extents=extents, inputs={**program.inputs, SCALE: 0}))
