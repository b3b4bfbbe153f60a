"""Probabilities with names: their logarithms are equations beside them, right at logits of a thousand, where the probabilities are 0 and 1."""

import numpy as np
import pytest

import symgd as sg
from symgd.pipeline import forward_program
from symgd.program.meaning import Arithmetic, interpret
from symgd.reverse.reverse import reverse

SOFTMAX = "exp(z[i, l])/sum(exp(z[i, k]), k)"
CASES = {
    "softmax and cross-entropy": ("-sum(y[i, l]*log(p[i, l]), i, l)", {"p[i, l]": SOFTMAX}),
    "softmax in three steps": ("-sum(y[i, l]*log(p[i, l]), i, l)", {"e[i, l]": "exp(z[i, l])", "t[i]": "sum(e[i, l], l)", "p[i, l]": "e[i, l]/t[i]"}),
    "a named sigmoid": ("-sum(y[i, l]*log(p[i, l]) + (1 - y[i, l])*log(1 - p[i, l]), i, l)", {"p[i, l]": "1/(1 + exp(-z[i, l]))"}),
    "log(1 - p) of a softmax": ("-sum((1 - y[i, l])*log(1 - p[i, l]), i, l)", {"p[i, l]": SOFTMAX}),
    "log-odds": ("sum(y[i, l]*(log(p[i, l]) - log(1 - p[i, l])), i, l)", {"p[i, l]": "sigmoid(z[i, l])"}),
    "one plus a sum": ("sum(log(t[i]), i)", {"t[i]": "1 + sum(exp(z[i, l]), l)"}),
    "a product of probabilities": ("-sum(log(q[i]), i)", {"p[i, l]": SOFTMAX, "q[i]": "product(p[i, l], l)"}),
    "used as it is, too": ("-sum(y[i, l]*log(p[i, l]), i, l) + sum(p[i, l]^2, i, l)", {"p[i, l]": SOFTMAX}),
}
MIXTURE = {
    "q[k]": "exp(a[k])/sum(exp(a[l]), l)",
    "p[i, k]": "exp(-(x[i] - mu[k])^2/(2*exp(2*s[k])))/(sqrt(2*pi)*exp(s[k]))",
}
MARKOV = {
    "f[0, k]": "q[k]*B[k, o[0]]",
    "f[t + 1, k]": "sum(f[t, l]*A[l, k], l)*B[k, o[t + 1]]",
    "q[k]": "exp(u[k])/sum(exp(u[l]), l)",
    "A[l, k]": "exp(v[l, k])/sum(exp(v[l, r]), r)",
    "B[k, j]": "exp(w[k, j])/sum(exp(w[k, g]), g)",
}


def compare(cost: sg.Cost, parameters: dict, data: dict, digits: int = 3000) -> None:
    """The generated arithmetic by NumPy against the formulas as written, at so many digits that nothing overflows or cancels."""
    with sg.checking(False):
        found = cost.evaluate(parameters, data)
        written = reverse(forward_program(cost._checked))
        kernels = cost._kernels
        bound = kernels.bind(*kernels.inputs(parameters, data))
    exact = interpret(written, {**parameters, **data}, bound.lengths, Arithmetic(digits))
    assert found.cost == pytest.approx(float(exact[written.cost][()]), rel=1e-12)
    for name in cost.parameters:
        wanted = np.zeros(np.shape(parameters[name]))
        for place, value in exact.get(written.adjoints[name], {}).items():
            wanted[place] = float(value)
        assert np.all(np.isfinite(found.gradient[name])), name
        assert np.allclose(found.gradient[name], wanted, rtol=1e-11, atol=1e-12 * max(1.0, np.abs(wanted).max())), name


