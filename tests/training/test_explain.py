"""The story of one update: its numbers are those of hand calculation, its words fit them."""

import json
import subprocess
import sys

import numpy as np
import pytest
import sympy as sp

import symgd as sg
from symgd.errors import InputError
from symgd.training.explain import INTERPRETED
from symgd.training.story import IN_FULL, MOST, RULE

LINE = {"x": [1, 2, 3], "y": [2, 4, 7]}
w, b = sp.symbols("w b")


def line():
    x, y = sg.samples("x y")
    return sg.Cost(sg.mean((w * x + b - y) ** 2), parameters=[w, b])


def vector(size, **options):
    """mean((X w - y)^2) and the data of so many columns."""
    random = np.random.default_rng(1)
    cost = sg.parse("mean((sum(w[j]*X[i, j], j) - y[i])^2, i)", axes="i:m j:d", parameters=["w"])
    return cost, {"X": random.normal(size=(7, size)), "y": random.normal(size=7)}


# cost | w | learning rate | cost, gradient, new w, new cost | sentences
UPDATES = [
    ("(w - 3)^2", 1, 0.1, (4, -4, 1.4, 2.56), ["negative", "w goes up", "1 - 0.1*(-4) = 1.4", "went down by 1.44"]),
    ("(w - 3)^2", 5, 0.25, (4, 4, 4, 1), ["positive", "w goes down", "5 - 0.25*4 = 4", "went down by 3"]),
    ("(w - 3)^2", 3, 0.1, (0, 0, 3, 0), ["zero", "stationary", "3 - 0.1*0 = 3", "Nothing changes"]),
    ("(w - 0.3)^2", 0.3, 1, (0, 0, 0.3, 0), ["zero", "stationary"]),
    ("(w - 0.1)^2 - 0.2*w", 0.2, 1, (-0.03, 0, 0.2, -0.03), ["C = -0.03", "stationary"]),
    ("(w - 3)^2", 1, 1.1, (4, -4, 5.4, 5.76), ["It did not go down: it rose by 1.76.", "too large", "with 0.55 the new cost is 0.04"]),
    ("(w - 3)^2", 1, 1, (4, -4, 5, 4), ["It did not go down: it is the same as before.", "with 0.5 the new cost is 0."]),
    ("w - log(w)", 3, 6, (3 - np.log(3), 2 / 3, -1, np.nan), ["C is undefined at w = -1", "leaves the domain", "with 3 the new cost is 1."]),
    ("w^4", 1e-5, 1e-9, (1e-20, 4e-15, 1e-5, 1e-20), ["as good as a stationary point"]),
    ("abs(w) + w/2", 0, 1, (0, 0.5, -0.5, 0.25), ["rose by 0.25", "A smaller learning rate does not help either"]),
    ("exp(w)/3", 0, 0.3, (1 / 3, 1 / 3, -0.1, np.exp(-0.1) / 3), ["0 - 0.3*0.333333333333 = -0.1"]),
]  # fmt: skip


@pytest.mark.parametrize(("formula", "at", "rate", "expected", "sentences"), UPDATES)
def test_an_update_has_its_numbers_and_its_words(formula, at, rate, expected, sentences):
    told = sg.parse(formula).explain({"w": at}, learning_rate=rate)
    found = (told.cost, told.gradient["w"], told.new_parameters["w"], told.new_cost)
    assert found == pytest.approx(expected, rel=1e-14, abs=1e-300, nan_ok=True)
    assert told.went_down == (found[3] < found[0])
    for sentence in sentences:
        assert sentence in told.text()
    assert told._repr_markdown_().count("$") % 2 == 0


def test_the_first_update_in_full():
    told = sg.Cost((w - 3) ** 2).explain({w: 1}, learning_rate=0.1)
    assert (told.cost, told.gradient[w], told.parameters[w], told.new_parameters[w], told.new_cost, told.went_down) == (4, -4, 1, 1.4, 2.56, True)
    assert str(told) == told.text()
    assert told.text().splitlines()[0] == "The cost now: C = 4."
    assert told.text().isascii()


def test_the_rule_that_is_shown_is_the_row_that_is_computed():
    shown = sg.parse("w^2").explain({"w": 1}, learning_rate=0.5).text()
    assert RULE.text().replace("*g", "*dC/dw") in shown


