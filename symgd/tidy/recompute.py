"""Less memory: what later passes, and the ways back of recurrences, need of a sample or a step is computed again, instead of kept for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from symgd.nodes.node import Node, access, index, postorder, substituted
from symgd.program.bounds import at_most
from symgd.program.equation import Equation, Program, Range, Scan
from symgd.program.levels import Levels, levels
from symgd.program.linear import difference
from symgd.program.names import Fresh

__all__ = ["recomputed"]


def recomputed(program: Program) -> Program:
    """The same cost and gradient, with fewer arrays that have an entry for every sample or for every step of a recurrence.

    A pass over the samples computes by itself what it reads of what an earlier one computed at the same sample.
    A sum over the steps of what a recurrence computes is added up within it, and what recurrences alone read is computed at their steps. Then every
    array that one recurrence computes and a later one reads at the same step, and nobody else, is computed a second time there, from the states,
    which are kept. So an LSTM keeps its two states and their adjoints instead of a dozen arrays, for one more forward step each (Chen et al. 2016,
    arXiv:1604.06174, with every state a checkpoint).

    >>> from symgd.program.equation import read_equation
    >>> lines = ["h[0] = w", "a[t] = exp(h[t]) for t in 0:T", "h[t + 1] = sin(a[t]) for t in 0:T", "dh[T] = 1",
    ...          "da[t] = dh[t + 1]*cos(a[t]) for t in 0:T", "dh[t] += da[t]*a[t] for t in 0:T", "dw += dh[0]"]
    >>> from symgd.program.recurrence import recurrent
    >>> print(recomputed(recurrent(Program(tuple(read_equation(line, "T") for line in lines), {"w": 0}, "dw", ()))))
    (1) h[0] = w
        step by step, t = 0, ..., T - 1:
    (2)     a[t] = exp(h[t]) for t in 0:T
    (3)     h[t + 1] = sin(a[t]) for t in 0:T
    (4) dh[T] = 1
        step by step, t = T - 1, ..., 0:
    (5)     a_again[t] = exp(h[t]) for t in 0:T
    (6)     da[t] = dh[t + 1]*cos(a_again[t]) for t in 0:T
    (7)     dh[t] += da[t]*a_again[t] for t in 0:T
    (8) dw += dh[0]
    """
    program = _in_later_passes(program)
    items = _computed_within(_summed_within(program.equations), program)
    fresh = Fresh(program.taken)
    extents = dict(program.extents)
    for n, item in enumerate(items):
        for earlier in items[:n] if isinstance(item, Scan) else ():
            if isinstance(earlier, Scan) and isinstance(item, Scan):
                item = items[n] = _again(item, earlier, items, program, fresh, extents)
    return replace(program, equations=tuple(items), extents=MappingProxyType(extents))


# What later passes read


def _in_later_passes(program: Program) -> Program:
    """The program in which a later pass over the samples computes again what it reads of its own sample: it is not kept for all samples."""
    found = levels(program)
    if found.passes < 2:
        return program
    copies = _Copies(found, set(program.results), Fresh(program.taken))
    output: list[Equation | Scan] = []
    n = 0
    for item in program.equations:
        inside = item.equations if isinstance(item, Scan) else (item,)
        renamed = {name: again for m in range(n, n + len(inside)) for name, again in copies.read_by(m, output).items()}
        n += len(inside)
        new = [_reading(equation, renamed) if renamed else equation for equation in inside]
        output.append(replace(item, equations=tuple(new)) if isinstance(item, Scan) else new[0])
    extents = {again: program.extents[name] for (name, _), again in copies.made.items()}
    return replace(program, equations=tuple(output), extents=MappingProxyType({**program.extents, **extents}))


class _Copies:
    """`made`: (name, pass) -> the name under which that pass computes it again."""

    def __init__(self, found: Levels, wanted: set[str], fresh: Fresh) -> None:
        self.levels, self.fresh = found, fresh
        self.made: dict[tuple[str, int], str] = {}
        kept = found.kept(wanted)
        self.copied: set[str] = set()
        for name in sorted(set(found.axis) - kept, key=lambda name: found.writers[name][0]):
            needs = {read for m in found.writers[name] for read in found.equations[m].names()} & set(found.axis) - {name} - kept
            if not found.stepped(name) and needs <= self.copied:
                self.copied.add(name)

    def read_by(self, n: int, output: list[Equation | Scan]) -> dict[str, str]:
        """What equation n reads of earlier passes -> its new name; the copies go to the output."""
        t = self.levels.when[n]
        return {} if self.levels.row[n] is None else {name: self.again(name, t, output) for name in self._carried(n, t)}

    def _carried(self, n: int, t: int) -> list[str]:
        names = dict.fromkeys(read.value for read in self.levels.equations[n].reads())
        return [name for name in names if name in self.copied and self.levels.when[self.levels.writers[name][0]] < t]

    def again(self, name: str, t: int, output: list[Equation | Scan]) -> str:
        if (name, t) not in self.made:
            writers = self.levels.writers[name]
            renamed = {read: self.again(read, t, output) for m in writers for read in self._carried(m, t) if read != name}
            again = self.made[name, t] = renamed[name] = self.fresh.exactly(f"{name}_again")
            output += [_reading(replace(self.levels.equations[m], target=again), renamed) for m in writers]
        return self.made[name, t]


# Sums over the steps


def _summed_within(items: Sequence[Equation | Scan]) -> list[Equation | Scan]:
    """Sums over the steps of a recurrence join it, if all else that they read stands before it."""
    kept: list[Equation | Scan] = []
    for item in items:
        place = _home(item, kept) if isinstance(item, Equation) else None
        scan = None if place is None else kept[place]
        if isinstance(item, Equation) and isinstance(scan, Scan) and place is not None:
            kept[place] = replace(scan, equations=(*scan.equations, item))
        else:
            kept.append(item)
    return kept


def _home(equation: Equation, before: Sequence[Equation | Scan]) -> int | None:
    """The last recurrence whose results the equation sums over its steps, and which comes after all else that the equation reads."""
    if equation.op != "+=":
        return None
    reads = equation.names()
    for n in range(len(before) - 1, -1, -1):
        item = before[n]
        if isinstance(item, Equation):
            if item.target in reads or item.target == equation.target:
                return None
            continue
        targets = {inner.target for inner in item.equations}
        if equation.target in targets:
            return None
        if targets & reads:
            step = item.index.index
            own = next((axis for axis in equation.reduced if axis.index is step), None)
            inside = own is not None and at_most(item.index.low, own.low) and at_most(own.high, item.index.high)
            return n if inside and all(_is_complete(found, item) for found in equation.reads() if found.value in targets) else None
    return None


def _is_complete(found: Node, scan: Scan) -> bool:
    """Whether nothing is added to what is read once the step at which it is read has run."""
    step = scan.index.index
    place = next((n for n, part in enumerate(found.args) if part is step), None)
    if place is None:
        return False
    ahead = [difference(e.at[place], step) for e in scan.equations if e.target == found.value]
    return all(gap is not None and scan.direction * gap >= 0 for gap in ahead)


# What only recurrences read


def _computed_within(items: Sequence[Equation | Scan], program: Program) -> list[Equation | Scan]:
    """An array that only recurrences read, each at its own step, is computed in the first of them."""
    results = {program.cost, *program.results, *program.adjoints.values()}
    writers: dict[str, list[int]] = {}
    reading: dict[str, list[int]] = {}
    for n, item in enumerate(items):
        for equation in item.equations if isinstance(item, Scan) else (item,):
            writers.setdefault(equation.target, []).append(n)
            for read in equation.reads():
                reading.setdefault(read.value, []).append(n)
    chosen: dict[str, tuple[int, int]] = {}
    for name, places in writers.items():
        readers = reading.get(name, [])
        first = items[readers[0]] if readers else None
        if name in results or not isinstance(first, Scan) or any(isinstance(items[n], Scan) for n in places):
            continue
        position = _step_place(name, [items[n] for n in dict.fromkeys(readers)])
        own = [item for n in places if isinstance(item := items[n], Equation)]
        if position is not None and all(_runs_along(e, position, first) for e in own):
            chosen[name] = readers[0], position
    output: list[Equation | Scan] = []
    for n, item in enumerate(items):
        if isinstance(item, Equation) and item.target in chosen:
            continue
        if isinstance(item, Scan):
            step = item.index.index
            sunk = [e for e in items if isinstance(e, Equation) and chosen.get(e.target, (-1, 0))[0] == n]
            moved = [_at_step(e, chosen[e.target][1], step) for e in sunk]
            item = replace(item, equations=(*moved, *item.equations))
        output.append(item)
    return output


def _step_place(name: str, items: Sequence[Equation | Scan]) -> int | None:
    """The place at which all reads of an array stand at the step of their recurrence; None if there is none."""
    found: set[int | None] = set()
    for item in items:
        for equation in item.equations if isinstance(item, Scan) else (item,):
            for read in equation.reads():
                if read.value == name:
                    step = item.index.index if isinstance(item, Scan) else None
                    found.add(next((n for n, place in enumerate(read.args) if place is step), None))
    return found.pop() if len(found) == 1 else None


def _runs_along(equation: Equation, position: int, scan: Scan) -> bool:
    """Whether the equation has an element for every step, at this place."""
    place = equation.at[position]
    own = next((axis for axis in equation.domain if axis.index is place), None)
    return own is not None and own.low is scan.index.low and difference(own.high, scan.index.high) == 0 and not own.high.free


def _at_step(equation: Equation, position: int, step: Node) -> Equation:
    place = equation.at[position]
    return equation if place is step else _apart(equation, step).renamed({place: step})


# What is computed again


def _again(
    later: Scan, earlier: Scan, items: Sequence[Equation | Scan], program: Program, fresh: Fresh, extents: dict[str, tuple[Node, ...]]
) -> Scan:
    """The later recurrence, with what it reads of the earlier one's steps computed by itself."""
    names = _within_steps(later, earlier, items, program)
    if not names:
        return later
    step, other = later.index.index, earlier.index.index
    renamed = {name: fresh.exactly(f"{name}_again") for name in names}
    copies: list[Equation] = []
    for equation in earlier.equations:
        if equation.target in names:
            apart = _apart(equation, step) if step is not other else equation
            moved = apart.renamed({other: step}) if step is not other else apart
            copies.append(_reading(replace(moved, target=renamed[equation.target]), renamed))
    for name, again in renamed.items():
        if name in extents:
            extents[again] = extents[name]
    return replace(later, equations=(*copies, *(_reading(equation, renamed) for equation in later.equations)))


