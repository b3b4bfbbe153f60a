"""The compiler on one screen: a checked cost becomes a program, the program its gradient, the gradient code."""

from __future__ import annotations

from symgd.cost.checked import Checked
from symgd.nodes.growing import growing
from symgd.program.equation import Program
from symgd.program.forward import forward
from symgd.program.gate import checked_forward, checked_reverse, checked_same
from symgd.reverse.reverse import reverse
from symgd.tidy.passes import in_fewer_passes
from symgd.tidy.tidy import tidy


def forward_program(checked: Checked) -> Program:
    """The equations of cost and definitions."""
    with growing():
        program = forward(checked)
    checked_forward(checked, program)
    return program


def gradient_program(program: Program) -> Program:
    """The equations of cost and gradient together: what is shown and what runs."""
    with growing():
        swept = reverse(program)
    checked_reverse(swept)
    with growing():
        tidied = tidy(swept)
    checked_same(swept, tidied, "tidying")
    factored = in_fewer_passes(program, swept, tidied)
    if factored is not tidied:
        checked_same(swept, factored, "factoring")
    return factored
