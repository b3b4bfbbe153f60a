"""The only doors between SymPy and nodes. Each is one pass that visits a shared subexpression once, and asks SymPy nothing about large expressions.

What SymPy rewrote before we see it (`x/x`, `exp(x)*exp(y)`, `2*(x + y)`) stays as SymPy left it. What it cannot say is settled here:
a quotient is a quotient again, an index is told from a parameter, the symbol of an axis length from a slope of the same name.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import cache, partial
from math import isfinite
from typing import Any
from unicodedata import normalize

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.core.numbers import NumberSymbol
from sympy.core.relational import Relational
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import Boolean, BooleanAtom
from sympy.matrices.matrixbase import MatrixBase
from sympy.tensor.array.ndim_array import NDimArray

from symgd.errors import InputError, LimitError, NotBuilt
from symgd.nodes.formula import Formula
from symgd.nodes.functions import ABBREVIATIONS, FUNCTIONS, SPELLED
from symgd.nodes.node import ONE, TRUE, FALSE, ZERO, Node, access, index, length, node, number, postorder, range_
from symgd.nodes.order import Order
from symgd.nodes.sympy_forms import REDUCTION_CLASSES, ArgMax, Axis, Reduction, Sample, Softmax, Total, length_symbol, unfolded

__all__ = ["from_sympy", "to_sympy"]

NAME_LETTERS = 200
DIGITS = 4000
UNEVALUATED = 300
"""Expressions with more symbols and operations, written out, are built without asking SymPy to evaluate them: it may need exponential time."""

INDEX_FORM = "an index form such as sg.total(W[k, j]*x[j], j)"
REFUSED: tuple[tuple[tuple[type, ...], str, str], ...] = (
    ((AppliedUndef,), "{} is an undefined function.", "an array f[i], or the formula of the function"),
    ((sp.Integral,), "{} is an integral.", "its value as a formula, or a sum"),
    ((sp.Limit,), "{} is a limit.", "its value as a formula"),
    ((sp.Derivative, sp.Subs), "{} is a derivative.", "the formula of the derivative"),
    ((MatrixBase, sp.MatrixExpr, NDimArray, sp.Trace, sp.Determinant, sp.matrices.expressions.matexpr.MatrixElement), "{} is made of matrices.", INDEX_FORM),
    ((sp.Tuple, sp.Dict, sp.Set), "{} is a collection, not one formula.", "one real formula"),
    ((sp.core.numbers.ImaginaryUnit,), "The formula contains the imaginary unit I.", "real formulas"),
    ((sp.core.numbers.Infinity, sp.core.numbers.NegativeInfinity, sp.core.numbers.ComplexInfinity), "The formula contains {}: something infinite.", "finite formulas"),
    ((sp.core.numbers.NaN,), "The formula contains an undefined constant (nan), as 0/0 gives.", "defined formulas"),
    ((sp.IndexedBase,), "The array {} stands without an index.", "{}[i]"),
    ((sp.DiracDelta,), "{} is no function.", "functions"),
    ((Boolean,), "{} is a condition, not a number.", "a real formula; conditions stand inside Piecewise"),
)  # fmt: skip

CONDITIONS: dict[type, str] = {
    sp.StrictLessThan: "<", sp.LessThan: "<=", sp.StrictGreaterThan: ">", sp.GreaterThan: ">=", sp.Eq: "==", sp.Ne: "!=",
    sp.And: "and", sp.Or: "or", sp.Not: "not",
}  # fmt: skip
PASSED_THROUGH = (sp.re, sp.conjugate, sp.UnevaluatedExpr)


def from_sympy(expression: Any, where: Any = (), *, known: Formula | None = None) -> Formula:
    """The formula in nodes. `where`: a mapping name -> formula, or a list of sp.Eq. `known`: a formula in whose names this one speaks.

    >>> w, b = sp.symbols("w b")
    >>> x, y = Sample("x"), Sample("y")
    >>> found = from_sympy(REDUCTION_CLASSES["mean"]((w*x + b - y)**2))
    >>> found.samples, found.hidden, found.expression
    (('x', 'y'), 'i', <mean of 2>)
    """
    return _Reading(expression, where, known).formula()


class _Reading:
    """One formula on its way in. First the expressions are listed, each once; then what every symbol means is settled; then nodes are built."""

    def __init__(self, expression: Any, where: Any, known: Formula | None) -> None:
        self.known = known or Formula(ZERO)
        self.expression = _sympified(expression, "The cost")
        self.where = [(_target(left), _sympified(right, f"The definition of {_shown(left)}")) for left, right in _pairs(where)]
        self.order: dict[int, Any] = {}
        self.parts: dict[int, tuple[Any, ...]] = {}
        self.limits: dict[int, tuple[tuple[Any, Any, Any], ...]] = {}
        self.notes: list[str] = list(self.known.notes)
        self.sort = Order()
        for root in (self.expression, *(side for pair in self.where for side in pair)):
            self._list(root)
        self._meanings()

    # listing

    def _list(self, root: Any) -> None:
        """Every subexpression below the root once, by identity, parts first. Comparing two deep expressions can take exponential time."""
        stack = [(root, False)]
        while stack:
            part, opened = stack.pop()
            if id(part) in self.order:
                continue
            if opened:
                self.order[id(part)] = part
                continue
            if id(part) not in self.parts:
                self.parts[id(part)] = self._parts(part)
            stack.append((part, True))
            stack.extend((inner, False) for inner in reversed(self.parts[id(part)]))

    def _parts(self, part: Any) -> tuple[Any, ...]:
        """What has to be converted before the part can be. Refuses by name what no formula may contain."""
        if isinstance(part, (sp.Symbol, sp.Idx, sp.Number, NumberSymbol, BooleanAtom)):
            return self._bounds_of(part) if isinstance(part, sp.Idx) else ()
        if isinstance(part, sp.Indexed):
            return tuple(part.indices)
        if isinstance(part, (sp.Sum, sp.Product, Reduction)):
            return self._opened(part)
        if isinstance(part, ExprCondPair):
            return (part.expr, part.cond)
        if isinstance(part, sp.KroneckerDelta):
            return tuple(part.args[:2])
        if isinstance(part, (sp.Add, sp.Mul, sp.Pow, sp.Piecewise, sp.ITE, *PASSED_THROUGH, sp.im)) or type(part) in CONDITIONS or _row(part):
            return tuple(part.args)
        for classes, what, accepted in REFUSED:
            if isinstance(part, classes):
                raise InputError(what.format(_shown(part)), accepted=accepted.format(_shown(part)))
        raise InputError(f"symgd does not know SymPy's {_shown(type(part).__name__)}.", accepted="the functions in docs/notation.md")

    def _bounds_of(self, idx: Any) -> tuple[Any, ...]:
        """The low end and the length of the range of an Idx."""
        if not idx.label.is_Symbol:
            raise InputError(f"The index {_shown(idx)} is a formula.", accepted="a letter: Idx('i', m)")
        if idx.lower is None or idx.upper is None:
            return ()
        return (idx.lower, idx.length if isinstance(idx, Axis) else idx.upper + 1)

    def _opened(self, reduction: Any) -> tuple[Any, ...]:
        """The body, then low and high of every limit as SymPy has them, the innermost first; high excluded from here on."""
        if isinstance(reduction, ArgMax):
            raise NotBuilt("argmax is for metrics and has no derivative.", accepted="maximum, or softmax")
        written = reduction.limits if isinstance(reduction, (sp.Sum, sp.Product)) else tuple(reversed(reduction.limits))
        found: list[tuple[Any, Any, Any]] = []
        for limit in written:
            variable, low, high = limit
            if not isinstance(variable, (sp.Symbol, sp.Idx)):
                raise InputError(f"{_shown(variable)} is summed over.", accepted="an index letter")
            for bound in (low, high):
                if bound.is_infinite or bound is sp.nan:
                    raise InputError(f"The sum over {_shown(variable)} is infinite.", accepted="finite bounds")
                if bound.is_Number and not bound.is_Integer:
                    raise InputError(f"The sum over {_shown(variable)} ends at {_shown(bound)}.", accepted="whole numbers as bounds")
            found.append((variable, low, high + 1))
        self.limits[id(reduction)] = tuple(found)
        indices = [variable for variable, _, _ in found if isinstance(variable, sp.Idx)]
        return (reduction.function, *indices, *(bound for _, low, high in found for bound in (low, high)))

    # meanings

    def _meanings(self) -> None:
        """Settles which symbols are indices, lengths, columns and names, and what each is called in nodes."""
        parts = list(self.order.values())
        symbols = {part for part in parts if isinstance(part, sp.Symbol)}
        arrays = {_base(part): None for part in parts if isinstance(part, sp.Indexed)}
        idx = {part for part in parts if isinstance(part, sp.Idx)}
        bound = {variable for limits in self.limits.values() for variable, _, _ in limits}
        ends = [end for limits in self.limits.values() for _, low, high in limits for end in (low, high)]
        ends += [end for part in idx for end in self._bounds_of(part)]
        in_ends = self._symbols(ends) - bound
        in_targets = {s: n for n, (left, _) in enumerate(self.where) for s in self._symbols(left.indices if isinstance(left, sp.Indexed) else ())}
        letters = {s for s, n in in_targets.items() if not _is_length(s) and (s not in in_ends or s in self._symbols([self.where[n][1]], inside=True))}
        self.ranged = in_ends - letters
        subscripts = [at for part in parts if isinstance(part, sp.Indexed) for at in part.indices]
        letters |= {s for s in self._symbols(subscripts) - self.ranged if not _is_length(s)}
        self.lengths = self.ranged | {s for s in self._symbols(subscripts) - bound if _is_length(s)}
        self.indices = idx | bound | letters
        self._name(symbols - self.indices, arrays)
        self._letter()
        self._columns()

    def _symbols(self, roots: Iterable[Any], inside: bool = False) -> set[Any]:
        """The symbols in these expressions, outside subscripts, or also `inside` them."""
        found: set[Any] = set()
        seen: set[int] = set()
        stack = list(roots)
        while stack:
            part = stack.pop()
            if id(part) in seen:
                continue
            seen.add(id(part))
            if isinstance(part, sp.Symbol):
                found.add(part)
            elif not isinstance(part, (sp.Indexed, sp.Idx)) or inside:
                stack.extend(self.parts.get(id(part), part.args))
        return found

    def _name(self, scalars: set[Any], arrays: dict[Any, None]) -> None:
        """One name for one object, told apart from the names of lengths."""
        known = {n.value: n.op for n in postorder(self.known.expression, *(n for pair in self.known.definitions for n in pair)) if n.op in ("access", "length")}
        measured = {s.name for s in self.ranged} | {name for name, op in known.items() if op == "length"}
        self.lengths |= {s for s in scalars if s.name in measured and (_is_length(s) or known.get(s.name) == "length")}
        self.symbols: dict[str, Any] = {}
        self.names: dict[Any, str] = {}
        taken = {name for name, op in known.items() if op == "access"}
        named = [s for s in scalars if s not in self.lengths]
        for thing in sorted((*named, *arrays), key=lambda thing: (isinstance(thing, sp.Dummy), thing.name, str(type(thing)))):
            name = _checked(thing.name)
            if isinstance(thing, sp.Dummy):
                name = _free(name, taken)
            other = self.symbols.get(name, self.known.symbols.get(name, thing))
            if other is not thing and other != thing:
                raise InputError(f"Name clash: two different symbols are named {_shown(name)}{_difference(thing, other)}.", accepted="one symbol for a name")
            if thing.is_commutative is False or thing.is_real is False:
                raise InputError(f"{_shown(name)} is declared as no real number.", accepted="real symbols")
            self.symbols[name], self.names[thing] = thing, name
            taken.add(name)
        plain = {s.name: s for s in self.lengths if not _is_length(s)}
        for name, symbol in plain.items():
            if name in self.symbols:
                raise InputError(
                    f"Name clash: {_shown(name)} is the length of an axis and a number{_difference(symbol, self.symbols[name])}.",
                    accepted="the length from sg.axes, or another name",
                )
            self.symbols[_length_key(name)] = symbol
        self.taken = taken | {_checked(s.name) for s in self.lengths} | set(known)
        _refuse_look_alikes(self.taken)

    def _letter(self) -> None:
        """A letter for every index. Two indices of one letter keep it, unless one stands inside the sum over the other."""
        scoped, clashing = self._scopes()
        self.letters: dict[Any, str] = {}
        used = self.taken | {_checked(i.name) for i in self.indices}
        for found in sorted(self.indices, key=lambda found: (isinstance(found, sp.Dummy), found.name)):
            name = found.name
            if not isinstance(found, sp.Dummy) and name in self.taken:
                raise InputError(f"Name clash: {_shown(name)} is an index and a number.", accepted="another letter for the index")
            if isinstance(found, sp.Dummy) or found in clashing:
                name = _free(name, used)
                used.add(name)
            self.letters[found] = name
            self.symbols.setdefault(name, found)
        for (left, body), free in zip(self.where, scoped[1:], strict=True):
            mine = {self.letters[i]: i for i in self._loose(left) if i in self.letters}
            for other in free:
                if other in self.letters and mine.get(self.letters[other], other) != other:
                    raise InputError(f"Name clash: two different indices are named {_shown(other.name)}.", accepted=f"the index of {_shown(left)}")
        self.taken = used

    def _scopes(self) -> tuple[list[frozenset[Any]], set[Any]]:
        """What stands free in the cost and in every definition, and the bound indices that need another letter."""
        clashing: set[Any] = set()
        bound = {variable for limits in self.limits.values() for variable, _, _ in limits}
        targets = frozenset().union(*(self._loose(left) for left, _ in self.where))
        for key, limits in self.limits.items():
            within = self.loose_body[key]
            for variable, _, _ in limits:
                twins = [other for other in within if other is not HIDDEN and other != variable and other.name == variable.name]
                for twin in twins:
                    if twin not in bound and twin not in targets:
                        raise InputError(
                            f"Name clash: two different symbols are named {_shown(variable.name)}; only one of them is summed over.",
                            accepted="the index of the sum",
                        )
                    clashing.add(variable)
        return [self._loose(self.expression), *(self._loose(body) for _, body in self.where)], clashing
