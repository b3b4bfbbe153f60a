"""Values on demand are the values of the formulas that the user wrote."""

import numpy as np
import pytest
import sympy as sp

import symgd as sg

X = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0]])
W = np.array([0.3, -0.7])


@pytest.fixture(scope="module")
def logistic():
    return sg.parse(
        "mean(softplus(z[i]) - y[i]*z[i], i)",
        where={"z[i]": "sum(X[i, j]*w[j], j)", "p[i]": "sigmoid(z[i])"},
        axes="i:m j:d",
        parameters=["w"],
    )


def test_a_definition_on_new_data_needs_no_labels(logistic):
    assert logistic.compute("p", {"w": W}, {"X": X}) == pytest.approx(1 / (1 + np.exp(-X @ W)))


def test_a_formula_over_the_cost_s_names(logistic):
    assert logistic.compute("2*z[i] - 1", {"w": W}, {"X": X}) == pytest.approx(2 * (X @ W) - 1)
    assert logistic.compute("sum(w[j]^2, j)", {"w": W}) == pytest.approx(W @ W)


def test_several_names_at_once(logistic):
    found = logistic.compute(["z", "C"], {"w": W}, {"X": X, "y": [0, 1, 1]})
    z = X @ W
    assert found["z"] == pytest.approx(z)
    assert found["C"] == pytest.approx(np.mean(np.log1p(np.exp(z)) - np.array([0, 1, 1]) * z))


def test_a_sympy_formula(logistic):
    x, y = sg.samples("x y")
    w = sp.Symbol("w")
    cost = sg.Cost(sg.mean((w * x - y) ** 2))
    assert cost.compute(w * x + 1, {w: 2}, {x: [1, 2, 3]}) == pytest.approx([3, 5, 7])


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [("q", {"X": X}, "q is no definition"), ("p", {}, "No value for data or parameter X"), ("p", {"X": X[:, :1]}, "both run along j")],
)
def test_what_cannot_be_computed_is_said(logistic, name, data, said):
    with pytest.raises(sg.InputError, match=said):
        logistic.compute(name, {"w": W}, data)


def test_keys_may_be_names_symbols_or_arrays():
    i, j = sg.axes("i:m j:d")
    Z, v = sp.symbols("Z v", cls=sp.IndexedBase)
    cost = sg.Cost(sg.mean((sg.total(v[j] * Z[i, j], j) - 1) ** 2, i), parameters=[v])
    one, two = cost.evaluate({v: W}, {Z: X}), cost.evaluate({"v": W}, {"Z": X})
    assert one.cost == two.cost
    assert one.gradient[v].tolist() == one.gradient["v"].tolist() == two.gradient[v].tolist()


def test_an_element_answers_in_its_own_letters():
    i, j = sg.axes("i:m j:d")
    Z, v = sp.symbols("Z v", cls=sp.IndexedBase)
    p = sp.Symbol("p", integer=True)
    cost = sg.Cost(sg.total((sg.total(v[j] * Z[i, j], j) - 1) ** 2, i), parameters=[v])
    assert p in cost.gradient[v[p]].free_symbols
    assert cost.gradient[v[3]].has(Z[i, 3])
