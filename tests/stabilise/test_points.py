"""Eighteen naive formulas at points where they overflow, vanish or cancel: value, first and second derivative."""

import mpmath
import pytest

import symgd as sg

CTX = mpmath.mp.clone()
CTX.dps = 1000
E = CTX.exp
POINTS = [
    ("log(1 + exp(x))", 1000.0, lambda x: CTX.log(1 + E(x))),
    ("log(1 + exp(x))", -1000.0, lambda x: CTX.log(1 + E(x))),
    ("log(1 + exp(x))", -40.0, lambda x: CTX.log(1 + E(x))),
    ("log(1 + exp(-x))", 1000.0, lambda x: CTX.log(1 + E(-x))),
    ("log(1 + exp(-x))", -1000.0, lambda x: CTX.log(1 + E(-x))),
    ("log(1 + exp(-x))", 40.0, lambda x: CTX.log(1 + E(-x))),
    ("1/(1 + exp(-x))", 1000.0, lambda x: 1 / (1 + E(-x))),
    ("1/(1 + exp(-x))", -1000.0, lambda x: 1 / (1 + E(-x))),
    ("exp(x)/(1 + exp(x))", 1000.0, lambda x: E(x) / (1 + E(x))),
    ("-log(1 - 1/(1 + exp(-x)))", 40.0, lambda x: -CTX.log(1 - 1 / (1 + E(-x)))),
    ("-log(1 - 1/(1 + exp(-x)))", 1000.0, lambda x: -CTX.log(1 - 1 / (1 + E(-x)))),
    ("log(exp(x) + exp(y))", 1000.0, lambda x: CTX.log(E(x) + E(999))),
    ("exp(x) - 1", 1e-12, lambda x: E(x) - 1),
    ("log(1 + x)", 1e-18, lambda x: CTX.log(1 + x)),
    ("sqrt(x^2 + y^2)", 1e200, lambda x: CTX.sqrt(x**2 + CTX.mpf(1e200) ** 2)),
    ("sqrt(x + 1) - sqrt(x)", 1e15, lambda x: CTX.sqrt(x + 1) - CTX.sqrt(x)),
    ("(1 - cos(x))/x^2", 1e-8, lambda x: (1 - CTX.cos(x)) / x**2),
    ("log(cosh(x))", 1000.0, lambda x: CTX.log(CTX.cosh(x))),
]
IDS = [f"{formula} at {at:g}" for formula, at, _ in POINTS]


def exact(function, at: float, order: int):
    x = CTX.mpf(at)
    return CTX.diff(function, x, order, h=abs(x) * CTX.mpf(10) ** -250) if order else function(x)


def right(found: float, wanted) -> bool:
    """To 1e-12; what is below every float64 is 0."""
    return abs(found - wanted) <= max(1e-12 * abs(wanted), CTX.mpf("1e-307"))


def at(formula: str, x: float):
    cost = sg.parse(formula, parameters=["x"], constants=["y"] if "y" in formula else None)
    return cost, {"x": x}, other(formula)


def other(formula: str) -> dict[str, float] | None:
    return None if "y" not in formula else {"y": 1e200 if "sqrt" in formula else 999.0}


@pytest.mark.parametrize(("formula", "x", "function"), POINTS, ids=IDS)
def test_value_and_derivative_have_twelve_digits(formula, x, function):
    cost, point, data = at(formula, x)
    with sg.checking(False):  # the gate's random points say nothing here
        found = cost.evaluate(point, data)
    assert right(found.cost, exact(function, x, 0))
    assert right(found.gradient["x"], exact(function, x, 1))


@pytest.mark.slow
def test_most_second_derivatives_have_twelve_digits(capsys):
    good = []
    for formula, x, function in POINTS:
        cost, point, data = at(formula, x)
        with sg.checking(False):
            found = float(cost.hessian.evaluate(point, data).matrix[0, 0])
        good.append(right(found, exact(function, x, 2)) if found == found else False)
    with capsys.disabled():
        print(f"\nsecond derivatives: {sum(good)} of {len(good)} right, not {[name for name, fine in zip(IDS, good, strict=True) if not fine]}")
    assert sum(good) >= 15


def test_as_written_most_of_them_fail():
    wrong = 0
    for formula, x, function in POINTS:
        cost = sg.Cost(sg.parse(formula)._formula, parameters=["x"], constants=["y"] if "y" in formula else None, stabilise=False)
        found = cost.evaluate({"x": x}, other(formula))
        wrong += not right(found.cost, exact(function, x, 0))
        wrong += not right(found.gradient["x"], exact(function, x, 1))
    assert wrong > 15
    assert cost.rewritten == ()
