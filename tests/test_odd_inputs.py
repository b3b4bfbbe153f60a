"""What is odd is computed rightly, refused in a sentence or remarked on: rows of tests/cases/odd_inputs.txt. What is refused as text: refused.txt."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from scipy import sparse

import symgd as sg

LINES = (Path(__file__).parent / "cases" / "odd_inputs.txt").read_text(encoding="utf-8").splitlines()
ROWS = [tuple(line.split("  =>  ")) for line in LINES if line and not line.startswith("#")]
LINE = sg.parse("mean((w*x + b - y)^2)", samples="x y")
MATRIX = sg.parse("mean((sum(w[j]*X[i, j], j) - 1)^2, i)", axes="i:m j:d", parameters=["w"])


def nested(depth: int) -> sp.Expr:
    formula = sp.Symbol("u")
    for _ in range(depth):
        formula = sp.sin(formula) + formula
    return formula


def fitted(data=None, rule="gradient_descent", **given):
    settings = {name: given.pop(name) for name in ("learning_rate", "beta", "beta1", "beta2", "nesterov") if name in given}
    steps = {} if "epochs" in given else {"steps": 2}
    return LINE.trainer(rule, **settings).fit(data or {"x": [1, 2, 3], "y": [1, 2, 3]}, **steps, **given)


WORDS = {
    "P": sg.parse, "C": sg.Cost, "S": sp.Symbol, "F": fitted, "M": lambda X: MATRIX.evaluate({"w": [0, 0]}, {"X": X}),
    "sp": sp, "np": np, "sparse": sparse, "nested": nested, "NAN": float("nan"), "INF": float("inf"),
    "RESERVED": ["numpy", "np", "math", "sin", "print", "self", "w0", "_g0", "prange", "njit", "C", "dw", "rows", "len", "first", "None"],
    "QUOTED": ['"""', "'''", "{{7*7}}", "{% raw %}", "%s", "\\"],
}  # fmt: skip


@pytest.mark.parametrize(("act", "reaction"), ROWS, ids=[act for act, _ in ROWS])
def test_the_reaction_is_the_stated_one(act, reaction):
    kind, _, wanted = reaction.partition(": ")
    with sg.checking(False), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = eval(act, dict(WORDS))
        except sg.InputError as refused:
            assert kind == "refused", refused
            assert str(refused).startswith(wanted)
            assert "Accepted: " in str(refused)
            return
    if kind == "is":
        assert str(found) == wanted.replace("\\n", "\n")
    elif kind == "noted":
        assert any(wanted in note for note in found.notes), found.notes
    else:
        assert kind == "warned"
        assert any(wanted in str(warning.message) for warning in caught)
