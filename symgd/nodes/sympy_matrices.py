"""How a matrix expression of SymPy is written with indices: what a refusal shows, in the user's own names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixElement

__all__ = ["index_form", "sum_around"]

LETTERS = "ijklpqrsuv"
MOST = 120  # parts of an expression that is still shown
LONGEST = 200  # letters of a form that is still shown
Written = tuple[str, list[str], bool]  # the formula inside the sums, the letters that are summed over, whether it is a sum of terms


def index_form(expression: Any) -> str | None:
    """The formula with indices that says the same, and the axes of its letters; None where there is none, or a long one.

    >>> A, x = sp.MatrixSymbol("A", 3, 4), sp.MatrixSymbol("x", 4, 1)
    >>> index_form(A*x)
    'sg.total(A[i, j]*x[j], j) with i, j = sg.axes("i:3 j:4")'
    >>> print(index_form(sp.Trace(A.T*A)), index_form(sp.Determinant(A*A.T)), sep="\\n")
    sg.total(A[j, i]*A[j, i], i, j) with i, j = sg.axes("i:4 j:3")
    None
    """
    try:
        found = _of_sum(expression) if isinstance(expression, sp.Sum) else _Indices(expression).form()
        return found if len(found) <= LONGEST else None
    except _NoFormError:
        return None


def sum_around(element: Any, root: Any) -> Any:
    """The sum that SymPy made of a product of matrices, where `element` is one of its terms; else the element.

    >>> n = sp.Symbol("n", integer=True, positive=True)
    >>> r = sp.MatrixSymbol("r", n, 1)
    >>> square = (r.T*sp.MatrixSymbol("S", n, n)*r)[0, 0]
    >>> index_form(sum_around(next(iter(square.atoms(MatrixElement))), square))
    'sg.total(S[i, j]*r[i]*r[j], i, j) with i, j = sg.axes("i:n j:n")'
    """
    if isinstance(element, MatrixElement) and any(isinstance(place, sp.Dummy) for place in element.args[1:]):
        parts = [root]
        for part in parts:
            if isinstance(part, sp.Sum) and not set(part.variables).isdisjoint(element.args[1:]):
                return part
            parts.extend(part.args if isinstance(part, sp.Basic) and len(parts) < 10 * MOST else ())
    return element


def _of_sum(root: Any) -> str:
    """A sum over elements of matrices, with letters for SymPy's own indices."""
    indices = _Indices(root)
    return f"{_sum_written(root, indices, {})} with {indices.axes()}"


def _sum_written(root: Any, indices: _Indices, outer: dict[Any, Any]) -> str:
    if any(low != 0 for _, low, _ in root.limits):
        raise _NoFormError
    own = {variable: sp.Symbol(indices.letter(high + 1)) for variable, _, high in root.limits}
    letters, changes = {**outer, **own}, {}
    walk = sp.preorder_traversal(root.function)
    for part in walk:
        if isinstance(part, MatrixElement):
            matrix, *places = part.args
            changes[part] = sp.Symbol(indices.scalar(part.func(matrix, *(letters.get(place, place) for place in places)))[0])
            walk.skip()
        elif isinstance(part, sp.Sum):
            changes[part] = sp.Symbol(_sum_written(part, indices, letters))
            walk.skip()
    return f"sg.total({root.function.xreplace(changes)}, {', '.join(map(str, own.values()))})"


class _NoFormError(Exception):
    """The expression has no index form that fits in a sentence."""


