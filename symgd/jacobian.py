"""The Jacobian of a residual: a row of derivatives for every sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from symgd.cost.checked import Checked, Definition
from symgd.cost.residual import residual
from symgd.errors import InputError, LimitError
from symgd.nodes.node import Node, access, index
from symgd.pipeline import residual_column_program, residual_product_program, residual_products_program, rows_program
from symgd.program.equation import Program
from symgd.program.forward import forward
from symgd.program.names import Fresh
from symgd.reverse.reverse import reverse
from symgd.tidy.closed import ClosedForms
from symgd.tidy.written import Written, written

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from symgd.api import Cost
    from symgd.training.result import ByName

Named = Mapping[Any, Any]


class Jacobian(Mapping[Any, Any]):
    """parameter -> derivative of the residual r[i] by it, as a SymPy expression in parameters, data and the user's definitions.

    `jacobian[W]` and `jacobian[W[k, j]]` both find W; the second answers in k and j. `.evaluate` gives numbers, `.program` are the equations.

    >>> import symgd as sg
    >>> jacobian = sg.parse("mean((a*exp(-b*x) - y)^2)", samples="x y").jacobian()
    >>> print(jacobian.text())
    dr/da = exp(-b*x)
    dr/db = -a*x*exp(-b*x)
    >>> jacobian.residual
    a*exp(-b*x) - y
    """

    def __init__(self, cost: Cost, of: Any = None) -> None:
        self._cost = cost
        self._checked, self._name = _with_residual(cost, of)
        self._columns: dict[str, ClosedForms] = {}

    @cached_property
    def program(self) -> Program:
        """Residual and derivatives as numbered equations: the reverse sweep without its last sum, outputs `J_W` with the samples in front.

        Where samples read each other, the equations of the Jacobian times a direction instead, inputs `v_W` and output `Jv`.
        """
        return self._row_program or residual_product_program(self._forward, self._name)

    @cached_property
    def _row_program(self) -> Program | None:
        return rows_program(self._forward, self._name)

    @property
    def residual(self) -> Any:
        """What the rows are derivatives of, in SymPy."""
        parts = [definition for definition in self._checked.definitions if definition.target == self._name]
        return self._cost._to_sympy(parts[0].body if len(parts) == 1 else self._element)

    def __getitem__(self, parameter: Any) -> Any:
        name, at = self._cost.gradient._place(parameter)
        own = {getattr(place, "name", ""): place for place in getattr(parameter, "indices", ())}
        return self._cost._to_sympy(self._written(name, at if own else self._apart(at)).formula, own)

    def __iter__(self) -> Iterator[str]:
        return iter(self._cost.parameters)

    def __len__(self) -> int:
        return len(self._cost.parameters)

    def text(self) -> str:
        """One line a parameter in the text language."""
        shown = self._cost._shown
        return "\n".join(f"d{shown(self._element)}/d{shown(by)} = {shown(f.formula, f.axes)}{f.by}" for by, f in self._rows())

    def latex(self) -> str:
        """One equation a parameter; the numbered program where a formula would be too long."""
        try:
            rows = list(self._rows())
        except LimitError:
            from symgd.printing.latex import latex as program_latex

            return program_latex(self.program)
        shown = self._cost._latex
        lines = [rf"\dfrac{{\partial {shown(self._element)}}}{{\partial {shown(by)}}} &= {shown(f.formula, f.axes)}" for by, f in rows]
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def __repr__(self) -> str:
        try:
            return self.text()
        except LimitError:
            return str(self.program)

    def evaluate(self, parameters: Named, data: Named | None = None) -> tuple[NDArray[np.float64], ByName]:
        """(residual, name -> its derivatives): for every sample a row in the shape of the parameter, compiled.

        >>> import symgd as sg
        >>> r, J = sg.parse("mean((w*x - y)^2)", samples="x y").jacobian().evaluate({"w": 2}, {"x": [1, 2], "y": [1, 1]})
        >>> r, J["w"]
        (array([1., 3.]), array([1., 2.]))
        """
        from symgd.training.second import residual_columns, residual_rows

        found = residual_columns if self._row_program is None else residual_rows
        return found(self._kernels, self._name, parameters, data)

    @cached_property
    def _forward(self) -> Program:
        return forward(self._checked)

    @cached_property
    def _kernels(self) -> Any:
        from symgd.training.kernels import Kernels

        program = self._row_program or residual_products_program(self._forward, self._name)
        return Kernels(self._checked, program, base=reverse(self._forward))

    @cached_property
    def _element(self) -> Node:
        """The residual at the letters of its definition; where it is defined in parts, at letters of its own."""
        parts = [definition for definition in self._checked.definitions if definition.target == self._name]
        if len(parts) == 1:
            return access(self._name, *parts[0].at)
        fresh = Fresh({*self._cost._formula.axes, *self._checked.names, *self._forward.lengths()})
        return access(self._name, *(index(fresh.exactly(letter)) for letter in "nuvw"[: len(parts[0].at)]))

    def _rows(self) -> Iterator[tuple[Node, Written]]:
        for name in self:
            at = self._apart(self._cost.gradient._letters(name))
            yield access(name, *at), self._written(name, at)

    def _apart(self, at: tuple[Node, ...]) -> tuple[Node, ...]:
        """Letters for a parameter that the residual has not."""
        if not set(at) & set(self._element.args):
            return at
        letters = (letter.value for letter in self._element.args)
        fresh = Fresh({*letters, *self._cost._formula.axes, *self._checked.names, *self._forward.lengths()})
        return tuple(index(fresh.exactly(letter)) for letter in "pqrstuvw"[: len(at)])

    def _written(self, parameter: str, at: tuple[Node, ...]) -> Written:
        if parameter not in self._columns:
            program = residual_column_program(self._forward, self._name, parameter)
            self._columns[parameter] = ClosedForms(program, shown_by="cost.jacobian().program")
        forms = self._columns[parameter]
        (target,) = forms.program.outputs
        visible = {*forms.program.inputs, *self._cost.program.given}
        what, accepted = f"the derivative of the residual by {parameter}", "cost.jacobian().program, cost.jacobian().evaluate"
        return written(forms, target, (*self._element.args, *at), self._forward, what=what, accepted=accepted, visible=visible)


def _with_residual(cost: Cost, of: Any) -> tuple[Checked, str]:
    """The cost with a definition of the residual, and the name of that: what `of` says, else what the cost sums the squares of."""
    checked = cost._checked
    fresh = Fresh({*checked.names, *cost.program.extents, cost.program.cost})
    if of is None:
        squared = residual(checked)
        found = squared.defined_by(checked.definitions) or Definition(fresh.exactly("r"), squared.at, squared.ranges, squared.body)
    else:
        from symgd.training.evaluation import defined

        found = defined(cost, of, fresh, "r")
    if isinstance(found, str):
        if found not in cost.program.given or not cost.program.extents[found]:
            raise InputError(f"{found} is one number, without a value for each sample.", accepted='of= a definition with an index, as in of="r"')
        return checked, found
    if not found.at:
        raise InputError(f"{of} is one number, without a value for each sample.", accepted="a formula with a sample column or an index letter")
    return replace(checked, definitions=(*checked.definitions, found)), found.target
