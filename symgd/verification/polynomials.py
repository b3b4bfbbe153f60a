"""Sparse polynomials in numbered generators with rational coefficients, exponents negative or fractions too; and quotients of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor, isqrt
from typing import Final, NoReturn

from symgd.nodes.node import ZERO, Node, node, number, postorder

__all__ = [
    "ANY", "NEGATIVE", "NOTHING", "POSITIVE", "Below", "Budget", "Exponent", "Form", "Generator", "Monomial", "Over", "Poly", "Ring", "Unproved",
    "added", "constant", "divided", "from_monomial", "joined", "level", "monomial_product", "opposite", "primes", "product", "root_of", "scaled",
    "signs_product", "split_content", "whole",
]  # fmt: skip

NEGATIVE, NOTHING, POSITIVE = 1, 2, 4  # bits of the signs that a value may have
ANY = NEGATIVE | NOTHING | POSITIVE

Exponent = int | Fraction
Monomial = tuple[tuple[int, Exponent], ...]
"""(generator, exponent) in the order of the generators, no exponent 0; () is the constant term."""
Poly = dict[Monomial, Fraction]
"""Monomial -> coefficient, none of them 0."""


class Over(Exception):
    """More steps than the budget has."""


class Budget:
    """Counts term multiplications; `spend` raises Over when there are too many."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise Over


def from_monomial(monomial: Monomial, factor: Fraction | int = 1) -> Poly:
    """One term."""
    return {monomial: Fraction(factor)} if factor else {}


def monomial_product(a: Monomial, b: Monomial) -> Monomial:
    """The product.

    >>> monomial_product(((1, 2), (3, 1)), ((2, 1), (3, -1)))
    ((1, 2), (2, 1))
    """
    if not a or not b:
        return a or b
    powers: dict[int, Exponent] = dict(a)
    for generator, exponent in b:
        powers[generator] = powers.get(generator, 0) + exponent
    return tuple(sorted((generator, exponent) for generator, exponent in powers.items() if exponent))


def added(a: Poly, b: Poly, factor: Fraction | int = 1) -> Poly:
    """a + factor*b"""
    total = dict(a)
    for monomial, c in b.items():
        new = total.get(monomial, 0) + factor * c
        if new:
            total[monomial] = Fraction(new)
        else:
            total.pop(monomial, None)
    return total


def scaled(a: Poly, monomial: Monomial, factor: Fraction | int) -> Poly:
    """The product with one term."""
    return {monomial_product(own, monomial): c * factor for own, c in a.items()} if factor else {}


def product(a: Poly, b: Poly, budget: Budget) -> Poly:
    """The product, expanded."""
    budget.spend(len(a) * len(b))
    total: Poly = {}
    for left, c in a.items():
        for right, d in b.items():
            monomial = monomial_product(left, right)
            new = total.get(monomial, 0) + c * d
            if new:
                total[monomial] = new
            else:
                del total[monomial]
    return total


def split_content(a: Poly, kept: Iterable[int] = ()) -> tuple[Fraction, Monomial, Poly]:
    """(c, m, p) with a = c*m*p: p has no monomial factor but of the generators `kept`, and its first coefficient is 1.

    >>> split_content({((1, 2),): Fraction(2), ((1, 1),): Fraction(-6)})
    (Fraction(2, 1), ((1, 1),), {((1, 1),): Fraction(1, 1), (): Fraction(-3, 1)})
    """
    monomials = list(a)
    least: dict[int, Exponent] = dict(monomials[0])
    for monomial in monomials[1:]:
        here = dict(monomial)
        for generator in [*least, *(new for new in here if new not in least)]:
            least[generator] = min(least.get(generator, 0), here.get(generator, 0))
    own = set(kept)
    common = tuple(sorted((generator, exponent) for generator, exponent in least.items() if exponent and generator not in own))
    inverse = tuple((generator, -exponent) for generator, exponent in common)
    rest = scaled(a, inverse, 1)
    lead = rest[max(rest)]
    return lead, common, {monomial: c / lead for monomial, c in rest.items()}


