"""What the commands print, write, import and refuse."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import symgd
from symgd.command.main import main
from symgd.command.problem import Problem
from symgd.training.kernels import Kernels

ROOT = Path(__file__).parents[2]
LINE = 'mean((w*x + b - y)^2)'
NETWORK = str(ROOT / "examples" / "digits_mlp.toml")


def symgd_(*arguments: object, given: str | None = None) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=given, prog_name="symgd")


def process(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "symgd", *map(str, arguments)], capture_output=True, text=True, cwd=ROOT, timeout=300, **options)


def started(*arguments: str, stderr: int = subprocess.PIPE, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "symgd", *arguments], stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=ROOT, **options)


@pytest.fixture
def line(tmp_path: Path) -> Path:
    """y = 2*x + 1 at four points."""
    path = tmp_path / "line.csv"
    path.write_text("x,y\n0,1\n1,3\n2,5\n3,7\n")
    return path


# derive

DERIVED = [
    (["(w-3)^2"], "dC/dw = 2*(w - 3)"),
    ([LINE, "--samples", "x,y"], "dC/dw = 2*mean(x*(w*x + b - y))\ndC/db = 2*mean(w*x + b - y)"),
    ([LINE, "--samples", "x y", "--parameters", "b", "--constants", "w"], "dC/db = 2*mean(w*x + b - y)"),
    (["lam*w^2", "--set", "lam=0.1"], "dC/dw = 2*lam*w"),
    (["mean((p-y)^2)", "--where", "p = w*x", "--samples", "x,y"], "dC/dw = 2*mean(x*(p - y))"),
    (["mean(a)", "--where", "p = w*x", "--where", "a = p^2", "--samples", "x"], "dC/dw = 2*mean(p*x)"),
    (["sum(w[j]^2, j) + b^2", "--axes", "j:3", "--parameters", "w,b"], "dC/dw[j] = 2*w[j]\ndC/db    = 2*b"),
    (["(w-3)^2", "--program"], "(1) C = (w - 3)^2\n(2) dw = 2*(w - 3)"),
    (["--", "-w^2"], "dC/dw = -2*w"),
]


@pytest.mark.parametrize(("arguments", "expected"), DERIVED)
def test_derive_prints_the_partial_derivatives_below_each_other(arguments, expected):
    done = symgd_("derive", *arguments)
    assert (done.exit_code, done.stdout, done.stderr) == (0, expected + "\n", "")


@pytest.mark.parametrize("given", ["(w-3)^2", "\ufeff(w-3)^2\r\n", 'cost = "(w-3)^2"\n', '# first\nparameters = ["w"]\ncost = "(w-3)^2"'])
def test_a_dash_reads_a_formula_or_a_problem_from_standard_input(given):
    assert symgd_("derive", "-", given=given).stdout == "dC/dw = 2*(w - 3)\n"


def test_a_file_holds_a_formula_or_a_problem(tmp_path):
    (tmp_path / "formula.txt").write_text("(w-3)^2\n")
    (tmp_path / "problem.toml").write_text('cost = "(w-3)^2"\n')
    for name in ("formula.txt", "problem.toml"):
        assert symgd_("derive", tmp_path / name).stdout == "dC/dw = 2*(w - 3)\n"


def test_derive_as_json_is_the_same_in_parts():
    found = json.loads(symgd_("derive", LINE, "--samples", "x,y", "--format", "json").stdout)
    assert found["gradient"] == {"w": "2*mean(x*(w*x + b - y))", "b": "2*mean(w*x + b - y)"}
    assert found["cost"] == LINE and found["parameters"] == ["w", "b"] and sorted(found["data"]) == ["x", "y"]
    assert found["program"][-1].startswith("db")


def test_derive_as_latex_is_the_gradient_of_the_library():
    assert symgd_("derive", "(w-3)^2", "--format", "latex").stdout == symgd.parse("(w-3)^2").gradient.latex() + "\n"


def test_a_formula_beyond_reading_is_shown_as_its_program_with_a_note():
    nested = "w"
    for _ in range(11):
        nested = f"(sin({nested}) + {nested}/2)"
    done = symgd_("derive", nested)
    assert done.stdout == symgd_("derive", nested, "--program").stdout and done.stdout.startswith("( 1) t1 = sin(w) + w/2\n")
    assert done.stderr.startswith("note: Written out as one formula, the derivative by w has ")


def test_notes_go_to_standard_error():
    done = symgd_("derive", "(w-3)^2 + lam")
    assert done.stdout == "dC/dw   = 2*(w - 3)\ndC/dlam = 1\n"
    assert done.stderr == "note: The cost is affine in lam: is lam a constant? If so, name it in constants=.\n"


def test_output_goes_to_a_file(tmp_path):
    done = symgd_("derive", "(w-3)^2", "-o", tmp_path / "gradient.txt")
    assert (done.stdout, (tmp_path / "gradient.txt").read_text()) == ("", "dC/dw = 2*(w - 3)\n")


# explain


def test_explain_tells_one_update():
    done = symgd_("explain", "(w-3)^2", "--at", "w=1", "--learning-rate", "0.1")
    assert done.exit_code == 0
    for said in ("cost 4", "gradient -4", "1.4", "2.56"):
        assert said in done.stdout


def test_explain_as_json_has_the_numbers():
    found = json.loads(symgd_("explain", "(w-3)^2", "--at", "w=1", "--learning-rate", "0.1", "--format", "json").stdout)
    assert (found["cost"], found["gradient"], found["new_parameters"], found["new_cost"]) == (4, {"w": -4}, {"w": 1.4}, 2.56)


def test_explain_reads_arrays_and_data(line):
    assert symgd_("explain", "sum(w[j]^2, j)", "--parameters", "w", "--at", "w=1,2", "--learning-rate", "0.1").exit_code == 0
    done = symgd_("explain", LINE, "--samples", "x,y", "--data", line, "--at", "w=1", "--at", "b=0", "--learning-rate", "0.1")
    assert done.exit_code == 0 and "7.5" in done.stdout


# train


def fitted(*arguments: object) -> Result:
    return symgd_("train", LINE, "--samples", "x,y", "--learning-rate", "0.1", *arguments)


def test_train_says_how_it_ended_and_lists_the_parameters(line):
    done = fitted("--data", line)
    head, reason, _, *table = done.stdout.splitlines()
    assert done.exit_code == 0 and done.stderr == ""
    assert head.startswith("converged: cost ") and head.endswith(" on 4 samples")
    assert "tolerance" in reason
    assert [row.split()[:2] for row in table] == [["parameter", "value"], ["w", "2"], ["b", "1"]]


def test_train_without_convergence_says_so(line):
    head, reason = fitted("--data", line, "--steps", 3).stdout.splitlines()[:2]
    assert head.startswith("not converged: cost ") and reason == "All 3 steps are done."


def test_a_fit_that_breaks_off_is_exit_1(line):
    done = fitted("--data", line, "--learning-rate", 10)
    assert done.exit_code == 1 and done.stdout.startswith("broken off: cost ") and "learning rate" in done.stdout


def test_results_go_to_files(line, tmp_path):
    names = {"-o": "result.json", "--save-parameters": "found.npz", "--cost-curve": "curve.png"}
    assert fitted("--data", line, *(part for option, name in names.items() for part in (option, tmp_path / name))).exit_code == 0
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["converged"] and result["parameters"]["w"] == pytest.approx(2)
    with np.load(tmp_path / "found.npz") as found:
        assert {name: float(found[name]) for name in found.files} == pytest.approx({"w": 2, "b": 1})
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert fitted("--data", line, "--start", tmp_path / "found.npz", "--format", "json").stdout.count('"steps": 0,') == 1


def test_json_on_standard_output_is_the_result(line):
    found = json.loads(fitted("--data", line, "--format", "json", "--steps", 5, "--seed", 3).stdout)
    assert found["steps"] == 5 and len(found["history"]["cost"]) == 5


STARTS = [
    (["--start", "zeros"], {"w": 0, "b": 0}),
    (["--start", "w=1.5", "--start", "b=-2"], {"w": 1.5, "b": -2}),
    (["--start", "zeros", "--start", "w=1.5"], {"w": 1.5, "b": 0}),
    (["--start", "b=zeros", "--start", "w=3"], {"w": 3, "b": 0}),
]


@pytest.mark.parametrize(("arguments", "start"), STARTS)
def test_start_values_are_those_of_the_options(line, arguments, start):
    cost = symgd.parse(LINE, samples="x y").evaluate(start, {"x": [0, 1, 2, 3], "y": [1, 3, 5, 7]}).cost
    assert json.loads(fitted("--data", line, *arguments, "--steps", 1, "--format", "json").stdout)["history"]["cost"][0] == pytest.approx(cost)


def test_lengths_and_constants_are_set_by_name():
    done = symgd_("train", "sum((w[j] - a)^2, j)", "--parameters", "w", "--axes", "j:d", "--set", "d=2", "--set", "a=5", "--learning-rate", "0.1")
    assert [row.split()[:2] for row in done.stdout.splitlines()[4:]] == [["w[0]", "5"], ["w[1]", "5"]]
    assert done.stdout.splitlines()[0].partition(":")[0] == "converged" and "samples" not in done.stdout


def test_the_command_line_wins_over_the_file(tmp_path, line):
    (tmp_path / "p.toml").write_text(
        f'cost = "{LINE}"\nsamples = "x y"\nnoun = "points"\n[data]\nfile = "line.csv"\n[optimizer]\nname = "adam"\nbeta1 = 0.5\n[fit]\nepochs = 9\n'
    )
    found = json.loads(symgd_("train", tmp_path / "p.toml", "--steps", 4, "--optimizer", "momentum", "--format", "json").stdout)
    assert found["steps"] == 4
    assert "on 4 points" in symgd_("train", tmp_path / "p.toml").stdout


def test_mini_batches_take_epochs(line):
    assert json.loads(fitted("--data", line, "--epochs", 5, "--batch-size", 3, "--tolerance", 0, "--format", "json").stdout)["steps"] == 10


# Data files

TABLES = {
    "quotes, spaces and an empty row": 'x,"y"\n 0 ,"1"\n\n1,3\n2,5\n3,7\n',
    "semicolons": "x;y\n0;1\n1;3\n2;5\n3;7\n",
    "tabs, CRLF and a byte order mark": "\ufeffx\ty\r\n0\t1\r\n1\t3\r\n2\t5\r\n3\t7\r\n",
    "other columns with words": "name,x,y\nann,0,1\nbob,1,3\ncid,2,5\ndan,3,7e0\n",
}


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_tables_of_any_usual_form_are_read(tmp_path, text):
    (tmp_path / "t.csv").write_text(text, newline="", encoding="utf-8")
    assert fitted("--data", tmp_path / "t.csv").stdout.startswith("converged")


WRONG_TABLES = {
    "a word": ("x,y\n0,1\n1,n/a\n", "row 3, column y is 'n/a'. Accepted: a number."),
    "an empty cell": ("x,y\n0,1\n,3\n", "row 3, column x is empty. Accepted: a number."),
    "not finite": ("x,y\n0,1\n\n1,nan\n", "row 4, column y is nan. Accepted: finite numbers."),
    "a short row": ("x,y\n0,1\n1\n", "row 3 has 1 cells, the header 2. Accepted: as many in every row."),
    "a long row": ("x,y\n0,1,2\n", "row 2 has 3 cells, the header 2. Accepted: as many in every row."),
    "a missing column": ("x,z\n0,1\n", "There is no column y. Accepted: x, z."),
    "no rows": ("x,y\n", "has a header and no rows. Accepted: at least one row of numbers."),
    "nothing": ("", "is empty. Accepted: a header row with the names of the columns, then rows of numbers."),
    "no header": ("0,1\n1,3\n", "row 1 holds numbers where the names of the columns are expected. Accepted: a header row: x,y."),
    "a column twice": ("x,y,x\n0,1,2\n", "row 1 names two columns x. Accepted: each name once."),
    "an open quote": ('x,y\n"0,1\n', "Accepted: cells between commas, quoted where they hold commas."),
}


@pytest.mark.parametrize(("text", "sentence"), WRONG_TABLES.values(), ids=WRONG_TABLES)
def test_a_wrong_table_is_refused_with_row_and_column(tmp_path, text, sentence):
    (tmp_path / "t.csv").write_text(text)
    done = fitted("--data", tmp_path / "t.csv")
    assert done.exit_code == 2 and done.stdout == ""
    assert sentence in done.stderr and str(tmp_path / "t.csv") in done.stderr


def test_columns_are_chosen_by_name(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,target,id\n1,0,2,7\n0,1,3,8\n1,1,5,9\n")
    cost = ["mean((sum(w[j]*X[i, j], j) - y[i])^2, i)", "--parameters", "w", "--learning-rate", "0.3", "--data", tmp_path / "t.csv"]
    for columns in ("X=a,b", "X=all but target, id"):
        done = symgd_("train", *cost, "--columns", columns, "--columns", "y=target")
        assert [row.split()[:2] for row in done.stdout.splitlines()[4:]] == [["w[0]", "2"], ["w[1]", "3"]]
    for columns, sentence in {
        "y=target": 'which columns are X? Accepted: --columns "X=a,b"',
        "X=a,c": "There is no column c; was a meant?",
        "x=a": "There is no data array x",
        "X=all but a,b,target,id": "leaves no column for X",
    }.items():
        done = symgd_("train", *cost, "--columns", columns)
        assert done.exit_code == 2 and (sentence in done.stderr or "There is no column" in done.stderr)


def test_archives_are_read_without_pickle(tmp_path):
    x = np.arange(4.0)
    np.savez(tmp_path / "t.npz", x=x, y=2*x + 1)
    assert fitted("--data", tmp_path / "t.npz").stdout.startswith("converged")
    np.savez(tmp_path / "o.npz", x=x, other=2*x + 1)
    assert fitted("--data", tmp_path / "o.npz", "--columns", "y=other").stdout.startswith("converged")
    np.savez(tmp_path / "p.npz", x=x, y=np.array([{}, 1, 2, 3], dtype=object))
    np.save(tmp_path / "single.npy", x)
    (tmp_path / "single.npy").rename(tmp_path / "s.npz")
    (tmp_path / "text.npz").write_text("x,y\n")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "t.npz").read_bytes()[:100])
    for name, sentence in {
        "o.npz": "There is no array y. Accepted: x, other.",
        "p.npz": "y holds Python objects, or is damaged. Accepted: arrays of numbers.",
        "s.npz": "is a single array without a name.",
        "text.npz": "is no .npz archive, or damaged.",
        "cut.npz": "is no .npz archive, or damaged.",
        "missing.npz": "There is no file",
        "t.xlsx": "There is no file",
    }.items():
        done = fitted("--data", tmp_path / name)
        assert done.exit_code == 2 and sentence in done.stderr, name


# Refusals

REFUSED = [
    (["derive", "(w-3"], "This ( is never closed."),
    (["derive", "mean(sgn(w*x)^2)", "--samples", "x"], "Accepted: sign; all in docs/notation.md.\n    mean(sgn(w*x)^2)\n         ^"),
    (["derive", ""], "The formula is empty."),
    (["derive", "missing.toml"], "There is no file missing.toml. Accepted: a problem file, a formula, or - for standard input."),
    (["train", "(w-3)^2", "--format", "html"], "--format html is not built yet."),
    (["train", "(w-3)^2", "--format", "latex"], "--format is latex. Accepted: text, json."),
    (["derive", "(w-3)^2", "--set", "lma=1"], "There is no constant or length lma. Accepted: w."),
    (["derive", "lam*w^2", "--set", "lma=1"], "There is no constant or length lma; was lam meant?"),
    (["derive", "lam*w^2", "--set", "lam"], "--set is 'lam'. Accepted: --set name=value."),
    (["derive", "lam*w^2", "--set", "lam=much"], "--set lam is 'much'. Accepted: a number such as 0.1 or 1e-3."),
    (["derive", "lam*w^2", "--set", "lam=nan"], "--set lam is 'nan'."),
    (["derive", "lam*w^2", "--set", "lam=1", "--set", "lam=2"], "--set gives lam twice."),
    (["derive", "sum(w[j]^2, j)", "--parameters", "w", "--set", "n_j=2.5"], "--set n_j is 2.5, and stands for a length."),
    (["derive", "z", "--where", "z"], "A definition has a name, = and a formula."),
    (["explain", "(w-3)^2", "--at", "w=", "--learning-rate", "0.1"], "--at is 'w='."),
    (["explain", "(w-3)^2", "--at", "w=[1", "--learning-rate", "0.1"], "--at w is '[1'."),
    (["explain", "(w-3)^2", "--at", "v=1", "--learning-rate", "0.1"], "There is no parameter v."),
    (["explain", "(w-3)^2", "--at", "w=1", "--learning-rate", "-0.1"], "learning_rate is -0.1."),
    (["train", LINE, "--samples", "x,y"], "No value for data x, y. Accepted: --data FILE"),
    (["train", LINE, "--samples", "x,y", "--data", "none.csv"], "There is no file none.csv."),
    (["train", "(w-3)^2 + lam"], "The cost is affine in lam, so no step would ever end. Is it a constant? Accepted: --set lam=0.1"),
    (["train", "(w-3)^2", "--optimizer", "adan"], "There is no optimizer adan; was adam meant?"),
    (["train", "(w-3)^2", "--learning-rate", "0"], "learning_rate is 0.0. Accepted: (0, oo)."),
    (["train", "(w-3)^2", "--steps", "0"], "steps is 0."),
    (["train", "(w-3)^2", "--steps", "2", "--epochs", "2"], "Both steps and epochs are given."),
    (["train", "(w-3)^2", "--start", "zero"], "There is no initializer zero; was zeros meant?"),
    (["train", "(w-3)^2", "--start", "zeros", "--start", "normal"], "--start says zeros and normal."),
    (["train", "(w-3)^2", "-o", "nowhere/result.json"], "There is no folder nowhere to write result.json to."),
    (["train", "sum((w[j] - 3)^2, j)", "--parameters", "w"], "The length n_j is not fixed by data or start"),
]


@pytest.mark.parametrize(("arguments", "sentence"), REFUSED, ids=lambda part: " ".join(part)[:60] if isinstance(part, list) else "")
def test_what_is_refused_is_one_message_and_exit_2(arguments, sentence):
    done = symgd_(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr and "Traceback" not in done.stderr


WRONG_FILES = {
    "an unknown key": ('cost = "w^2"\nwere = 1\n', "There is no key were; was where meant?"),
    "an unknown key of a section": ('cost = "w^2"\n[fit]\nstep = 3\n', "There is no key of [fit] step; was steps meant?"),
    "an unknown setting": ('cost = "w^2"\n[optimizer]\nname = "momentum"\nbetta = 0.5\n', "momentum named betta; was beta meant?"),
    "no TOML": ('cost = "w^2"\nparameters = [w]\n', "\n    parameters = [w]\n                  ^ row 2, column 15"),
    "an open quote": ('cost = "w^2\n', "row 1"),
    "an open end": ("cost =", "row 1"),
    "no cost": ('parameters = ["w"]\n', "states no cost."),
    "a number for a text": ("cost = 3\n", "cost is 3. Accepted: a text in quotes."),
    "a number in where": ('cost = "z"\n[where]\nz = 3\n', 'where: z is 3. Accepted: "z[i]" = "formula".'),
    "a text for a table": ('cost = "w^2"\nfit = "long"\n', "fit is long. Accepted: a table."),
    "an unknown constant": ('cost = "w^2"\nconstants = { lam = 0.1 }\n', "There is no constant or length lam. Accepted: w."),
    "a constant that is no number": ('cost = "lam*w^2"\nconstants = { lam = "much" }\n', "The constant lam is 'much'. Accepted: a number."),
    "an unknown initializer": ('cost = "w^2"\n[start]\nw = "zero"\n', "There is no initializer zero; was zeros meant?"),
    "a start without a name": ('cost = "w^2"\n[start]\nw = { deviation = 1 }\n', "The start of w names no initializer."),
    "a missing data file": ('cost = "mean((w - x)^2)"\nsamples = "x"\n[data]\nfile = "none.csv"\n', "none.csv. Accepted: a .csv table"),
    "a fractional seed": ('cost = "w^2"\n[fit]\nseed = 0.5\n', "seed is 0.5."),
}


@pytest.mark.parametrize(("text", "sentence"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_a_wrong_problem_file_is_refused_by_key_or_row(tmp_path, text, sentence):
    (tmp_path / "p.toml").write_text(text)
    done = symgd_("train", tmp_path / "p.toml")
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr and "Traceback" not in done.stderr


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "p.toml").write_bytes("cost = 'w^2'".encode("utf-16"))
    assert "is no UTF-8 text" in symgd_("derive", tmp_path / "p.toml").stderr


def test_the_problem_file_names_every_choice(tmp_path):
    (tmp_path / "p.toml").write_text("""
        cost = "mean((p[i] - t[i])^2, i) + lam*sum(w[j]^2, j)"
        parameters = "w"
        where = ["p[i] = sum(w[j]*X[i, j], j)"]
        constants = ["lam"]
        [data]
        file = "d.npz"
        [data.columns]
        t = "target"
        [start]
        w = { name = "normal", deviation = 0.5 }
        [optimizer]
        name = "adam"
        learning_rate = 0.05
        beta1 = 0.8
        [fit]
        epochs = 3
        batch_size = 2
        seed = 5
        shuffle = false
        tolerance = 0
        [output]
        parameters = "found.npz"
        result = "result.json"
    """)
    np.savez(tmp_path / "d.npz", X=np.eye(5, 3), target=np.arange(5.0))
    assert symgd_("train", tmp_path / "p.toml", "--set", "lam=0.1").exit_code == 0
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["steps"] == 9 and len(np.load(tmp_path / "found.npz")["w"]) == 3


# generate


def test_generate_writes_the_saved_trainer(tmp_path):
    done = symgd_("generate", NETWORK, "-o", tmp_path / "trainer.py")
    assert done.exit_code == 0, done.stderr
    again = symgd_("generate", NETWORK, "-o", tmp_path / "trainer.py")
    assert again.exit_code == 2 and "trainer.py exists already." in again.stderr
    assert symgd_("generate", NETWORK, "-o", tmp_path / "trainer.py", "--overwrite").exit_code == 0
    assert symgd_("generate", NETWORK).stdout == (tmp_path / "trainer.py").read_text()


def test_the_generated_trainer_finds_what_train_finds(tmp_path, line):
    asked = [LINE, "--samples", "x,y", "--learning-rate", "0.1"]
    assert symgd_("generate", *asked, "-o", tmp_path / "trainer.py").exit_code == 0
    np.savez(tmp_path / "line.npz", x=np.arange(4.0), y=2*np.arange(4.0) + 1)
    done = subprocess.run(
        [sys.executable, "trainer.py", "line.npz", "-o", "found.npz"], capture_output=True, text=True, cwd=tmp_path, timeout=300
    )
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "found.npz") as found:
        assert (float(found["w"]), float(found["b"])) == pytest.approx((2, 1))


# Processes


def imported(*arguments: str) -> set[str]:
    code = "import sys; from symgd.command.main import main\ntry: main(sys.argv[1:])\nexcept SystemExit: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=300)
    return {name.partition(".")[0] for name in done.stderr.splitlines()[-1].split()}


IMPORTS = [
    (["--version"], {"sympy", "numba", "numpy", "lark", "rich"}),
    (["derive", "(w-3)^2"], {"sympy", "numba", "scipy", "matplotlib", "rich"}),
    (["derive", "examples/digits_mlp.toml", "--format", "json"], {"sympy", "numba"}),
    (["explain", "(w-3)^2", "--at", "w=1", "--learning-rate", "0.1"], {"sympy", "numba"}),
    (["train", "(w-3)^2", "--learning-rate", "0.1"], {"sympy", "matplotlib", "rich"}),
]


@pytest.mark.parametrize(("arguments", "absent"), IMPORTS, ids=lambda part: part[0] if isinstance(part, list) else "")
def test_a_command_imports_only_what_it_needs(arguments, absent):
    assert not imported(*arguments) & absent


def test_version_and_help():
    assert process("--version").stdout == f"symgd {symgd.__version__}\n"
    assert all(name in process("--help").stdout for name in ("derive", "explain", "train", "generate"))


def test_a_terminal_without_greek_letters_gets_its_gradient():
    done = process("derive", "α*w^2", "--parameters", "w", env={**os.environ, "PYTHONIOENCODING": "cp1252"})
    assert (done.returncode, done.stdout) == (0, "dC/dw = 2*\\u03b1*w\n")


@pytest.mark.skipif(os.name != "posix", reason="a pipe of the shell")
def test_a_reader_that_leaves_early_is_no_error():
    with started("derive", NETWORK) as left:
        left.stdout.close()
        assert left.stderr.read() == ""
    assert left.returncode == 141


@pytest.fixture
def listening():
    """SIGINT as a terminal leaves it: a suite in the background (`&`) ignores it, and so would the processes that it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def at_a_step(terminal: int) -> None:
    """Wait until the progress bar shows that steps are done."""
    shown = b""
    while not re.search(rb"step [1-9]", shown):
        assert select.select([terminal], [], [], 120)[0], shown
        shown += os.read(terminal, 4096)


