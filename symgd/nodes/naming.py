"""The name of what a user hands over as a key: a text, a Symbol, an IndexedBase or an element of one. Knows no SymPy, only its attributes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from symgd.errors import InputError


def name_of(thing: Any) -> str:
    """The name of a parameter, data array or definition.

    >>> import sympy as sp
    >>> name_of("w"), name_of(sp.Symbol("w")), name_of(sp.IndexedBase("W")), name_of(sp.IndexedBase("W")[1, 2])
    ('w', 'w', 'W', 'W')
    """
    if isinstance(thing, str):
        return thing
    if hasattr(thing, "indices") and hasattr(thing, "base"):
        thing = thing.base
    label = getattr(thing, "label", None)
    name = getattr(thing if label is None else label, "name", None)
    if not isinstance(name, str):
        raise InputError(f"{thing!r} names nothing.", accepted="a name, a Symbol or an IndexedBase")
    return name


def by_name(given: Mapping[Any, Any] | None, known: Iterable[str], what: str) -> dict[str, Any]:
    """The mapping keyed by name. A name that is not known is refused, with the nearest that is.

    >>> by_name({"wq": 1}, ["w"], "parameter")
    Traceback (most recent call last):
    ...
    symgd.errors.InputError: There is no parameter wq; was w meant? Accepted: w.
    """
    names = list(known)
    found: dict[str, Any] = {}
    for thing, value in (given or {}).items():
        name = name_of(thing)
        if name not in names:
            near = get_close_matches(name, names, n=1, cutoff=0.5)
            hint = f"; was {near[0]} meant?" if near else "."
            raise InputError(f"There is no {what} {name}{hint}", accepted=", ".join(names) or f"no {what} at all")
        if name in found:
            raise InputError(f"The {what} {name} is given twice.", accepted="each name once")
        found[name] = value
    return found
