"""What is written in SymPy is the same cost as the text: same value, same gradient."""

import pytest

from symgd.compiling.numpy_backend import run

from .against_jax import equal_jax, lengths_of
from .compositions import COMPOSITIONS
from .in_sympy import WRITTEN
from .structures import STRUCTURES

ROWS = {structure.name: structure for structure in [*STRUCTURES, *COMPOSITIONS]}


@pytest.mark.parametrize("name", WRITTEN)
def test_the_gradient_of_what_is_written_in_sympy_equals_jax(name):
    structure, cost = ROWS[name], WRITTEN[name]()
    assert cost.parameters == structure.parameters
    program, values = cost.gradient.program, structure.arrays(0)
    found = run(program, values, lengths_of(structure, 0, cost))
    equal_jax(structure, 0, found[program.cost], {array: found[program.adjoints[array]] for array in cost.parameters})
