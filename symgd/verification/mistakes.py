"""The mistakes that people make with derivatives: a row each, a wrong law of the same shape as the right one.

Letters of a wrong law: those of the right one, `u v n c` and `du dv`; `a` is the value of the function, `law` the right result, `x` the parameter
itself, `t` each part of `u` in turn, `o` the
derivative of the function that `u` is, `N` the number of terms of a sum or mean. Behind a comma a letter is replaced: `law, du = 1`. In a sum or a
product `u` is each term or factor in turn, and `v` all others together.

In a sentence {part} is the place, {u} {v} its letters, {du} {dv} their derivatives, {law} the right law, {name} the parameter.

To add a mistake, add a row: its kind, where it happens, the wrong law, the sentence. Sources: the mistakes listed by teachers' item banks, and public
threads about wrong gradients of networks.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CONFUSED", "KINDS", "ROWS", "Row"]

KINDS = (
    "missing-chain-factor", "sign", "constant-factor", "mean-vs-sum", "quotient-rule", "product-rule", "wrong-argument", "missing-inner-level",
    "table-entry", "power-rule", "exponential-as-power", "wrong-variable", "missing-term", "data-as-constant", "not-differentiated", "integrated",
    "transpose", "missed-path", "softmax", "wrong-branch", "misread-cost", "algebra-slip", "domain",
)  # fmt: skip
"""Most frequent first: between two explanations of the same formula the more frequent one is named first."""


@dataclass(frozen=True, slots=True)
class Row:
    """`on`: a key of a rule, `one-argument` for every function, or `constant` for a factor or divisor that is one."""

    kind: str
    on: str
    wrong: str
    sentence: str


CONFUSED = (
    ("sin", "cos", "tan", "sec", "csc", "cot"), ("asin", "acos", "atan"), ("sinh", "cosh", "tanh"), ("sigmoid", "tanh", "softplus"),
    ("tan", "atan", "tanh"), ("exp", "log"), ("erf", "erfc"), ("gamma", "loggamma", "digamma"),
)  # fmt: skip
"""Functions whose derivatives are taken for each other's."""

