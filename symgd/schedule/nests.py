"""The order of the loops of one equation."""

from __future__ import annotations

from symgd.nodes.node import Node
from symgd.program.equation import Equation, Range


def loop_order(equation: Equation, row: Node | None, step: Node | None = None) -> tuple[Range, ...]:
    """The ranges from the outside in, without the row range and the steps of a recurrence, which are outermost.

    The innermost index is the one that stands last in most of the accesses, so that neighbours in memory follow each other; between equals
    one that is summed over, so that the sum stays in a register. Where bounds use other indices the order stays as written.

    >>> from symgd.program.equation import read_equation
    >>> print(*(a.index.value for a in loop_order(read_equation("da[i, k] += W[l, k]*dz[i, l] for i in 0:m, k in 0:h, l in 0:c"), None)))
    i l k
    """
    ranges = [axis for axis in equation.domain if axis.index is not row and axis.index is not step]
    letters = {axis.index for axis in ranges}
    if any((axis.low.free | axis.high.free) & letters for axis in ranges):
        return tuple(ranges)
    summed = {axis.index for axis in equation.reduced}
    ordered = [axis for axis in ranges if axis.index not in summed] + [axis for axis in ranges if axis.index in summed]
    if len(ordered) < 2:
        return tuple(ordered)
    places = [found.args for found in (equation.left, *equation.reads()) if found.args]

    def smoothness(axis: Range) -> tuple[int, bool]:
        last = sum(at[-1] is axis.index for at in places)
        strided = sum(any(axis.index in place.free for place in at[:-1]) for at in places)
        return last - 2 * strided, axis.index in summed

    inner = max(reversed(ordered), key=smoothness)
    return (*(axis for axis in ordered if axis is not inner), inner)
