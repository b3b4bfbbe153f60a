"""What `symgd verify` says about an answer and about a table of answers, and the codes that it ends with."""

import json
import re
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from symgd.command.answers import counted, judged
from symgd.command.main import main

ROOT = Path(__file__).parents[2]
CLASS = ROOT / "examples" / "answers.csv"
LINE = "mean((w*x + b - y)^2)"


def symgd_(*arguments: object, given: str | None = None) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=given, prog_name="symgd")


# One answer

ANSWERED = [
    (["(w-3)^2", "--answer", "w = 2*(w-3)"], 0),
    (["(w-3)^2", "--answer", "2*w - 6"], 0),
    (["(w-3)^2", "--answer", "dC/dw = 2*(w-3)"], 0),
    (["(w-3)^2", "--answer", "w = w - 3"], 1),
    (["(w-3)^2", "--answer", "w = 2*(w-3) = 2*w - 6"], 0),
    (["(w-3)^2", "--answer", "w = 2*(w-3) = 2*w - 3"], 1),
    (["(w-3)^2", "--answer", "w = piecewise(2*(w - 3), w <= 3, 2*(w - 3))"], 0),
    (["max(w, 0)^2", "--answer", "piecewise(2*w, w >= 0, 0)"], 0),
    ([LINE, "--samples", "x,y", "--answer", "w = 2*mean(x*(w*x + b - y))", "--answer", "b = 2*mean(w*x + b - y)"], 0),
    ([LINE, "--samples", "x,y", "--answer", "b = 2*mean(w*x + b - y)"], 0),
    ([LINE, "--samples", "x,y", "--answer", "w = 2*mean(x*(w*x + b - y))", "--answer", "b = mean(w*x + b - y)"], 1),
    (["sum(a[k]^2, k)", "--where", "a[k] = sum(W[k, j]*v[j], j)", "--axes", "k:3 j:d", "--parameters", "W", "--answer", "W[k, j] = 2*a[k]*v[j]"], 0),
    (["log(w^2)", "--answer", "2/w"], 0),
    (["w*sqrt(w^2)", "--answer", "2*w"], 3),
    (["(w-3)^2"], 2),
    (["(w-3)^2", "--answer", "w = 2*(q-3)"], 2),
    (["(w-3)^2", "--answer", "v = 2*(w-3)"], 2),
    (["(w-3)^2", "--answer", "w = 2*("], 2),
    ([LINE, "--samples", "x,y", "--answer", "2*mean(w*x + b - y)"], 2),
    (["(w-3)^2", "--answer", "2*w - 6", "--timeout", "-1"], 2),
    (["(w-3)^2", "--answer", "2*w - 6", "--timeout", "nan"], 2),
    (["(w-3)^2", "--answer", "2*w - 6", "--format", "pdf"], 2),
]


@pytest.mark.parametrize(("arguments", "code"), ANSWERED)
def test_the_exit_code_is_the_verdict(arguments, code):
    done = symgd_("verify", *arguments)
    assert done.exit_code == code, done.output
    assert bool(done.stdout) == (code != 2)


@pytest.mark.parametrize("form", ["text", "latex", "html", "json"])
def test_every_format_shows_yours_and_the_exact_one(form, tmp_path):
    direct = symgd_("verify", "(w-3)^2", "--answer", "w - 3", "--format", form)
    written = symgd_("verify", "(w-3)^2", "--answer", "w - 3", "--format", form, "-o", tmp_path / "verdict")
    assert (direct.exit_code, written.exit_code, written.stdout) == (1, 1, "")
    assert (tmp_path / "verdict").read_text(encoding="utf-8") == direct.stdout
    begin = {"text": "w: different: ", "latex": "\\begin{align*}", "html": "<!DOCTYPE html>", "json": '{\n  "correct": false'}
    assert direct.stdout.startswith(begin[form]) and re.search(r"w - 3\b", direct.stdout) and "-" in direct.stdout


def test_the_first_line_names_a_point_where_it_shows():
    first = symgd_("verify", "(w-3)^2", "--answer", "w - 3").stdout.splitlines()[0]
    at, yours, exact = map(Fraction, re.search(r" At w = (\S+) yours is (\S+), the exact one (\S+)\.$", first).groups())
    assert yours == at - 3 and exact == 2 * (at - 3)


def test_a_problem_file_states_the_cost():
    assert symgd_("verify", ROOT / "examples" / "diabetes.toml", "--answer", "b = 2*mean(p[i] - y[i], i)").exit_code == 0
    assert symgd_("verify", ROOT / "examples" / "diabetes.toml", "--answer", "b = mean(p[i] - y[i], i)").exit_code == 1


