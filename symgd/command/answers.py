"""A table of many answers, a teacher's class: read from CSV or TOML, judged row by row, and counted.

| column of a CSV, key of an `[[answer]]` of a TOML | is |
|---|---|
| `answer` | the formula, `w = ...`, or a chain `w = a = b` |
| `parameter` | what it is the derivative by, where the answer does not say so itself |
| `name` | whose it is |
| `cost`, `samples`, `axes`, `where`, `parameters`, `constants`, `facts` | the problem, as in a problem file, lines of a CSV between `;` |

A row without a cost answers the problem of the row above, or that at the top of the TOML. Other columns are left alone.
"""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from symgd.command.options import assignments, remark
from symgd.command.problem import check_keys, decoded, override, stated_problem
from symgd.errors import InputError
from symgd.updates.rows import brief

if TYPE_CHECKING:
    from symgd.api import Cost
    from symgd.verification.verdict import Verdict, Verification

__all__ = ["Judged", "Row", "counted", "judged", "rows"]

PROBLEM: Final = ("cost", "samples", "axes", "where", "parameters", "constants", "facts")
COLUMNS: Final = ("name", *PROBLEM, "parameter", "answer")
WORST: Final = ("refused", "different", "undecided", "conditional", "equal", "proved")
LETTERS: Final = 100  # letters of a reason


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table. `number`: that of its line in a CSV, its place in a TOML. `stated`: the keys of its problem. `wrong`: why it is none."""

    number: int
    name: str = ""
    parameter: str = ""
    answer: str = ""
    stated: Mapping[str, Any] | None = None
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A row and what became of it. `refused`: why it was not judged."""

    row: Row
    verification: Verification | None = None
    refused: str = ""

    @property
    def verdict(self) -> Verdict | None:
        """The worst of its verdicts: an answer may be about several parameters."""
        found = () if self.verification is None else tuple(self.verification.verdicts.values())
        return min(found, key=lambda one: WORST.index(one.status), default=None)

    @property
    def status(self) -> str:
        return "refused" if self.verdict is None else self.verdict.status

    @property
    def parameter(self) -> str:
        return self.row.parameter or ("" if self.verification is None else ", ".join(self.verification.verdicts))

    @property
    def words(self) -> str:
        """Why, in a few words; nothing for what is right."""
        from symgd.verification.plain import inert, named

        verdict = self.verdict
        if verdict is None:
            return inert(self.refused)
        if verdict.correct:
            return ""
        if verdict.status == "conditional" and verdict.needs:
            return inert(brief(f"right if {' and '.join(verdict.needs)}", LETTERS))
        if verdict.mistakes:
            return brief(named(verdict.mistakes[0]), LETTERS)
        return inert(brief(verdict.reason, LETTERS))

    def record(self) -> dict[str, Any]:
        """Plain texts and numbers, for `json.dumps`."""
        from symgd.verification.record import record

        found: dict[str, Any] = {"row": self.row.number, "name": self.row.name, "parameter": self.parameter, "answer": self.row.answer}
        if self.verification is None:
            return {**found, "status": "refused", "correct": None, "reason": self.refused}
        return {**found, "status": self.status, **record(self.verification)}


def judged(path: Path, given: Mapping[str, Any], timeout: float) -> list[Judged]:
    """Every row of the table; `given`: the options of the command, which win over what the table says.

    A problem is parsed once, the same answer to it judged once, and a row that is refused stops no other. Raises InputError for a file that is no
    such table.
    """
    from symgd.verification.verify import verify

    costs: dict[str, Cost | str] = {}
    known: dict[tuple[str, str, str], Judged] = {}
    found: list[Judged] = []
    for row in rows(path):
        if row.wrong or row.stated is None:
            found.append(Judged(row, refused=row.wrong))
            continue
        key = json.dumps(row.stated, sort_keys=True, default=str)
        asked = (key, row.parameter, row.answer)
        if asked not in known:
            if key not in costs:
                costs[key] = _cost(row.stated, path.parent, given)
            cost = costs[key]
            try:
                known[asked] = Judged(row, refused=cost) if isinstance(cost, str) else Judged(row, verify(cost, _answer(row), timeout=timeout))
            except InputError as refused:
                known[asked] = Judged(row, refused=_first_line(refused))
        found.append(Judged(row, known[asked].verification, known[asked].refused))
    return found


def _cost(stated: Mapping[str, Any], folder: Path, given: Mapping[str, Any]) -> Cost | str:
    """The cost, or why there is none."""
    try:
        own = dict(stated)
        check_keys(own, "the problem")
        override(own, given)
        cost = stated_problem(own, folder, assignments("--set", given.get("values") or ()), None).cost
    except InputError as refused:
        return _first_line(refused)
    remark(*cost.notes)
    return cost


def _first_line(refused: InputError) -> str:
    """The sentence of a refusal, and what is accepted; the picture below it needs more room than a row has."""
    return str(refused).partition("\n")[0]


def _answer(row: Row) -> Any:
    """The answer as `verify` takes it: by its parameter, unless it names that itself."""
    if not row.parameter:
        return row.answer
    name = re.escape(row.parameter.partition("[")[0].strip())
    itself = re.match(rf"\s*(?:d\s*\w+\s*/\s*d\s*)?{name}\s*(\[[^\]]*\])?\s*=(?!=)", row.answer)
    return row.answer if itself else {row.parameter: row.answer}


