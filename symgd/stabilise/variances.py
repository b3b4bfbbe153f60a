"""The mean of squares less the square of the mean cancels where the mean is large; the mean of squared differences from the mean does not."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from symgd.nodes.fold import factors_of, minus, over, plus, times
from symgd.nodes.node import ONE, TRUE, TWO, ZERO, Node, access, node, outside_subscripts, substituted
from symgd.program.equation import Equation, Program, Range, Scan
from symgd.program.intervals import exact_value
from symgd.program.names import Fresh

__all__ = ["Centred", "centred"]

Centred = tuple[str, Node, Node]
"""In the equation of this target, this was computed as that."""


def centred(program: Program) -> tuple[Program, tuple[Centred, ...]]:
    """The same values, variances from differences.

    >>> from symgd.cost.checked import check
    >>> from symgd.program.forward import lowered
    >>> from symgd.reading.text import problem
    >>> print(centred(lowered(check(problem("mean((w*x)^2) - mean(w*x)^2", samples="x"))))[0])
    (1) s1 += w*x[i]/m for i in 0:m
    (2) C += (w*x[i] - s1)^2/m for i in 0:m
    """
    return _Centring(program).run()


class _Centring:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.writers: dict[str, list[Equation]] = {}
        for equation in program.flat():
            self.writers.setdefault(equation.target, []).append(equation)
        self.fresh = Fresh(program.taken)
        self.extents = dict(program.extents)
        self.done: list[Centred] = []

    def run(self) -> tuple[Program, tuple[Centred, ...]]:
        items = list(self.program.equations)
        for item in self.program.equations:
            if isinstance(item, Equation):
                self._of_terms(item, items)
        output: list[Equation | Scan] = []
        for item in items:
            output += self._within(item) if isinstance(item, Equation) else [item]
        if not self.done:
            return self.program, ()
        return replace(self.program, equations=tuple(output), extents=self.extents), tuple(self.done)

    def _of_terms(self, equation: Equation, items: list[Equation | Scan]) -> None:
        """`T[k] += -M[k]^2` beside `T[k] += u[i, k]^2/m`: one equation in place of both, where the later one stands."""
        mean = _root_below_minus(equation.body)
        if mean is None or self._writer(mean) is None or equation.op not in ("=", "+=") or equation.guard is not TRUE or equation.reduced:
            return
        if equation.at != equation.letters:
            return
        for other in items:
            if isinstance(other, Equation) and other.target == equation.target and other.at == tuple(axis.index for axis in other.kept):
                new = self._differences(other, substituted(mean, dict(zip(equation.at, other.at, strict=True))))
                if new is not None:
                    first, last = sorted([items.index(other), items.index(equation)])
                    items[last] = new
                    del items[first]
                    self.done.append((equation.target, plus(other.body, equation.body), new.body))
                    return

    def _within(self, equation: Equation) -> list[Equation]:
        """`s[k] - M[k]^2` in a formula, where s[k] is the mean of u[i, k]^2: an equation of its own before it."""
        made: list[Equation] = []
        known: dict[Node, Node] = {}
        for part in outside_subscripts(equation.body):
            means = {term: root for term in part.args if part.op == "+" and (root := _root_below_minus(term)) is not None}
            for term, mean in means.items():
                for squares in part.args if part not in known else ():
                    found = self._named(squares, mean)
                    if found is not None:
                        new, place = found
                        made.append(new)
                        known[part] = plus(place, *(other for other in part.args if other not in (term, squares)))
                        self.done.append((equation.target, plus(squares, term), place))
                        break
        return [*made, replace(equation, body=substituted(equation.body, known))] if known else [equation]

    def _named(self, squares: Node, mean: Node) -> tuple[Equation, Node] | None:
        """(the equation of the variance, an access of it) for a mean of squares, by name or a sum's name over a length, and a mean."""
        (place, *_), below = factors_of(squares)
        total = self._writer(squares)
        letters = dict(zip(place.args, total.at, strict=True)) if total is not None else {}
        if total is None or len(letters) != len(total.at):
            return None
        new = self._differences(replace(total, body=over(total.body, times(*below))), substituted(mean, letters))
        if new is None:
            return None
        name = self.fresh("s")
        self.extents[name] = self.extents[total.target]
        return replace(new, target=name, rule="named"), access(name, *place.args)

    def _writer(self, total: Node) -> Equation | None:
        """The one equation that sums up what is read here, perhaps over a length."""
        above, _ = factors_of(total)
        writers = self.writers.get(above[0].value, []) if len(above) == 1 and above[0].op == "access" else []
        if len(writers) != 1 or writers[0].op != "+=" or writers[0].guard is not TRUE:
            return None
        return writers[0] if writers[0].at == tuple(axis.index for axis in writers[0].kept) else None

    def _differences(self, squares: Equation, mean: Node) -> Equation | None:
        """`T[k] += (u[i, k] - M[k])^2/m`, if the equation sums the squares of what M[k] is the mean of."""
        (place, *_), below = factors_of(mean)
        total = self._writer(mean)
        if total is None or squares.op != "+=" or squares.guard is not TRUE:
            return None
        if len(total.reduced) != 1 or len(squares.reduced) != 1 or mean.free & {squares.reduced[0].index}:
            return None
        letters = dict(zip(total.at, place.args, strict=True)) | {total.reduced[0].index: squares.reduced[0].index}
        ours, theirs = _averaged(total.body, below, total.reduced[0]), _averaged(squares.body, [], squares.reduced[0])
        if ours is None or theirs is None or total.reduced[0].high is not squares.reduced[0].high:
            return None
        value = substituted(ours, letters)
        if _powers(theirs) != _powers(_square(value)):
            return None
        return replace(squares, body=over(_square(plus(value, minus(mean))), squares.reduced[0].high))


def _averaged(body: Node, below: list[Node], axis: Range) -> Node | None:
    """What is averaged over the axis: the body times its length, which stands below the bar once."""
    tops, bottoms = factors_of(body)
    bottoms += below
    if axis.low is not ZERO or axis.high not in bottoms:
        return None
    bottoms.remove(axis.high)
    return over(times(*tops), times(*bottoms)) if bottoms else times(*tops)


def _root_below_minus(term: Node) -> Node | None:
    """M of -M^2 or -M*M."""
    square = term.args[0] if term.op == "neg" else ONE
    if square.op == "^" and square.args[1] is TWO:
        return square.args[0]
    return square.args[0] if square.op == "*" and len(square.args) == 2 and square.args[0] is square.args[1] else None


def _square(part: Node) -> Node:
    return node("^", part, TWO)


def _powers(part: Node, exponent: Fraction = Fraction(1)) -> tuple[Fraction, dict[Node, Fraction]]:
    """A product as its number and factor -> exponent: w^2*x^2 and (w*x)^2 are alike."""
    number, found = Fraction(1), dict[Node, Fraction]()
    for side, factors in zip((exponent, -exponent), factors_of(part), strict=True):
        for factor in factors:
            power = exact_value(factor.args[1]) if factor.op == "^" else None
            value = exact_value(factor)
            if value and side.denominator == 1:
                number *= Fraction(value.numerator, value.denominator) ** side.numerator
                continue
            inner, counts = _powers(factor.args[0], side * power) if power is not None and power.denominator == 1 else (Fraction(1), {factor: side})
            number *= inner
            for base, count in counts.items():
                found[base] = found.get(base, Fraction(0)) + count
    return number, {base: count for base, count in found.items() if count}
