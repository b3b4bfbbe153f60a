"""What verification says: a verdict for each parameter, with what it needs, a witness, and the mistakes that explain it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from symgd.nodes.naming import name_of
from symgd.nodes.node import Node

if TYPE_CHECKING:
    from symgd.api import Cost

__all__ = ["MINUS", "STATUSES", "Mistake", "Verdict", "Verification", "Witness", "remark"]

STATUSES = ("proved", "equal", "conditional", "different", "undecided")
MINUS = "It is minus the derivative, everywhere."


@dataclass(frozen=True, slots=True)
class Witness:
    """A point at which the answer is not the derivative. `point`: name -> number, or nested lists; `element`: of an array parameter.

    `yours` and `exact` are numbers; `yours` is NaN where the answer has no value.
    """

    point: Mapping[str, Any]
    lengths: Mapping[str, int]
    element: tuple[int, ...]
    yours: Any
    exact: Any


@dataclass(frozen=True, slots=True)
class Mistake:
    """What probably went wrong. `kind`: its slug; `message`: a sentence; `where`: the subexpression, as text; `correct`: the step as it should be.

    `part`: the subexpression as a node, None for the whole cost.
    """

    kind: str
    message: str
    where: str = ""
    correct: str = ""
    part: Node | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """About one parameter, or one intermediate adjoint.

    `status`: one of `STATUSES`. `reason`: a sentence. `needs`: what has to be known for a conditional answer to be right. `place`: the element that
    was asked for, W[k, j]. `answer`: the formula that was judged, None for what a function returned. `exact`: the derivative, None where it is too
    long. `notes`: remarks, such as what is accepted at a kink.
    """

    parameter: str
    status: str
    reason: str
    place: Node
    needs: tuple[str, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    witness: Witness | None = None
    answer: Node | None = None
    exact: Node | None = None
    notes: tuple[str, ...] = ()
    cost: Cost | None = None

    @property
    def expected(self) -> Any:
        """The exact derivative as a SymPy expression, None where it is too long."""
        return None if self.exact is None or self.cost is None else self.cost._to_sympy(self.exact)

    @property
    def correct(self) -> bool | None:
        """True for proved and equal, False for different, None for conditional and undecided."""
        return {"proved": True, "equal": True, "different": False}.get(self.status)


class _Verdicts(Mapping[str, Verdict]):
    """The verdicts by name, Symbol or IndexedBase."""

    def __init__(self, found: Mapping[str, Verdict]) -> None:
        self._found = dict(found)

    def __getitem__(self, key: Any) -> Verdict:
        return self._found[key if isinstance(key, str) and key in self._found else name_of(key)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


@dataclass(frozen=True)
class Verification:
    """The verdicts about one answer. True where all of it is right: `if sg.verify(cost, answer): ...`.

    `remark`: what holds for the answer as a whole, such as "minus the gradient: the descent direction".
    """

    cost: Cost
    verdicts: Mapping[Any, Verdict] = field(default_factory=lambda: MappingProxyType({}))
    remark: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "verdicts", _Verdicts(self.verdicts))

    @property
    def correct(self) -> bool | None:
        """False if one part is different, None if none is but one is conditional or undecided, else True."""
        found = [verdict.correct for verdict in self.verdicts.values()]
        return False if False in found else None if None in found else True

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """Those of all parameters, best first."""
        ranked = [(n, mistake) for verdict in self.verdicts.values() for n, mistake in enumerate(verdict.mistakes)]
        return tuple(mistake for _, mistake in sorted(ranked, key=lambda pair: pair[0]))

    def __bool__(self) -> bool:
        return self.correct is True

    def text(self) -> str:
        """The verdicts in words, a block for each parameter."""
        from symgd.verification.plain import text

        return text(self)

    def latex(self) -> str:
        """The verdicts with their formulas in LaTeX."""
        from symgd.verification.tex import latex

        return latex(self)

    def html(self) -> str:
        """A page with the verdicts."""
        from symgd.verification.page import html

        return html(self)

    def json(self) -> str:
        """The verdicts for programs."""
        from symgd.verification.record import json

        return json(self)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {verdict.status}" for name, verdict in self.verdicts.items()) or "nothing to judge"

    def _repr_html_(self) -> str:
        from symgd.verification.page import notebook

        return notebook(self)


def remark(verdicts: Mapping[str, Verdict], order: Sequence[str] = ()) -> str:
    """What explains all parts together. `order`: of the parameters, where the answer came as a list."""
    wrong = [verdict for verdict in verdicts.values() if verdict.status == "different"]
    first = [verdict.mistakes[0].message for verdict in wrong if verdict.mistakes]
    if wrong and len(first) == len(verdicts):
        if all(message == MINUS for message in first):
            return "It is minus the gradient: the descent direction."
        if len(first) > 1 and all("the sum, not the mean" in message for message in first):
            return "It is the gradient of the sum, not of the mean: right but for one factor."
    others = [any(one.kind == "wrong-variable" and "the derivative by" in one.message for one in verdict.mistakes) for verdict in wrong]
    if order and sum(others) > 1:
        return f"The parts are in another order: that of the cost's parameters is {', '.join(order)}."
    return ""
