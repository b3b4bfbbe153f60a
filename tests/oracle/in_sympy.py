"""Rows of the tables as somebody writes them in SymPy: with symgd's reductions, and with SymPy's own Sum, Product, Idx and integer symbols."""

from __future__ import annotations

import sympy as sp

import symgd as sg

W, U, V, X, Y, x, y, b, g, h, r, u, v, z, a = sp.symbols("W U V X Y x y b g h r u v z a", cls=sp.IndexedBase)
A, B, E, al, off, label, Wa, Wf, Wo, Wg, Ua, Uf, Uo, Ug, ba, bf, bo, bg, c, f, o, s, va, mu = sp.symbols(
    "A B E al off label Wa Wf Wo Wg Ua Uf Uo Ug ba bf bo bg c f o s va mu", cls=sp.IndexedBase
)


def network() -> sg.Cost:
    i, j, k = sg.axes("i:m j:d k:h")
    return sg.Cost(
        sg.mean((sg.total(v[k] * a[i, k], k) - y[i]) ** 2, i),
        where={z[i, k]: sg.total(W[k, j] * X[i, j], j) + b[k], a[i, k]: sp.tanh(z[i, k])},
        parameters=[W, b, v],
    )


def total_variation() -> sg.Cost:
    n, m = sp.symbols("n m", integer=True)
    return sg.Cost(sp.Sum((x[n + 1] - x[n]) ** 2, (n, 0, m - 2)) + sp.Sum(sp.Abs(x[n + 1] - x[n]), (n, 0, m - 2)), parameters=[x])


def product() -> sg.Cost:
    m, d = sp.symbols("m d", integer=True, positive=True)
    i, j = sp.Idx("i", m), sp.Idx("j", d)
    return sg.Cost(sp.Sum(sp.Product(X[i, j] + b[j], (j, 0, d - 1)), (i, 0, m - 1)), parameters=[X, b])


def embedding() -> sg.Cost:
    i, k = sg.axes("i:m k:h")
    return sg.Cost(sg.mean((sg.total(E[label[i], k] * v[k], k) - y[i]) ** 2, i), parameters=[E, v])


def rnn() -> sg.Cost:
    t, j, k, l = sg.axes("t:T j:d k:h l:h")
    return sg.Cost(
        sg.total((sg.total(V[k] * h[t + 1, k], k) - y[t]) ** 2, t),
        where={h[0, k]: b[k], h[t + 1, k]: sp.tanh(sg.total(W[k, l] * h[t, l], l) + sg.total(U[k, j] * x[t, j], j))},
        parameters=[W, U, V, b],
    )


def lstm() -> sg.Cost:
    t, j, k, l = sg.axes("t:T j:d k:h l:h")

    def gate(W: sp.IndexedBase, U: sp.IndexedBase, b: sp.IndexedBase) -> sp.Expr:
        return sg.total(W[k, l] * h[t, l], l) + sg.total(U[k, j] * x[t, j], j) + b[k]

    def sigmoid(e: sp.Expr) -> sp.Expr:
        return 1 / (1 + sp.exp(-e))

    gates = {a: sigmoid(gate(Wa, Ua, ba)), f: sigmoid(gate(Wf, Uf, bf)), o: sigmoid(gate(Wo, Uo, bo)), g: sp.tanh(gate(Wg, Ug, bg))}
    return sg.Cost(
        sg.mean((sg.total(v[k] * h[t + 1, k], k) - y[t]) ** 2, t),
        where=[
            sp.Eq(h[0, k], 0),
            sp.Eq(c[0, k], 0),
            *(sp.Eq(array[t, k], formula) for array, formula in gates.items()),
            sp.Eq(c[t + 1, k], f[t, k] * c[t, k] + a[t, k] * g[t, k]),
            sp.Eq(h[t + 1, k], o[t, k] * sp.tanh(c[t + 1, k])),
        ],
        parameters=[Wa, Ua, ba, Wf, Uf, bf, Wo, Uo, bo, Wg, Ug, bg, v],
    )