def _dense(*polys: Poly) -> tuple[list[int], list[dict[tuple[Exponent, ...], Fraction]]]:
    generators = sorted({generator for poly in polys for monomial in poly for generator, _ in monomial})
    place = {generator: n for n, generator in enumerate(generators)}
    rows = []
    for poly in polys:
        row: dict[tuple[Exponent, ...], Fraction] = {}
        for monomial, c in poly.items():
            powers: list[Exponent] = [0] * len(generators)
            for generator, exponent in monomial:
                powers[place[generator]] = exponent
            row[tuple(powers)] = c
        rows.append(row)
    return generators, rows


def _sparse(generators: list[int], row: dict[tuple[Exponent, ...], Fraction]) -> Poly:
    return {tuple((g, e) for g, e in zip(generators, powers, strict=True) if e): c for powers, c in row.items()}


def divided(a: Poly, b: Poly, budget: Budget) -> Poly | None:
    """a/b where b divides a, else None.

    >>> w, one = ((1, 1),), ()
    >>> divided({((1, 2),): Fraction(1), one: Fraction(-1)}, {w: Fraction(1), one: Fraction(1)}, Budget(100))
    {((1, 1),): Fraction(1, 1), (): Fraction(-1, 1)}
    """
    if not a or (len(a) < len(b) == 2 and len(a) < 2):
        return None
    c, m, above = split_content(a)
    d, n, below = split_content(b)
    generators, (rest, divisor) = _dense(above, below)
    lead = max(divisor)
    found: dict[tuple[Exponent, ...], Fraction] = {}
    for _ in range(4 * len(a) + 8):
        if not rest:
            shift = monomial_product(m, tuple((g, -e) for g, e in n))
            return scaled(_sparse(generators, found), shift, c / d)
        top = max(rest)
        quotient = tuple(x - y for x, y in zip(top, lead, strict=True))
        if any(x < 0 for x in quotient):
            return None
        factor = rest[top] / divisor[lead]
        found[quotient] = factor
        budget.spend(len(divisor))
        for powers, coefficient in divisor.items():
            place = tuple(x + y for x, y in zip(powers, quotient, strict=True))
            new = rest.get(place, 0) - factor * coefficient
            if new:
                rest[place] = Fraction(new)
            else:
                rest.pop(place, None)
    return None


def root_of(a: Poly, budget: Budget) -> Poly | None:
    """The polynomial whose square is a, None if there is none.

    >>> root_of({((1, 2),): Fraction(1), ((1, 1),): Fraction(2), (): Fraction(1)}, Budget(100))
    {((1, 1),): Fraction(1, 1), (): Fraction(1, 1)}
    """
    generators, (rest,) = _dense(a)
    top = max(rest)
    lead = _square_root(rest[top])
    if lead is None or len(a) < 3:
        return None
    found = {tuple(_half(x) for x in top): lead}
    first = next(iter(found))
    rest = dict(rest)
    del rest[top]
    for _ in range(len(a)):
        if not rest:
            return _sparse(generators, found)
        top = max(rest)
        step = tuple(x - y for x, y in zip(top, first, strict=True))
        if step >= min(found):
            return None
        factor = rest[top] / (2 * lead)
        budget.spend(len(found))
        for powers, c in [*((powers, 2 * c) for powers, c in found.items()), (step, factor)]:
            place = tuple(x + y for x, y in zip(powers, step, strict=True))
            new = rest.get(place, 0) - factor * c
            if new:
                rest[place] = Fraction(new)
            else:
                rest.pop(place, None)
        found[step] = factor
    return None


def _half(x: Exponent) -> Exponent:
    half = Fraction(x) / 2
    return int(half) if half.denominator == 1 else half


def _square_root(value: Fraction) -> Fraction | None:
    if value <= 0:
        return None
    above, below = isqrt(value.numerator), isqrt(value.denominator)
    return Fraction(above, below) if above**2 == value.numerator and below**2 == value.denominator else None


def primes(value: Fraction) -> dict[int, int]:
    """A positive number as a product of powers, of primes up to 1000 and of what is left.

    >>> primes(Fraction(12, 5))
    {2: 2, 3: 1, 5: -1}
    """
    found: dict[int, int] = {}
    for whole, sign in ((value.numerator, 1), (value.denominator, -1)):
        p = 2
        while p < 1000 and p * p <= whole:
            while whole % p == 0:
                found[p] = found.get(p, 0) + sign
                whole //= p
            p += 1
        if whole > 1:
            found[whole] = found.get(whole, 0) + sign
    return {p: e for p, e in found.items() if e}


