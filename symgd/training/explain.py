"""One update by gradient descent, computed and told: the cost now, its gradient, the new parameters, the new cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from symgd.errors import InputError
from symgd.nodes.node import tree_size
from symgd.program.equation import Program
from symgd.program.meaning import Arithmetic, Interpreter, interpret
from symgd.program.operations import total_operations
from symgd.program.subscripts import check_subscripts
from symgd.training.facts import check_facts
from symgd.training.inputs import missing
from symgd.training.result import ByName, _norm, _plain
from symgd.training.story import RULE, End, Story, formulas, html, markdown, plain, short
from symgd.updates.formulas import value
from symgd.updates.optimizers import GRADIENT, PARAMETER, RATE
from symgd.updates.rows import checked_number

if TYPE_CHECKING:
    from symgd.api import Cost

__all__ = ["Explanation", "explain"]

INTERPRETED = 20_000  # operations that the interpreter is asked for: some tenths of a second
DIGITS = 30
NOISE = 1e-20  # what is smaller may be zero but for rounding, and is asked again with more digits
HALVINGS = 60

Arrays = Mapping[str, NDArray[Any]]
Computation = Callable[[Arrays], Mapping[str, Any]]
"""Parameters -> cost and adjoints by name."""


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """One update by gradient descent, told by `text()`, `latex()` and, in a notebook, by itself.

    `cost` and `gradient` are taken at `parameters`, `new_cost` at `new_parameters`; these are the old ones where no step can be taken.

    >>> import symgd as sg
    >>> print(sg.parse("(w - 3)^2").explain({"w": 1}, learning_rate=0.1))
    The cost now: C = 4.
        C = (w - 3)^2 at w = 1
    The gradient now: dC/dw = -4.
        dC/dw = 2*(w - 3)
        It is negative: the cost falls when w grows, so w goes up.
    The update, with the learning rate eta = 0.1: w goes from 1 to 1.4.
        w <- w - eta*dC/dw = 1 - 0.1*(-4) = 1.4
    The new cost: C = 2.56. It went down by 1.44.
    In short: cost 4, gradient -4, so w goes from 1 to 1.4; new cost 2.56.
    """

    cost: float
    gradient: ByName
    parameters: ByName
    new_parameters: ByName
    new_cost: float
    went_down: bool
    learning_rate: float
    story: Story = field(repr=False)

    def text(self) -> str:
        """Sentences and formulas in plain text."""
        return plain(self)

    def latex(self) -> str:
        """The formulas with their numbers, for a display formula."""
        return formulas(self)

    def html(self) -> str:
        """A page that needs nothing else."""
        return html(self)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, lists and text, for `json.dumps`. What is not finite is None: JSON has no such number."""
        return {
            "cost": _plain(self.cost),
            "parameters": {name: _plain(v) for name, v in self.parameters.items()},
            "gradient": {name: _plain(v) for name, v in self.gradient.items()},
            "learning_rate": self.learning_rate,
            "new_parameters": {name: _plain(v) for name, v in self.new_parameters.items()},
            "new_cost": _plain(self.new_cost),
            "went_down": self.went_down,
            "text": self.text(),
        }

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<Explanation of one update: cost {short(self.cost)}, gradient norm {short(_norm(self.gradient))}, new cost {short(self.new_cost)}>"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def _repr_markdown_(self) -> str:
        return markdown(self)


def explain(cost: Cost, at: Mapping[Any, Any], learning_rate: float, data: Mapping[Any, Any] | None = None) -> Explanation:
    """One update of gradient descent from the parameter values `at`, with the learning rate and data given.

    A small problem is computed by the interpreter, in which 0.1 is a tenth, a larger one by NumPy; nothing is compiled.
    Raises InputError for what is missing or does not fit.
    """
    rate = checked_number("learning_rate", learning_rate, "(0, oo)")
    parameters, given, lengths = _checked(cost, at, data)
    program = cost.gradient.program
    now = _computation(program, given, lengths)(parameters)
    before = float(now[program.cost])
    gradient = {name: _shaped(now.get(program.adjoints[name]), array.shape) for name, array in parameters.items()}
    cost_at = _computation(cost.program, given, lengths)

    def after(rate: float) -> tuple[dict[str, NDArray[np.float64]], float]:
        new = {name: _updated(array, gradient[name], rate) for name, array in parameters.items()}
        finite = all(np.isfinite(array).all() for array in new.values())
        return new, float(cost_at(new)[cost.program.cost]) if finite else math.nan

    new, new_cost, better = dict(parameters), before, None
    if not math.isfinite(before):
        end: End = "no cost"
    elif not all(np.isfinite(part).all() for part in gradient.values()):
        end = "no gradient"
    elif not any(part.any() for part in gradient.values()):
        end = "flat"
    else:
        new, new_cost = after(rate)
        end = _end(before, new_cost, rate * _norm(gradient) ** 2)
    if end in ("rose", "left"):
        rates = (rate / 2**n for n in range(1, HALVINGS))
        better = next(((smaller, found) for smaller in rates if (found := after(smaller)[1]) < before), None)
    scalars = {name: float(array) for name, array in given.items() if not array.ndim}
    values, slopes, news = (ByName({name: part[()] for name, part in found.items()}) for found in (parameters, gradient, new))
    return Explanation(before, slopes, values, news, new_cost, end == "fell", rate, Story(cost, scalars, lengths, end, better))


