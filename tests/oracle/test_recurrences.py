"""Every recurrence: value and gradient by Numba, by NumPy and by the interpreter equal JAX."""

import pytest

from . import against_jax
from .recurrences import RECURRENCES

CASES = list(against_jax.cases(RECURRENCES))


@pytest.mark.slow
@pytest.mark.parametrize(("structure", "which"), CASES)
def test_compiled_code_equals_jax(structure, which):
    against_jax.compiled_equals_jax(structure, which)


@pytest.mark.parametrize(("structure", "which"), CASES)
def test_generated_loops_equal_jax_block_by_block(structure, which):
    against_jax.loops_equal_jax(structure, which)


@pytest.mark.parametrize(("structure", "which"), CASES)
def test_numpy_equals_jax(structure, which):
    against_jax.numpy_equals_jax(structure, which)


@pytest.mark.parametrize(("structure", "which"), CASES)
def test_fifty_digits_equal_jax(structure, which):
    against_jax.interpreter_equals_jax(structure, which)


@pytest.mark.parametrize("structure", RECURRENCES, ids=lambda structure: structure.name)
def test_the_gradient_costs_at_most_five_times_the_cost(structure):
    against_jax.gradient_is_cheap(structure)


@pytest.mark.parametrize("structure", RECURRENCES, ids=lambda structure: structure.name)
def test_the_two_sizes_are_unequal(structure):
    against_jax.sizes_are_unequal(structure)
