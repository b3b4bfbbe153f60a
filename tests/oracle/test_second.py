"""Every index structure and every composition: the Hessian times a direction by generated loops and by NumPy equals JAX, at few operations."""

from functools import cache
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from symgd.compiling.cache import load
from symgd.compiling.numpy_backend import run
from symgd.training import kernels

from .against_jax import cases, close, operations
from .compositions import COMPOSITIONS
from .recurrences import RECURRENCES
from .structures import STRUCTURES

ALL = [*STRUCTURES, *COMPOSITIONS, *RECURRENCES]
CASES = [*cases(STRUCTURES), *(pytest.param(*case.values, id=case.id, marks=pytest.mark.slow) for case in cases([*COMPOSITIONS, *RECURRENCES]))]

COMPILED = ("network regression", "product over an axis with a zero", "RNN", "batch norm", "ragged (CSR) sums", "gather of an embedding")


READ = {structure.name: structure for structure in ALL}


@cache
def cost_of(name):
    """The cost, read once for all tests of this file."""
    return READ[name].read


def directions(structure, which) -> dict:
    random = np.random.default_rng(7)
    return {name: random.normal(size=np.shape(value)) for name, value in structure.split(structure.arrays(which))[0].items()}


def by_jax(structure, which):
    """(the gradient as a function of the parameters, the parameters)"""
    parameters, data = structure.split(structure.arrays(which))
    free = {name: jnp.asarray(value, dtype=float) for name, value in parameters.items()}
    return (lambda q: structure.jax(SimpleNamespace(**data, **structure.told(which), **q))), free


def product_by_jax(structure, which) -> dict:
    cost, free = by_jax(structure, which)
    moved = {name: jnp.asarray(value, dtype=float) for name, value in directions(structure, which).items()}
    return {name: np.asarray(value) for name, value in jax.jvp(jax.grad(cost), (free,), (moved,))[1].items()}


def close_together(found: dict, expected: dict) -> bool:
    """Parameters side by side: what is 0 in exact numbers is small beside the rest."""
    names = sorted(expected)
    return close(*(np.concatenate([np.ravel(values[name]) for name in names]) for values in (found, expected)))


@pytest.mark.parametrize(("structure", "which"), CASES)
def test_the_product_equals_jax(structure, which):
    cost = cost_of(structure.name)
    values, moved = structure.arrays(which), directions(structure, which)
    parameters, data = structure.split(values)
    expected = product_by_jax(structure, which)
    own_kernels, program = cost.hessian._kernels, cost.hessian.program
    bound = own_kernels.bind(*own_kernels.inputs(parameters, {**data, **structure.told(which)}), {n: np.asarray(v, float) for n, v in moved.items()})
    unit = own_kernels.generated.units["gradient"]
    own = {"first": 0, "last": bound.rows, "scale": 1.0}
    with np.errstate(all="ignore"):
        load(own_kernels.generated.source, compiled=False).gradient(*(own.get(a, bound.memory.get(a)) for a in unit.arguments))
    outputs = {name: program.tangents[program.adjoints[name]] for name in structure.parameters}
    assert close_together({name: own_kernels.value(bound, output) for name, output in outputs.items()}, expected)
    named = {program.tangents[name]: value for name, value in moved.items()}
    found = run(program, {**values, **named}, bound.lengths)
    assert close_together({name: np.broadcast_to(found.get(output, 0.0), expected[name].shape) for name, output in outputs.items()}, expected)


@pytest.mark.slow
@pytest.mark.parametrize(("structure", "which"), [case for case in CASES if case.values[0].name in COMPILED])
def test_compiled_blocks_and_product_equal_jax(structure, which, monkeypatch):
    monkeypatch.setattr(kernels, "PATIENCE", 1000.0)
    cost = cost_of(structure.name)
    parameters, data = structure.split(structure.arrays(which))
    data |= structure.told(which)
    function, free = by_jax(structure, which)
    expected = jax.hessian(function)(free)
    blocks = cost.hessian.evaluate(parameters, data)
    names = structure.parameters
    size = [int(np.prod(np.shape(parameters[name]))) for name in names]
    whole = np.block([[np.reshape(expected[p][q], (m, n)) for q, n in zip(names, size, strict=True)] for p, m in zip(names, size, strict=True)])
    assert close(blocks.matrix, whole)
    assert (blocks.matrix == blocks.matrix.T).all()
    for p in names:
        for q in names:
            assert np.shape(blocks[p, q]) == np.shape(expected[p][q])
    assert close_together(cost.hessian.product(parameters, directions(structure, which), data), product_by_jax(structure, which))


@pytest.mark.parametrize("structure", ALL, ids=lambda structure: structure.name)
def test_the_product_costs_at_most_four_times_the_gradient(structure):
    cost = cost_of(structure.name)
    for which in (0, 1):
        assert operations(cost.hessian.program, structure, which) <= 4 * operations(cost.gradient.program, structure, which)
