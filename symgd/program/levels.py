"""Which equations can share a pass over the samples: a reduction over them, or a read at another sample's index, is a barrier."""

from __future__ import annotations

from dataclasses import dataclass

from symgd.errors import NotBuilt
from symgd.nodes.node import ZERO, Node
from symgd.program.equation import Equation, Program


@dataclass(frozen=True, slots=True)
class Levels:
    """`equations[n]` runs with `row[n]` over all samples in pass `when[n]`, or, where `row[n]` is None, after `when[n]` passes.

    `axis`: name -> position of the sample axis, of every computed array with an entry a sample. `writers`: name -> its equations.
    """

    equations: tuple[Equation, ...]
    row: tuple[Node | None, ...]
    when: tuple[int, ...]
    axis: dict[str, int]
    writers: dict[str, list[int]]

    @property
    def passes(self) -> int:
        """How often the samples are read."""
        return max((t for t, row in zip(self.when, self.row, strict=True) if row is not None), default=0)

    def is_local(self, found: Node, letter: Node | None) -> bool:
        """Does the access read an entry of the very sample that `letter` stands at?"""
        return found.value in self.axis and found.args[self.axis[found.value]] is letter


def levels(program: Program) -> Levels:
    """Give every equation its pass.

    >>> from symgd.nodes.node import length
    >>> from symgd.program.equation import read_equation
    >>> lines = ["s += x[i]/m for i in 0:m", "C += (x[i] - s)^2 for i in 0:m"]
    >>> levels(Program(tuple(map(read_equation, lines)), {"x": 1}, "C", (), row=length("m"))).when
    (1, 2)
    """
    equations: list[Equation] = []
    for item in program.equations:
        if not isinstance(item, Equation):
            raise NotBuilt("Passes of a recurrence are not built yet.")
        equations.append(item)
    writers: dict[str, list[int]] = {}
    for n, equation in enumerate(equations):
        writers.setdefault(equation.target, []).append(n)
    axis = _sample_axes(equations, writers, program.row)
    rows = tuple(_row_letter(equation, axis, program.row) for equation in equations)
    found = Levels(tuple(equations), rows, (), axis, writers)
    return Levels(found.equations, rows, _when(found), axis, writers)


def _candidates(equation: Equation, row: Node | None) -> list[Node]:
    """The letters that run over all samples."""
    return [bounds.index for bounds in equation.domain if bounds.low is ZERO and bounds.high is row]


def _sample_axes(equations: list[Equation], writers: dict[str, list[int]], row: Node | None) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, places in writers.items():
        writing = [equations[n] for n in places]
        for position in range(len(writing[0].at)):
            if all(w.at[position] in _candidates(w, row) and w.at.count(w.at[position]) == 1 for w in writing):
                found[name] = position
                break
    return found


def _row_letter(equation: Equation, axis: dict[str, int], row: Node | None) -> Node | None:
    position = axis.get(equation.target)
    if position is not None:
        return equation.at[position]
    letters = _candidates(equation, row)
    if not letters or equation.op != "+=":
        return None  # only a sum can be added up block by block
    reads = [found for found in equation.reads() if found.value in axis]
    return max(letters, key=lambda letter: sum(found.args[axis[found.value]] is letter for found in reads))


def _when(found: Levels) -> tuple[int, ...]:
    when: list[int] = []
    for n, (equation, row) in enumerate(zip(found.equations, found.row, strict=True)):
        level = 0 if row is None else 1
        for read in equation.reads():
            for writer in found.writers.get(read.value, []):
                if writer < n:
                    together = row is None or (found.row[writer] is not None and found.is_local(read, row))
                    level = max(level, when[writer] + (not together))
        when.append(level)
    for name in found.axis:  # all equations of one array with an entry a sample belong to one pass, the last
        last = max(when[n] for n in found.writers[name])
        for n in found.writers[name]:
            when[n] = last
    return tuple(when)
