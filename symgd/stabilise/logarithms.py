"""The logarithm of a formula without the formula: that of exp(u) is u, of a product a sum, of a sum a logsumexp, of a definition a companion.

What overflows or vanishes on its own way has a logarithm that does neither. `log p` of `p[i, l] = exp(z[i, l])/t[i]` is `z[i, l] - log_t[i]`, where
`log_t` is an equation beside that of t. Nothing is filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from symgd.cost.facts import Fact
from symgd.nodes.fold import factors_of, minus, over, plus, times
from symgd.nodes.node import CONDITIONS, ONE, TRUE, TWO, ZERO, Node, access, node, substituted
from symgd.program.equation import Equation, Op, Program, Range
from symgd.program.intervals import Intervals, exact_value
from symgd.program.names import Fresh

__all__ = ["Logarithms"]


@dataclass(slots=True)
class Logarithms:
    """`companions`: name -> that of its logarithm, None where it has none. `added`: name -> the equations of its logarithm. `rests`: name -> the
    equations of the logarithm of one minus it. `used`: facts so far.
    """

    program: Program
    bodies: dict[int, Node]  # equation, by its place -> its body as it stands now
    intervals: Intervals = field(init=False)
    fresh: Fresh = field(init=False)
    writers: dict[str, list[int]] = field(init=False)
    equations: tuple[Equation, ...] = field(init=False)
    companions: dict[str, str | None] = field(default_factory=dict)
    added: dict[str, list[Equation]] = field(default_factory=dict)
    rests: dict[str, list[Equation]] = field(default_factory=dict)
    used: set[Fact] = field(default_factory=set)
    _signs: dict[str, bool] = field(default_factory=dict)
    _grounds: dict[str, set[Fact]] = field(default_factory=dict)  # the facts from which the sign of a name follows
    _awaited: set[str] = field(default_factory=set)  # names whose companion was read before it was complete

    def __post_init__(self) -> None:
        self.intervals = Intervals(self.program)
        self.fresh = Fresh(self.program.taken)
        self.equations = tuple(self.program.flat())
        self.writers = {}
        for n, equation in enumerate(self.equations):
            self.writers.setdefault(equation.target, []).append(n)

    # what is positive

    def positive(self, part: Node) -> bool:
        """Is the value known to be above 0? Of what a recurrence computes, if it follows from one step to the next."""
        if part.op == "access" and part.value in self.writers:
            return self._name(part.value)
        found = self.intervals.of(part)
        if found.positive:
            self.used.update(found.facts)
            return True
        if part.op in ("+", "*", "/", "max", "min"):
            return all(map(self.positive, part.args))
        if part.op in ("^", "sqrt"):
            return self.positive(part.args[0])
        if part.op == "piecewise" and len(part.args) % 2:
            return all(map(self.positive, (*part.args[:-1:2], part.args[-1])))
        return False

    def _name(self, name: str) -> bool:
        if name not in self._signs:
            self._signs[name] = True  # while its own equations are looked at
            before, self.used = self.used, set()
            ops = {self.equations[n].op for n in self.writers[name]}
            self._signs[name] = ops <= {"=", "+=", "*=", "max=", "min="} and all(self.positive(self.bodies[n]) for n in self.writers[name])
            self._grounds[name], self.used = self.used, before
        self.used |= self._grounds.get(name, set())
        return self._signs[name]

    def resting(self, own: tuple[Fact, ...], more: Collection[Fact]) -> tuple[Fact, ...]:
        """The facts of an equation with more of them, in the order of the program."""
        return tuple(dict.fromkeys([*own, *sorted(more, key=self.program.facts.index)]))

    # the logarithm of a formula

    def of(self, part: Node, alone: bool = False) -> Node | None:
        """log(part) in another way; None where there is no better one than `log(part)`.

        `alone`: nothing is added to the part below the logarithm. Then a power is better off too: log(u^2) is 2*log|u|.
        """
        op = part.op
        if op == "exp":
            return part.args[0]
        if op == "access":
            return self._of_name(part)
        if op == "neg" and part.args[0].op == "expm1":
            return node("log1mexp", part.args[0].args[0])
        if op in ("*", "/") or (op == "neg" and part.args[0].op != "number"):
            return self._of_product(part, alone)
        if op in ("^", "sqrt"):
            return self._of_power(part.args[0], part.args[1] if op == "^" else _HALF, alone)
        if op == "+":
            return self._of_sum(part.args)
        if op == "piecewise" and len(part.args) % 2:
            return self._of_branches(part)
        if op in _KNOWN:
            return _KNOWN[op](*part.args)
        return None

    def or_log(self, part: Node) -> Node:
        """The logarithm, in another way or as it is."""
        found = self.of(part)
        if found is not None:
            return found
        if part is ONE:
            return ZERO
        if part.op == "+" and len(part.args) == 2 and ONE in part.args:
            return node("log1p", part.args[1] if part.args[0] is ONE else part.args[0])
        return node("log", part)

    def _of_product(self, part: Node, alone: bool) -> Node | None:
        """Positive factors one by one, the others together."""
        sides = factors_of(part)
        terms: list[Node] = []
        rest: tuple[list[Node], list[Node]] = ([], [])
        better = False
        for side, factors in enumerate(sides):
            for factor in factors:
                if not self._is_apart(factor):
                    rest[side].append(factor)
                    continue
                found = self.of(factor, alone)
                better = better or found is not None
                term = found if found is not None else self.or_log(factor)
                terms.append(term if side == 0 else minus(term))
        if not better:
            return None
        left = over(times(*rest[0]), times(*rest[1]))
        if left is not ONE:
            known = self.of(left) if left is not part else None
            terms.append(known if known is not None else self.or_log(left))
        return plus(*terms) if terms else ZERO

    def _is_apart(self, factor: Node) -> bool:
        """May it have a logarithm of its own? Not what may be negative: another factor may be so too. A gamma function below a logarithm is not."""
        return factor.op in ("gamma", "factorial") or self.positive(factor) or self.intervals.of(factor).from_zero

    def _of_power(self, base: Node, exponent: Node, alone: bool) -> Node | None:
        if base is _E:
            return exponent
        found = self.of(base, alone)
        if found is not None:
            return times(exponent, found)
        value = exact_value(exponent)
        if not alone or exponent is _HALF:
            return None
        if value is not None and value.denominator == 1 and value % 2 == 0 and not self.positive(base):
            return times(exponent, node("log", node("abs", base)))
        return times(exponent, self.or_log(base)) if value is not None or self.positive(base) else None

    def _of_sum(self, terms: Sequence[Node]) -> Node | None:
        found = [self.of(term) if term.op != "neg" else None for term in terms]
        if all(other is not None or self.positive(term) for term, other in zip(terms, found, strict=True)):
            if all(other is None for other in found):
                return None
            logs = [other if other is not None else self.or_log(term) for term, other in zip(terms, found, strict=True) if term is not ONE]
            together = _joined(logs)
            return together if ONE not in terms else node("softplus", together)
        if len(terms) != 2:
            return None
        signs = [term.op == "neg" for term in terms]
        if signs.count(True) != 1:
            return self._of_shifted(terms)
        above, below = (terms[1], terms[0].args[0]) if signs[0] else (terms[0], terms[1].args[0])
        rest = self._of_rest(below) if above is ONE else None
        if rest is not None:
            return rest
        less = self.of(below)
        if above is ONE and below.op == "tanh":
            return plus(node("log", TWO), minus(node("softplus", times(TWO, below.args[0]))))
        if less is None:
            return None
        if above is ONE:
            return node("log1mexp", less)
        more = self.of(above)
        return None if more is None else plus(more, node("log1mexp", plus(less, minus(more))))

    def _of_rest(self, part: Node) -> Node | None:
        """log(1 - p) of a definition p that is a sigmoid or a softmax, by a companion of its own."""
        places = self.writers.get(part.value, []) if part.op == "access" else []
        if len(places) != 1:
            return None
        equation, body = self.equations[places[0]], self.bodies[places[0]]
        if equation.op != "=" or equation.guard is not TRUE:
            return None
        if part.value not in self.rests:
            name = self.fresh.exactly(f"log1m_{part.value}")
            if body.op == "sigmoid":
                self.rests[part.value] = [replace(equation, target=name, body=minus(node("softplus", body.args[0])), rule="companion")]
            else:
                self.rests[part.value] = self._of_others(equation, body, name)
        made = self.rests[part.value]
        return access(made[-1].target, *part.args) if made else None

    def _of_others(self, equation: Equation, body: Node, name: str) -> list[Equation]:
        """exp(z[l] - L), where L is the logsumexp of all z[k]: one minus that is exp(R[l] - L), where R[l] is the logsumexp of the others."""
        total = next((term.args[0] for term in body.args[0].args if term.op == "neg"), None) if body.op == "exp" and body.args[0].op == "+" else None
        source = next((made for parts in self.added.values() for made in parts if total is not None and made.target == total.value), None)
        if total is None or source is None or source.op != "logsumexp=" or len(source.reduced) != 1 or source.at != total.args:
            return []
        (axis,) = source.reduced
        own = plus(*(term for term in body.args[0].args if term is not node("neg", total)))
        letter = next((letter for letter in equation.letters if substituted(source.body, {axis.index: letter}) is own), None)
        if letter is None or letter is axis.index:
            return []
        sides = Range(axis.index, axis.low, letter), Range(axis.index, plus(letter, ONE), axis.high)
        names = [self.fresh.exactly(f"{side}_{equation.target}") for side in ("before", "behind")]
        others = [replace(source, target=target, at=equation.at, domain=(*equation.domain, side)) for target, side in zip(names, sides, strict=True)]
        rest = node("logaddexp", *(access(target, *equation.at) for target in names))
        return [*others, Equation(name, equation.at, "=", equation.domain, plus(rest, minus(total)), rule="companion")]

    def _of_shifted(self, terms: Sequence[Node]) -> Node | None:
        """1 + tanh(u)"""
        other = terms[1] if terms[0] is ONE else terms[0] if terms[1] is ONE else None
        if other is None or other.op != "tanh":
            return None
        return plus(node("log", TWO), minus(node("softplus", times(minus(TWO), other.args[0]))))

    def _of_branches(self, part: Node) -> Node | None:
        values = [*part.args[:-1:2], part.args[-1]]
        if any(value.op in CONDITIONS for value in values) or all(self.of(value) is None for value in values):
            return None
        args = [argument if n % 2 and n < len(part.args) - 1 else self.or_log(argument) for n, argument in enumerate(part.args)]
        return node("piecewise", *args)

    # the logarithm of a definition

    def _of_name(self, part: Node) -> Node | None:
        name = part.value
        if name not in self.companions:
            before, self.used = self.used, set()
            self._give(name)
            self.used = before
        companion = self.companions[name]
        if companion is None:
            return None
        if name not in self.added:
            self._awaited.add(name)
        written = self.added.get(name, [])
        first = written[0] if len(written) == 1 else None
        if first is not None and first.op == "=" and first.at == first.letters and _is_short(first.body):
            return substituted(first.body, dict(zip(first.at, part.args, strict=True)))
        return access(companion, *part.args)

    def _give(self, name: str) -> None:
        """A companion equation beside each equation of the name, if all it computes is positive and one has a better logarithm."""
        self.companions[name] = None
        equations = [self.equations[n] for n in self.writers.get(name, [])]
        if not equations or not self._name(name) or any(equation.guard is not TRUE for equation in equations):
            return
        if len(equations) > 1 and any(equation.op not in ("=", "+=") for equation in equations):
            return
        companion = self.fresh.exactly(f"log_{name}")
        self.companions[name] = companion
        better = False
        elements: dict[object, list[Equation]] = {}  # equations that add up to the same ones
        for n, equation in zip(self.writers[name], equations, strict=True):
            found = self.of(self.bodies[n])
            better = better or found is not None or equation.op == "*="
            log = found if found is not None else self.or_log(self.bodies[n])
            op = _OPS[equation.op] if equation.reduced else "="
            elements.setdefault((equation.at, equation.kept), []).append(replace(equation, target=companion, op=op, body=log, rule="companion"))
        facts = self.resting((), self.used)
        if not better and name not in self._awaited:
            self.companions[name] = None
        elif len(equations) == 1:
            self.added[name] = [replace(made, facts=facts) for whole in elements.popitem()[1] for made in self._outside(whole)]
        else:
            self.added[name] = [replace(made, facts=facts) for parts in elements.values() for made in self._together(parts)]

    def _outside(self, companion: Equation) -> list[Equation]:
        """What every term has comes out of a logsumexp: that of u - log(m) is that of u, less log(m)."""
        bound = {axis.index for axis in companion.reduced}
        terms = companion.body.args if companion.body.op == "+" else (companion.body,)
        alike = [term for term in terms if bound.isdisjoint(term.free)]
        if companion.op != "logsumexp=" or not alike or len(alike) == len(terms) or any(place not in companion.letters for place in companion.at):
            return [companion]
        inner = replace(companion, target=self.fresh("L"), body=plus(*(term for term in terms if term not in alike)))
        total = plus(access(inner.target, *companion.at), *alike)
        return [inner, Equation(companion.target, companion.at, "=", companion.kept, total, rule="companion")]

    def _together(self, parts: Sequence[Equation]) -> list[Equation]:
        """The logarithm of what several equations add up to; each sum among them gets a name."""
        companion, at = parts[0].target, parts[0].at
        sums = {n: replace(part, target=self.fresh.exactly(companion)) for n, part in enumerate(parts) if part.op == "logsumexp="}
        logs = [access(sums[n].target, *at) if n in sums else part.body for n, part in enumerate(parts)]
        others = [log for log in logs if log is not ZERO]
        total = _joined(others) if len(others) == len(logs) else node("softplus", _joined(others))
        return [*sums.values(), Equation(companion, at, "=", parts[0].kept, total, rule="companion")]


def _joined(logs: Sequence[Node]) -> Node:
    """The logarithm of a sum of exponentials."""
    if len(logs) == 1:
        return logs[0]
    half = len(logs) // 2
    return node("logaddexp", _joined(logs[:half]), _joined(logs[half:]))


def _is_short(body: Node) -> bool:
    """Cheap enough to stand where it is read."""
    return not body.args or body.op == "access" or (body.op == "neg" and _is_short(body.args[0]))


def _of_expm1(u: Node) -> Node:
    return plus(u, node("log1mexp", minus(u)))


_E, _HALF = node("constant", value="e"), node("/", ONE, TWO)
_OPS: dict[Op, Op] = {"=": "=", "+=": "logsumexp=", "*=": "+=", "max=": "max=", "min=": "min="}
_KNOWN: dict[str, Callable[..., Node]] = {
    "sigmoid": lambda u: minus(node("softplus", minus(u))),
    "gamma": lambda u: node("loggamma", u),
    "factorial": lambda u: node("loggamma", plus(u, ONE)),
    "cosh": lambda u: node("logcosh", u),
    "sech": lambda u: minus(node("logcosh", u)),
    "exp2": lambda u: times(u, node("log", TWO)),
    "expm1": _of_expm1,
}
