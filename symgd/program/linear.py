"""Index expressions and lengths as linear forms: what can be solved for, compared and counted exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from symgd.nodes.node import ZERO, Node, access, fraction, node, number, postorder, rebuilt

Linear = Mapping[Node | None, Fraction]  # atom -> coefficient; None -> the constant term


def linear(root: Node) -> dict[Node | None, Fraction] | None:
    """The coefficients of an index expression, or None where it is not linear.

    An integer data access counts as an atom.

    >>> from symgd.nodes.node import index
    >>> form = linear(node("+", node("*", number(2), index("i")), number(1)))
    >>> form[index("i")], form[None]
    (Fraction(2, 1), Fraction(1, 1))
    """
    known: dict[Node, dict[Node | None, Fraction] | None] = {}
    for part in postorder(root):
        if part.op == "number":
            known[part] = {None: fraction(part)}
        elif part.op in ("index", "length", "access"):
            known[part] = {part: Fraction(1)}
        elif part.op == "+":
            known[part] = _sum(known[a] for a in part.args)
        elif part.op == "neg":
            known[part] = _scaled(known[part.args[0]], Fraction(-1))
        elif part.op == "*":
            product: dict[Node | None, Fraction] | None = {None: Fraction(1)}
            for argument in part.args:
                product = _product(product, known[argument])
            known[part] = product
        elif part.op == "/":
            below = known[part.args[1]]
            constant = _constant(below)
            known[part] = _scaled(known[part.args[0]], 1 / constant) if constant else None
        else:
            known[part] = None
    return known[root]


def _sum(forms: Iterable[dict[Node | None, Fraction] | None]) -> dict[Node | None, Fraction] | None:
    total: dict[Node | None, Fraction] = {}
    for form in forms:
        if form is None:
            return None
        for atom, coefficient in form.items():
            total[atom] = total.get(atom, Fraction(0)) + coefficient
    return {atom: c for atom, c in total.items() if c or atom is None}


def _scaled(form: dict[Node | None, Fraction] | None, by: Fraction) -> dict[Node | None, Fraction] | None:
    return None if form is None else {atom: c * by for atom, c in form.items() if c * by or atom is None}


def _constant(form: dict[Node | None, Fraction] | None) -> Fraction | None:
    if form is None or any(atom is not None for atom, c in form.items() if c):
        return None
    return form.get(None, Fraction(0))


def _product(u: dict[Node | None, Fraction] | None, v: dict[Node | None, Fraction] | None) -> dict[Node | None, Fraction] | None:
    left, right = _constant(u), _constant(v)
    return _scaled(v, left) if left is not None else _scaled(u, right) if right is not None else None


def from_linear(form: Linear) -> Node:
    """The shortest index expression with these coefficients, letters first: `i + 1`, `2*i - m`."""
    order = sorted((atom for atom in form if atom is not None), key=lambda atom: (atom.op, atom.value, id(atom)))
    order.sort(key=lambda atom: form[atom] < 0)
    terms: list[Node] = []
    for atom in order:
        c = form[atom]
        if c:
            size = atom if abs(c) == 1 else node("*", number(abs(c)), atom)
            terms.append(size if c > 0 else node("neg", size))
    constant = form.get(None, Fraction(0))
    if constant or not terms:
        size = number(abs(constant))
        terms.append(size if constant >= 0 else node("neg", size))
    return terms[0] if len(terms) == 1 else node("+", *terms)


def combined(*parts: tuple[int | Fraction, Node]) -> Node:
    """The sum of coefficient times expression, collected where it is linear.

    >>> from symgd.nodes.text import text
    >>> from symgd.nodes.node import index, length
    >>> print(text(combined((1, length("m")), (-1, number(1)), (1, number(1)))))
    m
    """
    forms = [_scaled(linear(part), Fraction(by)) for by, part in parts]
    total = _sum(forms)
    if total is not None:
        return from_linear(total)
    terms = [part if by == 1 else node("neg", part) if by == -1 else node("*", number(Fraction(by)), part) for by, part in parts]
    return node("+", *terms)


def difference(u: Node, v: Node) -> Fraction | None:
    """u - v where it is a number, else None."""
    left, right = linear(u), linear(v)
    if left is None or right is None:
        return Fraction(0) if u is v else None
    return _constant(_sum([left, _scaled(right, Fraction(-1))]))


def size(low: Node, high: Node) -> Node:
    """The number of values of an index from low to high - 1."""
    return high if low is ZERO else combined((1, high), (-1, low))




def largest(part: Node, ranges: Iterable[tuple[Node, Node, Node]]) -> Node | None:
    """The largest value of an index expression while its letters run over (letter, low, high), later ranges inside earlier ones; None if not linear.

    >>> from symgd.nodes.text import text
    >>> from symgd.nodes.node import index, length
    >>> i, m = index("i"), length("m")
    >>> print(text(largest(node("+", i, number(1)), [(i, ZERO, m)])))
    m
    """
    form = linear(part)
    for letter, low, high in reversed(list(ranges)):
        if form is None:
            return None
        coefficient = form.pop(letter, Fraction(0))
        if coefficient:
            bound = linear(low) if coefficient < 0 else _sum([linear(high), {None: Fraction(-1)}])
            form = _sum([form, _scaled(bound, coefficient)])
    return None if form is None else from_linear(form)


def collected(place: Node) -> Node:
    """An index expression with its terms collected: i - 1 + 1 is i."""
    form = None if place.op == "index" else linear(place)
    return place if form is None else from_linear(form)


def in_subscripts_collected(root: Node) -> Node:
    """The formula with all its subscripts collected: x[i - 1 + 1] is x[i]."""

    def one(part: Node) -> Node | None:
        return access(part.value, *map(collected, part.args)) if part.op == "access" and part.args else None

    return rebuilt(root, one)
