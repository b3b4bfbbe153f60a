"""Facts about data are read into a form that can be used, or refused in a sentence; random points keep them."""

from itertools import product

import pytest
import sympy as sp

import symgd as sg
from symgd.cost.facts import FORMS
from symgd.errors import InputError
from symgd.nodes.text import text
from symgd.program.gate import random_point
from symgd.program.meaning import Arithmetic, Interpreter

COST = "mean((sum(w[j]*X[i, j], j) - y[i])^2, i) + c*lam + sum(A[i, k] + Y[i, k]*n[i], i, k)"
OPTIONS = {"parameters": ["w"], "constants": ["lam", "c"]}

# statement | kind | element | what it says beside
READ = [
    ("sum(Y[i, k], k) = 1", "total", "Y[i, k]", {"right": "1", "summed": ["k"]}),
    ("sum(Y[a, b], b) == 1", "total", "Y[a, b]", {"right": "1", "summed": ["b"]}),
    ("1 - sum(Y[i, k], k) = 0", "total", "Y[i, k]", {"right": "1"}),
    ("2*sum(Y[i, k], k) = n[i] + 1", "total", "Y[i, k]", {"right": "1/2*n[i] + 1/2"}),
    ("sum(A[i, k], i, k) = 0", "total", "A[i, k]", {"right": "0", "summed": ["i", "k"]}),
    ("sum(sum(A[i, k], k), i) = 3", "total", "A[i, k]", {"right": "3", "summed": ["i", "k"]}),
    ("mean(X[i, j], i) = 0", "total", "X[i, j]", {"right": "0", "summed": ["i"], "mean": True}),
    ("sum(X[i, j]^2, j) = 1", "total", "X[i, j]", {"right": "1", "power": 2}),
    ("norm(X[i, j], j) = 2", "total", "X[i, j]", {"right": "4", "power": 2}),
    ("sum(y[i], i) = n_i", "total", "y[i]", {"right": "n_i"}),
    ("A[i, k] = A[k, i]", "symmetric", "A[i, k]", {"right": "A[k, i]"}),
    ("A[i, k] - A[k, i] = 0", "symmetric", "A[i, k]", {"right": "A[k, i]"}),
    ("A[i, k] = -A[k, i]", "symmetric", "A[i, k]", {"right": "-A[k, i]"}),
    ("y[i]^2 = 1", "power", "y[i]", {"right": "1", "power": 2}),
    ("4 = y[i]^2", "power", "y[i]", {"right": "4", "power": 2}),
    ("y[i]^2 = y[i]", "power", "y[i]", {"right": "y[i]", "power": 2}),
    ("y[i]*(y[i] - 1) = 0", "power", "y[i]", {"right": "y[i]", "power": 2}),
    ("(y[i] - 1)*(y[i] + 1) = 0", "power", "y[i]", {"right": "1", "power": 2}),
    ("y[i]^3 = y[i]", "power", "y[i]", {"right": "y[i]", "power": 3}),
    ("y[i] = 0 or y[i] = 1", "power", "y[i]", {"right": "y[i]", "power": 2}),
    ("y[i] = -1 or 1 = y[i]", "power", "y[i]", {"right": "1", "power": 2}),
    ("y[i] = 0 or y[i] = 1 or y[i] = -1", "power", "y[i]", {"right": "y[i]", "power": 3}),
    ("X[i, 0] = 1", "known", "X[i, 0]", {"right": "1"}),
    ("2*lam = 1", "known", "lam", {"right": "1/2"}),
    ("A[i, i] = 0", "known", "A[i, i]", {"right": "0"}),
    ("y[i] > 0", "bounds", "y[i]", {"limits": [(">", 0)]}),
    ("0 <= y[i] < 1", "bounds", "y[i]", {"limits": [(">=", 0), ("<", 1)]}),
    ("abs(X[i, j]) <= 1/2", "bounds", "X[i, j]", {"limits": [(">=", -0.5), ("<=", 0.5)]}),
    ("y[i] != 0", "bounds", "y[i]", {"limits": [("!=", 0)]}),
]


def facts(*statements, cost=COST, **options):
    return sg.parse(cost, facts=list(statements), **(options or OPTIONS))._checked.facts


