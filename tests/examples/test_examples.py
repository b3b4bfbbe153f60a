"""Every example runs, and finds what is known of its problem."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture

from symgd.command.main import main
from symgd.command.problem import problem

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SIX_DIGITS = 5e-7


def trained(name: str, *options: str) -> dict[str, object]:
    done = CliRunner().invoke(main, ["train", str(EXAMPLES / name), "--format", "json", *options])
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def table(name: str) -> np.ndarray:
    return np.loadtxt(EXAMPLES / "data" / name, delimiter=",", skiprows=1)


def test_diabetes_is_the_closed_form_of_least_squares():
    rows = table("diabetes.csv")
    X, y = rows[:, :-1], rows[:, -1]
    *w, b = np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), y, rcond=None)[0]
    found = trained("diabetes.toml")
    assert found["converged"] and found["cost"] == pytest.approx(np.mean((X @ w + b - y)**2), rel=1e-12)
    assert found["parameters"]["w"] == pytest.approx(w, rel=SIX_DIGITS)
    assert found["parameters"]["b"] == pytest.approx(b, rel=SIX_DIGITS)


def test_breast_cancer_is_the_optimum_of_scikit_learn():
    rows = table("breast_cancer.csv")
    X, y = rows[:, :-1], rows[:, -1]
    optimum = LogisticRegression(C=1/(2*0.01*len(X)), solver="newton-cholesky", tol=1e-12).fit(X, y)
    found = trained("breast_cancer.toml")
    assert found["converged"]
    assert found["parameters"]["w"] == pytest.approx(optimum.coef_[0], rel=SIX_DIGITS)
    assert found["parameters"]["b"] == pytest.approx(optimum.intercept_[0], rel=SIX_DIGITS)


def test_danwood_has_the_certified_values():
    found = trained("danwood.toml")
    assert found["converged"]
    assert found["parameters"] == pytest.approx({"b1": 7.6886226176e-01, "b2": 3.8604055871e00}, rel=SIX_DIGITS)


def test_the_iris_mixture_is_as_likely_as_that_of_scikit_learn():
    x = table("iris.csv")[:, :-1]
    mixture = GaussianMixture(3, means_init=x.reshape(3, 50, 4).mean(1), reg_covar=0, tol=1e-12, max_iter=10000, random_state=0).fit(x)
    found = trained("iris_mixture.toml")
    assert found["cost"] == pytest.approx(-mixture.score(x), abs=1e-7)


def printed(name: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, EXAMPLES / name], capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_recurrent_network_predicts_better_than_persistence():
    """Persistence, next month like this one, has the mean of the squared differences as its error."""
    pressure = table("enso.csv")[:, 1]
    [(network, persistence)] = re.findall(r"held out: network ([\d.]+), persistence ([\d.]+)", printed("enso_rnn.py"))
    assert float(persistence) == pytest.approx(np.mean(np.diff(pressure[131:])**2), abs=0.005)
    assert float(network) < 0.7*float(persistence)


def test_factors_fill_a_table_better_than_the_means_of_its_columns():
    [(factors, means)] = re.findall(r"hidden entries: ([\d.]+), by column means ([\d.]+)", printed("wine_factors.py"))
    assert float(factors) < 0.65*float(means)


def test_the_digits_are_learned():
    found = trained("digits_mlp.toml")
    assert found["steps"] == 30 * 57 and found["cost"] < 0.01


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_the_gradient_of_every_problem_file_is_shown(path):
    done = CliRunner().invoke(main, ["derive", str(path)])
    cost = problem(str(path), {}).cost
    assert done.exit_code == 0 and done.stdout.count("dC/d") == len(cost.parameters)


def test_the_demo_reads_the_digits(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, EXAMPLES / "demo.py", tmp_path], capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stderr
    for said in ("cost 4, gradient -4, so w goes from 1 to 1.4; new cost 2.56", "dW1[k, j] += ", "worst of 5 seeds"):
        assert said in done.stdout
    assert (tmp_path / "cost.png").read_bytes().startswith(b"\x89PNG")
    assert all(part in (tmp_path / "gradient.tex").read_text() for part in (r"\nabla C", r"\partial {W_{1}}_{\,k,j}", "softmax"))
    compile((tmp_path / "trainer.py").read_text(), "trainer.py", "exec")


@pytest.mark.slow
def test_the_generated_trainer_takes_its_arrays_from_a_larger_file(tmp_path):
    """digits.npz holds `label` too, which the cost does not name."""
    done = CliRunner().invoke(main, ["generate", str(EXAMPLES / "digits_mlp.toml"), "-o", str(tmp_path / "trainer.py")])
    assert done.exit_code == 0, done.stderr
    command = [sys.executable, "trainer.py", EXAMPLES / "data" / "digits.npz", "-o", "result.npz", "--epochs", "30", "--batch-size", "32"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=600)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "result.npz") as found:
        assert {name: found[name].shape for name in found.files} == {"W1": (32, 64), "b1": (32,), "W2": (10, 32), "b2": (10,)}


@pytest.mark.slow
def test_the_network_of_the_demo_is_that_of_the_problem_file():
    sys.path.insert(0, str(EXAMPLES))
    try:
        from demo import network
    finally:
        sys.path.remove(str(EXAMPLES))
    digits = np.load(EXAMPLES / "data" / "digits.npz")
    data = {name: digits[name][:20] for name in ("X", "Y")}
    random = np.random.default_rng(0)
    at = {"W1": random.normal(size=(32, 64)), "b1": random.normal(size=32), "W2": random.normal(size=(10, 32)), "b2": random.normal(size=10)}
    written, stated = network().evaluate(at, data), problem(str(EXAMPLES / "digits_mlp.toml"), {}).cost.evaluate(at, data)
    assert written.cost == pytest.approx(stated.cost, rel=1e-14)
    for name in at:
        np.testing.assert_allclose(written.gradient[name], stated.gradient[name], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("path", sorted((EXAMPLES / "derivations").glob("*.toml")), ids=lambda path: path.stem)
def test_every_derivation_is_told_and_checked(path):
    cost = problem(str(path), {}).cost
    derivation = cost.derivation()
    assert derivation.checked is not None and derivation.checked.numbers
    assert derivation.text() and derivation.latex() and path.name in (EXAMPLES / "derivations" / "README.md").read_text(encoding="utf-8")
