"""Formulas that a user hands over beside a cost, in the cost's names: text or SymPy -> nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from symgd.cost.checked import Checked
from symgd.nodes.node import Node, access, index, rebuilt

__all__ = ["formula_in"]


def formula_in(checked: Checked, thing: Any, *, axes: Mapping[str, Node] = MappingProxyType({}), lengths: Iterable[str] = ()) -> Node:
    """A formula over the cost's names. `axes`: letters of its own, with their lengths; `lengths`: names that mean the length of an axis.

    >>> from symgd.cost.checked import check
    >>> from symgd.nodes.text import text
    >>> from symgd.reading.text import problem
    >>> print(text(formula_in(check(problem("mean((w*x - y)^2)", samples="x y")), "2*mean(x*(w*x - y))")))
    2*mean(x[i]*(w*x[i] - y[i]), i in 0:m)
    """
    formula = checked.formula
    known = replace(formula, axes=MappingProxyType({**formula.axes, **axes}))
    if isinstance(thing, str):
        from symgd.reading.text import expression

        body = expression(thing, axes=known.axes, samples=formula.samples, hidden=formula.hidden, names=[*checked.names], lengths=list(lengths))
        return _with_samples(checked, body)
    from symgd.nodes.sympy_door import from_sympy

    return from_sympy(thing, known=known).expression


def _with_samples(checked: Checked, body: Node) -> Node:
    """The formula with the hidden index at definitions that have a value for each sample: z in a text is z[i]."""
    hidden = checked.formula.hidden
    ranks = {d.target: len(d.at) for d in checked.definitions if any(place.value == hidden for place in d.at)}
    if not hidden or not ranks:
        return body

    def indexed(part: Node) -> Node | None:
        if part.op != "access" or ranks.get(part.value) != len(part.args) + 1:
            return None
        return access(part.value, index(hidden or ""), *part.args)

    return rebuilt(body, indexed)
