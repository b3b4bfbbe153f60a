"""`sg.verify`: an answer beside the exact derivative."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from symgd.errors import InputError
from symgd.verification.answers import asked
from symgd.verification.bench import Bench
from symgd.verification.explained import explained
from symgd.verification.judge import Deadline, judged
from symgd.verification.verdict import Verdict, Verification

if TYPE_CHECKING:
    from symgd.api import Cost

__all__ = ["verify"]


def verify(cost: Cost, answer: Any, *, timeout: float = 2.0) -> Verification:
    bench = Bench(cost)
    deadline = Deadline(timeout)
    verdicts: dict[str, Verdict] = {}
    for one in asked(cost, answer):
        verdicts[one.key] = explained(bench, one, judged(bench, one, deadline), deadline)
    return Verification(cost, verdicts)
