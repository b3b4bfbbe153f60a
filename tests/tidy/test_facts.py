"""With a fact the gradient is simpler, names the fact, and is the same on data that keep it: against JAX and the gradient without."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.scipy import special

import symgd as sg
from symgd.compiling.numpy_backend import run
from symgd.nodes.text import text
from symgd.program.equation import Program, read_equation
from symgd.program.intervals import Intervals
from symgd.program.meaning import Arithmetic, Interpreter
from symgd.reading.text import expression
from symgd.tidy.elements import ROWS
from symgd.tidy.terms import collected, expanded

LAYER = {"z[i, l]": "sum(W[l, j]*X[i, j], j)"}
RANDOM = np.random.default_rng(4)


def rows_that_sum_to_one(shape):
    values = RANDOM.random(shape)
    return values / values.sum(axis=-1, keepdims=True)


def symmetric(size):
    values = RANDOM.normal(size=(size, size))
    return values + values.T


def softmax_cross_entropy(q):
    z = q["X"] @ q["W"].T
    return -jnp.mean((q["Y"] * (z - special.logsumexp(z, axis=1, keepdims=True))).sum(1))


DATA = {"X": RANDOM.normal(size=(7, 3)), "Y": rows_that_sum_to_one((7, 4)), "W": RANDOM.normal(size=(4, 3))}
SQUARE = {"A": symmetric(5), "w": RANDOM.normal(size=5)}
SKEW = {"A": np.triu(SQUARE["A"], 1) - np.triu(SQUARE["A"], 1).T, "w": SQUARE["w"]}
SIGNS = {"X": RANDOM.normal(size=(7, 3)), "y": RANDOM.choice([-1.0, 1.0], size=7), "w": RANDOM.normal(size=3)}
PARTS = {**SIGNS, "y": RANDOM.choice([0.0, 1.0], size=7)}
POSITIVE = {"x": RANDOM.random(6) + 0.1, "w": 1.3}

# cost | where | facts | parameter | the gradient, what it uses | data | the cost in JAX
GRADIENTS = [
    ("-mean(sum(Y[i, l]*log(softmax(z[i, l], l)), l), i)", LAYER, ["sum(Y[i, l], l) = 1"], "W",
     "mean(X[i, j]*(softmax(z[i, l], l) - Y[i, l]), i)  # by sum(Y[i, l], l) = 1", DATA, softmax_cross_entropy),
    ("-mean(sum(Y[i, l]*(z[i, l] - logsumexp(z[i, l], l)), l), i)", LAYER, ["sum(Y[i, l], l) = 1"], "W",
     "mean(X[i, j]*(softmax(z[i, l], l) - Y[i, l]), i)  # by sum(Y[i, l], l) = 1", DATA, softmax_cross_entropy),
    ("-mean(sum(Y[i, l]*log(p[i, l]), l), i)", {**LAYER, "p[i, l]": "softmax(z[i, l], l)"}, ["sum(Y[i, l], l) = 1"], "W",
     "mean(X[i, j]*(softmax(z[i, l], l) - Y[i, l]), i)  # by sum(Y[i, l], l) = 1", DATA, softmax_cross_entropy),
    ("-mean(sum(Y[i, l]*log(p[i, l]), l), i)", {**LAYER, "p[i, l]": "exp(z[i, l])/sum(exp(z[i, k]), k)"}, ["sum(Y[i, l], l) = 1"], "W",
     "sum(X[i, j]*(softmax(z[i, l], l)/m - Y[i, l]/m), i)  # by sum(Y[i, l], l) = 1", DATA, softmax_cross_entropy),
    ("-mean(sum(Y[i, l]*log(softmax(z[i, l], l)), l)/n[i], i)", LAYER, ["sum(Y[i, l], l) = n[i]"], "W",
     None, {**DATA, "Y": 3 * DATA["Y"], "n": np.full(7, 3.0)}, lambda q: softmax_cross_entropy(q) / 3),
    ("sum(w[i]*A[i, j]*w[j], i, j)", {}, ["A[i, j] = A[j, i]"], "w",
     "2*sum(A[i, j]*w[j], j)  # by A[i, j] = A[j, i]", SQUARE, lambda q: q["w"] @ q["A"] @ q["w"]),
    ("sum(w[i]*sum(A[i, j]*w[j], j), i)", {}, ["A[i, j] = A[j, i]"], "w",
     "2*sum(A[i, j]*w[j], j)  # by A[i, j] = A[j, i]", SQUARE, lambda q: q["w"] @ q["A"] @ q["w"]),
    ("sum(w[i]*u[i], i)", {"u[i]": "sum(A[i, j]*w[j], j)"}, ["A[i, j] = A[j, i]"], "w",
     "2*u[i]  # by A[i, j] = A[j, i]", SQUARE, lambda q: q["w"] @ q["A"] @ q["w"]),
    ("sum((A[i, j] + A[j, i])*w[i]*w[j]^2, i, j)", {}, ["A[i, j] = A[j, i]"], "w",
     "4*w[i]*sum(w[i1]*A[i1, i], i1 in 0:m) + 2*sum(A[i, j]*w[j]^2, j)  # by A[i, j] = A[j, i]", SQUARE,
     lambda q: 2 * q["w"] @ q["A"] @ q["w"] ** 2),
    ("sum(w[i]*A[i, j]*w[j], i, j) + sum(w[i]^2, i)", {}, ["A[i, j] = -A[j, i]"], "w",
     "2*w[i]", SKEW, lambda q: q["w"] @ q["w"]),
    ("mean((y[i]*s[i])^2 + s[i]/y[i], i)", {"s[i]": "sum(X[i, j]*w[j], j)"}, ["y[i]^2 = 1"], "w",
     "mean(X[i, j]*(2*s[i] + y[i]), i)  # by y[i]^2 = 1", SIGNS, lambda q: jnp.mean((q["X"] @ q["w"]) ** 2 + (q["X"] @ q["w"]) * q["y"])),
    ("mean((y[i]*s[i])^3 + y[i]^2*s[i], i)", {"s[i]": "sum(X[i, j]*w[j], j)"}, ["y[i]^2 = y[i]"], "w",
     "mean(X[i, j]*(3*y[i]*s[i]^2 + y[i]), i)  # by y[i]^2 = y[i]", PARTS,
     lambda q: jnp.mean(q["y"] * (q["X"] @ q["w"]) ** 3 + q["y"] * (q["X"] @ q["w"]))),
    ("mean(abs(x[i])*w^2 + log(x[i]^2)*w + w*max(x[i], 0), i)", {}, ["x[i] > 0"], "w",
     "mean(2*w*x[i] + 2*log(x[i]) + x[i], i)  # by x[i] > 0", POSITIVE,
     lambda q: jnp.mean(q["x"] * q["w"] ** 2 + 2 * jnp.log(q["x"]) * q["w"] + q["w"] * q["x"])),
    ("mean(sign(x[i] + 1)*w^2 + heaviside(x[i])*w, i)", {}, ["x[i] > 0"], "w",
     "2*w + 1  # by x[i] > 0", POSITIVE, lambda q: q["w"] ** 2 + q["w"]),
    ("mean(piecewise(w^2*x[i], x[i] > -1, log(w)), i)", {}, ["x[i] > 0"], "w",
     "2*w*mean(x[i], i)  # by x[i] > 0", POSITIVE, lambda q: q["w"] ** 2 * jnp.mean(q["x"])),
    ("mean((w*x[i] - 1)^2, i)", {}, ["mean(x[i], i) = 0", "mean(x[i]^2, i) = 1"], "w",
     "2*w  # by mean(x[i], i) = 0; mean(x[i]^2, i) = 1", {"x": np.array([-1.0, 1, 1, -1]), "w": 1.3}, lambda q: jnp.mean((q["w"] * q["x"] - 1) ** 2)),
    ("sum(X[i, 0]*w[0]^2 + X[i, 1]*w[1], i)", {}, ["X[i, 0] = 1"], "w", None,
     {"X": np.stack([np.ones(5), RANDOM.normal(size=5)], axis=1), "w": RANDOM.normal(size=2)},
     lambda q: (q["X"][:, 0] * q["w"][0] ** 2 + q["X"][:, 1] * q["w"][1]).sum()),
]  # fmt: skip
AXES = "i:m j:d l:c k:c"


def cost_of(cost, where, facts, parameter):
    square = "A[" in cost or "A[" in str(where)
    return sg.parse(cost, where=where, facts=facts, parameters=[parameter], axes="i:m j:m" if square else AXES)


@pytest.mark.parametrize("row", GRADIENTS, ids=[f"{row[0]} {row[2]}" for row in GRADIENTS])
def test_the_gradient_by_a_fact_is_the_gradient_on_data_that_keep_it(row):
    cost, where, facts, parameter, formula, values, by_jax = row
    known, plain = cost_of(cost, where, facts, parameter), cost_of(cost, where, [], parameter)
    if formula is not None:
        assert known.gradient.text().partition(" = ")[2] == formula
    slopes = jax.grad(lambda p: by_jax({**values, parameter: p}))(jnp.asarray(values[parameter]))
    for found in (known, plain):
        at, gradient = by_numpy(found, values)
        assert np.allclose(gradient[parameter], slopes, rtol=1e-10, atol=1e-12)
        assert math.isclose(at, float(by_jax(values)), rel_tol=1e-10)


def by_numpy(cost, values):
    """Cost and gradient without a compiler."""
    program = cost.gradient.program
    lengths = cost._kernels.lengths({name: np.shape(value) for name, value in values.items()}, {})
    found = run(program, values, lengths)
    return float(found[program.cost]), {name: found[program.adjoints[name]] for name in program.parameters}


@pytest.mark.parametrize("row", [GRADIENTS[0], GRADIENTS[6]], ids=["total", "symmetric"])
def test_compiled_too(row):
    cost, where, facts, parameter, _, values, by_jax = row
    found = cost_of(cost, where, facts, parameter).evaluate({parameter: values[parameter]}, {n: v for n, v in values.items() if n != parameter})
    slopes = jax.grad(lambda p: by_jax({**values, parameter: p}))(jnp.asarray(values[parameter]))
    assert np.allclose(found.gradient[parameter], slopes, rtol=1e-10)


def operations(cost, lengths):
    counted = cost.gradient.program.operations
    return counted if isinstance(counted, int) else float(counted.subs({symbol: lengths[symbol.name] for symbol in counted.free_symbols}))


@pytest.mark.parametrize("row", GRADIENTS, ids=[f"{row[0]} {row[2]}" for row in GRADIENTS])
def test_a_fact_never_costs_operations(row):
    cost, where, facts, parameter, *_ = row
    lengths = {"m": 50, "d": 20, "c": 30}
    known, plain = (operations(cost_of(cost, where, chosen, parameter), lengths) for chosen in (facts, []))
    assert known <= plain


def test_every_use_is_a_visible_line_that_reads_back():
    cost = cost_of(*GRADIENTS[0][:4])
    lines = [line for line in str(cost.gradient.program).splitlines() if "# by" in line]
    assert [line.partition("  # by ")[2] for line in lines] == ["sum(Y[i, l], l) = 1"]
    for line in str(cost.gradient.program).splitlines():
        equation = line.partition(") ")[2]
        assert str(read_equation(equation)) == equation.partition("  # ")[0]
    assert [line for line in cost.trainer().source.splitlines() if "# (" in line and "# by sum(Y[i, l], l) = 1" in line]
    assert r"\text{by } \sum_{l} Y_{i,l} = 1" in cost.gradient.latex()


def test_without_a_fact_the_sum_stays():
    plain = cost_of(GRADIENTS[0][0], LAYER, [], "W")
    assert plain.gradient.text() == (
        "dC/dW[l, j] = sum(X[i, j]*(sum(Y[i, l1], l1 in 0:c)*softmax(z[i, l], l)/m - Y[i, l]/m), i)"
    )  # fmt: skip


# what is no whole sum of the fact's array stays
OPEN = [
    ("sum(Y[i, l]*w, i, l in 1:c)", ["sum(Y[i, l], l) = 1"]),
    ("sum(Y[i, l]*l*w, i, l)", ["sum(Y[i, l], l) = 1"]),
    ("sum(Y[i, l]*w, i, l)", ["sum(Y[i, l]^2, l) = 1"]),
    ("sum(piecewise(Y[i, l], l > i, 0)*w, i, l)", ["sum(Y[i, l], l) = 1"]),
    ("sum(A[i, j]*w*i, i, j)", ["A[i, j] = A[j, i]"]),
    ("sum(abs(x[i] - 2)*w, i)", ["x[i] > 0"]),
    ("sum(log(x[i]^2 - 1)*w, i)", ["x[i] > 0"]),
    ("sum(max(x[i], 1)*w, i)", ["x[i] > 0"]),
    ("sum(sqrt(x[i]^2 + 1)*w, i)", ["x[i] > 0"]),
    ("sum(x[i]*w/(x[i] - 2), i)", ["x[i] > 0"]),
    ("sum(x[i]^2*w, i)", ["x[i]^3 = x[i]"]),
]


@pytest.mark.parametrize(("cost", "facts"), OPEN, ids=[f"{cost} {facts}" for cost, facts in OPEN])
def test_what_does_not_follow_is_left_alone(cost, facts):
    options = {"parameters": ["w"], "axes": "i:m j:m" if "A[" in cost else "i:m l:c"}
    assert str(sg.parse(cost, facts=facts, **options).gradient.program) == str(sg.parse(cost, **options).gradient.program)


# the rows


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.form} where {row.needs}")
def test_every_row_is_an_identity_where_it_says(row):
    reader = Interpreter({}, {}, Arithmetic(30))
    tried = 0
    for u in (-2.5, -1, 0, 0.25, 3):
        for v in (-3, -1, 0, 0.25, 2):
            reader.values = {"u": {(): reader.arithmetic.exact(u)}, "v": {(): reader.arithmetic.exact(v)}}
            if reader.holds(expression(row.needs, names="u v"), {}):
                left, right = (reader.number(expression(side, names="u v"), {}) for side in (row.form, row.then))
                assert left == right or abs(left - right) < 1e-25 or (left != left and right != right)
                tried += 1
    assert tried > 3


BARE = Program((), {}, "C", ())
FORMULAS = [
    "exp(u) + 1", "-exp(u)", "u^2 + v^2", "exp(u)*v^2", "abs(u) + exp(v)", "1/(1 + exp(u))", "max(u, 2)", "min(-1, v)", "tanh(u) + 1",
    "tanh(u)*tanh(v)",
    "sqrt(exp(u))", "(u - v)^2*exp(u)", "piecewise(exp(u), u > v, v^2 + 1)", "-abs(u)*exp(v)", "exp(u)^3 + sigmoid(v)", "3 - 1/2",
    "cosh(u) - 1", "u*v", "-(u^2)",
    "abs(tanh(u))", "exp(u)/(2*exp(v))", "softplus(u)*(-2)", "sin(u) + 2", "hypot(u, v)",
]  # fmt: skip


@pytest.mark.parametrize("formula", FORMULAS)
@given(u=st.floats(-3, 3), v=st.floats(-3, 3))
def test_a_value_lies_in_its_interval(formula, u, v):
    part = expression(formula, names="u v")
    found = Intervals(BARE).of(part)
    reader = Interpreter({"u": u, "v": v}, {}, Arithmetic(40))
    value = reader.number(part, {})
    assert found.low is None or value > float(found.low) or (value == float(found.low) and not found.low_open)
    assert found.high is None or value < float(found.high) or (value == float(found.high) and not found.high_open)
    assert not found.nonzero or value != 0


def test_intervals_know_what_cannot_be_zero():
    known = {formula: Intervals(BARE).of(expression(formula, names="u v")) for formula in FORMULAS}
    assert [formula for formula in FORMULAS if known[formula].positive] == [
        "exp(u) + 1", "abs(u) + exp(v)", "1/(1 + exp(u))", "max(u, 2)", "tanh(u) + 1", "sqrt(exp(u))", "piecewise(exp(u), u > v, v^2 + 1)",
        "exp(u)^3 + sigmoid(v)", "3 - 1/2", "exp(u)/(2*exp(v))", "sin(u) + 2",
    ]  # fmt: skip
    assert known["-exp(u)"].negative and known["min(-1, v)"].negative and known["softplus(u)*(-2)"].negative


@pytest.mark.parametrize(
    ("formula", "terms"),
    [
        ("a*(b - c)/m", ["a*b/m", "-a*c/m"]),
        ("-(a + b)*(c + 2)", ["-a*c", "-2*a", "-b*c", "-2*b"]),
        ("exp(a + b)", ["exp(a + b)"]),
        ("a/(b + c)", ["a/(b + c)"]),
    ],
)
def test_products_are_multiplied_out(formula, terms):
    assert list(map(text, expanded(expression(formula)))) == terms


def test_equal_terms_are_added_up():
    terms = map(expression, ["a*b/m", "c", "2*b*a/m", "-c", "a*b"])
    assert list(map(text, collected(terms))) == ["3*a*b/m", "a*b"]


@pytest.mark.parametrize("power", range(1, 7))
@pytest.mark.parametrize("values", [(-1, 1), (0, 1), (-2, 2), (-1, 0, 1)], ids=str)
def test_powers_of_an_element_with_few_values(power, values):
    said = {(-1, 1): "y[i]^2 = 1", (0, 1): "y[i]^2 = y[i]", (-2, 2): "y[i]^2 = 4", (-1, 0, 1): "y[i]^3 = y[i]"}[values]
    y = np.array([*values, *values], dtype=float)
    for formula in (f"sum(w^2*y[i]^{power}, i)", f"sum((w*y[i])^{power}, i)", f"sum(w^2*abs(y[i])^{power}*y[i], i)"):
        known, plain = (sg.parse(formula, parameters=["w"], facts=facts) for facts in ([said], []))
        for found in (known, plain):
            program = found.gradient.program
            at = run(program, {"y": y, "w": 1.5}, {"n_i": len(y)})
            expected = run(plain.gradient.program, {"y": y, "w": 1.5}, {"n_i": len(y)})
            assert math.isclose(at[program.cost], expected["C"], abs_tol=1e-12)
            assert math.isclose(at["dw"], expected["dw"], abs_tol=1e-12)

