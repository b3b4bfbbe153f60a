"""`symgd explain`: the story of one update."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from symgd.command.options import array, as_json, assignments, has_place, remark, say, takes_data, takes_problem, writes
from symgd.command.problem import problem

__all__ = ["explain"]


@click.command()
@takes_problem
@takes_data
@click.option("--at", "places", metavar="NAME=VALUE", multiple=True, required=True, help="A parameter now: w=1, w=1,2,3. Repeatable.")
@click.option("--learning-rate", type=float, required=True, metavar="NUMBER", help="What the gradient is multiplied by.")
@writes("text", "latex", "html", "json")
def explain(places: tuple[str, ...], learning_rate: float, form: str, output: Path | None, **given: Any) -> None:
    """One step of gradient descent in words: cost, gradient, update, new cost.

    \b
        symgd explain "(w-3)^2" --at w=1 --learning-rate 0.1
    """
    has_place(output)
    asked = problem(given.pop("problem"), given)
    remark(*asked.cost.notes)
    at = {name: array(f"--at {name}", text) for name, text in assignments("--at", places).items()}
    story = asked.cost.explain(at, learning_rate=learning_rate, data=asked.data())
    say({"text": story.text, "latex": story.latex, "html": story.html, "json": lambda: as_json(story.to_json())}[form](), output)
