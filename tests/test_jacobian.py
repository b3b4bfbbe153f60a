"""Jacobians of residuals: rows by the reverse sweep without its last sum, columns where samples meet, both against JAX."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from jax.scipy.special import logsumexp

import symgd as sg
from symgd.compiling.cache import load
from symgd.training.kernels import Kernels

RANDOM = np.random.default_rng(4)
SHAPES = {"X": (5, 3), "y": (5,), "W": (4, 3), "b": (4,), "v": (4,), "w": (3,), "x": (5,), "u": (5,), "E": (6, 4), "Z": (5, 4, 3), "B": (4, 4)}
VALUES = {name: RANDOM.normal(size=shape) for name, shape in SHAPES.items()} | {"s": 0.7, "label": np.array([0, 5, 2, 2, 1])}
LAYER = {"z[i, k]": "sum(W[k, j]*X[i, j], j) + b[k]"}
STEPS = {"h[0, k]": "b[k]", "h[t + 1, k]": "tanh(sum(B[k, l]*h[t, l], l) + x[t])"}
BATCH = {"h[i, 0, k]": "b[k]", "h[i, t + 1, k]": "tanh(sum(B[k, l]*h[i, t, l], l) + Z[i, k, t])"}


def layer(q):
    return q.X @ q.W.T + q.b


def steps(q):
    h, out = q.b, []
    for t in range(5):
        h = jnp.tanh(q.B @ h + q.x[t])
        out.append(q.v @ h)
    return jnp.stack(out) - q.y


def batch(q):
    h = jnp.tile(q.b, (5, 1))
    for t in range(3):
        h = jnp.tanh(h @ q.B.T + q.Z[:, :, t])
    return h @ q.v - q.y


def norm(q):
    z = layer(q)
    return ((z - z.mean(0)) / jnp.sqrt(1 + z.var(0))) @ q.v - q.y


# name: cost, definitions, parameters, of, the residual in JAX, by rows or columns, the text where there is one
CASES = {
    "a curve": (
        "sum((s*x[i]^2 + exp(s*x[i]) - y[i])^2, i)/2", {}, "s", None,
        lambda q: q.s * q.x**2 + jnp.exp(q.s * q.x) - q.y, "rows", "dr[i]/ds = x[i]^2 + x[i]*exp(s*x[i])",
    ),
    "a network": (
        "mean((sum(v[k]*a[i, k], k) - y[i])^2, i)", {**LAYER, "a[i, k]": "tanh(z[i, k])"}, "W b v", None,
        lambda q: jnp.tanh(layer(q)) @ q.v - q.y, "rows",
        "dr[i]/dW[k, j] = v[k]*X[i, j]*(1 - a[i, k]^2)\ndr[i]/db[k] = v[k]*(1 - a[i, k]^2)\ndr[i]/dv[k] = a[i, k]",
    ),
    "an embedding": (
        "mean((sum(E[label[i], k]*v[k], k) - y[i])^2, i)", {}, "E v", None,
        lambda q: q.E[q.label] @ q.v - q.y, "rows", "dr[i]/dE[p, q] = piecewise(v[q], label[i] == p, 0)\ndr[i]/dv[k] = E[label[i], k]",
    ),
    "a parameter for each sample": (
        "mean((u[i]*sum(w[j]*X[i, j], j) - y[i])^2, i)", {}, "u w", None,
        lambda q: q.u * (q.X @ q.w) - q.y, "rows", "dr[i]/du[p] = piecewise(sum(w[j]*X[i, j], j), i == p, 0)\ndr[i]/dw[j] = u[i]*X[i, j]",
    ),
    "a definition without samples": (
        "mean((p[i] - y[i])^2, i)", {"c[j]": "w[j]^2", "p[i]": "sum(c[j]*X[i, j], j)"}, "w", None,
        lambda q: q.X @ q.w**2 - q.y, "rows", "dr[i]/dw[j] = 2*X[i, j]*w[j]",
    ),
    "logsumexp": (
        "mean((logsumexp(z[i, k], k) - y[i])^2, i)", LAYER, "W b", None,
        lambda q: logsumexp(layer(q), axis=1) - q.y, "rows", "dr[i]/dW[k, j] = X[i, j]*softmax(z[i, k], k)\ndr[i]/db[k] = softmax(z[i, k], k)",
    ),
    "maximum": ("mean((max(z[i, k], k) - y[i])^2, i)", LAYER, "W b", None, lambda q: layer(q).max(1) - q.y, "rows", None),
    "product": (
        "mean((product(z[i, k], k) - y[i])^2, i)", LAYER, "b", None, lambda q: layer(q).prod(1) - q.y, "rows",
        "dr[i]/db[k] = product(z[i, k2], k2 in 0:k)*product(z[i, k2], k2 in k + 1:h)",
    ),
    "several residuals a sample": (
        "mean(sum((z[i, k] - v[k]*y[i])^2, k), i)", LAYER, "b v", None, lambda q: layer(q) - q.v * q.y[:, None], "rows",
        "dr[i, k]/db[p] = delta(k, p)\ndr[i, k]/dv[p] = piecewise(-y[i], k == p, 0)",
    ),
    "less the mean": (
        "mean((s*x[i] - mean(s*x[i], i))^2, i)", {}, "s", None, lambda q: q.s * q.x - jnp.mean(q.s * q.x), "rows",
        "dr[i]/ds = x[i] - mean(x[i1], i1 in 0:m)",
    ),
    "batch norm": (
        "mean((sum(v[k]*(z[i, k] - a[k])/sqrt(1 + c[k]), k) - y[i])^2, i)",
        {**LAYER, "a[k]": "mean(z[i, k], i)", "c[k]": "mean((z[i, k] - a[k])^2, i)"}, "W b v", None, norm, "columns", None,
    ),
    "sequences": ("mean((sum(v[k]*h[i, 3, k], k) - y[i])^2, i)", BATCH, "B b v", None, batch, "rows", None),
    "samples in time": ("sum((sum(v[k]*h[t + 1, k], k) - y[t])^2, t)", STEPS, "B b v", None, steps, "columns", None),
    "of a definition": (
        "s^2 + mean(log(1 + exp(p[i])), i)", {"p[i]": "s*sum(w[j]*X[i, j], j)"}, "s w", "p", lambda q: q.s * (q.X @ q.w), "rows",
        "dp[i]/ds = sum(w[j]*X[i, j], j)\ndp[i]/dw[j] = s*X[i, j]",
    ),
    "of a formula": (
        "s^2 + mean(log(1 + exp(p[i])), i)", {"p[i]": "s*sum(w[j]*X[i, j], j)"}, "s w", "exp(p[i] - X[i, 0])",
        lambda q: jnp.exp(q.s * (q.X @ q.w) - q.X[:, 0]), "rows", None,
    ),
}  # fmt: skip


def cost_of(name):
    cost, where, parameters, *_ = CASES[name]
    return sg.parse(cost, where=where, axes=f"i:m j:d k:h l:h t:{3 if name == 'sequences' else 'T'}", parameters=parameters.split())


@pytest.fixture(params=["generated loops", "NumPy"])
def uncompiled(request, monkeypatch):
    """The loops run as plain Python, or the whole program by NumPy: nothing waits for a compiler."""
    if request.param == "NumPy":
        monkeypatch.setattr(Kernels, "compiled", False)
    else:
        monkeypatch.setattr(Kernels, "module", property(lambda self: load(self.generated.source, compiled=False)))


@pytest.mark.parametrize("name", CASES)
def test_the_jacobian_equals_jax(name, uncompiled):
    check(name)


@pytest.mark.parametrize("name", ["a network", "samples in time"])
def test_the_compiled_jacobian_equals_jax(name):
    check(name)


def check(name):
    _, _, parameters, of, by_jax, kind, _ = CASES[name]
    cost = cost_of(name)
    jacobian = cost.jacobian(of)
    point = {p: VALUES[p] for p in parameters.split()}
    residual, found = jacobian.evaluate(point, {d: VALUES[d] for d in cost.data})
    assert residual == pytest.approx(np.asarray(by_jax(SimpleNamespace(**VALUES))), rel=1e-12, abs=1e-12)
    expected = jax.jacobian(lambda q: by_jax(SimpleNamespace(**{**VALUES, **q})))({p: jnp.asarray(v, dtype=float) for p, v in point.items()})
    for p in point:
        assert found[p].shape == expected[p].shape
        assert np.max(np.abs(found[p] - expected[p])) <= 1e-10 * max(1, np.max(np.abs(expected[p])))
    assert ("Jv" in str(jacobian.program)) == (kind == "columns")


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[-1] is not None])
def test_rows_as_they_are_written(name):
    assert cost_of(name).jacobian(CASES[name][3]).text() == CASES[name][-1]


def test_rows_of_a_gradient_add_up():
    """2/m r J is the gradient of a mean of squares."""
    cost = cost_of("a network")
    point, data = {p: VALUES[p] for p in ("W", "b", "v")}, {"X": VALUES["X"], "y": VALUES["y"]}
    residual, rows = cost.jacobian().evaluate(point, data)
    gradient = cost.evaluate(point, data).gradient
    for p in point:
        assert np.tensordot(residual, rows[p], 1) * 2 / 5 == pytest.approx(gradient[p])


def test_symbols():
    x, y = sg.samples("x y")
    a, b = sp.symbols("a b")
    jacobian = sg.Cost(sg.mean((a * sp.exp(-b * x) - y) ** 2)).jacobian()
    assert jacobian[a] == sp.exp(-b * x)
    assert jacobian.residual == a * sp.exp(-b * x) - y
    assert sg.Cost(sg.mean((a * sp.exp(-b * x) - y) ** 2)).jacobian(of=a * x)[a] == x
    assert jacobian.latex().startswith(r"\begin{aligned}" + "\n" + r"\dfrac{\partial r")
    assert list(jacobian) == ["a", "b"] and len(jacobian) == 2


REFUSED = [
    ("mean(log(1 + exp(w*x)))", None, "The cost is not one mean or sum of squares over the samples. Accepted: of=\"r\""),
    ("mean((w*x - y)^2) + 0.1*w^2", None, "The cost is not one mean or sum of squares"),
    ("w*mean((w*x - y)^2)", None, "The cost is not one mean or sum of squares"),
    ("(w - 3)^2", None, "The cost is not one mean or sum of squares"),
    ("sum((w*x[i] - y[i])^2, i in 1:m)", None, "i does not run over a whole axis"),
    ("mean((w*x - y)^2)", "C", "C is one number"),
    ("mean((w*x - y)^2)", "w^2", r"w\^2 is one number"),
    ("mean((w*x - y)^2)", "w*q", "q is no name of this cost"),
    ("mean((w*x - y)^2)", "r", "r is no definition of this cost"),
]  # fmt: skip


@pytest.mark.parametrize(("cost", "of", "said"), REFUSED, ids=[f"{cost}, {of}" for cost, of, _ in REFUSED])
def test_what_has_no_residual_is_refused(cost, of, said):
    read = sg.parse(cost, samples="" if "[" in cost else "x y", axes="i:m", parameters=["w"])
    with pytest.raises(sg.InputError, match=said):
        read.jacobian(of)


def test_a_recurrence_has_rows_in_numbers_and_no_closed_form():
    with pytest.raises(sg.LimitError, match=r"recurrence.*jacobian\(\)\.program"):
        cost_of("samples in time").jacobian().text()
    assert "Jv" in repr(cost_of("samples in time").jacobian()) and "Jv" in cost_of("samples in time").jacobian().latex()
