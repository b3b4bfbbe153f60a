"""Training does what the update rule says, step by step, and loses nothing when it is stopped."""

import numpy as np
import pytest

import symgd as sg
from symgd.training import trainer as training
from symgd.training.kernels import Kernels
from symgd.updates.shuffling import batches, epoch_order

LINE = sg.parse("mean((w*x + b - y)^2)", samples="x y")
TOTAL = sg.parse("sum((w*x + b - y)^2) + 0.1*w^2", samples="x y")
RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=23)
DATA = {"x": X, "y": 2 * X + 1 + 0.1 * RANDOM.normal(size=23)}
START = {"w": 0.3, "b": -0.2}


def slopes(w, b, x, y):
    r = w * x + b - y
    return np.array([2 * np.mean(r * x), 2 * np.mean(r)])


def found(result):
    return np.array([result.parameters["w"], result.parameters["b"]])


def test_gradient_descent_is_the_formula():
    p = np.array([0.3, -0.2])
    for _ in range(40):
        p = p - 0.1 * slopes(*p, DATA["x"], DATA["y"])
    assert found(LINE.trainer("gradient_descent", learning_rate=0.1).fit(DATA, start=START, steps=40)) == pytest.approx(p, rel=1e-12)


def test_momentum_is_the_formula():
    p, v = np.array([0.3, -0.2]), np.zeros(2)
    for _ in range(40):
        v = 0.8 * v + slopes(*p, DATA["x"], DATA["y"])
        p = p - 0.05 * v
    result = LINE.trainer("momentum", learning_rate=0.05, beta=0.8).fit(DATA, start=START, steps=40)
    assert found(result) == pytest.approx(p, rel=1e-12)


def test_adam_is_algorithm_1():
    p, m, v = np.array([0.3, -0.2]), np.zeros(2), np.zeros(2)
    for t in range(1, 41):
        g = slopes(*p, DATA["x"], DATA["y"])
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        p = p - 0.05 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    assert found(LINE.trainer("adam", learning_rate=0.05).fit(DATA, start=START, steps=40)) == pytest.approx(p, rel=1e-11)


@pytest.mark.parametrize("shuffle", [True, False])
def test_an_epoch_takes_every_sample_once_in_the_order_of_seed_and_epoch(shuffle):
    p = np.array([0.3, -0.2])
    for epoch in range(3):
        order = epoch_order(23, 7, epoch) if shuffle else np.arange(23)
        for first, last in batches(23, 10):
            p = p - 0.1 * slopes(*p, DATA["x"][order[first:last]], DATA["y"][order[first:last]])
    result = LINE.trainer("gradient_descent", learning_rate=0.1).fit(DATA, start=START, epochs=3, batch_size=10, shuffle=shuffle, seed=7)
    assert result.steps == 9
    assert found(result) == pytest.approx(p, rel=1e-12)


def test_steps_and_epochs_count_the_same_updates():
    trainer = LINE.trainer("gradient_descent", learning_rate=0.1)
    by_steps = trainer.fit(DATA, start=START, steps=7, batch_size=10)
    by_epochs = trainer.fit(DATA, start=START, epochs=3, batch_size=10)
    assert by_epochs.history.cost[:7].tolist() == by_steps.history.cost.tolist()


@pytest.mark.parametrize("cost", [LINE, TOTAL], ids=["mean", "total"])
def test_the_gradient_of_equal_batches_is_right_on_average(cost):
    data = {name: values[:20] for name, values in DATA.items()}
    kernels = cost._kernels
    bound = kernels.bind(*kernels.inputs(START, data))

    def gradient(first, last):
        kernels.gradient(bound, first, last)
        return np.array([kernels.value(bound, name) for name in ("dw", "db")])

    parts = [gradient(first, last) for first, last in batches(20, 5)]
    assert np.mean(parts, axis=0) == pytest.approx(gradient(0, 20), rel=1e-12)


def test_a_seed_fixes_everything():
    trainer = LINE.trainer("adam", learning_rate=0.05)
    one, two, other = (trainer.fit(DATA, epochs=5, batch_size=4, seed=seed) for seed in (1, 1, 2))
    assert found(one).tolist() == found(two).tolist()
    assert found(one).tolist() != found(other).tolist()


