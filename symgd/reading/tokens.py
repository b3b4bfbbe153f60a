"""Characters -> tokens. What no formula contains is refused here, before any grammar is loaded, with a caret and what to write instead."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from symgd.errors import InputError, LimitError
from symgd.nodes.functions import SPELLED
from symgd.reading import limits


@dataclass(slots=True)
class Source:
    """The text that errors point into. `spellings`: name -> how it was typed -> where first."""

    text: str
    spellings: dict[str, dict[str, int]] = field(default_factory=dict)

    def error(self, at: int, what: str, accepted: str = "") -> InputError:
        return InputError(what, accepted=accepted, source=self.text, at=at)

    def limit(self, at: int, what: str, accepted: str = "") -> LimitError:
        return LimitError(what, accepted=accepted, source=self.text, at=at)


class Token:
    """One word of a formula: its type in grammar.lark, what it says, where it stands."""

    __slots__ = ("type", "text", "at")

    def __init__(self, type: str, text: str, at: int) -> None:
        self.type, self.text, self.at = type, text, at

    def __repr__(self) -> str:
        return f"{self.type}({self.text})"


SAME: Final = str.maketrans("−–‐‑－﹣＋·⋅×∗∙＊÷∕⁄／（）［］，＾＝＜＞｜：０１２３４５６７８９", "------+******////()[],^=<>|:0123456789")
"""Signs that are read as the ASCII one."""

SIGNS: Final[Mapping[str, tuple[str, str]]] = {
    "+": ("PLUS", "+"), "-": ("MINUS", "-"), "*": ("TIMES", "*"), "/": ("DIVIDE", "/"), "^": ("POWER", "^"), "**": ("POWER", "^"), "√": ("ROOT", "√"),
    "<": ("COMPARE", "<"), ">": ("COMPARE", ">"), "==": ("COMPARE", "=="), "<=": ("COMPARE", "<="), "≤": ("COMPARE", "<="), ">=": ("COMPARE", ">="),
    "≥": ("COMPARE", ">="), "!=": ("COMPARE", "!="), "≠": ("COMPARE", "!="), "∧": ("AND", "and"), "∨": ("OR", "or"), "¬": ("NOT", "not"),
    ",": ("_COMMA", ","), ":": ("_COLON", ":"),
}  # fmt: skip
"""How a sign is typed -> its token."""

WORDS: Final = {"and": "AND", "or": "OR", "not": "NOT", "in": "IN", "for": "FOR", "if": "IF"}
FRACTIONS: Final = {"½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅙": (1, 6), "⅛": (1, 8)}

REFUSED: Final[Mapping[str, tuple[str, str]]] = {
    "\\": ("A backslash is LaTeX, which is not read here.", "the text language: sum(w[j]*x[j], j)/2"),
    "'": ("Strings and primes are no formulas.", "numbers and names"),
    '"': ("Strings are no formulas.", "numbers and names"),
    ":=": ("Nothing is assigned inside a formula.", "one formula; where= names a part of it"),
    "=": ("An equation is no formula.", "its right side alone; where= names a part; == compares inside piecewise"),
    ";": ("A text is one formula, without semicolons.", "one formula"),
    ".": ("Attributes and methods are no formulas.", "names, numbers, calls such as exp(x), subscripts such as x[i]"),
    "!": ("A factorial is written as a call.", "factorial(x)"),
    "%": ("A remainder is written as a call.", "mod(x, y)"),
    "//": ("A whole quotient is written as a call.", "floor(x/y)"),
    "&": ("Conditions are joined by a word.", "x > 0 and y > 0"),
    "~": ("A condition is negated by a word.", "not x > 0"),
    "@": ("A matrix product is written as a sum.", "sum(A[i, j]*x[j], j)"),
    "{": ("Braces are not used.", "( ) around formulas, [ ] around subscripts"),
    "}": ("Braces are not used.", "( ) around formulas, [ ] around subscripts"),
    "∞": ("Infinity is no number to compute with.", "finite numbers"),
    "∑": ("A sum is written as a call.", "sum(x[j], j)"),
    "∏": ("A product is written as a call.", "product(x[j], j)"),
    "∫": ("Integrals are not read.", "formulas without integrals"),
    "∂": ("symgd derives by itself; it reads no derivatives.", "the cost alone"),
    "∇": ("symgd derives by itself; it reads no derivatives.", "the cost alone"),
    "‖": ("A norm is written as a call.", "norm(w[j], j)"),
    "′": ("Primes are not read.", "a name such as x1"),
    "`": ("A name between backquotes ends in the same line.", "`body mass`"),
}
"""Signs of other languages -> what is wrong, what to write."""

_RAISED: Final = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_DIGITS: Final = str.maketrans(_RAISED + "⁺⁻", "0123456789+-")
_START: Final = rf"[^\W\d{_RAISED}{''.join(FRACTIONS)}]"
_LATER: Final = rf"(?:[^\W{_RAISED}{''.join(FRACTIONS)}]+|[\u0300-\u036f]+)*"
_TOKEN: Final = re.compile(
    rf"""(?P<space>[ \t\n\f]+|\#[^\n]*)
    |(?P<name>{_START}{_LATER})
    |(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    |(?P<assign>[+*]?=(?!=))
    |(?P<sign>\*\*|<=|>=|==|!=|//|:=|[-+*/^<>,:√≤≥≠∧∨¬])
    |(?P<bracket>[()\[\]|])
    |(?P<raised>[⁺⁻]?[{_RAISED}]+)
    |(?P<fraction>[{"".join(FRACTIONS)}])
    |(?P<quoted>`[^`\n]+`)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_ACCUMULATES: Final = re.compile(r"(max|min|logsumexp)[ ]*=(?!=)")
_CLOSING: Final = {"(": ")", "[": "]", "|": "|"}
_ENDS: Final = frozenset({"NUMBER", "NAME", "QUOTED", "_RPAR", "_RSQB", "_BAR"})
_ONE: Final = "one formula; inside parentheses it may go over several lines"


def cleaned(text: object) -> str:
    """The text without byte order mark, with `\\n` as the only line end. Raises for what is no text or too long.

    >>> cleaned("\\ufeffx +\\r\\ny")
    'x +\\ny'
    """
    if not isinstance(text, str):
        raise InputError(f"A formula is a text, not {type(text).__name__}.", accepted='a str: "(w - 3)^2"')
    if len(text) > limits.CHARACTERS:
        raise LimitError(f"The text has {len(text):,} characters.", accepted=f"at most {limits.CHARACTERS:,}")
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def tokens(source: Source, *, equation: bool = False) -> list[Token]:
    """The words of a formula, or of an `equation`, which has `=`, `for` and `if`. Raises InputError at the first that cannot stand there.

    >>> tokens(Source("2x² ≤ w[j]"))
    [NUMBER(2), TIMES(*), NAME(x), POWER(^), NUMBER(2), COMPARE(<=), ARRAY(w), _LSQB([), NAME(j), _RSQB(])]
    """
    return _Lexer(source, equation).tokens()


class _Lexer:
    def __init__(self, source: Source, equation: bool) -> None:
        self.source, self.equation = source, equation
        self.text = source.text if source.text.isascii() else source.text.translate(SAME)
        self.found: list[Token] = []
        self.open: list[tuple[str, int]] = []
        self.looped = False  # behind the `for` of an equation

    def tokens(self) -> list[Token]:
        text, place, broken = self.text, 0, False
        handlers = {kind: getattr(self, f"_{kind}") for kind in _TOKEN.groupindex if kind != "space"}
        while place < len(text):
            match = _TOKEN.match(text, place)
            assert match is not None and match.lastgroup is not None
            if match.lastgroup == "space":
                broken = broken or "\n" in match[0]
                place = match.end()
                continue
            if broken and not self.open and self.found and self.found[-1].type in _ENDS:
                raise self.source.error(place, "The formula ends with its line, and another line follows.", _ONE)
            broken = False
            place = handlers[match.lastgroup](match[0], place) or match.end()
            if len(self.found) > limits.TOKENS:
                raise self.source.limit(place, "The formula is too long.", f"at most {limits.TOKENS:,} numbers, names and signs")
        if self.open:
            bracket, at = self.open[-1]
            raise self.source.error(at, f"This {bracket} is never closed.", f"a {_CLOSING[bracket]} after it")
        if not self.found:
            raise InputError("The formula is empty.", accepted="a formula such as (w - 3)^2")
        return self.found

    def add(self, type: str, text: str, at: int) -> None:
        self.found.append(Token(type, text, at))

    def last(self, back: int = 1) -> str:
        return self.found[-back].type if len(self.found) >= back else ""

    def operand(self, type: str, text: str, at: int) -> None:
        """Add what starts an operand. Right after another one it is refused, but for a factor after its number: 2x, 3(x + 1)."""
        last = self.last()
        if last in _ENDS:
            if last != "NUMBER" or type == "NUMBER":
                raise self._missing_sign(type, text, at)
            back = 2
            while self.last(back) in ("MINUS", "PLUS") and self.last(back + 1) in ("DIVIDE", "POWER"):
                back += 1
            if self.last(back) in ("DIVIDE", "POWER"):
                before = self.found[-back - 1] if len(self.found) > back else None
                if before is not None and before.type == "NAME" and before.text in SPELLED:
                    sign, power = self.found[-back].text, "".join(token.text for token in self.found[-back + 1 :])
                    shown = f"{before.text}(x){sign}{power if power.isdigit() else f'({power})'}"
                    if power == "-1" and f"a{before.text}" in SPELLED:
                        shown = f"a{before.text}(x) for the inverse function, 1/{before.text}(x) for the reciprocal"
                    raise self.source.error(before.at, f"{before.text} is a function; its argument stands right behind it.", shown)
                sign, value = self.found[-back].text, self.found[-1].text
                shown = _shown(type, text)
                what = f"After {sign} it is not clear how far {value}{'' if text in '(|' else text} goes."
                raise self.source.error(at, what, f"{sign}({value}*{shown}) or {sign}{value}*{shown}")
            self.add("TIMES", "*", at)
        self.add(type, text, at)

    def _missing_sign(self, type: str, text: str, at: int) -> InputError:
        before = self.found[-1]
        shown = _shown(type, text)
        if before.type in ("NAME", "QUOTED"):
            if before.text == "lambda":
                return self.source.error(before.at, "A lambda is no formula.", "the formula alone")
            if before.text in SPELLED:
                return self.source.error(at, f"{before.text} is a function; its argument stands in parentheses.", f"{before.text}({text})")
            return self.source.error(at, f"A sign is missing between {before.text} and {shown}.", f"{before.text}*{shown}")
        if before.type == "NUMBER":
            accepted = f"{before.text}*{text}; numbers without spaces, with a decimal point"
            return self.source.error(at, f"A sign is missing between {before.text} and {text}.", accepted)
        return self.source.error(at, f"A sign is missing before {shown}.", f"* before {shown} for a product")

    # one method for each group of _TOKEN: what is added for it, and where the text goes on if not behind the match

    def _name(self, typed: str, at: int) -> int | None:
        if len(typed) > limits.NAME:
            raise self.source.limit(at, f"A name has {len(typed):,} characters.", f"at most {limits.NAME}")
        name = typed if typed.isascii() else self._folded(typed, at)
        # é is one spelling, as one code point or two; a Kelvin sign and a K are two
        spelling = typed if name.isascii() else unicodedata.normalize("NFC", typed)
        self.source.spellings.setdefault(name, {}).setdefault(spelling, at)
        end = at + len(typed)
        if self.equation and not self.open and self.last() in _ENDS and (match := _ACCUMULATES.match(self.text, at)):
            self.add("ASSIGN", f"{match[1]}=", at)
            return match.end()
        if name in WORDS or name == "else":
            self._word(name, at)
            return None
        if name in ("oo", "nan", "inf", "NaN", "infinity", "Infinity") and not self._follows(end, "["):
            raise self.source.error(at, f"{name} is no number to compute with.", "finite numbers; a name of your own other than this")
        if self.last() == "NUMBER" and self.text[at - 1] not in " \t\n\f)":
            self._glued(name, at)
        self.operand("FUNCTION" if self._follows(end, "(") else "ARRAY" if self._follows(end, "[") else "NAME", name, at)
        return None

    def _word(self, word: str, at: int) -> None:
        if word == "else" or (word == "if" and not self.equation):
            raise self.source.error(at, f"A formula has no {word}.", "piecewise(x, x > 0, y)")
        if word == "for" and not self.equation:
            raise self.source.error(at, "A formula has no comprehensions or loops.", "sum(x[i], i)")
        if word == "not" and self.last() in _ENDS:
            raise self._missing_sign("NAME", word, at)
        self.looped = self.looped or word == "for"
        self.add(WORDS[word], word, at)

    def _glued(self, name: str, at: int) -> None:
        """Refuse numbers of other languages, which would be read as products: 0x10, 1_000."""
        number = self.found[-1].text
        if name.startswith("_") or number.endswith(".") or (number == "0" and name[:1] in "xXbBoO"):
            raise self.source.error(self.found[-1].at, f"{number}{name} is no number.", "decimal numbers: 1000, 0.5, 1e-3")

    def _folded(self, typed: str, at: int) -> str:
        """The name in its normal form, as Python folds names: a bold x is x."""
        for place, letter in enumerate(typed):
            way = unicodedata.decomposition(letter).partition(" ")[0]
            if way in ("<super>", "<circle>", "<square>", "<fraction>") or (way == "<sub>" and not letter.isdigit()):
                raise self.source.error(at + place, f"{described(letter)} is not read inside a name.", "x^2 for a power, x[i] for a subscript")
        name = unicodedata.normalize("NFKC", typed)
        if not name.isidentifier():
            raise self.source.error(at, f"{typed} is no name.", "letters, digits and _")
        return name

    def _follows(self, end: int, sign: str) -> bool:
        while end < len(self.text) and self.text[end] in " \t":
            end += 1
        return self.text.startswith(sign, end)

    def _number(self, typed: str, at: int) -> None:
        digits = sum(letter.isdigit() for letter in typed)
        if digits > limits.DIGITS:
            raise self.source.limit(at, f"A number has {digits:,} digits.", f"at most {limits.DIGITS}")
        value = float(typed)
        if value == float("inf"):
            raise self.source.error(at, f"{_short(typed)} is larger than every float64.", "numbers below 1.8e308")
        if value == 0 and typed.lower().partition("e")[0].strip("0."):
            raise self.source.error(at, f"{_short(typed)} is 0 as a float64.", "0, or numbers above 5e-324")
        self.operand("NUMBER", typed, at)

    def _quoted(self, typed: str, at: int) -> None:
        name = typed[1:-1]
        if len(name) > limits.NAME:
            raise self.source.limit(at, f"A name has {len(name):,} characters.", f"at most {limits.NAME}")
        for place, letter in enumerate(name, at + 1):
            if letter == "\\" or not letter.isprintable():
                raise self.source.error(place, f"{described(letter)} cannot stand in a name.", "printable characters but \\")
        self.operand("ARRAY" if self._follows(at + len(typed), "[") else "QUOTED", name, at)

    def _sign(self, typed: str, at: int) -> None:
        if typed in REFUSED:
            raise self.source.error(at, *REFUSED[typed])
        type, text = SIGNS[typed]
        if type == "_COMMA" and not self.looped and not any(bracket in "([" for bracket, _ in self.open):
            raise self.source.error(at, "A list is no formula.", "one formula; definitions each on a line; a decimal point in numbers")
        if type == "_COLON" and self.last() == "NAME" and self.found[-1].text == "lambda":
            raise self.source.error(self.found[-1].at, "A lambda is no formula.", "the formula alone")
        if type == "ROOT":
            self.operand(type, text, at)
        else:
            self.add(type, text, at)

    def _assign(self, typed: str, at: int) -> None:
        if self.open:
            raise self.source.error(at, "= cannot stand in brackets.", "== to compare inside piecewise; arguments without names, sum(x[j], j)")
        if not self.equation:
            raise self.source.error(at, *REFUSED["="])
        self.add("ASSIGN", typed, at)

    def _bracket(self, typed: str, at: int) -> None:
        if typed in "([":
            self._opened(typed, at)
        elif typed == "|":
            self._bar(at)
        else:
            if not self.open:
                raise self.source.error(at, f"This {typed} closes nothing.", "brackets in pairs")
            bracket, opened = self.open.pop()
            if _CLOSING[bracket] != typed:
                column = opened - self.source.text.rfind("\n", 0, opened)
                raise self.source.error(at, f"This {typed} does not close the {bracket} in column {column}.", f"{_CLOSING[bracket]} before it")
            self.add("_RPAR" if typed == ")" else "_RSQB", typed, at)

    def _opened(self, bracket: str, at: int) -> None:
        last = self.last()
        if bracket == "(" and last == "FUNCTION":
            self.add("_LPAR", bracket, at)
        elif bracket == "[" and last == "ARRAY":
            self.add("_LSQB", bracket, at)
        elif bracket == "[":
            if last == "_RSQB":
                raise self.source.error(at, "A second subscript follows.", "one pair of brackets: x[i, j]")
            raise self.source.error(at, "[ opens a subscript, and only a name has one; there are no lists.", "x[i]; ( ) around formulas")
        else:
            self.operand("LPAR" if bracket == "(" else "BAR", bracket, at)
        self.open.append((bracket, at))
        if len(self.open) > limits.LEVELS:
            raise self.source.limit(at, "The brackets are too deep.", f"at most {limits.LEVELS} levels; where= names inner parts")

    def _bar(self, at: int) -> None:
        if self.last() in _ENDS and self.open and self.open[-1][0] == "|":
            self.open.pop()
            self.add("_BAR", "|", at)
            return
        if self.last() == "BAR" and self.found[-1].at == at - 1:
            raise self.source.error(at - 1, "|| is not read.", "norm(w[j], j) for a norm, |x| for an absolute value, or between conditions")
        if self.last() in _ENDS and self.last() != "NUMBER":
            raise self.source.error(at, "This | opens an absolute value, and a sign is missing before it.", "2*|x|; or between conditions")
        self._opened("|", at)

    def _raised(self, typed: str, at: int) -> None:
        """x² is x^2, x⁻¹ is x^(-1)."""
        if self.last() not in _ENDS:
            raise self.source.error(at, f"{typed} is the exponent of nothing.", "x^2")
        self.add("POWER", "^", at)
        digits = typed.translate(_DIGITS)
        if digits[0] in "+-":
            self.add("MINUS" if digits[0] == "-" else "PLUS", digits[0], at)
            digits = digits[1:]
        self._number(digits, at)

    def _fraction(self, typed: str, at: int) -> None:
        if self.last() == "NUMBER":
            raise self.source.error(at, f"{self.found[-1].text}{typed} could be a sum or a product.", "2.5, 2 + 1/2 or 2*1/2")
        above, below = FRACTIONS[typed]
        self.operand("LPAR", "(", at)
        for type, text in (("NUMBER", str(above)), ("DIVIDE", "/"), ("NUMBER", str(below)), ("_RPAR", ")")):
            self.add(type, text, at)

    def _other(self, typed: str, at: int) -> None:
        if typed in REFUSED:
            raise self.source.error(at, *REFUSED[typed])
        raise self.source.error(at, f"{described(typed)} is no part of a formula.", "letters, digits, + - * / ^ ( ) [ ] | , and < > =")


def _shown(type: str, text: str) -> str:
    return {"LPAR": "(...)", "BAR": "|...|", "FUNCTION": f"{text}(...)", "ARRAY": f"{text}[...]"}.get(type, text)


def described(letter: str) -> str:
    """A character by its code point and name, and itself where it can be seen."""
    name = unicodedata.name(letter, "a control character" if ord(letter) < 160 else "an unnamed character")
    return f"{letter} (U+{ord(letter):04X} {name})" if letter.isprintable() and not letter.isspace() else f"U+{ord(letter):04X} {name}"


def _short(typed: str) -> str:
    return typed if len(typed) <= 30 else f"{typed[:20]}... ({len(typed)} characters)"
