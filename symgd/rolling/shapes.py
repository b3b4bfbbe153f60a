"""The shape of a formula: what is left of it when numbers and elements are taken out, so that formulas of one shape are found in linear time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from symgd.nodes.node import Node, node, outside_subscripts

HOLE = ()

Kind = Callable[[Node], Hashable]
"""An access -> what all accesses have in common that may stand in its place; None for one that belongs to the shape itself."""


@dataclass(frozen=True, slots=True)
class Shape:
    """`rows`: one a part of the formula, arguments first: its op, and each argument as the row that it is, a leaf, or HOLE.

    `root`: the last row, or the leaf that is the whole formula. `kinds`: what may fill each hole, in the order of the rows.
    """

    rows: tuple[tuple[str, tuple[object, ...]], ...]
    root: object
    kinds: tuple[Hashable, ...]

    def filled(self, leaves: Sequence[Node]) -> Node:
        """The formula with these leaves in the holes."""
        waiting = iter(leaves)
        built: list[Node] = []

        def found(argument: object) -> Node:
            return built[argument] if isinstance(argument, int) else argument if isinstance(argument, Node) else next(waiting)

        for op, arguments in self.rows:
            built.append(node(op, *map(found, arguments)))
        return found(self.root)


def shape(root: Node, kind: Kind) -> tuple[Shape, list[Node]]:
    """The shape of a formula without indices, and what fills its holes. A square and a cube have shapes of their own.

    >>> from symgd.reading.text import expression
    >>> from symgd.nodes.text import text
    >>> kind = lambda found: "scalar"
    >>> (first, leaves), (second, _) = (shape(expression(f), kind) for f in ("3*(x - y)^2", "5*(a - 2)^2"))
    >>> first == second, leaves
    (False, [access(y), access(x), number(3)])
    >>> print(text(first.filled([expression("b"), expression("a"), expression("7")])))
    7*(a - b)^2
    """
    rows: list[tuple[str, tuple[object, ...]]] = []
    kinds: list[Hashable] = []
    leaves: list[Node] = []
    place: dict[Node, int] = {}

    def argument(part: Node, exponent: bool) -> object:
        if part in place:
            return place[part]
        if part.op == "number" and not exponent:
            found: Hashable = "number"
        else:
            found = kind(part) if part.op == "access" else None
        if found is None:
            return part
        kinds.append(found)
        leaves.append(part)
        return HOLE

    for part in outside_subscripts(root):
        if part.args and part.op != "access":
            rows.append((part.op, tuple([argument(a, has_small_exponent(part) and n == 1) for n, a in enumerate(part.args)])))
            place[part] = len(rows) - 1
    return Shape(tuple(rows), argument(root, False), tuple(kinds)), leaves


def has_small_exponent(part: Node) -> bool:
    """Is it a square or a cube, which are products and no powers to a machine?"""
    return part.op == "^" and part.args[1].op == "number" and part.args[1].value in ("2", "3")
