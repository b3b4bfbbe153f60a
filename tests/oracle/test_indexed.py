"""Costs with indices that nobody chose: generated loops, NumPy and the interpreter agree, in blocks of two rows, whatever the levels are."""

import re

import numpy as np
from hypothesis import assume, given

import symgd as sg
from symgd.compiling.cache import load
from symgd.compiling.numpy_backend import run
from symgd.program.meaning import Arithmetic, interpret

from .indexed import ARRAYS, PARAMETERS, costs

SIZES = {"i": 5, "j": 3, "k": 4}
RANDOM = np.random.default_rng(5)
VALUES = {name: RANDOM.uniform(-1, 1, [SIZES[axis] for axis in axes]) for name, axes in ARRAYS.items()}
VALUES |= {"s": 0.7, "label": np.array([3, 0, 1, 3, 2])}
AXES = "i:m j:d k:h l:m"


def close(found, expected) -> bool:
    return bool(np.all(np.abs(np.asarray(found) - expected) <= 1e-9 * (1 + np.max(np.abs(expected), initial=0.0))))


@given(made=costs())
def test_loops_numpy_and_interpreter_agree(made):
    text = " ".join([made.cost, *made.where.values()])
    used = [name for name in PARAMETERS if re.search(rf"\b{name}\b", text)]
    assume(used)
    cost = sg.parse(made.cost, where=made.where, axes=AXES, parameters=used)
    kernels, program = cost._kernels, cost.gradient.program
    names = {**cost._checked.parameters, **cost._checked.data}
    given_parameters = {name: VALUES[name] for name in cost.parameters if name in program.inputs}
    data = {name: VALUES[name] for name in names if name not in given_parameters and name in VALUES}
    assume(set(given_parameters) == set(cost.parameters))
    lengths = {"m": 5, "d": 3, "h": 4}
    chosen, checked, known = kernels.inputs(given_parameters, {**data, **{n: v for n, v in lengths.items() if n in kernels._length_names()}})
    try:
        bound = kernels.bind(chosen, checked, known)
    except sg.InputError:  # a parameter that is read at one place only has to be that short
        assume(False)
    bound.memory["block"] = bound.block = min(2, bound.block)
    with np.errstate(all="ignore"):
        unit = kernels.generated.units["gradient"]
        own = {"first": 0, "last": bound.rows, "scale": 1.0}
        load(kernels.generated.source, compiled=False).gradient(*(own.get(a, bound.memory.get(a)) for a in unit.arguments))
    inputs = {name: VALUES[name] for name in program.inputs}
    exact = interpret(program, inputs, bound.lengths, Arithmetic(30))
    by_numpy = run(program, inputs, bound.lengths)
    for name in (program.cost, *(program.adjoints[p] for p in cost.parameters)):
        expected = np.zeros(np.shape(kernels.value(bound, name)))
        for place, value in exact.get(name, {}).items():
            expected[place] = float(value)
        assert close(kernels.value(bound, name), expected), (name, "loops")
        assert close(by_numpy.get(name, 0.0), expected), (name, "NumPy")
