"""`symgd generate`: write the trainer of a cost as a Python module of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from symgd.command.options import has_place, remark, takes_problem, takes_rule
from symgd.command.problem import problem

__all__ = ["generate"]


@click.command()
@takes_problem
@takes_rule
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.py", help="Write to this file.")
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
def generate(output: Path | None, overwrite: bool, **given: Any) -> None:
    """The trainer as a Python module of its own, which needs NumPy and Numba only.

    \b
        symgd generate examples/digits_mlp.toml -o trainer.py
        python trainer.py data.npz -o result.npz
    """
    has_place(output)
    asked = problem(given.pop("problem"), given)
    remark(*asked.cost.notes)
    if output is not None:
        asked.trainer().save(output, lengths=asked.lengths, overwrite=overwrite)
        return
    from symgd.training.saving import source

    click.echo(source(asked.trainer(), asked.lengths), nl=False)
