"""How long each axis of an input is, as a formula in the lengths: the largest index that is read, plus one."""

from __future__ import annotations

from symgd.nodes.node import Node, length
from symgd.program.bounds import agreed, extents
from symgd.program.equation import Program
from symgd.program.names import Fresh


def input_extents(program: Program) -> tuple[dict[str, tuple[Node, ...]], dict[str, tuple[str, int]]]:
    """The extents of parameters and data, and the lengths that only an array itself tells: of an axis read at integer data, `E[label[i], k]`.

    A length of that kind is named after its array, `n_E`, and maps to (array, position). The direction of a parameter has the parameter's
    extents, and behind them an axis for several directions, if there are several.

    >>> from symgd.program.equation import read_equation
    >>> input_extents(Program((read_equation("C += E[label[i]] for i in 0:m"),), {"E": 1, "label": 1}, "C", ("E",)))
    ({'E': (length(n_E),), 'label': (length(m),)}, {'n_E': ('E', 0)})
    """
    said = extents(program.flat()) if any(program.inputs.values()) else {}
    fresh = Fresh(program.lengths())
    found: dict[str, tuple[Node, ...]] = {}
    measured: dict[str, tuple[str, int]] = {}
    directions = {array: name for name, array in program.tangents.items() if name in program.inputs and array in program.inputs}
    for name, rank in program.inputs.items():
        lengths: list[Node] = []
        for position in range(program.inputs[directions[name]] if name in directions else 0, rank):
            known = agreed(said[name][position]) if name in said else None
            if known is None:
                label = fresh.exactly(f"n_{name}")
                measured[label] = (name, position)
                known = length(label)
            lengths.append(known)
        found[name] = tuple(lengths)
    found |= {array: (*found[name], *found[array]) for array, name in directions.items()}
    return found, measured
