"""What verification says of one answer: forms in which it comes, chains, conditions, witnesses, mistakes and refusals."""

import math

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symgd as sg
from symgd.program.meaning import Arithmetic
from symgd.reading.text import expression
from symgd.verification.bench import Bench
from symgd.verification.tape import Point, Tape
from symgd.verification.verify import verify

w, b = sp.symbols("w b")
x, y = sg.samples("x y")
LINE = sg.Cost(sg.mean((w * x + b - y) ** 2), parameters=[w, b])
LOGISTIC = sg.parse("-mean(y*log(a) + (1 - y)*log(1 - a))", samples="x y", where=["z = w*x + b", "a = sigmoid(z)"])


# forms of answers


@pytest.mark.parametrize(
    "answer",
    [
        {w: 2 * sg.mean(x * (w * x + b - y)), b: 2 * sg.mean(w * x + b - y)},
        {"w": "2*mean(x*(w*x + b - y))", "b": "2*mean(w*x + b - y)"},
        [2 * sg.mean(x * (w * x + b - y)), 2 * sg.mean(w * x + b - y)],
        sp.Matrix([2 * sg.mean(x * (w * x + b - y)), 2 * sg.mean(w * x + b - y)]),
        "w = 2*mean(x*(w*x + b - y))\nb = 2*mean(w*x + b - y)",
        "dC/dw = 2*mean(x*(w*x + b - y)); dC/db = 2*mean(w*x + b - y)",
        {"w": "2*sum(x*(w*x + b - y))/m", "b": "2/m*sum(w*x + b - y)"},
    ],
    ids=["SymPy", "text", "list", "column", "lines", "Leibniz", "sums"],
)
def test_a_gradient_comes_in_many_forms(answer):
    found = verify(LINE, answer)
    assert found.correct and bool(found) and set(found.verdicts) == {"w", "b"} and found.verdicts[w].status == found.verdicts["w"].status


@pytest.mark.parametrize("answer", ["2*(w - 3)", "w = 2*w - 6", 2 * w - 6, {w: 2 * (w - 3)}, {"w": "2*(w - 3) = 2*w - 6"}])
def test_one_parameter_needs_no_name(answer):
    assert verify(sg.Cost((w - 3) ** 2), answer)


def test_an_array_is_answered_in_any_letters():
    cost = sg.parse("mean((sum(w[j]*X[i, j], j) - y[i])^2, i)", axes="i:m j:d", parameters=["w"])
    assert verify(cost, {"w[q]": "2*mean(X[i, q]*(sum(w[j]*X[i, j], j) - y[i]), i)"})
    assert verify(cost, {"w": "2*mean(X[i, j]*(sum(w[k]*X[i, k], k in 0:d) - y[i]), i)"})
    assert verify(cost, {"w[0]": "2*mean(X[i, 0]*(sum(w[j]*X[i, j], j) - y[i]), i)"})
    assert verify(cost, {"w[0]": "2*mean(X[i, 1]*(sum(w[j]*X[i, j], j) - y[i]), i)"}).correct is False
    i, j, p = sg.axes("i:m j:d p:d")
    weights, rows, labels = map(sp.IndexedBase, ("w", "X", "y"))
    assert verify(cost, {weights[p]: 2 * sg.mean(rows[i, p] * (sg.total(weights[j] * rows[i, j], j) - labels[i]), i)})


def test_intermediates_may_be_used_and_asked_for():
    answer = {"w": "mean((a - y)*x)", "b": "mean(a - y)", "dz": "(a - y)/m", "da": "(a - y)/(a*(1 - a))/m"}
    assert set(verify(LOGISTIC, answer).verdicts) == {"w", "b", "dz", "da"} and verify(LOGISTIC, answer)
    assert verify(LOGISTIC, {"dz": "a - y"}).correct is False


