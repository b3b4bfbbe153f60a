"""`symgd verify`: an answer beside the exact derivative, or a table of many answers."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from symgd.command.options import has_place, remark, say, takes_problem, writes
from symgd.command.problem import problem
from symgd.errors import InputError

if TYPE_CHECKING:
    from rich.text import Text

    from symgd.command.answers import Judged

__all__ = ["verify"]

RIGHT, DIFFERENT, OPEN = 0, 1, 3
TABLES = (".csv", ".toml")


@click.command()
@takes_problem
@click.option("--answer", "answers", metavar="FORMULA", multiple=True, help='A derivative: "w = 2*(w-3)", "W[k, j] = ...". Repeatable.')
@click.option("--timeout", type=float, default=2.0, metavar="SECONDS", help="For one answer; 2 by default.")
@writes("text", "latex", "html", "json")
def verify(answers: tuple[str, ...], timeout: float, form: str, output: Path | None, **given: Any) -> None:
    """Whether an answer is the derivative, and what went wrong if not.

    PROBLEM without --answer is a table of many answers, .csv or .toml.

    \b
        symgd verify "(w-3)^2" --answer "w = 2*(w-3)"
        symgd verify "mean((w*x + b - y)^2)" --samples x,y --answer "w = 2*mean(x*(w*x + b - y))" --answer "b = ..."
        symgd verify examples/answers.csv

    Exit codes: 0 right, 1 different, 2 input refused, 3 conditional or undecided.
    """
    has_place(output)
    if not 0 < timeout < math.inf:
        raise InputError(f"--timeout is {timeout}.", accepted="a number of seconds above 0")
    argument = given.pop("problem")
    sys.exit(_one(argument, given, answers, timeout, form, output) if answers else _many(argument, given, timeout, form, output))


def _one(argument: str, given: Mapping[str, Any], answers: Sequence[str], timeout: float, form: str, output: Path | None) -> int:
    cost = problem(argument, given).cost
    remark(*cost.notes)
    from symgd.verification.verify import verify as judge

    found = judge(cost, "\n".join(answers), timeout=timeout)
    if form == "text" and output is None and sys.stdout.isatty():
        from symgd.verification.plain import coloured

        _print(coloured(found))
    else:
        say({"text": found.text, "latex": found.latex, "html": found.html, "json": found.json}[form](), output)
    return {True: RIGHT, False: DIFFERENT, None: OPEN}[found.correct]


def _many(argument: str, given: Mapping[str, Any], timeout: float, form: str, output: Path | None) -> int:
    path = Path(argument)
    if path.suffix.lower() not in TABLES:
        raise InputError("There is no answer to judge.", accepted='--answer "w = ..."; or a table of answers, .csv or .toml, in place of a cost')
    if form == "latex":
        raise InputError("--format latex shows one answer.", accepted="text, html, json for a table of answers")
    from symgd.command.answers import counted, judged

    found = judged(path, given, timeout)
    counts = counted(found)
    if form == "json":
        say(json.dumps({"answers": [one.record() for one in found], "summary": counts}, indent=2, ensure_ascii=False, allow_nan=False), output)
    elif form == "html":
        say(_page(path.name, found, counts), output)
    elif output is None and sys.stdout.isatty():
        _print(_lines(found, counts))
    else:
        say(_lines(found, counts).plain, output)
    return DIFFERENT if counts["different"] else OPEN if counts["conditional"] + counts["undecided"] + counts["refused"] else RIGHT


def _lines(found: Sequence[Judged], counts: Mapping[str, Any]) -> Text:
    """A line a row, in columns, and the counts below."""
    from rich.text import Text

    from symgd.verification.plain import COLOURS, inert

    cells = [(str(one.row.number), inert(one.row.name), inert(one.parameter), one.status, one.words) for one in found]
    widths = [max((len(row[n]) for row in cells), default=0) for n in range(4)]
    lines = Text()
    for row in cells:
        line = Text(row[0].rjust(widths[0]))
        for n in (1, 2, 3):
            if widths[n]:
                line.append("  ")
                line.append(row[n].ljust(widths[n]), COLOURS.get(row[3], "yellow") if n == 3 else "")
        line.append(f"  {row[4]}")
        line.rstrip()
        lines.append(line).append("\n")
    return lines.append("\n" * bool(cells) + "\n".join(_summary(counts)))


def _summary(counts: Mapping[str, Any]) -> list[str]:
    """The counts in a sentence, and the mistakes in one.

    >>> _summary({"answers": 3, "proved": 1, "different": 2, "refused": 0, "mistakes": {"sign": 1}, "unexplained": 1})
    ['3 answers: 1 proved, 2 different.', 'Mistakes: sign 1; unexplained 1.']
    """
    said = [f"{number} {status}" for status, number in counts.items() if number and status not in ("answers", "mistakes", "unexplained")]
    lines = [f"{counts['answers']} {'answer' if counts['answers'] == 1 else 'answers'}{': ' if said else ''}{', '.join(said)}."]
    kinds = ", ".join(f"{kind.replace('-', ' ')} {number}" for kind, number in counts["mistakes"].items())
    unexplained = f"unexplained {counts['unexplained']}" if counts["unexplained"] else ""
    if kinds or unexplained:
        lines.append(f"Mistakes: {'; '.join(filter(None, (kinds, unexplained)))}.")
    return lines


def _page(title: str, found: Sequence[Judged], counts: Mapping[str, Any]) -> str:
    from symgd.verification.page import table

    said = [{"row": one.row.number, "name": one.row.name, "parameter": one.parameter, "status": one.status, "words": one.words} for one in found]
    return table(title, _summary(counts), [{**row, "verification": one.verification} for row, one in zip(said, found, strict=True)])


def _print(shown: Text) -> None:
    from rich.console import Console

    Console(highlight=False).print(shown, soft_wrap=True)
