"""Which data are labels: y in y*log(p) + (1 - y)*log(1 - p)."""

from __future__ import annotations

from collections.abc import Iterable

from symgd.nodes.fold import factors_of
from symgd.nodes.node import ONE, Node, outside_subscripts

__all__ = ["labels"]


def labels(roots: Iterable[Node], data: Iterable[str]) -> tuple[str, ...]:
    """The data that stand in front of a logarithm, and one minus them in front of another: a cross-entropy has them between 0 and 1.

    >>> from symgd.reading.text import expression
    >>> labels([expression("-(y*log(p) + (1 - y)*log(1 - p))")], ["y"])
    ('y',)
    """
    plain: set[str] = set()
    turned: set[str] = set()
    for root in roots:
        for part in outside_subscripts(root):
            above = factors_of(part)[0] if part.op == "*" else []
            if any(factor.op == "log" for factor in above):
                plain.update(factor.value for factor in above if factor.op == "access")
                turned.update(name for factor in above if (name := _turned(factor)) is not None)
    return tuple(name for name in data if name in plain and name in turned)


def _turned(factor: Node) -> str | None:
    """y of 1 - y."""
    if factor.op != "+" or len(factor.args) != 2 or ONE not in factor.args:
        return None
    other = factor.args[1] if factor.args[0] is ONE else factor.args[0]
    return other.args[0].value if other.op == "neg" and other.args[0].op == "access" else None
