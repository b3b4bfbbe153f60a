"""Recurrences that people write, each put together from several structures, with its value in JAX."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import logsumexp

from . import in_jax
from .structure import Structure
from .structures import MATRIX, SEQUENCE

BATCHED = ({"m": 3, "T": 5, "d": 2, "h": 4}, {"m": 5, "T": 3, "d": 4, "h": 2})

RECURRENCES = [
    Structure(
        "RNN over a batch of sequences",
        "mean(mean((sum(v[k]*h[i, t + 1, k], k) - y[i, t])^2, t), i)",
        ("W", "U", "v", "b"),
        {"W": ("h", "h"), "U": ("h", "d"), "v": ("h",), "b": ("h",), "x": ("m", "T", "d"), "y": ("m", "T")},
        BATCHED,
        lambda q: jnp.mean((jax.vmap(lambda x: in_jax.rnn(q.W, q.U, x, q.b))(q.x) @ q.v - q.y) ** 2),
        where={"h[i, 0, k]": "b[k]", "h[i, t + 1, k]": "tanh(sum(W[k, l]*h[i, t, l], l) + sum(U[k, j]*x[i, t, j], j))"},
        axes="i:m t:T j:d k:h l:h",
    ),
    Structure(
        "RNN over embedded letters",
        "mean(logsumexp(z[t, c], c) - z[t, next[t]], t)",
        ("E", "W", "V"),
        {"E": ("n", "h"), "W": ("h", "h"), "V": ("n", "h"), "letter": ("T",), "next": ("T",)},
        ({"T": 6, "h": 4, "n": 3}, {"T": 5, "h": 2, "n": 7}),
        lambda q: jnp.mean(
            logsumexp(z := in_jax.rnn(q.W, jnp.eye(len(q.W)), q.E[q.letter], jnp.zeros(len(q.W))) @ q.V.T, axis=1)
            - z[jnp.arange(len(q.next)), q.next]
        ),
        where={
            "h[0, k]": "0",
            "h[t + 1, k]": "tanh(sum(W[k, l]*h[t, l], l) + E[letter[t], k])",
            "z[t, c]": "sum(V[c, k]*h[t + 1, k], k)",
        },
        axes="t:T k:h l:h c:n",
        integers={"letter": "n", "next": "n"},
    ),
    Structure(
        "GRU",
        "mean((sum(v[k]*h[t + 1, k], k) - y[t])^2, t)",
        ("Wz", "Uz", "Wr", "Ur", "Wn", "Un", "v"),
        {
            **{name: shape for gate in "zrn" for name, shape in ((f"W{gate}", ("h", "h")), (f"U{gate}", ("h", "d")))},
            "v": ("h",),
            "x": ("T", "d"),
            "y": ("T",),
        },
        SEQUENCE,
        lambda q: jnp.mean((in_jax.gru(q) @ q.v - q.y) ** 2),
        where={
            "h[0, k]": "0",
            "z[t, k]": "sigmoid(sum(Wz[k, l]*h[t, l], l) + sum(Uz[k, j]*x[t, j], j))",
            "r[t, k]": "sigmoid(sum(Wr[k, l]*h[t, l], l) + sum(Ur[k, j]*x[t, j], j))",
            "n[t, k]": "tanh(sum(Wn[k, l]*r[t, l]*h[t, l], l) + sum(Un[k, j]*x[t, j], j))",
            "h[t + 1, k]": "(1 - z[t, k])*n[t, k] + z[t, k]*h[t, k]",
        },
        axes="t:T j:d k:h l:h",
    ),
    Structure(
        "bidirectional RNN",
        "mean((sum(v[k]*f[t + 1, k] + u[k]*g[t, k], k) - y[t])^2, t)",
        ("A", "B", "U", "V", "u", "v"),
        {"A": ("h", "h"), "B": ("h", "h"), "U": ("h", "d"), "V": ("h", "d"), "u": ("h",), "v": ("h",), "x": ("T", "d"), "y": ("T",)},
        SEQUENCE,
        lambda q: jnp.mean(
            (in_jax.rnn(q.A, q.U, q.x, jnp.zeros(len(q.u))) @ q.v + in_jax.rnn(q.B, q.V, q.x[::-1], jnp.zeros(len(q.u)))[::-1] @ q.u - q.y) ** 2
        ),
        where={
            "f[0, k]": "0",
            "f[t + 1, k]": "tanh(sum(A[k, l]*f[t, l], l) + sum(U[k, j]*x[t, j], j))",
            "g[T, k]": "0",
            "g[t, k]": "tanh(sum(B[k, l]*g[t + 1, l], l) + sum(V[k, j]*x[t, j], j))",
        },
        axes="t:T j:d k:h l:h",
    ),
    Structure(
        "HMM with gathered emissions",
        "-logsumexp(al[T - 1, k], k)",
        ("b", "A", "B"),
        {"b": ("h",), "A": ("h", "h"), "B": ("h", "n"), "seen": ("T",)},
        ({"T": 6, "h": 4, "n": 3}, {"T": 5, "h": 2, "n": 7}),
        lambda q: (
            -logsumexp(
                in_jax.log_forward(
                    jax.nn.log_softmax(q.b) + (E := jax.nn.log_softmax(q.B, axis=1).T[q.seen])[0], jax.nn.log_softmax(q.A, axis=1), E[1:]
                )
            )
        ),
        where={
            "E[k, s]": "B[k, s] - logsumexp(B[k, s], s)",
            "P[k, l]": "A[k, l] - logsumexp(A[k, l], l)",
            "al[0, k]": "b[k] - logsumexp(b[k], k) + E[k, seen[0]]",
            "al[t, k]": "logsumexp(al[t - 1, l] + P[l, k], l) + E[k, seen[t]]",
        },
        axes="t:T k:h l:h s:n",
        integers={"seen": "n"},
    ),
    Structure(
        "CRF over a batch of label sequences",
        "mean(logsumexp(al[i, T - 1, k], k) - sum(x[i, t, label[i, t]], t) - sum(A[label[i, t], label[i, t + 1]], t in 0:T - 1), i)",
        ("x", "A"),
        {"x": ("m", "T", "h"), "A": ("h", "h"), "label": ("m", "T")},
        ({"m": 3, "T": 5, "h": 4}, {"m": 5, "T": 3, "h": 2}),
        in_jax.crf,
        where={"al[i, 0, k]": "x[i, 0, k]", "al[i, t, k]": "logsumexp(al[i, t - 1, l] + A[l, k], l) + x[i, t, k]"},
        axes="i:m t:T k:h l:h",
        integers={"label": "h"},
    ),
    Structure(
        "best path (Viterbi) in a structured perceptron",
        "max(0, 1 + max(be[T - 1, k], k) - sum(x[t, label[t]], t) - sum(A[label[t], label[t + 1]], t in 0:T - 1))",
        ("x", "A"),
        {"x": ("T", "h"), "A": ("h", "h"), "label": ("T",)},
        ({"T": 5, "h": 4}, {"T": 6, "h": 3}),
        lambda q: jnp.maximum(
            0,
            1 + jnp.max(in_jax.max_forward(q.x[0], q.A, q.x[1:])) - q.x[jnp.arange(len(q.x)), q.label].sum() - q.A[q.label[:-1], q.label[1:]].sum(),
        ),
        where={"be[0, k]": "x[0, k]", "be[t, k]": "max(be[t - 1, l] + A[l, k], l) + x[t, k]"},
        axes="t:T k:h l:h",
        integers={"label": "h"},
    ),
    Structure(
        "softmax inside a recurrence",
        "-sum(Y[t, k]*log(a[t + 1, k]), t, k)",
        ("W", "x"),
        {"W": ("h", "h"), "x": ("T", "h"), "Y": ("T", "h")},
        ({"T": 5, "h": 4}, {"T": 4, "h": 3}),
        lambda q: -(q.Y * jnp.log(lax.scan(lambda a, x: ((b := jax.nn.softmax(q.W @ a + x)), b), jnp.full(len(q.W), 1 / len(q.W)), q.x)[1])).sum(),
        where={"a[0, k]": "1/h", "a[t + 1, k]": "softmax(sum(W[k, l]*a[t, l], l) + x[t, k], k)"},
        axes="t:T k:h l:h",
    ),
    Structure(
        "Kalman filter",
        "sum(log(S[t]) + e[t]^2/S[t], t)/2",
        ("a", "r", "s"),
        {"y": ("T",), "a": (), "r": (), "s": ()},
        ({"T": 6}, {"T": 9}),
        in_jax.kalman,
        where={
            "M[0]": "0",
            "P[0]": "1",
            "S[t]": "P[t] + exp(r)",
            "e[t]": "y[t] - M[t]",
            "K[t]": "P[t]/S[t]",
            "M[t + 1]": "a*(M[t] + K[t]*e[t])",
            "P[t + 1]": "a^2*(1 - K[t])*P[t] + exp(s)",
        },
        axes="t:T",
    ),
    Structure(
        "autoregression on two steps",
        "mean((x[t + 2] - y[t])^2, t)",
        ("a", "b", "c", "d"),
        {"y": ("T",), "a": (), "b": (), "c": (), "d": ()},
        ({"T": 6}, {"T": 9}),
        lambda q: jnp.mean((lax.scan(lambda s, _: ((s[1], n := q.c * s[1] + q.d * jnp.tanh(s[0])), n), (q.a, q.b), None, len(q.y))[1] - q.y) ** 2),
        where={"x[0]": "a", "x[1]": "b", "x[t + 2]": "c*x[t + 1] + d*tanh(x[t])"},
        axes="t:T",
    ),
    Structure(
        "discounted returns",
        "mean((sum(w[j]*x[t, j], j) - V[t])^2, t)",
        ("w", "g"),
        {"x": ("T", "d"), "r": ("T",), "w": ("d",), "g": ()},
        ({"T": 6, "d": 3}, {"T": 4, "d": 5}),
        lambda q: jnp.mean((q.x @ q.w - lax.scan(lambda V, r: ((n := r + jax.nn.sigmoid(q.g) * V), n), 0.0, q.r, reverse=True)[1]) ** 2),
        where={"V[T]": "0", "V[t]": "r[t] + sigmoid(g)*V[t + 1]"},
        axes="t:T j:d",
    ),
    Structure(
        "heat on a ring",
        "mean((u[T, i] - y[i])^2, i)",
        ("a", "c"),
        {"y": ("n",), "c": ("n",), "a": ()},
        ({"T": 4, "n": 5}, {"T": 6, "n": 3}),
        lambda q: jnp.mean((in_jax.heat_on_ring(q.a, q.c, q.T) - q.y) ** 2),
        where={"u[0, i]": "c[i]", "u[t + 1, i]": "u[t, i] + a*(u[t, mod(i + 1, n)] - 2*u[t, i] + u[t, mod(i - 1, n)])"},
        axes="t:T i:n",
        special={"a": lambda random, n: 0.2},
        given=("T",),
    ),
    Structure(
        "polynomials by Horner's rule",
        "mean((p[i, d] - y[i])^2, i)",
        ("c",),
        {"x": ("m",), "y": ("m",), "c": ("d",)},
        MATRIX,
        lambda q: jnp.mean((jnp.polyval(q.c, q.x) - q.y) ** 2),
        where={"p[i, 0]": "0", "p[i, k + 1]": "p[i, k]*x[i] + c[k]"},
        axes="i:m k:d",
    ),
]
