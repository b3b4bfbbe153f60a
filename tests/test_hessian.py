"""Second derivatives as formulas, as numbers, and what is refused."""

import re

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, settings

import symgd as sg
from symgd.nodes.formula import Formula
from symgd.nodes.node import accesses
from symgd.program.meaning import Arithmetic, Interpreter

from .oracle.formulas import NAMES, formulas, points

FORMS = r"""
(w - 3)^2                                         |  |  | d2C/(dw dw) = 2
w^3*b                                             |  |  | d2C/(dw dw) = 6*b*w; d2C/(dw db) = 3*w^2; d2C/(db db) = 0
exp(w)*sin(w)                                     |  |  | d2C/(dw dw) = 2*exp(w)*cos(w)
w/(1 + b)^2                                       |  |  | d2C/(dw dw) = 0; d2C/(dw db) = -2/(1 + b)^3; d2C/(db db) = 6*w/(1 + b)^4
mean((w*x + b - y)^2)                             |  | x y | d2C/(dw dw) = 2*mean(x^2); d2C/(dw db) = 2*mean(x); d2C/(db db) = 2
sum(w^2 + w*x)                                    |  | x | d2C/(dw dw) = 2*m
mean((p - y)^2)                                   | p = tanh(w*x) | x y | d2C/(dw dw) = 2*mean(x^2*(1 - p^2)*(1 + 2*p*y - 3*p^2))
log(mean(exp(w*x)))                               |  | x | d2C/(dw dw) = sum(x*softmax(w*x)*(x - sum(x*softmax(w*x))))
piecewise(w^2, w > 0, w^3)                        |  |  | d2C/(dw dw) = piecewise(2, w > 0, 6*w)
max(w, 0)^3                                       |  |  | d2C/(dw dw) = piecewise(6*max(w, 0), w > 0, 0)
abs(w)*w                                          |  |  | d2C/(dw dw) = 2*sign(w)
sinc(w)                                           |  |  | d2C/(dw dw) = -piecewise(1/3, w == 0, sinc(w) + 2*dsinc(w)/w)
"""

ARRAYS = r"""
mean((sum(w[j]*X[i, j], j) - y[i])^2, i)          |  | w | d2C/(dw[j] dw[p]) = 2*mean(X[i, j]*X[i, p], i)
mean(logsumexp(z[i, l], l) - z[i, label[i]], i)   | z[i, l] = sum(W[l, j]*X[i, j], j) | W | d2C/(dW[l, j] dW[p, q]) = piecewise(mean(X[i, j]*X[i, q]*softmax(z[i, l], l), i), l == p, 0) - mean(X[i, j]*X[i, q]*softmax(z[i, p], p)*softmax(z[i, l], l), i)
sum(softplus(z[i]) - y[i]*z[i], i)                | z[i] = sum(w[j]*X[i, j], j) | w | d2C/(dw[j] dw[p]) = sum(X[i, j]*X[i, p]*sigmoid(z[i])*(1 - sigmoid(z[i])), i)
sum((x[i + 1] - x[i])^2, i in 0:m - 1)            |  | x | d2C/(dx[i] dx[p]) = piecewise(2, i >= 1 and i == p, 0) + piecewise(-2, i >= 1 and i - 1 == p, 0) + piecewise(-2, i < m - 1 and i + 1 == p, 0) + piecewise(2, i < m - 1 and i == p, 0)
sum((x[i] - x[j])^2*A[i, j], i, j in i + 1:m)     |  | x | d2C/(dx[i] dx[p]) = piecewise(2*sum(A[i, j], j in i + 1:m) + sum(piecewise(2*A[i1, i], i >= i1 + 1, 0), i1 in 0:m), i == p, 0) + piecewise(-2*A[i, p], p >= i + 1, 0) + piecewise(-2*A[p, i], i >= p + 1, 0)
"""  # noqa: E501


def rows(table):
    return [tuple(part.strip() for part in line.split("|")) for line in table.strip().splitlines()]


@pytest.mark.parametrize(("cost", "where", "samples", "wanted"), rows(FORMS), ids=[row[0] for row in rows(FORMS)])
def test_scalar_hessians_as_they_are_written(cost, where, samples, wanted):
    parameters = [name for name in ("w", "b") if re.search(rf"\b{name}\b", cost + where)]
    found = sg.parse(cost, where=[where] if where else (), samples=samples, parameters=parameters)
    assert found.hessian.text() == wanted.replace("; ", "\n")


