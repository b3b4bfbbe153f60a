"""Every index structure and every composition: value and gradient by Numba, by NumPy and by the interpreter equal JAX."""

import numpy as np
import pytest
import sympy as sp

from symgd.compiling.numpy_backend import run
from symgd.program.meaning import interpret
from symgd.program.subscripts import check_subscripts

from .compositions import COMPOSITIONS
from .structures import STRUCTURES

ALL = [*STRUCTURES, *COMPOSITIONS]
CASES = [pytest.param(structure, which, id=f"{structure.name}-{which}") for structure in ALL for which in (0, 1)]


def close(found, expected) -> bool:
    scale = max(1e-12, float(np.max(np.abs(expected))))
    return float(np.max(np.abs(np.asarray(found, dtype=float) - expected))) <= 1e-10 * scale


def lengths_of(structure, cost, which) -> dict:
    values = structure.arrays(which)
    lengths = cost._kernels.lengths({name: np.shape(value) for name, value in values.items()}, structure.told(which))
    return check_subscripts(cost.gradient.program, values, lengths)


def test_the_table_names_all_twenty_five():
    assert len(STRUCTURES) == 25 and len(COMPOSITIONS) >= 25
    assert len({structure.name for structure in ALL}) == len(ALL)


@pytest.mark.parametrize("structure", ALL, ids=lambda structure: structure.name)
def test_the_two_sizes_are_unequal(structure):
    for sizes in structure.sizes:
        assert len(set(sizes.values())) == len(sizes)
    assert all(one != other for one, other in zip(structure.sizes[0].values(), structure.sizes[1].values(), strict=True))


@pytest.mark.parametrize(("structure", "which"), CASES)
def test_compiled_value_and_gradient_equal_jax(structure, which):
    values = structure.arrays(which)
    expected, slopes = structure.by_jax(which)
    parameters, data = structure.split(values)
    found = structure.read().evaluate(parameters, {**data, **structure.told(which)})
    assert close(found.cost, expected)
    for name in structure.parameters:
        assert np.shape(found.gradient[name]) == np.shape(values[name])
        assert close(found.gradient[name], slopes[name]), name


@pytest.mark.parametrize(("structure", "which"), CASES)
def test_numpy_and_interpreter_equal_jax(structure, which):
    values = structure.arrays(which)
    expected, slopes = structure.by_jax(which)
    cost = structure.read()
    program = cost.gradient.program
    lengths = lengths_of(structure, cost, which)
    for computed in (run(program, values, lengths), _floats(interpret(program, values, lengths), program, values)):
        assert close(computed[program.cost], expected)
        for name in structure.parameters:
            assert close(computed[program.adjoints[name]], slopes[name]), name


def _floats(found, program, values):
    """The interpreter's elements as arrays."""
    result = {program.cost: float(found[program.cost][()])}
    for name in program.parameters:
        array = np.zeros(np.shape(values[name]))
        for place, value in found[program.adjoints[name]].items():
            array[place] = float(value)
        result[program.adjoints[name]] = array
    return result


@pytest.mark.parametrize("structure", ALL, ids=lambda structure: structure.name)
def test_the_gradient_costs_at_most_five_times_the_cost(structure):
    cost = structure.read()
    for which in (0, 1):
        lengths, values = lengths_of(structure, cost, which), structure.arrays(which)
        assert operations(cost.gradient.program, lengths, values) <= 5 * operations(cost.program, lengths, values)


def operations(program, lengths, values) -> float:
    """`program.operations` at these lengths, and with these data where they stand in ranges."""
    counted = sp.sympify(program.operations)
    counted = counted.subs({symbol: lengths[symbol.name] for symbol in counted.free_symbols if symbol.name in lengths}).doit()
    return float(counted.replace(lambda part: isinstance(part, sp.Indexed), lambda part: values[part.base.name][tuple(map(int, part.indices))]))
