"""Every row of the function table: NumPy, plain Python and compiled Numba agree with mpmath, at generic points, at the ends and at the poles."""

import math

import mpmath
import numpy as np
import pytest
from numba import njit
from scipy import special

from symgd.nodes.functions import FUNCTIONS
from symgd.printing.elementary import ELEMENTARY, called, elementwise, needed, plain, sources

CTX = mpmath.mp.clone()
CTX.dps = 60
EPSILON = 2.0**-52
ULPS = 8
ABSOLUTE = {"loggamma": 4 * EPSILON}  # its logarithm is taken inside libm, so near its zeros and its minimum only the absolute error is small

generator = np.random.default_rng(7)
HARD = [0.0, 1.0, -1.0, 1e-12, -1e-12, 1e-300, 1e300, -1e300, 40.0, -40.0, 1000.0, -1000.0, 1.0 + 1e-9, 1.0 - 1e-9, 1.4616321449683622, 170.5, -170.5]
POINTS = np.concatenate(
    [HARD, generator.normal(size=30), 10 * generator.normal(size=20), 10 ** generator.uniform(-9, 3, 20), -(10 ** generator.uniform(-9, 3, 20))]
)

LIMITS = [
    ("log", (0.0,), -math.inf),
    ("log", (-1.0,), math.nan),
    ("sqrt", (-1.0,), math.nan),
    ("cbrt", (-8.0,), -2.0),
    ("exp", (1000.0,), math.inf),
    ("cosh", (1000.0,), math.inf),
    ("sech", (1000.0,), 0.0),
    ("atanh", (1.0,), math.inf),
    ("acoth", (1.0,), math.inf),
    ("asech", (0.0,), math.inf),
    ("asec", (0.5,), math.nan),
    ("csc", (0.0,), math.inf),
    ("coth", (0.0,), math.inf),
    ("acot", (0.0,), math.pi / 2),
    ("sinc", (0.0,), 1.0),
    ("gamma", (0.0,), math.inf),
    ("gamma", (-1.0,), math.nan),
    ("gamma", (200.0,), math.inf),
    ("loggamma", (-2.0,), math.inf),
    ("digamma", (-2.0,), math.nan),
    ("trigamma", (-2.0,), math.inf),
    ("factorial", (5.0,), 120.0),
    ("sign", (0.0,), 0.0),
    ("heaviside", (0.0, 0.25), 0.25),
    ("mod", (-7.0, 3.0), 2.0),
    ("mod", (7.0, -3.0), -2.0),
    ("mod", (7.0, 0.0), math.nan),
    ("max", (math.nan, 1.0), math.nan),
    ("max", (1.0, math.nan), math.nan),
    ("sigmoid", (-1000.0,), 0.0),
    ("sigmoid", (1000.0,), 1.0),
    ("softplus", (1000.0,), 1000.0),
    ("softplus", (-1000.0,), 0.0),
    ("softplus", (math.inf,), math.inf),
    ("log1mexp", (0.0,), -math.inf),
    ("log1mexp", (1.0,), math.nan),
    ("log1mexp", (-1000.0,), 0.0),
    ("logcosh", (-1000.0,), 1000.0 - math.log(2)),
    ("xlogy", (0.0, 0.0), 0.0),
    ("xlogy", (1.0, 0.0), -math.inf),
    ("dsinc", (0.0,), 0.0),
    ("logaddexp", (-math.inf, -math.inf), -math.inf),
    ("logaddexp2", (-math.inf, 3.0), 3.0),
]


@pytest.fixture(scope="module")
def namespaces():
    compiled = {"np": np, "math": math, "njit": njit}
    exec(sources(ELEMENTARY), compiled)
    return {
        "numba": compiled,
        "plain": {"np": np, "math": math, **plain(ELEMENTARY)},
        "numpy": {"np": np, "special": special, **elementwise(ELEMENTARY)},
    }


def written(row, target):
    """The row's template with letters for its arguments, as a lambda."""
    letters = "uvw"[: row.arity or 2]
    template = row.numpy if target == "numpy" else row.numba
    for place, letter in enumerate(letters):
        template = template.replace(f"{{{place}}}", letter)
    return f"lambda {', '.join(letters)}: {template}"


