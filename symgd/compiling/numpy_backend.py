"""Programs run by NumPy: generated source, read by the guard, executed in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from symgd.compiling.guard import NUMPY, check_module
from symgd.errors import InputError
from symgd.printing.numpy import printed
from symgd.program.equation import Program

__all__ = ["compiled", "run"]

Values = dict[str, float | NDArray[np.float64]]


def run(program: Program, arrays: Mapping[str, ArrayLike], lengths: Mapping[str, int]) -> Values:
    """Every target of the program, from its inputs and the lengths of its axes. Shapes and subscripts have been checked: shapes.py.

    >>> from symgd.program.equation import read_equation
    >>> program = Program((read_equation("C += (w*x[i] - y[i])^2/m for i in 0:m"),), {"w": 0, "x": 1, "y": 1}, "C", ("w",))
    >>> run(program, {"w": 2, "x": [1, 2], "y": [1, 1]}, {"m": 2})
    {'C': 5.0}
    """
    return compiled(program)(arrays, lengths)


def compiled(program: Program) -> Callable[[Mapping[str, ArrayLike], Mapping[str, int]], Values]:
    """The same for many calls: the source is generated and read once."""
    made = printed(program)
    tree = check_module(made.source, NUMPY)
    namespace: dict[str, Any] = {}
    exec(compile(tree, "<symgd program>", "exec"), namespace)
    function: Callable[..., tuple[Any, ...]] = namespace["program"]
    tables = {name: _array(list(map(float, values)), np.int64 if name in made.integers else np.float64) for name, values in program.tables.items()}

    def values(arrays: Mapping[str, ArrayLike], lengths: Mapping[str, int]) -> Values:
        given = [name for name in made.arrays if name not in tables]
        absent = [name for name in given if name not in arrays] + [name for name in made.lengths if name not in lengths]
        if absent:
            raise InputError(f"No value for {', '.join(absent)}.", accepted="a value for each input and length that the program reads")
        found = tables | {name: _array(arrays[name], np.int64 if name in made.integers else np.float64) for name in given}
        inputs = [found[name] for name in made.arrays]
        with np.errstate(all="ignore"):
            results = function(*inputs, *(int(lengths[name]) for name in made.lengths))
        return {
            name: value if isinstance(value, np.ndarray) and value.ndim else float(value) for name, value in zip(made.targets, results, strict=True)
        }

    return values


def _array(given: ArrayLike, dtype: type[np.generic]) -> Any:
    """The input as the program takes it: an array, or a NumPy scalar, which divides by zero without an exception."""
    found = np.asarray(given, dtype=dtype)
    return found if found.ndim else found[()]
