"""Data files: the columns of a CSV table and the arrays of an .npz archive, by the names of the cost."""

from __future__ import annotations

import csv
import re
import zipfile
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symgd.errors import InputError
from symgd.updates.rows import UnknownName, brief, unknown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Columns", "archive", "read"]

Columns = Mapping[str, str | Sequence[str]]
"""Name in the cost -> column or list of columns of a CSV table, "all but a, b", or array of an .npz archive."""

_ALL_BUT = re.compile(r"all but (.+)")


def read(path: Path, ranks: Mapping[str, int], columns: Columns | None = None) -> dict[str, NDArray[Any]]:
    """The data that a cost asks for. `ranks`: name -> its number of axes; a name without an entry in `columns` is looked for under its own.

    Raises InputError for a column that is not there, and, with row and column, for what is no number.
    """
    for name in columns or {}:
        if name not in ranks:
            raise unknown("data array", name, ranks)
    if not path.is_file():
        raise InputError(f"There is no file {path}.", accepted="a .csv table with a header row, or an .npz archive")
    kind = path.suffix.lower()
    if kind == ".npz":
        return _from_archive(path, ranks, columns or {})
    if kind == ".csv":
        return _from_table(path, ranks, columns or {})
    raise InputError(f"{path} is no kind of table that is read here.", accepted=".csv with a header row, .npz")


def archive(path: Path) -> dict[str, NDArray[Any]]:
    """Every array of an .npz archive. Nothing in it is executed: arrays of Python objects are refused."""
    import numpy as np

    try:
        with path.open("rb") as raw:
            file = np.load(raw, allow_pickle=False)
            if isinstance(file, np.ndarray):
                raise InputError(f"{path} is a single array without a name.", accepted="an .npz archive, numpy.savez(path, x=..., y=...)")
            return {name: _entry(path, file, name) for name in file.files}
    except FileNotFoundError:
        raise InputError(f"There is no file {path}.", accepted="an .npz archive") from None
    except InputError:
        raise
    except (zipfile.BadZipFile, ValueError, EOFError):
        raise InputError(f"{path} is no .npz archive, or damaged.", accepted="what numpy.savez writes") from None


def _entry(path: Path, file: Any, name: str) -> NDArray[Any]:
    try:
        found: NDArray[Any] = file[name]
    except (zipfile.BadZipFile, ValueError, EOFError):
        raise InputError(f"{path}: {name} holds Python objects, or is damaged.", accepted="arrays of numbers") from None
    return found


def _from_archive(path: Path, ranks: Mapping[str, int], columns: Columns) -> dict[str, NDArray[Any]]:
    found = archive(path)
    data: dict[str, NDArray[Any]] = {}
    for name in ranks:
        wanted = columns.get(name, name)
        if not isinstance(wanted, str):
            raise InputError(f"{path}: {name} is a list of columns.", accepted=f"the name of one array: {', '.join(found)}")
        if wanted not in found:
            raise UnknownName(f"{path}: {unknown('array', wanted, found)}")
        data[name] = found[wanted]
    return data


@dataclass(frozen=True, slots=True)
class _Table:
    """A CSV file: its column names and the places of what is read."""

    path: Path
    header: list[str]

    def place(self, column: str) -> int:
        if column not in self.header:
            raise UnknownName(f"{self.path}: {unknown('column', column, self.header)}")
        return self.header.index(column)

    def places(self, name: str, wanted: str | Sequence[str]) -> list[int] | int:
        """The position of one column, or those of several."""
        if not isinstance(wanted, str):
            return [self.place(column) for column in wanted]
        rest = _ALL_BUT.fullmatch(wanted)
        if rest is None or wanted in self.header:
            return self.place(wanted)
        left_out = {self.place(column.strip()) for column in rest[1].split(",")}
        kept = [place for place in range(len(self.header)) if place not in left_out]
        if not kept:
            raise InputError(f"{self.path}: {wanted!r} leaves no column for {name}.", accepted="at least one column")
        if "" in (self.header[place] for place in kept):
            raise InputError(f"{self.path}: column {self.header.index('') + 1} has no name; is it one of {name}?", accepted="a list of columns")
        return kept


