"""A recurrence that computes its steps again on the way back: the same gradient, and the memory of its states alone."""

import numpy as np
import pytest

import symgd as sg
from symgd.program.equation import Scan
from symgd.program.gate import checked_same
from symgd.schedule.schedule import schedule
from symgd.tidy.recompute import recomputed
from symgd.training import kernels as training_kernels
from symgd.training.kernels import Kernels

GATE = "sigmoid(sum(A{0}[k, l]*h[t, l], l) + sum(B{0}[k, j]*x[t, j], j))"
LSTM = {
    "h[0, k]": "0",
    "c[0, k]": "0",
    "f[t, k]": GATE.format("f"),
    "o[t, k]": GATE.format("o"),
    "q[t, k]": GATE.format("q"),
    "g[t, k]": "tanh(sum(Ag[k, l]*h[t, l], l))",
    "c[t + 1, k]": "f[t, k]*c[t, k] + q[t, k]*g[t, k]",
    "h[t + 1, k]": "o[t, k]*tanh(c[t + 1, k])",
}
MIXED = {
    "h[i, 0, k]": "b[k]",
    "a[i, t, k]": "tanh(sum(W[k, l]*h[i, t, l], l) + x[i, t])",
    "h[i, t + 1, k]": "h[i, t, k]/2 + a[i, t, k]*sin(h[i, t, k])",
}
COSTS = [
    pytest.param("sum((h[t + 1, k] - y[t])^2, t, k)", LSTM, "t:T k:n l:n j:d", id="LSTM"),
    pytest.param("mean(sum((h[i, T, k] - y[i])^2, k), i)", MIXED, "i:m t:T k:n l:n", id="on samples"),
    pytest.param("v[0]^2", {"v[T]": "0", "u[t]": "exp(w*v[t + 1])", "v[t]": "x[t] + sin(u[t])"}, "t:T", id="backwards"),
]


def cost(text: str, where: dict[str, str], axes: str) -> sg.Cost:
    return sg.parse(text, where=where, axes=axes, parameters=[name for name in ("w", "W", "b", "Af", "Bf", "Ag", "Ao") if name in repr(where)])


@pytest.mark.parametrize(("text", "where", "axes"), COSTS)
def test_recomputing_changes_neither_cost_nor_gradient(text, where, axes):
    program = cost(text, where, axes).gradient.program
    again = recomputed(program)
    assert any(equation.target.endswith("_again") for equation in again.flat())
    checked_same(program, again, "recomputing")


def numbers(kernels: Kernels, values: dict, data: dict) -> int:
    return sum(np.size(array) for array in kernels.bind(*kernels.inputs(values, data)).memory.values() if isinstance(array, np.ndarray))


def test_the_states_alone_are_kept_for_all_steps():
    found = cost(*COSTS[0].values)
    lean = Kernels(found._checked, recomputed(found.gradient.program))
    width, features = 4, 3
    values = {name: np.ones((width, features if name[0] == "B" else width)) for name in found.parameters}
    growth = []
    for kernels in (found._kernels, lean):
        used = []
        for steps in (50, 100, 200):
            data = {name: np.ones((width, features if name[0] == "B" else width)) for name in found.data if name[0] in "AB"}
            used.append(numbers(kernels, values, {**data, "x": np.ones((steps, features)), "y": np.ones(steps)}))
        assert used[2] - used[1] == 2 * (used[1] - used[0])  # linear in the steps
        growth.append((used[1] - used[0]) / 50)
    assert growth[1] == 4 * width + features + 1  # h, c, dh, dc, and the data x and y
    assert growth[0] > 2 * growth[1]


NORM = {
    "z[i, k]": "sum(W[k, j]*X[i, j], j)",
    "mu[k]": "mean(z[i, k], i)",
    "s[k]": "mean((z[i, k] - mu[k])^2, i)",
    "a[i, k]": "tanh((z[i, k] - mu[k])/sqrt(s[k] + 0.1))",
}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        pytest.param("mean((sum(a[i, k], k) - y[i])^2, i)", NORM, id="batch norm"),
        pytest.param("mean((r[i] - mean(r[i], i))^2, i)", {"r[i]": "tanh(sum(W[k, j]*X[i, j], j, k)) - y[i]"}, id="variance"),
        pytest.param("max(e[i], i)", {"e[i]": "(sum(tanh(W[k, j]*X[i, j]), j, k) - y[i])^2"}, id="largest residual"),
        pytest.param("sum((e[i]/sum(e[i], i))^2*y[i], i)", {"e[i]": "exp(sum(W[k, j]*X[i, j], j, k))"}, id="weights"),
    ],
)
def test_later_passes_compute_again_what_would_be_kept_for_all_samples(text, where):
    found = sg.parse(text, where=where, axes="i:m j:d k:3", parameters=["W"])
    program = found.gradient.program
    assert "rows" in schedule(program).kinds.values()
    again = recomputed(program)
    checked_same(program, again, "recomputing")
    assert again.passes == program.passes > 1
    assert "rows" not in schedule(again).kinds.values()
    kernels, values = Kernels(found._checked, again), {"W": np.ones((3, 2))}
    assert len({numbers(kernels, values, {"X": np.ones((m, 2)), "y": np.ones(m)}) - 3 * m for m in (20_000, 30_000)}) == 1  # the data alone


def test_what_one_later_pass_needs_is_computed_there():
    program = sg.parse("mean((w*x - u)^2) + mean(exp(t)*w*x)", where={"u": "tanh(x)", "t": "mean(w*x)"}, samples="x").gradient.program
    assert program.passes == 2
    assert "rows" not in schedule(program).kinds.values()


@pytest.mark.slow
def test_what_would_take_too_much_memory_is_computed_again(monkeypatch):
    text, where, axes = COSTS[1].values
    values, data = {"W": np.eye(3) / 2, "b": np.ones(3)}, {"x": np.ones((5, 4)), "y": np.ones(5)}
    stored = cost(text, where, axes).evaluate(values, data)
    monkeypatch.setattr(training_kernels, "STORED", 0)
    other = cost(text, where, axes)
    again = other.evaluate(values, data)
    assert any(equation.target == "a_again" for item in other._kernels.program.equations if isinstance(item, Scan) for equation in item.equations)
    assert again.cost == pytest.approx(stored.cost, rel=1e-14)
    for name in values:
        assert np.allclose(again.gradient[name], stored.gradient[name], rtol=1e-12)
