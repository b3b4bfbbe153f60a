"""Safe names for generated code: one table from whatever the user calls things to ASCII identifiers, and text that is safe in a comment."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterable

PYTHON = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins)})  # `_` is a soft keyword
LONGEST = 48

_SAFE = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*")
_WORD = re.compile(r"[A-Za-z0-9]+")
_SIGNS = {"'": "prime", "\N{PRIME}": "prime", "\N{DEGREE SIGN}": "degree", "*": "star", "+": "plus", "\N{INFINITY}": "inf"}


class Identifiers:
    """A bijective table from (kind, name) to ASCII identifiers that are no Python word and not `reserved`.

    A safe name stays itself; another becomes a readable one that ends in `_`, as no safe name does. All kinds share one scope, so a slope
    `m` and a length `m` differ; who asks first keeps the name: the same questions in the same order have the same answers.

    >>> table = Identifiers(reserved={"np"})
    >>> [table["name", name] for name in ("m", "W1", "np", "\N{GREEK SMALL LETTER LAMDA}", "class", "dw'", "x;import os", "")]
    ['m', 'W1', 'np_', 'lamda_', 'class_', 'dw_prime_', 'x_import_os_', 'v_']
    >>> table["length", "m"], table["name", "m"]
    ('m_', 'm')
    """

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._taken = set(reserved)
        self._known: dict[tuple[str, str], str] = {}

    def __getitem__(self, key: tuple[str, str]) -> str:
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._chosen(key[1])
            self._taken.add(found)
        return found

    def _chosen(self, name: str) -> str:
        if is_safe(name) and name not in self._taken:
            return name
        stem = _readable(name)
        candidate, count = f"{stem}_", 1
        while candidate in self._taken or candidate in PYTHON:
            count += 1
            candidate = f"{stem}_{count}_"
        return candidate


def is_safe(name: str) -> bool:
    """Whether the name may stand in generated code as it is: short ASCII words joined by single underscores, nothing that Python knows.

    >>> [is_safe(name) for name in ("w_1", "X", "__import__", "w_", "print", "1x", "\N{KELVIN SIGN}")]
    [True, True, False, False, False, False, False]
    """
    return len(name) <= LONGEST and _SAFE.fullmatch(name) is not None and name not in PYTHON


def _readable(name: str) -> str:
    """ASCII words that remind of the name: Greek letters by their names, accents dropped, signs as gaps."""
    spelled = "".join(_spelled(letter) for letter in name[:LONGEST])
    words = "_".join(_WORD.findall(spelled))[:LONGEST].rstrip("_")
    return words if words[:1].isalpha() else f"v_{words}".rstrip("_")


def _spelled(letter: str) -> str:
    if letter in _SIGNS:
        return f" {_SIGNS[letter]} "
    if letter.isascii():
        return letter
    folded = unicodedata.normalize("NFKD", letter)
    if folded.isascii() or (folded[0].isascii() and folded[0].isalnum()):
        return folded
    words = unicodedata.name(folded[0], "").split()
    if words[:1] == ["GREEK"] and "LETTER" in words:
        known = words[words.index("LETTER") + 1]
        return known.capitalize() if "CAPITAL" in words else known.lower()
    return " "


def comment(text: str, longest: int = 400) -> str:
    r"""The text in one printable line that neither ends a comment nor a docstring.

    >>> print(comment("say \n" + '"hi"'), comment("caf\N{LATIN SMALL LETTER E WITH ACUTE}"), comment("x" * 9, longest=6))
    say \\n\"hi\" café xxx...
    """
    if len(text) > longest:
        text = text[: longest - 3] + "..."
    return "".join(_escaped(letter) for letter in text)


def _escaped(letter: str) -> str:
    if letter == '"':
        return '\\"'
    if letter == "\\":
        return "\\\\"
    return letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii").replace("\\", "\\\\")
