"""Formulas that nobody chose, at arguments of any size: the stable form is never worse than the formula as it was written."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import symgd as sg
from symgd.compiling.numpy_backend import run
from symgd.nodes.formula import Formula
from symgd.nodes.node import accesses, node, number
from symgd.program.meaning import Arithmetic, Jiggled, interpret
from tests.oracle.formulas import NAMES, leaves

DIGITS = 900
CTX = Arithmetic(DIGITS).ctx
FUNCTIONS = ("exp", "log", "sqrt", "tanh", "cosh", "sigmoid", "softplus", "cos", "expm1", "log1p", "abs")


def applied(inner):
    return st.tuples(st.sampled_from(FUNCTIONS), inner).map(lambda two: node(*two))


def grown(inner):
    """Formulas in which exponentials, logarithms and roots meet sums, products and quotients."""
    return st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda terms: node("+", *terms)),
        st.lists(inner, min_size=2, max_size=3).map(lambda factors: node("*", *factors)),
        st.tuples(inner, inner).map(lambda two: node("+", two[0], node("neg", two[1]))),
        st.tuples(inner, inner).map(lambda two: node("/", *two)),
        inner.map(lambda one: node("neg", one)),
        inner.map(lambda one: node("^", one, number(2))),
        applied(inner),
    )


atoms = st.one_of(leaves, leaves.map(lambda leaf: node("exp", leaf)), leaves.map(lambda leaf: node("exp", node("neg", leaf))))
bodies = grown(grown(atoms))
formulas = st.one_of(bodies, applied(bodies), grown(bodies), st.tuples(st.just("log"), grown(atoms)).map(lambda two: node(*two)))
EDGES = [1e-12, 1e-8, -1e-8, 0.0, 40.0, -40.0, 1000.0]
values = st.one_of(st.floats(-1000, 1000), st.floats(-3, 3), st.sampled_from(EDGES)).map(lambda value: round(value, 13))
points = st.fixed_dictionaries({name: values for name in NAMES})
seen: Counter[str] = Counter()


def errors(program, point, exact):
    """|found - exact| of the cost and every derivative, infinite for what is not finite; and what rounding alone may do."""
    here = {name: point[name] for name in program.inputs}
    found = run(program, here, {})
    rounded = [interpret(program, here, {}, Jiggled(seed)) for seed in (1, 2, 3)]
    for name, value in exact.items():
        target = program.cost if name == "" else program.adjoints.get(name, "")
        got = float(found.get(target, 0.0))
        error = abs(got - value) if np.isfinite(got) else CTX.inf
        spread = max(abs(one.get(target, {}).get((), 0) - value) for one in rounded)
        yield name, error, spread


def compare(formula, point) -> None:
    used = [name for name in NAMES if name in {found.value for found in accesses(formula)}]
    assume(used)
    try:
        stable, written = (sg.Cost(Formula(formula), parameters=used, stabilise=on) for on in (True, False))
    except sg.InputError:
        assume(False)
    if not stable.rewritten:
        seen["left alone"] += 1
        return
    with sg.checking(False):
        slow = written.gradient.program
    held = interpret(slow, {name: point[name] for name in slow.inputs}, {}, Arithmetic(DIGITS))
    exact = {name: held.get(slow.cost if name == "" else slow.adjoints[name], {}).get((), CTX.zero) for name in ("", *used)}
    exact = {name: value for name, value in exact.items() if CTX.isfinite(value) and abs(value) < 1e300}
    before = {name: error for name, error, _ in errors(slow, point, exact)}
    for name, error, spread in errors(stable.gradient.program, point, exact):
        bound = 1e-12 * abs(exact[name]) + 1e-300
        good, was_good = error <= bound, before[name] <= bound
        seen["right before and after" if good and was_good else "improved" if good else "failing before and after" if not was_good else "worse"] += 1
        within = error <= bound + 100 * spread or error <= 1000 * before[name]
        assert within, (str(slow), str(stable.gradient.program), stable.rewritten, point, name, float(error), float(before[name]), float(exact[name]))


@settings(max_examples=150)
@given(formula=formulas, point=points)
def test_stable_forms_are_never_worse(formula, point):
    compare(formula, point)


@pytest.mark.slow
@settings(max_examples=800)
@given(formula=formulas, point=points)
def test_stable_forms_are_never_worse_in_a_long_run(formula, point):
    compare(formula, point)


def test_hardly_any_were_worse(capsys):
    with capsys.disabled():
        print(f"\nrandom formulas, cost and derivatives: {dict(seen)}")
    assert seen["worse"] <= 0.01 * sum(seen.values())
