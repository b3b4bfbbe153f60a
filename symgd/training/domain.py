"""Why a value is not finite: the first formula whose argument lies where it has no value, with the row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np

from symgd.nodes.node import ONE, ZERO, Node, access, node, outside_subscripts, substituted
from symgd.nodes.text import text
from symgd.program.equation import Equation, Program
from symgd.program.intervals import exact_value
from symgd.program.names import Fresh
from symgd.program.ragged import Shelves
from symgd.reading.text import expression

__all__ = ["NEEDS", "not_defined"]

NEEDS = {
    "log": "u > 0", "logbase": "u > 0", "log2": "u > 0", "log10": "u > 0", "log1p": "u > -1", "log1mexp": "u < 0", "xlogy": "v > 0 or u == 0",
    "sqrt": "u >= 0", "asin": "abs(u) <= 1", "acos": "abs(u) <= 1", "atanh": "abs(u) < 1", "acosh": "u >= 1", "acoth": "abs(u) > 1",
    "asec": "abs(u) >= 1", "acsc": "abs(u) >= 1", "asech": "0 < u and u <= 1", "acsch": "u != 0", "csch": "u != 0", "coth": "u != 0",
    "digamma": "u > 0 or u != floor(u)", "gamma": "u > 0 or u != floor(u)", "loggamma": "u > 0 or u != floor(u)", "/": "v != 0",
}  # fmt: skip
"""Function -> where it has a finite value, in the letters of its arguments."""
MANY = 2000  # formulas that are looked at


def not_defined(program: Program, inputs: Mapping[str, Any], lengths: Mapping[str, int], hidden: str | None = None) -> str | None:
    """A sentence about the first formula of the program that has no finite value for these inputs; None where every one has.

    >>> from symgd.program.equation import read_equation
    >>> line = Program((read_equation("C += log(x[i]) for i in 0:m"),), {"x": 1}, "C", (), extents={"C": ()})
    >>> not_defined(line, {"x": np.array([2.0, -1.0])}, {"m": 2})
    'log(x[i]) needs x[i] > 0, which fails at i = 1, where x[i] is -1.'
    """
    from symgd.compiling.numpy_backend import run

    asked = list(_asked(program))[:MANY]
    fresh, shelves = Fresh(program.taken), Shelves(program.lengths, program.longest)
    extents, extra = dict(program.extents), list[Equation]()
    names: list[tuple[str, str]] = []
    for equation, part, condition in asked:
        pair = (fresh("fails"), fresh("value"))
        fails = node("piecewise", ZERO, condition, ONE)
        for name, body in zip(pair, (fails, _argument(part)), strict=True):
            at, extents[name] = shelves.kept(equation.domain)
            extra.append(Equation(name, at, "=", equation.domain, body, equation.guard))
        names.append(pair)
    outputs = tuple(name for pair in names for name in pair)
    found = run(replace(program, equations=(*program.equations, *extra), extents=MappingProxyType(extents), outputs=outputs), inputs, lengths)
    for (equation, part, condition), (fails_name, value_name) in zip(asked, names, strict=True):
        places = np.argwhere(np.asarray(found[fails_name]) == 1)
        if len(places):
            place = tuple(places[0])
            value = float(np.asarray(found[value_name])[place])
            shown = [text(formula, hidden=hidden) for formula in (part, condition, _argument(part))]
            place_of = [(axis.index, n) for axis, n in zip(equation.domain, place, strict=False) if axis.index in part.free]
            where = " and ".join(f"in row {n}" if letter.value == hidden else f"at {text(letter)} = {n}" for letter, n in place_of)
            return f"{shown[0]} needs {shown[1]}, which fails{f' {where}' if where else ''}, where {shown[2]} is {value:g}."
    return None


def _asked(program: Program) -> Iterator[tuple[Equation, Node, Node]]:
    """Every part that has no value everywhere, with what it needs; not those inside branches, which may not be taken."""
    for equation in program.flat():
        branches = {part for whole in outside_subscripts(equation.body) if whole.op == "piecewise" for part in outside_subscripts(whole)}
        for part in outside_subscripts(equation.body):
            condition = _needed(part) if part not in branches else None
            if condition is not None:
                yield equation, part, condition


def _needed(part: Node) -> Node | None:
    if part.op == "^":
        power = exact_value(part.args[1])
        if power is None:
            return None
        sign = ">=" if power > 0 else ">"
        return node(sign, part.args[0], ZERO) if power.denominator != 1 else node("!=", part.args[0], ZERO) if power < 0 else None
    if part.op == "/" and exact_value(part.args[1]) is None and part.args[1].op != "length":
        return node("!=", part.args[1], ZERO)
    form = _forms().get(part.op) if part.op != "/" else None
    return None if form is None else substituted(form, {access(letter): argument for letter, argument in zip("uv", part.args, strict=False)})


@cache
def _forms() -> dict[str, Node]:
    """What a function needs, as nodes."""
    return {name: _condition(needs) for name, needs in NEEDS.items()}


def _condition(needs: str) -> Node:
    return expression(f"piecewise(1, {needs}, 0)", names="u v").args[1]


def _argument(part: Node) -> Node:
    return part.args[1] if part.op in ("/", "xlogy") else part.args[0]

