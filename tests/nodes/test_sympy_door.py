"""What SymPy says and what the nodes say is the same, in both directions, in time proportional to what is shared."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
import sympy.codegen.cfunctions
import sympy.codegen.numpy_nodes

import symgd as sg
from symgd.cost.checked import check
from symgd.errors import InputError, LimitError, NotBuilt
from symgd.nodes.formula import Formula
from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.node import ONE, ZERO, Node, access, index, length, node, number, postorder, range_
from symgd.nodes.sympy_door import from_sympy, index_from_sympy, to_sympy
from symgd.nodes.sympy_forms import Mean, Sample, length_symbol
from symgd.nodes.text import text
from symgd.program.forward import forward
from symgd.program.meaning import interpret
from symgd.reading.text import expression, problem
from tests.oracle.against_jax import lengths_of
from tests.oracle.compositions import COMPOSITIONS
from tests.oracle.recurrences import RECURRENCES
from tests.oracle.structure import Structure
from tests.oracle.structures import STRUCTURES

w, b, u, v = sp.symbols("w b u v")
X, Y, W, z, a, c, h, label, start = sp.symbols("X Y W z a c h label start", cls=sp.IndexedBase)
i, j, k, t = sg.axes("i:m j:d k:n t:T")
m, d, T = map(length_symbol, ("m", "d", "T"))
x, y = sg.samples("x y")
p, q = sp.symbols("p q", integer=True)
M = sp.Symbol("M")
cfunctions, numpy_nodes = sympy.codegen.cfunctions, sympy.codegen.numpy_nodes


def written(formula: Formula, root: Node | None = None) -> str:
    return text(formula.expression if root is None else root, hidden=formula.hidden, axes=formula.axes)


FORMS: tuple[tuple[Any, str], ...] = (
    # arithmetic, as SymPy prints it
    ((w - 3) ** 2, "(w - 3)^2"),
    (3 - w, "3 - w"),
    (u - v, "u - v"),
    (-u - v, "-u - v"),
    (v - u, "v - u"),
    (w * x + b - y, "b + w*x - y"),
    (u**2 + u * v + 1, "u^2 + u*v + 1"),
    (2 * (u + v), "2*u + 2*v"),
    (sp.Mul(2, u + v, evaluate=False), "2*(u + v)"),
    (sp.Add(u, u, evaluate=False), "u + u"),
    (sp.Add(sp.Add(u, v, evaluate=False), w, evaluate=False), "w + (u + v)"),
    (sp.Mul(u, 3, evaluate=False), "u*3"),
    # quotients and powers
    (u / v, "u/v"),
    (u / v / w, "u/(v*w)"),
    (1 / u, "1/u"),
    (-u / 3, "-u/3"),
    (2 * u / (3 * v), "2*u/(3*v)"),
    (u**-2, "1/u^2"),
    (v * u ** (-w), "v/u^w"),
    (u ** (-w), "u^(-w)"),
    (sp.sqrt(u), "sqrt(u)"),
    (2 / sp.sqrt(u), "2/sqrt(u)"),
    (u ** sp.Rational(3, 2), "u^(3/2)"),
    (u ** sp.Rational(-1, 3), "1/u^(1/3)"),
    (sp.exp(-u) * v, "v*exp(-u)"),
    # numbers
    (sp.Rational(-1, 3), "-1/3"),
    (0.1 * u, "0.1*u"),
    (-0.5 * u, "-0.5*u"),
    (u + 1e-5, "u + 1e-05"),
    (sp.Float("0.1", 30) * u, "0.1*u"),
    (sp.pi * sp.E * u, "e*pi*u"),
    (sp.exp(1), "e"),
    (5, "5"),
    (2.5, "2.5"),
    (np.float64(0.1), "0.1"),
    (Fraction(1, 2) + sp.Integer(0), "1/2"),
    # functions
    (sp.log(u, 2), "log(u)/log(2)"),
    (sp.log(u, 2, evaluate=False), "logbase(u, 2)"),
    (abs(u), "abs(u)"),
    (sp.Max(u, 0), "max(0, u)"),
    (sp.Min(u, v, w), "min(u, v, w)"),
    (sp.Heaviside(u), "heaviside(u, 1/2)"),
    (sp.Heaviside(u, 0), "heaviside(u, 0)"),
    (sp.digamma(u) + sp.polygamma(1, u) + sp.polygamma(3, u), "digamma(u) + polygamma(3, u) + trigamma(u)"),
    (cfunctions.log1p(u) + cfunctions.log2(u) + cfunctions.hypot(u, v), "hypot(u, v) + log1p(u) + log2(u)"),
    (cfunctions.fma(u, v, w) + cfunctions.Cbrt(u) + cfunctions.exp2(u), "cbrt(u) + exp2(u) + fma(u, v, w)"),
    (numpy_nodes.logaddexp(u, v), "logaddexp(u, v)"),
    # everything is real
    (sp.re(u) + sp.im(v) + sp.conjugate(w), "u + w"),
    (abs(sp.exp(u)), "exp(u)"),
    (sp.UnevaluatedExpr(u + v) * 2, "2*(u + v)"),
    # conditions
    (sp.Piecewise((u, u > 0), (v, True)), "piecewise(u, u > 0, v)"),
    (sp.Piecewise((u, u >= 0)), "piecewise(u, u >= 0)"),
    (sp.Piecewise((u, (u > 0) & (v < 1)), (w, sp.Ne(u, 3) | (v > 2)), (0, True)), "piecewise(u, u > 0 and v < 1, w, v > 2 or u != 3, 0)"),
    (sp.Piecewise((u, sp.Not(sp.And(u > 0, v > 0, evaluate=False), evaluate=False)), (1, True)), "piecewise(u, not (u > 0 and v > 0), 1)"),
    (sp.Piecewise((u, sp.ITE(u > 0, v > 0, w > 0)), (1, True)), "piecewise(u, u > 0 and v > 0 or not u > 0 and w > 0, 1)"),
    (sg.total(sp.KroneckerDelta(i, j) * X[i], i, j), "sum(X[i]*delta(i, j), i, j)"),
    # sums written by hand
    (sp.Sum(X[p], (p, 0, M - 1)), "sum(X[p], p)"),
    (sp.Sum(w * X[sp.Idx("i", M)] / M, (sp.Idx("i", M), 0, M - 1)), "sum(w*X[i]/M, i)"),
    (sp.Sum(X[sp.Idx("i")], (sp.Idx("i"), 0, 3)), "sum(X[i], i)"),
    (sp.Sum(X[i + 1] - X[i], (i, 0, m - 2)), "sum(X[i + 1] - X[i], i in 0:m - 1)"),
    (sp.Sum(X[p] * X[q], (q, p + 1, M - 1), (p, 0, M - 1)), "sum(X[p]*X[q], p, q in p + 1:M)"),
    (sp.Product(1 + w * X[i], (i, 1, m - 1)), "product(w*X[i] + 1, i in 1:m)"),
    (sp.Sum(w * sp.Sum(X[q], (q, start[i], start[i + 1] - 1)), i), "sum(w*sum(X[q], q in start[i]:start[i + 1]), i)"),
    (sp.Sum(w * X[label[i], 0], i), "sum(w*X[label[i], 0], i)"),
    (sp.Sum(X[p], (p, 3, 2)) + w, "w"),
    (sp.Product(X[p], (p, 3, 2)) + w, "w + 1"),
    (sp.Sum(sp.Sum(w * X[p], (p, 0, M - 1)), (p, 0, 2)), "sum(sum(w*X[p], p), p in 0:3)"),
    (2 * sp.Sum(1 / p**2, (p, 1, 10**6)) + u, "u + 2*sum(1/p^2, p in 1:1000001)"),
    (sp.Sum(X[i], i).subs(m, 3), "sum(X[i], i in 0:3)"),
    (sp.Sum(T * X[t] + X[T - 1], t), "sum(T*X[t] + X[T - 1], t)"),
    # one letter again
    (sg.mean((w * X[i] - sg.mean(w * X[i], i)) ** 2, i), "mean((w*X[i] - mean(w*X[i], i))^2, i)"),
    (sg.total(X[i], i) + sg.total(X[sg.axes("i:r")[0]], *sg.axes("i:r")), "sum(X[i], i) + sum(X[i], i in 0:r)"),
    (sg.total(X[i] * sg.total(Y[i, sg.axes("i:r")[0]], *sg.axes("i:r")), i), "sum(X[i]*sum(Y[i, i_1], i_1), i)"),
    # the sample axis
    (sg.mean((w * x + b - y) ** 2), "mean((b + w*x - y)^2)"),
    (sg.mean((w * sg.samples("s", axis=i)[0] - X[i]) ** 2, i), "mean((w*s[i] - X[i])^2, i)"),
    (sg.total(w * x) + sg.product(x) + sg.maximum(x) + sg.logsumexp(x) + sg.norm(x), "logsumexp(x) + max(x) + norm(x) + product(x) + sum(w*x)"),
    (sg.mean(x * sg.total(sg.softmax(W[k], k) * X[k], k)), "mean(x*sum(X[k]*softmax(W[k], k), k))"),
)


@pytest.mark.parametrize("e, found", FORMS, ids=[found for _, found in FORMS])
def test_a_sympy_formula_reads_as_it_prints(e: Any, found: str) -> None:
    formula = from_sympy(e)
    assert written(formula) == found
    back = to_sympy(formula.expression, formula.symbols, hidden=formula.hidden, samples=formula.samples)
    again = from_sympy(back, known=formula)
    assert to_sympy(again.expression, formula.symbols, hidden=formula.hidden, samples=formula.samples) == back


@pytest.mark.parametrize("e", [e for e, _ in FORMS if isinstance(e, (sp.Sum, sp.Product, sp.Pow, Mean))], ids=str)
def test_the_user_s_own_objects_come_back(e: Any) -> None:
    formula = from_sympy(e)
    assert to_sympy(formula.expression, formula.symbols, hidden=formula.hidden) == e


def test_letters_of_the_sample_axis_avoid_every_name() -> None:
    assert from_sympy(sg.mean(w * x)).axes == {"i": length("m")}
    busy = from_sympy(sg.mean(w * x * sp.Symbol("i") * sp.Symbol("s") * sp.Symbol("m")) + sp.Symbol("n"))
    assert (busy.hidden, busy.axes) == ("t_", {"t_": length("N")})
    assert from_sympy(sg.mean(w * x)).samples == ("x",)
    assert from_sympy(sg.mean(w * y) + sg.mean(x)).samples == ("x", "y")


def test_a_length_and_a_slope_may_share_a_name() -> None:
    slope = sp.Symbol("m")
    formula = from_sympy(sg.mean((slope * X[i] * m) ** 2, i))
    assert formula.expression.args[1] is range_(index("i"), ZERO, length("m"))
    assert {part.op for part in postorder(formula.expression) if part.value == "m"} == {"length", "access"}
    assert to_sympy(formula.expression, formula.symbols) == sg.mean((slope * X[i] * m) ** 2, i)


def test_a_plain_symbol_that_bounds_a_sum_is_the_length_everywhere() -> None:
    e = sp.Sum(X[p] * w, (p, 0, M - 1)) / M
    formula = from_sympy(e)
    summand = node("*", access("w"), access("X", index("p")))
    assert formula.expression is node("/", node("sum", summand, range_(index("p"), ZERO, length("M"))), length("M"))
    assert to_sympy(formula.expression, formula.symbols) == e


DEFINITIONS: tuple[tuple[Any, str, dict[str, str]], ...] = (
    ({z[i, k]: sg.total(W[k, j] * X[i, j], j) + c[k]}, "z[i, k] = c[k] + sum(W[k, j]*X[i, j], j)", {"i": "m", "k": "n", "j": "d"}),
    ([sp.Eq(z[i], w * X[i])], "z[i] = w*X[i]", {"i": "m"}),
    ({h[0, k]: 0, h[t + 1, k]: sp.tanh(h[t, k])}, "h[0, k] = 0; h[t + 1, k] = tanh(h[t, k])", {"t": "T", "k": "n"}),
    ({z[p]: w * X[p]}, "z[p] = w*X[p]", {"p": "n_p"}),
    ({z[sp.Idx("p", M)]: w}, "z[p] = w", {"p": "M"}),
    ({z[p]: sp.Sum(X[q], (q, 0, p))}, "z[p] = sum(X[q], q in 0:p + 1)", {"p": "n_p"}),
    ({sp.IndexedBase("z", shape=(5,))[p]: w}, "z[p] = w", {"p": "5"}),
    ({z[p]: w, a[q]: z[q] * X[q], sp.Symbol("f"): sp.Sum(X[q], (q, 0, M - 1))}, "z[p] = w; a[q] = X[q]*z[q]; f = sum(X[q], q)", {"p": "M", "q": "M"}),
    ({W[M]: 0, W[p]: W[p + 1] + X[p], u: sp.Sum(X[p], (p, 0, M - 1))}, "W[M] = 0; W[p] = W[p + 1] + X[p]; u = sum(X[p], p)", {"p": "M"}),
    ({u: w * x + b, v: u**2}, "u = b + w*x; v = u^2", {"i": "m"}),
    ({a[k]: sp.tanh(W[k] * x + c[k])}, "a[k] = tanh(W[k]*x + c[k])", {"k": "n", "i": "m"}),
)


@pytest.mark.parametrize("where, found, axes", DEFINITIONS, ids=[found for _, found, _ in DEFINITIONS])
def test_definitions_and_the_lengths_of_their_axes(where: Any, found: str, axes: dict[str, str]) -> None:
    formula = from_sympy(w, where)
    assert "; ".join(f"{written(formula, left)} = {written(formula, body)}" for left, body in formula.definitions) == found
    assert {letter: text(size) for letter, size in formula.axes.items()} == axes


def test_what_is_defined_by_a_column_is_a_column() -> None:
    formula = from_sympy(sg.mean((u - y) ** 2), {u: w * x})
    i_ = index("i")
    assert formula.definitions == ((access("u", i_), node("*", access("w"), access("x", i_))),)
    assert formula.samples == ("x", "y")
    assert to_sympy(formula.expression, formula.symbols, hidden="i") == sg.mean((u - y) ** 2)
    later = from_sympy(sg.mean(u * x), known=formula)
    assert later.expression.args[0] is node("*", access("u", i_), access("x", i_))


def test_a_formula_speaks_in_the_names_of_another() -> None:
    told = problem("mean((w*x - y)^2) + w*m", samples="x y")
    assert from_sympy(sg.mean(x * w), known=told).expression is node(
        "mean", node("*", access("w"), access("x", index("i"))), range_(index("i"), ZERO, length("N"))
    )
    assert from_sympy(Mean(sp.Symbol("x")), known=told).expression.args[0] is access("x", index("i"))
    assert from_sympy(sp.Symbol("N") * w, known=told).expression is node("*", length("N"), access("w"))
    with pytest.raises(InputError, match="Name clash"):
        from_sympy(sp.Symbol("w", real=True), known=from_sympy(w))


def test_dummies_of_one_name_are_told_apart() -> None:
    one, two = sp.Dummy("w"), sp.Dummy("w")
    formula = from_sympy(one * two + w)
    assert {formula.symbols[name] for name in ("w", "w_1", "w_2")} == {w, one, two}
    e, f = sp.Dummy("e", integer=True), sp.Dummy("e", integer=True)
    assert len({r.args[0] for r in from_sympy(sp.Sum(X[e] * Y[f], (e, 0, 3), (f, 0, 4))).expression.args[1:]}) == 2


@pytest.mark.parametrize("name", ["", " ", "1x", "x.y", "x\n", '"""', "{{7*7}}", "%s", "\\", "<script>", 'x;__import__("os")', "np", "lambda", "E"])
def test_a_name_is_data(name: str) -> None:
    formula = from_sympy(sp.Symbol(name) ** 2)
    assert formula.expression is node("^", access(name), number(2))
    assert to_sympy(formula.expression, formula.symbols) == sp.Symbol(name) ** 2


