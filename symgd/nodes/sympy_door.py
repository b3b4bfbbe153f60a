"""The only doors between SymPy and nodes. Each is one pass that visits a shared subexpression once, and asks SymPy nothing about large expressions.

What SymPy rewrote before we see it (`x/x`, `exp(x)*exp(y)`, `2*(x + y)`) stays as SymPy left it. What it cannot say is settled here:
a quotient is a quotient again, an index is told from a parameter, the symbol of an axis length from a slope of the same name.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import import_module
from math import isfinite
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.core.numbers import ComplexInfinity, ImaginaryUnit, Infinity, NaN, NegativeInfinity, NumberSymbol
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import Boolean, BooleanFalse, BooleanTrue
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.matrices.matrixbase import MatrixBase
from sympy.tensor.array.ndim_array import NDimArray

from symgd.errors import InputError, LimitError, NotBuilt
from symgd.nodes.formula import Formula
from symgd.nodes.functions import FUNCTIONS, SPELLED
from symgd.nodes.node import CONDITIONS, FALSE, ONE, REDUCTIONS, TRUE, ZERO, Node, access, index, length, node, number, postorder, range_
from symgd.nodes.order import Order
from symgd.nodes.sympy_forms import REDUCTION_CLASSES, ArgMax, Axis, Reduction, Sample, length_symbol, unfolded
from symgd.nodes.sympy_names import Definition, Limit, Names, free, indexed_name, is_length, length_key, shown

__all__ = ["from_sympy", "to_sympy"]

DIGITS = 4000
UNEVALUATED = 300
"""Formulas longer than this, written out, are handed to SymPy unevaluated: what it asks of them can take exponential time."""

_RELATIONS: dict[str, Any] = {"<": sp.Lt, "<=": sp.Le, ">": sp.Gt, ">=": sp.Ge, "==": sp.Eq, "!=": sp.Ne}
_LOGIC: dict[str, Any] = {"and": sp.And, "or": sp.Or, "not": sp.Not}
_OPS: dict[Any, str] = {cls: op for op, cls in (*_RELATIONS.items(), *_LOGIC.items())}
_REFUSED: tuple[tuple[tuple[Any, ...], str, str], ...] = (
    ((AppliedUndef,), "{} is an undefined function.", "an array f[i], or the formula of the function"),
    ((sp.Integral,), "{} is an integral, which symgd does not evaluate.", "its value as a formula, or a sum"),
    ((sp.Limit,), "{} is a limit, which symgd does not evaluate.", "its value as a formula"),
    ((sp.Derivative, sp.Subs), "{} is an unevaluated derivative.", "its value as a formula"),
    ((MatrixBase, sp.MatrixExpr, MatrixElement, NDimArray, sp.Trace, sp.Determinant), "{} is made of matrices.", "an index form such as sg.total(W[k, j]*x[j], j)"),
    ((sp.Tuple, sp.Dict, sp.Set), "{} is a collection and no formula.", "one real formula"),
    ((ImaginaryUnit,), "The formula contains the imaginary unit {}.", "real formulas"),
    ((Infinity, NegativeInfinity, ComplexInfinity), "The formula contains {}, which is infinite.", "finite formulas"),
    ((NaN,), "The formula contains nan, an undefined constant such as 0/0.", "defined formulas"),
    ((sp.IndexedBase,), "The array {} stands without an index.", "an element, such as {}[i]"),
    ((Boolean,), "symgd does not know the condition {}.", "comparisons, And, Or, Not"),
)  # fmt: skip


def from_sympy(expression: Any, where: Any = (), *, known: Formula | None = None) -> Formula:
    """The formula in nodes. `where`: a mapping name -> formula, or a list of sp.Eq. `known`: a formula in whose names this one speaks.

    >>> w, b = sp.symbols("w b")
    >>> x, y = Sample("x"), Sample("y")
    >>> found = from_sympy(REDUCTION_CLASSES["mean"]((w*x + b - y)**2))
    >>> found.samples, found.hidden, found.expression
    (('x', 'y'), 'i', <mean of 2>)
    """
    return _Reading(expression, where, known or Formula(ZERO)).formula()


class _Reading:
    """One formula on its way in: list its parts, each once; settle its names; build the nodes from the parts up."""

    def __init__(self, expression: Any, where: Any, known: Formula) -> None:
        self.expression = _sympified(expression, "The formula")
        self.where = _definitions(where)
        self.known = known
        self.parts: dict[int, Any] = {}
        self.inner: dict[int, tuple[Any, ...]] = {}
        self.limits: dict[int, tuple[Limit, ...]] = {}
        self.made: dict[int, Node] = {}
        self.notes = list(known.notes)
        self.order = Order()
        for root in (self.expression, *(side for pair in self.where for side in pair)):
            self._list(root)
        self.names = Names(self.parts, self.inner, self.limits, self.expression, self.where, known)

    def formula(self) -> Formula:
        for key, part in self.parts.items():
            self.made[key] = self._node(part, [self.made[id(inner)] for inner in self.inner[key]])
        names, columns = self.names, self.names.columns
        for root, what in ((self.expression, "The formula"), *((body, f"The definition of {shown(left)}") for left, body in self.where)):
            if self.made[id(root)].op in CONDITIONS:
                raise InputError(f"{what} is a condition, not a number.", accepted="a real formula; conditions stand inside Piecewise")
        given = dict.fromkeys(names.names[column] for column in columns if column not in names.derived)
        return Formula(
            expression=self.made[id(self.expression)],
            definitions=tuple((self.made[id(left)], self.made[id(body)]) for left, body in self.where),
            axes=_Lengths(self).of_free_letters(),
            samples=tuple(dict.fromkeys((*self.known.samples, *given))),
            hidden=names.hidden if self.hidden_is_used() else self.known.hidden,
            symbols={**self.known.symbols, **names.symbols},
            notes=tuple(dict.fromkeys(self.notes)),
        )

    def hidden_is_used(self) -> bool:
        return bool(self.names.columns) or any(isinstance(part, Reduction) and not self.limits[key] for key, part in self.parts.items())

    def _list(self, root: Any) -> None:
        """Every part once, by identity, inner parts first: comparing two deep expressions can take exponential time."""
        stack = [(root, False)]
        while stack:
            part, opened = stack.pop()
            if id(part) in self.parts:
                continue
            if opened:
                self.parts[id(part)] = part
                continue
            if id(part) not in self.inner:
                self.inner[id(part)] = self._inner(part)
            stack.append((part, True))
            stack.extend((inner, False) for inner in reversed(self.inner[id(part)]))

    def _inner(self, part: Any) -> tuple[Any, ...]:
        """The parts from which the node of this part is built. Refuses by name what no formula may contain."""
        if isinstance(part, sp.Symbol):
            return () if getattr(part, "axis", None) is None else (part.axis,)
        if isinstance(part, sp.Idx):
            return _range(part)
        if isinstance(part, sp.Indexed):
            indexed_name(part)
            return tuple(part.indices)
        if isinstance(part, (sp.Sum, sp.Product, Reduction)):
            return self._opened(part)
        if isinstance(part, sp.Piecewise):
            return tuple(side for pair in part.args for side in (pair.expr, pair.cond))
        if isinstance(part, sp.KroneckerDelta):
            return tuple(part.args[:2])
        if isinstance(part, (sp.Rational, sp.Float, NumberSymbol, BooleanTrue, BooleanFalse)):
            return ()
        if type(part) in _OPEN or _function(type(part)):
            return tuple(part.args)
        for classes, what, accepted in _REFUSED:
            if isinstance(part, classes):
                raise InputError(what.format(shown(part)), accepted=accepted.format(shown(part)))
        raise InputError(f"symgd does not know SymPy's {shown(type(part).__name__)}.", accepted="the functions in docs/notation.md")

    def _opened(self, reduction: Any) -> tuple[Any, ...]:
        """The body, the indices and their bounds. Limits come as SymPy has them, the innermost first, but with the high end excluded."""
        if isinstance(reduction, ArgMax):
            raise NotBuilt("argmax has no derivative; in metrics it is not built yet.", accepted="maximum, or softmax")
        written = reduction.limits[::-1] if isinstance(reduction, Reduction) else reduction.limits
        found = tuple((variable, low, high + 1) for variable, low, high in written)
        for (variable, low, high), (_, _, last) in zip(found, written, strict=True):
            if not isinstance(variable, (sp.Symbol, sp.Idx)):
                raise InputError(f"{shown(variable)} stands where the index of a sum should.", accepted="an index letter")
            for bound in (low, last):
                if isinstance(bound, (Infinity, NegativeInfinity, ComplexInfinity, NaN)):
                    raise InputError(f"The sum over {shown(variable)} is infinite.", accepted="finite bounds")
                if isinstance(bound, sp.Number) and not isinstance(bound, sp.Integer):
                    raise InputError(f"The sum over {shown(variable)} has the bound {shown(bound)}.", accepted="whole numbers")
            if isinstance(low, sp.Integer) and isinstance(high, sp.Integer) and high < low:
                raise InputError(f"The bounds of the sum over {shown(variable)} are reversed: {low} to {last}.", accepted="low <= high; low = high + 1 is empty")
        self.limits[id(reduction)] = found
        return reduction.function, *(item for limit in found for item in limit)

    # nodes

    def _node(self, part: Any, args: list[Node]) -> Node:
        kind = type(part)
        if isinstance(part, sp.Symbol):
            return self._symbol(part, args)
        build = _BUILDERS.get(kind)
        if build is not None:
            return build(self, part, args)
        if isinstance(part, sp.Idx):
            return index(self.names.letters[part])
        if isinstance(part, sp.Rational):
            return _signed(part.p, part.q)
        if isinstance(part, NumberSymbol):
            return _constant(part)
        if isinstance(part, Reduction):
            return self._reduction(part, part.op, args)
        if kind in _OPS:
            return _chained(_OPS[kind], args)
        return _call(_function(kind) or "", part, args)

    def _symbol(self, symbol: Any, args: list[Node]) -> Node:
        names = self.names
        if symbol in names.letters:
            return index(names.letters[symbol])
        if symbol in names.lengths:
            return length(symbol.name)
        if symbol in names.derived or symbol in names.columns:
            return access(names.names[symbol], index(names.hidden))
        return access(names.names[symbol], *args)

    def _indexed(self, part: Any, args: list[Node]) -> Node:
        return access(self.names.names[part.base], *args)

    def _sum(self, part: Any, args: list[Node]) -> Node:
        """Terms in the order in which SymPy prints them; a difference is a sum with `neg` in it."""
        return node("+", *self.order.terms(args)) if len(args) > 1 else args[0] if args else ZERO

    def _product(self, part: Any, args: list[Node]) -> Node:
        """SymPy writes u/v as u*v**-1 and -u as (-1)*u: the quotient and the minus come back."""
        if not args:
            return ONE
        first, negative = part.args[0], False
        above: list[Node] = []
        below: list[Node] = []
        rest = list(args)
        if isinstance(first, sp.Rational):
            rest = rest[1:]
            negative = first.p < 0
            above += [_signed(abs(first.p), 1)] if abs(first.p) != 1 else []
            below += [_signed(first.q, 1)] if first.q != 1 else []
        elif rest[0].op == "neg" and rest[0].args[0].op == "number":
            negative, rest[0] = True, rest[0].args[0]
        fixed = any(isinstance(factor, sp.Number) for factor in part.args[1:])
        for factor in rest if fixed else self.order.factors(rest):
            if factor.op == "/" and factor.args[0] is ONE:
                below.append(factor.args[1])
            elif factor.op == "^" and factor.args[1].op == "neg":
                below.append(node("^", factor.args[0], factor.args[1].args[0]))
            else:
                above.append(factor)
        found = _chained("*", above) if above else ONE
        if below:
            found = node("/", found, _chained("*", below))
        return node("neg", found) if negative else found

    def _power(self, part: Any, args: list[Node]) -> Node:
        base, exponent = args
        turned = exponent.op == "neg" and exponent.args[0].op == "number"
        if turned:
            exponent = exponent.args[0]
        found = base if exponent is ONE else node("sqrt", base) if exponent.value == "1/2" else node("^", base, exponent)
        return node("/", ONE, found) if turned else found

    def _piecewise(self, part: Any, args: list[Node]) -> Node:
        values, conditions = args[0::2], args[1::2]
        if any(condition.op not in CONDITIONS for condition in conditions):
            raise InputError(f"A condition of {shown(part)} is a number.", accepted="comparisons, And, Or, Not")
        if all(value.op == "number" or (value.op == "neg" and value.args[0].op == "number") for value in values):
            self.notes.append("A Piecewise has constant branches only, so its derivative is 0. In Python `x[i] == 0` is False at once: write sp.Eq(x[i], 0).")
        if conditions[-1] is TRUE:
            return node("piecewise", *args[:-1]) if len(args) > 2 else args[0]
        return node("piecewise", *args)

    def _delta(self, part: Any, args: list[Node]) -> Node:
        return node("piecewise", ONE, node("==", *args), ZERO)

    def _choice(self, part: Any, args: list[Node]) -> Node:
        """ITE, a condition made of conditions."""
        condition, then, otherwise = args
        return node("or", node("and", condition, then), node("and", node("not", condition), otherwise))

    def _reduction(self, part: Any, op: str, args: list[Node]) -> Node:
        """Ranges come outer first. A letter that runs twice in one SymPy sum makes two sums, one in the other."""
        if not self.limits[id(part)]:
            return node(op, args[0], self._samples(part))
        body, ranges = args[0], [range_(*args[n : n + 3]) for n in range(1, len(args), 3)]
        if any(r.args[1] is r.args[2] and r.args[1].op == "number" for r in ranges):
            if op not in ("sum", "product"):
                raise InputError(f"The {op} in {shown(part)} runs over nothing.", accepted="at least one element")
            return ZERO if op == "sum" else ONE
        group: list[Node] = []
        for found in ranges:
            if any(found.args[0] is other.args[0] for other in group):
                body, group = node(op, body, *reversed(group)), []
            group.append(found)
        return node(op, body, *reversed(group))

    def _samples(self, reduction: Any) -> Node:
        """The range of the hidden sample axis, where the reduction is over data columns."""
        names = self.names
        body = reduction.function
        if not names.on_hidden(body):
            named = sorted(names.letters[item] for item in self.names.free[id(body)] if item in names.letters)
            if named:
                raise InputError(f"{shown(reduction)} has no axis, and stands over {', '.join(named)}.", accepted=f"{reduction.word}(..., {named[0]})")
            if not names.columns and not self.known.hidden:
                raise InputError(
                    f"{shown(reduction)} runs over the samples, and the formula has no data column.",
                    accepted=f'columns from sg.samples("x y"), or an axis: {reduction.word}(..., i)',
                )
        return range_(index(names.hidden), ZERO, length(names.hidden_length))

    def _same(self, part: Any, args: list[Node]) -> Node:
        return args[0]

    def _nothing(self, part: Any, args: list[Node]) -> Node:
        return ZERO

    def _true(self, part: Any, args: list[Node]) -> Node:
        return TRUE

    def _false(self, part: Any, args: list[Node]) -> Node:
        return FALSE

    def _float(self, part: Any, args: list[Node]) -> Node:
        """The shortest decimal that is this number again."""
        try:
            finite = isfinite(float(part))
        except OverflowError:
            finite = False
        if not finite:
            raise InputError(f"The number {shown(part)} is no float64.", accepted="numbers below 1.8e308")
        text = repr(float(part)) if part._prec == 53 else sp.mpmath.libmp.to_str(part._mpf_, sp.mpmath.libmp.prec_to_dps(part._prec))
        found = number(text.removeprefix("-"))
        return node("neg", found) if text.startswith("-") else found


_BUILDERS: dict[Any, Callable[[_Reading, Any, list[Node]], Node]] = {
    sp.Add: _Reading._sum,
    sp.Mul: _Reading._product,
    sp.Pow: _Reading._power,
    sp.Float: _Reading._float,
    sp.Indexed: _Reading._indexed,
    sp.Piecewise: _Reading._piecewise,
    sp.KroneckerDelta: _Reading._delta,
    sp.ITE: _Reading._choice,
    sp.Sum: lambda reading, part, args: reading._reduction(part, "sum", args),
    sp.Product: lambda reading, part, args: reading._reduction(part, "product", args),
    sp.re: _Reading._same,
    sp.conjugate: _Reading._same,
    sp.UnevaluatedExpr: _Reading._same,
    sp.im: _Reading._nothing,
    BooleanTrue: _Reading._true,
    BooleanFalse: _Reading._false,
}
_OPEN = frozenset({*_BUILDERS, *_OPS})
"""The classes that are built from their args."""


class _Lengths:
    """The lengths of the axes whose letters a formula leaves free: where its definitions put them."""

    def __init__(self, reading: _Reading) -> None:
        self.reading, self.names, self.made = reading, reading.names, reading.made
        self._found: dict[Any, Node] = {}
        for key, part in reading.parts.items():
            if isinstance(part, sp.Idx) and (ends := reading.inner[key]):
                if self.made[id(ends[0])] is not ZERO:
                    self._found[part] = ZERO
                else:
                    self._found[part] = self.made[id(ends[1])]
        for limits in reading.limits.values():
            for variable, low, high in limits:
                if self.made[id(low)] is ZERO:
                    self._found.setdefault(variable, self.made[id(high)])

    def of_free_letters(self) -> dict[str, Node]:
        reading, names = self.reading, self.names
        targets = {item: left for left, _ in reading.where for item in sorted(names.free[id(left)], key=str) if item in names.indices}
        free_ones = dict.fromkeys((*targets, *(item for item in names.free[id(reading.expression)] if item in names.indices)))
        found: dict[str, Node] = {**reading.known.axes}
        places = self._places()
        for item in free_ones:
            letter = names.letters[item]
            measured = self._found.get(item) or next((places[p] for p in self._at(item) if p in places), None)
            if measured is ZERO:
                raise InputError(f"Index {letter} does not run from 0.", accepted=f'an axis from 0: sg.axes("{letter}:n")')
            if measured is None:
                if item not in targets:
                    continue
                measured = length(free(f"n_{letter}", names.taken))
            if found.setdefault(letter, measured) is not measured:
                raise InputError(
                    f"Axis {letter} has two lengths, {_printed(found[letter])} and {_printed(measured)}.", accepted="another letter for one of the axes"
                )
        return found

    def _at(self, item: Any) -> Iterable[tuple[str, int]]:
        """(array, place) wherever the index alone is a subscript."""
        for part in self.reading.parts.values():
            if isinstance(part, sp.Indexed):
                yield from ((indexed_name(part), n) for n, at in enumerate(part.indices) if at == item)

    def _places(self) -> dict[tuple[str, int], Node]:
        """(array, place) -> length, as the shape of the array or another index there says."""
        found: dict[tuple[str, int], Node] = {}
        for part in self.reading.parts.values():
            if isinstance(part, sp.Indexed):
                name = indexed_name(part)
                for n, (at, size) in enumerate(zip(part.indices, part.base.shape or (None,) * len(part.indices), strict=False)):
                    if isinstance(size, sp.Integer):
                        found.setdefault((name, n), number(int(size)))
                    elif isinstance(size, sp.Symbol):
                        found.setdefault((name, n), length(size.name))
                    elif isinstance(at, (sp.Symbol, sp.Idx)) and at in self._found:
                        found.setdefault((name, n), self._found[at])
        return found
