"""What the text reader and the SymPy door hand over: nodes, and what is known of their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from symgd.nodes.node import Node


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Formula:
    """A cost and its definitions as nodes, still unchecked.

    `definitions`: (target access, body) in the order given. `axes`: index letter -> length of its axis, so 0 <= letter < length.
    `samples`: the columns on the hidden sample axis; they stand in the nodes as `x[i]` with the letter `hidden`, which prints as `x`.
    `symbols`: name -> the SymPy object that the user wrote, empty for text.
    """

    expression: Node
    definitions: tuple[tuple[Node, Node], ...] = ()
    axes: Mapping[str, Node] = field(default_factory=_nothing)
    samples: tuple[str, ...] = ()
    hidden: str | None = None
    symbols: Mapping[str, Any] = field(default_factory=_nothing)
    notes: tuple[str, ...] = ()
    source: str | None = None
