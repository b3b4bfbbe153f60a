"""Gradient functions as people write them: right ones are accepted, wrong ones found and named."""

import importlib
import re
from collections import Counter

import numpy as np
import pytest

import symgd as sg
from symgd.errors import InputError
from symgd.verification.functions import verify_function

from . import planted
from .planted import PLANTED, classifier, labels, logistic, right_classifier, right_labels, right_logistic, sigmoid, softmax

LINE = sg.parse("mean((w*x + b - y)^2)", samples="x y")
SQUARE = sg.parse("(w - 3)^2")
AFFINE = sg.parse("mean((z[i] - y[i])^2, i)/2", where={"z[i]": "sum(X[i, j]*w[j], j) + b"}, axes="i:m j:d", parameters=["w", "b"])


def line(w, b, x, y):
    r = w * x + b - y
    return 2 * (r * x).mean(), 2 * r.mean()


def affine(w, b, X, y):
    r = (X @ w + b - y) / len(y)
    return {"w": X.T @ r, "b": r.sum()}


def judged(cost, function, **settings):
    return verify_function(cost, function, timeout=20, **settings)


def statuses(found):
    return {name: verdict.status for name, verdict in found.verdicts.items()}


# right ones


@pytest.mark.parametrize(
    ("cost", "function"), [(logistic, right_logistic), (classifier, right_classifier), (labels, right_labels)], ids=lambda one: one.__name__
)
def test_right_functions_are_right(cost, function):
    found = judged(cost(), function)
    assert found and found.correct is True and set(statuses(found).values()) == {"equal"}
    assert not found.mistakes and not any(verdict.notes for verdict in found.verdicts.values())


def test_the_sizes_that_were_tried_are_unequal_and_more_than_one():
    reason = judged(AFFINE, affine).verdicts["w"].reason
    sizes = [tuple(part.split(" = ")[1] for part in size.split(", ")) for size in reason.split("lengths ")[1].rstrip(".").split("; ")]
    assert len(sizes) >= 2 and all(m != d for m, d in sizes)


def cost_and_tuple(w, b, x, y):
    return ((w * x + b - y) ** 2).mean(), line(w, b, x, y)


def cost_before(w, b, x, y):
    return (((w * x + b - y) ** 2).mean(), *line(w, b, x, y))


def cost_behind(w, b, x, y):
    return (*line(w, b, x, y), ((w * x + b - y) ** 2).mean())


def cost_and_mapping(w, b, x, y):
    return ((w * x + b - y) ** 2).mean(), dict(zip("wb", line(w, b, x, y), strict=True))


def one_array(w, b, x, y):
    return np.array(line(w, b, x, y))


def prefixed(w, b, x, y):
    return dict(zip(("grad_w", "b_grad"), line(w, b, x, y), strict=True))


def everything(**values):
    assert set(values) == {"w", "b", "x", "y", "m"}
    return line(values["w"], values["b"], values["x"], values["y"])


def by_length(w, b, x, y, m, /, *, rounding=0.0):
    r = w * x + b - y
    return 2 * (r @ x) / m, [2 * r.sum() / m + rounding]


@pytest.mark.parametrize(
    "function",
    [line, cost_and_tuple, cost_before, cost_behind, cost_and_mapping, one_array, prefixed, everything, by_length],
    ids=lambda f: f.__name__,
)
def test_what_a_function_may_return_and_take(function):
    assert judged(LINE, function)


def test_one_parameter():
    assert judged(SQUARE, lambda w: 2 * w - 6)
    assert judged(SQUARE, lambda w: (2 * w - 6,))
    assert judged(SQUARE, lambda w: ((w - 3) ** 2, 2 * w - 6))
    cost = sg.parse("sum(w[j]^3, j)", parameters=["w"])
    assert judged(cost, lambda w: list(3 * w**2))
    assert judged(cost, lambda w: ((w**3).sum(), 3 * w**2))


def test_names_that_python_has_for_itself():
    cost = sg.parse("mean((w*x - y)^2) + lambda*w^2", samples="x y", constants=["lambda"])
    assert judged(cost, lambda w, x, y, lambda_: 2 * ((w * x - y) * x).mean() + 2 * lambda_ * w)


