"""What a user holds: Cost and Gradient. A method is a line into the pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from symgd.cost.checked import Checked, check
from symgd.cost.facts import Fact
from symgd.cost.lengths import with_one_length
from symgd.errors import InputError
from symgd.hessian import Hessian
from symgd.jacobian import Jacobian
from symgd.nodes.formula import Formula
from symgd.nodes.growing import growing
from symgd.nodes.latex import latex
from symgd.nodes.naming import name_of
from symgd.nodes.node import ZERO, Node, access, accesses, index, postorder
from symgd.nodes.text import text
from symgd.pipeline import forward_program, gradient_program, rolled_program, stable_program
from symgd.program.equation import Program
from symgd.program.gate import checking as checking
from symgd.program.names import Fresh
from symgd.tidy.closed import ClosedForms

if TYPE_CHECKING:
    from symgd.derivation.shown import Derivation
    from symgd.rolling.rolling import Rolled
    from symgd.stabilise.stabilise import Stabilised
    from symgd.training.result import Evaluation
    from symgd.training.trainer import Trainer

__all__ = ["Cost", "Gradient", "checking", "parse"]

Named = Mapping[Any, Any]


def parse(
    text: str,
    *,
    samples: str | Sequence[str] = (),
    where: Mapping[str, str] | Sequence[str] = (),
    axes: str | Mapping[str, Any] = "",
    parameters: Iterable[Any] | None = None,
    constants: Named | Iterable[Any] | None = None,
    facts: Sequence[Any] = (),
    stabilise: bool = True,
) -> Cost:
    """The cost that a text says, read by symgd's own grammar: nothing in it is ever evaluated.

    `samples`: names of data columns, "x y". `where`: target -> formula, {"z[i]": "sum(w[j]*X[i, j], j)"}. `axes`: lengths of index letters, "k:32".
    `facts`: what is known of the data, ["sum(Y[i, l], l) = 1", "y^2 = 1"].
    Raises InputError with row and column of what cannot be read.

    >>> parse("mean((w*x + b - y)^2)", samples="x y").gradient.text()
    'dC/dw = 2*mean(x*(w*x + b - y))\\ndC/db = 2*mean(w*x + b - y)'
    """
    from symgd.reading.text import problem

    given = None if parameters is None else _names(parameters, "parameters")
    with growing():
        formula = problem(text, where=where, axes=axes, samples=samples, names=dict.fromkeys([*(given or ()), *_constants(constants)]))
    return Cost(formula, parameters=given, constants=constants, facts=facts, stabilise=stabilise)


class Cost:
    """A cost function, checked: which names are parameters and data, and what is wrong with them.

    `expression`: a SymPy formula. `where`: name -> formula for named intermediates, or a list of `sympy.Eq`. `parameters`: the names to differentiate
    for; without it every free scalar that is no sample column, constant or length. `constants`: name -> number, or names whose values come
    with the data. `facts`: what is known of the data, a list of `sympy.Eq`, comparisons or texts. Raises InputError, a sentence that says what,
    where and what is accepted.

    >>> import sympy as sp
    >>> w = sp.Symbol("w")
    >>> Cost((w - 3)**2).gradient[w]
    2*w - 6
    """

    def __init__(
        self,
        expression: Any,
        *,
        where: Any = (),
        parameters: Iterable[Any] | None = None,
        constants: Named | Iterable[Any] | None = None,
        facts: Sequence[Any] = (),
        stabilise: bool = True,
    ) -> None:
        if isinstance(expression, Formula):
            formula = expression
        else:
            from symgd.nodes.sympy_door import from_sympy

            formula = from_sympy(expression, where)
        known = _facts(facts, formula)
        self._formula = formula = with_one_length(formula, known)
        self._checked: Checked = check(
            formula,
            parameters=None if parameters is None else _names(parameters, "parameters"),
            constants=_constants(constants),
            facts=known,
        )
        self.stabilise = stabilise

    @property
    def expression(self) -> Any:
        """The cost as a SymPy expression."""
        return self._to_sympy(self._formula.expression)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names that the gradient is taken for, in its order."""
        return tuple(self._checked.parameters)

    @property
    def data(self) -> tuple[str, ...]:
        """The names whose values are given at `fit` and `evaluate`."""
        return tuple(self._checked.data)

    @property
    def constants(self) -> dict[str, float | None]:
        """The constants and their values, None where the value comes with the data."""
        return dict(self._checked.constants)

    @property
    def definitions(self) -> dict[str, Any]:
        """name -> its formula in SymPy, in the order of computation; the parts of a name by their left sides, `h[0, k]` and `h[t + 1, k]`."""
        parts = Counter(d.target for d in self._checked.definitions)
        return {
            d.target if parts[d.target] == 1 else self._shown(access(d.target, *d.at)): self._to_sympy(d.body) for d in self._checked.definitions
        }

    @property
    def facts(self) -> tuple[str, ...]:
        """What is said to be known of data and parameters, in the text language."""
        return tuple(map(str, (*self._checked.facts, *self._checked.hoped)))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a careful reader would remark: unused parameters, parameters that look like constants."""
        return self._checked.notes

    @cached_property
    def program(self) -> Program:
        """The forward equations."""
        return self._stable.program if self.stabilise else forward_program(self._checked)

    @cached_property
    def _stable(self) -> Stabilised:
        return stable_program(self._checked)

    @cached_property
    def _as_written(self) -> Cost:
        """The same cost without stable forms: no definition is computed, or derived by, in place of another one."""
        if not self.stabilise:
            return self
        return Cost(self._formula, parameters=self.parameters, constants=self.constants, facts=self.facts, stabilise=False)

    @property
    def rewritten(self) -> tuple[str, ...]:
        """What is computed in another way than it was written, because it would overflow, vanish or cancel; nothing with `stabilise=False`.

        >>> parse("log(1 + exp(w))").rewritten
        ('log(1 + exp(w)) is computed as softplus(w): the exponentials overflow or vanish where the logarithm of their sum does not.',)
        """
        return tuple(map(str, self._stable.uses)) if self.stabilise else ()

    @cached_property
    def gradient(self) -> Gradient:
        """The exact partial derivatives, one for each parameter."""
        return Gradient(self)

    @cached_property
    def hessian(self) -> Hessian:
        """The second derivatives: formulas, the Hessian times a direction, blocks of numbers."""
        return Hessian(self)

    def derivation(self, parameter: Any = None) -> Derivation:
        """The steps that lead to the gradient, or to the derivative by one parameter: `.text()`, `.latex()`, `.html()`, `.steps`, `.result`.

        >>> parse("exp(2*w)").derivation("w").result
        2*exp(2*w)
        """
        from symgd.derivation.shown import Derivation

        return Derivation(self, parameter)

    def compiled(self) -> Any:
        """Cost and gradient as a Numba function, `cost, gradients = f(parameters..., data...)`, for other compiled code and for Python.

        The parameters come in the order of `cost.parameters`, then the data in that of `cost.data`, then lengths that no array tells; `f.__doc__`
        says so. Numbers are floats, arrays of float64, subscripts of int64. `gradients` is a tuple in the order of the parameters, a float for a
        number and a new array for an array. The function raises ValueError for an array of another shape.

        >>> import numpy as np
        >>> f = parse("mean((w*x - y)^2)", samples="x y").compiled()
        >>> f(2.0, np.array([1.0, 2.0]), np.array([1.0, 1.0]))
        (5.0, (7.0,))
        """
        return self._compiled

    @cached_property
    def _compiled(self) -> Any:
        from symgd.training.compiled import compiled

        return compiled(self._checked, self.gradient.program, self._rolled)

    def jacobian(self, of: Any = None) -> Jacobian:
        """The derivatives of the residual of every sample, for a cost that is a mean or sum of squares; `of`: a definition or formula instead.

        >>> print(parse("mean((w*x + b - y)^2)", samples="x y").jacobian().text())
        dr/dw = x
        dr/db = 1
        """
        return Jacobian(self, of)

    def text(self) -> str:
        """The cost and its definitions in the text language."""
        lines = [f"{self._name} = {self._shown(self._formula.expression)}"]
        for d in self._checked.definitions:
            ranges = f" for {', '.join(map(text, d.ranges))}" if d.ranges else ""
            lines.append(f"{self._shown(access(d.target, *d.at))} = {self._shown(d.body)}{ranges}")
        return "\n".join(lines)

    def latex(self) -> str:
        """The cost and its definitions as an aligned LaTeX block."""
        rows = [f"{latex(access(self._name))} &= {self._latex(self._formula.expression)}"]
        rows += [f"{self._latex(access(d.target, *d.at))} &= {self._latex(d.body)}" for d in self._checked.definitions]
        return _aligned(rows)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def __repr__(self) -> str:
        return f"Cost({self._shown(self._formula.expression)})"

    def evaluate(self, parameters: Named, data: Named | None = None) -> Evaluation:
        """Cost and gradient at these values, compiled. Scalars come back as floats, arrays in the parameter's shape.

        >>> found = parse("mean((w*x - y)^2)", samples="x y").evaluate({"w": 2}, {"x": [1, 2], "y": [1, 1]})
        >>> found.cost, found.gradient["w"]
        (5.0, 7.0)
        """
        from symgd.training.evaluation import evaluate

        return evaluate(self._kernels, parameters, data)

    def compute(self, names: Any, parameters: Named, data: Named | None = None) -> Any:
        """Forward values of definitions, or of formulas over the cost's names, on these data: one value for one name, a mapping for several.

        Data that the names do not need may be missing: no labels for a prediction.
        """
        from symgd.training.evaluation import compute

        return compute(self, names, parameters, data)

    def explain(self, at: Named, *, learning_rate: float, data: Named | None = None) -> Any:
        """The story of one update at these parameter values: cost, gradient, update, new cost.

        >>> import sympy as sp
        >>> w = sp.Symbol("w")
        >>> print(Cost((w - 3)**2).explain({w: 1}, learning_rate=0.1).text().splitlines()[0])
        The cost now: C = 4.
        """
        from symgd.training.explain import explain

        return explain(self, at, learning_rate, data)

    def trainer(self, optimizer: Any = "gradient_descent", **settings: Any) -> Trainer:
        """A trainer by this update rule: `.fit`, `.source`, `.save`."""
        from symgd.training.trainer import Trainer

        return Trainer(self, optimizer, **settings)

    @cached_property
    def _kernels(self) -> Any:
        from symgd.training.kernels import Kernels

        return Kernels(self._checked, self.gradient.program, written=self.program, rolled=lambda: self._rolled)

    @cached_property
    def _rolled(self) -> Rolled:
        """What runs: the gradient's program with loops for what has one shape."""
        return rolled_program(self.gradient.program)

    def _to_sympy(self, part: Node, symbols: Mapping[str, Any] = MappingProxyType({})) -> Any:
        from symgd.nodes.sympy_door import to_sympy

        return to_sympy(part, {**self._formula.symbols, **symbols}, hidden=self._formula.hidden, samples=self._formula.samples)

    @property
    def _name(self) -> str:
        """What the cost is called: C, unless something else is."""
        return Fresh(self._checked.names).exactly("C")

    def _shown(self, part: Node, axes: Mapping[str, Node] = MappingProxyType({})) -> str:
        return text(part, hidden=self._formula.hidden, axes={**self._formula.axes, **axes})

    def _latex(self, part: Node, axes: Mapping[str, Node] = MappingProxyType({})) -> str:
        return latex(part, hidden=self._formula.hidden, axes={**self._formula.axes, **axes})

    def _known(self, fact: Fact) -> str:
        """A fact in LaTeX."""
        ranges = {part.args[0].value: part.args[2] for part in postorder(fact.statement) if part.op == "range" and part.args[1] is ZERO}
        return latex(fact.statement, hidden=self._formula.hidden, axes={**ranges, **self._formula.axes})


