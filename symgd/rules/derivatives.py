"""The derivative of every operation and function: one row each, in our own notation.

In a law u, v, w are the arguments and du, dv, dw their inner derivatives, in which every law is linear; n and c are constants. `of_output` is the
same law in terms of the value `a` of the function itself, which a program has already computed.

Everything is real. Kinks, once for all: the derivative of |u| at 0 is 0; `max` and `min` share a tie equally among the tied, but max(u, 0), in either
order, has derivative 0 at 0; steps have derivative 0; a piecewise formula has the derivative of the branch that is taken, the only one evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

from symgd.errors import NoRule
from symgd.nodes.fold import choice, minus, one_folded, over, plus, times, to_the
from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.node import ONE, ZERO, Node, access, accesses, fraction, node, postorder, rebuilt

STEP = "It is constant between its steps, so its derivative is 0: no learning signal comes through it."
TIE = "Where several arguments are equal, the derivative is shared equally among them."


@dataclass(frozen=True, slots=True)
class Rule:
    """A derivative rule. `where` says where the law holds (everywhere, if empty), `note` what is agreed on at a kink."""

    key: str
    pattern: str
    law: str
    wording: str
    where: str = ""
    of_output: str = ""
    note: str = ""

    def __hash__(self) -> int:
        return hash(self.key)


RULES: dict[str, Rule] = {
    rule.key: rule
    for rule in (
        # arithmetic
        Rule("sum", "u + v", "du + dv", "term by term"),
        Rule("negative", "-u", "-du", "the sign stays"),
        Rule("product", "u*v", "v*du + u*dv", "each factor in turn, the other one kept"),
        Rule("quotient", "u/v", "(v*du - u*dv)/v^2", "the order of the difference matters", where="v != 0", of_output="(du - a*dv)/v"),
        Rule("power", "u^n", "n*u^(n - 1)*du", "the exponent comes down in front, one less stays above"),
        Rule("natural-exponential", "e^u", "e^u*du", "its own derivative", of_output="a*du"),
        Rule("exponential", "c^u", "log(c)*c^u*du", "itself, times the logarithm of the base", where="c > 0", of_output="log(c)*a*du"),
        Rule(
            "general-power", "u^v", "piecewise(0, u == 0 and v == 0, v*u^(v - 1))*du + piecewise(0, u == 0, u^v*log(u))*dv",
            "as a power in the base, as an exponential in the exponent", where="u > 0",
            of_output="piecewise(0, u == 0 and v == 0, v*u^(v - 1))*du + piecewise(0, u == 0, a*log(u))*dv",  # v == 0 alone would lose d2/dudv = 1/u
        ),
        Rule("piecewise", "piecewise(u, c > 0, v)", "piecewise(du, c > 0, dv)", "branch by branch", note="Only the branch that is taken counts."),
        # exponentials and logarithms
        Rule("exp", "exp(u)", "exp(u)*du", "its own derivative", of_output="a*du"),
        Rule("log", "log(u)", "du/u", "one over its argument", where="u > 0"),
        Rule(
            "logbase", "logbase(u, v)", "du/(u*log(v)) - log(u)*dv/(v*log(v)^2)", "a quotient of logarithms",
            where="u > 0 and v > 0 and v != 1", of_output="(du/u - a*dv/v)/log(v)",
        ),
        Rule("exp2", "exp2(u)", "log(2)*exp2(u)*du", "itself, times log 2", of_output="log(2)*a*du"),
        Rule("expm1", "expm1(u)", "exp(u)*du", "the 1 does not matter"),
        Rule("log1p", "log1p(u)", "du/(1 + u)", "one over the argument of the logarithm", where="u > -1"),
        Rule("log2", "log2(u)", "du/(u*log(2))", "the natural logarithm over log 2", where="u > 0"),
        Rule("log10", "log10(u)", "du/(u*log(10))", "the natural logarithm over log 10", where="u > 0"),
        # roots
        Rule("sqrt", "sqrt(u)", "du/(2*sqrt(u))", "one over twice the root", where="u > 0", of_output="du/(2*a)"),
        Rule("cbrt", "cbrt(u)", "du/(3*cbrt(u)^2)", "one over three times the root squared", where="u != 0", of_output="du/(3*a^2)"),
        Rule(
            "hypot", "hypot(u, v)", "unit(u, v)*du + unit(v, u)*dv", "each side over the hypotenuse",
            where="u != 0 or v != 0", note="At the origin the derivative is taken as 0.",
        ),
        Rule(
            "unit", "unit(u, v)", "unit(v, u)*(unit(v, u)*du - unit(u, v)*dv)/hypot(u, v)", "u over the hypotenuse is the cosine of an angle",
            where="u != 0 or v != 0",
        ),
        # trigonometric functions
        Rule("sin", "sin(u)", "cos(u)*du", "sine becomes cosine"),
        Rule("cos", "cos(u)", "-sin(u)*du", "cosine becomes minus sine"),
        Rule("tan", "tan(u)", "(1 + tan(u)^2)*du", "one plus its own square", where="cos(u) != 0", of_output="(1 + a^2)*du"),
        Rule("sec", "sec(u)", "sec(u)*tan(u)*du", "itself times the tangent", where="cos(u) != 0", of_output="a*tan(u)*du"),
        Rule("csc", "csc(u)", "-csc(u)*cot(u)*du", "minus itself times the cotangent", where="sin(u) != 0", of_output="-a*cot(u)*du"),
        Rule("cot", "cot(u)", "-(1 + cot(u)^2)*du", "minus one plus its own square", where="sin(u) != 0", of_output="-(1 + a^2)*du"),
        Rule("asin", "asin(u)", "du/sqrt(1 - u^2)", "one over the cosine of the result", where="abs(u) < 1"),
        Rule("acos", "acos(u)", "-du/sqrt(1 - u^2)", "minus that of the arcsine", where="abs(u) < 1"),
        Rule("atan", "atan(u)", "du/(1 + u^2)", "one over one plus the square"),
        Rule("asec", "asec(u)", "du/(abs(u)*sqrt(u^2 - 1))", "the arccosine of 1/u", where="abs(u) > 1"),
        Rule("acsc", "acsc(u)", "-du/(abs(u)*sqrt(u^2 - 1))", "the arcsine of 1/u", where="abs(u) > 1"),
        Rule("acot", "acot(u)", "-du/(1 + u^2)", "minus that of the arctangent"),
        Rule("sinc", "sinc(u)", "dsinc(u)*du", "the quotient (u*cos(u) - sin(u))/u^2, 0 at 0"),
        Rule("atan2", "atan2(u, v)", "(v*du - u*dv)/(u^2 + v^2)", "the arctangent of u/v", where="v > 0 or u != 0"),
        Rule(
            "dsinc", "dsinc(u)", "-piecewise(1/3, u == 0, sinc(u) + 2*dsinc(u)/u)*du", "the second derivative of sin(u)/u, -1/3 at 0",
        ),
        # hyperbolic functions
        Rule("sinh", "sinh(u)", "cosh(u)*du", "sinh becomes cosh"),
        Rule("cosh", "cosh(u)", "sinh(u)*du", "cosh becomes sinh, without a minus"),
        Rule("tanh", "tanh(u)", "(1 - tanh(u)^2)*du", "one minus its own square, so a layer reuses a = tanh z", of_output="(1 - a^2)*du"),
        Rule("sech", "sech(u)", "-sech(u)*tanh(u)*du", "minus itself times tanh", of_output="-a*tanh(u)*du"),
        Rule("csch", "csch(u)", "-csch(u)*coth(u)*du", "minus itself times coth", where="u != 0", of_output="-a*coth(u)*du"),
        Rule("coth", "coth(u)", "(1 - coth(u)^2)*du", "one minus its own square", where="u != 0", of_output="(1 - a^2)*du"),
        Rule("asinh", "asinh(u)", "du/sqrt(1 + u^2)", "one over the cosh of the result"),
        Rule("acosh", "acosh(u)", "du/sqrt(u^2 - 1)", "one over the sinh of the result", where="u > 1"),
        Rule("atanh", "atanh(u)", "du/(1 - u^2)", "one over one minus the square", where="abs(u) < 1"),
        Rule("asech", "asech(u)", "-du/(u*sqrt(1 - u^2))", "the inverse of cosh at 1/u", where="u > 0 and u < 1"),
        Rule("acsch", "acsch(u)", "-du/(abs(u)*sqrt(1 + u^2))", "the inverse of sinh at 1/u", where="u != 0"),
        Rule("acoth", "acoth(u)", "du/(1 - u^2)", "as that of artanh, outside", where="abs(u) > 1"),
        # error function and gamma functions
        Rule("erf", "erf(u)", "2/sqrt(pi)*exp(-u^2)*du", "the bell curve under its integral"),
        Rule("erfc", "erfc(u)", "-2/sqrt(pi)*exp(-u^2)*du", "minus that of erf"),
        Rule("gamma", "gamma(u)", "gamma(u)*digamma(u)*du", "itself times digamma", where="u > 0 or u != floor(u)", of_output="a*digamma(u)*du"),
        Rule("loggamma", "loggamma(u)", "digamma(u)*du", "the definition of digamma", where="u > 0 or u != floor(u)"),
        Rule("digamma", "digamma(u)", "trigamma(u)*du", "the definition of trigamma", where="u > 0 or u != floor(u)"),
        Rule("trigamma", "trigamma(u)", "polygamma(2, u)*du", "the next polygamma function", where="u > 0 or u != floor(u)"),
        Rule("polygamma", "polygamma(n, u)", "polygamma(n + 1, u)*du", "the next polygamma function", where="u > 0 or u != floor(u)"),
        Rule(
            "factorial", "factorial(u)", "factorial(u)*digamma(u + 1)*du", "gamma one further on",
            where="u > -1 or u != floor(u)", of_output="a*digamma(u + 1)*du",
        ),
        # parts, steps and choices
        Rule("abs", "abs(u)", "sign(u)*du", "the sign of what is inside", where="u != 0", note="At 0 the derivative is taken as 0."),
        Rule("sign", "sign(u)", "0*du", "a step", where="u != 0", note=STEP),
        Rule("floor", "floor(u)", "0*du", "steps", where="u != floor(u)", note=STEP),
        Rule("ceiling", "ceiling(u)", "0*du", "steps", where="u != floor(u)", note=STEP),
        Rule("mod", "mod(u, v)", "du - floor(u/v)*dv", "u less a multiple of v", where="u/v != floor(u/v)", note="The jumps do not count."),
        Rule("heaviside", "heaviside(u, v)", "0*du + piecewise(dv, u == 0, 0)", "a step", where="u != 0", note=STEP),
        Rule("max", "max(u, v)", "piecewise(du, u > v, (du + dv)/2, u == v, dv)", "that of the larger one", where="u != v", note=TIE),
        Rule("min", "min(u, v)", "piecewise(du, u < v, (du + dv)/2, u == v, dv)", "that of the smaller one", where="u != v", note=TIE),
        Rule(
            "relu", "max(u, 0)", "piecewise(du, u > 0, 0)", "passed on where u is positive",
            where="u != 0", of_output="piecewise(du, a > 0, 0)", note="At 0 the derivative is taken as 0.",
        ),
        # stable atoms
        Rule("fma", "fma(u, v, w)", "v*du + u*dv + dw", "a product and a sum"),
        Rule("logaddexp", "logaddexp(u, v)", "sigmoid(u - v)*du + sigmoid(v - u)*dv", "the share of each exponential in the sum"),
        Rule(
            "logaddexp2", "logaddexp2(u, v)", "sigmoid(log(2)*(u - v))*du + sigmoid(log(2)*(v - u))*dv",
            "the share of each power of two in the sum",
        ),
        Rule("sigmoid", "sigmoid(u)", "sigmoid(u)*(1 - sigmoid(u))*du", "itself times one minus itself", of_output="a*(1 - a)*du"),
        Rule("softplus", "softplus(u)", "sigmoid(u)*du", "the sigmoid"),
        Rule("log1mexp", "log1mexp(u)", "-du/expm1(-u)", "minus one over exp(-u) - 1", where="u < 0"),
        Rule("logcosh", "logcosh(u)", "tanh(u)*du", "sinh over cosh"),
        Rule("xlogy", "xlogy(u, v)", "log(v)*du + u/v*dv", "a product with a logarithm, 0 where u is 0", where="v > 0"),
    )
}  # fmt: skip

_OUTPUT = access("a")
_NAMED = {"+": "sum", "neg": "negative", "*": "product", "/": "quotient", "piecewise": "piecewise"}


def rule_for(formula: Node) -> Rule:
    """The row for the outermost operation of a formula. Raises NoRule where no row fits.

    A power is `u^n` if its exponent is made of numbers, constants and lengths, `c^u` if its base is, `u^v` in general.

    >>> from symgd.reading.text import expression
    >>> [rule_for(expression(written)).key for written in ("x^3", "2^x", "x^y", "max(0, x)", "-x*y")]
    ['power', 'exponential', 'general-power', 'relu', 'negative']
    """
    key = formula.op if formula.op in FUNCTIONS else _NAMED.get(formula.op, "")
    if formula.op == "^":
        base, exponent = formula.args
        if _is_constant(exponent):
            key = "power"
        elif base.op == "constant" and base.value == "e":
            key = "natural-exponential"
        else:
            key = "exponential" if _is_constant(base) and not _is_zero(base) else "general-power"
    elif formula.op == "max" and len(formula.args) == 2 and any(_is_zero(argument) for argument in formula.args):
        key = "relu"
    if key not in RULES:
        raise NoRule(f"There is no derivative rule for {formula.op}.")
    return RULES[key]


def partial(formula: Node, position: int, output: Node | None = None) -> Node:
    """The partial derivative of a formula by one of its arguments: what the law says with the argument's inner derivative 1 and all others 0.

    `output`, the name under which a program keeps the value of the formula, lets the law in terms of its own output be used.

    >>> from symgd.reading.text import expression; from symgd.nodes.text import text
    >>> print(text(partial(expression("x/(y + 1)"), 0)), text(partial(expression("(w*x - y)^2"), 0)), sep=", ")
    1/(y + 1), 2*(w*x - y)
    >>> print(text(partial(expression("tanh(z)"), 0)), text(partial(expression("tanh(z)"), 0, access("a"))), sep=", ")
    1 - tanh(z)^2, 1 - a^2
    """
    args, op = formula.args, formula.op
    if op == "+" or (op in ("max", "min") and len(args) == 1):
        return ONE
    if op == "*":
        return times(*args[:position], *args[position + 1 :])
    if op == "piecewise":
        return _of_branch(args, position)
    if op in ("max", "min") and len(args) != 2:
        return _of_tied(args, position, formula if output is None else output)
    rule = rule_for(formula)
    letters = _letters(rule)
    if rule.key == "relu" and _is_zero(args[0]):
        letters = letters[::-1]
    letter = letters[position]
    if letter is None or letter.value not in ("u", "v", "w"):
        if rule.key == "polygamma":
            raise NoRule("The order of polygamma must be a constant: there is no derivative rule for it.", accepted="a number, polygamma(2, x)")
        return ZERO
    constants, bindings = [], {} if output is None else {_OUTPUT: output}
    for name, argument in zip(letters, args, strict=True):
        if name is not None and name.value in ("n", "c"):
            constants.append((name, argument))
        elif name is not None:
            bindings[name] = argument
    factor = _factor(rule, output is not None and bool(rule.of_output), letter, tuple(constants))
    return _filled_in(factor, tuple(bindings[name] for name in _used(factor)))


@cache
def _letters(rule: Rule) -> tuple[Node | None, ...]:
    """The letter at each place of the pattern, None where it has a number."""
    return tuple(argument if argument.op == "access" else None for argument in read_law(rule.pattern).args)


@lru_cache(maxsize=4096)
def _factor(rule: Rule, by_output: bool, letter: Node, constants: tuple[tuple[Node, Node], ...]) -> Node:
    """A coefficient with its constants filled in: `2*u` for u^n, since most powers are squares."""
    return rebuilt(coefficients(rule, by_output)[letter.value], one_folded, dict(constants))


@lru_cache(maxsize=4096)
def _used(factor: Node) -> tuple[Node, ...]:
    return tuple(found for found in accesses(factor) if found.value in ("u", "v", "w", "a"))


@lru_cache(maxsize=4096)
def _filled_in(factor: Node, values: tuple[Node, ...]) -> Node:
    """A factor with these values for its letters: du of u/v depends on v alone, so it is built once for all numerators."""
    return rebuilt(factor, one_folded, dict(zip(_used(factor), values, strict=True)))


@cache
def coefficients(rule: Rule, by_output: bool = False) -> dict[str, Node]:
    """For u, v, w as far as the pattern has them, the factor of du, dv, dw in the law, or in the law in terms of the output.

    >>> from symgd.nodes.text import text
    >>> {letter: text(factor) for letter, factor in coefficients(RULES["quotient"]).items()}
    {'u': '1/v', 'v': '-u/v^2'}
    """
    law = read_law(rule.of_output if by_output else rule.law)
    letters = [argument.value for argument in postorder(read_law(rule.pattern)) if argument in map(access, "uvw")]
    found = {}
    for letter in letters:
        inner = {access(f"d{other}"): ONE if other == letter else ZERO for other in letters}
        found[letter] = _cancelled(rebuilt(law, one_folded, inner))
    return found


@cache
def domain(rule: Rule) -> Node | None:
    """The condition under which the law holds, in the letters of the pattern; None if everywhere.

    >>> domain(RULES["log"]), domain(RULES["sin"])
    (<> of 2>, None)
    """
    return read_law(f"piecewise(1, {rule.where}, 0)").args[1] if rule.where else None


@cache
def read_law(law: str) -> Node:
    """A law, pattern or condition of a row as a formula."""
    from symgd.reading.text import expression  # read on first use: importing the table costs nothing

    return expression(law)


def _is_constant(formula: Node) -> bool:
    """Whether a formula is made of numbers, constants and lengths."""
    return not any(part.op in ("access", "index") for part in postorder(formula))


def _is_zero(formula: Node) -> bool:
    return formula.op == "number" and fraction(formula) == 0


def _of_branch(args: tuple[Node, ...], position: int) -> Node:
    """1 on the branch whose value stands at this position, 0 on the others; conditions are no argument to differentiate by."""
    if position % 2:
        return ZERO
    return choice(*(argument if place % 2 else ONE if place == position else ZERO for place, argument in enumerate(args)))


def _of_tied(args: tuple[Node, ...], position: int, extreme: Node) -> Node:
    """One over the number of arguments that attain the extreme value, 0 for the others."""
    attained = [node("==", argument, extreme) for argument in args]
    tied = plus(*(choice(ONE, condition, ZERO) for condition in attained))
    return choice(over(ONE, tied), attained[position], ZERO)


def _cancelled(quotient: Node) -> Node:
    """v/v^2 as 1/v"""
    if quotient.op == "/" and quotient.args[1].op == "^" and quotient.args[1].args[0] is quotient.args[0]:
        base, exponent = quotient.args[1].args
        return over(ONE, to_the(base, plus(exponent, minus(ONE))))
    return quotient
