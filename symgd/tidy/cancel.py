"""A factor above and below one fraction bar goes, where it can never be 0: softmax cancels against cross-entropy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from symgd.cost.facts import Fact
from symgd.nodes.fold import factors_of, joined, over, times
from symgd.nodes.node import TRUE, Node, postorder, substituted
from symgd.program.equation import Equation, Program, Scan
from symgd.program.intervals import Intervals
from symgd.tidy.inline import fills

__all__ = ["cancelled"]

LARGEST = 60  # nodes of an equation that is filled in


def cancelled(program: Program) -> Program:
    """Take out of the adjoints what stands above and below a fraction bar and is never 0.

    What is computed element by element is filled in where that lets a factor go: with p = exp(z), dz = dp*p and dp = -y/p, dz is -y.

    >>> from symgd.nodes.node import length
    >>> from symgd.program.equation import read_equation
    >>> lines = ["p[i] = exp(z[i]) for i in 0:m", "dp[i] = -y[i]/p[i] for i in 0:m", "dz[i] = dp[i]*p[i] for i in 0:m"]
    >>> equations = [replace(read_equation(line), rule="chain" if line[0] == "d" else "given") for line in lines]
    >>> inputs, extents = {"y": 1, "z": 1}, {name: (length("m"),) for name in ("p", "dp", "dz")}
    >>> print(cancelled(Program(tuple(equations), inputs, "C", (), extents=extents)).equations[2])
    dz[i] = -y[i] for i in 0:m
    """
    work = _Cancelling(program)
    return replace(program, equations=tuple(item if isinstance(item, Scan) else work.equation(item) for item in program.equations))


class _Cancelling:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.intervals = Intervals(program)
        writers = Counter(equation.target for equation in program.flat())
        alone = (item for item in program.equations if isinstance(item, Equation) and writers[item.target] == 1)
        self.elementwise: Mapping[str, Equation] = {equation.target: equation for equation in alone if self._passes(equation)}

    def _passes(self, equation: Equation) -> bool:
        """A product or quotient, element by element, for every element."""
        return (
            equation.body.op in ("*", "/", "neg")
            and equation.guard is TRUE
            and (equation.op == "=" or (equation.op == "+=" and not equation.reduced))
            and equation.at == equation.letters
            and fills(equation, self.program)
            and len(postorder(equation.body)) <= LARGEST
        )

    def equation(self, equation: Equation) -> Equation:
        if equation.rule != "chain":
            return equation
        used: dict[Fact, None] = dict.fromkeys(equation.facts)
        terms = equation.body.args if equation.body.op == "+" else (equation.body,)
        new = tuple(self.term(term, used) for term in terms)
        return equation if new == terms else replace(equation, body=joined(*new), facts=tuple(used))

    def term(self, term: Node, used: dict[Fact, None]) -> Node:
        """The product or quotient without what goes, looking through up to two names if that is what it takes."""
        if term.op not in ("*", "/", "neg"):
            return term
        above, below = factors_of(term)
        size = len(above) + len(below)
        found = self.without(above, below, used)
        if found is None:
            for depth in (1, 2):
                found = self.looked_through(above, below, used, depth, size)
                if found is not None:
                    break
        return term if found is None else self.term(found, used)

    def looked_through(self, above: list[Node], below: list[Node], used: dict[Fact, None], depth: int, size: int) -> Node | None:
        """The quotient with one name filled in, or several, where that lets at least as many factors go as it brings."""
        for side, members in ((0, above), (1, below)):
            for n, factor in enumerate(members):
                source = self.elementwise.get(factor.value) if factor.op == "access" else None
                if source is None:
                    continue
                tops, bottoms = factors_of(substituted(source.body, dict(zip(source.at, factor.args, strict=True))))
                rest = [other for place, other in enumerate(members) if place != n]
                sides = (rest + tops, below + bottoms) if side == 0 else (above + bottoms, rest + tops)
                mine = dict.fromkeys([*used, *source.facts])
                found = self.without(*sides, mine) if depth == 1 else self.looked_through(*sides, mine, depth - 1, size)
                if found is not None and sum(map(len, factors_of(found))) <= size + 1:
                    used |= mine
                    return found
        return None

    def without(self, above: list[Node], below: list[Node], used: dict[Fact, None]) -> Node | None:
        """The quotient of both products with common factors cancelled; None where there are none."""
        if not below or set(below).isdisjoint(above):
            return None
        left = Counter(below)
        top: list[Node] = []
        gone: Counter[Node] = Counter()
        for factor in above:
            if left[factor] > 0 and factor.op not in ("number", "neg") and self.never_zero(factor, used):
                left[factor] -= 1
                gone[factor] += 1
            else:
                top.append(factor)
        if not gone:
            return None
        bottom: list[Node] = []
        for factor in below:
            if gone[factor] > 0:
                gone[factor] -= 1
            else:
                bottom.append(factor)
        return over(times(*top), times(*bottom))

    def never_zero(self, part: Node, used: dict[Fact, None]) -> bool:
        found = self.intervals.of(part)
        if found.nonzero:
            used.update(dict.fromkeys(sorted(found.facts, key=self.program.facts.index)))
        return found.nonzero