@pytest.mark.parametrize(("statement", "kind", "element", "said"), READ, ids=lambda value: value if isinstance(value, str) else "")
def test_a_fact_is_read_into_its_form(statement, kind, element, said):
    (fact,) = facts(statement)
    assert (fact.kind, text(fact.element)) == (kind, element)
    for name, value in said.items():
        found = getattr(fact, name)
        if name == "right":
            found = text(found)
        elif name == "summed":
            found = sorted(text(letter) for letter in found)
        elif name == "limits":
            found = [(op, float(edge)) for op, edge in found]
        assert found == value, name


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.kind)
def test_the_example_of_every_form_is_of_that_form(form):
    name = form.example.partition("[")[0].removeprefix("sum(")
    letters = "i, l" if "," in form.example else "i"
    found = sg.parse(f"w^2 + sum({name}[{letters}], {letters})", parameters=["w"], facts=[form.example])
    assert [fact.kind for fact in found._checked.facts] == [form.kind]


def test_statements_joined_by_and_are_facts_of_their_own():
    assert list(map(str, facts("y[i] > 0 and sum(Y[i, k], k) = 1"))) == ["y[i] > 0", "sum(Y[i, k], k) = 1"]


def test_a_fact_reads_back_as_it_prints():
    for statement, *_ in READ:
        (fact,) = facts(statement)
        (again,) = facts(str(fact))
        assert str(again) == str(fact)


i, j, k, q = sg.axes("i:m j:d k:c q:d")
w, X, y, Y, A = sp.symbols("w X y Y A", cls=sp.IndexedBase)
SYMPY_COST = sg.mean((sg.total(w[j] * X[i, j], j) - y[i]) ** 2, i) + sg.total(Y[i, k], i, k) + sg.total(A[j, q], j, q)

# relation of SymPy | the same in text
RELATIONS = [
    (sp.Eq(sg.total(Y[i, k], k), 1), "sum(Y[i, k], k) = 1"),
    (sp.Eq(sp.Sum(Y[i, k], (k, 0, k.upper)), 1), "sum(Y[i, k], k) = 1"),
    (sp.Eq(y[i] ** 2, 1), "y[i]^2 = 1"),
    (sp.Eq(y[i] ** 2, y[i]), "y[i]^2 = y[i]"),
    (sp.Or(sp.Eq(y[i], 0), sp.Eq(y[i], 1)), "y[i]^2 = y[i]"),
    (y[i] > 0, "y[i] > 0"),
    (y[i] > 0, "y[i] > 0"),
    (sp.And(y[i] >= 0, y[i] <= 1), "0 <= y[i] <= 1"),
    (sp.Eq(sg.mean(X[i, j], i), 0), "mean(X[i, j], i) = 0"),
    (sp.Eq(X[i, 0], 1), "X[i, 0] = 1"),
    (sp.Eq(A[j, q], A[q, j]), "A[j, q] = A[q, j]"),
]


@pytest.mark.parametrize(("relation", "same"), RELATIONS, ids=[same for _, same in RELATIONS])
def test_a_relation_of_sympy_says_the_same_as_text(relation, same):
    (found,) = sg.Cost(SYMPY_COST, parameters=[w], facts=[relation])._checked.facts
    (other,) = sg.Cost(SYMPY_COST, parameters=[w], facts=[same])._checked.facts
    assert (found.kind, found.element, found.right, found.power, found.summed, found.mean) == (
        other.kind, other.element, other.right, other.power, other.summed, other.mean,
    )  # fmt: skip
    assert sorted(found.limits) == sorted(other.limits)


def test_facts_about_columns_of_samples():
    x, t = sg.samples("x t")
    slope = sp.Symbol("slope")
    cost = sg.Cost(sg.mean((slope * x - t) ** 2), facts=[x > 0, sp.Eq(t**2, 1), sp.Eq(sg.mean(x), 1)])
    assert cost.facts == ("x > 0", "t^2 = 1", "mean(x) = 1")
    assert sg.parse("mean((slope*x - t)^2)", samples="x t", facts=list(cost.facts)).facts == cost.facts


