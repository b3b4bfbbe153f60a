"""The only doors between SymPy and nodes. Each is one pass that visits a shared subexpression once, and asks SymPy nothing about large expressions.

What SymPy rewrote before we see it (`x/x`, `exp(x)*exp(y)`, `2*(x + y)`) stays as SymPy left it. What it cannot say is settled here:
a quotient is a quotient again, an index is told from a parameter, the symbol of an axis length from a slope of the same name.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from math import isfinite
from typing import Any

import mpmath.libmp as libmp
import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.core.numbers import ComplexInfinity, ImaginaryUnit, Infinity, NaN, NegativeInfinity, NumberSymbol
from sympy.core.relational import Relational
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import Boolean, BooleanFalse, BooleanTrue
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.matrices.matrixbase import MatrixBase
from sympy.tensor.array.ndim_array import NDimArray

from symgd.errors import InputError, LimitError, NotBuilt
from symgd.nodes.formula import Formula
from symgd.nodes.functions import FUNCTIONS, SPELLED
from symgd.nodes.node import (
    CONDITIONS,
    FALSE,
    ONE,
    REDUCTIONS,
    TRUE,
    ZERO,
    Node,
    access,
    index,
    length,
    node,
    number,
    postorder,
    range_,
)
from symgd.nodes.order import Order
from symgd.nodes.polynomial import WHOLE_NUMBERS, fraction_in
from symgd.nodes.sympy_forms import REDUCTION_CLASSES, ArgMax, Axis, Reduction, Sample, length_symbol, unfolded
from symgd.nodes.sympy_matrices import index_form, sum_around
from symgd.nodes.sympy_names import HIDDEN_LENGTHS, Definition, Limit, Names, free, indexed_name, length_key, shown
from symgd.nodes.text import text

__all__ = ["fact_from_sympy", "from_sympy", "index_from_sympy", "to_sympy"]

DIGITS = 4000
_CONSTANT_BRANCHES = (
    "A Piecewise has constant branches only, so its derivative is 0. In Python `x[i] == 0` is False at once; sp.Eq(x[i], 0) is the condition."
)
LONG = 100
LONG_SUM = 1000
"""Functions, powers and quotients longer than LONG when written out, sums and products longer than LONG_SUM, are handed to SymPy unevaluated: what it
asks about them before it evaluates takes seconds, and exponential time where parts are shared."""

_RELATIONS: dict[str, Any] = {"<": sp.Lt, "<=": sp.Le, ">": sp.Gt, ">=": sp.Ge, "==": sp.Eq, "!=": sp.Ne}
_LOGIC: dict[str, Any] = {"and": sp.And, "or": sp.Or, "not": sp.Not}
_OPS: dict[Any, str] = {cls: op for op, cls in (*_RELATIONS.items(), *_LOGIC.items())}
_MATRICES = (MatrixBase, sp.MatrixExpr, MatrixElement, NDimArray, sp.Trace, sp.Determinant)
_REFUSED: tuple[tuple[tuple[Any, ...], str, str], ...] = (
    ((AppliedUndef,), "{} is an undefined function.", "an array f[i], or the formula of the function"),
    ((sp.Integral,), "{} is an integral, which symgd does not evaluate.", "its value as a formula, or a sum"),
    ((sp.Limit,), "{} is a limit, which symgd does not evaluate.", "its value as a formula"),
    ((sp.Derivative, sp.Subs), "{} is an unevaluated derivative.", "its value as a formula"),
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
    return _Reading(_sympified(expression, "The formula"), _definitions(where), known or Formula(ZERO)).formula()


def fact_from_sympy(statement: Any, known: Formula) -> Node:
    """What a relation of SymPy says about the data of a known formula, in its names.

    >>> x = Sample("x")
    >>> fact_from_sympy(x > 0, from_sympy(REDUCTION_CLASSES["mean"](x)))
    <> of 2>
    """
    if isinstance(statement, (bool, BooleanTrue, BooleanFalse)):
        raise InputError(
            f"A fact in facts= is already {bool(statement)}: SymPy decided it, or Python, for which x[i] == 1 is False at once.",
            accepted='sp.Eq(x[i], 1), x[i] > 0, or a text: "x[i] > 0"',
        )
    if not isinstance(statement, (Relational, sp.And, sp.Or)):
        what = shown(statement) if isinstance(statement, sp.Basic) else f"A Python {type(statement).__name__}"
        raise InputError(f"{what} in facts= is no statement.", accepted='sp.Eq(x[i], 1), x[i] > 0, or a text: "x[i] > 0"')
    reading = _Reading(statement, [], known)
    return reading.build()


def index_from_sympy(place: Any) -> Node:
    """A subscript: an index letter, a whole number, or a formula of both.

    >>> index_from_sympy(sp.Symbol("p")), index_from_sympy(0)
    (index(p), number(0))
    """
    if isinstance(place, (sp.Symbol, sp.Idx)):
        return index(place.name)
    return from_sympy(sp.Indexed(sp.IndexedBase("an array"), _sympified(place, "A subscript"))).expression.args[0]


class _Reading:
    """One formula on its way in: list its parts, each once; settle its names; build the nodes from the parts up."""

    def __init__(self, expression: Any, where: list[Definition], known: Formula) -> None:
        self.expression, self.where, self.known = expression, where, known
        self.parts: dict[int, Any] = {}
        self.inner: dict[int, tuple[Any, ...]] = {}
        self.limits: dict[int, tuple[Limit, ...]] = {}
        self.made: dict[int, Node] = {}
        self.notes = list(known.notes)
        self.order = Order()
        for root in (self.expression, *(side for pair in self.where for side in pair)):
            self._list(root)
        self.names = Names(self.parts, self.inner, self.limits, self.where, known)

    def build(self) -> Node:
        """The node of the expression; those of all other parts are in `made`."""
        for key, part in self.parts.items():
            self.made[key] = self._node(part, [self.made[id(inner)] for inner in self.inner[key]])
        return self.made[id(self.expression)]

    def formula(self) -> Formula:
        self.build()
        names, columns = self.names, self.names.columns
        for root, what in ((self.expression, "The formula"), *((body, f"The definition of {shown(left)}") for left, body in self.where)):
            if self.made[id(root)].op in CONDITIONS:
                raise InputError(f"{what} is a condition, not a number.", accepted="a real formula; conditions stand inside Piecewise")
        used = self.hidden_is_used()
        if used and names.symbols.get(HIDDEN_LENGTHS[0]) == length_symbol(HIDDEN_LENGTHS[0]):
            self.notes.append(f"{HIDDEN_LENGTHS[0]} is a number here; the number of samples is {text(names.hidden_length)}.")
        given = sorted(names.names[column] for column in columns if column not in names.derived)
        return Formula(
            expression=self.made[id(self.expression)],
            definitions=tuple((self.made[id(left)], self.made[id(body)]) for left, body in self.where),
            axes=_Lengths(self).by_letter(),
            samples=tuple(dict.fromkeys((*self.known.samples, *given))),
            hidden=names.hidden if used else self.known.hidden,
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
        if isinstance(part, _MATRICES):
            raise matrix_refused(part, self.expression)
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
                raise InputError(f"The bounds of the sum over {shown(variable)} are reversed: {low} to {last}.", accepted="low <= high + 1")
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
            if _OPS[kind] in ("and", "or", "not") and any(argument.op not in CONDITIONS for argument in args):
                raise InputError(f"A condition of {shown(part)} is a number.", accepted="comparisons, And, Or, Not")
            return _chained(_OPS[kind], args)
        return _call(_function(kind) or "", part, args)

    def _symbol(self, symbol: Any, args: list[Node]) -> Node:
        names = self.names
        if symbol in names.letters:
            return index(names.letters[symbol])
        if symbol in names.lengths:
            return length(symbol.name)
        return self._access(symbol, args)

    def _indexed(self, part: Any, args: list[Node]) -> Node:
        if any(fraction_in(at) is not None for at in args):
            raise InputError(f"The subscript of {shown(part)} is no whole number.", accepted=WHOLE_NUMBERS)
        return self._access(part.base, args)

    def _access(self, thing: Any, at: list[Node]) -> Node:
        names = self.names
        sample = [index(names.hidden)] if thing in names.derived or thing in names.columns else []
        return access(names.names[thing], *sample, *at)

    def _sum(self, part: Any, args: list[Node]) -> Node:
        """Terms in the order in which SymPy prints them; a difference is a sum with `neg` in it."""
        terms = [term for term, written in zip(args, part.args, strict=True) if term is not ZERO or isinstance(written, sp.Number)]
        return _chained("+", self.order.terms(terms)) if terms else ZERO

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
        if all((value.args[0] if value.op == "neg" else value).op == "number" for value in values):
            self.notes.append(_CONSTANT_BRANCHES)
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
        self._note_idle(part, op)
        if not self.limits[id(part)]:
            return node(op, args[0], self._samples(part))
        body, ranges = args[0], [range_(*args[n : n + 3]) for n in range(1, len(args), 3)]
        for found in ranges:
            if any(fraction_in(bound) is not None for bound in found.args[1:]):
                raise InputError(f"A bound of the sum over {shown(found.args[0].value)} is no whole number.", accepted=WHOLE_NUMBERS)
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

    def _note_idle(self, reduction: Any, op: str) -> None:
        names, limits = self.names, self.limits[id(reduction)]
        used = names.free[id(reduction.function)].union(*(names.free[id(end)] for _, low, high in limits for end in (low, high)))
        idle = [names.letters[variable] for variable, _, _ in limits if variable not in used]
        if not limits and not names.on_hidden(reduction.function):
            idle = ["the samples"]
        if op in ("sum", "mean"):
            self.notes += [f"A {op} over {over} has the same term throughout: {shown(reduction.function)}." for over in idle]

    def _samples(self, reduction: Any) -> Node:
        """The range of the hidden sample axis, where the reduction is over data columns."""
        names = self.names
        body = reduction.function
        if not names.on_hidden(body):
            named = sorted(names.letters[item] for item in self.names.free[id(body)] if item in names.letters)
            if named:
                letters = ", ".join(named)
                raise InputError(f"{shown(reduction)} has no axis and stands over {letters}.", accepted=f"{reduction.word}(..., {letters})")
            if not names.columns and not self.known.hidden:
                raise InputError(
                    f"{shown(reduction)} runs over the samples, and the formula has no data column.",
                    accepted=f'columns from sg.samples("x y"), or an axis: {reduction.word}(..., i)',
                )
        return range_(index(names.hidden), ZERO, names.hidden_length)

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
        text = repr(float(part)) if part._prec == 53 else libmp.to_str(part._mpf_, libmp.prec_to_dps(part._prec))
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
    """The lengths of the axes of a formula: what its letters run over, in definitions and in sums."""

    def __init__(self, reading: _Reading) -> None:
        self.reading, self.names = reading, reading.names
        made = reading.made
        self.known: dict[Any, Node] = {}  # index object -> length, where it runs from 0
        for key, part in reading.parts.items():
            if isinstance(part, sp.Idx) and (ends := reading.inner[key]) and made[id(ends[0])] is ZERO:
                self.known[part] = made[id(ends[1])]
        for limits in reading.limits.values():
            for variable, low, high in limits:
                if made[id(low)] is ZERO and not made[id(high)].free:
                    self.known.setdefault(variable, made[id(high)])

    def by_letter(self) -> dict[str, Node]:
        """One length for each letter. Letters that a definition leaves free must have one; an unknown one is called n_j."""
        reading, names = self.reading, self.names
        loose = {id(left): [item for item in names.letters if item in names.free[id(left)]] for left, _ in reading.where}
        targets = [item for left, _ in reading.where for item in loose[id(left)]]
        places = self._places()
        found: dict[str, Node] = dict(reading.known.axes)
        for item in dict.fromkeys(targets):
            letter = names.letters[item]
            if isinstance(item, sp.Idx) and item.lower is not None and item not in self.known:
                raise InputError(f"Index {shown(letter)} does not run from 0.", accepted=f'an axis from 0: sg.axes("{shown(letter)}:n")')
            size = self.known.get(item) or next((places[place] for place in self._at(item) if place in places), None)
            size = size or found.get(letter) or length(free(f"n_{letter}", names.taken))
            if found.setdefault(letter, size) is not size:
                lengths = f"{text(found[letter])} and {text(size)}"
                raise InputError(f"Axis {shown(letter)} has two lengths, {lengths}.", accepted="another letter for one of the axes")
        for item, size in self.known.items():
            found.setdefault(names.letters[item], size)
        if reading.hidden_is_used():
            found.setdefault(names.hidden, names.hidden_length)
        return found

    def _at(self, item: Any) -> Iterator[tuple[str, int]]:
        """(array, place) wherever the index alone is a subscript."""
        for part in self.reading.parts.values():
            if isinstance(part, sp.Indexed):
                yield from ((indexed_name(part), n) for n, at in enumerate(part.indices) if at == item)

    def _places(self) -> dict[tuple[str, int], Node]:
        """(array, place) -> length, as the shape of the array or another index there says."""
        found: dict[tuple[str, int], Node] = {}
        for part in self.reading.parts.values():
            if isinstance(part, sp.Indexed):
                for n, at in enumerate(part.indices):
                    size = part.base.shape[n] if part.base.shape and n < len(part.base.shape) else None
                    if isinstance(size, sp.Integer):
                        found.setdefault((indexed_name(part), n), number(int(size)))
                    elif isinstance(size, sp.Symbol):
                        found.setdefault((indexed_name(part), n), length(size.name))
                    elif isinstance(at, (sp.Symbol, sp.Idx)) and at in self.known:
                        found.setdefault((indexed_name(part), n), self.known[at])
        return found


# on the way in: single values


def matrix_refused(part: Any, root: Any = None) -> InputError:
    """The refusal of a matrix expression, with the same in indices where that is short."""
    part = sum_around(part, root)
    if isinstance(part, MatrixBase):
        what = str(part) if len(part) <= 6 else "A Matrix"
        return InputError(f"{what} is a matrix.", accepted="its elements, a formula each; products with indices")
    form = index_form(part)
    accepted = f"the index form, {form}" if form else "sums over indices, such as sg.total(W[k, j]*x[j], j)"
    return InputError(f"{shown(part)} is a matrix expression.", accepted=accepted)


def _sympified(thing: Any, what: str) -> Any:
    """A SymPy object; never from a text, which SymPy would run as Python."""
    if isinstance(thing, str):
        raise InputError(f"{what} is a text.", accepted='sg.parse("...") for text; here SymPy expressions')
    if isinstance(thing, _MATRICES):
        raise matrix_refused(thing)
    if isinstance(thing, (list, tuple, dict, set, frozenset)):
        raise InputError(f"{what} is a {type(thing).__name__}, not one formula.", accepted="one real formula")
    try:
        found = sp.sympify(thing, strict=True)
    except (sp.SympifyError, TypeError, ValueError, AttributeError):
        raise InputError(f"{what} is a Python {type(thing).__name__}.", accepted="a SymPy expression or a number") from None
    if isinstance(found, (Relational, BooleanTrue, BooleanFalse)):
        raise InputError(f"{what} is the condition {shown(found)}, not a number.", accepted="a real formula; conditions stand inside Piecewise")
    return found


def _definitions(where: Any) -> list[Definition]:
    """(left, right) of every definition."""
    if isinstance(where, (str, sp.Basic)):
        raise InputError("where= is a single formula.", accepted="a mapping {name: formula}, or a list of sp.Eq")
    pairs = list(where.items()) if isinstance(where, Mapping) else [_sides(equation) for equation in where]
    found: list[Definition] = []
    for left, right in pairs:
        if isinstance(left, str):
            raise InputError(f"{shown(left)} in where= is a text.", accepted="a Symbol, or an element such as z[i, k]")
        if not isinstance(left, (sp.Symbol, sp.Indexed)):
            raise InputError(f"{shown(left)} cannot be defined.", accepted="a Symbol, or an element such as z[i, k]")
        found.append((left, _sympified(right, f"The definition of {shown(left)}")))
    return found


def _sides(equation: Any) -> Definition:
    if isinstance(equation, (bool, BooleanTrue, BooleanFalse)):
        raise InputError(
            f"An equation in where= is already {bool(equation)}: SymPy decided it from what it knows of the sign of the symbols.",
            accepted="a mapping {name: formula}, which nothing decides",
        )
    if not isinstance(equation, sp.Eq):
        raise InputError(f"{shown(equation)} in where= is no equation.", accepted="sp.Eq(z[i], formula), or a mapping {z[i]: formula}")
    return equation.lhs, equation.rhs


def _range(idx: Any) -> tuple[Any, ...]:
    """The low end and the length of the range of an Idx; nothing where it has none."""
    if not isinstance(idx.label, sp.Symbol):
        raise InputError(f"The index {shown(idx)} is a formula.", accepted='a letter: Idx("i", m)')
    if idx.lower is None or idx.upper is None or idx.lower.is_infinite or idx.upper.is_infinite:
        return ()
    return idx.lower, idx.upper + 1


def _signed(p: int, q: int) -> Node:
    """p/q as a number."""
    digits = max(p.bit_length(), q.bit_length()) * 0.30103
    if digits > DIGITS or abs(p) >> 1024 >= q:
        raise LimitError(f"A number has about {digits:,.0f} digits.", accepted=f"numbers below 1.8e308, with at most {DIGITS} digits")
    found = number(abs(p)) if q == 1 else number(f"{abs(p)}/{q}")
    return node("neg", found) if p < 0 else found


def _constant(part: Any) -> Node:
    """pi and e; other constants of SymPy with 50 digits."""
    if part is sp.pi or part is sp.E:
        return node("constant", value="pi" if part is sp.pi else "e")
    return number(str(part.evalf(50)))


def _chained(op: str, args: list[Node]) -> Node:
    return node(op, *args) if len(args) > 1 or op == "not" else args[0]


# functions


def _function(cls: Any) -> str | None:
    """The op of a SymPy function."""
    if str(cls.__module__).startswith("sympy.codegen."):
        return SPELLED.get(cls.__name__)
    return _classes().get(cls)


@cache
def _classes() -> dict[Any, str]:
    return {found: name for name in reversed(FUNCTIONS) if isinstance(found := _named(FUNCTIONS[name].sympy), type)}


@cache
def _named(path: str) -> Any:
    """The SymPy object of a name or dotted path; None for a formula."""
    if not all(word.isidentifier() for word in path.split(".")):
        return None
    module, _, name = path.rpartition(".")
    return getattr(import_module(f"sympy.{module}" if module else "sympy"), name)


def _call(op: str, part: Any, args: list[Node]) -> Node:
    if op == "polygamma" and args[0].op == "number" and args[0].value in ("0", "1"):
        return node("digamma" if args[0].value == "0" else "trigamma", args[1])
    if op == "log" and len(args) == 2:
        op = "logbase"
    arity = FUNCTIONS[op].arity
    if len(args) != arity and not (arity is None and args):
        raise InputError(f"{shown(part)} has {len(args)} arguments.", accepted=f"{op} with {arity or 'one or more'}")
    return node(op, *args)


# the way out


def to_sympy(root: Node, symbols: Mapping[str, Any], *, hidden: str | None = None, samples: Iterable[str] = ()) -> Any:
    """The SymPy expression of a node, in the user's own objects where `symbols` has them: Symbol, Sample, IndexedBase, Axis.

    `hidden`: the letter of the hidden sample axis; what stands at it is written without it. SymPy may rewrite small formulas as it always does.

    >>> w, x, y = sp.Symbol("w"), Sample("x"), Sample("y")
    >>> found = from_sympy(REDUCTION_CLASSES["mean"]((w*x - y)**2))
    >>> to_sympy(found.expression, found.symbols, hidden=found.hidden)
    mean((w*x - y)**2)
    """
    try:
        return _Writing(root, symbols, hidden, frozenset(samples)).made[root]
    except RecursionError:
        raise LimitError("The formula is nested too deep for SymPy.", accepted="the equations of .program") from None


class _Writing:
    """One formula on its way out, from the parts up."""

    def __init__(self, root: Node, symbols: Mapping[str, Any], hidden: str | None, samples: frozenset[str]) -> None:
        self.symbols, self.samples = symbols, samples
        self.hidden = None if hidden is None else index(hidden)
        self.made: dict[Node, Any] = {}
        self.sizes: dict[Node, int] = {}
        parts = postorder(root)
        self.ranges: dict[Node, set[tuple[Node, Node]]] = {}
        for part in parts:
            if part.op == "range":
                self.ranges.setdefault(part.args[0], set()).add(part.args[1:])  # type: ignore[arg-type]
        self.build(parts)

    def build(self, parts: list[Node]) -> None:
        for part in parts:
            if part in self.made:
                continue
            size = self.sizes[part] = min(1 + sum(self.sizes[argument] for argument in part.args), LONG_SUM + 1)
            evaluate = size <= (LONG_SUM if part.op in ("+", "*", "neg") else LONG)
            self.made[part] = self._expression(part, [self.made[argument] for argument in part.args], evaluate)

    def _expression(self, part: Node, args: list[Any], evaluate: bool) -> Any:
        op = part.op
        if op == "number":
            return _sympy_number(part.value)
        if op == "access":
            return self._access(part, args)
        if op == "index":
            return self._index(part)
        if op == "length":
            return self.symbols.get(length_key(part.value), length_symbol(part.value))
        if op == "range":
            return (args[0], args[1], args[2] - 1)
        if op in REDUCTIONS:
            return self._reduction(part, args)
        if op == "piecewise" and part.args[0] is ONE and part.args[1].op == "==" and part.args[2:] == (ZERO,):
            sides = part.args[1].args
            if all(side.op == "index" for side in sides):
                    return sp.KroneckerDelta(*(self.made[side] for side in sides))
        if op == "constant":
            return sp.pi if part.value == "pi" else sp.E
        if op == "derivative":
            return sp.Derivative(*args, evaluate=False)
        return _operation(op, args, evaluate)

    def _access(self, part: Node, at: list[Any]) -> Any:
        own = self.symbols.get(part.value)
        if self.hidden is not None and part.args[:1] == (self.hidden,):
            at = at[1:]
            if not at:
                return own if isinstance(own, sp.Symbol) else Sample(part.value)
        if isinstance(own, Sample) and own.axis is not None and at == [own.axis]:
            return own
        if not at:
            return own if isinstance(own, sp.Symbol) and not isinstance(own, sp.Idx) else sp.Symbol(part.value)
        return sp.Indexed(own if isinstance(own, sp.IndexedBase) else sp.IndexedBase(part.value), *at)

    def _index(self, letter: Node) -> Any:
        """The user's index; else an axis where all its ranges are 0 to one length, else an Idx."""
        own = self.symbols.get(letter.value)
        if isinstance(own, sp.Idx) or (isinstance(own, sp.Symbol) and not isinstance(own, Sample)):
            return own
        ranges = self.ranges.get(letter, set())
        (low, high), *more = ranges or {(ONE, ONE)}
        if more or low is not ZERO or high.free or any(part.op == "access" for part in postorder(high)):
            return sp.Idx(letter.value)
        self.build(postorder(high))
        return Axis(letter.value, self.made[high])

    def _reduction(self, part: Node, args: list[Any]) -> Any:
        """SymPy's Sum and Product where there is a named axis, the innermost limit first as there; else classes of ours."""
        op, body, limits = part.op, args[0], args[1:]
        over_samples = [bound for bound in part.args[1:] if self.hidden is not None and bound.args[0] is self.hidden]
        if over_samples:
            others = [limit for bound, limit in zip(part.args[1:], limits, strict=True) if bound not in over_samples]
            if others and op == "softmax":
                raise NotBuilt("A softmax over the samples and another axis has no SymPy form yet.")
            return REDUCTION_CLASSES[op](self._over(op, body, others) if others else body)
        return self._over(op, body, limits)

    def _over(self, op: str, body: Any, limits: list[Any]) -> Any:
        if op in ("sum", "product"):
            return unfolded(sp.Sum if op == "sum" else sp.Product, body, *reversed(limits))
        return REDUCTION_CLASSES[op](body, *limits)


