"""Values on demand: cost and gradient at a point, and forward values of definitions and formulas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from symgd.cost.checked import Definition
from symgd.cost.formulas import formula_in
from symgd.errors import InputError
from symgd.nodes.naming import name_of
from symgd.nodes.node import accesses, number, range_
from symgd.nodes.text import text
from symgd.program.equation import Program
from symgd.program.forward import forward
from symgd.program.names import Fresh
from symgd.program.shapes import solve
from symgd.program.subscripts import check_subscripts
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
    adjoints = kernels.shown.adjoints
    return Evaluation(kernels.cost(bound), {name: kernels.value(bound, adjoints[name]) for name in kernels.checked.parameters})


def compute(cost: Cost, names: Any, parameters: Mapping[Any, Any], data: Mapping[Any, Any] | None) -> Any:
    """The forward values of definitions or formulas, by NumPy from the equations that they need: nothing is compiled for a prediction."""
    from symgd.compiling.numpy_backend import run

    single = not isinstance(names, (list, tuple, set))
    wanted = [names] if single else list(names)
    program, targets = _with_formulas(cost, wanted)
    needed = alive(program, set(targets))
    read = {found.value for equation in needed.flat() for found in equation.reads()}
    chosen, given, known = cost._kernels.inputs(parameters, data)
    everything = {name: array for name, array in {**given, **chosen}.items() if name in read}
    absent = [name for name in needed.inputs if name in read and name not in everything]
    if absent:
        raise missing(absent, {**chosen, **given}, "data or parameter")
    lengths = solve(needed, {name: array.shape for name, array in everything.items()}, known, hidden=cost._formula.hidden)
    lengths = check_subscripts(needed, everything, lengths)
    found = run(needed, {name: array if array.ndim else float(array) for name, array in everything.items()}, lengths)
    values = [found[target] for target in targets]
    return values[0] if single else {_label(name): value for name, value in zip(wanted, values, strict=True)}


def _with_formulas(cost: Cost, wanted: list[Any]) -> tuple[Program, list[str]]:
    """The forward program, with an equation more for every formula that is no definition, and the target of each that is wanted."""
    checked, targets, more = cost._checked, [], []
    fresh = Fresh({*checked.names, *cost.program.extents, cost.program.cost})
    for thing in wanted:
        found = defined(cost, thing, fresh)
        if isinstance(found, Definition):
            more.append(found)
        targets.append(found.target if isinstance(found, Definition) else found)
    if not more:
        return cost.program, targets
    return forward(replace(checked, definitions=(*checked.definitions, *more))), targets


def defined(cost: Cost, thing: Any, fresh: Fresh, stem: str = "value") -> Definition | str:
    """The name of a definition of the cost, or of the cost itself; a definition with a name of its own for a formula, over its free letters."""
    known = {"C": cost.program.cost} | {name: name for name in cost.program.given}
    label = _label(thing)
    if label in known:
        return known[label]
    if isinstance(thing, str) and thing.isidentifier() and thing not in cost._checked.names:
        raise InputError(f"{thing} is no definition of this cost.", accepted=", ".join(("C", *cost.program.given)))
    body = formula_in(cost._checked, thing)
    strange = [found.value for found in accesses(body) if found.value not in cost._checked.names]
    if strange:
        raise InputError(f"{strange[0]} is no name of this cost.", accepted=", ".join(sorted(cost._checked.names)))
    letters = sorted(body.free, key=lambda letter: (letter.value != cost._formula.hidden, letter.value))
    unknown = [text(letter) for letter in letters if letter.value not in cost._formula.axes]
    if unknown:
        raise InputError(f"The length of axis {', '.join(unknown)} of {text(body)} is not known.", accepted="the index letters of the cost")
    ranges = tuple(range_(letter, number(0), cost._formula.axes[letter.value]) for letter in letters)
    return Definition(fresh(stem), tuple(letters), ranges, body)


def _label(thing: Any) -> str:
    """The name of a definition, else the formula's own text."""
    try:
        return name_of(thing)
    except InputError:
        return str(thing)
