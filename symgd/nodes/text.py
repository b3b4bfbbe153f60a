"""Nodes -> the text language, with the fewest parentheses that read back to the same node."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from typing import Final

from symgd.errors import LimitError

from .node import COMPARISONS, ONE, REDUCTIONS, ZERO, Node, accesses, postorder, tree_size

WRITTEN_PARTS: Final = 2_000_000
"""The most parts that a formula may have when it is written out; a shared node counts wherever it stands."""

WORDS: Final = frozenset(
    {"and", "or", "not", "in", "for", "if", "else", "true", "false", "True", "False", "None", "oo", "inf", "nan", "NaN", "infinity", "Infinity"}
)
"""What the text language keeps for itself. A name among them is written between backquotes."""

REDUCTION_NAMES: Final[Mapping[str, str]] = {op: {"maximum": "max", "minimum": "min"}.get(op, op) for op in REDUCTIONS}
"""A reduction's op -> how it is written."""

Piece = str | tuple[Node, int]

_OR, _AND, _NOT, _COMPARISON, _SUM, _NEGATIVE, _PRODUCT, _POWER, _ATOM = range(1, 10)
_LEVELS: Final[Mapping[str, int]] = {
    "or": _OR,
    "and": _AND,
    "not": _NOT,
    **dict.fromkeys(COMPARISONS, _COMPARISON),
    "+": _SUM,
    "neg": _NEGATIVE,
    "*": _PRODUCT,
    "/": _PRODUCT,
    "^": _POWER,
    "@": _NEGATIVE,
}


def text(node: Node, *, hidden: str | None = None, axes: Mapping[str, Node] | None = None) -> str:
    """The formula in the text language.

    `hidden` is the letter of the sample axis that nobody writes: the column `x[i]` is `x`, a mean over it has no axis. A range from 0 to the length
    that `axes` gives its letter is written as the letter alone. What comes out reads back to the same node, with two exceptions: the number 1/3
    comes back as the quotient of 1 and 3, and a length that shares its name with a scalar as one of the two. Raises LimitError where shared
    parts make the formula too long to write.

    >>> from symgd.reading.text import expression
    >>> print(text(expression("((w*x + (b) - y)^(2))/2 - ((-w)^2)")))
    (w*x + b - y)^2/2 - (-w)^2
    >>> from symgd.nodes.node import access, index, length, node, range_
    >>> i = index("i")
    >>> mean = node("mean", access("x", i), range_(i, ZERO, length("m")))
    >>> print(text(mean), "or", text(mean, axes={"i": length("m")}), "or", text(mean, hidden="i"))
    mean(x[i], i in 0:m) or mean(x[i], i) or mean(x)
    """
    check_size(node)
    return written_out(node, _Writer(node, hidden, axes or {}).pieces, _level, ("(", ")"))


def written_out(root: Node, pieces: Callable[[Node], list[Piece]], level: Callable[[Node], int], brackets: tuple[str, str]) -> str:
    """The text of a formula, with a stack in place of recursion.

    `pieces` gives the words of one operation and between them its arguments, each with the lowest level that needs no brackets there; `level` is that
    of an operation.
    """
    words: list[str] = []
    stack: list[Piece] = [(root, 0)]
    while stack:
        piece = stack.pop()
        if isinstance(piece, str):
            words.append(piece)
            continue
        part, least = piece
        bracketed = level(part) < least
        if bracketed:
            words.append(brackets[0])
            stack.append(brackets[1])
        stack.extend(reversed(pieces(part)))
    return "".join(words)


