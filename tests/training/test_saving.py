"""A saved trainer stands alone, finds the same bits as the trainer that wrote it, and refuses the same inputs in a sentence."""

import ast
import builtins
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import sympy as sp

import symgd as sg
from symgd.compiling.cache import load
from symgd.errors import InputError
from symgd.printing.numba import RESERVED
from symgd.training.kernels import Kernels
from symgd.training.saving import source
from symgd.updates.optimizers import UpdateRule

RANDOM = np.random.default_rng(7)
X, Y = RANDOM.standard_normal((21, 4)), np.eye(3)[RANDOM.integers(0, 3, 21)]
x, y = X[:, 0].copy(), X[:, 1].copy()
label = (x > 0).astype(float)

LOGISTIC = {
    "text": "mean(softplus(z[i]) - y[i]*z[i], i) + lam*sum(w[j]^2, j)",
    "where": {"z[i]": "sum(X[i, j]*w[j], j)"},
    "axes": "i:m j:d",
    "parameters": ["w"],
    "constants": {"lam": 0.01},
}
NETWORK = {
    "text": "mean(logsumexp(z2[i, l], l) - sum(Y[i, l]*z2[i, l], l), i)",
    "where": {
        "z1[i, k]": "sum(W1[k, j]*X[i, j], j) + b1[k]",
        "a1[i, k]": "tanh(z1[i, k])",
        "z2[i, l]": "sum(W2[l, k]*a1[i, k], k) + b2[l]",
    },
    "axes": "i:m j:d k:h l:c",
    "parameters": ["W1", "b1", "W2", "b2"],
}
CONVOLUTION = {
    "text": "mean((y[p] - z[p])^2, p)",
    "where": {"z[p]": "sum(w[q]*x[p + q], q)"},
    "axes": "q:P p:H-P+1",
    "parameters": ["w"],
}
GATHER = {"text": "mean((sum(E[label[i], k]*v[k], k) - y[i])^2, i)", "axes": "i:m k:h", "parameters": ["E", "v"]}
PAIRS = {"text": "sum((x[i] - x[j] - w)^2, i, j in i+1:m)", "axes": "i:m", "parameters": ["w"]}
STRIDE = {"text": "mean((x[2*i + 1] - w*x[i])^2, i)", "axes": "i:m", "parameters": ["w"]}
COLUMNS = {"text": "mean((w*X[i, 2] - X[i, 0])^2, i)", "axes": "i:m", "parameters": ["w"]}
VARIANCE = {"text": "mean((y - mean(y) - w*x)^2)", "samples": "x y"}
FIXED = {"text": "sum((w[k] - y[k])^2, k)", "axes": "k:8", "parameters": ["w"]}
RAGGED = {
    "text": "mean((s[i] - y[i])^2, i)",
    "where": {"s[i]": "sum(w*x[j], j in ptr[i]:ptr[i+1])"},
    "axes": "i:m",
    "parameters": ["w"],
}
LINE = {"text": "mean((w*x + b - y)^2)", "samples": "x y"}
ADAGRAD = UpdateRule("adagrad", state={"s": "s0"}, becomes={"s": "s + g^2", "w": "w - eta*g/sqrt(s)"}, settings={"s0": (0.1, "(0, oo)")})

