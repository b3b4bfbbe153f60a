"""A proof that two formulas are one function: their difference is brought to a normal form that is 0.

The normal form is a quotient of polynomials in generators: parameters and data, exp(u), log|u|, roots, signs, sums, and whatever is not known better.
What a rewriting takes for granted, or a formula needs to have a value, is kept as a condition, and dropped where the other formula needs it as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import permutations
from itertools import product as combinations
from typing import Final

from symgd.nodes.node import COMPARISONS, ONE, REDUCTIONS, ZERO, Node, fraction, index, node, number, postorder, range_, rebuilt, substituted
from symgd.nodes.polynomial import node_of, polynomial
from symgd.reading.text import expression
from symgd.verification.polynomials import (
    ANY,
    NEGATIVE,
    NOTHING,
    POSITIVE,
    Budget,
    Exponent,
    Form,
    Generator,
    Monomial,
    Over,
    Poly,
    Ring,
    Unproved,
    constant,
    from_monomial,
    joined,
    level,
    opposite,
    primes,
    root_of,
    signs_product,
    split_content,
    whole,
)  # fmt: skip

__all__ = ["Proof", "proof"]

REWRITTEN: Final = {
    "tanh": "(exp(2*u) - 1)/(exp(2*u) + 1)", "sinh": "(exp(u) - exp(-u))/2", "cosh": "(exp(u) + exp(-u))/2",
    "coth": "(exp(2*u) + 1)/(exp(2*u) - 1)", "sech": "2*exp(u)/(exp(2*u) + 1)", "csch": "2*exp(u)/(exp(2*u) - 1)",
    "sigmoid": "exp(u)/(1 + exp(u))", "softplus": "log(1 + exp(u))", "logcosh": "log((exp(u) + exp(-u))/2)", "expm1": "exp(u) - 1",
    "log1mexp": "log(1 - exp(u))", "log1p": "log(1 + u)", "logbase": "log(u)/log(v)", "log2": "log(u)/log(2)", "log10": "log(u)/log(10)",
    "exp2": "exp(u*log(2))", "logaddexp": "log(exp(u) + exp(v))", "logaddexp2": "log(exp(u*log(2)) + exp(v*log(2)))/log(2)",
    "tan": "sin(u)/cos(u)", "sec": "1/cos(u)", "csc": "1/sin(u)", "cot": "cos(u)/sin(u)", "hypot": "sqrt(u^2 + v^2)",
    "fma": "u*v + w", "cbrt": "sign(u)*abs(u)^(1/3)", "erfc": "1 - erf(u)", "trigamma": "polygamma(1, u)",
}  # fmt: skip
"""A function in terms of fewer; wherever one side has a value the other has the same."""

EXPANDED: Final = {
    "sinc": ("sin(u)/u", "u"), "dsinc": ("cos(u)/u - sin(u)/u^2", "u"), "unit": ("u/sqrt(u^2 + v^2)", "u^2 + v^2"), "xlogy": ("u*log(v)", "u"),
    "asinh": ("log(u + sqrt(u^2 + 1))", "1"), "heaviside": ("(1 + sign(u))/2", "u"),
}  # fmt: skip
"""The same but where the second formula is 0."""

TOTAL: Final = frozenset({"atan", "erf", "asinh", "floor", "ceiling", "atan2", "sinc", "dsinc", "unit", "heaviside", "acot"})
"""Functions that have a value wherever their arguments have one."""

CASES = 5  # conditions of branches, one inside the other
ORDERS = 24  # of the letters of a sum that are tried for its canonical names


@dataclass(frozen=True, slots=True)
class Proof:
    """The formulas are the same function. `needs`: conditions under which the answer has a value; the other formula has one anyway.

    A letter that is free in a condition and in neither formula stands for all its values.
    """

    needs: tuple[Node, ...]


def proof(exact: Node, answer: Node, *, budget: int = 20_000) -> Proof | None:
    """A proof that the answer is the same function as `exact`, wherever that has a value; None if none is found in `budget` steps.

    At the kinks of `exact`, where abs(u), sign(u) or max(u, 0) has u = 0, any value is accepted.

    >>> from symgd.nodes.text import text
    >>> found = proof(expression("2*w"), expression("2*w^2/w"))
    >>> print(*map(text, found.needs))
    w != 0
    >>> proof(expression("1 - tanh(w)^2"), expression("4/(exp(w) + exp(-w))^2")), proof(expression("sign(w)"), expression("1"))
    (Proof(needs=()), None)
    """
    if exact is answer:
        return Proof(())
    steps = Budget(budget)
    for expand in (False, True):
        try:
            found = _cases(exact, answer, {}, steps, expand, 0)
        except (Over, RecursionError, _Undefined):
            return None
        if found is not None:
            return Proof(tuple(dict.fromkeys(map(_readable, found.needs))))
        steps.left = max(steps.left, budget // 2)
    return None


class _Undefined(Exception):
    """The formula has no value, whatever its names are."""


class _Split(Exception):
    """The sign of a polynomial decides what the formula is."""

    def __init__(self, about: Node) -> None:
        self.about = about


@dataclass
class _Found:
    """What is needed, and the kinks of the exact formula."""

    needs: list[Node]
    kinks: set[Node]


def _cases(exact: Node, answer: Node, known: dict[Node, int], steps: Budget, expand: bool, depth: int) -> _Found | None:
    """The needs of a proof in which these formulas have these signs; branch by branch where conditions ask for it."""
    forms = _Forms(steps, known, expand)
    try:
        found = forms.compared(exact, answer)
        if found is None:
            return _Found([], set()) if depth else None
        return _Found([need for need in found.needs if not _holds_without(need, exact, answer, steps, expand, depth)], found.kinks)
    except Unproved:
        return None
    except _Split as split:
        about = split.about
    if depth >= CASES:
        return None
    needs: list[Node] = []
    kinks: set[Node] = set(forms.kink_nodes)
    for sign in (NEGATIVE, POSITIVE):
        try:
            found = _cases(exact, answer, {**known, about: sign}, steps, expand, depth + 1)
        except _Undefined:
            return None
        if found is None:
            return None
        needs += found.needs
        kinks |= found.kinks
    solved = _solved(about)
    try:
        if solved is not None:
            at_zero = _cases(substituted(exact, solved), substituted(answer, solved), {}, steps, expand, depth + 1)
        else:
            at_zero = _cases(exact, answer, {**known, about: NOTHING}, steps, expand, depth + 1)
        if at_zero is not None:
            needs += at_zero.needs
        elif about not in kinks:
            return None
    except _Undefined:
        if about not in kinks:
            needs.append(node("!=", about, ZERO))
    return _Found(needs, kinks)


def _holds_without(need: Node, exact: Node, answer: Node, steps: Budget, expand: bool, depth: int) -> bool:
    """Are the formulas equal also where u != 0 is not so? Then it is no need."""
    solved = _solved(need.args[0]) if need.op == "!=" and depth < CASES else None
    if solved is None or (next(iter(solved)).free - exact.free - answer.free):
        return False
    try:
        found = _cases(substituted(exact, solved), substituted(answer, solved), {}, steps, expand, depth + 1)
    except _Undefined:
        return False
    return found is not None and not found.needs


def _solved(about: Node) -> dict[Node, Node] | None:
    """What stands for one access where a polynomial in it of degree 1 is 0."""
    terms = about.args if about.op == "+" else (about,)
    constant = ZERO
    found: Node | None = None
    for term in terms:
        if term.op == "access" and found is None:
            found = term
        elif (term.op == "number" or (term.op == "neg" and term.args[0].op == "number")) and constant is ZERO:
            constant = term
        else:
            return None
    if found is None:
        return None
    return {found: constant.args[0] if constant.op == "neg" else constant if constant is ZERO else node("neg", constant)}


class _Forms(Ring):
    """The normal forms of the parts of two formulas, and what was taken for granted on the way."""

    def __init__(self, steps: Budget, known: dict[Node, int], expand: bool) -> None:
        super().__init__(steps)
        self.expand = expand
        self.memo: dict[Node, Form] = {}
        self.quiet_memo: dict[Node, Form] = {}
        self.learned: list[tuple[Form, int]] = []
        self.taken: frozenset[Node] = frozenset()
        self.bound: dict[Node, tuple[Node, Node, Node]] = {}  # fresh letter -> letter as written, low, high
        self.kinks: set[object] = set()
        self.kink_nodes: set[Node] = set()
        self.assumed: dict[Node, tuple[list[Poly], int]] = {}
        self.branch: dict[Node, tuple[list[Poly], int]] = {}
        self.branches: dict[object, list[set[object]]] = {}
        self.defined: set[int] = set()
        self.opaque: set[object] = set()
        self.mode, self.strict, self.quiet, self.letters = "", True, False, 0
        for about, sign in known.items():
            self.learn(self.form(about), sign)

    def compared(self, exact: Node, answer: Node) -> _Found | None:
        """The needs of the answer, None if `exact` has no value anywhere. Raises Unproved, and _Undefined if the answer has none."""
        self.memo.clear()
        self.mode, self.taken = "exact", exact.free | answer.free
        try:
            self.form(exact)
        except _Undefined:
            return None
        for a, wanted in list(self.learned):  # once more, with all that is known by now
            self.learn(a, wanted)
        for mode in ("answer", ""):
            if not mode:
                known = dict(self.facts), {generator: list(rows) for generator, rows in self.linear.items()}
                for polys, wanted in list(self.assumed.values()):
                    self.learn(self.product_of(polys), wanted)
            self.memo.clear()
            self.mode = mode
            if mode:
                self.form(answer)
        difference = self.minus(self.form(exact), self.form(answer))
        if difference.above:
            raise Unproved
        self.facts, self.linear = known
        needs = []
        for condition, (polys, wanted) in self.assumed.items():
            at_kink = len(polys) == 1 and wanted == ANY - NOTHING and self.key(polys[0]) in self.kinks
            if self.signs(self.product_of(polys)) & ~wanted and not at_kink:
                needs.append(condition)
        return _Found(needs, self.kink_nodes)

    # conditions

    def key(self, poly: Poly) -> object:
        """A polynomial, the same whatever its bound letters are called."""
        bound = [letter for letter in self.bound if any(letter in self.generators[g].node.free for m in poly for g, _ in m)]
        if not bound:
            return frozenset(poly.items())
        ranges = {letter: self.bound[letter][1:] for letter in bound}
        return self.canonical(bound, ranges, Form(poly))[0]

    def require(self, a: Form, wanted: int, source: Node) -> None:
        """The form has one of these signs, or the formula has no value."""
        signs = self.signs(a)
        if not signs & ~wanted:
            return
        if self.quiet or not self.mode:
            return
        if not signs & wanted:
            if self.strict:
                raise _Undefined
            raise Unproved
        if self.mode == "exact":
            if self.strict:
                self.learned.append((a, wanted))
                self.learn(a, wanted)
                return
            kept, self.assumed = self.assumed, self.branch  # needed where a branch is taken
            try:
                self.needed(a, wanted, source)
            except Unproved:
                pass
            finally:
                self.assumed = kept
            return
        self.needed(a, wanted, source)

    def needed(self, a: Form, wanted: int, source: Node) -> None:
        """Keep as conditions what makes the form have one of these signs."""
        if wanted == ANY - NOTHING:
            for poly in map(self.without_known, self.nonzero(a)):
                if self.poly_signs(poly) & NOTHING:
                    if any(g in self.complex for m in poly for g, _ in m):
                        while source.op == "^":
                            source = source.args[0]
                        self.assume_node(node("!=", self.as_written(source), ZERO), [poly], wanted, Form(poly))
                    else:
                        self.assume(poly, wanted)
            return
        if self.is_complex(a):
            self.assume_node(node(_comparison(wanted), self.as_written(source), ZERO), [a.above], wanted, a)
            return
        c, factors = self.paired(a)
        sign = POSITIVE if c > 0 else NEGATIVE
        open_: list[Poly] = []
        for poly, exponent in factors:
            own = self.poly_signs(poly)
            if not wanted & NOTHING and exponent % 2 == 0:
                if own & NOTHING:
                    self.assume(poly, ANY - NOTHING)
            elif exponent % 2 or own == NOTHING:
                if own in (POSITIVE, NEGATIVE):
                    sign = signs_product(sign, own)
                else:
                    open_.append(poly)
        if open_:
            self.assume_product(open_, wanted if sign == POSITIVE else opposite(wanted))

    def assume(self, poly: Poly, wanted: int) -> None:
        """Go on as if the polynomial had one of these signs, and keep that as a condition."""
        if self.quiet or not self.poly_signs(poly) & ~wanted:
            return
        if not self.poly_signs(poly) & wanted:
            raise Unproved
        if wanted != ANY - NOTHING:
            return self.assume_product([poly], wanted)
        for factor in self.nonzero(Form(poly)):
            if self.poly_signs(factor) & NOTHING:
                self.assume_product([factor], wanted)

    def assume_product(self, polys: list[Poly], wanted: int) -> None:
        if any(g in self.complex for poly in polys for m in poly for g, _ in m):
            raise Unproved
        about = self.product_of(polys)
        if about.below:
            raise Unproved
        condition, about_node = _comparison(wanted), self.shown(about.above)
        if about_node.op == "neg" and condition in _MIRRORED:
            condition, about_node = _MIRRORED[condition], about_node.args[0]
        self.assume_node(node(condition, about_node, ZERO), polys, wanted, about)

    def assume_node(self, condition: Node, polys: list[Poly], wanted: int, about: Form) -> None:
        if self.quiet:
            return
        if any(letter.value.startswith(("~", "#")) for letter in condition.free):
            raise Unproved
        # polynomials with bound letters are kept under canonical names
        bound = [letter for letter in self.bound if any(letter in self.generators[g].node.free for poly in polys for m in poly for g, _ in m)]
        if bound:
            ranges = {letter: self.bound[letter][1:] for letter in bound}
            if self.signs(about) & ~wanted == 0:
                return
            facts = self.facts.get(self.canonical(bound, ranges, about)[0], ANY)
            if len(polys) == 1 and (not facts & ~wanted or (wanted == ANY - NOTHING and self.canonical(bound, ranges, about)[0] in self.kinks)):
                return
            renamed = self.canonical(bound, ranges, about)[2]
            self.assumed[condition] = ([renamed.above], wanted)
            return
        self.assumed[condition] = (polys, wanted)

    def as_written(self, part: Node) -> Node:
        """With the letters as they were, not the fresh ones."""
        return substituted(part, {letter: known[0] for letter, known in self.bound.items()})

    def shown(self, poly: Poly) -> Node:
        return self.as_written(self.poly_node(poly))

    # the normal form of a formula

    def form(self, part: Node) -> Form:
        memo = self.quiet_memo if self.quiet else self.memo
        found = memo.get(part)
        if found is None:
            self.steps.spend(1)
            found = memo[part] = self.made(part)
        return found

    def made(self, part: Node) -> Form:
        op, args = part.op, part.args
        if op == "number":
            return constant(fraction(part))
        if op == "constant":
            return self.atom("pi", "pi", part, signs=POSITIVE) if part.value == "pi" else self.exp(constant(1))
        if op == "access":
            own = node("access", *map(_subscript, args), value=part.value)
            return self.atom(own, "access", own)
        if op == "index":
            return self.atom(part, "index", part)
        if op == "length":
            return self.atom(part, "length", part, signs=POSITIVE)
        if op == "+":
            total = self.form(args[0])
            for term in args[1:]:
                total = self.plus(total, self.form(term))
            return total
        if op == "neg":
            return self.minus(constant(0), self.form(args[0]))
        if op == "*":
            total = self.form(args[0])
            for factor in args[1:]:
                total = self.times(total, self.form(factor))
            return total
        if op == "/":
            below = self.form(args[1])
            self.require(below, ANY - NOTHING, args[1])
            return self.times(self.form(args[0]), self.inverse(below))
        if op == "^":
            return self.raised(part)
        if op == "piecewise":
            return self.choice(part)
        if op in REDUCTIONS:
            return self.reduction(part)
        if op in REWRITTEN and (op != "cbrt" or args):
            return self.form(_filled(REWRITTEN[op], args))
        if op in EXPANDED and self.expand:
            formula, except_ = EXPANDED[op]
            other = self.form(_filled(except_, args))
            if not other.above or self.is_complex(other):
                raise Unproved
            for poly, _ in self.factors(other)[1]:
                self.assume(poly, ANY - NOTHING)
            strict, self.strict = self.strict, False  # what the second formula needs is not known to hold
            try:
                return self.form(_filled(formula, args))
            finally:
                self.strict = strict
        maker: Callable[..., Form] | None = getattr(self, f"of_{op}", None)
        if maker is not None:
            return maker(*args)
        return self.unknown(part)

    def unknown(self, part: Node, partial: bool | None = None) -> Form:
        """A generator of its own with normal forms as arguments."""
        if part.op in ("@", "transpose", "derivative", "marked", "range") or not part.args:
            raise Unproved
        inner = [self.cancelled(self.form(argument)) for argument in part.args]
        made = node(part.op, *map(self.form_node, inner), value=part.value)
        found = self.generator((part.op, *map(self.form_key, inner)), "function", made)
        if part.op not in TOTAL:
            self.has_value(found, part.op, inner, part)
        return Form(from_monomial(((found, 1),)))

    def has_value(self, generator: int, op: str, inner: Sequence[Form], part: Node) -> None:
        """A function that is not defined everywhere: where `exact` has it too, or under a condition."""
        if self.quiet or not self.mode or generator in self.defined or self.canonical_of(generator) in self.opaque:
            return
        if self.mode == "exact":
            if self.strict:
                self.defined.add(generator)
                self.opaque.add(self.canonical_of(generator))
            return
        u = inner[0]
        if op in ("asin", "acos", "atanh"):
            wanted = POSITIVE if op == "atanh" else POSITIVE | NOTHING
            self.require(self.minus(constant(1), self.times(u, u)), wanted, node("+", ONE, node("neg", node("^", part.args[0], number(2)))))
        elif op == "acosh":
            self.require(self.minus(u, constant(1)), POSITIVE | NOTHING, node("+", part.args[0], node("neg", ONE)))
        elif op in ("gamma", "digamma", "loggamma", "polygamma", "factorial"):
            last = inner[-1]
            self.require(last, POSITIVE, part.args[-1])
        elif op == "mod":
            self.require(inner[1], ANY - NOTHING, part.args[1])
        else:
            raise Unproved

    def canonical_of(self, generator: int) -> object:
        return "value", self.key(from_monomial(((generator, 1),)))

    # powers, exponentials, logarithms

    def raised(self, part: Node) -> Form:
        base, exponent = part.args
        by = self.form(exponent)
        value = by.above.get((), Fraction(0)) if not by.below and set(by.above) <= {()} else None
        if base.op == "constant" and base.value == "e":
            return self.exp(by)
        if value is not None and value.denominator == 1:
            if base.op == "abs" and value % 2 == 0:
                base = base.args[0]
            a = self.form(base)
            if value < 0:
                self.require(a, ANY - NOTHING, base)
            return self.power(a, int(value))
        if value is not None:
            return self.root(self.form(base), value, base)
        a = self.form(base)
        if not a.above:
            raise Unproved
        if self.signs(a) == POSITIVE:
            return self.exp(self.times(by, self.log(a)))
        if self.expand:
            self.assume_product([a.above], POSITIVE) if not a.below else self.unproved()
            return self.exp(self.times(by, self.log(a)))
        return self.symbolic_power(part, a, by)

    def symbolic_power(self, part: Node, a: Form, by: Form) -> Form:
        """u^v as a generator, whole numbers in the exponent taken out of it."""
        whole = by.above.get((), Fraction(0)) if not by.below else Fraction(0)
        if whole.denominator != 1:
            whole = Fraction(0)
        by, a = self.cancelled(self.minus(by, constant(whole))), self.cancelled(a)
        made = node("^", self.form_node(a), self.form_node(by))
        found = self.generator(("^", self.form_key(a), self.form_key(by)), "function", made)
        if not self.quiet and self.mode and found not in self.defined:
            if self.mode == "exact" and self.strict:
                self.defined.add(found)
            elif self.mode == "answer":
                self.require(a, POSITIVE, part.args[0])
        if whole:
            for poly, _ in self.factors(a)[1]:
                self.assume(poly, ANY - NOTHING)
        return self.times(Form(from_monomial(((found, 1),))), self.power(a, int(whole)))

    def of_sqrt(self, u: Node) -> Form:
        return self.root(self.form(u), Fraction(1, 2), u)

    def of_exp(self, u: Node) -> Form:
        return self.exp(self.form(u))

    def of_log(self, u: Node) -> Form:
        a = self.form(u)
        self.require(a, POSITIVE, u)
        return self.log(a)

    def of_abs(self, u: Node) -> Form:
        a = self.form(u)
        self.kink(a)
        return self.absolute(a)

    def of_sign(self, u: Node) -> Form:
        a = self.form(u)
        self.kink(a)
        return self.sign(a)

    def of_max(self, *args: Node) -> Form:
        return self.extreme(args, 1)

    def of_min(self, *args: Node) -> Form:
        return self.extreme(args, -1)

    def extreme(self, args: Sequence[Node], factor: int) -> Form:
        """max(u, v) is (u + v + |u - v|)/2."""
        found = self.form(args[0])
        for other in args[1:]:
            v = self.form(other)
            gap = self.minus(found, v)
            self.kink(gap)
            size = self.absolute(gap)
            found = self.times(constant(Fraction(1, 2)), self.plus(self.plus(found, v), size, factor))
        return found

    def kink(self, a: Form) -> None:
        if self.mode != "exact" or self.quiet or not a.above or self.is_complex(a):
            return
        for poly, exponent in self.factors(a)[1]:
            if exponent > 0:
                self.kinks.add(self.key(poly))
                self.kink_nodes.add(self.shown(poly))

    def sign(self, a: Form, of_size: bool = False) -> Form:
        """sign(a); `of_size`: it is multiplied by a, so that its value does not matter where a is 0."""
        if not a.above:
            return constant(0)
        signs = self.signs(a)
        if signs in (NEGATIVE, NOTHING, POSITIVE):
            return constant({NEGATIVE: -1, NOTHING: 0, POSITIVE: 1}[signs])
        if of_size and not signs & NEGATIVE:
            return constant(1)
        if of_size and not signs & POSITIVE:
            return constant(-1)
        if self.is_complex(a):
            a = self.cancelled(a)
            lead = a.above[max(a.above)]
            plain = Form({m: c / lead for m, c in a.above.items()}, a.below)
            found = self.atom(("sign", self.form_key(plain)), "sign", node("sign", self.form_node(plain)), plain)
            return self.times(constant(1 if lead > 0 else -1), found)
        c, factors = self.factors(a)
        found = constant(1 if c > 0 else -1)
        for poly, exponent in factors:
            signs = self.poly_signs(poly)
            if not of_size and signs & NOTHING and (exponent % 2 == 0 or signs != ANY):
                self.assume(poly, ANY - NOTHING)
            if exponent % 2 == 0 or not signs & NEGATIVE:
                continue
            if not signs & POSITIVE:
                found = self.times(found, constant(-1))
                continue
            inner = self.compared_exponentials(poly)
            found = self.times(found, self.sign(inner, of_size) if inner is not None else self.sign_of(poly))
        return found

    def sign_of(self, poly: Poly) -> Form:
        return self.atom(("sign", frozenset(poly.items())), "sign", node("sign", self.poly_node(poly)), Form(poly))

    def absolute(self, a: Form) -> Form:
        return self.times(a, self.sign(a, of_size=True))

    def root(self, a: Form, exponent: Fraction, source: Node) -> Form:
        """a^(p/q), which has a value where a >= 0."""
        self.require(a, POSITIVE | NOTHING if exponent > 0 else POSITIVE, source)
        if not a.above:
            return constant(0)
        if self.is_complex(a):
            return self.root_generator(self.cancelled(a), exponent)
        c, factors = self.factors(a)
        found = self.number_power(abs(c), exponent)
        rest = constant(1 if c > 0 else -1)
        odd: list[tuple[Poly, Exponent]] = []
        for poly, power in factors:
            square = root_of(poly, self.steps) if len(poly) > 2 else None
            if square is not None:
                _, common, poly = split_content(square)
                assert not common
                power = 2 * power
            signs = self.poly_signs(poly)
            if not signs & NEGATIVE:
                found = self.times(found, self.positive_power(poly, power * exponent))
            elif power % 2 == 0:
                size = self.absolute(Form(poly))
                by = Fraction(power) * exponent
                found = self.times(found, self.power(size, int(by)) if by.denominator == 1 else self.root_generator(size, by))
            else:
                odd.append((poly, power))
        if not odd:
            if c < 0:
                raise Unproved
            return found
        if len(odd) == 1:
            ((poly, power),) = odd
            return self.times(found, self.root_generator(self.times(rest, Form(poly)), Fraction(power) * exponent))
        for poly, power in odd:
            rest = self.times(rest, self.power(Form(poly), int(power)))
        return self.times(found, self.root_generator(rest, exponent))

    def positive_power(self, poly: Poly, exponent: Exponent) -> Form:
        """The power of a polynomial that is not negative."""
        if len(poly) == 1:
            ((((generator, _),), _),) = ((m, c) for m, c in poly.items())
            known = self.generators[generator]
            if known.kind in ("exp", "length", "pi"):
                return Form(from_monomial(((generator, whole(Fraction(exponent))),)))
            if known.kind == "root":
                return self.reduced(from_monomial(((generator, whole(Fraction(exponent))),)))
        by = Fraction(exponent)
        return self.power(Form(poly), int(by)) if by.denominator == 1 else self.root_generator(Form(poly), by)

    def exp(self, a: Form) -> Form:
        """exp(a): a product of one exponential for each term."""
        a = self.cancelled(a)
        if not a.above:
            return constant(1)
        if a.below or self.is_complex(a):
            lead = a.above[max(a.above)]
            return self.exponential(Form({m: c / lead for m, c in a.above.items()}, a.below), lead, "exp")
        found = constant(1)
        for monomial, c in a.above.items():
            if len(monomial) == 1 and monomial[0][1] == 1 and self.generators[monomial[0][0]].kind == "log":
                inner = self.generators[monomial[0][0]].base
                assert inner is not None
                found = self.times(found, self.of_logarithm(inner, c))
            else:
                found = self.times(found, self.exponential(Form(from_monomial(monomial)), c, "exp"))
        return found

    def of_logarithm(self, inner: Form, c: Fraction) -> Form:
        """exp(c*log|u|) = |u|^c"""
        value = inner.above.get(()) if not inner.below and set(inner.above) == {()} else None
        if value is not None:
            return self.number_power(value, c)
        size = self.absolute(inner)
        if c.denominator == 1:
            return self.power(size, int(c)) if abs(c) < 64 else self.unproved()
        if not self.is_complex(inner) and len(inner.above) == 1 and size == inner:
            return self.positive_power(inner.above, c)
        return self.root_generator(size, c)

    def exponential(self, base: Form, c: Fraction, kind: str) -> Form:
        generator = self.generator((kind, self.form_key(base)), kind, node(kind, self.form_node(base)), base, POSITIVE if kind == "exp" else ANY)
        return Form(from_monomial(((generator, whole(c)),)))

    def log(self, a: Form) -> Form:
        """log|a|: a sum of one logarithm for each factor."""
        if not a.above:
            raise Unproved
        if self.is_complex(a):
            a = self.cancelled(a)
            lead = a.above[max(a.above)]
            plain = Form({m: c / lead for m, c in a.above.items()}, a.below)
            return self.plus(self.number_log(abs(lead)), self.log_generator(plain))
        c, factors = self.factors(a)
        found = self.number_log(abs(c))
        for poly, power in factors:
            generator = next(iter(poly))[0][0] if len(poly) == 1 else None
            known = self.generators[generator] if generator is not None else None
            by = constant(Fraction(power))
            if known is not None and known.kind == "exp" and known.base is not None:
                found = self.plus(found, self.times(by, known.base))
            elif known is not None and known.kind == "root" and known.base is not None:
                found = self.plus(found, self.times(by, self.log(known.base)))
            elif known is not None and known.kind == "sign":
                continue
            else:
                square = root_of(poly, self.steps) if len(poly) > 2 else None
                if square is not None:
                    found = self.plus(found, self.times(constant(2 * Fraction(power)), self.log(Form(square))))
                else:
                    found = self.plus(found, self.times(by, self.log_generator(Form(poly))))
        return found

    def log_generator(self, a: Form) -> Form:
        inner = node("abs", self.form_node(a))
        return self.atom(("log", self.form_key(a)), "log", node("log", inner), a)

    def number_log(self, value: Fraction) -> Form:
        found = Form({})
        for p, power in primes(value).items():
            found = self.plus(found, self.times(constant(power), self.atom(("log", p), "log", node("log", number(p)), constant(p), POSITIVE)))
        return found

    # sines and cosines, through exp(i*u)

    def of_sin(self, u: Node) -> Form:
        turn = self.turned(self.form(u))
        half = self.times(constant(Fraction(-1, 2)), self.imaginary())
        return self.times(half, self.minus(turn, self.inverse(turn)))

    def of_cos(self, u: Node) -> Form:
        turn = self.turned(self.form(u))
        return self.times(constant(Fraction(1, 2)), self.plus(turn, self.inverse(turn)))

    def turned(self, a: Form) -> Form:
        """exp(i*a)"""
        a = self.cancelled(a)
        if not a.above:
            return constant(1)
        if a.below or self.is_complex(a):
            lead = a.above[max(a.above)]
            return self.exponential(Form({m: c / lead for m, c in a.above.items()}, a.below), lead, "cis")
        found = constant(1)
        for monomial, c in a.above.items():
            if len(monomial) == 1 and monomial[0][1] == 1 and self.generators[monomial[0][0]].kind == "pi":
                generator = self.generator("unity", "unity", node("cis", node("constant", value="pi")))
                found = self.times(found, self.reduced(from_monomial(((generator, whole(c)),))))
            else:
                found = self.times(found, self.exponential(Form(from_monomial(monomial)), c, "cis"))
        return found

    def of_cis(self, u: Node) -> Form:
        return self.turned(self.form(u))

    # branches

    def choice(self, part: Node) -> Form:
        """The branch that is taken where that is known; raises _Split to have it known."""
        args = part.args
        open_: list[tuple[Node, Node]] = []
        for value, condition in zip(args[::2], args[1::2], strict=False):
            holds = self.holds(condition)
            if holds is False:
                continue
            if holds is None:
                open_.append((value, condition))
                continue
            return self.form(value) if not open_ else self.opaque_choice(open_, value)
        if len(args) % 2 == 0:
            if open_:
                return self.opaque_choice(open_, None)
            if self.strict:
                raise _Undefined
            raise Unproved
        return self.form(args[-1]) if not open_ else self.opaque_choice(open_, args[-1])

    def opaque_choice(self, open_: Sequence[tuple[Node, Node]], otherwise: Node | None) -> Form:
        before, strict, branch = len(self.assumed), self.strict, self.branch
        self.strict = False
        written = [value for value, _ in open_] + ([] if otherwise is None else [otherwise])
        values: list[Form] = []
        own: list[dict[Node, tuple[list[Poly], int]]] = []  # what each branch needs
        kept, memo = self.assumed, self.memo
        try:
            for value in written:
                self.branch, self.memo = {}, dict(memo)  # what is needed here alone is asked for again elsewhere
                self.assumed = {} if self.mode == "answer" else kept
                values.append(self.cancelled(self.form(value)))
                own.append(self.assumed if self.mode == "answer" else self.branch)
            self.assumed, self.memo = kept, memo
            conditions = [self.condition(condition) for _, condition in open_]
        finally:
            self.strict, self.assumed, self.branch, self.memo = strict, kept, branch, memo
        outside = set(kept)
        for needs in own:
            (self.assumed if self.mode == "answer" else self.branch).update(needs)
        if self.expand and len(open_) == 1 and len(values) == 2 and len(self.assumed) == before and open_[0][1].op in ("<", "<=", ">", ">="):
            return self.indicated(open_[0][1], values)
        parts: list[Node] = []
        for form, (_, condition) in zip(values, conditions, strict=False):
            parts += self.form_node(form), condition
        parts += [self.form_node(form) for form in values[len(conditions) :]]
        key = ("piecewise", tuple(map(self.form_key, values)), tuple(key for key, _ in conditions))
        found = self.generator(key, "function", node("piecewise", *parts))
        place = self.canonical_of(found)
        if self.mode == "exact" and not self.quiet:
            known = [{_need_key(need) for need in needs.values()} for needs in own]
            was = self.branches.setdefault(place, known)
            self.branches[place] = [a & b for a, b in zip(was, known, strict=True)]
        elif self.mode == "answer" and not self.quiet:
            theirs = self.branches.get(place)
            if theirs is None and otherwise is None:
                raise Unproved
            for needs, known_needs in zip(own, theirs or [], strict=bool(theirs)):
                for condition, need in needs.items():
                    elsewhere = condition in outside or any(condition in other for other in own if other is not needs)
                    if _need_key(need) in known_needs and not elsewhere:
                        self.assumed.pop(condition, None)
        return Form(from_monomial(((found, 1),)))

    def indicated(self, condition: Node, values: Sequence[Form]) -> Form:
        """f where u > 0, else g, as (f + g)/2 + sign(u)*(f - g)/2; where u is 0 that is neither."""
        u = self.minus(*map(self.form, condition.args))
        if condition.op in ("<", "<="):
            u = self.minus(constant(0), u)
        if self.is_complex(u):
            raise Unproved
        for poly, _ in self.factors(u)[1]:
            self.assume(poly, ANY - NOTHING)
        half = constant(Fraction(1, 2))
        f, g = values
        return self.plus(self.times(half, self.plus(f, g)), self.times(half, self.times(self.sign(u), self.minus(f, g))))

    def holds(self, condition: Node) -> bool | None:
        """Whether a condition holds; None where that depends on bound letters."""
        op, args = condition.op, condition.args
        if op in ("true", "false"):
            return op == "true"
        if op == "not":
            inner = self.holds(args[0])
            return None if inner is None else not inner
        if op in ("and", "or"):
            found = []
            for argument in args:
                one = self.holds(argument)
                if one is (op == "or"):
                    return one
                found.append(one)
            return None if None in found else op == "and"
        if op not in COMPARISONS:
            raise Unproved
        u = self.minus(*map(self.form, args))
        signs = self.signs(u)
        holds = {"<": NEGATIVE, "<=": NEGATIVE | NOTHING, ">": POSITIVE, ">=": POSITIVE | NOTHING, "==": NOTHING, "!=": ANY - NOTHING}[op]
        if not signs & ~holds:
            return True
        if not signs & holds:
            return False
        if any(letter in self.bound or letter.value.startswith("#") for argument in args for letter in argument.free):
            return None
        raise _Split(self.undecided(u))

    def undecided(self, u: Form) -> Node:
        """The first factor whose sign is not known; a sign in it is asked for first."""
        if self.is_complex(u):
            raise Unproved
        for poly, _ in self.factors(u)[1]:
            if self.poly_signs(poly) not in (NEGATIVE, NOTHING, POSITIVE):
                for monomial in poly:
                    for generator, _ in monomial:
                        known = self.generators[generator]
                        if known.base is not None and (known.kind == "sign" or (known.kind == "root" and len(poly) == 1)):
                            return self.shown(known.base.above) if not known.base.below else self.unproved()
                return self.shown(poly)
        raise Unproved

    def condition(self, part: Node) -> tuple[object, Node]:
        """A condition as a key and with normal forms as sides."""
        if part.op in ("true", "false"):
            return part, part
        if part.op in ("and", "or", "not"):
            inner = [self.condition(argument) for argument in part.args]
            keys = [key for key, _ in inner]
            return (part.op, frozenset(keys)), node(part.op, *(argument for _, argument in inner))
        op, u = part.op, self.cancelled(self.minus(*map(self.form, part.args)))
        if not u.above:
            raise Unproved
        lead = u.above[max(u.above)]
        if lead < 0:
            op = _MIRRORED.get(op, op)
        u = Form({m: c / lead for m, c in u.above.items()}, u.below)
        return (op, self.form_key(u)), node(op, self.form_node(u), ZERO)

    # sums

    def reduction(self, part: Node) -> Form:
        op, (body, *ranges) = part.op, part.args
        if op == "sum":
            return self.summed(ranges, body)
        if op == "mean":
            return self.times(self.summed(ranges, body), self.counted(ranges))
        if op == "norm":
            total = self.summed(ranges, node("^", body, number(2)))
            if _is_linear(body) and len(ranges) == 1:
                self.kink(total)
            return self.root(total, Fraction(1, 2), node("sum", node("^", body, number(2)), *ranges))
        if op == "logsumexp":
            total = self.summed(ranges, node("exp", body))
            self.require(total, POSITIVE, node("sum", node("exp", body), *ranges))
            return self.log(total)
        if op == "softmax":
            total = self.summed(ranges, node("exp", body))
            self.require(total, ANY - NOTHING, node("sum", node("exp", body), *ranges))
            return self.times(self.exp(self.form(body)), self.inverse(total))
        return self.opaque_reduction(part)

    def counted(self, ranges: Sequence[Node]) -> Form:
        """1 over the number of points."""
        total = self.summed(ranges, ONE)
        self.require(total, ANY - NOTHING, node("sum", ONE, *ranges))
        return self.inverse(total)

    def opened(self, ranges: Sequence[Node], body: Node) -> tuple[list[tuple[Node, Node, Node]], Node, bool]:
        """Fresh letters for bound ones; whether the ranges are known to have points."""
        found: list[tuple[Node, Node, Node]] = []
        names: dict[Node, Node] = {}
        filled = True
        for bound in ranges:
            letter, low, high = bound.args
            self.letters += 1
            fresh = index(f"~{self.letters}")
            low, high = (_subscript(substituted(end, names)) for end in (low, high))
            if polynomial(low) is None or polynomial(high) is None:
                raise Unproved
            found.append((fresh, low, high))
            written = self.as_written(letter)
            if written in self.taken:  # a condition on all its values needs a letter of its own
                written = next(other for other in map(index, "ijklpqrstabcfgho") if other not in self.taken)
            self.bound[fresh] = (written, low, high)
            filled = filled and _has_points(low, high)
            names[letter] = fresh
        return found, substituted(body, names), filled

    def summed(self, ranges: Sequence[Node], body: Node) -> Form:
        opened, inside, filled = self.opened(ranges, body)
        strict = self.strict
        self.strict = strict and filled
        try:
            found = self.form(inside)
            for fresh, low, high in reversed(opened):
                found = self.over(fresh, low, high, found)
            return found
        finally:
            self.strict = strict
            for fresh, _, _ in opened:
                del self.bound[fresh]

    def over(self, letter: Node, low: Node, high: Node, body: Form) -> Form:
        """The sum over one letter, term by term."""
        body = self.cancelled(body)
        outside: dict[frozenset[tuple[Monomial, Fraction]], int] = {}
        for poly, power in body.below.items():
            if any(self.has(generator, letter) for monomial in dict(poly) for generator, _ in monomial):
                own = self.generator(("inverse", poly), "inverse", node("/", ONE, self.poly_node(dict(poly))), Form(dict(poly)))
                self.generators[own].signs = self.poly_signs(dict(poly)) & ~NOTHING
                body = Form(body.above, {other: p for other, p in body.below.items() if other is not poly})
                body = self.cancelled(self.times(body, Form(from_monomial(((own, power),)))))
            else:
                outside[poly] = power
        if any(poly not in outside for poly in body.below):
            raise Unproved
        total = Form({})
        for monomial, c in body.above.items():
            total = self.plus(total, self.times(constant(c), self.term(letter, low, high, monomial)))
        return Form(total.above, joined(total.below, body.below))

    def has(self, generator: int, letter: Node) -> bool:
        return letter in self.generators[generator].node.free

    def term(self, letter: Node, low: Node, high: Node, monomial: Monomial) -> Form:
        """The sum of a product: sums in it become sums over more letters, and what shares no letter becomes factors."""
        ranges: dict[Node, tuple[Node, Node]] = {letter: (low, high)}
        outside: list[tuple[int, Exponent]] = []
        inside: list[tuple[int, Exponent]] = []
        found = constant(1)
        for generator, exponent in monomial:
            known = self.generators[generator]
            if not self.has(generator, letter):
                outside.append((generator, exponent))
            elif known.sum_of is not None and isinstance(exponent, int) and 1 <= exponent <= 3 and not any(
                letter in end.free for bound in known.sum_of[0] for end in bound.args[1:]
            ):  # fmt: skip
                for _ in range(exponent):
                    factors, own = self.copied(known)
                    ranges |= own
                    found = self.times(found, factors)
            else:
                inside.append((generator, exponent))
        found = self.times(found, Form(from_monomial(tuple(inside))))
        if found.below:
            raise Unproved
        total = Form({})
        for product_, c in found.above.items():
            total = self.plus(total, self.times(constant(c), self.components(ranges, product_)))
        return self.times(Form(from_monomial(tuple(outside))), total)

    def copied(self, known: Generator) -> tuple[Form, dict[Node, tuple[Node, Node]]]:
        """The body of a sum in fresh letters."""
        assert known.sum_of is not None
        bounds, monomial = known.sum_of
        names: dict[Node, Node] = {}
        own: dict[Node, tuple[Node, Node]] = {}
        for bound in bounds:
            self.letters += 1
            fresh = names[bound.args[0]] = index(f"~{self.letters}")
            own[fresh] = (substituted(bound.args[1], names), substituted(bound.args[2], names))
        return self.renamed(Form(from_monomial(monomial)), names), own

    def renamed(self, a: Form, names: dict[Node, Node]) -> Form:
        """The form with other letters."""
        quiet, self.quiet = self.quiet, True
        try:
            found = Form({})
            for monomial, c in a.above.items():
                term = constant(c)
                for generator, exponent in monomial:
                    known = self.generators[generator]
                    if known.node.free.isdisjoint(names):
                        term = self.times(term, Form(from_monomial(((generator, exponent),))))
                    elif known.kind == "access":
                        ((own, _),) = next(iter(self.form(substituted(known.node, names)).above))
                        term = self.times(term, Form(from_monomial(((own, exponent),))))
                    elif known.kind == "inverse":
                        assert known.base is not None
                        below = self.inverse(self.renamed(known.base, names)).below
                        if len(below) != 1:
                            raise Unproved
                        (poly,) = below
                        c0, common, _ = split_content(self.renamed(known.base, names).above)
                        own = self.generator(("inverse", poly), "inverse", node("/", ONE, self.poly_node(dict(poly))), Form(dict(poly)), known.signs)
                        unit = self.reduced({tuple((g, -e) for g, e in common): 1 / c0})
                        term = self.times(term, self.power(self.times(unit, Form(from_monomial(((own, 1),)))), int(exponent)))
                    else:
                        term = self.times(term, self.form(substituted(self.power_node(generator, exponent), names)))
                found = self.plus(found, term)
            return found
        finally:
            self.quiet = quiet

    def components(self, ranges: dict[Node, tuple[Node, Node]], monomial: Monomial) -> Form:
        """A sum over several letters of a product, as a product of sums that share none."""
        groups: list[tuple[set[Node], list[tuple[int, Exponent]]]] = [({letter}, []) for letter in ranges]
        for letter, ends in ranges.items():
            tied = {other for end in ends for other in end.free if other in ranges}
            if tied:
                groups = _merged(groups, tied | {letter}, [])
        outside: list[tuple[int, Exponent]] = []
        for generator, exponent in monomial:
            own = {letter for letter in self.generators[generator].node.free if letter in ranges}
            if own:
                groups = _merged(groups, own, [(generator, exponent)])
            else:
                outside.append((generator, exponent))
        found = Form(from_monomial(tuple(outside)))
        for letters, factors in groups:
            found = self.times(found, self.component(sorted(letters, key=lambda letter: list(ranges).index(letter)), ranges, tuple(sorted(factors))))
        return found

    def component(self, letters: list[Node], ranges: dict[Node, tuple[Node, Node]], monomial: Monomial) -> Form:
        if not monomial and len(letters) == 1:
            low, high = ranges[letters[0]]
            if _has_points(low, high):
                return self.minus(self.form(high), self.form(low))
        body = Form(from_monomial(monomial))
        key, bounds, renamed = self.canonical(letters, ranges, body)
        signs = self.signs(body)
        if not all(_has_points(*ranges[letter]) for letter in letters):
            signs |= NOTHING
        made = node("sum", self.form_node(renamed), *bounds)
        if signs & POSITIVE and signs & NEGATIVE:
            signs = ANY
        generator = self.generator(("sum", key), "sum", made, None, signs)
        if len(renamed.above) == 1 and not renamed.below and next(iter(renamed.above.values())) == 1:
            self.generators[generator].sum_of = (bounds, next(iter(renamed.above)))
        return Form(from_monomial(((generator, 1),)))

    def canonical(
        self, letters: Sequence[Node], ranges: Mapping[Node, tuple[Node, ...]], body: Form
    ) -> tuple[object, tuple[Node, ...], Form]:  # fmt: skip
        """The form with the canonical names of its bound letters: those of the orders that give the least of all."""
        base = 1 + max((self.generators[g].level for m in body.above for g, _ in m), default=-1)
        base = max([base, *(1 + level(end) for letter in letters for end in ranges[letter])])
        groups: dict[tuple[Node, ...], list[Node]] = {}
        for letter in letters:
            groups.setdefault(ranges[letter], []).append(letter)
        own = sorted(groups, key=lambda ends: tuple(map(_written, ends)))
        orders = list(combinations(*(permutations(groups[ends]) for ends in own)))[:ORDERS]
        best: tuple[object, tuple[Node, ...], Form] | None = None
        best_rank: object = None
        for order in orders:
            sequence = [letter for group in order for letter in group]
            names = {letter: index(f"#{base + n}") for n, letter in enumerate(sequence)}
            renamed = self.renamed(body, names)
            bounds = tuple(range_(names[letter], *(substituted(end, names) for end in ranges[letter])) for letter in sequence)
            rank = (sorted(renamed.above.items()), sorted(sorted(dict(poly).items()) for poly in renamed.below))
            if best is None or rank < best_rank:  # type: ignore[operator]
                best, best_rank = ((bounds, self.form_key(renamed)), bounds, renamed), rank
        assert best is not None
        return best

    def opaque_reduction(self, part: Node) -> Form:
        """A product, maximum or minimum as a generator."""
        op, (body, *ranges) = part.op, part.args
        opened, inside, filled = self.opened(ranges, body)
        strict, self.strict = self.strict, self.strict and filled
        try:
            found = self.cancelled(self.form(inside))
            inner = self.opaque_quotient(found) if found.below else found
            letters = [fresh for fresh, _, _ in opened]
            key, bounds, renamed = self.canonical(letters, {fresh: (low, high) for fresh, low, high in opened}, inner)
            generator = self.generator((op, key), "function", node(op, self.form_node(renamed), *bounds))
            if not filled and not self.quiet and generator not in self.defined:
                if self.mode == "exact" and strict:
                    self.defined.add(generator)
                elif self.mode == "answer" and op != "product":
                    raise Unproved
            return Form(from_monomial(((generator, 1),)))
        finally:
            self.strict = strict
            for fresh, _, _ in opened:
                del self.bound[fresh]

    def opaque_quotient(self, a: Form) -> Form:
        found = Form(a.above)
        for poly, power in a.below.items():
            own = self.generator(("inverse", poly), "inverse", node("/", ONE, self.poly_node(dict(poly))), Form(dict(poly)))
            found = self.times(found, Form(from_monomial(((own, power),))))
        if found.below:
            raise Unproved
        return found


_MIRRORED: Final = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


def _readable(condition: Node) -> Node:
    """The condition with plain letters for the canonical ones."""
    parts = postorder(condition)
    used = {part.value for part in parts if part.op == "index"}
    ours = dict.fromkeys(part for part in parts if part.op == "index" and part.value.startswith("#"))
    plain = (letter for letter in "kjlqprstnabcfgh" if letter not in used)
    condition = substituted(condition, {letter: index(next(plain, letter.value)) for letter in ours})
    solved = _solved(condition.args[0]) if condition.args[1] is ZERO else None
    if solved is None:
        return condition
    ((left, right),) = solved.items()
    return node(condition.op, left, right)


def _need_key(need: tuple[list[Poly], int]) -> object:
    return frozenset(frozenset(poly.items()) for poly in need[0]), need[1]


def _comparison(wanted: int) -> str:
    return {
        ANY - NOTHING: "!=", POSITIVE: ">", POSITIVE | NOTHING: ">=", NEGATIVE: "<", NEGATIVE | NOTHING: "<=", NOTHING: "==",
    }[wanted]  # fmt: skip


def _merged(
    groups: list[tuple[set[Node], list[tuple[int, Exponent]]]], letters: set[Node], factors: list[tuple[int, Exponent]]
) -> list[tuple[set[Node], list[tuple[int, Exponent]]]]:  # fmt: skip
    """The groups with those that share one of the letters made one."""
    kept = [group for group in groups if group[0].isdisjoint(letters)]
    joined = [group for group in groups if not group[0].isdisjoint(letters)]
    return [*kept, (set().union(*(group[0] for group in joined)), [factor for group in joined for factor in group[1]] + factors)]


def _subscript(part: Node) -> Node:
    """An index expression in its normal form."""
    found = polynomial(part)
    return part if found is None else node_of(found)


def _has_points(low: Node, high: Node) -> bool:
    """Is the range known not to be empty?"""
    if low is ZERO and high.op == "length":
        return True
    return low.op == high.op == "number" and fraction(low) < fraction(high)


def _is_linear(body: Node) -> bool:
    """An access, or a difference of some: such a norm has a kink at 0."""
    return all(part.op in ("access", "+", "neg", "index", "length", "number") for part in postorder(body)) and body.op in ("access", "+", "neg")


def _written(part: Node) -> str:
    return f"{part.op} {part.value} {' '.join(map(_written, part.args))}"


@lru_cache(maxsize=256)
def _read(row: str) -> Node:
    return expression(row)


_LETTERS = tuple(node("access", value=letter) for letter in "uvw")


def _filled(row: str, args: Sequence[Node]) -> Node:
    """A row of a table with these arguments."""
    return rebuilt(_read(row), None, dict(zip(_LETTERS, args, strict=False)))
