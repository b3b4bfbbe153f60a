"""`sg.verify`: an answer beside the exact derivative."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from symgd.errors import InputError
from symgd.verification.answers import asked
from symgd.verification.bench import Bench
from symgd.verification.explained import explained
from symgd.verification.judge import Deadline, judged
from symgd.verification.verdict import Verdict, Verification, remark

if TYPE_CHECKING:
    from symgd.api import Cost

__all__ = ["verify"]


def verify(cost: Cost, answer: Any, *, timeout: float = 2.0, isolate: bool = False) -> Verification:
    """Judge derivatives that were found by hand, and say what went wrong.

    `answer`: parameter -> formula (SymPy or text), one formula if there is one parameter, a column in the order of `cost.parameters`, or a Python
    function that returns the gradient. A formula may use the cost's definitions and other index letters, `W[p, q]`; `dz` is the derivative by the
    definition z; `a = b = c` is a chain whose first wrong line is found. A function is called by the names of its arguments with arrays of unequal
    sizes; `isolate=True` runs it in a process of its own. `timeout`: seconds for the search for mistakes of a whole answer, not for functions.

    | status | means |
    |---|---|
    | `proved` | the difference is 0 in normal form, and the numbers agree |
    | `equal` | the numbers agree to 30 digits at all points that were tried |
    | `conditional` | right under the facts in `.needs` |
    | `different` | not the derivative: `.witness` is a point, `.mistakes` what probably went wrong |
    | `undecided` | no point was found, or the function could not be run: `.reason` |

    Raises InputError for an answer that cannot be read, or that names what the cost does not have.

    >>> import symgd as sg
    >>> cost = sg.parse("(w - 3)^2")
    >>> verify(cost, "2*w - 6").correct
    True
    >>> found = verify(cost, {"w": "2*(w + 3)"})
    >>> found.correct, found.verdicts["w"].mistakes[0].kind
    (False, 'sign')
    """
    if not 0 < timeout < float("inf"):
        raise InputError(f"timeout is {timeout}.", accepted="a number of seconds above 0")
    if callable(answer) and not hasattr(answer, "free_symbols") and not isinstance(answer, Mapping):
        from symgd.verification.functions import verify_function

        return verify_function(cost, answer, timeout=timeout, isolate=isolate)
    bench = Bench(cost)
    deadline = Deadline(timeout)
    verdicts: dict[str, Verdict] = {}
    for one in asked(cost, answer):
        verdicts[one.key] = explained(bench, one, judged(bench, one, deadline), deadline)
    listed = not isinstance(answer, (Mapping, str)) and len(verdicts) > 1
    return Verification(cost, verdicts, remark(verdicts, cost.parameters if listed else ()))
