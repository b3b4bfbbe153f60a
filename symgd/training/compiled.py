"""The compiled function of cost and gradient that a user calls from code of his own."""

from __future__ import annotations

from typing import Any

from symgd.cost.checked import Checked
from symgd.errors import LimitError, NotBuilt
from symgd.nodes.node import postorder
from symgd.printing.callable import callable_source
from symgd.program.equation import Program
from symgd.training.kernels import LONGEST

__all__ = ["compiled"]


def compiled(checked: Checked, program: Program) -> Any:
    """`cost, gradients = f(parameters..., data..., lengths...)`; Numba compiles it at its first call."""
    from symgd.compiling.cache import load
    from symgd.compiling.guard import CALLABLE

    size = sum(len(postorder(equation.body)) for equation in program.flat())
    if size > LONGEST:
        raise LimitError(
            f"The program has {size:,} operations and names, and Numba would compile it for minutes; the limit is {LONGEST:,}.",
            accepted="cost.evaluate, which NumPy runs",
        )
    try:
        import numba  # noqa: F401
    except ImportError:
        raise NotBuilt("cost.compiled() needs Numba, which is not installed.", accepted="cost.evaluate, which NumPy runs") from None
    return load(callable_source(checked, program), allowed=CALLABLE).cost_and_gradient
