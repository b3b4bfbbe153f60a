"""What a verification shows: the same words everywhere, short numbers, and nothing of a user's that a page, a terminal or LaTeX would obey."""

import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import sympy as sp

import symgd as sg
from symgd.cost.formulas import formula_in
from symgd.nodes.node import access
from symgd.printing.page import katex
from symgd.verification.plain import COLOURS, array, both, coloured, number, text
from symgd.verification.record import record
from symgd.verification.verdict import STATUSES, Mistake, Verdict, Verification, Witness

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
QUIET += ["--disable-background-networking", "--disable-component-update"]
HOSTILE = ["<script>alert(1)</script>", r"\href{javascript:alert(1)}{x}", "x}$", '"onload="alert(1)', "{{7*7}}", "a_b%$&#~^|", "\x1b[31mred", "θ²"]
NAN = float("nan")


def verdict(cost: sg.Cost, name: str, status: str, reason: str, answer: str | None = None, **more: object) -> Verdict:
    at = cost.gradient._letters(name)
    judged = None if answer is None else formula_in(cost._checked, answer)
    return Verdict(name, status, reason, access(name, *at), answer=judged, exact=cost.gradient._closed(name, at), **more)


def squares() -> Verification:
    cost = sg.parse("(w-3)^2")
    missing = Mistake("constant-factor", "The 2 of the power rule is missing.", "(w - 3)^2", "d/dw((w - 3)^2) = 2*(w - 3)", cost._formula.expression)
    point = Witness({"w": Fraction(5, 7)}, {}, (), Fraction(-16, 7), Fraction(-32, 7))
    return Verification(cost, {"w": verdict(cost, "w", "different", "half of 2*(w - 3) everywhere", "w - 3", mistakes=(missing,), witness=point)})


def network() -> Verification:
    cost = sg.parse("mean((p - y)^2) + lam*w^2", where={"p": "tanh(w*x + b)"}, samples="x y", constants=["lam"])
    part = formula_in(cost._checked, "tanh(w*x + b)")
    mistakes = (
        Mistake("table-entry", "The derivative of tanh is one minus its square.", "tanh(w*x + b)", "1 - tanh(w*x + b)^2", part),
        Mistake("missing-chain-factor", "1 - p^2 is missing.", "p", "d/dw(p) = (1 - p^2)*x"),
        Mistake("sign", "This one is too much."),
    )
    point = {"w": 0.5, "b": 2, "lam": 0.1, "x": [Fraction(n, 7) for n in range(1, 31)], "y": [NAN] * 30}
    witness = Witness(point, {"m": 30}, (), 0.1234567, 0.12345678)
    w = verdict(cost, "w", "different", "It is not.", "2*mean(x*(p - y)) + 2*lam*w", mistakes=mistakes, witness=witness, notes=("One.", "Two."))
    b = verdict(cost, "b", "proved", "It is the derivative.", "2*mean((1 - p^2)*(p - y))")
    return Verification(cost, {"w": w, "b": b}, remark="Half of it is right")


def classes() -> Verification:
    cost = sg.parse("mean(-sum(Y[i, l]*log(softmax(z[i, l], l)), l), i)", where={"z[i, l]": "sum(W[l, j]*X[i, j], j)"}, parameters=["W"])
    witness = Witness({"W": [[1, 2], [3, 4]], "X": [[0.5, 1 / 3]]}, {"m": 1, "d": 2}, (1, 0), NAN, 1.5)
    needs = ("the rows of Y sum to 1",)
    found = verdict(
        cost, "W", "conditional", "Right for some data only.", "mean((softmax(z[i, l], l) - Y[i, l])*X[i, j], i)", needs=needs, witness=witness
    )
    return Verification(cost, {"W": found})


def hostile() -> Verification:
    cost = sg.Cost(sum((sp.Symbol(name) - 1) ** 2 for name in HOSTILE))
    everything = " ".join([*HOSTILE, "θ 日 … é ≤ 𝒳"])
    found = {}
    for name in cost.parameters:
        mistakes = (Mistake(everything, everything, everything, everything), Mistake("sign", everything, "", everything))
        witness = Witness(dict.fromkeys(cost.parameters, 0.5), {"m<b>": 3}, (), 1, 2)
        more = {"needs": (everything,), "mistakes": mistakes, "witness": witness, "notes": (everything,)}
        found[name] = verdict(cost, name, "different", everything, None, **more)
    return Verification(cost, found, remark=everything)


def undecided() -> Verification:
    cost = sg.parse("exp(w)")
    return Verification(cost, {"w": verdict(cost, "w", "undecided", "The function raised ValueError."), "v": verdict(cost, "w", "equal", "Yes.")})


