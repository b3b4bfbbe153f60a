"""Mini-batches: the data in the order of an epoch, and a cost restricted to a batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from symgd.nodes.fold import plus, times
from symgd.nodes.node import access, length, node
from symgd.program.equation import Equation, Program, Range
from symgd.program.levels import levels
from symgd.program.recurrence import recurrent
from symgd.schedule.batches import Batches, Column, batches

BATCH, SCALE = "rows of the batch", "samples a row stands for"


def of_batch(program: Program) -> Batches:
    """What a mini-batch takes from the data. Raises InputError for a cost that has none.

    >>> from symgd.nodes.node import length
    >>> from symgd.program.equation import read_equation
    >>> line = read_equation("C += (w[j]*X[i, j] - y[i])^2/m for i in 0:m, j in 0:d")
    >>> dict(of_batch(Program((line,), {"w": 1, "X": 2, "y": 1}, "C", ("w",), row=length("m"))).sliced)
    {'X': 0, 'y': 0}
    """
    return batches(program, levels(program))


def in_order(column: Column, source: NDArray[np.generic] | None, order: NDArray[np.int64]) -> NDArray[np.generic]:
    """The column for samples in this order. Where a neighbour is missing, before the first sample, nothing reads it.

    >>> in_order(Column("off[g + 1]", "off", 0, 1), np.array([0, 3, 5]), np.array([1, 0]))
    array([5, 3])
    """
    if source is None:
        return np.ascontiguousarray(order)
    return np.ascontiguousarray(np.take(source, order + column.shift, axis=column.axis, mode="clip"))


def on_batches(program: Program) -> Program:
    """The program with its samples running over a batch: what is summed over them is multiplied by samples/batch, once a sum.

    The batch's length and that factor are inputs with names of their own, BATCH and SCALE. What the generated loops do on the fly, for NumPy.
    """
    found, made = levels(program), of_batch(program)
    batch, scale = length(BATCH), access(SCALE)
    equations: list[Equation] = []
    extents = dict(program.extents)
    for equation, row in zip(found.equations, found.row, strict=True):
        if row is not None:
            equation = made.rewritten(equation, row, found.axis)
            domain = tuple(Range(axis.index, axis.low, batch) if axis.index is row else axis for axis in equation.domain)
            body = equation.body
            if equation.target not in found.axis:
                body = plus(body, node("log", scale)) if equation.op == "logsumexp=" else times(scale, body)
            equation = replace(equation, domain=domain, body=body)
        equations.append(equation)
    for name, position in found.axis.items():
        extents[name] = tuple(batch if place == position else side for place, side in enumerate(extents[name]))
    columns = {column.name: program.inputs.get(column.source, 1) for column in made.columns.values()}
    return recurrent(replace(program, equations=tuple(equations), extents=extents, inputs={**program.inputs, **columns, SCALE: 0}))
