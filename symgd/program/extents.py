"""How long each axis of an input is, as a formula in the lengths: the largest index that is read, plus one."""

from __future__ import annotations

from symgd.nodes.node import ONE, Node, accesses, length, node
from symgd.program.equation import Program
from symgd.program.linear import difference, largest
from symgd.program.names import Fresh


def input_extents(program: Program) -> tuple[dict[str, tuple[Node, ...]], dict[str, tuple[str, int]]]:
    """The extents of parameters and data, and the lengths that only an array itself tells: of an axis read at integer data alone, `E[label[i], k]`.

    A length of that kind is named after its array, `n_E`, and maps to (array, position).
    """
    candidates: dict[tuple[str, int], list[Node | None]] = {}
    for equation in program.flat():
        ranges = [(axis.index, axis.low, axis.high) for axis in equation.domain]
        for found in equation.reads():
            if found.value in program.inputs:
                for position, place in enumerate(found.args):
                    candidates.setdefault((found.value, position), []).append(_last(place, ranges))
    fresh = Fresh(program.lengths())
    extents: dict[str, tuple[Node, ...]] = {}
    measured: dict[str, tuple[str, int]] = {}
    for name, rank in program.inputs.items():
        lengths: list[Node] = []
        for position in range(rank):
            known = _agreed(candidates.get((name, position), []))
            if known is None:
                label = fresh.exactly(f"n_{name}")
                measured[label] = (name, position)
                known = length(label)
            lengths.append(known)
        extents[name] = tuple(lengths)
    return extents, measured


def _last(place: Node, ranges: list[tuple[Node, Node, Node]]) -> Node | None:
    bound = largest(node("+", place, ONE), ranges)
    return None if bound is None or any(accesses(bound)) else bound


def _agreed(bounds: list[Node | None]) -> Node | None:
    """The largest of some bounds where it can be told: a formula wins over numbers, which are checked when the data are there."""
    known = [bound for bound in bounds if bound is not None]
    formulas = [bound for bound in known if bound.op != "number"]
    best: Node | None = None
    for bound in formulas or known:
        if best is None:
            best = bound
            continue
        gap = difference(bound, best)
        if gap is None:
            return None
        best = bound if gap > 0 else best
    return best
