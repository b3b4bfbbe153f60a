"""Options that several commands share, and the reading of their values."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from symgd.errors import InputError, NotBuilt

Command = TypeVar("Command", bound=Callable[..., Any])

_PROBLEM = (
    click.argument("problem"),
    click.option("--samples", metavar="NAMES", help="Columns with a value per sample: x,y."),
    click.option("--where", metavar="DEFINITION", multiple=True, help='A named intermediate, "z[i] = sum(w[j]*X[i, j], j)". Repeatable.'),
    click.option("--axes", metavar="LENGTHS", help='Lengths of index letters: "k:32 j:d".'),
    click.option("--parameters", metavar="NAMES", help="What is differentiated for and fitted: w,b."),
    click.option("--constants", metavar="NAMES", help="What is neither: lam."),
    click.option("--fact", "facts", metavar="FACT", multiple=True, help='What is known of the data: "sum(Y[i, l], l) = 1". Repeatable.'),
    click.option("--as-written", is_flag=True, help="Compute every formula as it is written, also where that overflows."),
    click.option("--set", "values", metavar="NAME=NUMBER", multiple=True, help="The value of a constant or a length. Repeatable."),
)
_OUTPUT = click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to this file.")
_DATA = (
    click.option("--data", metavar="FILE", help="A table: .csv with a header, or .npz."),
    click.option("--columns", metavar="NAME=COLUMNS", multiple=True, help='Where a name stands in it: y=target, "X=all but target". Repeatable.'),
)
_RULE = (
    click.option("--optimizer", metavar="NAME", help="The update rule: gradient_descent, momentum, adam."),
    click.option("--learning-rate", type=float, metavar="NUMBER", help="The rate of the update rule."),
)


def takes_problem(command: Command) -> Command:
    """PROBLEM, and how the names in it are meant."""
    return _with(command, _PROBLEM)


def takes_data(command: Command) -> Command:
    """The file with the data."""
    return _with(command, _DATA)


def takes_rule(command: Command) -> Command:
    """The update rule and its rate."""
    return _with(command, _RULE)


def _with(command: Command, options: Iterable[Callable[[Command], Command]]) -> Command:
    for option in reversed(tuple(options)):
        command = option(command)
    return command


def writes(*formats: str) -> Callable[[Command], Command]:
    """`--format` with these formats, the first by default, and `-o`."""

    def checked(context: click.Context, parameter: click.Parameter, value: str) -> str:
        if value == "html" and "html" not in formats:
            raise NotBuilt("--format html is not built yet.", accepted=", ".join(formats))
        if value not in formats:
            raise InputError(f"--format is {value}.", accepted=", ".join(formats))
        return value

    def decorate(command: Command) -> Command:
        option = click.option("--format", "form", default=formats[0], metavar="|".join(formats), callback=checked, help=f"{formats[0]} by default.")
        return option(_OUTPUT(command))

    return decorate


def assignments(option: str, given: Iterable[str]) -> dict[str, str]:
    """NAME -> what stands behind its equals sign, of a repeatable option.

    >>> assignments("--set", ["lam=0.1", "n = 9"])
    {'lam': '0.1', 'n': '9'}
    """
    found: dict[str, str] = {}
    for text in given:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not (name and sign and value):
            raise InputError(f"{option} is {text!r}.", accepted=f"{option} name=value")
        if name in found:
            raise InputError(f"{option} gives {name} twice.", accepted="each name once")
        found[name] = value
    return found


_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def number(name: str, text: str) -> float:
    """A finite number as everybody writes it.

    >>> number("--set lam", "1e-3")
    0.001
    >>> number("--set lam", "1_000")
    Traceback (most recent call last):
    ...
    symgd.errors.InputError: --set lam is '1_000'. Accepted: a number such as 0.1 or 1e-3.
    """
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise InputError(f"{name} is {text!r}.", accepted="a number such as 0.1 or 1e-3")
    return value


def array(name: str, text: str) -> Any:
    """A number, or the elements of an array: `1,2,3` or `[[1, 2], [3, 4]]`.

    >>> array("--at w", "1"), array("--at w", "1,2.5"), array("--at W", "[[1, 2], [3, 4]]")
    (1.0, [1.0, 2.5], [[1, 2], [3, 4]])
    """
    if text.startswith("["):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise InputError(f"{name} is {text!r}.", accepted="numbers in square brackets: [1, 2] or [[1, 2], [3, 4]]") from None
    if "," in text:
        return [number(name, part.strip()) for part in text.rstrip(",").split(",")]
    return number(name, text)


def say(text: str, output: Path | None) -> None:
    """The result of a command: to a file, or to standard output."""
    if output is None:
        click.echo(text)
    else:
        written(output, text + "\n")


def as_json(found: Mapping[str, Any]) -> str:
    """A JSON object, an entry a line.

    >>> print(as_json({"w": [1, 2], "b": None}))
    {
      "w": [1, 2],
      "b": null
    }
    """
    return "{\n" + ",\n".join(f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in found.items()) + "\n}"


def written(path: Path, text: str) -> None:
    """Write the file whole."""
    path.write_text(text, encoding="utf-8")


def has_place(path: Path | None) -> None:
    """Refuse a file that cannot be written, before any work is done for it."""
    if path is not None and not path.absolute().parent.is_dir():
        raise InputError(f"There is no folder {path.parent} to write {path.name} to.", accepted="a folder that exists")


def remark(*notes: str) -> None:
    """Notes go to standard error, so that a pipe gets results only."""
    for note in notes:
        click.echo(f"note: {note}", err=True)
