"""Equation, Scan and Program: the one intermediate form. What a Program means is defined by meaning.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Literal

from symgd.cost.facts import Fact
from symgd.errors import InputError
from symgd.nodes.node import ONE, TRUE, Node, access, accesses, postorder, substituted
from symgd.nodes.text import text
from symgd.reading.text import statement

Op = Literal["=", "+=", "max=", "min=", "*=", "logsumexp="]
OPS: tuple[Op, ...] = ("=", "+=", "max=", "min=", "*=", "logsumexp=")


@dataclass(frozen=True, slots=True)
class Range:
    """low <= index < high. low and high may use the indices of the ranges before it, and integer data."""

    index: Node
    low: Node
    high: Node

    def __str__(self) -> str:
        return f"{text(self.index)} in {text(self.low)}:{text(self.high)}"


@dataclass(frozen=True, slots=True)
class Equation:
    """`target[at] op body` at every point of `domain` where `guard` holds. A reduction is an op, so a body contains no sum.

    `op`: `=` assigns; `+=`, `*=`, `max=`, `min=`, `logsumexp=` accumulate over the indices of the domain that `at` does not fix.
    `rule`: why the equation stands there: "given", "named", "chain", ... `facts`: what is known of the data and was used in it.

    >>> e = read_equation("r[i] += w[label[i]]*x[i+1] for i in 0:m")
    >>> e.target, e.op, len(e.domain)
    ('r', '+=', 1)
    >>> print(e)
    r[i] += w[label[i]]*x[i + 1] for i in 0:m
    """

    target: str
    at: tuple[Node, ...]
    op: Op
    domain: tuple[Range, ...]
    body: Node
    guard: Node = TRUE
    rule: str = "given"
    facts: tuple[Fact, ...] = ()
    _read: tuple[Node, ...] | None = field(default=None, init=False, repr=False, compare=False)
    _names: frozenset[str] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.op not in OPS:
            raise InputError(f"Unknown operation {self.op}.", accepted=", ".join(OPS))
        if not self.domain and not self.body.free and not self.at and self.guard is TRUE:
            return
        bound: set[Node] = set()
        for axis in self.domain:
            if axis.index in bound:
                raise InputError(f"Index {text(axis.index)} runs twice in one equation for {self.target}.", accepted="each index once")
            loose = (axis.low.free | axis.high.free) - bound
            if loose:
                raise InputError(
                    f"The range {axis} of {self.target} uses an index that does not run before it.", accepted="indices of earlier ranges"
                )
            bound.add(axis.index)
        for part in (*self.at, self.body, self.guard):
            for letter in part.free - bound:
                raise InputError(f"Index {text(letter)} in the equation of {self.target} has no range.", accepted="indices of its domain")

    def __str__(self) -> str:
        target = text(self.left)
        ranges = f" for {', '.join(map(str, self.domain))}" if self.domain else ""
        guard = f" if {text(self.guard)}" if self.guard is not TRUE else ""
        known = f"  # by {'; '.join(map(str, self.facts))}" if self.facts else ""
        return f"{target} {self.op} {text(self.body)}{ranges}{guard}{known}"

    @property
    def left(self) -> Node:
        """The access on the left side."""
        return access(self.target, *self.at)

    @property
    def letters(self) -> tuple[Node, ...]:
        return tuple(axis.index for axis in self.domain)

    @property
    def reduced(self) -> tuple[Range, ...]:
        """The ranges that the target does not keep: what the operation accumulates over."""
        if not self.domain:
            return ()
        kept = frozenset[Node]().union(*(place.free for place in self.at))
        return tuple(axis for axis in self.domain if axis.index not in kept)

    @property
    def kept(self) -> tuple[Range, ...]:
        """The ranges that the target keeps."""
        gone = self.reduced
        return tuple(axis for axis in self.domain if axis not in gone)

    def reads(self) -> tuple[Node, ...]:
        """Every access that the equation reads, also in subscripts, ranges and the guard."""
        if self._read is None:
            bounds = [bound for axis in self.domain for bound in (axis.low, axis.high)]
            object.__setattr__(self, "_read", tuple(accesses(self.body, self.guard, *bounds, *self.at)))
        return self._read or ()

    def names(self) -> frozenset[str]:
        """The name of everything that the equation reads."""
        if self._names is None:
            object.__setattr__(self, "_names", frozenset([found.value for found in self.reads()]))
        return self._names or frozenset()

    def with_body(self, body: Node, guard: Node) -> Equation:
        """The same equation with another right side."""
        return Equation(self.target, self.at, self.op, self.domain, body, guard, self.rule, self.facts)

    def renamed(self, letters: Mapping[Node, Node]) -> Equation:
        """The same equation with other letters for its indices."""
        change = dict(letters)
        return replace(
            self,
            at=tuple(substituted(e, change) for e in self.at),
            domain=tuple(Range(change.get(a.index, a.index), substituted(a.low, change), substituted(a.high, change)) for a in self.domain),
            body=substituted(self.body, change),
            guard=substituted(self.guard, change),
        )


@dataclass(frozen=True, slots=True)
class Scan:
    """Equations that refer to each other through one shifted index, evaluated one value of `index` after the other, up (+1) or down (-1).

    Every equation keeps the letter of the steps in its own domain, where its range may be narrower than that of the Scan: at other steps it rests.
    Within a step the equations run in order.
    """

    index: Range
    direction: Literal[1, -1]
    equations: tuple[Equation, ...]

    @property
    def head(self) -> str:
        """`step by step, t = 0, ..., T - 1:`"""
        ends = [text(self.index.low), text(_before(self.index.high))]
        return f"step by step, {text(self.index.index)} = {', ..., '.join(ends[:: self.direction])}:"

    def __str__(self) -> str:
        return "\n".join([self.head, *(f"    {equation}" for equation in self.equations)])


def _before(high: Node) -> Node:
    from symgd.program.linear import combined

    return combined((1, high), (-1, ONE))


@dataclass(frozen=True, slots=True)
class Program:
    """Equations in an order in which every element is complete before it is read.

    `inputs`: name -> number of indices, of the parameters and data. `cost`: the name of the scalar result. `parameters`: those of the inputs that
    are differentiated for. `given`: the names that the user defined. `adjoints`: name -> the name of its adjoint. `extents`: name of an array ->
    its lengths, for every target. `measured`: lengths that no range gives, read off the shape of an array: length name -> (array, position).
    `longest`: lengths that no range gives either, of arrays over ranges of several lengths: length name -> ranges, the last being as long at most.
    `integers`: inputs that stand in subscripts. `row`: the length of the axis that the outermost reductions share,
    the samples, or None. `tables`: arrays of one axis whose values are part of the program. `facts`: what is known of the data; the program means
    what it says for data that keep them. `tangents`: name -> the name of its tangent. `outputs`: what is wanted of a program that is asked for
    something else than cost and gradient.
    """

    equations: tuple[Equation | Scan, ...]
    inputs: Mapping[str, int]
    cost: str
    parameters: tuple[str, ...]
    given: tuple[str, ...] = ()
    adjoints: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    extents: Mapping[str, tuple[Node, ...]] = field(default_factory=lambda: MappingProxyType({}))
    measured: Mapping[str, tuple[str, int]] = field(default_factory=lambda: MappingProxyType({}))
    longest: Mapping[str, tuple[Range, ...]] = field(default_factory=lambda: MappingProxyType({}))
    integers: frozenset[str] = frozenset()
    row: Node | None = None
    tables: Mapping[str, tuple[Fraction, ...]] = field(default_factory=lambda: MappingProxyType({}))
    facts: tuple[Fact, ...] = ()
    tangents: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    outputs: tuple[str, ...] = ()
    _lengths: tuple[str, ...] | None = field(default=None, init=False, repr=False, compare=False)

    def __str__(self) -> str:
        width = len(str(sum(1 for _ in self.flat())))
        lines: list[str] = []
        number = 0
        for item in self.equations:
            scan = isinstance(item, Scan)
            lines += [" " * (width + 3) + item.head] if isinstance(item, Scan) else []
            for equation in item.equations if isinstance(item, Scan) else (item,):
                number += 1
                lines.append(f"({number:>{width}}) {'    ' * scan}{equation}")
        return "\n".join(lines)

    def flat(self) -> Iterator[Equation]:
        """The equations, those inside Scans too."""
        for item in self.equations:
            if isinstance(item, Scan):
                yield from item.equations
            else:
                yield item

    def reached(self, wanted: Iterable[str]) -> set[str]:
        """These names and all that they depend on."""
        writers: dict[str, list[Equation]] = {}
        for equation in self.flat():
            writers.setdefault(equation.target, []).append(equation)
        waiting, needed = list(wanted), set(wanted)
        while waiting:
            for equation in writers.get(waiting.pop(), ()):
                more = equation.names() - needed
                needed |= more
                waiting += more
        return needed

    @property
    def taken(self) -> frozenset[str]:
        """The names that a new one must not have; also a definition's that nothing needs and that no equation computes any more."""
        return frozenset({*self.inputs, *self.extents, *self.given, *self.adjoints.values(), self.cost})

    @property
    def results(self) -> tuple[str, ...]:
        """What is wanted of the program: the cost and the adjoints of its parameters, unless `outputs` says something else."""
        return self.outputs or (self.cost, *(self.adjoints[name] for name in self.parameters if name in self.adjoints))

    @property
    def operations(self) -> Any:
        """Arithmetic operations and function calls, loops multiplied out: an int, or a SymPy expression in the lengths."""
        from symgd.nodes.sympy_door import to_sympy
        from symgd.program.operations import total_operations

        total = total_operations(list(self.flat()))
        return int(total.value) if total.op == "number" else to_sympy(total, {}).doit()

    @property
    def passes(self) -> int:
        """How often the samples are read."""
        from symgd.program.levels import levels

        return levels(self).passes

    def lengths(self) -> tuple[str, ...]:
        """The names of all axis lengths that the equations mention, in the order of reading."""
        if self._lengths is None:
            parts: list[Node] = []
            for equation in self.flat():
                parts += [bound for axis in equation.domain for bound in (axis.low, axis.high)]
                parts += (*equation.at, equation.body, equation.guard)
            found = dict.fromkeys(part.value for part in postorder(*parts) if part.op == "length")
            object.__setattr__(self, "_lengths", tuple(found))
        return self._lengths or ()


def read_equation(line: str, lengths: str = "") -> Equation:
    """One equation in the text language, as `str` prints it. `lengths`: names of lengths that stand in subscripts only, `h[T]`."""
    given = statement(line, lengths=lengths)
    ranges = tuple(Range(*bound.args) for bound in given.ranges)
    op = next(known for known in OPS if known == given.op)
    return Equation(given.target.value, given.target.args, op, ranges, given.body, given.guard)