@pytest.mark.parametrize(("cost", "where", "parameters", "wanted"), rows(ARRAYS), ids=[row[0] for row in rows(ARRAYS)])
def test_array_hessians_as_they_are_written(cost, where, parameters, wanted):
    found = sg.parse(cost, where=[where] if where else (), axes="i:m j:d l:c", parameters=parameters.split())
    assert found.hessian.text() == wanted


def test_entries_are_found_by_symbols_and_answer_in_the_letters_asked_for():
    i, j, k, l = sg.axes("i:m j:d k:d l:d")
    X, y, w = sp.symbols("X y w", cls=sp.IndexedBase)
    b = sp.Symbol("b")
    hessian = sg.Cost(sg.mean((sg.total(w[j] * X[i, j], j) + b - y[i]) ** 2, i), parameters=[w, b]).hessian
    assert str(hessian[w[k], w[l]]) == "2*mean(X[i, k]*X[i, l], i)"
    assert hessian[w[k], b] == hessian[b, w[k]]
    assert str(hessian["w", "b"]) == "2*mean(X[i, j], i)"
    assert hessian[b, b] == 2
    assert str(hessian[w[j], w]) == str(hessian[w, w[j]]) == "2*mean(X[i, j]*X[i, p], i)"
    assert len(hessian) == 4 and set(hessian) == {("w", "w"), ("w", "b"), ("b", "w"), ("b", "b")}


def test_a_matrix_of_scalars():
    x, y = sg.samples("x y")
    w, b = sp.symbols("w b")
    cost = sg.Cost(sg.mean((w * x + b - y) ** 2))
    found = cost.hessian.matrix()
    assert found == found.T and found[0, 0] == 2
    assert cost.hessian.latex().startswith(r"\nabla^{2} C = \begin{bmatrix} \displaystyle 2 & \displaystyle \frac{2}{m}")
    assert cost.hessian._repr_latex_().startswith("$")
    i, = sg.axes("i:m")
    v = sp.IndexedBase("v")
    with pytest.raises(sg.InputError, match="needs scalar parameters; v is an array"):
        sg.Cost(sg.total(v[i] ** 2, i), parameters=[v]).hessian.matrix()