def _from_table(path: Path, ranks: Mapping[str, int], columns: Columns) -> dict[str, NDArray[Any]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = _rows(path, file)
            table = _Table(path, _header(path, rows))
            wanted = _wanted(table, ranks, columns)
            used = sorted({place for places in wanted.values() for place in ([places] if isinstance(places, int) else places)})
            numbers = _numbers(table, rows, used)
    except UnicodeDecodeError:
        raise InputError(f"{path} is no UTF-8 text.", accepted="a .csv table in UTF-8") from None
    position = {place: n for n, place in enumerate(used)}
    return {
        name: numbers[:, position[places]] if isinstance(places, int) else numbers[:, [position[place] for place in places]]
        for name, places in wanted.items()
    }


def _wanted(table: _Table, ranks: Mapping[str, int], columns: Columns) -> dict[str, list[int] | int]:
    """Name -> the places of its columns."""
    wanted: dict[str, list[int] | int] = {}
    for name, rank in ranks.items():
        if name not in columns and rank > 1:
            raise InputError(f"{table.path}: which columns are {name}?", accepted=f'--columns "{name}=a,b", or all but some: "{name}=all but c"')
        places = table.places(name, columns.get(name, name))
        if rank == 2 and isinstance(places, int):
            places = [places]
        if rank != (1 if isinstance(places, int) else 2):
            index = "index" if rank == 1 else "indices"
            said = "one column" if isinstance(places, int) else "several columns"
            accepted = {0: f"its value: --set {name}=number", 1: "one column"}.get(rank, "an array of an .npz archive")
            raise InputError(f"{table.path}: {name} has {rank or 'no'} {index} in the cost, and {said} here.", accepted=accepted)
        wanted[name] = places
    return wanted


def _rows(path: Path, file: Any) -> Iterator[tuple[int, list[str]]]:
    """(row, cells) of every row that is not empty; rows count as an editor and a spreadsheet count them, the header is row 1."""
    first = file.readline()
    file.seek(0)
    delimiter = next((sign for sign in ",;\t" if sign in first), ",")
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    row = 1
    try:
        for cells in reader:
            if cells:
                yield row, cells
            row = reader.line_num + 1
    except csv.Error as wrong:
        raise InputError(f"{path}, row {row}: {wrong}.", accepted="cells between commas, quoted where they hold commas") from None


def _header(path: Path, rows: Iterator[tuple[int, list[str]]]) -> list[str]:
    row, cells = next(rows, (1, []))
    header = [cell.strip() for cell in cells]
    if not any(header):
        raise InputError(f"{path} is empty.", accepted="a header row with the names of the columns, then rows of numbers")
    if all(map(_is_number, header)):
        raise InputError(f"{path}, row {row} holds numbers where the names of the columns are expected.", accepted="a header row: x,y")
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        what = f"two columns {twice}" if twice else "two columns without a name"
        raise InputError(f"{path}, row {row} names {what}.", accepted="each name once")
    return header


def _numbers(table: _Table, rows: Iterator[tuple[int, list[str]]], used: list[int]) -> NDArray[np.float64]:
    """The numbers of the used columns, one row a row of the table."""
    import numpy as np

    values, numbered = array("d"), array("q")
    for row, cells in rows:
        if len(cells) != len(table.header):
            raise InputError(f"{table.path}, row {row} has {len(cells)} cells, the header {len(table.header)}.", accepted="as many in every row")
        try:
            values.extend([float(cells[place]) for place in used])
        except ValueError:
            place = next(place for place in used if not _is_number(cells[place]))
            what = brief(repr(cells[place]), 40) if cells[place].strip() else "empty"
            raise InputError(f"{table.path}, row {row}, column {table.header[place]} is {what}.", accepted="a number") from None
        numbered.append(row)
    if not numbered:
        raise InputError(f"{table.path} has a header and no rows.", accepted="at least one row of numbers")
    numbers = np.array(values).reshape(len(numbered), len(used))
    for row, column in np.argwhere(~np.isfinite(numbers)):
        shown = f"{table.path}, row {numbered[row]}, column {table.header[used[column]]}"
        raise InputError(f"{shown} is {numbers[row, column]}.", accepted="finite numbers")
    return numbers


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
