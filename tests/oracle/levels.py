"""Costs in which totals over the samples meet values of single samples: how many passes cost and gradient take, and the cost in JAX.

And costs that Hypothesis makes of the same kind: totals of formulas that read other totals, with and without an index of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import jax.numpy as jnp
from hypothesis import strategies as st
from jax.nn import softmax
from jax.scipy.special import logsumexp

from .structure import Structure
from .structures import LAYERS, MATRIX, NETWORK

LINEAR = {"X": ("m", "d"), "y": ("m",), "w": ("d",)}
RESIDUAL = {"r[i]": "sum(w[j]*X[i, j], j) - y[i]"}
PREDICTED = {"p[i]": "sum(w[j]*X[i, j], j)"}


def _predicted(q):
    return q.X @ q.w


def _residual(q):
    return q.X @ q.w - q.y


def _normed(x, q):
    z = x @ q.W.T
    return jnp.tanh(q.b * (z - z.mean(0)) / jnp.sqrt(z.var(0) + 1e-3))


LEVELS = [
    (
        1,
        Structure(
            "least squares",
            "mean(r[i]^2, i)",
            ("w",),
            LINEAR,
            MATRIX,
            lambda q: jnp.mean(_residual(q) ** 2),
            RESIDUAL,
            "i:m j:d",
        ),
    ),
    (
        1,
        Structure(
            "network",
            "mean((sum(v[k]*a[i, k], k) - y[i])^2, i)",
            ("W", "b", "v"),
            {"X": ("m", "d"), "y": ("m",), "W": ("h", "d"), "b": ("h",), "v": ("h",)},
            NETWORK,
            lambda q: jnp.mean((jnp.tanh(q.X @ q.W.T + q.b) @ q.v - q.y) ** 2),
            {"a[i, k]": "tanh(sum(W[k, j]*X[i, j], j) + b[k])"},
            "i:m j:d k:h",
        ),
    ),
    (
        1,
        Structure(
            "root of a mean of squares",
            "sqrt(mean(r[i]^2, i))",
            ("w",),
            LINEAR,
            MATRIX,
            lambda q: jnp.sqrt(jnp.mean(_residual(q) ** 2)),
            RESIDUAL,
            "i:m j:d",
        ),
    ),
    (
        1,
        Structure(
            "root of a mean of squares of a network",
            "sqrt(mean((sum(v[k]*a[i, k], k) - y[i])^2, i)) + 0.1*sum(v[k]^2, k)",
            ("W", "b", "v"),
            {"X": ("m", "d"), "y": ("m",), "W": ("h", "d"), "b": ("h",), "v": ("h",)},
            NETWORK,
            lambda q: jnp.sqrt(jnp.mean((jnp.tanh(q.X @ q.W.T + q.b) @ q.v - q.y) ** 2)) + 0.1 * (q.v ** 2).sum(),
            {"a[i, k]": "tanh(sum(W[k, j]*X[i, j], j) + b[k])"},
            "i:m j:d k:h",
        ),
    ),
    (
        1,
        Structure(
            "log of a mean of exponentials",
            "log(mean(exp(r[i]), i))",
            ("w",),
            LINEAR,
            MATRIX,
            lambda q: jnp.log(jnp.mean(jnp.exp(_residual(q)))),
            RESIDUAL,
            "i:m j:d",
        ),
    ),
    (
        1,
        Structure(
            "quotient of sums",
            "sum((p[i] - y[i])^2, i)/sum(p[i]^2, i)",
            ("w",),
            LINEAR,
            MATRIX,
            lambda q: (_residual(q) ** 2).sum() / (_predicted(q) ** 2).sum(),
            PREDICTED,
            "i:m j:d",
        ),
    ),
    (
        1,
        Structure(
            "product of three totals",
            "mean(p[i]^2, i)*mean(exp(-p[i]), i)*sum(y[i]*p[i], i)",
            ("w",),
            LINEAR,
            MATRIX,
            lambda q: jnp.mean((p := _predicted(q)) ** 2) * jnp.mean(jnp.exp(-p)) * (q.y @ p),
            PREDICTED,
            "i:m j:d",
        ),
    ),
    (
        1,
        Structure(
            "totals by column",
            "sum(sqrt(mean(z[i, k]^2, i)), k)",
            ("W",),
            {"X": ("m", "d"), "W": ("h", "d")},
            NETWORK,
            lambda q: jnp.sqrt(((q.X @ q.W.T) ** 2).mean(0)).sum(),
            {"z[i, k]": "sum(W[k, j]*X[i, j], j)"},
            "i:m j:d k:h",
        ),
    ),
    (
        1,
        Structure(
            "totals by group",
            "sum(s[l]^3, l)",
            ("w",),
            {"X": ("m", "d"), "w": ("d",), "label": ("m",)},
            LAYERS,
            lambda q: (jnp.zeros(6).at[q.label].add(jnp.tanh(_predicted(q))) ** 3).sum(),
            {"p[i]": "tanh(sum(w[j]*X[i, j], j))", "s[l]": "sum(piecewise(p[i], label[i] == l, 0), i)"},
            "i:m j:d l:6",
            integers={"label": 6},
        ),
    ),
    (
        2,
        Structure(
            "variance of the residual",
            "mean((r[i] - mean(r[k], k))^2, i)",
            ("w",),
            LINEAR,
            MATRIX,
            lambda q: jnp.var(_residual(q)),
            RESIDUAL,
            "i:m k:m j:d",
        ),
    ),
    (
        2,
        Structure(
            "quotient of variances",
            "mean((r[i] - mean(r[i], i))^2, i)/mean((p[i] - mean(p[i], i))^2, i)",
            ("w",),
            LINEAR,
            MATRIX,
            lambda q: jnp.var(_residual(q)) / jnp.var(_predicted(q)),
            {**PREDICTED, "r[i]": "p[i] - y[i]"},
            "i:m j:d",
        ),
    ),
    (
        2,
        Structure(
            "correlation",
            "mean((p[i] - mean(p[i], i))*(y[i] - mean(y[i], i)), i)/sqrt(mean((p[i] - mean(p[i], i))^2, i)*mean((y[i] - mean(y[i], i))^2, i))",
            ("w",),
            LINEAR,
            MATRIX,
            lambda q: jnp.corrcoef(_predicted(q), q.y)[0, 1],
            PREDICTED,
            "i:m j:d",
        ),
    ),
    (
        2,
        Structure(
            "weights that sum to one",
            "sum(e[i]*y[i], i)/sum(e[i], i) + sqrt(mean((e[i]/sum(e[i], i))^2, i))",
            ("w",),
            LINEAR,
            MATRIX,
            lambda q: (
                ((e := jnp.exp(_predicted(q))) * q.y).sum() / e.sum() + jnp.sqrt(jnp.mean((e / e.sum()) ** 2))
            ),
            {"e[i]": "exp(sum(w[j]*X[i, j], j))"},
            "i:m j:d",
        ),
    ),
    (
        1,
        Structure(
            "logsumexp over the samples",
            "logsumexp(40*r[i], i)",
            ("w",),
            LINEAR,
            MATRIX,
            lambda q: logsumexp(40 * _residual(q)),
            RESIDUAL,
            "i:m j:d",
        ),
    ),
    (
        1,
        Structure(
            "log of a mean of exponentials, squared",
            "log(mean(exp(40*r[i]), i))^2 + mean(r[i]^2, i)",
            ("w",),
            LINEAR,
            MATRIX,
            lambda q: (logsumexp(40 * _residual(q)) - jnp.log(len(q.X))) ** 2 + (_residual(q) ** 2).mean(),
            RESIDUAL,
            "i:m j:d",
        ),
    ),
    (
        1,
        Structure(
            "a mean weighted by a softmax over the samples",
            "(sum(y[i]*softmax(9*r[i], i), i) - 1)^2 + mean(r[i], i)",
            ("w",),
            LINEAR,
            MATRIX,
            lambda q: ((q.y * softmax(9 * _residual(q))).sum() - 1) ** 2 + _residual(q).mean(),
            RESIDUAL,
            "i:m j:d",
        ),
    ),
    (
        2,
        Structure(
            "squares of a softmax over the samples",
            "sum(softmax(r[i], i)^2, i)",
            ("w",),
            LINEAR,
            MATRIX,
            lambda q: (softmax(_residual(q)) ** 2).sum(),
            RESIDUAL,
            "i:m j:d",
        ),
    ),
    (
        2,
        Structure(
            "a softmax over the samples for each column",
            "mean((y[i] - sum(X[i, j]*A[j], j))^2, i)",
            ("w",),
            LINEAR,
            MATRIX,
            lambda q: ((q.y - q.X @ (q.X * softmax(q.w * q.X, axis=0)).sum(0)) ** 2).mean(),
            {"A[j]": "sum(X[i, j]*softmax(w[j]*X[i, j], i), i)"},
            "i:m j:d",
        ),
    ),
    (
        3,
        Structure(
            "largest residual",
            "max(r[i]^2, i) + 0.1*min(r[i], i)",
            ("w",),
            LINEAR,
            MATRIX,
            lambda q: (_residual(q) ** 2).max() + 0.1 * _residual(q).min(),
            RESIDUAL,
            "i:m j:d",
        ),
    ),
    (
        2,
        Structure(
            "columns accumulated by every operation",
            "mean(sum(z[i, k]*(L[k] + M[k] - S[k]), k), i)",
            ("v",),
            {"X": ("m", "h"), "v": ("h",), "Y": ("m", "h")},
            NETWORK,
            lambda q: ((q.X * q.v) * (logsumexp(q.X * q.v, axis=0) + q.Y.max(0) * q.v - q.Y.min(0) * jnp.prod(q.Y, 0))).sum(1).mean(),
            {
                "z[i, k]": "X[i, k]*v[k]",
                "L[k]": "logsumexp(z[i, k], i)",
                "M[k]": "max(Y[i, k], i)*v[k]",
                "S[k]": "min(Y[i, k], i)*product(Y[i, k], i)",
            },
            "i:m k:h",
        ),
    ),
    (
        2,
        Structure(
            "pairs",
            "sum((p[i] - p[k])^2*Y[i, k], i, k)",
            ("w",),
            {"X": ("m", "d"), "w": ("d",), "Y": ("m", "m")},
            MATRIX,
            lambda q: ((_predicted(q)[:, None] - _predicted(q)) ** 2 * q.Y).sum(),
            PREDICTED,
            "i:m k:m j:d",
        ),
    ),
    (
        3,
        Structure(
            "batch norm and tanh",
            "mean(sum((a[i, k] - Y[i, k])^2, k), i)",
            ("W", "b"),
            {"X": ("m", "d"), "Y": ("m", "h"), "W": ("h", "d"), "b": ("h",)},
            NETWORK,
            lambda q: ((_normed(q.X, q) - q.Y) ** 2).sum(1).mean(),
            {
                "z[i, k]": "sum(W[k, j]*X[i, j], j)",
                "mu[k]": "mean(z[i, k], i)",
                "va[k]": "mean((z[i, k] - mu[k])^2, i)",
                "a[i, k]": "tanh(b[k]*(z[i, k] - mu[k])/sqrt(va[k] + 0.001))",
            },
            "i:m j:d k:h",
        ),
    ),
    (
        4,  # one of the two totals is factored out; both would be more than 5 times the operations of the cost
        Structure(
            "batch norm behind a layer",
            "mean(sum((a[i, k] - Y[i, k])^2, k), i)",
            ("V", "W", "b"),
            {"X": ("m", "d"), "Y": ("m", "h"), "V": ("c", "d"), "W": ("h", "c"), "b": ("h",)},
            LAYERS,
            lambda q: ((_normed(jnp.tanh(q.X @ q.V.T), q) - q.Y) ** 2).sum(1).mean(),
            {
                "u[i, l]": "tanh(sum(V[l, j]*X[i, j], j))",
                "z[i, k]": "sum(W[k, l]*u[i, l], l)",
                "mu[k]": "mean(z[i, k], i)",
                "va[k]": "mean((z[i, k] - mu[k])^2, i)",
                "a[i, k]": "tanh(b[k]*(z[i, k] - mu[k])/sqrt(va[k] + 0.001))",
            },
            "i:m j:d k:h l:c",
        ),
    ),
]

LENGTHS = {"m": 5, "d": 3, "h": 2}
SHAPES = {"X": "md", "y": "m", "label": "m", "w": "d", "W": "hd", "v": "h"}


@dataclass
class Mixture:
    """A cost in text with definitions p[i], q[i, k], totals t1, ... and totals u1[k], ..."""

    cost: str = ""
    where: dict[str, str] = field(default_factory=dict)


def _formula(draw: st.DrawFn, atoms: list[str], depth: int) -> str:
    if depth == 0:
        return draw(st.sampled_from(atoms))
    inner = [_formula(draw, atoms, depth - 1) for _ in range(2)]
    shape = draw(st.sampled_from(["{} + {}", "({})*({})", "({})/(2 + ({})^2)", "tanh({}) - {}", "exp(({})/4) + 0.5*({})", "({})^2 - ({})", "{}"]))
    return shape.format(*inner)


@st.composite
def mixtures(draw: st.DrawFn) -> Mixture:
    made = Mixture(where={"p[i]": "sum(w[j]*X[i, j], j)", "q[i, k]": "tanh(sum(W[k, j]*X[i, j], j) + v[k])"})
    scalars, columns = ["s", "0.5"], ["v[k]"]
    for n in range(draw(st.integers(1, 4))):
        samples = ["p[i]", "y[i]", *(f"q[i, {k}]" for k in (0, 1)), *scalars[2:]]
        kind = draw(st.sampled_from(["total", "total", "column", "sample", "group"]))
        if kind == "total":
            made.where[f"t{n}"] = f"{draw(st.sampled_from(['mean', 'sum']))}({_formula(draw, samples, 2)}, i)"
            scalars.append(f"t{n}")
        elif kind == "column":
            made.where[f"u{n}[k]"] = f"mean({_formula(draw, ['q[i, k]', 'p[i]', *scalars[2:], *columns[1:]], 2)}, i)"
            columns.append(f"u{n}[k]")
        elif kind == "sample":
            made.where[f"z{n}[i, k]"] = _formula(draw, ["q[i, k]", "p[i]", *scalars, *columns], 2)
            made.where[f"u{n}[k]"] = f"mean(z{n}[i, k]^2, i)"
            columns.append(f"u{n}[k]")
        else:
            made.where[f"g{n}"] = f"sum({_formula(draw, ['v[label[i]]', *samples], 1)}, i)"
            scalars.append(f"g{n}")
    last = f"mean({_formula(draw, ['p[i]', 'y[i]', *scalars], 2)}, i)"
    if len(columns) > 1:
        last += f" + mean(({_formula(draw, ['q[i, k]', *columns, *scalars[2:]], 2)})^2, i, k)"
    made.cost = draw(st.sampled_from(["{}", "sqrt(1 + ({})^2)", "({})*" + scalars[-1]])).format(last)
    made.cost += " + s^2*sum(w[j]^2, j) + 0.1*sum(v[k]^2, k) + 0.1*sum(W[k, j]^2, k, j)"
    return made
