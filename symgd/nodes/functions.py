"""The functions that a formula may use: one row each says how it is spelled and evaluated everywhere. Derivatives stand in rules/derivatives.py.

Everything is real: where a function has no real value it is NaN, also in mpmath. `cbrt(-8)` is -2, `(-8)^(1/3)` is NaN, `loggamma` is log|gamma|.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Function:
    """How one function is written in each target; `{0}`, `{1}`, `{2}` stand for its arguments and are replaced, not formatted.

    `name` is the node's op and the spelling of the text language. `arity` None means one argument or more: `numpy` and `numba` then are the
    function of two arguments, nested from the left. `latex` without `{0}` is a head, `\\tanh`, before arguments in parentheses.
    `sympy` is a name in the sympy namespace, a dotted path, or a formula in our own notation in the letters u, v, w for what SymPy lacks.
    `mpmath` takes an mpmath context and the arguments, NaN where the value is not real.
    `numpy` and `numba` may call the functions of printing/elementary.py by name.

    >>> FUNCTIONS["tanh"].numpy, FUNCTIONS["sigmoid"].sympy, SPELLED["arcsin"]
    ('np.tanh({0})', '1/(1 + exp(-u))', 'asin')
    """

    name: str
    arity: int | None
    latex: str
    sympy: str
    mpmath: Callable[..., Any]
    numpy: str
    numba: str
    spellings: tuple[str, ...] = ()


def _real(value: Callable[..., Any]) -> Callable[..., Any]:
    """The real value in an mpmath context: NaN for a complex one and at a pole, infinite where the function divides by zero."""

    def evaluated(ctx: Any, *args: Any) -> Any:
        if any(ctx.isnan(argument) for argument in args):
            return ctx.nan
        try:
            found = value(ctx, *args)
        except ZeroDivisionError:
            return ctx.inf
        except ValueError:
            return ctx.nan
        return ctx.nan if isinstance(found, ctx.mpc) else found

    return evaluated


def _own(name: str) -> Callable[..., Any]:
    """The context's own function of this name."""
    return _real(lambda ctx, *args: getattr(ctx, name)(*args))


def _except(point: int, value: str, name: str) -> Callable[..., Any]:
    """The context's own function, but this value at one point."""
    return _real(lambda ctx, u: getattr(ctx, value) if u == point else getattr(ctx, name)(u))


def _erfc(ctx: Any, u: Any) -> Any:
    return ctx.erfc(u) if abs(u) < 10**8 else ctx.mpf(0 if u > 0 else 2)  # beyond, mpmath overflows; the rest is below 10^-10^15


def _acot(ctx: Any, u: Any) -> Any:
    return ctx.pi / 2 if u == 0 else ctx.atan(1 / u)


def _polygamma(ctx: Any, n: Any, u: Any) -> Any:
    order = int(n)
    if u <= 0 and u == ctx.floor(u):
        return ctx.inf if order % 2 else ctx.nan
    return ctx.psi(order, u)


def _loggamma(ctx: Any, u: Any) -> Any:
    return ctx.inf if u <= 0 and u == ctx.floor(u) else ctx.re(ctx.loggamma(u))


def _softplus(ctx: Any, u: Any) -> Any:
    return ctx.log1p(ctx.exp(-abs(u))) + max(u, ctx.zero)


def _logaddexp(ctx: Any, u: Any, v: Any) -> Any:
    return u if u == v and ctx.isinf(u) and u < 0 else max(u, v) + ctx.log1p(ctx.exp(-abs(u - v)))


def _log1mexp(ctx: Any, u: Any) -> Any:
    return ctx.log1p(-ctx.exp(u)) if u < -1 else ctx.log(-ctx.expm1(u))


def _logcosh(ctx: Any, u: Any) -> Any:
    return ctx.log1p(2 * ctx.sinh(u / 2) ** 2) if abs(u) < 1 else abs(u) + ctx.log1p(ctx.exp(-2 * abs(u))) - ctx.ln2


def _xlogy(ctx: Any, u: Any, v: Any) -> Any:
    return ctx.zero if u == 0 else u * ctx.log(v)


