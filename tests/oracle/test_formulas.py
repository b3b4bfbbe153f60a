"""Formulas that nobody chose: the generated source equals the interpreter at 50 digits, as exactly as 53 bits allow."""

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import symgd as sg
from symgd.compiling.cache import load
from symgd.compiling.numpy_backend import run
from symgd.nodes.formula import Formula
from symgd.nodes.node import accesses, node, number
from symgd.program.meaning import Arithmetic, Jiggled, interpret

from .formulas import NAMES, formulas, points

FINE = Arithmetic(50).ctx
ZERO = FINE.mpf(0)


def exact_and_spread(program, point):
    """Every result at 50 digits, and how far rounding alone can move it: three runs at 53 bits, each operation moved by a unit in the last place."""
    names = [program.cost, *(program.adjoints[name] for name in program.parameters)]
    exact = interpret(program, point, {}, Arithmetic(50))
    moved = [interpret(program, point, {}, Jiggled(seed)) for seed in (1, 2, 3)]
    found = {}
    for name in names:
        value = exact[name].get((), ZERO) if name in exact else ZERO
        spread = max(abs(one.get(name, {}).get((), 0) - value) for one in moved)
        found[name] = (value, spread)
    return found


def compare(program, found, point):
    for name, (value, spread) in exact_and_spread(program, point).items():
        in_range = mpmath.isfinite(value) and abs(value) < 1e200 and (value == 0 or abs(value) > 1e-200)
        if in_range and mpmath.isfinite(spread) and spread <= 1e-4 * abs(value):  # else rounding leaves nothing to compare
            assert abs(found.get(name, 0.0) - value) <= 1e-12 * abs(value) + 100 * spread, (name, found.get(name), value)


def cost_of(formula):
    used = {found.value for found in accesses(formula)}
    assume(used)
    return sg.Cost(Formula(formula), parameters=[name for name in NAMES if name in used])


@given(formula=formulas, point=points)
def test_numpy_equals_fifty_digits(formula, point):
    program = cost_of(formula).gradient.program
    here = {name: point[name] for name in program.inputs}
    compare(program, run(program, here, {}), here)


@given(formula=formulas, point=points)
def test_generated_source_equals_fifty_digits(formula, point):
    cost = cost_of(formula)
    program, kernels = cost.gradient.program, cost._kernels
    here = {name: point[name] for name in program.inputs}
    bound = kernels.bind(*kernels.inputs(here, {}))
    module = load(kernels.generated.source, compiled=False)
    with np.errstate(all="ignore"):
        unit = kernels.generated.units["gradient"]
        module.gradient(*(bound.memory[argument] for argument in unit.arguments))
    names = [program.cost, *(program.adjoints[name] for name in program.parameters)]
    compare(program, {name: kernels.value(bound, name) for name in names}, here)


@given(f=formulas, g=formulas, a=st.sampled_from([-2, 3]), point=points)
def test_differentiation_is_linear(f, g, a, point):
    whole = node("+", node("*", number(a) if a > 0 else node("neg", number(-a)), f), g)
    parts = [gradient(formula, point) for formula in (f, g, whole)]
    for name in NAMES:
        df, dg, dw = (found.get(name, ZERO) for found in parts)
        assume(all(mpmath.isfinite(d) for d in (df, dg, dw)))
        assert abs(a * df + dg - dw) <= FINE.mpf(10) ** -30 * (1 + abs(a * df) + abs(dg))


def gradient(formula, point):
    used = {found.value for found in accesses(formula)}
    if not used:
        return {}
    program = sg.Cost(Formula(formula), parameters=sorted(used)).gradient.program
    found = interpret(program, {name: point[name] for name in program.inputs}, {}, Arithmetic(50))
    return {name: found[program.adjoints[name]].get((), ZERO) if program.adjoints[name] in found else ZERO for name in used}


@pytest.mark.parametrize(
    "text", ["tanh(x*y)^3/(1 + exp(-x))", "log(x)*gamma(y) + erf(x*y)", "digamma(x)*sqrt(y) + atan2(x, y)", "x^y + cbrt(x) - hypot(x, y)"]
)
def test_compiled_code_equals_fifty_digits(text):
    cost = sg.parse(text)
    point = {"x": 0.7, "y": 1.3}
    found = cost.evaluate(point)
    program = cost.gradient.program
    compare(program, {program.cost: found.cost, **{program.adjoints[name]: found.gradient[name] for name in "xy"}}, point)
