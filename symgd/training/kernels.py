"""The compiled form of one gradient program, and the memory that it works on."""

from __future__ import annotations

import math
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from symgd.cost.checked import Checked
from symgd.cost.labels import labels
from symgd.errors import InputError
from symgd.nodes.node import length, number, postorder
from symgd.printing.memory import BLOCK, CACHE
from symgd.printing.module import Generated, kernels
from symgd.program.equation import Program, Scan
from symgd.program.extents import input_extents
from symgd.program.operations import operations_at, weight
from symgd.program.shapes import solve, value
from symgd.program.subscripts import check_subscripts
from symgd.reverse.tangent import DIRECTIONS
from symgd.rolling.rolling import Rolled
from symgd.schedule.schedule import schedule
from symgd.tidy.recompute import recomputed
from symgd.training.batches import BATCH, SCALE, in_order, of_batch, on_batches
from symgd.training.facts import check_facts
from symgd.training.inputs import array, arrays, missing
from symgd.updates.optimizers import UpdateRule, Updates, updates

SECONDS = 0.003  # to compile what weighs 1, measured; a loop weighs about 20
PATIENCE = 4.0  # seconds that a first value may wait for the compiler
TRAINING = 20.0  # seconds that the first of many steps may wait
HOPELESS = 300.0  # seconds of compiling from which on it is not tried
BY_NUMPY = 3e-9  # seconds that NumPy takes for an operation in long arrays
AT_ONCE = 32  # directions that go through the data together
HELD = 1 << 25  # numbers of memory that they may take
STORED = 1 << 27  # numbers of memory, a gigabyte, from which on values of a step or a sample are computed again, not kept


@dataclass(slots=True)
class Bound:
    """Arrays and lengths in the places that the generated functions name. A scalar is an array of one element."""

    memory: dict[str, Any]
    lengths: dict[str, int]
    rows: int
    block: int


class NotCompiled(Exception):
    """Numba has failed, and NumPy has taken over."""