@given(formula=formulas, point=points)
@settings(max_examples=60)
def test_second_derivatives_equal_differences_of_the_formula(formula, point):
    """The closed forms against the cost itself at 60 digits, by central differences of differences."""
    used = [name for name in NAMES if name in {found.value for found in accesses(formula)}]
    assume(used)
    hessian = sg.Cost(Formula(formula), parameters=used).hessian
    wide = Arithmetic(60)
    step = wide.ctx.mpf(10) ** -12

    def cost(*shifts):
        there = {name: wide.ctx.mpf(point[name]) for name in used}
        for name, sign in shifts:
            there[name] += sign * step
        return Interpreter(there, {}, wide).formula(formula, {})

    for n, first in enumerate(used):
        for second in used[n:]:
            try:
                closed = hessian._written(first, (), second, ()).formula
            except sg.InputError:  # too long to be written out
                continue
            found = Interpreter({name: wide.ctx.mpf(point[name]) for name in used}, {}, wide).formula(closed, {})
            corners = [cost((first, a), (second, b)) for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
            slope = (corners[0] - corners[1] - corners[2] + corners[3]) / (4 * step**2)
            near = [cost((first, 100 * a), (second, 100 * b)) for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
            wider = (near[0] - near[1] - near[2] + near[3]) / (40000 * step**2)
            smooth = all(map(mpmath.isfinite, (*corners, *near, found))) and abs(slope - wider) <= 1e-8 * (1 + abs(slope))  # no kink between
            if smooth:
                assert abs(found - slope) <= 1e-8 * (1 + abs(slope)), (first, second)


def test_the_hessian_is_symmetric_to_the_last_bit():
    random = np.random.default_rng(3)
    cost = sg.parse("mean(tanh(sum(w[j]*X[i, j], j) + b)^2*y[i], i)", parameters=["w", "b"])
    found = cost.hessian.evaluate({"w": random.normal(size=4), "b": 0.3}, {"X": random.normal(size=(9, 4)), "y": random.normal(size=9)})
    assert (found.matrix == found.matrix.T).all()
    assert isinstance(found["b", "b"], float) and found["w", "b"].shape == (4,)
    assert (found["w", "b"] == found["b", "w"]).all()


def test_where_a_residual_is_zero_its_curvature_counts():
    """A definition that only a branch reads is guarded by `dp != 0`; at dp = 0 the product must not stop there."""
    cost = sg.parse("piecewise((p - 2)^2, w > 0, 0)", where={"p": "sqrt(w)"}, parameters=["w"])
    assert cost.evaluate({"w": 4}).gradient["w"] == 0
    assert cost.hessian.product({"w": 4}, {"w": 1})["w"] == pytest.approx(1 / 8)
    assert cost.hessian.evaluate({"w": -4})["w", "w"] == 0


@pytest.mark.parametrize(
    ("formula", "point", "wanted"),
    [
        ("w^b", {"w": 2.0, "b": 0.0}, [[0, 0.5], [0.5, np.log(2) ** 2]]),
        ("sinc(w)", {"w": 0.0}, [[-1 / 3]]),
        ("abs(w)^3", {"w": 0.0}, [[0]]),
        ("max(w, 0)", {"w": 0.0}, [[0]]),
        ("max(w, b)", {"w": 1.0, "b": 1.0}, [[0, 0], [0, 0]]),
    ],
)
def test_special_points(formula, point, wanted):
    assert sg.parse(formula, parameters=list(point)).hessian.evaluate(point).matrix == pytest.approx(np.array(wanted))


def test_single_points_of_a_piecewise_formula_are_said():
    x = sp.Symbol("x")
    hessian = sg.Cost(sp.Piecewise((sp.tan(x) / x, sp.Ne(x, 0)), (1, True))).hessian
    assert hessian.evaluate({"x": 0.0})["x", "x"] == 0  # 2/3 by continuation
    assert any("not of a curve that passes through" in note for note in hessian.notes)
    known = sg.Cost(sp.Piecewise((sp.sin(x) / x, sp.Ne(x, 0)), (1, True))).hessian
    assert known.evaluate({"x": 0.0})["x", "x"] == pytest.approx(-1 / 3) and not known.notes


def test_directions():
    cost = sg.parse("sum(w[j]^2*b, j)", parameters=["w", "b"])
    found = cost.hessian.product({"w": [1.0, 2.0], "b": 3.0}, {"b": 1.0})
    assert found["w"].tolist() == [2.0, 4.0] and found["b"] == 0
    with pytest.raises(sg.InputError, match=r"The direction of w has shape \(3,\). Accepted: shape \(2,\)"):
        cost.hessian.product({"w": [1.0, 2.0], "b": 3.0}, {"w": [1.0, 2.0, 3.0]})
    with pytest.raises(sg.InputError, match="There is no parameter v"):
        cost.hessian.product({"w": [1.0, 2.0], "b": 3.0}, {"v": 1.0})


def test_what_no_second_derivative_needs_need_not_be_given():
    cost = sg.parse("mean((w*x - y)^2)", samples="x y")
    assert cost.hessian.evaluate({"w": 1}, {"x": [1, 3]})["w", "w"] == 10


def test_what_is_too_large_offers_the_product():
    cost = sg.parse("sum(w[j]^4, j)", parameters=["w"])
    with pytest.raises(sg.LimitError, match=r"10,000 parameters has 100,000,000 entries.*cost\.hessian\.product"):
        cost.hessian.evaluate({"w": np.ones(10_000)})
    assert cost.hessian.product({"w": np.ones(10_000)}, {"w": np.ones(10_000)})["w"][0] == 12
    deep = "w"
    for _ in range(9):
        deep = f"sin({deep})*exp({deep})"
    long = sg.parse(deep)
    with pytest.raises(sg.LimitError, match=r"cost\.hessian\.program"):
        long.hessian.text()
    assert "Hv_w" in repr(long.hessian) and "Hv" in long.hessian.latex()


def test_a_recurrence_has_numbers_and_no_closed_form():
    cost = sg.parse("h[3]^2", where={"h[0]": "u", "h[t + 1]": "tanh(w*h[t])"}, axes="t:3", parameters=["u", "w"])
    with pytest.raises(sg.LimitError, match=r"recurrence.*cost\.hessian\.program"):
        cost.hessian["u", "w"]
    found = cost.hessian.evaluate({"u": 0.4, "w": 0.7})
    step = 1e-5
    ahead, behind = (cost.evaluate({"u": 0.4, "w": 0.7 + s}).gradient["u"] for s in (step, -step))
    assert found["u", "w"] == pytest.approx((ahead - behind) / (2 * step), rel=1e-8)


def test_numpy_takes_over_where_nothing_is_compiled(monkeypatch):
    from symgd.training.kernels import Kernels

    monkeypatch.setattr(Kernels, "compiled", False)
    cost = sg.parse("mean((w*x + b - y)^4)", samples="x y")
    found = cost.hessian.evaluate({"w": 1, "b": 0}, {"x": [1, 2], "y": [0, 1]})
    assert found.matrix == pytest.approx(np.array([[30, 18], [18, 12]]))