def test_a_symmetry_makes_two_lengths_one():
    cost = sg.parse("sum(s[i]*A[i, j]*w[j]^2, i, j)", parameters=["w"], facts=["A[i, j] = A[j, i]"])
    assert cost.program.lengths() == ("n_i",)


def test_a_fact_about_a_parameter_is_for_formulas_and_noted():
    cost = sg.parse("abs(s) + s^2", facts=["s > 0"])
    assert cost.notes == ("The fact s > 0 is about a parameter: formulas use it, what runs does not, because no step keeps it.",)
    assert "sign" in str(cost.gradient.program) and "sign" not in cost.gradient.text() and "# by s > 0" in cost.gradient.text()
    assert cost.evaluate({"s": -3}).gradient["s"] == -7  # as written, whatever is hoped


# facts about one array; which elements they pin down
KEPT = [
    (["sum(Y[i, k], k) = 1"], "Y"),
    (["sum(Y[i, k], k) = 1", "0 < Y[i, k]"], "Y"),
    (["sum(Y[i, k], k) = 1", "Y[i, k]^2 = Y[i, k]"], "Y"),
    (["sum(Y[i, k], k) = n[i]"], "Y"),
    (["sum(X[i, j]^2, j) = 1"], "X"),
    (["mean(X[i, j], i) = 0", "mean(X[i, j]^2, i) = 1"], "X"),
    (["A[i, k] = A[k, i]"], "A"),
    (["A[i, k] = -A[k, i]"], "A"),
    (["A[i, k] = A[k, i]", "sum(A[i, k], k) = 0"], "A"),
    (["A[i, k] = A[k, i]", "sum(A[i, k], k) = 1", "A[i, k] >= 0"], "A"),
    (["A[i, k] = A[k, i]", "A[i, i] = 0"], "A"),
    (["y[i]^2 = 1"], "y"),
    (["y[i]^2 = 2"], "y"),
    (["y[i]^3 = y[i]", "y[i] >= 0"], "y"),
    (["X[i, 0] = 1", "X[i, j] > 1/2"], "X"),
    (["-2 <= lam < -1"], "lam"),
]


@pytest.mark.parametrize(("statements", "name"), KEPT, ids=[" and ".join(statements) for statements, _ in KEPT])
def test_random_points_keep_the_facts(statements, name):
    cost = sg.parse(COST, facts=statements, **OPTIONS)
    inputs, lengths = random_point(cost.program)
    holds = {"=": lambda u, v: abs(u - v) < 1e-12, **COMPARED}
    for fact in cost._checked.facts:
        for left, op, right in sides(fact, inputs, lengths):
            assert holds[op](left, right), fact


COMPARED = {">": lambda u, v: u > v, ">=": lambda u, v: u >= v, "<": lambda u, v: u < v, "<=": lambda u, v: u <= v}


def sides(fact, inputs, lengths):
    """(left, sign, right) of the statement at every value of its letters, by the interpreter."""
    reader = Interpreter(inputs, lengths, Arithmetic(30))
    shape = []
    values = inputs[fact.name]
    while isinstance(values, list):
        shape.append(len(values))
        values = values[0]
    sizes = {}
    for place, size in zip(fact.element.args, shape, strict=True):
        if place.op == "index" and place not in fact.summed:
            sizes[place] = size
    for letter in fact.summed:  # the lengths that the statement names are those of the letters that it was written with
        lengths = {**lengths, f"n_{letter.value}": shape[fact.element.args.index(letter)]}
    reader.lengths = lengths
    for point in product(*map(range, sizes.values())):
        at = dict(zip(sizes, point, strict=True))
        for part in fact.statement.args if fact.statement.op == "and" else (fact.statement,):
            left, right = (reader.formula(side, at) for side in part.args)
            yield left, part.op.replace("==", "="), right


def test_facts_that_no_data_keep_leave_the_stages_unchecked():
    cost = sg.parse("sum(Y[i, k]*w[k]^2, i, k)", parameters=["w"], axes="i:4 k:3", facts=["sum(Y[i, k], k) = 1", "sum(Y[i, k], i) = 1"])
    with pytest.raises(InputError, match="No values of Y were found"):
        random_point(cost.program)
    assert cost.gradient.text()  # the gate is passed by
