"""The order in which terms and factors that came without one (a SymPy sum is a set of terms) are read: as SymPy prints them, powers first."""

from __future__ import annotations

from symgd.nodes.node import ARITHMETIC, REDUCTIONS, Node, fraction

TERMS = 50  # longer sums keep the order in which they came
_LETTERS = 60  # of a key

Key = tuple[int, str]


class Order:
    """Sorts terms and factors. Keys are short texts, remembered for every node, so a shared node costs nothing twice.

    >>> from symgd.nodes.node import ONE, TWO, access, node
    >>> from symgd.nodes.text import text
    >>> x, w = access("x"), access("w")
    >>> print(text(node("+", *Order().terms([node("neg", ONE), w, x, node("*", TWO, node("^", w, TWO))]))))
    2*w^2 + w + x - 1
    """

    def __init__(self) -> None:
        self._keys: dict[Node, Key] = {}

    def factors(self, factors: list[Node]) -> list[Node]:
        """Numbers, letters, elements of arrays, sums, functions, reductions; by name among themselves."""
        if len(factors) < 2:
            return factors
        return sorted(factors, key=lambda factor: self._key(factor.args[0] if factor.op == "^" else factor))

    def terms(self, terms: list[Node]) -> list[Node]:
        """By falling exponents of the letters in alphabetical order, `x^2 + x*y + 1`; two terms without a leading minus, `1 - x`."""
        if len(terms) > TERMS:
            return terms
        monomials = [self._monomial(term) for term in terms]
        letters = {letter: n for n, letter in enumerate(sorted({letter for monomial in monomials for letter in monomial}))}
        ranks: list[tuple[list[float], int]] = []
        for n, monomial in enumerate(monomials):
            rank = [0.0] * len(letters)
            for letter, exponent in monomial.items():
                rank[letters[letter]] = -exponent
            ranks.append((rank, n))
        ordered = [terms[n] for _, n in sorted(ranks)]
        if len(ordered) == 2 and ordered[0].op == "neg" and ordered[1].op != "neg":
            ordered.reverse()
        return ordered

    def _monomial(self, term: Node) -> dict[Key, float]:
        exponents: dict[Key, float] = {}
        stack = [(term, 1.0)]
        while stack:
            part, power = stack.pop()
            op, args = part.op, part.args
            if op in ("*", "neg"):
                stack.extend((factor, power) for factor in args)
            elif op == "/":
                stack += [(args[0], power), (args[1], -power)]
            elif op == "sqrt":
                stack.append((args[0], power / 2))
            elif op == "^" and args[1].op == "number":
                stack.append((args[0], power * float(fraction(args[1]))))
            elif op != "number":
                key = self._key(part)
                exponents[key] = exponents.get(key, 0.0) + power
        return exponents

    def _key(self, root: Node) -> Key:
        keys = self._keys
        found = keys.get(root)
        if found is not None:
            return found
        stack = [root]
        while stack:
            part = stack[-1]
            waiting = [argument for argument in part.args if argument not in keys]
            if waiting and part not in keys:
                stack.extend(waiting)
                continue
            stack.pop()
            inside = ",".join(keys[argument][1] for argument in part.args[:_LETTERS])
            keys[part] = self._rank(part), f"{part.value or part.op}({inside})"[:_LETTERS] if part.args else part.value
        return keys[root]

    @staticmethod
    def _rank(part: Node) -> int:
        if part.op == "number":
            return 0
        if not part.args:
            return 1
        return 2 if part.op == "access" else 3 if part.op in ARITHMETIC else 5 if part.op in REDUCTIONS else 4
