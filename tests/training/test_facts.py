"""A fact is looked up in the data before anything is computed with it, by `evaluate`, `fit`, `explain` and saved trainers."""

import importlib.util

import numpy as np
import pytest

import symgd as sg
from symgd.errors import InputError
from symgd.training.facts import TOLERANCE, check_facts

ONES = np.ones((3, 2))
TABLE = np.array([[0.5, 0.5], [0.25, 0.75], [0.6, 0.3]])
SKEWED = np.array([[1.0, 2.0, 0.0], [2.0, 5.0, 4.0], [0.0, 4.5, 1.0]])

# the array as the cost reads it | fact | data | what is wrong with them, None where nothing is
LOOKED_UP = [
    ("Y[i, l]", "sum(Y[i, l], l) = 1", TABLE[:2], None),
    ("Y[i, l]", "sum(Y[i, l], l) = 1", TABLE, "Y, row 2 sums to 0.9"),
    ("Y[i, l]", "sum(Y[i, l], i) = 1", TABLE, "Y, column 0 sums to 1.35"),
    ("Y[i, l]", "sum(Y[i, l], i, l) = 3", TABLE, "Y sums to 2.9"),
    ("Y[i, l]", "mean(Y[i, l], i) = 0", TABLE, "Y, column 0 has the mean 0.45"),
    ("Y[i, l]", "sum(Y[i, l]^2, l) = 1", TABLE, "The squares of Y, row 0 sum to 0.5"),
    ("Y[i, l]", "norm(Y[i, l], l) = 1", ONES, "The squares of Y, row 0 sum to 2"),
    ("T[i, j, l]", "sum(T[i, j, l], j) = 2", np.ones((2, 2, 2)), None),
    ("T[i, j, l]", "sum(T[i, j, l], j) = 3", np.ones((2, 2, 2)), "T[0, :, 0] sums to 2"),
    ("y[i]", "sum(y[i], i) = n_i", [1, 1, 1], None),
    ("y[i]", "sum(y[i], i) = n_i", [1, 1, 2], "y sums to 4 and not to 3"),
    ("A[i, j]", "A[i, j] = A[j, i]", SKEWED, "A[1, 2] is 4 and A[2, 1] is 4.5"),
    ("A[i, j]", "A[i, j] = A[j, i]", SKEWED + SKEWED.T, None),
    ("A[i, j]", "A[i, j] = -A[j, i]", SKEWED - SKEWED.T, None),
    ("A[i, j]", "A[i, j] = -A[j, i]", np.eye(3), "A[0, 0] is 1"),
    ("A[i, j]", "A[i, i] = 1", SKEWED, "A[1, 1] is 5"),
    ("y[i]", "y[i]^2 = 1", [1, -1, 2], "y[2] is 2"),
    ("y[i]", "y[i]^2 = y[i]", [1, 0, -1], "y[2] is -1"),
    ("y[i]", "y[i]^2 = y[i]", [1, 0, 1 + 1e-9], None),
    ("X[i, j]", "X[i, 0] = 1", TABLE, "X[0, 0] is 0.5"),
    ("x[i]", "x[i] > 0", [1, 0], "x[1] is 0"),
    ("x[i]", "x[i] >= 0", [1, 0], None),
    ("x[i]", "0 < x[i] <= 1", [1, 1.5], "x[1] is 1.5"),
    ("x[i]", "abs(x[i]) < 1", [0, -1], "x[1] is -1"),
    ("x[i]", "x[i] != 0", [1, 0], "x[1] is 0"),
    ("c", "c > 2", 2.0, "c is 2"),
]


def cost_of(element, fact):
    letters = element[element.index("[") + 1 : -1].split(", ") if "[" in element else []
    over = "".join(f", {letter}" for letter in letters)
    return sg.parse(f"w^2*sum({element}{over})" if letters else f"w^2*{element}", parameters=["w"], facts=[fact])


@pytest.mark.parametrize(("element", "fact", "given", "wrong"), LOOKED_UP, ids=[f"{fact} {wrong}" for _, fact, _, wrong in LOOKED_UP])
def test_data_are_looked_up(element, fact, given, wrong):
    cost = cost_of(element, fact)
    name = element.partition("[")[0]
    lengths = {"n_i": len(np.atleast_1d(given))}
    if wrong is None:
        check_facts(cost._checked.facts, {name: np.asarray(given)}, lengths)
    else:
        with pytest.raises(InputError) as caught:
            check_facts(cost._checked.facts, {name: np.asarray(given)}, lengths)
        assert str(caught.value) == f"{wrong}; the fact {cost.facts[0]} does not hold. Accepted: data that keep it, or a cost without it."


