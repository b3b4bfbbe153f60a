"""Second derivatives step by step: each first derivative, as a formula of the parameters, is derived once more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from symgd.derivation.shown import Derivation, Presented, Step
from symgd.derivation.story import Section, Sentence, Table, Words
from symgd.nodes.node import Node, access

if TYPE_CHECKING:
    from symgd.api import Cost

__all__ = ["SecondDerivation"]


class SecondDerivation(Presented):
    """The derivation of a Hessian. Of scalar parameters every entry on and above the diagonal, the others are the same by symmetry; where there are
    arrays, the equations of the Hessian times a direction, which is what runs.

    `result`: (parameter, parameter) -> SymPy expression, of scalar parameters.

    >>> import symgd as sg
    >>> print(sg.parse("w^3*b").hessian.derivation().text("brief"))
    The derivative of dC/dw by w
        b is treated as constant: only w changes.
        d/dw(3*b*w^2)
        = 6*b*w    constant factor, power rule
    <BLANKLINE>
    The derivative of dC/dw by b
        w is treated as constant: only b changes.
        d/db(3*b*w^2)
        = 3*w^2    constant factor
        By symmetry that of dC/db by w is the same.
    <BLANKLINE>
    The derivative of dC/db by b
        The cost does not depend on b: its derivative is 0.
    """

    def __init__(self, cost: Cost) -> None:
        self._cost = cost

    @cached_property
    def _entries(self) -> dict[tuple[str, str], Derivation]:
        """The pairs of scalar parameters, each with the derivation of the first derivative by the second parameter."""
        cost = self._cost
        names = [name for name, rank in cost._checked.parameters.items() if not rank]
        inputs = frozenset(cost.gradient.program.inputs)
        found: dict[tuple[str, str], Derivation] = {}
        for n, first in enumerate(names):
            slope = cost.gradient._closed(first, (), inputs)
            formula = replace(cost._formula, expression=slope, definitions=())
            known = [name for name in cost._checked.constants if name not in cost._checked.parameters]
            of = type(cost)(formula, parameters=list(cost._checked.parameters), constants=known, stabilise=False)
            found |= {(first, second): Derivation(of, second) for second in names[n:]}
        return found

    @property
    def steps(self) -> list[Step]:
        """The steps of all entries, one after the other."""
        return [step for entry in self._entries.values() for step in entry.steps]

    @property
    def result(self) -> dict[tuple[str, str], Any]:
        """(parameter, parameter) -> second derivative."""
        found = {pair: entry.result for pair, entry in self._entries.items()}
        return {**found, **{(second, first): formula for (first, second), formula in found.items()}}

    @property
    def _heading(self) -> Words:
        return ("The second derivatives of ", access(self._cost._name), " = ", self._cost._formula.expression)

    def _sections(self, verbosity: str) -> Iterator[Section]:
        for (first, second), entry in self._entries.items():
            title: Words = (f"The derivative of d{self._cost._name}/d", access(first), " by ", access(second))
            for section in entry._sections(verbosity):
                items = section.items
                if section.title == ("Check",):
                    yield Section((*section.title, ": ", *title), items, section.folded)
                    continue
                if first != second:
                    words = (f"By symmetry that of d{self._cost._name}/d", access(second), " by ", access(first), " is the same.")
                    items = (*items, Sentence(words))
                yield Section(title, items, section.folded)
        if any(self._cost._checked.parameters.values()):
            rows = tuple((line,) for line in zip(str(self._cost.hessian.program).splitlines(), strict=True))
            yield Section(("The Hessian times a direction",), (Table(("equation",), rows),))

    def _text(self, part: Node) -> str:
        return self._writer._text(part)

    def _latex(self, part: Node) -> str:
        return self._writer._latex(part)

    @cached_property
    def _writer(self) -> Presented:
        """Formulas of all entries have the names of the cost."""
        return next(iter(self._entries.values()), None) or Derivation(self._cost)