def test_the_adjoint_of_a_definition_is_that_of_the_cost_as_typed():
    """What runs computes log(p) beside p, so that its own dp is a part of the derivative; and w*x elsewhere is no use of z = w*x."""
    both = sg.parse("-sum(Y[l]*log(p[l]), l) + sum(p[l]^2, l)", axes="l:c", where=["p[l] = softmax(z[l], l)"], parameters=["z"])
    assert verify(both, {"dp[l]": "2*p[l] - Y[l]/p[l]"}) and verify(both, {"dp[l]": "2*p[l]"}).correct is False
    same = sg.parse("sum((z[i]*w)^2, i) + sum((w*x[i])^3, i)", axes="i:m", where=["z[i] = w*x[i]"], parameters=["w"])
    assert verify(same, {"dz[i]": "2*z[i]*w^2"})
    assert verify(same, lambda w, x: {"w": (4 * w**3 * x**2 + 3 * w**2 * x**3).sum(), "dz": 2 * w**3 * x}).verdicts["dz"].correct


@pytest.mark.parametrize(
    ("lines", "first_wrong"),
    [("2*(w - 3) = 2*w - 3", 2), ("2*(w - 3) = 2*w - 6 = 2*w + 6", 3), ("2*(w - 3) = 2*w - 5 = 2*w - 6", 2), ("w - 3 = 2*w - 6", 2)],
)
def test_the_first_line_of_a_chain_that_does_not_follow_is_named(lines, first_wrong):
    verdict = verify(sg.parse("(w - 3)^2"), lines).verdicts["w"]
    assert verdict.status == "different" and f"Line {first_wrong} does not follow" in verdict.reason
    assert verdict.mistakes[0].kind == "algebra-slip"


# verdicts


def test_a_right_answer_in_another_form_is_proved():
    for cost, answer in (("sigmoid(w)", "exp(-w)/(1 + exp(-w))^2"), ("cos(w)^2", "-sin(2*w)"), ("tanh(w)", "4/(exp(w) + exp(-w))^2")):
        assert verify(sg.parse(cost), answer).verdicts["w"].status == "proved"


def test_a_division_by_what_may_be_0_is_a_condition():
    verdict = verify(sg.parse("w^2"), "2*w^2/w").verdicts["w"]
    assert (verdict.status, verdict.needs, verdict.correct) == ("conditional", ("w != 0",), None)
    assert verify(sg.parse("1/w"), "-w/w^3") and verify(sg.parse("w^2"), "2*w*(1 + w^2)/(1 + w^2)")  # the cost is not defined there; never 0


def test_a_logarithm_that_the_cost_has_not_is_a_condition():
    verdict = verify(sg.parse("w^2"), "2*exp(log(w))").verdicts["w"]
    assert (verdict.status, verdict.needs) == ("conditional", ("w > 0",))


def test_one_branch_alone_is_a_mistake_and_says_where_it_is_right():
    verdict = verify(sg.parse("abs(w)"), "1").verdicts["w"]
    assert (verdict.status, verdict.needs, verdict.mistakes[0].kind) == ("different", ("w > 0",), "wrong-branch")


def test_any_value_in_a_kink_is_accepted_and_said():
    for answer in ("piecewise(1, w > 0, 0)", "piecewise(1, w >= 0, 0)", "heaviside(w)", "(1 + sign(w))/2"):
        verdict = verify(sg.parse("max(w, 0)"), answer).verdicts["w"]
        assert verdict.correct and "subgradient" in verdict.notes[0]


def test_given_facts_are_kept_and_need_not_be_named():
    given_fact = dict(axes="l:c", where=["p[l] = softmax(z[l], l)"], parameters=["z"])
    assert verify(sg.parse("-sum(Y[l]*log(p[l]), l)", facts=["sum(Y[l], l) = 1"], **given_fact), {"z[l]": "p[l] - Y[l]"})
    open_one = verify(sg.parse("-sum(Y[l]*log(p[l]), l)", **given_fact), {"z[l]": "p[l] - Y[l]"})
    assert open_one.correct is None and "the sum of Y is 1" in open_one.verdicts["z"].needs[0]