class Gradient(Mapping[Any, Any]):
    """parameter -> its partial derivative as a SymPy expression in parameters, data and the user's definitions.

    `gradient[W]` and `gradient[W[p, q]]` both find W; the second answers in p and q. Where the formula would be too long, LimitError names
    `.program`, the numbered equations that run.
    """

    def __init__(self, cost: Cost) -> None:
        self._cost = cost

    @cached_property
    def program(self) -> Program:
        """Cost and gradient as numbered equations: what is shown here is what runs."""
        return gradient_program(self._cost.program)

    @cached_property
    def _forms(self) -> ClosedForms:
        bodies = (self._cost._formula.expression, *(d.body for d in self._cost._checked.definitions))
        program, hoped = self.program, self._cost._checked.hoped
        if hoped:  # formulas use what is said about parameters; what runs does not
            program = gradient_program(replace(self._cost.program, facts=(*self._cost.program.facts, *hoped)))
        return ClosedForms(program, means=any(part.op == "mean" for part in postorder(*bodies)))

    @cached_property
    def facts(self) -> Mapping[str, tuple[Fact, ...]]:
        """Parameter -> what is known of the data and was used in its derivative."""
        return {name: self._forms.with_facts(name, self._letters(name))[1] for name in self}

    def __getitem__(self, parameter: Any) -> Any:
        name, at = self._place(parameter)
        own = {getattr(place, "name", ""): place for place in getattr(parameter, "indices", ())}  # W[p, q] answers in the very p and q
        return self._cost._to_sympy(self._closed(name, at), own)

    def __iter__(self) -> Iterator[str]:
        return iter(self._cost.parameters)

    def __len__(self) -> int:
        return len(self._cost.parameters)

    def expanded(self) -> dict[str, Any]:
        """The partial derivatives with the definitions filled in."""
        inputs = frozenset(self.program.inputs)
        return {name: self._cost._to_sympy(self._closed(name, self._letters(name), inputs)) for name in self}

    def text(self) -> str:
        """One line a parameter in the text language, with the facts that it uses behind it."""
        lines = []
        for name, at, formula in self._rows():
            by = "; ".join(map(str, self.facts[name]))
            line = f"d{self._cost._name}/d{self._cost._shown(access(name, *at))} = {self._cost._shown(formula)}"
            lines.append(f"{line}  # by {by}" if by else line)
        return "\n".join(lines)

    def latex(self) -> str:
        """The vector of partial derivatives, stacked; the numbered program where a formula would be too long."""
        try:
            rows = self._rows()
        except InputError:
            from symgd.printing.latex import latex as program_latex

            return program_latex(self.program)
        cost = latex(access(self._cost._name))
        left = r" \\[1.2em] ".join(rf"\dfrac{{\partial {cost}}}{{\partial {self._cost._latex(access(name, *at))}}}" for name, at, _ in rows)
        right = r" \\[1.2em] ".join(rf"\displaystyle {self._cost._latex(formula)}" for _, _, formula in rows)
        used = dict.fromkeys(fact for facts in self.facts.values() for fact in facts)
        by = rf" \quad \text{{by }} {', '.join(map(self._cost._known, used))}" if used else ""
        return rf"\nabla {cost} = \begin{{bmatrix}} {left} \end{{bmatrix}} = \begin{{bmatrix}} {right} \end{{bmatrix}}{by}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def __repr__(self) -> str:
        try:
            return self.text()
        except InputError:
            return str(self.program)

    def _rows(self) -> list[tuple[str, tuple[Node, ...], Node]]:
        rows = []
        for name in self:
            at = self._letters(name)
            rows.append((name, at, self._closed(name, at)))
        return rows

    def _closed(self, name: str, at: tuple[Node, ...], visible: frozenset[str] | None = None) -> Node:
        return self._forms.of(name, at, visible=visible)

    def _place(self, parameter: Any) -> tuple[str, tuple[Node, ...]]:
        """The parameter's name and the index letters of the answer, from a name, a symbol, an array or an element W[p, q]."""
        name = name_of(parameter)
        if name not in self._cost.parameters:
            raise KeyError(f"{name} is no parameter of this cost; its parameters are {', '.join(self._cost.parameters)}.")
        rank = self._cost._checked.parameters[name]
        given = getattr(parameter, "indices", None)
        if given is None:
            return name, self._letters(name)
        if len(given) != rank:
            count = f"{rank} {'index' if rank == 1 else 'indices'}"
            raise InputError(f"{name} has {count}, {parameter} names {len(given)}.", accepted=count)
        from symgd.nodes.sympy_door import index_from_sympy

        return name, tuple(index_from_sympy(place) for place in given)

    def _letters(self, name: str) -> tuple[Node, ...]:
        """The letters that the cost itself uses for this array, or new ones."""
        rank = self._cost._checked.parameters[name]
        if not rank:
            return ()
        bodies = (self._cost._formula.expression, *(d.body for d in self._cost._checked.definitions))
        for found in accesses(*bodies):
            if found.value == name and all(place.op == "index" for place in found.args) and len(set(found.args)) == rank:
                return found.args
        fresh = Fresh({*self._cost._formula.axes, *self._cost._checked.names, *self.program.lengths()})
        return tuple(index(fresh.exactly(letter)) for letter in "pqrstuvw"[:rank])


