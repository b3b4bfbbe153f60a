"""What readers get: sections and their order, verbosity, parts for programs, refusals."""

import json

import pytest
import sympy as sp
from click.testing import CliRunner

import symgd as sg
from symgd.command.main import main
from symgd.derivation.matrices import matrix_product
from symgd.derivation.story import SHOWN, Chain
from symgd.errors import LimitError
from symgd.nodes.node import index, postorder
from symgd.nodes.text import text
from symgd.reading.text import expression

LINE = sg.parse("mean((w*x + b - y)^2)", samples="x y")
NETWORK = sg.parse(
    "-mean(sum(Y[i, l]*log(p[i, l]), l), i)",
    where={"z[i, l]": "sum(W[l, j]*X[i, j], j) + b[l]", "p[i, l]": "softmax(z[i, l], l)"},
    axes="i:m j:d l:c", parameters=["W", "b"], facts=["sum(Y[i, l], l) = 1"],
)  # fmt: skip


def test_results_are_the_gradient():
    found = LINE.derivation().result
    w, b = sp.symbols("w b")
    assert set(found) == {"w", "b"}
    assert found["w"] == LINE.gradient[w] and LINE.derivation(b).result == LINE.gradient["b"]


def test_an_element_answers_in_its_own_letters():
    p, q = sp.symbols("p q", integer=True)
    W = sp.IndexedBase("W")
    result = NETWORK.derivation(W[p, q]).result
    assert {p, q} <= result.free_symbols


def test_a_network_has_a_block_for_every_name_the_last_first():
    titles = [line for line in NETWORK.derivation().text().splitlines() if line and not line.startswith(" ")]
    assert titles[0] == "Forward: the named quantities, in the order of computation"
    assert titles[1:5] == ["Back to p[i, l]", "Back to z[i, l]", "The derivative by W[l, j]", "The derivative by b[l]"]
    steps = NETWORK.derivation().steps
    assert [step.rule for step in steps] == ["backward"] * 4 and all(step.substeps for step in steps)


def test_softmax_meets_cross_entropy_by_a_fact():
    derivation = NETWORK.derivation()
    shown = derivation.text()
    assert "dz[i, l] = " in shown and "= (p[i, l] - Y[i, l])/m" in shown
    assert "It is known of the data that sum(Y[i, l], l) = 1." in shown.replace("==", "=")
    assert "dW = dz.T @ X, as a product of matrices, c x m and m x d. The sum runs over the first index of dz, so it stands transposed." in shown


def test_without_the_fact_the_sum_stays():
    cost = sg.parse("-sum(Y[l]*log(softmax(z[l], l)), l)", axes="l:c", parameters=["z"])
    assert "sum(Y[" in str(cost.derivation().steps[-1].after)


def test_sigmoid_meets_cross_entropy():
    cost = sg.parse("-mean(y*log(a) + (1 - y)*log(1 - a))", samples="x y", where={"z": "w*x + b", "a": "sigmoid(z)"})
    assert "= (a - y)/m" in cost.derivation().text()
    assert cost.gradient.text() == "dC/dw = mean(x*(sigmoid(z) - y))\ndC/db = mean(sigmoid(z) - y)"


def test_verbosity_is_a_matter_of_lines():
    brief, normal, full = (LINE.derivation("w").text(how) for how in ("brief", "normal", "full"))
    assert len(brief.splitlines()) < len(normal.splitlines()) <= len(full.splitlines())
    assert "d(u^n) = n*u^(n - 1)*du" in full and "d(u^n)" not in normal
    with pytest.raises(sg.InputError, match="verbosity is 'loud'"):
        LINE.derivation().text("loud")


def test_constants_have_a_step_too():
    assert [step.rule for step in sg.parse("5").derivation().steps] == ["constant"]
    unused = sg.parse("w^2", parameters=["w", "u"]).derivation("u")
    assert [step.rule for step in unused.steps] == ["constant"] and unused.result == 0
    assert "does not depend on u" in unused.text()


def test_long_formulas_are_cut_short_or_refused():
    many = sg.parse(" + ".join(f"sin(w^{n})" for n in range(2, 60))).derivation()
    assert "more steps" in many.text() and many.checked is not None
    wide = sg.parse(" + ".join(f"(x{n} - {n})^2" for n in range(40))).derivation()
    assert "16 more parameters, from x24 on" in wide.text() and "constant: (x1 - 1)^2, (x2 - 2)^2" in wide.text()
    assert len(wide.result) == 40 and len(wide.text()) < 50_000
    with pytest.raises(LimitError, match="at most 4,000 for steps"):
        _ = sg.parse(" + ".join(f"sin(w^{n})" for n in range(2, 1500))).derivation().steps