def test_a_step_in_pieces_gives_the_same_bits(monkeypatch):
    rows = RANDOM.normal(size=(5000, 3))
    cost = sg.parse("mean((sum(v[j]*X[i, j], j) - 1)^2, i)", axes="i:m j:d", parameters=["v"])
    trainer = cost.trainer("momentum", learning_rate=0.01)
    whole = trainer.fit({"X": rows}, steps=5).parameters["v"]
    monkeypatch.setattr(training, "CHUNK", -1.0)
    monkeypatch.setattr(training, "LARGE", 0)
    assert trainer.fit({"X": rows}, steps=5).parameters["v"].tolist() == whole.tolist()


@pytest.mark.parametrize("optimizer", ["gradient_descent", "momentum", "adam"])
def test_numpy_trains_alike(monkeypatch, optimizer):
    expected = LINE.trainer(optimizer, learning_rate=0.01).fit(DATA, start=START, steps=10)
    monkeypatch.setattr(Kernels, "compiled", False)
    result = LINE.trainer(optimizer, learning_rate=0.01).fit(DATA, start=START, steps=10)
    assert found(result) == pytest.approx(found(expected), rel=1e-12)
    assert result.history.cost == pytest.approx(expected.history.cost, rel=1e-12)


@pytest.mark.parametrize("cost", [LINE, TOTAL], ids=["mean", "total"])
def test_numpy_takes_the_same_mini_batches(monkeypatch, cost):
    expected = cost.trainer("adam", learning_rate=0.01).fit(DATA, start=START, epochs=2, batch_size=10)
    monkeypatch.setattr(Kernels, "compiled", False)
    result = cost.trainer("adam", learning_rate=0.01).fit(DATA, start=START, epochs=2, batch_size=10)
    assert found(result) == pytest.approx(found(expected), rel=1e-12)


def test_convergence_ends_the_fit():
    result = sg.parse("(w - 3)^2").trainer("gradient_descent", learning_rate=0.1).fit(start={"w": 1}, steps=1000)
    assert result.converged and result.steps < 100
    assert abs(result.gradient["w"]) < 1e-8
    assert len(result.history) == result.steps + 1
    assert "tolerance" in result.reason


def test_tolerance_0_never_ends_it():
    result = sg.parse("(w - 3)^2").trainer("gradient_descent", learning_rate=0.1).fit(start={"w": 1}, steps=1000, tolerance=0)
    assert not result.converged and result.steps == 1000


def test_divergence_returns_the_parameters_of_lowest_cost():
    result = sg.parse("(w - 3)^2").trainer("gradient_descent", learning_rate=1.5).fit(start={"w": 1}, steps=1000)
    assert not result.converged
    assert result.parameters["w"] == 1 and result.cost == 4
    assert "learning rate is too large" in result.reason


def test_a_nan_ends_the_fit_with_the_last_good_parameters():
    cost = sg.parse("sqrt(w)*w", parameters=["w"])
    result = cost.trainer("gradient_descent", learning_rate=0.5).fit(start={"w": 0.4}, steps=20)
    assert np.isfinite(result.cost) and np.isfinite(result.parameters["w"])
    assert "nan" in result.reason and f"step {result.steps + 1}" in result.reason


def test_ctrl_c_loses_no_step(monkeypatch):
    trainer = LINE.trainer("adam", learning_rate=1e-3)
    whole = trainer.kernels.call

    def interrupted(unit, bound, **given):
        answer = whole(unit, bound, **given)
        if given.get("start", 0) > 0:
            raise KeyboardInterrupt  # the chunk is done, its number of steps unsaid
        return answer

    monkeypatch.setattr(trainer.kernels, "call", interrupted)
    result = trainer.fit(DATA, start=START, steps=1000, tolerance=0)
    monkeypatch.undo()
    again = trainer.fit(DATA, start=START, steps=result.steps, tolerance=0)
    assert result.steps > 1 and len(result.history) == result.steps
    assert found(result).tolist() == found(again).tolist()


def test_an_embedding_takes_mini_batches():
    cost = sg.parse("mean((E[label[i]] - y[i])^2, i)", parameters=["E"], axes="i:m")
    data = {"label": [0, 1, 1, 2, 0], "y": [1.0, 2.0, 3.0, 4.0, 5.0]}
    result = cost.trainer("gradient_descent", learning_rate=0.3).fit(data, start={"E": np.zeros(3)}, epochs=200, batch_size=5)
    assert result.parameters["E"] == pytest.approx([3, 2.5, 4], abs=1e-3)
    assert cost.trainer("adam").fit(data, start={"E": np.zeros(3)}, epochs=2, batch_size=2).steps == 6


