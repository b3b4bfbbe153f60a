"""Costs that people write, each put together from several structures, with its value in JAX; those with a recurrence stand in recurrences.py."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp

from . import in_jax
from .structure import Structure, offsets, zero_at
from .structures import LAYERS, MATRIX, NETWORK, VECTOR

EDGES = ({"n": 4, "E": 9, "d": 3, "h": 2}, {"n": 6, "E": 7, "d": 2, "h": 4})

# Networks for pictures, sets and sequences
NETWORKS = [
    Structure(
        "attention with batched heads",
        "mean(sum((sum(O[n, a, i, k]*D[a, k, j], a, k) - X[n, i, j])^2, i, j), n)",
        ("A", "B", "V", "D"),
        {"X": ("m", "p", "d"), "A": ("c", "d", "h"), "B": ("c", "d", "h"), "V": ("c", "d", "h"), "D": ("c", "h", "d")},
        ({"m": 5, "p": 4, "d": 3, "h": 2, "c": 6}, {"m": 2, "p": 3, "d": 5, "h": 6, "c": 4}),
        lambda q: jnp.mean(
            ((jnp.einsum("naik,akj->nij", in_jax.attention(*(jnp.einsum("nij,ajk->naik", q.X, W) for W in (q.A, q.B, q.V))), q.D) - q.X) ** 2).sum(
                (1, 2)
            )
        ),
        where={
            "Q[n, a, i, k]": "sum(X[n, i, j]*A[a, j, k], j)",
            "K[n, a, i, k]": "sum(X[n, i, j]*B[a, j, k], j)",
            "P[n, a, i, s]": "softmax(sum(Q[n, a, i, k]*K[n, a, s, k], k)/sqrt(h), s)",
            "O[n, a, i, k]": "sum(P[n, a, i, s]*sum(X[n, s, j]*V[a, j, k], j), s)",
        },
        axes="n:m a:c i:p s:p j:d k:h",
    ),
    Structure(
        "convolution, max pooling and a dense layer",
        "mean((sum(w[c, u, v]*b[i, c, u, v], c, u, v) - y[i])^2, i)",
        ("K", "w"),
        {"X": ("m", "2*U+P-1", "2*V+Q-1"), "K": ("C", "P", "Q"), "w": ("C", "U", "V"), "y": ("m",)},
        ({"m": 4, "U": 3, "V": 1, "P": 2, "Q": 5, "C": 6}, {"m": 3, "U": 1, "V": 2, "P": 4, "Q": 6, "C": 5}),
        lambda q: jnp.mean(
            (
                jax.vmap(
                    lambda X: sum(
                        (w * jnp.tanh(in_jax.convolved(X, K)).reshape(len(w), 2, -1, 2).max((1, 3))).sum() for K, w in zip(q.K, q.w, strict=True)
                    )
                )(q.X)
                - q.y
            )
            ** 2
        ),
        where={
            "a[i, c, r, s]": "tanh(sum(X[i, r + p, s + q]*K[c, p, q], p, q))",
            "b[i, c, u, v]": "max(a[i, c, 2*u + f, 2*v + g], f, g)",
        },
        axes="i:m c:C u:U v:V f:2 g:2 r:2*U s:2*V p:P q:Q",
    ),
    Structure(
        "layer norm",
        "mean(sum((a[i, k] - Y[i, k])^2, k), i)",
        ("W", "g", "b"),
        {"X": ("m", "d"), "Y": ("m", "h"), "W": ("h", "d"), "g": ("h",), "b": ("h",)},
        NETWORK,
        lambda q: jnp.mean(((in_jax.batch_norm(q.X @ q.W.T, q.g, 1) + q.b - q.Y) ** 2).sum(1)),
        where={
            "z[i, k]": "sum(W[k, j]*X[i, j], j)",
            "mu[i]": "mean(z[i, k], k)",
            "va[i]": "mean((z[i, k] - mu[i])^2, k)",
            "a[i, k]": "g[k]*(z[i, k] - mu[i])/sqrt(va[i] + 0.001) + b[k]",
        },
        axes="i:m j:d k:h",
    ),
    Structure(
        "group norm",
        "mean(sum(tanh(a[i, g, k])*Y[i, 3*g + k], g, k), i)",
        ("W", "b"),
        {"X": ("m", "d"), "Y": ("m", "3*G"), "W": ("3*G", "d"), "b": ("G",)},
        ({"m": 5, "d": 3, "G": 2}, {"m": 3, "d": 2, "G": 4}),
        lambda q: jnp.mean(
            (jnp.tanh(in_jax.batch_norm((q.X @ q.W.T).reshape(len(q.X), -1, 3), q.b[:, None], 2)) * q.Y.reshape(len(q.X), -1, 3)).sum((1, 2))
        ),
        where={
            "z[i, c]": "sum(W[c, j]*X[i, j], j)",
            "mu[i, g]": "mean(z[i, 3*g + k], k)",
            "va[i, g]": "mean((z[i, 3*g + k] - mu[i, g])^2, k)",
            "a[i, g, k]": "b[g]*(z[i, 3*g + k] - mu[i, g])/sqrt(va[i, g] + 0.001)",
        },
        axes="i:m j:d c:3*G g:G k:3",
    ),
    Structure(
        "softmax of a layer",
        "-sum(Y[i, l]*log(softmax(z[i, l], l)), i, l)",
        ("W",),
        {"X": ("m", "d"), "Y": ("m", "c"), "W": ("c", "d")},
        LAYERS,
        lambda q: -(q.Y * jnp.log(jnp.exp(z := q.X @ q.W.T) / jnp.exp(z).sum(1, keepdims=True))).sum(),
        where={"z[i, l]": "sum(W[l, j]*X[i, j], j)"},
        axes="i:m j:d l:c",
    ),
    Structure(
        "graph convolution",
        "mean(sum((a[v, k] - Y[v, k])^2, k), v)",
        ("W", "U"),
        {"x": ("n", "d"), "Y": ("n", "h"), "W": ("h", "d"), "U": ("h", "d"), "source": ("E",), "off": ("n+1",)},
        EDGES,
        lambda q: jnp.mean(
            ((jnp.tanh(q.x @ q.U.T + jnp.stack([z.sum(0) for z in in_jax.ragged((q.x @ q.W.T)[q.source], q.off)])) - q.Y) ** 2).sum(1)
        ),
        where={
            "z[v, k]": "sum(W[k, j]*x[v, j], j)",
            "a[v, k]": "tanh(sum(U[k, j]*x[v, j], j) + sum(z[source[e], k], e in off[v]:off[v + 1]))",
        },
        axes="v:n k:h j:d",
        integers={"source": "n"},
        special={"off": offsets("n", "E")},
    ),
    Structure(
        "differences along the edges of a graph",
        "sum(w[s]*sum((z[source[s], k] - z[target[s], k])^2, k), s) + sum((z[v, 0] - 1)^2, v)",
        ("W",),
        {"x": ("n", "d"), "W": ("h", "d"), "w": ("E",), "source": ("E",), "target": ("E",)},
        EDGES,
        lambda q: (q.w * (((z := q.x @ q.W.T)[q.source] - z[q.target]) ** 2).sum(1)).sum() + ((z[:, 0] - 1) ** 2).sum(),
        where={"z[v, k]": "sum(W[k, j]*x[v, j], j)"},
        axes="v:n k:h j:d s:E",
        integers={"source": "n", "target": "n"},
    ),
    Structure(
        "ragged softmax: a list-wise ranking loss",
        "mean(logsumexp(z[e], e in off[g]:off[g + 1]) - z[off[g] + pick[g]], g)",
        ("w",),
        {"X": ("E", "d"), "w": ("d",), "off": ("n+1",), "pick": ("n",)},
        ({"n": 3, "E": 9, "d": 2}, {"n": 4, "E": 11, "d": 3}),
        lambda q: jnp.mean(jnp.stack([logsumexp(z) - z[int(p)] for z, p in zip(in_jax.ragged(q.X @ q.w, q.off), q.pick, strict=True)])),
        where={"z[s]": "sum(w[j]*X[s, j], j)"},
        axes="g:n s:E e:E j:d",
        special={"off": lambda random, n: np.arange(n["n"] + 1) * 2 + (np.arange(n["n"] + 1) == n["n"]) * (n["E"] - 2 * n["n"])},
        integers={"pick": 2},
    ),
]

# Reductions inside reductions
REDUCTIONS = [
    Structure(
        "product of sums of products",
        "product(sum(product(A[i, j, k]*w[k], k), j), i)",
        ("A", "w"),
        {"A": ("m", "d", "h"), "w": ("h",)},
        ({"m": 3, "d": 2, "h": 4}, {"m": 2, "d": 5, "h": 3}),
        lambda q: jnp.prod(jnp.prod(q.A * q.w, axis=2).sum(1)),
        axes="i:m j:d k:h",
        special={"A": lambda random, n: zero_at((0, 0, 1), (1, 1, 0), axes="m d h")(random, n)},
    ),
    Structure(
        "log of a product",
        "mean(log(product(1 + (X[i, j]*w[j])^2, j)), i)",
        ("w",),
        {"X": ("m", "d"), "w": ("d",)},
        MATRIX,
        lambda q: jnp.mean(jnp.log(jnp.prod(1 + (q.X * q.w) ** 2, axis=1))),
        axes="i:m j:d",
    ),
    Structure(
        "product of a maximum",
        "sum(product(max(X[i, j, k]*w[k], k), j), i)",
        ("X", "w"),
        {"X": ("m", "d", "h"), "w": ("h",)},
        NETWORK,
        lambda q: jnp.prod(jnp.max(q.X * q.w, axis=2), axis=1).sum(),
        axes="i:m j:d k:h",
    ),
    Structure(
        "cumulative products, from either end",
        "sum(y[i]*product(x[j], j in 0:i + 1) + y[i]^2*product(x[j], j in i + 1:m), i)",
        ("x", "y"),
        {"x": ("m",), "y": ("m",)},
        VECTOR,
        lambda q: (q.y * jnp.cumprod(q.x)).sum() + (q.y[:-1] ** 2 * jnp.cumprod(q.x[:0:-1])[::-1]).sum() + q.y[-1] ** 2,
        axes="i:m j:m",
        special={"x": zero_at((3,), axes="m")},
    ),
    Structure(
        "distances of all pairs",
        "sum((norm(z[i, k] - z[n, k], k) - D[i, n])^2, i, n)",
        ("W",),
        {"X": ("m", "d"), "W": ("h", "d"), "D": ("m", "m")},
        NETWORK,
        lambda q: ((in_jax.norm((z := q.X @ q.W.T)[:, None] - z[None]) - q.D) ** 2).sum(),
        where={"z[i, k]": "sum(W[k, j]*X[i, j], j)"},
        axes="i:m n:m k:h j:d",
    ),
    Structure(
        "triplet hinge",
        "mean(max(0, 1 + norm(z[a[i], k] - z[p[i], k], k) - norm(z[a[i], k] - z[q[i], k], k)), i)",
        ("W",),
        {"X": ("n", "d"), "W": ("h", "d"), "a": ("m",), "p": ("m",), "q": ("m",)},
        ({"m": 5, "n": 4, "d": 3, "h": 2}, {"m": 7, "n": 6, "d": 2, "h": 3}),
        lambda q: jnp.mean(jnp.maximum(0, 1 + in_jax.norm((z := q.X @ q.W.T)[q.a] - z[q.p]) - in_jax.norm(z[q.a] - z[q.q]))),
        where={"z[s, k]": "sum(W[k, j]*X[s, j], j)"},
        axes="i:m s:n k:h j:d",
        integers={"a": "n", "p": "n", "q": "n"},
    ),
    Structure(
        "k-means: a minimum inside a mean",
        "mean(min(sum((X[i, j] - c[k, j])^2, j), k), i)",
        ("c",),
        {"X": ("m", "d"), "c": ("h", "d")},
        NETWORK,
        lambda q: jnp.mean(jnp.min(((q.X[:, None] - q.c) ** 2).sum(2), axis=1)),
        axes="i:m j:d k:h",
    ),
    Structure(
        "Gaussian mixture with packed factors",
        "-mean(logsumexp(a[k] + sum(s[k, i], i) - sum(z[n, k, i]^2, i)/2, k), n) + logsumexp(a[k], k)",
        ("a", "mu", "s", "l"),
        {"x": ("m", "d"), "a": ("h",), "mu": ("h", "d"), "s": ("h", "d"), "l": ("h", "c")},
        ({"m": 5, "d": 4, "h": 3, "c": 6}, {"m": 7, "d": 5, "h": 4, "c": 10}),
        in_jax.mixture,
        where={"z[n, k, i]": "exp(s[k, i])*(x[n, i] - mu[k, i]) + sum(l[k, i*(i - 1)/2 + j]*(x[n, j] - mu[k, j]), j in 0:i)"},
        axes="n:m k:h i:d",
    ),
    Structure(
        "matrix factorisation on observed entries",
        "mean((sum(U[row[s], k]*V[column[s], k], k) - y[s])^2, s) + 0.1*sum(U[i, k]^2, i, k) + 0.1*sum(V[j, k]^2, j, k)",
        ("U", "V"),
        {"U": ("m", "h"), "V": ("d", "h"), "row": ("E",), "column": ("E",), "y": ("E",)},
        ({"m": 5, "d": 3, "h": 2, "E": 9}, {"m": 4, "d": 6, "h": 3, "E": 11}),
        lambda q: jnp.mean(((q.U[q.row] * q.V[q.column]).sum(1) - q.y) ** 2) + 0.1 * (q.U**2).sum() + 0.1 * (q.V**2).sum(),
        axes="i:m j:d k:h s:E",
        integers={"row": "m", "column": "d"},
    ),
]

# Several levels and several sample axes
LEVELS = [
    Structure(
        "log of a mean of exponentials, root of a mean of squares",
        "log(mean(exp(sum(w[j]*X[i, j], j) - y[i]), i)) + mean((sum(w[j]*X[i, j], j) - y[i])^2, i)^(1/2)",
        ("w",),
        {"X": ("m", "d"), "y": ("m",), "w": ("d",)},
        MATRIX,
        lambda q: jnp.log(jnp.mean(jnp.exp(r := q.X @ q.w - q.y))) + jnp.sqrt(jnp.mean(r**2)),
        axes="i:m j:d",
    ),
    Structure(
        "variance of the residual, three levels",
        "mean((r[i] - mean(r[i], i))^2, i)/mean(r[i]^2, i)",
        ("w", "b"),
        {"X": ("m", "d"), "y": ("m",), "w": ("d",), "b": ()},
        MATRIX,
        lambda q: jnp.var(r := q.X @ q.w + q.b - q.y) / jnp.mean(r**2),
        where={"r[i]": "sum(w[j]*X[i, j], j) + b - y[i]"},
        axes="i:m j:d",
    ),
    Structure(
        "a parameter for each sample",
        "mean((sum(U[i, k]*V[k, j], k) - X[i, j])^2, i, j) + 0.1*sum(U[i, k]^2, i, k) + 0.1*sum(V[k, j]^2, k, j)",
        ("U", "V"),
        {"X": ("m", "d"), "U": ("m", "h"), "V": ("h", "d")},
        NETWORK,
        lambda q: jnp.mean((q.U @ q.V - q.X) ** 2) + 0.1 * (q.U**2).sum() + 0.1 * (q.V**2).sum(),
        axes="i:m j:d k:h",
    ),
    Structure(
        "two tasks with samples of their own",
        "mean((sum(v[k]*tanh(sum(W[k, j]*X[i, j], j)), k) - y[i])^2, i) + mean(softplus(-u[n]*sum(w[k]*tanh(sum(W[k, j]*Z[n, j], j)), k)), n)",
        ("W", "v", "w"),
        {"W": ("h", "d"), "v": ("h",), "w": ("h",), "X": ("m", "d"), "y": ("m",), "Z": ("N", "d"), "u": ("N",)},
        ({"m": 5, "N": 6, "d": 3, "h": 4}, {"m": 7, "N": 3, "d": 2, "h": 5}),
        lambda q: jnp.mean((jnp.tanh(q.X @ q.W.T) @ q.v - q.y) ** 2) + jnp.mean(jax.nn.softplus(-q.u * (jnp.tanh(q.Z @ q.W.T) @ q.w))),
        axes="i:m n:N j:d k:h",
    ),
    Structure(
        "weighted mean with its normalisation",
        "sum(a[i]*(sum(w[j]*X[i, j], j) - y[i])^2, i)/sum(a[i], i)",
        ("w", "g"),
        {"X": ("m", "d"), "y": ("m",), "w": ("d",), "g": ("d",)},
        MATRIX,
        lambda q: jnp.average((q.X @ q.w - q.y) ** 2, weights=jax.nn.sigmoid(q.X @ q.g)),
        where={"a[i]": "sigmoid(sum(g[j]*X[i, j], j))"},
        axes="i:m j:d",
    ),
    Structure(
        "distance covariance of neighbours in a sorted row",
        "mean(sum((x[i, j + 1] - x[i, j])*(y[i, j + 1] - y[i, j]), j in 0:d - 1)/sum((x[i, j + 1] - x[i, j])^2, j in 0:d - 1), i)",
        ("x", "y"),
        {"x": ("m", "d"), "y": ("m", "d")},
        MATRIX,
        lambda q: jnp.mean((jnp.diff(q.x, axis=1) * jnp.diff(q.y, axis=1)).sum(1) / (jnp.diff(q.x, axis=1) ** 2).sum(1)),
        axes="i:m j:d",
    ),
]

COMPOSITIONS = [*NETWORKS, *REDUCTIONS, *LEVELS]
