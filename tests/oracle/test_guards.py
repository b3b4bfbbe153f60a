"""What is not taken cannot spoil what is: branches, masks on indices, bases of 0."""

import numpy as np
import pytest
import sympy as sp

import symgd as sg

POINTS = [
    ("piecewise(log(w)^2 + log(w), w > 0, w^2)", {"w": 0.0}, {"w": 0.0}),
    ("piecewise(log(w)*v, w > 0, 0) + piecewise(log(w)*v^2, w > 1, 0) + v", {"w": 0.0, "v": 2.0}, {"w": 0.0, "v": 1.0}),
    ("piecewise(a*b*c*d*f*g*h*k*log(w), w > 0, w)", dict.fromkeys("abcdfghk", 1.0) | {"w": 0.0}, dict.fromkeys("abcdfghk", 0.0) | {"w": 1.0}),
    ("sqrt(max(w, 0))", {"w": -1.0}, {"w": 0.0}),
    ("piecewise(log(w), w > 0, 0)", {"w": 0.0}, {"w": 0.0}),
    ("max(w, 0)", {"w": 0.0}, {"w": 0.0}),
    ("max(0, w)", {"w": 0.0}, {"w": 0.0}),
    ("max(w, v)", {"w": 1.0, "v": 1.0}, {"w": 0.5, "v": 0.5}),
    ("max(w, v, u)", {"w": 1.0, "v": 1.0, "u": 1.0}, {"w": 1 / 3, "v": 1 / 3, "u": 1 / 3}),
    ("abs(w)", {"w": 0.0}, {"w": 0.0}),
    ("heaviside(w)*v + sign(w) + floor(w)", {"w": 0.5, "v": 2.0}, {"w": 0.0, "v": 1.0}),
    ("0^w + w", {"w": 2.0}, {"w": 1.0}),
    ("w^2 + w^0", {"w": 0.0}, {"w": 0.0}),
]


@pytest.mark.parametrize(("text", "at", "expected"), POINTS, ids=[row[0] for row in POINTS])
def test_kinks_and_branches(text, at, expected):
    found = sg.parse(text, parameters=list(at)).evaluate(at)
    assert {name: found.gradient[name] for name in at} == pytest.approx(expected)


MASKED = [
    ("piecewise(p, w > 0, w^2)", {"p": "log(w)"}, {"w": 0.0}, {"w": 0.0}),
    ("piecewise(q, w > 0, w^2)", {"p": "sqrt(w)", "q": "2*p + 1"}, {"w": 0.0}, {"w": 0.0}),
    ("piecewise(p, w > 0, w^2)", {"p": "log(w)"}, {"w": 2.0}, {"w": 0.5}),
    ("piecewise(sum(log(v[j]), j), w > 0, w^2)", {}, {"w": 0.0, "v": [0.0, 1.0]}, {"w": 0.0, "v": [0.0, 0.0]}),
    ("piecewise(p, w > 0, 0) + p^2", {"p": "exp(w)"}, {"w": 1.0}, {"w": np.e + 2 * np.e**2}),
]


@pytest.mark.parametrize(("text", "where", "at", "expected"), MASKED, ids=[f"{row[0]} {row[1]}" for row in MASKED])
def test_a_definition_used_in_branches_only_counts_only_where_one_is_taken(text, where, at, expected):
    found = sg.parse(text, where=where, parameters=list(at)).evaluate(at)
    for name, slope in expected.items():
        assert found.gradient[name] == pytest.approx(slope)


def test_a_condition_on_indices_guards_what_is_read_and_written():
    cost = sg.parse("sum(piecewise(v[j - 1]^2, j > 0, 0), j)", parameters=["v"], axes="j:m")
    found = cost.evaluate({"v": [1.0, 2.0, 3.0]})  # j runs to 3, v to 2
    assert found.cost == 14.0
    assert found.gradient["v"].tolist() == [2.0, 4.0, 6.0]


def test_a_constant_may_stand_in_a_subscript():
    found = sg.parse("v[k]^2", parameters=["v"], constants={"k": 2}).evaluate({"v": [1.0, 2.0, 3.0]})
    assert (found.cost, found.gradient["v"].tolist()) == (9.0, [0.0, 0.0, 6.0])


def test_sample_columns_on_a_named_axis_are_data():
    (i,) = sg.axes("i:m")
    x, y = sg.samples("x y", axis=i)
    w = sp.Symbol("w")
    cost = sg.Cost(sg.mean((w * x - y) ** 2, i))
    assert (cost.parameters, cost.data) == (("w",), ("x", "y"))
    assert cost.evaluate({w: 2}, {"x": np.array([1.0, 2.0]), "y": [1.0, 1.0]}).cost == 5.0


@pytest.mark.parametrize("text", ["sum(v[j - 1]^2, j)", "sum(v[j]^2, j in 0:k[0])"])
def test_checking_leaves_reads_outside_an_array_to_the_sentence_that_refuses_them(text):
    cost = sg.parse(text, parameters=["v"], axes="j:m")
    with sg.checking():
        assert cost.program.equations


def test_constants_may_be_arrays_whose_values_come_with_the_data():
    cost = sg.parse("sum(a[j]*w^2, j) + lam*w", constants=["a", "lam"])
    found = cost.evaluate({"w": 2}, {"a": [1, 2], "lam": 3})
    assert (found.cost, found.gradient["w"]) == (18.0, 15.0)
    with pytest.raises(sg.InputError, match="a is read with 1 index"):
        sg.parse("sum(a[j]*w^2, j)", constants={"a": 2})