ROWS = (
    # the chain rule
    Row("missing-chain-factor", "one-argument", "law, du = 1", "The outer part is right; the inner derivative of {u} is missing: multiply by {du}."),
    Row("missing-chain-factor", "reciprocal", "law, dv = 1", "The outer part is right; the inner derivative of {v} is missing: multiply by {dv}."),
    Row("missing-chain-factor", "norm", "1/(2*a)", "The outer part is right; the derivative of the squares inside {part} is missing."),
    Row("missing-chain-factor", "logsumexp", "1/exp(a)", "The outer part is right; the derivatives of the exponentials inside {part} are missing."),
    Row("missing-chain-factor", "quotient", "(v*du - u)/v^2", "The derivative of the denominator {v} is missing: it is {dv}."),
    Row("missing-inner-level", "one-argument", "du", "Only the inside of {part} was derived; its own derivative is missing: {law}."),
    Row("wrong-argument", "one-argument", "law, u = a", "The outer derivative stands at the value of {part}; it belongs at {u}."),
    Row("wrong-argument", "one-argument", "law, u = du", "The outer derivative stands at the inner derivative; it belongs at {u}."),
    Row("wrong-argument", "one-argument", "law, u = du, du = 1", "The outer derivative stands at the inner one; it belongs at {u}, times {du}."),
    Row("wrong-argument", "one-argument", "law, u = o", "The outer derivative stands at the derivative of {u}; it belongs at {u} itself."),
    Row("wrong-argument", "one-argument", "law, u = t", "The outer derivative of {part} stands at a part of {u}; it belongs at all of {u}."),
    Row("wrong-argument", "one-argument", "law, u = x", "The outer derivative of {part} stands at {name}; it belongs at {u}."),
    Row("wrong-argument", "one-argument", "law, u = x, du = 1", "The outer derivative of {part} stands at {name}; it belongs at {u}, times {du}."),
    Row("wrong-argument", "power", "piecewise(law, du == 1, du^n)", "The power of the derivative is not the derivative of the power: {law}."),
    Row("wrong-argument", "sqrt", "du/(2*u)", "The root is missing in the denominator: {law}."),
    Row("wrong-argument", "norm", "law*a", "The norm is missing in the denominator: {law}."),
    # signs, factors, terms
    Row("sign", "one-argument", "-law", "The derivative of {part} has the opposite sign: {law}."),
    Row("sign", "negative", "du", "The minus in {part} is missing."),
    Row("sign", "sum", "dv - du", "The term {u} of {part} has the opposite sign."),
    Row("sign", "quotient", "(u*dv - v*du)/v^2", "The difference in the quotient rule is the other way round: {law}."),
    Row("constant-factor", "power", "u^(n - 1)*du", "The exponent {n} is missing in front: {law}."),
    Row("constant-factor", "sqrt", "du/sqrt(u)", "The 2 in the denominator is missing: {law}."),
    Row("constant-factor", "constant", "dv", "The constant factor {u} of {part} is missing."),
    Row("constant-factor", "divisor", "du", "The division by {v} in {part} is missing."),
    Row("missing-term", "sum", "dv", "The contribution of {u} is missing."),
    Row("missing-term", "kept-constant", "law + u", "{u} is a constant here: its derivative is 0, it does not stay."),
    Row("not-differentiated", "sum", "dv + u", "The term {u} of {part} was not differentiated."),
    Row("not-differentiated", "identity", "x", "The derivative of {name} by itself is 1; {name} still stands there."),
    Row("mean-vs-sum", "mean", "law*N", "1/N is missing: {part} is a mean, and so is its derivative."),
    Row("mean-vs-sum", "total", "law/N", "{part} is a sum, not a mean: there is no 1/N."),
    Row("wrong-variable", "identity", "1 everywhere", "Only one element of the sum depends on this {name}: the others are 0, and the sum goes away."),
    # products, quotients
    Row("product-rule", "product", "du*dv", "The derivative of a product is not the product of the derivatives: {law}."),
    Row("product-rule", "product", "v*du", "The derivative of a product has two terms, one for each factor: {law}."),
    Row("product-rule", "product", "v*du - u*dv", "The product rule has a sum, not a difference: {law}."),
    Row("product-rule", "product", "u*du + v*dv", "Each derivative belongs to the other factor: {law}."),
    Row("missed-path", "same-parameter", "v*du", "{name} enters {part} twice, and only one of the two ways was followed: add the other one."),
    Row("missed-path", "other-path", "v*du", "{name} enters {part} in two ways, and only one of them was followed: add the other one."),
    Row("missed-path", "shared-sum", "dv", "{u} leads to {name} as well, and was not followed: the contributions of all paths are added."),
    Row("quotient-rule", "quotient", "du/dv", "The derivative of a quotient is not the quotient of the derivatives: {law}."),
    Row("quotient-rule", "quotient", "(v*du + u*dv)/v^2", "The quotient rule has a difference: {law}."),
    Row("quotient-rule", "quotient", "(u*dv - v*du)/v^2", "The difference in the quotient rule is the other way round: {law}."),
    Row("quotient-rule", "quotient", "(v*du - u*dv)/v", "The denominator is squared in the quotient rule: {law}."),
    Row("quotient-rule", "quotient", "v*du - u*dv", "The denominator squared is missing: {law}."),
    Row("quotient-rule", "quotient", "(v*du - u*dv)/u^2", "The denominator squared stands below, not the numerator: {law}."),
    Row("quotient-rule", "quotient", "du/v", "The denominator {v} depends on {name} too: {law}."),
    Row("quotient-rule", "quotient", "-u*dv/v^2", "The numerator {u} depends on {name} too: {law}."),
    Row("quotient-rule", "quotient", "du/v^2", "The second term of the quotient rule is missing: {law}."),
    Row("quotient-rule", "reciprocal", "-u*dv/v", "The denominator is squared: {law}."),
    Row("quotient-rule", "reciprocal", "u/dv", "The derivative of a quotient is not the quotient of the derivatives: {law}."),
    # powers, roots, exponentials
    Row("power-rule", "power", "u^(n - 1)*du", "The exponent {n} is missing in front: {law}."),
    Row("power-rule", "power", "n*u^n*du", "The exponent was not reduced by one: {law}."),
    Row("power-rule", "power", "n*u^n", "The exponent was not reduced by one, and the inner derivative is missing: {law}."),
    Row("power-rule", "power", "n*u^(n + 1)*du", "The exponent goes down by one, not up: {law}."),
    Row("power-rule", "power", "n*u^(n - 2)*du", "The exponent goes down by one, not by two: {law}."),
    Row("power-rule", "power", "(n - 1)*u^(n - 1)*du", "The old exponent comes down in front, not the new one: {law}."),
    Row("power-rule", "power", "n*u*du", "The exponent that stays above is {n} - 1, not 1: {law}."),
    Row("power-rule", "power", "n*du", "The power {n} - 1 of {u} is missing: {law}."),
    Row("power-rule", "power", "u^n*du", "Neither did the exponent come down nor was it reduced: {law}."),
    Row("power-rule", "reciprocal", "-u*dv/v", "1/v is v^(-1): its exponent goes down to -2: {law}."),
    Row("power-rule", "reciprocal", "-u*dv/v^3", "1/v is v^(-1): its exponent goes down to -2, not -3: {law}."),
    Row("power-rule", "reciprocal", "-2*u*dv/v^3", "1/v is v^(-1), not v^(-2): {law}."),
    Row("power-rule", "reciprocal", "u*log(v)", "1/v was integrated: {law}."),
    Row("power-rule", "reciprocal", "u*dv/v^2", "The exponent -1 comes down in front with its sign: {law}."),
    Row("power-rule", "sqrt", "sqrt(u)*du/2", "A root is the power 1/2: the exponent goes down to -1/2: {law}."),
    Row("power-rule", "sqrt", "2*sqrt(u)*du", "The root belongs into the denominator: {law}."),
    Row("power-rule", "general-power", "v*u^(v - 1)*du", "The exponent {v} depends on {name} too: {law}."),
    Row("exponential-as-power", "general-power", "log(u)*u^v*dv", "The base {u} depends on {name} too: {law}."),
    Row("product-rule", "general-power", "u^v*du*dv/u", "The exponent v*log(u) is a product: {law}."),
    Row("exponential-as-power", "exponential", "u*c^(u - 1)*du", "An exponential is not a power: the exponent stays as it is: {law}."),
    Row("exponential-as-power", "exponential", "u*c^(u - 1)", "An exponential is not a power: the exponent stays as it is: {law}."),
    Row("exponential-as-power", "exponential", "c^u*du", "The factor log({c}) is missing: {law}."),
    Row("table-entry", "exponential", "c^u*du/log(c)", "The logarithm of the base is a factor, not a divisor: {law}."),
    Row("exponential-as-power", "exp", "u*exp(u - 1)*du", "An exponential is not a power: the exponent stays as it is: {law}."),
    Row("exponential-as-power", "exp", "u*exp(u - 1)", "An exponential is not a power: the exponent stays as it is: {law}."),
    Row("exponential-as-power", "natural-exponential", "u*exp(u - 1)*du", "An exponential is not a power: the exponent stays as it is: {law}."),
    Row("exponential-as-power", "natural-exponential", "u*exp(u - 1)", "An exponential is not a power: the exponent stays as it is: {law}."),
    # the table of derivatives
    Row("table-entry", "one-argument", "a*du", "{part} is not its own derivative: {law}."),
    Row("table-entry", "log", "log(u)/u*du", "The derivative of a logarithm is one over its argument: {law}."),
    Row("table-entry", "logbase", "du/u", "The logarithm has another base: {law}."),
    Row("table-entry", "logbase", "log(v)*du/u", "The logarithm of the base is a divisor, not a factor: {law}."),
    Row("table-entry", "logbase", "v*du/u", "The logarithm of the base is a divisor: {law}."),
    Row("table-entry", "sigmoid", "a*(1 + a)*du", "The derivative of the sigmoid has a minus: {law}."),
    Row("table-entry", "sigmoid", "(1 - a)*du", "A factor of the derivative of the sigmoid is missing: {law}."),
    Row("table-entry", "sigmoid", "(1 - a^2)*du", "That is the derivative of tanh: {law}."),
    Row("wrong-argument", "sigmoid", "u*(1 - u)*du", "a*(1 - a) is meant with a = {part}, not with {u}: {law}."),
    Row("table-entry", "tanh", "(1 + a^2)*du", "The derivative of tanh has a minus: {law}."),
    Row("table-entry", "tanh", "(1 - a)*du", "The square is missing: {law}."),
    Row("table-entry", "tanh", "a*(1 - a)*du", "That is the derivative of the sigmoid: {law}."),
    Row("wrong-argument", "tanh", "(1 - u^2)*du", "1 - a^2 is meant with a = {part}, not with {u}: {law}."),
    Row("table-entry", "tan", "(1 - a^2)*du", "The derivative of tan has a plus: {law}."),
    # softmax
    Row("softmax", "softmax", "a*(1 - a)*du", "Every softmax output depends on all its inputs; only the diagonal was taken: {law}."),
    Row("softmax", "softmax", "a*du", "The normalisation of the softmax depends on {name} too: {law}."),
    Row("softmax", "softmax", "du", "The derivative of the softmax is missing: {law}."),
    Row("softmax", "softmax", "a*(du + s)", "The second term of the softmax derivative has a minus: {law}."),
    Row("softmax", "softmax", "-law", "The derivative of the softmax has the opposite sign: {law}."),
    Row("softmax", "logsumexp", "1/exp(a)", "The exponentials are missing: the derivative of logsumexp is the softmax."),
    # branches
    Row("wrong-branch", "abs", "du", "The sign is missing: it is right only where {u} > 0."),
    Row("wrong-branch", "abs", "-du", "It is right only where {u} < 0."),
    Row("wrong-branch", "abs", "a*du", "The derivative of an absolute value is the sign: {law}."),
    Row("wrong-branch", "relu", "du", "Where {u} < 0 the derivative is 0."),
    Row("wrong-branch", "relu", "0", "Where {u} > 0 the derivative is not 0."),
    Row("wrong-branch", "max", "du", "Where {u} is the smaller one, the derivative is that of {v}."),
    Row("wrong-branch", "max", "dv", "Where {v} is the smaller one, the derivative is that of {u}."),
    Row("wrong-branch", "min", "du", "Where {u} is the larger one, the derivative is that of {v}."),
    Row("wrong-branch", "min", "dv", "Where {v} is the larger one, the derivative is that of {u}."),
    Row("wrong-branch", "piecewise", "one branch", "One branch of {part} was taken everywhere."),
)
