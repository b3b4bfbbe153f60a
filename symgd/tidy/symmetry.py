"""Equal terms that an exchange of two indices makes visible: sum_j (A[k, j] + A[j, k])*w[j] is 2*sum_j A[k, j]*w[j] where A is symmetric."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import permutations

from symgd.cost.facts import Fact
from symgd.nodes.fold import joined, minus, one_folded, times
from symgd.nodes.node import ATOMS, TRUE, ZERO, Node, access, node, number, outside_subscripts, rebuilt, substituted
from symgd.nodes.text import text
from symgd.program.equation import Equation, Program, Scan
from symgd.tidy.inline import fills
from symgd.tidy.terms import collected, keyed

__all__ = ["folded"]

MOST = 3  # summed letters that are tried in every order


def folded(program: Program) -> Program:
    """Add up what is equal by a symmetry: terms of a sum, equations of one target, and a sum that an earlier equation has computed already.

    >>> from symgd.nodes.node import ONE, index, length
    >>> from symgd.program.equation import read_equation
    >>> i, j = index("i"), index("j")
    >>> fact = Fact("symmetric", "A[i, j] = A[j, i]", ONE, access("A", i, j), access("A", j, i))
    >>> lines = ["dw[i] += A[i, j]*w[j] for i in 0:m, j in 0:m", "dw[j] += w[i]*A[i, j] for i in 0:m, j in 0:m"]
    >>> extents = {"dw": (length("m"),)}
    >>> print(folded(Program(tuple(map(read_equation, lines)), {"A": 2, "w": 1}, "C", ("w",), extents=extents, facts=(fact,))))
    (1) dw[i] += 2*A[i, j]*w[j] for i in 0:m, j in 0:m  # by A[i, j] = A[j, i]
    """
    facts = [fact for fact in program.facts if fact.kind == "symmetric"]
    return _Folding(program, facts).run() if facts else program


class _Folding:
    def __init__(self, program: Program, facts: list[Fact]) -> None:
        self.program, self.facts = program, facts
        self.names = {fact.name for fact in facts}
        self.writers = Counter(equation.target for equation in program.flat())
        self.aliases = {
            equation.target: equation
            for equation in program.equations
            if isinstance(equation, Equation) and self.writers[equation.target] == 1 and self._passes(equation)
        }

    def run(self) -> Program:
        output: list[Equation | Scan] = []
        for item in self.program.equations:
            if isinstance(item, Scan):
                output.append(item)
                continue
            equation = self.gathered(item)
            if any(found.value in self.names for found in equation.reads()) and equation.op == "+=" and equation.guard is TRUE:
                equation = self.known_sum(equation, output) or equation
            place = self.joined(equation, output)
            if place is None:
                output.append(equation)
        remaining = Counter(equation.target for item in output for equation in (item.equations if isinstance(item, Scan) else (item,)))
        kept: list[Equation | Scan] = []
        for item in output:
            if isinstance(item, Equation) and item.body is ZERO and item.op == "+=" and remaining[item.target] > 1:
                remaining[item.target] -= 1
            else:
                kept.append(item)
        return replace(self.program, equations=tuple(kept))

    def _passes(self, equation: Equation) -> bool:
        """An equation that gives an element of an array another name."""
        return (
            equation.body.op == "access"
            and equation.guard is TRUE
            and not equation.reduced
            and equation.at == equation.letters
            and fills(equation, self.program)
        )

    # one formula

    def gathered(self, equation: Equation) -> Equation:
        """Sums with fewer terms where a symmetry makes some of them equal."""
        if not any(found.value in self.names for found in equation.reads()):
            return equation
        order = {letter: n for n, letter in enumerate(equation.letters)}
        used: dict[Fact, None] = {}
        made: dict[Node, Node] = {}
        for part in outside_subscripts(equation.body):
            if part.op in ATOMS or part.op == "access":
                made[part] = part
                continue
            args = tuple(made[argument] for argument in part.args)
            same = part if args == part.args else node(part.op, *args, value=part.value)
            made[part] = same if same is part else one_folded(same) or same
            if part.op == "+":
                mine: dict[Fact, None] = {}
                terms = collected(self.turned(term, order, mine) for term in args)
                if len(terms) < len(collected(args)):
                    made[part] = joined(*terms) if terms else ZERO
                    used |= mine
        body = made[equation.body]
        return equation if not used else replace(equation, body=body, facts=tuple(dict.fromkeys([*equation.facts, *used])))

    def turned(self, root: Node, order: Mapping[Node, int], used: dict[Fact, None]) -> Node:
        """The formula with the indices of symmetric arrays in one order."""

        def turn(part: Node) -> Node | None:
            for fact in self.facts if part.op == "access" and part.value in self.names else ():
                bound = fact.matched(part)
                if bound is None:
                    continue
                other = fact.right.args[0] if fact.sign < 0 else fact.right
                first, last = (n for n, (u, v) in enumerate(zip(fact.element.args, other.args, strict=True)) if u is not v)
                if part.args[first] is part.args[last] and fact.sign < 0:
                    used[fact] = None
                    return ZERO
                if _rank(part.args[first], order) > _rank(part.args[last], order):
                    used[fact] = None
                    swapped = substituted(other, bound)
                    return minus(swapped) if fact.sign < 0 else swapped
            return None

        return rebuilt(root, turn)

    # equations

    def joined(self, equation: Equation, output: list[Equation | Scan]) -> int | None:
        """Add the equation to an earlier one that sums the same terms into the same elements; None where there is none."""
        if equation.op != "+=" or equation.guard is not TRUE:
            return None
        for place, other in enumerate(output):
            if isinstance(other, Scan) or other.target != equation.target or other.op != "+=" or other.guard is not TRUE:
                continue
            for renamed in _renamings(equation, other):
                used: dict[Fact, None] = {}
                order = {letter: n for n, letter in enumerate(other.letters)}
                mine, yours = (self.terms(e.body, order, used) for e in (other, renamed))
                both = {key: mine.get(key, 0) + yours.get(key, 0) for key in {**mine, **yours}}
                if len(both) > max(len(mine), len(yours)):
                    continue
                if self.terms(other.body, order, {}, turn=False).keys() == self.terms(renamed.body, order, {}, turn=False).keys():
                    used = {}  # equal as they stand
                total = collected([*_terms(self.turned(other.body, order, {})), *_terms(self.turned(renamed.body, order, {}))])
                facts = tuple(dict.fromkeys([*other.facts, *equation.facts, *used]))
                domain = other.domain if total else tuple(axis for axis in other.domain if axis not in other.reduced)
                sum_of_both = replace(other, body=joined(*total) if total else ZERO, domain=domain, facts=facts)
                if self.needs(equation, place, output):
                    del output[place]
                    output.append(sum_of_both)
                else:
                    output[place] = sum_of_both
                return place
        return None

    def needs(self, equation: Equation, place: int, output: list[Equation | Scan]) -> bool:
        """Does the equation read something that is computed after the place?"""
        reads = equation.names()
        later = (item for item in output[place + 1 :])
        return any(inner.target in reads for item in later for inner in (item.equations if isinstance(item, Scan) else (item,)))

    def known_sum(self, equation: Equation, output: list[Equation | Scan]) -> Equation | None:
        """The equation with its sum replaced by an array that holds a multiple of it already."""
        kept = equation.kept
        if not kept or not equation.reduced:
            return None
        plain = self.plain(equation.body)
        for other in output:
            if isinstance(other, Scan) or other.target == equation.target or not self.holds_sums(other) or len(other.at) != len(kept):
                continue
            for at in permutations([axis.index for axis in kept]):
                order = {letter: n for n, letter in enumerate(equation.letters)}
                for renamed in _renamings(other, replace(equation, at=at)):
                    used: dict[Fact, None] = {}
                    ratio = _ratio(self.terms(plain, order, used), self.terms(self.plain(renamed.body), order, used))
                    if ratio is not None and used:
                        body = times(_number(ratio), access(other.target, *at))
                        return replace(equation, domain=kept, body=body, facts=tuple(dict.fromkeys([*equation.facts, *used])))
        return None

    def holds_sums(self, equation: Equation) -> bool:
        """Does the equation alone fill its target with sums, an element a value of its letters?"""
        plain = all(place.op == "index" for place in equation.at)
        return equation.op == "+=" and self.writers[equation.target] == 1 and equation.guard is TRUE and plain and bool(equation.reduced)

    def plain(self, body: Node) -> Node:
        """The formula with other names for elements filled in."""

        def fill(part: Node) -> Node | None:
            source = self.aliases.get(part.value) if part.op == "access" else None
            return None if source is None else substituted(source.body, dict(zip(source.at, part.args, strict=True)))

        return rebuilt(body, fill)

    def terms(self, body: Node, order: Mapping[Node, int], used: dict[Fact, None], *, turn: bool = True) -> dict[object, Fraction]:
        """Term -> coefficient, with the indices of symmetric arrays in one order."""
        found: dict[object, Fraction] = {}
        for term in _terms(self.turned(body, order, used) if turn else body):
            value, above, below = keyed(term)
            found[above, below] = found.get((above, below), Fraction(0)) + value
        return found


def _terms(body: Node) -> list[Node]:
    return list(body.args) if body.op == "+" else [body]


def _rank(place: Node, order: Mapping[Node, int]) -> tuple[int, str]:
    """Where a subscript stands in the order of the letters; numbers first."""
    return (order.get(place, len(order)), text(place)) if place.op != "number" else (-1, place.value)


def _ratio(mine: Mapping[object, Fraction], yours: Mapping[object, Fraction]) -> Fraction | None:
    """The number by which one sum is a multiple of the other."""
    if mine.keys() != yours.keys() or not mine:
        return None
    ratios = {mine[key] / yours[key] if yours[key] else None for key in mine}
    return ratios.pop() if len(ratios) == 1 else None


def _renamings(equation: Equation, like: Equation) -> Iterator[Equation]:
    """The equation with the letters of another one, in every way in which target and ranges agree."""
    letters: dict[Node, Node] = {}
    if len(equation.at) != len(like.at) or len(equation.domain) != len(like.domain):
        return
    for mine, yours in zip(equation.at, like.at, strict=True):
        if mine.op != "index" or yours.op != "index":
            if mine is not yours:
                return
        elif letters.setdefault(mine, yours) is not yours:
            return
    if len(set(letters.values())) < len(letters):
        return
    rest = [axis.index for axis in equation.domain if axis.index not in letters]
    free = [axis.index for axis in like.domain if axis.index not in letters.values()]
    if len(rest) != len(free) or len(rest) > MOST:
        return
    ranges = set(like.domain)
    for chosen in permutations(free):
        renamed = equation.renamed({**letters, **dict(zip(rest, chosen, strict=True))})
        if set(renamed.domain) == ranges:
            yield renamed


def _number(value: Fraction) -> Node:
    return number(value.numerator) if value.denominator == 1 else node("/", number(value.numerator), number(value.denominator))