def implementation(row, target, namespaces):
    known = namespaces[target].setdefault("known", {})
    if row.name not in known:
        function = eval(written(row, target), namespaces[target])
        known[row.name] = njit(error_model="numpy")(function) if target == "numba" else function
    return known[row.name]


def arguments(row):
    columns = [POINTS, np.roll(POINTS, 31), np.roll(POINTS, 47)][: row.arity or 2]
    if row.name == "polygamma":
        columns = [np.arange(len(POINTS)) % 5.0, POINTS]
    return columns


def exact(row, args):
    return row.mpmath(CTX, *(CTX.mpf(float(argument)) for argument in args))


def allowed(row, args, want):
    """A few units in the last place of the value and of every argument."""
    spread = CTX.mpf(float(np.spacing(abs(float(want)))))
    for place, argument in enumerate(args):
        if not (row.name == "polygamma" and place == 0):
            moved = exact(row, (*args[:place], argument * (1 + EPSILON), *args[place + 1 :]))
            spread += abs(moved - want) if CTX.isfinite(moved) else 0
    return ULPS * float(spread) + ABSOLUTE.get(row.name, 0.0)


@pytest.mark.parametrize("row", FUNCTIONS.values(), ids=lambda row: row.name)
def test_every_target_computes_the_function(row, namespaces):
    columns = arguments(row)
    wants = [exact(row, point) for point in zip(*columns, strict=True)]
    with np.errstate(all="ignore"):
        results = {
            "numba": [implementation(row, "numba", namespaces)(*point) for point in zip(*columns, strict=True)],
            "plain": [implementation(row, "plain", namespaces)(*map(float, point)) for point in zip(*columns, strict=True)],
            "numpy": implementation(row, "numpy", namespaces)(*columns),
        }
    for target, values in results.items():
        for point, value, want in zip(zip(*columns, strict=True), values, wants, strict=True):
            if not CTX.isfinite(want) or abs(want) > 1.7e308:
                assert not math.isfinite(value), (target, point, value)  # which pole is infinite and which NaN: LIMITS
            else:
                assert abs(float(value) - float(want)) <= allowed(row, point, want), (target, point, value, float(want))


@pytest.mark.parametrize(("name", "point", "want"), LIMITS, ids=lambda value: str(value))
def test_the_ends_and_poles_agree(name, point, want, namespaces):
    row = FUNCTIONS[name]
    with np.errstate(all="ignore"):
        values = [float(implementation(row, target, namespaces)(*point)) for target in ("numba", "plain", "numpy")]
        values.append(float(exact(row, point)))
    for value in values:
        assert value == pytest.approx(want, rel=1e-15, nan_ok=True)


def test_a_pole_of_polygamma_is_infinite_only_where_both_sides_agree(namespaces):
    for target in ("numba", "plain"):
        polygamma = namespaces[target]["polygamma"]
        assert polygamma(1.0, -3.0) == polygamma(3.0, 0.0) == math.inf
        assert math.isnan(polygamma(2.0, -3.0)) and math.isnan(polygamma(0.0, 0.0))


@pytest.mark.parametrize("order", [5.0, 9.0, 20.0])
def test_polygamma_of_high_order(order, namespaces):
    row = FUNCTIONS["polygamma"]
    for point in (0.1, 1.0, 3.7, 50.0, -0.3, -7.25):
        want = exact(row, (order, point))
        assert abs(namespaces["plain"]["polygamma"](order, point) - want) <= 10 * abs(want) * EPSILON * order


def test_real_powers():
    with np.errstate(all="ignore"):
        power = njit(error_model="numpy")(lambda u, v: np.power(u, v))
        for function in (power, np.power):
            assert function(0.0, 0.0) == 1.0
            assert function(-2.0, 3.0) == -8.0
            assert math.isnan(function(-8.0, 1.0 / 3.0))
            assert function(0.0, -1.0) == math.inf


def test_definitions_come_before_their_use():
    for row in ELEMENTARY.values():
        assert set(called(row.source)) - {row.name} == set(row.needs)
        text = sources([row.name])
        places = [text.index(f"def {name}(") for name in needed([row.name])]
        assert places == sorted(places)