@pytest.mark.parametrize("scale", [1.0, 1000.0])
@pytest.mark.parametrize("case", CASES)
def test_a_named_probability_has_its_logarithm_beside_it(case, scale):
    text, where = CASES[case]
    cost = sg.parse(text, where=where, axes="i:m l:c k:c", parameters=["z"])
    z = scale * np.array([[1.0, -1.0, 0.5], [-0.3, 1.0, -1.0], [1.0, 0.999, 1.0]])
    y = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    compare(cost, {"z": z}, {"y": y} if "y[" in text else {})
    assert any(name.startswith("log") for name in cost.program.extents)


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_a_mixture_of_named_densities(scale):
    cost = sg.parse("-sum(log(sum(q[k]*p[i, k], k)), i)", where=MIXTURE, axes="i:m k:c l:c", parameters=["a", "mu", "s"])
    parameters = {"a": scale * np.array([1.0, -1.0]), "mu": np.array([0.0, 3.0]), "s": np.array([0.1, -0.2])}
    compare(cost, parameters, {"x": scale * np.array([0.0, 1.0, -0.5])}, digits=10_000 if scale > 1 else 60)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_a_hidden_markov_chain_as_in_the_textbook(scale):
    cost = sg.parse("-log(sum(f[T - 1, k], k))", where=MARKOV, axes="t:T - 1 k:n l:n r:n j:S g:S", parameters=["u", "v", "w"])
    random = np.random.default_rng(0)
    parameters = {"u": scale * random.normal(size=2), "v": scale * random.normal(size=(2, 2)), "w": scale * random.normal(size=(2, 3))}
    compare(cost, parameters, {"o": np.array([0, 2, 1, 1, 0])}, digits=15_000 if scale > 1 else 60)


def test_a_long_chain_does_not_vanish():
    cost = sg.parse("-log(sum(f[T - 1, k], k))", where=MARKOV, axes="t:T - 1 k:n l:n r:n j:S g:S", parameters=["u", "v", "w"])
    parameters = {"u": np.zeros(2), "v": np.zeros((2, 2)), "w": np.zeros((2, 3))}
    with sg.checking(False):
        found = cost.evaluate(parameters, {"o": np.arange(3000) % 3})
    assert found.cost == pytest.approx(3000 * np.log(3), rel=1e-12)


def test_what_a_definition_means_stays():
    cost = sg.parse("-log(p[0])", where={"p[l]": "exp(z[l])/sum(exp(z[k]), k)"}, axes="l:c k:c", parameters=["z"])
    assert cost.compute("p", {"z": [1000.0, 1000.0, 0.0]}) == pytest.approx([0.5, 0.5, 0.0])
    assert str(cost.definitions) == str(sg.parse("p[0]", where={"p[l]": "exp(z[l])/sum(exp(z[k]), k)"}, axes="l:c k:c", parameters=["z"]).definitions)


def test_the_norm_has_slope_0_at_0():
    cost = sg.parse("sqrt(sum(w[j]^2, j)) + sqrt(sum(v[j]*v[j], j))", parameters=["w", "v"])
    assert (cost.evaluate({"w": [0.0, 0.0], "v": [3.0, 4.0]}).gradient["w"] == 0).all()
    assert cost.evaluate({"w": [0.0, 0.0], "v": [3.0, 4.0]}).cost == 5.0


def test_facts_tell_what_is_positive():
    loose = sg.parse("sum(log(a[i]*exp(w)), i)", axes="i:m", parameters=["w"])
    known = sg.parse("sum(log(a[i] + exp(w)), i)", axes="i:m", parameters=["w"], facts=["a[i] > 0"])
    assert "log(a[i])" in str(loose.program)
    assert "logaddexp(log(a[i]), w)" in str(known.program) and "by a[i] > 0" in str(known.program)
    assert "logaddexp" not in str(sg.parse("sum(log(a[i] + exp(w)), i)", axes="i:m", parameters=["w"]).program)


@pytest.mark.parametrize(
    "formula",
    [
        "x/" + "/".join(f"x{n}" for n in range(3000)),
        "*".join(f"x{n}/y{n}" for n in range(1000)),
        "log(" + "+".join(f"exp(x{n})" for n in range(2000)) + ")",
        "log(" + "*".join(f"(1 + exp(x{n}))" for n in range(1000)) + ")",
    ],
    ids=["quotients of quotients", "products of quotients", "a long sum of exponentials", "a long product"],
)
def test_long_formulas_take_no_longer(formula):
    with sg.checking(False):
        assert sg.parse(formula).program.operations >= 1999


def test_every_equation_names_the_facts_that_it_rests_on():
    where = ["u = sum(log(a[i] + exp(w)), i)", "p[i] = a[i]*exp(w*x[i])", "v = sum(log(p[i]), i)"]
    cost = sg.parse("u^2 + v + sum(log(a[i] + exp(w)), i)", where=where, axes="i:m", parameters=["w"], facts=["a[i] > 0"])
    resting = {equation.target for equation in cost.program.flat() if equation.facts}
    assert resting == {"u", "C", "log_p"}  # v rests on log_p
