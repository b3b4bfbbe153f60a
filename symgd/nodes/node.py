"""Shared immutable formula nodes: the one form in which a formula travels from the reader to the generated code.

A node is an operation with arguments, `+ - * / ^ neg`, a function, an access, a condition, a reduction, and compares by identity: the same formula
built twice is the same object. Nothing is ever rewritten on construction, so the form that the user wrote is kept. Every walk is
iterative and visits a shared node once, so a formula that is exponentially long when written out stays cheap.

| op | args | value |
|---|---|---|
| `number` | | the number as typed: `3`, `0.1`, `1e-3`, or `1/3` for an exact fraction |
| `constant` | | `pi` or `e` |
| `access` | index expressions (none for a scalar) | the name of the parameter, data column or definition |
| `index` | | the letter of an index: `i` |
| `length` | | the name of an axis length: `m`, a namespace of its own |
| `+`, `*` | two or more; a difference is a sum with a `neg` in it | |
| `/`, `^` | two | |
| `neg` | one | |
| a function's name, `tanh` | as its row in functions.py says | |
| `piecewise` | value, condition, value, condition, ..., and perhaps a last value for otherwise | |
| `<` `<=` `>` `>=` `==` `!=` | two | |
| `and`, `or`, `not`, `true`, `false` | conditions | |
| a reduction: `sum`, `mean`, `product`, `maximum`, `minimum`, `logsumexp`, `norm`, `softmax` | body, then one `range` an axis, the outer first | |
| `derivative` | what is still to be derived, and the access that it is derived by; in derivations alone | |
| `@`, `transpose` | matrices, as a derivation shows them beside sums | |
| `marked` | a formula that a page draws the eye to | |
| `range` | index, low, high: low <= index < high; low and high may use the indices of ranges before it | |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any
from weakref import ref

ATOMS = frozenset({"number", "constant", "access", "index", "length", "true", "false"})
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
CONDITIONS = frozenset({*COMPARISONS, "and", "or", "not", "true", "false"})
REDUCTIONS = ("sum", "mean", "product", "maximum", "minimum", "logsumexp", "norm", "softmax")
ARITHMETIC = frozenset({"+", "*", "/", "^", "neg"})


class Node:
    """An operation with arguments. Equal formulas are one object, so `is`, `==` and a dictionary look-up cost nothing.

    >>> node("+", access("x"), number(1)) is node("+", access("x"), number(1))
    True
    """

    __slots__ = ("op", "args", "value", "free", "__weakref__")
    op: str
    args: tuple[Node, ...]
    value: str
    free: frozenset[Node]
    """The index letters that the formula leaves free. softmax binds its letter inside but stands at that letter, so it stays free."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("A node never changes; build another one.")

    def __copy__(self) -> Node:
        return self

    def __deepcopy__(self, memo: object) -> Node:
        return self

    def __reduce__(self) -> tuple[Callable[..., Node], tuple[list[tuple[str, tuple[int, ...], str]]]]:
        rows = postorder(self)
        place = {row: n for n, row in enumerate(rows)}
        return _unpacked, ([(row.op, tuple(place[a] for a in row.args), row.value) for row in rows],)

    def __repr__(self) -> str:
        if self.op in ATOMS and not self.args:
            return f"{self.op}({self.value})" if self.value else self.op
        head = self.value if self.op == "access" else self.op
        return f"<{head} of {len(self.args)}>"


class _Kept(ref[Node]):
    """A node as long as somebody has it: what weakref.WeakValueDictionary keeps, in half the time."""

    __slots__ = ("key",)
    key: tuple[object, ...]


_shared: dict[tuple[object, ...], _Kept] = {}


def _gone(kept: Any, shared: dict[tuple[object, ...], _Kept] = _shared) -> None:
    key = kept.key
    if shared.get(key) is kept:
        del shared[key]


_found = _shared.get
_set_op, _set_args, _set_value, _set_free = (Node.__dict__[name].__set__ for name in ("op", "args", "value", "free"))


def node(op: str, *args: Node, value: str = "") -> Node:
    """The one node with this operation, these arguments and this value."""
    key = (op, value, args)
    kept = _found(key)
    found = None if kept is None else kept()
    if found is None:
        found = object.__new__(Node)
        _set_op(found, op)
        _set_args(found, args)
        _set_value(found, value)
        _set_free(found, _free(found))
        _shared[key] = new = _Kept(found, _gone)
        new.key = key
    return found


_CLOSED: frozenset[Node] = frozenset()


def _free(new: Node) -> frozenset[Node]:
    found = _CLOSED
    if new.op in _BINDING:
        if new.op == "index":
            return frozenset((new,))
        if new.op == "range":
            return new.args[1].free | new.args[2].free or _CLOSED
        found = new.args[0].free
        for bound in reversed(new.args[1:]):
            if bound.op != "range":
                continue
            letter, low, high = bound.args
            found = (found if new.op == "softmax" else found - {letter}) | low.free | high.free
        return found or _CLOSED
    for argument in new.args:
        if argument.free is not _CLOSED and not argument.free <= found:
            found = found | argument.free
    return found


