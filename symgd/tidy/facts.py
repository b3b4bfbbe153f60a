"""Program -> Program, simpler for data that keep the facts: each equation says which of them it uses."""

from __future__ import annotations

from dataclasses import replace

from symgd.program.equation import Equation, Program, Scan
from symgd.program.intervals import Intervals
from symgd.tidy.elements import Elements
from symgd.tidy.inline import inlined
from symgd.tidy.symmetry import folded
from symgd.tidy.totals import Totals

__all__ = ["known_elements", "known_sums"]


def known_elements(program: Program) -> Program:
    """Use what is known of single elements: that they are positive, or that their square is 1.

    >>> from symgd.cost.checked import check
    >>> from symgd.program.forward import forward
    >>> from symgd.reading.text import fact, problem
    >>> cost = problem("sum(abs(x[i])*w^2, i)", axes="i:m")
    >>> print(known_elements(forward(check(cost, parameters=["w"], facts=[fact("x[i] > 0", cost)]))))
    (1) C += x[i]*w^2 for i in 0:m  # by x[i] > 0
    """
    if not program.facts:
        return program
    elements = Elements(Intervals(program))
    return inlined(
        replace(
            program,
            equations=tuple(
                replace(item, equations=tuple(_on_elements(equation, elements) for equation in item.equations))
                if isinstance(item, Scan)
                else _on_elements(item, elements)
                for item in program.equations
            ),
        )
    )


def known_sums(program: Program) -> Program:
    """Use what is known of sums, and of symmetries."""
    if not program.facts:
        return program
    program = inlined(program, scaled=True)
    totals = Totals(program)
    output: list[Equation | Scan] = []
    for item in program.equations:
        output += [item] if isinstance(item, Scan) else totals.split(item)
    return folded(inlined(replace(program, equations=tuple(output))))


def _on_elements(equation: Equation, elements: Elements) -> Equation:
    body, used = elements.rewritten(equation.body)
    return equation if not used else replace(equation, body=body, facts=tuple(dict.fromkeys([*equation.facts, *used])))
