"""The words of an explanation: the same sentences around plain formulas for a terminal and around LaTeX for a notebook."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from symgd.errors import LimitError
from symgd.nodes.latex import latex
from symgd.nodes.node import Node, access, length, number, substituted, tree_size
from symgd.nodes.text import text
from symgd.printing.page import Formula, page
from symgd.updates.optimizers import GRADIENT, PARAMETER, RATE, optimizers

if TYPE_CHECKING:
    from symgd.api import Cost
    from symgd.training.explain import Explanation

RULE = optimizers["gradient_descent"]
IN_FULL = 12  # elements of an array that are shown one by one
MOST = 24  # rows of a table, formulas in a list
FIRST = 3  # elements that stand for a long array
NAMED = 4  # parameters that a sentence repeats
BRIEF = 4  # digits of a norm and of the elements beside it
LONG = 500  # nodes of a formula that is still written out

End = Literal["fell", "rose", "unchanged", "flat", "left", "no gradient", "no cost"]


@dataclass(frozen=True)
class Story:
    """What the sentences need beside the numbers.

    `scalars`: constants and data without an axis. `better`: a smaller learning rate that lowers the cost, and the cost that it leads to.
    """

    of: Cost
    scalars: Mapping[str, float]
    lengths: Mapping[str, int]
    end: End
    better: tuple[float, float] | None = None

    @cached_property
    def partials(self) -> list[tuple[str, tuple[Node, ...], Node]]:
        """(parameter, letters, formula) of the first parameters; empty where a formula would be too long."""
        gradient = self.of.gradient
        places = {name: gradient._letters(name) for name in self.of.parameters[:MOST]}
        try:
            found = [(name, at, gradient._closed(name, at)) for name, at in places.items()]
        except LimitError:
            return []
        return found if all(tree_size(formula) <= LONG for _, _, formula in found) else []


def plain(told: Explanation) -> str:
    """Sentences, formulas and tables as plain text, a formula below the sentence that it belongs to."""
    return "\n".join(line for part in _told(told, _Plain(told)) for line in part.plain())


def markdown(told: Explanation) -> str:
    """The same for a notebook."""
    return "\n\n".join(part.markdown() for part in _told(told, _Tex(told)))


def html(told: Explanation) -> str:
    """The same as a page that needs nothing else."""
    plainly = _told(told, _Plain(told))
    rows = [part.html(beside) for part, beside in zip(_told(told, _Tex(told)), plainly, strict=True)]
    return page("One update by gradient descent", ["One update by gradient descent"], [{"title": ["The update"], "folded": False, "rows": rows}])


def formulas(told: Explanation) -> str:
    """The formulas alone, with their numbers: cost, gradient and update aligned, or the table of several parameters between them."""
    write, rows = _Tex(told), _rows(told)
    single = _single(rows)
    found = {(row.name, row.place): float(row.gradient) for row in rows if row.place is not None}
    lines = [f"{left} &= {right}" for left, right in write.cost()]
    lines[0] += rf" = {write.number(told.cost)} && \text{{the cost now}}"
    for n, (left, name, at, right) in enumerate(write.gradient()):
        value = f" = {write.number(found[name, ()])}" if not at and (name, ()) in found else ""
        lines.append(rf"{left} &= {right}{value}" + (r" && \text{the gradient now}" if n == 0 else ""))
    ends = rf"C &= {write.number(told.new_cost)} && \text{{the new cost}}"
    moved = told.story.end not in ("no cost", "no gradient")
    if single and moved:
        element = write.formula(single.element)
        lines.append(rf"{element} &{write.rule(element, '')} = {write.filled(single)} = {write.number(float(single.new))} && \text{{the update}}")
    if single or not moved:
        return _environment("aligned", [*lines, ends] if moved else lines)
    heads = [rf"\text{{{head}}}" for head in ("parameter", "parameter value", "gradient value", "update")]
    cells = [[write.formula(row.element), *write.cells(row)] for row in rows[:MOST]]
    table = _environment("array", [" & ".join(row) for row in (heads, *cells)], "{l|r|r|l}").replace(r" \\", r" \\ \hline", 1)
    parts = [_environment("aligned", lines), table, ends.replace("&", "").replace("  ", r" \quad ")]
    return _environment("gathered", parts, gap="[2ex]")


def _environment(name: str, rows: Sequence[str], columns: str = "", gap: str = "") -> str:
    body = f" \\\\{gap}\n".join(rows)
    return f"\\begin{{{name}}}{columns}\n{body}\n\\end{{{name}}}"


def short(value: float, digits: int = 12) -> str:
    """A number in at most so many digits, as short as it can be.

    >>> [short(v) for v in (4.0, -0.0, 1.4000000000000001, 1e-5, 2.5e20, 1/3, float("nan"))]
    ['4', '0', '1.4', '1e-5', '2.5e20', '0.333333333333', 'nan']
    """
    shown = repr(float(f"{value:.{digits}g}") + 0.0).removesuffix(".0")
    return re.sub(r"e([+-])0*", lambda sign: "e" + sign[1].strip("+"), shown)


# What is shown


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the table: an element, or a whole array where `place` is None."""

    name: str
    place: tuple[int, ...] | None
    value: NDArray[Any]
    gradient: NDArray[Any]
    new: NDArray[Any]

    @property
    def element(self) -> Node:
        return access(self.name, *(number(n) for n in self.place or ()))

    @property
    def signs(self) -> tuple[int, int, int]:
        """How many entries of the gradient are negative, positive, zero."""
        return int((self.gradient < 0).sum()), int((self.gradient > 0).sum()), int((self.gradient == 0).sum())


