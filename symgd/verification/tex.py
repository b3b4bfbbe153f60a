"""Verdicts as LaTeX: an `align*` of amsmath for each parameter, which KaTeX reads too. Every sentence stands in \\text, escaped."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Final

from symgd.cost.formulas import formula_in
from symgd.derivation.tex import escaped
from symgd.errors import InputError
from symgd.nodes.latex import latex as written
from symgd.nodes.latex import latex_name, latex_names
from symgd.nodes.node import Node, access, accesses, node, substituted, tree_size
from symgd.nodes.text import text
from symgd.verification.plain import LONG, array, both, lowered, point, sentence

if TYPE_CHECKING:
    from symgd.verification.verdict import Mistake, Verdict, Verification, Witness

__all__ = ["Writer", "latex"]

WIDTH: Final = 60  # letters of a line of words; \text does not break
NAMES: Final = 6  # names of a witness that are shown
NUMBERS: Final = 4  # numbers of an array that are shown


def latex(verification: Verification) -> str:
    """A display for each parameter: yours and the exact derivative, the verdict, and the correct step beside the part where it went wrong.

    >>> from symgd.api import parse
    >>> from symgd.reading.text import expression
    >>> from symgd.verification.verdict import Verdict, Verification
    >>> print(latex(Verification(parse("w^2"), {"w": Verdict("w", "different", "half of it.", access("w"), answer=expression("w"))})))
    \\begin{align*}
    \\frac{\\partial C}{\\partial w} &\\quad \\textbf{different:}\\ \\text{half of it.} \\\\
    \\text{yours} &\\quad w
    \\end{align*}
    """
    write = Writer(verification)
    shown = [_display(f"&{row}" for row in _words(verification.remark))] if verification.remark else []
    shown += [_display(" &".join(row) for row in _rows(write, verdict)) for verdict in verification.verdicts.values()]
    return "\n\n".join(shown)


def _display(rows: Iterator[str]) -> str:
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def _rows(write: Writer, verdict: Verdict) -> Iterator[tuple[str, str]]:
    first, *more = _words(lowered(write.of.cost, sentence(verdict.reason)))
    yield write.partial(verdict), rf"\quad \textbf{{{escaped(verdict.status)}:}}\ {first}"
    yield from (("", rf"\quad {row}") for row in more)
    if verdict.needs:
        yield from _labelled(r"\text{right if}", _words(" and ".join(verdict.needs)))
    for label, part in (("yours", verdict.answer), ("exact", verdict.exact)):
        if part is not None and tree_size(part) <= LONG and (label == "exact" or not verdict.correct):
            yield rf"\text{{{label}}}", rf"\quad {write(part)}"
    for mistake in verdict.mistakes[:2]:
        where = write.where(mistake)
        said = [] if mistake.message in verdict.reason else _words(sentence(mistake.message))
        said = [rf"\text{{in }} {where}", *said] if where else said
        yield from _labelled(rf"\text{{{printed(mistake.kind.replace('-', ' '))}}}", said or [r"\text{}"])
        if mistake.correct:
            yield r"\text{correct}", rf"\quad {write.step(mistake.correct)}"
    if verdict.witness is not None:
        yield from _witness(write, verdict, verdict.witness)
    for note in verdict.notes:
        yield from _labelled(r"\text{note}", _words(sentence(note)))


def _labelled(label: str, rows: list[str]) -> Iterator[tuple[str, str]]:
    yield from zip([label, *("" for _ in rows[1:])], (rf"\quad {row}" for row in rows), strict=True)


def _words(words: str) -> list[str]:
    return [rf"\text{{{printed(line)}}}" for line in textwrap.wrap(" ".join(words.split()), WIDTH)] or [r"\text{}"]


def _witness(write: Writer, verdict: Verdict, found: Witness) -> Iterator[tuple[str, str]]:
    lines: list[list[str]] = []
    width = WIDTH
    for pair, beside in zip(write.point(found), point(found, NAMES, NUMBERS), strict=True):
        width += len("".join(beside)) + 5
        if width > WIDTH:
            width = len("".join(beside)) + 5
            lines.append([])
        lines[-1].append(" = ".join(pair))
    if lines:
        yield from _labelled(r"\text{at}", [r",\; ".join(line) for line in lines])
    yours, exact = both(found.yours, found.exact)
    of = rf"\text{{ for }} {write.element(verdict)}" if found.element else ""
    yours = r"\text{yours has no value}" if yours == "NaN" else rf"\text{{yours is }} {value(yours)}"
    yield "", rf"\quad {yours}{of}, \text{{ the exact one is }} {value(exact)}"


class Writer:
    """Writes the formulas of a verification, in names of which no two look alike."""

    def __init__(self, verification: Verification) -> None:
        self.of = verification

    def __call__(self, part: Node) -> str:
        formula = self.of.cost._formula
        return written(part, hidden=formula.hidden, axes=formula.axes, names=self.names)

    @cached_property
    def names(self) -> dict[str, str]:
        cost = self.of.cost
        shown = [cost._formula.expression, *(side for pair in cost._formula.definitions for side in pair)]
        for verdict in self.of.verdicts.values():
            shown += [part for part in (verdict.place, verdict.answer, verdict.exact, *(one.part for one in verdict.mistakes)) if part is not None]
        ranks = {place.value: len(place.args) for place in accesses(*shown)}
        return _Names(latex_names({**ranks, cost._name: 0}))

    def partial(self, verdict: Verdict) -> str:
        """What the verdict is about: dC/dw."""
        cost = self.of.cost
        return rf"\frac{{\partial {self(access(cost._name))}}}{{\partial {self(verdict.place)}}}"

    def where(self, mistake: Mistake) -> str:
        """The part where it went wrong: as a formula if it is known, as words if not."""
        if mistake.part is not None and tree_size(mistake.part) <= LONG:
            return self(mistake.part)
        return self.step(mistake.where) if mistake.where else ""

    def step(self, words: str) -> str:
        """A step that is said in the text language; as words where it is none."""
        return self.formula(words) or rf"\text{{{printed(words)}}}"

    def formula(self, words: str) -> str | None:
        """A formula, or an equation, that is said in the text language; None where it would not come out as the same text."""
        sides = [self.read(side) for side in words.split(" = ")]
        return " = ".join(self(side) for side in sides if side is not None) if None not in sides else None

    def read(self, words: str) -> Node | None:
        """The formula that a text says, with d/dw(...) for a derivative that is still to be taken."""
        cost = self.of.cost
        words = _OPEN.sub(r"d/d\1(\2)", words)
        try:
            found = self._read(words, set())
        except InputError:
            return None
        return found if text(found, hidden=cost._formula.hidden, axes=cost._formula.axes) == words and tree_size(found) <= LONG else None

    def _read(self, words: str, taken: set[str]) -> Node:
        """Each derivative is a name of its own until the rest has been read."""
        checked = self.of.cost._checked
        derivatives: dict[Node, Node] = {}
        while (head := _DERIVATIVE.search(words)) is not None:
            end = _closing(words, head.end())
            inner, by = self._read(words[head.end() : end], taken), formula_in(checked, head[1])
            name = next(name for n in count() if (name := f"D{n}") not in taken and name not in checked.names and name not in words)
            taken.add(name)
            derivatives[access(name)] = node("derivative", inner, by)
            words = f"{words[: head.start()]}{name}{words[end + 1 :]}"
        return substituted(formula_in(checked, words), derivatives)

    def point(self, found: Witness, most: int = NAMES) -> list[tuple[str, str]]:
        """(name, value) of a witness, lengths first."""
        pairs = [(latex_name(name), str(length)) for name, length in found.lengths.items()]
        pairs += [(self.names[name], value(array(given, NUMBERS))) for name, given in found.point.items()]
        return pairs if len(pairs) <= most else [*pairs[:most], (r"\ldots", rf"\text{{{len(pairs) - most} more}}")]

    def element(self, verdict: Verdict) -> str:
        """The element that the numbers of a witness belong to."""
        found = verdict.witness
        name = self.names[verdict.place.value]
        return rf"{{{name}}}_{{{','.join(map(str, found.element))}}}" if found and found.element else name


_DERIVATIVE: Final = re.compile(r"\bd/d(\w+(?:\[[^]]*\])?)\(")
_OPEN: Final = re.compile(r"^d/d(\w+(?:\[[^]]*\])?) (.*)$")


def _closing(words: str, start: int) -> int:
    """Where the bracket that is open at `start` closes; the end where it does not."""
    depth = 1
    for place in range(start, len(words)):
        depth += {"(": 1, ")": -1}.get(words[place], 0)
        if not depth:
            return place
    return len(words)


class _Names(dict[str, str]):
    """Names in LaTeX; one that stands in no formula is written as it is."""

    def __missing__(self, name: str) -> str:
        return latex_name(name)


def value(shown: str) -> str:
    """A number or an array of `plain` in LaTeX.

    >>> print(value("1.5e-07"), value("[-16/7, 2, ...]"), value("NaN"))
    1.5 \\cdot 10^{-7} [-16/7,\\, 2,\\, \\ldots] \\mathrm{NaN}
    """
    shown = re.sub(r"e([+-]?)0*(\d+)", lambda found: rf" \cdot 10^{{{found[1].replace('+', '')}{found[2]}}}", shown)
    shown = shown.replace(", ", r",\, ").replace("...", r"\ldots")
    return re.sub(r"NaN|inf", lambda found: r"\mathrm{NaN}" if found[0] == "NaN" else r"\infty", shown)


def printed(words: str) -> str:
    """Words for inside \\text, escaped, in signs that LaTeX's own fonts have; others by their code.

    >>> print(printed("θ & x_1 … ¿日?"))
    $\\theta$ \\& x\\_1 ... U+00BFU+65E5?
    """
    return "".join(map(_printed, " ".join(words.split())))


def _printed(letter: str) -> str:
    if (letter.isascii() and letter.isprintable()) or letter in _LETTERS:
        return escaped(letter)
    known = _SIGNS.get(letter) or latex_name(letter)
    return known if letter in _SIGNS else f"U+{ord(letter):04X}" if known.startswith((r"\text", r"\mathrm")) else f"${known}$"


_LETTERS: Final = frozenset(chr(code) for code in range(0xC0, 0x100)) - frozenset("ÐðÞþ×÷")
_SIGNS: Final = {"…": "...", "−": "-", "’": "'", "‘": "`", "“": "``", "”": "''", "–": "--", "·": r"$\cdot$", "²": "$^2$", "³": "$^3$", "≠": r"$\ne$",
                 "≤": r"$\le$", "≥": r"$\ge$", "∞": r"$\infty$", "×": r"$\times$", "∂": r"$\partial$"}  # fmt: skip
