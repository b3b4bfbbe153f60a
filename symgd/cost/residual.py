"""Which residual a cost sums the squares of."""

from __future__ import annotations

from dataclasses import dataclass

from symgd.cost.checked import Checked, Definition
from symgd.errors import InputError
from symgd.nodes.node import TWO, ZERO, Node, accesses
from symgd.nodes.text import text

ACCEPTED = 'of="r", a definition with a value for each sample, or of= a formula'


@dataclass(frozen=True, slots=True)
class Residual:
    """What is squared and summed: `body` for every value of the letters of `ranges`, in their order."""

    ranges: tuple[Node, ...]
    body: Node

    @property
    def at(self) -> tuple[Node, ...]:
        return tuple(bound.args[0] for bound in self.ranges)

    def defined_by(self, definitions: tuple[Definition, ...]) -> str | None:
        """The definition that the residual is an element of, for every element once."""
        for definition in definitions:
            if self.body.op == "access" and self.body.value == definition.target and self.body.args == self.at:
                return definition.target
        return None


def residual(checked: Checked) -> Residual:
    """The residual r of a cost that is a mean or sum of r^2, perhaps times a number. Raises InputError for any other cost.

    >>> from symgd.cost.checked import check
    >>> from symgd.reading.text import problem
    >>> found = residual(check(problem("mean((w*x + b - y)^2)/2", samples="x y")))
    >>> print(text(found.body, hidden="i"), text(found.at[0]))
    w*x + b - y i
    """
    ranges: list[Node] = []
    part = checked.formula.expression
    while True:
        part = _without_scale(part, checked)
        if part.op not in ("sum", "mean"):
            break
        ranges += part.args[1:]
        part = part.args[0]
    body = part.args[0] if part.op == "^" and part.args[1] is TWO else None
    if part.op == "*" and len(part.args) == 2 and part.args[0] is part.args[1]:
        body = part.args[0]
    if body is None or not ranges:
        raise InputError("The cost is not one mean or sum of squares over the samples.", accepted=ACCEPTED)
    for bound in ranges:
        letter, low, high = bound.args
        if low is not ZERO or high.free or any(accesses(high)):
            raise InputError(f"{text(letter)} does not run over a whole axis, so the residual has no array of its own.", accepted=ACCEPTED)
    if len({bound.args[0] for bound in ranges}) < len(ranges):
        raise InputError("Two sums of the cost have the same index letter.", accepted=ACCEPTED)
    return Residual(tuple(ranges), body)


def _without_scale(part: Node, checked: Checked) -> Node:
    """What stands beside constant factors and divisors, which change no residual."""
    if part.op == "/" and _is_constant(part.args[1], checked):
        return _without_scale(part.args[0], checked)
    if part.op == "*":
        varying = [factor for factor in part.args if not _is_constant(factor, checked)]
        if len(varying) == 1 and len(part.args) > 1:
            return _without_scale(varying[0], checked)
    return part


def _is_constant(part: Node, checked: Checked) -> bool:
    """Made of numbers, lengths and data, without an index."""
    varying = {*checked.parameters, *checked.bodies}
    return not part.free and part.op not in ("sum", "mean") and not any(found.value in varying for found in accesses(part))
