"""Index expressions as polynomials with rational coefficients, so that they can be compared, counted and solved exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from itertools import product
from math import lcm
from types import MappingProxyType

from .node import ATOMS, ZERO, Node, fraction, node, number
from .text import text

__all__ = [
    "STEPS", "WHOLE_NUMBERS", "Monomial", "Polynomial", "added", "denominator", "fraction_in", "is_whole", "multiplied", "node_of", "polynomial",
    "whole_form",
]  # fmt: skip

Monomial = tuple[Node, ...]  # atoms in a fixed order, each as often as its power; () is the constant term
Polynomial = Mapping[Monomial, Fraction]

STEPS = frozenset({"mod", "floor", "ceiling", "max", "min"})
"""Functions of whole numbers that a subscript may contain. Each is an atom of the polynomial around it."""
WHOLE_NUMBERS = "letters, lengths, whole numbers and integer data, joined by + - * ^, mod, floor, max, min"
"""What a subscript may be, in words."""
_WHOLE = frozenset({"number", "index", "length", "access", "+", "*", "/", "^", "neg", *STEPS})
TERMS = 200  # of a polynomial; what is longer is no index expression
POWER = 8
LETTERS = 6  # of the fractional part of a polynomial, when it is asked whether its values are whole
NONE: Polynomial = MappingProxyType({})


@lru_cache(maxsize=1 << 14)
def polynomial(root: Node) -> Polynomial | None:
    """Monomial -> coefficient, none of them 0. None where the expression is no polynomial.

    Its atoms are letters, lengths, accesses to integer data, and mod, floor, ceiling, max, min of polynomials.

    >>> from .node import index
    >>> i = index("i")
    >>> form = polynomial(node("/", node("*", i, node("+", i, number(-1))), number(2)))
    >>> [(text(node_of({monomial: Fraction(1)})), str(c)) for monomial, c in form.items()]
    [('i^2', '1/2'), ('i', '-1/2')]
    """
    known: dict[Node, Polynomial | None] = {}
    stack = [root]
    while stack:
        part = stack[-1]
        waiting = [a for a in part.args if a not in known] if part.op not in ATOMS else []
        if waiting:
            stack += waiting
            continue
        stack.pop()
        known[part] = _one(part, [known[a] for a in part.args] if part.op not in ATOMS else [])
    return known[root]


def _one(part: Node, args: list[Polynomial | None]) -> Polynomial | None:
    op = part.op
    if op == "number":
        return _nonzero({(): fraction(part)})
    if op in ("index", "length", "access"):
        return {(part,): Fraction(1)}
    if op in ("floor", "ceiling"):
        return _rounded(part, args[0])
    forms = [form for form in args if form is not None]
    if len(forms) < len(args):
        return None
    if op == "+":
        return added(*forms)
    if op == "neg":
        return multiplied({(): Fraction(-1)}, forms[0])
    if op == "*":
        return multiplied(*forms)
    if op == "/":
        below = _constant(forms[1])
        return multiplied({(): 1 / below}, forms[0]) if below else None
    if op == "^":
        power = _constant(forms[1])
        if power is None or power.denominator != 1 or not 0 <= power <= POWER:
            return None
        return multiplied(*[forms[0]] * int(power)) if power else {(): Fraction(1)}
    if op == "mod":
        return _remainder(forms[0], forms[1])
    return _choice(op, forms) if op in ("max", "min") else None


def _rounded(part: Node, form: Polynomial | None) -> Polynomial | None:
    """floor and ceiling, with what is whole taken out: floor(i/2 + j + 1) is floor(i/2) + j + 1."""
    if form is None:
        over = part.args[0]
        if over.op != "/" or any(polynomial(a) is None for a in over.args):
            return None
        above, below = (polynomial(a) or NONE for a in over.args)
        whole, rest = _divided_out(above, below)
        return added(whole, {(node(part.op, node("/", node_of(rest), node_of(below))),): Fraction(1)}) if rest else whole
    whole = {monomial: c for monomial, c in form.items() if c.denominator == 1}
    rest = {monomial: c for monomial, c in form.items() if monomial not in whole}
    if not rest or _has_whole_values(rest):
        return form
    value = _constant(rest)
    if value is not None:
        return added(whole, {(): Fraction(value.__floor__() if part.op == "floor" else value.__ceil__())})
    return added(whole, {(node(part.op, node_of(rest)),): Fraction(1)})


def _divided_out(above: Polynomial, below: Polynomial) -> tuple[Polynomial, Polynomial]:
    """(whole multiples of a product of letters and lengths, what is left): (d*n + i)/d is n + i/d."""
    if len(below) > 1:
        return NONE, above
    ((letters, factor),) = below.items()
    whole: dict[Monomial, Fraction] = {}
    rest: dict[Monomial, Fraction] = {}
    for monomial, c in above.items():
        if (c / factor).denominator == 1 and all(monomial.count(atom) >= letters.count(atom) for atom in letters):
            whole[_without(monomial, letters)] = c / factor
        else:
            rest[monomial] = c
    return whole, rest


def _remainder(form: Polynomial, by: Polynomial) -> Polynomial | None:
    """mod, with multiples of a constant divisor left out; it has the divisor's sign."""
    value, divisor = _constant(form), _constant(by)
    if divisor == 0:
        return None
    if value is not None and divisor is not None:
        return _nonzero({(): value % divisor})
    return {(node("mod", node_of(form), node_of(by)),): Fraction(1)}


