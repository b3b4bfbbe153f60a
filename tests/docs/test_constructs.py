"""docs/constructs.md shows what its rows give today, and says the same in SymPy and in text."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
_spec = importlib.util.spec_from_file_location("constructs", DOCS / "constructs.py")
assert _spec is not None and _spec.loader is not None
constructs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(constructs)
ROWS = [row for _, rows in constructs.SECTIONS for row in rows]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_sympy_and_text_are_one_cost_with_one_gradient(row):
    typed, built = constructs.from_text(row), constructs.from_sympy(row)
    assert built.text() == typed.text()
    assert built.facts == typed.facts
    assert str(built.gradient.program) == str(typed.gradient.program)


def test_the_page_is_what_its_program_writes():
    assert (DOCS / "constructs.md").read_text(encoding="utf-8") == constructs.page()