def _rows(told: Explanation) -> list[_Row]:
    """Elements one by one, long arrays as a whole."""
    rows: list[_Row] = []
    for name in told.parameters:
        parts = [np.asarray(values[name]) for values in (told.parameters, told.gradient, told.new_parameters)]
        if parts[0].size > IN_FULL or not parts[0].size:
            rows.append(_Row(name, None, *parts))
        else:
            rows += [_Row(name, place, *(np.asarray(part[place]) for part in parts)) for place in product(*map(range, parts[0].shape))]
    return rows


def _single(rows: list[_Row]) -> _Row | None:
    return rows[0] if len(rows) == 1 and rows[0].place is not None else None


class _Writer(ABC):
    """How formulas are written in one medium. `math` sets one into a sentence, the other methods give what stands inside."""

    gets: str
    times: str
    at: str
    etas: tuple[str, str]  # the learning rate, and its name where the cost has an eta of its own

    def __init__(self, told: Explanation) -> None:
        self.told, self.of = told, told.story.of
        self.eta = self.etas["eta" in self.of._checked.names]

    @abstractmethod
    def math(self, formula: str) -> str: ...

    @abstractmethod
    def formula(self, part: Node, *, of: Cost | None = None) -> str: ...

    @abstractmethod
    def partial(self, parameter: str) -> str: ...

    @abstractmethod
    def words(self, words: str) -> str:
        """Words where a number would stand."""

    def cost(self) -> list[tuple[str, str]]:
        """(left, right) of the cost and its definitions; words for a formula that would be too long."""
        definitions = [(access(d.target, *d.at), d.body) for d in self.of._checked.definitions]
        lines = [(access("C"), self.of._formula.expression), *definitions[:MOST]]
        return [(self.formula(left, of=self.of), self._cut(right)) for left, right in lines]

    def _cut(self, part: Node) -> str:
        return self.formula(part, of=self.of) if tree_size(part) <= LONG else self.words("a long formula: see cost.program")

    def gradient(self) -> Iterator[tuple[str, str, tuple[Node, ...], str]]:
        """(left side, parameter, its letters, formula) of each partial derivative."""
        for name, at, formula in self.told.story.partials:
            yield self.partial(self.formula(access(name, *at), of=self.of)), name, at, self.formula(formula, of=self.of)

    def number(self, value: float, digits: int = 12) -> str:
        return self.formula(number(short(value, digits))) if math.isfinite(value) else self.words(_without_value(value))

    def rule(self, element: str, left: str | None = None) -> str:
        """w <- w - eta*dC/dw"""
        return f"{element if left is None else left} {self.gets} {element} - {self.eta}{self.times}{self.partial(element)}".lstrip()

    def filled(self, row: _Row) -> str:
        """The right side of the update rule with the numbers in it."""
        numbers = {PARAMETER: float(row.value), GRADIENT: float(row.gradient), RATE: self.told.learning_rate}
        return self.formula(substituted(RULE.formulas[PARAMETER], {access(letter): number(short(v)) for letter, v in numbers.items()}))

    def cells(self, row: _Row) -> list[str]:
        """Parameter value, gradient value, update."""
        if row.place is None:
            return [self.summary(part) for part in (row.value, row.gradient, row.new)]
        if not np.isfinite(row.gradient):
            return [self.number(float(row.value)), self.number(float(row.gradient)), ""]
        return [self.number(float(row.value)), self.number(float(row.gradient)), f"{self.filled(row)} = {self.number(float(row.new))}"]

    def summary(self, array: NDArray[Any]) -> str:
        """A long array: its norm and its first elements."""
        with np.errstate(over="ignore"):
            norm = float(np.linalg.norm(np.ravel(array)))
        first = ", ".join(self.number(v, BRIEF) for v in np.ravel(array)[:FIRST].tolist())
        return f"{self.words('norm ')}{self.number(norm, BRIEF)}: {first}, ..."

    def point(self, rows: Sequence[_Row], values: Sequence[NDArray[Any]]) -> str:
        """w = 1, b = 2; nothing where that would be long."""
        if len(rows) > NAMED or any(row.place is None for row in rows):
            return ""
        return ", ".join(f"{self.formula(row.element)} = {self.number(float(v))}" for row, v in zip(rows, values, strict=True))


