"""What is written for LaTeX compiles there, and every formula of a page is one that KaTeX sets, in a browser without a network."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import symgd as sg
from symgd.printing.page import katex
from tests.oracle.compositions import COMPOSITIONS
from tests.oracle.recurrences import RECURRENCES
from tests.oracle.structures import STRUCTURES

from .test_table import ROWS

FORMULAS = [formula for formula, _, _ in ROWS[::9]]
COSTS = [*(sg.parse(formula, parameters=["x"]) for formula in FORMULAS), *(s.read for s in (*STRUCTURES[:12], *COMPOSITIONS[:4], *RECURRENCES[:2]))]
HOSTILE = ["<script>alert(1)</script>", r"\href{javascript:alert(1)}{x}", "x}", '"onload="alert(1)', "{{7*7}}", "a_b%$&#"]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
QUIET += ["--disable-background-networking", "--disable-component-update"]


def browser(page: Path, profile: Path) -> str:
    """The page after its scripts have run."""
    command = [CHROMIUM, *QUIET, f"--user-data-dir={profile}", "--virtual-time-budget=20000", "--dump-dom", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_fifty_derivations_compile(tmp_path, capsys):
    bodies = [cost.derivation().latex() for cost in COSTS]
    assert len(bodies) >= 50
    document = "\\documentclass{article}\n\\usepackage{amsmath}\n\\allowdisplaybreaks\n\\begin{document}\n"
    (tmp_path / "steps.tex").write_text(document + "\n\n".join(bodies) + "\n\\end{document}\n", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "steps.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=300)
    assert done.returncode == 0, done.stdout[-2000:]
    with capsys.disabled():
        print(f"\nLaTeX: {len(bodies)} derivations compiled")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_katex_sets_every_formula(tmp_path, capsys):
    found = dict.fromkeys(html.unescape(tex) for cost in COSTS for tex in re.findall(r'data-tex="([^"]*)"', cost.derivation().html()))
    aligned = r"\\begin{align\*}.*?\\end{align\*}"
    found |= dict.fromkeys(chain for cost in COSTS for chain in re.findall(aligned, cost.derivation().latex(), re.DOTALL))
    listed = json.dumps(list(found)).replace("<", "\\u003c")
    script = (
        f"const wrong = [], options = {{displayMode: true, throwOnError: true, strict: 'error'}}; for (const tex of {listed})"
        " try { katex.renderToString(tex, options) } catch (error) { wrong.push([tex, String(error)]) }"
        " document.body.textContent = JSON.stringify(wrong);"
    )
    page = tmp_path / "formulas.html"
    page.write_text(f"<meta charset=utf-8><body><script>{katex('katex.min.js').decode()}</script><script>{script}</script>", encoding="utf-8")
    shown = re.search(r"<body>(.*)</body>", browser(page, tmp_path / "profile"), re.DOTALL)
    assert shown is not None and json.loads(html.unescape(shown[1])) == []
    with capsys.disabled():
        print(f"\nKaTeX: {len(found)} formulas of {len(COSTS)} derivations set")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_names_are_inert_on_the_page(tmp_path):
    import sympy as sp

    cost = sg.Cost(sum((sp.Symbol(name) - 1) ** 2 for name in HOSTILE))
    page = tmp_path / "names.html"
    page.write_text(cost.derivation().html(), encoding="utf-8")
    shown = browser(page, tmp_path / "profile")
    assert shown.count("<script>") == 2
    body = re.sub(r"<script>.*?</script>", "", shown.partition("<body>")[2], flags=re.DOTALL)
    assert "katex-error" not in body and 'class="katex"' in body
    assert not re.search(r"<script|<a |href=|<[^>]* onload=|(?<!\d)49(?!\d)", body)


def test_a_page_needs_nothing_from_elsewhere():
    page = sg.parse("(w - 3)^2").derivation().html()
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", page)
    assert re.search(r"default-src &#39;none&#39;|default-src 'none'", page)
    assert page.count("<script>") == 2 and "woff2;base64" in page
