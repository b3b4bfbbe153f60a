"""Extremes, forms and values of index expressions, against plain counting over all points."""

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from symgd.compiling.numpy_backend import run
from symgd.nodes.node import ONE, ZERO, Node, access, index, length, node, number
from symgd.nodes.polynomial import is_whole, node_of, polynomial, whole_form
from symgd.nodes.text import text
from symgd.printing.numba import Printer, names
from symgd.program.equation import Equation, Program, Range
from symgd.program.extremes import at_most, largest, smallest
from symgd.program.linear import combined
from symgd.program.whole import whole_number
from symgd.reading.text import expression
from symgd.schedule.schedule import schedule

LENGTHS = "n m d h"

# expression | ranges | smallest | largest; None: the values have to tell
EXTREMES = [
    ("i*(i - 1)/2 + j", "i:0:d j:0:i", "0", "d*(d - 1)/2 - 1"),
    ("i*(i + 1)/2 + j", "i:0:d j:0:i + 1", "0", "d*(d + 1)/2 - 1"),
    ("j*d - j*(j + 1)/2 + i", "j:0:d i:j:d", "0", "d*(d + 1)/2 - 1"),
    ("i*d + j", "i:0:n j:0:d", "0", "d*n - 1"),
    ("i*n*m + j*m + k", "i:0:h j:0:n k:0:m", "0", "h*m*n - 1"),
    ("n - 1 - i", "i:0:n", "0", "n - 1"),
    ("i^2", "i:0:n", "0", "n^2 - 2*n + 1"),
    ("mod(i + 1, n)", "i:0:n", "0", "n - 1"),
    ("n*mod(j - 1, m) + mod(i + 1, n)", "i:0:n j:0:m", "0", "m*n - 1"),
    ("floor(i/2)", "i:0:n", "0", "floor((n - 1)/2)"),
    ("floor(i/d)", "i:0:n*d", "0", "n - 1"),
    ("i + floor(i/2)", "i:0:n", "0", "n + floor((n - 1)/2) - 1"),
    ("ceiling(i/3)", "i:1:n", "1", "ceiling((n - 1)/3)"),
    ("max(i - 1, 0)", "i:0:n", "0", "max(n - 2, 0)"),
    ("min(i + 1, n - 1)", "i:0:n", "min(n - 1, 1)", "n - 1"),
    ("max(i, n - 1 - i)", "i:0:n", None, "n - 1"),
    ("min(max(i + j - 1, 0), n - 1)", "i:0:n j:0:3", "0", "n - 1"),
    ("i*(n - i)", "i:0:n", None, None),
    ("2*floor(i/2) + mod(i, 2)", "i:0:n", None, None),
    ("i - mod(i, 2)", "i:0:n", None, None),
]


def read(shown: str, letters: list[str]) -> Node:
    return expression(shown, axes=dict.fromkeys(letters, "q"), lengths=LENGTHS)


@pytest.mark.parametrize(("shown", "axes", "low", "high"), EXTREMES, ids=[f"{row[0]} over {row[1]}" for row in EXTREMES])
def test_extremes_are_those_of_all_points(shown, axes, low, high):
    split = [part.split(":") for part in axes.replace(" + ", "+").split()]
    letters = [letter for letter, _, _ in split]
    part, ranges = read(shown, letters), tuple((index(a), read(b, letters), read(c, letters)) for a, b, c in split)
    found = smallest(part, ranges), largest(part, ranges)
    assert tuple(None if extreme is None else text(extreme) for extreme in found) == (low, high)
    for sizes in ({"n": 5, "m": 3, "d": 4, "h": 2}, {"n": 2, "m": 6, "d": 3, "h": 4}, {"n": 7, "m": 1, "d": 2, "h": 3}):
        values = [whole_number(part, point.__getitem__) for point in points(ranges, {length(name): size for name, size in sizes.items()})]
        for extreme, expected in zip(found, (min(values), max(values)), strict=True):
            assert extreme is None or whole_number(extreme, lambda atom, sizes=sizes: sizes[atom.value]) == expected


def points(ranges, known):
    if not ranges:
        yield known
        return
    (letter, low, high), *rest = ranges
    for value in range(whole_number(low, known.__getitem__), whole_number(high, known.__getitem__)):
        yield from points(rest, {**known, letter: value})


@pytest.mark.parametrize(
    ("u", "v", "known"),
    [
        ("n", "n + 1", True), ("n + 1", "n", False), ("1", "n", True), ("2", "n", False), ("d", "d*d", True), ("d*(d - 1)/2", "d^2", True),
        ("n", "n*m", True), ("n", "max(n - 1, 1)", False), ("max(n - 1, 1)", "n", True), ("min(n, m)", "n", True), ("floor(n/2)", "n", True),
        ("floor((n + 1)/2)", "n", True), ("mod(n, 7)", "6", True), ("n - m", "n", True), ("n", "n - m", False),
    ],
)  # fmt: skip
def test_what_is_known_to_be_at_most(u, v, known):
    assert at_most(read(u, []), read(v, [])) is known


i, j, m = index("i"), index("j"), length("m")
atoms = st.one_of(st.sampled_from([i, j, m]), st.integers(0, 4).map(number))


def grown(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    two = st.tuples(inner, inner)
    return st.one_of(
        two.map(lambda args: node("+", *args)),
        two.map(lambda args: node("*", *args)),
        inner.map(lambda a: node("neg", a)),
        two.map(lambda args: node("max", *args)),
        two.map(lambda args: node("min", *args)),
        st.tuples(inner, st.integers(1, 5)).map(lambda args: node("mod", args[0], number(args[1]))),
        st.tuples(inner, st.integers(1, 5)).map(lambda args: node("floor", node("/", args[0], number(args[1])))),
        st.tuples(inner, st.integers(1, 5)).map(lambda args: node("ceiling", node("/", args[0], number(args[1])))),
        inner.map(lambda a: node("/", node("*", a, combined((1, a), (-1, ONE))), number(2))),
        inner.map(lambda a: node("^", a, number(2))),
    )


expressions = st.recursive(atoms, grown, max_leaves=6).filter(lambda root: polynomial(root) is not None)
PRINTER = Printer(names(), schedule(Program((), {}, "C", ())))


@given(root=expressions)
def test_every_form_of_an_index_expression_has_its_value(root):
    assert is_whole(root)
    code = PRINTER.integer(root)
    for a, b, c in ((0, 0, 1), (3, 1, 4), (2, 5, 3)):
        values = {i: a, j: b, m: c}
        expected = whole_number(root, values.__getitem__)
        assert whole_number(node_of(polynomial(root)), values.__getitem__) == expected
        assert whole_number(whole_form(root), values.__getitem__) == expected
        assert eval(code, {"i": a, "j": b, "m": c, "max": max, "min": min}) == expected, code


@example(root=node("neg", node("*", i, ZERO)))  # a letter that does not count
@given(root=expressions.filter(lambda root: root.free))
def test_numpy_reads_at_the_same_places(root):
    """x[place] by index arrays, on x that says where it was read."""
    shift = 10**6
    place = node("+", root, number(shift))
    known = [[whole_number(place, {i: a, j: b, m: 5}.__getitem__) for b in range(4)] for a in range(3)]
    assume(np.min(known) >= 0 and np.max(known) < 2 * shift)
    domain = (Range(i, ZERO, number(3)), Range(j, ZERO, number(4)))
    program = Program((Equation("y", (i, j), "=", domain, access("x", place)),), {"x": 1}, "y", (), extents={"y": (number(3), number(4))})
    assert run(program, {"x": np.arange(2.0 * shift)}, {"m": 5})["y"].tolist() == known
