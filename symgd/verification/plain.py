"""Verdicts as plain text, for terminals, and the short numbers that every display of them shows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from symgd.nodes import text as written
from symgd.nodes.node import Node, access, tree_size

if TYPE_CHECKING:
    from rich.text import Text

    from symgd.api import Cost
    from symgd.verification.verdict import Mistake, Verdict, Verification, Witness

__all__ = ["coloured", "text"]

COLOURS: Final = {"proved": "green", "equal": "green", "conditional": "yellow", "undecided": "yellow", "different": "red"}
LONG: Final = 400  # parts of a formula that is still shown
BESIDE: Final = 100  # letters of a witness that stands in the first line
NAMES: Final = 8  # names of a witness that are shown
NUMBERS: Final = 6  # numbers of an array that are shown
SMALL: Final = 1000  # the largest denominator of a fraction that is shown as one
FEW: Final = 100  # the largest denominator that a decimal is taken for

Piece = tuple[str, str]
"""Words, and the status that colours them, or ""."""


def text(verification: Verification) -> str:
    """The verdicts in words, a block for each parameter.

    >>> from symgd.api import parse
    >>> from symgd.reading.text import expression
    >>> from symgd.verification.verdict import Verdict, Verification, Witness
    >>> point = Witness({"w": Fraction(5, 7)}, {}, (), Fraction(-16, 7), Fraction(-32, 7))
    >>> verdict = Verdict("w", "different", "half of the derivative everywhere.", access("w"), witness=point, answer=expression("w - 3"))
    >>> print(text(Verification(parse("(w-3)^2"), {"w": verdict})))
    w: different: half of the derivative everywhere. At w = 5/7 yours is -16/7, the exact one -32/7.
        yours: w - 3
    """
    return "".join(piece for piece, _ in _pieces(verification))


def coloured(verification: Verification) -> Text:
    """The same for a terminal, its status words in colour."""
    from rich.text import Text

    found = Text()
    for piece, status in _pieces(verification):
        found.append(piece, f"bold {COLOURS[status]}" if status else "")
    return found


def _pieces(verification: Verification) -> Iterator[Piece]:
    if verification.remark:
        yield sentence(verification.remark), ""
    elif not verification.verdicts:
        yield "There is nothing to judge.", ""
    for n, verdict in enumerate(verification.verdicts.values()):
        yield ("\n" if n or verification.remark else "") + f"{place(verification.cost, verdict)}: ", ""
        yield verdict.status, verdict.status
        first, *others = _lines(verification.cost, verdict)
        yield ": " + "\n    ".join([first, *others]), ""


def _lines(cost: Cost, verdict: Verdict) -> Iterator[str]:
    shown = witness(verdict)
    beside = bool(shown) and len(shown) <= BESIDE
    yield lowered(cost, sentence(verdict.reason)) + (f" {shown}" if beside else "")
    if verdict.needs and not all(need in verdict.reason for need in verdict.needs):
        yield f"right if {inert(' and '.join(verdict.needs))}"
    for n, mistake in enumerate(verdict.mistakes[:2]):
        yield ("or: " if n else "likely: ") + named(mistake) + ("" if mistake.message in verdict.reason else f". {sentence(mistake.message)}")
        if mistake.correct:
            yield f"    correct: {inert(mistake.correct)}"
    yours, exact = formula(cost, verdict.answer), formula(cost, verdict.exact)
    if yours and not verdict.correct:
        yield f"yours: {yours}"
    if exact and (not verdict.correct or exact != yours):
        yield f"exact: {exact}"
    if shown and not beside:
        yield shown
    yield from (f"note: {sentence(note)}" for note in verdict.notes)


# What every display says in the same words


def place(cost: Cost, verdict: Verdict) -> str:
    """What the verdict is about: w, or W[k, j]. Another name than that of the place is the adjoint of an intermediate, dz[i, k]."""
    if verdict.place.value == verdict.parameter:
        return formula(cost, verdict.place)
    return formula(cost, access(verdict.parameter, *verdict.place.args))


def formula(cost: Cost, part: Node | None) -> str:
    """The formula in the text language; nothing where there is none, or where it is too long to be read."""
    if part is None or tree_size(part) > LONG:
        return ""
    return written.text(part, hidden=cost._formula.hidden, axes=cost._formula.axes)


def named(mistake: Mistake) -> str:
    """Which mistake, and where: "quotient rule in w/(1 + w)"."""
    return inert(mistake.kind.replace("-", " ") + (f" in {mistake.where}" if mistake.where else ""))


def witness(verdict: Verdict) -> str:
    """The point, yours and the exact value in a sentence; nothing without a witness."""
    found = verdict.witness
    if found is None:
        return ""
    given = [f"{called} = {value}" for called, value in point(found)]
    yours, exact = both(found.yours, found.exact)
    element = f" for {element_of(verdict)}" if found.element else ""
    at = f"At {', '.join(given)} yours" if given else "Yours"
    if yours == "NaN":
        return f"{at} has no value{element}, the exact one is {exact}."
    return f"{at} is {yours}{element}, the exact one {exact}."


def element_of(verdict: Verdict) -> str:
    """The element that the numbers of a witness belong to: w[2]."""
    found = verdict.witness
    return f"{written.name(verdict.parameter)}[{', '.join(map(str, found.element))}]" if found and found.element else written.name(verdict.parameter)


def point(found: Witness, most: int = NAMES, numbers: int = NUMBERS) -> list[tuple[str, str]]:
    """(name, value) of a witness, lengths first; a long one ends in dots."""
    pairs = [(written.name(called), str(value)) for called, value in found.lengths.items()]
    pairs += [(written.name(called), array(value, numbers)) for called, value in found.point.items()]
    return pairs if len(pairs) <= most else [*pairs[:most], ("...", f"{len(pairs) - most} more")]


def array(value: Any, most: int = NUMBERS) -> str:
    """A number, or nested lists of which no more than the first numbers are shown.

    >>> array([[0.5, 2], [3, 4]]), array([0.25]*9), array(2)
    ('[[1/2, 2], [3, 4]]', '[1/4, 1/4, 1/4, 1/4, 1/4, 1/4, ...]', '2')
    """
    left = most

    def shown(part: Any) -> str:
        nonlocal left
        if not isinstance(part, (list, tuple)):
            left -= 1
            return number(part)
        inner: list[str] = []
        for one in part:
            if left <= 0:
                inner.append("...")
                break
            inner.append(shown(one))
        return f"[{', '.join(inner)}]"

    return shown(value.tolist() if hasattr(value, "tolist") else value)


def both(yours: Any, exact: Any) -> tuple[str, str]:
    """Two numbers that differ, with as many digits as it takes to see it."""
    for digits in (6, 9, 13, 17):
        one, other = number(yours, digits), number(exact, digits)
        if one != other:
            break
    return one, other


def number(value: Any, digits: int = 6) -> str:
    """A short fraction where the number is one, or is next to one, else its first digits.

    >>> number(Fraction(-16, 7)), number(-16/7), number(3.0), number(2**0.5), number(Fraction(10**9, 7)), number(float("nan"))
    ('-16/7', '-16/7', '3', '1.41421', '1.42857e+08', 'NaN')
    """
    if isinstance(value, (int, Fraction)):
        exact = Fraction(value)
        if exact.denominator <= SMALL and abs(exact.numerator) < 10**7:
            return str(exact)
        value = Decimal(exact.numerator) / Decimal(exact.denominator)
    if isinstance(value, complex) or hasattr(value, "_mpc_"):
        return str(value)
    real = float(value)
    if not math.isfinite(real):
        finite = abs(value) < math.inf  # a float has no room for it
        return f"{Decimal(str(value)):.{digits}g}" if finite else "NaN" if math.isnan(real) else "inf" if real > 0 else "-inf"
    near = Fraction(real).limit_denominator(FEW)
    if abs(near - Fraction(real)) <= 1e-13 * abs(real) and abs(near.numerator) < 10**7:
        return str(near)
    return f"{real:.{digits}g}"


def sentence(words: str) -> str:
    """Words that end as a sentence does."""
    words = inert(words).strip()
    return words if words.endswith((".", "!", "?", ":")) or not words else f"{words}."


def lowered(cost: Cost, words: str) -> str:
    """A sentence behind a colon: without its capital, unless that is a name of the cost."""
    first = words.partition(" ")[0]
    return words[:1].lower() + words[1:] if first[1:].islower() and first not in cost._checked.names else words


def inert(words: str) -> str:
    """Words without what a terminal would obey: exceptions and names may hold anything."""
    return "".join(letter if letter.isprintable() else " " if letter.isspace() else "\N{REPLACEMENT CHARACTER}" for letter in words)
