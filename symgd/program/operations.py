"""How much work a program is: one operation for each arithmetic operation and function call, times the trips of its loops."""

from __future__ import annotations

from collections.abc import Mapping

from symgd.nodes.fold import plus, times
from symgd.nodes.node import ZERO, Node, node, number, outside_subscripts, postorder, range_
from symgd.program.equation import Equation, Program, Range
from symgd.program.linear import linear, size

UNKNOWN = 8.0  # how long a range is taken to be that only the data tell


def operations_of(equation: Equation) -> Node:
    """The operations of one equation as a formula in the lengths.

    >>> from symgd.nodes.text import text
    >>> from symgd.program.equation import read_equation
    >>> print(text(operations_of(read_equation("z[i] += w[j]*X[i, j] for i in 0:m, j in 0:d"))))
    2*d*m
    """
    each = _at_a_point(equation)
    return _trips(number(each), equation.domain) if each else ZERO


def _at_a_point(equation: Equation) -> int:
    return _in_formula(equation.body) + _in_formula(equation.guard) + (equation.op != "=") + 3 * (equation.op == "logsumexp=")


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
    """The operations of all of them together, as a formula in the lengths."""
    return plus(*(operations_of(equation) for equation in equations))


def operations_at(program: Program, *sizes: Mapping[str, int]) -> list[float]:
    """About how many operations a program has, at each of several sets of lengths.

    A range that depends on another index counts with the middle of that one, a range that depends on data as 8 long.

    >>> from symgd.program.equation import read_equation
    >>> line = read_equation("C += x[i]*x[k] for i in 0:m, k in i:m")
    >>> operations_at(Program((line,), {"x": 1}, "C", ()), {"m": 10}, {"m": 100})
    [110.0, 10100.0]
    """
    totals = [0.0 for _ in sizes]
    for equation in program.flat():
        each = _at_a_point(equation)
        for n, lengths in enumerate(sizes):
            totals[n] += each * _points(equation.domain, lengths)
    return totals


def _points(domain: tuple[Range, ...], lengths: Mapping[str, int]) -> float:
    count = 1.0
    middle: dict[Node, float] = {}
    for axis in domain:
        low, high = (_about(bound, lengths, middle) for bound in (axis.low, axis.high))
        size = UNKNOWN if low is None or high is None else max(0.0, high - low)
        middle[axis.index] = (low or 0.0) + (size - 1) / 2
        count *= size
    return count


def _about(bound: Node, lengths: Mapping[str, int], middle: Mapping[Node, float]) -> float | None:
    """The value of a bound, None where only the data tell."""
    form = linear(bound)
    if form is None or any(atom is not None and atom.op == "access" for atom in form):
        return None
    total = 0.0
    for atom, coefficient in form.items():
        size = 1.0 if atom is None else middle[atom] if atom.op == "index" else lengths[atom.value]
        total += float(coefficient) * size
    return total


LOOP = 10  # nodes that a loop weighs


def weight(equation: Equation) -> int:
    """How much an equation is for a compiler to read: its nodes, whatever the trips of its loops.

    >>> from symgd.program.equation import read_equation
    >>> weight(read_equation("C += w[j]^2 for j in 0:d"))
    16
    """
    return len(postorder(equation.body, equation.guard, *equation.at)) + 1 + LOOP * len(equation.domain)
