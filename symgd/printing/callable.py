"""The module of one function, `cost, gradients = cost_and_gradient(parameters..., data..., lengths...)`, for other compiled code.

The functions of kernels.py.jinja work on memory that somebody else has made and checked; here the last function does both by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite
from textwrap import wrap

from symgd.cost.checked import Checked
from symgd.nodes.node import number
from symgd.nodes.text import text
from symgd.printing.identifiers import comment
from symgd.printing.memory import allocated
from symgd.printing.module import Slot, Unit, folded, kernels
from symgd.printing.numba import INDENT, Printer
from symgd.printing.sides import Sides, quoted, tupled
from symgd.printing.templates import environment
from symgd.program.equation import Program
from symgd.program.extents import input_extents
from symgd.rolling.elements import Rolled
from symgd.schedule.schedule import whole

__all__ = ["callable_source"]

NAME = "cost_and_gradient"
WIDTH = 130  # of the lines of its docstring


def callable_source(checked: Checked, program: Program, rolled: Rolled | None = None) -> str:
    """Source that defines `cost_and_gradient` beside the functions that it calls. `rolled`: what runs in place of a long program.

    >>> from symgd.cost.checked import check
    >>> from symgd.pipeline import forward_program, gradient_program
    >>> from symgd.reading.text import problem
    >>> checked = check(problem("mean((w*x - y)^2)", samples="x y"))
    >>> print(callable_source(checked, gradient_program(forward_program(checked))).splitlines()[-1])
        return C[0], (dw[0],)
    """
    return _Callable(checked, program, rolled or Rolled(program, {})).source()


class _Callable:
    def __init__(self, checked: Checked, program: Program, rolled: Rolled) -> None:
        self.checked, self.program, self.running, self.packed = checked, program, rolled.program, rolled.packed
        self.place = {name: (array, n) for array, names in rolled.packed.items() for n, name in enumerate(names)}
        read = input_extents(program)[0]
        inputs = {name: program.extents.get(program.adjoints.get(name, ""), lengths) for name, lengths in read.items()}
        inputs = {name: extents for name, extents in inputs.items() if name in self.running.inputs}
        inputs |= {name: (number(len(names)),) for name, names in self.packed.items() if name in self.running.inputs}
        plan = whole(self.running)
        self.generated = kernels(plan, inputs=inputs, described=checked.formula, packed=self.packed)
        self.names = self.generated.names
        self.printer = Printer(self.names, plan)
        self.slots = {slot.name: slot for slot in self.generated.slots("data", "parameter")}
        arrays = [name for name in (*checked.data, *checked.parameters) if name in self.slots and self.slots[name].extents]
        self.sides = Sides(program, self.generated, self.printer, {name: self.names.value(name) for name in arrays})
        self.rows = "1" if program.row is None else self.printer.integer(program.row)

    def source(self) -> str:
        lengths, open_ = self.sides.lengths()
        looking, longest = self._looking(), self.sides.longest()
        arguments = [self.names.value(name) for name in (*self.checked.parameters, *self.checked.data)]
        arguments += [self.sides.identifier[name] for name in open_]
        parts = dict(self.generated.parts)
        units = [*looking[:1], *([self._unit("longest", "How long the longest of the ranges are that data bound.", longest)] if longest else [])]
        parts["units"] = [*self.generated.units.values(), *units]
        parts |= {
            "name": NAME,
            "arguments": arguments,
            "described": self._described(arguments, open_),
            "lengths": lengths,
            "checks": list(self._checks(lengths)),
            "cells": list(self._cells()),
            "subscripts": list(self._refusals(*looking)) if looking else [],
            "longest": [f"{', '.join(map(self._length, self.program.longest))} = {self._called_with(units[-1])}"] if longest else [],
            "memory": list(allocated(self.generated, self.printer, self.rows)),
            "call": self._called_with(self.generated.units["gradient"]),
            "cost": f"{self.names.value(self.running.cost)}[0]",
            "gradients": tupled([self._gradient(name) for name in self.checked.parameters]),
        }
        return environment("python").get_template("callable.py.jinja").render(parts)

    def _described(self, arguments: list[str], open_: list[str]) -> str:
        """The docstring: how it is called, what shape everything has, what comes back."""
        results = tupled([f"d{self.names.value(name)}" for name in self.checked.parameters])
        lines = [f"cost, {results} = {NAME}({', '.join(arguments)})", ""]
        for title, names in (("Parameters", self.checked.parameters), ("Data", self.checked.data)):
            if names:
                lines.append(f"{title}: {comment(', '.join(map(self._shape_of, names)))}.")
        if open_:
            lines.append(f"Lengths that no array tells: {comment(', '.join(open_))}.")
        integers = ", ".join(self._called(name) for name in self.checked.data if name in self.program.integers)
        lines.append(f"Arrays hold float64{f', {comment(integers)} int64' if integers else ''}; what has no shape is a number.")
        known = {name: value for name, value in self.checked.constants.items() if name in self.slots or name in self.place}
        fixed = [f"{name} = {value!r}" for name, value in known.items() if value is not None]
        lines += [f"Fixed: {comment(', '.join(fixed))}."] if fixed else []
        lines.append("The gradients come in the order of the parameters, as new arrays or floats. Raises ValueError for an array of another shape.")
        return "\n".join([lines[0], *(f"{INDENT}{line}" if line else "" for long in lines[1:] for line in wrap(long, WIDTH) or [""])])

    def _called(self, name: str) -> str:
        """The argument, and the user's name where it is another."""
        identifier = self.names.value(name)
        return name if identifier == name else f"{identifier} (that is {name})"

    def _shape_of(self, name: str) -> str:
        slot = self.slots.get(name)
        return f"{self._called(name)} {tupled(list(map(text, slot.extents)))}" if slot and slot.extents else self._called(name)

    def _checks(self, lengths: list[str]) -> Iterator[tuple[str, str]]:
        """(what is wrong, the sentence): lengths, then arrays, then how ranges fit them."""
        known = {line.partition(" = ")[2] for line in lengths}
        for name in self.sides.identifier:
            if name not in self.program.longest:
                yield f"{self._length(name)} < 1", quoted(f"The length {name} is below 1.")
        for name in (*self.checked.parameters, *self.checked.data):
            slot = self.slots.get(name)
            array = self.names.value(name)
            if slot is None or not slot.extents or f"{array}.shape" in known or f"len({array})" in known:
                continue
            wrong = [f"{array}.shape[{n}] != {side}" for n, side in enumerate(self.sides.needed(slot)) if side != f"{array}.shape[{n}]"]
            if wrong:
                shape = tupled(list(map(text, slot.extents)))
                yield " or ".join(wrong), quoted(f"{name} does not have the shape {shape} that goes with the other arrays.")
        for condition, sentence in self.sides.limits().items():
            yield condition, quoted(sentence)

    def _cells(self) -> Iterator[str]:
        """Numbers stand in arrays of one element."""
        for slot in self.slots.values():
            if slot.name in self.packed:
                listed = [self._number(name, False) for name in self.packed[slot.name]]
                yield f"{slot.identifier} = np.array([{folded(listed)}])"
            elif not slot.extents:
                yield f"{self._cell(slot)} = np.full(1, {self._number(slot.name, slot.integer)})"

    def _number(self, name: str, integer: bool) -> str:
        constant = self.checked.constants.get(name)
        return f"{'int' if integer else 'float'}({self.names.value(name)})" if constant is None else _literal(constant, integer)

    def _cell(self, slot: Slot) -> str:
        return self.names.identifiers["cell", slot.name]

    def _length(self, name: str) -> str:
        return self.sides.identifier[name]

    def _unit(self, name: str, purpose: str, lines: list[str]) -> Unit:
        """One more function, of data, parameters and lengths."""
        words = {word for line in lines for word in re.findall(r"\w+", line)} - set(map(self._length, self.program.longest))
        arguments = [slot.identifier for slot in self.generated.slots("data", "parameter", "length") if slot.identifier in words]
        return Unit(name, tuple(arguments), purpose, tuple(lines))

    def _called_with(self, unit: Unit) -> str:
        return f"{unit.name}({', '.join(map(self._given, unit.arguments))})"

    def _given(self, argument: str) -> str:
        own = {"first": "0", "last": self.rows, "scale": "1.0"}
        slot = self.generated.memory.get(argument)
        if slot is not None and slot.role in ("data", "parameter") and not slot.extents:
            return self._cell(slot)
        return own.get(argument, argument)

    def _gradient(self, name: str) -> str:
        adjoint = self.program.adjoints[name]
        if adjoint in self.place:
            array, n = self.place[adjoint]
            return f"{self.names.value(array)}[{n}]"
        return self.names.value(adjoint) if self.program.extents.get(adjoint) else f"{self.names.value(adjoint)}[0]"

    # subscripts that data decide

    def _looking(self) -> tuple[Unit, list[str]] | tuple[()]:
        """The function that looks at them, and a sentence for each that may be wrong."""
        lines, sentences = self.sides.subscripts()
        if not sentences:
            return ()
        purpose = "Look at every subscript that data decide; return which of them is wrong, with the value, the length there and the row, or 0."
        return self._unit("subscripts", purpose, lines), sentences

    def _refusals(self, looking: Unit, sentences: list[str]) -> Iterator[str]:
        yield f"wrong = {self._called_with(looking)}[0]"
        for place, sentence in enumerate(sentences, 1):
            yield f"if wrong == {place}:"
            yield f"{INDENT}raise ValueError({quoted(_constant(sentence))})"


def _literal(value: float, integer: bool) -> str:
    if isfinite(value):
        return repr(int(value) if integer else float(value))
    return "np.nan" if value != value else "np.inf" if value > 0 else "-np.inf"


def _constant(sentence: str) -> str:
    """A sentence about subscripts without the values that compiled code cannot write into it."""
    short = sentence.replace(" at index {value} of axis", " outside of axis")
    short = re.sub(r" at [^ ]+ = \{row\}", "", short).replace(" Accepted: 0 to {last}.", "")
    return short.replace("{{", "{").replace("}}", "}")