def test_labels_are_whole_numbers():
    cost = sg.parse("-mean(log(P[i, y[i]]), i)", where={"P[i, k]": "softmax(sum(X[i, j]*W[j, k], j), k)"}, parameters=["W"])

    def gradient(W, X, y):
        assert y.dtype == np.int64
        return X.T @ (softmax(X @ W) - np.eye(W.shape[1])[y]) / len(y)

    assert judged(cost, gradient)


def test_single_precision_is_judged_as_such():
    def gradient(w, b, X, y):
        w, b, X, y = (np.asarray(one, dtype=np.float32) for one in (w, b, X, y))
        return affine(w, b, X, y)

    found = judged(AFFINE, gradient)
    assert found and "float32" in found.verdicts["w"].notes[0]
    wrong = judged(AFFINE, lambda w, b, X, y: {name: -value for name, value in gradient(w, b, X, y).items()})
    assert wrong.correct is False and wrong.remark == "It is minus the gradient: the descent direction."


def test_numba():
    numba = pytest.importorskip("numba")

    @numba.njit
    def gradient(w, b, X, y):
        m, d = X.shape
        dw, db = np.zeros(d), 0.0
        for i in range(m):
            r = (X[i] @ w + b - y[i]) / m
            dw += r * X[i]
            db += r
        return dw, db

    assert judged(AFFINE, gradient)


def test_jax():
    jax = pytest.importorskip("jax")
    jnp = jax.numpy

    def cost(w, b, X, y):
        return ((X @ w + b - y) ** 2).mean() / 2

    assert judged(AFFINE, jax.grad(cost, argnums=(0, 1)))
    assert judged(AFFINE, jax.value_and_grad(cost, argnums=(0, 1)))
    assert judged(AFFINE, jax.jit(lambda w, b, X, y: (X.T @ (X @ w + b - y) / len(y), jnp.mean(X @ w + b - y))))


def test_torch():
    torch = pytest.importorskip("torch")

    def gradient(w: "torch.Tensor", b: float, X: "torch.Tensor", y: "torch.Tensor"):
        w.requires_grad_()
        bias = torch.tensor(b, dtype=torch.float64, requires_grad=True)
        (((X @ w + bias - y) ** 2).mean() / 2).backward()
        return w.grad, bias.grad

    assert judged(AFFINE, gradient)


class Tensor:
    """As much of a torch tensor as is asked for."""

    def __init__(self, array):
        self.array = array

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return self.array


def test_what_looks_like_a_tensor():
    assert judged(AFFINE, lambda w, b, X, y: {name: Tensor(np.asarray(value)) for name, value in affine(w, b, X, y).items()})


def test_saturated_points_refuse_no_right_function():
    cost = sg.parse("mean(log(1 + exp(-y*(w*x + b))))", samples="x y")
    assert judged(cost, lambda w, b, x, y: tuple((-y * s * (1 - sigmoid(y * (w * x + b)))).mean() for s in (x, 1.0)))
    steep = sg.parse("exp(50*w) + log(1 + exp(50*w))")
    assert judged(steep, lambda w: 50 * np.exp(50 * w) + 50 / (1 + np.exp(-50 * w)))


def test_a_switch_is_seen_from_both_sides():
    cost = sg.parse("abs(w - 2)^3 + max(w, 0)")
    assert judged(cost, lambda w: 3 * abs(w - 2) * (w - 2) + float(w > 0))
    assert judged(cost, lambda w: 3 * abs(w - 2) * (w - 2) + 1).correct is False


def test_a_fact_under_which_it_is_right():
    cost = sg.parse("-mean(sum(Y[i, k]*log(P[i, k]), k), i)", where={"P[i, k]": "softmax(sum(X[i, j]*W[j, k], j), k)"}, parameters=["W"])
    found = judged(cost, lambda W, X, Y: X.T @ (softmax(X @ W) - Y) / len(X)).verdicts["W"]
    assert found.status == "conditional" and "sum(Y[i, k], k) = 1" in found.needs[0]
    wrong = judged(cost, lambda W, X, Y: X.T @ (softmax(X @ W) - Y)).verdicts["W"]
    assert wrong.status == "different" and wrong.mistakes[0].kind == "mean-vs-sum"


# planted mistakes


def named(one):
    """(found at exactly the wrong blocks, named in each of them)"""
    found = judged(one.cost(), one.function)
    wrong = [name for name, verdict in found.verdicts.items() if verdict.status == "different"]
    assert found.correct is False and wrong == one.blocks.split()
    verdicts = [found.verdicts[name] for name in wrong]
    assert all(f"d{one.parameter}" in one.reason for one in verdicts if one.witness is None or one.witness.element)
    return all(any(mistake.kind in one.kinds.split() for mistake in found.verdicts[name].mistakes[:1]) for name in wrong)


