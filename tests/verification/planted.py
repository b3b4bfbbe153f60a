"""Twenty wrong gradient functions of a logistic regression and of two-layer networks, as people write them; the right ones beside them."""

from dataclasses import dataclass
from functools import cache

import numpy as np

import symgd as sg


@cache
def logistic():
    """Mean, bias, and a penalty on w."""
    where = {"z[i]": "sum(X[i, j]*w[j], j) + b"}
    return sg.parse(
        "mean(softplus(z[i]) - y[i]*z[i], i) + lam/2*sum(w[j]^2, j)",
        where=where, axes="i:m j:d", parameters=["w", "b"], constants={"lam": 0.3}, facts=["y[i]^2 = y[i]"],
    )  # fmt: skip


@cache
def classifier():
    """A tanh layer, softmax, cross-entropy."""
    where = {
        "Z1[i, j]": "sum(X[i, l]*W1[l, j], l) + b1[j]",
        "A1[i, j]": "tanh(Z1[i, j])",
        "Z2[i, k]": "sum(A1[i, j]*W2[j, k], j) + b2[k]",
        "P[i, k]": "softmax(Z2[i, k], k)",
    }
    return sg.parse(
        "-mean(sum(Y[i, k]*log(P[i, k]), k), i)",
        where=where, axes="i:m j:h k:c l:d", parameters=["W1", "b1", "W2", "b2"], facts=["sum(Y[i, k], k) = 1"],
    )  # fmt: skip


@cache
def labels():
    """A ReLU layer as wide as its input, sigmoids, the mean of squares; outputs as W*x, so that W2 is (c, h)."""
    where = {
        "Z1[i, j]": "sum(W1[j, l]*X[i, l], l) + b1[j]",
        "A1[i, j]": "max(Z1[i, j], 0)",
        "Z2[i, k]": "sum(W2[k, j]*A1[i, j], j) + b2[k]",
        "A2[i, k]": "sigmoid(Z2[i, k])",
    }
    return sg.parse("mean(sum((A2[i, k] - Y[i, k])^2, k), i)/2", where=where, axes="i:m j:h k:c l:h", parameters=["W1", "b1", "W2", "b2"])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# the right ones


def right_logistic(w, b, X, y, lam):
    r = (sigmoid(X @ w + b) - y) / len(y)
    return X.T @ r + lam * w, r.sum()


def right_classifier(W1, b1, W2, b2, X, Y):
    A1 = np.tanh(X @ W1 + b1)
    dZ2 = (softmax(A1 @ W2 + b2) - Y) / len(X)
    dA1 = dZ2 @ W2.T
    dZ1 = dA1 * (1 - A1**2)
    return {"dW1": X.T @ dZ1, "db1": dZ1.sum(0), "dW2": A1.T @ dZ2, "db2": dZ2.sum(0), "dZ1": dZ1, "dA1": dA1, "dZ2": dZ2}


def right_labels(W1, b1, W2, b2, X, Y):
    Z1 = X @ W1.T + b1
    A1 = np.maximum(Z1, 0)
    A2 = sigmoid(A1 @ W2.T + b2)
    dZ2 = (A2 - Y) * A2 * (1 - A2) / len(X)
    dZ1 = (dZ2 @ W2) * (Z1 > 0)
    return dZ1.T @ X, dZ1.sum(0), dZ2.T @ A1, dZ2.sum(0)


# the wrong ones: a logistic regression


def no_mean(w, b, X, y, lam):
    r = sigmoid(X @ w + b) - y
    return X.T @ r + lam * w, r.sum()


def no_penalty(w, b, X, y):
    r = (sigmoid(X @ w + b) - y) / len(y)
    return X.T @ r, r.sum()


def penalty_without_half(w, b, X, y, lam):
    r = (sigmoid(X @ w + b) - y) / len(y)
    return X.T @ r + 2 * lam * w, r.sum()


def label_minus_output(w, b, X, y, lam):
    r = (y - sigmoid(X @ w + b)) / len(y)
    return X.T @ r - lam * w, r.sum()