MADE = [squares, network, classes, hostile, undecided]


def test_the_first_line_says_what_is_wrong_and_where_it_shows():
    first, *others = text(squares()).splitlines()
    assert first == "w: different: half of 2*(w - 3) everywhere. At w = 5/7 yours is -16/7, the exact one -32/7."
    assert others == [
        "    likely: constant factor in (w - 3)^2. The 2 of the power rule is missing.",
        "        correct: d/dw((w - 3)^2) = 2*(w - 3)",
        "    yours: w - 3",
        "    exact: 2*(w - 3)",
    ]


def test_a_long_witness_has_a_line_of_its_own_and_few_numbers():
    lines = text(network()).splitlines()
    assert lines[:2] == ["Half of it is right.", "w: different: it is not."]
    (point,) = (line for line in lines if line.startswith("    At "))
    assert point.startswith("    At m = 30, w = 1/2, b = 2, lam = 1/10, x = [1/7, 2/7, 3/7, 4/7, 5/7, 6/7, ...], y = [NaN, ")
    assert point.endswith("yours is 0.1234567, the exact one 0.12345678.")
    assert lines[-2:] == ["b: proved: it is the derivative.", "    exact: 2*mean((p - y)*(1 - p^2))"]


def test_no_more_than_two_mistakes_are_shown():
    for shown in (network().text(), network().latex(), network().html(), network()._repr_html_()):
        assert "one minus its square" in shown and "is missing" in shown and "too much" not in shown


def test_what_has_to_be_known_is_said():
    for shown in (classes().text(), classes().latex(), classes().html(), classes()._repr_html_()):
        assert re.search(r"right if", shown, re.IGNORECASE) and "the rows of Y sum to 1" in shown and "no value" in shown
    assert "yours has no value for W[1, 0], the exact one is 3/2." in classes().text()


@pytest.mark.parametrize("made", MADE, ids=lambda made: made.__name__)
def test_every_display_shows_every_verdict(made):
    found = made()
    for shown in (found.text(), found.latex(), found.html(), found._repr_html_(), found.json()):
        statuses = [one.status for one in found.verdicts.values()]
        assert all(len(re.findall(rf"\b{status}\b", shown)) >= statuses.count(status) for status in statuses)


@pytest.mark.parametrize("status", STATUSES)
def test_a_terminal_gets_the_same_words_with_the_status_in_its_colour(status):
    cost = sg.parse("w^2")
    found = Verification(cost, {"w": verdict(cost, "w", status, "So it is.", "2*w")})
    shown = coloured(found)
    assert shown.plain == found.text()
    assert [(shown.plain[span.start : span.end], str(span.style)) for span in shown.spans] == [(status, f"bold {COLOURS[status]}")]


NUMBERS = [
    (Fraction(5, 7), "5/7"), (5 / 7, "5/7"), (0.1, "1/10"), (-0.0, "0"), (3, "3"), (3.0, "3"), (1e-14, "1e-14"), (2**0.5, "1.41421"),
    (Fraction(123456789, 987654321), "0.125"), (Fraction(10**400), "1.00000e+400"), (NAN, "NaN"), (float("-inf"), "-inf"), (1e300, "1e+300"),
    (sp.Float("1e-400", 30), "0"), (sp.Float("0.25", 30), "1/4"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "shown"), NUMBERS)
def test_numbers_are_short(value, shown):
    assert number(value) == shown


def test_numbers_that_differ_look_different():
    assert both(1.00000001, 1.00000002) == ("1.00000001", "1.00000002")
    assert both(2.0, 2.0) == ("2", "2")


def test_arrays_show_their_first_numbers_alone():
    assert array([[1, 2], [3, 4], [5, 6], [7, 8]]) == "[[1, 2], [3, 4], [5, 6], ...]"
    assert len(re.findall(r"\d+", array([[[1] * 9] * 9] * 9))) == 6


@pytest.mark.parametrize("made", MADE, ids=lambda made: made.__name__)
def test_a_record_is_json_and_says_what_the_dataclasses_say(made):
    found = made()
    read = json.loads(found.json(), parse_constant=pytest.fail)
    assert read == record(found)
    assert (read["correct"], read["remark"]) == (found.correct, found.remark)
    for name, one in found.verdicts.items():
        said = read["verdicts"][name]
        assert (said["status"], said["reason"], tuple(said["needs"]), tuple(said["notes"])) == (one.status, one.reason, one.needs, one.notes)
        assert [mistake["kind"] for mistake in said["mistakes"]] == [mistake.kind for mistake in one.mistakes]
        assert (said["answer"] is None) == (one.answer is None) and (said["witness"] is None) == (one.witness is None)
    assert record(classes())["verdicts"]["W"]["witness"] == {
        "lengths": {"m": 1, "d": 2},
        "point": {"W": [[1.0, 2.0], [3.0, 4.0]], "X": [[0.5, 1 / 3]]},
        "element": [1, 0],
        "yours": "NaN",
        "exact": 1.5,
    }


