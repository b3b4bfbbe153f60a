"""The generated module as a whole: the kernels of one cost, the update rule, the loop over steps, and what memory they need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from symgd.nodes.formula import Formula
from symgd.nodes.node import Node, access, postorder, tree_size
from symgd.nodes.text import text
from symgd.printing.identifiers import comment
from symgd.printing.numba import INDENT, JOINS, START, Loop, Names, Printer, joined, loop, loops, names
from symgd.printing.templates import environment
from symgd.program.bounds import in_subscripts
from symgd.program.equation import Op
from symgd.schedule.batches import Column
from symgd.schedule.cutting import cut, is_long
from symgd.schedule.schedule import Nest, Schedule, Steps, nests_of
from symgd.updates.optimizers import Updates

Role = Literal["data", "column", "parameter", "length", "computed", "block", "share", "state", "kept"]
ARGUMENTS = ("data", "column", "parameter", "rows", "setting", "length", "block", "share", "computed", "state", "kept")
RANGE = ("first", "last", "block", "scale", "position", "batch", "count", "start")
TITLE = 1000  # letters


@dataclass(frozen=True, slots=True)
class Slot:
    """One argument of the generated functions: its identifier, the user's name, and its shape as lengths. A scalar is an array of one element.

    `axis`: the position of the row axis in a `block`, whose length there is the block length. `column`: what a `column` is a copy of.
    """

    identifier: str
    name: str
    role: Role
    extents: tuple[Node, ...] = ()
    integer: bool = False
    axis: int | None = None
    column: Column | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """One generated function. `driver`: it only calls others, and Python runs it: what is called is compiled once more for every caller."""

    name: str
    arguments: tuple[str, ...]
    purpose: str
    before: tuple[str, ...] = ()
    loops: tuple[Loop, ...] = ()
    after: tuple[str, ...] = ()
    driver: bool = False


@dataclass(frozen=True, slots=True)
class _Printed:
    source: str
    units: dict[str, Unit]
    settings: dict[str, str]
    order: tuple[str, ...]
    parts: Mapping[str, Any]


class Generated:
    """The memory that the functions work on, by identifier, and the functions themselves, which are written when somebody asks for them.

    `names` gives the identifiers; whoever adds to the module goes on with it.
    """

    def __init__(self, module: _Module, described: Formula, origin: str) -> None:
        self._module, self._described, self._origin = module, described, origin
        self.memory: dict[str, Slot] = module.memory
        self.names: Names = module.names
        self.passes = len(module.schedule.passes)
        self.driven = module.driven

    def slots(self, *roles: Role) -> list[Slot]:
        return [slot for slot in self.memory.values() if slot.role in roles]

    @cached_property
    def _printed(self) -> _Printed:
        return self._module.printed(self._described, self._origin)

    @property
    def source(self) -> str:
        return self._printed.source

    @property
    def units(self) -> dict[str, Unit]:
        """The functions by name."""
        return self._printed.units

    @property
    def settings(self) -> dict[str, str]:
        """Scalar of the update rule -> its argument."""
        return self._printed.settings

    @property
    def order(self) -> tuple[str, ...]:
        """The functions that make up one gradient, in turn."""
        return self._printed.order

    @property
    def parts(self) -> Mapping[str, Any]:
        """What the template was filled with, for a module that holds more than this one."""
        return self._printed.parts


def kernels(
    schedule: Schedule,
    *,
    inputs: dict[str, tuple[Node, ...]],
    described: Formula,
    updates: Updates | None = None,
    packed: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    origin: str = "",
    driven: bool = False,
) -> Generated:
    """The module that computes cost and gradient, and with `updates` also trains.

    `inputs`: name -> extents of every parameter and data array. `packed`: those of them that hold scalars of the user, and which. `driven`: of a long
    program only the pieces are compiled, and Python calls one after the other; there is no loop over steps then. The source imports math, NumPy and
    Numba and nothing else.
    """
    return Generated(_Module(schedule, inputs, updates, packed, driven), described, origin)


class _Module:
    def __init__(
        self,
        schedule: Schedule,
        inputs: dict[str, tuple[Node, ...]],
        updates: Updates | None,
        packed: Mapping[str, tuple[str, ...]],
        driven: bool,
    ) -> None:
        self.schedule, self.updates, self.packed = schedule, updates, packed
        self.long = is_long(schedule)
        self.driven = driven and self.long
        self.program = schedule.program
        self.names: Names = names()
        self.memory: dict[str, Slot] = {}
        self.operations: dict[str, Op] = {e.target: e.op for e in self.program.flat() if e.op != "="}
        self.rank = {name: len(extents) for name, extents in inputs.items()}
        self.whole_tables = in_subscripts(self.program.flat()) if self.program.tables else frozenset[str]()
        self._claim(inputs)
        self.units: list[Unit] = []
        self.order: tuple[str, ...] = ()

    def printed(self, described: Formula, origin: str) -> _Printed:
        from symgd import __version__
        from symgd.printing.elementary import sources

        count = len(self.schedule.passes)
        for n in range(count):
            self._rows(n)
            self._pass(n)
        for n in range(count + 1):
            self._between(n)
        self._gradient(count)
        if self.updates is not None:
            self._update(self.updates)
            if not self.driven:
                self._steps(self.updates)
        template = environment("python").get_template("kernels.py.jinja")
        used = sources(list(self.names.elementary)).strip("\n")
        parts = {
            "title": comment(_title(described)),
            "arrays": self._described(),
            "version": __version__,
            "origin": comment(origin),
            "elementary": used,
            "listed": list(self._listed()),
            "units": self.units,
        }
        source = template.render(parts)
        settings = {name: self.names.value(name) for name in (self.updates.scalars if self.updates else ())}
        return _Printed(source, {unit.name: unit for unit in self.units}, settings, self.order, parts)

    def _claim(self, inputs: dict[str, tuple[Node, ...]]) -> None:
        """An identifier for everything that the functions work on, inputs first so that they keep their names."""
        program, schedule = self.program, self.schedule
        data = sorted((name for name in inputs if name not in program.parameters), key=lambda name: -len(inputs[name]))
        for name in (*data, *program.parameters):
            extents = inputs[name]
            role: Role = "parameter" if name in program.parameters else "data"
            self._slot(self.names.value(name), name, role, extents, integer=name in program.integers)
        for column in schedule.batches.columns.values():
            self.rank[column.name] = self.rank.get(column.source, 1)
            integer = column.source in program.integers or not column.source
            self.memory[self.names.value(column.name)] = Slot(
                self.names.value(column.name), column.name, "column", inputs.get(column.source, ()), integer, column.axis, column
            )
        measured = (part.value for extents in inputs.values() for part in postorder(*extents) if part.op == "length")
        lengths = dict.fromkeys([*program.lengths(), *program.longest, *measured])
        for name in lengths:
            self._slot(self.names.length(name), name, "length")
        for name, kind in schedule.kinds.items():
            role = "block" if kind == "block" else "computed"
            axis, dropped = schedule.row_axis.get(name) if kind == "block" else None, schedule.step_axis.get(name)
            if axis is not None and dropped is not None and dropped < axis:
                axis -= 1
            self._slot(self.names.value(name), name, role, schedule.kept(name), axis=axis)
            if kind == "share" and program.extents.get(name):
                self._slot(self.names.identifiers["share", name], name, "share", program.extents[name])
        if self.updates:
            for name, extents in self.updates.state.items():
                self._slot(self.names.value(name), name, "state", extents)
            for name in program.parameters:
                self._slot(self.names.identifiers["kept", name], name, "kept", inputs[name])

    def _slot(
        self, identifier: str, name: str, role: Role, extents: tuple[Node, ...] = (), *, integer: bool = False, axis: int | None = None
    ) -> None:
        self.memory[identifier] = Slot(identifier, name, role, extents, integer, axis)

    def _described(self) -> str:
        """The inputs with their shapes, one line."""
        shown = []
        for slot in self.memory.values():
            if slot.role in ("data", "parameter"):
                shape = ", ".join(text(extent) for extent in slot.extents)
                inside = self.packed.get(slot.name, ())
                holds = f" that holds {', '.join(inside if len(inside) < 5 else (*inside[:2], '...', inside[-1]))}" if inside else ""
                shown.append(f"{slot.name} ({shape}{',' if len(slot.extents) == 1 else ''}){holds}" if slot.extents else f"{slot.name} a number")
        return comment("Data and parameters: " + "; ".join(shown) + ".")

    def _listed(self) -> Iterator[str]:
        """The tables that the program brings along, as constants of the module."""
        for name, values in self.program.tables.items():
            whole = all(value.denominator == 1 for value in values) and name in self.whole_tables
            shown = [str(value) if whole else repr(float(value)) for value in values]
            yield f"{self.names.value(name)} = np.array([{folded(shown)}], dtype=np.{'int64' if whole else 'float64'})"

    def _unit(
        self,
        name: str,
        arguments: Iterable[str],
        purpose: str,
        before: Iterable[str] = (),
        loops: Iterable[Loop] = (),
        after: Iterable[str] = (),
        calls: bool = False,
    ) -> None:
        """One more function. Its arguments: data, parameters, the range of rows, settings, lengths, then the memory that it fills."""

        places = {identifier: place for place, identifier in enumerate(self.memory)}

        def rank(argument: str) -> tuple[int, int]:
            slot = self.memory.get(argument)
            return ARGUMENTS.index(slot.role if slot else "rows" if argument in RANGE else "setting"), places.get(argument, 0)

        self.units.append(Unit(name, tuple(sorted(arguments, key=rank)), purpose, tuple(before), tuple(loops), tuple(after), calls and self.driven))

    def _rows(self, n: int) -> None:
        """The pass over one block of rows."""
        schedule = self.schedule
        here = schedule.passes[n]
        local = [name for name in here.shares if not self.program.extents[name]]
        nests = list(nests_of(here.nests))
        arrays, numbers = self._touched(nests, local)
        arguments = [*map(self.names.value, [*arrays, *numbers]), "first", "last", *self._lengths(nests)]
        before = ["n = last - first", *(f"{self.names.value(name)} = {self._start(name)}" for name in local)]
        before += [f"{self.names.value(name)}[:] = {self._start(name)}" for name in here.shares if name not in local]
        after = [f"return {', '.join(map(self.names.value, local))}"] if local else []
        purpose = "The share of rows first..last-1 in what is summed over all rows."
        pieces = cut(here.nests) if self.long else []
        if len(pieces) > 1:
            before += self._row_pieces(n, pieces, local)
            self._unit(self._numbered("rows", n), arguments, purpose, before, (), after, calls=True)
        else:
            self._unit(self._numbered("rows", n), arguments, purpose, before, self._row_code(here.nests, [*numbers, *local]), after)
        shares = [name for name in here.shares if name not in local]
        given = {argument: argument for argument in arguments} | {"first": "start", "last": "min(start + block, last)"}
        given |= {self.names.value(name): self.names.identifiers["share", name] for name in shares}
        given |= {self.names.value(name): f"{self.names.value(name)}[0]" for name in numbers}
        self._call_rows = (given, local, shares)

    def _touched(self, nests: Sequence[Nest], local: Sequence[str]) -> tuple[list[str], list[str]]:
        """The arrays that the equations of a pass read or write, and the numbers that they read; without the `local` shares."""
        read = dict.fromkeys(found.value for nest in nests for found in nest.equation.reads() if found.value not in self.program.tables)
        numbers = [name for name in read if self._is_number(name) and name not in local]
        arrays = [name for name in dict.fromkeys([*read, *(nest.equation.target for nest in nests)]) if not self._is_number(name)]
        return arrays, numbers

    def _row_code(self, items: Iterable[Nest | Steps], numbers: Sequence[str]) -> list[Loop]:
        return loops(items, self.schedule, lambda row: Printer(self.names, self.schedule, row, numbers))

    def _row_pieces(self, n: int, pieces: Sequence[Sequence[Nest | Steps]], local: Sequence[str]) -> Iterator[str]:
        """A function for each piece of a pass, which takes the shares that it adds to and returns them; the calls."""
        value, whole = self.names.value, self._numbered("rows", n)
        for place, piece in enumerate(pieces, 1):
            nests = list(nests_of(piece))
            arrays, numbers = self._touched(nests, local)
            added = [name for name in local if any(name == nest.equation.target for nest in nests)]
            arguments = [*map(value, [*arrays, *numbers, *added]), "first", "last", *self._lengths(nests)]
            name = self.names.identifiers["unit", f"{whole}_part_{place}"]
            after = [f"return {', '.join(map(value, added))}"] if added else []
            purpose = f"Part {place} of {len(pieces)} of {whole}."
            self._unit(name, arguments, purpose, ["n = last - first"], joined(self._row_code(piece, [*numbers, *added])), after)
            call = f"{name}({', '.join(self.units[-1].arguments)})"
            yield f"{', '.join(map(value, added))} = {call}" if added else call

    def _pass(self, n: int) -> None:
        """All blocks of a range of rows, their shares added in order."""
        given, local, shares = self._call_rows
        value, share = self.names.value, self.names.identifiers
        rows = self.units[-1]
        plain = [given[argument].removesuffix("[0]") for argument in rows.arguments if argument not in ("first", "last")]
        arguments = dict.fromkeys([*plain, "first", "last", "block", "scale", *(value(name) for name in (*local, *shares))])
        for name in shares:
            arguments |= dict.fromkeys(self._shape_lengths(name))
        call = f"{rows.name}({', '.join(given[argument] for argument in rows.arguments)})"
        lines = ["for start in range(first, last, block):"]
        returned = [share["part", name] for name in local]
        lines.append(INDENT + (f"{', '.join(returned)} = {call}" if local else call))
        parts = dict(zip(local, returned, strict=True)) | {name: share["share", name] for name in shares}
        joins = [line for name in sorted(parts, key=lambda name: name not in self.schedule.weights) for line in self._join(name, parts)]
        lines += [INDENT + line for line in joins]
        purpose = "Join the shares of rows first..last-1, block by block, so that the bits do not depend on how the work is divided."
        self._unit(self._numbered("sweep", n), arguments, purpose, lines, calls=True)

    def _join(self, name: str, parts: Mapping[str, str]) -> list[str]:
        """The share of a block joined to a total. `parts`: total -> its share. What is divided by a logsumexp comes before that."""
        value, whole = self.names.value, bool(self.program.extents[name])
        if name not in self.schedule.weights:
            line = self._joined(name, "{total}[{at}]", "{part}[{at}]" if whole else "{part}")
            return self._each(name, line, total=value(name), part=parts[name])
        self.names.elementary["weighted"] = None
        weight, places = self.schedule.weights[name]
        at = ", ".join(f"i{place}" for place in places)
        old, new = f"{value(weight)}[{at or 0}]", f"{parts[weight]}[{at}]" if at else parts[weight]
        line = f"{{total}}[{{at}}] = weighted({{total}}[{{at}}], {old}, {'{part}[{at}]' if whole else '{part}'}, {new} + math.log(scale))"
        return self._one_by_one(name, line, total=value(name), part=parts[name])

    def _start(self, name: str) -> str:
        """What a total is before anything is accumulated into it."""
        return START[self._operation(name)]

    def _operation(self, name: str) -> Op:
        return self.operations.get(name, "+=")

    def _joined(self, name: str, total: str, part: str) -> str:
        """The share of a block joined to a total; a sum over a batch counts for all samples."""
        op = self._operation(name)
        if op == "+=":
            return f"{total} += scale*{part}"
        if op == "*=":
            return f"{total} *= {part}"
        if op == "logsumexp=" and self.driven:
            return f"{total} = np.logaddexp({total}, {part} + math.log(scale))"
        if op == "logsumexp=":
            self.names.elementary["logaddexp"] = None
            part += " + math.log(scale)"
        return f"{total} = {JOINS[op]}({total}, {part})"

    def _between(self, n: int) -> None:
        """What has no row axis, between two passes; before the first one also the totals are cleared."""
        items = self.schedule.between[n]
        cleared = self.schedule.zeroed if n == 0 else ()
        before = [f"{self.names.value(name)}[:] = {self._start(name)}" for name in cleared]
        if not before and not items:
            return
        purpose = "Clear the totals and compute what no row takes part in." if n == 0 else "What follows from the totals of the pass before."
        pieces = cut(items) if self.long else []
        if len(pieces) <= 1:
            arguments = dict.fromkeys([*map(self.names.value, cleared), *self._arguments(items)])
            self._unit(f"between_{n}", arguments, purpose, before, self._code(items))
            return
        arguments = dict.fromkeys(map(self.names.value, cleared))
        calls: list[str] = []
        for place, piece in enumerate(pieces, 1):
            name = self.names.identifiers["unit", f"between_{n}_part_{place}"]
            self._unit(name, self._arguments(piece), f"Part {place} of {len(pieces)} of between_{n}.", (), self._code(piece))
            arguments |= dict.fromkeys(self.units[-1].arguments)
            calls.append(f"{name}({', '.join(self.units[-1].arguments)})")
        self._unit(f"between_{n}", arguments, purpose, before, (), calls, calls=True)

    def _code(self, items: Iterable[Nest | Steps]) -> list[Loop]:
        return loops(items, self.schedule, lambda row: Printer(self.names, self.schedule))

    def _arguments(self, items: Iterable[Nest | Steps]) -> list[str]:
        """The arrays and lengths that equations without a row axis touch."""
        nests = list(nests_of(items))
        touched = dict.fromkeys(found.value for nest in nests for found in (*nest.equation.reads(), nest.equation.left))
        return [*(self.names.value(name) for name in touched if name not in self.program.tables), *self._lengths(nests)]

    def _gradient(self, count: int) -> None:
        units = {unit.name: unit for unit in self.units}
        turns = ["between_0", *(name for n in range(count) for name in (self._numbered("sweep", n), f"between_{n + 1}"))]
        order = self.order = tuple(name for name in turns if name in units)
        arguments = dict.fromkeys(argument for name in order for argument in units[name].arguments)
        lines = [f"{name}({', '.join(units[name].arguments)})" for name in order]
        what = ", ".join(self.program.outputs) or "Cost and gradient"
        purpose = f"{what} over rows first..last-1." if count else f"{what}."
        self._unit("gradient", arguments, purpose, lines, calls=True)

    def _update(self, updates: Updates) -> None:
        """One step of the update rule, in place."""
        local = {e.target for e in updates.equations if not e.at and e.target not in updates.state and e.target not in self.program.parameters}
        code: list[Loop] = []
        number = sum(1 for _ in self.program.flat())
        printer = Printer(self.names, self.schedule, None, [*updates.scalars, *local])
        for equation in updates.equations:
            number += 1
            code.append(loop(Nest(number, equation, None, equation.domain, True, True), printer, "array"))
        touched = dict.fromkeys(
            found.value
            for e in updates.equations
            for found in (*e.reads(), e.left)
            if found.value not in local and found.value not in updates.scalars
        )
        lengths = dict.fromkeys(
            self.names.length(part.value) for e in updates.equations for axis in e.domain for part in postorder(axis.high) if part.op == "length"
        )
        arguments = [*map(self.names.value, touched), *map(self.names.value, updates.scalars), *lengths]
        self._unit("update", arguments, "One step: every parameter changes, in place.", (), code)

    def _steps(self, updates: Updates) -> None:
        """Steps until one of them is the last: the loop of training."""
        units = {unit.name: unit for unit in self.units}
        program, value, kept = self.program, self.names.value, self.names.identifiers
        passes = bool(self.schedule.passes)
        rows, lengths = self._row_length() if passes else ("", [])
        inner = {"first", "last", "scale"}
        step = updates.scalars[0]
        gradient = [units[name] for name in self.order]
        arguments = dict.fromkeys(a for unit in gradient for a in unit.arguments if a not in inner)
        arguments |= dict.fromkeys(a for a in units["update"].arguments if a != value(step))
        for name in program.parameters:
            arguments |= dict.fromkeys([value(program.adjoints[name]), kept["kept", name], *self._shape_lengths(name)])
        cost = value(program.cost)
        arguments |= dict.fromkeys([cost, *lengths])
        own = ["position", "batch", "count", "start", "tolerance", "limit", "best", "costs", "norms"]
        lines = []
        if passes and not rows.isidentifier():
            lines, rows = [f"stop = {rows}"], "stop"
        lines += ["first = position"] if passes else []
        lines.append("for n in range(count):")
        body = []
        if passes:
            body += [f"last = min(first + batch, {rows})", f"scale = {rows}/(last - first)"]
        body += [*(f"{unit.name}({', '.join(unit.arguments)})" for unit in gradient), "total = 0.0"]
        for name in program.parameters:
            body += self._each(program.adjoints[name], "total += {total}[{at}]**2", total=value(program.adjoints[name]))
        body += [
            "norm = math.sqrt(total)",
            f"costs[n] = {cost}[0]",
            "norms[n] = norm",
            f"if not (np.isfinite({cost}[0]) and np.isfinite(norm)):",
            f"{INDENT}return n, 2",
            f"if {cost}[0] > limit:",
            f"{INDENT}return n, 3",
            f"if {cost}[0] < best[0]:",
            f"{INDENT}best[0] = {cost}[0]",
        ]
        for name in program.parameters:  # element by element: an assignment of whole arrays takes Numba seconds to compile
            body += [INDENT + line for line in self._each(name, "{kept}[{at}] = {now}[{at}]", kept=kept["kept", name], now=value(name))]
        body += [
            "if norm < tolerance:",
            f"{INDENT}return n, 1",
            f"{value(step)} = float(start + n + 1)",
            f"update({', '.join(units['update'].arguments)})",
        ]
        if passes:
            body += [f"first = last if last < {rows} else 0"]
        lines += [INDENT + line for line in body]
        lines.append("return count, 0")
        purpose = (
            "Up to count steps; return the number done and why it ended: 0 count reached, 1 gradient norm below tolerance, "
            "2 cost or gradient not finite, 3 cost above limit. costs and norms keep each step's; the parameters of lowest cost are kept beside."
        )
        self._unit("train", [*arguments, *own], purpose, lines)

    def _row_length(self) -> tuple[str, list[str]]:
        """The number of rows as code, and the lengths in it."""
        row = self.program.row
        assert row is not None
        lengths = [self.names.length(part.value) for part in postorder(row) if part.op == "length"]
        return Printer(self.names, self.schedule).integer(row), lengths

    def _is_number(self, name: str) -> bool:
        return not (self.rank.get(name) or self.program.extents.get(name))

    def _lengths(self, nests: Iterable[Nest]) -> list[str]:
        found: dict[str, None] = {}
        for nest in nests:
            bounds = [bound for axis in nest.equation.domain if axis.index is not nest.row for bound in (axis.low, axis.high)]
            for part in postorder(*bounds, *nest.equation.at, nest.equation.body, nest.equation.guard):
                if part.op == "length":
                    found[self.names.length(part.value)] = None
        return list(found)

    def _shape_lengths(self, name: str) -> list[str]:
        return [self.names.length(part.value) for part in postorder(*self._extents(name)) if part.op == "length"]

    def _extents(self, name: str) -> tuple[Node, ...]:
        return self.program.extents.get(name) or next((slot.extents for slot in self.memory.values() if slot.name == name and slot.extents), ())

    def _each(self, name: str, line: str, **identifiers: str) -> list[str]:
        """A loop over every element of an array."""
        extents: Sequence[Node] = self._extents(name)
        if not extents or self.driven:
            return [line.format(at="..." if extents else "0", **identifiers)]
        return self._one_by_one(name, line, **identifiers)

    def _one_by_one(self, name: str, line: str, **identifiers: str) -> list[str]:
        extents = self._extents(name)
        letters = [f"i{n}" for n in range(len(extents))]
        printer = Printer(self.names, self.schedule)
        heads = [
            f"{INDENT * n}for {letter} in range({printer.integer(extent)}):" for n, (letter, extent) in enumerate(zip(letters, extents, strict=True))
        ]
        return [*heads, INDENT * len(heads) + line.format(at=", ".join(letters) or "0", **identifiers)]

    def _numbered(self, stem: str, n: int) -> str:
        return stem if len(self.schedule.passes) == 1 else f"{stem}_{n + 1}"


def folded(words: Sequence[str], width: int = 120) -> str:
    """Words with commas between them, over several lines where they are long."""
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] += f"{word}, "
    return lines[0].removesuffix(", ") if len(lines) == 1 else "\n    " + "\n    ".join(line.rstrip() for line in lines) + "\n"


def _title(formula: Formula) -> str:
    """The cost and its definitions in one line; what would fill it alone, in short."""

    def shown(part: Node) -> str:
        return text(part, hidden=formula.hidden, axes=formula.axes) if tree_size(part) <= TITLE else "..."

    definitions = [f"{shown(access(left.value, *left.args))} = {shown(body)}" for left, body in formula.definitions]
    whole = f"C = {shown(formula.expression)}" + (f" with {', '.join(definitions)}" if definitions else "")
    return whole if len(whole) <= TITLE else whole[: TITLE - 3] + "..."
