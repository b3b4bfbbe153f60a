"""Subscripts in SymPy and in text are the same, and what need not be a whole number is refused by both."""

import pytest
import sympy as sp

import symgd as sg
from symgd.errors import InputError
from symgd.nodes.sympy_door import index_from_sympy
from symgd.nodes.text import text
from symgd.reading.text import expression

i, j, d, n = sp.symbols("i j d n", integer=True)
label, off, x = sp.symbols("label off x", cls=sp.IndexedBase)

# SymPy | how it is written
WRITTEN = [
    (i * (i - 1) / 2 + j, "i*(i - 1)/2 + j"),
    (sp.expand(i * (i + 1) / 2) + j, "i^2/2 + i/2 + j"),
    (i * d + j, "d*i + j"),
    ((i + 1) % n, "mod(i + 1, n)"),
    (i // 2, "floor(i/2)"),
    (sp.ceiling(i / 2), "ceiling(i/2)"),
    (sp.Max(i - 1, 0), "max(0, i - 1)"),
    (sp.Min(i + 1, n - 1), "min(i + 1, n - 1)"),
    (label[label[i] + 1], "label[label[i] + 1]"),
    (off[i] + j, "j + off[i]"),
]


@pytest.mark.parametrize(("place", "shown"), WRITTEN, ids=[row[1] for row in WRITTEN])
def test_a_subscript_of_sympy_is_written_and_read_back(place, shown):
    found = index_from_sympy(place)
    assert text(found) == shown
    assert expression(f"x[{shown}]", axes=dict.fromkeys("ijdn", "q")).args[0] is found


# SymPy | text
NOT_WHOLE = [(i / 2, "i/2"), (i * (i + 1) / 3, "i*(i + 1)/3"), (sp.sqrt(i), "sqrt(i)"), (sp.sin(i), "sin(i)"), (i + sp.Float("0.5"), "i + 0.5")]


@pytest.mark.parametrize(("place", "shown"), NOT_WHOLE, ids=[row[1] for row in NOT_WHOLE])
def test_what_need_not_be_whole_is_no_subscript(place, shown):
    with pytest.raises(InputError, match="is no whole number"):
        index_from_sympy(place)
    with pytest.raises(InputError, match="need not be one"):
        expression(f"x[{shown}]", axes={"i": "q"})


def test_a_ragged_sum_of_sympy_is_that_of_the_text():
    t, g = sp.symbols("t g", integer=True)
    w, count = sp.Symbol("w"), sp.Symbol("G", integer=True)
    inside = sp.Sum(sp.tanh(w * x[t]), (t, off[g], off[g + 1] - 1))
    cost = sg.Cost(sp.Sum(inside**2, (g, 0, count - 1)), parameters=[w])
    read = sg.parse("sum(sum(tanh(w*x[t]), t in off[g]:off[g + 1])^2, g in 0:G)", parameters=["w"])
    assert str(cost.gradient.program) == str(read.gradient.program)
    data = {"x": [0.5, -1.0, 2.0], "off": [0, 2, 2, 3]}
    assert cost.evaluate({w: 0.3}, data).cost == read.evaluate({"w": 0.3}, data).cost
    slope = cost.gradient[w]
    assert slope.has(sp.Sum) and slope.free_symbols >= {w}
