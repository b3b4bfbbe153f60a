"""The frame of a saved trainer: the plain Python around the generated functions, as code in the user's names.

What `fit` works out from the arrays as it goes, lengths, shapes and memory, is worked out here once, for arrays that are still to come.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from math import isfinite
from typing import Any

from symgd.errors import InputError, NotBuilt
from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.node import ARITHMETIC, ATOMS, ZERO, access, accesses, postorder, substituted
from symgd.nodes.text import text
from symgd.printing.facts import broken
from symgd.printing.identifiers import Identifiers, comment
from symgd.printing.memory import allocated
from symgd.printing.module import Role, Slot, Unit, folded
from symgd.printing.numba import Names, Printer
from symgd.printing.sides import Sides, quoted, tupled
from symgd.schedule.schedule import schedule
from symgd.training.batches import of_batch
from symgd.training.facts import TOLERANCE
from symgd.training.trainer import CHUNK, GROWTH, STEPS, Trainer
from symgd.updates.formulas import formula
from symgd.updates.initializers import DEFAULT, FANS, RANDOM, initializers
from symgd.updates.optimizers import RATE, STEP
from symgd.updates.rows import Interval, checked_whole

__all__ = ["frame"]

Row = dict[str, str]
WIDTH = 120
MANY = 12  # names that are listed


def _lines(parts: Sequence[str], indent: int) -> str:
    """Parts with commas between them, in lines of about 120 letters."""
    lines = [""]
    for part in parts:
        if lines[-1] and len(lines[-1]) + len(part) + indent > WIDTH:
            lines.append("")
        lines[-1] += (", " if lines[-1] else "") + part
    return (",\n" + " " * indent).join(lines)


def _table(rows: Iterable[tuple[str, str]]) -> str:
    """name -> code as a dict, in one line where it is short."""
    return _filled(f"{quoted(name)}: {value}" for name, value in rows)


def _filled(entries: Iterable[str]) -> str:
    """A dict of these entries, in one line where it is short."""
    listed = list(entries)
    whole = f"{{{', '.join(listed)}}}"
    if len(whole) < WIDTH - 20:
        return whole
    rows = [f"{_lines(listed, 4)},\n"] if len(listed) > MANY else [f"{entry},\n    " for entry in listed]
    return "{\n    " + "".join(rows).rstrip(" ") + "}"


def _stream(name: str) -> int:
    """The number of a parameter's random stream, as in updates/initializers.py."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


def frame(trainer: Trainer, lengths: Mapping[str, int], module: str) -> dict[str, Any]:
    """What templates/trainer.py.jinja is filled with: every question about the problem answered as code.

    `lengths`: values of the lengths that no data tell; InputError asks for those that are missing, all at once.
    """
    return _Frame(trainer, lengths).filled(module)


