"""Tokens -> parts: the operations as typed, each with its place, before anyone knows what the names mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from symgd.errors import InputError
from symgd.reading.tokens import Source, Token, tokens

if TYPE_CHECKING:
    from lark import Lark


class Part:
    """One operation as typed: `kind` is a node's op, or `name`, `array`, `call`, `group`, `list`, `range`. `at` is where it stands."""

    __slots__ = ("kind", "parts", "value", "at")

    def __init__(self, kind: str, parts: list[Part], value: str, at: int) -> None:
        self.kind, self.parts, self.value, self.at = kind, parts, value, at

    def __repr__(self) -> str:
        return f"{self.kind}{f'({self.value})' if self.value else ''}{self.parts or ''}"


def parsed(source: Source, *, equation: bool = False) -> Part:
    """The outermost operation of a formula, or of an `equation`: parts target, body, guard, then ranges, value the sign between the first two.

    >>> parsed(Source("a - b*c^2"))
    +[name(a), neg[*[name(b), ^[name(c), number(2)]]]]
    """
    words = tokens(source, equation=equation)
    table = _table("statement" if equation else "formula")
    rows, states = table.rows, [table.first]
    values: list[Any] = []
    for word in (*words, _END):
        kind = word.type
        while True:
            move = rows[states[-1]].get(kind)
            if type(move) is int:
                states.append(move)
                values.append(word)
                break
            if move is None:
                raise _misplaced(source, words, word, {name for name in rows[states[-1]] if name.isupper()})
            symbol, size, made = move
            if made is not None:
                inside = values[len(values) - size :]
                del values[len(values) - size :]
                values.append(made(inside))
            del states[len(states) - size :]
            after = rows[states[-1]][symbol]
            states.append(after)
            if after == table.last and word is _END:
                root: Part = values[-1]
                return root
    raise AssertionError("the end of a formula is accepted or refused")


def preorder(root: Part) -> Iterator[Part]:
    """Every part, an operation before its arguments."""
    stack = [root]
    while stack:
        part = stack.pop()
        yield part
        stack.extend(reversed(part.parts))


_END: Final = Token("$END", "", 0)


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of LALR moves. `rows[state]`: token type -> the state behind it, or the rule that ends before it: its symbol, the number of parts that
    it takes off the stack, and what makes one of them, None where a single part stays as it is; symbol -> the state behind it."""

    first: int
    last: int
    rows: dict[int, dict[str, Any]]


@cache
def _table(start: str) -> _Table:
    """What lark makes of grammar.lark. The walk over it is ours: lark's own compares names in Python at every step, and is half as fast."""
    from lark.parsers.lalr_analysis import Shift

    made: Any = _parser().parse_interactive(start=start).parser_state.parse_conf

    def rule(found: Any) -> tuple[str, int, Callable[[list[Any]], Any] | None]:
        kept = len(found.expansion) == 1 and found.options.expand1 and not found.alias
        return str(found.origin.name), len(found.expansion), None if kept else made.callbacks[found]

    rows = {state: {str(name): to if action is Shift else rule(to) for name, (action, to) in row.items()} for state, row in made.states.items()}
    return _Table(made.start_state, made.end_state, rows)


@cache
def _parser() -> Lark:
    """The LALR parser of grammar.lark; it calls an operation of _Operations as soon as its arguments are complete, so nothing recurses."""
    from lark import Lark

    grammar = files(__package__).joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", start=["formula", "statement"], lexer="basic", transformer=_Operations(), maybe_placeholders=False)