def test_a_formula_that_is_too_long_to_read_is_left_out():
    cost = sg.parse("w^2")
    found = Verification(cost, {"w": verdict(cost, "w", "different", "It is not.", "+".join(f"sin({n}*w)" for n in range(2, 300)))})
    assert found.text() == "w: different: it is not.\n    exact: 2*w"
    assert "yours" not in found.latex() and ">yours<" not in found.html()
    assert "sin(299*w)" in found.json()


STEPS = [
    ("d/dw((w - 3)^2) = 2*(w - 3)", r"\frac{\partial}{\partial w}\left(\left(w - 3\right)^{2}\right) = 2 \left(w - 3\right)"),
    ("d/dw (w - 3)^2 = 2*(w - 3)*d/dw(w - 3)", r"2 \left(w - 3\right)\,\frac{\partial}{\partial w}\left(w - 3\right)"),
    ("d/dw 1 + w = d/dw(w)/2", r"\frac{\partial}{\partial w}\left(1 + w\right) = \frac{\frac{\partial}{\partial w}\left(w\right)}{2}"),
    ("the 2 of 50% & more", r"\text{the 2 of 50\% \& more}"),
    ("d/dw(((", r"\text{d/dw(((}"),
]


@pytest.mark.parametrize(("step", "shown"), STEPS)
def test_a_step_is_a_formula_where_it_is_one_and_words_elsewhere(step, shown):
    found = squares()
    found = Verification(found.cost, {"w": replace(found.verdicts["w"], mistakes=(Mistake("power-rule", "So.", "", step),))})
    assert shown in found.latex()


# What a user typed is shown, never obeyed


def test_a_terminal_gets_no_control_characters():
    assert all(letter.isprintable() or letter == "\n" for letter in hostile().text())


def test_a_page_shows_hostile_words_as_words():
    page = hostile().html()
    body = re.sub(r"<script>.*?</script>", "", page.partition("<body>")[2], flags=re.DOTALL)
    assert page.count("<script>") == 2 and "<script" not in body and "49" not in body
    assert not re.search(r"""<[^>]* on\w+=|(src|href)\s*=\s*["']?(https?:)?//|href="javascript""", body)
    assert html.escape(HOSTILE[0]) in body and "{{7*7}}" in html.unescape(body)
    assert re.search("default-src &#39;none&#39;|default-src 'none'", page)


def test_a_notebook_leaves_hostile_words_alone():
    shown = hostile()._repr_html_()
    assert "<script" not in shown and 'onload="' not in shown
    kept = r'<span class="tex2jax_ignore mathjax_ignore">[^<]*</span>'
    assert all(len(re.findall(r"(?<!\\)\$", cell)) in (0, 2) for cell in re.split("</?(?:td|tr|p|b|table)[^>]*>", re.sub(kept, "", shown)))


def compiles(folder: Path, bodies: list[str]) -> subprocess.CompletedProcess[str]:
    document = "\\documentclass{article}\n\\usepackage{amsmath}\n\\allowdisplaybreaks\n\\begin{document}\n"
    (folder / "verdicts.tex").write_text(document + "\n\n".join(bodies) + "\n\\end{document}\n", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "verdicts.tex"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=300)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_the_displays_compile(tmp_path):
    done = compiles(tmp_path, [made().latex() for made in MADE])
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_katex_sets_every_display(tmp_path):
    found = [html.unescape(tex) for made in MADE for tex in re.findall(r'data-tex="([^"]*)"', made().html())]
    found += [display for made in MADE for display in re.findall(r"\\begin{align\*}.*?\\end{align\*}", made().latex(), re.DOTALL)]
    listed = json.dumps(list(dict.fromkeys(found))).replace("<", "\\u003c")
    script = (
        f"const wrong = [], options = {{displayMode: true, throwOnError: true, strict: 'error'}}; for (const tex of {listed})"
        " try { katex.renderToString(tex, options) } catch (error) { wrong.push([tex, String(error)]) }"
        " document.body.textContent = JSON.stringify(wrong);"
    )
    page = tmp_path / "formulas.html"
    page.write_text(f"<meta charset=utf-8><body><script>{katex('katex.min.js').decode()}</script><script>{script}</script>", encoding="utf-8")
    command = [CHROMIUM, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000", "--dump-dom", page.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    body = re.search(r"<body>(.*)</body>", shown, re.DOTALL)
    assert body is not None and json.loads(html.unescape(body[1])) == []