# name: cost | optimiser, settings | lengths at saving | data | start | arguments of fit
PROBLEMS = {
    "one parameter": ({"text": "(w - 3)^2"}, ("momentum", {"learning_rate": 0.1}), {}, {}, {"w": 1}, {"steps": 400}),
    "line, no start": (LINE, ("gradient_descent", {}), {}, {"x": x, "y": y}, None, {"steps": 9}),
    "line, batches": (LINE, ("adam", {}), {}, {"x": x, "y": y}, {"b": 1.5}, {"epochs": 3, "batch_size": 4, "seed": 5}),
    "batches in order": (LINE, (ADAGRAD, {"s0": 0.3}), {}, {"x": x, "y": y}, None, {"steps": 17, "batch_size": 8, "shuffle": False}),
    "penalty": (LOGISTIC, ("gradient_descent", {"learning_rate": 0.5}), {}, {"X": X, "y": label}, None, {"steps": 20}),
    "penalty given": (LOGISTIC, ("adam", {}), {}, {"X": X, "y": label, "lam": 0.2}, {"w": 0}, {"steps": 20}),
    "network": (NETWORK, ("adam", {"learning_rate": 0.02}), {"h": 2}, {"X": X, "Y": Y, "h": 2}, None, {"epochs": 2, "batch_size": 6}),
    "width by start": (NETWORK, ("momentum", {}), {"h": 2}, {"X": X, "Y": Y}, {"b1": [0.1, 0.2, 0.3]}, {"steps": 3}),
    "formula length": (CONVOLUTION, ("gradient_descent", {}), {}, {"x": x, "y": y[:18]}, None, {"steps": 9}),
    "gather": (GATHER, ("adam", {}), {"n_E": 2, "h": 3}, {"label": label, "y": y, "h": 3, "n_E": 2}, None, {"steps": 9}),
    "several passes": (VARIANCE, ("adam", {}), {}, {"x": x, "y": y}, None, {"steps": 9}),
    "stride": (STRIDE, ("adam", {}), {}, {"x": x[:20]}, None, {"steps": 9}),
    "columns": (COLUMNS, ("adam", {}), {}, {"X": X}, None, {"steps": 9}),
    "pairs": (PAIRS, ("adam", {}), {}, {"x": x}, None, {"steps": 9}),
    "fixed length": (FIXED, ("adam", {}), {}, {"y": y[:8]}, None, {"steps": 9}),
    "ragged": (RAGGED, ("adam", {}), {}, {"x": x[:9], "y": y[:3], "ptr": [0, 2, 5, 9]}, None, {"steps": 9}),
    "diverges": (LINE, ("gradient_descent", {"learning_rate": 50.0}), {}, {"x": x, "y": y}, {"w": 2.0, "b": 1.0}, {"steps": 900}),
}


def cost_of(text, parameters=None, constants=None, **language):
    return sg.parse(text, parameters=parameters, constants=constants, **language)


def trainer_of(problem):
    cost, (optimizer, settings), lengths, *_ = PROBLEMS[problem]
    return cost_of(**cost).trainer(optimizer, **settings), lengths


def plain(written: str) -> SimpleNamespace:
    """The saved file without Numba: its functions as plain Python."""
    stub = ModuleType("numba")
    stub.njit = lambda **options: lambda function: function
    namespace = {"__name__": "saved"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "numba", stub)
        exec(compile(written, "saved.py", "exec"), namespace)
    fit = namespace["fit"]

    def quietly(*args, **options):
        with np.errstate(all="ignore"):
            return fit(*args, **options)

    namespace["fit"] = quietly
    return SimpleNamespace(namespace=namespace, **{name: value for name, value in namespace.items() if not name.startswith("__")})


@pytest.fixture(scope="module")
def saved():
    """problem -> its saved trainer in plain Python, made once."""
    made = {}

    def of(problem):
        if problem not in made:
            trainer, lengths = trainer_of(problem)
            made[problem] = plain(source(trainer, lengths))
        return made[problem]

    return of


def assert_same(found, expected):
    assert found["reason"] == expected.reason
    assert (found["steps"], found["converged"], found["cost"]) == (expected.steps, expected.converged, expected.cost)
    for values, wanted in ((found["parameters"], expected.parameters), (found["gradient"], expected.gradient), (found["history"], expected.history)):
        assert list(values) == list(wanted)
        for name in wanted:
            assert np.array_equal(values[name], wanted[name]), name


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_file_trains_as_its_trainer_does(problem, saved, monkeypatch):
    _, _, _, data, start, options = PROBLEMS[problem]
    monkeypatch.setattr(Kernels, "module", property(lambda self: load(self.generated.source, compiled=False)))
    trainer, _ = trainer_of(problem)
    assert_same(saved(problem).fit(data, start, **options), trainer.fit(data, start=start, **options))


@pytest.mark.slow
@pytest.mark.parametrize("problem", ["penalty", "network"])
def test_compiled_they_find_the_same_bits(problem, tmp_path, monkeypatch):
    _, _, _, data, start, options = PROBLEMS[problem]
    trainer, lengths = trainer_of(problem)
    name = f"saved_{problem}"
    trainer.save(tmp_path / f"{name}.py", lengths=lengths)
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__(name)
    assert_same(module.fit(data, start, **options), trainer.fit(data, start=start, **options))


