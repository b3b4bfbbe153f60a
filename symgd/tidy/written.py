"""One element of a program as a formula for people: filled in, collected, and checked against what it was read off."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from symgd.cost.facts import Fact
from symgd.errors import LimitError
from symgd.nodes.node import ZERO, Node, tree_size
from symgd.program.equation import Program
from symgd.program.gate import checked_closed
from symgd.tidy.closed import LONGEST, ClosedForms
from symgd.tidy.collect import collected


@dataclass(frozen=True, slots=True)
class Written:
    """A formula, the facts about the data that it uses, and how long the axes of its free letters are."""

    formula: Node
    facts: tuple[Fact, ...]
    axes: Mapping[str, Node]

    @property
    def by(self) -> str:
        """The facts, as they stand behind a line of text."""
        return f"  # by {'; '.join(map(str, self.facts))}" if self.facts else ""


def written(
    forms: ClosedForms, target: str, at: tuple[Node, ...], forward: Program, *, what: str, accepted: str, visible: Collection[str] | None = None
) -> Written:
    """target[at] as a formula. `forward` computes the definitions that stay visible.

    Raises LimitError, which says `what` would be too long and what is `accepted` instead.
    """
    filled, facts = forms.filled(target, at, visible)
    size = tree_size(filled)
    if size > LONGEST:
        shown = f"{size:,}" if size < 10**9 else "more than a thousand million"
        raise LimitError(f"Written out, {what} has {shown} operations and names; the limit is {LONGEST:,}.", accepted=accepted)
    axes = {place: extent for place, extent in zip(at, forms.program.extents[target], strict=True) if place.op == "index"}
    formula = collected(filled, {place: (ZERO, extent) for place, extent in axes.items()})
    checked_closed(forward, forms.program, target, at, formula)
    return Written(formula, facts, {place.value: extent for place, extent in axes.items()})
