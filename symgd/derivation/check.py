"""The derivation in numbers: the result of its steps, the equations that run, and a central difference of the cost, at one point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from symgd.cost.checked import Definition
from symgd.derivation.derivation import Derived
from symgd.errors import InputError
from symgd.nodes.node import Node, tree_size
from symgd.program.equation import Program
from symgd.program.gate import random_point
from symgd.program.meaning import Arithmetic, Interpreter, interpret
from symgd.program.operations import total_operations

__all__ = ["Checked", "Number", "checked", "disagreements", "reading", "solved"]

DIGITS = 40
OPERATIONS = 20_000  # of the cost at the lengths that are tried: the interpreter takes about a second for so many
STEP = 5  # the step of a central difference is 1e-5
ELEMENTS = 4  # of an array that are shown


@dataclass(frozen=True, slots=True)
class Number:
    """One partial derivative: by the last line of its steps, by the equations, and as a difference, with the error that halving the step shows."""

    parameter: str
    place: tuple[int, ...]
    steps: float
    program: float
    difference: float
    error: float


@dataclass(frozen=True, slots=True)
class Checked:
    """`point`: the values of scalars. `numbers`: the first elements of each parameter. `lengths`: those of the axes."""

    point: Mapping[str, float]
    lengths: Mapping[str, int]
    numbers: tuple[Number, ...]


class _Elements(dict[tuple[int, ...], Any]):
    """Elements of an adjoint, each computed from its block when it is asked for."""

    def __init__(self, reader: Interpreter, target: Node, value: Node) -> None:
        super().__init__()
        self.reader, self.target, self.value = reader, target, value

    def __missing__(self, place: tuple[int, ...]) -> Any:
        point = {letter: at for letter, at in zip(self.target.args, place, strict=True) if letter.op == "index"}
        found = self[place] = self.reader.formula(self.value, point)
        return found


def checked(found: Derived, program: Program, definitions: Sequence[Definition]) -> Checked | None:
    """The numbers at a random point; None where the interpreter would take too long or no point has a value."""
    try:
        inputs, lengths = random_point(program)
    except InputError:
        return None  # no values were found that keep the facts
    total = Interpreter(inputs, lengths, Arithmetic(15)).formula(total_operations(list(program.flat())), {})
    if total > OPERATIONS or any(tree_size(block.value) > OPERATIONS for block in found.blocks):
        return None
    try:
        return _compared(found, program, definitions, inputs, lengths)
    except KeyError:
        return None  # lengths that were given do not fit the subscripts that were drawn


def _compared(
    found: Derived, program: Program, definitions: Sequence[Definition], inputs: Mapping[str, Any], lengths: Mapping[str, int]
) -> Checked:  # fmt: skip
    wide = Arithmetic(DIGITS)
    values = interpret(program, inputs, lengths, wide)
    numbers: list[Number] = []
    for block in found.blocks:
        name = block.target.value
        if block.parts or name not in inputs:
            continue
        by_steps = by_derivation(found, definitions, inputs, lengths, name)
        for place in _places(inputs[name]):
            exact = values.get(program.adjoints.get(name, ""), {}).get(place, 0)
            slope, error = _difference(program, inputs, lengths, name, place)
            numbers.append(Number(name, place, float(by_steps[place]), float(exact), slope, error))
    scalars = {name: float(value) for name, value in inputs.items() if not isinstance(value, list)}
    return Checked(scalars, lengths, tuple(numbers))


def by_derivation(found: Derived, definitions: Sequence[Definition], inputs: Mapping[str, Any], lengths: Mapping[str, int], name: str) -> Any:
    """Elements of the derivative by one parameter, computed from the definitions and the last lines of the blocks alone."""
    reader = reading(definitions, inputs, lengths)
    for other in found.blocks:
        reader.values[other.left.value] = _Elements(reader, other.target, other.value)
    block = found.block(name)
    return _Elements(reader, block.target, block.value)


def reading(definitions: Sequence[Definition], inputs: Mapping[str, Any], lengths: Mapping[str, int]) -> Interpreter:
    """Reads formulas in the names of the user: the inputs are given, definitions are computed where they are read."""
    reader = Interpreter(dict(inputs), lengths, Arithmetic(DIGITS))
    for name in {definition.target for definition in definitions}:
        reader.values[name] = _Forward(reader, [part for part in definitions if part.target == name])
    return reader


class _Forward(dict[tuple[int, ...], Any]):
    """Elements of a definition, each computed from its part when it is asked for; of several parts that fit, from the most special one."""

    def __init__(self, reader: Interpreter, parts: Sequence[Definition]) -> None:
        super().__init__()
        self.reader, self.parts = reader, sorted(parts, key=lambda part: len(part.ranges))

    def __missing__(self, place: tuple[int, ...]) -> Any:
        for part in self.parts:
            point = solved(part, place, self.reader)
            if point is not None:
                self[place] = self.reader.formula(part.body, point)
                return self[place]
        raise KeyError(place)


def solved(part: Definition, place: tuple[int, ...], reader: Interpreter) -> dict[Node, int] | None:
    """The indices at which the part defines this element."""
    point: dict[Node, int] = {}
    for index, at in zip(part.at, place, strict=True):
        letters = [letter for letter in index.free if letter not in point]
        if letters:
            point[letters[0]] = at - reader.integer(index, {**point, letters[0]: 0})
        if reader.integer(index, point) != at:
            return None
    return point


def disagreements(found: Checked) -> list[Number]:
    """The numbers that are not what the equations compute: a fault of symgd."""
    defined = [n for n in found.numbers if n.program == n.program and n.steps != n.program]
    return [n for n in defined if not abs(n.steps - n.program) <= 1e-12 * max(1.0, abs(n.program))]


def _places(value: Any) -> Iterator[tuple[int, ...]]:
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0]
    for n, place in enumerate(product(*map(range, shape))):
        if n < ELEMENTS:
            yield place


def _difference(program: Program, inputs: Mapping[str, Any], lengths: Mapping[str, int], name: str, place: tuple[int, ...]) -> tuple[float, float]:
    """(central difference, error estimate): the difference at half the step is four times as good, so a third of the change is what is left."""
    wide = Arithmetic(DIGITS)

    def slope(step: Any) -> Any:
        ends = [interpret(program, {**inputs, name: _moved(inputs[name], place, by, wide)}, lengths, wide)[program.cost][()] for by in (step, -step)]
        return (ends[0] - ends[1]) / (2 * step)

    whole = wide.ctx.mpf(10) ** -STEP
    one, half = slope(whole), slope(whole / 2)
    return float(half), float(abs(one - half) / 3)


def _moved(value: Any, place: tuple[int, ...], by: Any, wide: Arithmetic) -> Any:
    if not place:
        return wide.exact(value) + by
    return [_moved(part, place[1:], by, wide) if n == place[0] else part for n, part in enumerate(value)]