# cost | w | where it ends
UNDEFINED = [
    ("log(w)", -1, "The cost now: C is undefined at w = -1."),
    ("log(w)", 0, "The cost now: C is minus infinity at w = 0."),
    ("1/w", 0, "The cost now: C is infinite at w = 0."),
    ("sqrt(w)", 0, "The gradient is not finite at w = 0, so no step can be taken from here."),
]


@pytest.mark.parametrize(("formula", "at", "sentence"), UNDEFINED)
def test_what_is_not_finite_is_said(formula, at, sentence):
    told = sg.parse(formula).explain({"w": at}, learning_rate=0.1)
    assert sentence in told.text()
    assert not told.went_down
    assert told.new_parameters["w"] == told.parameters["w"] == at
    assert "\\text{infinite}" in told.latex() or "\\text{undefined}" in told.latex() or "\\text{minus infinity}" in told.latex()
    json.dumps(told.to_json(), allow_nan=False)


def test_parameter_values_and_gradient_values_stand_in_columns_of_their_own():
    told = line().explain({w: 0, b: 0.5}, learning_rate=0.1, data=LINE)
    rows = [row.split() for row in told.text().splitlines()]
    head = next(n for n, row in enumerate(rows) if row[:5] == ["parameter", "parameter", "value", "gradient", "value"])
    for row, name in zip(rows[head + 1 :], ("w", "b"), strict=False):
        assert (row[0], float(row[1]), float(row[2])) == (name, told.parameters[name], pytest.approx(told.gradient[name], rel=1e-11))
    assert told.text().count("must not be confused") == 1
    assert "| parameter | parameter value | gradient value |" in told._repr_markdown_()
    assert r"\text{parameter} & \text{parameter value} & \text{gradient value}" in told.latex()
    assert "one number" in told.text() and "a vector of 2 numbers" in told.text()


def test_values_follow_from_data_definitions_and_constants():
    cost = sg.parse("mean((z - y)^2) + lam*w^2", samples="x y", where={"z": "w*x"}, constants={"lam": 0.5})
    told = cost.explain({"w": 1}, learning_rate=0.1, data=LINE)
    x, y = np.array(LINE["x"]), np.array(LINE["y"])
    value = lambda at: np.mean((at * x - y) ** 2) + 0.5 * at**2  # noqa: E731
    slope = 2 * np.mean(x * (x - y)) + 1
    assert (told.cost, told.gradient["w"]) == (pytest.approx(value(1)), pytest.approx(slope))
    assert told.new_cost == pytest.approx(value(1 - 0.1 * slope))
    assert "with lam = 0.5, m = 3" in told.text()


@pytest.mark.parametrize("size", [1, 2, IN_FULL, IN_FULL + 1, 40])
def test_arrays_are_shown_in_full_or_in_short(size):
    cost, data = vector(size)
    at = {"w": np.linspace(-1, 1, size) if size > 1 else [0.5]}
    told = cost.explain(at, learning_rate=0.01, data=data)
    same = cost.evaluate(at, data)
    np.testing.assert_allclose(told.gradient["w"], same.gradient["w"], rtol=1e-12)
    assert told.cost == pytest.approx(same.cost, rel=1e-12)
    assert told.gradient["w"].shape == told.new_parameters["w"].shape == (size,)
    listed = [row.split()[0] for row in told.text().splitlines() if row.strip().startswith("w[") and "<-" not in row]
    assert len(listed) == (size if 1 < size <= IN_FULL else 0)
    assert (f"w, {size}" in told.text()) == (size > IN_FULL)
    assert ("w[0] goes from 0.5" in told.text()) == (size == 1)
    assert max(map(len, told.text().splitlines())) < 200


