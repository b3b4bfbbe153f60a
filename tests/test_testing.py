"""`sg.testing.assert_gradient`: silent about right functions, and a failed test says what is wrong."""

import re

import numpy as np
import pytest

import symgd as sg
from symgd.errors import InputError

LINE = sg.parse("mean((w*x + b - y)^2)", samples="x y")
AFFINE = sg.parse(
    "mean((sum(X[i, j]*w[j], j) + b - y[i])^2, i)/2 + lam/2*sum(w[j]^2, j)", axes="i:m j:d", parameters=["w", "b"], constants={"lam": 0.5}
)
AT, DATA = {"w": [1.0, -2.0], "b": 0.5}, {"X": [[1.0, 2.0], [0.0, -1.0], [3.0, 1.0]], "y": [1.0, 0.0, -1.0]}


def affine(w, b, X, y, lam):
    r = (X @ w + b - y) / len(y)
    return {"dw": X.T @ r + lam * w, "db": r.sum()}


def unsummed(w, b, X, y, lam):
    r = X @ w + b - y
    return {"dw": X.T @ r / len(y) + lam * w, "db": r.sum()}


def failure(cost, function, **settings):
    with pytest.raises(AssertionError) as failed:
        sg.testing.assert_gradient(cost, function, **settings)
    return str(failed.value)


@pytest.mark.parametrize("settings", [{}, {"at": AT, "data": DATA}, {"at": AT, "data": DATA, "tolerance": 1e-12}])
def test_right_functions_pass(settings):
    assert sg.testing.assert_gradient(AFFINE, affine, **settings) is None


def test_a_wrong_function_fails_with_parameter_values_point_and_mistake():
    said = failure(AFFINE, unsummed)
    assert said.startswith("Not the gradient of C = mean((sum(X[i, j]*w[j], j) + b - y[i])^2, i)/2 + lam/2*sum(w[j]^2, j)\nb: different: ")
    assert "1/N is missing" in said or "m times the derivative: the sum, not the mean" in said
    assert re.search(r"At d = \d.* yours is -?[\d./]+, the exact one -?[\d./]+", said)
    assert not re.search(r"^w", said, re.MULTILINE)  # which is right


def test_an_entry_is_named():
    said = failure(AFFINE, lambda w, b, X, y, lam: affine(w, b, X, y, lam) | {"dw": affine(w, b, X, y, lam)["dw"] + np.eye(len(w))[1]})
    assert "dw[1] is wrong, 1 of " in said and "for w[1], the exact one" in said


def test_at_a_point_of_ones_own():
    said = failure(AFFINE, unsummed, at=AT, data=DATA)
    assert "w = [1, -2], b = 1/2" in said and "yours is 3/2, the exact one 1/2" in said and "mean vs sum" in said
    assert "shape (3,), b is a number" in failure(AFFINE, lambda w, b, X, y, lam: affine(w, b, X, y, lam) | {"db": np.zeros(3)}, at=AT, data=DATA)


def test_tolerance_is_relative_to_the_block():
    def rounded(w, b, x, y):
        r = w * x + b - y
        return 2.001 * (r * x).mean(), 2 * r.mean()

    assert sg.testing.assert_gradient(LINE, rounded, tolerance=0.01) is None
    assert sg.testing.assert_gradient(LINE, rounded, at={"w": 1, "b": 2}, data={"x": [1, 2], "y": [0, 1]}, tolerance=0.01) is None
    assert "w: different" in failure(LINE, rounded)
    assert "w: different" in failure(LINE, rounded, at={"w": 1, "b": 2}, data={"x": [1, 2], "y": [0, 1]})


@pytest.mark.parametrize("settings", [{}, {"at": {"w": 1, "b": 2}, "data": {"x": [1], "y": [0]}}])
def test_what_cannot_be_judged_fails_too(settings):
    assert "raised KeyError: 'alpha' (test_testing.py, line " in failure(LINE, lambda w, b, x, y: {}["alpha"], **settings)
    assert "b: undecided: nothing was returned for b." in failure(LINE, lambda w, b, x, y: {"w": 2 * ((w * x + b - y) * x).mean()}, **settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"data": DATA}, "There are data, but no values of the parameters. Accepted: at= and data=, or neither."),
        ({"at": {"w": [1, 2]}, "data": DATA}, "There is no value for b."),
        ({"at": AT}, "There is no value for"),
        ({"at": AT | {"c": 1}, "data": DATA}, "There is no parameter c"),
        ({"tolerance": 0}, "tolerance is 0. Accepted: a number between 0 and 1."),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(InputError, match=re.escape(said)):
        sg.testing.assert_gradient(AFFINE, affine, **settings)


def test_it_is_loaded_on_first_use():
    assert sg.testing.__name__ == "symgd.testing" and "testing" in dir(sg)
    assert sg.verify.__module__ == "symgd.verification.verify"
