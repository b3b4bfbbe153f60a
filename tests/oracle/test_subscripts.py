"""Every kind of subscript and range: value, gradient and closed form equal JAX, by Numba, by NumPy and by the interpreter."""

import importlib.util
from itertools import product

import numpy as np
import pytest

import symgd as sg
from symgd.nodes.node import index
from symgd.program.meaning import Arithmetic, Interpreter
from symgd.tidy.closed import ClosedForms

from . import against_jax
from .subscripts import SUBSCRIPTS

CASES = list(against_jax.cases(SUBSCRIPTS))
NAMED = {structure.name: structure for structure in SUBSCRIPTS}


@pytest.mark.slow
@pytest.mark.parametrize(("structure", "which"), CASES)
def test_compiled_code_equals_jax(structure, which):
    against_jax.compiled_equals_jax(structure, which)


@pytest.mark.parametrize(("structure", "which"), CASES)
def test_generated_loops_equal_jax_block_by_block(structure, which):
    against_jax.loops_equal_jax(structure, which)


@pytest.mark.parametrize(("structure", "which"), CASES)
def test_numpy_and_fifty_digits_equal_jax(structure, which):
    against_jax.numpy_equals_jax(structure, which)
    against_jax.interpreter_equals_jax(structure, which)


@pytest.mark.parametrize("structure", SUBSCRIPTS, ids=lambda structure: structure.name)
def test_the_gradient_costs_at_most_five_times_the_cost(structure):
    against_jax.gradient_is_cheap(structure)


@pytest.mark.parametrize("structure", [s for s in SUBSCRIPTS if not s.where], ids=lambda structure: structure.name)
def test_closed_forms_are_the_gradient(structure):
    """A scatter is shown as a sum with a condition, and every element of it is right."""
    values, program = structure.arrays(0), structure.read.gradient.program
    _, slopes = against_jax.by_jax(structure, 0)
    reader = Interpreter(values, against_jax.lengths_of(structure, 0), Arithmetic(15))
    for name in structure.parameters:
        letters = [index(f"p{n}") for n in range(np.ndim(values[name]))]
        form = ClosedForms(program).of(name, letters)
        places = list(product(*map(range, np.shape(values[name]))))
        for place in places[:: max(1, len(places) // 6)]:
            found = reader.formula(form, dict(zip(letters, place, strict=True)))
            assert float(found) == pytest.approx(slopes[name][place], rel=1e-9, abs=1e-11), (name, place)


# structure | the lengths that no data tell
SAVED = [
    ("a symmetric matrix packed by columns", {}),
    ("periodic Laplacian", {}),
    ("a layer over groups", {"h": 2}),
    ("groups of groups", {"n_w": 12}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "lengths"), SAVED, ids=[row[0] for row in SAVED])
def test_a_saved_trainer_knows_all_of_them(name, lengths, tmp_path):
    start, data = NAMED[name].split(NAMED[name].arrays(0))
    trainer = NAMED[name].read.trainer(learning_rate=0.001)
    path = trainer.save(tmp_path / "saved.py", lengths=lengths)
    spec = importlib.util.spec_from_file_location("saved", path)
    saved = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(saved)
    expected, found = trainer.fit(data, start=start, steps=3), saved.fit(data, start=start, steps=3)
    assert found["cost"] == expected.cost
    for parameter in start:
        assert np.array_equal(found["parameters"][parameter], expected.parameters[parameter])


# cost | parameters | data | samples
BATCHES = [
    (
        "sum(sum(tanh(w[0]*x[t] - w[1]), t in off[g]:off[g + 1])^2, g in 0:G)",
        {"w": [0.3, 0.2]},
        {"x": np.linspace(-1, 1, 14), "off": [0, 3, 3, 5, 9, 10, 14]},
        6,
    ),
    ("mean((w*x[i + 1] - x[i])^2, i in 0:m)", {"w": 0.4}, {"x": np.sin(np.arange(9))}, 8),
    ("mean((w*i + b[mod(i, 4)] - y[i])^2, i in 0:m)", {"w": 0.4, "b": [1.0, 2, 3, 4]}, {"y": np.cos(np.arange(11))}, 11),
    ("mean((w*i^2 - x[i])^2 + piecewise((w - x[i - 1])^2, i > 0, 0), i in 0:m)", {"w": 0.1}, {"x": np.sin(np.arange(7))}, 7),
    ("sum((w*A[i, i] - A[i, 0]*x[floor(i/2)])^2, i in 0:m)", {"w": 0.4}, {"A": np.arange(36.0).reshape(6, 6), "x": [1.0, 2, 4]}, 6),
    ("mean((E[label[i]]*v - y[i])^2, i in 0:m)", {"E": [1.0, 2, 3], "v": 0.5}, {"label": [0, 2, 2, 1, 0], "y": np.arange(5.0)}, 5),
]


@pytest.mark.slow
@pytest.mark.parametrize(("text", "start", "data", "samples"), BATCHES, ids=[row[0] for row in BATCHES])
@pytest.mark.parametrize("shuffle", [True, False])
def test_the_batches_of_an_epoch_are_the_whole(text, start, data, samples, shuffle):
    """With a learning rate of almost 0 the costs of all batches average to the cost, by Numba and by NumPy."""
    cost = sg.parse(text, parameters=list(start))
    whole = cost.evaluate(start, data).cost
    for compiled in (True, False):
        trainer = cost.trainer(learning_rate=1e-300)
        trainer.kernels.__dict__["compiled"] = compiled
        for size in (1, 2):
            batches = -(-samples // size)
            costs = trainer.fit(data, start=start, batch_size=size, epochs=2, tolerance=0, shuffle=shuffle).history.cost
            weights = np.minimum(size, samples - size * np.arange(batches)) / samples
            for epoch in costs.reshape(2, batches):
                assert epoch @ weights == pytest.approx(whole, rel=1e-12)