def _names(given: Iterable[Any], argument: str) -> list[str]:
    if isinstance(given, str):
        raise InputError(
            f"{argument}={given!r} is one text.", accepted=f"a list: {argument}=[{', '.join(repr(n) for n in given.replace(',', ' ').split())}]"
        )
    if not isinstance(given, Iterable):
        raise InputError(f"{argument}= is a single name.", accepted=f"a list: {argument}=[...]")
    return [name_of(thing) for thing in given]


def _facts(given: Iterable[Any], formula: Formula) -> list[Node]:
    """What is known of the data, from texts and relations of SymPy, in the names of the formula."""
    if isinstance(given, (str, Mapping)) or not isinstance(given, Iterable):
        raise InputError("facts= is a single statement.", accepted="a list: facts=[...]")
    from symgd.reading.text import fact

    names = dict.fromkeys(found.value for found in accesses(formula.expression, *(side for pair in formula.definitions for side in pair)))
    found: list[Node] = []
    for statement in given:
        if isinstance(statement, str):
            found.append(fact(statement, formula, names))
        else:
            from symgd.nodes.sympy_door import fact_from_sympy

            found.append(fact_from_sympy(statement, formula))
    return found


def _constants(given: Named | Iterable[Any] | None) -> dict[str, float | None]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        return dict.fromkeys(_names(given, "constants"))
    values: dict[str, float | None] = {}
    for thing, value in given.items():
        name = name_of(thing)
        try:
            values[name] = float(value)
        except (TypeError, ValueError):
            accepted = f"a number; values of an array come with the data, constants=[{name!r}]" if hasattr(value, "__len__") else "a number"
            raise InputError(f"The constant {name} is {_brief(value)}.", accepted="a number" if isinstance(value, str) else accepted) from None
        if not isfinite(values[name] or 0.0):
            raise InputError(f"The constant {name} is {values[name]}.", accepted="a finite number")
    return values


def _brief(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:37]}..."


def _aligned(rows: list[str]) -> str:
    body = " \\\\\n".join(rows)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"
