"""Lengths that nobody named and that have to be equal become one, before anything is derived: sum(w[i]*A[i, j]*w[j], i, j) has one length for w."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from symgd.cost.facts import symmetries
from symgd.errors import InputError
from symgd.nodes.formula import Formula
from symgd.nodes.node import ZERO, Node, postorder, substituted
from symgd.nodes.text import text

__all__ = ["along", "with_one_length"]

Place = tuple[str, int]  # an array and a position of its subscripts


def with_one_length(formula: Formula, facts: Iterable[Node] = ()) -> Formula:
    """The formula in which the length `n_j` of a letter without a length is that of another letter that runs along the same array.

    A symmetry among the facts, A[i, j] = A[j, i], makes the lengths along both positions one; InputError where two named ones differ.

    >>> from symgd.reading.text import problem
    >>> print(text(with_one_length(problem("sum(w[i]*A[i, j]*w[j], i, j)", axes="i:m")).expression))
    sum(w[i]*A[i, j]*w[j], i in 0:m, j in 0:m)
    """
    places = along(formula)
    groups = list(places.values())
    for name, first, last, shown in symmetries(facts, formula):
        both = list(dict.fromkeys([*places.get((name, first), ()), *places.get((name, last), ())]))
        groups.append(both)
        named = [size for size in both if not _generated(size, formula)]
        if len(named) > 1:
            told = " and ".join(map(text, named))
            raise InputError(f"The fact {shown} needs both axes of {name} to have one length; they have {told}.", accepted=f"one of {told} for both")
    change = _representatives(groups, formula)
    if not change:
        return formula
    return replace(
        formula,
        expression=substituted(formula.expression, change),
        definitions=tuple((substituted(left, change), substituted(body, change)) for left, body in formula.definitions),
        axes={letter: substituted(size, change) for letter, size in formula.axes.items()},
    )


def along(formula: Formula) -> dict[Place, list[Node]]:
    """(array, position) -> the lengths of the letters that stand there alone and run over the whole of 0:length, whatever branch is taken.

    A position that is read at other than letters and numbers, x[i + 1], is left out: its letters need not run over all of it.
    """
    highs = _lengths_of_letters(formula)
    found: dict[Place, dict[Node, None]] = {}
    shifted: set[Place] = set()
    for part in _always_read(formula):
        for position, place in enumerate(part.args):
            if place in highs:
                found.setdefault((part.value, position), {})[highs[place]] = None
            elif place.op != "number":
                shifted.add((part.value, position))
    return {place: list(lengths) for place, lengths in found.items() if place not in shifted}


def _lengths_of_letters(formula: Formula) -> dict[Node, Node]:
    """Letter -> the length that it runs over wherever it stands; letters that run over several ranges are left out."""
    roots = [formula.expression, *(side for pair in formula.definitions for side in pair)]
    found: dict[Node, set[Node | None]] = {}
    for part in postorder(*roots):
        if part.op == "range":
            letter, low, high = part.args
            found.setdefault(letter, set()).add(high if low is ZERO and high.op in ("length", "number") else None)
    for left, _ in formula.definitions:
        for letter in left.free:
            found.setdefault(letter, set()).add(formula.axes.get(letter.value))
    return {letter: next(iter(highs)) for letter, highs in found.items() if len(highs) == 1 and None not in highs}  # type: ignore[misc]


def _always_read(formula: Formula) -> Iterator[Node]:
    """The accesses outside all branches of piecewise formulas, and the left sides of definitions."""
    seen: set[Node] = set()
    stack = [formula.expression, *(side for pair in formula.definitions for side in pair)]
    while stack:
        part = stack.pop()
        if part in seen:
            continue
        seen.add(part)
        if part.op == "access":
            yield part
        if part.op != "piecewise":
            stack.extend(part.args)


def _generated(size: Node, formula: Formula) -> bool:
    """Is it the name that the length of a letter gets when nobody names it?"""
    return size.op == "length" and size.value.startswith("n_") and formula.axes.get(size.value.removeprefix("n_"), size) is size


def _representatives(groups: list[list[Node]], formula: Formula) -> Mapping[Node, Node]:
    """Generated length -> the length that stands for its group: one that the user named, or the first."""
    leader: dict[Node, Node] = {}

    def of(size: Node) -> Node:
        while leader.get(size, size) is not size:
            size = leader[size]
        return size

    for group in groups:
        free = {of(size) for size in group if _generated(of(size), formula)}
        named = [of(size) for size in group if of(size) not in free]
        chosen = named[0] if named else min(free, key=lambda size: size.value) if free else None
        for size in free:
            if chosen is not None and size is not chosen:
                leader[size] = chosen
    return {size: of(size) for size in leader}
