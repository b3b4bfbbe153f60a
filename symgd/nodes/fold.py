"""Sums, products, quotients, powers and branches of derived formulas, with neutral elements and numbers folded; nothing is expanded or merged.

What a user wrote is kept as nodes; only what a rule derives passes here: `0*x` is 0 and `x*1/m` is `x/m`. Numbers are folded exactly, and a typed
decimal stays one: `2*0.01*w` is `0.02*w`. `0*x` is 0 even where x is infinite or NaN: the formula without the term is what stands on the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from math import gcd, prod

from .node import ATOMS, FALSE, ONE, TRUE, ZERO, Node, fraction, node, number, rebuilt

LARGEST = Fraction(10) ** 300  # a folded number and its reciprocal stay below, in the range of a float64
EXPONENT = 64  # of a folded power of a number


def plus(*terms: Node) -> Node:
    """The sum in the order of its terms, nested sums flattened, its numbers added at the place of the first.

    >>> from symgd.reading.text import expression; from symgd.nodes.text import text
    >>> print(text(plus(expression("1 + x"), expression("-y"), expression("2"))))
    3 + x - y
    """
    flat: list[Node] = []
    stack = list(reversed(terms))
    while stack:
        term = stack.pop()
        if term.op == "+":
            stack.extend(reversed(term.args))
        else:
            flat.append(term)
    values = {place: value for place, term in enumerate(flat) if term.op in _NUMERIC and (value := _value(term)) is not None}
    if not values and len(flat) > 1:
        return node("+", *flat)
    if len(values) > 1:
        total = _number(sum(values.values(), Fraction(0)), any(_is_decimal(flat[place]) for place in values))
        if total is not None:
            first = min(values)
            flat = [total if place == first else term for place, term in enumerate(flat) if place == first or place not in values]
    flat = [term for term in flat if _value(term) != 0]
    if not flat:
        return ZERO
    return flat[0] if len(flat) == 1 else node("+", *flat)


def minus(a: Node) -> Node:
    """The negative, without a double minus and without `-0`."""
    if a.op == "neg":
        return a.args[0]
    return node("neg", a) if _value(a) is None else times(node("neg", a))


def times(*factors: Node) -> Node:
    """The product: a minus in front, numbers first, then letters, then the rest, each in the order given; one fraction bar at the end.

    >>> from symgd.reading.text import expression; from symgd.nodes.text import text
    >>> print(text(times(expression("2*(w*x - y)"), expression("-x"), expression("1/m"))))
    -2*x*(w*x - y)/m
    """
    if len(factors) == 2 and ONE in factors:
        return factors[1] if factors[0] is ONE else factors[0]
    return _quotient(factors, ())


def over(a: Node, b: Node) -> Node:
    """The quotient with one fraction bar; numbers are cancelled, nothing else is.

    >>> from symgd.reading.text import expression; from symgd.nodes.text import text
    >>> print(text(over(expression("6*x/y"), expression("4*z"))))
    3*x/(2*y*z)
    """
    return _quotient((a,), (b,))


def factors_of(body: Node) -> tuple[list[Node], list[Node]]:
    """The factors above and below the fraction bar, a minus as -1.

    >>> from symgd.reading.text import expression
    >>> factors_of(expression("2*x/(m*y)"))
    ([number(2), access(x)], [access(m), access(y)])
    """
    above: list[Node] = []
    below: list[Node] = []
    stack = [(body, True)]
    while stack:
        part, up = stack.pop()
        if part.op == "*":
            stack.extend((factor, up) for factor in reversed(part.args))
        elif part.op == "neg":
            above.append(node("neg", ONE))
            stack.append((part.args[0], up))
        elif part.op == "/":
            stack += [(part.args[1], not up), (part.args[0], up)]
        else:
            (above if up else below).append(part)
    return above, below


def to_the(a: Node, b: Node) -> Node:
    """The power; `x^1` is x, and `x^0` is 1 also at 0, as everywhere here.

    >>> from symgd.nodes.node import access, TWO
    >>> to_the(access("x"), ONE), to_the(access("x"), ZERO), to_the(TWO, number(10))
    (access(x), number(1), number(1024))
    """
    exponent, base = _value(b), _value(a)
    if exponent == 0 or base == 1:
        return ONE
    if exponent == 1:
        return a
    if base is not None and exponent is not None and exponent.denominator == 1 and abs(exponent) <= EXPONENT and (base != 0 or exponent > 0):
        return _number(base**exponent.numerator, _is_decimal(a)) or node("^", a, b)
    return node("^", a, b)


def choice(*args: Node) -> Node:
    """The piecewise formula `value, condition, ..., otherwise` without branches that are never taken or say the same as `otherwise`.

    >>> from symgd.reading.text import expression; from symgd.nodes.text import text
    >>> print(text(choice(expression("2*x"), expression("x > 1"), ZERO, expression("x > 0"), ZERO)))
    piecewise(2*x, x > 1, 0)
    """
    kept: list[Node] = []
    for value, condition in zip(args[::2], args[1::2], strict=False):
        if condition is TRUE:
            kept.append(value)
            break
        if condition is not FALSE:
            kept += value, condition
    else:
        kept += args[len(args) - len(args) % 2 :]
    if len(kept) % 2:
        while len(kept) > 1 and kept[-3] is kept[-1]:
            del kept[-3:-1]
    return kept[0] if len(kept) == 1 else node("piecewise", *kept)


def chained(adjoint: Node, factor: Node) -> Node:
    """The product of two factors of a chain rule, in which 0 on a branch stays 0 whatever the other factor is there.

    A sum in which every term has such branches is 0 where all of them are.

    A branch that is not taken is not evaluated, so the slope of sqrt(max(x, 0)) at -1 is 0 and not infinity times 0.

    >>> from symgd.reading.text import expression; from symgd.nodes.text import text
    >>> print(text(chained(expression("1/(2*sqrt(x))"), expression("piecewise(1, x > 0, 0)"))))
    piecewise(1/(2*sqrt(x)), x > 0, 0)
    >>> print(text(chained(expression("piecewise(0, y == 0, z)"), expression("piecewise(1, x > 0, 0)"))))
    piecewise(z, not y == 0 and x > 0, 0)
    """
    if factor is ONE or adjoint is ONE:
        return adjoint if factor is ONE else factor
    if has_zero_branch(adjoint) and has_zero_branch(factor):
        (value, holds), (other, also_holds) = _branch(adjoint), _branch(factor)
        return choice(chained(value, other), all_of(holds, also_holds), ZERO)
    if has_zero_branch(adjoint):
        return _on_branches(adjoint, lambda value: times(value, factor))
    if has_zero_branch(factor):
        return _on_branches(factor, lambda value: times(adjoint, value))
    return times(adjoint, factor)


def joined(*terms: Node) -> Node:
    """The sum, positive terms first; a denominator that all terms share is written once.

    >>> from symgd.reading.text import expression; from symgd.nodes.text import text
    >>> print(text(joined(expression("-y/m"), expression("p/m"))))
    (p - y)/m
    """
    if len(terms) == 1:
        return terms[0]
    split = [_numerator(term) for term in terms]
    ordered = [pair for pair in split if pair[0].op != "neg"] + [pair for pair in split if pair[0].op == "neg"]
    below = ordered[0][1]
    if below is ONE or any(bottom is not below for _, bottom in ordered):
        return plus(*sorted(terms, key=lambda term: term.op == "neg"))
    return over(plus(*(top for top, _ in ordered)), below)


def _numerator(term: Node) -> tuple[Node, Node]:
    """A term as numerator, its sign kept, over denominator."""
    inner = term.args[0] if term.op == "neg" else term
    if inner.op != "/":
        return term, ONE
    return (minus(inner.args[0]) if term.op == "neg" else inner.args[0]), inner.args[1]


def filled(root: Node, replacements: Mapping[Node, Node]) -> Node:
    """The formula with these nodes replaced, all at once, and what stands above them built anew by the functions here.

    >>> from symgd.reading.text import expression; from symgd.nodes.text import text
    >>> print(text(filled(expression("a*x + 2*b"), {expression("a"): ONE, expression("b"): expression("3*y")})))
    x + 6*y
    """
    return rebuilt(root, None, dict(replacements), _built)


def one_folded(same: Node) -> Node | None:
    """One node of a formula whose arguments are folded already; None keeps it."""
    fold = _FOLDS.get(same.op)
    return None if fold is None else fold(*same.args)


_FOLDS: dict[str, Callable[..., Node]] = {"+": plus, "*": times, "/": over, "^": to_the, "piecewise": choice, "neg": minus}


def _built(op: str, *args: Node, value: str = "") -> Node:
    """One node of a formula in which something was filled in."""
    if op == "+":
        return joined(*args)
    fold = _FOLDS.get(op)
    return node(op, *args, value=value) if fold is None else fold(*args)



def all_of(*conditions: Node) -> Node:
    """The conditions joined by `and`, flattened."""
    flat: dict[Node, None] = {}
    for condition in conditions:
        flat |= dict.fromkeys(condition.args if condition.op == "and" else () if condition is TRUE else (condition,))
    return TRUE if not flat else next(iter(flat)) if len(flat) == 1 else node("and", *flat)


def has_zero_branch(a: Node) -> bool:
    """Is the formula 0 where some condition fails, whatever stands in its other branches?"""
    if a.op == "+":
        return all(map(has_zero_branch, a.args))
    return a.op == "piecewise" and len(a.args) % 2 == 1 and ZERO in (*a.args[:-1:2], a.args[-1])


def _on_branches(a: Node, scaled: Callable[[Node], Node]) -> Node:
    """The piecewise formula with every value but 0 replaced."""
    if a.op == "+":
        value, holds = _branch(a)
        return choice(scaled(value), holds, ZERO)
    args = list(a.args)
    for place in (*range(0, len(args) - 1, 2), len(args) - 1):
        args[place] = args[place] if args[place] is ZERO else scaled(args[place])
    return choice(*args)


def _branch(a: Node) -> tuple[Node, Node]:
    """A value and a condition such that a formula with zero branches is the value where the condition holds and 0 elsewhere."""
    if a.op == "+":
        return a, node("or", *dict.fromkeys(_branch(term)[1] for term in a.args))
    excluded: list[Node] = []
    reached: list[Node] = []
    kept: list[Node] = []
    for value, condition in zip((*a.args[:-1:2], a.args[-1]), (*a.args[1::2], TRUE), strict=True):
        if value is ZERO:
            excluded.append(node("not", condition))
        else:
            kept += value, condition
            reached.append(all_of(*excluded, condition))
    return choice(*kept[:-1]), reached[0] if len(reached) == 1 else node("or", *reached)


def _quotient(above: Sequence[Node], below: Sequence[Node]) -> Node:
    """The product of what is above the fraction bar over the product of what is below it; a zero below is left to be seen."""
    sides: tuple[list[Node], list[Node]] = ([], [])
    numbers: tuple[list[Node], list[Node]] = ([], [])
    negative = False
    waiting = [(factor, 1) for factor in reversed(below)] + [(factor, 0) for factor in reversed(above)]
    while waiting:
        factor, side = waiting.pop()
        op = factor.op
        if op == "*":
            for place, inner in enumerate(factor.args):
                if inner.op not in _OPENED:
                    sides[side].append(inner)
                elif inner.op == "number" and inner.value.isdigit():
                    numbers[side].append(inner)
                else:
                    waiting += [(other, side) for other in reversed(factor.args[place:])]
                    break
        elif op not in _OPENED:
            sides[side].append(factor)
        elif op == "neg":
            negative = not negative
            waiting.append((factor.args[0], side))
        elif op == "/":
            waiting += (factor.args[1], 1 - side), (factor.args[0], side)
        elif factor.value.isdigit():
            numbers[side].append(factor)
        elif factor.value.startswith("-"):
            waiting.append((node("neg", number(factor.value[1:])), side))
        else:
            typed, bar, divisor = factor.value.partition("/")
            numbers[side].append(number(typed))
            if bar:
                numbers[1 - side].append(number(divisor))
    top, bottom = _fraction(*numbers)
    if top == [ZERO] and bottom != [ZERO]:
        return ZERO
    found = _product(top, sides[0])
    if bottom or sides[1]:
        below_bar = _product(bottom, sides[1])
        if below_bar is not ONE:
            found = node("/", found, below_bar)
    return node("neg", found) if negative else found


_OPENED = frozenset({"*", "/", "neg", "number"})


def _fraction(above: list[Node], below: list[Node]) -> tuple[list[Node], list[Node]]:
    """The numbers above and below the bar multiplied and cancelled; decimals over decimals become one, where it is finite."""
    if not below and len(above) < 2:
        return above, below
    if all(typed.value.isdigit() for typed in (*above, *below)):
        return _whole_fraction(prod(int(typed.value) for typed in above), prod(int(typed.value) for typed in below))
    values = [_multiplied(above), _multiplied(below)]
    decimal = [any(map(_is_decimal, above)), any(map(_is_decimal, below))]
    if values[1] != 0 and not any(decimal):
        ratio = values[0] / values[1]
        values = [Fraction(ratio.numerator), Fraction(ratio.denominator)]
    elif values[1] not in (0, 1) and values[0] != 1 and (ratio_node := _number(values[0] / values[1], True)) is not None:
        return [ratio_node], []
    folded = []
    for typed, value, is_decimal in zip((above, below), values, decimal, strict=True):
        one = _number(value, is_decimal)
        folded.append(typed if one is None or (len(typed) == 1 and value != 0 and fraction(typed[0]) == value) else [one])
    return folded[0], folded[1]


def _whole_fraction(top: int, bottom: int) -> tuple[list[Node], list[Node]]:
    if bottom:
        common = gcd(top, bottom)
        top, bottom = top // common, bottom // common
    return [number(top)], [number(bottom)]


def _multiplied(numbers: list[Node]) -> Fraction:
    value = Fraction(1)
    for factor in numbers:
        value *= fraction(factor)
    return value


def _product(numbers: list[Node], factors: list[Node]) -> Node:
    """The product in the order in which products are written."""
    ordered = [factor for factor in numbers if factor is not ONE]
    others: list[Node] = []
    for factor in factors:
        (ordered if factor.op in ATOMS else others).append(factor)
    ordered += others
    if not ordered:
        return ONE
    return ordered[0] if len(ordered) == 1 else node("*", *ordered)


_NUMERIC = frozenset({"number", "neg", "/"})


def _value(a: Node) -> Fraction | None:
    """The value of a number, its negative, or a fraction of two such as the reader makes of `-1/3`; None for anything else."""
    if a.op == "neg":
        inner = a.args[0]
        found = _value(inner) if inner.op in ("number", "/") else None
        return None if found is None else -found
    if a.op == "number":
        return fraction(a)
    if a.op == "/" and all(part.op == "number" or (part.op == "neg" and part.args[0].op == "number") for part in a.args):
        above, below = (_value(part) for part in a.args)
        return above / below if above is not None and below else None
    return None


def _is_decimal(a: Node) -> bool:
    """Whether a number was typed as a decimal, `0.5` or `1e-3`."""
    return any(map(_is_decimal, a.args)) if a.args else not a.value.lstrip("-").replace("/", "", 1).isdigit()


def _number(value: Fraction, decimal: bool) -> Node | None:
    """The node of an exact value, as the reader would make it; None where it has no finite decimal or leaves the range of a float64."""
    if value < 0:
        positive = _number(-value, decimal)
        return None if positive is None else node("neg", positive)
    if value != 0 and not 1 / LARGEST < value < LARGEST:
        return None
    if decimal:
        return _decimal(value)
    return number(value) if value.denominator == 1 else node("/", number(value.numerator), number(value.denominator))


def _decimal(value: Fraction) -> Node | None:
    """`1/50` as `0.02`, exactly."""
    twos, rest = 0, value.denominator
    while rest % 2 == 0:
        twos, rest = twos + 1, rest // 2
    fives = 0
    while rest % 5 == 0:
        fives, rest = fives + 1, rest // 5
    if rest != 1:
        return None
    places = max(twos, fives)
    digits = str(int(value * 10**places))
    if places == 0 and len(digits) <= 16:
        return number(digits)
    significant = digits.rstrip("0")
    places -= len(digits) - len(significant)
    magnitude = len(significant) - places
    if places > 0 and -3 <= magnitude <= 16:
        padded = significant.rjust(places + 1, "0")
        return number(f"{padded[:-places]}.{padded[-places:]}")
    return number(f"{significant[0]}{'.' + significant[1:] if significant[1:] else ''}e{magnitude - 1}")
