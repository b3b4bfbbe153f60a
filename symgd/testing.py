"""For the tests of other projects: is this function the gradient of this cost?

>>> import numpy as np
>>> import symgd as sg
>>> cost = sg.parse("mean((w*x + b - y)^2)", samples="x y")
>>> def gradient(w, b, x, y):
...     residual = w*x + b - y
...     return 2*np.mean(residual*x), 2*np.mean(residual)
>>> sg.testing.assert_gradient(cost, gradient)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from symgd.compiling.numpy_backend import run
from symgd.errors import InputError
from symgd.verification.functions import judged_at, verify_function
from symgd.verification.verdict import Verification

if TYPE_CHECKING:
    from symgd.api import Cost

__all__ = ["assert_gradient"]


def assert_gradient(
    cost: Cost,
    function: Callable[..., Any],
    *,
    at: Mapping[Any, Any] | None = None,
    data: Mapping[Any, Any] | None = None,
    tolerance: float | None = None,
) -> None:
    """Raise AssertionError if the function is not the gradient of the cost: parameter, entry, both values, the point, and the probable mistake.

    The function is called as by `sg.verify`: arguments by name; a mapping, a tuple in the order of `cost.parameters` or one array comes back. Without
    `at` the points are constructed, of unequal sizes; `at` with the parameters, and `data`, is one point of your own. `tolerance` is relative to the
    largest element of a block: 1e-7, and 1e-4 for float32, if none is given.

    >>> import symgd as sg
    >>> assert_gradient(sg.parse("(w - 3)^2"), lambda w: w - 3)
    Traceback (most recent call last):
    ...
    AssertionError: Not the gradient of C = (w - 3)^2
    w: different: ...
    """
    __tracebackhide__ = True
    if tolerance is not None and not 0 < tolerance < 1:
        raise InputError(f"tolerance is {tolerance}.", accepted="a number between 0 and 1")
    if at is not None:
        found = _at(cost, function, at, data, tolerance)
    elif data is not None:
        raise InputError("There are data, but no values of the parameters.", accepted="at= and data=, or neither")
    else:
        found = verify_function(cost, function, tolerance=tolerance)
    if not found:
        odd = {name: verdict for name, verdict in found.verdicts.items() if not verdict.correct}
        raise AssertionError(f"Not the gradient of C = {cost.text().split(' = ', 1)[1].splitlines()[0]}\n{replace(found, verdicts=odd)}")


def _at(cost: Cost, function: Callable[..., Any], at: Mapping[Any, Any], data: Mapping[Any, Any] | None, tolerance: float | None) -> Verification:
    """The verdicts at one point, with float64 numbers from the equations that run."""
    kernels = cost._kernels
    chosen, given, known = kernels.inputs(at, data)
    missing = [name for name in (*cost.parameters, *cost.data) if name not in chosen and name not in given]
    if missing:
        raise InputError(f"There is no value for {', '.join(missing)}.", accepted="at= with all parameters, data= with all data")
    arrays = {**chosen, **given}
    lengths = kernels.lengths({name: array.shape for name, array in arrays.items()}, known)
    exact = run(cost.gradient.program, arrays, lengths)
    return judged_at(cost, function, {name: array if array.ndim else array.item() for name, array in arrays.items()}, lengths, exact, tolerance)