def test_a_formula_comes_from_standard_input():
    assert symgd_("verify", "-", "--answer", "2*(w - 3)", given="(w - 3)^2\n").exit_code == 0


def test_nothing_is_coloured_without_a_terminal():
    assert "\x1b" not in symgd_("verify", "(w-3)^2", "--answer", "w - 3").output
    assert "\x1b" not in symgd_("verify", CLASS).output


# A table of answers


def test_a_class_is_judged_row_by_row_and_counted():
    done = symgd_("verify", CLASS)
    lines = done.stdout.splitlines()
    found = judged(CLASS, {}, 2.0)
    assert done.exit_code == 1 and not done.stderr
    assert [(int(line.split()[0]), line.split()[1]) for line in lines[: len(found)]] == [(one.row.number, one.row.name) for one in found]
    assert lines[len(found)] == "" and lines[len(found) + 1].startswith(f"{len(found)} answers: ")
    assert lines[len(found) + 2].startswith("Mistakes: ")


def test_the_class_has_right_answers_and_typical_mistakes():
    right = {2, 4, 7, 8, 10, 13, 14}
    kinds = {3: "constant-factor", 5: "sign", 6: "integrated", 9: "wrong-variable", 11: "mean-vs-sum", 12: "missing-chain-factor"}
    for one in judged(CLASS, {}, 2.0):
        assert (one.verdict is not None and one.verdict.correct) == (one.row.number in right), one.row
        assert one.verdict is None or one.verdict.correct or kinds[one.row.number] in [mistake.kind for mistake in one.verdict.mistakes]
        assert one.status != "refused" or (one.row.number == 15 and "ends too early" in one.words)


def test_the_counts_add_up():
    counts = counted(judged(CLASS, {}, 2.0))
    statuses = ("proved", "equal", "conditional", "undecided", "different", "refused")
    assert counts["answers"] == sum(counts[status] for status in statuses) == 14
    assert counts["different"] == sum(counts["mistakes"].values()) + counts["unexplained"] == 6
    assert list(counts["mistakes"].values()) == sorted(counts["mistakes"].values(), reverse=True)


def test_a_class_as_json_has_records_and_counts():
    found = json.loads(symgd_("verify", CLASS, "--format", "json").stdout, parse_constant=pytest.fail)
    assert found["summary"] == counted(judged(CLASS, {}, 2.0))
    assert [row["row"] for row in found["answers"]] == list(range(2, 16))
    assert found["answers"][1]["verdicts"]["w"]["answer"] == "w - 3" and found["answers"][-1]["status"] == "refused"


def test_a_class_as_a_page_links_each_row():
    page = symgd_("verify", CLASS, "--format", "html").stdout
    links = re.findall(r'href="#(row-\d+)"', page)
    assert len(links) == 13 and all(f'id="{link}"' in page for link in links)


def test_a_cost_is_parsed_once_and_an_answer_judged_once(monkeypatch):
    import symgd.command.answers as answers
    import symgd.verification.verify as engine

    parsed, asked = [], []
    cost, verify = answers._cost, engine.verify
    monkeypatch.setattr(answers, "_cost", lambda *given: parsed.append(given) or cost(*given))
    monkeypatch.setattr(engine, "verify", lambda *given, **more: asked.append(given) or verify(*given, **more))
    judged(CLASS, {}, 2.0)
    assert len(parsed) == 4 and len(asked) == 13  # Ada and Blaise agree about b


