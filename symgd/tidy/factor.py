"""A total's adjoint is known only after all samples; what it multiplies need not wait for it.

In the reverse sweep everything is linear in the adjoints. So `dr[i] = 2*r[i]/m*dS; dw[j] += dr[i]*X[i, j]`, where dS is complete only after a pass,
becomes `dS_dr[i] = 2*r[i]/m; dS_dw[j] += dS_dr[i]*X[i, j]` in the pass of S itself, and `dw[j] += dS*dS_dw[j]` after it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from types import MappingProxyType

from symgd.nodes.fold import choice, factors_of, minus, over, plus, times
from symgd.nodes.node import ONE, ZERO, Node, access, accesses, index, outside_subscripts, postorder
from symgd.program.equation import Equation, Program, Range, Scan
from symgd.program.levels import Levels, levels
from symgd.program.linear import difference
from symgd.program.names import Fresh
from symgd.tidy.merge import read_as

Place = int | Node | None  # of a factor's subscript: a position of the array that is split, a number, or an index of the part's own


@dataclass(frozen=True, slots=True)
class Part:
    """What one late adjoint multiplies in an adjoint array v: `v[p] = sum of factor[at]*name[p at kept, own indices]` over the parts of v.

    `factor`: the late adjoint, None for the part that waits for nothing. `at`: its subscripts; None stands for the next index that `name` has
    beside those of v at the positions `kept`.
    """

    name: str
    kept: tuple[int, ...]
    factor: str | None = None
    at: tuple[Place, ...] = ()


def late(program: Program) -> tuple[str, ...]:
    """The adjoints without a sample axis that a pass reads though they are complete only after one: totals' adjoints, in the order of the sweep.

    >>> from symgd.nodes.node import length
    >>> from symgd.program.equation import read_equation
    >>> lines = ["S += (w*x[i])^2 for i in 0:m", "C = sqrt(S)", "dC = 1", "dS += dC/(2*C)", "dw += dS*2*w*x[i]^2 for i in 0:m"]
    >>> names = {"adjoints": {"w": "dw", "S": "dS", "C": "dC"}, "extents": {name: () for name in ("S", "C", "dC", "dS", "dw")}}
    >>> late(Program(tuple(map(read_equation, lines)), {"x": 1, "w": 0}, "C", ("w",), row=length("m"), **names))
    ('dS',)
    """
    found, names = levels(program), set(program.adjoints.values())
    results = set(program.results)
    wanted: dict[str, None] = {}
    for equation, row in zip(found.equations, found.row, strict=True):
        for read in equation.reads() if row is not None else ():
            name = read.value
            if name in names and name not in found.axis and name not in results and program.row not in program.extents[name]:
                when = max((found.when[n] for n in found.writers.get(name, ())), default=0)
                if when > 0:
                    wanted[name] = None
    return tuple(wanted)


def factored(program: Program, factors: Collection[str], *, wide: bool = True) -> Program:
    """The swept program with these late adjoints multiplied on after the sums over the samples, not inside them.

    Every adjoint with an entry a sample is split into the part that waits for nothing, `dC_dz`, and one part a factor, `dS_dz`: the derivative of S
    by z with the other factors' totals held fixed. Where a factor's index would be lost, dva[k] in a sum over k, the part keeps it as an index
    of its own; without `wide` the factor stays inside there.

    >>> from symgd.nodes.node import length
    >>> from symgd.program.equation import read_equation
    >>> lines = ["S += (w*x[i])^2 for i in 0:m", "C = sqrt(S)", "dC = 1", "dS += dC/(2*C)", "dw += dS*2*w*x[i]^2 for i in 0:m"]
    >>> names = {"adjoints": {"w": "dw", "S": "dS", "C": "dC"}, "extents": {name: () for name in ("S", "C", "dC", "dS", "dw")}}
    >>> swept = Program(tuple(map(read_equation, lines)), {"x": 1, "w": 0}, "C", ("w",), row=length("m"), **names)
    >>> print(factored(swept, ["dS"]))
    (1) S += (w*x[i])^2 for i in 0:m
    (2) C = sqrt(S)
    (3) dC = 1
    (4) dS += dC/(2*C)
    (5) dS_dw += 2*w*x[i]^2 for i in 0:m
    (6) dw += dS*dS_dw
    """
    return _Factoring(program, frozenset(factors), wide).run()


class _Factoring:
    def __init__(self, program: Program, factors: frozenset[str], wide: bool) -> None:
        self.program, self.factors, self.wide = program, factors, wide
        self.levels = levels(program)
        self.primal = {adjoint: name for name, adjoint in program.adjoints.items()}
        self.splittable = _splittable(program, self.levels) - factors
        self.fresh = Fresh(program.taken)
        self.extents = dict(program.extents)
        self.parts: dict[str, list[Part]] = {}
        self.known: dict[object, Part] = {}
        self.numbers: dict[str, Node | None] = {}  # part -> its value where it is one number, such as 1/m
        self.waiting: dict[str, list[Equation]] = {}  # target -> what is added to it once its parts are complete
        self.output: list[Equation | Scan] = []

    def run(self) -> Program:
        rows = iter(self.levels.row)
        for item in self.program.equations:
            if isinstance(item, Scan):
                for equation in item.equations:
                    next(rows, None)
                    self._complete(equation)
                self.output.append(item)
                continue
            self._complete(item)
            self._add(item, in_pass=next(rows, None) is not None)
        for name in list(self.waiting):
            self.output += self.waiting.pop(name)
        return self._whole()

    def _complete(self, equation: Equation) -> None:
        """Before an array is read its parts are joined."""
        for read in equation.reads():
            self.output += self.waiting.pop(read.value, ())

    def _add(self, equation: Equation, in_pass: bool) -> None:
        source = self._source(equation)
        if source is None:
            self._plainly(equation)
            return
        read, rest = source
        if read.value in self.factors and in_pass:
            self._split(equation, read, rest)
            return
        parts = self.parts.get(read.value)
        if parts is None:
            self._plainly(equation)
            return
        for part in parts:
            opened, factor, inner = _opened(equation, read, part, self.extents)
            inner = self.numbers.get(part.name) or inner
            if factor is None:
                self._plainly(replace(opened, body=times(inner, rest)))
            else:
                self._split(opened, factor, times(inner, rest))

    def _source(self, equation: Equation) -> tuple[Node, Node] | None:
        """(the adjoint that the equation carries on, what it is multiplied by)."""
        found = _carried(equation, self.primal)
        return found if found is not None and (found[0].value in self.factors or found[0].value in self.parts) else None

    def _plainly(self, equation: Equation) -> None:
        """The equation as it is; into an array that is split, as the part that waits for nothing."""
        name = equation.target
        if name in self.splittable:
            part = self._part(name, None, (), tuple(range(len(equation.at))), ())
            equation = replace(equation, target=part.name)
        self.output.append(equation)

    def _split(self, equation: Equation, factor: Node, rest: Node) -> None:
        """`target[g] += factor[at]*rest`: rest goes into a part of its own."""
        target = equation.target
        if self.program.row in self.extents[target] and target not in self.splittable:
            self._plainly(replace(equation, body=times(factor, rest)))  # an entry a sample that is wanted itself: it has to wait
            return
        alone = {place: n for n, place in enumerate(equation.at) if place.op == "index" and sum(place in other.free for other in equation.at) == 1}
        lengths, sides = self.extents[target], self.extents[factor.value]
        at: list[Place] = []
        own: list[int] = []
        for position, place in enumerate(factor.args):
            if place in alone and difference(sides[position], lengths[alone[place]]) == 0:
                at.append(alone[place])
            elif place.op == "number":
                at.append(place)
            else:
                at.append(None)
                own.append(position)
        if own and not self.wide:
            self._plainly(replace(equation, body=times(factor, rest)))
            return
        beside = tuple(factor.args[position] for position in own)
        dropped = _idle(equation, rest, beside, alone, lengths)
        kept = tuple(n for n, place in enumerate(equation.at) if place not in dropped)
        part = self._part(target, factor.value, tuple(at), kept, tuple(own))
        domain = tuple(axis for axis in equation.domain if axis.index not in dropped)
        places = (*(equation.at[n] for n in kept), *beside)
        summed = _counted(replace(equation, target=part.name, at=places, domain=domain, body=rest))
        plain = not (part.name in self.numbers or summed.at or summed.domain or any(accesses(summed.body)))
        self.numbers[part.name] = summed.body if plain else None
        self.output.append(summed)

    def _part(self, target: str, factor: str | None, at: tuple[Place, ...], kept: tuple[int, ...], own: tuple[int, ...]) -> Part:
        key = (target, factor, at, kept)
        if key in self.known:
            return self.known[key]
        above = self.program.cost if factor is None else self.primal[factor]
        part = self.known[key] = Part(self.fresh.exactly(f"d{above}_d{self.primal[target]}"), kept, factor, at)
        self.extents[part.name] = (*(self.extents[target][n] for n in kept), *(self.extents[factor or ""][n] for n in own))
        if target in self.splittable:
            self.parts.setdefault(target, []).append(part)
        else:
            self.waiting.setdefault(target, []).append(self._joined(target, part))
        return part

    def _joined(self, target: str, part: Part) -> Equation:
        """`dw[j] += dS*dS_dw[j]`"""
        letters = _letters(self.program, target)
        domain = tuple(Range(letter, ZERO, high) for letter, high in zip(letters, self.extents[target], strict=True))
        whole = Equation(target, letters, "+=", domain, ZERO, rule="chain")
        opened, factor, inner = _opened(whole, access(target, *letters), part, self.extents)
        return replace(opened, body=inner if factor is None else times(factor, inner))

    def _whole(self) -> Program:
        """An array with one part that has all its indices and waits for nothing is what it was before, under its own name."""
        whole = {parts[0].name: v for v, parts in self.parts.items() if len(parts) == 1 and parts[0].factor is None}
        split = {v for v in self.parts if v not in whole.values()}
        output = [_named(item, whole) if isinstance(item, Equation) else item for item in self.output]
        extents = {name: sides for name, sides in self.extents.items() if name not in split and name not in whole}
        adjoints = {name: adjoint for name, adjoint in self.program.adjoints.items() if adjoint not in split}
        return replace(self.program, equations=tuple(output), extents=MappingProxyType(extents), adjoints=MappingProxyType(adjoints))


def _splittable(program: Program, found: Levels) -> frozenset[str]:
    """The adjoints with an entry a sample that only sums carry on, each linearly, and that nobody wants to see."""
    names = {adjoint: name for name, adjoint in program.adjoints.items()}
    fitting = {name for name in names if name in found.axis} - set(program.results)
    for item in program.equations:
        for equation in item.equations if isinstance(item, Scan) else (item,):
            read = equation.names() & fitting
            if isinstance(item, Scan) or equation.op != "+=":
                fitting -= {*read, equation.target}
            elif read and _carried(equation, names) is None:
                fitting -= read
    return frozenset(fitting)


def _carried(equation: Equation, names: Collection[str]) -> tuple[Node, Node] | None:
    """(adjoint, factor) of an equation whose body is one adjoint times a factor without adjoints, else None."""
    read = [place for place in equation.reads() if place.value in names]
    if len(read) != 1 or equation.op != "+=":
        return None
    factor = _coefficient(equation.body, read[0])
    outside = (equation.guard, *equation.at, *(edge for axis in equation.domain for edge in (axis.low, axis.high)))
    if factor is None or any(place is read[0] for place in accesses(*outside)):
        return None
    return read[0], factor


def _coefficient(body: Node, of: Node) -> Node | None:
    """The factor of `of` in a formula that is linear in it: what stands beside it, under the same conditions; None for any other formula.

    >>> from symgd.nodes.text import text
    >>> from symgd.reading.text import expression
    >>> print(text(_coefficient(expression("2*dS*x/m"), access("dS"))))
    2*x/m
    """
    known: dict[Node, Node | None] = {}  # part -> its factor, None where `of` is not in it
    for part in outside_subscripts(body):
        factors = [known[argument] for argument in part.args] if part.op != "access" else []
        if part is of:
            known[part] = ONE
        elif not any(factor is not None for factor in factors):
            known[part] = None
        else:
            found = _through(part, factors)
            if found is None:
                return None
            known[part] = found
    return known[body]


def _through(part: Node, factors: list[Node | None]) -> Node | None:
    inside = [factor for factor in factors if factor is not None]
    if part.op == "+" and len(inside) == len(factors):
        return plus(*inside)
    if part.op == "*" and len(inside) == 1:
        return times(*(argument if factor is None else factor for argument, factor in zip(part.args, factors, strict=True)))
    if part.op == "/" and factors[1] is None:
        return over(inside[0], part.args[1])
    if part.op == "neg":
        return minus(inside[0])
    if part.op == "piecewise":
        values = {n for n in range(len(part.args)) if n % 2 == 0 or n == len(part.args) - 1}
        if all((factors[n] is not None) == (n in values and part.args[n] is not ZERO) for n in range(len(factors))):
            return choice(*(argument if factor is None else factor for argument, factor in zip(part.args, factors, strict=True)))
    return None


def _opened(equation: Equation, read: Node, part: Part, extents: dict[str, tuple[Node, ...]]) -> tuple[Equation, Node | None, Node]:
    """(the equation with ranges for the part's own indices, its factor there, the part there) where `read` is the array that it is a part of."""
    if part.factor is None:
        return equation, None, access(part.name, *(read.args[n] for n in part.kept))
    sides = extents[part.factor]
    letters = Fresh({letter.value for letter in equation.letters} | {place.value for place in postorder(*read.args) if place.op == "index"})
    own: list[Range] = []
    at: list[Node] = []
    for position, place in enumerate(part.at):
        if place is None:
            own.append(Range(index(letters("k")), ZERO, sides[position]))
            at.append(own[-1].index)
        else:
            at.append(read.args[place] if isinstance(place, int) else place)
    inner = access(part.name, *(read.args[n] for n in part.kept), *(axis.index for axis in own))
    return replace(equation, domain=(*equation.domain, *own)), access(part.factor, *at), inner


def _idle(equation: Equation, rest: Node, beside: tuple[Node, ...], alone: dict[Node, int], lengths: tuple[Node, ...]) -> set[Node]:
    """The letters of the target on which nothing depends: the part is the same for all their values."""
    edges = [edge for axis in equation.domain for edge in (axis.low, axis.high)]
    used = frozenset[Node]().union(*(part.free for part in (rest, equation.guard, *beside, *edges)))
    ranges = {axis.index: axis for axis in equation.domain}
    return {
        letter for letter, n in alone.items()
        if letter not in used and ranges[letter].low is ZERO and difference(ranges[letter].high, lengths[n]) == 0
    }  # fmt: skip


def _counted(equation: Equation) -> Equation:
    """A sum of equal terms as their number times the term: the sum of 1/m over m samples is 1."""
    edges = [edge for axis in equation.domain for edge in (axis.low, axis.high)]
    used = frozenset[Node]().union(*(part.free for part in (equation.body, equation.guard, *equation.at, *edges)))
    idle = [axis for axis in equation.domain if axis.index not in used and axis.low is ZERO]
    above, below = factors_of(equation.body)
    for axis in idle:
        if axis.high in below:
            below.remove(axis.high)
        else:
            above.append(axis.high)
    domain = tuple(axis for axis in equation.domain if axis not in idle)
    return replace(equation, domain=domain, body=over(times(*above), times(*below))) if idle else equation


def _letters(program: Program, target: str) -> tuple[Node, ...]:
    """Letters for the indices of a target: those of an equation that writes it, where they are plain."""
    for equation in program.flat():
        if equation.target == target and all(place.op == "index" for place in equation.at) and len(set(equation.at)) == len(equation.at):
            return equation.at
    fresh = Fresh(letter.value for equation in program.flat() for letter in equation.letters)
    return tuple(index(fresh("k")) for _ in program.extents[target])


def _named(equation: Equation, names: dict[str, str]) -> Equation:
    """The equation with other names for what it writes and reads."""
    return read_as(replace(equation, target=names.get(equation.target, equation.target)), names)
