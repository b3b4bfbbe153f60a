"""Axes, columns and reductions are SymPy objects with the arithmetic of SymPy, and say what they accept."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
import sympy as sp

import symgd as sg
from symgd.errors import InputError
from symgd.nodes.sympy_forms import REDUCTION_CLASSES, Axis, Sample, length_symbol

i, j, k = sg.axes("i:m j:d k:3")
m, d = length_symbol("m"), length_symbol("d")
x, y = sg.samples("x y")
X, Y = sp.symbols("X Y", cls=sp.IndexedBase)
w, b = sp.symbols("w b")
plain, bare = sp.Symbol("n", integer=True), sp.Idx("n")


def test_an_axis_is_an_index_that_knows_its_length_and_prints_as_its_letter() -> None:
    r, p = sg.axes("r:6, p:H-P+1")
    assert (r.lower, r.upper, r.length) == (0, 5, 6)
    assert p.length == length_symbol("H") - length_symbol("P") + 1
    assert (str(p), sp.latex(p), repr(i)) == ("p", "p", "i")
    assert i.func(*i.args) == i == pickle.loads(pickle.dumps(i)) == Axis("i", m)


def test_no_substitution_detaches_an_axis_from_its_sum() -> None:
    assert sp.Sum(X[i], i).subs(m, 3).doit() == X[0] + X[1] + X[2]
    assert sp.Sum(X[i], i).xreplace({m: sp.Integer(2)}).doit() == X[0] + X[1]
    assert X[i].subs(i, 2) == X[2]
    assert sp.diff(sp.Sum(X[i] ** 2, i), X[j]) == sp.Sum(2 * sp.KroneckerDelta(i, j) * X[i], i)


def test_a_column_calculates_as_any_real_symbol() -> None:
    assert sp.diff((w * x - y) ** 2, x) == 2 * w * (w * x - y)
    assert str(w * x + b - y) == "b + w*x - y"
    assert sp.sqrt(x**2) == abs(x)
    assert (x * w).subs(x, 3) == 3 * w
    assert sg.samples("x") == (x,) == (pickle.loads(pickle.dumps(x)),)
    assert sg.samples("x", axis=i) != (x,) and x != sp.Symbol("x", real=True)


@pytest.mark.parametrize("cls", REDUCTION_CLASSES.values(), ids=REDUCTION_CLASSES)
def test_a_reduction_goes_through_arithmetic_unevaluated(cls: Any) -> None:
    for e in (cls(w * x), cls(w * X[i], (i, 0, m - 1)), cls(w * X[k] - i, (k, 1, 2), (i, 0, k))):
        assert (2 * e + e**2 - e / w).has(e)
        assert e.is_real and e.is_commutative
        assert e.func(*e.args) == e == pickle.loads(pickle.dumps(e)) == sp.sympify(e)
        assert {w} <= e.free_symbols
        assert e.subs(w, 2).func is cls
        assert str(e) in str(3 * e) and sp.latex(e) in sp.latex(3 * e) and sp.pretty(e**2)
        assert sp.sqrt(e**2) in (e, abs(e))


def test_bound_indices_are_not_free_but_that_of_a_softmax_is() -> None:
    assert sg.logsumexp(X[i, j], j).free_symbols & {i, j, d} == {i, d}
    assert sg.softmax(X[i, j], j).free_symbols & {i, j, d} == {i, j, d}
    assert sg.mean(X[i], i).subs(i, 3) == sg.mean(X[i], i)
    assert sg.softmax(X[k], k).subs(k, 0).doit() == sp.exp(X[0]) / (sp.exp(X[0]) + sp.exp(X[1]) + sp.exp(X[2]))


@pytest.mark.parametrize(
    "found, in_sums",
    [
        (sg.mean(w * X[i], i), sp.Sum(w * X[i], i) / m),
        (sg.mean(X[i] * Y[k], i, k), sp.Sum(X[i] * Y[k], (k, 0, 2), i) / (3 * m)),
        (sg.mean(X[k], k), (X[0] + X[1] + X[2]) / 3),
        (sg.logsumexp(X[k], k), sp.log(sp.exp(X[0]) + sp.exp(X[1]) + sp.exp(X[2]))),
        (sg.norm(X[i], i), sp.sqrt(sp.Sum(X[i] ** 2, i))),
        (sg.maximum(X[k], k), sp.Max(X[0], X[1], X[2])),
        (sg.minimum(X[k], (k, 1, 2)), sp.Min(X[1], X[2])),
        (sg.maximum(X[i], i), sg.maximum(X[i], i)),
        (sg.mean(w * x), sg.mean(w * x)),
    ],
    ids=str,
)
def test_doit_writes_a_reduction_over_a_named_axis_with_sympy_s_own_sums(found: Any, in_sums: Any) -> None:
    assert sp.simplify(found.doit() - in_sums.doit()) == 0


def test_totals_and_products_over_named_axes_are_sympy_s_own() -> None:
    assert sg.total(w * X[i], i) == sp.Sum(w * X[i], (i, 0, m - 1))
    assert sg.total(X[i] * X[j], i, (j, i + 1, m - 1)) == sp.Sum(X[i] * X[j], (j, i + 1, m - 1), (i, 0, m - 1))
    assert sg.total(sg.total(X[i] * Y[j], j), i) == sp.Sum(sp.Sum(X[i] * Y[j], j), i)
    assert sg.product(X[i], (plain, 0, 4)) == sp.Product(X[i], (plain, 0, 4))


def test_the_mean_or_extreme_of_a_number_is_the_number() -> None:
    assert sg.mean(5) == sg.mean(5, i) == sg.maximum(5, k) == sg.minimum(5) == 5
    assert sg.total(5, k).doit() == 15


def test_a_large_shared_body_costs_nothing() -> None:
    e: Any = w
    for _ in range(60):
        e = sp.Add(sp.Mul(e, e, evaluate=False), e, evaluate=False)
    assert len((2 * sg.mean(e) + sg.norm(e) ** 2 + sg.total(e, i)).args) == 3


REFUSED: tuple[tuple[Callable[[], Any], str], ...] = (
    (lambda: sg.mean(X[i], 3), 'sg.mean cannot run over 3. Accepted: an index of sg.axes("i:m"), or (i, 0, m - 1).'),
    (lambda: sg.mean(X[i], "i"), "sg.mean cannot run over 'i'. Accepted: an index of"),
    (lambda: sg.mean(X[bare], bare), 'The index n of sg.mean has no range. Accepted: sg.axes("n:m"), or (n, 0, m - 1).'),
    (lambda: sg.total(X[plain], plain), "The index n of sg.total has no range."),
    (lambda: sg.mean(w, m), "sg.mean cannot run over m."),
    (lambda: sg.mean(w, x), "x is a data column, not an axis. Accepted: sg.mean(...) without an axis for the samples"),
    (lambda: sg.maximum(w, X[0]), "sp.Max(a, b) compares two values"),
    (lambda: sg.mean(X[i], i, i), "Axis i runs twice in sg.mean."),
    (lambda: sg.total(X[i], (i, "0", 3)), "sg.total cannot run over (i, '0', 3)."),
    (lambda: sg.total(X[i], (3, 0, 1)), "sg.total cannot run over (3, 0, 1)."),
    (lambda: sg.mean("x**2"), 'sg.mean runs over a SymPy formula, not over a text. Accepted: sg.parse("mean(...)") for text.'),
    (lambda: sg.mean(X), "The array X stands without an index. Accepted: sg.mean(X[i], i)."),
    (lambda: sg.mean([1, 2]), "sg.mean runs over a formula, not over a list."),
    (lambda: sg.mean(sp.Matrix([w])), "sg.mean runs over a number, not over the matrix Matrix([[w]])."),
    (lambda: sg.mean(w < 1), "sg.mean runs over a formula, not over a StrictLessThan."),
    (lambda: sg.axes("i"), "An axis is an index letter, a colon and its length. Accepted: i:m j:3."),
    (lambda: sg.axes("i:m j"), "A sign is missing between m and j."),
    (lambda: sg.axes("i:0"), "An axis has the length 0. Accepted: a whole number from 1."),
    (lambda: sg.axes("n:n"), "n is both an index letter and a length."),
    (lambda: sg.axes("i:m i:n"), "Axis i has two lengths."),
    (lambda: sg.axes(""), "The text names no axis."),
    (lambda: sg.axes(3), "Axes are given as a text, not as int."),  # type: ignore[arg-type]
    (lambda: sg.axes("i:__import__('os')"), "Strings and primes are no formulas."),
    (lambda: sg.samples("x x"), "x is named twice."),
    (lambda: sg.samples(""), "'' names no data column."),
    (lambda: sg.samples(3), "3 names no data column."),  # type: ignore[arg-type]
    (lambda: sg.samples("x", axis=bare), "The index n of sg.samples has no range."),
)


@pytest.mark.parametrize("wrong, message", REFUSED, ids=[message for _, message in REFUSED])
def test_what_cannot_be_reduced_is_refused_with_what_is_accepted(wrong: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError) as refused:
        wrong()
    assert message in str(refused.value)


def test_a_column_on_a_named_axis_knows_it() -> None:
    (s,) = sg.samples("s", axis=i)
    assert isinstance(s, Sample) and s.axis == i
