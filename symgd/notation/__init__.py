"""What a SymPy user writes a cost with: index axes, data columns, and reductions over them.

`mean(e)` without an axis runs over the samples. An axis is an index of `axes`, a SymPy Idx with a range, or a triple (index, low, high) as in
SymPy's Sum, high included; the outer axis comes first, so that a later range may use an earlier index: `total(e, i, (j, i + 1, m - 1))`.
Python's own `sum`, `max` and `==` do not work here: `sum(x)` of an IndexedBase never ends, and `x[i] == 0` is False at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symgd.errors import InputError
from symgd.nodes.sympy_door import to_sympy
from symgd.nodes.sympy_forms import ArgMax, Axis, LogSumExp, Maximum, Mean, Minimum, Norm, ProductOver, Sample, Softmax, Total, unfolded
from symgd.nodes.sympy_matrices import index_form
from symgd.nodes.sympy_names import is_length, shown
from symgd.reading.text import axis_lengths, names_in

__all__ = ["argmax", "axes", "logsumexp", "maximum", "mean", "minimum", "norm", "product", "samples", "softmax", "total"]


def axes(text: str) -> tuple[Any, ...]:
    """Index symbols that know the length of their axis, always as a tuple. A length is a number, a name, or a formula of both.

    >>> i, p = axes("i:m p:H-P+1")
    >>> i.length, p.upper
    (m, H - P)
    >>> t, = axes("t:10")
    >>> axes("i")
    Traceback (most recent call last):
    ...
    symgd.errors.InputError: An axis is an index letter, a colon and its length. Accepted: i:m j:3.
        i
        ^ row 1, column 1
    """
    if not isinstance(text, str):
        raise InputError(f"Axes are given as a text, not as {type(text).__name__}.", accepted='sg.axes("i:m j:3")')
    found = []
    for letter, size in axis_lengths(text).items():
        extent = to_sympy(size, {})
        if letter in {symbol.name for symbol in extent.free_symbols}:
            raise InputError(f"{letter} is both an index letter and a length.", accepted="two names, as in i:m")
        if extent.is_Number and not (extent.is_Integer and extent > 0):
            raise InputError(f"Axis {letter} has the length {extent}.", accepted="a whole number, at least 1")
        found.append(Axis(letter, extent))
    if not found:
        raise InputError("The text names no axis.", accepted='sg.axes("i:m j:3")')
    return tuple(found)


def samples(names: str | Sequence[str], axis: Any = None) -> tuple[Sample, ...]:
    """Data columns, one real number for each sample, always as a tuple: on the hidden sample axis, or on the axis of an index.

    >>> x, y = samples("x y")
    >>> mean((x - y)**2)
    mean((x - y)**2)
    """
    if axis is not None:
        axis = _limit("samples", axis)[0]
        if not isinstance(axis, sp.Idx):
            raise InputError(f"{shown(axis)} is no axis.", accepted='an index of sg.axes: sg.samples("x y", axis=i)')
    columns = names_in(names) if isinstance(names, (str, list, tuple)) else ()
    if not columns:
        raise InputError(f"{shown(repr(names))} names no data column.", accepted='sg.samples("x y")')
    return tuple(Sample(name, axis) for name in columns)


def mean(e: Any, *axes: Any) -> Any:
    """The mean over the axes, or over the samples. The mean of a number is the number."""
    body = _body("mean", e)
    return body if body.is_Number else Mean(body, *_limits("mean", axes))


def total(e: Any, *axes: Any) -> Any:
    """The sum over the axes: SymPy's own Sum, whose innermost limit comes first. Without axes the sum over the samples.

    >>> i, j = globals()["axes"]("i:m j:d")
    >>> X, w = sp.symbols("X w", cls=sp.IndexedBase)
    >>> total(X[i, j]*w[j], j) == sp.Sum(X[i, j]*w[j], (j, 0, j.upper))
    True
    """
    body, limits = _body("total", e), _limits("total", axes)
    return unfolded(sp.Sum, body, *reversed(limits)) if limits else Total(body)


def product(e: Any, *axes: Any) -> Any:
    """The product over the axes: SymPy's own Product. Without axes the product over the samples."""
    body, limits = _body("product", e), _limits("product", axes)
    return unfolded(sp.Product, body, *reversed(limits)) if limits else ProductOver(body)