def test_the_loss_of_huber_by_an_element_keeps_its_branches():
    """The delta stands in every branch: it comes in front, and is solved for."""
    residual = {"r[i]": "sum(w[j]*X[i, j], j) - y[i]"}
    huber = "sum(piecewise({0}^2/2, abs({0}) <= c, c*abs({0}) - c^2/2), {1})"
    regression = sg.parse(huber.format("r[i]", "i"), where=residual, axes="i:m j:d", parameters=["w"], constants=["c"])
    assert regression.gradient.text() == "dC/dw[j] = sum(X[i, j]*piecewise(r[i], abs(r[i]) <= c, c*sign(r[i])), i)"
    lines = regression.derivation().text().splitlines()
    assert "      = piecewise(r[i], abs(r[i]) <= c, c*sign(r[i]))" in [line.removesuffix("collapse the delta").rstrip() for line in lines]
    smooth = sg.parse(huber.format("(x[i + 1] - x[i])", "i in 0:m - 1"), axes="i:m", parameters=["x"], constants=["c"])
    last = [line for line in smooth.derivation().text().splitlines() if line.startswith("    = ")][-1]
    assert "delta" not in last and last.count("sign") == 2



def test_kinks_and_branches_are_said():
    shown = sg.parse("piecewise(x^2/2, abs(x) < 1, abs(x) - 1/2) + abs(x - 3) + piecewise(x, x < 2, 3)").derivation().text()
    for sentence in (
        "In abs(x - 3): At 0 the derivative is taken as 0.",
        "At x = 1 the branches x^2/2 and abs(x) - 1/2 meet with the same slope.",
        "At x = 2 the branches x and 3 differ by -1: the formula jumps, and has no derivative there.",
        "This holds where",
    ):
        assert sentence in shown, sentence


def test_what_is_squared_is_the_residual():
    assert "With r = w*x + b - y, the residual, it is 2*mean(x*r)." in LINE.derivation("w").text()


def test_an_other_name_is_found_where_r_is_taken():
    cost = sg.parse("mean((r*x + b - y)^2)", samples="x y", parameters=["r", "b"])
    assert "With r_2 = " in cost.derivation("b").text()


def test_paths_are_added():
    cost = sg.parse("mean(p^2 + q)", samples="x", where={"q": "w*x", "p": "q*w"})
    shown = cost.derivation().text()
    assert "q reaches the cost on 2 ways, through C and p. What comes back on each is added." in shown
    assert "w reaches the cost on 2 ways, through p and q." in shown


@pytest.mark.parametrize(
    ("at", "value", "wanted"),
    [
        ("l k", "sum(dz[i, l]*a[i, k], i in 0:m)", "dz.T @ a"),
        ("l k", "sum(a[i, k]*dz[l, i], i in 0:m)", "dz @ a"),
        ("l k", "2*mean(a[k, i]*dz[l, i], i in 0:m)", "2*(dz @ a.T)/m"),
        ("j", "mean(2*X[i, j]*r[i], i in 0:m)/3", "2*(X.T @ r)/(3*m)"),
        ("j", "-sum(r[i]*X[j, i], i in 0:m)", "-(X @ r)"),
    ],
)
def test_sums_of_products_are_products_of_matrices(at, value, wanted):
    found = matrix_product([index(letter) for letter in at.split()], expression(value, axes="i:m"))
    assert text(found.formula) == wanted


@pytest.mark.parametrize("value", ["sum(X[i, j]*r[i]^2, i in 0:m)", "sum(X[i, j]*r[j], i in 0:m)", "sum(X[i + 1, j]*r[i], i in 0:m)", "X[j, j]*r[j]"])
def test_other_sums_are_not(value):
    assert matrix_product([index("j")], expression(value, axes="i:m j:m")) is None


def test_second_derivatives_and_their_mirror_images():
    cost = sg.parse("w^3*b + exp(b)")
    derivation = cost.hessian.derivation()
    assert derivation.result == {(u, v): cost.hessian[u, v] for u in "wb" for v in "wb"}
    assert "By symmetry that of dC/db by w is the same." in derivation.text() and len(derivation.html()) > 100_000
    arrays = sg.parse("sum(w[j]^3, j)", axes="j:d", parameters=["w"]).hessian.derivation()
    assert "Hv_w[j] = " in arrays.text()