def _operation(op: str, args: list[Any], evaluate: bool) -> Any:
    if op in FUNCTIONS:
        return _applied(op, args, evaluate)
    if op == "+":
        return sp.Add(*args, evaluate=evaluate)
    if op == "*":
        return sp.Mul(*args, evaluate=evaluate)
    if op == "/":
        return sp.Mul(args[0], sp.Pow(args[1], -1, evaluate=evaluate), evaluate=evaluate)
    if op == "^":
        return sp.Pow(*args, evaluate=evaluate)
    if op == "neg":
        return sp.Mul(-1, args[0], evaluate=evaluate)
    if op in ("true", "false"):
        return sp.true if op == "true" else sp.false
    if op == "piecewise":
        pairs = list(zip(args[0::2], args[1::2], strict=False)) + ([(args[-1], sp.true)] if len(args) % 2 else [])
        return sp.Piecewise(*pairs) if evaluate else sp.Basic.__new__(sp.Piecewise, *(sp.Tuple.__new__(ExprCondPair, *pair) for pair in pairs))
    if op in ("and", "or"):
        return _LOGIC[op](*args) if evaluate else _lattice(_LOGIC[op], args)
    return {**_RELATIONS, **_LOGIC}[op](*args, evaluate=evaluate)


def _lattice(cls: Any, args: list[Any]) -> Any:
    """Max, Min, And, Or of large arguments. SymPy would sort them even unevaluated, by keys as long as the arguments written out."""
    found = sp.Basic.__new__(cls, *dict.fromkeys(args))
    found._argset = frozenset(args)
    return found


