"""Indices, lengths, subscripts and integer data count as real numbers: no power or quotient of whole numbers is cut off or overflows."""

import numpy as np
import pytest

import symgd as sg
from symgd.compiling.numpy_backend import run
from symgd.program.meaning import Arithmetic, interpret

CASES = [
    ("w*sum(2^(-i), i in 0:5)", {}),
    ("w*sum(1/(i + 1), i in 0:5)", {}),
    ("w*sum((i - 3)^3/7 + i^30, i in 0:20)", {}),
    ("w*sum(mod(i, 3)/mod(i + 1, 2 + i)^3, i in 0:7)", {}),
    ("w*10^20 + w^2*100000000000000000000", {}),
    ("w*sum(x[i]/(i + 1), i)", {"x": np.arange(5)}),
    ("w*sum(x[i]^20, i)", {"x": np.arange(60)}),
    ("w*m^(-2)*sum(x[i], i)", {"x": np.arange(5, dtype=np.int8)}),
    ("w*factorial(m)*sum(x[i], i)/m^m", {"x": np.ones(25, dtype=np.uint8)}),
    ("sum(w^2*label[i]^25/(label[i] - 7) + x[label[i]], i)", {"label": np.arange(5), "x": np.arange(5)}),
]


@pytest.mark.parametrize(("formula", "data"), CASES, ids=[formula for formula, _ in CASES])
def test_whole_numbers_are_real_numbers(formula, data):
    cost = sg.parse(formula, axes="i:m", parameters=["w"])
    found = cost.evaluate({"w": 2}, data)  # whole numbers, too
    program = cost.gradient.program
    bound = cost._kernels.bind(*cost._kernels.inputs({"w": 2}, data))
    values = {name: np.asarray({"w": 2, **data}[name]) for name in program.inputs}
    exact = interpret(program, values, bound.lengths, Arithmetic(50))
    wanted = [float(exact[program.cost][()]), float(exact[program.adjoints["w"]][()])]
    assert [found.cost, found.gradient["w"]] == pytest.approx(wanted, rel=1e-14)
    by_numpy = run(program, values, bound.lengths)
    assert [float(by_numpy[program.cost]), float(by_numpy[program.adjoints["w"]])] == pytest.approx(wanted, rel=1e-14)