def slope_of_the_sigmoid_besides(w, b, X, y, lam):
    p = sigmoid(X @ w + b)
    r = (p - y) * p * (1 - p) / len(y)  # that of squares
    return X.T @ r + lam * w, r.sum()


def bias_not_summed(w, b, X, y, lam):
    r = (sigmoid(X @ w + b) - y) / len(y)
    return X.T @ r + lam * w, r


def swapped(w, b, X, y, lam):
    gw, gb = right_logistic(w, b, X, y, lam)
    return gb, gw


# a network with softmax


def _classifier(W1, b1, W2, b2, X, Y):
    A1 = np.tanh(X @ W1 + b1)
    return A1, softmax(A1 @ W2 + b2)


def _rest(A1, dZ2, dZ1, X):
    return {"W1": X.T @ dZ1, "b1": dZ1.sum(axis=0), "W2": A1.T @ dZ2, "b2": dZ2.sum(axis=0)}


def no_slope_of_tanh(W1, b1, W2, b2, X, Y):
    A1, P = _classifier(W1, b1, W2, b2, X, Y)
    dZ2 = (P - Y) / len(X)
    return _rest(A1, dZ2, dZ2 @ W2.T, X)


def slope_of_the_sigmoid(W1, b1, W2, b2, X, Y):
    A1, P = _classifier(W1, b1, W2, b2, X, Y)
    dZ2 = (P - Y) / len(X)
    return _rest(A1, dZ2, (dZ2 @ W2.T) * A1 * (1 - A1), X)


def slope_at_z(W1, b1, W2, b2, X, Y):
    A1, P = _classifier(W1, b1, W2, b2, X, Y)
    dZ2 = (P - Y) / len(X)
    return _rest(A1, dZ2, (dZ2 @ W2.T) * (1 - (X @ W1 + b1) ** 2), X)


def diagonal_of_the_softmax(W1, b1, W2, b2, X, Y):
    A1, P = _classifier(W1, b1, W2, b2, X, Y)
    dZ2 = -Y / P * P * (1 - P) / len(X)
    return _rest(A1, dZ2, (dZ2 @ W2.T) * (1 - A1**2), X)


def mean_twice(W1, b1, W2, b2, X, Y):
    A1, P = _classifier(W1, b1, W2, b2, X, Y)
    dZ2 = (P - Y) / len(X)
    return _rest(A1, dZ2, (dZ2 @ W2.T) * (1 - A1**2), X) | {"b2": dZ2.mean(axis=0)}


def input_of_the_first_layer(W1, b1, W2, b2, X, Y):
    A1, P = _classifier(W1, b1, W2, b2, X, Y)
    dZ2 = (P - Y) / len(X)
    return _rest(A1, dZ2, (dZ2 @ W2.T) * (1 - A1**2), X) | {"W2": X.T @ dZ2}


def wrong_axis(W1, b1, W2, b2, X, Y):
    A1, P = _classifier(W1, b1, W2, b2, X, Y)
    dZ2 = (P - Y) / len(X)
    return _rest(A1, dZ2, (dZ2 @ W2.T) * (1 - A1**2), X) | {"b2": dZ2.sum(axis=1)}


def transposed_block(W1, b1, W2, b2, X, Y):
    A1, P = _classifier(W1, b1, W2, b2, X, Y)
    dZ2 = (P - Y) / len(X)
    return _rest(A1, dZ2, (dZ2 @ W2.T) * (1 - A1**2), X) | {"W2": dZ2.T @ A1}


def added_up(W1, b1, W2, b2, X, Y):
    A1, P = _classifier(W1, b1, W2, b2, X, Y)
    dZ2 = (P - Y) / len(X)
    return _rest(A1, dZ2, (dZ2 @ W2.T) * (1 - A1**2), X) | {"b1": ((dZ2 @ W2.T) * (1 - A1**2)).sum()}


# a network with sigmoids and squares


def _labels(W1, b1, W2, b2, X, Y):
    Z1 = X @ W1.T + b1
    A1 = np.maximum(Z1, 0)
    return Z1, A1, sigmoid(A1 @ W2.T + b2)


