"""A formula derived by one access, from the outside in, as at school: one rule a step, what is left to derive named in the formula."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce

from symgd.nodes.fold import all_of, chained, choice, has_zero_branch, joined, minus, one_folded, over, plus, times, to_the
from symgd.nodes.node import (
    ATOMS,
    CONDITIONS,
    ONE,
    REDUCTIONS,
    ZERO,
    Node,
    access,
    index,
    node,
    number,
    outside_subscripts,
    postorder,
    range_,
    rebuilt,
    substituted,
)
from symgd.nodes.text import is_delta
from symgd.program.names import Fresh
from symgd.rules.derivatives import partial, read_law, rule_for

__all__ = ["Applied", "Deriving", "Line", "lines", "renamed_apart", "taken"]

DEEPEST = 400  # nested operations of a formula that is derived in steps


@dataclass(frozen=True, slots=True)
class Applied:
    """One rule at one place: the derivative of `part` is `after`, in which derivatives of its parts are still to be taken; `value` is without them.

    `letters`: what the letters of the law stand for. `constant`: parts that the rule takes as constants. `inside`: the parts still to be derived.
    """

    rule: str
    part: Node
    after: Node
    value: Node
    letters: tuple[tuple[str, Node], ...] = ()
    constant: tuple[Node, ...] = ()
    inside: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """The whole formula before and after one rule. `part`: what changed; `becomes`: what it became."""

    rule: str
    before: Node
    after: Node
    part: Node
    becomes: Node
    letters: tuple[tuple[str, Node], ...] = ()
    constant: tuple[Node, ...] = ()


@dataclass(slots=True)
class Deriving:
    """Derives formulas by one access `by`, a scalar or an element with letters of its own."""

    by: Node
    known: dict[Node, Applied] = field(default_factory=dict)
    dependent: dict[Node, bool] = field(default_factory=dict)

    def of(self, formula: Node) -> Applied:
        """The outermost rule for a formula, and with it all inner ones.

        >>> from symgd.nodes.text import text; from symgd.reading.text import expression
        >>> found = Deriving(access("x")).of(expression("sin(4*x)/(4*x)"))
        >>> print(found.rule, text(found.after), text(found.value), sep="; ")
        quotient; (4*x*d/dx(sin(4*x)) - sin(4*x)*d/dx(4*x))/(4*x)^2; (16*x*cos(4*x) - 4*sin(4*x))/(4*x)^2
        """
        if formula in self.known:
            return self.known[formula]
        for part in outside_subscripts(formula):
            self.dependent.setdefault(part, self._depends(part))
        for part in outside_subscripts(formula):  # from the inside out, so that no formula is too deep
            if part not in self.known and part.op != "range" and part.op not in CONDITIONS:
                self.known[part] = self._one(part)
        return self.known[formula]

    def left(self, part: Node) -> Node:
        """The derivative of a part, still to be taken."""
        return node("derivative", part, self.by)

    def _depends(self, part: Node) -> bool:
        if part.op == "access":
            return part.value == self.by.value
        if part.op in ATOMS or part.op in CONDITIONS or part.op == "range":
            return False
        return any(self.dependent[argument] for argument in part.args)

    def _inner(self, part: Node) -> Node:
        """The derivative of a part as it stands in a rule: 0 and 1 at once, else named."""
        return ZERO if not self.dependent[part] else ONE if part is self.by else self.left(part)

    def _value(self, part: Node) -> Node:
        return self.known[part].value if self.dependent[part] else ZERO

    def _made(self, rule: str, part: Node, after: Node, value: Node, inner: Mapping[str, Node], constant: tuple[Node, ...] = ()) -> Applied:
        inside = tuple(argument for argument in inner.values() if self.dependent.get(argument, False) and argument is not self.by)
        return Applied(rule, part, after, value, tuple(inner.items()), constant, inside)

    def _one(self, part: Node) -> Applied:
        if not self.dependent[part]:
            return Applied("constant", part, ZERO, ZERO)
        if part.op == "access":
            return self._of_access(part)
        return _OPERATIONS.get(part.op, Deriving._of_function)(self, part)

    def _of_access(self, part: Node) -> Applied:
        if part is self.by:
            return Applied("identity", part, ONE, ONE)
        same = all_of(*(node("==", place, wanted) for place, wanted in zip(part.args, self.by.args, strict=True) if place is not wanted))
        delta = choice(ONE, same, ZERO)
        return Applied("kronecker", part, delta, delta)

    def _of_sum(self, part: Node) -> Applied:
        active = [term for term in part.args if self.dependent[term]]
        constant = tuple(term for term in part.args if not self.dependent[term])
        after = plus(*map(self._inner, active))
        return Applied("sum", part, after, joined(*map(self._value, active)), (), constant, _unless(active, self.by))

    def _of_negative(self, part: Node) -> Applied:
        (inner,) = part.args
        return self._made("negative", part, minus(self._inner(inner)), minus(self._value(inner)), {"u": inner})

    def _of_product(self, part: Node) -> Applied:
        active = [factor for factor in part.args if self.dependent[factor]]
        constant = tuple(factor for factor in part.args if not self.dependent[factor])
        if constant:
            rest = active[0] if len(active) == 1 else node("*", *active)
            if rest not in self.known:
                self.dependent[rest] = True
                self.known[rest] = self._one(rest)
            after = times(*constant, self._inner(rest))
            return self._made("constant-factor", part, after, chained(times(*constant), self._value(rest)), {"u": rest}, constant)
        terms = [times(*active[:n], *active[n + 1 :], self._inner(factor)) for n, factor in enumerate(active)]
        values = [chained(times(*active[:n], *active[n + 1 :]), self._value(factor)) for n, factor in enumerate(active)]
        letters = dict(zip("uv", active, strict=False)) if len(active) == 2 else {}
        return Applied("product", part, plus(*terms), joined(*values), tuple(letters.items()), (), _unless(active, self.by))

    def _of_quotient(self, part: Node) -> Applied:
        above, below = part.args
        if not self.dependent[below]:
            return self._made("constant-factor", part, over(self._inner(above), below), over(self._value(above), below), {"u": above}, (below,))
        square = to_the(below, number(2))
        if not self.dependent[above]:
            after = minus(over(times(above, self._inner(below)), square))
            return self._made("reciprocal", part, after, chained(minus(over(above, square)), self._value(below)), {"c": above, "v": below})
        after = over(plus(times(below, self._inner(above)), minus(times(above, self._inner(below)))), square)
        value = over(plus(times(below, self._value(above)), minus(times(above, self._value(below)))), square)
        if "piecewise" in (self._value(above).op, self._value(below).op):
            value = joined(*(chained(partial(part, n), self._value(argument)) for n, argument in enumerate(part.args)))
        return self._made("quotient", part, after, value, {"u": above, "v": below})

    def _of_power(self, part: Node) -> Applied:
        base, exponent = part.args
        if not self.dependent[exponent]:
            less = plus(exponent, minus(ONE))
            slope = times(exponent, to_the(base, less))
            return self._made("power", part, times(slope, self._inner(base)), chained(slope, self._value(base)), {"u": base, "n": exponent})
        if not self.dependent[base]:
            natural = base.op == "constant" and base.value == "e"
            slope = part if natural else times(node("log", base), part)
            letters = {"u": exponent} if natural else {"c": base, "u": exponent}
            key = "natural-exponential" if natural else "exponential"
            return self._made(key, part, times(slope, self._inner(exponent)), chained(slope, self._value(exponent)), letters)
        above, below = (exponent, base) if exponent is not base else (ONE, ONE)  # x^x: x/x is 1 where the logarithm is defined
        after = times(part, plus(times(node("log", base), self._inner(exponent)), over(times(above, self._inner(base)), below)))
        value = times(part, plus(times(node("log", base), self._value(exponent)), over(times(above, self._value(base)), below)))
        return self._made("general-power", part, after, value, {"u": base, "v": exponent})

    def _of_piecewise(self, part: Node) -> Applied:
        places = [*range(0, len(part.args) - 1, 2), *([len(part.args) - 1] if len(part.args) % 2 else [])]
        active = [part.args[n] for n in places if self.dependent[part.args[n]]]

        def with_values(derived: Callable[[Node], Node]) -> Node:
            return choice(*(derived(argument) if n in places else argument for n, argument in enumerate(part.args)))

        return Applied("piecewise", part, with_values(self._inner), with_values(self._value), (), (), _unless(active, self.by))

    def _of_function(self, part: Node) -> Applied:
        active = [(n, argument) for n, argument in enumerate(part.args) if self.dependent[argument]]
        value = joined(*(chained(partial(part, n), self._value(argument)) for n, argument in active))
        rule = rule_for(part)
        if part.op in ("max", "min") and rule.key != "relu":
            after = plus(*(times(partial(part, n), self._inner(argument)) for n, argument in active))
            return Applied("extreme", part, after, value, (), (), _unless([argument for _, argument in active], self.by))
        pattern = read_law(rule.pattern)
        args = part.args[::-1] if rule.key == "relu" and part.args[0] is ZERO else part.args
        letters = {place.value: argument for place, argument in zip(pattern.args, args, strict=True) if place.op == "access"}
        filled = {access(letter): argument for letter, argument in letters.items()}
        filled |= {access(f"d{letter}"): self._inner(argument) for letter, argument in letters.items()}
        return self._made(rule.key, part, rebuilt(read_law(rule.law), one_folded, filled), value, letters)

    # reductions: the body derived for each value of the index

    def _into(self, part: Node, rule: str) -> Applied:
        body, *bounds = part.args
        return self._made(rule, part, node(part.op, self._inner(body), *bounds), node(part.op, self._value(body), *bounds), {"u": body})

    def _of_total(self, part: Node) -> Applied:
        return self._into(part, "into-sum")

    def _of_mean(self, part: Node) -> Applied:
        return self._into(part, "into-mean")

    def _weighted(self, rule: str, part: Node, weight: Node, *, after: Callable[[Node], Node] = lambda total: total) -> Applied:
        """The sum of weight times inner derivative, and what is done with the sum."""
        body, *bounds = part.args
        here, derived = (after(node("sum", chained(weight, inner), *bounds)) for inner in (self._inner(body), self._value(body)))
        return self._made(rule, part, here, derived, {"u": body})

    def _apart(self, part: Node) -> Node:
        """A reduction with other letters, to stand inside a sum over the same indices."""
        return renamed_apart(part, frozenset(bound.args[0] for bound in part.args[1:]))

    def _elsewhere(self, part: Node) -> tuple[dict[Node, Node], list[Node]]:
        """(letter of a reduction -> another one, the same ranges in those letters)."""
        fresh = Fresh({letter.value for letter in postorder(part, self.by) if letter.op == "index"})
        other = {bound.args[0]: index(fresh(bound.args[0].value)) for bound in part.args[1:]}
        return other, [range_(other[bound.args[0]], *(substituted(end, other) for end in bound.args[1:])) for bound in part.args[1:]]

    def _of_logsumexp(self, part: Node) -> Applied:
        body, *bounds = part.args
        share = node("softmax", body, *bounds) if len(bounds) == 1 else node("exp", plus(body, minus(self._apart(part))))
        return self._weighted("logsumexp", part, share)

    def _of_softmax(self, part: Node) -> Applied:
        body = part.args[0]
        other, there = self._elsewhere(part)
        moved = node("softmax", substituted(body, other), *there)

        def slope(inner: Callable[[Node], Node]) -> Node:
            return times(part, plus(inner(body), minus(node("sum", chained(moved, substituted(inner(body), other)), *there))))

        return self._made("softmax", part, slope(self._inner), slope(self._value), {"u": body})

    def _of_norm(self, part: Node) -> Applied:
        return self._weighted("norm", part, part.args[0], after=lambda total: choice(ZERO, node("==", part, ZERO), over(total, part)))

    def _of_extreme(self, part: Node) -> Applied:
        body, *bounds = part.args
        attained = node("==", body, self._apart(part))
        ties = node("sum", choice(ONE, attained, ZERO), *bounds)
        return self._weighted("extreme-over", part, choice(ONE, attained, ZERO), after=lambda total: over(total, ties))

    def _of_product_over(self, part: Node) -> Applied:
        body = part.args[0]
        other, there = self._elsewhere(part)
        same = all_of(*(node("==", new, old) for old, new in other.items()))
        return self._weighted("product-over", part, node("product", choice(ONE, same, substituted(body, other)), *there))


def _unless(parts: list[Node], by: Node) -> tuple[Node, ...]:
    return tuple(part for part in parts if part is not by)


_OPERATIONS: Mapping[str, Callable[[Deriving, Node], Applied]] = {
    "+": Deriving._of_sum, "neg": Deriving._of_negative, "*": Deriving._of_product, "/": Deriving._of_quotient, "^": Deriving._of_power,
    "piecewise": Deriving._of_piecewise, "sum": Deriving._of_total, "mean": Deriving._of_mean, "logsumexp": Deriving._of_logsumexp,
    "softmax": Deriving._of_softmax, "norm": Deriving._of_norm, "maximum": Deriving._of_extreme, "minimum": Deriving._of_extreme,
    "product": Deriving._of_product_over,
}  # fmt: skip


def lines(deriving: Deriving, whole: Node, most: int) -> Iterator[Line]:
    """A formula with derivatives that are left, line by line: in each the first one is taken by its rule. After `most` lines, all of them.

    >>> from symgd.nodes.text import text; from symgd.reading.text import expression
    >>> by_x = Deriving(access("x"))
    >>> for line in lines(by_x, by_x.left(expression("exp(-x^2)")), 10):
    ...     print(text(line.after), line.rule)
    exp(-x^2)*d/dx(-x^2) exp
    -exp(-x^2)*d/dx(x^2) negative
    -2*x*exp(-x^2) power
    """
    for _ in range(most):
        left = _first_left(whole)
        if left is None:
            return
        applied = deriving.of(left.args[0])
        new = _put(whole, {left: applied.after})
        yield Line(applied.rule, whole, new, left, applied.after, applied.letters, applied.constant)
        whole = new
    if _first_left(whole) is not None:
        value = taken(deriving, whole)
        yield Line("remaining", whole, value, whole, value)


def taken(deriving: Deriving, whole: Node) -> Node:
    """The formula with all its derivatives taken at once; 0 on a branch stays 0, whatever stands beside it."""
    values = {part: deriving.of(part.args[0]).value for part in postorder(whole) if part.op == "derivative"}
    return _put(whole, values)


def _put(whole: Node, found: dict[Node, Node]) -> Node:
    """The formula with derivatives put in; a factor that is 0 on a branch makes the product 0 there."""
    return rebuilt(whole, None, dict(found), _built)


def _built(op: str, *args: Node, value: str = "") -> Node:
    if op == "*" and any(has_zero_branch(factor) and not is_delta(factor) for factor in args):
        return reduce(chained, args)
    if op == "/" and has_zero_branch(args[0]):
        return chained(args[0], over(ONE, args[1]))
    if op == "+":
        return joined(*args)
    same = node(op, *args, value=value)
    return one_folded(same) or same


def _first_left(whole: Node) -> Node | None:
    """The outermost derivative that is left, the first in reading."""
    stack = [whole]
    seen: set[Node] = set()
    while stack:
        part = stack.pop()
        if part.op == "derivative":
            return part
        if part in seen:
            continue
        seen.add(part)
        stack.extend(reversed(part.args))
    return None


def renamed_apart(formula: Node, letters: frozenset[Node]) -> Node:
    """The formula with other letters for those that its reductions bind among these.

    >>> from symgd.nodes.text import text; from symgd.reading.text import expression
    >>> print(text(renamed_apart(expression("sum(w[j]*x[i, j], j)", axes="i:m j:d"), frozenset({index("j")}))))
    sum(w[j1]*x[i, j1], j1 in 0:d)
    """
    fresh = Fresh({part.value for part in postorder(formula, *letters) if part.op == "index"})

    def one(part: Node) -> Node | None:
        if part.op not in REDUCTIONS or part.op == "softmax":
            return None
        other = {bound.args[0]: index(fresh(bound.args[0].value)) for bound in part.args[1:] if bound.args[0] in letters}
        return substituted(part, other) if other else None

    return rebuilt(formula, one)