class Unproved(Exception):
    """The normal form does not go on from here."""


Below = dict[frozenset[tuple[Monomial, Fraction]], int]


@dataclass(frozen=True, slots=True)
class Form:
    """above / product of the polynomials below to their powers"""

    above: Poly
    below: Below = field(default_factory=dict)


@dataclass(slots=True)
class Generator:
    """`kind`: what is known of it. `base`: what a root, exponential, sign, logarithm or inverse is of."""

    kind: str
    node: Node
    base: Form | None = None
    signs: int = ANY
    level: int = -1
    sum_of: tuple[tuple[Node, ...], Monomial] | None = None


_SPECIAL = frozenset({"imaginary", "unity", "sign", "root", "inverse"})
_NUMBER: Final[dict[Fraction, tuple[tuple[int, int, int], tuple[int, int, int]]]] = {
    Fraction(1, 6): ((1, 2, 3), (1, 2, 1)), Fraction(1, 4): ((1, 2, 2), (1, 2, 2)), Fraction(1, 3): ((1, 2, 1), (1, 2, 3)),
    Fraction(1, 2): ((0, 1, 1), (1, 1, 1)), Fraction(2, 3): ((-1, 2, 1), (1, 2, 3)), Fraction(3, 4): ((-1, 2, 2), (1, 2, 2)),
    Fraction(5, 6): ((-1, 2, 3), (1, 2, 1)),
}  # fmt: skip
"""exp(i*pi*r) by r: its parts as a, b, c for a/b*sqrt(c)."""


def constant(value: Fraction | int) -> Form:
    """The form of a number."""
    return Form(from_monomial((), value))


def level(part: Node) -> int:
    """The highest number of a canonical letter in a formula, free or bound; -1 without any."""
    return max((int(inner.value[1:]) for inner in postorder(part) if inner.op == "index" and inner.value.startswith("#")), default=-1)


def opposite(signs: int) -> int:
    """The signs that the negative may have."""
    return (signs & NOTHING) | (POSITIVE if signs & NEGATIVE else 0) | (NEGATIVE if signs & POSITIVE else 0)


def signs_product(a: int, b: int) -> int:
    """The signs that a product may have."""
    found = (a | b) & NOTHING
    if b & POSITIVE:
        found |= a & (NEGATIVE | POSITIVE)
    if b & NEGATIVE:
        found |= opposite(a) & (NEGATIVE | POSITIVE)
    return found


def joined(a: Below, b: Below) -> Below:
    """The denominator of a product: exponents of the same polynomial are added."""
    return {poly: a.get(poly, 0) + b.get(poly, 0) for poly in (*a, *b)} if a and b else a or b


def whole(value: Fraction) -> Exponent:
    """An exponent, as an int if it is one."""
    return int(value) if value.denominator == 1 else value


