"""The table of constructs in notation.md: python docs/constructs.py writes it anew; tests/test_constructs.py compares.

A row is a cost in text, and the same cost in SymPy as source; both are run, and have to agree. Its LaTeX is what they print."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import sympy as sp

import symgd as sg

PAGE = Path(__file__).parent / "notation.md"
BEGIN, END = "<!-- constructs: written by docs/constructs.py -->", "<!-- end of constructs -->"
AXES = "i:m j:d k:h l:h g:G t:T"
SAMPLES = "x y"


@dataclass(frozen=True)
class Construct:
    """`text` and `sympy`: a formula. `where`: pairs of a left side and a formula, both in text and in SymPy, `h[0]` and `0`."""

    what: str
    text: str
    sympy: str
    parameters: str = "w"
    where: tuple[tuple[str, str, str], ...] = field(default=())
    samples: str = ""

    def typed(self) -> sg.Cost:
        where = {left: body for left, body, _ in self.where}
        return sg.parse(self.text, where=where, axes=AXES, samples=self.samples, parameters=self.parameters.split())

    def built(self) -> sg.Cost:
        known = names(self.samples)
        where = {value(left, known): value(body, known) for left, _, body in self.where}
        return sg.Cost(value(self.sympy, known), where=where, parameters=self.parameters.split())

    def row(self) -> str:
        typed = "<br>".join([code(self.text), *(code(f"{left} = {body}") for left, body, _ in self.where)])
        built = "<br>".join([code(self.sympy), *(code(f"{left}: {body}") for left, _, body in self.where)])
        lines = self.typed().latex().split("\n")
        shown = [line.removesuffix(r" \\").replace("&= ", "= ", 1) for line in lines if not line.startswith((r"\begin{aligned}", r"\end{aligned}"))]
        return f"| {self.what} | {typed} | {built} | {'<br>'.join(f'${line}$' for line in shown)} |".replace("||", "")


def code(formula: str) -> str:
    return f"`{formula}`"


def names(samples: str) -> dict[str, object]:
    """What the SymPy sources may use: the axes, their lengths, samples, scalars w and a, and arrays of one letter and more."""
    axes = {axis.name: axis for axis in sg.axes(AXES)}
    lengths = {str(axis.length): axis.length for axis in axes.values()}
    arrays = {name: sp.IndexedBase(name) for name in "A E F L S U V W X b c f h off p r s u v x y z label q".split()}
    columns = dict(zip(samples.split(), sg.samples(samples), strict=True)) if samples else {}
    return {**vars(sp), "sp": sp, "sg": sg, **arrays, **axes, **lengths, "w": sp.Symbol("w"), "a": sp.Symbol("a"), **columns}


def value(source: str, known: dict[str, object]) -> object:
    return eval(source, dict(known))


def table() -> Iterator[str]:
    yield "| construct | text | SymPy | LaTeX |"
    yield "|---|---|---|---|"
    for construct in CONSTRUCTS:
        yield construct.row()


def written(page: str) -> str:
    """The page with the table as it has to be."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return "\n".join([before + BEGIN, "", *table(), "", END + after])


CONSTRUCTS = [
    Construct("a number from one parameter", "(w - 3)^2", "(w - 3)**2"),
    Construct("a mean over samples", "mean((w*x - y)^2)", "sg.mean((w*x - y)**2)", samples="x y"),
]

if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