def _within_steps(later: Scan, earlier: Scan, items: Sequence[Equation | Scan], program: Program) -> set[str]:
    """The arrays of the earlier recurrence that both read at the very step only, and nothing else reads."""
    results = {program.cost, *program.results, *program.adjoints.values()}
    written = {equation.target for equation in earlier.equations}
    if difference(later.index.low, earlier.index.low) is None or difference(later.index.high, earlier.index.high) is None:
        return set()
    places: dict[str, int | None] = {}
    for item in items:
        for equation in item.equations if isinstance(item, Scan) else (item,):
            step = later.index.index if item is later else earlier.index.index if item is earlier else None
            for found in (equation.left, *equation.reads()):
                if found.value in written:
                    place = next((n for n, part in enumerate(found.args) if part is step), None)
                    if places.setdefault(found.value, place) != place:
                        places[found.value] = None
    names = {name for name, place in places.items() if place is not None and name not in results and name not in program.inputs}
    return _needed(names, {found.value for equation in later.equations for found in equation.reads()}, earlier)


def _needed(names: set[str], used: set[str], earlier: Scan) -> set[str]:
    """Of these names those that the later recurrence reads, and what they are computed from."""
    needed = names & used
    moved = True
    while moved:
        more = {r.value for e in earlier.equations if e.target in needed for r in e.reads() if r.value in names} - needed
        needed |= more
        moved = bool(more)
    return needed


def _apart(equation: Equation, step: Node) -> Equation:
    """The equation with another letter where it uses that of the other recurrence for something else."""
    if step not in equation.letters:
        return equation
    letters = Fresh({letter.value for letter in equation.letters} | {step.value})
    return equation.renamed({step: index(letters(step.value))})


def _reading(equation: Equation, renamed: Mapping[str, str]) -> Equation:
    """The equation with these arrays read under their new names."""

    def changed(part: Node) -> Node:
        found = {read: access(renamed[read.value], *read.args) for read in postorder(part) if read.op == "access" and read.value in renamed}
        return substituted(part, found)

    domain = tuple(Range(axis.index, changed(axis.low), changed(axis.high)) for axis in equation.domain)
    return replace(equation, body=changed(equation.body), guard=changed(equation.guard), domain=domain, at=tuple(map(changed, equation.at)))
