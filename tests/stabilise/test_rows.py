"""Each row means the same on both sides, is found in any order, and leaves alone what only looks like it."""

import mpmath
import pytest

import symgd as sg
from symgd.nodes.node import access
from symgd.nodes.text import text
from symgd.program.meaning import Arithmetic, Interpreter
from symgd.reading.text import expression
from symgd.stabilise.rows import ROWS, rewritten

WIDE = Arithmetic(50)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.form)
def test_both_sides_have_one_value(row):
    for at in ({"u": 0.7, "v": 1.9, "w": 0.4}, {"u": 1.3, "v": 0.2, "w": 2.5}):
        if "w" not in row.form:
            at["w"] = WIDE.ctx.mpf(at["u"]) - WIDE.ctx.mpf(at["v"])
        here = Interpreter(at, {}, WIDE)
        form, then = (here.formula(expression(side, names="u v w"), {}) for side in (row.form, row.then))
        assert mpmath.isfinite(form) and abs(form - then) <= 1e-45 * (1 + abs(form))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.form)
def test_a_row_is_found_in_its_own_form(row):
    form = row.form.replace("u", "(3*x + 1)").replace("v", "(3*x)").replace("w", "z") if "w" in row.then and "w" not in row.form else row.form
    found = rewritten(expression(form, names="u v w x z"), whole=row.whole)
    assert found is not None and found[1] is row


@pytest.mark.parametrize(
    ("written", "computed"),
    [
        ("x - 1 + exp(2*x) - y", "x + expm1(2*x) - y"),
        ("y*(1 - cos(3*x))/(3*x)^2", "y*sinc(3*x/2)^2/2"),
        ("sqrt(x*x + y^2)", "hypot(x, y)"),
        ("(x^2 + y^2)^0.5", "hypot(x, y)"),
        ("sqrt(4*x^2 + y*y/9)", "hypot(2*x, y/3)"),
        ("sqrt(2*x^2 + y^2)", "sqrt(2*x^2 + y^2)"),
        ("sqrt(2*x + 3) - sqrt(2*x + y)", "(3 - y)/(sqrt(2*x + 3) + sqrt(2*x + y))"),
        ("(1 - e^(-x))/(1 + e^(-x))", "tanh(x/2)"),
        ("0.5*(1 + tanh(x/2))", "sigmoid(x)"),
        ("-y*x*log(x)", "-y*xlogy(x, x)"),
        ("1 - 1/exp(x)", "-expm1(-x)"),
    ],
)
def test_rows_are_found_among_other_terms_and_factors(written, computed):
    assert sg.parse(f"{written}").program.equations[-1].body is sg.Cost(sg.parse(computed)._formula, stabilise=False).program.equations[-1].body


@pytest.mark.parametrize(
    "formula",
    [
        "exp(x) - 2", "exp(x) - y", "sqrt(x) - sqrt(y)", "sqrt(x^3 + y^2)", "x*log(y)", "1 - cos(x)*y", "(1 + tanh(x))/3", "x^2/(1 + y^2)",
        "log(x + y)", "(exp(x) - exp(-y))/(exp(x) + exp(-x))", "log(x)", "x/y", "abs(x)", "w*x + b",
    ],
)  # fmt: skip
def test_what_is_no_naive_form_stays(formula):
    cost = sg.parse(formula)
    assert not cost.rewritten or "exp" in formula
    assert formula in text(cost._formula.expression)


def test_a_row_names_what_it_replaced_and_why():
    before, after = expression("exp(x) - 1"), expression("expm1(x)")
    new, row, letters = rewritten(before)
    assert new is after and row.reason == "the difference cancels where u is small" and letters == {"u": access("x")}
    assert sg.parse("exp(w) - 1").rewritten == ("exp(w) - 1 is computed as expm1(w): the difference cancels where u is small.",)


def test_as_written_is_left_alone():
    cost = sg.Cost(sg.parse("log(1 + exp(w))")._formula, stabilise=False)
    assert cost.rewritten == () and "softplus" not in str(cost.gradient.program)