NO_NUMBERS = " does not hold numbers. Accepted: real numbers, none masked, all rows of one length."
# problem | data | start | arguments of fit | the sentence
REFUSED = [
    ("penalty", {"X": X}, {}, {}, "No value for data y (m,). Given are lam, X."),
    ("penalty", {"X": X, "y": label, "Y": label}, {}, {}, "There is no data Y. Accepted: X, y, lam, m, d."),
    ("penalty", {"X": X, "y": label}, {"v": 0}, {}, "There is no parameter v. Accepted: w."),
    ("penalty", {"X": X, "y": label[:20]}, {}, {}, "y has shape (20,). Accepted: (21,), which is (m,) with m = 21, d = 4."),
    ("penalty", {"X": X, "y": label}, {"w": np.zeros(5)}, {}, "w has shape (5,). Accepted: (4,), which is (d,) with m = 21, d = 4."),
    ("penalty", {"X": x, "y": label}, {}, {}, "X has shape (21,). Accepted: (m, d)."),
    ("penalty", {"X": X, "y": label, "lam": [1, 2]}, {}, {}, "lam has shape (2,). Accepted: a number."),
    ("penalty", {"X": X[:0], "y": label}, {}, {}, "X has shape (0, 4). Accepted: at least one element along every axis."),
    ("penalty", {"X": X, "y": label, "m": 20}, {}, {}, "The arrays make the length m 21, and it is given as 20. Accepted: one length."),
    ("penalty", {"X": X, "y": np.where(label == 1, np.nan, label)}, {}, {}, "y[0] is nan. Accepted: finite numbers."),
    ("penalty", {"X": X.astype(str), "y": label}, {}, {}, "X" + NO_NUMBERS),
    ("penalty", {"X": [[1, 2], [3]], "y": label}, {}, {}, "X" + NO_NUMBERS),
    ("penalty", {"X": X, "y": np.ma.masked_equal(label, 1)}, {}, {}, "y" + NO_NUMBERS),
    ("penalty", {"X": X, "y": label}, {}, {"learning_rate": 0}, "learning_rate is 0. Accepted: (0, oo)."),
    ("penalty given", {"X": X, "y": label}, {}, {"beta1": 1}, "beta1 is 1. Accepted: [0, 1)."),
    ("penalty", {"X": X, "y": label}, {}, {"tolerance": -1.0}, "tolerance is -1.0. Accepted: [0, oo)."),
    ("penalty", {"X": X, "y": label}, {}, {"steps": 0}, "steps is 0. Accepted: whole numbers from 1."),
    ("penalty", {"X": X, "y": label}, {}, {"steps": 2.5}, "steps is 2.5. Accepted: whole numbers from 1."),
    ("penalty", {"X": X, "y": label}, {}, {"seed": -1}, "seed is -1. Accepted: whole numbers from 0 to 18446744073709551615."),
    ("penalty", {"X": X, "y": label}, {}, {"batch_size": 22}, "batch_size is 22. Accepted: whole numbers from 1 to 21."),
    ("penalty", {"X": X, "y": label}, {}, {"steps": 3, "epochs": 3}, "Both steps and epochs are given. Accepted: one of them."),
    ("formula length", {"x": x, "y": y}, {"w": [1, 2]}, {}, "w has shape (2,). Accepted: (1,), which is (P,) with H = 21, P = 1."),
    ("formula length", {"x": x[:9], "y": y[:18]}, {}, {}, "The arrays make the length P -8, with H = 9, P = -8. Accepted: at least 1."),
    ("stride", {"x": x}, {}, {}, "x has shape (21,). Accepted: (20,), which is (2*m,) with m = 10."),
    ("columns", {"X": X[:, :2]}, {}, {}, "X has shape (21, 2). Accepted: (21, 3), which is (m, 3 or more) with m = 21."),
    ("gather", {"label": label + 1, "y": y}, {}, {}, "E[label[i], k] is read at index 2 of axis 0 at i = 0. Accepted: 0 to 1."),
    ("gather", {"label": label - 1, "y": y}, {}, {}, "E[label[i], k] is read at index -1 of axis 0 at i = 1. Accepted: 0 to 1."),
    ("gather", {"label": label/2, "y": y}, {}, {}, "label holds other than whole numbers. Accepted: whole numbers."),
    ("fixed length", {"y": y}, {}, {}, "y has shape (21,). Accepted: (8,)."),
    ("ragged", {"x": x[:9], "y": y[:2], "ptr": [0, 9, 8]}, {}, {}, "runs backwards at i = 1. Accepted: bounds that do not fall."),
    ("ragged", {"x": x[:9], "y": y[:2], "ptr": [0, 3, 10]}, {}, {}, "x[j] is read at index 9 of axis 0 at i = 1. Accepted: 0 to 8."),
    ("pairs", {"x": x}, {}, {"batch_size": 3}, "mini-batches of such a cost are not built yet. Accepted: no batch_size."),
    ("one parameter", {}, {}, {"batch_size": 3}, "share no axis that batches could be taken from. Accepted: no batch_size."),
]  # fmt: skip