class _Operations:
    """One method for each rule of grammar.lark. A sum or product in the making grows in place: its parentheses, once closed, are a `group`."""

    def formula(self, found: list[Any]) -> Part:
        root: Part = found[0]
        return root

    def statement(self, found: list[Any]) -> Part:
        target, sign, body, loops, guard = found
        return Part("statement", [target, body, *guard, *loops], sign.text, sign.at)

    def scalar(self, found: list[Token]) -> Part:
        return Part("array", [], found[0].text, found[0].at)

    def nothing(self, found: list[Any]) -> list[Part]:
        return []

    def loops(self, found: list[Any]) -> list[Part]:
        ranges: list[Part] = found[1]
        return ranges

    def guard(self, found: list[Any]) -> list[Part]:
        return [Part("guard", [found[1]], "", found[0].at)]

    def several(self, found: list[Any]) -> Part:
        left, sign, right = found
        if left.kind == sign.text:
            left.parts.append(right)
            whole: Part = left
            return whole
        return Part(sign.text, [left, right], "", sign.at)

    def difference(self, found: list[Any]) -> Part:
        left, sign, right = found
        taken = Part("neg", [right], "", sign.at)
        if left.kind == "+":
            left.parts.append(taken)
            whole: Part = left
            return whole
        return Part("+", [left, taken], "", sign.at)

    def pair(self, found: list[Any]) -> Part:
        left, sign, right = found
        return Part(sign.text, [left, right], "", sign.at)

    def prefix(self, found: list[Any]) -> Part:
        sign, operand = found
        return Part("not" if sign.text == "not" else "neg", [operand], "", sign.at)

    def positive(self, found: list[Any]) -> Part:
        operand: Part = found[1]
        return operand if operand.kind not in ("+", "*", "and", "or") else Part("group", [operand], "", operand.at)

    def comparison(self, found: list[Any]) -> Part:
        left, sign, right = found
        if left.kind == "comparison":
            left.parts.append(right)
            left.value += f" {sign.text}"
            whole: Part = left
            return whole
        return Part("comparison", [left, right], sign.text, sign.at)

    def number(self, found: list[Token]) -> Part:
        return Part("number", [], found[0].text, found[0].at)

    def name(self, found: list[Token]) -> Part:
        return Part("name", [], found[0].text, found[0].at)

    def quoted(self, found: list[Token]) -> Part:
        return Part("quoted", [], found[0].text, found[0].at)

    def array(self, found: list[Any]) -> Part:
        return Part("array", found[1], found[0].text, found[0].at)

    def call(self, found: list[Any]) -> Part:
        return Part("call", found[1], found[0].text, found[0].at)

    def group(self, found: list[Any]) -> Part:
        return Part("group", [found[1]], "", found[0].at)

    def listed(self, found: list[Any]) -> Part:
        return Part("list", [found[1], *found[2]], "", found[0].at)

    def absolute(self, found: list[Any]) -> Part:
        return Part("call", [found[1]], "abs", found[0].at)

    def root(self, found: list[Any]) -> Part:
        return Part("call", [found[1]], "sqrt", found[0].at)

    def inner(self, found: list[Any]) -> list[Part]:
        parts: list[Part] = found[0]
        return parts

    def first(self, found: list[Part]) -> list[Part]:
        return found

    def next(self, found: list[Any]) -> list[Part]:
        parts: list[Part] = found[0]
        parts.append(found[1])
        return parts

    def range(self, found: list[Any]) -> Part:
        letter, _, low, high = found
        return Part("range", [low, high], letter.text, letter.at)


def _misplaced(source: Source, words: list[Token], word: Token, expected: set[str]) -> InputError:
    """The error for a word that the grammar cannot put where it stands."""
    if word is _END:
        at = len(source.text.rstrip())
        missing = "a value" if "NUMBER" in expected else " or ".join(sorted(_SHOWN.get(name, name) for name in expected))
        return source.error(at, "The formula ends too early.", f"{missing} after {words[-1].text}")
    place = next(n for n, other in enumerate(words) if other is word)
    before = words[place - 1].text if place else ""
    if "NUMBER" in expected:
        after = f"between {before} and {word.text}" if before else f"before {word.text}"
        return source.error(word.at, f"A value is missing {after}.", "a number, a name or a formula in parentheses there")
    if word.type == "_COLON":
        return source.error(word.at, "A colon stands only in a range.", "sum(x[j], j in 0:m); one element at a time: x[j]")
    if word.type == "IN":
        return source.error(word.at, "in stands only in a range, behind an index letter.", "sum(x[j], j in 0:m)")
    accepted = [*sorted({_SHOWN[name] for name in expected if name in _SHOWN}), *(["the end"] if "$END" in expected else [])]
    return source.error(word.at, f"{word.text} cannot stand here.", ", ".join(accepted))


_SHOWN: Final = {
    "PLUS": "+ - * / ^", "ASSIGN": "= or another assignment", "IN": "in", "_COLON": ":", "_COMMA": "a comma", "_RPAR": ")", "_RSQB": "]", "_BAR": "|",
    "COMPARE": "a comparison", "FOR": "for", "IF": "if", "NAME": "a name",
}  # fmt: skip
