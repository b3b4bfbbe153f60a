"""The memory that generated functions work on, as assignments in a module that makes it by itself."""

from __future__ import annotations

from collections.abc import Iterator

from symgd.nodes.node import ONE, Node, node
from symgd.printing.module import Generated
from symgd.printing.numba import Printer
from symgd.program.linear import combined

__all__ = ["BLOCK", "CACHE", "allocated"]

CACHE = 1 << 15  # numbers of scratch memory for the rows of one block
BLOCK = 256  # rows of a block at most


def allocated(generated: Generated, printer: Printer, rows: str) -> Iterator[str]:
    """`z = np.zeros((block, h))` for everything that is computed, and how many rows a block has. `rows`: the number of all rows, as code."""
    if "block" in generated.units["gradient"].arguments:
        yield f"block = max(1, min({BLOCK}, {CACHE}//{_per_row(generated, printer)}, {rows}))  # rows that stay in cache together"
    for slot in generated.slots("block", "computed", "share", "state"):
        sides = list(map(printer.integer, slot.extents))
        if slot.role == "block":
            sides[slot.axis or 0] = "block"
        shape = f"({', '.join(sides)})" if len(sides) > 1 else "".join(sides) or "1"
        shape = f"({', '.join(sides)})" if len(sides) > 1 else "".join(sides) or "1"
        yield f"{slot.identifier} = np.zeros({shape})"


def _per_row(generated: Generated, printer: Printer) -> str:
    """The numbers of scratch memory that go with one row, and one more."""
    sizes: list[tuple[int, Node]] = [(1, ONE)]
    for slot in generated.slots("block"):
        others = [extent for position, extent in enumerate(slot.extents) if position != slot.axis]
        sizes.append((1, node("*", *others) if len(others) > 1 else others[0] if others else ONE))
    shown = printer.integer(combined(*sizes))
    return shown if shown.isalnum() else f"({shown})"