class _Plain(_Writer):
    gets, times, at, etas = "<-", "*", " at ", ("eta", "learning_rate")

    def math(self, formula: str) -> str:
        return formula

    def formula(self, part: Node, *, of: Cost | None = None) -> str:
        return of._shown(part) if of else text(part)

    def partial(self, parameter: str) -> str:
        return f"dC/d{parameter}"

    def words(self, words: str) -> str:
        return words


class _Tex(_Writer):
    gets, times, at, etas = r"\leftarrow", r"\,", r" \quad\text{at } ", (r"\eta", r"\mathrm{rate}")

    def math(self, formula: str) -> str:
        return f"${formula}$"

    def formula(self, part: Node, *, of: Cost | None = None) -> str:
        return of._latex(part) if of else latex(part)

    def partial(self, parameter: str) -> str:
        return rf"\frac{{\partial C}}{{\partial {parameter}}}"

    def words(self, words: str) -> str:
        return rf"\text{{{words}}}"


def _without_value(value: float) -> str:
    return "undefined" if math.isnan(value) else "infinite" if value > 0 else "minus infinity"


# The parts of a story


@dataclass(frozen=True, slots=True)
class _Sentence:
    words: str
    below: bool = False

    def plain(self) -> list[str]:
        return [("    " if self.below else "") + self.words]

    def markdown(self) -> str:
        return self.words

    def html(self, beside: Part) -> dict[str, Any]:
        return {"kind": "sentence", "words": _pieces(self.words)}


@dataclass(frozen=True, slots=True)
class _Formula:
    formula: str

    def plain(self) -> list[str]:
        return [f"    {self.formula}"]

    def markdown(self) -> str:
        return rf"$\displaystyle {self.formula}$"

    def html(self, beside: Part) -> dict[str, Any]:
        text = beside.formula if isinstance(beside, _Formula) else self.formula
        line: dict[str, Any] = {"left": None, "formula": Formula(self.formula, text), "why": [], "more": "", "long": True}
        return {"kind": "chain", "lines": [line]}


@dataclass(frozen=True, slots=True)
class _Table:
    rows: Sequence[Sequence[str]]
    right: Sequence[int]  # the columns of numbers

    def plain(self) -> list[str]:
        widths = [max(map(len, column)) for column in zip(*self.rows, strict=True)]
        aligned = ([c.rjust(w) if n in self.right else c.ljust(w) for n, (c, w) in enumerate(zip(row, widths, strict=True))] for row in self.rows)
        return [f"    {'   '.join(row)}".rstrip() for row in aligned]

    def markdown(self) -> str:
        heads, *rows = self.rows
        rule = ["---:" if n in self.right else ":---" for n in range(len(heads))]
        return "\n".join(f"| {' | '.join(row)} |" for row in (heads, rule, *rows))

    def html(self, beside: Part) -> dict[str, Any]:
        heads, *rows = self.rows
        return {"kind": "table", "heads": list(heads), "rows": [[_pieces(cell) for cell in row] for row in rows]}


