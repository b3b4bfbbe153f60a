"""A sum of products of array elements as a product of matrices, and names for what stands in a derivation again and again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from symgd.derivation.derivation import Block
from symgd.derivation.wording import kind
from symgd.nodes.fold import factors_of, over, times
from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.node import REDUCTIONS, TWO, Node, access, node, postorder, tree_size
from symgd.program.names import Fresh

__all__ = ["Abbreviation", "Product", "abbreviation", "matrix_product"]

LEAST = 7  # parts of a formula that gets a name: w*x + b - y
LARGE = 15  # parts of one that gets it from the first line on


@dataclass(frozen=True, slots=True)
class Product:
    """`formula`: 2*X.T @ r/m. `transposed`: the array whose first index is summed over, which is why it stands transposed; None where none is.

    `summed`: the index of the sum. `factors`: the names of both matrices, and whether each stands transposed.
    """

    formula: Node
    transposed: Node | None
    summed: Node
    factors: tuple[tuple[str, bool], ...] = ()


def matrix_product(target: Sequence[Node], value: Node) -> Product | None:
    """The product of two matrices, or of a matrix and a vector, that has `value` as its element at `target`; None where it is none.

    >>> from symgd.nodes.text import text
    >>> from symgd.nodes.node import index
    >>> from symgd.reading.text import expression
    >>> print(text(matrix_product([index("l"), index("k")], expression("2*sum(dz[i, l]*a[i, k], i in 0:m)")).formula))
    2*(dz.T @ a)
    """
    above, below = factors_of(value)
    totals = [factor for factor in above if factor.op in ("sum", "mean")]
    if len(totals) != 1 or len(totals[0].args) != 2 or any(factor.free for factor in (*above, *below) if factor is not totals[0]):
        return None
    (total,) = totals
    (letter, _, high), (tops, bottoms) = total.args[1].args, factors_of(total.args[0])
    inner = [factor for factor in tops if factor.op == "access" and factor.args]
    rest = [factor for factor in tops if factor not in inner]
    if len(inner) != 2 or any(factor.free for factor in (*rest, *bottoms)) or len(target) not in (1, 2):
        return None
    one, other = inner
    first, last = target[0], target[-1] if len(target) == 2 else None
    if first in other.args and first not in one.args:
        one, other = other, one
    left = _turned(one, (first, letter))
    right = _turned(other, (letter, last) if last is not None else (letter,))
    if left is None or right is None:
        return None
    lengths = [high] if total.op == "mean" else []
    formula = over(times(*(f for f in above if f is not total), *rest, node("@", left, right)), times(*below, *bottoms, *lengths))
    factors = ((one.value, left.op == "transpose"), (other.value, right.op == "transpose"))
    return Product(formula, one if factors[0][1] else other if factors[1][1] else None, letter, factors)


def _turned(part: Node, wanted: tuple[Node, ...]) -> Node | None:
    """The array, transposed if its indices stand the other way round."""
    if part.args == wanted:
        return access(part.value)
    return node("transpose", access(part.value)) if len(wanted) == 2 and part.args == wanted[::-1] else None


@dataclass(frozen=True, slots=True)
class Abbreviation:
    """`part` is called `name`. `residual`: it is squared; `early`: so large that it is called so from the first line on."""

    part: Node
    name: Node
    residual: bool
    early: bool


def abbreviation(block: Block, used: Collection[str]) -> Abbreviation | None:
    """A name for what the outermost power or function is taken of, if it comes back in the result."""
    for line in block.all_lines:
        letters = dict(line.letters)
        part = letters.get("u")
        if part is None or kind(line.rule).inward or not part.free or tree_size(part) < LEAST or part not in postorder(block.value):
            continue
        residual = letters.get("n") is TWO
        inside = postorder(*(each.before for each in block.all_lines))
        fresh = Fresh({*used, *(found.value for found in inside if found.op in ("access", "index"))})
        order = [letter for letter in inside if letter in part.free]
        early = tree_size(part) >= LARGE or any(inner.op in REDUCTIONS for inner in postorder(part))
        name = "r" if residual else "a" if part.op in FUNCTIONS else "z"
        return Abbreviation(part, access(fresh.exactly(name), *order), residual, early)
    return None
