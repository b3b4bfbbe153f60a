"""A wrong rule cannot pass: planted in the table, it is caught by the interpreter's gate and by the comparison with 50 digits."""

from dataclasses import replace

import mpmath
import pytest

import symgd as sg
from symgd.program.gate import MeaningChanged
from symgd.program.meaning import Arithmetic, interpret
from symgd.reverse import partials
from symgd.rules import derivatives
from symgd.rules.derivatives import RULES

WRONG = [
    ("tanh", "(1 - tanh(u))*du", "tanh(w*x)"),
    ("quotient", "(v*du + u*dv)/v^2", "x/(w + 2)"),
    ("product", "du*dv", "w*(w + x)"),
    ("power", "u^(n - 1)*du", "(w*x - 1)^3"),
    ("softplus", "softplus(u)*du", "softplus(w*x)"),
]


@pytest.fixture
def planted(monkeypatch, request):
    key, law, text = request.param
    forget()
    monkeypatch.setitem(RULES, key, replace(RULES[key], law=law, of_output=""))
    if key == "product":  # products are differentiated without their row, factor by factor
        monkeypatch.setattr(derivatives, "times", lambda *factors: derivatives.ONE)
    yield text
    monkeypatch.undo()
    forget()


def forget():
    """Nothing that was derived by the table before is known any more."""
    for module in (derivatives, partials):
        for function in vars(module).values():
            if hasattr(function, "cache_clear"):
                function.cache_clear()


@pytest.mark.parametrize("planted", WRONG, indirect=True, ids=[row[0] for row in WRONG])
def test_a_wrong_rule_is_caught_by_the_gate(planted):
    with sg.checking(), pytest.raises(MeaningChanged):
        _ = sg.parse(planted, constants=["x"]).gradient.program


@pytest.mark.parametrize("planted", WRONG, indirect=True, ids=[row[0] for row in WRONG])
def test_a_wrong_rule_is_caught_by_the_slope(planted):
    from symgd.program import gate

    token = gate._on.set(False)
    try:
        program = sg.parse(planted, constants=["x"]).gradient.program
    finally:
        gate._on.reset(token)
    point = {"w": 0.7, "x": 1.3}
    fine = Arithmetic(60)

    def cost(w):
        return interpret(program, {**point, "w": w}, {}, fine)[program.cost][()]

    step = mpmath.mpf(10) ** -25
    slope = (cost(0.7 + step) - cost(0.7 - step)) / (2 * step)
    assert abs(slope - interpret(program, point, {}, fine)["dw"][()]) > 1e-3
