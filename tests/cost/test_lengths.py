"""Lengths are a namespace of their own, lengths that have to be equal are one, and lengths that nobody names follow."""

import importlib.util

import numpy as np
import pytest
import sympy as sp

import symgd as sg
from symgd.cost.lengths import along, with_one_length
from symgd.errors import InputError
from symgd.nodes.text import text
from symgd.reading.text import fact, problem

# cost | definitions | axes | the lengths that are left, or the cost with one length a group
ONE = [
    ("sum(w[i]*A[i, j]*w[j], i, j)", {}, "", "sum(w[i]*A[i, j]*w[j], i in 0:n_i, j in 0:n_i)"),
    ("sum(w[i]*A[i, j]*w[j], i, j)", {}, "i:m", "sum(w[i]*A[i, j]*w[j], i in 0:m, j in 0:m)"),
    ("sum(w[i]*A[i, j]*w[j], i, j)", {}, "j:3", "sum(w[i]*A[i, j]*w[j], i in 0:3, j in 0:3)"),
    ("sum(w[i]*A[i, j]*w[j], i, j)", {}, "i:m j:d", "sum(w[i]*A[i, j]*w[j], i in 0:m, j in 0:d)"),
    ("sum(z[k]^2, k)", {"z[i]": "sum(A[i, j]*w[j], j)"}, "", "sum(z[k]^2, k in 0:n_i)"),
    ("sum(x[j], j) + sum((x[i + 1] - x[i])^2, i)", {}, "", "sum(x[j], j in 0:n_j) + sum((x[i + 1] - x[i])^2, i in 0:n_i)"),
    ("sum(h[s]^2, s)", {"h[0]": "u", "h[t + 1]": "tanh(h[t])"}, "t:T", "sum(h[s]^2, s in 0:n_s)"),
    ("sum(x[i], i, j in i + 1:m) + sum(x[k], k)", {}, "", "sum(x[i], i in 0:n_i, j in i + 1:m) + sum(x[k], k in 0:n_i)"),
    ("sum(E[label[i]], i) + sum(E[k], k)", {}, "", "sum(E[label[i]], i in 0:n_i) + sum(E[k], k in 0:n_k)"),
    ("sum(piecewise(x[i], i < n, 0), i) + sum(x[k], k)", {}, "", "sum(piecewise(x[i], i < n, 0), i in 0:n_i) + sum(x[k], k in 0:n_k)"),
]


@pytest.mark.parametrize(("cost", "where", "axes", "expected"), ONE)
def test_lengths_along_one_array_are_one(cost, where, axes, expected):
    assert text(with_one_length(problem(cost, where=where, axes=axes)).expression) == expected


def test_a_symmetry_makes_lengths_one_too():
    cost = problem("sum(s[i]*A[i, j], i, j)")
    assert text(with_one_length(cost, [fact("A[i, j] = A[j, i]", cost)]).expression) == "sum(s[i]*A[i, j], i in 0:n_i, j in 0:n_i)"
    assert {place: [text(size) for size in sizes] for place, sizes in along(cost).items()} == {
        ("s", 0): ["n_i"], ("A", 0): ["n_i"], ("A", 1): ["n_j"],
    }  # fmt: skip


def test_the_gradient_of_a_quadratic_form_has_no_comparison_of_lengths():
    assert sg.parse("sum(w[i]*A[i, j]*w[j], i, j)", parameters=["w"]).gradient.text() == (
        "dC/dw[i] = sum(w[i1]*A[i1, i], i1 in 0:n_i) + sum(A[i, j]*w[j], j)"
    )


DATA = {"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 4.0]}


def in_text():
    return sg.parse("mean((m*x[i] - y[i])^2, i) + m", axes="i:m", parameters=["m"])


def in_sympy():
    (i,) = sg.axes("i:m")
    m, (x, y) = sp.Symbol("m"), sp.symbols("x y", cls=sp.IndexedBase)
    return sg.Cost(sg.mean((m * x[i] - y[i]) ** 2, i) + m, parameters=[m])


@pytest.mark.parametrize("written", [in_text, in_sympy])
def test_a_slope_and_a_length_live_under_one_name(written, tmp_path):
    cost = written()
    assert cost.parameters == ("m",) and set(cost.data) == {"x", "y"}
    assert "for i in 0:m" in str(cost.gradient.program) and "dm" in str(cost.gradient.program)
    found = cost.evaluate({"m": 2}, DATA)
    assert found.cost == pytest.approx(5.0) and found.gradient["m"] == pytest.approx(22 / 3 + 1)
    assert cost.compute("m*x[i]", {"m": 2}, DATA).tolist() == [2.0, 4.0, 6.0]
    assert cost.explain({"m": 2}, learning_rate=0.01, data=DATA).cost == 5.0
    trainer = cost.trainer(learning_rate=0.02)
    ours = trainer.fit(DATA, start={"m": 0}, steps=500)
    assert ours.parameters["m"] == pytest.approx((17 - 1.5) / 14)
    path = trainer.save(tmp_path / "slope.py")
    spec = importlib.util.spec_from_file_location("slope", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.fit(DATA, start={"m": 0.0}, steps=500)["parameters"]["m"] == ours.parameters["m"]


def test_an_array_and_a_length_live_under_one_name():
    cost = sg.parse("sum(h[k]^2, k)/h", axes="k:h", parameters=["h"])
    assert cost.evaluate({"h": [1, 2]}).cost == 2.5
    assert cost.trainer(learning_rate=0.1).fit({"h": 4}, steps=1).parameters["h"].shape == (4,)


def test_where_a_name_stands_says_which_it_is():
    cost = sg.parse("sum(m*w[j]^2, j in 0:m) + w[m - 1]", axes="j:m", parameters=["w", "m"])
    assert cost.evaluate({"w": [1, 2], "m": 10}).cost == 52
    with pytest.raises(InputError, match="The constant m is the length of an axis too"):
        sg.parse("sum(m*w[j]^2, j)", axes="j:m", parameters=["w"], constants={"m": 10})


def test_formulas_as_lengths_and_numbers_in_place_of_names():
    r, p = sg.axes("r:6 p:H-P+1")
    x, K, y = sp.symbols("x K y", cls=sp.IndexedBase)
    cost = sg.Cost(sg.total((sg.total(K[r] * x[p + r], r) - y[p]) ** 2, p), parameters=[K])
    random = np.random.default_rng(0)
    kernel, signal, wanted = random.normal(size=6), random.normal(size=10), random.normal(size=5)
    expected = ((np.correlate(signal, kernel) - wanted) ** 2).sum()
    assert cost.evaluate({K: kernel}, {"x": signal, "y": wanted}).cost == pytest.approx(expected)
    assert cost.evaluate({K: kernel}, {"x": signal, "y": wanted, "P": 6}).cost == pytest.approx(expected)
    with pytest.raises(InputError, match=r"x has 10 values, y has 4 values; no lengths H, P fit all of them"):
        cost.evaluate({K: kernel}, {"x": signal, "y": wanted[:4]})