def test_a_total_may_depend_on_other_data():
    cost = sg.parse("w^2*sum(Y[i, l]*n[i], i, l)", parameters=["w"], facts=["sum(Y[i, l], l) = 2*n[i] - 1"])
    check_facts(cost._checked.facts, {"Y": np.array([[0.5, 0.5], [2.0, 1.0]]), "n": np.array([1, 2])}, {})
    with pytest.raises(InputError, match="Y, row 1 sums to 3 and not to 5; the fact"):
        check_facts(cost._checked.facts, {"Y": np.array([[0.5, 0.5], [2.0, 1.0]]), "n": np.array([1, 3])}, {})


def test_equations_hold_to_a_millionth_of_their_terms():
    cost = sg.parse("w^2*sum(Y[i, l], i, l)", parameters=["w"], facts=["sum(Y[i, l], l) = 0"])
    for size, off in ((1.0, 0.9 * TOLERANCE), (1e6, 0.9)):
        check_facts(cost._checked.facts, {"Y": np.array([[size, -size + off]])}, {})
        with pytest.raises(InputError):
            check_facts(cost._checked.facts, {"Y": np.array([[size, -size + 3 * off]])}, {})


@pytest.fixture(scope="module")
def classifier():
    return sg.parse(
        "-mean(sum(Y[i, l]*log(softmax(z[i, l], l)), l), i) + lam*sum(W[l, j]^2, l, j)",
        where={"z[i, l]": "sum(W[l, j]*X[i, j], j)"},
        axes="i:m j:d l:c",
        parameters=["W"],
        constants=["lam"],
        facts=["sum(Y[i, l], l) = 1", "X[i, 0] = 1", "lam > 0"],
    )


def data(**changed):
    random = np.random.default_rng(0)
    X = np.column_stack([np.ones(20), random.normal(size=(20, 2))])
    Y = random.random((20, 3))
    return {"X": X, "Y": Y / Y.sum(axis=1, keepdims=True), "lam": 0.1, **changed}


BROKEN = np.where(np.arange(20)[:, None] == 17, 0.9, 1.0)


@pytest.mark.parametrize("use", ["evaluate", "fit", "explain"])
def test_every_use_of_data_looks_them_up(classifier, use):
    W = np.zeros((3, 3))
    act = {
        "evaluate": lambda given: classifier.evaluate({"W": W}, given),
        "fit": lambda given: classifier.trainer(learning_rate=0.1).fit(given, start={"W": W}, steps=2),
        "explain": lambda given: classifier.explain({"W": W}, learning_rate=0.1, data=given),
    }[use]
    act(data())
    with pytest.raises(InputError, match=r"Y, row 17 sums to 0\.9; the fact sum\(Y\[i, l\], l\) = 1 does not hold"):
        act(data(Y=data()["Y"] * BROKEN))
    with pytest.raises(InputError, match=r"lam is -1; the fact lam > 0 does not hold"):
        act(data(lam=-1.0))


def test_a_saved_trainer_looks_them_up_too(classifier, tmp_path):
    path = classifier.trainer(learning_rate=0.1).save(tmp_path / "classifier.py")
    spec = importlib.util.spec_from_file_location("classifier", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    start = {"W": np.full((3, 3), 0.1)}
    ours = classifier.trainer(learning_rate=0.1).fit(data(), start=start, steps=3)
    assert module.fit(data(), start=start, steps=3)["cost"] == ours.cost
    for changed, words in (
        ({"Y": data()["Y"] * BROKEN}, r"Y\[17\] breaks the fact sum\(Y\[i, l\], l\) = 1"),
        ({"X": data()["X"] * 2}, r"X\[0\] breaks the fact X\[i, 0\] = 1"),
        ({"lam": -1.0}, "lam breaks the fact lam > 0"),
    ):
        with pytest.raises(ValueError, match=words):
            module.fit(data(**changed), start=start, steps=1)


def test_a_constant_that_breaks_a_fact_is_refused_at_once():
    with pytest.raises(InputError, match="The constant lam is -1; the fact lam > 0 does not hold"):
        sg.parse("lam*w^2", constants={"lam": -1}, facts=["lam > 0"])


def test_a_length_is_still_told_by_data_that_a_fact_made_unneeded():
    cost = sg.parse("sum(sign(x[i])*w^2, i)", parameters=["w"], facts=["x[i] > 0"])
    assert "x" not in cost.gradient.program.inputs
    assert cost.evaluate({"w": 2}, {"x": [1, 2, 3]}).cost == 12
    with pytest.raises(InputError, match=r"x\[1\] is -2; the fact"):
        cost.evaluate({"w": 2}, {"x": [1, -2, 3]})
