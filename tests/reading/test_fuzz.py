"""Texts that nobody would type: each is read or refused in a sentence, at once, and nothing is run."""

import random
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgd as sg

CASES = Path(__file__).parents[1] / "cases"
SEEDS = [line.split("  =>  ")[0] for name in ("formulas.txt", "refused.txt", "stable.txt") for line in (CASES / name).read_text("utf-8").splitlines()]
SEEDS = [seed.split("|")[1].strip() if seed.count("|") == 2 and "  " in seed else seed for seed in SEEDS if seed and not seed.startswith("#")]
SIGNS = [*"xywij0123456789.+-*/^()[],:|<>=!&%@~#\\'\"`;{}$_ \t\n", "**", "//", "==", "!=", "<=", ">=", ":=", "->", "...", "w[", "w[i", "][", "i, j"]
WORDS = [
    "sum(",
    "mean(",
    "exp(",
    "log(",
    "max(",
    "piecewise(",
    "in",
    "for",
    "if",
    "else",
    "lambda",
    "and",
    "or",
    "not",
    "None",
    "True",
    "1e",
    "e-",
    "0x",
]
PYTHON = ["import os", "__class__", "__import__", "eval(", "exec(", "os.system("]
STRANGE = [*"½²−·√πΣ∂ﬁх𝐱\u200b\u202e\u00a0\x00\ud800\ufeffé٣９", "e\u0301"]
PIECES = [*SIGNS, *WORDS, *PYTHON, *STRANGE]
WATCHED = {"exec", "compile", "import", "open", "os.system", "subprocess.Popen", "socket.connect", "shutil.rmtree", "os.remove", "ctypes.dlopen"}
events: list[str] = []
watching = False


def watch(event: str, args: object) -> None:
    if watching and event in WATCHED:
        events.append(event)


sys.addaudithook(watch)


def mutated(source: random.Random) -> str:
    """A case with a few characters dropped, doubled, swapped or put in, or two cases cut together."""
    text = source.choice(SEEDS)
    for _ in range(source.randrange(1, 6)):
        at, to = sorted((source.randrange(len(text) + 1), source.randrange(len(text) + 1)))
        match source.randrange(6):
            case 0:
                text = text[:at] + text[to:]
            case 1:
                text = text[:to] + text[at:]
            case 2:
                text = text[:at] + source.choice(PIECES) + text[at:]
            case 3:
                text = text[:at] + source.choice(PIECES) + text[at + 1 :]
            case 4:
                text = text[:at] + source.choice(SEEDS)[at:]
            case 5:
                text = text[:at] + text[at:to] * source.choice([2, 3, 50]) + text[to:]
        text = text[:2000]
    return text


def read(text: str) -> bool:
    """Whether the text is a cost; how it is refused is looked at here."""
    global watching
    began = time.perf_counter()
    watching = True
    try:
        sg.parse(text, axes="i:m j:d", parameters=["w"])
        fine = True
    except sg.InputError as refused:
        fine = False
        first = str(refused).splitlines()[0]
        assert first.strip() and "Traceback" not in first and "object at 0x" not in str(refused)
    finally:
        watching = False
    assert time.perf_counter() - began < 1, text
    return fine


def many(count: int, seed: int) -> None:
    source = random.Random(seed)
    read("sum((w[j] - 3)^2, j) + piecewise(1, 2 > 1, 0)")  # whatever is imported late
    for text in SEEDS:
        read(text)
    events.clear()
    accepted = sum(read(mutated(source)) for _ in range(count))
    assert not events
    assert 0.01 * count < accepted < 0.9 * count  # both happen


def test_mutated_formulas_are_read_or_refused():
    many(2000, seed=1)


@pytest.mark.slow
def test_a_hundred_thousand_mutated_formulas_are_read_or_refused():
    many(100_000, seed=2)


@settings(max_examples=300)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    read(text)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_any_pieces_are_read_or_refused(text):
    read(text)


@settings(max_examples=200)
@given(name=st.text(min_size=1, max_size=20))
def test_any_name_is_a_name_or_refused(name):
    """As a parameter, a sample, a definition, a constant: by name everywhere."""
    global watching
    watching = True
    try:
        cost = sg.parse(f"mean((`{name}`*x - 1)^2)", samples="x")
        shown = cost.gradient.text() + cost.latex() + str(cost.gradient.program)
        assert shown
    except sg.InputError as refused:
        assert str(refused).strip()
    finally:
        watching = False
