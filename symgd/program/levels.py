"""Which equations can share a pass over the samples: a reduction over them, or a read at another sample's index, is a barrier.

A recurrence stays together: it runs in a pass, all its steps for one block of samples, if every sample can be stepped by itself; else between passes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from symgd.nodes.node import ZERO, Node, substituted
from symgd.program.equation import Equation, Program, Scan
from symgd.program.linear import difference
from symgd.program.weights import Weight, Weights, positions


@dataclass(frozen=True, slots=True)
class Levels:
    """`equations[n]` runs with `row[n]` over all samples in pass `when[n]`, or, where `row[n]` is None, after `when[n]` passes.

    `axis`: name -> position of the sample axis, of every computed array with an entry a sample. `writers`: name -> its equations.
    `scan[n]`: the recurrence that the equation belongs to. `weights`: sum over the samples -> the logsumexp of the same pass by which it is divided.
    """

    equations: tuple[Equation, ...]
    row: tuple[Node | None, ...]
    when: tuple[int, ...]
    axis: dict[str, int]
    writers: dict[str, list[int]]
    scan: tuple[Scan | None, ...] = ()
    weights: Mapping[str, Weight] = field(default_factory=dict)

    @property
    def passes(self) -> int:
        """How often the samples are read."""
        return max((t for t, row in zip(self.when, self.row, strict=True) if row is not None), default=0)

    def readers(self) -> dict[str, list[tuple[int, bool]]]:
        """name -> the equations that read it, and whether each reads its own sample only; of every computed array with an entry a sample."""
        found: dict[str, list[tuple[int, bool]]] = {name: [] for name in self.axis}
        for n, (equation, row) in enumerate(zip(self.equations, self.row, strict=True)):
            for read in equation.reads():
                if read.value in found:
                    found[read.value].append((n, row is not None and self.is_local(read, row)))
        return found

    def kept(self, wanted: Collection[str]) -> set[str]:
        """The computed arrays with an entry a sample that have to be whole at some time: what is wanted, and what is read beside its own sample."""
        return {name for name, places in self.readers().items() if name in wanted or not all(local for _, local in places)}

    def stepped(self, name: str) -> bool:
        """Is it computed by a recurrence, or for all samples at once?"""
        return any(self.scan[n] is not None or self.row[n] is None for n in self.writers[name])

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
    equations = list(program.flat())
    scan = [item if isinstance(item, Scan) else None for item in program.equations for _ in (item.equations if isinstance(item, Scan) else (item,))]
    writers: dict[str, list[int]] = {}
    for n, equation in enumerate(equations):
        writers.setdefault(equation.target, []).append(n)
    axis = _sample_axes(equations, writers, program.row)
    whole: set[int] = set()  # recurrences that run over all samples at once
    for item in program.equations:
        if isinstance(item, Scan) and not _by_samples(item, axis, program.row):
            whole.add(id(item))
            for equation in item.equations:
                axis.pop(equation.target, None)
    letters: list[tuple[Node | None, ...]] = []
    for equation, steps in zip(equations, scan, strict=True):
        mixed = equation.target not in axis and len({equations[n].op for n in writers[equation.target]} - {"="}) > 1
        alone = id(steps) in whole or mixed  # what is added to a maximum is not the maximum of sums
        choices = () if alone else _row_letters(equation, axis, program.row)
        letters.append(choices[:1] if steps is not None else choices)
    empty = Levels(tuple(equations), (), (), axis, writers, tuple(scan))
    totals = {e.target for e, steps in zip(equations, scan, strict=True) if e.op == "logsumexp=" and steps is None and len(writers[e.target]) == 1}
    totals -= axis.keys()
    known = frozenset(totals)
    while True:
        rows, when = _when(empty, [choices or (None,) for choices in letters], Weights(known))
        found = replace(empty, row=rows, when=when)
        weights, failing = _weights(found, known, set(program.results))
        if not failing:
            break
        known -= failing
    found = replace(found, weights=weights)
    return found if found.passes < 2 else _as_late(found, set(program.results))


def _by_samples(scan: Scan, axis: dict[str, int], row: Node | None) -> bool:
    """Whether each sample can be stepped by itself: all that is computed has its axis, and is read at the very sample."""
    targets = {equation.target for equation in scan.equations}
    for equation in scan.equations:
        if equation.target not in axis and not _is_read(equation, scan) and equation.op == "+=" and _row_letters(equation, axis, row):
            continue  # a sum over samples and steps
        if equation.target not in axis or scan.index.index is equation.at[axis[equation.target]]:
            return False
        letter = equation.at[axis[equation.target]]
        if any(found.value in targets and found.args[axis[found.value]] is not letter for found in equation.reads() if found.value in axis):
            return False
    return True


def _is_read(equation: Equation, scan: Scan) -> bool:
    return any(found.value == equation.target for other in scan.equations for found in other.reads())


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


def _row_letters(equation: Equation, axis: dict[str, int], row: Node | None) -> tuple[Node, ...]:
    """The letters over which a pass may run an equation, the one that reads most at its own sample first; none where no block can do a share."""
    position = axis.get(equation.target)
    if position is not None:
        return (equation.at[position],)
    if equation.op == "=":
        return ()
    kept = {letter for place in equation.at for letter in place.free if difference(place, letter) is not None}  # but not in dE[label[i]]
    letters = [letter for letter in _candidates(equation, row) if letter not in kept]
    reads = [found for found in equation.reads() if found.value in axis]
    return tuple(sorted(letters, key=lambda letter: -sum(found.args[axis[found.value]] is letter for found in reads)))


def _when(found: Levels, letters: list[tuple[Node | None, ...]], weights: Weights) -> tuple[tuple[Node | None, ...], tuple[int, ...]]:
    """For every equation its letter, that with which it runs earliest, and its pass."""
    rows: list[Node | None] = []
    when: list[int] = []
    assigned = {equation.target for equation in found.equations if equation.op == "="}
    latest: dict[str, int] = {}
    for n, (equation, choices) in enumerate(zip(found.equations, letters, strict=True)):
        read = [(place, writer) for place in equation.reads() for writer in found.writers.get(place.value, ()) if writer < n]
        weight = weights.of(equation) if found.scan[n] is None else None

        def level(row: Node | None, read: list[tuple[Node, int]] = read, weight: Node | None = weight) -> int:
            if row is None:
                return max((when[writer] for _, writer in read), default=0)
            block = None if weight is None else weight.value
            together = [rows[writer] is not None and (found.is_local(place, row) or place.value == block) for place, writer in read]
            return max((when[writer] + (not local) for (_, writer), local in zip(read, together, strict=True)), default=1)

        row = choices[0] if len(choices) == 1 else min(choices, key=level)
        rows.append(row)
        when.append(max(level(row), 1 if row is not None else latest.get(equation.target, 0)))
        _raise(found, when, n)
        if weight is not None and equation.target in found.axis and when[n] == when[found.writers[weight.value][0]]:
            weights.weighted.setdefault(equation.target, (equation.at, weight))
        if row is None and equation.target in assigned:
            latest[equation.target] = when[n]  # what is added to an assigned value comes after it
    return tuple(rows), tuple(when)


def _weights(found: Levels, totals: frozenset[str], results: Collection[str]) -> tuple[dict[str, Weight], set[str]]:
    """The sums that are divided by a logsumexp of their own pass; the logsumexps for which that does not work, so that they have to wait for it."""
    weights, failing = Weights(totals), set[str]()
    sums: dict[str, Weight] = {}
    when_of = {name: found.when[found.writers[name][0]] for name in totals}
    inside: dict[str, str] = {}  # what is computed of one of the totals in its pass -> that total

    def at_once(n: int) -> set[str]:
        """The totals that are known by block only when this equation runs."""
        if found.row[n] is None:
            return set()
        names = {inside.get(place.value, place.value) for place in found.equations[n].reads()}
        return {name for name in names & totals if when_of[name] == found.when[n]}

    for n, equation in enumerate(found.equations):
        target, used = equation.target, at_once(n)
        weight = weights.of(equation) if used and found.scan[n] is None else None
        if weight is None or used != {weight.value}:
            failing |= used
        elif target in found.axis:
            at, known = weights.weighted.setdefault(target, (equation.at, weight))
            inside[target] = weight.value
            if target in results or substituted(known, dict(zip(at, equation.at, strict=True))) is not weight:
                failing.add(weight.value)
        else:
            place = positions(equation, weight)
            if place is None or equation.op != "+=" or sums.setdefault(target, place) != place:
                failing.add(weight.value)
    for n, equation in enumerate(found.equations):
        now = at_once(n)
        failing |= {inside[name] for name in {equation.target, *equation.names()} & inside.keys()} - now
        if equation.target in sums and (found.row[n] is not None or found.when[n] < when_of[sums[equation.target][0]]):
            failing |= {sums[equation.target][0]} - now
    return sums, failing


def _raise(found: Levels, when: list[int], n: int) -> None:
    """Bring the equations of one recurrence, and of one array with an entry a sample, to one pass, the last."""
    waiting = [n]
    while waiting:
        n = waiting.pop()
        target, scan = found.equations[n].target, found.scan[n]
        same = [m for m in found.writers[target] if m < len(when)] if target in found.axis else []
        same += [m for m in range(len(when)) if found.scan[m] is scan] if scan is not None else []
        for m in same:
            if when[m] < when[n]:
                when[m] = when[n]
                waiting.append(m)
            elif when[m] > when[n]:
                when[n] = when[m]
                waiting.append(n)
                break


def _as_late(found: Levels, wanted: set[str]) -> Levels:
    """What one later pass alone reads is computed there, if all it needs is data, totals, and what is kept anyway: then it is kept for no pass."""
    readers, writers = found.readers(), found.writers
    kept = found.kept(wanted)
    read_in = {name: {n for n, _ in places} - {*writers[name]} for name, places in readers.items()}
    reads = {name: {read for n in writers[name] for read in found.equations[n].names() if read in found.axis and read != name} for name in found.axis}
    late: dict[str, int] = {}

    def passes(name: str) -> set[int]:
        return {late.get(found.equations[n].target, found.when[n]) for n in read_in[name]}

    for name in sorted(found.axis, key=lambda name: -writers[name][0]):
        where = passes(name)
        if name not in kept and not found.stepped(name) and len(where) == 1 and min(where) > found.when[writers[name][0]]:
            late[name] = where.pop()
    waiting = list(late)
    while waiting:  # what would have to be kept for it, or was late only for its sake, stays
        name = waiting.pop()
        if name in late and (passes(name) != {late[name]} or any(late.get(read, 0) != late[name] for read in reads[name] - kept)):
            del late[name]
            waiting += [*reads[name], *(found.equations[n].target for n in read_in[name])]
    when = tuple(late.get(equation.target, t) for equation, t in zip(found.equations, found.when, strict=True))
    return replace(found, when=when)
