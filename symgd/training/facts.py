"""What is known of the data, looked up in the data: a fact that does not hold is refused before anything is computed with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from symgd.cost.facts import Fact
from symgd.errors import InputError
from symgd.nodes.node import Node, fraction, postorder

__all__ = ["TOLERANCE", "check_facts"]

TOLERANCE = 1e-6  # of an equation, times the size of its terms where that is above 1; bounds are exact
Arrays = Mapping[str, np.ndarray]


def check_facts(facts: Iterable[Fact], arrays: Arrays, lengths: Mapping[str, int]) -> None:
    """Raise InputError, with the array, the place and the value, for the first fact that these data do not keep.

    A fact about an array that is not given is passed by.

    >>> import symgd as sg
    >>> cost = sg.parse("-sum(Y[i, l]*z[i, l], i, l)", parameters=["z"], facts=["sum(Y[i, l], l) = 1"])
    >>> check_facts(cost._checked.facts, {"Y": np.array([[0.5, 0.5], [0.7, 0.2]])}, {})
    Traceback (most recent call last):
    ...
    symgd.errors.InputError: Y, row 1 sums to 0.9; the fact sum(Y[i, l], l) = 1 does not hold. Accepted: data that keep it, or a cost without it.
    """
    for fact in facts:
        if all(name in arrays for name in fact.names):
            broken = _CHECKS[fact.kind](fact, arrays, lengths)
            if broken is not None:
                raise InputError(f"{broken}; the fact {fact} does not hold.", accepted="data that keep it, or a cost without it")


def _total(fact: Fact, arrays: Arrays, lengths: Mapping[str, int]) -> str | None:
    letters, values = _elements(fact, arrays[fact.name])
    powers = values if fact.power == 1 else values**fact.power
    summed = tuple(n for n, letter in enumerate(letters) if letter in fact.summed)
    with np.errstate(all="ignore"):
        found = powers.mean(axis=summed) if fact.mean else powers.sum(axis=summed)
        size = np.abs(powers).mean(axis=summed) if fact.mean else np.abs(powers).sum(axis=summed)
    kept = [letter for letter in letters if letter not in fact.summed]
    wanted = _right(fact, kept, np.shape(found), arrays, lengths)
    place = _first(np.abs(found - wanted) > TOLERANCE * np.maximum(1.0, size))
    if place is None:
        return None
    at = dict(zip(kept, place, strict=True))
    subject = _line(fact, at)
    does = ("have the mean" if fact.mean else "sum to") if fact.power != 1 else ("has the mean" if fact.mean else "sums to")
    powered = {1: "", 2: "The squares of "}.get(fact.power, f"The powers ^{fact.power} of ")
    told = "" if fact.right.op == "number" else f" and not to {_short(np.broadcast_to(wanted, np.shape(found))[place])}"
    return f"{powered}{subject} {does} {_short(found[place])}{told}"


def _symmetric(fact: Fact, arrays: Arrays, lengths: Mapping[str, int]) -> str | None:
    values = arrays[fact.name]
    other = fact.right.args[0] if fact.sign < 0 else fact.right
    first, last = (n for n, (u, v) in enumerate(zip(fact.element.args, other.args, strict=True)) if u is not v)
    if values.shape[first] != values.shape[last]:
        return f"{fact.name} has shape {values.shape}"
    turned = fact.sign * np.swapaxes(values, first, last)
    place = _first(np.abs(values - turned) > TOLERANCE * np.maximum(1.0, np.abs(values)))
    if place is None:
        return None
    swapped = list(place)
    swapped[first], swapped[last] = place[last], place[first]
    if tuple(swapped) == place:
        return f"{_element(fact.name, place)} is {_short(values[place])}"
    return f"{_element(fact.name, place)} is {_short(values[place])} and {_element(fact.name, swapped)} is {_short(values[tuple(swapped)])}"


def _power(fact: Fact, arrays: Arrays, lengths: Mapping[str, int]) -> str | None:
    letters, values = _elements(fact, arrays[fact.name])
    powers = values.astype(float) ** fact.power
    wanted = values if fact.right is fact.element else _right(fact, letters, values.shape, arrays, lengths)
    return _first_element(fact, letters, values, np.abs(powers - wanted) > TOLERANCE * np.maximum(1.0, np.abs(powers)))


def _bounds(fact: Fact, arrays: Arrays, lengths: Mapping[str, int]) -> str | None:
    letters, values = _elements(fact, arrays[fact.name])
    wrong = np.zeros(values.shape, dtype=bool)
    for op, edge in fact.limits:
        wrong |= ~_COMPARED[op](values, float(edge))
    return _first_element(fact, letters, values, wrong)


_COMPARED: Mapping[str, Callable[[Any, Any], Any]] = {
    ">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal, "!=": np.not_equal,
}  # fmt: skip
_CHECKS: Mapping[str, Callable[[Fact, Arrays, Mapping[str, int]], str | None]] = {
    "total": _total, "symmetric": _symmetric, "power": _power, "known": _power, "bounds": _bounds,
}  # fmt: skip
"""Kind of fact -> what the data say against it: a half sentence, or None."""


def _elements(fact: Fact, values: np.ndarray) -> tuple[list[Node], np.ndarray]:
    """The letters of the element, each once, and the elements with one axis a letter."""
    places = fact.element.args
    letters = list(dict.fromkeys(place for place in places if place.op == "index"))
    if len(letters) == len(places):
        return letters, values
    sizes = {letter: min(values.shape[n] for n, place in enumerate(places) if place is letter) for letter in letters}
    grids = dict(zip(letters, np.ix_(*(np.arange(sizes[letter]) for letter in letters)), strict=True)) if letters else {}
    for n, place in enumerate(places):
        if place.op == "number" and int(fraction(place)) >= values.shape[n]:
            raise InputError(f"{fact.name} has shape {values.shape}; the fact {fact} is about more.", accepted="facts about elements that are there")
    return letters, np.asarray(values[tuple(grids[place] if place.op == "index" else int(fraction(place)) for place in places)])


def _right(fact: Fact, letters: list[Node], shape: tuple[int, ...], arrays: Arrays, lengths: Mapping[str, int]) -> Any:
    """The right side at every value of the letters."""
    grids = dict(zip(letters, np.ix_(*map(np.arange, shape)), strict=True)) if letters else {}
    known: dict[Node, Any] = {}
    for part in postorder(fact.right):
        args = [known[argument] for argument in part.args]
        if part.op == "number":
            known[part] = float(fraction(part)) if fraction(part).denominator != 1 else int(fraction(part))
        elif part.op == "index":
            known[part] = grids[part]
        elif part.op == "length":
            known[part] = lengths[part.value]
        elif part.op == "access":
            known[part] = arrays[part.value][tuple(args)]
        elif part.op in ("+", "*"):
            total = args[0]
            for other in args[1:]:
                total = total + other if part.op == "+" else total * other
            known[part] = total
        else:
            known[part] = -args[0] if part.op == "neg" else args[0] / args[1] if part.op == "/" else args[0] ** args[1]
    return known[fact.right]


def _first(wrong: Any) -> tuple[int, ...] | None:
    """The first place where something is wrong."""
    places = np.argwhere(np.asarray(wrong))
    return tuple(int(n) for n in places[0]) if len(places) else None


def _first_element(fact: Fact, letters: list[Node], values: np.ndarray, wrong: Any) -> str | None:
    found = _first(wrong)
    if found is None:
        return None
    at = dict(zip(letters, found, strict=True))
    place = [at[place] if place.op == "index" else int(fraction(place)) for place in fact.element.args]
    return f"{_element(fact.name, place)} is {_short(values[found])}"


def _line(fact: Fact, at: Mapping[Node, int]) -> str:
    """Y, row 17 or X, column 3 or T[3, :, 2] or x"""
    places = [str(at[place]) if place in at else place.value if place.op == "number" else ":" for place in fact.element.args]
    fixed = [n for n, place in enumerate(places) if place != ":"]
    if not fixed:
        return fact.name
    if len(places) == 2 and len(fixed) == 1 and len(set(fact.element.args)) == 2:
        return f"{fact.name}, {'row' if fixed[0] == 0 else 'column'} {places[fixed[0]]}"
    return f"{fact.name}[{', '.join(places)}]"


def _element(name: str, place: Iterable[int]) -> str:
    shown = ", ".join(map(str, place))
    return f"{name}[{shown}]" if shown else name


def _short(value: Any) -> str:
    """A number in up to 12 digits, never rounded to what it should be."""
    return repr(float(f"{float(value):.12g}")).removesuffix(".0")