@pytest.mark.parametrize(("problem", "data", "start", "options", "sentence"), REFUSED)
def test_what_does_not_fit_is_said_before_anything_runs(problem, data, start, options, sentence, saved):
    module = saved(problem)
    with pytest.raises(ValueError) as refused, pytest.MonkeyPatch.context() as patch:
        patch.setitem(module.namespace, "train", None)
        patch.setitem(module.namespace, "gradient", None)
        module.fit(data, start, **options)
    assert str(refused.value).endswith(sentence)


# name of the file | the sentence
NAMES = [
    ("trainer.txt", "is no Python file. Accepted: a name that ends in .py."),
    ("trainer", "is no Python file. Accepted: a name that ends in .py."),
    ("class.py", "class.py cannot be imported: class is no name in Python. Accepted: letters, digits and _, as in trainer.py."),
    ("my-trainer.py", "my-trainer.py cannot be imported: my-trainer is no name in Python. Accepted: letters, digits and _, as in trainer.py."),
    ("numba.py", "numba.py would hide the module numba from everything beside it. Accepted: another name, such as trainer.py."),
    ("random.py", "random.py would hide the module random from everything beside it. Accepted: another name, such as trainer.py."),
    ("folder/trainer.py", "Accepted: a folder that exists."),
    ("there.py", "exists already. Accepted: another name, or overwrite=True."),
    ("place.py", "is a folder. Accepted: a file name."),
]


@pytest.mark.parametrize(("name", "sentence"), NAMES)
def test_a_file_that_could_not_be_imported_or_would_be_lost_is_refused(name, sentence, tmp_path):
    (tmp_path / "there.py").write_text("kept", encoding="utf-8")
    (tmp_path / "place.py").mkdir()
    with pytest.raises(InputError) as refused:
        sg.parse("(w - 3)^2").trainer().save(tmp_path / name)
    assert str(refused.value).endswith(sentence)
    assert (tmp_path / "there.py").read_text(encoding="utf-8") == "kept"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["place.py", "there.py"]


def test_overwrite_replaces_the_file_whole(tmp_path):
    path = tmp_path / "trainer.py"
    path.write_text("old", encoding="utf-8")
    trainer = sg.parse("(w - 3)^2").trainer()
    assert trainer.save(path, overwrite=True) == path
    assert path.read_text(encoding="utf-8") == source(trainer, {})
    assert [path.name for path in tmp_path.iterdir()] == ["trainer.py"]


# cost | lengths | the sentence
LENGTHS = [
    (NETWORK, {}, 'The length h is not told by the data; W1, b1, W2 depend on it. Accepted: lengths={"h": 32}.'),
    (GATHER, {}, 'The lengths h, n_E are not told by the data; E, v depend on them. Accepted: lengths={"h": 32, "n_E": 32}.'),
    (NETWORK, {"h": 3, "q": 4}, 'There is no length q. Accepted: lengths={"h": 32}.'),
    (NETWORK, {"h": 3, "m": 4}, 'The length m follows from the shapes of the data. Accepted: lengths={"h": 32}.'),
    (NETWORK, {"h": 0}, "The length h is 0. Accepted: whole numbers from 1 up."),
    ({"text": "w^2 + v", "parameters": []}, {}, "The cost has no parameter to fit. Accepted: a cost with a free name."),
    ({"text": "w^2 + v"}, {}, "so no step would ever end: a constant? Accepted: constants={'v': ...}, or parameters=[...] with it."),
]  # fmt: skip


