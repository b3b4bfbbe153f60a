"""The partial derivatives of one equation's body by everything that it reads: the rule rows, applied from the outside in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from symgd.nodes.fold import chained, joined, minus
from symgd.nodes.node import ATOMS, CONDITIONS, ONE, ZERO, Node, postorder
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
    """access -> partial derivative of the body by it; `rules`: the row that was applied at each part, arguments first."""

    body: Node
    by_access: Mapping[Node, Node]
    rules: Mapping[Node, Rule]

    @property
    def applied(self) -> Application | None:
        """The tree of rules that led there, None if the body is constant."""
        built: dict[Node, Application] = {}
        for part, rule in self.rules.items():
            bindings = MappingProxyType(dict(zip("uvw", part.args, strict=False)))
            built[part] = Application(rule, part, bindings, tuple(built[a] for a in part.args if a in built))
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
    order = postorder(body)
    depends = _dependence(order, active)
    outside: dict[Node, list[Node]] = {body: [ONE]} if depends[body] else {}
    found: dict[Node, Node] = {}
    rules: dict[Node, Rule] = {}
    for part in reversed(order):
        if part not in outside:
            continue
        slopes = outside.pop(part)
        slope = slopes[0] if len(slopes) == 1 else joined(*reversed(slopes))  # in the order of the formula
        if part.op == "access":
            found[part] = slope
            continue
        rules[part] = rule_for(part)
        for position, argument in enumerate(part.args):
            if depends[argument]:
                if part.op == "+":
                    inner = slope
                elif part.op == "neg" and slope.op in ("*", "access", "number"):
                    inner = minus(slope)
                else:
                    inner = chained(slope, partial(part, position, output if part is body else None))
                outside.setdefault(argument, []).append(inner)
    by_access = {part: slope for part, slope in reversed(found.items()) if slope is not ZERO}
    return Partials(body, MappingProxyType(by_access), MappingProxyType(dict(reversed(rules.items()))))


def _dependence(order: list[Node], active: frozenset[str]) -> dict[Node, bool]:
    """Which parts depend on an active array. Conditions and subscripts are locally constant."""
    depends: dict[Node, bool] = {}
    for part in order:
        if part.op == "access":
            depends[part] = part.value in active
        elif part.op in ATOMS or part.op in CONDITIONS:
            depends[part] = False
        else:
            depends[part] = any(depends[argument] for argument in part.args)
    return depends
