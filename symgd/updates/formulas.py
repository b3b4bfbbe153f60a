"""Elementwise formulas of update rules and initialisers: read from a row's text, and evaluated for numbers and arrays."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from symgd.errors import InputError, NotBuilt
from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.node import ATOMS, COMPARISONS, REDUCTIONS, Node, accesses, fraction, postorder
from symgd.nodes.text import text
from symgd.reading.text import expression

_COMPARED = dict(zip(COMPARISONS, (np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal), strict=True))
_JOINED = {"and": np.logical_and, "or": np.logical_or}
_FOLDED = {"+": np.add, "*": np.multiply, "max": np.maximum, "min": np.minimum, **_JOINED}
_PAIRED = {"/": np.divide, "^": np.power, **_COMPARED}
_SINGLE = {"neg": np.negative, "not": np.logical_not}


def formula(of: str, source: str, letters: Collection[str]) -> Node:
    """The formula of one line of a row, in the letters that the row knows. Every letter stands for one element, so none has an index.

    >>> formula("mine", "w - eta*h", ("w", "g", "eta"))
    Traceback (most recent call last):
        ...
    symgd.errors.InputError: mine knows no h in w - eta*h. Accepted: w, g, eta.
    """
    if not isinstance(source, str):
        raise InputError(f"A formula of {of} is {source!r}.", accepted="text, such as 'w - eta*g'")
    found = expression(source, names=letters)
    parts = postorder(found)
    for part in parts:
        if part.op in REDUCTIONS:
            raise NotBuilt(f"{part.op} in {source}: sums and other reductions in {of} are not built yet.", accepted="formulas of one element")
    for part in parts:
        if part.op in ("index", "length") or (part.op == "access" and part.args):
            raise InputError(f"{of} has an index in {source}; it works on one element at a time.", accepted=", ".join(letters))
    for letter in accesses(found):
        if letter.value not in letters:
            raise InputError(f"{of} knows no {text(letter)} in {source}.", accepted=", ".join(letters))
    return found


def letters_of(root: Node) -> frozenset[str]:
    """The letters that stand in a formula."""
    return frozenset(letter.value for letter in accesses(root))


def value(root: Node, letters: Mapping[str, Any]) -> Any:
    """The value of the formula with these numbers or arrays for its letters.

    >>> print(value(formula("mine", "w - eta*g^2", ("w", "g", "eta")), {"w": np.array([1.0, 2.0]), "g": 2.0, "eta": 0.1}))
    [0.6 1.6]
    """
    known: dict[Node, Any] = {}
    with np.errstate(all="ignore"):
        for part in postorder(root):
            known[part] = _one(part, [known[argument] for argument in part.args], letters)
    return known[root]


def _one(part: Node, args: list[Any], letters: Mapping[str, Any]) -> Any:
    op = part.op
    if op in ATOMS:
        if op == "access":
            return np.asarray(letters[part.value], dtype=np.float64)
        return {"pi": np.pi, "e": np.e}[part.value] if op == "constant" else np.float64(float(fraction(part))) if op == "number" else op == "true"
    if op in _FOLDED:
        found = args[0]
        for argument in args[1:]:
            found = _FOLDED[op](found, argument)
        return found
    if op in _PAIRED:
        return _PAIRED[op](*args)
    if op in _SINGLE:
        return _SINGLE[op](args[0])
    if op == "piecewise":
        pairs, otherwise = divmod(len(args), 2)
        found = args[-1] if otherwise else np.float64(np.nan)
        for n in reversed(range(pairs)):
            found = np.where(args[2 * n + 1], args[2 * n], found)
        return found
    called = re.fullmatch(r"np\.(\w+)\(\{0\}(, \{1\})?\)", FUNCTIONS[op].numpy) if op in FUNCTIONS else None
    if called is None:
        raise NotBuilt(f"The function {op} in start values is not built yet.")
    return getattr(np, called[1])(*args)