def hidden_markov() -> sg.Cost:
    t, k, l = sg.axes("t:T k:h l:h")
    T = t.length
    return sg.Cost(
        -sg.logsumexp(al[T, k], k),
        where={al[0, k]: b[k], al[t + 1, k]: sg.logsumexp(al[t, l] + A[l, k], l) + B[t, k]},
        parameters=[b, A, B],
    )


def backward() -> sg.Cost:
    (t,) = sg.axes("t:T")
    g = sp.Symbol("g")
    return sg.Cost((V[0] - 3) ** 2, where={V[t.length]: 0, V[t]: r[t] * g + g * sp.tanh(V[t + 1])}, parameters=[g, r])


def rod() -> sg.Cost:
    t, i = sg.axes("t:T i:n")
    a, T, n = sp.Symbol("a"), t.length, i.length
    return sg.Cost(
        sg.total((u[T, i + 1] - y[i]) ** 2, i),
        where={
            u[t, 0]: 0,
            u[t, n + 1]: 0,
            u[0, i + 1]: sp.sin(i + 1),
            u[t + 1, i + 1]: u[t, i + 1] + a * (u[t, i + 2] - 2 * u[t, i + 1] + u[t, i]),
        },
        parameters=[a],
    )


def pooling() -> sg.Cost:
    i, p = sg.axes("i:R p:2")
    return sg.Cost(sg.total(sg.maximum(x[2 * i + p], p) ** 2, i), parameters=[x])


def batch_norm() -> sg.Cost:
    i, j, k = sg.axes("i:m j:d k:h")
    return sg.Cost(
        sg.mean(sg.total((a[i, k] - Y[i, k]) ** 2, k), i),
        where={
            z[i, k]: sg.total(W[k, j] * X[i, j], j),
            mu[k]: sg.mean(z[i, k], i),
            va[k]: sg.mean((z[i, k] - mu[k]) ** 2, i),
            a[i, k]: sp.tanh(b[k] * (z[i, k] - mu[k]) / sp.sqrt(va[k] + sp.Rational(1, 1000))),
        },
        parameters=[W, b],
    )


def ragged() -> sg.Cost:
    (n,) = sg.axes("g:G")
    t, w = sp.Symbol("t", integer=True), sp.Symbol("w")
    return sg.Cost(
        sg.total((s[n] - y[n]) ** 2, n),
        where={s[n]: sp.Sum(sp.tanh(x[t] * w), (t, off[n], off[n + 1] - 1))},
        parameters=[x, w],
    )


def pairs() -> sg.Cost:
    i, j, m = sp.symbols("i j m", integer=True)
    return sg.Cost(sp.Sum((x[i] - x[j]) ** 2 * X[i, j], (j, i + 1, m - 1), (i, 0, m - 1)), parameters=[x, X])


def cumulative() -> sg.Cost:
    i, j, m = sp.symbols("i j m", integer=True)
    return sg.Cost(sp.Sum(sp.Sum(x[j], (j, 0, i)) ** 2, (i, 0, m - 1)), parameters=[x])


def distances() -> sg.Cost:
    i, n, k, j = sg.axes("i:m n:m k:h j:d")
    D = sp.IndexedBase("D")
    return sg.Cost(
        sg.total((sg.norm(z[i, k] - z[n, k], k) - D[i, n]) ** 2, i, n), where={z[i, k]: sg.total(W[k, j] * X[i, j], j)}, parameters=[W]
    )


WRITTEN = {
    "network regression": network,
    "total-variation shift": total_variation,
    "gather of an embedding": embedding,
    "product over an axis with a zero": product,
    "RNN": rnn,
    "LSTM": lstm,
    "HMM forward in log space": hidden_markov,
    "backward recurrence": backward,
    "PDE rollout": rod,
    "strided pooling": pooling,
    "batch norm": batch_norm,
    "ragged (CSR) sums": ragged,
    "pairs i<j": pairs,
    "cumulative sum": cumulative,
    "distances of all pairs": distances,
}
