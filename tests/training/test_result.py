"""What a fit hands back: values by name, history, drawing, files."""

import json
import math
import sys

import numpy as np
import pytest
import sympy as sp

from symgd.errors import InputError
from symgd.training.result import ByName, Evaluation, History, Result

W = np.array([[1.0, 2.0], [3.0, 4.0]])
HISTORY = History([1, 2, 3], [4.0, 2.0, 1.0], [3.0, 2.0, 1.0])


def result(**changes):
    given = {"parameters": {"W": W, "file": 0.5}, "gradient": {"W": W * 0, "file": 3.0}, "history": HISTORY, "reason": "All 3 steps are done."}
    return Result(**{"cost": 0.5, "steps": 3, "converged": False, "seconds": 0.125, **given, **changes})


@pytest.mark.parametrize(
    "key", ["W", sp.Symbol("W"), sp.IndexedBase("W"), sp.IndexedBase("W")[sp.Symbol("i"), 0]], ids=["name", "Symbol", "base", "element"]
)
def test_a_value_is_found_by_whatever_names_it(key):
    values = ByName({sp.IndexedBase("W"): W, "b": np.float32(0.5), sp.Symbol("c"): np.array(2)})
    assert values[key] is W
    assert key in values
    assert (values["b"], values["c"]) == (0.5, 2.0)
    assert type(values["b"]) is type(values["c"]) is float
    assert list(values) == ["W", "b", "c"]


@pytest.mark.parametrize("kind", [InputError, KeyError])
def test_a_missing_name_is_both_kinds_of_error(kind):
    values = ByName({"weights": 1, "b": 2})
    with pytest.raises(kind, match=r"There is no name weihgts; was weights meant\? Accepted: weights, b\."):
        _ = values["weihgts"]
    assert "weihgts" not in values
    assert values.get("weihgts", 7) == 7
    assert 3 not in values


def test_an_evaluation_has_the_shapes_of_the_parameters():
    at = Evaluation(np.float64(4), {sp.Symbol("w"): np.array(-4.0), "W": W})
    assert (at.cost, at.gradient[sp.Symbol("w")]) == (4.0, -4.0)
    assert at.gradient["W"].shape == W.shape


def test_history_is_three_columns():
    assert len(HISTORY) == 3
    assert {name: HISTORY[name].tolist() for name in HISTORY} == {"step": [1, 2, 3], "cost": [4, 2, 1], "gradient_norm": [3, 2, 1]}
    assert HISTORY.cost is HISTORY["cost"]
    assert HISTORY.step.dtype.kind == "i"
    assert dict(HISTORY).keys() == {"step", "cost", "gradient_norm"}
    assert len(History([], [], [])) == 0
    with pytest.raises(KeyError, match="There is no column costs; was cost meant"):
        _ = HISTORY["costs"]
    with pytest.raises(InputError, match="unequal lengths"):
        History([1, 2], [1.0], [1.0])


def test_a_result_is_one_readable_line():
    assert repr(result()) == "<Result after 3 steps in 0.125 s, cost 0.5, gradient norm 3: All 3 steps are done.>"
    assert repr(result(steps=1)).startswith("<Result after 1 step in")
    assert repr(result(gradient={"W": W * 1e200, "file": math.nan})).count("\n") == 0
    assert repr(result().parameters) == "{'W': [[1., 2.], [3., 4.]], 'file': 0.5}"
    assert repr(ByName({"W": np.zeros((784, 128))})) == "{'W': <array of shape 784 x 128>}"


def test_a_notebook_shows_values_and_gradients_in_columns_of_their_own():
    shown = result(reason="<b>", gradient={"W": W})._repr_html_()
    assert "<th>value</th><th>gradient</th>" in shown
    assert "&lt;b&gt;" in shown
    assert "<td>file</td><td>0.5</td><td></td>" in shown


def test_parameters_are_saved_by_their_names(tmp_path):
    path = tmp_path / "found.npz"
    for _ in range(2):  # the second time over the first
        result().save(path)
        with np.load(path) as found:
            assert set(found) == {"W", "file"}
            assert (found["W"] == W).all()
            assert found["file"] == 0.5
    assert [file.name for file in tmp_path.iterdir()] == ["found.npz"]


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "found.npz"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        result(parameters={"a": [1.0], "b": np.array([None])}).save(path)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["found.npz"]


def test_json_is_plain_and_strict():
    found = json.loads(json.dumps(result(cost=math.nan, gradient={"W": W * math.inf, "file": 1}).to_json(), allow_nan=False))
    assert found["parameters"] == {"W": W.tolist(), "file": 0.5}
    assert found["cost"] is None
    assert found["gradient"] == {"W": [[None, None], [None, None]], "file": 1.0}
    assert found["history"] == {"step": [1, 2, 3], "cost": [4, 2, 1], "gradient_norm": [3, 2, 1]}
    assert (found["steps"], found["converged"], found["reason"], found["seconds"]) == (3, False, "All 3 steps are done.", 0.125)


def test_compute_asks_the_cost_at_the_parameters_found():
    def computing(names, parameters, data):
        return names, parameters["file"], data

    assert result(computing=computing).compute("p", {"x": 1}) == ("p", 0.5, {"x": 1})
    with pytest.raises(InputError, match="does not know its cost"):
        result().compute("p")


@pytest.mark.parametrize(
    ("costs", "scale", "drawn"),
    [
        ([4.0, 2.0, 1.0], "log", 3),
        ([4.0, 0.0, 1.0], "linear", 3),
        ([4.0, -2.0, 1.0], "linear", 3),
        ([4.0, 2.0, math.nan], "log", 2),
        ([math.nan] * 3, "linear", 0),
    ],
)
def test_the_cost_is_drawn_on_a_logarithmic_scale_where_it_is_positive(costs, scale, drawn):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    axes = result(history=History([1, 2, 3], costs, [1.0, 1.0, 1.0])).plot()
    assert (axes.get_yscale(), axes.get_xlabel(), axes.get_ylabel()) == (scale, "step", "cost")
    assert len(axes.lines[0].get_xdata()) == drawn
    assert result().plot(axes) is axes
    plt.close(axes.figure)


def test_a_missing_matplotlib_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "symgd\[plot\]"'):
        result().plot()