def table(folder: Path, text: str, name: str = "answers.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


TABLES = [
    ("cost,answer\nw^2,2*w\n", ["equal"]),
    ("\ufeffCost,Answer\r\nw^2,2*w\r\n,3*w\r\n", ["equal", "different"]),
    ("cost;where;parameters;answer\nmean(a[i]^2, i);a[i] = w*x[i];w;2*mean(a[i]*x[i], i)\n", ["equal"]),
    ('cost\tanswer\nmax(w, 0)^2\t"2*max(w, 0)"\n', ["equal"]),
    ("cost,samples,constants,answer\nmean((w*x - y)^2) + lam*w^2,x y,lam = 0.5,w = 2*mean(x*(w*x - y)) + w\n", ["equal"]),
    ('cost,axes,parameters,parameter,answer\n"sum(w[j]^2, j)",j:3,w,w[k],2*w[k]\n', ["equal"]),
    ("cost,answer\nw^2,w = 2*w\n\n,\n,dC/dw = w + w\n", ["equal", "equal"]),
    ("cost,name,answer\nw^2,Ada,\n,Ada,2*w\n", ["refused", "equal"]),
    ("cost,answer\nw^2,max(w, 0)\n,2*w\n", ["refused", "refused"]),
    ("cost,answer\nw^2,2*w\nw^3,max(w, 0)\n,2*w\nw^2,2*w\n", ["equal", "refused", "refused", "equal"]),
    ("cost,answer\nw^2,max(w, 0)\nw^2,2*w,,\n,max(w, 0)\n,2*w\n", ["refused", "equal", "refused", "equal"]),
    ("cost,answer\n(w,1\n,2\nw^2,2*w\n", ["refused", "refused", "equal"]),
    ("answer\n2*w\n", ["refused"]),
    ("cost,parameter,answer\nw^2,v,2*w\n", ["refused"]),
    ("cost,constants,answer\nlam*w^2,lam = much,2*lam*w\n", ["refused"]),
]


@pytest.mark.parametrize(("text", "statuses"), TABLES)
def test_rows_of_a_table_are_read_for_what_they_say(text, statuses, tmp_path):
    found = judged(table(tmp_path, text), {}, 2.0)
    assert [one.status.replace("proved", "equal") for one in found] == statuses, [one.words for one in found]


def test_a_refused_row_says_its_number_and_stops_no_other(tmp_path):
    done = symgd_("verify", table(tmp_path, "name,cost,answer\nAda,w^2,2*w\nBlaise,,2*(\nCarl,,2*w\n"))
    assert done.exit_code == 3
    assert re.search(r"^3  Blaise +refused +This \( is never closed\.", done.stdout, re.MULTILINE) and "Carl" in done.stdout


def test_a_toml_states_the_problem_once(tmp_path):
    text = """
    cost = "mean((p - y)^2) + lam*w^2"
    samples = ["x", "y"]
    constants = { lam = 0.5 }
    where = { p = "w*x + b" }
    [[answer]]
    name = "Ada"
    answer = "w = 2*mean(x*(p - y)) + 2*lam*w"
    [[answer]]
    name = "Blaise"
    parameter = "b"
    answer = "2*mean(p - y) = mean(p - y)"
    [[answer]]
    cost = "w^2"
    answer = "2*w"
    [[answer]]
    answr = "2*w"
    """
    found = judged(table(tmp_path, text, "answers.toml"), {}, 2.0)
    assert [one.status.replace("proved", "equal") for one in found] == ["equal", "different", "equal", "refused"]
    assert "answr" in found[-1].words


def test_options_say_how_the_names_of_a_table_are_meant(tmp_path):
    path = table(tmp_path, f"cost,parameter,answer\n{LINE},b,2*mean(w*x + b - y)\n")
    assert symgd_("verify", path).exit_code == 3
    assert symgd_("verify", path, "--samples", "x,y").exit_code == 0


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("answers.csv", "cost,result\nw^2,2*w\n", "no column answer"),
        ("answers.csv", "cost,answer,answer\nw^2,2*w,\n", "two columns answer"),
        ("answers.csv", "", "no column answer"),
        ("answers.toml", 'cost = "w^2"\n', "states no answers"),
        ("answers.toml", "cost = \n", "answers.toml: "),
        ("answers.toml", 'lines = "w^2"\nanswer = [{answer = "2*w"}]\n', "no key lines"),
    ],
)
def test_a_file_that_is_no_table_of_answers_is_refused(name, text, said, tmp_path):
    done = symgd_("verify", table(tmp_path, text, name))
    assert done.exit_code == 2 and said in done.stderr and not done.stdout


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path):
    (tmp_path / "raw.csv").write_bytes(b"answer\n\xff\xfe")
    assert "There is no file" in symgd_("verify", tmp_path / "none.csv").stderr
    assert "no UTF-8 text" in symgd_("verify", tmp_path / "raw.csv").stderr
    assert symgd_("verify", tmp_path / "raw.csv").exit_code == 2
    assert symgd_("verify", CLASS, "--format", "latex").exit_code == 2


def test_a_column_that_nothing_reads_is_named(tmp_path):
    assert "column mail" in symgd_("verify", table(tmp_path, "mail,cost,answer\na@b,w^2,2*w\n")).stderr


def test_names_in_a_table_are_shown_and_not_obeyed(tmp_path):
    path = table(tmp_path, 'name,cost,answer\n"<script>alert(1)</script>\x1b[31m",w^2,3*w\n"<img src=x onerror=alert(1)>",,"<b>"\n')
    page = symgd_("verify", path, "--format", "html").stdout
    body = re.sub(r"<script>.*?</script>", "", page.partition("<body>")[2], flags=re.DOTALL)
    assert page.count("<script>") == 2 and "<img" not in body and "<script" not in body and "&lt;img" in body
    assert "\x1b" not in symgd_("verify", path).stdout
