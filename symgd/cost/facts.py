"""What is known of the data: statements about the elements of an array, read once into the forms that later stages can use and check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from types import MappingProxyType

from symgd.errors import InputError
from symgd.nodes.formula import Formula
from symgd.nodes.node import COMPARISONS, CONDITIONS, ZERO, Node, access, accesses, fraction, length, node, number, postorder
from symgd.nodes.text import text

__all__ = ["FORMS", "Fact", "Form", "facts_of", "symmetries"]


@dataclass(frozen=True, slots=True)
class Fact:
    """`statement` holds for every value of the index letters of `element`, each over its whole axis.

    | kind | says |
    |---|---|
    | `total` | the sum, or the `mean`, of `element^power` over the letters in `summed` is `right` |
    | `symmetric` | `element` is `right`, the same array with two of its letters exchanged, or the negative of that |
    | `power` | `element^power` is `right`, a number or the element itself |
    | `known` | `element` is `right`, a number |
    | `bounds` | `element` is on the given side of every number in `limits`, (comparison, number) |

    `shown`: the statement in the text language. `on`: names beside the element's own that it depends on.
    """

    kind: str
    shown: str
    statement: Node
    element: Node
    right: Node = ZERO
    power: int = 1
    summed: tuple[Node, ...] = ()
    mean: bool = False
    limits: tuple[tuple[str, Fraction], ...] = ()

    def __str__(self) -> str:
        return self.shown

    @property
    def name(self) -> str:
        return self.element.value

    @property
    def names(self) -> tuple[str, ...]:
        """The array that the fact is about, and what its right side reads."""
        return tuple(dict.fromkeys([self.name, *(found.value for found in accesses(self.right))]))

    @property
    def kept(self) -> tuple[Node, ...]:
        """The letters of the element that are not summed over, each once."""
        return tuple(dict.fromkeys(place for place in self.element.args if place.op == "index" and place not in self.summed))

    @property
    def sign(self) -> int:
        """Of a symmetry: 1, or -1 for the negative."""
        return -1 if self.right.op == "neg" else 1

    def allows(self, value: float) -> bool:
        """May a number of this name have this value? True for a fact about an array."""
        if self.element.args:
            return True
        value = float(value)
        right = value if self.right is self.element else float(_constant(self.right) or 0)
        if self.kind in ("power", "known"):
            return abs(value**self.power - right) <= 1e-6 * max(1.0, abs(right))
        holds = {">": value.__gt__, ">=": value.__ge__, "<": value.__lt__, "<=": value.__le__, "!=": value.__ne__}
        return all(holds[op](float(edge)) for op, edge in self.limits)

    def matched(self, found: Node) -> dict[Node, Node] | None:
        """What the letters of the element stand for in an access of the array; None where the fact says nothing about it.

        >>> from symgd.nodes.node import ONE, index
        >>> fact = Fact("known", "X[i, 0] = 1", ONE, access("X", index("i"), ZERO), ONE)
        >>> fact.matched(access("X", index("k"), ZERO)), fact.matched(access("X", index("k"), ONE))
        ({index(i): index(k)}, None)
        """
        if found.op != "access" or found.value != self.name or len(found.args) != len(self.element.args):
            return None
        bound: dict[Node, Node] = {}
        for place, given in zip(self.element.args, found.args, strict=True):
            if (bound.setdefault(place, given) if place.op == "index" else place) is not given:
                return None
        return bound


@dataclass(frozen=True, slots=True)
class Form:
    """One form of fact: how it is written, and how it is recognised in a comparison; None for another form."""

    kind: str
    example: str
    read: Callable[[str, Node, Node], Reading | None]


Reading = dict[str, object]  # fields of a Fact
Along = Mapping[tuple[str, int], Sequence[Node]]


def facts_of(
    statements: Iterable[Node], formula: Formula, *, ranks: Mapping[str, int], defined: Iterable[str], along: Along = MappingProxyType({})
) -> tuple[Fact, ...]:
    """Every statement in a form that can be used. `ranks`: name -> number of indices; `defined`: the names of definitions; `along`: (array,
    position) -> its length, where it is known.

    Raises InputError, with the statement, for one of another form, about a name that the cost does not read, or about a definition.

    >>> from symgd.reading.text import fact, problem
    >>> cost = problem("-sum(Y[i, l]*z[i, l], i, l)")
    >>> found, = facts_of([fact("sum(Y[i, l], l) = 1", cost)], cost, ranks={"Y": 2, "z": 2}, defined=[])
    >>> found.kind, found.element, found.summed, str(found)
    ('total', <Y of 2>, (index(l),), 'sum(Y[i, l], l) = 1')
    """
    found: list[Fact] = []
    defined = frozenset(defined)
    for statement in statements:
        for part in _conjuncts(statement):
            fact = _fact(part, shown(part, formula))
            _check_names(fact, ranks, defined)
            _check_whole(fact, part, formula, along)
            found.append(fact)
    _check_together(found)
    return tuple(dict.fromkeys(found))


def symmetries(statements: Iterable[Node], formula: Formula) -> Iterator[tuple[str, int, int, str]]:
    """(array, one position, the other, the statement) of every statement that exchanges two indices of an array."""
    for statement in statements:
        for part in _conjuncts(statement):
            read = _symmetric(part.op, *part.args) if part.op in COMPARISONS else None
            if read is not None:
                element, right = read["element"], read["right"]
                assert isinstance(element, Node) and isinstance(right, Node)
                other = right.args[0] if right.op == "neg" else right
                first, last = (n for n, (u, v) in enumerate(zip(element.args, other.args, strict=True)) if u is not v)
                yield element.value, first, last, shown(part, formula)


def shown(statement: Node, formula: Formula) -> str:
    """The statement as its reader writes it: letters over whole axes stand alone, and an equation has one equals sign."""
    ranges = {part.args[0].value: part.args[2] for part in postorder(statement) if part.op == "range" and part.args[1] is ZERO}
    return text(statement, hidden=formula.hidden, axes={**ranges, **formula.axes}).replace(" == ", " = ")


def _conjuncts(statement: Node) -> list[Node]:
    """The statements joined by `and`, bounds of one element together."""
    if statement.op != "and":
        return [statement]
    parts = [inner for part in statement.args for inner in _conjuncts(part)]
    bounds = [part for part in parts if part.op in ("<", "<=", ">", ">=")]
    if len(bounds) > 1 and len({found for part in bounds for found in accesses(part)}) == 1:
        return [*(part for part in parts if part not in bounds), node("and", *bounds)]
    return parts


def _fact(statement: Node, words: str) -> Fact:
    if statement.op not in CONDITIONS:
        raise InputError(f"{words} in facts= is a number, not a statement.", accepted=_forms())
    comparisons = statement.args if statement.op == "and" else (_as_set(statement),)
    if all(comparison.op in COMPARISONS for comparison in comparisons):
        for form in FORMS:
            read = [form.read(comparison.op, *comparison.args) for comparison in comparisons]
            if all(one is not None for one in read):
                fields = {key: value for one in read if one is not None for key, value in one.items()}
                if form.kind == "bounds":
                    fields["limits"] = tuple(limit for one in read if one is not None for limit in one["limits"])  # type: ignore[attr-defined]
                fact = Fact(form.kind, words, statement, **fields)  # type: ignore[arg-type]
                _check_possible(fact)
                return fact
    raise InputError(f"The fact {words} has a form that symgd cannot use.", accepted=_forms())


def _forms() -> str:
    return "facts such as " + ", ".join(form.example for form in FORMS)


def _check_names(fact: Fact, ranks: Mapping[str, int], defined: frozenset[str]) -> None:
    for name in fact.names:
        if name in defined:
            raise InputError(f"The fact {fact} is about {name}, which is defined: its formula says what it is.", accepted="facts about data")
        if name not in ranks:
            near = get_close_matches(name, ranks, n=1)
            raise InputError(f"The fact {fact} is about {name}, which the cost does not read.", accepted=", ".join(near or ranks) or "no fact")
    for found in accesses(fact.element, fact.right):
        if len(found.args) != ranks[found.value]:
            count = ranks[found.value]
            raise InputError(
                f"The fact {fact} reads {found.value} with {_counted(len(found.args))}, the cost with {count}.", accepted=f"{_counted(count)}"
            )


def _check_whole(fact: Fact, statement: Node, formula: Formula, along: Along) -> None:
    """A total runs over whole axes."""
    for part in postorder(statement):
        if part.op == "range":
            letter, _, high = part.args
            known = [size for n, place in enumerate(fact.element.args) if place is letter for size in along.get((fact.name, n), ())]
            if known and high not in (*known, formula.axes.get(letter.value), length(f"n_{letter.value}")):
                raise InputError(
                    f"The fact {fact} sums over a part of an axis: {text(letter)} goes up to {text(high)}, {fact.name} to {text(known[0])}.",
                    accepted=f"the whole axis, {text(letter)}",
                )


def _counted(count: int) -> str:
    return f"{count} {'index' if count == 1 else 'indices'}"


def _check_possible(fact: Fact) -> None:
    """Refuse what no real number can be."""
    right = _constant(fact.right) if fact.kind in ("power", "total") else None
    if right is not None and right < 0 and fact.power % 2 == 0:
        raise InputError(f"The fact {fact} cannot hold: a square is never negative.", accepted="facts about real numbers")


def _check_together(facts: list[Fact]) -> None:
    """Refuse bounds of one element that exclude each other."""
    for n, fact in enumerate(facts):
        if fact.kind != "bounds":
            continue
        same = [other for other in facts[: n + 1] if other.kind == "bounds" and other.matched(fact.element) is not None]
        limits = [limit for other in same for limit in other.limits]
        low = max((value for op, value in limits if op in (">", ">=")), default=None)
        high = min((value for op, value in limits if op in ("<", "<=")), default=None)
        open_ = any(value == low and op in (">", "<") for op, value in limits)
        if low is not None and high is not None and (low > high or (low == high and open_)):
            told = " and ".join(dict.fromkeys(map(str, same)))
            raise InputError(f"No number keeps {told}.", accepted="facts that hold together")


# The forms


def _bounds(op: str, left: Node, right: Node) -> Reading | None:
    """x[i] > 0, 0 < x[i], abs(x[i]) <= 1; also != 0."""
    if op == "==":
        return None
    flipped = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
    for side, other, sign in ((left, right, op), (right, left, flipped.get(op, op))):
        value = _constant(other)
        if value is None:
            continue
        if _is_element(side):
            return {"element": side, "limits": ((sign, value),)}
        if side.op == "abs" and _is_element(side.args[0]) and sign in ("<", "<=") and value > 0:
            return {"element": side.args[0], "limits": ((flipped[sign], -value), (sign, value))}
    return None


def _known(op: str, left: Node, right: Node) -> Reading | None:
    """X[i, 0] = 1"""
    found = _of_one_element(op, left, right)
    if found is None or set(found[1]) - {0, 1} or not found[1].get(1):
        return None
    return {"element": found[0], "right": _exact(-found[1].get(0, Fraction(0)) / found[1][1])}


def _power(op: str, left: Node, right: Node) -> Reading | None:
    """y[i]^2 = 1, y[i]^2 = y[i], y[i]*(y[i] - 1) = 0"""
    found = _of_one_element(op, left, right)
    if found is None:
        return None
    element, degrees = found
    top = max(degrees)
    others = [degree for degree in degrees if degree != top]
    if top < 2 or others not in ([0], [1]):
        return None
    value = -degrees[others[0]] / degrees[top]
    if others == [1]:
        return {"element": element, "power": top, "right": element} if value == 1 else None
    return {"element": element, "power": top, "right": _exact(value)} if top % 2 == 0 else None


def _total(op: str, left: Node, right: Node) -> Reading | None:
    """sum(Y[i, l], l) = 1, mean(X[i, j], i) = 0, sum(u[j]^2, j) = n[i], norm(u[j], j) = 1"""
    if op != "==":
        return None
    terms = _linear(node("+", left, node("neg", right)))
    sums = [part for part in terms if part is not None and part.op in ("sum", "mean", "norm")]
    if len(sums) != 1:
        return None
    reduction = sums[0]
    factor = terms.pop(reduction)
    body, *ranges = reduction.args
    while body.op == reduction.op == "sum":
        body, ranges = body.args[0], [*ranges, *body.args[1:]]
    power = 1
    if body.op == "^" and body.args[1].op == "number" and body.args[1].value.isdigit():
        body, power = body.args[0], int(body.args[1].value)
    letters = tuple(bound.args[0] for bound in ranges)
    if not _is_element(body) or not set(letters) <= set(body.args) or power < 1 or any(bound.args[1] is not ZERO for bound in ranges):
        return None
    if any(bound.args[2].free or any(True for _ in accesses(bound.args[2])) for bound in ranges):
        return None
    value = _written({part: -c / factor for part, c in terms.items()})
    names = {found.value for found in accesses(value)}
    if body.value in names or not value.free <= set(body.args) - set(letters) or any(part.op not in _RIGHT for part in postorder(value)):
        return None
    if reduction.op == "norm":
        if power != 1 or (size := _constant(value)) is None or size < 0:
            return None
        power, value = 2, _exact(size**2)
    return {"element": body, "summed": letters, "power": power, "mean": reduction.op == "mean", "right": value}


_RIGHT = frozenset({"number", "length", "index", "access", "+", "*", "/", "neg", "^"})
"""What a total may be equal to: a formula of numbers, lengths and data."""


def _symmetric(op: str, left: Node, right: Node) -> Reading | None:
    """A[i, j] = A[j, i], A[i, j] = -A[j, i]"""
    if op != "==":
        return None
    terms = _linear(node("+", left, node("neg", right)))
    if len(terms) != 2 or None in terms:
        return None
    (one, factor), (other, second) = ((part, c) for part, c in terms.items() if part is not None)
    if abs(factor) != abs(second) or not (_is_element(one) and _is_element(other)) or one.value != other.value or len(one.args) != len(other.args):
        return None
    moved = [n for n, (u, v) in enumerate(zip(one.args, other.args, strict=True)) if u is not v]
    if len(moved) != 2 or len(set(one.args)) != len(one.args) or any(place.op != "index" for place in one.args):
        return None
    first, last = moved
    if one.args[first] is not other.args[last] or one.args[last] is not other.args[first]:
        return None
    return {"element": one, "right": other if factor == -second else node("neg", other)}


FORMS: tuple[Form, ...] = (
    Form("total", "sum(Y[i, l], l) = 1", _total),
    Form("symmetric", "A[i, j] = A[j, i]", _symmetric),
    Form("power", "y[i]^2 = 1", _power),
    Form("known", "X[i, 0] = 1", _known),
    Form("bounds", "x[i] > 0", _bounds),
)


# Reading


def _is_element(part: Node) -> bool:
    """An access at index letters and numbers."""
    return part.op == "access" and all(place.op in ("index", "number") for place in part.args)


def _as_set(statement: Node) -> Node:
    """`y = 0 or y = 1` as y^2 = y, `y = -1 or y = 1` as y^2 = 1."""
    if statement.op != "or" or not all(part.op == "==" for part in statement.args):
        return statement
    elements: set[Node] = set()
    values: set[Fraction] = set()
    for part in statement.args:
        left, right = part.args if _constant(part.args[1]) is not None else reversed(part.args)
        value = _constant(right)
        if value is None or not _is_element(left):
            return statement
        elements.add(left)
        values.add(value)
    if len(elements) != 1:
        return statement
    element = elements.pop()
    square = node("^", element, number(2))
    if values == {Fraction(0), Fraction(1)}:
        return node("==", square, element)
    if values == {Fraction(-1), Fraction(0), Fraction(1)}:
        return node("==", node("^", element, number(3)), element)
    if len(values) == 2 and sum(values) == 0:
        return node("==", square, _exact(max(values) ** 2))
    return statement


def _of_one_element(op: str, left: Node, right: Node) -> tuple[Node, dict[int, Fraction]] | None:
    """(element, degree -> coefficient) of a polynomial in one element that is 0."""
    found = set(accesses(left, right))
    if op != "==" or len(found) != 1:
        return None
    element = found.pop()
    polynomial = _polynomial(node("+", left, node("neg", right)), element) if _is_element(element) else None
    return (element, polynomial) if polynomial else None


def _polynomial(root: Node, element: Node) -> dict[int, Fraction] | None:
    """Degree -> coefficient, None for what is no polynomial in the element of degree at most 8."""
    known: dict[Node, dict[int, Fraction] | None] = {}
    for part in postorder(root):
        below = [known[argument] for argument in part.args]
        if part is element:
            known[part] = {1: Fraction(1)}
        elif part.op == "number":
            known[part] = {0: fraction(part)}
        elif part.op == "index" or any(form is None for form in below):
            known[part] = None
        elif part.op in ("+", "*", "neg", "/", "^"):
            known[part] = _combined(part, [form for form in below if form is not None])
        else:
            known[part] = None
    found = known[root]
    return None if found is None else {degree: c for degree, c in found.items() if c}


def _combined(part: Node, forms: list[dict[int, Fraction]]) -> dict[int, Fraction] | None:
    if part.op == "+":
        return {degree: sum((form.get(degree, Fraction(0)) for form in forms), Fraction(0)) for degree in {d for form in forms for d in form}}
    if part.op == "neg":
        return {degree: -c for degree, c in forms[0].items()}
    if part.op == "/":
        divisor = forms[1].get(0) if set(forms[1]) <= {0} else None
        return {degree: c / divisor for degree, c in forms[0].items()} if divisor else None
    factors = forms
    if part.op == "^":
        exponent = forms[1].get(0, Fraction(0)) if set(forms[1]) <= {0} else None
        if exponent is None or exponent.denominator != 1 or not 0 < exponent <= 8:
            return None
        factors = [forms[0]] * int(exponent)
    product: dict[int, Fraction] = {0: Fraction(1)}
    for factor in factors:
        found: dict[int, Fraction] = {}
        for one, c in product.items():
            for other, d in factor.items():
                found[one + other] = found.get(one + other, Fraction(0)) + c * d
        product = found
    return product if max(product, default=0) <= 8 else None


def _linear(root: Node) -> dict[Node | None, Fraction]:
    """Term -> coefficient, with the number under None; terms that cancel are left out."""
    found: dict[Node | None, Fraction] = {}
    stack = [(root, Fraction(1))]
    while stack:
        part, factor = stack.pop()
        if part.op == "+":
            stack.extend((term, factor) for term in reversed(part.args))
        elif part.op == "neg":
            stack.append((part.args[0], -factor))
        elif (value := _constant(part)) is not None:
            found[None] = found.get(None, Fraction(0)) + factor * value
        elif part.op == "*" and len(rest := [inner for inner in part.args if _constant(inner) is None]) < len(part.args):
            for inner in part.args:
                value = _constant(inner)
                factor *= 1 if value is None else value
            stack.append((rest[0] if len(rest) == 1 else node("*", *rest), factor))
        elif part.op == "/" and (value := _constant(part.args[1])):
            stack.append((part.args[0], factor / value))
        else:
            found[part] = found.get(part, Fraction(0)) + factor
    return {part: c for part, c in found.items() if c}


def _written(terms: Mapping[Node | None, Fraction]) -> Node:
    """The sum of coefficient times term."""
    parts: list[Node] = []
    for term, c in sorted(terms.items(), key=lambda item: item[0] is None):
        if term is None:
            parts.append(_exact(c))
        else:
            size = term if abs(c) == 1 else node("*", _exact(abs(c)), term)
            parts.append(size if c > 0 else node("neg", size))
    return ZERO if not parts else parts[0] if len(parts) == 1 else node("+", *parts)


def _constant(part: Node) -> Fraction | None:
    """The value of a formula of numbers alone."""
    if part.op == "number":
        return fraction(part)
    if part.op not in ("+", "*", "neg", "/", "^"):
        return None
    polynomial = _polynomial(part, _NOTHING)
    return None if polynomial is None else polynomial.get(0, Fraction(0))


def _exact(value: Fraction) -> Node:
    """An exact number as the reader would make it."""
    size = number(abs(value.numerator)) if value.denominator == 1 else node("/", number(abs(value.numerator)), number(value.denominator))
    return node("neg", size) if value < 0 else size


_NOTHING = access("")  # an element that no formula contains