Part = _Sentence | _Formula | _Table


def _pieces(words: str) -> list[str | Formula]:
    """Words, and the formulas between dollar signs.

    >>> _pieces("w goes from $1$ to $2$.")
    ['w goes from ', Formula(tex='1', text='1'), ' to ', Formula(tex='2', text='2'), '.']
    """
    parts = re.split(r"(?<!\\)\$", words)
    return [Formula(part, part) if n % 2 else part for n, part in enumerate(parts) if part]


# The story


def _told(told: Explanation, write: _Writer) -> Iterator[Part]:
    rows = _rows(told)
    single, end = _single(rows), told.story.end
    yield from _now(told, rows, write)
    if end != "no cost":
        yield from _gradient(told, single, write)
    if end not in ("no cost", "no gradient"):
        yield from _update(told, single, write)
    if end != "no cost" and not single:
        yield from _table(told, rows, write)
    yield from _ending(told, rows, write)
    if end not in ("no cost", "no gradient"):
        yield _in_short(told, single, write)
    yield from (_Sentence(f"Note: {note}") for note in told.story.of.notes)


def _now(told: Explanation, rows: list[_Row], write: _Writer) -> Iterator[Part]:
    """The cost, its formula, and what stands in it."""
    point = write.point(rows, [row.value for row in rows])
    yield _Sentence(f"The cost now: {_says('C', told.cost, write)}{_at(point, write) if not math.isfinite(told.cost) else ''}.")
    lines = [f"{left} = {right}" for left, right in write.cost()]
    if point:
        lines[0] += write.at + point
    yield from map(_Formula, lines)
    known = {access(name): v for name, v in told.story.scalars.items()} | {length(name): float(v) for name, v in told.story.lengths.items()}
    if known:
        yield _Sentence("with " + ", ".join(write.math(f"{write.formula(left)} = {write.number(v)}") for left, v in known.items()), below=True)


def _gradient(told: Explanation, single: _Row | None, write: _Writer) -> Iterator[Part]:
    """The partial derivatives; of a single one also what its sign means."""
    if single:
        yield _Sentence(f"The gradient now: {_says(write.partial(write.formula(single.element)), float(single.gradient), write)}.")
    else:
        yield _Sentence(f"The gradient now: a vector of {_count(told)} partial derivatives, one for each parameter, taken with the others fixed.")
    yield from (_Formula(f"{left} = {formula}") for left, _, _, formula in write.gradient())
    more = len(told.parameters) - MOST
    if not told.story.partials:
        yield _Sentence("Written out, its formula is too long; cost.gradient.program has it as numbered equations.", below=True)
    elif more > 0:
        yield _Sentence(f"and {more} more", below=True)
    if single and np.isfinite(single.gradient):
        name = write.math(write.formula(single.element))
        meanings = (
            f"It is negative: the cost falls when {name} grows, so {name} goes up.",
            f"It is positive: the cost grows with {name}, so {name} goes down.",
            f"It is zero: to first order the cost does not change with {name}. This is a stationary point, and {name} stays.",
        )
        yield _Sentence(meanings[single.signs.index(1)], below=True)


def _update(told: Explanation, single: _Row | None, write: _Writer) -> Iterator[Part]:
    """The update rule, for a single parameter with the numbers filled in."""
    head = f"The update, with the learning rate {write.math(f'{write.eta} = {write.number(told.learning_rate)}')}:"
    if single:
        name = write.formula(single.element)
        yield _Sentence(f"{head} {_moved(told, single, write)}.")
        yield _Formula(f"{write.rule(name)} = {write.filled(single)} = {write.number(float(single.new))}")
        return
    yield _Sentence(f"{head} from every parameter value, {write.math(write.eta)} times its gradient value is subtracted.")
    for name in list(told.parameters)[:NAMED]:
        yield _Formula(write.rule(write.formula(access(name, *write.of.gradient._letters(name)), of=write.of)))
    if len(told.parameters) > NAMED:
        yield _Sentence(f"and so on, {len(told.parameters)} in all", below=True)


