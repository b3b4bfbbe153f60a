"""Program -> Program with a row of derivatives for every sample: the reverse sweep without its last sum."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from symgd.nodes.node import ZERO, Node, access, index, substituted
from symgd.program.equation import Equation, Program, Range, Scan
from symgd.program.names import Fresh
from symgd.program.recurrence import recurrent

Place = int | None  # where an adjoint array has the sample itself among its own indices; None: it has it in front
Places = tuple[Node, ...]


def rows(swept: Program, residual: str) -> Program | None:
    """The derivatives of every element of the residual by every parameter, from the sweep of their sum; None where samples meet.

    In the sweep of sum r[i] the adjoint of z[i, k] is dr[i]/dz[i, k], since sample i reads its own z alone; so each adjoint without a sample index
    gets one in front, and nothing is summed over the samples. Where a sample reads others, or a recurrence runs through them, that is not so.

    >>> from symgd.program.equation import read_equation
    >>> from symgd.nodes.node import length
    >>> lines = ["r[i] = w*x[i] - y[i] for i in 0:m", "S += r[i] for i in 0:m", "dS = 1", "dr[i] += dS for i in 0:m", "dw += dr[i]*x[i] for i in 0:m"]
    >>> extents = {"r": (length("m"),), "S": (), "dS": (), "dr": (length("m"),), "dw": ()}
    >>> names = {"S": "dS", "r": "dr", "w": "dw"}
    >>> program = Program(tuple(map(read_equation, lines)), {"w": 0, "x": 1, "y": 1}, "S", ("w",), (), names, extents)
    >>> print(rows(program, "r"))
    (1) r[i] = w*x[i] - y[i] for i in 0:m
    (2) S += r[i] for i in 0:m
    (3) dS = 1
    (4) dr[i] += dS for i in 0:m
    (5) J_w[i] += dr[i]*x[i] for i in 0:m
    """
    return _Rows(swept, residual).run()


class _SamplesMeet(Exception):
    """A row needs more than its own sample."""


class _Rows:
    def __init__(self, program: Program, residual: str) -> None:
        self.program = program
        self.root = program.adjoints[residual]
        self.extents = program.extents[residual]
        self.results = {program.adjoints[name]: name for name in program.parameters if name in program.adjoints}
        self.writers: dict[str, list[Equation]] = {}
        for equation in program.flat():
            self.writers.setdefault(equation.target, []).append(equation)
        self.carried = self._carried()
        self.recurrent = {e.target for item in program.equations if isinstance(item, Scan) for e in item.equations}
        self.asked: set[str] = set()
        self.places: dict[str, tuple[Place, ...]] = {self.root: tuple(range(len(self.extents)))}
        letters = {letter.value for equation in program.flat() for letter in equation.letters}
        fresh = Fresh(letters)
        self.letters = tuple(index(fresh.exactly(letter)) for letter in "nuvwpqrs"[: len(self.extents)])
        fresh = Fresh(program.taken)
        self.names = {adjoint: fresh.exactly(f"J_{name}") for adjoint, name in self.results.items()}

    def run(self) -> Program | None:
        program = self.program
        try:
            equations = tuple(self.row_by_row(equation) if equation.target in self.carried else equation for equation in program.flat())
        except _SamplesMeet:
            return None
        extents = dict(program.extents)
        for name in self.carried:
            front = tuple(side for side, place in zip(self.extents, self.places_of(name), strict=True) if place is None)
            extents[self.names.get(name, name)] = (*front, *program.extents[name])
        for adjoint, name in self.names.items():
            extents[name] = (*self.extents, *program.extents[adjoint])
        kept = {name: self.names.get(adjoint, adjoint) for name, adjoint in program.adjoints.items()}
        return recurrent(replace(program, equations=equations, extents=MappingProxyType(extents), adjoints=MappingProxyType(kept)))

    def row_by_row(self, equation: Equation) -> Equation:
        """The equation for all samples at once: what has the sample in front gets it there, on both sides."""
        at = self.sample(equation) or self.letters
        if any(place is not None and equation.at[place] is not mine for place, mine in zip(self.places_of(equation.target), at, strict=True)):
            raise _SamplesMeet
        own = tuple(Range(letter, ZERO, side) for letter, side in zip(self.letters, self.extents, strict=True) if letter in at)
        changes = {read: self.moved(read, at) for read in equation.reads() if read.value in self.carried}  # dr itself stays
        left = self.moved(equation.left, at)
        guard, body = substituted(equation.guard, changes), substituted(equation.body, changes)
        return replace(equation, target=left.value, at=left.args, domain=(*own, *equation.domain), body=body, guard=guard)

    def moved(self, found: Node, at: tuple[Node, ...]) -> Node:
        front = tuple(letter for letter, place in zip(at, self.places_of(found.value), strict=True) if place is None)
        return access(self.names.get(found.value, found.value), *front, *found.args)

    def sample(self, equation: Equation) -> Places | None:
        """The indices of the sample that an equation works for: those at which it reads an adjoint, else letters of its own; None: not known yet."""
        reads = [read for read in equation.reads() if read.value in self.carried or read.value == self.root]
        known = [(read, places) for read in reads if (places := self.known_places(read.value)) is not None]
        if reads and not known:
            return None
        found: list[Node] = []
        for axis, letter in enumerate(self.letters):
            seen = {read.args[place] for read, places in known if (place := places[axis]) is not None}
            if len(seen) > 1:
                raise _SamplesMeet
            found.append(next(iter(seen), letter))
        return tuple(found)

    def places_of(self, name: str) -> tuple[Place, ...]:
        """Where an adjoint has the indices of the sample."""
        places = self.known_places(name)
        if places is None:
            raise _SamplesMeet
        return places

    def known_places(self, name: str) -> tuple[Place, ...] | None:
        """The same, or None while that is being asked: in a circle the equations that lead into it decide, and the others have to agree."""
        if name in self.results:
            return tuple(None for _ in self.extents)
        if name not in self.places and name not in self.asked:
            self.asked.add(name)
            writing = [(equation.at, at) for equation in self.writers[name] if (at := self.sample(equation)) is not None]
            self.asked.remove(name)
            if not writing:
                return None
            found: list[Place] = []
            for axis, side in enumerate(self.extents):
                fitting = [p for p in range(len(self.program.extents[name])) if all(own[p] is at[axis] for own, at in writing) and p not in found]
                found.append(fitting[0] if fitting else None)
                if not fitting and (side in self.program.extents[name] or name in self.recurrent):
                    raise _SamplesMeet  # an entry for each pair of samples
            self.places[name] = tuple(found)
        return self.places.get(name)

    def _carried(self) -> frozenset[str]:
        """Everything that is computed from the adjoint of the residual."""
        found, known = {self.root}, 0
        while known != len(found):
            known = len(found)
            found |= {name for name, writing in self.writers.items() if any(read.value in found for e in writing for read in e.reads())}
        return frozenset(found - {self.root})


def of_sum(program: Program, residual: str, total: str) -> Program:
    """The program whose cost is the sum of all elements of the residual."""
    at = tuple(index(letter) for letter in "nuvwpqrs"[: len(program.extents[residual])])
    domain = tuple(Range(letter, ZERO, side) for letter, side in zip(at, program.extents[residual], strict=True))
    equation = Equation(total, (), "+=", domain, access(residual, *at), rule="named")
    return replace(program, equations=(*program.equations, equation), cost=total, extents=MappingProxyType({**program.extents, total: ()}))


__all__ = ["of_sum", "rows"]
