"""Every subscript that only values decide, checked value by value before anything runs, and the lengths that only values tell."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from math import lcm
from typing import TYPE_CHECKING, Any

from symgd.errors import InputError, NotBuilt
from symgd.nodes.node import COMPARISONS, CONDITIONS, Node, accesses, fraction, node, postorder
from symgd.nodes.polynomial import denominator, whole_form
from symgd.nodes.text import text
from symgd.program.bounds import Ranges, in_subscripts, reached, told
from symgd.program.equation import Equation, Program, Range
from symgd.program.linear import combined
from symgd.program.shapes import noun_for, shape_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Points = Mapping[Node, NDArray[np.int64]]

__all__ = ["check_subscripts", "is_behind_start", "is_decided_by_values"]


def check_subscripts(program: Program, arrays: Mapping[str, ArrayLike], lengths: Mapping[str, int]) -> dict[str, int]:
    """Look at every subscript that integer data decide, `label` in `E[label[i], k]` and `ptr` in `j in ptr[i]:ptr[i + 1]`, and at every other one
    whose ends are not known in advance. Return the lengths with those that only the values tell, `program.longest`.

    Raises InputError, with the place in the data, for a value that is no whole number or leads outside the array. Conditions on indices and
    integer data are obeyed: what is not read is not looked at.

    >>> from symgd.program.equation import read_equation
    >>> program = Program((read_equation("C += E[label[i]] for i in 0:m"),), {"E": 1, "label": 1}, "C", ("E",))
    >>> check_subscripts(program, {"E": [0.5] * 10, "label": [3, 12]}, {"m": 2})
    Traceback (most recent call last):
    symgd.errors.InputError: label[1] is 12; E has 10 values. Accepted: 0 to 9.
    """
    equations = list(program.flat())
    names = in_subscripts(equations)
    computed = sorted(name for name in names if name in program.extents or any(equation.target == name for equation in equations))
    if computed:
        raise NotBuilt(
            f"{computed[0]} stands in a subscript and is computed; such subscripts are not built yet.", accepted="integer data in subscripts"
        )
    integers = {name: _whole(name, arrays[name]) for name in sorted(names) if name in arrays}
    done: set[tuple[object, ...]] = set()
    for equation in equations:
        if not equation.domain and all(place.op == "number" for found in (equation.left, *equation.reads()) for place in found.args):
            continue  # known in advance
        for access, conditions in reached(equation, names):
            for position, place in enumerate(access.args):
                ranges = _needed(equation, place, conditions)
                key = (access.value, position, place, ranges, conditions)
                if key not in done and is_decided_by_values(place, ranges) and not is_behind_start(program, access, position):
                    done.add(key)
                    _check_place(program, access, position, _points(ranges, conditions, integers, lengths), arrays, integers, lengths)
    return {**lengths, **{name: _longest(domain, integers, lengths) for name, domain in program.longest.items()}}


def is_behind_start(program: Program, access: Node, position: int) -> bool:
    """Whether it is an intermediate over ranges of several lengths, along which it is as long as the longest."""
    return access.value in program.extents and program.extents[access.value][position].value in program.longest


def _longest(domain: tuple[Range, ...], integers: Mapping[str, NDArray[np.int64]], lengths: Mapping[str, int]) -> int:
    """How many values the last range has at most, and 1 where it has none."""
    import numpy as np

    *outer, last = domain
    points = _points(tuple((axis.index, axis.low, axis.high) for axis in outer), (), integers, lengths)
    sizes = _evaluated(last.high, points, integers, lengths) - _evaluated(last.low, points, integers, lengths)
    return int(np.max(sizes, initial=1))


def is_decided_by_values(place: Node, ranges: Ranges) -> bool:
    """Whether a subscript has to be looked at value by value."""
    if any(accesses(place, *(bound for _, low, high in ranges for bound in (low, high)))):
        return True
    return bool(place.args) and told(place, ranges) is None


def _whole(name: str, given: ArrayLike) -> NDArray[np.int64]:
    import numpy as np

    found = np.asarray(given)
    if found.dtype.kind in "iub":
        return found.astype(np.int64)
    if found.dtype.kind != "f":
        raise InputError(f"{name} stands in a subscript and holds {found.dtype} values.", accepted="whole numbers")
    with np.errstate(invalid="ignore"):
        whole = found.astype(np.int64)
    wrong = np.argwhere(whole != found)
    if len(wrong):
        at = tuple(int(n) for n in wrong[0])
        raise InputError(f"{_element(name, at)} is {found[at]}; {name} stands in a subscript.", accepted="whole numbers")
    return whole


def _element(name: str, at: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, at))}]" if at else name


def _needed(equation: Equation, place: Node, conditions: tuple[Node, ...]) -> Ranges:
    """The ranges on which a subscript and the conditions of its access depend."""
    wanted = set(place.free).union(*(condition.free for condition in conditions)) if conditions else set(place.free)
    found: list[tuple[Node, Node, Node]] = []
    for axis in reversed(equation.domain):
        if axis.index in wanted:
            wanted |= axis.low.free | axis.high.free
            found.append((axis.index, axis.low, axis.high))
    return tuple(reversed(found))


def _points(ranges: Ranges, conditions: tuple[Node, ...], integers: Mapping[str, NDArray[np.int64]], lengths: Mapping[str, int]) -> Points:
    """Every point of the ranges at which the conditions hold: letter -> its value at each point."""
    import numpy as np

    points: dict[Node, NDArray[np.int64]] = {}
    count = 1
    for letter, low, high in ranges:
        first = np.broadcast_to(_evaluated(low, points, integers, lengths), (count,))
        sizes = np.broadcast_to(_evaluated(high, points, integers, lengths), (count,)) - first
        if any(accesses(low, high)) and bool((sizes < 0).any()):
            at = {_.value: int(values[int(np.argmax(sizes < 0))]) for _, values in points.items()}
            where = ", ".join(f"{name} = {number}" for name, number in at.items())
            raise InputError(f"The range {text(letter)} in {text(low)}:{text(high)} runs backwards at {where}.", accepted="bounds that do not fall")
        sizes = np.maximum(sizes, 0)
        origin = np.repeat(np.arange(count), sizes)
        points = {other: values[origin] for other, values in points.items()}
        points[letter] = np.arange(origin.size) - (np.cumsum(sizes) - sizes)[origin] + first[origin]
        count = origin.size
    for condition in conditions:
        keep = np.broadcast_to(_evaluated(condition, points, integers, lengths), (count,))
        points = {letter: values[keep] for letter, values in points.items()}
        count = int(keep.sum())
    return points


def _evaluated(part: Node, points: Points, integers: Mapping[str, NDArray[np.int64]], lengths: Mapping[str, int]) -> Any:
    """An index expression or a condition on indices at all points at once, in whole numbers."""
    import numpy as np

    known: dict[Node, Any] = {}
    for inner in postorder(_in_whole_numbers(part)):
        args = [known[a] for a in inner.args]
        match inner.op:
            case "number":
                known[inner] = np.int64(int(fraction(inner)))
            case "length":
                known[inner] = np.int64(lengths[inner.value])
            case "index":
                known[inner] = points[inner]
            case "access":
                known[inner] = integers[inner.value][tuple(args)]
            case "floor":
                known[inner] = args[0]
            case "mod" | "/" if not np.all(args[1]):
                raise InputError(f"{text(part)} divides by 0.", accepted="numbers from 1 below the fraction bar and in mod")
            case "neg" | "not" | "^" | "/" | "mod" | "<" | "<=" | ">" | ">=" | "==" | "!=":
                known[inner] = getattr(np, _UFUNCS[inner.op])(*args)
            case "+" | "*" | "max" | "min" | "and" | "or":
                known[inner] = reduce(getattr(np, _UFUNCS[inner.op]), args)
            case _:
                raise NotBuilt(f"{inner.op} stands in a subscript; such subscripts are not built yet.", accepted="sums and products")
    return known[part if part in known else _in_whole_numbers(part)]


_UFUNCS = {
    "+": "add", "*": "multiply", "/": "floor_divide", "^": "power", "neg": "negative", "mod": "mod", "max": "maximum", "min": "minimum",
    "<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal", "==": "equal", "!=": "not_equal",
    "and": "logical_and", "or": "logical_or", "not": "logical_not",
}  # fmt: skip


def _in_whole_numbers(part: Node) -> Node:
    """The expression, or the condition with both sides of its comparisons, in a form without fractions."""
    if part.op in CONDITIONS:
        if part.op not in COMPARISONS:
            return node(part.op, *map(_in_whole_numbers, part.args))
        common = lcm(*map(denominator, part.args))
        return node(part.op, *(whole_form(combined((common, side))) for side in part.args))
    return whole_form(part)


def _check_place(
    program: Program,
    access: Node,
    position: int,
    points: Points,
    arrays: Mapping[str, ArrayLike],
    integers: Mapping[str, NDArray[np.int64]],
    lengths: Mapping[str, int],
) -> None:
    import numpy as np

    place, name = access.args[position], access.value
    shape = np.shape(arrays[name]) if name in arrays else shape_of(program, name, lengths)
    found = np.atleast_1d(_evaluated(place, points, integers, lengths))
    wrong = np.flatnonzero((found < 0) | (found >= shape[position]))
    if not len(wrong):
        return
    first = int(wrong[0])
    at = {letter: int(values[first]) for letter, values in points.items()}
    if place.op == "access":
        inner = [int(np.atleast_1d(_evaluated(e, points, integers, lengths))[first if e.free else 0]) for e in place.args]
        what = f"{_element(place.value, tuple(inner))} is {found[first]}"
    else:
        others = ", ".join(f"{letter.value} = {number}" for letter, number in at.items() if letter is not place)
        what = f"{text(place)} is {found[first]}{' at ' + others if others else ''}"
    noun = noun_for(len(shape), position, shape[position])
    raise InputError(f"{what}; {name} has {shape[position]} {noun}.", accepted=f"0 to {shape[position] - 1}")