def _unit(ctx: Any, u: Any, v: Any) -> Any:
    return ctx.zero if u == 0 and v == 0 else u / ctx.hypot(u, v)


def _dsinc(ctx: Any, u: Any) -> Any:
    if abs(u) > 1:
        return (ctx.cos(u) - ctx.sin(u) / u) / u
    return -u / 3 * ctx.hyp0f1(ctx.mpf(5) / 2, -u * u / 4)  # the spherical Bessel function j1


def _mod(ctx: Any, u: Any, v: Any) -> Any:
    return ctx.nan if v == 0 else u % v  # exact, with the sign of v


def _heaviside(ctx: Any, u: Any, h0: Any) -> Any:
    return h0 if u == 0 else ctx.mpf(1 if u > 0 else 0)


def _alike(name: str, arity: int | None, latex: str, sympy: str, mpmath: Callable[..., Any], source: str, *spellings: str) -> Function:
    """A function that NumPy and Numba write alike."""
    return Function(name, arity, latex, sympy, mpmath, source, source, spellings)


_ROWS: tuple[Function, ...] = (
    # exponentials and logarithms
    _alike("exp", 1, r"\exp", "exp", _own("exp"), "np.exp({0})"),
    _alike("log", 1, r"\log", "log", _own("log"), "np.log({0})", "ln"),
    _alike("logbase", 2, r"\log_{{1}}\left({0}\right)", "log(u)/log(v)", _real(lambda c, u, b: c.log(u) / c.log(b)), "(np.log({0})/np.log({1}))"),
    _alike("exp2", 1, r"2^{{0}}", "2^u", _real(lambda c, u: c.mpf(2) ** u), "np.exp2({0})"),
    _alike("expm1", 1, r"\operatorname{expm1}", "codegen.cfunctions.expm1", _own("expm1"), "np.expm1({0})"),
    _alike("log1p", 1, r"\operatorname{log1p}", "codegen.cfunctions.log1p", _own("log1p"), "np.log1p({0})"),
    _alike("log2", 1, r"\log_{2}", "log(u)/log(2)", _real(lambda c, u: c.log(u) / c.log(2)), "np.log2({0})"),
    _alike("log10", 1, r"\log_{10}", "log(u)/log(10)", _real(lambda c, u: c.log10(u)), "np.log10({0})"),
    # roots
    _alike("sqrt", 1, r"\sqrt{{0}}", "sqrt", _own("sqrt"), "np.sqrt({0})", "Sqrt"),
    _alike("cbrt", 1, r"\sqrt[3]{{0}}", "sign(u)*abs(u)^(1/3)", _real(lambda c, u: c.sign(u) * c.cbrt(abs(u))), "np.cbrt({0})", "Cbrt"),
    _alike("hypot", 2, r"\operatorname{hypot}", "sqrt(u^2 + v^2)", _own("hypot"), "np.hypot({0}, {1})"),
    Function(
        "unit", 2, r"\frac{{0}}{\operatorname{hypot}\left({0}, {1}\right)}", "u/sqrt(u^2 + v^2)", _real(_unit),
        "({0}/np.where(np.hypot({0}, {1}) == 0.0, 1.0, np.hypot({0}, {1})))", "unit({0}, {1})",
    ),
    # trigonometric functions
    _alike("sin", 1, r"\sin", "sin", _own("sin"), "np.sin({0})"),
    _alike("cos", 1, r"\cos", "cos", _own("cos"), "np.cos({0})"),
    _alike("tan", 1, r"\tan", "tan", _own("tan"), "np.tan({0})"),
    _alike("sec", 1, r"\sec", "sec", _own("sec"), "(1.0/np.cos({0}))"),
    _alike("csc", 1, r"\csc", "csc", _own("csc"), "(1.0/np.sin({0}))", "cosec"),
    _alike("cot", 1, r"\cot", "cot", _own("cot"), "(1.0/np.tan({0}))"),
    _alike("asin", 1, r"\arcsin", "asin", _own("asin"), "np.arcsin({0})", "arcsin"),
    _alike("acos", 1, r"\arccos", "acos", _own("acos"), "np.arccos({0})", "arccos"),
    _alike("atan", 1, r"\arctan", "atan", _own("atan"), "np.arctan({0})", "arctan"),
    _alike("asec", 1, r"\operatorname{arcsec}", "asec", _except(0, "nan", "asec"), "asec({0})", "arcsec"),
    _alike("acsc", 1, r"\operatorname{arccsc}", "acsc", _except(0, "nan", "acsc"), "acsc({0})", "arccsc"),
    _alike("acot", 1, r"\operatorname{arccot}", "acot", _real(_acot), "np.arctan(np.divide(1.0, {0}))", "arccot"),
    _alike("atan2", 2, r"\operatorname{atan2}", "atan2", _own("atan2"), "np.arctan2({0}, {1})", "arctan2"),
    Function("sinc", 1, r"\operatorname{sinc}", "sinc", _own("sinc"), "special.spherical_jn(0, {0})", "sinc({0})"),
    Function(
        "dsinc", 1, r"\operatorname{sinc}'", "cos(u)/u + -sin(u)/u^2", _real(_dsinc),
        "np.where(np.abs({0}) < 1e-4, -{0}/3.0*(1.0 - {0}*{0}/10.0), -np.sign({0})*special.spherical_jn(1, np.abs({0})))", "dsinc({0})",
    ),
    # hyperbolic functions
    _alike("sinh", 1, r"\sinh", "sinh", _own("sinh"), "np.sinh({0})"),
    _alike("cosh", 1, r"\cosh", "cosh", _own("cosh"), "np.cosh({0})"),
    _alike("tanh", 1, r"\tanh", "tanh", _own("tanh"), "np.tanh({0})"),
    _alike("sech", 1, r"\operatorname{sech}", "sech", _own("sech"), "(1.0/np.cosh({0}))"),
    _alike("csch", 1, r"\operatorname{csch}", "csch", _own("csch"), "(1.0/np.sinh({0}))"),
    _alike("coth", 1, r"\coth", "coth", _own("coth"), "(1.0/np.tanh({0}))"),
    _alike("asinh", 1, r"\operatorname{arsinh}", "asinh", _own("asinh"), "np.arcsinh({0})", "arcsinh", "arsinh"),
    _alike("acosh", 1, r"\operatorname{arcosh}", "acosh", _own("acosh"), "np.arccosh({0})", "arccosh", "arcosh"),
    _alike("atanh", 1, r"\operatorname{artanh}", "atanh", _own("atanh"), "np.arctanh({0})", "arctanh", "artanh"),
    _alike("asech", 1, r"\operatorname{arsech}", "asech", _own("asech"), "asech({0})", "arcsech", "arsech"),
    _alike("acsch", 1, r"\operatorname{arcsch}", "acsch", _own("acsch"), "np.arcsinh(np.divide(1.0, {0}))", "arccsch", "arcsch"),
    _alike("acoth", 1, r"\operatorname{arcoth}", "acoth", _except(0, "nan", "acoth"), "acoth({0})", "arccoth", "arcoth"),
    # error function and gamma functions
    Function("erf", 1, r"\operatorname{erf}", "erf", _own("erf"), "special.erf({0})", "math.erf({0})"),
    Function("erfc", 1, r"\operatorname{erfc}", "erfc", _real(_erfc), "special.erfc({0})", "math.erfc({0})"),
    Function("gamma", 1, r"\Gamma", "gamma", _except(0, "inf", "gamma"), "special.gamma({0})", "gamma({0})", ("Gamma", "tgamma")),
    Function("loggamma", 1, r"\log\Gamma", "loggamma", _real(_loggamma), "special.gammaln({0})", "loggamma({0})", ("lgamma", "LogGamma", "gammaln")),
    Function("digamma", 1, r"\psi", "digamma", _own("digamma"), "special.digamma({0})", "digamma({0})", ("psi",)),
    Function("trigamma", 1, r"\psi^{(1)}", "trigamma", _real(lambda c, u: _polygamma(c, 1, u)), "special.polygamma(1, {0})", "trigamma({0})"),
    Function(
        "polygamma", 2, r"\psi^{({0})}\left({1}\right)", "polygamma",
        _real(_polygamma), "special.polygamma({0}, {1})", "polygamma({0}, {1})",
    ),
    Function("factorial", 1, r"{0}!", "factorial", _except(-1, "inf", "factorial"), "special.gamma({0} + 1.0)", "gamma({0} + 1.0)"),
    # parts, steps and choices
    _alike("abs", 1, r"\left|{0}\right|", "Abs", _real(lambda c, u: abs(u)), "np.abs({0})", "Abs", "fabs"),
    _alike("sign", 1, r"\operatorname{sign}", "sign", _own("sign"), "np.sign({0})"),
    _alike("floor", 1, r"\left\lfloor {0}\right\rfloor", "floor", _own("floor"), "np.floor({0})"),
    _alike("ceiling", 1, r"\left\lceil {0}\right\rceil", "ceiling", _own("ceil"), "np.ceil({0})", "ceil"),
    _alike("mod", 2, r"\left({0} \bmod {1}\right)", "Mod", _real(_mod), "np.mod({0}, {1})", "Mod"),
    Function("heaviside", 2, r"\operatorname{H}", "Heaviside", _real(_heaviside), "np.heaviside({0}, {1})", "heaviside({0}, {1})", ("Heaviside",)),
    _alike("max", None, r"\max", "Max", _real(lambda c, *u: max(u)), "np.maximum({0}, {1})", "Max", "fmax"),
    _alike("min", None, r"\min", "Min", _real(lambda c, *u: min(u)), "np.minimum({0}, {1})", "Min", "fmin"),
    # stable atoms
    _alike("fma", 3, r"\operatorname{fma}", "u*v + w", _real(lambda c, u, v, w: u * v + w), "({0}*{1} + {2})"),
    Function("logaddexp", 2, r"\operatorname{logaddexp}", "log(exp(u) + exp(v))", _real(_logaddexp), "np.logaddexp({0}, {1})", "logaddexp({0}, {1})"),
    Function(
        "logaddexp2", 2, r"\operatorname{logaddexp2}", "log(2^u + 2^v)/log(2)",
        _real(lambda c, u, v: _logaddexp(c, u * c.ln2, v * c.ln2) / c.ln2), "np.logaddexp2({0}, {1})", "logaddexp2({0}, {1})",
    ),
    Function(
        "sigmoid", 1, r"\sigma", "1/(1 + exp(-u))",
        _real(lambda c, u: 1 / (1 + c.exp(-u))), "special.expit({0})", "sigmoid({0})", ("expit", "logistic"),
    ),
    Function("softplus", 1, r"\operatorname{softplus}", "log(1 + exp(u))", _real(_softplus), "np.logaddexp(0.0, {0})", "softplus({0})"),
    Function(
        "log1mexp", 1, r"\operatorname{log1mexp}", "log(1 + -exp(u))", _real(_log1mexp),
        "np.where({0} < -0.6931471805599453, np.log1p(-np.exp({0})), np.log(-np.expm1({0})))", "log1mexp({0})",
    ),
    Function(
        "logcosh", 1, r"\operatorname{logcosh}", "log(cosh(u))", _real(_logcosh),
        "np.where(np.abs({0}) < 1.0, np.log1p(2.0*np.sinh(0.5*{0})**2), np.abs({0}) + (np.log1p(np.exp(-2.0*np.abs({0}))) - 0.6931471805599453))",
        "logcosh({0})",
    ),
    Function("xlogy", 2, r"\operatorname{xlogy}", "u*log(v)", _real(_xlogy), "special.xlogy({0}, {1})", "xlogy({0}, {1})"),
)  # fmt: skip

FUNCTIONS: dict[str, Function] = {row.name: row for row in _ROWS}

SPELLED: dict[str, str] = {spelling: row.name for row in _ROWS for spelling in (row.name, *row.spellings)}
"""Every spelling of a function -> its name."""

ABBREVIATIONS: dict[tuple[str, int], str] = {
    ("relu", 1): "max(u, 0)",
    ("delta", 2): "piecewise(1, u == v, 0)",
    ("log", 2): "logbase(u, v)",
    ("ln", 2): "logbase(u, v)",
    ("heaviside", 1): "heaviside(u, 1/2)",
    ("Heaviside", 1): "heaviside(u, 1/2)",
}
"""A name with a number of arguments u, v that stands for a formula."""