@pytest.mark.parametrize("one", PLANTED, ids=str)
def test_planted_mistakes_are_found_where_they_are_and_named(one):
    assert named(one) is bool(one.kinds)


def test_there_are_enough_of_them():
    count = Counter(bool(one.kinds) for one in PLANTED)
    assert count[True] + count[False] >= 20 and count[True] >= 15
    assert len({one.function for one in PLANTED}) == len(PLANTED)


def test_a_mistake_in_all_blocks_is_said_once():
    assert judged(logistic(), planted.label_minus_output).remark == "It is minus the gradient: the descent direction."
    summed = judged(LINE, lambda w, b, x, y: tuple(len(x) * one for one in line(w, b, x, y)))
    assert summed.remark == "It is the gradient of the sum, not of the mean: right but for one factor."
    assert "another order: that of the cost's parameters is w, b." in judged(logistic(), planted.swapped).remark


def test_a_product_that_fits_only_where_all_lengths_are_equal():
    def gradient(w, b, X, y):
        r = (X @ w + b - y) / len(y)
        return X @ r, r.sum()

    found = judged(AFFINE, gradient)
    assert statuses(found) == {"w": "different", "b": "undecided"}
    assert "ValueError" in found.verdicts["w"].reason and found.verdicts["w"].mistakes[0].kind == "transpose"


# intermediate adjoints


@pytest.mark.parametrize(
    ("key", "wrong", "kind"),
    [
        ("dZ1", lambda given: given["dA1"], "missing-inner-level"),
        ("dA1", lambda given: given["dZ1"], "wrong-variable"),
        ("dZ2", lambda given: -given["dZ2"], "sign"),
        ("dZ2", lambda given: len(given["dZ2"]) * given["dZ2"], "mean-vs-sum"),
        ("dA1", lambda given: 2 * given["dA1"], "constant-factor"),
        ("dZ2", lambda given: given["dZ2"].T, "transpose"),
    ],
)
def test_adjoints_of_definitions_are_judged_one_by_one(key, wrong, kind):
    def gradient(W1, b1, W2, b2, X, Y):
        given = right_classifier(W1, b1, W2, b2, X, Y)
        return given | {key: wrong(given)}

    found = judged(classifier(), gradient)
    assert [name for name, status in statuses(found).items() if status != "equal"] == [key]
    assert found.verdicts[key].mistakes[0].kind == kind


def test_adjoints_along_the_sample_axis_and_in_a_recurrence():
    cost = sg.parse("mean((z - y)^2)", where={"z": "w*x + b"}, samples="x y")

    def gradient(w, b, x, y):
        dz = 2 * (w * x + b - y) / len(x)
        return {"dz": dz, "dw": dz @ x, "db": dz.sum()}

    assert statuses(judged(cost, gradient)) == {"w": "equal", "b": "equal", "dz": "equal"}
    rolled = sg.parse("h[T]^2", where={"h[0]": "0", "h[t + 1]": "tanh(u*h[t] + x[t])"}, axes="t:T", parameters=["u"])

    def backwards(u, x, T):
        h = [0.0]
        for value in x:
            h.append(np.tanh(u * h[-1] + value))
        dh, du = np.zeros(T + 1), 0.0
        dh[T] = 2 * h[T]
        for t in reversed(range(T)):
            slope = dh[t + 1] * (1 - h[t + 1] ** 2)
            du, dh[t] = du + slope * h[t], slope * u
        return {"du": du, "dh": dh}

    assert statuses(judged(rolled, backwards)) == {"u": "equal", "dh": "equal"}


# what is no gradient


def raises(w, b, x, y):
    return w / 0, b


def forgets(w, b, x, y):
    line(w, b, x, y)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (raises, r"raised ZeroDivisionError: .* \(test_functions.py, line \d+\), called with x \(2,\), y \(2,\)."),
        (forgets, "returned nothing: is `return` missing?"),
        (lambda w, b, x, y: (1.0, 2.0, 3.0, 4.0), "returned 4 values, the cost has 2 parameters, w, b."),
        (lambda w, b, x, y: np.zeros(5), r"returned an array of the shape \(5,\), the cost has 2 parameters"),
        (lambda w, b, x, y: "w", "returned str, no number"),
        (lambda w, b, x, y: (object(), 1.0), "returned object, no number"),
        (lambda w, b, x, y: {"w": line(w, b, x, y)[0], "b": None}, "Nothing was returned for b."),
    ],
)
def test_what_cannot_be_judged_is_undecided_and_says_why(function, said):
    found = judged(LINE, function)
    verdict = found.verdicts["b"]
    assert found.correct is None and verdict.status == "undecided"
    assert re.search(said, verdict.reason), verdict.reason


