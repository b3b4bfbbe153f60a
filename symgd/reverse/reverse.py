"""Program -> Program with the adjoint equations appended: the reverse sweep between named equations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

from symgd.errors import NoRule, NotBuilt
from symgd.nodes.fold import all_of, chained, choice, has_zero_branch, minus, plus, times
from symgd.nodes.node import ATOMS, ONE, ZERO, Node, access, accesses, fraction, node, outside_subscripts
from symgd.program.equation import Equation, Program, Scan
from symgd.program.extents import input_extents
from symgd.program.names import Fresh
from symgd.reverse.partials import partials

BOUNDED = ATOMS | {"+", "*", "neg", "sin", "cos", "tanh", "sigmoid", "sign", "erf", "exp", "sinh", "cosh", "max", "min", "abs"}


def reverse(program: Program) -> Program:
    """Cost and gradient: the forward equations, then one adjoint equation for every access of each of them, last equation first.

    The adjoint `dW` of W is the derivative of the cost by W, and has W's shape. At most about 5 times the operations of the cost
    (Griewank & Walther 2008, Evaluating Derivatives, chapters 3-4).

    >>> from symgd.program.equation import read_equation
    >>> forward = Program((read_equation("C += w^2*x[i] for i in 0:m"),), {"w": 0, "x": 1}, "C", ("w",), extents={"C": ()})
    >>> print(reverse(forward))
    (1) C += w^2*x[i] for i in 0:m
    (2) dC = 1
    (3) dw += 2*dC*x[i]*w for i in 0:m
    """
    active = _active(program)
    fresh = Fresh({*program.inputs, *program.extents})
    adjoints = {name: fresh.exactly("d" + name) for name in (*program.inputs, *program.extents) if name in active or name == program.cost}
    inputs, measured = input_extents(program)
    extents = {**inputs, **program.extents}
    carried = {program.cost}
    open_to_all: set[str] = {program.cost}  # names whose adjoint comes not only through branches that may not be taken
    appended: list[Equation] = [Equation(adjoints[program.cost], (), "=", (), ONE, rule="seed")]
    for item in reversed(program.equations):
        if isinstance(item, Scan):
            raise NotBuilt("The derivative of a recurrence is not built yet.")
        if item.target not in carried:
            continue
        output = item.left if item.op == "=" and item.target != program.cost else None
        masked = item.target not in open_to_all
        for name, equation in _adjoints(item, adjoints, active, output, masked):
            carried.add(name)
            if not masked and not has_zero_branch(equation.body):
                open_to_all.add(name)
            appended.append(equation)
    shapes = {adjoint: extents[name] for name, adjoint in adjoints.items() if name in extents}
    kept = {name: adjoint for name, adjoint in adjoints.items() if name in carried or name in program.parameters}
    return replace(
        program,
        equations=(*program.equations, *appended),
        adjoints=MappingProxyType(kept),
        extents=MappingProxyType({**program.extents, **{a: shapes[a] for a in kept.values() if a in shapes}}),
        measured=MappingProxyType(measured),
    )


def adjoints(equation: Equation, active: frozenset[str] | None = None) -> Iterator[Equation]:
    """The equations that carry the adjoint of T[e] += f(B[g], ...) back to what it reads: dB[g] += dT[e]*df/dB[g], over the same domain.

    Gathers, shifts, diagonals and ragged ranges need no case of their own. Raises NoRule, with the equation, where no row fits.

    >>> from symgd.program.equation import read_equation
    >>> print(*adjoints(read_equation("r[i] += w[label[i]]*x[i+1] for i in 0:m")), sep="\\n")
    dw[label[i]] += dr[i]*x[i + 1] for i in 0:m
    dx[i + 1] += dr[i]*w[label[i]] for i in 0:m
    """
    subscripts = {inner.value for outer in equation.reads() for place in outer.args for inner in accesses(place)}
    names = {found.value for found in equation.reads()} - subscripts
    bars = {name: "d" + name for name in (*names, equation.target)}
    output = equation.left if equation.op == "=" else None
    for _, found in _adjoints(equation, bars, active or frozenset(names), output):
        yield found


def _adjoints(
    equation: Equation, names: dict[str, str], active: frozenset[str], output: Node | None, masked: bool = False
) -> Iterator[tuple[str, Equation]]:
    """`masked`: the equation is used in branches only; where none of them is taken its slope may be infinite and must not count."""
    incoming = access(names.get(equation.target, ""), *equation.at)
    if equation.op == "logsumexp=":
        yield from _through_logsumexp(equation, incoming, names, active)
        return
    if equation.op not in ("=", "+="):
        raise NoRule(f"No rule carries an adjoint back through {equation.op} in: {equation}")
    for found, slope in partials(equation.body, active, output).by_access.items():
        reached = choice(incoming, node("!=", incoming, ZERO), ZERO) if masked and not _is_bounded(slope) else incoming
        body, guard = _guarded(chained(reached, slope), equation.guard)
        yield found.value, Equation(names[found.value], found.args, "+=", equation.domain, body, guard, "chain")


def _is_bounded(slope: Node) -> bool:
    """Is the slope finite wherever what it reads is? Sums, products, whole powers and a few functions are."""
    return all(part.op in BOUNDED or (part.op in ("/", "^") and _is_safe(part)) for part in outside_subscripts(slope))


def _is_safe(part: Node) -> bool:
    """A quotient by a number or length, a power with a number from 0."""
    second = part.args[1]
    return second.op == "length" or (second.op == "number" and fraction(second) > 0)


def _guarded(body: Node, guard: Node) -> tuple[Node, Node]:
    """A condition on indices around the whole body becomes the guard: x[i - 1] is neither read nor written where i = 0."""
    if body.op != "piecewise" or len(body.args) != 3 or body.args[2] is not ZERO:
        return body, guard
    value, condition, _ = body.args
    if not condition.free or any(True for _ in accesses(condition)):
        return body, guard
    return value, all_of(guard, condition)


def _through_logsumexp(equation: Equation, incoming: Node, names: dict[str, str], active: frozenset[str]) -> Iterator[tuple[str, Equation]]:
    """L = log(sum exp z) has dL/dz = exp(z - L): no exponential is left to overflow."""
    share = node("exp", plus(equation.body, minus(equation.left)))
    for found, slope in partials(equation.body, active).by_access.items():
        body = chained(times(incoming, share), slope)
        yield found.value, Equation(names[found.value], found.args, "+=", equation.domain, body, equation.guard, "chain")


def _active(program: Program) -> frozenset[str]:
    """The parameters and everything that depends on them."""
    active = set(program.parameters)
    for equation in program.flat():
        if any(found.value in active for found in accesses(equation.body)):
            active.add(equation.target)
    return frozenset(active)