class Ring(ABC):
    """Forms in generators, and what is known of their signs."""

    def __init__(self, steps: Budget) -> None:
        self.steps = steps
        self.ids: dict[object, int] = {}
        self.generators: list[Generator] = []
        self.special: set[int] = set()
        self.complex: set[int] = set()
        self.facts: dict[object, int] = {}
        self.linear: dict[int, list[tuple[Fraction, int]]] = {}
        self.divisors: list[Poly] = []

    @abstractmethod
    def assume(self, poly: Poly, wanted: int) -> None:
        """Go on as if the polynomial had one of these signs."""

    def key(self, poly: Poly) -> object:
        """What a polynomial is known by."""
        return frozenset(poly.items())

    # arithmetic of forms

    def generator(self, key: object, kind: str, made: Node, base: Form | None = None, signs: int = ANY) -> int:
        found = self.ids.get(key)
        if found is None:
            found = self.ids[key] = len(self.generators)
            self.generators.append(Generator(kind, made, base, signs, level(made)))
            if kind in _SPECIAL:
                self.special.add(found)
            if kind in ("imaginary", "unity", "cis") or (kind == "inverse" and base is not None and self.is_complex(base)):
                self.complex.add(found)
        return found

    def atom(self, key: object, kind: str, made: Node, base: Form | None = None, signs: int = ANY) -> Form:
        return Form(from_monomial(((self.generator(key, kind, made, base, signs), 1),)))

    def plus(self, a: Form, b: Form, factor: int = 1) -> Form:
        if a.below == b.below:
            return Form(added(a.above, b.above, factor), a.below)
        below = {poly: max(a.below.get(poly, 0), b.below.get(poly, 0)) for poly in (*a.below, *b.below)}
        sides = []
        for side in (a, b):
            missing = Form(side.above)
            for poly, power in below.items():
                for _ in range(power - side.below.get(poly, 0)):
                    missing = self.times(missing, Form(dict(poly)))
            sides.append(missing)
        if not sides[0].below and not sides[1].below:
            return Form(added(sides[0].above, sides[1].above, factor), below)
        inner = self.plus(sides[0], sides[1], factor)  # a root that became whole has a denominator of its own
        return Form(inner.above, joined(inner.below, below))

    def minus(self, a: Form, b: Form) -> Form:
        return self.plus(a, b, -1)

    def times(self, a: Form, b: Form) -> Form:
        found = self.reduced(product(a.above, b.above, self.steps))
        if not (a.below or b.below):
            return found
        return Form(found.above, joined(found.below, joined(a.below, b.below)))

    def power(self, a: Form, exponent: int) -> Form:
        if exponent < 0:
            return self.power(self.inverse(a), -exponent)
        if exponent > 64:
            raise Over
        found = constant(1)
        for bit in bin(exponent)[2:]:
            found = self.times(found, found)
            if bit == "1":
                found = self.times(found, a)
        return found

    def inverse(self, a: Form) -> Form:
        """1/a; whoever asks has seen to it that a is not 0."""
        if not a.above:
            raise Unproved
        c, common, rest = split_content(a.above)
        found = self.reduced({tuple((g, -e) for g, e in common): 1 / c})
        for poly, power in a.below.items():
            found = self.times(found, self.power(Form(dict(poly)), power))
        if len(rest) == 1:
            return found
        return Form(found.above, joined(found.below, self.known_factors(rest)))

    def known_factors(self, rest: Poly) -> dict[frozenset[tuple[Monomial, Fraction]], int]:
        square = root_of(rest, self.steps)
        if square is None:
            return {frozenset(rest.items()): 1}
        _, _, rest = split_content(square)
        return {poly: 2 * power for poly, power in self.known_factors(rest).items()}

    def product_of(self, polys: Iterable[Poly]) -> Form:
        found = constant(1)
        for poly in polys:
            found = self.times(found, Form(poly))
        return found

    def reduced(self, a: Poly) -> Form:
        """The form in which i^2 = -1, sign(u)^2 = 1, sqrt(u)^2 = u, and 1/u times u is 1."""
        special = self.special
        if not special:
            return Form(a)
        plain: Poly = {}
        others: list[Form] = []
        for monomial, c in a.items():
            for place, (generator, exponent) in enumerate(monomial):
                if generator in special:
                    changed = self.replaced(monomial, place, generator, exponent)
                    if changed is not None:
                        self.steps.spend(1)
                        rest, factor = changed
                        others.append(self.times(self.reduced(from_monomial(rest, c)), factor))
                        break
            else:
                plain = added(plain, {monomial: c})
        found = Form(plain)
        for other in others:
            found = self.plus(found, other)
        return found

    def replaced(self, monomial: Monomial, place: int, generator: int, exponent: Exponent) -> tuple[Monomial, Form] | None:
        """A term without a power that is no normal form, and the form that stands for it; None where all is well."""
        known = self.generators[generator]
        rest = monomial[:place] + monomial[place + 1 :]
        if known.kind == "imaginary":
            if exponent == 1:
                return None
            quarter = int(exponent) % 4
            return rest, Form(from_monomial(((generator, 1),) if quarter % 2 else (), -1 if quarter > 1 else 1))
        if known.kind == "sign":
            if exponent == 1:
                return None
            assert known.base is not None
            own = [m for m in known.base.above]
            if not (len(own) == 1 and any((own[0][0][0] == g) and e >= 1 for g, e in rest)):  # 0 times sign(0)^2 is 0 as well
                self.assume(known.base.above, ANY - NOTHING)
            return rest, Form(from_monomial(((generator, 1),) if exponent % 2 else ()))
        if known.kind == "root":
            whole = floor(exponent)
            if not whole:
                return None
            assert known.base is not None
            left = exponent - whole
            return (monomial_product(rest, ((generator, left),)) if left else rest), self.power(known.base, whole)
        if known.kind == "unity":
            turns = Fraction(exponent) % 2
            sign = -1 if turns >= 1 else 1
            turns %= 1
            if not turns:
                return rest, constant(sign)
            parts = _NUMBER.get(turns)
            if parts is None:
                return None if turns == exponent else (rest, Form(from_monomial(((generator, turns),), sign)))
            real, other = (self.times(constant(Fraction(sign * p, q)), self.number_power(Fraction(r), Fraction(1, 2))) for p, q, r in parts)
            return rest, self.plus(real, self.times(other, self.imaginary()))
        return self.without_inverse(monomial, generator, known)

    def without_inverse(self, monomial: Monomial, generator: int, known: Generator) -> tuple[Monomial, Form] | None:
        """1/(1 + u) times u as 1 - 1/(1 + u)"""
        assert known.base is not None
        divisor = known.base.above
        powers = dict(monomial)
        if powers[generator] < 1:
            return None
        lead = max(divisor)
        own = {g for m in divisor for g, _ in m}
        if not all(powers.get(g, 0) >= e for g, e in lead):
            if len(own) > 1 or () not in divisor or not any(powers.get(g, 0) < 0 for g in own):
                return None
            lead = ()
        rest = monomial_product(monomial, tuple((g, -e) for g, e in (*lead, (generator, 1))))
        c = divisor[lead]
        others = {m: -d / c for m, d in divisor.items() if m != lead}
        return rest, Form(added({(): 1 / c}, scaled(others, ((generator, 1),), 1)))

    def imaginary(self) -> Form:
        return self.atom("imaginary", "imaginary", node("imaginary"))

    def cancelled(self, a: Form) -> Form:
        """Without the denominators that divide the numerator."""
        above, below = a.above, dict(a.below)
        if not above:
            return Form({})
        for poly in a.below:
            while below[poly] and (shorter := divided(above, dict(poly), self.steps)) is not None:
                above = shorter
                below[poly] -= 1
        return Form(above, {poly: power for poly, power in below.items() if power})

    def form_key(self, a: Form) -> object:
        return frozenset(a.above.items()), frozenset(a.below.items())

    def is_complex(self, a: Form) -> bool:
        return bool(self.complex) and any(g in self.complex for poly in (a.above, *map(dict, a.below)) for monomial in poly for g, _ in monomial)

    # signs

    def factors(self, a: Form) -> tuple[Fraction, list[tuple[Poly, Exponent]]]:
        """A number and factors, whose first coefficients are 1, with their powers; what has complex parts is one factor."""
        if self.is_complex(a):
            lead = a.above[max(a.above)]
            return lead, [({m: c / lead for m, c in a.above.items()}, 1), *((dict(poly), -power) for poly, power in a.below.items())]
        c, common, rest = split_content(a.above)
        found: list[tuple[Poly, Exponent]] = [(from_monomial(((generator, 1),)), exponent) for generator, exponent in common]
        if len(rest) > 1:
            found.append((rest, 1))
        return c, found + [(dict(poly), -power) for poly, power in a.below.items()]

    def signs(self, a: Form) -> int:
        """The signs that the value may have, as bits."""
        if not a.above:
            return NOTHING
        whole = self.facts.get(self.whole_key(a), ANY)
        if self.is_complex(a):
            return whole
        c, factors = self.paired(a)
        found = POSITIVE if c > 0 else NEGATIVE
        for poly, exponent in factors:
            signs = self.poly_signs(poly)
            if exponent % 2 == 0:
                signs = (signs & NOTHING) | (POSITIVE if signs & ~NOTHING else 0)
            found = signs_product(found, signs)
        return found & whole or whole

    def paired(self, a: Form) -> tuple[Fraction, list[tuple[Poly, Exponent]]]:
        """Factors with the signs of those of the form: u*sign(u) has the sign of u^2."""
        c, factors = self.factors(a)
        powers = {frozenset(poly.items()): exponent for poly, exponent in factors}
        for poly, exponent in factors:
            base = self.generators[next(iter(poly))[0][0]].base if len(poly) == 1 and next(iter(poly)) else None
            key = frozenset(base.above.items()) if base is not None and self.generators[next(iter(poly))[0][0]].kind == "sign" else None
            if key is not None and exponent % 2 and powers.get(key, 0) % 2:
                del powers[frozenset(poly.items())]
                powers[key] += 1
        return c, [(dict(poly), exponent or 2) for poly, exponent in powers.items()]

    def whole_key(self, a: Form) -> object:
        return "whole", self.form_key(a)

    def poly_signs(self, poly: Poly) -> int:
        """The signs of a polynomial whose first coefficient is 1."""
        known = self.facts.get(self.key(poly), ANY)
        if known in (NEGATIVE, NOTHING, POSITIVE):
            return known
        if len(poly) == 1:
            ((monomial, _),) = poly.items()
            if len(monomial) == 1 and monomial[0][1] == 1:
                known &= self.generator_signs(monomial[0][0])
                return known & self.interval(monomial[0][0], Fraction(0)) or known
        else:
            compared = self.compared_exponentials(poly)
            if compared is not None:
                return known & self.signs(compared) or known
            univariate = self.univariate(poly)
            if len(poly) > 2 and (square := root_of(poly, self.steps)) is not None:
                _, common, inner = split_content(square)
                if not common and not self.is_complex(Form(poly)):
                    known &= NOTHING | POSITIVE if self.poly_signs(inner) & NOTHING else POSITIVE
                    return known or POSITIVE
            if univariate is not None:
                generator, coefficients = univariate
                if set(coefficients) <= {0, 1}:
                    known &= self.interval(generator, coefficients.get(0, Fraction(0)))
                elif set(coefficients) <= {0, 1, 2}:
                    a, b, c = (coefficients.get(n, Fraction(0)) for n in (2, 1, 0))
                    if b * b < 4 * a * c and generator not in self.complex:
                        return POSITIVE if a > 0 else NEGATIVE
        total = 0
        for monomial, c in poly.items():
            signs = POSITIVE if c > 0 else NEGATIVE
            for generator, exponent in monomial:
                own = self.generator_signs(generator)
                if generator in self.complex:
                    return known
                if isinstance(exponent, int) and exponent % 2 == 0:
                    own = (own & NOTHING) | (POSITIVE if own & ~NOTHING else 0)
                signs = signs_product(signs, own)
            total |= signs if signs != NOTHING else 0
            if total & NEGATIVE and total & POSITIVE:
                return known
            if not signs & NOTHING:
                total |= 8
        if not total:
            return NOTHING
        found = total & (NEGATIVE | POSITIVE)
        return known & (found if total & 8 else found | NOTHING) or known

    def generator_signs(self, generator: int) -> int:
        known = self.generators[generator]
        if generator in self.complex:
            return ANY
        found = known.signs & self.facts.get(self.key(from_monomial(((generator, 1),))), ANY)
        if known.kind == "root":
            assert known.base is not None
            return POSITIVE if self.signs(known.base) == POSITIVE else NOTHING | POSITIVE
        return found or known.signs

    def interval(self, generator: int, shift: Fraction) -> int:
        """The signs of generator + shift, from what is known about other shifts of it."""
        found = ANY
        for other, signs in self.linear.get(generator, ()):
            gap = shift - other  # generator + shift is gap more
            if not signs & NEGATIVE and gap >= 0:
                found &= POSITIVE if gap > 0 or not signs & NOTHING else NOTHING | POSITIVE
            if not signs & POSITIVE and gap <= 0:
                found &= NEGATIVE if gap < 0 or not signs & NOTHING else NOTHING | NEGATIVE
        return found

    def univariate(self, poly: Poly) -> tuple[int, dict[int, Fraction]] | None:
        generator = -1
        found: dict[int, Fraction] = {}
        for monomial, c in poly.items():
            if len(monomial) > 1 or (monomial and (not isinstance(monomial[0][1], int) or monomial[0][1] < 1)):
                return None
            if monomial:
                if generator not in (-1, monomial[0][0]):
                    return None
                generator = monomial[0][0]
            found[int(monomial[0][1]) if monomial else 0] = c
        return (generator, found) if generator >= 0 else None

    def compared_exponentials(self, poly: Poly) -> Form | None:
        """u for exp(u) - 1: its sign."""
        if len(poly) != 2 or sorted(poly.values()) != [-1, 1]:
            return None
        (left,) = (m for m, c in poly.items() if c == 1)
        (right,) = (m for m, c in poly.items() if c == -1)
        found = Form({})
        for generator, exponent in monomial_product(left, tuple((g, -e) for g, e in right)):
            known = self.generators[generator]
            if known.kind != "exp" or known.base is None:
                return None
            found = self.plus(found, self.times(constant(Fraction(exponent)), known.base))
        return found

    def learn(self, a: Form, wanted: int) -> None:
        """Take for granted that the form has one of these signs."""
        if not a.above:
            return
        self.facts[self.whole_key(a)] = self.facts.get(self.whole_key(a), ANY) & wanted
        c, factors = self.paired(a)
        open_: list[Poly] = []
        may_vanish = 0
        sign = POSITIVE if c > 0 else NEGATIVE
        real = not self.is_complex(a)
        if not wanted & NOTHING:
            for poly in self.nonzero(a):
                self.note(poly, ANY - NOTHING)
        for poly, exponent in factors:
            signs = self.poly_signs(poly)
            may_vanish += bool(signs & NOTHING)
            if not real or exponent % 2:
                if real and signs in (POSITIVE, NEGATIVE):
                    sign = signs_product(sign, signs)
                else:
                    open_.append(poly)
            elif wanted == NOTHING and signs & NOTHING:
                open_.append(poly)
        if len(open_) == 1 and real and (may_vanish <= 1 or wanted in (POSITIVE, NEGATIVE)):
            self.note(open_[0], wanted if sign == POSITIVE else opposite(wanted))

    def nonzero(self, a: Form) -> list[Poly]:
        """Polynomials that are all not 0 just where the form has a value and is not 0."""
        found: dict[frozenset[tuple[Monomial, Fraction]], None] = {}
        _, common, rest = split_content(a.above)
        stack = [from_monomial(((g, 1),)) for g, _ in common] + [dict(poly) for poly in (*self.known_factors(rest), *a.below)]
        while stack:
            poly = stack.pop()
            if len(poly) == 1:
                ((monomial, _),) = poly.items()
                for generator, _ in monomial:
                    known = self.generators[generator]
                    if known.kind in ("sign", "root") and known.base is not None and known.base.above:
                        stack += self.nonzero(known.base)
                    elif known.kind not in ("exp", "cis", "unity", "imaginary", "inverse"):
                        found[frozenset({((generator, 1),): Fraction(1)}.items())] = None
            else:
                exponent = self.compared_exponentials(poly)
                if exponent is not None:
                    stack += self.nonzero(exponent)
                else:
                    found[frozenset(poly.items())] = None
        return [dict(poly) for poly in found]

    def without_known(self, poly: Poly) -> Poly:
        """A polynomial without the factors that are known not to be 0."""
        for other in self.divisors if len(poly) > 1 else ():
            while len(poly) > 1 and poly != other and (shorter := divided(poly, other, self.steps)) is not None:
                _, common, poly = split_content(shorter)
                if common:
                    poly = scaled(poly, common, 1)
        return poly

    def note(self, poly: Poly, signs: int) -> None:
        key = self.key(poly)
        self.facts[key] = self.facts.get(key, ANY) & signs or signs
        if not signs & NOTHING and len(poly) > 1 and poly not in self.divisors:
            self.divisors.append(poly)
        univariate = self.univariate(poly)
        if univariate is not None and set(univariate[1]) <= {0, 1} and univariate[1][1] == 1:
            self.linear.setdefault(univariate[0], []).append((univariate[1].get(0, Fraction(0)), self.facts[key]))
        exponent = self.compared_exponentials(poly)
        if exponent is not None:
            self.learn(exponent, signs)
        square = root_of(poly, self.steps) if len(poly) > 2 else None
        if square is not None and not signs & NOTHING:
            self.note(split_content(square)[2], ANY - NOTHING)

    # forms as formulas

    def poly_node(self, poly: Poly) -> Node:
        terms = []
        order = sorted(poly, key=lambda monomial: ((), poly[monomial] < 0) if not monomial else ((1,), poly[monomial] < 0))
        order = [m for m in order if m] + [m for m in order if not m]
        order.sort(key=lambda m: (not m, poly[m] < 0))
        for monomial in order:
            c = poly[monomial]
            factors = [self.power_node(generator, exponent) for generator, exponent in monomial]
            if abs(c) != 1 or not factors:
                factors.insert(0, number(abs(c)))
            term = factors[0] if len(factors) == 1 else node("*", *factors)
            terms.append(term if c > 0 else node("neg", term))
        return ZERO if not terms else terms[0] if len(terms) == 1 else node("+", *terms)

    def power_node(self, generator: int, exponent: Exponent) -> Node:
        known = self.generators[generator]
        if known.kind in ("exp", "cis"):
            assert known.base is not None
            return node(known.kind, self.form_node(self.times(constant(Fraction(exponent)), known.base)))
        if known.kind == "root" and exponent != 1:
            if exponent == Fraction(1, 2):
                return node("sqrt", known.node)
            return node("^", known.node, number(Fraction(exponent)))
        return known.node if exponent == 1 else node("^", known.node, number(Fraction(exponent)))

    def form_node(self, a: Form) -> Node:
        if self.is_complex(a):
            for poly in a.below:
                if self.is_complex(Form(dict(poly))):
                    other = self.conjugate(dict(poly))
                    power = a.below[poly]
                    real = self.power(self.times(Form(dict(poly)), other), power)
                    a = self.times(Form(a.above, {p: n for p, n in a.below.items() if p != poly}), self.power(other, power))
                    return node("/", self.form_node(a), self.form_node(real))
            above = self.real_node(a.above)
            return node("/", above, self.form_node(Form(from_monomial(()), a.below)).args[1]) if a.below else above
        above = self.poly_node(a.above)
        if not a.below:
            return above
        below = [node("^", own, number(power)) if power > 1 else own for poly, power in a.below.items() for own in (self.poly_node(dict(poly)),)]
        return node("/", above, below[0] if len(below) == 1 else node("*", *below))

    def conjugate(self, a: Poly) -> Form:
        """The form with -i for i."""
        found = Form({})
        for monomial, c in a.items():
            term = constant(c)
            for generator, exponent in monomial:
                kind = self.generators[generator].kind
                if kind == "inverse" and generator in self.complex:
                    raise Unproved
                turned = -exponent if kind in ("cis", "unity", "imaginary") else exponent
                term = self.times(term, self.reduced(from_monomial(((generator, turned),))))
            found = self.plus(found, term)
        return found

    def real_node(self, a: Poly) -> Node:
        """A real polynomial with sines and cosines: the sum of the real parts of its terms."""
        terms = []
        for monomial, c in a.items():
            angle, imaginary = Form({}), False
            rest: list[tuple[int, Exponent]] = []
            turn: list[Node] = []
            for generator, exponent in monomial:
                known = self.generators[generator]
                if known.kind == "imaginary":
                    imaginary = True
                elif known.kind == "cis" and known.base is not None:
                    angle = self.plus(angle, self.times(constant(Fraction(exponent)), known.base))
                elif known.kind == "unity":
                    turn.append(node("*", number(Fraction(exponent)), node("constant", value="pi")))
                elif generator in self.complex:
                    raise Unproved
                else:
                    rest.append((generator, exponent))
            angles = node("+", self.form_node(angle), *turn) if turn else self.form_node(angle)
            factor = node("sin" if imaginary else "cos", angles)
            terms.append(node("*", self.poly_node({tuple(rest): -c if imaginary else c}), factor))
        return ZERO if not terms else terms[0] if len(terms) == 1 else node("+", *terms)

    def root_generator(self, base: Form, exponent: Fraction) -> Form:
        generator = self.generator(("root", self.form_key(base)), "root", self.form_node(base), base, NOTHING | POSITIVE)
        return self.reduced(from_monomial(((generator, whole(exponent)),)))

    def number_power(self, value: Fraction, exponent: Fraction) -> Form:
        """A positive number to a fraction, as a product of roots of primes."""
        found = constant(1)
        for p, power in primes(value).items():
            by = power * exponent
            if by.denominator == 1:
                found = self.times(found, constant(Fraction(p) ** int(by))) if abs(by) < 100 else self.unproved()
            else:
                found = self.times(found, self.root_generator(constant(p), by))
        return found

    def unproved(self) -> NoReturn:
        raise Unproved
