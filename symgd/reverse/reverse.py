"""Program -> Program with the adjoint equations appended: the reverse sweep between named equations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from symgd.nodes.fold import all_of, chained, choice, has_zero_branch, minus, over, plus, times
from symgd.nodes.node import ATOMS, ONE, TWO, ZERO, Node, access, accesses, fraction, node, outside_subscripts
from symgd.program.equation import Equation, Program, Scan
from symgd.program.extents import input_extents
from symgd.program.names import Fresh
from symgd.program.recurrence import recurrent
from symgd.reverse.factors import other_factors
from symgd.reverse.partials import partials

BOUNDED = ATOMS | {"+", "*", "neg", "sin", "cos", "tanh", "sigmoid", "sign", "erf", "exp", "sinh", "cosh", "max", "min", "abs"}


def reverse(program: Program) -> Program:
    """Cost and gradient: the forward equations, then one adjoint equation for every access of each of them, last equation first.

    The adjoint `dW` of W is the derivative of the cost by W, and has W's shape. A recurrence comes back as a recurrence in the other direction.
    At most about 5 times the operations of the cost (Griewank & Walther 2008, Evaluating Derivatives, chapters 3-4).

    >>> from symgd.program.equation import read_equation
    >>> forward = Program((read_equation("C += w^2*x[i] for i in 0:m"),), {"w": 0, "x": 1}, "C", ("w",), extents={"C": ()})
    >>> print(reverse(forward))
    (1) C += w^2*x[i] for i in 0:m
    (2) dC = 1
    (3) dw += 2*x[i]*w for i in 0:m
    """
    active = _active(program)
    fresh = Fresh(program.taken)
    names = {name: fresh.exactly("d" + name) for name in (*program.inputs, *program.extents) if name in active or name == program.cost}
    inputs, measured = input_extents(program)
    sweep = _Sweep(names, active, fresh, {**inputs, **program.extents}, carried={program.cost}, open_to_all={program.cost})
    sweep.appended.append(Equation(names[program.cost], (), "=", (), ONE, rule="seed"))
    if not any(program.cost in equation.names() for equation in program.flat()):
        sweep.seed = program.cost
    summed = {equation.target for equation in program.flat() if equation.op != "="} | {program.cost}
    for item in reversed(program.equations):
        sweep.stepping = isinstance(item, Scan)
        waiting = list(reversed(item.equations)) if isinstance(item, Scan) else [item]
        moved = True
        while moved and waiting:  # within a circle what is carried back may reach an equation that was passed by
            ready = [equation for equation in waiting if equation.target in sweep.carried]
            waiting = [equation for equation in waiting if equation not in ready]
            for equation in ready:
                output = equation.left if equation.target not in summed else None  # z = tanh(u), then z += v: z is not tanh(u)
                sweep.through(equation, output, masked=equation.target not in sweep.open_to_all)
            moved = bool(ready)
    kept = {name: adjoint for name, adjoint in names.items() if name in sweep.carried or name in program.parameters}
    swept = replace(
        program,
        equations=(*program.equations, *sweep.appended),
        adjoints=MappingProxyType(kept),
        extents=MappingProxyType({**program.extents, **sweep.new, **{a: sweep.extents[n] for n, a in kept.items() if n in sweep.extents}}),
        measured=MappingProxyType(measured),
    )
    return recurrent(swept)


def adjoints(equation: Equation, active: frozenset[str] | None = None) -> Iterator[Equation]:
    """The equations that carry the adjoint of T[e] += f(B[g], ...) back to what it reads: dB[g] += dT[e]*df/dB[g], over the same domain.

    Gathers, shifts, diagonals and ragged ranges need no case of their own. Raises NoRule, with the equation, where no row fits.

    >>> from symgd.program.equation import read_equation
    >>> print(*adjoints(read_equation("r[i] += w[label[i]]*x[i+1] for i in 0:m")), sep="\\n")
    dw[label[i]] += dr[i]*x[i + 1] for i in 0:m
    dx[i + 1] += dr[i]*w[label[i]] for i in 0:m
    """
    subscripts = {inner.value for outer in equation.reads() for place in outer.args for inner in accesses(place)}
    names = equation.names() - subscripts
    bars = {name: "d" + name for name in (*names, equation.target)}
    sweep = _Sweep(bars, active or frozenset(names), Fresh({*names, *bars.values(), equation.target}), {})
    sweep.through(equation, equation.left if equation.op == "=" else None)
    yield from sweep.appended


@dataclass(slots=True)
class _Sweep:
    """The walk backwards. `names`: what the adjoint of each name is called. `new`: the extents of what only the sweep needs.

    `back`: the name of each adjoint -> the name. `carried`: names with an adjoint. `open_to_all`: those among them to which it comes not only through
    branches that may not be taken. `stepping`: whether the equations at hand belong to a recurrence. `seed`: the cost, if nothing reads it: its
    adjoint is 1.
    """

    names: dict[str, str]
    active: frozenset[str]
    fresh: Fresh
    extents: Mapping[str, tuple[Node, ...]]
    carried: set[str] = field(default_factory=set)
    open_to_all: set[str] = field(default_factory=set)
    appended: list[Equation] = field(default_factory=list)
    new: dict[str, tuple[Node, ...]] = field(default_factory=dict)
    back: dict[str, str] = field(init=False)
    stepping: bool = False
    seed: str | None = None

    def __post_init__(self) -> None:
        self.back = {adjoint: name for name, adjoint in self.names.items()}

    def through(self, equation: Equation, output: Node | None, masked: bool = False) -> None:
        """Append what carries the adjoint of the target back.

        `masked`: where no branch that uses the target is taken a slope may be infinite and must not count.
        """
        incoming = ONE if equation.target == self.seed else access(self.names.get(equation.target, ""), *equation.at)
        before = len(self.appended)
        match equation.op:
            case "=" if equation.rule == "norm":
                self._through_norm(equation, incoming)
            case "=" | "+=":
                self._to_what_is_read(equation, lambda slope: self._masked(incoming, slope) if masked else incoming, output)
            case "logsumexp=":
                self._through_logsumexp(equation, incoming)
            case "max=" | "min=":
                self._through_extreme(equation, incoming)
            case "*=":
                self._through_product(equation, incoming)
        for found in self.appended[before:] if not masked else ():
            if found.target in self.back and not has_zero_branch(found.body):
                self.open_to_all.add(self.back[found.target])

    def _to_what_is_read(self, equation: Equation, factor: Callable[[Node], Node], output: Node | None = None) -> None:
        """dB[g] += factor*df/dB[g] for every access B[g] of the body f, over the same domain."""
        for found, slope in partials(equation.body, self.active, output).by_access.items():
            body, guard = _guarded(chained(factor(slope), slope), equation.guard)
            self.carried.add(found.value)
            self.appended.append(Equation(self.names[found.value], found.args, "+=", equation.domain, body, guard, "chain"))

    def _masked(self, incoming: Node, slope: Node) -> Node:
        return incoming if _is_bounded(slope) else choice(incoming, node("!=", incoming, ZERO), ZERO)

    def _through_logsumexp(self, equation: Equation, incoming: Node) -> None:
        """L = log(sum exp z) has dL/dz = exp(z - L): no exponential is left to overflow."""
        share = node("exp", plus(equation.body, minus(equation.left)))
        self._to_what_is_read(equation, lambda slope: times(incoming, share))

    def _through_norm(self, equation: Equation, incoming: Node) -> None:
        """n = sqrt(s) has dn/ds = 1/(2 n), and 0 at 0, by convention."""
        norm = equation.left
        (squares,) = (found for found in accesses(equation.body.args[-1]))
        body = choice(ZERO, node("==", norm, ZERO), over(incoming, times(TWO, norm)))
        self.carried.add(squares.value)
        self.appended.append(Equation(self.names[squares.value], squares.args, "+=", equation.domain, body, equation.guard, "chain"))

    def _through_extreme(self, equation: Equation, incoming: Node) -> None:
        """The elements that attain a maximum share its adjoint equally, as `max` of several arguments does."""
        attained = node("==", equation.body, equation.left)
        kept = equation.kept
        ties = self._named("ties", equation)
        self.appended.append(Equation(ties, equation.at, "+=", equation.domain, choice(ONE, attained, ZERO), equation.guard, "ties"))
        share = self._named("share", equation)
        self.appended.append(Equation(share, equation.at, "=", kept, over(incoming, access(ties, *equation.at)), rule="ties"))
        self._to_what_is_read(equation, lambda slope: choice(access(share, *equation.at), attained, ZERO))

    def _through_product(self, equation: Equation, incoming: Node) -> None:
        """The adjoint of a factor is that of the product times all other factors.

        Outside of a recurrence it is multiplied in once for all factors. In one the products of factors have to be ready before the way back begins:
        they run along an index of their own.
        """
        others = other_factors(equation, self.extents.get(equation.target, ()), self.fresh, ONE if self.stepping else incoming)
        self.new |= others.extents
        self.appended += others.equations
        self._to_what_is_read(equation, lambda slope: times(incoming, others.product) if self.stepping else others.product)

    def _named(self, what: str, equation: Equation) -> str:
        name = self.fresh.exactly(f"{equation.target}_{what}")
        self.new[name] = self.extents.get(equation.target, ())
        return name


def _is_bounded(slope: Node) -> bool:
    """Is the slope finite wherever what it reads is? Sums, products, whole powers and a few functions are."""
    return all(part.op in BOUNDED or (part.op in ("/", "^") and _is_safe(part)) for part in outside_subscripts(slope))


def _is_safe(part: Node) -> bool:
    """A quotient by a number or length, a power with a number from 1: then the slope of the slope is finite too."""
    second = part.args[1]
    return second.op == "length" or (second.op == "number" and fraction(second) >= (1 if part.op == "^" else 0))


def _guarded(body: Node, guard: Node) -> tuple[Node, Node]:
    """A condition on indices around the whole body becomes the guard: x[i - 1] is neither read nor written where i = 0."""
    if body.op != "piecewise" or len(body.args) != 3 or body.args[2] is not ZERO:
        return body, guard
    value, condition, _ = body.args
    if not condition.free or any(True for _ in accesses(condition)):
        return body, guard
    return value, all_of(guard, condition)


def _active(program: Program) -> frozenset[str]:
    """The parameters and everything that depends on them."""
    active = set(program.parameters)
    for item in program.equations:
        waiting = item.equations if isinstance(item, Scan) else (item,)
        known = -1
        while known < len(active):
            known = len(active)
            active.update(e.target for e in waiting if any(found.value in active for found in accesses(e.body)))
            if isinstance(item, Equation):
                break
    return frozenset(active)
