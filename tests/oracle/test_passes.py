"""How often the samples are read, for every mixture of their values with totals over them; and that the results are right."""

import numpy as np
import pytest
from hypothesis import given, settings

import symgd as sg
from symgd.compiling.cache import load
from symgd.compiling.numpy_backend import run
from symgd.program.meaning import Arithmetic, interpret
from symgd.program.operations import operations_at
from symgd.reverse.reverse import reverse
from symgd.tidy.tidy import tidy

from .levels import LENGTHS, LEVELS, SHAPES, mixtures
from .test_structures import close, lengths_of, operations

CASES = [pytest.param(passes, structure, id=structure.name) for passes, structure in LEVELS]
PARAMETERS = ("w", "W", "v", "s")
RANDOM = np.random.default_rng(7)
VALUES = {name: RANDOM.uniform(-1, 1, [LENGTHS[side] for side in sides]) for name, sides in SHAPES.items()}
VALUES |= {"label": np.array([1, 0, 1, 1, 0]), "s": 0.7}


def in_blocks_of_two(cost, parameters, data):
    """Cost and gradient by the generated loops as plain Python, two samples at a time."""
    kernels = cost._kernels
    bound = kernels.bind(*kernels.inputs(parameters, data))
    bound.memory["block"] = min(2, bound.block)
    own = {"first": 0, "last": bound.rows, "scale": 1.0}
    with np.errstate(all="ignore"):
        arguments = kernels.generated.units["gradient"].arguments
        load(kernels.generated.source, compiled=False).gradient(*(own.get(a, bound.memory.get(a)) for a in arguments))
    program = kernels.program
    return {name: kernels.value(bound, name) for name in (program.cost, *(program.adjoints[p] for p in cost.parameters))}, bound.lengths


@pytest.mark.parametrize(("passes", "structure"), CASES)
def test_the_samples_are_read_so_often(passes, structure):
    assert structure.read().gradient.program.passes == passes


@pytest.mark.parametrize(("passes", "structure"), CASES)
def test_value_and_gradient_equal_jax(passes, structure):
    for which in (0, 1):
        values, (expected, slopes) = structure.arrays(which), structure.by_jax(which)
        cost = structure.read()
        blocks, lengths = in_blocks_of_two(cost, *structure.split(values))
        program = cost.gradient.program
        for found in (blocks, run(program, {name: values[name] for name in program.inputs}, lengths)):
            assert close(found[program.cost], expected)
            for name in structure.parameters:
                assert close(found[program.adjoints[name]], slopes[name]), name


COMPILED = ("quotient of sums", "correlation", "batch norm")


@pytest.mark.parametrize("structure", [pytest.param(s, id=s.name, marks=[] if s.name in COMPILED else [pytest.mark.slow]) for _, s in LEVELS])
def test_compiled_value_and_gradient_equal_jax(structure):
    expected, slopes = structure.by_jax(1)
    found = structure.read().evaluate(*structure.split(structure.arrays(1)))
    assert close(found.cost, expected)
    for name in structure.parameters:
        assert close(found.gradient[name], slopes[name]), name


@pytest.mark.parametrize(("passes", "structure"), CASES)
def test_fewer_passes_are_not_paid_for_with_operations(passes, structure):
    cost = structure.read()
    for which in (0, 1):
        lengths, values = lengths_of(structure, cost, which), structure.arrays(which)
        assert operations(cost.gradient.program, lengths, values) <= 5 * operations(cost.program, lengths, values)


@settings(max_examples=40)
@given(made=mixtures())
def test_mixtures_of_levels_are_right_in_blocks(made):
    text = " ".join([made.cost, *made.where.values()])
    cost = sg.parse(made.cost, where=made.where, axes="i:m j:d k:h", parameters=PARAMETERS)
    program = cost.gradient.program
    data = {name: VALUES[name] for name in ("X", "y", "label") if f"{name}[" in text}
    data |= {name: length for name, length in LENGTHS.items() if name in cost._kernels._length_names()}
    found, lengths = in_blocks_of_two(cost, {name: VALUES[name] for name in PARAMETERS}, data)
    exact = interpret(program, {name: VALUES[name] for name in program.inputs}, lengths, Arithmetic(30))
    for name, value in found.items():
        expected = np.zeros(np.shape(value))
        for place, element in exact.get(name, {}).items():
            expected[place] = float(element)
        assert np.all(np.abs(value - expected) <= 1e-9 * (1 + np.max(np.abs(expected), initial=0.0))), name
    plain = tidy(reverse(cost.program))
    assert program.passes <= plain.passes
    large = dict.fromkeys(LENGTHS, 64)
    found, before, old = (operations_at(each, large)[0] for each in (program, cost.program, plain))
    assert found <= max(5 * before, old)