@pytest.mark.skipif(os.name != "posix", reason="a signal of the terminal")
@pytest.mark.usefixtures("listening")
def test_ctrl_c_prints_what_has_been_reached():
    terminal, end = os.openpty()
    endless = ("train", "(w-3)^2", "--learning-rate", "1e-9", "--tolerance", "0", "--steps", "500000000", "--start", "w=1")
    with started(*endless, stderr=end, env={**os.environ, "TERM": "xterm", "COLUMNS": "200"}) as running:
        try:
            os.close(end)
            at_a_step(terminal)
            running.send_signal(signal.SIGINT)
            stdout, _ = running.communicate(timeout=30)
        finally:
            running.kill()
            os.close(terminal)
    assert running.returncode == 130
    assert stdout.startswith("interrupted: cost ") and "Interrupted after " in stdout


def pressed_in(monkeypatch, place, name, *, lost):
    """Ctrl-C at the end of this function, where a callback loses it, or where it becomes another error."""
    whole = getattr(place, name)

    def struck(*arguments, **options):
        found = whole(*arguments, **options)
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            if not lost:
                raise RuntimeError("Error calling __set_name__") from None
        return found

    monkeypatch.setattr(place, name, struck)


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize(("place", "name"), [(Problem, "data"), (Kernels, "bind")])
@pytest.mark.usefixtures("listening")
def test_ctrl_c_counts_before_the_first_step(monkeypatch, place, name, lost):
    pressed_in(monkeypatch, place, name, lost=lost)
    done = symgd_("train", "(w-3)^2", "--learning-rate", "1e-9")
    assert (done.exit_code, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.usefixtures("listening")
def test_ctrl_c_counts_where_a_step_loses_it(monkeypatch):
    pressed_in(monkeypatch, Kernels, "call", lost=True)
    done = symgd_("train", "(w-3)^2", "--learning-rate", "1e-9")
    assert done.exit_code == 130 and "Interrupted after 1 steps." in done.stdout


def test_ctrl_c_is_ignored_where_it_was_from_the_beginning(monkeypatch, listening):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pressed_in(monkeypatch, Kernels, "call", lost=True)
    assert symgd_("train", "(w-3)^2", "--learning-rate", "0.1").stdout.startswith("converged")
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_the_second_process_starts_warm():
    process("train", "examples/diabetes.toml")
    spent = []
    for _ in range(3):
        began = time.perf_counter()
        assert process("train", "examples/diabetes.toml").stdout.startswith("converged: cost 2859.696 on 442 patients\n")
        spent.append(time.perf_counter() - began)
    assert min(spent) < 2.5
