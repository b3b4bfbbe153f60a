"""Index expressions and lengths collected, compared and counted, all of it exactly."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from symgd.nodes.node import ZERO, Node, access, node, number, rebuilt, tree_size
from symgd.nodes.polynomial import STEPS, Polynomial, added, multiplied, node_of, polynomial

Linear = Mapping[Node | None, Fraction]  # atom -> coefficient; None -> the constant term


def linear(root: Node) -> dict[Node | None, Fraction] | None:
    """The coefficients of an index expression, or None where it is not linear in its letters, lengths and integer data.

    >>> from symgd.nodes.node import index
    >>> form = linear(node("+", node("*", number(2), index("i")), number(1)))
    >>> form[index("i")], form[None]
    (Fraction(2, 1), Fraction(1, 1))
    """
    form = polynomial(root)
    if form is None or any(len(monomial) > 1 or (monomial and monomial[0].op in STEPS) for monomial in form):
        return None
    return {monomial[0] if monomial else None: c for monomial, c in form.items()}


def from_linear(form: Linear) -> Node:
    """The shortest index expression with these coefficients, letters first: `i + 1`, `2*i - m`."""
    return node_of({(atom,) if atom is not None else (): c for atom, c in form.items()})


def coefficient(root: Node, atom: Node) -> tuple[Node, Node] | None:
    """(a, b) with root = a*atom + b, where neither contains the atom; None where there are no such two.

    >>> from symgd.nodes.text import text
    >>> from symgd.nodes.node import index, length
    >>> i, d = index("i"), length("d")
    >>> print(*map(text, coefficient(node("+", node("*", i, d), d, i), i)))
    d + 1 d
    """
    form = polynomial(root)
    if form is None:
        return None
    inside: dict[tuple[Node, ...], Fraction] = {}
    rest: dict[tuple[Node, ...], Fraction] = {}
    for monomial, c in form.items():
        others = tuple(other for other in monomial if other is not atom)
        if len(monomial) - len(others) > 1 or any(_contains(other, atom) for other in others):
            return None
        (rest if len(others) == len(monomial) else inside)[others] = c
    return node_of(inside), node_of(rest)


def _contains(part: Node, atom: Node) -> bool:
    """Whether an atom of a polynomial has the other one inside it."""
    if atom.op == "index":
        return atom in part.free
    return bool(part.args) and any(argument is atom or _contains(argument, atom) for argument in part.args)


def combined(*parts: tuple[int | Fraction, Node]) -> Node:
    """The sum of coefficient times expression, collected.

    >>> from symgd.nodes.text import text
    >>> from symgd.nodes.node import index, length
    >>> print(text(combined((1, length("m")), (-1, number(1)), (1, number(1)))))
    m
    """
    total = _total(*parts)
    if total is not None:
        return node_of(total)
    terms = [part if by == 1 else node("neg", part) if by == -1 else node("*", number(Fraction(by)), part) for by, part in parts]
    return node("+", *terms)


def _total(*parts: tuple[int | Fraction, Node]) -> Polynomial | None:
    forms: list[Polynomial] = []
    for by, part in parts:
        form = polynomial(part)
        scaled = None if form is None else multiplied({(): Fraction(by)}, form)
        if scaled is None:
            return None
        forms.append(scaled)
    return added(*forms)


def difference(u: Node, v: Node) -> Fraction | None:
    """u - v where it is a number, else None."""
    if u is v:
        return Fraction(0)
    form = _total((1, u), (-1, v))
    return None if form is None or any(form.keys() - {()}) else form.get((), Fraction(0))


def size(low: Node, high: Node) -> Node:
    """The number of values of an index from low to high - 1."""
    return high if low is ZERO else combined((1, high), (-1, low))


def collected(place: Node) -> Node:
    """An index expression with its terms collected, where that makes it no longer: i - 1 + 1 is i."""
    if place.op == "index":
        return place
    found = combined((1, place))
    return found if linear(place) is not None or tree_size(found) < tree_size(place) else place


def in_subscripts_collected(root: Node) -> Node:
    """The formula with all its subscripts collected: x[i - 1 + 1] is x[i]."""

    def one(part: Node) -> Node | None:
        return access(part.value, *map(collected, part.args)) if part.op == "access" and part.args else None

    return rebuilt(root, one)