class _Frame:
    """The parts of the frame, one method each."""

    def __init__(self, trainer: Trainer, lengths: Mapping[str, int]) -> None:
        self.trainer, self.given = trainer, lengths
        self.program, self.generated, self.checked = trainer.kernels.shown, trainer.kernels.generated, trainer.cost._checked
        self.running, self.packed = trainer.kernels.program, trainer.kernels.packed
        self.schedule = schedule(self.running)
        self.printer = Printer(self.generated.names, self.schedule)
        self.sides = Sides(self.program, self.generated, self.printer)
        self.data, self.parameters = (list(self._in_names(role)) for role in ("data", "parameter"))
        self.rows = "1" if self.program.row is None else self.printer.integer(self.program.row)
        self.derived = [] if self.rows.isalnum() or self.rows.isidentifier() else [f"samples = {self.rows}"]
        if self.derived:
            self.rows = "samples"

    def _in_names(self, role: Role) -> Iterator[Slot]:
        """The data or parameters in the user's names, also those that are elements of an array here."""
        for slot in self.generated.slots(role):
            if slot.name in self.packed:
                yield from (Slot("", name, role) for name in self.packed[slot.name])
            else:
                yield slot

    def filled(self, module: str) -> dict[str, Any]:
        """Everything that the template asks for."""
        lengths, written = self._lengths()
        settings = list(self._settings())
        lines, places = self.sides.subscripts()
        looking = self._looking(lines) if places else None
        longest = self._longest()
        data, begun = self._described(self.data), self._described(self.parameters)
        described = [f"data: {data or 'none'}. start: {begun}; what it leaves out is drawn at random from seed."]
        described += [f"The length {comment(name)} is {value} unless start or data say otherwise." for name, value in written.items()]
        parameters, constants = list(map(self._parameter, self.generated.slots("parameter"))), list(self._constants())
        packed = {slot.name: self.packed[slot.name] for slot in self.generated.slots("data", "parameter") if slot.name in self.packed}
        shapes = [(slot.name, self.sides.shape(slot)) for slot in (*self.data, *self.parameters) if slot.extents]
        values = ", ".join(f"{row['keyword']} = {row['default']}" for row in settings)
        told = {name: shown for name, shown in self.sides.identifier.items() if name not in self.program.longest}
        unnamed = [name for name in told if name not in {data.name for data in self.data}]
        return {
            **self.generated.parts,
            "units": [*self.generated.parts["units"], *(unit for unit in (looking, longest) if unit)],
            "module": module,
            "training": f"Training: {comment(self.trainer.rule.name)} with {values}.",
            "data": self.data,
            "parameters": parameters,
            "constants": constants,
            "packed": packed,
            "integers": self.checked.integers,
            "settings": settings,
            "described": described,
            "lengths": [*lengths, *self.derived],
            "written": written,
            "shapes": shapes,
            "tables": {
                "data": _table((slot.name, self.sides.pattern(slot)) for slot in self.data),
                "parameters": _table((slot.name, self.sides.pattern(slot)) for slot in self.parameters),
                "streams": _table((slot.name, str(_stream(slot.name))) for slot in self.parameters),
                "constants": _table(constants),
                "lengths": tupled([quoted(name) for name in unnamed]),
                "integers": tupled([quoted(slot.name) for slot in self.data if slot.integer]),
                "settings": _lines([f"{row['keyword']}={row['default']}" for row in settings], 8),
                "given": (",\n" + " " * 12).join(f'{row["keyword"]}=given["{row["keyword"]}"]' for row in settings),
                "shapes": _table(shapes),
                "sides": _table(told.items()),
                "results": _filled(row["result"] for row in parameters),
                "slopes": _filled(row["slope"] for row in parameters),
                "packed": _table((name, f"({folded(list(map(quoted, names)))})") for name, names in packed.items()),
            },
            "limits": [{"condition": condition, "sentence": quoted(said)} for condition, said in self.sides.limits().items()],
            "facts": list(self._facts()),
            "memory": list(self._memory()),
            "scratch": list(self._scratch()),
            "longest": ", ".join(self.sides.identifier[name] for name in self.program.longest),
            "places": list(map(quoted, places)),
            "batches": self._batches(),
            "rows": self.rows,
            "cost": self.generated.names.value(self.running.cost),
            "steps": STEPS,
            "growth": f"{GROWTH:g}",
            "chunk": CHUNK,
            "calls": {
                "train": _lines(self._arguments("train"), 20),
                "gradient": _lines(self._arguments("gradient"), 8),
                "subscripts": _lines(looking.arguments if looking else (), 8),
                "longest": _lines(longest.arguments if longest else (), 8),
            },
            "drawing": self._drawing(),
            "about": quoted(self.generated.parts["title"]),
            "help": quoted(f"an .npz file with {data}".replace("%", "%%")),
        }

    def _described(self, slots: list[Slot]) -> str:
        """X (m, d), y (m,), lam a number (0.01 if left out)"""
        shown = []
        for slot in slots:
            value = self.checked.constants.get(slot.name)
            left_out = "" if value is None else f" ({value!r} if left out)"
            shown.append(f"{slot.name} {tupled(list(map(text, slot.extents))) if slot.extents else 'a number'}{left_out}")
        if len(shown) > MANY:
            shown[MANY - 1 : -1] = ["..."]
        return comment(", ".join(shown))

    def _facts(self) -> Iterator[Row]:
        """What is known of the data, to be looked up in them."""
        given = {slot.name for slot in self.data}
        for fact in self.checked.facts:
            unknown = [part.value for part in postorder(fact.right) if part.op == "length" and part.value not in self.sides.identifier]
            if given.issuperset(fact.names) and not unknown:
                yield {"name": quoted(fact.name), "words": quoted(str(fact)), "broken": broken(fact, self.printer, TOLERANCE)}

    def _parameter(self, slot: Slot) -> Row:
        adjoint = self.generated.names.value(self.running.adjoints[slot.name])
        return {
            "identifier": slot.identifier,
            "kept": next(kept.identifier for kept in self.generated.slots("kept") if kept.name == slot.name),
            "adjoint": adjoint,
            "result": self._returned(slot, slot.identifier),
            "slope": self._returned(slot, adjoint),
        }

    def _returned(self, slot: Slot, identifier: str) -> str:
        """An entry of a result: an array as it is, a number of its own, the elements of an array by their names."""
        if slot.name in self.packed:
            return f"**dict(zip(PACKED[{quoted(slot.name)}], {identifier}.tolist()))"
        return f"{quoted(slot.name)}: {identifier if slot.extents else f'float({identifier}[0])'}"

    def _constants(self) -> Iterator[tuple[str, str]]:
        """The constants with a value that the program reads."""
        read = {slot.name for slot in self.data}
        for name, value in self.checked.constants.items():
            if value is not None and name in read:
                yield name, repr(value) if isfinite(value) else f'float("{value}")'

    def _settings(self) -> Iterator[Row]:
        """The learning rate and the settings of the rule as arguments of fit."""
        for letter, scalar in self.trainer.updates.letters.items():
            if letter == STEP:
                continue
            shown = "(0, oo)" if letter == RATE else self.trainer.rule.settings[letter][1]
            interval, name = Interval.read(shown), self._keyword(scalar)
            low, high = (repr(edge).replace("inf", "np.inf") for edge in (interval.low, interval.high))
            above, below = ("<=" if bracket in "[]" else "<" for bracket in interval.brackets)
            value = self.trainer.settings["learning_rate" if letter == RATE else letter]
            yield {"keyword": name, "default": repr(value), "condition": f"{low} {above} {name} {below} {high}", "interval": shown}

    def _keyword(self, scalar: str) -> str:
        """The argument of fit for a scalar of the update rule."""
        return "learning_rate" if scalar == self.trainer.updates.letters[RATE] else self.generated.settings[scalar]

    # lengths and memory

    def _lengths(self) -> tuple[list[str], dict[str, int]]:
        """Lines that find every length, and the values of those that no data tell."""
        lines, open_ = self.sides.lengths()
        example = ", ".join(f"{quoted(name)}: 32" for name in open_)
        for name in self.given:
            if name in self.sides.identifier and name not in open_:
                raise InputError(f"The length {name} follows from the shapes of the data.", accepted=f"lengths={{{example}}}")
            if name not in open_:
                raise InputError(f"There is no length {name}.", accepted=f"lengths={{{example}}}")
        missing = [name for name in open_ if name not in self.given]
        if missing:
            raise self._asking(missing)
        written = {name: checked_whole(f"The length {name}", self.given[name], 1) for name in open_}
        taken = {slot.name for slot in self.data}
        for name, value in written.items():
            otherwise = str(value) if name in taken else f"data.get({quoted(name)}, {value})"
            lines.append(f"{self.sides.identifier[name]} = told_length(start, {self.sides.told_by_start(name)}, {otherwise})")
        return lines, written

    def _asking(self, missing: list[str]) -> InputError:
        """One question for all lengths that no data tell."""
        inside = {slot.name: {part.value for part in postorder(*slot.extents) if part.op == "length"} for slot in self.parameters}
        users = [name for name, used in inside.items() if used & set(missing)]
        subject, them = (f"The length {missing[0]} is", "it") if len(missing) == 1 else (f"The lengths {', '.join(missing)} are", "them")
        because = f"; {', '.join(users)} depend{'s' if len(users) == 1 else ''} on {them}" if users else ""
        return InputError(f"{subject} not told by the data{because}.", accepted=f"lengths={{{', '.join(f'{quoted(name)}: 32' for name in missing)}}}")

    def _memory(self) -> Iterator[str]:
        """An assignment for data and parameters."""
        for slot in self.generated.slots("data"):
            if slot.name in self.packed:
                yield f"{slot.identifier} = np.array([float(data[name]) for name in PACKED[{quoted(slot.name)}]])"
            else:
                yield f"{slot.identifier} = data[{quoted(slot.name)}]" + ("" if slot.extents else ".reshape(1)")
        for slot in self.generated.slots("column"):
            yield f"{slot.identifier} = {self._in_order(slot, f'np.arange({self.rows})')}"
        for slot in self.generated.slots("parameter"):
            if slot.name in self.packed:
                yield f"{slot.identifier} = np.array([float(start_value(name, start, (), seed)) for name in PACKED[{quoted(slot.name)}]])"
                continue
            shape = tupled(list(map(self.printer.integer, slot.extents)))
            yield f"{slot.identifier} = start_value({quoted(slot.name)}, start, {shape}, seed)" + ("" if slot.extents else ".reshape(1)")

    def _scratch(self) -> Iterator[str]:
        """An assignment for everything else that the generated functions work on."""
        yield from allocated(self.generated, self.printer, self.rows)
        yield from self._states()
        for slot in self.generated.slots("kept"):
            yield f"{slot.identifier} = {self.generated.names.value(slot.name)}.copy()"

    def _states(self) -> Iterator[str]:
        """The start of the update rule's state, where it is not 0."""
        for equation in self.trainer.updates.start:
            if equation.body is ZERO:
                continue
            for part in postorder(equation.body):
                if part.op not in ARITHMETIC | ATOMS and not (part.op in FUNCTIONS and re.fullmatch(r"np\.\w+\(\{0\}\)", FUNCTIONS[part.op].numba)):
                    raise NotBuilt(f"{part.op} in the start of a state; saving such a rule is not built yet.", accepted="arithmetic")
            body = substituted(equation.body, {found: access(found.value) for found in accesses(equation.body)})
            printer = Printer(self.generated.names, self.schedule, None, [found.value for found in accesses(body)])
            yield f"{self.generated.names.value(equation.target)}[...] = {printer.number(body)}"

    # calls

    def _looking(self, lines: list[str]) -> Unit:
        """The function that looks at every subscript that data decide."""
        purpose = "Look at every subscript that data decide; return which of PLACES is wrong, with the value, the length there and the row, or 0."
        return Unit("subscripts", self._read(lines), purpose, tuple(lines))

    def _longest(self) -> Unit | None:
        """The function that finds the lengths which only values tell."""
        lines = self.sides.longest()
        own = {self.sides.identifier[name] for name in self.program.longest}
        arguments = tuple(argument for argument in self._read(lines) if argument not in own)
        return Unit("longest", arguments, "How long the longest of the ranges are that data bound.", tuple(lines)) if lines else None

    def _read(self, lines: list[str]) -> tuple[str, ...]:
        """Data, parameters and lengths in the code."""
        words = {word for line in lines for word in re.findall(r"\w+", line)}
        return tuple(slot.identifier for slot in self.generated.slots("data", "parameter", "length") if slot.identifier in words)

    def _arguments(self, unit: str) -> list[str]:
        """What fit passes to a generated function."""
        own = {"first": "0", "last": self.rows, "scale": "1.0"}
        if unit == "train":
            own = {"position": "done % batches*batch", "count": "reach - done", "start": "done"}
            own |= {history: f"{history}[done:]" for history in ("costs", "norms")}
        own |= {self.generated.settings[scalar]: self._keyword(scalar) for scalar in self.trainer.updates.scalars}
        return [own.get(argument, argument) for argument in self.generated.units[unit].arguments]

    def _batches(self) -> str | list[Row]:
        """The data that an epoch takes in an order of its own; or why there are no mini-batches, as a literal."""
        try:
            made = of_batch(self.program)
        except InputError as refused:
            return quoted(str(refused))
        names, rows = self.generated.names, []
        for name, axis in made.sliced.items():
            plain = f"data[{quoted(name)}]"
            rows.append({"identifier": names.value(name), "shuffled": f"np.take({plain}, order, axis={axis})", "plain": plain})
        for slot in self.generated.slots("column"):
            plain = self._in_order(slot, f"np.arange({self.rows})")
            rows.append({"identifier": slot.identifier, "shuffled": self._in_order(slot, "order"), "plain": plain})
        return rows

    def _in_order(self, slot: Slot, order: str) -> str:
        """A column for samples in an order."""
        column = slot.column
        if column is None or not column.source:
            return order
        shifted = f"{order} {'-' if column.shift < 0 else '+'} {abs(column.shift)}" if column.shift else order
        return f'np.take(data[{quoted(column.source)}], {shifted}, axis={column.axis}, mode="clip")'

    def _drawing(self) -> dict[str, Any]:
        """The law of start values that nobody gives, for two axes and more and for fewer."""
        row = initializers[DEFAULT]
        letters = (*row.settings, *RANDOM)

        def lines(law: str) -> list[str]:
            body = formula(row.name, law, (*letters, *FANS))
            used = [found.value for found in accesses(body)]
            values = {"u": "random.random(shape)", "z": "random.standard_normal(shape)"} | {n: repr(v) for n, v in row.checked_settings().items()}
            shown = Printer(Names(Identifiers()), self.schedule, None, used).number(body)
            return [*(f"{letter} = {values[letter]}" for letter in letters if letter in used), f"return {shown}"]

        return {"purpose": f"Random start values: {row.text()}.", "large": lines(row.law), "small": lines(row.small or row.law)}