def test_ctrl_c_returns_what_has_been_reached(monkeypatch):
    trainer = LINE.trainer("gradient_descent", learning_rate=0.1)
    whole = trainer.kernels.call
    calls = []

    def interrupted(unit, bound, **given):
        calls.append(unit)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(unit, bound, **given)

    monkeypatch.setattr(trainer.kernels, "call", interrupted)
    result = trainer.fit(DATA, start=START, steps=10_000_000, tolerance=0)
    assert 0 < result.steps < 10_000_000
    assert result.reason == f"Interrupted after {result.steps} steps."
    assert result.cost == pytest.approx(LINE.evaluate(result.parameters, DATA).cost)


REFUSED = [
    ({"steps": 0}, "steps is 0"),
    ({"epochs": 0}, "epochs is 0"),
    ({"steps": 1, "epochs": 1}, "Both steps and epochs"),
    ({"batch_size": 0}, "batch_size is 0"),
    ({"batch_size": 24}, "1 to 23"),
    ({"tolerance": -1}, "tolerance is -1"),
    ({"seed": -1}, "seed is -1"),
    ({"threads": 2}, "threads=2 is not built yet"),
    ({"dtype": "float32"}, "float32"),
    ({"shuffle": "yes"}, "shuffle is 'yes'"),
    ({"start": {"q": 1}}, "no parameter q"),
    ({"start": {"w": [1, 2]}}, "w"),
]


@pytest.mark.parametrize(("given", "said"), REFUSED, ids=lambda value: str(value))
def test_settings_that_make_no_sense_are_refused_by_name(given, said):
    with pytest.raises(sg.InputError, match=said):
        LINE.trainer().fit(DATA, **given)


BAD_DATA = [
    ({"x": [1, 2]}, "No value for data y"),
    ({"x": [1, 2], "y": [1]}, "x has 2 .*y 1"),
    ({"x": [1, 2], "y": [1, 2], "q": 3}, "no data q"),
    ({"x": [[1, 2]], "y": [1, 2]}, "x has 2 axes"),
    ({"x": [1, float("nan")], "y": [1, 2]}, r"x\[1\] is nan"),
    ({"x": ["a", "b"], "y": [1, 2]}, "x does not hold numbers"),
    ({"x": np.ma.masked_array([1, 2], mask=[0, 1]), "y": [1, 2]}, "x has masked entries"),
    ({"x": [], "y": []}, "x has no values"),
]


@pytest.mark.parametrize(("data", "said"), BAD_DATA, ids=[said for _, said in BAD_DATA])
def test_data_that_do_not_fit_are_refused_by_name(data, said):
    with pytest.raises(sg.InputError, match=said):
        LINE.trainer().fit(data)


@pytest.mark.parametrize(
    "given",
    [list, np.asfortranarray, lambda v: np.asarray(v, dtype=">f8"), lambda v: np.asarray(v)[::-1][::-1], lambda v: _read_only(np.array(v))],
    ids=["list", "Fortran order", "big-endian", "negative strides", "read-only"],
)
def test_data_of_any_layout_are_taken(given):
    assert LINE.evaluate(START, {name: given(values) for name, values in DATA.items()}).cost == LINE.evaluate(START, DATA).cost


def _read_only(array):
    array.flags.writeable = False
    return array


def test_an_inferred_parameter_that_looks_like_a_constant_is_asked_about():
    cost = sg.parse("mean((w*x - y)^2) + lam*w^2", samples="x y")
    assert any("lam" in note for note in cost.notes)
    with pytest.raises(sg.InputError, match=r"affine in lam.*constants="):
        cost.trainer().fit(DATA)
    assert sg.parse("mean((w*x - y)^2) + lam*w^2", samples="x y", constants={"lam": 0.1}).trainer().fit(DATA, steps=3).steps == 3


def test_a_sample_that_meets_others_has_no_mini_batches():
    cost = sg.parse("sum((x[i] - w*x[j])^2, i, j)", axes="i:m j:m", parameters=["w"])
    with pytest.raises(sg.InputError, match="mini-batches"):
        cost.trainer().fit({"x": X}, batch_size=5)
