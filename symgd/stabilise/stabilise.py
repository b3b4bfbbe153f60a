"""Program -> Program in which naive forms are exact ones: what overflows, vanishes or cancels is computed in another way, before anything is derived.

Rewriting a derivative comes too late: it has the faults of its cost already. So the cost is rewritten first, by the rows of rows.py within an
equation and by logarithms.py across equations, and derived then. What a definition means stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType

from symgd.cost.facts import Fact
from symgd.nodes.fold import factors_of, minus, one_folded, over, plus, times, to_the
from symgd.nodes.node import ONE, TWO, ZERO, Node, access, node, number, outside_subscripts
from symgd.nodes.text import text
from symgd.program.equation import Equation, Program
from symgd.program.intervals import exact_value
from symgd.program.ragged import Shelves
from symgd.stabilise.logarithms import Logarithms
from symgd.stabilise.rows import operations, rewritten
from symgd.stabilise.variances import centred

__all__ = ["Stabilised", "Use", "stabilised"]

ROUNDS = 8  # rewritings of one operation


@dataclass(frozen=True, slots=True)
class Use:
    """`before` is computed as `after` in the equation of `target`."""

    target: str
    before: Node
    after: Node
    reason: str

    def __str__(self) -> str:
        return f"{text(self.before)} is computed as {text(self.after)}: {self.reason}."


@dataclass(frozen=True, slots=True)
class Stabilised:
    """The program to run, and what was rewritten in it."""

    program: Program
    uses: tuple[Use, ...] = ()


def stabilised(program: Program) -> Stabilised:
    """The same values, also where the formulas as written overflow, vanish or cancel.

    >>> from symgd.cost.checked import check
    >>> from symgd.program.forward import lowered
    >>> from symgd.reading.text import problem
    >>> found = stabilised(lowered(check(problem("mean(log(1 + exp(-w*x)))", samples="x"))))
    >>> print(found.program)
    (1) C += softplus(-w*x[i])/m for i in 0:m
    >>> print(*found.uses)
    log(1 + exp(-w*x[i])) is computed as softplus(-w*x[i]): the exponentials overflow or vanish where the logarithm of their sum does not.
    """
    program, variances = centred(program)
    found = _Stabilising(program).run()
    return replace(found, uses=(*(Use(*done, "the difference of large squares cancels") for done in variances), *found.uses))


@dataclass(slots=True)
class _Stabilising:
    program: Program
    logs: Logarithms = field(init=False)
    bodies: dict[int, Node] = field(default_factory=dict)
    uses: dict[Use, None] = field(default_factory=dict)
    norms: dict[str, Equation] = field(default_factory=dict)
    memo: dict[Node, Node] = field(default_factory=dict)
    products: set[Node] = field(default_factory=set)  # those that were looked at whole
    facts: dict[Node, frozenset[Fact]] = field(default_factory=dict)  # those that the rewriting of a part rests on
    target: str = ""

    def run(self) -> Stabilised:
        equations = tuple(self.program.flat())
        self.bodies = {n: equation.body for n, equation in enumerate(equations)}
        self.logs = Logarithms(self.program, self.bodies)
        facts = {}
        for n, equation in enumerate(equations):
            self.target = equation.target
            if equation.rule != "norm":
                self.bodies[n] = self.rewritten(equation.body)
            facts[n] = self.logs.resting(equation.facts, self.facts.get(equation.body, frozenset()))
        if not self.uses:
            return Stabilised(self.program)
        new = [replace(e, body=self.bodies[n], facts=facts[n]) if self.bodies[n] is not e.body else e for n, e in enumerate(equations)]
        return Stabilised(self._written(new), tuple(self.uses))

    # one formula

    def rewritten(self, root: Node) -> Node:
        """The formula with every operation rewritten, from the inside out; what is found whole, before its parts."""
        parts = outside_subscripts(root)
        outer = {argument for part in parts if part.op not in _PRODUCTS for argument in part.args} | {root}
        for part in parts:
            if part not in self.memo or (part.op in _PRODUCTS and part in outer and part not in self.products):
                before, self.logs.used = self.logs.used, set()
                self.memo[part] = self._part(part, part in outer)
                if self.program.facts:
                    self.facts[part] = frozenset(self.logs.used).union(*(self.facts.get(argument, frozenset()) for argument in part.args))
                self.logs.used = before
        return self.memo[root]

    def _part(self, part: Node, outer: bool) -> Node:
        """`outer`: it is no factor of a product, which would look at it among its own factors."""
        if part.op == "access" or not part.args:
            return part
        if part.op in _PRODUCTS:
            if not outer:
                args = tuple([self.memo[argument] for argument in part.args])
                return part if args == part.args else self._folded(part.op, args, part.value)
            self.products.add(part)
        found = rewritten(part, whole=True) if part.op in operations(True) else None
        if found is not None:
            new, row, _ = found
            self._note(part, new, row.reason)
            again = self.rewritten(new)
            self.logs.used |= self.facts.get(new, frozenset())
            return again
        args = tuple([self.memo[argument] for argument in part.args])
        same = part if args == part.args else self._folded(part.op, args, part.value)
        for _ in range(ROUNDS):
            new = self._one(same)
            if new is same:
                return same
            same = new
        return same

    def _folded(self, op: str, args: tuple[Node, ...], value: str) -> Node:
        same = node(op, *args, value=value)
        return plus(*args) if op == "+" else one_folded(same) or same

    def _one(self, part: Node) -> Node:
        """One operation whose parts are rewritten."""
        op = part.op
        if op in ("log", "log1p", "logbase", "log2", "log10") and (found := self._logarithm(part)) is not None:
            return self._note(part, found, _SUM)
        if op == "exp" and part.args[0].op == "neg" and part.args[0].args[0].op == "softplus":
            return self._note(part, node("sigmoid", minus(part.args[0].args[0].args[0])), "one function")
        if op == "sqrt" and (norm := self._norm(part.args[0])) is not None:
            return norm
        if op == "^" and (power := exact_value(part.args[1])) is not None and power < 0 and self._may_overflow(part.args[0]):
            found = self._share([], [part.args[0]]) or self._exponentials([], [part.args[0]])
            if found is not None:
                return self._note(part, to_the(found, minus(part.args[1])), _RATIO)
        if op in ("*", "/"):
            sides = factors_of(part)
            found = self._share(*sides) or self._exponentials(*sides)
            if found is not None:
                return self._note(part, found, _RATIO)
        row = rewritten(part) if op in operations(False) else None
        return part if row is None else self._note(part, row[0], row[1].reason)

    def _logarithm(self, part: Node) -> Node | None:
        if part.op == "log1p":
            found = self.logs.of(plus(ONE, part.args[0]))
            return None if found is None or found.op == "log1p" else found
        found = self.logs.of(part.args[0], alone=True)
        base = {"log": None, "logbase": part.args[-1], "log2": TWO, "log10": _TEN}[part.op]
        return found if found is None or base is None else over(found, node("log", base))

    def _share(self, above: list[Node], below: list[Node]) -> Node | None:
        """a/(a + b) as a sigmoid of log(a) - log(b), 1/(1 + b) as one of -log(b)."""
        for place, total in enumerate(below):
            if total.op != "+" or len(total.args) != 2:
                continue
            logs = [self.logs.of(term) for term in total.args]
            rest = times(*(factor for n, factor in enumerate(below) if n != place))
            if all(log is None for log in logs) or not all(map(self.logs.positive, total.args)):
                continue
            for own, mine in enumerate(total.args):
                more, less = (self.logs.or_log(total.args[n]) if logs[n] is None else logs[n] for n in (own, 1 - own))
                for n, factor in enumerate(above):
                    if more is not None and less is not None and (factor is mine or (logs[own] is not None and self.logs.of(factor) is more)):
                        others = [f for m, f in enumerate(above) if m != n]
                        return over(times(node("sigmoid", plus(more, minus(less))), *others), rest)
            if ONE in total.args and not any(map(self._may_overflow, above)):
                (less,) = (log for term, log in zip(total.args, logs, strict=True) if term is not ONE)
                if less is not None:
                    return over(times(node("sigmoid", minus(less)), *above), rest)
        return None

    def _exponentials(self, above: list[Node], below: list[Node]) -> Node | None:
        """Exponentials that are multiplied or divided as one, exp(a)/sum(exp(z)) as exp(a - logsumexp(z)), also a single one below the bar."""
        exponents: list[Node] = []
        count, divided = 0, False
        rest: tuple[list[Node], list[Node]] = ([], [])
        for side, factors in enumerate((above, below)):
            for factor in factors:
                found = self.logs.of(factor) if self._may_overflow(factor) else None
                if found is None:
                    rest[side].append(factor)
                else:
                    count, divided = count + 1, divided or side == 1
                    for term in found.args if found.op == "+" else (found,):
                        exponent = term if side == 0 else minus(term)
                        if minus(exponent) in exponents:
                            exponents.remove(minus(exponent))
                        else:
                            exponents.append(exponent)
        if count < 2 and not divided:
            return None
        return over(times(node("exp", plus(*exponents)), *rest[0]), times(*rest[1]))

    def _may_overflow(self, factor: Node) -> bool:
        """An exponential, a sum of such, or a definition of one."""
        if factor.op == "^":
            return factor.args[0] is _E or self._may_overflow(factor.args[0])
        if factor.op == "access":
            return self.logs.of(factor) is not None
        return factor.op == "exp" or (factor.op == "+" and any(map(self._may_overflow, factor.args)) and self.logs.positive(factor))

    def _norm(self, squares: Node) -> Node | None:
        """The root of a sum of squares is a norm, whose slope at 0 is 0."""
        writers = self.logs.writers.get(squares.value, []) if squares.op == "access" else []
        if len(writers) != 1:
            return None
        equation = self.logs.equations[writers[0]]
        body = self.bodies[writers[0]]
        if equation.op != "+=" or not equation.reduced or not _is_square(body):
            return None
        name = squares.value
        if name not in self.norms:
            fresh = self.logs.fresh.exactly(f"norm_{name}")
            total = access(name, *equation.at)
            root = node("piecewise", ZERO, node("==", total, ZERO), node("sqrt", total))
            self.norms[name] = Equation(fresh, equation.at, "=", equation.kept, root, rule="norm")
        return self._note(node("sqrt", squares), access(self.norms[name].target, *squares.args), "it is a norm, whose derivative at 0 is taken as 0")

    def _note(self, before: Node, after: Node, reason: str) -> Node:
        if after is not before:
            self.uses.setdefault(Use(self.target, before, after, reason))
        return after

    # the program

    def _written(self, equations: list[Equation]) -> Program:
        """With companions and norms beside what they belong to; what has a logarithm is its exponential, if anyone still reads it."""
        logs, program = self.logs, self.program
        shelves = Shelves(program.lengths, program.longest)
        extents = dict(program.extents)
        output: list[Equation] = []
        last = {equation.target: n for n, equation in enumerate(equations)}
        for n, equation in enumerate(equations):
            name = equation.target
            if name not in logs.added:
                output.append(equation)
            if n == last[name]:
                for made in logs.added.get(name, ()):
                    extents[made.target] = extents[name]
                    output += _with_named_body(made, shelves, extents, logs)
                if name in logs.added:
                    output += _exponentiated(name, logs)
                for made in logs.rests.get(name, ()):
                    extents[made.target] = extents[name]
                    output += _with_named_body(made, shelves, extents, logs)
                if name in self.norms:
                    extents[self.norms[name].target] = extents[name]
                    output.append(self.norms[name])
        whole = replace(program, equations=tuple(output), longest=MappingProxyType(shelves.longest))
        needed = whole.reached({program.cost, *program.given})
        equations = [equation for equation in output if equation.target in needed]
        return replace(whole, equations=tuple(equations), extents=MappingProxyType({name: extents[name] for name in extents if name in needed}))


def _with_named_body(equation: Equation, shelves: Shelves, extents: dict[str, tuple[Node, ...]], logs: Logarithms) -> list[Equation]:
    """What a logsumexp, maximum or minimum runs over gets a name: the reverse sweep reads it again."""
    if equation.op not in ("logsumexp=", "max=", "min=") or equation.body.op == "access":
        return [equation]
    name = logs.fresh("t")
    at, extents[name] = shelves.kept(equation.domain)
    named = Equation(name, at, "=", equation.domain, equation.body, rule="named", facts=equation.facts)
    return [named, replace(equation, body=access(name, *at))]


def _exponentiated(name: str, logs: Logarithms) -> list[Equation]:
    """The definition as the exponential of its logarithm, one equation for each of its parts."""
    found: dict[tuple[object, ...], Equation] = {}
    for n in logs.writers[name]:
        equation = logs.equations[n]
        domain = equation.kept
        logarithm = logs.of(access(name, *equation.at))
        assert logarithm is not None
        found.setdefault((equation.at, domain), replace(equation, op="=", domain=domain, body=node("exp", logarithm)))
    return list(found.values())


def _is_square(body: Node) -> bool:
    return (body.op == "^" and body.args[1].op == "number" and body.args[1].value == "2") or (
        body.op == "*" and len(body.args) == 2 and body.args[0] is body.args[1]
    )


_PRODUCTS = ("*", "/")
_E, _TEN = node("constant", value="e"), number(10)
_SUM = "the exponentials overflow or vanish where the logarithm of their sum does not"
_RATIO = "the exponentials overflow or vanish where their quotient does not"
