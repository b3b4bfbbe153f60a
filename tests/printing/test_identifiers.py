"""Every name becomes an identifier of its own, and no text in a comment can end it."""

import ast
import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symgd.printing.identifiers import PYTHON, Identifiers, comment

NAMES = [
    "w", "W1", "x_1", "x_", "_x", "x__1", "__import__", "", " ", "1x", "x.y", "x\n", "x;import os", "dw'", '"""', "'''", "{{7*7}}", "{% raw %}", "%s",
    "\\", "class", "None", "match", "print", "np", "λ", "Λ", "lamda", "lamda_", "ﬁ", "fi",
    "\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}", "\N{KELVIN SIGN}", "K", "x²",
    "\N{LATIN SMALL LETTER E WITH ACUTE}", "e\N{COMBINING ACUTE ACCENT}", "𝐱",
    "\u202ex", "x\x00", "名", "w" * 48, "w" * 49, "w" * 10_000,
]  # fmt: skip
anything = st.one_of(st.text(max_size=60), st.sampled_from(NAMES), st.text("xX_1 λ'", max_size=8))


def is_identifier(found):
    return found.isascii() and found.isidentifier() and not keyword.iskeyword(found) and "__" not in found


def test_the_table_is_bijective_and_safe():
    reserved = {"np", "rows"}
    table = Identifiers(reserved)
    found = [table[kind, name] for name in NAMES for kind in ("name", "length", "index")]
    assert len(set(found)) == len(found)
    assert all(is_identifier(name) and name not in reserved | PYTHON and len(name) < 64 for name in found)
    assert [table[kind, name] for name in NAMES for kind in ("name", "length", "index")] == found


@given(st.lists(st.tuples(st.sampled_from(["name", "length"]), anything), max_size=40))
def test_two_names_never_share_an_identifier(keys):
    table = Identifiers({"np"})
    found = {key: table[key] for key in keys}
    assert len(set(found.values())) == len(found)
    assert all(is_identifier(name) for name in found.values())


@pytest.mark.parametrize("name", ["w", "W1", "x_1", "theta", "a1b2", "w" * 48])
def test_a_safe_name_stays_itself_whatever_was_asked_before(name):
    table = Identifiers()
    for other in NAMES:
        if other != name:
            table["name", other]
    assert table["name", name] == name


@given(anything)
def test_a_comment_is_one_printable_line_that_ends_nothing(text):
    line = comment(text)
    assert line.isprintable() and '"""' not in line
    module = ast.parse(f'"""{line}"""\nx = 1  # {line}\ny = 2')
    assert len(module.body) == 3
    assert len(comment(text * 10, longest=50)) <= 50 * 12
