"""What a subscript and the bound of a range may be, each with its value in JAX: packed and strided arrays, boundaries, gathers, ragged ranges."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp

from . import in_jax
from .structure import Structure, offsets

PACKED = ({"K": 3, "d": 4, "p": 6, "m": 7}, {"K": 2, "d": 5, "p": 10, "m": 3})
GROUPS = ({"G": 4, "N": 11, "d": 3}, {"G": 6, "N": 9, "d": 2})


def symmetric(packed: Any, d: int) -> Any:
    """The symmetric matrix whose upper triangle stands column by column in `packed`."""
    return jnp.stack([jnp.stack([packed[max(i, j) * (max(i, j) + 1) // 2 + min(i, j)] for j in range(d)]) for i in range(d)])


def starts(rows: str, entries: str) -> Any:
    return lambda random, sizes: random.integers(0, sizes[entries] - 3, sizes[rows])


def tails(random: Any, sizes: Any) -> Any:
    """How many values follow after each start, none for the first."""
    return np.minimum(np.arange(sizes["m"]), 3)


# Arithmetic on indices and lengths
ARITHMETIC = [
    Structure(
        "packed Cholesky factors of a Gaussian mixture",
        "mean(-logsumexp(a[k] + sum(s[k, i], i) - sum(z[n, k, i]^2, i)/2, k), n) + logsumexp(a[k], k) + "
        "sum(exp(s[k, i])^2 - s[k, i], k, i)/2 + sum(l[k, i*(i - 1)/2 + j]^2, k, i, j in 0:i)/2",
        ("a", "mu", "s", "l"),
        {"x": ("m", "d"), "a": ("K",), "mu": ("K", "d"), "s": ("K", "d"), "l": ("K", "p")},
        PACKED,
        lambda q: in_jax.mixture(q) + ((jnp.exp(q.s) ** 2 - q.s).sum() + (q.l**2).sum()) / 2,
        where={"z[n, k, i]": "exp(s[k, i])*(x[n, i] - mu[k, i]) + sum(l[k, i*(i - 1)/2 + j]*(x[n, j] - mu[k, j]), j in 0:i)"},
        axes="n:m k:K i:d j:d",
    ),
    Structure(
        "a symmetric matrix packed by columns",
        "sum((sum(s[j*(j + 1)/2 + i]*x[n, i]*x[n, j], j, i in 0:j + 1) - y[n])^2, n)",
        ("s",),
        {"x": ("m", "d"), "y": ("m",), "s": ("p",)},
        ({"d": 3, "p": 6, "m": 4}, {"d": 4, "p": 10, "m": 7}),
        lambda q: ((((q.x @ symmetric(q.s, q.x.shape[1])) * q.x).sum(1) + (q.x**2 @ jnp.diag(symmetric(q.s, q.x.shape[1])))) / 2 - q.y) @ (
            (((q.x @ symmetric(q.s, q.x.shape[1])) * q.x).sum(1) + (q.x**2 @ jnp.diag(symmetric(q.s, q.x.shape[1])))) / 2 - q.y
        ),
        axes="n:m j:d",
    ),
    Structure(
        "convolution with stride 2 and dilation 3",
        "sum((sum(K[p]*x[2*r + 3*p], p) - y[r])^2, r)",
        ("K", "x"),
        {"x": ("2*R+3*P-4",), "K": ("P",), "y": ("R",)},
        ({"R": 4, "P": 3}, {"R": 3, "P": 5}),
        lambda q: ((sum(K * q.x[3 * p :: 2][: len(q.y)] for p, K in enumerate(q.K)) - q.y) ** 2).sum(),
        axes="r:R p:P",
    ),
    Structure(
        "block-diagonal matrix times vector",
        "sum((sum(A[i, j, k]*x[i*d + k], k) - y[i*d + j])^2, i, j)",
        ("A", "x"),
        {"A": ("n", "d", "d"), "x": ("n*d",), "y": ("n*d",)},
        ({"n": 4, "d": 3}, {"n": 2, "d": 5}),
        lambda q: ((jnp.einsum("ijk,ik->ij", q.A, q.x.reshape(q.A.shape[:2])).ravel() - q.y) ** 2).sum(),
        axes="i:n j:d k:d",
    ),
    Structure(
        "three axes in one",
        "sum(sin(T[i*n*m + j*m + k])*u[i]*v[j]*w[k], i, j, k)",
        ("T", "u"),
        {"T": ("h*n*m",), "u": ("h",), "v": ("n",), "w": ("m",)},
        ({"h": 2, "n": 3, "m": 4}, {"h": 5, "n": 2, "m": 3}),
        lambda q: jnp.einsum("ijk,i,j,k->", jnp.sin(q.T).reshape(len(q.u), len(q.v), len(q.w)), q.u, q.v, q.w),
        axes="i:h j:n k:m",
    ),
    Structure(
        "periodic Laplacian",
        "sum((a*(u[mod(i + 1, n), j] + u[mod(i - 1, n), j] + u[i, mod(j + 1, m)] + u[i, mod(j - 1, m)] - 4*u[i, j]) - f[i, j])^2, i, j)",
        ("u", "a"),
        {"u": ("n", "m"), "f": ("n", "m"), "a": ()},
        ({"n": 4, "m": 3}, {"n": 5, "m": 6}),
        lambda q: ((q.a * (sum(jnp.roll(q.u, s, axis) for s in (1, -1) for axis in (0, 1)) - 4 * q.u) - q.f) ** 2).sum(),
        axes="i:n j:m",
    ),
    Structure(
        "clamped boundaries",
        "sum((u[min(i + 1, n - 1)] - 2*u[i] + u[max(i - 1, 0)])^2 + (u[i] - y[i])^2, i)",
        ("u",),
        {"u": ("n",), "y": ("n",)},
        ({"n": 5}, {"n": 8}),
        lambda q: ((jnp.r_[q.u[1:], q.u[-1]] - 2 * q.u + jnp.r_[q.u[0], q.u[:-1]]) ** 2).sum() + ((q.u - q.y) ** 2).sum(),
        axes="i:n",
    ),
    Structure(
        "upsampling by floor",
        "sum((u[floor(i/2), floor(j/3)]*K[mod(i, 2), mod(j, 3)] - x[i, j])^2, i, j)",
        ("u", "K"),
        {"u": ("n", "m"), "K": (2, 3), "x": ("2*n", "3*m")},
        ({"n": 4, "m": 2}, {"n": 3, "m": 5}),
        lambda q: ((jnp.kron(q.u, q.K) - q.x) ** 2).sum(),
        axes="i:2*n j:3*m",
    ),
    Structure(
        "a season and a level for each week",
        "mean((b[mod(i, 7)] + c[floor(i/7)] + w*i - y[i])^2, i)",
        ("b", "c", "w"),
        {"y": ("m",), "b": (7,), "c": ("k",), "w": ()},
        ({"m": 19, "k": 3}, {"m": 11, "k": 2}),
        lambda q: jnp.mean((q.b[np.arange(len(q.y)) % 7] + q.c[np.arange(len(q.y)) // 7] + q.w * np.arange(len(q.y)) - q.y) ** 2),
        axes="i:m",
    ),
    Structure(
        "a subscript with its largest value inside",
        "sum(x[i*(n - i)]^2*y[i], i)",
        ("x",),
        {"x": (20,), "y": ("n",)},
        ({"n": 6}, {"n": 8}),
        lambda q: (q.x[np.arange(len(q.y)) * (len(q.y) - np.arange(len(q.y)))] ** 2 * q.y).sum(),
        axes="i:n",
    ),
]

# Integer data
GATHERED = [
    Structure(
        "nested gather",
        "sum((A[p[q[i]], k]*v[k] - y[i])^2, i, k)",
        ("A", "v"),
        {"A": ("n", "h"), "p": ("N",), "q": ("m",), "v": ("h",), "y": ("m",)},
        ({"n": 3, "N": 6, "m": 5, "h": 4}, {"n": 6, "N": 2, "m": 4, "h": 3}),
        lambda s: ((s.A[s.p[s.q]] * s.v - s.y[:, None]) ** 2).sum(),
        axes="i:m k:h",
        integers={"p": "n", "q": "N"},
    ),
    Structure(
        "windows at given places",
        "sum(tanh(sum(x[start[i] + j]*w[j], j))^2*y[i], i)",
        ("w", "x"),
        {"x": ("N",), "w": (3,), "start": ("m",), "y": ("m",)},
        ({"N": 9, "m": 4}, {"N": 6, "m": 7}),
        lambda q: (jnp.tanh(jnp.stack([q.x[s : s + 3] for s in q.start]) @ q.w) ** 2 * q.y).sum(),
        axes="i:m j:3",
        special={"start": starts("m", "N")},
    ),
    Structure(
        "windows of given lengths",
        "sum((tanh(sum(sin(w*x[start[i] + j]), j in 0:count[i])) - y[i])^2, i)",
        ("w", "x"),
        {"x": ("N",), "w": (), "start": ("m",), "count": ("m",), "y": ("m",)},
        ({"N": 9, "m": 4}, {"N": 7, "m": 6}),
        lambda q: sum(
            (jnp.tanh(jnp.sin(q.w * q.x[s : s + c]).sum()) - y) ** 2 for s, c, y in zip(q.start, q.count, q.y, strict=True)
        ),
        axes="i:m",
        special={"start": starts("m", "N"), "count": tails},
    ),
    Structure(
        "sparse matrix times vector",
        "sum((sum(val[t]*x[col[t]], t in off[i]:off[i + 1]) - y[i])^2, i)",
        ("x", "val"),
        {"val": ("N",), "col": ("N",), "off": ("G+1",), "x": ("d",), "y": ("G",)},
        GROUPS,
        lambda q: sum(((q.val[a:b] * q.x[q.col[a:b]]).sum() - y) ** 2 for a, b, y in zip(q.off[:-1], q.off[1:], q.y, strict=True)),
        axes="i:G",
        integers={"col": "d"},
        special={"off": offsets("G", "N")},
    ),
]

# Ranges of several lengths
RAGGED = [
    Structure(
        "softmax inside each group",
        "sum((sum(softmax(sum(w[j]*X[t, j], j), t in off[g]:off[g + 1])*v[t], t in off[g]:off[g + 1]) - y[g])^2, g)",
        ("w", "v"),
        {"X": ("N", "d"), "w": ("d",), "v": ("N",), "off": ("G+1",), "y": ("G",)},
        GROUPS,
        lambda q: sum(
            ((jax.nn.softmax(X @ q.w) * v).sum() - y) ** 2
            for X, v, y in zip(in_jax.ragged(q.X, q.off), in_jax.ragged(q.v, q.off), q.y, strict=True)
        ),
        axes="g:G j:d",
        special={"off": offsets("G", "N")},
    ),
    Structure(
        "quotients of exponentials inside each group",
        "sum(sum((exp(z[t])/sum(exp(z[s]), s in off[g]:off[g + 1]) - y[t])^2, t in off[g]:off[g + 1])*b[g], g)",
        ("z", "b"),
        {"z": ("N",), "y": ("N",), "off": ("G+1",), "b": ("G",)},
        GROUPS,
        lambda q: sum(
            ((jax.nn.softmax(z) - y) ** 2).sum() * b
            for z, y, b in zip(in_jax.ragged(q.z, q.off), in_jax.ragged(q.y, q.off), q.b, strict=True)
        ),
        axes="g:G",
        special={"off": offsets("G", "N")},
    ),
    Structure(
        "logsumexp over groups with something in each",
        "sum(tanh(logsumexp(b[g]*x[t]*w, t in 2*g:off[g + 1] + 2*g + 1)), g)",
        ("w", "b"),
        {"x": ("N+2*G",), "w": (), "off": ("G+1",), "b": ("G",)},
        GROUPS,
        lambda q: sum(jnp.tanh(logsumexp(b * q.w * q.x[2 * g : o + 2 * g + 1])) for g, (b, o) in enumerate(zip(q.b, q.off[1:], strict=True))),
        axes="g:G",
        special={"off": offsets("G", "N")},
    ),
    Structure(
        "a layer over groups",
        "sum((sum(tanh(sum(W[k, j]*(X[t, j] - mu[g, j]), j))*v[k], t in off[g]:off[g + 1], k) - y[g])^2, g)",
        ("W", "mu", "v"),
        {"X": ("N", "d"), "W": ("h", "d"), "mu": ("G", "d"), "v": ("h",), "off": ("G+1",), "y": ("G",)},
        ({"G": 4, "N": 11, "d": 3, "h": 2}, {"G": 6, "N": 9, "d": 2, "h": 5}),
        lambda q: sum(
            ((jnp.tanh((X - mu) @ q.W.T) @ q.v).sum() - y) ** 2 for X, mu, y in zip(in_jax.ragged(q.X, q.off), q.mu, q.y, strict=True)
        ),
        axes="g:G j:d k:h",
        special={"off": offsets("G", "N")},
    ),
    Structure(
        "groups of groups",
        "sum((sum(sum(w[e], e in ptr[t]:ptr[t + 1])^2, t in off[g]:off[g + 1]) - y[g])^2, g)",
        ("w",),
        {"w": ("E",), "ptr": ("N+1",), "off": ("G+1",), "y": ("G",)},
        ({"G": 4, "N": 7, "E": 12}, {"G": 3, "N": 8, "E": 10}),
        lambda q: sum(
            (sum(q.w[int(q.ptr[t]) : int(q.ptr[t + 1])].sum() ** 2 for t in range(a, b)) - y) ** 2
            for a, b, y in zip(q.off[:-1], q.off[1:], q.y, strict=True)
        ),
        axes="g:G",
        special={"ptr": offsets("N", "E"), "off": offsets("G", "N")},
    ),
    Structure(
        "mean, norm and maximum over what has at least one value",
        "sum(mean(w*x[t], t in 0:g + 1)*norm(u[t], t in g:G) + max(u[t]*x[t], t in 0:g + 1), g)",
        ("w", "u"),
        {"x": ("G",), "u": ("G",), "w": ()},
        GROUPS,
        lambda q: sum(
            jnp.mean(q.w * q.x[: g + 1]) * in_jax.norm(q.u[g:]) + jnp.max(q.u[: g + 1] * q.x[: g + 1]) for g in range(len(q.x))
        ),
        axes="g:G",
    ),
]

SUBSCRIPTS = [*ARITHMETIC, *GATHERED, *RAGGED]