@pytest.mark.parametrize(("cost", "lengths", "sentence"), LENGTHS)
def test_saving_asks_for_what_the_file_could_not_know(cost, lengths, sentence):
    with pytest.raises(InputError) as refused:
        source(cost_of(**cost).trainer(), lengths)
    assert str(refused.value).endswith(sentence)


HOSTILE = ["x\"; import os; os.remove('y')", 'a"""b', "back\\slash", "line\nbreak", "{value}", "%(prog)s", "data", "done", "train", "λ", "class", "_"]


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_is_safe_and_stays_the_users(name):
    w, c, (t,) = sp.Symbol(name), sp.Symbol(name + "2"), sg.samples("t")
    trainer = sg.Cost(sg.mean((w * t - c) ** 2), parameters=[w], constants=[c]).trainer()
    found = plain(source(trainer, {})).fit({"t": [1.0, 2.0], name + "2": 3.0}, {name: 1.0}, steps=1)
    assert found["parameters"] == {name: pytest.approx(1 - 0.01 * (2 * 2.5 - 9))}


def test_every_name_of_the_frame_is_reserved():
    """No array of a user can take the place of a name that the frame uses."""
    trainer, lengths = trainer_of("gather")
    tree = ast.parse(source(trainer, lengths))
    slots = trainer.kernels.generated.memory
    fit = next(part for part in tree.body if isinstance(part, ast.FunctionDef) and part.name == "fit")
    inside = {inner.target.id for part in ast.walk(fit) if isinstance(part, ast.ListComp) for inner in part.generators}
    used = {part.arg for part in ast.walk(fit) if isinstance(part, ast.arg)} | {part.id for part in ast.walk(fit) if isinstance(part, ast.Name)}
    used |= {part.name for part in tree.body if isinstance(part, ast.FunctionDef)}
    settings = set(trainer.rule.settings)
    assert used - inside - set(slots) - settings - set(dir(builtins)) <= set(RESERVED)


def test_the_file_imports_numpy_and_numba_and_nothing_else():
    trainer, lengths = trainer_of("network")
    imported = {
        (part.module if isinstance(part, ast.ImportFrom) else part.names[0].name)
        for part in ast.walk(ast.parse(source(trainer, lengths)))
        if isinstance(part, (ast.Import, ast.ImportFrom))
    }
    assert {"numpy", "numba"} <= imported <= {"numpy", "numba", *sys.stdlib_module_names}


def test_an_interrupt_returns_the_steps_so_far(saved):
    module = saved("line, batches")
    taken = []

    def train(*arguments):
        """The generated loop; the third time Ctrl-C arrives while it runs, so what it returns is lost."""
        found = module.train(*arguments)
        taken.append(found[0])
        if len(taken) == 3:
            raise KeyboardInterrupt
        return found

    data = {"x": x, "y": y}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(module.namespace, "train", train)
        found = module.fit(data, steps=500, batch_size=5)
    assert found["steps"] == sum(taken) == len(found["history"]["cost"])
    assert found["reason"] == f"Interrupted after {sum(taken)} steps."
    assert found["parameters"] == module.fit(data, steps=sum(taken), batch_size=5)["parameters"]


# The command line


