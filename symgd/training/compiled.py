"""The compiled function of cost and gradient that a user calls from code of his own."""

from __future__ import annotations

from typing import Any

from symgd.cost.checked import Checked
from symgd.errors import LimitError, NotBuilt
from symgd.printing.callable import callable_source
from symgd.program.equation import Program
from symgd.program.operations import weight
from symgd.rolling.elements import Rolled
from symgd.training.kernels import to_compile

__all__ = ["compiled"]

LONGEST = 60  # seconds of compiling
NUMBERS = 100  # arguments of the function that are no arrays


def compiled(checked: Checked, program: Program, rolled: Rolled) -> Any:
    """`cost, gradients = f(parameters..., data..., lengths...)`; Numba compiles it at its first call."""
    from symgd.compiling.cache import load
    from symgd.compiling.guard import CALLABLE

    numbers = sum(not rank for rank in (*checked.parameters.values(), *checked.data.values()))
    if numbers > NUMBERS:
        raise LimitError(
            f"The function would take {numbers:,} numbers one by one, and Numba would compile that for minutes; the limit is {NUMBERS}.",
            accepted="an array with an element for each, x[0], x[1], ...; cost.evaluate",
        )
    seconds = to_compile(sum(map(weight, rolled.program.flat())))
    if seconds > LONGEST:
        raise LimitError(
            f"Numba would compile this program for about {seconds:,.0f} seconds; the limit is {LONGEST}.", accepted="cost.evaluate, which NumPy runs"
        )
    try:
        import numba  # noqa: F401
    except ImportError:
        raise NotBuilt("cost.compiled() needs Numba, which is not installed.", accepted="cost.evaluate, which NumPy runs") from None
    return load(callable_source(checked, program, rolled), allowed=CALLABLE).cost_and_gradient
