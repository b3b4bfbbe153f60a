"""The partial derivatives of one equation's body by everything that it reads: the rule rows, applied from the outside in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from symgd.nodes.fold import chained, joined, minus
from symgd.nodes.node import ATOMS, CONDITIONS, ONE, ZERO, Node, access, outside_subscripts, postorder, rebuilt, substituted
from symgd.rules.derivatives import Rule, partial, rule_for


@dataclass(frozen=True, slots=True)
class Application:
    """One rule at one place: the row, what its letters u, v, w stand for, and the applications inside. `children` leaves out what is constant."""

    rule: Rule
    part: Node
    bindings: Mapping[str, Node]
    children: tuple[Application, ...]


@dataclass(frozen=True, slots=True)
class Partials:
    """access -> partial derivative of the body by it. `active`: the arrays that it is differentiated for."""

    body: Node
    active: frozenset[str]
    by_access: Mapping[Node, Node]

    @property
    def applied(self) -> Application | None:
        """The tree of rules that led there, None if the body is constant."""
        order = postorder(self.body)
        depends = _dependence(order, self.active)
        built: dict[Node, Application] = {}
        for part in order:
            if depends[part] and part.op != "access":
                bindings = MappingProxyType(dict(zip("uvw", part.args, strict=False)))
                built[part] = Application(rule_for(part), part, bindings, tuple(built[a] for a in part.args if a in built))
        return built.get(self.body)


def partials(body: Node, active: frozenset[str], output: Node | None = None) -> Partials:
    """The partial derivative of `body` by every access to an array in `active`.

    The factor of every rule is multiplied on from the outside in, paths that meet are added, a product goes by prefix and suffix products:
    linear in the number of operations. With `output`, the name of the whole body, the outermost rule answers in terms of it (`1 - a^2`).

    >>> from symgd.nodes.node import access
    >>> from symgd.nodes.text import text
    >>> from symgd.reading.text import expression
    >>> found = partials(expression("tanh(w*x)"), frozenset({"w"}), output=access("a"))
    >>> print(text(found.by_access[access("w")]), found.applied.rule.key)
    x*(1 - a^2) tanh
    """
    slopes: dict[Node, list[Node]] = {}
    orders = _apart(body.args if body.op == "+" else (body,))
    if orders is None:
        slopes = _slopes(body, active, output)
    for order in orders or ():
        for part, found in _known_slopes(order, active, output if order[-1] is body else None):
            slopes.setdefault(part, []).extend(found)
    total = {part: found[0] if len(found) == 1 else joined(*found) for part, found in slopes.items()}
    return Partials(body, active, MappingProxyType({part: slope for part, slope in total.items() if slope is not ZERO}))


def _apart(terms: tuple[Node, ...]) -> list[list[Node]] | None:
    """The parts of each term, arguments first; None if two terms share an operation, at which their paths have to meet."""
    seen: set[Node] = set()
    orders: list[list[Node]] = []
    for term in terms:
        order = outside_subscripts(term)
        operations = [part for part in order if part.op not in ATOMS]
        if not seen.isdisjoint(operations):
            return None
        seen.update(operations)
        orders.append(order)
    return orders


def _known_slopes(order: list[Node], active: frozenset[str], output: Node | None) -> Iterator[tuple[Node, list[Node]]]:
    """The slopes of one term. Those of a term of the same shape, with other names, are remembered: long formulas have few shapes."""
    term = order[-1]
    if len(order) > REMEMBERED:
        yield from _slopes(term, active, output).items()
        return
    letters: dict[Node, Node] = {} if output is None else {output: _OUTPUT}
    reads = [part for part in order if part.op == "access"]
    letters.update(zip(reads, _LETTERS, strict=False))
    if len(letters) < len(reads) + (output is not None):
        yield from _slopes(term, active, output).items()
        return
    in_letters = frozenset([letters[part].value for part in reads if part.value in active])
    names = {letter: part for part, letter in letters.items()}
    for letter, slopes in _slopes_of_shape(substituted(term, letters), in_letters, None if output is None else _OUTPUT):
        yield names[letter], [rebuilt(slope, None, names) for slope in slopes]


REMEMBERED = 40  # parts of a term
_LETTERS = [access(f" {n}") for n in range(REMEMBERED)]  # names that nobody else can have
_OUTPUT = access(" ")


@lru_cache(maxsize=4096)
def _slopes_of_shape(term: Node, active: frozenset[str], output: Node | None) -> tuple[tuple[Node, tuple[Node, ...]], ...]:
    return tuple((part, tuple(slopes)) for part, slopes in _slopes(term, active, output).items())


def _slopes(body: Node, active: frozenset[str], output: Node | None) -> dict[Node, list[Node]]:
    """access -> what the paths to it multiply up to, one each, in the order of the formula."""
    order = postorder(body)
    depends = _dependence(order, active)
    outside: dict[Node, list[Node]] = {body: [ONE]} if depends[body] else {}
    found: dict[Node, list[Node]] = {}
    for part in reversed(order):
        if part not in outside:
            continue
        slopes = outside.pop(part)
        slopes.reverse()  # in the order of the formula
        if part.op == "access":
            found[part] = slopes
            continue
        slope = slopes[0] if len(slopes) == 1 else joined(*slopes)
        for position, argument in enumerate(part.args):
            if depends[argument]:
                if part.op == "+":
                    inner = slope
                elif part.op == "neg" and slope.op in ("*", "access", "number"):
                    inner = minus(slope)
                else:
                    inner = chained(slope, partial(part, position, output if part is body else None))
                outside.setdefault(argument, []).append(inner)
    return dict(reversed(found.items()))


def _dependence(order: list[Node], active: frozenset[str]) -> dict[Node, bool]:
    """Which parts depend on an active array. Conditions and subscripts are locally constant."""
    depends: dict[Node, bool] = {}
    for part in order:
        if part.op == "access":
            depends[part] = part.value in active
        elif part.op in ATOMS or part.op in CONDITIONS:
            depends[part] = False
        else:
            depends[part] = any([depends[argument] for argument in part.args])
    return depends