def test_constants_with_numbers_are_those_numbers():
    cost = sg.parse("mean((w*x - y)^2) + lam*w^2", samples="x y", constants={"lam": 0.25})
    assert verify(cost, "2*mean(x*(w*x - y)) + w/2") and verify(cost, "2*mean(x*(w*x - y)) + 2*lam*w")


def test_cancellation_is_no_difference():
    """At 30 digits the two sides differ by all of them; with more digits they agree."""
    assert verify(sg.parse("w^2/2"), "((w + 10^40) - 10^40)").correct


def test_a_tiny_difference_is_one():
    assert verify(sg.parse("w^2/2"), "w + 10^(-15)").correct is False


def test_the_witness_is_true():
    cost = sg.parse("exp(w)*sin(v*w)")
    found = verify(cost, {"w": "exp(w)*cos(v*w)"}).verdicts["w"].witness
    at = {name: sp.Rational(str(value)) for name, value in found.point.items()}
    exact, yours = (sp.N(sp.sympify(f).subs(at), 20) for f in ("exp(w)*sin(v*w) + v*exp(w)*cos(v*w)", "exp(w)*cos(v*w)"))
    assert math.isclose(float(found.exact), exact, rel_tol=1e-12) and math.isclose(float(found.yours), yours, rel_tol=1e-12)


def test_the_expected_derivative_is_a_formula():
    assert sp.simplify(verify(sg.Cost((w - 3) ** 2), "w").verdicts[w].expected - 2 * (w - 3)) == 0


# mistakes


def test_minus_the_gradient_is_the_descent_direction():
    found = verify(LINE, {"w": "-2*mean(x*(w*x + b - y))", "b": "-2*mean(w*x + b - y)"})
    assert found.correct is False and "descent direction" in found.remark and found.mistakes[0].kind == "sign"


def test_the_sum_in_place_of_the_mean_is_said_as_such():
    found = verify(LINE, {"w": "2*sum(x*(w*x + b - y))", "b": "2*sum(w*x + b - y)"})
    assert found.correct is False and "not of the mean" in found.remark and {one.kind for one in found.mistakes[:2]} == {"mean-vs-sum"}


def test_a_list_in_another_order_is_said():
    found = verify(LINE, [2 * sg.mean(w * x + b - y), 2 * sg.mean(x * (w * x + b - y))])
    assert found.correct is False and "w, b" in found.remark


def test_a_missing_sum_over_the_samples_is_said():
    verdict = verify(LINE, {"w": "2*x*(w*x + b - y)"}).verdicts["w"]
    assert (verdict.status, verdict.mistakes[0].kind) == ("different", "mean-vs-sum") and "mean" in verdict.reason


def test_a_mistake_names_the_place_and_the_right_step():
    (first, *_) = verify(sg.parse("sin(w^2)^3"), "3*sin(w^2)^2*cos(w^2)").mistakes
    assert (first.kind, first.where) == ("missing-chain-factor", "sin(w^2)")
    assert "2*w" in first.message and first.correct == "d/dw(sin(w^2)) = cos(w^2)*d/dw(w^2)"


def test_two_mistakes_are_both_named():
    found = verify(sg.parse("sin(3*w)*exp(w^2)"), "-cos(3*w)*exp(w^2) + sin(3*w)*exp(w^2)").verdicts["w"]
    assert found.status == "different" and len(found.mistakes) <= 2


# properties

SMALL = st.recursive(
    st.sampled_from(["w", "v", "2", "3", "w", "1/2"]),
    lambda inner: st.one_of(
        st.builds("({} + {})".format, inner, inner), st.builds("({} - {})".format, inner, inner), st.builds("({}*{})".format, inner, inner),
        st.builds("({}/(2 + {}^2))".format, inner, inner), st.builds("({})^2".format, inner), st.builds("exp(-({})^2)".format, inner),
        *(st.builds((name + "({})").format, inner) for name in ("sin", "cos", "tanh", "sigmoid", "atan", "softplus")),
    ),
    max_leaves=6,
)  # fmt: skip


