"""What a user hands over as numbers, checked and brought into one form: float64, C order, native bytes; subscripts as int64."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np

from symgd.errors import InputError
from symgd.nodes.naming import by_name


def arrays(given: Mapping[Any, Any] | None, ranks: Mapping[str, int], *, integers: frozenset[str], lengths: tuple[str, ...], what: str) -> tuple[
    dict[str, np.ndarray], dict[str, int]
]:  # fmt: skip
    """(name -> array, length name -> value) of a mapping keyed by name or symbol. Scalars come back as arrays without an axis.

    Raises InputError, which names the array, for unknown names, other than finite real numbers, and subscripts that are not integers.
    """
    found: dict[str, np.ndarray] = {}
    known: dict[str, int] = {}
    for name, value in by_name(given, [*ranks, *(length for length in lengths if length not in ranks)], what).items():
        if name in ranks:
            found[name] = array(name, value, integer=name in integers)
        else:
            known[name] = _length(name, value)
    return found, known


def array(name: str, value: Any, *, integer: bool = False) -> np.ndarray:
    """One array of finite numbers.

    >>> array("X", [[1, 2], [3, 4]]).dtype, array("label", [0.0, 2.0], integer=True).dtype
    (dtype('float64'), dtype('int64'))
    >>> array("X", [[1, 2], [3, float("nan")]])
    Traceback (most recent call last):
    ...
    symgd.errors.InputError: X, row 1, column 1 is nan. Accepted: finite numbers.
    """
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise InputError(f"{name} has masked entries.", accepted="an array without missing values")
    if hasattr(value, "toarray") and not isinstance(value, np.ndarray):
        raise InputError(f"{name} is a sparse matrix.", accepted=f"a dense array: {name}.toarray()")
    try:
        raw = np.asarray(value)
        if raw.dtype == object and raw.size:
            raw = np.array([_number(name, place, entry) for place, entry in np.ndenumerate(raw)]).reshape(raw.shape)
        if raw.dtype.kind in "OUSMmVc":
            raise TypeError
        plain = np.ascontiguousarray(raw, dtype=np.float64).reshape(raw.shape)
    except InputError:
        raise
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name} does not hold numbers: {_example(value)}.", accepted="real numbers, all rows of one length") from None
    if not np.isfinite(plain).all():
        place = tuple(int(n) for n in np.argwhere(~np.isfinite(plain))[0])
        raise InputError(f"{_where(name, place)} is {plain[place]}.", accepted="finite numbers")
    if integer:
        whole = np.ascontiguousarray(raw, dtype=np.int64).reshape(raw.shape)
        if not (whole == plain).all():
            place = tuple(int(n) for n in np.argwhere(whole != plain)[0])
            raise InputError(f"{_where(name, place)} is {plain[place]}, but {name} stands in a subscript.", accepted="whole numbers from 0")
        return whole
    return plain


def _number(name: str, place: tuple[int, ...], entry: Any) -> float | int:
    """An entry of an array of objects. Not the text of a number, and not what has no value yet."""
    if isinstance(entry, (list, tuple, np.ndarray)):
        raise TypeError
    if not isinstance(entry, (Real, Decimal)):
        raise InputError(f"{_where(name, place)} is {_example(entry)}.", accepted="real numbers")
    return int(entry) if isinstance(entry, Integral) and abs(int(entry)) < 2**63 else float(entry)


def _where(name: str, place: tuple[int, ...]) -> str:
    if len(place) == 2:
        return f"{name}, row {place[0]}, column {place[1]}"
    return f"{name}[{', '.join(map(str, place))}]" if place else name


def _example(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else shown[:37] + "..."


def _length(name: str, value: Any) -> int:
    try:
        whole = int(value)
        if whole != value or whole < 1 or isinstance(value, (bool, np.bool_)):
            raise ValueError
    except (TypeError, ValueError):
        raise InputError(f"The length {name} is {value!r}.", accepted="a whole number from 1") from None
    return whole


def missing(names: list[str], near: Mapping[str, Any], what: str) -> InputError:
    """The error for names without values."""
    listed = ", ".join(names)
    have = f"; given are {', '.join(near)}" if near else ""
    return InputError(f"No value for {what} {listed}{have}.", accepted=f"{{{', '.join(f'{name!r}: ...' for name in names)}}}")