def test_interpreter_and_numpy_tell_the_same():
    cost, data = vector(5)
    rows = INTERPRETED // 5
    many = {"X": np.tile(data["X"], (rows // 7, 1)), "y": np.tile(data["y"], rows // 7)}
    at = {"w": [0.1, 0.2, 0.3, 0.4, 0.5]}
    few, all_rows = (cost.explain(at, learning_rate=0.1, data=given) for given in (data, many))
    assert all_rows.cost == pytest.approx(few.cost, rel=1e-12)
    np.testing.assert_allclose(all_rows.gradient["w"], few.gradient["w"], rtol=1e-11)
    assert all_rows.new_cost == pytest.approx(few.new_cost, rel=1e-12)


def test_many_parameters_and_long_formulas_stay_on_a_page():
    many = 60
    told = sg.parse(" + ".join(f"(x{n} - {n})^2" for n in range(many))).explain({f"x{n}": 0 for n in range(many)}, learning_rate=0.1)
    assert told.new_cost == pytest.approx(0.64 * told.cost)
    assert f"and {many - MOST} more rows" in told.text()
    assert len(told.text().splitlines()) < 80
    deep = w
    for _ in range(40):
        deep = sp.sin(deep) + deep / 2
    with sg.checking(False):  # written out, the formula has 2^40 parts
        told = sg.Cost(deep).explain({w: 1}, learning_rate=0.1)
    assert "a long formula" in told.text() and "cost.gradient.program" in told.text()
    assert len(told.latex()) < 1000


# at | learning rate | data | what is said
REFUSED = [
    ({}, 0.1, LINE, r"No value for parameter w, b\."),
    ({"w": 1, "b": 1, "v": 1}, 0.1, LINE, r"There is no parameter v"),
    ({"w": 1, "b": 1}, 0.1, None, r"No value for data x, y\."),
    ({"w": 1, "b": 1}, 0, LINE, r"learning_rate is 0\. Accepted: \(0, oo\)\."),
    ({"w": 1, "b": 1}, -1, LINE, r"learning_rate is -1"),
    ({"w": 1, "b": 1}, float("nan"), LINE, r"learning_rate is nan"),
    ({"w": 1, "b": 1}, "fast", LINE, r"learning_rate is fast"),
    ({"w": [1, 2], "b": 1}, 0.1, LINE, r"w "),
    ({"w": 1, "b": float("inf")}, 0.1, LINE, r"b is inf\. Accepted: finite numbers\."),
    ({"w": 1, "b": 1}, 0.1, {"x": [1, 2], "y": [1, 2, 3]}, r"x has 2 .*y.* 3"),
]


@pytest.mark.parametrize(("at", "rate", "data", "said"), REFUSED)
def test_what_does_not_fit_is_refused_in_a_sentence(at, rate, data, said):
    with pytest.raises(InputError, match=said):
        line().explain(at, learning_rate=rate, data=data)


def test_a_cost_without_parameters_has_no_update():
    with pytest.raises(InputError, match="no parameter"):
        sg.parse("mean(x^2)", samples="x").explain({}, learning_rate=1, data={"x": [1]})


def test_json_has_plain_numbers_and_the_text():
    told = line().explain({w: 0, b: 0}, learning_rate=0.1, data=LINE)
    found = json.loads(json.dumps(told.to_json(), allow_nan=False))
    assert found["cost"] == 23 and found["parameters"] == {"w": 0, "b": 0} and found["went_down"] is True
    assert found["gradient"]["w"] == pytest.approx(-62 / 3)
    assert found["text"] == told.text()


def test_a_cost_with_an_eta_of_its_own_calls_the_rate_by_another_name():
    told = sg.parse("eta^2").explain({"eta": 1}, learning_rate=0.1)
    assert "eta <- eta - learning_rate*dC/deta = 1 - 0.1*2 = 0.8" in told.text()
    assert r"\eta - \mathrm{rate}\,\frac{\partial C}{\partial \eta}" in told.latex()


def test_names_stay_inert():
    name = "a|b$<i>"
    told = sg.Cost((sp.Symbol(name) - 3) ** 2 + w**2).explain({name: 1, "w": 1}, learning_rate=0.1)
    assert "`a|b$<i>`" in told.text()
    for shown in (told._repr_markdown_(), told.latex()):
        assert "<i>" not in shown and "a|b" not in shown


def test_explaining_needs_neither_numba_nor_sympy():
    code = (
        "import sys, symgd as sg\n"
        "print(sg.parse('(w-3)^2').explain({'w': 1}, learning_rate=0.1))\n"
        "sys.exit(any(name in sys.modules for name in ('numba', 'sympy')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "1.4" in done.stdout