def counted(found: Sequence[Judged]) -> dict[str, Any]:
    """How many answers have which status, and the mistakes by their kind, most frequent first: of a row, the likeliest mistake alone."""
    statuses = Counter(one.status for one in found)
    kinds = Counter(one.verdict.mistakes[0].kind for one in found if one.verdict and one.verdict.status == "different" and one.verdict.mistakes)
    return {
        "answers": len(found),
        **{status: statuses[status] for status in reversed(WORST)},
        "mistakes": dict(sorted(kinds.items(), key=lambda pair: (-pair[1], pair[0]))),
        "unexplained": statuses["different"] - kinds.total(),
    }


# Reading


def rows(path: Path) -> Iterator[Row]:
    """The rows of a CSV table or a TOML file with answers. Raises InputError for a file that is neither."""
    try:
        source = decoded(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise InputError(f"There is no file {path}.", accepted="a table of answers, .csv or .toml") from None
    return _of_toml(source, str(path)) if path.suffix.lower() == ".toml" else _of_csv(source, str(path))


def _of_csv(source: str, name: str) -> Iterator[Row]:
    delimiter = next((sign for sign in ",;\t" if sign in source.partition("\n")[0]), ",")
    reader = csv.reader(io.StringIO(source, newline=""), delimiter=delimiter)
    header = [cell.strip().lower() for cell in next(reader, [])]
    if "answer" not in header:
        raise InputError(f"{name} has no column answer.", accepted=f"a header row with some of {', '.join(COLUMNS)}")
    twice = next((column for column in COLUMNS if header.count(column) > 1), None)
    if twice is not None:
        raise InputError(f"{name} has two columns {twice}.", accepted="each name once")
    if ignored := [column for column in header if column not in COLUMNS]:
        remark(f"{name}: nothing is read from column {', '.join(map(brief, ignored))}.")
    return _cells(reader, header, {",": "comma", ";": "semicolon"}.get(delimiter, "tab"))


def _cells(reader: Any, header: list[str], delimiter: str) -> Iterator[Row]:
    above: dict[str, Any] = {}
    lost = ""  # a cost that cannot be read must not leave its rows to the one before
    while True:
        number = reader.line_num + 1  # as an editor counts them
        try:
            cells = next(reader, None)
        except csv.Error as wrong:
            lost = f"The cost of row {number} cannot be read."
            yield Row(number, wrong=f"{wrong}.")
            continue
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        given = {column: cell.strip() for column, cell in zip(header, cells, strict=False)}
        if any(cells[len(header) :]):
            words = f"There are {len(cells)} cells, {len(header)} in the header. Accepted: quotes around a cell with a {delimiter} in it."
            lost = f"The cost of row {number} cannot be read." if given.get("cost") else lost
            yield Row(number, given.get("name", ""), given.get("parameter", ""), wrong=words)
            continue
        stated = {key: _stated(key, given[key]) for key in PROBLEM if given.get(key)}
        above = stated if "cost" in stated else {**above, **stated}
        lost = "" if "cost" in stated else lost
        yield Row(number, given.get("name", ""), given.get("parameter", ""), wrong=lost) if lost else _row(number, given, above)


def _stated(key: str, cell: str) -> Any:
    """A cell as a problem file says the same."""
    if key in ("where", "facts"):
        return [line.strip() for line in cell.split(";") if line.strip()]
    if key == "constants" and "=" in cell:
        pairs = (pair.partition("=") for pair in re.split(r"[;,]", cell) if pair.strip())
        return {left.strip(): _number(right.strip()) for left, _, right in pairs}
    return cell


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell  # refused with its name


def _of_toml(source: str, name: str) -> Iterator[Row]:
    try:
        stated = tomllib.loads(source)
    except tomllib.TOMLDecodeError as wrong:
        raise InputError(f"{name}: {wrong}.", accepted="TOML, as in docs/command.md") from None
    answers = stated.pop("answer", None)
    if not isinstance(answers, list) or not all(isinstance(one, dict) for one in answers):
        raise InputError(f"{name} states no answers.", accepted='[[answer]] tables in it, or --answer "w = ..." beside it')
    check_keys(stated, name)
    return _tables(answers, {key: stated[key] for key in (*PROBLEM, "stabilise") if key in stated})


def _tables(answers: list[dict[str, Any]], above: dict[str, Any]) -> Iterator[Row]:
    for number, given in enumerate(answers, 1):
        own: dict[str, Any] = {key: given[key] for key in PROBLEM if key in given}
        above = own if "cost" in own else {**above, **own}
        unknown = next((key for key in given if key not in COLUMNS), None)
        words = next((key for key in ("name", "parameter", "answer") if not isinstance(given.get(key, ""), str)), None)
        if unknown is not None:
            yield Row(number, str(given.get("name", "")), wrong=f"There is no key {brief(unknown)}. Accepted: {', '.join(COLUMNS)}.")
        elif words is not None:
            yield Row(number, str(given.get("name", "")), wrong=f"{words} is {brief(given[words])}. Accepted: a text in quotes.")
        else:
            yield _row(number, given, above)


def _row(number: int, given: Mapping[str, Any], stated: Mapping[str, Any]) -> Row:
    name, parameter, answer = (given.get(key, "").strip() for key in ("name", "parameter", "answer"))
    wrong = "" if answer else "There is no answer."
    if "cost" not in stated:
        wrong = "There is no cost, here or in a row above."
    return Row(number, name, parameter, answer, stated, wrong)