class _Writer:
    def __init__(self, root: Node, hidden: str | None, axes: Mapping[str, Node]) -> None:
        self.hidden, self.axes = hidden, axes
        constants = {part.value for part in postorder(root) if part.op == "constant"}
        self.quoted = constants and {found.value for found in accesses(root) if not found.args} & constants

    def pieces(self, part: Node) -> list[Piece]:
        op, args = part.op, part.args
        if op == "+":
            return _sum(args)
        if op == "*":
            return _joined(args, "*", _POWER, first=_PRODUCT if args[0].op != "*" else _POWER)
        if op == "/":
            return [(args[0], _PRODUCT), "/", (args[1], _POWER)]
        if op == "^":
            return [(args[0], _ATOM), "^", (args[1], _POWER)]
        if op == "neg":
            return ["-", (args[0], _PRODUCT)]
        if op == "access":
            return self.access(part)
        if op in COMPARISONS:
            return [(args[0], _SUM), f" {op} ", (args[1], _SUM)]
        if op in ("and", "or"):
            return _joined(args, f" {op} ", _AND if op == "or" else _NOT)
        if op == "not":
            return ["not ", (args[0], _NOT)]
        if op == "range":
            return [(args[0], _ATOM), " in ", (args[1], _SUM), ":", (args[2], _SUM)]
        if op in REDUCTIONS:
            return self.reduction(part)
        if op in ("index", "length"):
            return [name(part.value)]
        if op == "piecewise" and args[1].op == "==" and is_delta(part):
            return ["delta(", *_joined(args[1].args, ", ", _OR), ")"]
        if op == "@":
            return _joined(args, " @ ", _ATOM)
        if op == "transpose":
            return [(args[0], _ATOM), ".T"]
        if op == "derivative":
            return ["d/d", (args[1], _ATOM), "(", (args[0], _OR), ")"]
        if not args:
            return [part.value or op]
        if op in ("max", "min") and all(argument.op == "index" for argument in args[1:]):
            # bare letters would be axes
            return [f"{op}(", (args[0], _OR), *(piece for letter in args[1:] for piece in (", (", (letter, _OR), ")")), ")"]
        return [f"{op}(", *_joined(args, ", ", _OR), ")"]

    def access(self, part: Node) -> list[Piece]:
        args = part.args
        if args and args[0].op == "index" and args[0].value == self.hidden:
            args = args[1:]
        called = quoted(part.value) if part.value in self.quoted and not args else name(part.value)
        return [called, "[", *_joined(args, ", ", _OR), "]"] if args else [called]

    def reduction(self, part: Node) -> list[Piece]:
        body, *ranges = part.args
        pieces: list[Piece] = [f"{REDUCTION_NAMES[part.op]}(", (body, _OR)]
        if len(ranges) == 1 and self.is_hidden(ranges[0]):
            ranges = []
        for bound in ranges:
            letter, low, high = bound.args
            whole = low is ZERO and self.axes.get(letter.value) is high
            pieces += [", ", (letter if whole else bound, _OR)]
        return [*pieces, ")"]

    def is_hidden(self, bound: Node) -> bool:
        letter, low, high = bound.args
        return letter.value == self.hidden and low is ZERO and self.axes.get(letter.value, high) is high


def name(called: str) -> str:
    """A name as it is written: between backquotes, with every unprintable character escaped, if it would read as something else.

    >>> print(name("w_1"), name("body mass"), name("x\\n`import os`"))
    w_1 `body mass` `x\\x0a\\x60import os\\x60`
    """
    plain = called.isidentifier() and called not in WORDS and (called.isascii() or unicodedata.normalize("NFKC", called) == called)
    return called if plain else quoted(called)


def quoted(called: str) -> str:
    """A name between backquotes, every unprintable character escaped."""
    inert = (letter if letter.isprintable() and letter not in "`\\" else _escaped(letter) for letter in called)
    return f"`{''.join(inert)}`"


def _escaped(letter: str) -> str:
    return f"\\x{ord(letter):02x}" if ord(letter) < 256 else f"\\u{ord(letter):04x}"


def is_delta(part: Node) -> bool:
    """Is it 1 where indices are equal and 0 elsewhere?"""
    if len(part.args) != 3 or part.args[0] is not ONE or part.args[2] is not ZERO:
        return False
    condition = part.args[1]
    equal = condition.args if condition.op == "and" else (condition,)
    return all(one.op == "==" and any(side.free for side in one.args) and not any(accesses(*one.args)) for one in equal)


def _level(part: Node) -> int:
    if part.op == "number":
        return _NEGATIVE if part.value.startswith("-") else _PRODUCT if "/" in part.value else _ATOM
    return _LEVELS.get(part.op, _ATOM)


def _sum(args: tuple[Node, ...]) -> list[Piece]:
    pieces: list[Piece] = [(args[0], _NEGATIVE)]
    for term in args[1:]:
        pieces += [" - ", (term.args[0], _PRODUCT)] if term.op == "neg" else [" + ", (term, _NEGATIVE)]
    return pieces


def _joined(args: tuple[Node, ...], sign: str, least: int, *, first: int | None = None) -> list[Piece]:
    pieces: list[Piece] = [(args[0], least if first is None else first)]
    for argument in args[1:]:
        pieces += [sign, (argument, least)]
    return pieces


def check_size(root: Node) -> None:
    """Raise LimitError for a formula that shared parts make too long to write."""
    parts = tree_size(root)
    if parts > WRITTEN_PARTS:
        size = f"{parts:,}" if parts < 10**15 else f"about 10^{int(parts.bit_length() * 0.30103)}"
        raise LimitError(f"Written out, the formula has {size} parts.", accepted=f"at most {WRITTEN_PARTS:,}; its equations name what is shared")
