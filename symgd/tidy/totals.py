"""Sums whose value is known: sum_l c*Y[i, l] is c where the rows of Y sum to 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from symgd.cost.facts import Fact
from symgd.nodes.fold import factors_of, joined, over, times
from symgd.nodes.node import ZERO, Node, postorder, substituted
from symgd.program.equation import Equation, Program, Range
from symgd.program.extents import input_extents
from symgd.program.linear import difference
from symgd.tidy.terms import expanded

__all__ = ["Totals"]


class Totals:
    """Replaces sums of one program by their known values."""

    def __init__(self, program: Program) -> None:
        self.facts = [fact for fact in program.facts if fact.kind == "total"]
        self.extents: Mapping[str, tuple[Node, ...]] = input_extents(program)[0] if self.facts else {}

    def split(self, equation: Equation) -> Iterator[Equation]:
        """The equation, and equations of their own for the terms in which a sum was known.

        >>> from symgd.nodes.node import ONE, access, index
        >>> from symgd.program.equation import read_equation
        >>> fact = Fact("total", "sum(Y[i, l], l) = 1", ONE, access("Y", index("i"), index("l")), ONE, summed=(index("l"),))
        >>> line = read_equation("s[k] += Y[k, j]*x[k]/m + z[j] for k in 0:m, j in 0:c")
        >>> print(*Totals(Program((line,), {"Y": 2, "x": 1, "z": 1}, "C", (), facts=(fact,))).split(line), sep="\\n")
        s[k] += z[j] for k in 0:m, j in 0:c
        s[k] += x[k]/m for k in 0:m  # by sum(Y[i, l], l) = 1
        """
        if not self.facts or equation.op != "+=" or not equation.reduced:
            yield equation
            return
        kept, known = self._sorted(equation, list(equation.body.args) if equation.body.op == "+" else [equation.body])
        if not known and equation.rule == "chain" and any(self._reads(found) for found in equation.reads()):
            kept, known = self._sorted(equation, expanded(equation.body))
            if _operations(*kept) > _operations(equation.body):
                known = []  # one factor in front of a sum was less work
        if not known:
            yield equation
            return
        if kept:
            yield replace(equation, body=joined(*kept))
        yield from known

    def _reads(self, found: Node) -> bool:
        return any(fact.name == found.value for fact in self.facts)

    def _sorted(self, equation: Equation, terms: list[Node]) -> tuple[list[Node], list[Equation]]:
        kept: list[Node] = []
        known: dict[tuple[tuple[Range, ...], tuple[Fact, ...]], list[Node]] = {}
        for term in terms:
            found = self._known(equation, term)
            if found is None:
                kept.append(term)
            else:
                domain, fact, value = found
                known.setdefault((domain, (fact,)), []).append(value)
        return kept, [
            replace(equation, domain=domain, body=joined(*values), facts=tuple(dict.fromkeys([*equation.facts, *facts])))
            for (domain, facts), values in known.items()
        ]

    def _known(self, equation: Equation, term: Node) -> tuple[tuple[Range, ...], Fact, Node] | None:
        """(what still runs, the fact, the value of one step) of a term whose sum is known."""
        above, below = factors_of(term)
        reduced = {axis.index: axis for axis in equation.reduced}
        powers: Counter[Node] = Counter()
        for factor in above:
            base, power = _power(factor)
            powers[base] += power
        for base, power in powers.items():
            for fact in self.facts:
                bound = fact.matched(base) if fact.power == power else None
                if bound is None:
                    continue
                letters = [bound[letter] for letter in fact.summed]
                pairs = zip(letters, fact.summed, strict=True)
                if len(set(letters)) < len(letters) or not all(self._whole(reduced.get(letter), fact, place) for letter, place in pairs):
                    continue
                gone = frozenset(letters)
                rest = [other for other in above if _power(other)[0] is not base]
                others = [*rest, *below, equation.guard, *(value for letter, value in bound.items() if letter not in fact.summed)]
                others += [end for axis in equation.domain if axis.index not in gone for end in (axis.low, axis.high)]
                if any(gone & other.free for other in others):
                    continue
                right = [substituted(fact.right, bound)]
                for size in (reduced[letter].high for letter in letters if fact.mean):
                    if size in below:
                        below.remove(size)
                    else:
                        right.append(size)
                domain = tuple(axis for axis in equation.domain if axis.index not in gone)
                return domain, fact, over(times(*rest, *right), times(*below))
        return None

    def _whole(self, axis: Range | None, fact: Fact, letter: Node) -> bool:
        """Does the letter run over the whole axis of the array along which the fact sums?"""
        if axis is None or axis.low is not ZERO:
            return False
        sides = self.extents.get(fact.name, ())
        return bool(sides) and all(
            difference(axis.high, side) == 0 for place, side in zip(fact.element.args, sides, strict=True) if place is letter
        )


def _power(factor: Node) -> tuple[Node, int]:
    """base^n for a whole n, else the factor itself to the power 1."""
    if factor.op == "^" and factor.args[1].op == "number" and factor.args[1].value.isdigit():
        return factor.args[0], int(factor.args[1].value)
    return factor, 1


def _operations(*parts: Node) -> int:
    """How many operations the formulas take, as they are written."""
    return sum(len(part.args) - (part.op in ("+", "*")) for part in postorder(*parts) if part.op not in ("neg", "access"))
