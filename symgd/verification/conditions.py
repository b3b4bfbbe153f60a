"""Under what an answer is right that is not right everywhere: common facts about data, and what separates right points from wrong ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from symgd.cost.checked import Checked
from symgd.cost.facts import Fact, facts_of
from symgd.errors import InputError
from symgd.nodes.fold import minus
from symgd.nodes.node import COMPARISONS, ONE, TWO, ZERO, Node, access, accesses, node, number, outside_subscripts, postorder, range_
from symgd.nodes.text import text
from symgd.verification.answers import Asked
from symgd.verification.bench import Spot
from symgd.verification.tape import Point, domain_of

__all__ = ["Known", "Side", "facts_about", "negated", "put_simply", "separating"]


@dataclass(frozen=True, slots=True)
class Known:
    """Facts that are tried together, in each variant, and how a reader says it."""

    variants: tuple[tuple[Fact, ...], ...]
    said: str

    @property
    def symmetric(self) -> str:
        """The array of which it says that it is symmetric, or nothing."""
        return next((fact.name for facts in self.variants for fact in facts if fact.kind == "symmetric"), "")


def facts_about(checked: Checked) -> list[Known]:
    """What is often known of data: rows that sum to 1, labels, symmetry, signs; never of a parameter."""
    found: list[Known] = []
    elements = _elements(checked)
    for element in elements:
        sides, name = _sides(checked, element), element.value
        if element.args and sides[-1] is not None and not _is_column(checked, element):
            said = f"the rows of {name} sum to 1" if len(element.args) > 1 else f"the sum of {name} is 1"
            found += _known(checked, [[_total(element, sides[-1])]], said)
        for values, said in () if name in checked.constants else _LABELS:
            if _is_feature(checked, element) or (not element.args and values[0] is not ZERO):
                continue
            power = node("==", node("^", element, TWO), element if values[0] is ZERO else ONE)
            variants = [[power]] if element.args else [[node("==", element, value)] for value in values]
            found += _known(checked, variants, f"{name} is {said}", power)
        if len(element.args) == 2 and sides[0] is sides[1] is not None:
            found += _known(checked, [[node("==", element, access(name, *element.args[::-1]))]], f"{name} is symmetric")
    for element in elements:
        sides, name = _sides(checked, element), element.value
        if element.args and sides[-1] is not None and not _is_column(checked, element) and not _contracted(checked, element):
            one_hot = [_total(element, sides[-1]), node("==", node("^", element, TWO), element)]
            found += _known(checked, [one_hot], f"the rows of {name} are one-hot" if len(element.args) > 1 else f"{name} is one-hot")
    return found


_LABELS = (((ZERO, ONE), "0 or 1"), ((number(-1), ONE), "-1 or 1"))


def _is_feature(checked: Checked, element: Node) -> bool:
    """Is it, or a power of it, a factor beside a parameter? What is called y, label or target is none even so."""
    if element.value.lower().startswith(("y", "label", "target")):
        return False
    products = [part for part in postorder(checked.formula.expression, *(d.body for d in checked.definitions)) if part.op == "*"]
    for part in products:
        bases = [factor.args[0] if factor.op == "^" else factor for factor in part.args]
        mine = [base for base in bases if base.op == "access" and base.value in checked.parameters]
        if element in bases and any(not element.args or _is_column(checked, element) or base.free & element.free for base in mine):
            return True
    return False


def _is_column(checked: Checked, element: Node) -> bool:
    return element.args[-1].value == checked.formula.hidden


def _total(element: Node, side: Node) -> Node:
    return node("==", node("sum", element, range_(element.args[-1], ZERO, side)), ONE)


def _contracted(checked: Checked, element: Node) -> bool:
    """Is it summed with an array parameter, as features are?"""
    for part in postorder(checked.formula.expression, *(d.body for d in checked.definitions)):
        if part.op == "*" and element in part.args and any(_reads(checked, factor, element.args[-1]) for factor in part.args):
            return True
    return False


def _reads(checked: Checked, factor: Node, letter: Node) -> bool:
    return factor.op == "access" and factor.value in checked.parameters and letter in factor.args


def _known(checked: Checked, variants: list[list[Node]], said: str, written: Node | None = None) -> list[Known]:
    formula = checked.formula
    try:
        ranks = {**checked.parameters, **checked.data}
        defined = [d.target for d in checked.definitions]
        found = tuple(facts_of(statements, formula, ranks=ranks, defined=defined) for statements in variants)
    except InputError:
        return []
    statements = variants[0] if written is None else [written]
    shown = " and ".join(text(statement, hidden=formula.hidden, axes=formula.axes).replace("==", "=") for statement in statements)
    return [Known(found, f"{said}: {shown}")]


def _elements(checked: Checked) -> list[Node]:
    """Every data array, read with a letter for each index, as the cost reads it."""
    found: dict[str, Node] = {}
    bodies = (checked.formula.expression, *(d.body for d in checked.definitions))
    for place in accesses(*bodies):
        own = all(argument.op == "index" for argument in place.args) and len(set(place.args)) == len(place.args)
        if own and place.value in checked.data and place.value not in checked.integers:
            found.setdefault(place.value, place)
    return list(found.values())


def _sides(checked: Checked, element: Node) -> list[Node | None]:
    axes = dict(checked.formula.axes)
    for part in postorder(checked.formula.expression, *(d.body for d in checked.definitions)):
        if part.op == "range" and part.args[1] is ZERO:
            axes.setdefault(part.args[0].value, part.args[2])
    return [axes.get(letter.value) for letter in element.args]


@dataclass(frozen=True, slots=True)
class Side:
    """A condition that may separate right points from wrong ones. `explicit`: the cost itself branches there; `about`: the names that it reads."""

    condition: Node
    explicit: bool
    about: frozenset[str]

    def holds(self, point: Point) -> bool | None:
        """Everywhere (True), nowhere (False), or in some elements (None)."""
        left, right = ([point.value(entry) for entry in point.tape.entries_of(side)] for side in self.condition.args)
        count = max(len(left), len(right))
        pairs = zip(left if len(left) > 1 else left * count, right if len(right) > 1 else right * count, strict=False)
        found = [u > v if self.condition.op == ">" else u < v for u, v in pairs]
        return True if found and all(found) else None if any(found) else False


def _candidates(checked: Checked, asked: Asked) -> Iterator[Side]:
    """Both sides of everything that branches, of what stands below even powers, roots and logarithms, and of every name."""
    definitions = {d.target: d.body for d in checked.definitions}
    bodies = [checked.formula.expression, *definitions.values()]
    for explicit, roots in ((True, bodies), (False, [asked.formula])):
        for part in (inner for root in roots for inner in outside_subscripts(root)):
            for u, v in _compared(part):
                about = _names(definitions, u, v)
                branching = explicit and part.op not in ("/", "^", "sqrt") and domain_of(part) is None
                for op in (">", "<") if about else ():
                    yield Side(node(op, u, v), branching, about)
    for found in accesses(*bodies):
        if all(argument.op == "index" for argument in found.args):
            for op in (">", "<"):
                yield Side(node(op, found, ZERO), False, _names(definitions, found))


def _names(definitions: Mapping[str, Node], *parts: Node) -> frozenset[str]:
    """All names that the parts read, also through definitions."""
    seen: set[str] = set()
    stack = list(parts)
    while stack:
        new = {found.value for found in accesses(stack.pop())} - seen
        seen |= new
        stack += [definitions[name] for name in new if name in definitions]
    return frozenset(seen)


def _compared(part: Node) -> Iterator[tuple[Node, Node]]:
    """The two sides of what a part compares, or what stands below a root, a power or a logarithm, and 0."""
    if part.op in ("abs", "sign", "heaviside", "^", "log", "sqrt"):
        yield part.args[0], ZERO
    elif (part.op in ("max", "min") and len(part.args) == 2) or part.op in COMPARISONS:
        u, v = part.args
        yield (v, u) if u is ZERO else (u, v)
        if v.op == "number" and u.op == "abs":
            yield u.args[0], v
            yield u.args[0], node("neg", v)


def separating(checked: Checked, asked: Asked, right: Sequence[Spot], wrong: Sequence[Spot]) -> list[Side] | None:
    """One or two conditions that hold at all right points and never together at a wrong one; None if there are none."""
    sides: dict[Node, Side] = {}
    for side in _candidates(checked, asked):
        known = sides.get(side.condition)
        if known is None or (side.explicit and not known.explicit):
            sides[side.condition] = side
    holding = {}
    for side in sides.values():
        at_right = [side.holds(spot.double) for spot in right]
        if all(value is True for value in at_right) and at_right:
            holding[side] = [side.holds(spot.double) is True for spot in wrong]
    alone = [side for side, at_wrong in holding.items() if not any(at_wrong)]
    if alone:
        return [min(alone, key=lambda side: (not side.explicit, len(postorder(side.condition))))]
    for one, other in combinations(holding, 2):
        if not any(a and b for a, b in zip(holding[one], holding[other], strict=True)):
            return [one, other]
    return None


def put_simply(condition: Node) -> Node:
    """w > 1 for w - 1 > 0"""
    left, right = condition.args
    if right is ZERO and left.op == "+" and len(left.args) == 2:
        first, second = left.args
        bare = second.args[0] if second.op == "neg" else second
        if bare.op == "number":
            return node(condition.op, first, bare if second.op == "neg" else minus(second))
    return condition


def negated(condition: Node) -> Node:
    """The other side, without the kink itself."""
    return node("<" if condition.op == ">" else ">", *condition.args)
