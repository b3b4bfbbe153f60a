"""A fit that starts where the cost has no value says which formula has none, and in which row."""

import numpy as np
import pytest

import symgd as sg
from symgd.nodes.functions import FUNCTIONS
from symgd.program.meaning import Arithmetic, Interpreter
from symgd.training.domain import NEEDS, _forms

CASES = [
    ("mean((w*log(x) - y)^2)", {"samples": "x y"}, {"x": [1.0, 2, -3], "y": [1, 2, 3]}, {}, "log(x) needs x > 0, which fails in row 2, where x is"),
    ("mean((sqrt(w)*x - y)^2)", {"samples": "x y"}, {"x": [1.0, 2], "y": [1, 2]}, {"w": -1}, "sqrt(w) needs w >= 0, which fails, where w is -1."),
    ("mean((w/x - y)^2)", {"samples": "x y"}, {"x": [1.0, 0, 2], "y": [1, 2, 3]}, {}, "w/x needs x != 0, which fails in row 1, where x is 0."),
    ("mean((z - y)^2)", {"samples": "x y", "where": {"z": "w*acosh(x)"}}, {"x": [2.0, 0.5], "y": [1, 2]}, {}, "x >= 1, which fails in row 1"),
    (
        "sum(x[i, j]^(1/3)*w^2, i, j)",
        {"parameters": ["w"]},
        {"x": [[1.0, 0], [-3, 2]]},
        {},
        "x[i, j]^(1/3) needs x[i, j] >= 0, which fails at i = 1 and at j = 0, where x[i, j] is -3.",
    ),
    ("sum(log(s[i])*w^2, i)", {"parameters": ["w"], "where": {"s[i]": "sum(x[i, j], j)"}, "axes": "i:m"}, {"x": [[1.0, 1], [-2, 1]]}, {}, "at i = 1"),
    ("mean((w*x - y)^2)", {"samples": "x y"}, {"x": [1e200, 1e190], "y": [1, 2]}, {}, "too large for a float64; are the data scaled?"),
]  # fmt: skip


@pytest.mark.parametrize(("cost", "settings", "data", "start", "message"), CASES, ids=[case[0] for case in CASES])
def test_the_reason_names_formula_and_row(cost, settings, data, start, message):
    result = sg.parse(cost, **settings).trainer(learning_rate=0.01).fit(data, start=start or None, steps=3)
    assert result.steps == 0 and result.reason.startswith("At step 1 the cost is ")
    assert message in result.reason
    assert result.reason.endswith("The parameters are the start values.")


def test_what_no_branch_takes_is_no_reason():
    cost = sg.parse("mean(w*piecewise(log(x), x > 0, 0) + w^2)", samples="x")
    assert np.isfinite(cost.trainer(learning_rate=0.1).fit({"x": [1.0, -2.0]}, steps=2).cost)


@pytest.mark.parametrize("name", [name for name in NEEDS if name not in ("/", "xlogy", "logbase")])
def test_a_function_is_finite_where_it_needs_to_be_and_only_there(name):
    """Against mpmath, at points around every edge."""
    arithmetic = Arithmetic(30)
    for u in (-3.0, -2.5, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 3.0):
        holds = Interpreter({"u": u}, {}, arithmetic).holds(_forms()[name], {}, Interpreter({"u": u}, {}, arithmetic).number)
        assert holds == bool(arithmetic.ctx.isfinite(FUNCTIONS[name].mpmath(arithmetic.ctx, arithmetic.ctx.mpf(u)))), u


@pytest.mark.parametrize("p", ["sigmoid(w*x)", "1/(1 + exp(-w*x))"])
def test_labels_of_a_cross_entropy_that_are_no_probabilities_are_noticed(p):
    cost = sg.parse("-mean(y*log(p) + (1 - y)*log(1 - p))", where={"p": p}, samples="x y")
    with pytest.warns(UserWarning, match=r"y\[1\] is 2: in a cross-entropy, y\*log\(p\) \+ \(1 - y\)\*log\(1 - p\), y lies between 0 and 1."):
        cost.evaluate({"w": 1}, {"x": [1, 2, 3], "y": [1, 2, 1]})
    cost.evaluate({"w": 1}, {"x": [1, 2, 3], "y": [1, 2, 1]})  # said once
    sg.parse("-mean(y*log(p) + (1 - y)*log(1 - p))", where={"p": p}, samples="x y").evaluate({"w": 1}, {"x": [1, 2, 3], "y": [1, 0, 0.5]})
    sg.parse("mean((w*x - y)^2)", samples="x y").evaluate({"w": 1}, {"x": [1, 2], "y": [1, 2]})
