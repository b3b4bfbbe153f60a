"""Program -> Program with the tangent equations beside the equations: the sweep forwards, in which values and their slopes are known together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from symgd.errors import NotBuilt
from symgd.nodes.fold import all_of, chained, choice, joined, minus, over, plus
from symgd.nodes.node import ONE, ZERO, Node, access, node, postorder, substituted
from symgd.program.equation import Equation, Op, Program, Range, Scan
from symgd.program.names import Fresh
from symgd.program.recurrence import recurrent
from symgd.reverse.factors import other_factors
from symgd.reverse.partials import partials

DIRECTIONS = "directions at once"  # the length of an axis that counts them; no name of a user's is like it


@dataclass(frozen=True, slots=True)
class Direction:
    """Where the parameters move: `moved` gives the tangent of every access to one of them.

    `axes`: ranges that the tangents have besides the indices of what they belong to, behind them: one tangent for each of their points. `arrays`:
    parameter -> the array that holds its directions, where they are given; it has these axes too.
    """

    moved: Mapping[str, Callable[[Node], Node]]
    axes: tuple[Range, ...] = ()
    arrays: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def along(arrays: Mapping[str, str], axes: tuple[Range, ...] = ()) -> Direction:
    """A direction that is given by an array of each parameter's shape: `arrays`, parameter -> its name. With `axes` as many as these have points."""
    letters = tuple(axis.index for axis in axes)

    def held_in(array: str) -> Callable[[Node], Node]:
        return lambda read: access(array, *read.args, *letters)

    return Direction({name: held_in(array) for name, array in arrays.items()}, axes, MappingProxyType(dict(arrays)))


def by_element(parameter: str, axes: tuple[Range, ...]) -> Direction:
    """The unit directions of one parameter, one for every element: `axes` are the ranges of that element's indices."""

    def moved(at: Node) -> Node:
        same = (node("==", place, axis.index) for place, axis in zip(at.args, axes, strict=True))
        return choice(ONE, all_of(*same), ZERO)

    return Direction({parameter: moved}, axes)


def tangent(program: Program, direction: Direction, wanted: Mapping[str, str]) -> Program:
    """The program with the tangents of `wanted`, target -> name of its tangent, along a direction.

    The tangent of `T[e] op f(B[g], ...)` stands behind it and runs over the same domain, in a Scan in the same step: `tT[e] op sum tB[g]*df/dB[g]`.
    At most about 3 times the operations of the program (Griewank & Walther 2008, Evaluating Derivatives, chapter 3).

    >>> from symgd.program.equation import read_equation
    >>> lines = ["z[i] = tanh(w*x[i]) for i in 0:m", "C += z[i]^2 for i in 0:m"]
    >>> program = Program(tuple(map(read_equation, lines)), {"w": 0, "x": 1}, "C", ("w",), extents={"z": (node("length", value="m"),), "C": ()})
    >>> print(tangent(program, along({"w": "v_w"}), {"C": "tC"}))
    (1) z[i] = tanh(w*x[i]) for i in 0:m
    (2) tz[i] = v_w*x[i]*(1 - z[i]^2) for i in 0:m
    (3) C += z[i]^2 for i in 0:m
    (4) tC += 2*tz[i]*z[i] for i in 0:m
    """
    return _Sweep(program, direction, wanted).run()


