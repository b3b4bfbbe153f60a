"""Training: initialise, forward pass, cost, gradient, update, repeat."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from symgd.errors import InputError, NotBuilt
from symgd.nodes.node import access, substituted
from symgd.nodes.text import text
from symgd.program.equation import Equation, Program
from symgd.program.shapes import shape_of
from symgd.schedule.batches import Batches
from symgd.training.batches import in_order, of_batch
from symgd.training.domain import not_defined
from symgd.training.inputs import missing
from symgd.training.kernels import Bound, Kernels, NotCompiled
from symgd.training.result import History, Result
from symgd.updates.initializers import start_values
from symgd.updates.optimizers import UpdateRule, Updates, optimizers
from symgd.updates.rows import checked_number, checked_whole
from symgd.updates.shuffling import epoch_order

if TYPE_CHECKING:
    from symgd.api import Cost

CHUNK = 0.05  # seconds between two looks at the keyboard, the clock and the progress bar
LARGE = 2_000_000  # rows times arrays from which on a first step might take long
STEPS = 1000
GROWTH = 1e6  # times the start cost: what counts as divergence
FINISHED, CONVERGED, NOT_FINITE, DIVERGED = range(4)
NOT_REACHED = -1.0  # no gradient norm
NEW = "new "  # before the name of what an update has changed


class Trainer:
    """Fits the parameters of one cost by one update rule.

    `settings`: the learning rate and the settings of the rule, checked against its intervals.

    >>> import symgd as sg
    >>> result = sg.parse("(w - 3)^2").trainer("gradient_descent", learning_rate=0.1).fit(start={"w": 1}, steps=200)
    >>> round(result.parameters["w"], 6), result.converged
    (3.0, True)
    """

    def __init__(self, cost: Cost, optimizer: str | UpdateRule = "gradient_descent", **settings: Any) -> None:
        self.cost = cost
        self.rule = optimizer if isinstance(optimizer, UpdateRule) else optimizers[optimizer]
        self.settings = self.rule.checked_settings(**settings)
        self.kernels = Kernels(
            cost._checked, cost.gradient.program, self.rule, written=cost.program, rolled=lambda: cost._rolled, said=cost._kernels.said
        )

    @property
    def updates(self) -> Updates:
        """One step of every parameter as equations."""
        assert self.kernels.updates is not None
        return self.kernels.updates

    @property
    def source(self) -> str:
        """The generated module: cost, gradient, update rule and the loop over steps."""
        return self.kernels.generated.source

    def latex(self) -> str:
        """The update rule as it stands on the page."""
        return self.rule.latex()

    @cached_property
    def numpy_update(self) -> Callable[..., Mapping[str, Any]]:
        """One step of the update rule by NumPy: values by name in, new values out."""
        from symgd.compiling.numpy_backend import compiled

        equations = _renewed(self.updates.equations)
        read = {found.value for equation in equations for found in equation.reads()} | set(self.updates.scalars)
        targets = {equation.target: tuple(axis.high for axis in equation.domain) for equation in equations}
        return compiled(_program(equations, read - targets.keys(), targets))

    def save(self, path: str | os.PathLike[str], *, lengths: Mapping[str, int] | None = None, overwrite: bool = False) -> Path:
        """Write a module that trains on its own, with NumPy and Numba only: `python trainer.py data.npz -o result.npz`.

        `lengths`: values of lengths that neither data nor start values tell, a hidden width. An existing file is kept unless `overwrite`.
        """
        from symgd.training.saving import save

        return save(self, Path(path), dict(lengths or {}), overwrite=overwrite)

    def fit(
        self,
        data: Mapping[Any, Any] | None = None,
        *,
        start: Mapping[Any, Any] | str | None = None,
        steps: int | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        batch_axis: Any = None,
        shuffle: bool = True,
        seed: int = 0,
        tolerance: float = 1e-8,
        threads: int = 1,
        dtype: str = "float64",
        progress: bool | None = None,
    ) -> Result:
        """Change the parameters step by step so that the cost goes down.

        `data`: name -> array, scalar or length. `start`: parameter -> array, number or initialiser; what it leaves out is drawn at random from
        `seed`. One step is one update; an epoch takes every sample once, in batches of `batch_size`, in an order that follows from (seed, epoch), or
        as they stand with shuffle=False. Ends after `steps` (1000) or `epochs`, or when the gradient norm is below `tolerance` (0 switches that off).
        Ctrl-C returns what has been reached; before the first step it is a KeyboardInterrupt. A cost that is not finite, or more than 10^6 times the
        first above the first, ends the fit with the parameters of lowest cost.
        Raises InputError for what is missing or does not fit.
        """
        plan = self._plan(steps, epochs, batch_size, batch_axis, shuffle, seed, tolerance, threads, dtype)
        with _listening() as check:
            bound, given = self._start(data, start, plan)
            return _Fit(self, plan, bound, given, progress, check).run()

    def check_fittable(self) -> None:
        """Refuse a cost without parameters, and ask about parameters that look like constants."""
        checked = self.cost._checked
        if not checked.parameters:
            raise InputError("The cost has no parameter to fit.", accepted="a cost with a free name")
        if checked.doubtful:
            names = ", ".join(checked.doubtful)
            raise InputError(
                f"The cost is affine in {names}, so no step would ever end: a constant?",
                accepted=f"constants={{{', '.join(f'{name!r}: ...' for name in checked.doubtful)}}}, or parameters=[...] with it",
            )

    def _plan(self, steps: Any, epochs: Any, batch: Any, axis: Any, shuffle: bool, seed: Any, tolerance: Any, threads: Any, dtype: Any) -> _Plan:
        if steps is not None and epochs is not None:
            raise InputError("Both steps and epochs are given.", accepted="one of them")
        if threads != 1:
            raise NotBuilt(f"threads={threads!r} is not built yet.", accepted="threads=1")
        if dtype not in ("float64", float, np.float64, np.dtype(np.float64)):
            raise NotBuilt(f"dtype={dtype!r} is not built yet.", accepted='"float64"')
        if not isinstance(shuffle, bool):
            raise InputError(f"shuffle is {shuffle!r}.", accepted="True or False")
        if axis is not None and not _same_axis(axis, self.cost):
            raise NotBuilt(f"Batches along {axis} are not built yet.", accepted=self._row_name())
        return _Plan(
            None if steps is None else checked_whole("steps", steps, 1),
            None if epochs is None else checked_whole("epochs", epochs, 1),
            None if batch is None else checked_whole("batch_size", batch, 1),
            shuffle,
            checked_whole("seed", seed, 0, 2**64 - 1),
            checked_number("tolerance", tolerance, "[0, oo)"),
        )

    def _row_name(self) -> str:
        row = self.kernels.program.row
        return "no axis, since the sums over data share none" if row is None else f"the axis of length {text(row)}"

    def _start(self, data: Mapping[Any, Any] | None, start: Mapping[Any, Any] | str | None, plan: _Plan) -> tuple[Bound, dict[str, Any]]:
        """The memory with data and start values in it, everything checked."""
        self.check_fittable()
        checked, kernels = self.cost._checked, self.kernels
        values = {k: v for k, v in start.items() if not isinstance(v, str) and not hasattr(v, "draw")} if isinstance(start, Mapping) else {}
        chosen, given, known = kernels.inputs({k: v for k, v in values.items() if _is_array(v)}, data)
        absent = [name for name in kernels._data_names() if name not in given and name in kernels.shown.inputs]
        if absent:
            raise missing(absent, given, "data")
        shapes = {name: array.shape for name, array in {**chosen, **given}.items()}
        lengths = kernels.lengths(shapes, known)
        shapes = {name: shape_of(kernels.shown, name, lengths) for name in checked.parameters}
        parameters = start_values(shapes, start, plan.seed)
        return kernels.bind(parameters, given, {**known, **{n: v for n, v in lengths.items() if n not in kernels.shown.measured}}), given


@dataclass(frozen=True, slots=True)
class _Plan:
    steps: int | None
    epochs: int | None
    batch: int | None
    shuffle: bool
    seed: int
    tolerance: float


@dataclass(slots=True)
class _Fit:
    """One run of a trainer: the loop of chunks around the generated loop of steps."""

    trainer: Trainer
    plan: _Plan
    bound: Bound
    given: dict[str, Any]
    progress: bool | None
    check: Callable[[], None]  # raises KeyboardInterrupt if Ctrl-C has been pressed
    done: int = 0
    status: int = FINISHED
    interrupted: bool = False
    best: Any = field(default_factory=lambda: np.full(1, np.inf))
    limit: float = np.inf
    reach: int = 0  # the step at which the chunk ends that is running

    @property
    def kernels(self) -> Kernels:
        return self.trainer.kernels

    def run(self) -> Result:
        began = time.perf_counter()
        rows = self.bound.rows
        batch = rows if self.plan.batch is None else checked_whole("batch_size", self.plan.batch, 1, rows, of=", the number of samples")
        made = of_batch(self.kernels.program) if batch < rows else Batches()
        shuffled = bool(made.sliced or made.columns)
        per_epoch = -(-rows // batch) if rows else 1
        total = self.plan.epochs * per_epoch if self.plan.epochs else self.plan.steps or STEPS
        costs, norms = np.empty(total), np.empty(total)  # memory is taken as they are filled
        self._begin()
        self.kernels.choose(total, lambda: self.kernels.by_numpy(self.bound, 0, batch))
        originals = dict(self.bound.memory)
        try:
            with np.errstate(all="ignore"), self._bar(total) as report:
                while self.done < total and self.status == FINISHED:
                    epoch, place = divmod(self.done, per_epoch)
                    if place == 0 and shuffled and self.plan.shuffle:
                        self._shuffle(originals, made, epoch)
                    stop = min(total, (epoch + 1) * per_epoch) if shuffled and self.plan.shuffle else total
                    self._steps(place * batch, batch, stop, costs, norms, report)
        except KeyboardInterrupt:  # it comes when a chunk is over, before its number of steps is known here
            self.interrupted = True
            self.done += int(np.count_nonzero(norms[self.done : self.reach] != NOT_REACHED))
            if not self.done:
                raise  # nothing is reached, and Numba, perhaps broken off in the middle, does not get to compute a result
        self.bound.memory.update(originals)
        return self._result(costs, norms, time.perf_counter() - began)

    def _begin(self) -> None:
        """Fill the state of the update rule with its start, and keep the start parameters."""
        from symgd.compiling.numpy_backend import run

        rule = self.trainer.updates
        scalars = rule.values(self.trainer.settings)
        memory, kernels = self.bound.memory, self.kernels
        slots = kernels.generated.memory
        if rule.start:
            program = _program(rule.start, {*scalars, *kernels.program.parameters}, rule.state)
            inputs = {**scalars, **{name: kernels.value(self.bound, name) for name in kernels.program.parameters}}
            for name, value in run(program, inputs, self.bound.lengths).items():
                memory[kernels.identifier(name)][...] = value
        for identifier, slot in slots.items():
            if slot.role == "kept":
                memory[identifier][...] = memory[kernels.identifier(slot.name)]

    def _steps(self, first: int, batch: int, stop: int, costs: Any, norms: Any, report: Any) -> None:
        """Chunks of about 50 ms up to step `stop`; a step that takes longer is taken in pieces."""
        names = self.kernels.generated
        rows, count = self.bound.rows, 1
        slow = not self.kernels.compiled or names.driven or rows * len(names.memory) > LARGE
        given: dict[str, Any] = {"tolerance": self.plan.tolerance, "batch": batch, "best": self.best}
        given |= self._scalars() if self.kernels.compiled else {}
        while self.done < stop and self.status == FINISHED:
            self.check()
            began = time.perf_counter()
            count = 1 if slow else min(count, stop - self.done)
            self.reach = self.done + count
            here = slice(self.done, self.reach)
            norms[here] = NOT_REACHED
            try:
                if slow:
                    made, status = self._slow_step(first, batch, costs, norms)
                else:
                    own = {"position": first, "count": count, "start": self.done, "limit": self.limit, "costs": costs[here], "norms": norms[here]}
                    made, status = self.kernels.call("train", self.bound, **own, **given)
            except NotCompiled:
                slow, count = True, 1
                continue
            if self.done == 0:
                self.limit = costs[0] + GROWTH * max(1.0, abs(costs[0]))
            per_epoch = -(-rows // batch) if rows else 1
            self.done += made
            self.status = status
            first = (self.done % per_epoch) * batch
            spent = (time.perf_counter() - began) / max(1, made)
            slow = slow and (not self.kernels.compiled or names.driven or spent > CHUNK)
            count = max(1, min(10 * count, int(CHUNK / max(spent, 1e-9))))
            report(self.done, costs[max(0, self.done - 1)])

    def _scalars(self) -> dict[str, float]:
        """The learning rate and settings by identifier, as the generated functions take them."""
        return {self.kernels.scalar(name): value for name, value in self.trainer.updates.values(self.trainer.settings).items()}

    def _slow_step(self, first: int, batch: int, costs: Any, norms: Any) -> tuple[int, int]:
        """One step from Python: the rows in pieces of about 50 ms, then the update."""
        kernels, bound = self.kernels, self.bound
        last = min(first + batch, bound.rows)
        self._gradient(first, last)
        cost = kernels.cost(bound)
        adjoints = [np.asarray(kernels.value(bound, kernels.program.adjoints[name])) for name in kernels.program.parameters]
        norm = float(np.sqrt(sum(float(np.sum(a * a)) for a in adjoints)))
        costs[self.done] = cost
        if not (np.isfinite(cost) and np.isfinite(norm)):
            norms[self.done] = norm
            return 0, NOT_FINITE
        if cost > self.limit:
            norms[self.done] = norm
            return 0, DIVERGED
        if cost < self.best[0]:
            self.best[0] = cost
            for identifier, slot in kernels.generated.memory.items():
                if slot.role == "kept":
                    bound.memory[identifier][...] = bound.memory[kernels.identifier(slot.name)]
        if norm < self.plan.tolerance:
            norms[self.done] = norm
            return 0, CONVERGED
        self._update()
        norms[self.done] = norm
        return 1, FINISHED

    def _gradient(self, first: int, last: int) -> None:
        kernels, bound = self.kernels, self.bound
        if not kernels.compiled:
            kernels.gradient(bound, first, last)
            return
        scale = bound.rows / max(1, last - first)
        piece = bound.block * 8
        for unit in kernels.generated.order:
            if not unit.startswith("sweep"):
                kernels.call(unit, bound)
                continue
            start = first
            while start < last:
                began = time.perf_counter()
                kernels.call(unit, bound, first=start, last=min(start + piece, last), block=bound.block, scale=scale)
                start += piece
                spent = time.perf_counter() - began
                piece = bound.block * max(1, min(10 * piece, int(piece * CHUNK / max(spent, 1e-9))) // bound.block)

    def _update(self) -> None:
        kernels, bound, rule = self.kernels, self.bound, self.trainer.updates
        if kernels.compiled:
            kernels.call("update", bound, **self._scalars(), **{kernels.scalar(rule.scalars[0]): float(self.done + 1)})
            return
        values: dict[str, Any] = {**rule.values(self.trainer.settings), rule.scalars[0]: float(self.done + 1)}
        parameters = kernels.program.parameters
        names = [*parameters, *rule.state, *(kernels.program.adjoints[name] for name in parameters)]
        found = self.trainer.numpy_update({**values, **{name: kernels.value(bound, name) for name in names}}, bound.lengths)
        for name in (*parameters, *rule.state):
            bound.memory[kernels.identifier(name)][...] = found[NEW + name]

    def _shuffle(self, originals: dict[str, Any], made: Batches, epoch: int) -> None:
        order = epoch_order(self.bound.rows, self.plan.seed, epoch)
        memory, kernels = self.bound.memory, self.kernels
        for name, axis in made.sliced.items():
            place = kernels.identifier(name)
            memory[place] = np.ascontiguousarray(np.take(originals[place], order, axis=axis))
        for column in made.columns.values():
            source = originals[kernels.identifier(column.source)] if column.source else None
            memory[kernels.identifier(column.name)] = in_order(column, source, order)

    @contextmanager
    def _bar(self, total: int) -> Iterator[Any]:
        """A progress bar on a terminal, nothing elsewhere."""
        wanted = sys.stderr.isatty() if self.progress is None else self.progress
        if not wanted:
            yield lambda done, cost: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("step {task.completed:,.0f} of {task.total:,.0f}"),
            BarColumn(),
            TextColumn("cost {task.fields[cost]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("fit", total=total, cost="")
            yield lambda done, cost: bar.update(task, completed=done, cost=f"{cost:.6g}")

    def _result(self, costs: Any, norms: Any, seconds: float) -> Result:
        kernels, bound = self.kernels, self.bound
        failed = self.status in (NOT_FINITE, DIVERGED)
        if failed and np.isfinite(self.best[0]):
            for identifier, slot in kernels.generated.memory.items():
                if slot.role == "kept":
                    bound.memory[kernels.identifier(slot.name)][...] = bound.memory[identifier]
        with np.errstate(all="ignore"):
            kernels.gradient(bound)
        parameters = {name: kernels.value(bound, name) for name in kernels.checked.parameters}
        gradient = {name: kernels.value(bound, kernels.shown.adjoints[name]) for name in kernels.checked.parameters}
        recorded = self.done + (self.status != FINISHED)
        history = History(np.arange(1, recorded + 1), costs[:recorded], norms[:recorded])
        cost, given = self.trainer.cost, self.given
        return Result(
            parameters,
            kernels.cost(bound),
            gradient,
            history,
            self.done,
            self.status == CONVERGED,
            self._reason(costs, norms),
            seconds,
            lambda names, chosen, data: cost.compute(names, chosen, given if data is None else data),
        )

    def _undefined(self) -> str | None:
        """Which formula has no value at the start."""
        cost, kernels, bound = self.trainer.cost, self.kernels, self.bound
        program = cost.program
        inputs = {name: self.given.get(name) for name in program.inputs} | {name: kernels.value(bound, name) for name in cost.parameters}
        if any(value is None for value in inputs.values()):
            return None
        return not_defined(program, inputs, bound.lengths, cost._formula.hidden)

    def _reason(self, costs: Any, norms: Any) -> str:
        step = self.done + 1
        if self.interrupted:
            return f"Interrupted after {self.done} steps."
        if self.status == CONVERGED:
            return f"The gradient norm {norms[self.done]:.3g} is below the tolerance {self.plan.tolerance:g} after {self.done} steps."
        if self.status == NOT_FINITE:
            what = "cost" if not np.isfinite(costs[self.done]) else "gradient"
            kept = "The parameters are those of the lowest cost before." if np.isfinite(self.best[0]) else "The parameters are the start values."
            value = costs[self.done] if what == "cost" else norms[self.done]
            why = self._undefined() if step == 1 else None
            if why is None and step == 1:
                why = "A value is too large for a float64; are the data scaled?" if np.isinf(value) else None
            return f"At step {step} the {what} is {value}{f': {why}' if why else '.'} {kept}"
        if self.status == DIVERGED:
            grown = f"At step {step} the cost has grown to {costs[self.done]:.3g}: the learning rate is too large."
            return f"{grown} The parameters are those of the lowest cost."
        return f"All {self.done} steps are done."


@contextmanager
def _listening() -> Iterator[Callable[[], None]]:
    """Ctrl-C does what it did before, and is kept in mind for the check: raised in a callback of an import, of LLVM or of the garbage collector it
    is lost, raised in Numba it may become another error, and the fit would go on."""
    before = signal.getsignal(signal.SIGINT)
    if before is None or isinstance(before, int) or threading.current_thread() is not threading.main_thread():
        yield lambda: None  # ignored, or heard by the main thread only
        return
    pressed = False

    def heard(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        try:
            before(number, frame)
        except KeyboardInterrupt:
            pressed = True
            raise

    def check() -> None:
        if pressed:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, heard)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)


def _is_array(value: Any) -> bool:
    return np.ndim(value) > 0 or isinstance(value, np.ndarray)


def _same_axis(axis: Any, cost: Cost) -> bool:
    row = cost.gradient.program.row
    high = cost._formula.axes.get(str(axis))
    return row is not None and (high is row or str(axis) == text(row))


def _program(equations: Iterable[Equation], inputs: set[str], targets: Mapping[str, Any]) -> Program:
    listed = tuple(equations)
    ranks = {found.value: len(found.args) for equation in listed for found in equation.reads()}
    return Program(listed, {name: ranks.get(name, 0) for name in inputs}, "", (), extents=dict(targets))


def _renewed(equations: Iterable[Equation]) -> tuple[Equation, ...]:
    """Update equations with their results under new names: a line sees the new values above it, and nothing is changed in place."""
    renewed: list[Equation] = []
    done: set[str] = set()
    for equation in equations:
        known = {found: access(NEW + found.value, *found.args) for found in equation.reads() if found.value in done}
        renewed.append(replace(equation, target=NEW + equation.target, body=substituted(equation.body, known)))
        done.add(equation.target)
    return tuple(renewed)