def square_transposed(W1, b1, W2, b2, X, Y):
    dW1, db1, dW2, db2 = right_labels(W1, b1, W2, b2, X, Y)
    return dW1.T, db1, dW2, db2


def no_slope_of_the_output(W1, b1, W2, b2, X, Y):
    Z1, A1, A2 = _labels(W1, b1, W2, b2, X, Y)
    dZ2 = (A2 - Y) / len(X)  # that of cross-entropy
    dZ1 = (dZ2 @ W2) * (Z1 > 0)
    return dZ1.T @ X, dZ1.sum(0), dZ2.T @ A1, dZ2.sum(0)


def no_slope_of_relu(W1, b1, W2, b2, X, Y):
    _, A1, A2 = _labels(W1, b1, W2, b2, X, Y)
    dZ2 = (A2 - Y) * A2 * (1 - A2) / len(X)
    dZ1 = dZ2 @ W2
    return dZ1.T @ X, dZ1.sum(0), dZ2.T @ A1, dZ2.sum(0)


def twice_the_output(W1, b1, W2, b2, X, Y):
    Z1, A1, A2 = _labels(W1, b1, W2, b2, X, Y)
    dZ2 = 2 * (A2 - Y) * A2 * (1 - A2) / len(X)
    dZ1 = (dZ2 @ W2) * (Z1 > 0)
    return dZ1.T @ X, dZ1.sum(0), dZ2.T @ A1, dZ2.sum(0)


def slope_of_the_sigmoid_at_z(W1, b1, W2, b2, X, Y):
    Z1, A1, A2 = _labels(W1, b1, W2, b2, X, Y)
    Z2 = A1 @ W2.T + b2
    dZ2 = (A2 - Y) * Z2 * (1 - Z2) / len(X)
    dZ1 = (dZ2 @ W2) * (Z1 > 0)
    return dZ1.T @ X, dZ1.sum(0), dZ2.T @ A1, dZ2.sum(0)


@dataclass(frozen=True)
class Planted:
    """A wrong function, the blocks that are wrong, and the kinds that name the mistake."""

    function: object
    cost: object
    blocks: str
    kinds: str

    def __str__(self):
        return self.function.__name__


PLANTED = (
    Planted(no_mean, logistic, "w b", "mean-vs-sum"),
    Planted(no_penalty, logistic, "w", "missing-term"),
    Planted(penalty_without_half, logistic, "w", "constant-factor"),
    Planted(label_minus_output, logistic, "w b", "sign"),
    Planted(slope_of_the_sigmoid_besides, logistic, "w b", ""),
    Planted(bias_not_summed, logistic, "b", "mean-vs-sum"),
    Planted(swapped, logistic, "w b", "wrong-variable"),
    Planted(no_slope_of_tanh, classifier, "W1 b1", "missing-inner-level missing-chain-factor"),
    Planted(slope_of_the_sigmoid, classifier, "W1 b1", "table-entry"),
    Planted(slope_at_z, classifier, "W1 b1", "wrong-argument"),
    Planted(diagonal_of_the_softmax, classifier, "W1 b1 W2 b2", "softmax"),
    Planted(mean_twice, classifier, "b2", "mean-vs-sum"),
    Planted(input_of_the_first_layer, classifier, "W2", "wrong-variable wrong-argument"),
    Planted(wrong_axis, classifier, "b2", "transpose"),
    Planted(transposed_block, classifier, "W2", "transpose"),
    Planted(added_up, classifier, "b1", "mean-vs-sum"),
    Planted(square_transposed, labels, "W1", "transpose"),
    Planted(no_slope_of_the_output, labels, "W1 b1 W2 b2", "missing-inner-level missing-chain-factor"),
    Planted(no_slope_of_relu, labels, "W1 b1", "wrong-branch"),
    Planted(twice_the_output, labels, "W1 b1 W2 b2", "constant-factor"),
    Planted(slope_of_the_sigmoid_at_z, labels, "W1 b1 W2 b2", "wrong-argument"),
)