class _Sweep:
    def __init__(self, program: Program, direction: Direction, wanted: Mapping[str, str]) -> None:
        self.program, self.direction, self.wanted = program, direction, wanted
        self.fresh = Fresh({*program.taken, *direction.arrays.values(), *wanted.values()})
        self.active = moving(program, direction.moved)
        self.names = {name: wanted.get(name) or self.fresh.exactly(f"t{name}") for name in program.extents if name in self.active}
        self.extents: dict[str, tuple[Node, ...]] = {}
        self.letters = tuple(axis.index for axis in direction.axes)
        self.lengths = tuple(axis.high for axis in direction.axes)
        self.adjoints = frozenset(program.adjoints.values()) & self.active
        self.writers: dict[str, list[Equation]] = {}
        for equation in program.flat():
            self.writers.setdefault(equation.target, []).append(equation)

    def run(self) -> Program:
        program = self.program
        equations = [one for equation in program.flat() for one in (equation, *self.tangents(equation))]
        extents = {tangent: (*program.extents[name], *self.lengths) for name, tangent in {**self.names, **self.wanted}.items()}
        ranks = {array: program.inputs[name] + len(self.letters) for name, array in self.direction.arrays.items()}
        moved = replace(
            program,
            equations=tuple(equations),
            inputs=MappingProxyType({**program.inputs, **ranks}),
            extents=MappingProxyType({**program.extents, **extents, **self.extents}),
            tangents=MappingProxyType({**self.direction.arrays, **self.names, **self.wanted}),
            outputs=tuple(self.wanted.values()),
        )
        return recurrent(moved)

    def tangents(self, equation: Equation) -> Iterator[Equation]:
        """The equations of one tangent, none where nothing moves; of a reduction that is no sum behind the last equation of its target."""
        if equation.target not in self.active:
            return
        writers = self.writers[equation.target]
        ops = {writer.op for writer in writers}
        if ops <= {"=", "+="}:
            yield from self.of_term(equation)
        elif len(ops) > 1:
            raise NotBuilt(f"{equation.target} is accumulated in two ways; its tangent is not built yet.", accepted="one operation for a name")
        elif equation is writers[-1]:
            yield from _REDUCTIONS[equation.op](self, writers)

    def of_term(self, equation: Equation) -> Iterator[Equation]:
        """T = f: tT = tf, and T += f: tT += tf. An assigned 0 is left out where the tangent is a sum otherwise: sums start at 0."""
        writers = self.writers[equation.target]
        slope = self.slope(equation.body, equation.left if all(writer.op == "=" for writer in writers) else None)
        if slope is ZERO and all(writer.op == "+=" or self.slope(writer.body) is ZERO for writer in writers):
            return
        if slope is not ZERO or equation.op == "=":
            yield self.tangent(equation, equation.op, slope)

    def through_logsumexp(self, equations: Sequence[Equation]) -> Iterator[Equation]:
        """L = log(sum exp z): each term has its share exp(z - L) in tL."""
        for equation in equations:
            share = node("exp", plus(equation.body, minus(equation.left)))
            slope = self.slope(equation.body)
            if slope is not ZERO:
                yield self.tangent(equation, "+=", chained(share, slope))

    def through_extreme(self, equations: Sequence[Equation]) -> Iterator[Equation]:
        """T = max f: the mean of the tangents of all terms that attain it."""
        ties = self.named("ties", equations[0])
        for equation in equations:
            attained = choice(ONE, node("==", equation.body, equation.left), ZERO)
            yield replace(equation, target=ties, op="+=", body=attained, rule="ties")
        for equation in equations:
            slope, count = self.slope(equation.body), access(ties, *equation.at)
            if slope is not ZERO:
                yield self.tangent(equation, "+=", choice(over(slope, count), node("==", equation.body, equation.left), ZERO))

    def through_product(self, equations: Sequence[Equation]) -> Iterator[Equation]:
        """T = product f: each factor moves while all others stand."""
        if len(equations) > 1:
            raise NotBuilt(f"{equations[0].target} is multiplied up by several equations; its tangent is not built yet.", accepted="one product")
        others = other_factors(equations[0], self.program.extents[equations[0].target], self.fresh, ONE)
        self.extents |= others.extents
        yield from others.equations
        yield self.tangent(equations[0], "+=", chained(others.product, self.slope(equations[0].body)))

    def named(self, what: str, equation: Equation) -> str:
        name = self.fresh.exactly(f"{equation.target}_{what}")
        self.extents[name] = self.program.extents[equation.target]
        return name

    def tangent(self, equation: Equation, op: Op, body: Node) -> Equation:
        at, domain = (*equation.at, *self.letters), (*equation.domain, *self.direction.axes)
        return Equation(self.names[equation.target], at, op, domain, body, equation.guard, "tangent")

    def slope(self, body: Node, output: Node | None = None) -> Node:
        """The tangent of a formula: the tangents of what it reads, each times its partial derivative."""
        found = partials(body, self.active, output).by_access
        return self._about_to_flow(joined(*(chained(self.of(read), slope) for read, slope in found.items()))) if found else ZERO

    def of(self, read: Node) -> Node:
        """The tangent of an access."""
        seed = self.direction.moved.get(read.value)
        return seed(read) if seed else access(self.names[read.value], *read.args, *self.letters)

    def _about_to_flow(self, slope: Node) -> Node:
        """`dp != 0` asks whether anything flows back to p; for a tangent also what is about to flow counts: `dp != 0 or tdp != 0`."""
        if not self.adjoints:
            return slope
        asked = [
            part
            for part in postorder(slope)
            if part.op == "!=" and part.args[1] is ZERO and part.args[0].op == "access" and part.args[0].value in self.adjoints
        ]
        return substituted(slope, {part: node("or", part, node("!=", self.of(part.args[0]), ZERO)) for part in asked})


_REDUCTIONS: Mapping[str, Callable[[_Sweep, Sequence[Equation]], Iterator[Equation]]] = {
    "logsumexp=": _Sweep.through_logsumexp,
    "max=": _Sweep.through_extreme,
    "min=": _Sweep.through_extreme,
    "*=": _Sweep.through_product,
}


def moving(program: Program, names: Iterable[str]) -> frozenset[str]:
    """These names and every target with a tangent other than 0, also around the circles of a recurrence.

    >>> from symgd.program.equation import read_equation
    >>> lines = ["h[t + 1] = g[t] for t in 0:T", "g[t] = w*h[t] for t in 0:T", "s = sign(w)"]
    >>> t, *straight = map(read_equation, lines)
    >>> scan = Scan(t.domain[0], 1, (t, straight[0]))
    >>> sorted(moving(Program((scan, straight[1]), {"w": 0}, "C", ("w",)), ["w"]))
    ['g', 'h', 'w']
    """
    found = set(names)
    for item in program.equations:
        inner = item.equations if isinstance(item, Scan) else (item,)
        known = -1
        while known != len(found):
            known = len(found)
            for equation in inner:
                if equation.target not in found and partials(equation.body, frozenset(found)).by_access:
                    found.add(equation.target)
    return frozenset(found)