class _Indices:
    def __init__(self, root: Any) -> None:
        parts = [root]
        names: set[str] = set()
        for part in parts:
            if len(parts) > MOST:
                raise _NoFormError
            parts.extend(part.args if isinstance(part, sp.Basic) else ())
            names.add(str(getattr(part, "name", "")))
        self.root = root
        self.letters: Iterator[str] = iter([letter for letter in LETTERS if letter not in names])
        self.sizes: dict[str, Any] = {}

    def form(self) -> str:
        root = self.root
        if isinstance(root, (sp.MatrixExpr, sp.MatrixBase)) and not isinstance(root, MatrixElement):
            row, column = (None if size == 1 else self.letter(size) for size in root.shape)
            shown = self.total(self.entry(root, row, column))
        else:
            shown = self.total(self.scalar(root))
        return f"{shown} with {self.axes()}" if self.sizes else shown

    def axes(self) -> str:
        """The line that makes the letters."""
        listed = ", ".join(self.sizes) + ("," if len(self.sizes) == 1 else "")
        axes = " ".join(f"{letter}:{self.size(size)}" for letter, size in self.sizes.items())
        return f'{listed} = sg.axes("{axes}")'

    def size(self, size: Any) -> str:
        shown = str(size)
        if len(shown) > 20:
            raise _NoFormError
        return shown

    def letter(self, size: Any) -> str:
        found = next(self.letters, None)
        if found is None:
            raise _NoFormError
        self.sizes[found] = size
        return found

    def total(self, written: Written) -> str:
        inside, letters, _ = written
        return f"sg.total({', '.join([inside, *letters])})" if letters else inside

    def factor(self, written: Written) -> str:
        """As a factor of a product: sums apart, terms in parentheses."""
        inside, letters, terms = written
        return self.total(written) if letters else f"({inside})" if terms else inside

    def scalar(self, part: Any) -> Written:
        """A number made of matrices."""
        if isinstance(part, MatrixElement):
            matrix, row, column = part.args
            if not isinstance(matrix, sp.MatrixSymbol):
                places = (None if size == 1 else str(place) for size, place in zip(matrix.shape, (row, column), strict=True))
                return self.entry(matrix, *places)
            return f"{matrix.name}[{', '.join(map(str, self.places(matrix, row, column)))}]", [], False
        if isinstance(part, sp.Trace):
            letter = self.letter(part.arg.shape[0])
            inside, letters, terms = self.entry(part.arg, letter, letter)
            return inside, [letter, *letters], terms
        raise _NoFormError

    def places(self, matrix: Any, row: Any, column: Any) -> list[Any]:
        """The subscripts of an array that has no axis of length 1."""
        return [place for size, place in zip(matrix.shape, (row, column), strict=True) if size != 1 and place is not None]

    def entry(self, part: Any, row: Any, column: Any) -> Written:
        """One element; None for the only place along an axis of length 1."""
        if isinstance(part, sp.MatrixSymbol):
            places = self.places(part, row, column)
            return (f"{part.name}[{', '.join(map(str, places))}]" if places else part.name), [], False
        if isinstance(part, sp.Transpose):
            return self.entry(part.arg, column, row)
        if isinstance(part, sp.MatAdd):
            return " + ".join(self.total(self.entry(term, row, column)) for term in part.args).replace("+ -", "- "), [], True
        if isinstance(part, sp.HadamardProduct):
            return "*".join(self.factor(self.entry(factor, row, column)) for factor in part.args), [], False
        if isinstance(part, sp.MatMul):
            return self.product(list(part.args), row, column)
        if isinstance(part, sp.MatPow) and part.exp.is_Integer and 2 <= part.exp <= 4:
            return self.product([part.base] * int(part.exp), row, column)
        raise _NoFormError

    def product(self, factors: list[Any], row: Any, column: Any) -> Written:
        """The letters between the factors are summed over."""
        scalars = [factor for factor in factors if not getattr(factor, "is_Matrix", False)]
        matrices = [factor for factor in factors if getattr(factor, "is_Matrix", False)]
        shown: list[str] = []
        for factor in scalars:
            if getattr(factor, "has", lambda *_: False)(sp.MatrixExpr, MatrixElement):
                raise _NoFormError
            text = str(factor)
            shown.append(f"({text})" if factor.is_Add else text)
        sign = "-" if shown[:1] == ["-1"] else ""
        summed: list[str] = []
        left = row
        for n, factor in enumerate(matrices):
            size = factor.shape[1]
            right = column if n == len(matrices) - 1 else None if size == 1 else self.letter(size)
            if right is not None and n < len(matrices) - 1:
                summed.append(right)
            inside, letters, terms = self.entry(factor, left, right)
            summed += letters
            shown.append(f"({inside})" if terms else inside)
            left = right
        return sign + "*".join(shown[1:] if sign else shown), summed, False