class Kernels:
    """One program of a cost, compiled when first used: cost and gradient, or something else that is wanted; with `rule` also the steps of one
    optimiser.

    `shown`: the program that people see, in whose names everything is given and answered. `program`: what runs, the same or what `rolled` makes of
    it, in which scalars of the shown one may be elements of arrays. `base`: the program that says how long every axis is, where `shown` reads less of
    the arrays than the cost does. `written`: the forward program, which says how long the arrays are that a gradient simplified by facts reads no
    more. `said`: what has been noticed about the cost.
    """

    def __init__(
        self,
        checked: Checked,
        shown: Program,
        rule: UpdateRule | None = None,
        *,
        base: Program | None = None,
        written: Program | None = None,
        rolled: Callable[[], Rolled] | None = None,
        said: set[str] | None = None,
    ) -> None:
        self.checked, self.shown, self.rule, self.base, self.written = checked, shown, rule, base or shown, written
        self._rolled = rolled or (lambda: Rolled(shown, {}))
        self.said: set[str] = set() if said is None else said

    @cached_property
    def program(self) -> Program:
        """What runs."""
        return self._rolled().program

    @cached_property
    def packed(self) -> Mapping[str, tuple[str, ...]]:
        """array -> the scalars of the shown program that are its elements."""
        return self._rolled().packed

    @cached_property
    def updates(self) -> Updates | None:
        """One step of the update rule as equations."""
        return updates(self.rule, self.program) if self.rule is not None else None

    @cached_property
    def _places(self) -> dict[str, tuple[str, int]]:
        return {name: (array, n) for array, names in self.packed.items() for n, name in enumerate(names)}

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
        return {name: array for name, array in self.shown.tangents.items() if name in self.checked.parameters and array in self.shown.inputs}

    @cached_property
    def generated(self) -> Generated:
        """The source and what it works on."""
        inputs = {name: extents for name, extents in self.extents.items() if name in self.program.inputs}
        inputs |= {name: (number(len(inside)),) for name, inside in self.packed.items() if name in self.program.inputs}
        return kernels(schedule(self.program), inputs=inputs, updates=self.updates, described=self.checked.formula, packed=self.packed, driven=True)

    @cached_property
    def compiling(self) -> float:
        """About how many seconds Numba takes to compile the program, 0 where it is kept from an earlier time; infinite where Numba is missing."""
        from symgd.compiling.cache import is_kept

        try:
            import numba  # noqa: F401
        except ImportError:
            return math.inf
        equations = [*self.program.flat(), *(self.updates.equations if self.updates else ())]
        seconds = to_compile(sum(map(weight, equations)), self.generated.passes, driven=self.generated.driven)
        return 0.0 if self.patience < seconds < HOPELESS and is_kept(self.generated.source) else seconds

    @property
    def patience(self) -> float:
        return PATIENCE if self.rule is None else TRAINING

    @cached_property
    def compiled(self) -> bool:
        """Whether Numba runs the program; else NumPy does, with a notice, since Numba is missing or would keep a first value waiting."""
        if self.compiling > self.patience:
            self.notice()
        return self.compiling <= self.patience

    def _is_open(self) -> bool:
        """Compiling would take longer than one waits for a value, but not for much work."""
        return not self.__dict__.get("compiled") and isinstance(type(self).compiled, cached_property) and self.patience < self.compiling < HOPELESS

    def choose(self, steps: int, step: Callable[[], None]) -> None:
        """Compile if that pays for so many steps, of which NumPy takes one to see how long it needs."""
        if not self._is_open():
            return
        step()  # its first time it is generated
        began = time.perf_counter()
        step()
        if steps * (time.perf_counter() - began) > 2 * self.compiling:
            self.__dict__["compiled"] = True

    def notice(self, error: Exception | None = None) -> None:
        """Say once that NumPy runs the program, and why."""
        if error is not None:
            why = f"Numba does not compile this program ({type(error).__name__})"
        elif math.isinf(self.compiling):
            why = "Numba is not installed"
        else:
            long = f"about {self.compiling:.0f} seconds" if self.compiling < HOPELESS else "many minutes"
            why = f"Numba would compile this program for {long}"
        if "NumPy" not in self.said:
            self.said.add("NumPy")
            warnings.warn(f"{why}; NumPy runs it, more slowly.", stacklevel=_outside())

    @cached_property
    def module(self) -> ModuleType:
        """The generated module, imported from the private cache."""
        from symgd.compiling.cache import load

        return load(self.generated.source)

    def call(self, unit: str, bound: Bound, **given: Any) -> Any:
        """Run one generated function on the memory; `given`: its other arguments by name.

        Raises NotCompiled, with a notice, where Numba fails; it has changed nothing then, and NumPy runs the program from now on.
        """
        arguments = self.generated.units[unit].arguments
        function = getattr(self.module, unit)
        try:
            return function(*(given[a] if a in given else bound.memory[a] for a in arguments))
        except Exception as error:  # whatever Numba and LLVM raise; what they have compiled raises nothing
            self.__dict__ |= {"compiled": False, "compiling": math.inf}
            self.notice(error)
            raise NotCompiled from error

    def gradient(self, bound: Bound, first: int = 0, last: int | None = None) -> None:
        """The program over these rows, all of them by default, into the memory."""
        last = bound.rows if last is None else last
        if self.compiled:
            with suppress(NotCompiled):
                for unit in self.generated.order:
                    self.call(unit, bound, first=first, last=last, scale=bound.rows / max(1, last - first), block=bound.block)
                return
        self.by_numpy(bound, first, last)

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
        if name in self._places:
            array, position = self._places[name]
            return float(bound.memory[self.identifier(array)][position])
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
        return solve(self.base, shapes, known, hidden=self.checked.formula.hidden, written=self.written)

    def bind(
        self,
        parameters: Mapping[str, np.ndarray],
        data: Mapping[str, np.ndarray],
        known: Mapping[str, int],
        directions: Mapping[str, np.ndarray] | None = None,
        at_once: int = 1,
    ) -> Bound:
        """Everything checked and in its place. Raises InputError for what is missing, does not fit, or breaks a fact.

        Parameters of which `directions` has none stay where they are. `at_once`: how many directions a program shall take
        that takes several; it takes fewer where they would fill the memory.
        """
        for names, given, what in ((self.checked.parameters, parameters, "parameter"), (self._data_names(), data, "data")):
            absent = [name for name in names if name not in given and (name in self.shown.inputs or what == "parameter")]
            if absent:
                raise missing(absent, given, what)
        everything = {name: given for name, given in {**parameters, **data}.items() if name in self.base.inputs}
        lengths = self.lengths({name: a.shape for name, a in {**parameters, **data}.items()}, known) | {DIRECTIONS: 1}
        still = {held: np.broadcast_to(0.0, [value(extent, lengths) for extent in self.extents[held]]) for held in self.directions.values()}
        lengths = check_subscripts(self.shown, {**everything, **still}, lengths)
        check_facts(self.checked.facts, data, lengths)
        self._check_labels(data)
        if at_once > 1:
            lengths = {**lengths, DIRECTIONS: max(1, min(at_once, AT_ONCE, HELD // max(1, self._numbers(lengths))))}
        for given, what in ((parameters, "{}"), (directions or {}, "The direction of {}")):
            for name, start in given.items():
                shape = tuple(value(extent, lengths) for extent in self.extents[name])
                if start.shape != shape:
                    raise InputError(f"{what.format(name)} has shape {start.shape}.", accepted=f"shape {shape}")
        for name, held in self.directions.items():
            shape = tuple(value(extent, lengths) for extent in self.extents[held])
            everything[held] = directions[name] if directions and name in directions else np.zeros(shape)
        if self._numbers(lengths) > STORED:
            self._recompute()
        if self._is_open() and BY_NUMPY * operations_at(self.program, lengths)[0] > self.compiling:
            self.__dict__["compiled"] = True
        packed = {array: np.array([everything[name] for name in names]) for array, names in self.packed.items() if array in self.program.inputs}
        return self._allocated({**everything, **packed}, lengths)

    @cached_property
    def _labels(self) -> tuple[str, ...]:
        return labels((self.checked.formula.expression, *(definition.body for definition in self.checked.definitions)), self.checked.data)

    def _check_labels(self, data: Mapping[str, np.ndarray]) -> None:
        """Remark on labels of a cross-entropy that are no probabilities, once."""
        for name in self._labels:
            if name not in data or name in self.said:
                continue
            strange = np.argwhere((data[name] < 0) | (data[name] > 1))
            if len(strange):
                self.said.add(name)
                place, value = ", ".join(map(str, strange[0])), float(data[name][tuple(strange[0])])
                at = f"{name}[{place}]" if place else name
                what = f"{at} is {value:g}: in a cross-entropy, {name}*log(p) + (1 - {name})*log(1 - p), {name} lies between 0 and 1."
                warnings.warn(what, stacklevel=_outside())

    def _numbers(self, lengths: Mapping[str, int]) -> int:
        """How many numbers of memory the computed arrays take."""
        slots = self.generated.slots("computed")
        return sum(_size([value(extent, lengths) for extent in slot.extents], None) for slot in slots)

    def _recompute(self) -> None:
        """Go over to the program that keeps less; `source` is its source from now on."""
        if any(isinstance(item, Scan) for item in self.program.equations) or self.program.passes > 1:
            self.program = recomputed(self.program)
            for name in ("extents", "generated", "module", "_identifiers", "_whole", "_batched"):
                self.__dict__.pop(name, None)

    def _allocated(self, everything: Mapping[str, np.ndarray], lengths: dict[str, int]) -> Bound:
        row = self.program.row
        known = row is not None and all(part.value in lengths for part in postorder(row) if part.op == "length")
        rows = value(row, lengths) if row is not None and known else 1
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
            elif slot.column is not None:
                memory[identifier] = in_order(slot.column, everything.get(slot.column.source), np.arange(rows))
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

    def by_numpy(self, bound: Bound, first: int, last: int) -> None:
        """Cost and gradient over these rows, without a compiler."""
        inputs: dict[str, Any] = {}
        for identifier, slot in self.generated.memory.items():
            if slot.role in ("data", "parameter"):
                inputs[slot.name] = bound.memory[identifier] if slot.extents else bound.memory[identifier][0]
        with threadpool_limits(1):
            if last - first == bound.rows:
                found = self._whole(inputs, bound.lengths)
            else:
                made = of_batch(self.program)
                inputs |= {column.name: bound.memory[self.identifier(column.name)] for column in made.columns.values()}
                for name, axis in (*made.sliced.items(), *((column.name, column.axis) for column in made.columns.values())):
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
        return tuple(name for name in dict.fromkeys([*self.shown.lengths(), *self.base.lengths(), *used]) if name != DIRECTIONS)


def to_compile(weight: float, passes: int = 0, *, driven: bool = False) -> float:
    """About how many seconds Numba takes: a pass over the samples is compiled twice, alone and in the loop over blocks; pieces take less."""
    return SECONDS * weight * (0.8 if driven else 2 if passes else 1)


def _outside() -> int:
    """How many calls up the caller of this package stands, for a warning that points at his line."""
    frame, depth = sys._getframe(2), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in ("symgd", "functools"):
        frame, depth = frame.f_back, depth + 1
    return depth


def _size(shape: Sequence[int], axis: int | None) -> int:
    """The numbers that one row of a scratch array holds."""
    size = 1
    for position, side in enumerate(shape):
        size *= side if position != axis else 1
    return size