def maximum(e: Any, *axes: Any) -> Any:
    """The largest value over the axes, or over the samples; sp.Max(a, b) is the larger of two values."""
    body = _body("maximum", e)
    return body if body.is_Number else Maximum(body, *_limits("maximum", axes))


def minimum(e: Any, *axes: Any) -> Any:
    """The smallest value over the axes, or over the samples; sp.Min(a, b) is the smaller of two values."""
    body = _body("minimum", e)
    return body if body.is_Number else Minimum(body, *_limits("minimum", axes))


def logsumexp(e: Any, *axes: Any) -> Any:
    """log(total(exp(e), *axes)), without overflow."""
    return LogSumExp(_body("logsumexp", e), *_limits("logsumexp", axes))


def softmax(e: Any, *axes: Any) -> Any:
    """exp(e)/total(exp(e), *axes), without overflow. Its letters stay free: softmax(z[i, l], l) is a value for each i and l."""
    return Softmax(_body("softmax", e), *_limits("softmax", axes))


def norm(e: Any, *axes: Any) -> Any:
    """sqrt(total(e**2, *axes)), with derivative 0 at 0."""
    return Norm(_body("norm", e), *_limits("norm", axes))


def argmax(e: Any, *axes: Any) -> Any:
    """The first index at which e is largest; for metrics."""
    return ArgMax(_body("argmax", e), *_limits("argmax", axes))


def _body(word: str, e: Any) -> Any:
    if isinstance(e, str):
        raise InputError(f"sg.{word} runs over a SymPy formula, not over a text.", accepted=f'sg.parse("{word}(...)") for text')
    try:
        found = sp.sympify(e, strict=True)
    except (sp.SympifyError, TypeError, ValueError, AttributeError):
        found = None
    if getattr(found, "is_Matrix", False):
        form = index_form(found)
        accepted = f"an element of it, {form}" if form else "its elements: W[k, j]*x[j]"
        raise InputError(f"sg.{word} runs over a number, not over the matrix {shown(found)}.", accepted=accepted)
    if not isinstance(found, sp.Expr):
        raise InputError(f"sg.{word} runs over a formula, not over a {type(e).__name__}.", accepted=f"sg.{word}(x[i], i), or data columns")
    if isinstance(found, sp.IndexedBase):
        raise InputError(f"The array {shown(found)} stands without an index.", accepted=f"sg.{word}({shown(found)}[i], i)")
    return found


def _limits(word: str, axes: tuple[Any, ...]) -> list[tuple[Any, Any, Any]]:
    found = [_limit(word, axis) for axis in axes]
    indices = [index for index, _, _ in found]
    for n, index in enumerate(indices):
        if index in indices[:n]:
            raise InputError(f"Axis {shown(index)} runs twice in sg.{word}.", accepted="each axis once")
    return found


def _limit(word: str, axis: Any) -> tuple[Any, Any, Any]:
    """(index, low, high), high included."""
    accepted = 'an index of sg.axes("i:m"), or (i, 0, m - 1)'
    hint = f"; sp.{word.capitalize()[:3]}(a, b) compares two values" if word in ("maximum", "minimum") else ""
    if isinstance(axis, (tuple, sp.Tuple)) and len(axis) == 3:
        index, low, high = axis
        if isinstance(low, str) or isinstance(high, str) or not isinstance(index, (sp.Symbol, sp.Idx)) or isinstance(index, Sample):
            raise InputError(f"sg.{word} cannot run over {shown(str(axis))}.", accepted=accepted)
        return index, sp.sympify(low, strict=True), sp.sympify(high, strict=True)
    if isinstance(axis, Sample):
        raise InputError(f"{shown(axis)} is a data column, not an axis.", accepted=f"sg.{word}(...) without an axis for the samples, or {accepted}")
    if isinstance(axis, sp.Idx) and axis.lower is not None and axis.upper is not None:
        return axis, axis.lower, axis.upper
    if isinstance(axis, sp.Idx) or (isinstance(axis, sp.Symbol) and not is_length(axis)):
        ranged = f'sg.axes("{shown(axis)}:m"), or ({shown(axis)}, 0, m - 1)'
        raise InputError(f"The index {shown(axis)} of sg.{word} has no range.", accepted=ranged + hint)
    raise InputError(f"sg.{word} cannot run over {shown(axis) if isinstance(axis, sp.Basic) else repr(axis)[:60]}.", accepted=accepted + hint)
