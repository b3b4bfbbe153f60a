"""`symgd train`: fit the parameters of a cost to data, and report them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from symgd.command.options import as_json, has_place, remark, takes_data, takes_problem, takes_rule, writes, written
from symgd.command.problem import Problem, problem
from symgd.errors import InputError

if TYPE_CHECKING:
    from symgd.command.main import Interrupts
    from symgd.training.result import Result

__all__ = ["train"]

FEW = 12  # elements of an array that get a row each
BROKEN_OFF, INTERRUPTED = 1, 130


@click.command()
@takes_problem
@takes_data
@takes_rule
@click.option("--steps", type=int, metavar="NUMBER", help="Updates; 1000 by default.")
@click.option("--epochs", type=int, metavar="NUMBER", help="Passes over all samples, in place of steps.")
@click.option("--batch-size", type=int, metavar="NUMBER", help="Samples of one update; all by default.")
@click.option("--seed", type=int, metavar="NUMBER", help="Of start values and shuffles; 0 by default.")
@click.option("--tolerance", type=float, metavar="NUMBER", help="The gradient norm that counts as converged; 1e-8 by default, 0 for never.")
@click.option("--start", multiple=True, metavar="START", help="w=1, b=zeros; or for all parameters zeros, normal, ... or an .npz file. Repeatable.")
@click.option("--save-parameters", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.npz", help="Write the parameters.")
@click.option("--cost-curve", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.png", help="Draw the cost over the steps.")
@writes("text", "json")
@click.pass_obj
def train(interrupts: Interrupts, /, form: str, output: Path | None, save_parameters: Path | None, cost_curve: Path | None, **given: Any) -> None:
    """Fit the parameters to data; -o writes the whole result as JSON.

    \b
        symgd train examples/diabetes.toml
        symgd train "mean((w*x + b - y)^2)" --samples x,y --data line.csv --learning-rate 0.1
    """
    asked = problem(given.pop("problem"), given)
    files = {**asked.output}
    files |= {name: path for name, path in (("parameters", save_parameters), ("result", output), ("cost_curve", cost_curve)) if path is not None}
    for path in files.values():
        has_place(path)
    if "cost_curve" in files:
        _needs_matplotlib()
    _refuse_doubtful(asked)
    remark(*asked.cost.notes)
    data = asked.data()
    trainer = asked.trainer()
    interrupts.check()  # from here on the fit keeps it in mind
    result = trainer.fit(data, start=asked.start, **asked.fit)
    click.echo(as_json(result.to_json()) if form == "json" else _report(asked, data, result))
    _write(result, files)
    if _interrupted(result):
        sys.exit(INTERRUPTED)
    if _broken_off(result):
        sys.exit(BROKEN_OFF)


def _write(result: Result, files: dict[str, Path]) -> None:
    if "parameters" in files:
        result.save(files["parameters"])
    if "result" in files:
        written(files["result"], as_json(result.to_json()) + "\n")
    if "cost_curve" in files:
        from matplotlib.figure import Figure

        figure = Figure(layout="constrained")
        result.plot(figure.subplots())
        figure.savefig(files["cost_curve"])


def _refuse_doubtful(asked: Problem) -> None:
    doubtful = asked.cost._checked.doubtful
    if doubtful:
        names = ", ".join(doubtful)
        what = f"The cost is affine in {names}, so no step would ever end. Is it a constant?"
        raise InputError(what, accepted=f"--set {doubtful[0]}=0.1, or --parameters with {names} among them")


def _needs_matplotlib() -> None:
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise InputError("A cost curve is drawn with Matplotlib, which is not installed.", accepted='pip install "symgd[plot]"')


# The report


def _report(asked: Problem, data: dict[str, Any], result: Result) -> str:
    """How it ended, on how many samples, and a table of the parameters with their gradients."""
    count = _samples(asked, data, result)
    where = "" if count is None else f" on {count:,} {asked.noun}"
    head = f"{_ended(result)}: cost {result.cost:.7g}{where}"
    return "\n".join([head, result.reason, "", *_table(("parameter", "value", "gradient"), list(_rows(result)))])


def _ended(result: Result) -> str:
    if result.converged:
        return "converged"
    if _interrupted(result):
        return "interrupted"
    return "broken off" if _broken_off(result) else "not converged"


def _interrupted(result: Result) -> bool:
    return result.reason.startswith("Interrupted")


def _broken_off(result: Result) -> bool:
    """Whether the cost became infinite, or no number."""
    return result.reason.startswith("At step")


def _samples(asked: Problem, data: dict[str, Any], result: Result) -> int | None:
    """The length of the axis that the sums over data share, None where there is none."""
    from symgd.program.shapes import value

    cost = asked.cost
    if cost.gradient.program.row is None or not cost.data:
        return None
    _, arrays, known = cost._kernels.inputs(None, data)
    shapes = {name: array.shape for name, array in arrays.items()}
    shapes |= {name: getattr(found, "shape", ()) for name, found in result.parameters.items()}
    return value(cost.gradient.program.row, cost._kernels.lengths(shapes, known))


def _rows(result: Result) -> Iterator[tuple[str, str, str]]:
    """Parameter, value and gradient: a row an element of small arrays, else a row with shape and range."""
    import numpy as np

    for name, found in result.parameters.items():
        slope = result.gradient[name]
        if isinstance(found, float):
            yield name, f"{found:.8g}", f"{slope:.2g}"
        elif found.size <= FEW:
            gradient = np.asarray(slope)
            for place in np.ndindex(found.shape):
                yield f"{name}[{', '.join(map(str, place))}]", f"{found[place]:.8g}", f"{gradient[place]:.2g}"
        else:
            norm = float(np.linalg.norm(np.ravel(slope)))
            yield f"{name} ({' x '.join(map(str, found.shape))})", f"{found.min():.4g} to {found.max():.4g}", f"norm {norm:.2g}"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """Aligned columns; on a terminal ruled by rich."""
    if sys.stdout.isatty():
        return _ruled(head, rows)
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for first, *others in (head, *rows):
        cells = [f"{first:<{widths[0]}}", *(f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))]
        lines.append("  ".join(cells))
    return lines


def _ruled(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for place, name in enumerate(head):
        table.add_column(name, justify="right" if place else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console()
    with console.capture() as captured:
        console.print(table)
    return captured.get().rstrip("\n").split("\n")
