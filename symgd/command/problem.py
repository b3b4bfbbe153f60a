"""A problem as a command gets it: a formula with options, or a TOML file that says the same; what the command line says wins.

| key of the file | is |
|---|---|
| `cost` | the formula |
| `where` | named intermediates: a table target = formula, or a list of "target = formula" |
| `samples`, `axes`, `parameters`, `constants` | how names are meant; `constants` a table name = number, or a list of names |
| `facts` | what is known of the data, a list of lines: "sum(Y[i, l], l) = 1" |
| `stabilise` | `false` to compute formulas as they are written |
| `noun` | what a sample is called in the report: "patients" |
| `[data]` | `file`, a path from the folder of the problem file; `columns`: name = column, list of columns, "all but a, b", or array |
| `[start]` | parameter = number, list, initializer, or table {name = "normal", deviation = 0.1}; `start = "zeros"` for all; or an .npz file |
| `[optimizer]` | `name`, `learning_rate` and the settings of the rule |
| `[fit]` | `steps` or `epochs`, `batch_size`, `seed`, `tolerance`, `shuffle` |
| `[output]` | files to write: `parameters` (.npz), `result` (.json), `cost_curve` (.png) |
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from symgd.command.options import array, assignments, number
from symgd.errors import InputError
from symgd.updates.rows import UnknownName, brief, unknown

if TYPE_CHECKING:
    from symgd.api import Cost
    from symgd.training.trainer import Trainer

__all__ = ["Problem", "check_keys", "decoded", "override", "problem", "stated_problem"]

TEXT, NAMES, TABLE = "a text in quotes", 'names: ["w", "b"] or "w, b"', "a table"
KEYS: Final[Mapping[str, tuple[Any, str]]] = {
    "cost": (str, TEXT),
    "where": ((dict, list), 'a table of "z[i]" = "formula", or a list of "z[i] = formula"'),
    "parameters": ((str, list), NAMES),
    "constants": ((dict, str, list), "a table of lam = 0.1, or names"),
    "samples": ((str, list), NAMES),
    "axes": ((dict, str), '"k:32 j:d", or a table of k = 32'),
    "facts": (list, 'a list of lines: ["sum(Y[i, l], l) = 1"]'),
    "stabilise": (bool, "true or false"),
    "noun": (str, TEXT),
    "data": (dict, TABLE),
    "data.file": (str, TEXT),
    "data.columns": (dict, TABLE),
    "start": ((dict, str), 'a table of w = 1, the name of an initializer, or an .npz file'),
    "optimizer": ((dict, str), "a name, or a table with name and settings"),
    "fit": (dict, TABLE),
    "fit.steps": (object, ""),
    "fit.epochs": (object, ""),
    "fit.batch_size": (object, ""),
    "fit.seed": (object, ""),
    "fit.tolerance": (object, ""),
    "fit.shuffle": (object, ""),
    "output": (dict, TABLE),
    "output.parameters": (str, "a file name in quotes"),
    "output.result": (str, "a file name in quotes"),
    "output.cost_curve": (str, "a file name in quotes"),
}
FIT: Final = tuple(key.partition(".")[2] for key in KEYS if key.startswith("fit."))
_STATES_A_COST = re.compile(r"^\s*cost\s*=(?!=)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Problem:
    """A cost, and what was said about its data, start and training. `lengths`: values of lengths by name. `file`: the table, or None."""

    cost: Cost
    lengths: Mapping[str, int]
    values: Mapping[str, float]
    file: Path | None
    columns: Mapping[str, Any]
    start: Mapping[str, Any] | str | None
    optimizer: str
    settings: Mapping[str, Any]
    fit: Mapping[str, Any]
    output: Mapping[str, Path]
    noun: str

    def data(self) -> dict[str, Any]:
        """What `fit` takes: the columns of the file that the cost names, the lengths, and the constants that the problem gives a value."""
        checked = self.cost._checked
        ranks = {**checked.data, **{name: checked.data.get(name, 0) for name, value in checked.constants.items() if value is None}}
        ranks = {name: rank for name, rank in ranks.items() if name not in self.values}
        if self.file is None:
            if ranks:
                raise InputError(f"No value for data {', '.join(ranks)}.", accepted="--data FILE with columns of these names; --set for constants")
            return {**self.lengths, **self.values}
        from symgd.command.tables import read

        return {**read(self.file, ranks, self.columns), **self.lengths, **self.values}

    def trainer(self) -> Trainer:
        return self.cost.trainer(self.optimizer, **self.settings)


def problem(argument: str, given: Mapping[str, Any]) -> Problem:
    """The problem that the argument of a command states. `given`: the options by name, None or empty where they were not used.

    >>> found = problem("mean((w*x - y)^2) + lam*w^2", {"samples": "x,y", "values": ["lam=0.1"]})
    >>> found.cost.parameters, found.cost.constants
    (('w',), {'lam': 0.1})
    """
    stated, folder = _stated(argument)
    override(stated, given)
    return stated_problem(stated, folder, assignments("--set", given.get("values") or ()), Path(given["data"]) if given.get("data") else None)


# Reading


def _stated(argument: str) -> tuple[dict[str, Any], Path]:
    """The keys that a formula or a file states, and the folder that its paths count from."""
    if argument == "-":
        source, name, folder = decoded(sys.stdin.buffer.read(), "Standard input"), "standard input", Path()
    elif argument.lower().endswith(".toml") or _is_file(argument):
        path = Path(argument)
        try:
            source, name, folder = decoded(path.read_bytes(), argument), argument, path.parent
        except FileNotFoundError:
            raise InputError(f"There is no file {argument}.", accepted="a problem file, a formula, or - for standard input") from None
        if path.suffix.lower() == ".toml":
            return _toml(source, name), folder
    else:
        return {"cost": argument}, Path()
    return (_toml(source, name) if _STATES_A_COST.search(source) else {"cost": source.strip()}), folder


def _is_file(argument: str) -> bool:
    try:
        return Path(argument).is_file()
    except (OSError, ValueError):
        return False


def decoded(raw: bytes, name: str) -> str:
    """The text of a file; one in another coding is refused."""
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as wrong:
        raise InputError(f"{name} is no UTF-8 text: byte {wrong.start}.", accepted="text in UTF-8") from None


def _toml(source: str, name: str) -> dict[str, Any]:
    """The keys of a problem file, each known and of the right kind."""
    try:
        stated = tomllib.loads(source)
    except tomllib.TOMLDecodeError as wrong:
        message, _, where = str(wrong).rpartition(" (at ")
        place = re.fullmatch(r"line (\d+), column (\d+)\)", where)
        rows = source.split("\n")
        row, column = (int(place[1]), int(place[2])) if place else (len(rows), len(rows[-1]) + 1)
        at = sum(len(line) + 1 for line in rows[: row - 1]) + column - 1
        raise InputError(f"{name}: {message or wrong}.", accepted="TOML, as in docs/command.md", source=source, at=at) from None
    check_keys(stated, name)
    if "cost" not in stated:
        raise InputError(f"{name} states no cost.", accepted='cost = "mean((w*x + b - y)^2)"')
    return stated


def check_keys(stated: Mapping[str, Any], name: str, section: str = "") -> None:
    """Refuse a key that a problem does not have, or a value of another kind."""
    for key, value in stated.items():
        full = f"{section}{key}"
        if full not in KEYS:
            near = [known[len(section) :] for known in KEYS if known.startswith(section) and "." not in known[len(section) :]]
            raise UnknownName(f"{name}: {unknown(f'key of [{section[:-1]}]' if section else 'key', key, near)}")
        kinds, accepted = KEYS[full]
        if not isinstance(value, kinds):
            raise InputError(f"{name}: {full} is {brief(value)}.", accepted=accepted)
        if isinstance(value, dict) and any(known.startswith(f"{full}.") for known in KEYS):
            check_keys(value, name, f"{full}.")


# The command line over the file


def override(stated: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Write what the options say over what the file says."""
    for key in ("samples", "axes", "parameters"):
        if given.get(key):
            stated[key] = given[key]
    if given.get("where"):
        stated["where"] = [*_lines(stated.get("where", [])), *given["where"]]
    if given.get("facts"):
        stated["facts"] = [*stated.get("facts", []), *given["facts"]]
    if given.get("constants"):
        stated["constants"] = given["constants"]
    if given.get("as_written"):
        stated["stabilise"] = False
    rule = stated.get("optimizer", {})
    rule = {"name": rule} if isinstance(rule, str) else dict(rule)
    if given.get("optimizer") and given["optimizer"] != rule.get("name"):
        rule = {"name": given["optimizer"]}
    if given.get("learning_rate") is not None:
        rule["learning_rate"] = given["learning_rate"]
    stated["optimizer"] = rule
    if given.get("columns"):
        section = stated.get("data", {})
        stated["data"] = {**section, "columns": {**section.get("columns", {}), **_columns(given["columns"])}}
    fit = dict(stated.get("fit", {}))
    chosen = {key: given[key] for key in FIT if given.get(key) is not None}
    for one, other in (("steps", "epochs"), ("epochs", "steps")):
        if one in chosen and other not in chosen:
            fit.pop(other, None)
    stated["fit"] = {**fit, **chosen}
    if given.get("start"):
        stated["start"] = _start_of_options(given["start"], stated.get("start"))