@pytest.fixture
def run(saved, tmp_path, monkeypatch, capsys):
    """Run the saved logistic regression with these arguments; files are data.npz and start.npz: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    np.savez("data.npz", X=X, y=label, names=np.array(["not", "read"]))
    np.savez("start.npz", w=np.ones(4))
    np.savez("objects.npz", X=np.array([{}], dtype=object))
    np.save("one.npy", X)
    Path("text.npz").write_text("no archive", encoding="utf-8")
    Path("folder").mkdir()

    def command(line):
        monkeypatch.setattr(sys, "argv", ["trainer.py", *line.split()])
        try:
            saved("penalty").main()
            code = 0
        except SystemExit as end:
            code = end.code
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return command


def test_the_command_line_writes_the_parameters_by_name(run, saved):
    code, shown, _ = run("data.npz -o result.npz --start start.npz --steps 7 --learning-rate 0.25 --batch-size 5 --seed 2 --tolerance 1e-3")
    found = saved("penalty").fit({"X": X, "y": label}, {"w": np.ones(4)}, steps=7, learning_rate=0.25, batch_size=5, seed=2, tolerance=1e-3)
    assert code == 0
    assert shown.splitlines()[0] == "All 7 steps are done."
    with np.load("result.npz", allow_pickle=False) as archive:
        assert archive.files == ["w"]
        assert np.array_equal(archive["w"], found["parameters"]["w"])
    assert not [name for name in os.listdir() if name.startswith(".")]


def test_without_an_output_file_the_parameters_are_printed(run):
    code, shown, _ = run("data.npz --epochs 1")
    assert code == 0
    assert shown.startswith("w = [")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("nowhere.npz", "nowhere.npz cannot be read: No such file or directory."),
        ("one.npy", "one.npy is no .npz file of arrays of numbers."),
        ("text.npz", "text.npz is no .npz file of arrays of numbers."),
        ("objects.npz", "objects.npz is no .npz file of arrays of numbers."),
        ("start.npz", "No value for data X (m, d), y (m,). Given are lam."),
        ("data.npz -o nowhere/result.npz", "nowhere/result.npz cannot be written. Accepted: a file name in a folder that exists."),
        ("data.npz -o folder", "folder cannot be written. Accepted: a file name in a folder that exists."),
        ("data.npz -o ./data.npz", "data.npz holds the data. Accepted: another file for the result."),
        ("data.npz --start data.npz", "There is no parameter X. Accepted: w."),
        ("data.npz --steps 2 --epochs 2", "Both steps and epochs are given. Accepted: one of them."),
        ("data.npz --learning-rate nan", "learning_rate is nan. Accepted: (0, oo)."),
        ("", "the following arguments are required: data"),
    ],
)
def test_the_command_line_refuses_in_a_sentence(run, line, sentence):
    code, shown, error = run(line)
    assert (code, shown) == (2, "")
    assert error.splitlines()[-1] == f"trainer.py: error: {sentence}"


# Standing alone


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    """The Python of an environment that has NumPy, Numba and llvmlite and nothing else; links lend them, so nothing is downloaded."""
    folder = tmp_path_factory.mktemp("alone")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = next((folder / Path(sysconfig.get_path("scripts")).name).glob("python*"))
    inside = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))"], check=True, capture_output=True, text=True
    ).stdout.strip()
    for package in ("numpy", "numba", "llvmlite"):
        home = Path(__import__(package).__file__).parent
        for part in (home, home.with_name(f"{package}.libs")):
            if part.exists():
                (Path(inside) / part.name).symlink_to(part)
    return python


@pytest.mark.slow
def test_logistic_regression_trains_where_only_numpy_and_numba_are(alone, tmp_path):
    trainer, lengths = trainer_of("penalty")
    trainer.save(tmp_path / "logistic.py", lengths=lengths)
    np.savez(tmp_path / "data.npz", X=X, y=label)

    def run(*command):
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        done = subprocess.run([alone, "-I", *command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    absent = "import importlib.util as u; print([n for n in ('scipy', 'sympy', 'symgd', 'jinja2') if u.find_spec(n)])"
    assert run("-c", absent).strip() == "[]"
    shown = run("logistic.py", "data.npz", "-o", "result.npz", "--steps", "20000", "--tolerance", "1e-10")
    assert shown.startswith("The gradient norm")
    with np.load(tmp_path / "result.npz", allow_pickle=False) as archive:
        assert archive["w"] == pytest.approx(by_newton(X, label, 0.01), rel=1e-8)


def by_newton(X, y, lam):
    """The minimum of mean(log(1 + exp(z)) - y*z) + lam*|w|^2 with z = X w."""
    w = np.zeros(X.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-X @ w))
        hessian = X.T @ (X * (p * (1 - p))[:, None]) / len(X) + 2 * lam * np.eye(len(w))
        w = w - np.linalg.solve(hessian, X.T @ (p - y) / len(X) + 2 * lam * w)
    return w
