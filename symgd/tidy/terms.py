"""A formula as a sum of products: its terms, multiplied out and added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction

from symgd.nodes.fold import factors_of, over, times
from symgd.nodes.node import ONE, Node, fraction, node, number

__all__ = ["Term", "collected", "expanded", "keyed"]

Term = tuple[Fraction, frozenset[tuple[Node, int]], frozenset[tuple[Node, int]]]  # coefficient; what is above and below the bar, with how often
MOST = 20  # terms of a formula that is multiplied out


def expanded(body: Node) -> list[Node]:
    """The terms of a formula when products and quotients are multiplied out; itself alone where they would be many.

    >>> from symgd.nodes.text import text
    >>> from symgd.reading.text import expression
    >>> [text(term) for term in expanded(expression("(a - b)*c/m"))]
    ['a*c/m', '-b*c/m']
    """
    if body.op == "+":
        found = [term for part in body.args for term in expanded(part)]
    elif body.op in ("*", "/", "neg"):
        above, below = factors_of(body)
        found = [ONE]
        for factor in above:
            terms = expanded(factor) if factor.op == "+" else [factor]
            if len(found) * len(terms) > MOST:
                return [body]
            found = [times(one, term) for one in found for term in terms]
        found = [over(term, times(*below)) for term in found] if below else found
    else:
        return [body]
    return found if len(found) <= MOST else [body]


def keyed(term: Node) -> Term:
    """The term with its number apart and its factors in no order, so that equal terms are equal."""
    value = Fraction(1)
    sides: tuple[Counter[Node], Counter[Node]] = (Counter(), Counter())
    for side, members in enumerate(factors_of(term)):
        for factor in members:
            if factor.op == "number" and fraction(factor):
                value = value * fraction(factor) if side == 0 else value / fraction(factor)
            elif factor.op == "neg":
                value = -value
            else:
                sides[side][factor] += 1
    return value, frozenset(sides[0].items()), frozenset(sides[1].items())


def collected(terms: Iterable[Node]) -> list[Node]:
    """The terms with equal ones added up, each where it first stood; those that cancel are left out.

    >>> from symgd.nodes.text import text
    >>> from symgd.reading.text import expression
    >>> [text(term) for term in collected(map(expression, ["a*b/m", "c", "b*a/m", "-c"]))]
    ['2*a*b/m']
    """
    totals: dict[object, Fraction] = {}
    first: dict[object, tuple[Fraction, Node]] = {}
    for term in terms:
        value, above, below = keyed(term)
        totals[above, below] = totals.get((above, below), Fraction(0)) + value
        first.setdefault((above, below), (value, term))
    found: list[Node] = []
    for sides, total in totals.items():
        value, term = first[sides]
        if total:
            ratio = total / value
            found.append(term if ratio == 1 else times(_exact(ratio), term))
    return found


def _exact(value: Fraction) -> Node:
    size = over(number(abs(value.numerator)), number(value.denominator))
    return node("neg", size) if value < 0 else size
