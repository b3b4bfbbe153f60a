"""The partial derivatives of one equation's body by everything that it reads: the rule rows, applied from the outside in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from symgd.nodes.fold import chained, joined
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
    """access -> partial derivative of the body by it, and the tree of rules that led there (None if the body is constant)."""

    by_access: Mapping[Node, Node]
    applied: Application | None


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
    outside: dict[Node, list[Node]] = {body: [ONE]}
    found: dict[Node, Node] = {}
    rules: dict[Node, Rule] = {}
    for part in reversed(order):
        if not depends.get(part) or part not in outside:
            continue
        slope = joined(*reversed(outside.pop(part)))  # in the order of the formula
        if part.op == "access":
            found[part] = slope
            continue
        rules[part] = rule_for(part)
        for position, argument in enumerate(part.args):
            if depends[argument] and part.op == "+":
                outside.setdefault(argument, []).append(slope)
            elif depends[argument]:
                factor = partial(part, position, output if part is body else None)
                outside.setdefault(argument, []).append(chained(slope, factor))
    reading = [part for part in order if part in found and found[part] is not ZERO]
    return Partials(MappingProxyType({part: found[part] for part in reading}), _tree(body, order, rules))


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


def _tree(body: Node, order: list[Node], rules: Mapping[Node, Rule]) -> Application | None:
    built: dict[Node, Application] = {}
    for part in order:
        if part in rules:
            bindings = MappingProxyType(dict(zip("uvw", part.args, strict=False)))
            built[part] = Application(rules[part], part, bindings, tuple(built[a] for a in part.args if a in built))
    return built.get(body)
