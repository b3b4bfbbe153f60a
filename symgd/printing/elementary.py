"""The elementary functions that a generated module writes out, so that it imports NumPy, math and Numba and nothing else.

Each is one source text with three uses: compiled by Numba with `error_model="numpy"`; run as plain Python under `np.errstate`, with the same values
and no exception; and, through `elementwise`, on whole arrays. They are compiled without the caller's fastmath flags: regrouping would undo them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

import numpy as np

DECORATOR = '@njit(error_model="numpy")'


@dataclass(frozen=True, slots=True)
class Elementary:
    """One function of numbers: its text, and the elementary functions that the text calls."""

    name: str
    source: str
    needs: tuple[str, ...] = ()


def _row(source: str, *needs: str) -> Elementary:
    text = dedent(source).strip() + "\n"
    return Elementary(text[len("def ") : text.index("(")], text, needs)


ELEMENTARY: dict[str, Elementary] = {
    row.name: row
    for row in (
        _row('''
            def sigmoid(u):
                """1/(1 + exp(-u)); neither side overflows."""
                e = np.exp(-abs(u))
                return (1.0 if u >= 0.0 else e)/(1.0 + e)
        '''),
        _row('''
            def softplus(u):
                """log(1 + exp(u)); for large u it is u + exp(-u)."""
                return np.maximum(u, 0.0) + np.log1p(np.exp(-abs(u)))
        '''),
        _row('''
            def log1mexp(u):
                """log(1 - exp(u)), u <= 0"""
                return np.log1p(-np.exp(u)) if u < -0.6931471805599453 else np.log(-np.expm1(u))
        '''),
        _row('''
            def logcosh(u):
                """log(cosh(u)); for large |u| it is |u| - log(2)."""
                u = abs(u)
                if u < 1.0:
                    half = np.sinh(0.5*u)
                    return np.log1p(2.0*half*half)
                return u + (np.log1p(np.exp(-2.0*u)) - 0.6931471805599453)
        '''),
        _row('''
            def xlogy(u, v):
                """u*log(v), 0 where u is 0"""
                return 0.0 if u == 0.0 and v == v else u*np.log(v)
        '''),
        _row('''
            def logaddexp(u, v):
                """log(exp(u) + exp(v))"""
                return u + 0.6931471805599453 if u == v else np.maximum(u, v) + np.log1p(np.exp(-abs(u - v)))
        '''),
        _row('''
            def weighted(total, u, part, v):
                """total*exp(u - L) + part*exp(v - L) with L = logaddexp(u, v); what has no weight does not count"""
                top = logaddexp(u, v)
                return (total*np.exp(u - top) if u != -np.inf else 0.0) + (part*np.exp(v - top) if v != -np.inf else 0.0)
        ''', "logaddexp"),
        _row('''
            def logaddexp2(u, v):
                """log2(2^u + 2^v)"""
                return u + 1.0 if u == v else np.maximum(u, v) + 1.4426950408889634*np.log1p(np.exp2(-abs(u - v)))
        '''),
        _row('''
            def heaviside(u, h0):
                """0 below 0, 1 above, h0 at 0"""
                return h0 if u == 0.0 else 1.0 if u > 0.0 else 0.0 if u < 0.0 else u
        '''),
        _row('''
            def unit(u, v):
                """u/hypot(u, v), 0 at the origin"""
                h = np.hypot(u, v)
                return u/h if h != 0.0 else 0.0
        '''),
        _row('''
            def sinc(u):
                """sin(u)/u, 1 at 0"""
                return np.sin(u)/u if u != 0.0 else 1.0
        '''),
        _row('''
            def dsinc(u):
                """The derivative of sinc, (cos(u) - sin(u)/u)/u; a series where that cancels."""
                if abs(u) > 1.0:
                    return (np.cos(u) - np.sin(u)/u)/u
                w = u*u
                series = 1.0706029224547743e-11 - w*(4.498331606952833e-14 - w*1.4797143443923793e-16)
                series = 2.2045855379188714e-05 - w*(2.505210838544172e-07 - w*(1.9270852604185937e-09 - w*series))
                return -u*(0.3333333333333333 - w*(0.03333333333333333 - w*(0.0011904761904761906 - w*series)))
        '''),
        _row('''
            def asec(u):
                """arccos(1/u); u - 1 is exact where 1/u is not."""
                return np.arctan2(np.sqrt(abs(u) - 1.0)*np.sqrt(abs(u) + 1.0), np.sign(u))
        '''),
        _row('''
            def acsc(u):
                """arcsin(1/u)"""
                return np.arctan2(np.sign(u), np.sqrt(abs(u) - 1.0)*np.sqrt(abs(u) + 1.0))
        '''),
        _row('''
            def asech(u):
                """arcosh(1/u) = 2*arsinh(sqrt((1/u - 1)/2))"""
                return 2.0*np.arcsinh(np.sqrt(np.divide(0.5*(1.0 - u), u)))
        '''),
        _row('''
            def acoth(u):
                """artanh(1/u)"""
                return np.copysign(0.5*np.log1p(np.divide(2.0, abs(u) - 1.0)), u)
        '''),
        _row('''
            def gamma(u):
                """The gamma function: infinite at 0, NaN at the poles below."""
                if abs(u) < 1e-300:
                    return np.divide(1.0, u)
                if u > 171.6243769563027:
                    return np.inf
                if u < 0.0 and u == np.floor(u):
                    return np.nan
                return math.gamma(u)
        '''),
        _row('''
            def loggamma(u):
                """The logarithm of the absolute value of gamma: infinite at the poles."""
                if (u <= 0.0 and u == np.floor(u)) or abs(u) > 2.5e305:
                    return np.inf
                return math.lgamma(u)
        '''),
        _row('''
            def digamma(u):
                """The derivative of log gamma: NaN at the poles."""
                found = 0.0
                if u <= 0.0:
                    if u == np.floor(u):
                        return np.nan
                    found = -3.141592653589793/np.tan(3.141592653589793*(u - np.floor(u + 0.5)))
                    u = 1.0 - u
                if u >= 10.0:
                    w = 1.0/(u*u)
                    series = 0.021092796092796094 - w*0.08333333333333333
                    series = 0.004166666666666667 - w*(0.007575757575757576 - w*series)
                    series = 0.08333333333333333 - w*(0.008333333333333333 - w*(0.003968253968253968 - w*series))
                    return found + (np.log(u) - 0.5/u - w*series)
                if u < 1.0:
                    found -= 1.0/u
                    u += 1.0
                while u > 2.0:
                    u -= 1.0
                    found += 1.0/u
                # between 1 and 2, around the zero in three parts: the approximation of Boost.Math (Maddock), also in SciPy
                distance = u - 1.4616321446374059 - 3.309564688275257e-10 - 9.016312093258695e-20
                w = u - 1.0
                above = -0.2891912644477478 + w*(-0.04525132144873906 + w*-0.0020713321167745953)
                above = 0.25479851061131553 + w*(-0.32555031186804494 + w*(-0.6503185377089651 + w*above))
                below = 0.43593529692665969 + w*(0.054151797245674224 + w*(0.0021284987017821144 + w*-5.578984132167551e-07))
                below = 1.0 + w*(2.0767117023730469 + w*(1.4606242909763515 + w*below))
                return found + distance*(0.99558162689208984 + above/below)
        '''),
        _row('''
            def hurwitz(s, u):
                """The sum of (u + k)^-s over k = 0, 1, 2, ...; u > 0, s >= 2: Euler-Maclaurin after the first terms."""
                found = 0.0
                while u < 12.0 + s:
                    found += np.power(u, -s)
                    u += 1.0
                w = 1.0/(u*u)
                factor, series = s/u, 0.5
                for order, bernoulli in (
                    (1.0, 1.0/12.0),
                    (3.0, -1.0/720.0),
                    (5.0, 1.0/30240.0),
                    (7.0, -1.0/1209600.0),
                    (9.0, 1.0/47900160.0),
                    (11.0, -691.0/1307674368000.0),
                    (13.0, 1.0/74724249600.0),
                    (15.0, -3617.0/10670622842880000.0),
                ):
                    series += bernoulli*factor
                    factor *= (s + order)*(s + order + 1.0)*w
                return found + (np.power(u, 1.0 - s)/(s - 1.0) + np.power(u, -s)*series)
        '''),
        _row(
            '''
            def polygamma(n, u):
                """The derivative of order n of digamma. At a pole infinite for odd n, NaN for even n."""
                if n == 0.0:
                    return digamma(u)
                sign = 1.0 if n % 2.0 == 1.0 else -1.0
                if u > 0.0:
                    return sign*gamma(n + 1.0)*hurwitz(n + 1.0, u)
                if u == np.floor(u):
                    return np.inf if sign > 0.0 else np.nan
                above, below = u - np.floor(u), np.floor(u) + 1.0 - u  # to the integers: the sum over all integers less a tail
                found = hurwitz(n + 1.0, above) + sign*(hurwitz(n + 1.0, below) - hurwitz(n + 1.0, 1.0 - u))
                return sign*gamma(n + 1.0)*found
            ''',
            "digamma", "gamma", "hurwitz",
        ),
        _row(
            '''
            def trigamma(u):
                """The derivative of digamma."""
                return polygamma(1.0, u)
            ''',
            "polygamma",
        ),
    )
}  # fmt: skip


def needed(names: Iterable[str]) -> tuple[str, ...]:
    """The names and everything that they call, callees first.

    >>> needed(["trigamma"])
    ('digamma', 'gamma', 'hurwitz', 'polygamma', 'trigamma')
    """
    found: dict[str, None] = {}
    for name in names:
        found |= dict.fromkeys((*needed(ELEMENTARY[name].needs), name))
    return tuple(found)


def called(source: str) -> tuple[str, ...]:
    """The elementary functions that a source text calls.

    >>> called("c += softplus(z[i]) - y[i]*z[i]")
    ('softplus',)
    """
    return tuple(dict.fromkeys(name for name in re.findall(r"(?<![\w.])(\w+)\(", source) if name in ELEMENTARY))


def sources(names: Iterable[str], decorator: str = DECORATOR) -> str:
    '''The definitions of these functions and of what they call, in the order in which they can be executed.

    >>> print(sources(["sigmoid"]))
    @njit(error_model="numpy")
    def sigmoid(u):
        """1/(1 + exp(-u)); neither side overflows."""
        e = np.exp(-abs(u))
        return (1.0 if u >= 0.0 else e)/(1.0 + e)
    <BLANKLINE>
    '''
    head = decorator and decorator + "\n"
    return "\n\n".join(head + ELEMENTARY[name].source for name in needed(names))


def plain(names: Iterable[str]) -> dict[str, Callable[..., Any]]:
    """The same functions as plain Python on single numbers.

    >>> plain(["softplus"])["softplus"](0.0) == np.log(2)
    np.True_
    """
    namespace: dict[str, Any] = {"np": np, "math": math}
    exec(sources(names, decorator=""), namespace)  # our own table, nothing of a user's
    return {name: namespace[name] for name in needed(names)}


def elementwise(names: Iterable[str]) -> dict[str, Callable[..., Any]]:
    """The same functions on arrays, for NumPy.

    >>> elementwise(["acoth"])["acoth"](np.array([2.0, -3.0]))
    array([ 0.54930614, -0.34657359])
    """
    branching = {name for name in needed(names) if re.search(r"\b(if|while)\b", ELEMENTARY[name].source)}
    return {name: np.vectorize(function, otypes=[float]) if name in branching else function for name, function in plain(names).items()}