def _table(told: Explanation, rows: list[_Row], write: _Writer) -> Iterator[Part]:
    """Parameter values and gradient values, in columns of their own."""
    heads = ["parameter", "parameter value", "gradient value", "sign", "update"]
    cells = []
    for row in rows[:MOST]:
        value, gradient, update = (write.math(cell) if cell else "" for cell in write.cells(row))
        shape = "" if row.place is not None else ", " + " x ".join(map(str, row.value.shape))
        cells.append([write.math(write.formula(row.element)) + shape, value, gradient, _sign(row), update])
    if told.story.end == "no gradient":
        heads, cells = heads[:4], [row[:4] for row in cells]
    yield _Table([heads, *cells], right=() if any(row.place is None for row in rows) else (1, 2))
    if len(rows) > MOST:
        yield _Sentence(f"and {len(rows) - MOST} more rows", below=True)
    yield _Sentence(
        "Parameter values and gradient values must not be confused: a parameter value says where we are, "
        "a gradient value which way and how steeply the cost changes there."
    )


def _sign(row: _Row) -> str:
    negative, positive, zero = row.signs
    if row.place is not None and not np.isfinite(row.gradient):
        return ""
    if row.place is not None:
        return "negative: goes up" if negative else "positive: goes down" if positive else "zero: stays"
    counted = ((negative, "negative: go up"), (positive, "positive: go down"), (zero, "zero: stay"))
    return "; ".join(f"{count} {what}" for count, what in counted if count)


def _ending(told: Explanation, rows: list[_Row], write: _Writer) -> Iterator[Part]:
    """The new cost, whether it went down, and why not."""
    fall, end = told.cost - told.new_cost, told.story.end
    here, there = (_at(write.point(rows, values), write) for values in ([row.value for row in rows], [row.new for row in rows]))
    if end == "no cost":
        yield _Sentence("So there is no gradient to follow from here: start where the cost has a value.")
        return
    if end == "no gradient":
        yield _Sentence(f"The gradient is not finite{here}, so no step can be taken from here.")
        return
    risen = f"rose by {write.math(write.number(-fall))}" if fall else "is the same as before"
    reasons = {
        "fell": f"It went down by {write.math(write.number(fall))}.",
        "rose": f"It did not go down: it {risen}.",
        "left": "It did not go down: the step is too large and leaves the domain of the cost.",
        "unchanged": "It is the same in all 16 digits: the gradient is so small that this is as good as a stationary point.",
        "flat": "Nothing changes at a stationary point.",
    }
    yield _Sentence(f"The new cost: {_says('C', told.new_cost, write)}{there if end == 'left' else ''}. {reasons[end]}")
    if end in ("rose", "left"):
        yield _Sentence(_advice(told, write))


def _advice(told: Explanation, write: _Writer) -> str:
    if told.story.better is None:
        return "A smaller learning rate does not help either: the cost has a kink here, or its gradient is zero but for rounding."
    rate, cost = (write.math(write.number(v)) for v in told.story.better)
    much = "The step is too large: it goes too far past the lowest point. " if told.story.end == "rose" else ""
    return f"{much}A smaller learning rate helps: with {rate} the new cost is {cost}."


def _in_short(told: Explanation, single: _Row | None, write: _Writer) -> _Sentence:
    cost, new = (write.math(write.number(v)) for v in (told.cost, told.new_cost))
    if single:
        slope = write.math(write.number(float(single.gradient)))
        return _Sentence(f"In short: cost {cost}, gradient {slope}, so {_moved(told, single, write)}; new cost {new}.")
    return _Sentence(f"In short: the cost is one number, {cost}, after the update {new}; the gradient is a vector of {_count(told)} numbers.")


def _moved(told: Explanation, single: _Row, write: _Writer) -> str:
    name, old, new = (write.math(part) for part in (write.formula(single.element), *(write.number(float(v)) for v in (single.value, single.new))))
    return f"{name} stays at {old}" if told.story.end == "flat" else f"{name} goes from {old} to {new}"


def _count(told: Explanation) -> int:
    return sum(np.size(part) for part in told.gradient.values())


def _says(left: str, value: float, write: _Writer) -> str:
    """`C = 4`, or in words that it has no value."""
    return write.math(f"{left} = {write.number(value)}") if math.isfinite(value) else f"{write.math(left)} is {_without_value(value)}"


def _at(point: str, write: _Writer) -> str:
    return f" at {write.math(point) if point else 'these parameter values'}"