def _applied(op: str, args: list[Any], evaluate: bool) -> Any:
    """A function of the table, or the formula that its row gives for what SymPy lacks."""
    spelled = FUNCTIONS[op].sympy
    found = _named(spelled)
    if found is sp.Mod:  # asks polynomials for a common divisor: a minute for a sum of 50 terms
        evaluate = False
    if not evaluate and found in (sp.Max, sp.Min):
        return _lattice(found, args) if len(set(args)) > 1 else args[0]
    if found is not None:
        return found(*args, evaluate=evaluate)
    return _filled(_parsed(spelled), dict(zip("uvw", args, strict=False)), evaluate)


@cache
def _parsed(formula: str) -> ast.expr:
    return ast.parse(formula.replace("^", "**"), mode="eval").body


def _filled(tree: Any, letters: Mapping[str, Any], evaluate: bool) -> Any:
    """A formula of our own table with its letters filled in."""
    match tree:
        case ast.Name(id=name):
            return letters[name]
        case ast.Constant(value=value):
            return sp.Integer(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return sp.Mul(-1, _filled(operand, letters, evaluate), evaluate=evaluate)
        case ast.BinOp(left=left, op=sign, right=right):
            return _operation(_SIGNS[type(sign)], [_filled(left, letters, evaluate), _filled(right, letters, evaluate)], evaluate)
        case ast.Call(func=ast.Name(id=name), args=args):
            return _applied(name, [_filled(argument, letters, evaluate) for argument in args], evaluate)
    raise AssertionError(ast.dump(tree))


_SIGNS = {ast.Add: "+", ast.Mult: "*", ast.Div: "/", ast.Pow: "^"}


def _sympy_number(value: str) -> Any:
    """The number as typed: an integer, an exact fraction, or a decimal."""
    if "/" in value or value.isdigit():
        return sp.Rational(value)
    return sp.Float(float(value)) if repr(float(value)) == value or len(value) <= 15 else sp.Float(value)