def test_what_may_be_exchanged_is_derived_once():
    shown = sg.parse("exp(x*y) + (x - y)^2 + z").derivation().text()
    assert "If x and y are exchanged the cost stays what it is. So by symmetry:\n    d/dy(C) = " in shown
    assert "If x and z" not in shown


def test_sympy_is_named_where_it_has_rewritten():
    w = sp.Symbol("w")
    assert "as SymPy left it" in sg.Cost(sp.exp(w) * sp.exp(2 * w)).derivation().text()
    assert "SymPy" not in sg.parse("exp(w)*exp(2*w)").derivation().text()


def test_parts_for_programs():
    found = LINE.derivation().to_json()
    assert json.loads(json.dumps(found))["gradient"] == {"w": "2*mean(x*(w*x + b - y))", "b": "2*mean(w*x + b - y)"}
    assert set(found["steps"][0]) == {"rule", "before", "after", "reason"}
    assert found["steps"][0]["rule"] == "into-mean"


def test_a_notebook_shows_formulas():
    assert "$$\\begin{aligned}" in LINE.derivation()._repr_markdown_()
    assert LINE.derivation().steps[0].before._repr_latex_().startswith("$\\displaystyle")


COMMANDS = [
    (["derive", "(w-3)^2", "--steps"], "chain rule and power rule, u = w - 3, n = 2"),
    (["derive", "(w-3)^2", "--steps", "--format", "latex"], r"\begin{align*}"),
    (["derive", "(w-3)^2", "--steps", "--format", "html"], "<!DOCTYPE html>"),
    (["derive", "(w-3)^2", "--steps", "--format", "json"], '"rule": "power"'),
    (["derive", "w*b", "--steps", "--parameter", "b", "--verbosity", "brief"], "The derivative by b\n"),
    (["explain", "(w-3)^2", "--at", "w=1", "--learning-rate", "0.1", "--format", "html"], "<!DOCTYPE html>"),
]


@pytest.mark.parametrize(("arguments", "expected"), COMMANDS)
def test_the_command_line_shows_it(arguments, expected):
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.stderr
    assert expected in done.stdout


REFUSED = [
    (["derive", "w^2", "--steps", "--parameter", "b"], "b is no parameter of this cost. Accepted: w."),
    (["derive", "w^2", "--parameter", "w"], "--parameter belongs to --steps."),
    (["derive", "w^2", "--steps", "--verbosity", "loud"], "verbosity is 'loud'. Accepted: brief, normal, full."),
    (["derive", "w^2", "--format", "html"], "--format html shows the steps of a derivation."),
]


@pytest.mark.parametrize(("arguments", "sentence"), REFUSED)
def test_what_the_command_line_refuses(arguments, sentence):
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2 and sentence in done.stderr


def test_full_reasons_say_the_law_and_what_it_means():
    cost = sg.parse("-sum(Y[l]*log(p[l]), l)", where={"p[l]": "softmax(z[l], l)"}, axes="l:c", parameters=["z"], facts=["sum(Y[l], l) = 1"])
    shown = cost.derivation().text("full")
    assert "facts: what is known of the data is used" in shown and "{" not in shown
    assert "derivative of log, u = p[l1]   d(log(u)) = du/u: one over its argument" in shown


def test_a_letter_that_gets_another_one_is_named():
    shown = sg.parse("sum((sum(w[j]*X[i, j], j) - y[i])^2, i)", axes="i:m j:d", parameters=["w"]).derivation().text()
    assert "    j stands for one element here; what runs over all of them is called j1." in shown.splitlines()


def test_one_step_that_is_left_out_is_one_step(monkeypatch):
    monkeypatch.setitem(SHOWN, "normal", 2)
    derivation = sg.parse("sin(exp(w^2))").derivation()
    for shown in (derivation.text(), derivation.latex(), derivation.html()):
        assert "1 more step" in shown and "1 more steps" not in shown


def test_what_changes_next_is_marked_in_every_line_but_the_last():
    chain = next(item for item in told_of("log(1 - sin(w))") if isinstance(item, Chain))
    assert chain.next in postorder(chain.first)
    assert [row.next in postorder(row.formula) for row in chain.rows if row.next is not None] == [True] * (len(chain.rows) - 1)


def told_of(formula):
    return next(section for section in sg.parse(formula).derivation()._sections("normal")).items
