"""Several unknown lengths from several shapes at once, exactly, and lengths that count only in a combination that is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from symgd.nodes.node import Node, outside_subscripts, postorder
from symgd.program.equation import Program
from symgd.program.linear import Linear, linear

__all__ = ["Rows", "eliminated", "used_forms"]

MOST = 3  # lengths that may be chosen
TRIED = 60  # values of each


@dataclass(frozen=True, slots=True)
class Rows:
    """pivot -> (the other unknowns with their factors, the constant): pivot + sum of factor*other = constant. `impossible`: rows that say 0 = 1."""

    of: Mapping[str, tuple[Mapping[str, Fraction], Fraction]]
    impossible: tuple[int, ...] = ()

    @property
    def told(self) -> dict[str, Fraction]:
        """The unknowns with one value."""
        return {name: constant for name, (others, constant) in self.of.items() if not others}

    def settles(self, form: Mapping[str, Fraction]) -> bool:
        """Does a combination of the unknowns have one value?"""
        left = dict(form)
        for name, (others, _) in self.of.items():
            factor = left.pop(name, Fraction(0))
            for other, c in others.items():
                left[other] = left.get(other, Fraction(0)) - factor * c
        return not any(left.values())

    def chosen(self) -> dict[str, int] | None:
        """Whole numbers from 1 for all unknowns, the smallest for those that are free; None where none are found.

        >>> rows = eliminated([({"H": Fraction(1), "P": Fraction(-1)}, Fraction(4))])
        >>> rows.chosen(), rows.settles({"H": Fraction(2), "P": Fraction(-2)})
        ({'P': 1, 'H': 5}, True)
        """
        free = list(dict.fromkeys(other for others, _ in self.of.values() for other in others))
        if len(free) > MOST:
            return None
        for values in sorted(product(range(1, TRIED), repeat=len(free)), key=sum) if free else [()]:
            found: dict[str, Fraction] = {name: Fraction(value) for name, value in zip(free, values, strict=True)}
            for name, (others, constant) in self.of.items():
                found[name] = constant - sum((c * found[other] for other, c in others.items()), Fraction(0))
            if all(value.denominator == 1 and value >= 1 for value in found.values()):
                return {name: int(value) for name, value in found.items()}
        return None


def eliminated(equations: Iterable[tuple[Mapping[str, Fraction], Fraction]]) -> Rows:
    """Linear equations, each the factors of its unknowns and the sum, solved for one unknown after the other (Gauss and Jordan).

    >>> one = Fraction(1)
    >>> eliminated([({"m": one, "n": one}, Fraction(7)), ({"m": one, "n": -one}, one)]).told
    {'m': Fraction(4, 1), 'n': Fraction(3, 1)}
    """
    rows: dict[str, tuple[dict[str, Fraction], Fraction]] = {}
    impossible: list[int] = []
    for number, (factors, constant) in enumerate(equations):
        left, total = dict(factors), constant
        for pivot, (others, value) in rows.items():
            factor = left.pop(pivot, Fraction(0))
            if factor:
                total -= factor * value
                for other, c in others.items():
                    left[other] = left.get(other, Fraction(0)) - factor * c
        left = {name: c for name, c in left.items() if c}
        if not left:
            impossible += [number] if total else []
            continue
        pivot, lead = next(iter(left.items()))
        mine = {name: c / lead for name, c in left.items() if name != pivot}
        value = total / lead
        for name, (others, constant_of) in rows.items():
            factor = others.pop(pivot, Fraction(0))
            if factor:
                for other, c in mine.items():
                    others[other] = others.get(other, Fraction(0)) - factor * c
                rows[name] = {other: c for other, c in others.items() if c}, constant_of - factor * value
        rows[pivot] = mine, value
    return Rows(rows, tuple(impossible))


def used_forms(program: Program) -> Iterator[Linear | None]:
    """Every combination of lengths that the program uses: in ranges, subscripts, sides and values; None where it is not linear."""
    parts: dict[Node, None] = {}
    for equation in program.flat():
        for axis in equation.domain:
            parts |= {axis.low: None, axis.high: None}
        parts |= dict.fromkeys(equation.at)
        parts |= {place: None for read in equation.reads() for place in read.args}
        for part in (*outside_subscripts(equation.body), *outside_subscripts(equation.guard)):
            if part.op == "length":
                parts[part] = None
    for sides in program.extents.values():
        parts |= dict.fromkeys(sides)
    for place in parts:
        if any(inner.op == "length" for inner in postorder(place)):
            yield linear(place)
