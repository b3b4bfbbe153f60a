"""Every refusal that a cost can meet is one sentence, with what and where and what is accepted: rows of tests/cases/refused_costs.txt."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import symgd as sg
from symgd.errors import InputError

ROOT = Path(__file__).parents[2]
LINES = [line for line in (ROOT / "tests/cases/refused_costs.txt").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
ROWS = [tuple(line.split("  =>  ")) for line in LINES]

# what the rows are written with
i, j, k, l, t = sg.axes("i:m j:d k:h l:c t:T")
x, y = sg.samples("x y")
WORDS = {
    "P": sg.parse, "R": lambda *shape: np.ones(shape), "sg": sg, "sp": sp, "float": float, "object": object,
    "i": i, "j": j, "k": k, "l": l, "t": t, "x": x, "y": y, "M": sp.MatrixSymbol("M", 3, 4), "r": sp.MatrixSymbol("r", 4, 1),
    "q": sp.Symbol("q", integer=True), "n": sp.Symbol("n", integer=True, positive=True),
    **{name: sp.Symbol(name) for name in ("u", "w", "lam")},
    **{name: sp.IndexedBase(name) for name in ("A", "B", "W", "X", "Y", "z", "v", "E", "label", "h")},
}  # fmt: skip


@pytest.mark.parametrize(("act", "sentence"), ROWS, ids=[act for act, _ in ROWS])
def test_what_is_wrong_is_said_in_one_sentence(act, sentence):
    with sg.checking(False), pytest.raises(InputError) as caught:
        eval(act, dict(WORDS))
    said = str(caught.value).splitlines()[0]
    assert said == sentence
    what, accepted, rest = said.partition(" Accepted: ")
    assert what[-1] in ".?" and accepted and rest.endswith(".") and not re.search(r"[^.]\. ", what)


def test_each_row_is_there_once():
    assert len({act for act, _ in ROWS}) == len(ROWS) > 150


# every message in these files has its row


SEARCHED = ["symgd/cost", "symgd/notation", *(f"symgd/nodes/{path.name}" for path in (ROOT / "symgd/nodes").glob("sympy_*.py"))]
SEARCHED += [f"symgd/program/{name}.py" for name in ("forward", "parts", "recurrence", "shapes", "subscripts", "bounds")]

# message -> why no cost comes there
ELSEWHERE = {
    "No values of {} were found that keep {}.": "the gate passes such a program by: tests/cost/test_facts.py",
    "{} contains {}, which is no real number.": "the readers refuse it first",
    "{} is no axis.": "an axis without a range is refused first",
    "{} has {}.": "a rank that no access tells",
    "{} is read with {} and with {} indices.": "the check of names is first; equations written by hand",
    "How many {} {} has is told by its values only.": "an array asked for by hand: tests/program/test_shapes.py",
    "{} stands in a length; such lengths are not built yet.": "equations written by hand: tests/program/test_shapes.py",
    "{} stands in a subscript; such subscripts are not built yet.": "the readers refuse it first",
    "{} stands in a subscript and holds {} values.": "arrays are checked first; arrays handed over by hand: tests/program/test_shapes.py",
    "{} is {}; {} stands in a subscript.": "arrays are checked first; arrays handed over by hand: tests/program/test_shapes.py",
    "Subscript {} of {} need not be a whole number.": "the readers refuse it first; equations written by hand",
    "How long {} is, {} or {}, is not known before the data are.": "parts along axes that nothing compares",
    "How long {} is along {} is not known before the data are.": "a left side that data bound, refused first",
    "{} is a recurrence whose steps {} depend on other indices or data.": "ranges of definitions are whole axes; equations written by hand",
    "{} has {} arguments.": "SymPy's own classes check theirs first",
    "The formula is nested too deep for SymPy.": "the way out, for formulas of thousands of levels: tests/nodes/test_sympy_door.py",
    "A softmax over the samples and another axis has no SymPy form yet.": "the way out",
    "The length of axis {} of {} is not known.": "the readers give every letter a length",
    "The index {} is a formula.": "SymPy refuses it first",
    "{} stands where the index of a sum should.": "SymPy refuses it first",
    "Two sums of the cost have the same index letter.": "of a residual",
    "{} fits no whole {}.": "with the words of its claim",
}


def messages():
    """(file, message with {} for what is filled in) of every refusal in the files searched."""
    for place in SEARCHED:
        for path in sorted((ROOT / place).rglob("*.py")) if (ROOT / place).is_dir() else [ROOT / place]:
            for part in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(part, ast.Call) and getattr(part.func, "id", "") in ("InputError", "NotBuilt", "LimitError") and part.args:
                    yield from ((path.name, words) for words in worded(part.args[0]))


def worded(part):
    if isinstance(part, ast.Constant):
        yield part.value
    elif isinstance(part, ast.JoinedStr):
        yield "".join(piece.value if isinstance(piece, ast.Constant) else "{}" for piece in part.values)
    elif isinstance(part, ast.IfExp):
        yield from worded(part.body)
        yield from worded(part.orelse)


def test_every_message_has_a_row():
    said = [sentence for _, sentence in ROWS]

    def has_row(words):
        pattern = re.compile("".join(".+" if piece == "{}" else re.escape(piece) for piece in re.split(r"(\{\})", words)))
        return any(pattern.match(sentence) for sentence in said)

    missing = {(name, words) for name, words in messages() if words not in ELSEWHERE and not has_row(words)}
    assert not missing
