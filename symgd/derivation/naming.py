"""What a formula is called: parts that a definition computes, by its name."""

from __future__ import annotations

from collections.abc import Sequence

from symgd.cost.checked import Definition
from symgd.nodes.node import REDUCTIONS, Node, access, rebuilt, substituted
from symgd.program.linear import collected

__all__ = ["named"]


def named(formula: Node, definitions: Sequence[Definition]) -> Node:
    """The formula with every part that is the body of a definition under the definition's name.

    >>> from symgd.cost.checked import check
    >>> from symgd.nodes.text import text
    >>> from symgd.reading.text import expression, problem
    >>> layer = check(problem("sum(a[k], k)", where={"z[k]": "w[k]*x", "a[k]": "tanh(z[k])"}, axes="k:h"), parameters=["w"])
    >>> print(text(named(expression("1 - tanh(z[q])^2"), layer.definitions)))
    1 - a[q]^2
    """
    by_operation: dict[str, list[Definition]] = {}
    for definition in definitions:
        if definition.body.args and definition.body.op != "access":
            by_operation.setdefault(definition.body.op, []).append(definition)

    def one(part: Node) -> Node | None:
        for definition in by_operation.get(part.op, ()):
            own = frozenset(bound.args[0] for bound in definition.ranges)
            letters = _match(definition.body, part, own)
            if letters is not None and own <= letters.keys():
                return access(definition.target, *(collected(substituted(place, letters)) for place in definition.at))
        return None

    return rebuilt(formula, one)


def _match(pattern: Node, part: Node, letters: frozenset[Node]) -> dict[Node, Node] | None:
    """What the letters stand for if the pattern is the part; indices that reductions bind may have any letter."""
    found: dict[Node, Node] = {}
    bound: dict[Node, Node] = {}
    stack = [(pattern, part)]
    while stack:
        one, other = stack.pop()
        if one in letters and one not in bound:
            if found.setdefault(one, other) is not other:
                return None
        elif one in bound:
            if bound[one] is not other:
                return None
        elif one.op != other.op or one.value != other.value or len(one.args) != len(other.args):
            return None
        else:
            if one.op in REDUCTIONS:
                for mine, theirs in zip(one.args[1:], other.args[1:], strict=True):
                    if not (one.op == "softmax" and mine.args[0] in letters):
                        bound[mine.args[0]] = theirs.args[0]
            stack += zip(one.args, other.args, strict=True)
    return found
