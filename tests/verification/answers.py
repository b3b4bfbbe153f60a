"""The table of answers, tests/cases/answers.txt, as problems and rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import symgd as sg
from symgd.nodes.node import Node, access, index
from symgd.reading.text import expression

FILE = Path(__file__).parents[1] / "cases" / "answers.txt"


@dataclass(frozen=True)
class Problem:
    """A cost, and how its names are meant."""

    cost: str
    samples: str = ""
    axes: str = ""
    where: str = ""
    parameters: str = ""
    constants: str = ""

    @cached_property
    def read(self) -> sg.Cost:
        where = [part.strip() for part in re.split(r",\s+(?=\w+(?:\[[^\]]*\])? = )", self.where)] if self.where else []
        parameters, constants = (names.split() or None for names in (self.parameters, self.constants))
        return sg.parse(self.cost, samples=self.samples, axes=self.axes, where=where, parameters=parameters, constants=constants)

    def formula(self, answer: str) -> Node:
        """An answer in the names of the problem."""
        checked = self.read._checked
        hidden = checked.formula.hidden
        each = [part.target for part in checked.definitions if part.at == (index(hidden),)]
        samples = " ".join([self.samples, *each]) if self.samples else ""
        names = [name for name in checked.names if name in answer]
        return expression(answer, axes=self.axes, samples=samples, hidden=hidden, names=names)


@dataclass(frozen=True)
class Row:
    """`verdict`: right, conditional, unexplained or wrong. `kinds`: the mistakes that it may be called. `needs`: what has to be known."""

    problem: Problem
    parameter: str
    verdict: str
    answer: str
    kinds: tuple[str, ...] = ()
    needs: str = ""

    @property
    def place(self) -> Node:
        """The element of the parameter that is asked for."""
        place = expression(self.parameter, axes=self.problem.axes)
        return place if place.args else access(place.value)

    def __str__(self) -> str:
        return f"{self.problem.cost} by {self.parameter}: {self.answer}"


def rows() -> list[Row]:
    """Every row, in order."""
    found: list[Row] = []
    problem = Problem("0")
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("= "):
            cost, _, options = line[2:].partition(" | ")
            given = dict(part.split(": ", 1) for part in options.split("; ")) if options else {}
            problem = Problem(cost, **given)
        elif line and not line.startswith("#"):
            parameter, verdict, answer = line.split(" | ")
            word, _, needs = verdict.partition(": ")
            kinds = () if word in ("right", "conditional", "unexplained") else tuple(part.strip() for part in verdict.split(","))
            found.append(Row(problem, parameter, word if not kinds else "wrong", answer, kinds, needs))
    return found
