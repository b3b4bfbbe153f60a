"""Index expressions at one point, exactly: a subscript is a whole number or an error, never a rounded one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import ceil, floor, prod
from typing import Any

from symgd.errors import InputError, NotBuilt
from symgd.nodes.node import ATOMS, Node, fraction
from symgd.nodes.text import text

__all__ = ["whole_number"]

_EXACT: Mapping[str, Callable[..., Any]] = {
    "+": lambda *args: sum(args),
    "*": lambda *args: prod(args),
    "/": lambda u, v: Fraction(u) / v,
    "^": lambda u, v: u**v,
    "neg": lambda u: -u,
    "mod": lambda u, v: u % v,
    "floor": floor,
    "ceiling": ceil,
    "max": max,
    "min": min,
}


def whole_number(root: Node, atom: Callable[[Node], int | Fraction]) -> int:
    """The value of an index expression whose letters, lengths and data have the values that `atom` gives.

    >>> from symgd.nodes.node import index, node, number
    >>> half = node("/", index("i"), number(2))
    >>> whole_number(node("floor", half), {index("i"): 10**30 + 1}.__getitem__)
    500000000000000000000000000000
    >>> whole_number(half, {index("i"): 7}.__getitem__)
    Traceback (most recent call last):
    symgd.errors.InputError: i/2 is 7/2, which is no whole number. Accepted: whole numbers in lengths and subscripts.
    """
    known: dict[Node, int | Fraction] = {}
    stack = [root]
    while stack:
        part = stack[-1]
        if part.op in ATOMS:
            known[part] = fraction(part) if part.op == "number" else atom(part)
        elif waiting := [argument for argument in part.args if argument not in known]:
            stack += waiting
            continue
        elif part.op in _EXACT:
            try:
                known[part] = _EXACT[part.op](*(known[argument] for argument in part.args))
            except ZeroDivisionError:
                raise InputError(f"{text(part)} divides by 0.", accepted="numbers from 1 below the fraction bar and in mod") from None
        else:
            raise NotBuilt(f"{text(part)} stands in a length; such lengths are not built yet.", accepted="sums and products of lengths and numbers")
        stack.pop()
    found = known[root]
    if found.denominator != 1:
        raise InputError(f"{text(root)} is {found}, which is no whole number.", accepted="whole numbers in lengths and subscripts")
    return int(found)
