"""Checked cost -> Program: every reduction an equation of its own, every shared part named once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from symgd.cost.checked import Checked
from symgd.errors import NotBuilt
from symgd.nodes.fold import minus, over, times
from symgd.nodes.node import ONE, REDUCTIONS, TWO, ZERO, Node, access, accesses, node, outside_subscripts, postorder, substituted
from symgd.nodes.text import text
from symgd.program.equation import Equation, Op, Program, Range, Scan
from symgd.program.extremes import at_most, largest, smallest
from symgd.program.linear import combined, size
from symgd.program.names import Fresh
from symgd.program.parts import check_defined, narrowed
from symgd.program.ragged import Shelves
from symgd.program.recurrence import recurrent
from symgd.program.sharing import shared

Scope = tuple[Range, ...]
STEMS = {"sum": "s", "mean": "s", "logsumexp": "L", "softmax": "L", "product": "p", "maximum": "hi", "minimum": "lo", "norm": "n"}
ACCUMULATED: dict[str, Op] = {"logsumexp": "logsumexp=", "softmax": "logsumexp=", "product": "*=", "maximum": "max=", "minimum": "min="}


def forward(checked: Checked) -> Program:
    """The equations that compute every definition and the cost, named `C` or the next free name, from parameters and data.

    What is used twice has a name, and what is computed step by step stands in its order.

    >>> from symgd.cost.checked import check
    >>> from symgd.reading.text import problem
    >>> print(forward(check(problem("mean((w*x - mean(w*x))^2)", samples="x"))))
    (1) s1 += w*x[i]/m for i in 0:m
    (2) C += (w*x[i] - s1)^2/m for i in 0:m
    """
    return arranged(lowered(checked))


def lowered(checked: Checked) -> Program:
    """The equations as the user wrote them, every reduction one of its own."""
    lowering = _Lowering(Fresh(checked.names), Shelves(partial(_lengths, checked)))
    cost = lowering.fresh.exactly("C")
    definitions = narrowed(checked.definitions)
    for definition in definitions:
        lowering.define(definition.target, definition.at, tuple(Range(*bound.args) for bound in definition.ranges), definition.body)
    lowering.define(cost, (), (), checked.formula.expression)
    check_defined(definitions, lowering.equations, lowering.extents)
    inputs = {**checked.parameters, **checked.data, **{name: 0 for name in checked.constants if name not in checked.data}}
    return Program(
        tuple(lowering.equations),
        MappingProxyType(inputs),
        cost,
        tuple(checked.parameters),
        given=tuple(dict.fromkeys(definition.target for definition in checked.definitions)),
        extents=MappingProxyType(lowering.extents),
        longest=MappingProxyType(lowering.shelves.longest),
        integers=checked.integers,
        row=_row(checked),
        facts=checked.facts,
    )


def arranged(program: Program) -> Program:
    """What is used twice gets a name, recurrences are found, and everything is brought into an order in which it can be computed."""
    return _off_the_rows(recurrent(shared(program)))


def _off_the_rows(program: Program) -> Program:
    """The program without a sample axis where a recurrence runs along it: then no sample can be computed by itself."""
    if program.row is None:
        return program
    along = any(isinstance(item, Scan) and _follows(item.index, program.row) for item in program.equations)
    return replace(program, row=None) if along else program


def _follows(steps: Range, row: Node) -> bool:
    return bool({part for part in postorder(steps.low, steps.high) if part.op == "length"} & set(postorder(row)))


class _Lowering:
    """Formulas with reductions become equations without, in the order in which they have to be computed."""

    def __init__(self, fresh: Fresh, shelves: Shelves) -> None:
        self.fresh, self.shelves = fresh, shelves
        self.equations: list[Equation] = []
        self.extents: dict[str, tuple[Node, ...]] = {}
        self._named: dict[tuple[Node, Scope], Node] = {}

    def define(self, target: str, at: tuple[Node, ...], scope: Scope, body: Node, rule: str = "given") -> None:
        """`target[at] = body`. Sums that stand as terms of the body accumulate straight into the target."""
        if rule == "given":
            self._record(target, at, scope)
        first = True
        for reduction, part in _grouped(_counted(body, scope)):
            op: Op = "=" if first and reduction is None else "+="
            if reduction is None:
                self.equations.append(Equation(target, at, op, scope, self.lower(part, scope), rule=rule))
            else:
                found, scaled = reduction
                apart = self._renamed_apart(found, scope)
                inner = (*scope, *(Range(*bound.args) for bound in apart.args[1:]))
                summand = self.lower(apart.args[0], inner)
                self.equations.append(Equation(target, at, op, inner, scaled(_averaged(summand, apart)), rule=rule))
            first = False

    def lower(self, root: Node, scope: Scope) -> Node:
        """The formula with every reduction replaced by an access to the equation that computes it."""
        root = _counted(root, scope)
        return substituted(root, {part: self._reduce(part, scope) for part in _outermost(root)})

    def _reduce(self, reduction: Node, scope: Scope) -> Node:
        kept = _kept(reduction, scope)
        if (reduction, kept) in self._named:
            return self._named[reduction, kept]
        name = self.fresh(STEMS[reduction.op])
        at = self._keep(name, kept)
        found = access(name, *at)
        if reduction.op in ("sum", "mean"):
            self.define(name, at, kept, reduction, rule="named")
        elif reduction.op == "norm":
            self._root(reduction, name, at, kept)
        elif reduction.op == "softmax":
            found = self._softmax(reduction, name, kept)
        else:
            self._accumulate(reduction, name, kept)
        self._named[reduction, kept] = found
        return found

    def _accumulate(self, reduction: Node, name: str, outer: Scope) -> Node:
        """A product, maximum, minimum or logsumexp as an operation of its own; what it runs over gets a name, which the reverse sweep reads again."""
        apart = self._renamed_apart(reduction, outer)
        bounds = apart.args[1:]
        if reduction.op == "product" and len(bounds) > 1:  # one axis at a time: its derivative goes along one
            inside = node("product", apart.args[0], bounds[-1])
            return self._accumulate(node("product", inside, *bounds[:-1]), name, outer)
        inner = (*outer, *(Range(*bound.args) for bound in bounds))
        body = self.lower(apart.args[0], inner)
        if body.op != "access":
            named = self.fresh("t")
            place = self._keep(named, inner)
            self.equations.append(Equation(named, place, "=", inner, body, rule="named"))
            body = access(named, *place)
        at = self._keep(name, outer)
        self.equations.append(Equation(name, at, ACCUMULATED[reduction.op], inner, body, rule="named"))
        return body

    def _softmax(self, reduction: Node, name: str, kept: Scope) -> Node:
        """softmax is exp(z - logsumexp z), not a reduction: its letters stay free."""
        letters = {bound.args[0] for bound in reduction.args[1:]}
        bounds = [bound for r in reduction.args[1:] for bound in r.args[1:]]
        depending = node("logsumexp", *reduction.args).free | frozenset().union(*(b.free for b in bounds))
        outer = tuple(axis for axis in kept if axis.index not in letters and axis.index in depending)
        exponent = self._accumulate(reduction, name, outer)
        return node("exp", node("+", exponent, node("neg", access(name, *self._keep(name, outer)))))

    def _root(self, reduction: Node, name: str, at: tuple[Node, ...], kept: Scope) -> None:
        """A norm is the root of a sum of squares; at 0, where the root has no slope, its derivative is 0."""
        squares = self.fresh("s")
        self._keep(squares, kept)
        self.define(squares, at, kept, node("sum", node("^", reduction.args[0], TWO), *reduction.args[1:]), rule="named")
        total = access(squares, *at)
        root = node("piecewise", ZERO, node("==", total, ZERO), node("sqrt", total))
        self.equations.append(Equation(name, at, "=", kept, root, rule="norm"))

    def _renamed_apart(self, reduction: Node, scope: Scope) -> Node:
        """The reduction with its letters renamed where the scope uses them too: capture and shadowing end here."""
        taken = {axis.index for axis in scope}
        clashing = [bound.args[0] for bound in reduction.args[1:] if bound.args[0] in taken]
        if not clashing:
            return reduction
        used = {part.value for part in postorder(reduction) if part.op == "index"} | {letter.value for letter in taken}
        letters = Fresh(used)
        return _renamed(reduction, {letter: node("index", value=letters(letter.value)) for letter in clashing})

    def _keep(self, target: str, scope: Scope) -> tuple[Node, ...]:
        """Note how long an intermediate is along each index of the scope; return the subscripts at which it is kept."""
        at, self.extents[target] = self.shelves.kept(scope)
        return at

    def _record(self, target: str, at: tuple[Node, ...], scope: Scope) -> None:
        """Note how long a definition is along each of its subscripts; its parts together."""
        ranges = [(axis.index, axis.low, axis.high) for axis in scope]
        bounds = [largest(combined((1, place), (1, ONE)), ranges) for place in at]
        for place, bound in zip(at, bounds, strict=True):
            if bound is None:
                raise NotBuilt(f"How long {target} is along {text(place)} is not known before the data are.", accepted="an index letter there")
        mine = tuple(bound for bound in bounds if bound is not None)
        known = self.extents.get(target, mine)
        self.extents[target] = tuple(_longer(target, a, b) for a, b in zip(known, mine, strict=True))


def _longer(target: str, u: Node, v: Node) -> Node:
    if at_most(u, v):
        return v
    if at_most(v, u):
        return u
    raise NotBuilt(f"How long {target} is, {text(u)} or {text(v)}, is not known before the data are.", accepted="parts along one axis")


Scaled = tuple[Node, Callable[[Node], Node]]


def _grouped(body: Node) -> list[tuple[Scaled | None, Node]]:
    """The terms of a body in their order: a sum or mean by itself, with how it is scaled; what stands between such terms together."""
    terms = body.args if body.op == "+" else (body,)
    groups: list[tuple[Scaled | None, list[Node]]] = []
    for term in terms:
        found = _scaled_sum(term)
        if found is None and groups and groups[-1][0] is None:
            groups[-1][1].append(term)
        else:
            groups.append((found, [term]))
    return [(found, parts[0] if len(parts) == 1 else node("+", *parts)) for found, parts in groups]


def _scaled_sum(term: Node) -> Scaled | None:
    """(sum or mean, how its summand is scaled) for a term that is a sum times simple factors, else None."""
    divisors: list[Node | None] = []  # None for a minus, from the outside in
    while term.op == "neg" or (term.op == "/" and _simple(term.args[1])):
        divisors.append(None if term.op == "neg" else term.args[1])
        term = term.args[0]
    others: list[Node] = []
    if term.op == "*":
        sums = [n for n, factor in enumerate(term.args) if factor.op in ("sum", "mean")]
        others = [factor for n, factor in enumerate(term.args) if n not in sums]
        if len(sums) != 1 or not all(map(_simple, others)):
            return None
        term = term.args[sums[0]]
    if term.op not in ("sum", "mean"):
        return None

    def scaled(summand: Node) -> Node:
        found = times(*others, summand) if others else summand
        for divisor in reversed(divisors):
            found = minus(found) if divisor is None else over(found, divisor)
        return found

    return term, scaled


def _simple(part: Node) -> bool:
    """Cheap enough to be repeated in every term of a sum: a number, a length, a scalar, or a quotient of such."""
    return all(
        inner.op in ("number", "constant", "length", "/", "neg") or (inner.op == "access" and not inner.args) for inner in outside_subscripts(part)
    )


def _outermost(root: Node) -> list[Node]:
    """The reductions in the formula that stand inside no other one."""
    found: list[Node] = []
    seen: set[Node] = set()
    stack = [root]
    while stack:
        part = stack.pop()
        if part in seen:
            continue
        seen.add(part)
        if part.op in REDUCTIONS:
            found.append(part)
        else:
            stack.extend(reversed(part.args))
    return found


def _kept(reduction: Node, scope: Scope) -> Scope:
    """The ranges of the scope on which the reduction depends, with those that their bounds depend on."""
    needed = set(reduction.free)
    kept: list[Range] = []
    for axis in reversed(scope):
        if axis.index in needed:
            needed |= axis.low.free | axis.high.free
            kept.append(axis)
    return tuple(reversed(kept))


def _averaged(summand: Node, reduction: Node) -> Node:
    """A mean is a sum of body/length."""
    if reduction.op == "sum":
        return summand
    return over(summand, times(*(size(*bound.args[1:]) for bound in reduction.args[1:])))


def _counted(root: Node, scope: Scope) -> Node:
    """The formula in which a mean over a range of another length each time is a sum over it, divided by their number: NaN where there is none."""
    means = {part: _quotient(part, scope) for part in _outermost(root) if part.op == "mean" and any(map(_varies, part.args[1:]))}
    return substituted(root, means)


def _varies(bound: Node) -> bool:
    """Whether the length of a range depends on other indices or on data."""
    length = size(*bound.args[1:])
    return bool(length.free) or any(accesses(length))


def _quotient(mean: Node, scope: Scope) -> Node:
    body, *bounds = mean.args
    letters = {bound.args[0] for bound in bounds}
    if any(size(*bound.args[1:]).free & letters for bound in bounds):
        (letter, *_), *_ = (bound.args for bound in bounds if size(*bound.args[1:]).free & letters)
        raise NotBuilt(f"A mean over {text(letter)} and the index on which its range depends is not built yet.", accepted="a sum, divided by a count")
    ranges = tuple((axis.index, axis.low, axis.high) for axis in scope)
    counts = []
    for bound in bounds:
        count = size(*bound.args[1:])
        least = smallest(count, ranges)
        known = any(accesses(count)) or (least is not None and at_most(ZERO, least))  # data never run backwards, they are refused
        counts.append(count if known else node("max", count, ZERO))
    return node("/", node("sum", body, *bounds), times(*counts))


def _renamed(root: Node, letters: dict[Node, Node]) -> Node:
    """The formula with index letters renamed, outside the inner reductions that bind the same letter again."""

    def change(reduction: Node, letters: dict[Node, Node]) -> Node:
        live = dict(letters)
        args: list[Node] = []
        for bound in reduction.args[1:]:
            letter, low, high = bound.args
            args.append(node("range", live.get(letter, letter), walk(low, live), walk(high, live)))
        return node(reduction.op, walk(reduction.args[0], live), *args)

    def walk(part: Node, live: dict[Node, Node]) -> Node:
        inside: dict[Node, Node] = dict(live)
        for reduction in _outermost(part):
            bound = set() if reduction.op == "softmax" else {r.args[0] for r in reduction.args[1:]}
            inside[reduction] = change(reduction, {old: new for old, new in live.items() if old not in bound})
        return substituted(part, inside)

    return change(root, letters)


def _row(checked: Checked) -> Node | None:
    """The length of the axis that all outermost sums over data share: the samples. None where there is no such axis."""
    bodies = checked.bodies
    reductions = _top(checked.formula.expression, bodies)
    with_data = [r for r in reductions if _reads_data(r, checked, bodies)]
    shared_axes: list[Node] | None = None
    for reduction in with_data or reductions:
        mine = [bound.args[2] for bound in reduction.args[1:] if bound.args[1] is ZERO and not bound.args[2].free]
        shared_axes = mine if shared_axes is None else [high for high in shared_axes if high in mine]
    if not shared_axes:
        return None
    first = {found.args[0] for found in _all_accesses(reductions, bodies) if found.args and found.value in checked.data}
    leading = [bound.args[2] for r in reductions for bound in r.args[1:] if bound.args[0] in first and bound.args[2] in shared_axes]
    return (leading or shared_axes)[0]


def _lengths(checked: Checked) -> set[str]:
    """The names of all lengths of the problem."""
    ranges = [bound for definition in checked.definitions for bound in definition.ranges]
    roots = [checked.formula.expression, *(d.body for d in checked.definitions), *ranges, *checked.formula.axes.values()]
    return {part.value for part in postorder(*roots) if part.op == "length"}


def _top(root: Node, bodies: dict[str, Node]) -> list[Node]:
    """The outermost reductions of the cost, also those behind scalar definitions."""
    found: list[Node] = []
    stack, seen = [root], {root}
    while stack:
        part = stack.pop()
        found += _outermost(part)
        inside = set(_outermost(part))
        for reached in _outside(part, inside):
            body = bodies.get(reached.value) if reached.op == "access" and not reached.args else None
            if body is not None and body not in seen:
                seen.add(body)
                stack.append(body)
    return found


def _outside(root: Node, inside: set[Node]) -> Iterable[Node]:
    stack, seen = [root], set()
    while stack:
        part = stack.pop()
        if part not in seen and part not in inside:
            seen.add(part)
            yield part
            stack.extend(part.args)


def _all_accesses(roots: Iterable[Node], bodies: dict[str, Node]) -> list[Node]:
    found: dict[Node, None] = {}
    waiting, opened = list(roots), set()
    while waiting:
        for reached in accesses(waiting.pop()):
            found[reached] = None
            if reached.value in bodies and reached.value not in opened:
                opened.add(reached.value)
                waiting.append(bodies[reached.value])
    return list(found)


def _reads_data(reduction: Node, checked: Checked, bodies: dict[str, Node]) -> bool:
    return any(found.value in checked.data and found.args for found in _all_accesses([reduction], bodies))
