"""Update rules: the row, its equations, its formula on the page and a plain loop in floats say the same."""

import math
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symgd.errors import InputError
from symgd.nodes.node import ZERO, accesses, index, length, number, postorder
from symgd.nodes.text import text
from symgd.program.equation import Program, Range, read_equation
from symgd.program.meaning import Arithmetic, Interpreter
from symgd.program.names import Fresh
from symgd.reverse.reverse import reverse
from symgd.updates.optimizers import UpdateRule, optimizers, update_equations, updates

# one element, as the sources write it: w, gradients g_1, g_2, ... -> w after each step


def by_gradient_descent(w, gradients, learning_rate):
    for g in gradients:
        w -= learning_rate * g
        yield w


def by_momentum(w, gradients, learning_rate, beta):
    v = 0.0
    for g in gradients:
        v = beta * v + g
        w -= learning_rate * v
        yield w


def by_adam(w, gradients, learning_rate, beta1, beta2, epsilon):
    m = v = 0.0
    for t, g in enumerate(gradients, 1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        unbiased_m, unbiased_v = m / (1 - beta1**t), v / (1 - beta2**t)
        w -= learning_rate * unbiased_m / (math.sqrt(unbiased_v) + epsilon)
        yield w


PLAIN = {"gradient_descent": by_gradient_descent, "momentum": by_momentum, "adam": by_adam}
RULES = pytest.mark.parametrize("rule", optimizers.values(), ids=lambda rule: rule.name)
AXES = {"b": (), "v": (("k", 3),), "W": (("k", 3), ("j", 2))}


def domain(axes):
    return tuple(Range(index(letter), ZERO, number(size)) for letter, size in axes)


def step_by_step(rule, parameters, gradients, given):
    """The parameters (one axis) after each step, by the rule's equations as the reference interpreter reads them."""
    names = [*parameters, *(f"d{name}" for name in parameters)]
    found = update_equations(rule, {n: domain([("k", len(p))]) for n, p in parameters.items()}, {n: f"d{n}" for n in parameters}, Fresh(names))
    inputs = {**parameters, **{f"d{n}": p for n, p in parameters.items()}, **found.values(rule.checked_settings(**given))}
    inputs |= {name: [0.0] * 8 for name in found.state} | {e.target: 0.0 for e in found.equations if not e.at} | {found.letters["t"]: 0.0}
    run = Interpreter(inputs, {}, Arithmetic(30))
    run.run(Program(found.start, {}, "", ()))
    for t, each in enumerate(gradients, 1):
        run.values[found.letters["t"]][()] = run.arithmetic.exact(t)
        for name, gradient in each.items():
            run.values[f"d{name}"] = {(n,): run.arithmetic.exact(g) for n, g in enumerate(gradient)}
        run.run(Program(found.equations, {}, "", ()))
        yield {name: [float(run.values[name][n,]) for n in range(len(p))] for name, p in parameters.items()}


reals = st.floats(-100, 100, allow_subnormal=False)
fractions = st.floats(0, 0.999)


@st.composite
def descents(draw, rule):
    """Settings, two parameters and up to four gradients of each."""
    inside = {"[0, 1)": fractions, "(0, oo)": st.floats(1e-8, 10)}
    given_settings = {name: draw(inside[interval]) for name, (_, interval) in rule.settings.items()}
    given_settings["learning_rate"] = draw(st.floats(1e-4, 1))
    point = st.fixed_dictionaries({"w": st.lists(reals, min_size=2, max_size=2), "b": st.lists(reals, min_size=1, max_size=1)})
    return given_settings, draw(point), draw(st.lists(point, max_size=4))


@RULES
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_equations_are_the_plain_loop(rule, data):
    given_settings, start, gradients = data.draw(descents(rule))
    found = list(step_by_step(rule, start, gradients, given_settings))
    for name, elements in start.items():
        for n, w in enumerate(elements):
            plain = PLAIN[rule.name](w, [g[name][n] for g in gradients], **given_settings)
            assert [now[name][n] for now in found] == pytest.approx(list(plain), rel=1e-9, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(g=st.floats(0.01, 100) | st.floats(-100, -0.01), eta=st.floats(1e-3, 1), beta1=fractions, beta2=fractions)
def test_the_first_step_of_adam_has_the_length_of_the_learning_rate(g, eta, beta1, beta2):
    (now,) = step_by_step(optimizers["adam"], {"w": [0.0]}, [{"w": [g]}], {"learning_rate": eta, "beta1": beta1, "beta2": beta2})
    assert now["w"][0] == pytest.approx(-math.copysign(eta, g), rel=1e-5)


def test_momentum_is_the_heavy_ball_of_polyak():
    eta, beta, old, w = 0.1, 0.8, 1.0, 1.0
    gradients = [0.5, -0.25, 2.0, 1.0]
    found = step_by_step(optimizers["momentum"], {"w": [w]}, [{"w": [g]} for g in gradients], {"learning_rate": eta, "beta": beta})
    for g, now in zip(gradients, found, strict=True):
        old, w = w, w - eta * g + beta * (w - old)
        assert now["w"][0] == pytest.approx(w, rel=1e-12)


def test_a_line_sees_the_new_values_above_it_and_the_old_ones_below():
    rule = UpdateRule("lines", state={"a": "2", "b": "w"}, becomes={"a": "a + 1", "w": "w + 10*a + 100*b", "b": "w"})
    (now,) = step_by_step(rule, {"w": [5.0]}, [{"w": [0.0]}], {})
    assert now["w"][0] == 5 + 10 * 3 + 100 * 5


@RULES
@pytest.mark.parametrize("axes", AXES.values(), ids=AXES)
def test_an_equation_touches_one_element_of_any_rank(rule, axes):
    found = update_equations(rule, {"W": domain(axes)}, {"W": "dW"}, Fresh(["W", "dW"]))
    at = tuple(index(letter) for letter, _ in axes)
    elementwise = [e for e in found.equations if e.target == "W" or e.target in found.state]
    assert [e.target for e in elementwise] == [*(f"{letter}_W" for letter in rule.state), "W"]
    assert {e.op for e in found.equations} == {"="}
    assert {e.rule for e in found.equations} == {"update"}
    for equation in elementwise:
        assert equation.at == at
        assert {place.args for place in equation.reads()} <= {at, ()}
    assert found.state == {f"{letter}_W": tuple(number(size) for _, size in axes) for letter in rule.state}


def test_what_is_the_same_for_every_element_is_computed_once_for_all_parameters():
    found = update_equations(optimizers["adam"], {n: domain(axes) for n, axes in AXES.items()}, {n: f"d{n}" for n in AXES}, Fresh(["b", "v", "W"]))
    once = [e for e in found.equations if e.target not in AXES and e.target not in found.state]
    assert [str(e) for e in once] == ["c1 = 1 - beta1^t", "c2 = 1 - beta2^t"]
    assert found.equations[:2] == tuple(once)
    for equation in found.equations[2:]:
        assert "t" not in {place.value for place in equation.reads()}
        assert [text(part.args[1]) for part in postorder(equation.body) if part.op == "^"] in ([], ["2"])


def test_names_of_the_user_stay_his():
    taken = ["t", "eta", "beta1", "m_w", "c1", "w", "dw"]
    found = update_equations(optimizers["adam"], {"w": ()}, {"w": "dw"}, Fresh(taken))
    new = [*found.scalars, *found.state, *(e.target for e in found.equations if e.target not in found.state and e.target != "w")]
    assert not set(new) & set(taken)
    assert found.scalars[:3] == ("t_2", "eta_2", "beta1_2")
    assert found.values({"learning_rate": 0.5, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8})["eta_2"] == 0.5


def test_the_letters_of_the_gradient_are_those_of_the_cost():
    lines = ["z[i, k] += W[k, j]*X[i, j] for i in 0:m, k in 0:h, j in 0:d", "C += z[i, k]^2/m for i in 0:m, k in 0:h"]
    sizes = tuple(map(length, "mhd"))
    program = Program(tuple(map(read_equation, lines)), {"W": 2, "X": 2}, "C", ("W",), extents={"z": sizes[:2], "C": ()})
    found = updates(optimizers["gradient_descent"], reverse(program))
    assert [str(e) for e in found.equations] == ["W[k, j] = W[k, j] - eta*dW[k, j] for k in 0:h, j in 0:d"]


def test_a_gradient_on_a_diagonal_gets_letters_of_its_own():
    program = Program((read_equation("C += W[j, j] + i for j in 0:d"),), {"W": 2, "i": 0}, "C", ("W",), extents={"C": ()})
    found = updates(optimizers["gradient_descent"], reverse(program))
    assert [str(e) for e in found.equations] == ["W[i_2, j] = W[i_2, j] - eta*dW[i_2, j] for i_2 in 0:d, j in 0:d"]


@RULES
def test_every_row_is_whole(rule):
    assert rule.source
    assert rule.text().splitlines()[-1].startswith("w <- w - ")
    assert rule.latex().count(r"\leftarrow") == len(rule.becomes)
    letters = {"w", "g", "eta", "t", *rule.state, *rule.settings}
    used = {letter.value for body in rule.formulas.values() for letter in accesses(body)}
    assert used <= letters
    assert {*rule.state, *rule.settings, "w", "g", "eta"} <= used
    assert rule.checked_settings() == {"learning_rate": rule.learning_rate, **{name: default for name, (default, _) in rule.settings.items()}}


@RULES
def test_a_rule_is_a_value(rule):
    copy = pickle.loads(pickle.dumps(rule))
    assert copy == rule
    assert hash(copy) == hash(rule)
    with pytest.raises(TypeError):
        rule.settings["beta"] = (0.5, "[0, 1)")


WRONG_RULES = {
    "knows no h": UpdateRule("r", becomes={"w": "w - eta*h"}),
    "knows no v in w - v": UpdateRule("r", becomes={"w": "w - v"}),
    "never changes w, the parameter": UpdateRule("r", state={"v": "0"}, becomes={"v": "g"}),
    "never changes v, a state": UpdateRule("r", state={"v": "0"}, becomes={"w": "w - eta*g"}),
    "changes g": UpdateRule("r", becomes={"w": "w - eta*g", "g": "0"}),
    "letter t twice": UpdateRule("r", state={"t": "0"}, becomes={"t": "g", "w": "w - t"}),
    "letter beta twice": UpdateRule("r", state={"beta": "0"}, becomes={"beta": "g", "w": "w - beta"}, settings={"beta": (0.5, "[0, 1)")}),
    "an index": UpdateRule("r", becomes={"w": "w - eta*g[0]"}),
    "not built": UpdateRule("r", becomes={"w": "w - eta*g/norm(g, j in 0:3)"}),
    "column 9": UpdateRule("r", becomes={"w": "w - eta*"}),
    "no interval": UpdateRule("r", becomes={"w": "w - rho*g"}, settings={"rho": (0.5, "0..1")}),
    "such as": UpdateRule("r", becomes={"w": "w - rho*g"}, settings={"rho": 0.5}),
    "its default": UpdateRule("r", becomes={"w": "w - learning_rate*g"}, settings={"learning_rate": (0.5, "(0, oo)")}),
}


@pytest.mark.parametrize("message", WRONG_RULES)
def test_a_wrong_rule_is_refused_when_it_is_first_used(message):
    with pytest.raises(InputError, match=message):
        updates(WRONG_RULES[message], Program((), {}, "C", ()))


def test_a_start_knows_the_parameter_and_the_settings_only():
    rule = UpdateRule("r", state={"v": "g"}, becomes={"v": "g", "w": "w - v"})
    with pytest.raises(InputError, match=r"knows no g in g\. Accepted: w\."):
        updates(rule, Program((), {}, "C", ()))


WRONG_SETTINGS = [
    ("gradient_descent", {"learning_rate": 0}, "learning_rate is 0. Accepted: (0, oo)."),
    ("gradient_descent", {"learning_rate": -1}, "learning_rate is -1. Accepted: (0, oo)."),
    ("gradient_descent", {"learning_rate": math.nan}, "learning_rate is nan. Accepted: (0, oo)."),
    ("gradient_descent", {"learning_rate": math.inf}, "learning_rate is inf. Accepted: (0, oo)."),
    ("gradient_descent", {"learning_rate": 10**400}, "Accepted: (0, oo)."),
    ("gradient_descent", {"learning_rate": "fast"}, "learning_rate is fast. Accepted: a number in (0, oo)."),
    ("gradient_descent", {"learning_rate": True}, "learning_rate is True. Accepted: a number in (0, oo)."),
    ("gradient_descent", {"learning_rate": None}, "learning_rate is None. Accepted: a number in (0, oo)."),
    ("gradient_descent", {"beta": 0.9}, "There is no setting of gradient_descent named beta. Accepted: learning_rate."),
    ("momentum", {"beta": 1}, "beta is 1. Accepted: [0, 1)."),
    ("momentum", {"learningrate": 0.1}, "There is no setting of momentum named learningrate; was learning_rate meant?"),
    ("adam", {"beta1": 1.0}, "beta1 is 1.0. Accepted: [0, 1)."),
    ("adam", {"beta2": 1.5}, "beta2 is 1.5. Accepted: [0, 1)."),
    ("adam", {"epsilon": 0.0}, "epsilon is 0.0. Accepted: (0, oo)."),
]


@pytest.mark.parametrize(("name", "given_settings", "message"), WRONG_SETTINGS)
def test_a_wrong_setting_is_refused_by_name(name, given_settings, message):
    with pytest.raises(InputError) as refused:
        optimizers[name].checked_settings(**given_settings)
    assert message in str(refused.value)


def test_an_optimizer_is_found_by_name():
    assert list(optimizers) == ["gradient_descent", "momentum", "adam"]
    assert "adam" in optimizers
    assert "adams" not in optimizers
    assert optimizers.get("adams") is None
    with pytest.raises(InputError, match=r"adan; was adam meant\? Accepted: gradient_descent, momentum, adam\."):
        _ = optimizers["adan"]
