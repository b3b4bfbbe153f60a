"""Costs with indices that nobody chose: generated loops, NumPy, the interpreter, and whole arrays with JAX agree; in blocks of two rows."""

import re

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import assume, given, settings

import symgd as sg
from symgd.compiling.cache import load
from symgd.compiling.numpy_backend import run
from symgd.program.meaning import Arithmetic, interpret

from .evaluation import InJax, InNumPy
from .indexed import ARRAYS, LENGTHS, PARAMETERS, TIME, costs

LENGTH = {"m": 5, "d": 3, "h": 4, "T": 6}
RANDOM = np.random.default_rng(5)
VALUES = {name: RANDOM.uniform(-1, 1, [LENGTH[length] for length in lengths]) for name, lengths in ARRAYS.items()}
VALUES |= {"s": np.asarray(0.7), "label": np.array([3, 0, 1, 3, 2]), "pick": np.array([1, 3, 0, 1]), "ptr": np.array([0, 2, 2, 5])}
AXES = " ".join(f"{letter}:{length}" for letter, length in LENGTHS.items())


def close(found, expected) -> bool:
    return bool(np.all(np.abs(np.asarray(found, dtype=float) - expected) <= 1e-9 * (1 + np.max(np.abs(expected), initial=0.0))))


def read(made) -> sg.Cost:
    text = " ".join([made.cost, *made.where.values()])
    used = [name for name in PARAMETERS if re.search(rf"\b{name}\b", text)]
    assume(used)
    return sg.parse(made.cost, where=made.where, axes=AXES, parameters=used)


def given_values(cost):
    names = {**cost._checked.parameters, **cost._checked.data}
    assume(all(name in cost.gradient.program.inputs for name in cost.parameters))
    parameters = {name: VALUES[name] for name in cost.parameters}
    return parameters, {name: VALUES[name] for name in names if name not in parameters and name in VALUES}


def bound_to(cost, parameters, data):
    kernels = cost._kernels
    chosen, checked, known = kernels.inputs(parameters, {**data, **{n: v for n, v in LENGTH.items() if n in kernels._length_names()}})
    try:
        return kernels.bind(chosen, checked, known)
    except sg.InputError:  # a parameter that is read at one place only has to be that short
        assume(False)


def by_interpreter(cost, bound):
    """Cost and gradient at 30 digits, 0 where no equation writes an element."""
    program = cost.gradient.program
    exact = interpret(program, {name: VALUES[name] for name in program.inputs}, bound.lengths, Arithmetic(30))
    found = {program.cost: np.asarray(float(exact[program.cost][()]))}
    for name in cost.parameters:
        found[program.adjoints[name]] = np.zeros(np.shape(VALUES[name]))
        for place, value in exact.get(program.adjoints[name], {}).items():
            found[program.adjoints[name]][place] = float(value)
    return found


def evaluation(kind, made, arrays):
    shapes = {name: tuple(LENGTH["T"] + 1 if length == TIME else LENGTH[length] for length in lengths) for name, lengths in made.defined.items()}
    return kind({**VALUES, **arrays}, LENGTH, shapes, LENGTH["T"] + 1)


@given(made=costs())
def test_loops_numpy_and_interpreter_agree(made):
    cost = read(made)
    parameters, data = given_values(cost)
    kernels, program, bound = cost._kernels, cost.gradient.program, bound_to(cost, parameters, data)
    bound.memory["block"] = bound.block = min(2, bound.block)
    with np.errstate(all="ignore"):
        unit = kernels.generated.units["gradient"]
        own = {"first": 0, "last": bound.rows, "scale": 1.0}
        load(kernels.generated.source, compiled=False).gradient(*(own.get(a, bound.memory.get(a)) for a in unit.arguments))
    by_numpy = run(program, {name: VALUES[name] for name in program.inputs}, bound.lengths)
    exact = by_interpreter(cost, bound)
    assert close(evaluation(InNumPy, made, {}).cost(cost._formula), exact[program.cost]), "what the formula means"
    for name, expected in exact.items():
        assert close(kernels.value(bound, name), expected), (name, "loops")
        assert close(by_numpy.get(name, 0.0), expected), (name, "NumPy")


@settings(max_examples=25)
@given(made=costs())
def test_the_gradient_is_that_of_jax(made):
    cost = read(made)
    parameters, data = given_values(cost)
    found = by_interpreter(cost, bound_to(cost, parameters, data))
    free = {name: jnp.asarray(value, dtype=float) for name, value in parameters.items()}
    value, slopes = jax.jit(jax.value_and_grad(lambda q: evaluation(InJax, made, q).cost(cost._formula)))(free)
    assert close(found[cost.gradient.program.cost], value)
    for name, slope in slopes.items():
        assert close(found[cost.gradient.program.adjoints[name]], slope), name