def test_notes() -> None:
    assert "derivative is 0" in from_sympy(sp.Piecewise((1, u > 0), (0, True))).notes[0]
    assert from_sympy(sp.Piecewise((u, u > 0), (0, True))).notes == ()
    assert from_sympy(sg.total(w * x) / m).notes == ("m is a number here; the number of samples is N.",)
    assert from_sympy(sg.total(w**2, i)).notes == ("A sum over i has the same term throughout: w**2.",)


f = sp.Function("f")
A = sp.MatrixSymbol("A", 2, 2)
REFUSED: tuple[tuple[Any, Any, str], ...] = (
    (f(u), (), "f(u) is an undefined function. Accepted: an array f[i], or the formula of the function."),
    (sp.Function('__import__("os").getpid')(u), (), '__import__("os").getpid(u) is an undefined function.'),
    (sp.Integral(f(u), u), (), "Integral(f(u), u) is an integral"),
    (sp.Limit(f(u), u, 0), (), "is a limit"),
    (sp.diff(f(u), u), (), "Derivative(f(u), u) is an unevaluated derivative."),
    (sp.Matrix([u]), (), "Matrix([[u]]) is a matrix. Accepted: its elements, a formula each; products with indices."),
    (A, (), 'A is a matrix expression. Accepted: the index form, A[i, j] with i, j = sg.axes("i:2 j:2").'),
    (sp.Trace(A) + u, (), "Trace(A) is a matrix expression."),
    ((A.T * A)[0, 0], (), "is a matrix expression."),
    (sp.Array([u]), (), "is a matrix expression."),
    ((u, v), (), "The formula is a tuple, not one formula."),
    ([u], (), "The formula is a list, not one formula."),
    (sp.Eq(u, v), (), "The formula is the condition Eq(u, v), not a number."),
    (u < 1, (), "The formula is the condition u < 1, not a number."),
    (True, (), "The formula is the condition True, not a number."),
    ((u > 0) & (v > 0), (), "is a condition, not a number."),
    ("u**2", (), 'The formula is a text. Accepted: sg.parse("...") for text'),
    (None, (), "The formula is a Python NoneType."),
    (sp.I * u, (), "The formula contains the imaginary unit I."),
    (sp.sqrt(-1), (), "The formula contains the imaginary unit I."),
    (sp.oo, (), "The formula contains oo, which is infinite."),
    (sp.Integer(1) / 0 * u, (), "The formula contains zoo, which is infinite."),
    (float("nan"), (), "The formula contains nan"),
    (sp.zeta(u), (), "symgd does not know SymPy's zeta."),
    (sp.DiracDelta(u), (), "symgd does not know SymPy's DiracDelta."),
    (sp.O(u), (), "symgd does not know SymPy's Order."),
    (sp.Piecewise((u, sp.Contains(u, sp.Interval(0, 1))), (1, True)), (), "symgd does not know the condition Contains(u, Interval(0, 1))."),
    (sp.Piecewise((u, sp.Symbol("q")), (v, True)), (), "is a number. Accepted: comparisons, And, Or, Not."),
    (X * w, (), "The array X stands without an index. Accepted: an element, such as X[i]."),
    (X[u / 2], (), "The subscript of X[u/2] is no whole number."),
    (X[sp.Rational(1, 2)], (), "The subscript of X[1/2] is no whole number."),
    (sp.Sum(X[p], (p, 0, sp.oo)), (), "The sum over p is infinite."),
    (sp.Sum(X[p], (p, 0, sp.Rational(5, 2))), (), "The sum over p has the bound 5/2."),
    (sp.Sum(X[p], (p, 5, 2)), (), "The bounds of the sum over p are reversed: 5 to 2."),
    (sg.maximum(X[p], (p, 3, 2)), (), "The maximum in maximum(X[p], (p, 3, 2)) runs over nothing."),
    (u * sp.Symbol("u", real=True), (), "Name clash: two different symbols are named u;"),
    (x * sp.Symbol("x"), (), "Name clash: x is a data column and a number."),
    (X[i] * sp.Symbol("X"), (), "Name clash: X is a number and an array."),
    (sg.total(sg.samples("m")[0] * X[i], i), (), "Name clash: m is a data column and the length of an axis."),
    (X[i] + sp.IndexedBase("X", shape=(3,))[i], (), "Name clash: two different symbols are named X;"),
    (sp.Symbol("i") * sp.Sum(X[i], i), (), "Name clash: i is an index and a number."),
    (sp.Sum(X[p] * Y[sp.Idx("p")], (p, 0, 3)), (), "Name clash: two different symbols are named p;"),
    (sp.Sum(M * X[p], (p, 0, M)) * sp.Symbol("M", real=True), (), "Name clash: two different symbols are named M;"),
    (sp.Symbol("ﬁ") + sp.Symbol("fi"), (), "look the same but are different names"),
    (sp.Symbol("x" * 10_000), (), "A name has 10,000 letters"),
    (sp.Symbol("\ud800"), (), "is no valid Unicode text"),
    (sp.Symbol("u", imaginary=True), (), "u is declared to be no real number."),
    (sp.Symbol("u", commutative=False), (), "u is declared to be no real number."),
    (sp.Integer(9) ** 5000, (), "A number has about 4,771 digits."),
    (sp.Integer(10) ** 400 * u, (), "A number has about 400 digits."),
    (sp.Float("1e400"), (), "is no float64."),
    (Mean(w), (), "mean(w) runs over the samples, and the formula has no data column."),
    (Mean(w * X[i]), (), "mean(w*X[i]) has no axis and stands over i. Accepted: mean(..., i)."),
    (sg.argmax(x), (), "argmax has no derivative"),
    (w, [False], "An equation in where= is already False"),
    (w, [sp.Eq(sp.Symbol("p", positive=True), -sp.exp(sp.Symbol("s", real=True)))], "An equation in where= is already False"),
    (w, [u + v], "u + v in where= is no equation."),
    (w, sp.Eq(u, v), "where= is a single formula."),
    (w, {"z": u}, "z in where= is a text."),
    (w, {z: u}, "z cannot be defined. Accepted: a Symbol, or an element such as z[i, k]."),
    (w, {u: "v**2"}, "The definition of u is a text."),
    (w, {u: v > 0}, "The definition of u is the condition v > 0"),
    (w, {z[i]: X[p] * Y[sp.Symbol("i", integer=True)]}, "Name clash: two different symbols are named i;"),
    (w, {z[i]: X[i], a[sg.axes("i:r")[0]]: u}, "Axis i has two lengths, m and r."),
    (w, {z[sp.Idx("p", (1, 4))]: u}, "Index p does not run from 0."),
)  # fmt: skip


