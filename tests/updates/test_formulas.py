"""Elementwise formulas with NumPy: equal to the reference interpreter, element by element."""

import numpy as np
import pytest

from symgd.errors import InputError, NotBuilt
from symgd.nodes.functions import FUNCTIONS
from symgd.program.meaning import Arithmetic, Interpreter
from symgd.updates.formulas import formula, letters_of, value

LETTERS = {"u": [0.25, 0.5, 0.75], "v": [0.125, 1.5, 2.0]}
LINES = [
    "u + v - 3*u*v",
    "-u/v/(1 - u)",
    "(u - 1)^2^v",
    "sqrt(6/(u + v))*(2*u - 1)",
    "max(u, v, 1/2) - min(u, v, 3/4)",
    "piecewise(u, u < v and not v > 1, v, u >= 1/2, pi + e)",
    "exp(-u^2)*tanh(v) + abs(u - v)*sign(u - v)",
    "piecewise(1, u == 1/2 or v != 2)",
]


@pytest.mark.parametrize("line", LINES)
def test_arrays_have_the_values_of_their_elements(line):
    root = formula("line", line, tuple(LETTERS))
    assert letters_of(root) <= set(LETTERS)
    found = np.broadcast_to(value(root, LETTERS), 3)
    for n in range(3):
        one = Interpreter({name: values[n] for name, values in LETTERS.items()}, {}, Arithmetic(30)).number(root, {})
        assert found[n] == pytest.approx(float(one), rel=1e-14, nan_ok=True)


@pytest.mark.parametrize("row", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_is_right_or_refused(row):
    root = formula("line", f"{row.name}({', '.join('uvw'[: row.arity or 2])})", ("u", "v", "w"))
    at = {"u": 0.25, "v": 0.5, "w": 0.75}
    try:
        found = float(value(root, at))
    except NotBuilt:
        return
    one = Interpreter(at, {}, Arithmetic(30)).number(root, {})
    assert found == pytest.approx(float(one), rel=1e-14, nan_ok=True)


def test_letters_of_the_row_come_before_constants():
    assert value(formula("line", "e + 1", ("e",)), {"e": 1.0}) == 2


@pytest.mark.parametrize(("line", "message"), [("u + h", "line knows no h in u [+] h. Accepted: u"), ("u[1]", "one element"), (3, "text")])
def test_a_wrong_line_is_refused(line, message):
    with pytest.raises(InputError, match=message):
        formula("line", line, ("u",))
