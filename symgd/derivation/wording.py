"""What the steps of a derivation are called and how they are worded: a row each. The rules of functions stand in rules/derivatives.py."""

from __future__ import annotations

from dataclasses import dataclass

from symgd.rules.derivatives import RULES

__all__ = ["Kind", "kind"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of step: its law in letters, and a sentence. `trivial`: a reader who knows the rules does not miss it.

    `derives`: it takes a derivative. `chained`: a derivative that is left inside is that of the chain rule. `inward`: it only goes further in,
    so what its letters stand for needs no word.
    """

    key: str
    name: str
    law: str
    sentence: str
    trivial: bool = False
    derives: bool = True
    chained: bool = False
    inward: bool = False


_ROWS = (
    Kind("constant", "constant", "d(c) = 0", "what does not depend on the parameter is constant", trivial=True),
    Kind("identity", "the parameter itself", "d(w) = 1", "the derivative of a parameter by itself is 1", trivial=True),
    Kind("kronecker", "Kronecker delta", "d(w[j])/d(w[p]) = 1 if j == p, else 0", "one element depends on another one only if they are the same"),
    Kind("sum", "sum rule", "d(u + v) = du + dv", "a sum is derived term by term"),
    Kind("negative", "sum rule", "d(-u) = -du", "the sign stays", trivial=True, inward=True),
    Kind("constant-factor", "constant factor", "d(c*u) = c*du", "a constant factor stays in front", inward=True),
    Kind("product", "product rule", "d(u*v) = v*du + u*dv", "each factor in turn, the others kept"),
    Kind("quotient", "quotient rule", "d(u/v) = (v*du - u*dv)/v^2", "the order of the difference matters"),
    Kind("reciprocal", "reciprocal rule", "d(c/v) = -c*dv/v^2", "a constant over v"),
    Kind("power", "power rule", "d(u^n) = n*u^(n - 1)*du", "the exponent comes down in front, one less stays above", chained=True),
    Kind("natural-exponential", "exponential rule", "d(e^u) = e^u*du", "its own derivative", chained=True),
    Kind("exponential", "exponential rule", "d(c^u) = log(c)*c^u*du", "itself, times the logarithm of the base", chained=True),
    Kind("general-power", "logarithmic differentiation", "d(u^v) = u^v*(log(u)*dv + v*du/u)", "u^v is e^(v*log(u))", chained=True),
    Kind("piecewise", "branches", "d(piecewise(u, c, v)) = piecewise(du, c, dv)", "branch by branch; the branch does not change nearby"),
    Kind("extreme", "largest or smallest", "that of the argument that attains it", "ties share equally"),
    Kind("into-sum", "derivative enters the sum", "d(sum(u, i)) = sum(du, i)", "a sum of finitely many terms is derived term by term", inward=True),
    Kind("into-mean", "derivative enters the mean", "d(mean(u, i)) = mean(du, i)", "a mean is derived value by value", inward=True),
    Kind("product-over", "product rule over an index", "d(product(u[i], i)) = sum(du[i]*product of the others, i)", "each factor in turn"),
    Kind("extreme-over", "largest or smallest over an index", "d(max(u[i], i)) = du[i] where the maximum is attained", "ties share equally"),
    Kind("logsumexp", "log of a sum of exponentials", "d(logsumexp(u[i], i)) = sum(softmax(u[i], i)*du[i], i)", "each by its share in the sum"),
    Kind("softmax", "softmax", "d(p[l]) = p[l]*(du[l] - sum(p[k]*du[k], k))", "its own share changes, and so does the sum of all"),
    Kind("norm", "norm", "d(norm(u[i], i)) = sum(u[i]*du[i], i)/norm(u[i], i)", "each element over the norm"),
    Kind("collapse", "collapse the delta", "sum(x[j] if j == p else 0, j) = x[p]", "one term of the sum is left", derives=False),
    Kind("simplify", "simplify", "", "like terms and factors collected, constants in front of sums", derives=False),
    Kind("name", "names", "", "what has a name is written by it", derives=False),
    Kind("fill-in", "fill in", "", "the derivatives that are known by now are put in", derives=False),
    Kind("facts", "facts", "", "what is known of the data is used", derives=False),
    Kind("stable", "stable form", "", "the same value, computed without overflow or cancellation", derives=False),
    Kind("remaining", "more steps", "", "the remaining steps, by the same rules", derives=False),
)
_KINDS = {row.key: row for row in _ROWS}


def kind(key: str) -> Kind:
    """The row of a step; of a function's rule, made of its row in the table of derivatives.

    >>> kind("tanh").law, kind("sum").name
    ('d(tanh(u)) = (1 - tanh(u)^2)*du', 'sum rule')
    """
    found = _KINDS.get(key)
    if found is None:
        rule = RULES[key]
        found = _KINDS[key] = Kind(key, f"derivative of {key}", f"d({rule.pattern}) = {rule.law}", rule.wording, chained=True)
    return found
