"""How much work a program is: one operation for each arithmetic operation and function call, times the trips of its loops."""

from __future__ import annotations

from symgd.nodes.fold import plus, times
from symgd.nodes.node import ZERO, Node, node, number, outside_subscripts, postorder, range_
from symgd.program.equation import Equation, Range
from symgd.program.linear import size


def operations_of(equation: Equation) -> Node:
    """The operations of one equation as a formula in the lengths.

    >>> from symgd.nodes.text import text
    >>> from symgd.program.equation import read_equation
    >>> print(text(operations_of(read_equation("z[i] += w[j]*X[i, j] for i in 0:m, j in 0:d"))))
    2*d*m
    """
    each = _in_formula(equation.body) + _in_formula(equation.guard) + (equation.op != "=") + 3 * (equation.op == "logsumexp=")
    return _trips(number(each), equation.domain) if each else ZERO


def _in_formula(root: Node) -> int:
    """Arithmetic operations, function calls and comparisons; a shared part counts once, a minus inside a sum nothing."""
    free = {argument for part in postorder(root) if part.op == "+" for argument in part.args if argument.op == "neg"}
    return sum(_own(part) for part in outside_subscripts(root) if part not in free)


def _own(part: Node) -> int:
    if not part.args or part.op == "access":
        return 0
    if part.op in ("+", "*", "max", "min", "and", "or"):
        return len(part.args) - 1
    return 0 if part.op == "piecewise" else 1


def _trips(each: Node, domain: tuple[Range, ...]) -> Node:
    """each times the number of points, the inner ranges first; a range that depends on an outer index stays a sum."""
    total = each
    for axis in reversed(domain):
        counted = axis.index in total.free
        total = node("sum", total, range_(axis.index, axis.low, axis.high)) if counted else times(total, size(axis.low, axis.high))
    return total


def total_operations(equations: list[Equation]) -> Node:
    return plus(*(operations_of(equation) for equation in equations))
