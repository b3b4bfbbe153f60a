"""The order in which terms and factors that came without one (a SymPy sum is a set of terms) are read: as SymPy prints them, powers first."""

from __future__ import annotations

from fractions import Fraction

from symgd.nodes.node import ARITHMETIC, REDUCTIONS, Node, fraction

TERMS = 50  # longer sums keep the order in which they came
_TEXT = 60  # letters of a key

Key = tuple[int, str]


class Order:
    """Sorts terms and factors. Keys are short texts, remembered for every node, so a shared node costs nothing twice.

    >>> from symgd.nodes.node import access, node, number
    >>> x, w, two = access("x"), access("w"), number(2)
    >>> Order().terms([node("neg", two), w, node("*", two, node("^", w, two))])[1:]
    [<w of 0>, <neg of 1>]
    """

    def __init__(self) -> None:
        self._keys: dict[Node, Key] = {}

    def factors(self, factors: list[Node]) -> list[Node]:
        """Numbers, letters, powers and sums, functions, reductions; by name among themselves."""
        return sorted(factors, key=lambda factor: self._key(factor.args[0] if factor.op == "^" else factor))

    def terms(self, terms: list[Node]) -> list[Node]:
        """By falling exponents of the letters in alphabetical order, `x^2 + x*y + 1`; but `1 - x`, to save a leading minus."""
        if len(terms) > TERMS:
            return terms
        monomials = [self._monomial(term) for term in terms]
        letters = sorted({letter for monomial in monomials for letter in monomial})
        rank = {n: tuple(-monomials[n].get(letter, Fraction(0)) for letter in letters) for n in range(len(terms))}
        ordered = [terms[n] for n in sorted(rank, key=lambda n: rank[n])]
        if len(ordered) == 2 and ordered[0].op == "neg" and ordered[1].op in ("number", "constant"):
            ordered.reverse()
        return ordered

    def _monomial(self, term: Node) -> dict[Key, Fraction]:
        exponents: dict[Key, Fraction] = {}
        stack = [(term, Fraction(1))]
        while stack:
            part, power = stack.pop()
            if part.op in ("*", "neg"):
                stack.extend((factor, power) for factor in part.args)
            elif part.op == "/":
                stack += [(part.args[0], power), (part.args[1], -power)]
            elif part.op == "sqrt":
                stack.append((part.args[0], power / 2))
            elif part.op == "^" and part.args[1].op == "number":
                stack.append((part.args[0], power * fraction(part.args[1])))
            elif part.op != "number":
                key = self._key(part)
                exponents[key] = exponents.get(key, Fraction(0)) + power
        return exponents

    def _key(self, root: Node) -> Key:
        keys = self._keys
        stack = [root]
        while stack:
            part = stack[-1]
            waiting = [argument for argument in part.args if argument not in keys]
            if waiting and part not in keys:
                stack.extend(waiting)
                continue
            stack.pop()
            inside = ",".join(keys[argument][1] for argument in part.args[:_TEXT])
            keys[part] = self._rank(part), f"{part.value or part.op}({inside})"[:_TEXT] if part.args else part.value
        return keys[root]

    @staticmethod
    def _rank(part: Node) -> int:
        if part.op == "number":
            return 0
        if part.op in ("constant", "access", "index", "length"):
            return 1
        return 2 if part.op in ARITHMETIC else 4 if part.op in REDUCTIONS else 3
