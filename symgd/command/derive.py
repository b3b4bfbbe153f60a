"""`symgd derive`: the partial derivatives of a cost, or the numbered equations that compute them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from symgd.command.options import as_json, has_place, remark, say, takes_problem, writes
from symgd.command.problem import problem
from symgd.errors import InputError, LimitError

if TYPE_CHECKING:
    from symgd.api import Cost

__all__ = ["derive"]


@click.command()
@takes_problem
@click.option("--program", is_flag=True, help="The numbered equations that run, in place of closed forms.")
@click.option("--steps", is_flag=True, help="Every step of the derivation in words.")
@click.option("--parameter", metavar="NAME", help="With --steps: the derivative by this parameter alone.")
@click.option("--verbosity", default="normal", metavar="brief|normal|full", help="With --steps: how many of them are shown; normal by default.")
@writes("text", "latex", "html", "json")
def derive(program: bool, steps: bool, parameter: str | None, verbosity: str, form: str, output: Path | None, **given: Any) -> None:
    """The exact gradient of a cost.

    \b
        symgd derive "(w-3)^2"
        symgd derive "mean((w*x + b - y)^2)" --samples x,y --format latex
        symgd derive "sin(4*x)/(4*x)" --steps
        symgd derive examples/digits_mlp.toml --steps --format html -o steps.html
    """
    has_place(output)
    if not steps and (parameter is not None or verbosity != "normal"):
        raise InputError(f"--{'verbosity' if parameter is None else 'parameter'} belongs to --steps.", accepted="--steps beside it")
    if form == "html" and not steps:
        raise InputError("--format html shows the steps of a derivation.", accepted="--steps beside it")
    cost = problem(given.pop("problem"), given).cost
    remark(*cost.notes, *cost.rewritten)
    if steps:
        say(_steps(cost, parameter, verbosity, form), output)
    elif form == "json":
        say(as_json(_json(cost)), output)
    elif form == "latex":
        say(_latex(cost, program), output)
    else:
        say(_text(cost, program), output)


def _steps(cost: Cost, parameter: str | None, verbosity: str, form: str) -> str:
    if parameter is not None and parameter not in cost.parameters:
        raise InputError(f"{parameter} is no parameter of this cost.", accepted=", ".join(cost.parameters) or "no --parameter")
    derivation = cost.derivation(parameter)
    if form == "json":
        return as_json(derivation.to_json(verbosity))
    shown = {"text": derivation.text, "latex": derivation.latex, "html": derivation.html}[form]
    return shown(verbosity)


def _text(cost: Cost, program: bool) -> str:
    if not program:
        try:
            return aligned(cost.gradient.text())
        except LimitError as long:
            remark(f"{long.what} These numbered equations compute it.")
    return str(cost.gradient.program)


def _latex(cost: Cost, program: bool) -> str:
    if program:
        from symgd.printing.latex import latex

        return latex(cost.gradient.program)
    return cost.gradient.latex()


def _json(cost: Cost) -> dict[str, Any]:
    first, *where = cost.text().splitlines()
    try:
        partials = dict(_sides(line) for line in cost.gradient.text().splitlines())
    except LimitError as long:
        remark(f"{long.what} The numbered equations compute it.")
        partials = None
    return {
        "cost": _sides(first)[1],
        "where": where,
        "parameters": list(cost.parameters),
        "data": list(cost.data),
        "constants": cost.constants,
        "facts": list(cost.facts),
        "gradient": None if partials is None else {left.removeprefix("dC/d"): right.partition("  # by ")[0] for left, right in partials.items()},
        "program": [str(equation) for equation in cost.gradient.program.equations],
        "notes": list(cost.notes),
        "rewritten": list(cost.rewritten),
    }


def aligned(lines: str) -> str:
    """Equations line by line, their first equals signs below each other.

    >>> print(aligned("dC/dw[j] = 2*w[j]\\ndC/db = 1"))
    dC/dw[j] = 2*w[j]
    dC/db    = 1
    """
    pairs = [_sides(line) for line in lines.splitlines()]
    width = max((len(left) for left, _ in pairs), default=0)
    return "\n".join(f"{left:<{width}} = {right}" for left, right in pairs)


def _sides(line: str) -> tuple[str, str]:
    left, sign, right = line.partition(" = ")
    if not sign:
        raise InputError(f"{line} is no equation.", accepted="left = right")
    return left, right
