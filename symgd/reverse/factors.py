"""The product of all other factors, without a division: what an adjoint and a tangent need of T[e] *= f."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from symgd.errors import NotBuilt
from symgd.nodes.fold import times
from symgd.nodes.node import ONE, Node, access, accesses
from symgd.nodes.text import text
from symgd.program.equation import Equation
from symgd.program.extremes import largest
from symgd.program.linear import combined
from symgd.program.names import Fresh


@dataclass(frozen=True, slots=True)
class OtherFactors:
    """`product`: all factors but the one at hand, times what was asked for. `equations` compute it, `extents` are those of their arrays."""

    equations: tuple[Equation, ...]
    product: Node
    extents: Mapping[str, tuple[Node, ...]]


def other_factors(equation: Equation, extents: tuple[Node, ...], fresh: Fresh, scale: Node) -> OtherFactors:
    """The product of the factors before and of those behind, times `scale`: no division, so it is exact at zeros. `extents`: of the target.

    >>> from symgd.program.equation import read_equation
    >>> found = other_factors(read_equation("T *= x[j] for j in 0:d"), (), Fresh([]), ONE)
    >>> print(*found.equations, text(found.product), sep="\\n")
    T_before[0] = 1
    T_before[j + 1] = T_before[j]*x[j] for j in 0:d
    T_behind[d] = 1
    T_behind[j] = T_behind[j + 1]*x[j] for j in 0:d
    T_before[j]*T_behind[j + 1]
    """
    (axis,) = equation.reduced
    kept = tuple(other for other in equation.domain if other is not axis)
    at = equation.at
    extent = largest(axis.high, [(other.index, other.low, other.high) for other in kept])
    if extent is None or any(accesses(axis.low, axis.high)):
        raise NotBuilt(
            f"The product over {text(axis.index)} runs over a range that data decide; its derivative is not built yet.", accepted="a whole axis"
        )
    if tuple(other.index for other in kept) != at:
        raise NotBuilt(f"The derivative of a product into {text(equation.left)} is not built yet.", accepted="a product over an axis")
    after = combined((1, axis.index), (1, ONE))
    before, behind = (fresh.exactly(f"{equation.target}_{what}") for what in ("before", "behind"))
    equations = (
        Equation(before, (*at, axis.low), "=", kept, ONE, rule="product"),
        Equation(before, (*at, after), "=", equation.domain, times(access(before, *at, axis.index), equation.body), rule="factors before"),
        Equation(behind, (*at, axis.high), "=", kept, scale, rule="product"),
        Equation(behind, (*at, axis.index), "=", equation.domain, times(access(behind, *at, after), equation.body), rule="factors behind"),
    )
    lengths = (*extents, combined((1, extent), (1, ONE)))
    return OtherFactors(equations, times(access(before, *at, axis.index), access(behind, *at, after)), {before: lengths, behind: lengths})