def exact_text(formula):
    cost = sg.parse(f"{formula} + 0*w", parameters=["w"], constants=["v"])
    return cost, cost.gradient.text().removeprefix("dC/dw = ")


@settings(max_examples=60, deadline=None)
@given(SMALL)
def test_the_derivative_itself_is_never_refused(formula):
    cost, answer = exact_text(formula)
    assert verify(cost, {"w": answer}).correct is not False


@settings(max_examples=60, deadline=None)
@given(SMALL, st.sampled_from(["w^5/7", "1/9", "v*w/11", "sin(5*w)/3"]))
def test_the_derivative_with_something_added_is_never_accepted(formula, more):
    cost, answer = exact_text(formula)
    assert verify(cost, {"w": f"{answer} + {more}"}).correct is not True


@settings(max_examples=60, deadline=None)
@given(SMALL)
def test_slopes_on_the_tape_are_those_of_the_equations(formula):
    """The tape, on which mistakes are made, derives forwards and backwards as the equations do."""
    cost, _ = exact_text(formula)
    bench = Bench(cost)
    for spot in bench.spots[:3]:
        point = spot.point(40)
        exact = spot.exact("w", 40).get((), 0)
        forwards = point.tangent(spot.sampler.root, spot.seeds("w")).get((), 0)
        entry = spot.tape.input("w", ())
        backwards = point.gradient({spot.sampler.root: point.arithmetic.exact(1)}).get(entry, 0)
        assert all(abs(found - exact) <= 1e-30 * max(1, abs(exact)) for found in (forwards, backwards))


def test_a_tape_reads_the_formula_as_typed():
    tape = Tape((), {"m": 2}, {}, {"x": (2,), "w": ()})
    root = tape.entry(expression("mean((w*x - 1)^2)", samples="x"), {})
    point = Point(tape, {("x", (0,)): 1, ("x", (1,)): 2, ("w", ()): 3}, Arithmetic(20))
    assert float(point.value(root)) == (2**2 + 5**2) / 2


# refusals


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"v": "1"}, "v is no parameter"),
        ({"x": "1"}, "x is data"),
        ({}, "The answer is empty"),
        ({"w": "q"}, "q in the answer for w is no name"),
        ({"w": "2*"}, "The formula ends too early"),
        ({"w": "sgn(w)"}, "Unknown function sgn"),
        ({"w[j]": "1"}, "w has no index"),
        ([1], "The answer has 1 formula, the cost 2 parameters"),
        ({"w": "1 ="}, "A line of the answer is empty"),
        ({"w": "__import__('os')"}, ""),
        ({"w": lambda: 0}, "is a function"),
        ({"w": "w > x"}, "is a condition, not a number"),
        ({"w": "sum(x[i], i in 0:de)"}, "has an axis of length de"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(answer, sentence):
    with pytest.raises(sg.InputError) as refused:
        verify(LINE, answer)
    assert sentence in str(refused.value) and "Accepted:" in str(refused.value)


WILD = ["exp(exp(exp(exp(w))))", "w^(10^4)", "gamma(w)^99", "log(-1)", "exp(1000*w)^50", "(((w+1)^9+1)^9+1)^9", "w - 110^(-9.5)", "exp(-10^9)"]


@pytest.mark.parametrize("answer", WILD)
def test_a_wild_answer_is_judged_and_comes_back(answer):
    assert verify(sg.parse("(w - 3)^2"), answer).correct is not True


def test_a_cost_without_a_domain_is_undecided_and_says_why():
    verdict = verify(sg.parse("log(-1 - w^2)"), "1").verdicts["w"]
    assert verdict.status == "undecided" and "No point was found" in verdict.reason
