"""Program -> Schedule: which equations share a pass over the samples, in which loops, and where values are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from symgd.errors import InputError
from symgd.nodes.node import TRUE, ZERO, Node
from symgd.program.equation import Equation, Op, Program, Range
from symgd.program.levels import Levels, levels
from symgd.program.linear import difference
from symgd.program.weights import Weight
from symgd.schedule.batches import Batches, batches
from symgd.schedule.nests import loop_order

Kind = Literal["scalar", "array", "block", "rows", "share"]


@dataclass(frozen=True, slots=True)
class Nest:
    """One equation as a loop nest. `row` is the letter that runs over the samples of the block, None outside a pass.

    `loops`: the ranges from the outside in, the row range and that of the steps of a recurrence left out. `first`: nothing wrote the target
    before, so it starts here; `whole`: the equation writes every element of it, all at once. `cleared`: all elements start at the neutral element
    of this operation. `shown`: the equation as the program has it, where columns stand in it now.
    """

    number: int
    equation: Equation
    row: Node | None
    loops: tuple[Range, ...]
    first: bool
    whole: bool
    cleared: Op | None = None
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Steps:
    """Nests that run together for one value of an index after the other, up or down."""

    index: Range
    direction: int
    nests: tuple[Nest, ...]


def nests_of(items: Iterable[Nest | Steps]) -> Iterator[Nest]:
    """All nests, those inside recurrences too."""
    for item in items:
        if isinstance(item, Steps):
            yield from item.nests
        else:
            yield item


@dataclass(frozen=True, slots=True)
class Pass:
    """Equations that run together over a block of rows. `shares`: reductions over the rows, of which a block writes its part."""

    nests: tuple[Nest | Steps, ...]
    shares: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """`between[0]`, `passes[0]`, `between[1]`, `passes[1]`, ..., `between[-1]` in this order is the program.

    `kinds`: where a computed name lives. `scalar`: one number; `array`: whole, no row axis; `block`: scratch for the rows of one block;
    `rows`: one entry a sample, kept over passes or wanted; `share`: summed over the rows, block by block.
    `batches`: what a mini-batch takes from the data; nothing where the cost has none.
    `row_axis`: name -> the position of its row axis, for `block` and `rows`, and for the inputs that a block of rows slices. `step_axis`: name -> the
    position of the steps of a recurrence, of an array that only the step that writes it reads: one step's worth of it is kept.
    `weights`: sum over the samples -> the logsumexp of the same pass by which each block divides its share.
    """

    program: Program
    between: tuple[tuple[Nest | Steps, ...], ...]
    passes: tuple[Pass, ...]
    kinds: Mapping[str, Kind]
    row_axis: Mapping[str, int]
    step_axis: Mapping[str, int] = field(default_factory=dict)
    batches: Batches = field(default_factory=Batches)
    weights: Mapping[str, Weight] = field(default_factory=dict)

    def kept(self, name: str) -> tuple[Node, ...]:
        """The extents of what is kept of a computed array."""
        dropped = self.step_axis.get(name)
        return tuple(extent for position, extent in enumerate(self.program.extents.get(name, ())) if position != dropped)

    @property
    def results(self) -> tuple[str, ...]:
        """The adjoints of the parameters, in the order of the parameters."""
        return tuple(self.program.adjoints[name] for name in self.program.parameters)

    @property
    def zeroed(self) -> tuple[str, ...]:
        """Computed names outside the passes that are summed into, or that nothing writes: they start at 0."""
        once = {nest.equation.target for nests in (*self.between, *(p.nests for p in self.passes)) for nest in nests_of(nests) if nest.first}
        return tuple(name for name, kind in self.kinds.items() if kind in ("share", "array", "scalar") and name not in once)


def schedule(program: Program) -> Schedule:
    """Give every equation its pass.

    A reduction over the samples, or a read at another sample's index, is a barrier: what depends on it waits for the next pass. Equations
    without the sample axis run between passes, as early as what they read is complete.

    >>> from symgd.nodes.node import length
    >>> from symgd.program.equation import read_equation
    >>> lines = ["s += x[i]/m for i in 0:m", "C += (x[i] - s)^2 for i in 0:m"]
    >>> program = Program(tuple(map(read_equation, lines)), {"x": 1}, "C", (), extents={"s": (), "C": ()}, row=length("m"))
    >>> len(schedule(program).passes)
    2
    """
    found = levels(program)
    try:
        made = batches(program, found)
    except InputError:
        made = Batches()
    return _Scheduling(program, found, made).run()


def whole(program: Program) -> Schedule:
    """The same for all samples in their own order, never for a batch of them: data stay as they are."""
    return _Scheduling(program, levels(program), Batches()).run()


class _Scheduling:
    def __init__(self, program: Program, found: Levels, made: Batches) -> None:
        self.program, self.levels, self.batches = program, found, made

    def run(self) -> Schedule:
        found, program = self.levels, self.program
        kinds = self._kinds()
        seen: set[str] = set()
        between: list[list[Nest | Steps]] = [[] for _ in range(found.passes + 1)]
        passes: list[list[Nest | Steps]] = [[] for _ in range(found.passes)]
        for n, (equation, row, t, scan) in enumerate(zip(found.equations, found.row, found.when, found.scan, strict=True)):
            name = equation.target
            alone = len(found.writers[name]) == 1 or kinds[name] in ("block", "rows")
            first = name not in seen and alone and kinds[name] != "share"
            seen.add(name)
            step = None if scan is None else scan.index.index
            whole = _whole(equation, program) and all(axis.index is not step for axis in equation.reduced)
            cleared = self._cleared(name) if first and not (whole and equation.op == "=") else None
            made = self.batches.rewritten(equation, row, found.axis)
            nest = Nest(n + 1, made, row, loop_order(made, row, step), first, whole, cleared, str(equation))
            place = between[t] if row is None else passes[t - 1]
            last = place[-1] if place else None
            if scan is None:
                place.append(nest)
            elif isinstance(last, Steps) and last.index is scan.index and n and found.scan[n - 1] is scan:
                place[-1] = Steps(last.index, last.direction, (*last.nests, nest))
            else:
                place.append(Steps(scan.index, scan.direction, (nest,)))
        shares = [tuple(dict.fromkeys(n.equation.target for n in nests_of(nests) if kinds[n.equation.target] == "share")) for nests in passes]
        row_axis = {name: position for name, position in found.axis.items() if kinds.get(name) in ("block", "rows")}
        steps = tuple(Pass(tuple(nests), names) for nests, names in zip(passes, shares, strict=True))
        return Schedule(program, tuple(map(tuple, between)), steps, kinds, row_axis, self._step_axes(kinds), self.batches, found.weights)

    def _step_axes(self, kinds: Mapping[str, Kind]) -> dict[str, int]:
        """The arrays that live within one step of a recurrence."""
        found: dict[str, int | None] = {}
        levels_, program = self.levels, self.program
        results = set(program.results)
        for equation, scan in zip(levels_.equations, levels_.scan, strict=True):
            for access in (equation.left, *equation.reads()):
                name = access.value
                if name in program.inputs or name in results or name not in levels_.writers or kinds[name] == "share":
                    continue
                writers = levels_.writers[name]
                inside = scan is not None and all(levels_.scan[n] is scan for n in writers)
                first = levels_.equations[writers[0]]
                if len(writers) > 1 and not (first.op == "=" and _whole(first, program)):
                    inside = False  # it is cleared once, not at every step
                places = [p for p, place in enumerate(access.args) if scan is not None and place is scan.index.index] if inside else []
                position = places[0] if len(places) == 1 else None
                if found.setdefault(name, position) != position:
                    found[name] = None
        return {name: position for name, position in found.items() if position is not None}

    def _cleared(self, name: str) -> Op | None:
        """The operation that accumulates into an array, which has to start at its neutral element."""
        return next((self.levels.equations[n].op for n in self.levels.writers[name] if self.levels.equations[n].op != "="), None)

    def _kinds(self) -> dict[str, Kind]:
        found, program = self.levels, self.program
        results = dict.fromkeys(program.results)
        readers: dict[str, list[tuple[int, Node]]] = {}
        for n, equation in enumerate(found.equations):
            for read in equation.reads():
                readers.setdefault(read.value, []).append((n, read))
        kinds: dict[str, Kind] = {}
        for name, places in found.writers.items():
            if name in found.axis:
                own = found.when[places[0]]
                local = all(
                    found.when[n] == own and found.row[n] is not None and found.is_local(read, found.row[n]) for n, read in readers.get(name, [])
                )
                kinds[name] = "block" if local and name not in results else "rows"
            elif any(found.row[n] is not None for n in places):
                kinds[name] = "share"
            else:
                kinds[name] = "array" if found.equations[places[0]].at else "scalar"
        for name in results:
            kinds.setdefault(name, "array" if program.extents.get(name) else "scalar")
        return kinds


def _whole(equation: Equation, program: Program) -> bool:
    """Does the equation write every element of its target?"""
    kept = {place: axis for place in equation.at for axis in equation.domain if axis.index is place}
    extents = program.extents[equation.target]
    if len(kept) != len(extents) or equation.guard is not TRUE:
        return False
    return all(kept[place].low is ZERO and difference(kept[place].high, extent) == 0 for place, extent in zip(equation.at, extents, strict=True))