def test_nan_is_different_and_has_a_witness():
    verdict = judged(AFFINE, lambda w, b, X, y: affine(w, b, X, y) | {"w": np.full(len(w), np.nan)}).verdicts["w"]
    assert verdict.status == "different" and "has no value (NaN)" in verdict.reason and np.isnan(verdict.witness.yours)


def test_finite_differences_are_neither_right_nor_wrong():
    assert judged(SQUARE, lambda w: ((w + 1e-6 - 3) ** 2 - (w - 3) ** 2) / 1e-6).verdicts["w"].status == "undecided"


def test_a_function_that_adds_up_between_calls():
    total = np.zeros(2)

    def gradient(w, b, x, y):
        total[:] += line(w, b, x, y)
        return total

    assert "again with the same values" in judged(LINE, gradient).verdicts["w"].reason


def test_inputs_are_copies_and_a_change_of_them_is_said():
    def gradient(w, b, x, y):
        x -= 1
        return line(w, b, x + 1, y)

    found = judged(LINE, gradient)
    assert found and "changed its x in place" in found.verdicts["w"].notes[0]


def test_what_means_nothing_is_left_aside():
    found = judged(AFFINE, lambda w, b, X, y: affine(w, b, X, y) | {"z": X @ w + b, "speed": 1.0, "cost": -1.0})
    notes = " ".join(found.verdicts["w"].notes)
    assert found and "Left aside: speed, z" in notes and "The cost that it returns is another one: -1 in place of" in notes


def test_a_shape_is_said_and_axes_of_length_one_are_not_wrong():
    found = judged(AFFINE, lambda w, b, X, y: {"w": affine(w, b, X, y)["w"][:, None], "b": np.zeros(3)})
    assert found.verdicts["w"].status == "equal" and "has the shape (" in found.verdicts["w"].notes[0]
    assert found.verdicts["b"].status == "different" and found.verdicts["b"].reason.startswith("db has the shape (3,), b is a number.")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda params: params, "takes everything in one argument, params"),
        (lambda w, b, x, target: 0, "The argument target of <lambda> is no name of this cost."),
        (lambda *values: 0, "takes no argument by its name"),
        (np.add, "Accepted: "),
    ],
)
def test_arguments_are_found_by_name(function, said):
    with pytest.raises(InputError) as refused:
        judged(LINE, function)
    assert said in str(refused.value) and "w, b (parameters); x, y (data); m (lengths)" in str(refused.value)


# a process of its own


WRITTEN = """
import os

def right(w, b, x, y):
    r = w*x + b - y
    return 2*(r*x).mean(), 2*r.mean()

def raises(w, b, x, y):
    return w/0, b

def stuck(w, b, x, y):
    while True:
        pass

def dies(w, b, x, y):
    os._exit(3)
"""


@pytest.mark.slow
def test_a_process_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "gradients_of_a_line.py").write_text(WRITTEN)
    monkeypatch.syspath_prepend(tmp_path)
    gradients = importlib.import_module("gradients_of_a_line")
    found = {name: verify_function(LINE, getattr(gradients, name), isolate=True, timeout=1) for name in ("right", "raises", "stuck", "dies")}
    assert found["right"]
    assert "raised ZeroDivisionError: float division by zero (gradients_of_a_line.py, line 9)" in found["raises"].text()
    assert "gave no result within 1 s" in found["stuck"].text()
    assert "ended its process, with exit code 3" in found["dies"].text()


def test_a_function_that_cannot_be_sent_is_refused():
    with pytest.raises(InputError, match="cannot be sent to another process"):
        verify_function(LINE, lambda w, b, x, y: line(w, b, x, y), isolate=True)


def test_verify_takes_functions():
    assert sg.verify(LINE, line)
    assert sg.verify(SQUARE, lambda w: w - 3).verdicts["w"].mistakes[0].kind == "constant-factor"
