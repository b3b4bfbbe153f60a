"""Hypothesis makes costs with indices: nested sums, means and logsumexps over three axes, shifts, gathers, triangles, definitions, several levels."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st

LENGTHS = {"i": "m", "j": "d", "k": "h"}
ARRAYS = {"x": "i", "y": "i", "X": "ij", "Z": "ji", "w": "j", "v": "k", "W": "kj", "u": "i"}  # u, v, w, W are parameters
PARAMETERS = ("u", "v", "w", "W", "s")
FUNCTIONS = ("tanh", "exp", "sin", "sigmoid", "softplus", "abs")


@dataclass
class Made:
    """A cost in text with its definitions."""

    cost: str = ""
    where: dict[str, str] = field(default_factory=dict)


def access(draw: st.DrawFn, scope: tuple[str, ...], defined: dict[str, str]) -> str:
    """An array read at letters of the scope; some transposed, shifted, gathered or at a fixed place."""
    known = {**ARRAYS, **defined}
    fitting = [name for name, axes in known.items() if all(axis in scope for axis in axes)]
    kind = draw(st.sampled_from(["plain", "plain", "plain", "scalar", "fixed", "gather", "number"]))
    if kind == "number" or not fitting:
        return draw(st.sampled_from(["2", "0.5", "3"]))
    if kind == "scalar":
        return "s"
    if kind == "gather" and "i" in scope:
        return "v[label[i]]"
    if kind == "fixed" and "w" in fitting:
        return "w[1]"
    name = draw(st.sampled_from(fitting))
    return f"{name}[{', '.join(known[name])}]" if known[name] else name


def formula(draw: st.DrawFn, scope: tuple[str, ...], depth: int, defined: dict[str, str]) -> str:
    kinds = ["access"] if depth == 0 else ["access", "sum", "product", "power", "function", "quotient", "difference"]
    free = [letter for letter in LENGTHS if letter not in scope]
    if depth and free:
        kinds += ["reduce", "reduce", "mean", "logsumexp"]
    if depth and "i" in scope and "j" not in scope:
        kinds.append("shadow")
    kind = draw(st.sampled_from(kinds))

    def inner(more: tuple[str, ...] = ()) -> str:
        return formula(draw, (*scope, *more), depth - 1, defined)

    if kind in ("reduce", "mean", "logsumexp"):
        letter = draw(st.sampled_from(free))
        word = {"reduce": "sum"}.get(kind, kind)
        return f"{word}({inner((letter,))}, {letter})"
    if kind == "shadow":
        return f"mean({formula(draw, ('i',), depth - 1, defined)}, i)"  # the same letter again, inside
    if kind == "sum":
        return f"({inner()} + {inner()})"
    if kind == "difference":
        return f"({inner()} - {inner()})"
    if kind == "product":
        return f"({inner()})*({inner()})"
    if kind == "power":
        return f"({inner()})^2"
    if kind == "quotient":
        return f"({inner()})/(2 + ({inner()})^2)"
    if kind == "function":
        return f"{draw(st.sampled_from(FUNCTIONS))}(({inner()})/2)"
    return access(draw, scope, defined)


@st.composite
def costs(draw: st.DrawFn) -> Made:
    made, defined = Made(), {}
    for name, axes in (("p", "i"), ("q", "ik")):
        if draw(st.booleans()):
            made.where[f"{name}[{', '.join(axes)}]"] = formula(draw, tuple(axes), 2, defined)
            defined[name] = axes
    outer = draw(st.sampled_from(["mean({}, i)", "sum({}, i)", "sum({}, i, j)", "log(2 + mean(({})^2, i))", "sum({}, i, l in i + 1:m)"]))
    scope = ("i", "j") if outer == "sum({}, i, j)" else ("i",)
    made.cost = outer.format(formula(draw, scope, 3, defined)) + draw(st.sampled_from(["", " + 0.1*sum(w[j]^2, j)", " + s^2*sum(u[i], i)"]))
    return made
