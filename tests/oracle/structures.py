"""The index structures that a cost can have, each with its value in JAX: data for every test that compares the two.

A row: a name, the cost in the text language, how it is read, two sets of unequal sizes, the arrays, and the same cost in JAX.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Shape = tuple[str | int, ...]


@dataclass(frozen=True)
class Structure:
    """`shapes`: array -> its lengths. `integers`: subscript data -> how many values they may take. `jax`: arrays -> cost, made from (jnp, scipy)."""

    name: str
    cost: str
    parameters: tuple[str, ...]
    shapes: dict[str, Shape]
    sizes: tuple[dict[str, int], dict[str, int]]
    jax: Callable[[dict[str, Any], Any, Any], Any]
    where: dict[str, str] = field(default_factory=dict)
    axes: str = ""
    samples: str = ""
    integers: dict[str, str | int] = field(default_factory=dict)
    given: tuple[str, ...] = ()

    def arrays(self, which: int, seed: int = 1) -> dict[str, Any]:
        """Random values of every array at one of the two sets of sizes."""
        random, sizes = np.random.default_rng(seed), self.sizes[which]
        values: dict[str, Any] = {}
        for name, shape in self.shapes.items():
            lengths = tuple(eval_length(side, sizes) for side in shape)
            if name in self.integers:
                values[name] = random.integers(0, eval_length(self.integers[name], sizes), lengths)
            else:
                values[name] = random.normal(size=lengths) if lengths else float(random.normal())
        return values


def eval_length(side: str | int, sizes: dict[str, int]) -> int:
    """`m`, 4, or a sum such as `r+p-1`."""
    if isinstance(side, int):
        return side
    total, sign = 0, 1
    for token in side.replace("+", " + ").replace("-", " - ").split():
        if token in "+-":
            sign = 1 if token == "+" else -1
        else:
            total += sign * (int(token) if token.isdigit() else sizes[token])
    return total


NETWORK = ({"m": 5, "d": 3, "h": 4}, {"m": 7, "d": 2, "h": 6})
LAYERS = ({"m": 5, "d": 3, "h": 4, "c": 2}, {"m": 4, "d": 6, "h": 3, "c": 5})
VECTOR = ({"m": 5}, {"m": 8})
MATRIX = ({"m": 5, "d": 3}, {"m": 4, "d": 7})

STRUCTURES = [
    Structure(
        "network regression",
        "mean((sum(v[k]*a[i, k], k) - y[i])^2, i)",
        ("W", "b", "v"),
        {"X": ("m", "d"), "y": ("m",), "W": ("h", "d"), "b": ("h",), "v": ("h",)},
        NETWORK,
        lambda q, jnp, scipy: jnp.mean((jnp.tanh(q["X"] @ q["W"].T + q["b"]) @ q["v"] - q["y"]) ** 2),
        where={"z[i, k]": "sum(W[k, j]*X[i, j], j) + b[k]", "a[i, k]": "tanh(z[i, k])"},
        axes="i:m j:d k:h",
    ),
    Structure(
        "2-layer softmax cross-entropy",
        "mean(logsumexp(z2[i, l], l) - sum(Y[i, l]*z2[i, l], l), i)",
        ("W1", "b1", "W2", "b2"),
        {"X": ("m", "d"), "Y": ("m", "c"), "W1": ("h", "d"), "b1": ("h",), "W2": ("c", "h"), "b2": ("c",)},
        LAYERS,
        lambda q, jnp, scipy: jnp.mean(
            scipy.logsumexp((z := jnp.tanh(q["X"] @ q["W1"].T + q["b1"]) @ q["W2"].T + q["b2"]), axis=1) - (q["Y"] * z).sum(1)
        ),
        where={
            "z1[i, k]": "sum(W1[k, j]*X[i, j], j) + b1[k]",
            "a1[i, k]": "tanh(z1[i, k])",
            "z2[i, l]": "sum(W2[l, k]*a1[i, k], k) + b2[l]",
        },
        axes="i:m j:d k:h l:c",
    ),
    Structure(
        "softmax of a layer",
        "-sum(Y[i, l]*log(softmax(z[i, l], l)), i, l)",
        ("W",),
        {"X": ("m", "d"), "Y": ("m", "c"), "W": ("c", "d")},
        LAYERS,
        lambda q, jnp, scipy: -(q["Y"] * jnp.log(jnp.exp(z := q["X"] @ q["W"].T) / jnp.exp(z).sum(1, keepdims=True))).sum(),
        where={"z[i, l]": "sum(W[l, j]*X[i, j], j)"},
        axes="i:m j:d l:c",
    ),
    Structure(
        "shift",
        "sum((x[i + 1] - x[i])^2, i in 0:m - 1) + sum(abs(x[i + 1] - x[i]), i in 0:m - 1)",
        ("x",),
        {"x": ("m",)},
        VECTOR,
        lambda q, jnp, scipy: (jnp.diff(q["x"]) ** 2).sum() + jnp.abs(jnp.diff(q["x"])).sum(),
        axes="i:m",
    ),
    Structure(
        "diagonal and transposed access",
        "sum(A[i, i]*x[i], i) + sum(A[i, j]*A[j, i]^2, i, j)",
        ("A", "x"),
        {"A": ("m", "m"), "x": ("m",)},
        VECTOR,
        lambda q, jnp, scipy: (jnp.diag(q["A"]) * q["x"]).sum() + (q["A"] * q["A"].T ** 2).sum(),
        axes="i:m j:m",
    ),
    Structure(
        "constant index",
        "x[0]^2*x[1] + sum(x[i], i)*x[0]",
        ("x",),
        {"x": ("m",)},
        VECTOR,
        lambda q, jnp, scipy: q["x"][0] ** 2 * q["x"][1] + q["x"].sum() * q["x"][0],
        axes="i:m",
    ),
    Structure(
        "gather",
        "mean((sum(E[label[i], k]*v[k], k) - y[i])^2, i)",
        ("E", "v"),
        {"E": ("n", "h"), "label": ("m",), "v": ("h",), "y": ("m",)},
        ({"m": 5, "h": 4, "n": 6}, {"m": 7, "h": 2, "n": 3}),
        lambda q, jnp, scipy: jnp.mean((q["E"][q["label"]] @ q["v"] - q["y"]) ** 2),
        axes="i:m k:h",
        integers={"label": "n"},
    ),
    Structure(
        "cross-entropy by gather",
        "mean(logsumexp(z[i, l], l) - z[i, label[i]], i)",
        ("W",),
        {"X": ("m", "d"), "W": ("c", "d"), "label": ("m",)},
        LAYERS,
        lambda q, jnp, scipy: jnp.mean(scipy.logsumexp((z := q["X"] @ q["W"].T), axis=1) - z[jnp.arange(len(q["label"])), q["label"]]),
        where={"z[i, l]": "sum(W[l, j]*X[i, j], j)"},
        axes="i:m j:d l:c",
        integers={"label": "c"},
    ),
    Structure(
        "two paths under another index name",
        "sum(s[i]*y[i], i)^2 + sum(s[k]^3, k)",
        ("W",),
        {"X": ("m", "d"), "y": ("m",), "W": ("d",)},
        MATRIX,
        lambda q, jnp, scipy: ((q["X"] @ q["W"]) @ q["y"]) ** 2 + ((q["X"] @ q["W"]) ** 3).sum(),
        where={"s[i]": "sum(W[j]*X[i, j], j)"},
        axes="i:m j:d k:m",
    ),
    Structure(
        "capture",
        "sum(s[k]*W[k], k)",
        ("A", "x", "W"),
        {"A": ("h", "m"), "x": ("m",), "W": ("h",)},
        ({"m": 5, "h": 4}, {"m": 3, "h": 7}),
        lambda q, jnp, scipy: ((q["A"] @ q["x"]) * (q["x"] ** 2).sum() * q["W"]).sum(),
        where={"s[k]": "sum(A[k, i]*x[i], i)*sum(x[i]^2, i)"},
        axes="i:m k:h",
    ),
    Structure(
        "variance with one letter nested",
        "mean((w*x[i] - mean(w*x[i], i))^2, i)",
        ("w",),
        {"x": ("m",), "w": ()},
        VECTOR,
        lambda q, jnp, scipy: jnp.var(q["w"] * q["x"]),
        axes="i:m",
    ),
    Structure(
        "convolution",
        "sum((a[r, s] - 1)^2, r, s)",
        ("K", "X"),
        {"X": ("r+p-1", "s+q-1"), "K": ("p", "q")},
        ({"p": 3, "q": 2, "r": 4, "s": 6}, {"p": 2, "q": 4, "r": 5, "s": 3}),
        lambda q, jnp, scipy: ((jnp.tanh(_convolved(q["X"], q["K"], jnp)) - 1) ** 2).sum(),
        where={"a[r, s]": "tanh(sum(X[r + p, s + q]*K[p, q], p, q))"},
        axes="p:P q:Q r:R s:S",
        given=("R", "S"),
    ),
    Structure(
        "pairs i<j",
        "sum((x[i] - x[j])^2*X[i, j], i, j in i + 1:m)",
        ("x", "X"),
        {"x": ("m",), "X": ("m", "m")},
        VECTOR,
        lambda q, jnp, scipy: (jnp.triu(q["X"], 1) * (q["x"][:, None] - q["x"]) ** 2).sum(),
        axes="i:m",
    ),
    Structure(
        "double sum over samples",
        "sum(y[i]*y[k]*exp(-w*sum((X[i, j] - X[k, j])^2, j)), i, k)",
        ("w", "X", "y"),
        {"X": ("m", "d"), "y": ("m",), "w": ()},
        MATRIX,
        lambda q, jnp, scipy: jnp.einsum("i,k,ik->", q["y"], q["y"], jnp.exp(-q["w"] * ((q["X"][:, None] - q["X"][None]) ** 2).sum(-1))),
        axes="i:m k:m j:d",
    ),
    Structure(
        "log of a mean of exponentials",
        "log(mean(exp(sum(w[j]*X[i, j], j) - y[i]), i)) + mean((sum(w[j]*X[i, j], j) - y[i])^2, i)^(1/2)",
        ("w",),
        {"X": ("m", "d"), "y": ("m",), "w": ("d",)},
        MATRIX,
        lambda q, jnp, scipy: jnp.log(jnp.mean(jnp.exp(r := q["X"] @ q["w"] - q["y"]))) + jnp.sqrt(jnp.mean(r**2)),
        axes="i:m j:d",
    ),
    Structure(
        "variance of the residual, three levels",
        "mean((r[i] - mean(r[i], i))^2, i)/mean(r[i]^2, i)",
        ("w", "b"),
        {"X": ("m", "d"), "y": ("m",), "w": ("d",), "b": ()},
        MATRIX,
        lambda q, jnp, scipy: jnp.var(r := q["X"] @ q["w"] + q["b"] - q["y"]) / jnp.mean(r**2),
        where={"r[i]": "sum(w[j]*X[i, j], j) + b - y[i]"},
        axes="i:m j:d",
    ),
    Structure(
        "a parameter for each sample",
        "mean((sum(U[i, k]*V[k, j], k) - X[i, j])^2, i, j) + 0.1*sum(U[i, k]^2, i, k) + 0.1*sum(V[k, j]^2, k, j)",
        ("U", "V"),
        {"X": ("m", "d"), "U": ("m", "h"), "V": ("h", "d")},
        NETWORK,
        lambda q, jnp, scipy: jnp.mean((q["U"] @ q["V"] - q["X"]) ** 2) + 0.1 * (q["U"] ** 2).sum() + 0.1 * (q["V"] ** 2).sum(),
        axes="i:m j:d k:h",
    ),
]


def _convolved(X: Any, K: Any, jnp: Any) -> Any:
    rows, columns = X.shape[0] - K.shape[0] + 1, X.shape[1] - K.shape[1] + 1
    return sum(X[p : p + rows, q : q + columns] * K[p, q] for p in range(K.shape[0]) for q in range(K.shape[1]))
