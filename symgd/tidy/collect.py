"""Formulas as a person would leave them: equal factors as powers, like terms added, sums over deltas collapsed, branches chosen once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd

from symgd.nodes.fold import all_of, choice, joined, minus, one_folded, over, plus, times, to_the
from symgd.nodes.node import (
    ATOMS,
    COMPARISONS,
    FALSE,
    ONE,
    REDUCTIONS,
    TRUE,
    ZERO,
    Node,
    fraction,
    node,
    number,
    postorder,
    rebuilt,
    tree_size,
)
from symgd.program.linear import combined
from symgd.tidy.conditions import conjuncts, decided, is_masked, is_on_places, is_place, plain_condition
from symgd.tidy.deltas import Ends, without_delta

CASES = 4  # conditions of a formula that is written case by case
SHORT = 4  # terms of a sum that is multiplied out where like terms come of it
POSITIVE = frozenset({"length", "exp", "sigmoid", "softmax", "cosh"})  # never 0
NONE = Fraction(0)


def collected(root: Node, ends: Ends | None = None) -> Node:
    """The same formula with factors and terms collected. `ends`: free index letter -> low and high of its range, low <= letter < high.

    The formula is defined where it was, and elsewhere at most infinite instead of NaN.

    >>> from symgd.nodes.text import text
    >>> from symgd.reading.text import expression
    >>> for line in ("x*w*x + 2*w*x^2", "sum(2*x[i]*x[i]/m - 4*y[i]*x[i]/m, i in 0:m)", "piecewise(2*w, w > 0, 0) + piecewise(0, w > 0, w^2)"):
    ...     print(text(collected(expression(line, axes="i:m"))))
    3*w*x^2
    2*mean(x[i]*(x[i] - 2*y[i]), i in 0:m)
    piecewise(2*w, w > 0, w^2)
    """
    known = dict(ends or {})
    found = rebuilt(root, lambda part: _collected(part, known))
    if found.op in ("+", "piecewise"):
        found = _sum(plus(*_with_deltas_apart(found)))
    return _by_cases(found, known)


def _collected(part: Node, ends: Ends) -> Node | None:
    """One node whose arguments are collected already; None keeps it."""
    if part.op in ("+", "*", "/", "neg"):
        return _sum(part)
    if part.op in ("sum", "mean"):
        return _reduction(part, ends)
    if part.op == "piecewise":
        return _flat_choice(part)
    if part.op in ("and", "or", "not"):
        return plain_condition(part)
    if part.op in COMPARISONS:
        return decided(part)
    return one_folded(part) if part.op == "^" else None


# terms and factors


@dataclass(frozen=True, slots=True)
class _Term:
    """coefficient * product of above^n / product of below^n"""

    coefficient: Node
    above: Counter[Node]
    below: Counter[Node]

    @property
    def key(self) -> tuple[frozenset[tuple[Node, int]], frozenset[tuple[Node, int]]]:
        return frozenset(self.above.items()), frozenset(self.below.items())

    def built(self) -> Node:
        return over(times(self.coefficient, *_powers(self.above)), times(*_powers(self.below)))


def _powers(factors: Counter[Node]) -> list[Node]:
    return [to_the(factor, number(n)) for factor, n in factors.items()]


def _term(part: Node, divided: bool = True) -> _Term:
    """The product that a formula is, with what divides all terms of a sum among its factors, unless sums are to stay whole.

    What is never 0 cancels above and below the bar, anything else as long as one of it stays below.
    """
    numbers: tuple[list[Node], list[Node]] = ([], [])
    factors: tuple[Counter[Node], Counter[Node]] = (Counter(), Counter())
    stack = [(part, 0, 1)]
    while stack:
        factor, side, power = stack.pop()
        exponent = _whole_exponent(factor)
        if factor.op == "*":
            stack += ((inner, side, power) for inner in reversed(factor.args))
        elif factor.op == "/":
            stack += (factor.args[1], 1 - side, power), (factor.args[0], side, power)
        elif factor.op == "neg":
            numbers[0].extend([node("neg", ONE)] * (power % 2))
            stack.append((factor.args[0], side, power))
        elif factor.op == "number":
            numbers[side].append(to_the(factor, number(power)))
        elif exponent:
            stack.append((factor.args[0], side, power * exponent))
        elif divided and factor.op == "+" and (parts := _divided(factor)):
            stack += ((inner, side, power) for inner in reversed(parts))
        else:
            factors[side][factor] += power
    above, below = factors
    for factor in [factor for factor in above if factor in below]:
        common = min(above[factor], below[factor] - (factor.op not in POSITIVE))
        for counted in factors:
            counted[factor] -= common
    return _Term(over(times(*numbers[0]), times(*numbers[1])), +above, +below)


def _divided(part: Node) -> tuple[Node, Node] | None:
    """(what divides every term of a sum, the sum of what remains), if that is not 1."""
    common, rest = _common(part)
    divisor = common.built()
    return None if divisor is ONE else (divisor, _sum(rest))


def _whole_exponent(part: Node) -> int:
    """n of u^n for a whole n from 1, else 0."""
    if part.op != "^" or part.args[1].op != "number" or part.args[0].op == "number":
        return 0
    exponent = fraction(part.args[1])
    return int(exponent) if exponent.denominator == 1 and exponent >= 1 else 0


def _sum(part: Node) -> Node:
    """Like terms added; terms that are 0 under one condition joined under it. A sum in which nothing is alike stays as it was written."""
    terms = [_one(term) for term in (part.args if part.op == "+" else (part,))]
    flat = [inner for term in terms for inner in (term.args if term.op == "+" else (term,)) if inner is not ZERO]
    for written in (flat, [product for term in flat for product in _distributed(term)]):
        found, masked = _alike(written)
        if len(found) + len(masked) < len(written):
            kept = [term.built() for term in found if term.coefficient is not ZERO]
            kept += [choice(_sum(plus(*values)), condition, ZERO) for condition, values in masked.items()]
            new = joined(*kept) if kept else ZERO
            if written is flat or tree_size(new) < tree_size(part):  # what is multiplied out has to become shorter, or it would go on for ever
                return _sum(new)
    return part if part.op == "+" and tuple(flat) == part.args else joined(*flat) if flat else ZERO


def _alike(terms: Sequence[Node]) -> tuple[list[_Term], dict[Node, list[Node]]]:
    """Like terms added, and what is 0 under a condition by that condition."""
    masked: dict[Node, list[Node]] = {}
    found: dict[object, _Term] = {}
    for term in terms:
        if is_masked(term):
            masked.setdefault(term.args[1], []).append(term.args[0])
            continue
        one = _term(term)
        other = found.get(one.key)
        found[one.key] = one if other is None else replace(other, coefficient=plus(other.coefficient, one.coefficient))
    return list(found.values()), masked


def _distributed(part: Node, chosen: Node | None = None) -> list[Node]:
    """The products of the other factors with every term of one sum among them: the `chosen`, or the only short one."""
    if part.op not in ("*", "/", "neg"):
        return [part]
    term = _term(part)
    sums = [factor for factor, n in term.above.items() if factor.op == "+" and n == 1 and len(factor.args) <= SHORT]
    one = chosen if chosen is not None else sums[0] if len(sums) == 1 else None
    if one is None or term.above[one] != 1:
        return [part]
    rest = replace(term, above=term.above - Counter([one])).built()
    return [_one(times(rest, inner)) for inner in one.args]


def _one(part: Node) -> Node:
    """One term, its factors collected; a factor that is 0 under a condition makes the term 0 there, whatever the other factors are."""
    if part.op not in ("*", "/", "neg"):
        return part
    one = _term(part)
    branched = [factor for factor in one.above if is_masked(factor)]
    if not branched:
        return one.built()
    plain = Counter({factor: n for factor, n in one.above.items() if factor not in branched})
    values = [to_the(factor.args[0], number(one.above[factor])) for factor in branched]
    rest = replace(one, above=plain).built()
    return choice(_sum(times(rest, *values)), plain_condition(all_of(*(factor.args[1] for factor in branched))), ZERO)


# conditions and branches


def _flat_choice(part: Node) -> Node:
    """Branches that are certain or impossible left out, and a choice inside the last branch written in one line."""
    found = choice(*part.args)
    apart = _masks_apart(found)
    if len(apart) > 1:
        return joined(*apart)
    found = apart[0]
    while found.op == "piecewise" and len(found.args) % 2 and found.args[-1].op == "piecewise":
        found = choice(*found.args[:-1], *found.args[-1].args)
    if found.op != "piecewise" or not any(value.op == "piecewise" for value in found.args[:-1:2]):
        return found
    if is_masked(found) and not is_masked(found.args[0]) and all(map(is_on_places, conjuncts(found.args[1]))):
        return found
    args: list[Node] = []
    for value, condition in zip(found.args[::2], found.args[1::2], strict=False):
        if value.op == "piecewise" and len(value.args) % 2:
            for inner, also in zip((*value.args[:-1:2], value.args[-1]), (*value.args[1::2], TRUE), strict=True):
                args += inner, plain_condition(all_of(condition, also))
        else:
            args += value, condition
    return choice(*args, *found.args[len(found.args) - len(found.args) % 2 :])


def _masks_apart(part: Node) -> list[Node]:
    """piecewise(u*delta, c, v*delta) -> [piecewise(piecewise(u, c, v), i == j, 0)]: a term for each place outside of which all branches are 0."""
    if part.op != "piecewise" or len(part.args) % 2 == 0 or is_masked(part):
        return [part]
    values, conditions = (*part.args[:-1:2], part.args[-1]), part.args[1::2]
    places: dict[Node, list[list[Node]]] = {}
    for branch, value in enumerate(values):
        for term in map(_one, _with_deltas_apart(value)) if value is not ZERO else ():
            own = [one for one in conjuncts(term.args[1]) if is_on_places(one)] if is_masked(term) else []
            if not own:
                return [part]
            inner = choice(term.args[0], all_of(*(one for one in conjuncts(term.args[1]) if one not in own)), ZERO)
            places.setdefault(plain_condition(all_of(*own)), [[] for _ in values])[branch].append(inner)
    apart: list[Node] = []
    for place, branches in places.items():
        *totals, last = (joined(*terms) if terms else ZERO for terms in branches)
        apart.append(choice(choice(*(arg for pair in zip(totals, conditions, strict=True) for arg in pair), last), place, ZERO))
    return apart or [part]


def _by_cases(root: Node, ends: Ends) -> Node:
    """Several choices by the same few conditions become one: piecewise(u, c, 0) + piecewise(0, c, v) is piecewise(u, c, v)."""
    choices, comparisons, bound = _choices(root)
    if not comparisons or len(comparisons) > CASES or (len(choices) == 1 and root in choices and _is_plain(root)):
        return root
    if any(comparison.free & bound for comparison in comparisons):
        return root
    first = comparisons[0]
    yes, no = (_by_cases(rebuilt(root, lambda part: _collected(part, ends), {first: holds}), ends) for holds in (TRUE, FALSE))
    new = _flat_choice(node("piecewise", yes, first, no))
    return new if tree_size(new) <= tree_size(root) else root


def _is_plain(root: Node) -> bool:
    """A choice by single comparisons, each of them once."""
    conditions = root.args[1::2]
    return all(condition.op in (*COMPARISONS, "and") for condition in conditions) and len(set(conditions)) == len(conditions)


def _choices(root: Node) -> tuple[list[Node], list[Node], frozenset[Node]]:
    """The choices of a formula outside its reductions, the comparisons in them, and the letters that the reductions bind."""
    choices: list[Node] = []
    comparisons: dict[Node, None] = {}
    bound: set[Node] = set()
    seen: set[Node] = set()
    stack = [root]
    while stack:
        part = stack.pop()
        if part in seen or part.op in ATOMS:
            continue
        seen.add(part)
        if part.op in REDUCTIONS:
            bound |= {inner.args[0] for inner in postorder(part) if inner.op == "range"}
            continue
        if part.op == "piecewise":
            choices.append(part)
        if part.op in COMPARISONS:
            if not any(is_place(side) for side in part.args):
                comparisons[part] = None
            continue
        stack += reversed(part.args)
    return choices, list(comparisons), frozenset(bound)


# reductions


def _reduction(part: Node, ends: Ends) -> Node:
    """A sum or mean: deltas solved for, what is constant in front, a common factor out of the bracket."""
    body, bounds = part.args[0], list(part.args[1:])
    mean = part.op == "mean"
    if mean:
        body = _sum(over(body, times(*(_size(bound) for bound in bounds))))
    terms = _with_deltas_apart(body)
    inside = {**ends, **{bound.args[0]: (bound.args[1], bound.args[2]) for bound in bounds}}
    found: list[Node] = []
    rest: list[Node] = []
    for term in terms:
        solved = without_delta(term, bounds, inside)
        if solved is None:
            rest.append(term)
        else:
            found.append(rebuilt(solved, lambda one: _collected(one, ends)))
    if rest:
        summand = _by_cases(_sum(plus(*rest)) if len(rest) < len(terms) else body, inside)
        found.insert(0, _summed(summand, bounds))
    return _sum(joined(*found)) if len(found) > 1 else found[0]


def _with_deltas_apart(body: Node) -> list[Node]:
    """The terms of a body; x*(delta + y) is multiplied out, so that each delta stands for itself."""
    terms: list[Node] = []
    waiting = list(reversed(body.args if body.op == "+" else (body,)))
    while waiting:
        term = waiting.pop()
        if is_masked(term) and len(inner := _with_deltas_apart(term.args[0])) > 1:
            waiting += (_flat_choice(node("piecewise", value, term.args[1], ZERO)) for value in reversed(inner))
            continue
        if (apart := _masks_apart(term)) != [term]:
            waiting += reversed(apart)
            continue
        above = _term(term).above if term.op in ("*", "/", "neg") else ()
        sums = [factor for factor in above if factor.op == "+" and any(map(is_masked, factor.args))]
        parts = _distributed(term, sums[0]) if sums else [term]
        if len(parts) > 1:
            waiting += reversed(parts)
        else:
            terms.append(term)
    return terms


def _size(bound: Node) -> Node:
    _, low, high = bound.args
    return high if low is ZERO else combined((1, high), (-1, low))


def without_deltas(root: Node, ends: Ends | None = None) -> Node:
    """The formula with the sums over deltas solved for, and nothing else changed but the terms around them.

    >>> from symgd.nodes.text import text
    >>> from symgd.reading.text import expression
    >>> print(text(without_deltas(expression("sum(x[j]*piecewise(1, j == p, 0), j)*3", axes="j:d p:d"))))
    piecewise(x[p], p >= 0 and p < d, 0)*3
    """
    known = dict(ends or {})

    def one(part: Node) -> Node | None:
        if part.op == "*" and ONE in part.args:
            return times(*part.args)
        if part.op not in ("sum", "mean"):
            return None
        body, bounds = part.args[0], part.args[1:]
        inside = {**known, **{bound.args[0]: (bound.args[1], bound.args[2]) for bound in bounds}}
        terms = _with_deltas_apart(body)
        solved = [without_delta(_one(term), bounds, inside) for term in terms]
        if all(found is None for found in solved):
            return None
        rest = [term for term, found in zip(terms, solved, strict=True) if found is None]
        sizes = times(*(_size(bound) for bound in bounds)) if part.op == "mean" else ONE
        found = [over(_plain(term), sizes) for term in solved if term is not None]
        return plus(*([node(part.op, plus(*rest), *bounds)] if rest else []), *found)

    return rebuilt(root, one)


def _plain(solved: Node) -> Node:
    """Without a sum of 0."""
    return ZERO if solved.op == "sum" and solved.args[0] is ZERO else solved


def _summed(body: Node, bounds: Sequence[Node]) -> Node:
    """The sum of a body with what is constant and common to its terms in front; a sum of f/m over m values is a mean."""
    if body is ZERO:
        return ZERO
    if is_masked(body) or body.op == "piecewise":
        return node("sum", body, *bounds)
    common, rest = _common(body)
    rest = _sum(rest)
    outside, inside = _split(common, frozenset(bound.args[0] for bound in bounds))
    lengths = Counter(_size(bound) for bound in bounds)
    rectangular = not any(length.free for length in lengths)
    mean = rectangular and not lengths - outside.below
    if mean:
        outside = replace(outside, below=outside.below - lengths)
    summand = over(times(*_powers(inside.above), rest), times(*_powers(inside.below)))
    if summand is ONE and rectangular:  # 1 as often as there are values
        return outside.built() if mean else replace(outside, above=outside.above + lengths).built()
    return _sum(times(outside.built(), node("mean" if mean else "sum", summand, *bounds)))


def _common(body: Node) -> tuple[_Term, Node]:
    """The largest product that divides every term, and what remains: 2*x*u - 4*x*v is 2*x times u - 2*v."""
    terms = [_term(term, divided=body.op != "+") for term in (body.args if body.op == "+" else (body,))]  # inside a sum they are divided already
    above, below = terms[0].above.copy(), terms[0].below.copy()
    for term in terms[1:]:
        above &= term.above
        below &= term.below
    if len(terms) == 1:
        return terms[0], ONE
    coefficient = _divisor([term.coefficient for term in terms])
    rest = [_Term(over(term.coefficient, coefficient), term.above - above, term.below - below).built() for term in terms]
    return _Term(coefficient, above, below), joined(*rest)


def _divisor(coefficients: Iterable[Node]) -> Node:
    """The greatest common divisor of whole numbers, negative if all of them are; 1 if some is none."""
    common, negative = 0, True
    for coefficient in coefficients:
        size = coefficient.args[0] if coefficient.op == "neg" else coefficient
        if size.op != "number" or not size.value.isdigit():
            return ONE
        common = gcd(common, int(size.value))
        negative = negative and coefficient.op == "neg"
    return minus(number(common)) if negative else number(common)


def _split(term: _Term, letters: frozenset[Node]) -> tuple[_Term, _Term]:
    """What does not depend on the letters, and what does."""
    sides = []
    for depends in (False, True):
        kept = [Counter({u: n for u, n in side.items() if bool(u.free & letters) == depends}) for side in (term.above, term.below)]
        sides.append(_Term(ONE if depends else term.coefficient, kept[0], kept[1]))
    return sides[0], sides[1]


__all__ = ["collected", "without_deltas"]