def _start_of_options(given: tuple[str, ...], stated: Any) -> Any:
    """`--start zeros`, `--start FILE.npz`, `--start w=1`, `--start b=zeros`; the last two over what else is said."""
    single = [text for text in given if "=" not in text]
    if len(single) > 1:
        raise InputError(f"--start says {' and '.join(single)}.", accepted="one initializer or file for all parameters")
    pairs = assignments("--start", [text for text in given if "=" in text])
    base = single[0] if single else stated
    if single and single[0].lower().endswith(".npz"):
        base = str(Path(single[0]).absolute())
    if not pairs:
        return base
    own = {name: text if text.isidentifier() else array(f"--start {name}", text) for name, text in pairs.items()}
    return {**base, **own} if isinstance(base, dict) else {"": base, **own} if base else own


def _columns(given: tuple[str, ...]) -> dict[str, str | list[str]]:
    """`--columns "X=all but target"`, `--columns X=age,bmi`, `--columns y=target`."""
    found = assignments("--columns", given).items()
    return {name: text if text.startswith("all but ") or "," not in text else [part.strip() for part in text.split(",")] for name, text in found}


def _lines(where: Any) -> list[str]:
    return [f"{target} = {body}" for target, body in where.items()] if isinstance(where, dict) else list(where)


# Names and values


