"""Values of the parts of a formula that depend on nothing: `log(-1)` is wrong as it stands, whatever the data are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.node import Node, fraction, postorder

__all__ = ["Constants"]

DIGITS = 25


class Constants:
    """Remembers what it has computed, so that a formula is walked once.

    >>> from symgd.nodes.node import node, number
    >>> constants = Constants()
    >>> minus_one = node("neg", number(1))
    >>> [constants.is_undefined(part) for part in (minus_one, node("log", minus_one), node("log", number(2)))]
    [False, True, False]
    """

    def __init__(self) -> None:
        import mpmath

        self.ctx: Any = mpmath.mp.clone()
        self.ctx.dps = DIGITS
        self.values: dict[Node, Any] = {}

    def is_undefined(self, part: Node) -> bool:
        """Is the part made of numbers alone, and has it no finite real value? So is anything over 0. Its arguments have been asked about before."""
        if part.op == "/" and self._known(part.args[1]) == 0:
            return True
        for argument in part.args:
            if argument.op not in _NUMBERS and argument not in self.values:
                return False
        value = self._value(part)
        if value is None:
            return False
        self.values[part] = value
        return not self.ctx.isfinite(value)

    def of(self, formula: Node) -> Any:
        """The value of a formula that depends on nothing, None of another one."""
        for part in postorder(formula):
            self.is_undefined(part)
        return self._known(formula)

    def _value(self, part: Node) -> Any:
        op = part.op
        if not part.args:
            return None
        args = [self._known(argument) for argument in part.args]
        if any(argument is None for argument in args):
            return None
        if op in _ARITHMETIC:
            try:
                return self.ctx.mpf(_ARITHMETIC[op](*args))
            except (ZeroDivisionError, OverflowError, TypeError, ValueError):
                return self.ctx.nan
        return FUNCTIONS[op].mpmath(self.ctx, *args) if op in FUNCTIONS else None

    def _known(self, part: Node) -> Any:
        if part.op == "number":
            value = fraction(part)
            return self.ctx.mpf(value.numerator) / value.denominator
        if part.op == "constant":
            return self.ctx.mpf(self.ctx.pi if part.value == "pi" else self.ctx.e)
        return self.values.get(part)


_NUMBERS = ("number", "constant")
_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": lambda *terms: sum(terms), "*": lambda *factors: math.prod(factors), "/": lambda u, v: u / v, "^": lambda u, v: u**v, "neg": lambda u: -u,
}  # fmt: skip