def _choice(op: str, forms: list[Polynomial]) -> Polynomial:
    """max and min of several; numbers are compared, equal arguments named once."""
    distinct = {tuple(sorted(form.items(), key=lambda term: tuple(map(_rank, term[0])))): form for form in forms}
    values = [value for form in distinct.values() if (value := _constant(form)) is not None]
    kept = [node_of(form) for form in distinct.values() if _constant(form) is None]
    if values:
        kept.append(node_of(_nonzero({(): (max if op == "max" else min)(values)})))
    return (polynomial(kept[0]) or NONE) if len(kept) == 1 else {(node(op, *kept),): Fraction(1)}


def _constant(form: Polynomial) -> Fraction | None:
    return None if any(form.keys() - {()}) else form.get((), Fraction(0))


def _nonzero(form: Polynomial) -> Polynomial:
    return {monomial: c for monomial, c in form.items() if c}


def added(*forms: Polynomial) -> Polynomial:
    """The sum."""
    total: dict[Monomial, Fraction] = {}
    for form in forms:
        for monomial, c in form.items():
            total[monomial] = total.get(monomial, Fraction(0)) + c
    return _nonzero(total)


def multiplied(*forms: Polynomial) -> Polynomial | None:
    """The product, expanded; None where it is too long to be an index expression."""
    found: Polynomial = {(): Fraction(1)}
    for form in forms:
        terms: dict[Monomial, Fraction] = {}
        for (left, a), (right, b) in product(found.items(), form.items()):
            monomial = tuple(sorted((*left, *right), key=_rank)) if left and right else left or right
            terms[monomial] = terms.get(monomial, Fraction(0)) + a * b
        if len(terms) > TERMS:
            return None
        found = terms
    return _nonzero(found)


_KINDS = {"access": 0, "index": 1, "length": 2}


@lru_cache(maxsize=1 << 12)
def _rank(atom: Node) -> tuple[int, str, str]:
    """The order of atoms in a product and of terms in a sum."""
    return _KINDS.get(atom.op, 3), atom.value, text(atom) if atom.args else ""


def node_of(form: Polynomial) -> Node:
    """The expression with these coefficients: positive terms first, one fraction bar, common factors in front.

    >>> from .node import length
    >>> d = length("d")
    >>> print(text(node_of({(d, d): Fraction(1, 2), (d,): Fraction(-1, 2), (): Fraction(3)})))
    d*(d - 1)/2 + 3
    """
    terms = _nonzero(form)
    whole = {monomial: c for monomial, c in terms.items() if c.denominator == 1}
    rest = {monomial: c for monomial, c in terms.items() if c.denominator != 1}
    if not rest:
        return _collected(whole)
    negative = _leads(rest) < 0
    quotient = node("neg", _quotient({monomial: -c for monomial, c in rest.items()})) if negative else _quotient(rest)
    if not whole:
        return quotient
    found = _collected(whole)
    parts = [*found.args] if found.op == "+" else [found]
    parts.insert(len(parts) - (() in whole) if negative else 0, quotient)
    return node("+", *parts)


