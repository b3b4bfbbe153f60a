"""Which data a mini-batch takes in its own order, and the copies of data that this needs.

A batch takes rows in any order. Data read at the sample itself, `X[i, j]`, are put into that order. Data read at its neighbour, `off[g + 1]`, get
a copy of their own in it, a column, and so do the samples' numbers where they count: in `w*i`, in `b[mod(i, 7)]`. Everything else stays whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from symgd.errors import InputError, NotBuilt
from symgd.nodes.node import Node, access, accesses, outside_subscripts, substituted
from symgd.nodes.text import text
from symgd.program.equation import Equation, Program, Range
from symgd.program.levels import Levels
from symgd.program.linear import difference

__all__ = ["Batches", "Column", "batches"]

Place = tuple[str, int, int]  # data, the position of their sample axis, and how far from the sample they are read
NUMBERS: Place = ("", 0, 0)


@dataclass(frozen=True, slots=True)
class Column:
    """A copy of `source`, from `shift` on along `axis`, with one entry for each sample; without a source the samples' own numbers."""

    name: str
    source: str
    axis: int = 0
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Batches:
    """`sliced`: data name -> the position of its sample axis. `columns`: the copies, by what is read."""

    sliced: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    columns: Mapping[Place, Column] = field(default_factory=lambda: MappingProxyType({}))

    def rewritten(self, equation: Equation, row: Node | None, axis: Mapping[str, int]) -> Equation:
        """The equation reading columns in place of what they are copies of. `axis`: the sample axes of what is computed."""
        if row is None or not self.columns:
            return equation
        numbers = self.columns.get(NUMBERS)
        known: dict[Node, Node] = {row: access(numbers.name, row) if numbers else row}

        def at(found: Node) -> Node:
            place = _place(found, row)
            column = self.columns.get(place) if place is not None else None
            aligned = place[1] if place is not None and (column or self.sliced.get(found.value) == place[1]) else axis.get(found.value)
            args = (row if n == aligned and (column or part is row) else substituted(part, known) for n, part in enumerate(found.args))
            return access(column.name if column else found.value, *args)

        for found in accesses(*_formulas(equation)):
            known[found] = at(found)
        domain = tuple(Range(a.index, substituted(a.low, known), substituted(a.high, known)) for a in equation.domain)
        body, guard = (substituted(part, known) for part in (equation.body, equation.guard))
        return replace(equation, at=at(equation.left).args, domain=domain, body=body, guard=guard)


def batches(program: Program, found: Levels) -> Batches:
    """What a mini-batch of this program takes from the data.

    Raises NotBuilt for a cost in which a sample reads others, or with a parameter for each sample: its mini-batches would mean something else.

    >>> from symgd.nodes.node import length
    >>> from symgd.program.equation import read_equation
    >>> from symgd.program.levels import levels
    >>> line = read_equation("C += x[i + 1]*X[i, j]/m for i in 0:m, j in 0:d")
    >>> program = Program((line,), {"x": 1, "X": 2}, "C", (), row=length("m"))
    >>> made = batches(program, levels(program))
    >>> print(made.sliced, *(column.name for column in made.columns.values()))
    {'X': 0} x[i + 1]
    """
    if program.row is None:
        raise InputError("The sums of this cost share no axis that batches could be taken from.", accepted="no batch_size")
    placed: dict[Place, str] = {}
    whole: set[str] = set()
    numbered: list[Node] = []
    for equation, row in zip(found.equations, found.row, strict=True):
        over_samples = [axis for axis in equation.domain if axis.high is program.row]
        joined = equation.target in found.axis or equation.op in ("+=", "logsumexp=")
        if len(over_samples) > 1 or (over_samples and (row is None or not joined)):
            raise NotBuilt(f"In {equation} a sample meets other samples; mini-batches of such a cost are not built yet.", accepted="no batch_size")
        if row is None:
            whole.update(equation.names())
            continue
        for read in (*equation.reads(), equation.left):
            place = _checked(program, found, read, row)
            if place is not None:
                placed.setdefault(place, text(read))
            elif read.value not in program.extents:
                whole.add(read.value)
            aligned = place[1] if place is not None else found.axis.get(read.value)
            numbered += [row for n, part in enumerate(read.args) if n != aligned and _bare(part, row)]
        numbered += [row for part in _formulas(equation) if _bare(part, row)]
    return _arranged(placed, whole, numbered[0] if numbered else None)


def _arranged(placed: Mapping[Place, str], whole: set[str], numbered: Node | None) -> Batches:
    """Data read at the sample alone, along one axis, are sliced as they are; the rest gets columns."""
    sliced: dict[str, int] = {}
    columns: dict[Place, Column] = {}
    for (name, axis, shift), shown in placed.items():
        alone = name not in whole and all(other[1] == axis for other in placed if other[0] == name)
        if shift == 0 and alone:
            sliced[name] = axis
        else:
            columns[name, axis, shift] = Column(shown, name, axis, shift)
    if numbered is not None:
        columns[NUMBERS] = Column(f"number of {text(numbered)}", "")
    return Batches(MappingProxyType(sliced), MappingProxyType(columns))


def _checked(program: Program, found: Levels, read: Node, row: Node) -> Place | None:
    """Where data are read at the sample or a neighbour of it. Raises NotBuilt where a batch would mean something else."""
    if read.value in program.extents:
        if read.value in found.axis and not found.is_local(read, row):
            raise NotBuilt(f"{text(read)} reads other samples; mini-batches of such a cost are not built yet.", accepted="no batch_size")
        return None
    place = _place(read, row)
    if place is not None and read.value in program.parameters:
        raise NotBuilt(f"{read.value} has an entry a sample; mini-batches of such a cost are not built yet.", accepted="no batch_size")
    return place


def _place(read: Node, row: Node) -> Place | None:
    """(name, position, shift) of an access at the sample or at a fixed distance from it."""
    for position, part in enumerate(read.args):
        if row in part.free and not any(accesses(part)):
            shift = difference(part, row)
            if shift is not None and shift.denominator == 1:
                return read.value, position, int(shift)
    return None


def _bare(part: Node, row: Node) -> bool:
    """Whether the letter stands there outside the subscripts of accesses."""
    return row in part.free and any(inner is row for inner in outside_subscripts(part))


def _formulas(equation: Equation) -> Iterator[Node]:
    """What an equation evaluates beside the subscripts of its target."""
    yield equation.body
    yield equation.guard
    for axis in equation.domain:
        yield axis.low
        yield axis.high
