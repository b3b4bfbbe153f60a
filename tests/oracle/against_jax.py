"""What is claimed of every row of the tables: the ways to compute a cost and its gradient agree, and the gradient is cheap."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symgd as sg
from symgd.compiling.cache import load
from symgd.compiling.numpy_backend import run
from symgd.program.equation import Program
from symgd.program.meaning import interpret
from symgd.program.subscripts import check_subscripts

from .structure import Sizes, Structure, Values


def cases(table: list[Structure]) -> Iterator[Any]:
    """Every structure at both sizes."""
    return (pytest.param(structure, which, id=f"{structure.name}-{which}") for structure in table for which in (0, 1))


def close(found: Any, expected: Any) -> bool:
    scale = max(1e-12, float(np.max(np.abs(expected))))
    return float(np.max(np.abs(np.asarray(found, dtype=float) - expected))) <= 1e-10 * scale


def lengths_of(structure: Structure, which: int, cost: sg.Cost | None = None) -> Sizes:
    """Every length that the programs of this cost mention, also those that only data tell."""
    cost, values = cost or structure.read, structure.arrays(which)
    lengths = cost._kernels.lengths({name: np.shape(value) for name, value in values.items()}, structure.told(which))
    return check_subscripts(cost.gradient.program, values, lengths)


@cache
def by_jax(structure: Structure, which: int) -> tuple[float, Values]:
    return structure.by_jax(which)


def equal_jax(structure: Structure, which: int, cost: Any, gradient: Values) -> None:
    expected, slopes = by_jax(structure, which)
    assert close(cost, expected)
    for name in structure.parameters:
        assert np.shape(gradient[name]) == np.shape(slopes[name])
        assert close(gradient[name], slopes[name]), name


def compiled_equals_jax(structure: Structure, which: int) -> None:
    kernels = structure.read._kernels
    kernels.__dict__["compiled"] = True  # also what would keep a first value waiting
    parameters, data = structure.split(structure.arrays(which))
    found = structure.read.evaluate(parameters, {**data, **structure.told(which)})
    assert kernels.compiled  # else NumPy has taken over
    equal_jax(structure, which, found.cost, found.gradient)


def loops_equal_jax(structure: Structure, which: int) -> None:
    """The generated source as plain Python, where an index outside an array is an error, in blocks of two rows."""
    kernels, program = structure.read._kernels, structure.read.gradient.program
    parameters, data = structure.split(structure.arrays(which))
    bound = kernels.bind(*kernels.inputs(parameters, {**data, **structure.told(which)}))
    bound.memory["block"] = bound.block = min(2, bound.block)
    own = {"first": 0, "last": bound.rows, "scale": 1.0}
    unit = kernels.generated.units["gradient"]
    with np.errstate(all="ignore"):
        load(kernels.generated.source, compiled=False).gradient(*(own.get(a, bound.memory.get(a)) for a in unit.arguments))
    gradient = {name: kernels.value(bound, program.adjoints[name]) for name in structure.parameters}
    equal_jax(structure, which, kernels.value(bound, program.cost), gradient)


def numpy_equals_jax(structure: Structure, which: int) -> None:
    program = structure.read.gradient.program
    found = run(program, structure.arrays(which), lengths_of(structure, which))
    equal_jax(structure, which, found[program.cost], {name: found[program.adjoints[name]] for name in structure.parameters})


def interpreter_equals_jax(structure: Structure, which: int) -> None:
    program, values = structure.read.gradient.program, structure.arrays(which)
    found = interpret(program, values, lengths_of(structure, which))
    gradient = {}
    for name in structure.parameters:
        gradient[name] = np.zeros(np.shape(values[name]))
        for place, value in found[program.adjoints[name]].items():
            gradient[name][place] = float(value)
    equal_jax(structure, which, float(found[program.cost][()]), gradient)


def gradient_is_cheap(structure: Structure) -> None:
    """Cost and gradient together take at most five times the operations of the cost."""
    cost = structure.read
    for which in (0, 1):
        whole, alone = (operations(program, structure, which) for program in (cost.gradient.program, cost.program))
        assert whole <= 5 * alone


def operations(program: Program, structure: Structure, which: int) -> float:
    """`program.operations` at these lengths, and with these data where they stand in ranges."""
    lengths, values = lengths_of(structure, which), structure.arrays(which)
    counted = sp.sympify(program.operations)
    counted = counted.subs({symbol: lengths[symbol.name] for symbol in counted.free_symbols if symbol.name in lengths}).doit()
    return float(counted.replace(lambda part: isinstance(part, sp.Indexed), lambda part: values[part.base.name][tuple(map(int, part.indices))]))


def sizes_are_unequal(structure: Structure) -> None:
    for sizes in structure.sizes:
        assert len(set(sizes.values())) == len(sizes)
    assert all(one != other for one, other in zip(structure.sizes[0].values(), structure.sizes[1].values(), strict=True))
