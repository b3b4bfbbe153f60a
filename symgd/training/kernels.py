"""The compiled form of one gradient program, and the memory that it works on."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from symgd.cost.checked import Checked
from symgd.errors import InputError
from symgd.nodes.node import length, postorder
from symgd.printing.module import Generated, kernels
from symgd.program.equation import Program, Scan
from symgd.program.extents import input_extents
from symgd.program.shapes import check_subscripts, solve, value
from symgd.reverse.tangent import DIRECTIONS
from symgd.schedule.schedule import schedule
from symgd.tidy.recompute import recomputed
from symgd.training.batches import BATCH, SCALE, batched_inputs, on_batches
from symgd.training.inputs import array, arrays, missing
from symgd.updates.optimizers import Updates

LONGEST = 4000  # nodes of a program that Numba is asked to compile: about half a minute
CACHE = 1 << 15  # numbers of scratch memory for the rows of one block
AT_ONCE = 32  # directions that go through the data together
HELD = 1 << 25  # numbers of memory that they may take
BLOCK = 256  # rows of a block at most
STORED = 1 << 27  # numbers of memory, a gigabyte, from which on the steps of a recurrence are computed again on the way back


@dataclass(slots=True)
class Bound:
    """Arrays and lengths in the places that the generated functions name. A scalar is an array of one element."""

    memory: dict[str, Any]
    lengths: dict[str, int]
    rows: int
    block: int


class Kernels:
    """One program of a cost, compiled when first used: cost and gradient, or something else that is wanted; with `updates` also the steps of one
    optimiser.

    `base`: the program that says how long every axis is, where `program` reads less of the arrays than the cost does.
    """

    def __init__(self, checked: Checked, program: Program, updates: Updates | None = None, *, base: Program | None = None) -> None:
        self.checked, self.program, self.updates, self.base = checked, program, updates, base or program

    @cached_property
    def extents(self) -> dict[str, Any]:
        """Name -> lengths, of every parameter, data array and direction."""
        read, base = input_extents(self.base)[0], self.base
        found = {name: base.extents.get(base.adjoints.get(name, ""), lengths) for name, lengths in read.items()}
        behind = {array: rank - self.program.inputs[name] for name, array in self.directions.items() if (rank := self.program.inputs[array])}
        return found | {array: (*found[name], *(length(DIRECTIONS),) * behind.get(array, 0)) for name, array in self.directions.items()}

    @property
    def directions(self) -> dict[str, str]:
        """Parameter -> the input that holds the direction in which it moves."""
        return {name: array for name, array in self.program.tangents.items() if name in self.checked.parameters and array in self.program.inputs}

    @cached_property
    def generated(self) -> Generated:
        """The source and what it works on."""
        inputs = {name: extents for name, extents in self.extents.items() if name in self.program.inputs}
        return kernels(schedule(self.program), inputs=inputs, updates=self.updates, described=self.checked.formula)

    @cached_property
    def compiled(self) -> bool:
        """False where NumPy runs the program instead: Numba is missing, or would compile for too long."""
        size = sum(len(postorder(equation.body)) for equation in self.program.flat())
        if size > LONGEST:
            warnings.warn(f"The program has {size:,} operations and names; NumPy runs it, because compiling would take minutes.", stacklevel=2)
            return False
        try:
            import numba  # noqa: F401
        except ImportError:
            warnings.warn("Numba is not installed; NumPy runs the program, more slowly.", stacklevel=2)
            return False
        return True

    @cached_property
    def module(self) -> ModuleType:
        """The generated module, imported from the private cache."""
        from symgd.compiling.cache import load

        return load(self.generated.source)

    def call(self, unit: str, bound: Bound, **given: Any) -> Any:
        """Run one generated function on the memory; `given`: its other arguments by name."""
        arguments = self.generated.units[unit].arguments
        return getattr(self.module, unit)(*(given[a] if a in given else bound.memory[a] for a in arguments))

    def gradient(self, bound: Bound, first: int = 0, last: int | None = None) -> None:
        """The program over these rows, all of them by default, into the memory."""
        last = bound.rows if last is None else last
        if not self.compiled:
            self._by_numpy(bound, first, last)
            return
        self.call("gradient", bound, first=first, last=last, scale=bound.rows / max(1, last - first), block=bound.block)

    def direction(self, bound: Bound, parameter: str) -> Any:
        """The directions of a parameter in the memory: an element of it a row, a direction a column; None where no result depends on it."""
        held = self._identifiers.get(self.directions.get(parameter, ""))
        return None if held is None else bound.memory[held].reshape(-1, bound.lengths[DIRECTIONS])

    def cost(self, bound: Bound) -> float:
        return float(bound.memory[self.identifier(self.program.cost)][0])

    @cached_property
    def _identifiers(self) -> dict[str, str]:
        return {slot.name: slot.identifier for slot in self.generated.memory.values() if slot.role not in ("length", "share", "kept")}

    def identifier(self, name: str) -> str:
        """The place of a name in the memory."""
        return self._identifiers[name]

    def scalar(self, name: str) -> str:
        """The argument by which the generated functions take a setting of the update rule."""
        return self.generated.settings[name]

    def value(self, bound: Bound, name: str) -> float | np.ndarray:
        """A parameter, adjoint or other computed value, as a float or a copy of the array."""
        found = bound.memory[self.identifier(name)]
        return float(found[0]) if not self.generated.memory[self.identifier(name)].extents else found.copy()

    def inputs(
        self, parameters: Mapping[Any, Any] | None, data: Mapping[Any, Any] | None
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, int]]:
        """(parameters, data with constants, lengths) given by the user, as checked arrays by name."""
        checked, lengths = self.checked, self._length_names()
        chosen, _ = arrays(parameters, checked.parameters, integers=frozenset(), lengths=(), what="parameter")
        ranks = {**checked.data, **{name: 0 for name in checked.constants if name not in checked.data}}
        given, known = arrays(data, ranks, integers=checked.integers, lengths=lengths, what="data")
        constants = {
            name: array(name, v, integer=name in checked.integers) for name, v in checked.constants.items() if v is not None and name not in given
        }
        return chosen, {**constants, **given}, known

    def lengths(self, shapes: Mapping[str, tuple[int, ...]], known: Mapping[str, int]) -> dict[str, int]:
        """The length of every axis, from shapes and what was given by name."""
        return solve(self.base, shapes, known, hidden=self.checked.formula.hidden)

    def bind(
        self,
        parameters: Mapping[str, np.ndarray],
        data: Mapping[str, np.ndarray],
        known: Mapping[str, int],
        directions: Mapping[str, np.ndarray] | None = None,
        at_once: int = 1,
    ) -> Bound:
        """Everything checked and in its place. Raises InputError for what is missing or does not fit.

        Parameters of which `directions` has none stay where they are. `at_once`: how many directions a program shall take
        that takes several; it takes fewer where they would fill the memory.
        """
        for names, given, what in ((self.checked.parameters, parameters, "parameter"), (self._data_names(), data, "data")):
            absent = [name for name in names if name not in given and (name in self.program.inputs or what == "parameter")]
            if absent:
                raise missing(absent, given, what)
        everything = {name: given for name, given in {**parameters, **data}.items() if name in self.base.inputs}
        lengths = self.lengths({name: a.shape for name, a in everything.items()}, known) | {DIRECTIONS: 1}
        if at_once > 1:
            lengths[DIRECTIONS] = max(1, min(at_once, AT_ONCE, HELD // max(1, self._numbers(lengths))))
        for given, what in ((parameters, "{}"), (directions or {}, "The direction of {}")):
            for name, start in given.items():
                shape = tuple(value(extent, lengths) for extent in self.extents[name])
                if start.shape != shape:
                    raise InputError(f"{what.format(name)} has shape {start.shape}.", accepted=f"shape {shape}")
        for name, held in self.directions.items():
            still = np.zeros(tuple(value(extent, lengths) for extent in self.extents[held]))
            everything[held] = directions[name] if directions and name in directions else still
        check_subscripts(self.program, everything, lengths)
        if self._numbers(lengths) > STORED:
            self._recompute()
        return self._allocated(everything, lengths)

    def _numbers(self, lengths: Mapping[str, int]) -> int:
        """How many numbers of memory the computed arrays take."""
        slots = self.generated.slots("computed")
        return sum(_size([value(extent, lengths) for extent in slot.extents], None) for slot in slots)

    def _recompute(self) -> None:
        """Go over to the program that keeps the states of recurrences only; `source` is its source from now on."""
        if any(isinstance(item, Scan) for item in self.program.equations):
            self.program = recomputed(self.program)
            for name in ("extents", "generated", "module", "_identifiers", "_whole", "_batched"):
                self.__dict__.pop(name, None)

    def _allocated(self, everything: Mapping[str, np.ndarray], lengths: dict[str, int]) -> Bound:
        row = self.program.row
        rows = value(row, lengths) if row is not None else 1
        generated = self.generated
        per_row = 1 + sum(_size([value(extent, lengths) for extent in s.extents], s.axis) for s in generated.slots("block"))
        block = max(1, min(BLOCK, CACHE // per_row, max(rows, 1)))
        memory: dict[str, Any] = {"block": block}
        for identifier, slot in generated.memory.items():
            if slot.role == "length":
                memory[identifier] = lengths[slot.name]
            elif slot.role in ("data", "parameter"):
                given = everything[slot.name]
                memory[identifier] = np.array(given.reshape(1) if not slot.extents else given, copy=slot.role == "parameter" or not slot.extents)
            elif slot.role == "block":
                shape = [value(extent, lengths) for extent in slot.extents]
                shape[slot.axis or 0] = block
                memory[identifier] = np.zeros(shape)
            else:
                memory[identifier] = np.zeros(tuple(value(extent, lengths) for extent in slot.extents) or 1)
        return Bound(memory, lengths, rows, block)

    @cached_property
    def _whole(self) -> Any:
        from symgd.compiling.numpy_backend import compiled

        return compiled(self.program)

    @cached_property
    def _batched(self) -> Any:
        from symgd.compiling.numpy_backend import compiled

        return compiled(on_batches(self.program))

    def _by_numpy(self, bound: Bound, first: int, last: int) -> None:
        inputs: dict[str, Any] = {}
        for identifier, slot in self.generated.memory.items():
            if slot.role in ("data", "parameter"):
                inputs[slot.name] = bound.memory[identifier] if slot.extents else bound.memory[identifier][0]
        with threadpool_limits(1):
            if last - first == bound.rows:
                found = self._whole(inputs, bound.lengths)
            else:
                for name, axis in batched_inputs(self.program).items():
                    inputs[name] = np.take(inputs[name], range(first, last), axis=axis)
                inputs[SCALE] = bound.rows / (last - first)
                found = self._batched(inputs, {**bound.lengths, BATCH: last - first})
        for identifier, slot in self.generated.memory.items():
            if slot.role == "computed" and np.shape(found.get(slot.name)) in (bound.memory[identifier].shape, ()):
                bound.memory[identifier][...] = found.get(slot.name, 0.0)

    def _data_names(self) -> list[str]:
        return [*self.checked.data, *(name for name in self.checked.constants if name not in self.checked.data)]

    def _length_names(self) -> tuple[str, ...]:
        used = [part.value for e in self.extents.values() for part in postorder(*e) if part.op == "length"]
        return tuple(name for name in dict.fromkeys([*self.base.lengths(), *used]) if name != DIRECTIONS)


def _size(shape: Sequence[int], axis: int | None) -> int:
    """The numbers that one row of a scratch array holds."""
    size = 1
    for position, side in enumerate(shape):
        size *= side if position != axis else 1
    return size
