"""Formulas of derivations in numbers, with what is still to be derived taken by a central difference."""

from symgd.nodes.node import postorder
from symgd.program.meaning import Arithmetic, Interpreter

DIGITS = 60


class Numbers(Interpreter):
    """The interpreter, and `d/dx(...)` beside it."""

    def formula(self, part, point):
        if part.op != "derivative":
            return super().formula(part, point)
        body, by = part.args
        place = tuple(self.integer(index, point) for index in by.args)
        elements = self.values[by.value]
        step, here = self.arithmetic.ctx.mpf(10) ** -20, elements[place]
        ends = []
        for moved in (here + step, here - step):
            elements[place] = moved
            ends.append(self.formula(body, point))
        elements[place] = here
        return (ends[0] - ends[1]) / (2 * step)


def numbers(values, lengths=None):
    return Numbers(values, lengths or {}, Arithmetic(DIGITS))


def alike(one, other, digits=15):
    """Equal to so many digits, or both without a finite value."""
    if not (abs(one) < 1e300 and abs(other) < 1e300):
        return not (abs(one) < 1e300) and not (abs(other) < 1e300)
    return abs(one - other) <= 10.0**-digits * max(1, abs(one), abs(other))


def holds(step, numeric, digits=15):
    """Is the line true there? With derivatives left, one side may be 0 times infinity, as at the root of a maximum."""
    values = [numeric.formula(way.node, {}) for way in (step.before, step.after)]
    left = [any(part.op == "derivative" for part in postorder(way.node)) for way in (step.before, step.after)]
    return alike(*values, digits) or any(value != value and still for value, still in zip(values, left, strict=True))
