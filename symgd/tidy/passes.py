"""The gradient in as few passes over the samples as the cost itself, where that does not cost too many operations: decided by counting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from symgd.nodes.node import postorder
from symgd.program.equation import Program
from symgd.program.operations import operations_at
from symgd.tidy.again import computed_again
from symgd.tidy.factor import factored, late
from symgd.tidy.tidy import living, tidy

MOST = 5  # times the operations of the cost
LARGEST = 1000  # equations of a program that is looked at
ROUNDS = 4  # of computing again: each may save a pass
EFFORT = 500  # equations in all the programs in which one late adjoint is left out


def in_fewer_passes(cost: Program, swept: Program, tidied: Program) -> Program:
    """The tidied program, or one of the same meaning that reads the samples less often.

    Late adjoints are factored out of the sums over the samples, and what is read at another sample is computed there again. Among the programs
    with at most 5 times the operations of the cost, or no more than before, the one with the fewest passes, then with the fewest operations.

    >>> from symgd.cost.checked import check
    >>> from symgd.program.forward import forward
    >>> from symgd.reading.text import problem
    >>> from symgd.reverse.reverse import reverse
    >>> cost = forward(check(problem("sqrt(mean((w*x - y)^2))", samples="x y")))
    >>> swept = reverse(cost)
    >>> print(in_fewer_passes(cost, swept, tidy(swept)))
    (1) r1[i] = w*x[i] - y[i] for i in 0:m
    (2) s1 += r1[i]^2/m for i in 0:m
    (3) C = sqrt(s1)
    (4) ds1_dw += 2*x[i]*r1[i]/m for i in 0:m
    (5) dw = ds1_dw/(2*C)
    """
    if len(tidied.equations) > LARGEST or tidied.passes <= (fewest := cost.passes):
        return tidied
    search = _Search(_worth(cost, swept, tidied), tidied)
    search.better(_again(tidied, fewest))
    live = living(swept)
    names = late(live)
    chosen, wide = frozenset(names), False
    for with_indices in (False, True):
        if names and search.best.passes > fewest and search.better(_again(tidy(factored(live, chosen, wide=with_indices)), fewest)):
            wide = with_indices
    for name in names[: EFFORT // len(tidied.equations)] if len(names) > 1 else ():
        if search.better(_again(tidy(factored(live, chosen - {name}, wide=wide)), fewest)):
            chosen -= {name}
    return search.best


class _Search:
    """The best program so far."""

    def __init__(self, worth: Callable[[Program], tuple[float, float]], first: Program) -> None:
        self.worth, self.best, self.record = worth, first, worth(first)

    def better(self, found: Program) -> bool:
        """Whether this one is better, and the best from now on."""
        new = self.worth(found)
        improves = new < self.record
        if improves:
            self.best, self.record = found, new
        return improves


def _again(program: Program, fewest: int) -> Program:
    """Compute again at other samples for as long as there is a pass to save."""
    for _ in range(ROUNDS):
        if program.passes <= fewest:
            break
        program = living(computed_again(program))
    return program


def _worth(cost: Program, swept: Program, tidied: Program) -> Callable[[Program], tuple[float, float]]:
    """(passes, operations compared with the tidied program) of a program, infinitely many where the operations are too many at some lengths."""
    sizes = list(_sizes(swept))
    before = operations_at(tidied, *sizes)
    limits = [max(MOST * count, old) for count, old in zip(operations_at(cost, *sizes), before, strict=True)]

    def worth(program: Program) -> tuple[float, float]:
        counts = operations_at(program, *sizes)
        if any(count > limit for count, limit in zip(counts, limits, strict=True)):
            return float("inf"), float("inf")
        return program.passes, max(count / old for count, old in zip(counts, before, strict=True))

    return worth


def _sizes(program: Program) -> Iterator[Mapping[str, int]]:
    """Lengths to count operations at: all small, all large, and each by itself large, so that no product of lengths hides."""
    sides = [part.value for extents in program.extents.values() for part in postorder(*extents) if part.op == "length"]
    names = list(dict.fromkeys([*program.lengths(), *sides]))
    yield dict.fromkeys(names, 4)
    yield dict.fromkeys(names, 64)
    for name in names:
        yield {**dict.fromkeys(names, 8), name: 1000}