_BINDING = frozenset({"index", "range", *REDUCTIONS})


def _unpacked(rows: list[tuple[str, tuple[int, ...], str]]) -> Node:
    built: list[Node] = []
    for op, args, value in rows:
        built.append(node(op, *(built[a] for a in args), value=value))
    return built[-1]


def number(value: int | float | Fraction | str) -> Node:
    """A number as typed.

    >>> number(Fraction(2, 6)), number("1e-3"), number(0.1)
    (number(1/3), number(1e-3), number(0.1))
    """
    return node("number", value=repr(value) if isinstance(value, float) else str(value))


def fraction(number: Node) -> Fraction:
    """The exact value of a number node: `0.1` is one tenth."""
    return _exact(number.value)


_exact = lru_cache(maxsize=4096)(Fraction)  # a formula of many numbers has few different ones


def access(name: str, *at: Node) -> Node:
    """`name[at]`; a scalar has no index."""
    return node("access", *at, value=name)


def index(letter: str) -> Node:
    """An index letter."""
    return node("index", value=letter)


def length(name: str) -> Node:
    """The length of an axis, found by name."""
    return node("length", value=name)


def range_(letter: Node, low: Node, high: Node) -> Node:
    """low <= letter < high"""
    return node("range", letter, low, high)


TRUE, FALSE = node("true"), node("false")
ZERO, ONE, TWO = number(0), number(1), number(2)


def postorder(*roots: Node) -> list[Node]:
    """Every node below the roots once, arguments before what uses them."""
    done: dict[Node, None] = {}
    for root in roots:
        _walk(root, done, None)
    return list(done)


def outside_subscripts(root: Node, done: dict[Node, None] | None = None) -> list[Node]:
    """Every part that has a real value once, arguments first: an access counts as one part, its subscripts are left out.

    What is `done` already is left out, and what is found is added to it.
    """
    return _walk(root, {} if done is None else done, "access")


def _walk(root: Node, done: dict[Node, None], closed: str | None) -> list[Node]:
    """Every node below the root that is not done yet, arguments first; nodes of the op `closed` are not looked into."""
    found: list[Node] = []
    if root in done:
        return found
    open_: list[tuple[Node, Iterator[Node]]] = []
    current, rest = root, iter(root.args if root.op != closed else ())
    while True:
        for argument in rest:
            if argument in done:
                continue
            if argument.args and argument.op != closed:
                open_.append((current, rest))
                current, rest = argument, iter(argument.args)
                break
            done[argument] = None
            found.append(argument)
        else:
            done[current] = None
            found.append(current)
            if not open_:
                return found
            current, rest = open_.pop()


def tree_size(root: Node) -> int:
    """The number of nodes of a formula when shared parts are written out."""
    known: dict[Node, int] = {}
    for part in postorder(root):
        known[part] = 1 + sum(known[argument] for argument in part.args)
    return known[root]


def rebuilt(
    root: Node, rule: Callable[[Node], Node | None] | None, memo: dict[Node, Node] | None = None, built: Callable[..., Node] = node
) -> Node:
    """The formula in which every node is replaced, from the arguments up, by `rule(node with its new arguments)`; None keeps it.

    `memo`: what replaces some of them from the start, and then all. `built` makes a node of new arguments.
    """
    new = {} if memo is None else memo
    if root in new:
        return new[root]
    open_: list[tuple[Node, Iterator[Node]]] = []
    current, rest = root, iter(root.args)
    while True:
        for argument in rest:
            if argument in new:
                continue
            if argument.args:
                open_.append((current, rest))
                current, rest = argument, iter(argument.args)
                break
            new[argument] = argument if rule is None else rule(argument) or argument
        else:
            args = tuple([new[argument] for argument in current.args])
            same = current if args == current.args else built(current.op, *args, value=current.value)
            new[current] = same if rule is None else rule(same) or same
            if not open_:
                return new[root]
            current, rest = open_.pop()


def substituted(root: Node, replacements: Mapping[Node, Node]) -> Node:
    """The formula with these nodes replaced, all at once. Bound indices are nodes like any other: rename before substituting under a range."""
    return rebuilt(root, None, dict(replacements)) if replacements else root


def accesses(*roots: Node) -> list[Node]:
    """Every access below the roots, also those inside subscripts, each once, in the order of reading."""
    seen: set[Node] = set()
    found: dict[Node, None] = {}
    stack = list(reversed(roots))
    while stack:
        part = stack.pop()
        args = part.args
        if not args:
            if part.op == "access":
                found[part] = None
        elif part not in seen:
            seen.add(part)
            if part.op == "access":
                found |= dict.fromkeys(accesses(*args))
                found[part] = None
            else:
                stack += args[::-1]
    return list(found)