def _quotient(form: Polynomial) -> Node:
    below = lcm(*(c.denominator for c in form.values()))
    return node("/", _collected({monomial: c * below for monomial, c in form.items()}), number(below))


def _collected(form: Polynomial) -> Node:
    """Whole coefficients; a monomial that all terms of a polynomial share is written once."""
    if not form:
        return ZERO
    common = _common(form) if len(form) > 1 and any(len(monomial) > 1 for monomial in form) else ()
    if common:
        inside = {_without(monomial, common): c for monomial, c in form.items()}
        if _leads(inside) < 0:
            return node("neg", node("*", *_powers(common), _summed({monomial: -c for monomial, c in inside.items()})))
        return node("*", *_powers(common), _summed(inside))
    return _summed(form)


def _leads(form: Polynomial) -> Fraction:
    """The coefficient of the first term of highest degree."""
    return form[min(form, key=lambda monomial: (-len(monomial), tuple(map(_rank, monomial))))]


def _summed(form: Polynomial) -> Node:
    order = sorted(form, key=lambda monomial: (not monomial, form[monomial] < 0, -len(monomial), tuple(map(_rank, monomial))))
    terms = []
    for monomial in order:
        c = form[monomial]
        factors = _powers(monomial)
        if abs(c) != 1 or not factors:
            factors.insert(0, number(abs(c)))
        size = factors[0] if len(factors) == 1 else node("*", *factors)
        terms.append(size if c > 0 else node("neg", size))
    return terms[0] if len(terms) == 1 else node("+", *terms)


def _powers(monomial: Monomial) -> list[Node]:
    atoms = list(dict.fromkeys(monomial))
    return [atom if (count := monomial.count(atom)) == 1 else node("^", atom, number(count)) for atom in atoms]


def _common(form: Polynomial) -> Monomial:
    """The atoms that every monomial contains, as often as all do."""
    first, *others = form
    found: list[Node] = []
    for atom in dict.fromkeys(first):
        found += [atom] * min(monomial.count(atom) for monomial in (first, *others))
    return tuple(found)


def _without(monomial: Monomial, common: Monomial) -> Monomial:
    rest = list(monomial)
    for atom in common:
        rest.remove(atom)
    return tuple(rest)


# Whole numbers


def is_whole(root: Node) -> bool:
    """Whether the expression is a whole number whatever its letters, lengths and data are. `m/2` alone, without letters, counts: it is checked
    when m is known.

    >>> from .node import index
    >>> i = index("i")
    >>> is_whole(node("/", i, number(2))), is_whole(node("/", node("*", i, node("+", i, number(-1))), number(2)))
    (False, True)
    """
    form = polynomial(root)
    if form is None or not all(_is_whole_atom(atom) for monomial in form for atom in monomial):
        return False
    lettered = {monomial: c for monomial, c in form.items() if any(atom.op != "length" for atom in monomial)}
    told_later = any(monomial and monomial not in lettered for monomial in form)
    return _has_whole_values(lettered) and (told_later or form.get((), Fraction(0)).denominator == 1)


def fraction_in(root: Node) -> Node | None:
    """The part for which an expression may be no whole number, None where there is none.

    >>> from .node import index
    >>> print(text(fraction_in(node("+", node("sin", index("i")), index("j")))))
    sin(i)
    """
    for part in _outside_accesses(root):
        if part.op not in _WHOLE or (part.op == "number" and not part.value.replace("/", "", 1).isdigit()):
            return part
    return None if is_whole(root) else root


