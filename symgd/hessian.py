"""Second derivatives of a cost: formulas where they are short, the Hessian times a direction for any size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from symgd.errors import InputError, LimitError
from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.latex import latex
from symgd.nodes.node import Node, access, index, postorder
from symgd.nodes.text import text
from symgd.pipeline import product_program, products_program, second_program, swept_program
from symgd.program.equation import Program
from symgd.program.names import Fresh
from symgd.rules.derivatives import rule_for
from symgd.tidy.closed import ClosedForms
from symgd.tidy.written import Written, written

if TYPE_CHECKING:
    from symgd.api import Cost
    from symgd.derivation.second import SecondDerivation
    from symgd.training.second import Blocks

Named = Mapping[Any, Any]
Places = tuple[Node, ...]


class Hessian(Mapping[Any, Any]):
    """(parameter, parameter) -> second derivative as a SymPy expression in parameters, data and the user's definitions.

    `hessian[w, b]` and `hessian[W[k, j], b[l]]` find an entry; the second answers in k, j and l. An entry and its mirror image are one formula.
    `.product` and `.evaluate` compute with numbers; `.program` are the equations of the product, which is what runs.

    >>> import sympy as sp
    >>> import symgd as sg
    >>> w, b = sp.symbols("w b")
    >>> hessian = sg.Cost(w**3*b + sp.exp(b)).hessian
    >>> hessian[w, b], hessian[b, w]
    (3*w**2, 3*w**2)
    >>> hessian.matrix()
    Matrix([
    [exp(b), 3*w**2],
    [3*w**2,  6*b*w]])
    """

    def __init__(self, cost: Cost) -> None:
        self._cost = cost
        self._columns: dict[str, ClosedForms] = {}

    @cached_property
    def program(self) -> Program:
        """The Hessian times a direction as numbered equations: inputs `v_W`, outputs `Hv_W`, shaped like each parameter W."""
        return product_program(self._swept)

    @cached_property
    def _swept(self) -> Program:
        return swept_program(self._cost.program)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was agreed on where a second derivative does not exist."""
        bodies = (self._cost._formula.expression, *(d.body for d in self._cost._checked.definitions))
        replaced = {use.before for use in self._cost._stable.uses} if self._cost.stabilise else ()
        parts = [part for part in postorder(*bodies) if part not in replaced]
        return tuple(dict.fromkeys(note for part in parts for note in _notes(part, self._cost._formula.hidden)))

    def __getitem__(self, pair: Any) -> Any:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise InputError(f"{pair} is no pair of parameters.", accepted="hessian[w, b]")
        (first, at), (second, beside) = (self._cost.gradient._place(parameter) for parameter in pair)
        if not getattr(pair[1], "indices", None):
            beside = self._apart(at, beside)
        elif not getattr(pair[0], "indices", None):
            at = self._apart(beside, at)
        own = {getattr(place, "name", ""): place for parameter in pair for place in getattr(parameter, "indices", ())}
        return self._cost._to_sympy(self._written(first, at, second, beside).formula, own)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((first, second) for first in self._cost.parameters for second in self._cost.parameters)

    def __len__(self) -> int:
        return len(self._cost.parameters) ** 2

    def matrix(self) -> Any:
        """The Hessian of scalar parameters as a SymPy matrix."""
        self._scalars_only("A matrix of formulas")
        from sympy import Matrix

        names = self._cost.parameters
        return Matrix([[self[first, second] for second in names] for first in names])

    def text(self) -> str:
        """One line for every pair of parameters in the text language; an entry and its mirror image are one line."""
        name, shown = self._cost._name, self._cost._shown
        lines = [f"d2{name}/(d{shown(first)} d{shown(second)}) = {shown(f.formula, f.axes)}{f.by}" for first, second, f in self._rows()]
        return "\n".join(lines)

    def latex(self) -> str:
        """The matrix for scalar parameters, else an equation a line; the numbered program of the product where a formula would be too long."""
        try:
            rows = list(self._rows())
        except LimitError:
            from symgd.printing.latex import latex as program_latex

            return program_latex(self.program)
        cost, shown = latex(access(self._cost._name)), self._cost._latex
        if any(self._cost._checked.parameters.values()):
            lines = [rf"{_second(cost, shown(first), shown(second))} &= {shown(f.formula, f.axes)}" for first, second, f in rows]
            return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"
        entries = {frozenset((first, second)): shown(f.formula) for first, second, f in rows}
        names = [access(name) for name in self._cost.parameters]
        matrix = r" \\ ".join(" & ".join(rf"\displaystyle {entries[frozenset((first, second))]}" for second in names) for first in names)
        return rf"\nabla^{{2}} {cost} = \begin{{bmatrix}} {matrix} \end{{bmatrix}}"

    def derivation(self) -> SecondDerivation:
        """The steps that lead to the second derivatives of scalar parameters; for arrays the equations of the Hessian times a direction."""
        from symgd.derivation.second import SecondDerivation

        return SecondDerivation(self._cost)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def __repr__(self) -> str:
        try:
            return self.text()
        except LimitError:
            return str(self.program)

    def product(self, parameters: Named, direction: Named, data: Named | None = None) -> Named:
        """The Hessian at these parameters times a direction, by name: compiled, at a small multiple of the gradient's work.

        `direction` is keyed and shaped like the parameters; those that it does not name do not move.

        >>> import symgd as sg
        >>> cost = sg.parse("mean((w*x + b - y)^2)", samples="x y")
        >>> dict(cost.hessian.product({"w": 1, "b": 0}, {"w": 1}, {"x": [1, 2], "y": [0, 1]}))
        {'w': 5.0, 'b': 3.0}
        """
        from symgd.training.second import product

        return product(self._kernels, parameters, direction, data)

    def evaluate(self, parameters: Named, data: Named | None = None) -> Blocks:
        """The Hessian at these parameters as blocks: (W, b) -> array with W's axes, then b's; `.matrix` is all of it as one square array.

        Raises LimitError, which names `product`, where it would be too large.
        """
        from symgd.training.second import dense

        return dense(self._column_kernels, parameters, data)

    @cached_property
    def _kernels(self) -> Any:
        """What computes one product."""
        return self._compiled(self.program)

    @cached_property
    def _column_kernels(self) -> Any:
        """What computes several columns at once."""
        return self._compiled(products_program(self._swept))

    def _compiled(self, program: Program) -> Any:
        from symgd.training.kernels import Kernels

        return Kernels(self._cost._checked, program, base=self._cost.gradient.program)

    def _scalars_only(self, what: str) -> None:
        arrays = [name for name, rank in self._cost._checked.parameters.items() if rank]
        if arrays:
            raise InputError(
                f"{what} needs scalar parameters; {', '.join(arrays)} {'is an array' if len(arrays) == 1 else 'are arrays'}.",
                accepted="hessian[W, b] for one block, hessian.evaluate(...).matrix for numbers",
            )

    def _rows(self) -> Iterator[tuple[Node, Node, Written]]:
        """Both elements and the second derivative by them, each pair of parameters once."""
        names = self._cost.parameters
        for n, first in enumerate(names):
            for second in names[n:]:
                at = self._cost.gradient._letters(first)
                beside = self._apart(at, self._cost.gradient._letters(second))
                yield access(first, *at), access(second, *beside), self._written(first, at, second, beside)

    def _apart(self, taken: Places, at: Places) -> Places:
        """Other letters for a parameter whose letters are taken."""
        letters = {letter for place in taken for letter in place.free}
        if not letters & set(at):
            return at
        fresh = Fresh({*(letter.value for letter in letters), *self._cost._formula.axes, *self._cost._checked.names, *self.program.lengths()})
        return tuple(index(fresh.exactly(letter)) for letter in "pqrstuvw"[: len(at)])

    def _written(self, first: str, at: Places, second: str, beside: Places) -> Written:
        """The second derivative by first[at] and second[beside]; the pair in the order of the parameters, so that mirror images are one formula."""
        names = self._cost.parameters
        if names.index(first) > names.index(second):
            return self._written(second, beside, first, at)
        forms = self._column(second)
        target = forms.program.tangents[forms.program.adjoints[first]]
        accepted = "cost.hessian.program, cost.hessian.product, cost.hessian.evaluate"
        what = f"the second derivative by {first} and {second}"
        return written(forms, target, (*at, *beside), self._cost.program, what=what, accepted=accepted)

    def _column(self, parameter: str) -> ClosedForms:
        if parameter not in self._columns:
            self._columns[parameter] = ClosedForms(second_program(self._swept, parameter), shown_by="cost.hessian.program")
        return self._columns[parameter]


def _second(cost: str, first: str, second: str) -> str:
    return rf"\dfrac{{\partial^{{2}} {cost}}}{{\partial {first}\,\partial {second}}}"


def _notes(part: Node, hidden: str | None) -> Iterator[str]:
    """The conventions at kinks and at single points of a formula."""
    if part.op == "piecewise" and any(found.op in ("==", "!=") for condition in part.args[1::2] for found in postorder(condition)):
        yield f"{text(part, hidden=hidden)}: where == holds, the derivatives are those of the branch, not of a curve that passes through its value."
    elif part.op in FUNCTIONS and (note := rule_for(part).note):
        yield f"{text(part, hidden=hidden)}: {note}"