def stated_problem(stated: Mapping[str, Any], folder: Path, values: Mapping[str, str], data: Path | None) -> Problem:
    """The problem that these keys state."""
    from symgd.api import Cost
    from symgd.reading.text import names_in
    from symgd.reading.text import problem as formula_of

    where = stated.get("where", ())
    for target, body in where.items() if isinstance(where, dict) else ((line, line) for line in where):
        if not isinstance(body, str):
            raise InputError(f"where: {target if isinstance(where, dict) else 'a line'} is {brief(body)}.", accepted='"z[i]" = "formula"')
    own = [*names_in(stated.get("parameters", ())), *names_in(stated.get("constants", ()))]
    formula = formula_of(stated["cost"], where=where, axes=stated.get("axes", ""), samples=stated.get("samples", ()), names=dict.fromkeys(own))
    known = _lengths(formula)
    lengths = {name: _whole(f"--set {name}", text) for name, text in values.items() if name in known}
    numbers = {name: number(f"--set {name}", text) for name, text in values.items() if name not in known}
    constants = stated.get("constants", {})
    constants = dict(constants) if isinstance(constants, dict) else dict.fromkeys(names_in(constants))
    constants |= numbers
    parameters = stated.get("parameters")
    cost = Cost(
        formula,
        parameters=None if parameters is None else names_in(parameters),
        constants=constants if None not in constants.values() else list(constants),
        facts=stated.get("facts", ()),
        stabilise=stated.get("stabilise", True),
    )
    for name in constants:
        if name not in _names(formula):
            raise unknown("constant or length", name, [*_names(formula), *known])
    section = stated.get("data", {})
    rule = dict(stated["optimizer"])
    return Problem(
        cost,
        lengths,
        {name: value for name, value in constants.items() if value is not None and cost.constants[name] is None},
        data or (folder / section["file"] if "file" in section else None),
        section.get("columns", {}),
        _start(stated.get("start"), folder, cost),
        rule.pop("name", "gradient_descent"),
        rule,
        stated["fit"],
        {name: folder / file for name, file in stated.get("output", {}).items()},
        stated.get("noun", "samples"),
    )


def _lengths(formula: Any) -> list[str]:
    """The names of lengths that a formula mentions."""
    from symgd.nodes.node import postorder

    roots = [formula.expression, *(side for pair in formula.definitions for side in pair), *formula.axes.values()]
    return list(dict.fromkeys(part.value for part in postorder(*roots) if part.op == "length"))


def _names(formula: Any) -> list[str]:
    """The names that a formula reads."""
    from symgd.nodes.node import accesses

    return list(dict.fromkeys(found.value for found in accesses(formula.expression, *(body for _, body in formula.definitions))))


def _whole(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise InputError(f"{name} is {brief(text)}, and stands for a length.", accepted="a whole number from 1")
    return int(text)


def _start(stated: Any, folder: Path, cost: Cost) -> Mapping[str, Any] | str | None:
    """Start values as `fit` takes them. The entry of the empty name is for all parameters that have none of their own."""
    if stated is None:
        return None
    if isinstance(stated, str):
        if not stated.lower().endswith(".npz"):
            return stated
        from symgd.command.tables import archive

        return dict(archive(folder / stated))
    found: dict[str, Any] = {}
    if "" in stated:
        rest = _start(stated[""], folder, cost)
        found = dict.fromkeys(cost.parameters, rest) if isinstance(rest, str) else dict(rest or {})
    return found | {name: _initializer(name, value) for name, value in stated.items() if name}


def _initializer(name: str, stated: Any) -> Any:
    """`{name = "normal", deviation = 0.1}` as the initializer that it names."""
    if not isinstance(stated, dict):
        return stated
    from symgd.updates.initializers import initializers

    settings = dict(stated)
    if not isinstance(settings.get("name"), str):
        raise InputError(f"The start of {name} names no initializer.", accepted='{name = "normal", deviation = 0.1}')
    return initializers[settings.pop("name")](**settings)
