"""What the tables of structures need of JAX and is longer than a line."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.nn import sigmoid
from jax.scipy.special import logsumexp


def convolved(X: Any, K: Any) -> Any:
    """out[r, s] = sum of X[r + p, s + q]*K[p, q] over p, q."""
    rows, columns = X.shape[0] - K.shape[0] + 1, X.shape[1] - K.shape[1] + 1
    return sum(X[p : p + rows, q : q + columns] * K[p, q] for p in range(K.shape[0]) for q in range(K.shape[1]))


def norm(v: Any) -> Any:
    """The Euclidean length along the last axis, with derivative 0 at 0."""
    squares = (v**2).sum(-1)
    return jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1.0)), 0.0)


def attention(Q: Any, K: Any, V: Any) -> Any:
    return jax.nn.softmax(Q @ jnp.swapaxes(K, -1, -2) / jnp.sqrt(Q.shape[-1]), axis=-1) @ V


def batch_norm(z: Any, scale: Any, axis: int, epsilon: float = 0.001) -> Any:
    """(z - mean)/sqrt(variance + epsilon) along an axis, times scale."""
    return scale * (z - z.mean(axis, keepdims=True)) / jnp.sqrt(z.var(axis, keepdims=True) + epsilon)


# Recurrences: every one returns the states after each step.


def rnn(W: Any, U: Any, x: Any, start: Any) -> Any:
    def step(h: Any, now: Any) -> Any:
        h = jnp.tanh(W @ h + U @ now)
        return h, h

    return lax.scan(step, start, x)[1]


def lstm(q: Any) -> Any:
    def step(state: Any, now: Any) -> Any:
        h, c = state
        a, f, o = (sigmoid(W @ h + U @ now + b) for W, U, b in ((q.Wa, q.Ua, q.ba), (q.Wf, q.Uf, q.bf), (q.Wo, q.Uo, q.bo)))
        c = f * c + a * jnp.tanh(q.Wg @ h + q.Ug @ now + q.bg)
        h = o * jnp.tanh(c)
        return (h, c), h

    start = jnp.zeros(len(q.bf))
    return lax.scan(step, (start, start), q.x)[1]


def gru(q: Any) -> Any:
    def step(h: Any, now: Any) -> Any:
        z, r = sigmoid(q.Wz @ h + q.Uz @ now), sigmoid(q.Wr @ h + q.Ur @ now)
        h = (1 - z) * jnp.tanh(q.Wn @ (r * h) + q.Un @ now) + z * h
        return h, h

    return lax.scan(step, jnp.zeros(q.Wz.shape[0]), q.x)[1]


def log_forward(start: Any, A: Any, emissions: Any) -> Any:
    """log alpha after all emissions: alpha[t + 1, k] = logsumexp_l(alpha[t, l] + A[l, k]) + emissions[t, k]."""
    return lax.scan(lambda a, now: (logsumexp(a[:, None] + A, axis=0) + now, 0), start, emissions)[0]


def max_forward(start: Any, A: Any, emissions: Any) -> Any:
    return lax.scan(lambda a, now: (jnp.max(a[:, None] + A, axis=0) + now, 0), start, emissions)[0]


def heat(a: Any, cells: int, steps: int) -> Any:
    """A rod with cold ends, started at sin(1), sin(2), ..., after all steps."""
    rod = jnp.concatenate([jnp.zeros(1), jnp.sin(jnp.arange(1.0, cells + 1)), jnp.zeros(1)])
    return lax.fori_loop(0, steps, lambda _, u: u.at[1:-1].add(a * (u[2:] - 2 * u[1:-1] + u[:-2])), rod)[1:-1]


def heat_on_ring(a: Any, start: Any, steps: int) -> Any:
    return lax.fori_loop(0, steps, lambda _, u: u + a * (jnp.roll(u, -1) - 2 * u + jnp.roll(u, 1)), start)


def kalman(q: Any) -> Any:
    """The negative log-likelihood of a scalar state a*m + noise seen through noise, without its constant."""
    spread, seen = jnp.exp(q.s), jnp.exp(q.r)

    def step(state: Any, y: Any) -> Any:
        m, P = state
        S, e = P + seen, y - m
        K = P / S
        return (q.a * (m + K * e), q.a**2 * (1 - K) * P + spread), jnp.log(S) + e**2 / S

    return lax.scan(step, (0.0, 1.0), q.y)[1].sum() / 2


def crf(q: Any) -> Any:
    """The mean negative log-likelihood of label sequences."""
    paths = q.x[jnp.arange(q.x.shape[0])[:, None], jnp.arange(q.x.shape[1]), q.label].sum(1) + q.A[q.label[:, :-1], q.label[:, 1:]].sum(1)
    return jnp.mean(jax.vmap(lambda x: logsumexp(log_forward(x[0], q.A, x[1:])))(q.x) - paths)


def packed(lower: Any, log_diagonal: Any) -> Any:
    """The lower triangular matrix whose strictly lower part stands in `lower` row by row."""
    rows, columns = jnp.tril_indices(len(log_diagonal), -1)
    return jnp.diag(jnp.exp(log_diagonal)).at[rows, columns].set(lower)


def mixture(q: Any) -> Any:
    """Mean of -log sum_k exp(a[k] - logsumexp(a)) N(x; mu[k], inverse of L L'), without the constant of the normal law."""

    def log_density(mean: Any, lower: Any, log_diagonal: Any) -> Any:
        z = (q.x - mean) @ packed(lower, log_diagonal).T
        return log_diagonal.sum() - (z**2).sum(1) / 2

    densities = jax.vmap(log_density)(q.mu, q.l, q.s)
    return -jnp.mean(logsumexp(densities + q.a[:, None], axis=0)) + logsumexp(q.a)


def ragged(values: Any, offsets: Any) -> list[Any]:
    return [values[int(low) : int(high)] for low, high in pairwise(offsets)]