def _checked(cost: Cost, at: Mapping[Any, Any], data: Mapping[Any, Any] | None) -> tuple[Arrays, Arrays, dict[str, int]]:
    """(parameters, data, lengths), complete and of fitting shapes."""
    kernels = cost._kernels
    checked, program = kernels.checked, kernels.shown
    if not checked.parameters:
        raise InputError("The cost has no parameter to update.", accepted="a cost with a free name")
    parameters, given, known = kernels.inputs(at, data)
    for names, there, what in ((checked.parameters, parameters, "parameter"), (kernels._data_names(), given, "data")):
        absent = [name for name in names if name not in there and (name in program.inputs or what == "parameter")]
        if absent:
            raise missing(absent, there, what)
    everything = {**parameters, **given}
    lengths = kernels.lengths({name: array.shape for name, array in everything.items()}, known)
    lengths = check_subscripts(program, everything, lengths)
    check_facts(checked.facts, given, lengths)
    return {name: parameters[name] for name in checked.parameters}, given, lengths


def _end(before: float, after: float, expected: float) -> End:
    """How the update ended; `expected`: by how much a small step lowers the cost."""
    if not math.isfinite(after):
        return "left"
    if after == before and expected <= 1e-14 * abs(before):
        return "unchanged"
    return "fell" if after < before else "rose"


def _computation(program: Program, given: Arrays, lengths: Mapping[str, int]) -> Computation:
    """The interpreter where the problem is small, else NumPy."""
    if _small(program, given, lengths):
        return lambda parameters: _interpreted(program, {**given, **parameters}, lengths)
    from symgd.compiling.numpy_backend import compiled

    run = compiled(program)
    return lambda parameters: run({name: array if array.ndim else float(array) for name, array in {**given, **parameters}.items()}, lengths)


def _small(program: Program, given: Arrays, lengths: Mapping[str, int]) -> bool:
    """Whether the interpreter, which walks shared parts of a formula as often as they stand there, is quick."""
    written = (tree_size(equation.body) for equation in program.flat())
    if max((*lengths.values(), *(array.size for array in given.values()), *written)) > INTERPRETED:
        return False
    reader = Interpreter({name: array.tolist() for name, array in given.items() if name in program.integers}, lengths, Arithmetic(15))
    return bool(reader.formula(total_operations(list(program.flat())), {}) <= INTERPRETED)


def _interpreted(program: Program, inputs: Arrays, lengths: Mapping[str, int]) -> dict[str, Any]:
    """Cost and adjoints, element by element. A number is what its digits say: 0.1 is a tenth."""
    exact = {name: _exact(array.tolist()) for name, array in inputs.items()}
    wanted = {program.cost, *(program.adjoints[name] for name in program.parameters if name in program.adjoints)}

    def floats(digits: int) -> dict[str, dict[tuple[int, ...], float]]:
        found = interpret(program, exact, lengths, Arithmetic(digits))
        return {name: {place: float(element) for place, element in found[name].items()} for name in wanted if name in found}

    values = floats(DIGITS)
    if any(0 < abs(element) < NOISE for elements in values.values() for element in elements.values()):
        finer = floats(2 * DIGITS)
        for name, elements in values.items():
            elements.update({place: 0.0 for place, element in elements.items() if abs(finer[name][place]) < NOISE * abs(element)})
    return {name: elements.get((), elements) for name, elements in values.items()}


def _exact(given: Any) -> Any:
    return [_exact(part) for part in given] if isinstance(given, list) else Fraction(repr(given))


def _shaped(found: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """A gradient in the shape of its parameter, 0 where nothing was computed."""
    array = np.zeros(shape)
    if isinstance(found, dict):
        for place, element in found.items():
            array[place] = element
    elif found is not None:
        array[...] = found
    return array


def _updated(parameter: NDArray[Any], gradient: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
    found = value(RULE.formulas[PARAMETER], {PARAMETER: parameter, GRADIENT: gradient, RATE: rate})
    return np.asarray(found, dtype=np.float64).reshape(parameter.shape)
