"""Program -> Schedule: which equations share a pass over the samples, in which loops, and where values are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from symgd.errors import NotBuilt
from symgd.nodes.node import ZERO, Node
from symgd.program.equation import Equation, Program, Range
from symgd.schedule.nests import loop_order

Kind = Literal["scalar", "array", "block", "rows", "share"]


@dataclass(frozen=True, slots=True)
class Nest:
    """One equation as a loop nest. `row` is the letter that runs over the samples of the block, None outside a pass.

    `loops`: the ranges from the outside in, the row range left out. `first`: nothing wrote the target before, so it starts here.
    """

    number: int
    equation: Equation
    row: Node | None
    loops: tuple[Range, ...]
    first: bool


@dataclass(frozen=True, slots=True)
class Pass:
    """Equations that run together over a block of rows. `shares`: reductions over the rows, of which a block writes its part."""

    nests: tuple[Nest, ...]
    shares: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """`between[0]`, `passes[0]`, `between[1]`, `passes[1]`, ..., `between[-1]` in this order is the program.

    `kinds`: where a computed name lives. `scalar`: one number; `array`: whole, no row axis; `block`: scratch for the rows of one block;
    `rows`: one entry a sample, kept over passes or wanted; `share`: summed over the rows, block by block.
    `row_axis`: name -> the position of its row axis, for `block` and `rows`, and for the inputs that a block of rows slices.
    """

    program: Program
    between: tuple[tuple[Nest, ...], ...]
    passes: tuple[Pass, ...]
    kinds: Mapping[str, Kind]
    row_axis: Mapping[str, int]

    @property
    def results(self) -> tuple[str, ...]:
        """The adjoints of the parameters, in the order of the parameters."""
        return tuple(self.program.adjoints[name] for name in self.program.parameters)


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
    return _Scheduling(program).run()


class _Scheduling:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.equations: list[Equation] = []
        for item in program.equations:
            if not isinstance(item, Equation):
                raise NotBuilt("Compiled recurrences are not built yet.")
            self.equations.append(item)
        self.writers: dict[str, list[int]] = {}
        for n, equation in enumerate(self.equations):
            self.writers.setdefault(equation.target, []).append(n)
        self.axis = self._row_axes()
        self.rows = [self._row_letter(equation) for equation in self.equations]

    def run(self) -> Schedule:
        when = self._levels()
        count = max((t for t, row in zip(when, self.rows, strict=True) if row is not None), default=0)
        kinds = self._kinds(when)
        seen: set[str] = set()
        between: list[list[Nest]] = [[] for _ in range(count + 1)]
        passes: list[list[Nest]] = [[] for _ in range(count)]
        for n, (equation, row, t) in enumerate(zip(self.equations, self.rows, when, strict=True)):
            alone = len(self.writers[equation.target]) == 1
            first = equation.target not in seen and (alone or kinds[equation.target] in ("block", "rows")) and kinds[equation.target] != "share"
            seen.add(equation.target)
            nest = Nest(n + 1, equation, row, loop_order(equation, row), first)
            (between[t] if row is None else passes[t - 1]).append(nest)
        shares = [tuple(dict.fromkeys(n.equation.target for n in nests if kinds[n.equation.target] == "share")) for nests in passes]
        row_axis = {name: position for name, position in self.axis.items() if kinds.get(name) in ("block", "rows")}
        return Schedule(
            self.program,
            tuple(map(tuple, between)),
            tuple(Pass(tuple(nests), names) for nests, names in zip(passes, shares, strict=True)),
            kinds,
            row_axis,
        )

    def _candidates(self, equation: Equation) -> list[Node]:
        """The letters that run over all samples."""
        row = self.program.row
        if row is None:
            return []
        return [axis.index for axis in equation.domain if axis.low is ZERO and axis.high is row]

    def _row_axes(self) -> dict[str, int]:
        """The position of the row axis of every computed array that has an entry a sample."""
        found: dict[str, int] = {}
        for name, places in self.writers.items():
            writers = [self.equations[n] for n in places]
            for position in range(len(writers[0].at)):
                if all(w.at[position] in self._candidates(w) and w.at.count(w.at[position]) == 1 for w in writers):
                    found[name] = position
                    break
        return found

    def _row_letter(self, equation: Equation) -> Node | None:
        position = self.axis.get(equation.target)
        if position is not None:
            letter = equation.at[position]
        else:
            letters = self._candidates(equation)
            if not letters or equation.op not in ("+=",):
                return None  # only a sum can be added up block by block
            letter = max(letters, key=lambda candidate: self._local_reads(equation, candidate))
        others = [axis for axis in equation.domain if axis.index is not letter]
        before = equation.domain[: [axis.index for axis in equation.domain].index(letter)]
        hoistable = all(axis in others for axis in before)
        return letter if hoistable else None

    def _local_reads(self, equation: Equation, letter: Node) -> int:
        return sum(self._is_local(found, letter) for found in equation.reads() if found.value in self.axis)

    def _is_local(self, found: Node, letter: Node) -> bool:
        return found.args[self.axis[found.value]] is letter

    def _levels(self) -> list[int]:
        """For a row equation the number of its pass, from 1; for another one the number of passes that must be over."""
        when: list[int] = []
        for equation, row in zip(self.equations, self.rows, strict=True):
            level = 0 if row is None else 1
            for found in equation.reads():
                for writer in self.writers.get(found.value, []):
                    if writer >= len(when):
                        continue
                    other = self.rows[writer]
                    local = row is not None and other is not None and found.value in self.axis and self._is_local(found, row)
                    level = max(level, when[writer] + (0 if local or row is None else 1))
            when.append(level)
        # all equations of one row-wise array belong to one pass, the last
        for name in self.axis:
            last = max(when[n] for n in self.writers[name])
            for n in self.writers[name]:
                when[n] = last
        return when

    def _kinds(self, when: list[int]) -> dict[str, Kind]:
        results = {self.program.cost, *(self.program.adjoints[p] for p in self.program.parameters if p in self.program.adjoints)}
        kinds: dict[str, Kind] = {}
        for name, places in self.writers.items():
            if name in self.axis and all(self.rows[n] is not None for n in places):
                own = when[places[0]]
                local = all(
                    when[n] == own and self.rows[n] is not None and self._is_local(found, self._letter(n))
                    for n, equation in enumerate(self.equations)
                    for found in equation.reads()
                    if found.value == name
                )
                kinds[name] = "block" if local and name not in results else "rows"
            elif any(self.rows[n] is not None for n in places):
                kinds[name] = "share"
            else:
                kinds[name] = "array" if self.equations[places[0]].at else "scalar"
        for name in results:
            kinds.setdefault(name, "array" if self.program.extents.get(name) else "scalar")
        return kinds

    def _letter(self, n: int) -> Node:
        letter = self.rows[n]
        assert letter is not None
        return letter


