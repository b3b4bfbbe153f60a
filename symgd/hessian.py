"""Second derivatives of a cost: formulas where they are short, the Hessian times a direction for any size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from symgd.errors import InputError, LimitError
from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.latex import latex
from symgd.nodes.node import ZERO, Node, access, index, postorder, tree_size
from symgd.nodes.text import text
from symgd.pipeline import product_program, products_program, second_program, swept_program
from symgd.program.equation import Program
from symgd.program.gate import checked_closed
from symgd.program.names import Fresh
from symgd.rules.derivatives import rule_for
from symgd.tidy.closed import LONGEST, ClosedForms
from symgd.tidy.collect import collected

if TYPE_CHECKING:
    from symgd.api import Cost
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
        self._columns: dict[str, tuple[Program, ClosedForms]] = {}

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
        return tuple(dict.fromkeys(note for part in postorder(*bodies) for note in _notes(part, self._cost._formula.hidden)))

    def __getitem__(self, pair: Any) -> Any:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise InputError(f"{pair} is no pair of parameters.", accepted="hessian[w, b]")
        (first, at), (second, beside) = (self._cost.gradient._place(parameter) for parameter in pair)
        if not getattr(pair[1], "indices", None):
            beside = self._apart(second, at, beside)
        own = {getattr(place, "name", ""): place for parameter in pair for place in getattr(parameter, "indices", ())}
        return self._cost._to_sympy(self._closed(first, at, second, beside), own)

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
        name = self._cost._name
        return "\n".join(f"d2{name}/(d{self._shown(first)} d{self._shown(second)}) = {self._shown(f)}" for first, second, f in self._rows())

    def latex(self) -> str:
        """The matrix for scalar parameters, else an equation a line; the numbered program of the product where a formula would be too long."""
        try:
            rows = list(self._rows())
        except LimitError:
            from symgd.printing.latex import latex as program_latex

            return program_latex(self.program)
        cost = latex(access(self._cost._name))
        if self._has_arrays:
            lines = [rf"{_second(cost, self._latex(first), self._latex(second))} &= {self._latex(f)}" for first, second, f in rows]
            return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"
        entries = {frozenset((first, second)): self._latex(f) for first, second, f in rows}
        names = [access(name) for name in self._cost.parameters]
        matrix = r" \\ ".join(" & ".join(rf"\displaystyle {entries[frozenset((first, second))]}" for second in names) for first in names)
        return rf"\nabla^{{2}} {cost} = \begin{{bmatrix}} {matrix} \end{{bmatrix}}"

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

    @property
    def _has_arrays(self) -> bool:
        return any(self._cost._checked.parameters.values())

    def _scalars_only(self, what: str) -> None:
        arrays = [name for name, rank in self._cost._checked.parameters.items() if rank]
        if arrays:
            raise InputError(
                f"{what} needs scalar parameters; {', '.join(arrays)} {'is an array' if len(arrays) == 1 else 'are arrays'}.",
                accepted="hessian[W, b] for one block, hessian.evaluate(...).matrix for numbers",
            )

    def _rows(self) -> Iterator[tuple[Node, Node, Node]]:
        """Both elements and the second derivative by them, each pair of parameters once."""
        names = self._cost.parameters
        for n, first in enumerate(names):
            for second in names[n:]:
                at = self._cost.gradient._letters(first)
                beside = self._apart(second, at, self._cost.gradient._letters(second))
                yield access(first, *at), access(second, *beside), self._closed(first, at, second, beside)

    def _apart(self, parameter: str, taken: Places, at: Places) -> Places:
        """Letters for the second parameter that the first one has not."""
        if not set(at) & {letter for place in taken for letter in place.free}:
            return at
        letters = {letter.value for place in taken for letter in place.free}
        fresh = Fresh({*letters, *self._cost._formula.axes, *self._cost._checked.names, *self.program.lengths()})
        return tuple(index(fresh.exactly(letter)) for letter in "pqrstuvw"[: len(at)])

    def _closed(self, first: str, at: Places, second: str, beside: Places) -> Node:
        """The second derivative by first[at] and second[beside]; the pair in the order of the parameters, so that mirror images are one formula."""
        names = self._cost.parameters
        if names.index(first) > names.index(second):
            return self._closed(second, beside, first, at)
        program, forms = self._column(second)
        target = program.tangents[program.adjoints[first]]
        filled = forms.filled(target, (*at, *beside))
        size = tree_size(filled)
        if size > LONGEST:
            shown = f"{size:,}" if size < 10**9 else "more than a thousand million"
            raise LimitError(
                f"Written out, the second derivative by {first} and {second} has {shown} operations and names; the limit is {LONGEST:,}.",
                accepted="cost.hessian.program, cost.hessian.product, cost.hessian.evaluate",
            )
        places = zip((*at, *beside), program.extents[target], strict=True)
        formula = collected(filled, {place: (ZERO, extent) for place, extent in places if place.op == "index"})
        checked_closed(self._cost.program, program, target, (*at, *beside), formula)
        return formula

    def _column(self, parameter: str) -> tuple[Program, ClosedForms]:
        if parameter not in self._columns:
            program = second_program(self._swept, parameter)
            self._columns[parameter] = program, ClosedForms(program, shown_by="cost.hessian.program")
        return self._columns[parameter]

    def _shown(self, part: Node) -> str:
        return self._cost._shown(part)

    def _latex(self, part: Node) -> str:
        return self._cost._latex(part)


def _second(cost: str, first: str, second: str) -> str:
    return rf"\dfrac{{\partial^{{2}} {cost}}}{{\partial {first}\,\partial {second}}}"


def _notes(part: Node, hidden: str | None) -> Iterator[str]:
    """The conventions at kinks and at single points of a formula."""
    if part.op == "piecewise" and any(found.op in ("==", "!=") for condition in part.args[1::2] for found in postorder(condition)):
        yield f"{text(part, hidden=hidden)}: where == holds, the derivatives are those of the branch, not of a curve that passes through its value."
    elif part.op in FUNCTIONS and (note := rule_for(part).note):
        yield f"{text(part, hidden=hidden)}: {note}"
