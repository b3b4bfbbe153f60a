"""Verdicts for programs: plain texts, numbers and lists."""

from __future__ import annotations

import json as _json
import math
from typing import TYPE_CHECKING, Any, Final

from symgd.nodes import text as written
from symgd.nodes.node import Node, tree_size

if TYPE_CHECKING:
    from symgd.api import Cost
    from symgd.verification.verdict import Verdict, Verification, Witness

__all__ = ["json", "record"]

LONG: Final = 20_000  # parts of a formula that is still written out


def json(verification: Verification) -> str:
    """The record as JSON."""
    return _json.dumps(record(verification), indent=2, ensure_ascii=False, allow_nan=False)


def record(verification: Verification) -> dict[str, Any]:
    """Everything that is known, for `json.dumps`. A number that JSON does not have is a text: "NaN", "inf", "-inf".

    `expected` and `answer` are formulas in the text language, None where there is none or where it would be too long.
    """
    verdicts = {name: _verdict(verification.cost, verdict) for name, verdict in verification.verdicts.items()}
    return {"correct": verification.correct, "remark": verification.remark, "verdicts": verdicts}


def _verdict(cost: Cost, verdict: Verdict) -> dict[str, Any]:
    expected = _formula(cost, verdict.exact)
    if expected is None and verdict.expected is not None:
        expected = str(verdict.expected)
    return {
        "status": verdict.status,
        "reason": verdict.reason,
        "needs": list(verdict.needs),
        "place": _formula(cost, verdict.place),
        "expected": expected,
        "answer": _formula(cost, verdict.answer),
        "mistakes": [{"kind": one.kind, "message": one.message, "where": one.where, "correct": one.correct} for one in verdict.mistakes],
        "witness": None if verdict.witness is None else _witness(verdict.witness),
        "notes": list(verdict.notes),
    }


def _formula(cost: Cost, part: Node | None) -> str | None:
    if part is None or tree_size(part) > LONG:
        return None
    return written.text(part, hidden=cost._formula.hidden, axes=cost._formula.axes)


def _witness(found: Witness) -> dict[str, Any]:
    return {
        "lengths": {name: int(value) for name, value in found.lengths.items()},
        "point": {name: _plain(value) for name, value in found.point.items()},
        "element": list(found.element),
        "yours": _plain(found.yours),
        "exact": _plain(found.exact),
    }


def _plain(value: Any) -> Any:
    """A float, or lists of them."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    try:
        real = float(value)
    except (TypeError, OverflowError):
        return str(value)
    return real if math.isfinite(real) else "NaN" if math.isnan(real) else "inf" if real > 0 else "-inf"