@pytest.mark.parametrize("e, where, message", REFUSED, ids=[message for _, _, message in REFUSED])
def test_what_is_no_real_formula_is_refused_by_name(e: Any, where: Any, message: str) -> None:
    with pytest.raises((InputError, LimitError, NotBuilt)) as refused:
        from_sympy(e, where)
    assert message in str(refused.value)


@pytest.mark.parametrize("row", FUNCTIONS.values(), ids=FUNCTIONS)
def test_the_sympy_form_of_every_function_is_that_function(row: Any) -> None:
    letters = "uvw"[: row.arity or 3]
    points = ([2, 1.3],) if row.name == "polygamma" else ([0.6, 1.3, 0.4], [1.7, 1.3, 0.4], [-0.6, 1.3, 0.4])
    point, value = next((at, value) for at in points if not mpmath.isnan(value := row.mpmath(mpmath.mp, *map(mpmath.mpf, at[: len(letters)]))))
    written = node(row.name, *(access(letter) for letter in letters))
    for e in (to_sympy(written, {}), to_sympy(from_sympy(to_sympy(written, {})).expression, {})):
        assert abs(e.subs(dict(zip(sp.symbols("u v w"), point, strict=False))).evalf() - value) <= 1e-12 * abs(value)


CASES = (Path(__file__).parents[1] / "cases" / "formulas.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("typed", [line.split("  =>  ")[0] for line in CASES if line and not line.startswith("#")])
def test_what_went_out_comes_in_again(typed: str) -> None:
    out = to_sympy(expression(typed), {})
    formula = from_sympy(out)
    assert to_sympy(formula.expression, formula.symbols) == out


@pytest.mark.parametrize("structure", [*STRUCTURES, *COMPOSITIONS, *RECURRENCES], ids=lambda structure: structure.name)
def test_a_structure_has_the_same_value_through_sympy(structure: Structure) -> None:
    typed = problem(structure.cost, where=structure.where, axes=structure.axes)
    letters = {letter.name: letter for letter in sg.axes(structure.axes)}

    def out(root: Node) -> Any:
        return to_sympy(root, letters, hidden=typed.hidden)

    through = from_sympy(out(typed.expression), {out(left): out(body) for left, body in typed.definitions})
    values = []
    for formula in (typed, through):
        program = forward(check(formula, parameters=structure.parameters))
        values.append(interpret(program, structure.arrays(0), lengths_of(structure, 0))[program.cost][()])
    assert values[1] == pytest.approx(values[0], rel=1e-12)


def seconds(work: Callable[[], Any]) -> float:
    best = float("inf")
    for _ in range(3):
        before = time.process_time()
        work()
        best = min(best, time.process_time() - before)
    return best


def test_a_thousand_variables_take_a_third_of_a_second() -> None:
    xs = sp.symbols("x:1000")
    rosenbrock = sp.Add(*(100 * (after - before**2) ** 2 + (1 - before) ** 2 for before, after in pairwise(xs)))
    assert seconds(lambda: from_sympy(rosenbrock)) < 0.3


def test_what_is_shared_is_read_once() -> None:
    e: Any = u
    for _ in range(40):
        e = sp.sin(e) + e / 2
    assert seconds(lambda: from_sympy(e)) < 0.1


SHARING: Mapping[str, Callable[[Node], Node]] = {
    **{name: (lambda n, name=name, row=row: node(name, *[node("*", n, n), n, n][: row.arity or 2])) for name, row in FUNCTIONS.items()},
    "power": lambda n: node("^", node("*", n, n), n),
    "quotient": lambda n: node("/", node("*", n, n), n),
    "choice": lambda n: node("piecewise", n, node("and", node("<", n, ONE), node("not", node(">", node("*", n, n), n))), node("*", n, n)),
    "sum": lambda n: node("sum", node("*", n, n), range_(index("i"), ZERO, length("m"))),
    "softmax": lambda n: node("softmax", node("*", n, n), range_(index("i"), ZERO, length("m"))),
}


@pytest.mark.parametrize("step", SHARING.values(), ids=SHARING)
def test_what_is_shared_sixty_times_goes_out_and_in_again(step: Callable[[Node], Node]) -> None:
    n = access("u")
    for _ in range(60):
        n = node("+", step(n), n)
    before = time.process_time()
    from_sympy(to_sympy(n, {}))
    assert time.process_time() - before < 5


def test_depth_is_no_limit() -> None:
    e: Any = u
    for _ in range(3000):
        e = sp.sin(e, evaluate=False)
    formula = from_sympy(e)
    assert len(postorder(formula.expression)) == 3001
    to_sympy(formula.expression, {})


SUBSCRIPTS = [(p, index("p")), (i, index("i")), (0, ZERO), (sp.Integer(2), number(2)), (p + 1, node("+", index("p"), ONE))]


@pytest.mark.parametrize("place, found", SUBSCRIPTS, ids=str)
def test_subscripts(place: Any, found: Node) -> None:
    assert index_from_sympy(place) is found


def test_elements_without_an_object_of_the_user_get_one() -> None:
    e = to_sympy(expression("sum(w[j]*x[i, j], j in 0:d) + b"), {})
    assert e == sp.Symbol("b") + sg.total(sp.IndexedBase("w")[j] * sp.IndexedBase("x")[sp.Idx("i"), j], j)
    assert to_sympy(access("x", index("i")), {}, hidden="i", samples=("x",)) == Sample("x")
    assert to_sympy(access("a", index("i"), index("k")), {"k": k}, hidden="i") == sp.IndexedBase("a")[k]
