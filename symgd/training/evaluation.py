"""Values on demand: cost and gradient at a point, and forward values of definitions and formulas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from symgd.errors import InputError
from symgd.nodes.naming import name_of
from symgd.program.equation import Program
from symgd.program.shapes import check_subscripts, solve
from symgd.tidy.tidy import alive
from symgd.training.inputs import missing
from symgd.training.kernels import Kernels
from symgd.training.result import Evaluation

if TYPE_CHECKING:
    from symgd.api import Cost


def evaluate(kernels: Kernels, parameters: Mapping[Any, Any], data: Mapping[Any, Any] | None) -> Evaluation:
    """Cost and gradient at these parameter values."""
    bound = kernels.bind(*kernels.inputs(parameters, data))
    with np.errstate(all="ignore"):
        kernels.gradient(bound)
    adjoints = kernels.program.adjoints
    return Evaluation(kernels.cost(bound), {name: kernels.value(bound, adjoints[name]) for name in kernels.checked.parameters})


def compute(cost: Cost, names: Any, parameters: Mapping[Any, Any], data: Mapping[Any, Any] | None) -> Any:
    """The forward values of some definitions, by NumPy from the equations that they need."""
    single = isinstance(names, str) or not isinstance(names, (list, tuple, set))
    wanted = [name_of(names)] if single else [name_of(name) for name in names]
    program = cost.program
    targets = {"C": program.cost} | {name: name for name in program.given}
    for name in wanted:
        if name not in targets:
            raise InputError(f"{name} is no definition of this cost.", accepted=", ".join(targets))
    needed: Program = alive(program, {targets[name] for name in wanted})
    read = {found.value for equation in needed.flat() for found in equation.reads()}
    chosen, given, known = cost._kernels.inputs(parameters, data)
    everything = {name: array for name, array in {**given, **chosen}.items() if name in read}
    absent = [name for name in needed.inputs if name in read and name not in everything]
    if absent:
        raise missing(absent, {**chosen, **given}, "data or parameter")
    lengths = solve(needed, {name: array.shape for name, array in everything.items()}, known, hidden=cost._formula.hidden)
    check_subscripts(needed, everything, lengths)
    from symgd.compiling.numpy_backend import run

    found = run(needed, {name: array if array.ndim else float(array) for name, array in everything.items()}, lengths)
    values = {name: found[targets[name]] for name in wanted}
    return values[wanted[0]] if single else values
