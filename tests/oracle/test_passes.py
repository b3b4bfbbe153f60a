"""How often the samples are read, for every mixture of their values with totals over them; and that the results are right."""

import numpy as np
import pytest
from hypothesis import given, settings

import symgd as sg
from symgd.compiling.cache import load
from symgd.program.meaning import Arithmetic, interpret
from symgd.program.operations import operations_at
from symgd.reverse.reverse import reverse
from symgd.tidy.recompute import recomputed
from symgd.tidy.tidy import tidy
from symgd.training.kernels import Kernels

from . import against_jax
from .levels import LENGTHS, LEVELS, SHAPES, mixtures

CASES = [pytest.param(passes, structure, id=structure.name) for passes, structure in LEVELS]
PARAMETERS = ("w", "W", "v", "s")
BOTH_SIZES = list(against_jax.cases([structure for _, structure in LEVELS]))
RANDOM = np.random.default_rng(7)
VALUES = {name: RANDOM.uniform(-1, 1, [LENGTHS[side] for side in sides]) for name, sides in SHAPES.items()}
VALUES |= {"label": np.array([1, 0, 1, 1, 0]), "s": 0.7}


def in_blocks_of_two(kernels, parameters, data):
    """Cost and gradient by the generated loops as plain Python, two samples at a time."""
    bound = kernels.bind(*kernels.inputs(parameters, data))
    bound.memory["block"] = min(2, bound.block)
    own = {"first": 0, "last": bound.rows, "scale": 1.0}
    with np.errstate(all="ignore"):
        arguments = kernels.generated.units["gradient"].arguments
        load(kernels.generated.source, compiled=False).gradient(*(own.get(a, bound.memory.get(a)) for a in arguments))
    return {name: kernels.value(bound, name) for name in kernels.program.results}, bound.lengths


@pytest.mark.parametrize(("passes", "structure"), CASES)
def test_the_samples_are_read_so_often(passes, structure):
    assert structure.read.gradient.program.passes == passes


@pytest.mark.parametrize(("structure", "which"), BOTH_SIZES)
def test_generated_loops_equal_jax_in_blocks_of_two(structure, which):
    against_jax.loops_equal_jax(structure, which)


@pytest.mark.parametrize(("structure", "which"), BOTH_SIZES)
def test_numpy_equals_jax(structure, which):
    against_jax.numpy_equals_jax(structure, which)


COMPILED = ("quotient of sums", "batch norm and tanh", "columns accumulated by every operation")


@pytest.mark.parametrize("structure", [pytest.param(s, id=s.name, marks=[] if s.name in COMPILED else [pytest.mark.slow]) for _, s in LEVELS])
def test_compiled_code_equals_jax(structure):
    against_jax.compiled_equals_jax(structure, 1)


@pytest.mark.parametrize("cost", ["max(w*x[i], i)", "product(w*x[i], i)"])
def test_only_sums_have_mini_batches(cost):
    with pytest.raises(sg.InputError, match="mini-batches of such a cost are not built yet"):
        sg.parse(cost, axes="i:m", parameters=["w"]).trainer(learning_rate=0.1).fit({"x": [1.0, 2.0]}, batch_size=1)


@pytest.mark.parametrize("compiled", [True, False])
def test_the_logarithm_of_a_mean_over_a_batch_is_that_of_its_samples(monkeypatch, compiled):
    monkeypatch.setattr(Kernels, "compiled", compiled)
    cost = sg.parse("log(mean(exp(w*x[i]), i))", axes="i:m", parameters=["w"])
    x = RANDOM.normal(size=20)
    result = cost.trainer(learning_rate=0.1).fit({"x": x}, start={"w": 2}, epochs=1, batch_size=10, shuffle=False)
    w = 2.0
    for half in (x[:10], x[10:]):
        weights = np.exp(w * half)
        w -= 0.1 * (weights @ half / weights.sum())
    assert result.parameters["w"] == pytest.approx(w, rel=1e-12)
    assert result.history.cost[0] == pytest.approx(np.log(np.exp(2 * x[:10]).mean()), rel=1e-12)


def test_a_block_without_weight_does_not_count():
    cost = sg.parse("logsumexp(log(y[i]) + w*x[i], i)", axes="i:m", parameters=["w"])
    x, y = RANDOM.normal(size=600), np.ones(600)
    y[:300] = 0.0  # minus infinity, all of the first block
    found = cost.evaluate({"w": 0.5}, {"x": x, "y": y})
    assert found.gradient["w"] == pytest.approx(np.exp(0.5 * x[300:]) @ x[300:] / np.exp(0.5 * x[300:]).sum(), rel=1e-12)


@pytest.mark.parametrize(("passes", "structure"), CASES)
def test_fewer_passes_are_not_paid_for_with_operations(passes, structure):
    against_jax.gradient_is_cheap(structure)


@pytest.mark.slow
@settings(max_examples=25)
@given(made=mixtures())
def test_mixtures_of_levels_are_right_in_blocks(made):
    text = " ".join([made.cost, *made.where.values()])
    cost = sg.parse(made.cost, where=made.where, axes="i:m j:d k:h", parameters=PARAMETERS)
    program = cost.gradient.program
    data = {name: VALUES[name] for name in ("X", "y", "label") if f"{name}[" in text}
    data |= {name: length for name, length in LENGTHS.items() if name in cost._kernels._length_names()}
    lean = recomputed(program)  # nothing kept from pass to pass
    for kernels in (cost._kernels, Kernels(cost._checked, lean)):
        found, lengths = in_blocks_of_two(kernels, {name: VALUES[name] for name in PARAMETERS}, data)
        exact = interpret(program, {name: VALUES[name] for name in program.inputs}, lengths, Arithmetic(30))
        for name, value in found.items():
            expected = np.zeros(np.shape(value))
            for place, element in exact.get(name, {}).items():
                expected[place] = float(element)
            assert np.all(np.abs(value - expected) <= 1e-9 * (1 + np.max(np.abs(expected), initial=0.0))), name
    assert lean.passes == program.passes
    plain = tidy(reverse(cost.program))
    assert program.passes <= plain.passes
    large = dict.fromkeys(LENGTHS, 64)
    found, before, old = (operations_at(each, large)[0] for each in (program, cost.program, plain))
    assert found <= max(5 * before, old)