def _is_whole_atom(atom: Node) -> bool:
    if atom.op in ("index", "length", "access"):
        return True
    if atom.op not in ("floor", "ceiling"):
        return all(map(is_whole, atom.args))
    inside = atom.args[0]
    form = polynomial(inside)
    if form is None:  # a quotient
        return all(map(is_whole, inside.args))
    return all(_is_whole_atom(inner) for monomial in form for inner in monomial)


def _has_whole_values(form: Polynomial) -> bool:
    """A polynomial is whole on all whole numbers if it is on 0..degree in each of its letters (Polya 1915)."""
    rest = {monomial: c for monomial, c in form.items() if c.denominator != 1}
    atoms = list(dict.fromkeys(atom for monomial in rest for atom in monomial))
    if not rest:
        return True
    if len(atoms) > LETTERS or () in rest:
        return False
    grids = [range(max(monomial.count(atom) for monomial in rest) + 1) for atom in atoms]
    return all(_at(rest, dict(zip(atoms, point, strict=True))).denominator == 1 for point in product(*grids))


def _at(form: Polynomial, values: Mapping[Node, int]) -> Fraction:
    total = Fraction(0)
    for monomial, c in form.items():
        for atom in monomial:
            c *= values[atom]
        total += c
    return total


def denominator(root: Node) -> int:
    """The common denominator of the coefficients.

    >>> denominator(node("/", node("length", value="m"), number(6)))
    6
    """
    return lcm(*(c.denominator for c in (polynomial(root) or NONE).values()))


def whole_form(root: Node) -> Node:
    """The expression for whole-number arithmetic: every `/` divides without remainder or stands in a floor, and there is no ceiling.

    >>> from .node import index
    >>> i = index("i")
    >>> print(text(whole_form(node("+", node("*", number("1/2"), i, i), node("neg", node("/", i, number(2)))))))
    i*(i - 1)/2
    >>> print(text(whole_form(node("ceiling", node("/", i, number(2))))))
    -floor((-i)/2)
    """
    if not any(part.op in ("/", "ceiling", "floor") or (part.op == "number" and fraction(part).denominator != 1) for part in _outside_accesses(root)):
        form = polynomial(root)
        if form is None or any(len(monomial) > 1 or (monomial and monomial[0].op in STEPS) for monomial in form):
            return root  # as it was written
        return root if root.op in ATOMS else node_of(form)
    return _exact(root)


def _exact(root: Node) -> Node:
    if root.op in ATOMS:
        return root
    if root.op in ("floor", "ceiling"):
        return _divided(root)
    if root.op in ("+", "*", "neg", "^", "max", "min", "mod") and all(map(is_whole, root.args)):
        return node(root.op, *map(_exact, root.args))
    if root.op == "/" and is_whole(root) and is_whole(root.args[0]) and root.args[1].value.isdigit():
        return node("/", _exact(root.args[0]), root.args[1])
    form = polynomial(root)
    assert form is not None, text(root)
    return _with_exact_atoms(node_of(form))


def _divided(root: Node) -> Node:
    """floor(a/b) and ceiling(a/b), which is -floor(-a/b)."""
    form = polynomial(root.args[0])
    if form is None:
        above, below = map(_exact, root.args[0].args)
    else:
        common = lcm(*(c.denominator for c in form.values()))
        above, below = _with_exact_atoms(node_of({monomial: c * common for monomial, c in form.items()})), number(common)
    if root.op == "floor":
        return node("floor", node("/", above, below))
    return node("neg", node("floor", node("/", node_of(multiplied({(): Fraction(-1)}, polynomial(above) or NONE) or NONE), below)))


def _with_exact_atoms(root: Node) -> Node:
    """The expression in which mod, floor, ceiling, max and min are in exact form themselves."""
    if root.op in ATOMS:
        return root
    if root.op in STEPS:
        return _exact(root)
    return node(root.op, *map(_with_exact_atoms, root.args))


def _outside_accesses(*roots: Node) -> Iterable[Node]:
    """The parts of an index expression; what stands in the subscripts of its data has a form of its own."""
    stack, seen = list(roots), set()
    while stack:
        part = stack.pop()
        if part not in seen:
            seen.add(part)
            yield part
            stack.extend(part.args if part.op != "access" else ())
