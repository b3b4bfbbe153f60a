"""Every index structure: value and gradient by Numba, by NumPy and by the interpreter equal JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy import special

import symgd as sg
from symgd.compiling.numpy_backend import run
from symgd.program.meaning import interpret

from .structures import STRUCTURES, Structure

CASES = [pytest.param(structure, which, id=f"{structure.name}-{which}") for structure in STRUCTURES for which in (0, 1)]


def cost_of(structure: Structure) -> sg.Cost:
    return sg.parse(structure.cost, where=structure.where, axes=structure.axes, samples=structure.samples, parameters=structure.parameters)


def by_jax(structure: Structure, values: dict) -> tuple[float, dict]:
    fixed = {name: jnp.asarray(value) for name, value in values.items() if name not in structure.parameters}
    free = {name: jnp.asarray(values[name], dtype=float) for name in structure.parameters}
    cost, gradient = jax.value_and_grad(lambda q: structure.jax({**fixed, **q}, jnp, special))(free)
    return float(cost), {name: np.asarray(g) for name, g in gradient.items()}


def close(found, expected) -> bool:
    scale = max(1e-12, float(np.max(np.abs(expected))))
    return float(np.max(np.abs(np.asarray(found, dtype=float) - expected))) <= 1e-10 * scale


def split(structure: Structure, values: dict) -> tuple[dict, dict]:
    parameters = {name: values[name] for name in structure.parameters}
    return parameters, {name: value for name, value in values.items() if name not in parameters}


@pytest.mark.parametrize(("structure", "which"), CASES)
def test_compiled_value_and_gradient_equal_jax(structure, which):
    values = structure.arrays(which)
    expected, slopes = by_jax(structure, values)
    found = cost_of(structure).evaluate(*split(structure, values))
    assert close(found.cost, expected)
    for name in structure.parameters:
        assert np.shape(found.gradient[name]) == np.shape(values[name])
        assert close(found.gradient[name], slopes[name]), name


@pytest.mark.parametrize(("structure", "which"), CASES)
def test_numpy_and_interpreter_equal_jax(structure, which):
    values = structure.arrays(which)
    expected, slopes = by_jax(structure, values)
    cost = cost_of(structure)
    program = cost.gradient.program
    lengths = cost._kernels.lengths({name: np.shape(value) for name, value in values.items()}, {})
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


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda structure: structure.name)
def test_the_gradient_costs_at_most_five_times_the_cost(structure):
    cost = cost_of(structure)
    lengths = cost._kernels.lengths({name: np.shape(value) for name, value in structure.arrays(0).items()}, {})
    assert operations(cost.gradient.program, lengths) <= 5 * operations(cost.program, lengths)


def operations(program, lengths) -> float:
    counted = program.operations
    if isinstance(counted, int):
        return counted
    return float(counted.subs({symbol: lengths[symbol.name] for symbol in counted.free_symbols}))
