"""Lengths follow from shapes, and what does not fit is said in the user's names before anything runs."""

import numpy as np
import pytest

from symgd.errors import InputError, NotBuilt
from symgd.nodes.node import ONE, ZERO, access, index, length, node, number
from symgd.nodes.text import text
from symgd.program.bounds import extents
from symgd.program.equation import Equation, Program, Range, read_equation
from symgd.program.shapes import shape_of, solve, value
from symgd.program.subscripts import check_subscripts

LINEAR = ["z[i, k] += W[k, j]*X[i, j] for i in 0:m, k in 0:h, j in 0:d", "C += v[k]*z[i, k] - y[i]/m for i in 0:m, k in 0:h"]
PAIRS = ["C += (x[i] - x[j])^2 for i in 0:m, j in i + 1:m"]
CONVOLUTION = ["z[p] += w[q]*x[p + q] for p in 0:H - P + 1, q in 0:P"]
GATHER = ["C += E[label[i], k]*v[k] for i in 0:m, k in 0:h"]
RAGGED = ["s[i] += x[j] for i in 0:m, j in ptr[i]:ptr[i + 1]"]


def program(lines, parameters=(), targets=None, measured=None):
    equations = tuple(map(read_equation, lines))
    said = extents(equations)
    computed = {equation.target for equation in equations}
    inputs = {name: len(bounds) for name, bounds in said.items() if name not in computed}
    lengths = {name: tuple(b[0].high for b in bounds) for name, bounds in said.items() if name in computed and all(b[0].high for b in bounds)}
    return Program(equations, inputs, equations[-1].target, parameters, extents=lengths, measured=measured or {})


# equations | shapes of data and start values | lengths given | lengths
SOLVED = [
    (LINEAR, {"X": (5, 3), "y": (5,), "W": (2, 3)}, {}, {"m": 5, "d": 3, "h": 2}),
    (LINEAR, {"X": (5, 3), "y": (5,)}, {"h": 7}, {"m": 5, "d": 3, "h": 7}),
    (LINEAR, {"X": (5, 3), "y": (5,), "v": (4,)}, {}, {"m": 5, "d": 3, "h": 4}),
    (PAIRS, {"x": (6,)}, {}, {"m": 6}),
    (["C += x[j]*y[i] for i in 0:m, j in 0:i"], {"x": (5,), "y": (6,)}, {}, {"m": 6}),
    (["C += x[j] for i in 0:m, j in 0:i"], {"x": (5,)}, {}, {"m": 6}),
    (["C += (x[i + 1] - x[i])^2 for i in 0:m"], {"x": (10,)}, {}, {"m": 9}),
    (["C += x[2*i + 1]^2 for i in 0:m"], {"x": (10,)}, {}, {"m": 5}),
    (["C += x[n - 1 - i] for i in 0:n"], {"x": (10,)}, {}, {"n": 10}),
    (CONVOLUTION, {"x": (10,), "w": (3,)}, {}, {"H": 10, "P": 3}),
    (CONVOLUTION, {"w": (3,)}, {"H": 10}, {"H": 10, "P": 3}),
    (["C += x[i] for i in 0:2*m"], {"x": (10,)}, {}, {"m": 5}),
    (["C += x[r]*y[p + r] for r in 0:R, p in 0:P"], {"x": (4,), "y": (9,)}, {}, {"R": 4, "P": 6}),
    (["C += w[0]*w[1]*x[i]/m for i in 0:m"], {"w": (2,), "x": (3,)}, {}, {"m": 3}),
    (["C += X[i, 0]*X[i, 2] for i in 0:m"], {"X": (4, 7)}, {}, {"m": 4}),
    (["C += A[i, i] for i in 0:m"], {"A": (4, 4)}, {}, {"m": 4}),
    (["C += x[i]*x[j] for i in 0:m, j in 0:n"], {"x": (4,)}, {}, {"m": 4, "n": 4}),
    (["C += piecewise(x[i + 1], i < m - 1, x[0]) for i in 0:m"], {"x": (4,)}, {}, {"m": 4}),
    (["C += piecewise(0, i == 0, x[i - 1]) for i in 0:m"], {"x": (3,)}, {}, {"m": 4}),
    (["C += piecewise(x[i], i < n, y[i])*u[k] for i in 0:m, k in 0:n"], {"x": (3,), "y": (5,)}, {}, {"m": 5, "n": 3}),
    (["C += x[i + 1] for i in 0:m if i + 1 < m"], {"x": (4,)}, {}, {"m": 4}),
    (["C += x[i - 2] for i in 0:m if not (i < 2 or i == m)"], {"x": (4,)}, {}, {"m": 6}),
    (["C = w^2"], {"w": ()}, {}, {}),
    (["C += x[i]*y[j] for i in 0:m + n, j in 0:m - n"], {"x": (7,), "y": (1,)}, {}, {"m": 4, "n": 3}),
    (["C += x[i]*y[j]*z[k] for i in 0:a + b, j in 0:b + c, k in 0:a + c"], {"x": (5,), "y": (7,), "z": (6,)}, {}, {"a": 2, "b": 3, "c": 4}),
    (["C += (K[r]*x[p + r] - y[p])^2 for p in 0:H - P + 1, r in 0:6"], {"K": (6,), "x": (10,), "y": (5,)}, {}, {"P": 1, "H": 5}),
    (["C += (K[r]*x[p + r] - y[p])^2 for p in 0:H - P + 1, r in 0:6"], {"K": (6,), "x": (10,)}, {"P": 6}, {"H": 10, "P": 6}),
    (["C += l[k, i*(i - 1)/2 + j] for k in 0:K, i in 0:d, j in 0:i"], {"l": (3, 10)}, {}, {"K": 3, "d": 5}),
    (["C += l[i*(i + 1)/2 + j] for i in 0:d, j in 0:i + 1"], {"l": (1,)}, {}, {"d": 1}),
    (["C += x[i*i] for i in 0:n"], {"x": (10,)}, {}, {"n": 4}),
    (["C += x[i*d + j]*w[j] for i in 0:n, j in 0:d"], {"x": (12,), "w": (3,)}, {}, {"n": 4, "d": 3}),
    (["C += u[mod(i + 1, n)] for i in 0:n"], {"u": (5,)}, {}, {"n": 5}),
    (["C += u[max(i - 1, 0)]*u[min(i + 1, n - 1)]*u[i] for i in 0:n"], {"u": (5,)}, {}, {"n": 5}),
    (["C += u[floor(i/2)]*y[i] for i in 0:n"], {"u": (3,), "y": (5,)}, {}, {"n": 5}),
]


@pytest.mark.parametrize(("lines", "shapes", "given", "expected"), SOLVED)
def test_lengths_follow_from_shapes(lines, shapes, given, expected):
    lengths = solve(program(lines), shapes, given)
    assert lengths == expected
    for name, shape in shapes.items():
        if name != "X" or "X[i, 0]" not in lines[0]:
            assert shape_of(program(lines), name, lengths) == shape


# equations | parameters | shapes | lengths given | the message
REFUSED = [
    (LINEAR, "", {"X": (442, 10), "y": (441,)}, {}, "X has 442 rows, y 441; both run along i. Accepted: one length."),
    (LINEAR, "", {"y": (441,), "X": (442, 10)}, {}, "X has 442 rows, y 441; both run along i. Accepted: one length."),
    (LINEAR, "", {"X": (442, 10), "W": (3, 9)}, {}, "X has 10 columns, W 9; both run along j. Accepted: one length."),
    (LINEAR, "", {"W": (3, 9), "v": (4,)}, {}, "W has 3 rows, v 4; both run along k. Accepted: one length."),
    (LINEAR, "", {"X": (442, 10)}, {"m": 9}, "X has 442 rows; the length m is given as 9. Accepted: one length."),
    (LINEAR, "", {"W": (5,)}, {}, "W has 1 axis, the cost reads it as W[k, j]. Accepted: shape (h, d)."),
    (LINEAR, "", {"y": (5, 1)}, {}, "y has 2 axes, the cost reads it as y[i]. Accepted: shape (m,)."),
    (LINEAR, "", {"X": (0, 3)}, {}, "X has no rows. Accepted: at least one."),
    (["C = w^2"], "w", {"w": (1,)}, {}, "w has 1 axis, the cost reads it as one number. Accepted: a number."),
    (
        LINEAR,
        "W v",
        {"X": (5, 3), "y": (5,)},
        {},
        'The length h is not fixed by data or start; W, v depend on it. Accepted: a number among the data, {"h": 32}.',
    ),
    (
        LINEAR,
        "W v",
        {"y": (5,)},
        {},
        'The lengths h, d are not fixed by data or start; W, X, v depend on them. Accepted: a number among the data, {"h": 32, "d": 32}.',
    ),
    (LINEAR, "", {"X": (5, 3)}, {"h": 0}, "The length h is 0. Accepted: a whole number from 1."),
    (
        ["C += x[i + 1]*y[i] for i in 0:m"],
        "",
        {"y": (9,), "x": (12,)},
        {},
        "x has shape (12,), the cost reads x[i + 1] with m = 9. Accepted: shape (10,).",
    ),
    (
        ["C += x[i + 1]*y[i] for i in 0:m"],
        "",
        {"y": (9,), "x": (9,)},
        {},
        "x has shape (9,), the cost reads x[i + 1] with m = 9. Accepted: shape (10,).",
    ),
    (
        ["C += x[2*i] for i in 0:m"],
        "",
        {"x": (10,)},
        {},
        "x has 10 values; read as x[2*i], that makes the length m 11/2. Accepted: a shape that makes m a whole number.",
    ),
    (CONVOLUTION, "w", {"x": (2,), "w": (5,)}, {}, "The range p in 0:H - P + 1 runs backwards: 0 to -2. Accepted: low <= high."),
    (
        ["C += x[i]*y[j] for i in 0:m + n, j in 0:m + n"],
        "",
        {"x": (7,), "y": (8,)},
        {},
        "x has 7 values, y has 8 values; no lengths m, n fit all of them. Accepted: shapes that fit x[i] and y[j].",
    ),
    (
        ["C += x[i]*y[j] for i in 0:m + n, j in 0:m - n"],
        "",
        {"x": (7,), "y": (2,)},
        {},
        "x has 7 values and y has 2 values; that makes the length m 9/2. Accepted: shapes that make m a whole number from 1.",
    ),
    (
        ["C += x[i]/H for i in 0:H - P"],
        "",
        {"x": (7,)},
        {},
        'The lengths H, P are not fixed by data or start; x depends on them. Accepted: a number among the data, {"H": 32, "P": 32}.',
    ),
    (["C += w[0]*w[3]"], "w", {"w": (9,)}, {}, "w has shape (9,), the cost reads w[3]. Accepted: shape (4,)."),
    (["C += X[i, 3] for i in 0:m"], "", {"X": (5, 3)}, {}, "X has shape (5, 3), the cost reads X[i, 3]. Accepted: shape (5, 4)."),
    (["C += W[i, r] for i in 0:m, r in 0:6"], "", {"W": (5, 3)}, {}, "W has shape (5, 3), the cost reads W[i, r]. Accepted: shape (5, 6)."),
    (
        ["C += l[k, i*(i - 1)/2 + j] for k in 0:K, i in 0:d, j in 0:i"],
        "",
        {"l": (2, 7)},
        {},
        "l has 7 columns; read as l[k, i*(i - 1)/2 + j], that fits no whole d. Accepted: 6 or 10 columns.",
    ),
    (
        ["C += x[i*d + j]*w[j] for i in 0:n, j in 0:d"],
        "",
        {"x": (13,), "w": (3,)},
        {},
        "x has 13 values; read as x[i*d + j], that makes the length n 13/3. Accepted: a shape that makes n a whole number.",
    ),
    (
        ["C += u[floor(i/2)]*y[i] for i in 0:n"],
        "",
        {"u": (4,), "y": (5,)},
        {},
        "u has shape (4,), the cost reads u[floor(i/2)] with n = 5. Accepted: shape (3,).",
    ),
    (
        ["C += u[floor(i/2)] for i in 0:n"],
        "",
        {"u": (4,)},
        {},
        'The length n is not fixed by data or start; u depends on it. Accepted: a number among the data, {"n": 32}.',
    ),
    (["C += x[i - 1] for i in 0:m"], "", {"x": (4,)}, {}, "x[i - 1] is read before its start, at index -1. Accepted: indices from 0."),
    (["a[i] = x[i] for i in 0:m", "C += a[i + 1] for i in 0:m"], "", {"x": (4,)}, {}, "a[i + 1] is read at index 4; a ends at 3. Accepted: 0 to 3."),
    (["C += A[i, i] for i in 0:m"], "", {"A": (3, 4)}, {}, "A has 3 rows and 4 columns; both run along i. Accepted: one length."),
    (["C += x[i]*y[j] for i in 0:m, j in 0:m"], "", {"x": (4,), "y": (5,)}, {}, "x has 4 values, y 5; both have length m. Accepted: one length."),
    (
        ["C += T[a, b, c]*S[b, a, c] for a in 0:p, b in 0:q, c in 0:r"],
        "",
        {"T": (2, 3, 4), "S": (3, 2, 5)},
        {},
        "T has 4 values along axis 2, S 5; both run along c. Accepted: one length.",
    ),
]


@pytest.mark.parametrize(("lines", "parameters", "shapes", "given", "message"), REFUSED)
def test_what_does_not_fit_is_said_with_both_names(lines, parameters, shapes, given, message):
    with pytest.raises(InputError) as caught:
        solve(program(lines, tuple(parameters.split())), shapes, given)
    assert str(caught.value) == message


def test_the_hidden_sample_axis_has_no_letter():
    lines = ["C += (w*x[i] - y[i])^2/m for i in 0:m"]
    with pytest.raises(InputError, match="x has 5 values, y 4; both run along the samples"):
        solve(program(lines), {"x": (5,), "y": (4,)}, hidden="i")


i, j, m, n = index("i"), index("j"), length("m"), length("n")
HALF = node("/", m, number(2))


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (node("/", i, number(2)), "Subscript i/2 of x[i/2] need not be a whole number. Accepted: floor(i/2)."),
        (node("*", number("0.5"), i), "Subscript 0.5*i of x[0.5*i] need not be a whole number. Accepted: floor(0.5*i)."),
        (node("sin", i), "Subscript sin(i) of x[sin(i)] need not be a whole number."),
    ],
)
def test_what_need_not_be_whole_is_no_subscript(place, said):
    with pytest.raises(NotBuilt) as caught:
        extents([Equation("C", (), "+=", (Range(i, ZERO, m),), access("x", place))])
    assert said in str(caught.value)


# equation | array | (first index, length) of each access, whether one letter runs over all
SAID = [
    ("C += x[i + 1]*x[i] for i in 0:m", "x", [("1", "m + 1", False), ("0", "m", True)]),
    ("C += x[i]*x[j] for i in 0:m, j in i + 1:m", "x", [("0", "m", True), ("1", "m", False)]),
    ("C += x[j - i - 1] for i in 0:m, j in i + 1:m", "x", [("0", "m - 1", False)]),
    ("C += x[2] for i in 0:m", "x", [("2", "3", False)]),
    ("x[i - 1] += y[i] for i in 1:m", "x", [("0", "m - 1", False)]),
    ("C += E[label[i]] for i in 0:m", "E", [(None, None, False)]),
    ("C += piecewise(x[i - 1], i > 0 and i != m - 1, 0) for i in 0:m", "x", [("0", "m - 2", False)]),
    ("C += x[i + j] for i in 0:m, j in 0:m if j < i", "x", [("0", "2*m - 2", False)]),
]


@pytest.mark.parametrize(("line", "name", "expected"), SAID)
def test_every_access_bounds_its_array(line, name, expected):
    (bounds,) = extents([read_equation(line)])[name]
    assert {(b.low and text(b.low), b.high and text(b.high), b.letter is not None) for b in bounds} == set(expected)


# equations | data | lengths | the message, or None
SUBSCRIPTS = [
    (GATHER, {"label": [0, 9, 3], "E": np.zeros((10, 2))}, {"m": 3, "h": 2}, None),
    (GATHER, {"label": [0, 12, 3], "E": np.zeros((10, 2))}, {"m": 3, "h": 2}, "label[1] is 12; E has 10 rows. Accepted: 0 to 9."),
    (GATHER, {"label": [0, 2, -1], "E": np.zeros((10, 2))}, {"m": 3, "h": 2}, "label[2] is -1; E has 10 rows. Accepted: 0 to 9."),
    (
        GATHER,
        {"label": [0.0, 2.5, 1.0], "E": np.zeros((10, 2))},
        {"m": 3, "h": 2},
        "label[1] is 2.5; label stands in a subscript. Accepted: whole numbers.",
    ),
    (
        GATHER,
        {"label": [0.0, np.nan], "E": np.zeros((10, 2))},
        {"m": 2, "h": 2},
        "label[1] is nan; label stands in a subscript. Accepted: whole numbers.",
    ),
    (
        GATHER,
        {"label": ["a", "b"], "E": np.zeros((10, 2))},
        {"m": 2, "h": 2},
        "label stands in a subscript and holds <U1 values. Accepted: whole numbers.",
    ),
    (
        ["C += w[2*label[i] + 1] for i in 0:m"],
        {"label": [0, 4], "w": np.zeros(9)},
        {"m": 2},
        "2*label[i] + 1 is 9 at i = 1; w has 9 values. Accepted: 0 to 8.",
    ),
    (
        ["C += w[next[label[i]]] for i in 0:m"],
        {"label": [0, 2], "next": [0, 0], "w": np.zeros(3)},
        {"m": 2},
        "label[1] is 2; next has 2 values. Accepted: 0 to 1.",
    ),
    (
        ["C += w[next[label[i]]] for i in 0:m"],
        {"label": [0, 1], "next": [0, 7], "w": np.zeros(3)},
        {"m": 2},
        "next[1] is 7; w has 3 values. Accepted: 0 to 2.",
    ),
    (
        ["C += A[r[i, 1], k] for i in 0:m, k in 0:h"],
        {"r": [[0, 0], [0, 5]], "A": np.zeros((4, 2))},
        {"m": 2, "h": 2},
        "r[1, 1] is 5; A has 4 rows. Accepted: 0 to 3.",
    ),
    (["g[label[i]] += x[i] for i in 0:m"], {"label": [0, 3]}, {"m": 2}, "label[1] is 3; g has 3 values. Accepted: 0 to 2."),
    (RAGGED, {"ptr": [0, 2, 5], "x": np.zeros(5)}, {"m": 2}, None),
    (["C += x[i*(n - i)] for i in 0:n"], {"x": np.zeros(5)}, {"n": 4}, None),
    (["C += x[i*(n - i)] for i in 0:n"], {"x": np.zeros(4)}, {"n": 4}, "i*(n - i) is 4 at i = 2; x has 4 values. Accepted: 0 to 3."),
    (
        ["C += x[mod(i, n - 1)] for i in 0:n"],
        {"x": np.zeros(4)},
        {"n": 1},
        "mod(i, n - 1) divides by 0. Accepted: numbers from 1 below the fraction bar and in mod.",
    ),
    (
        ["C += x[mod(label[i], 3)] for i in 0:m"],
        {"x": np.zeros(2), "label": [0, 4, 5]},
        {"m": 3},
        "mod(label[i], 3) is 2 at i = 2; x has 2 values. Accepted: 0 to 1.",
    ),
    (RAGGED, {"ptr": [0, 2, 6], "x": np.zeros(5)}, {"m": 2}, "j is 5 at i = 1; x has 5 values. Accepted: 0 to 4."),
    (
        RAGGED,
        {"ptr": [0, 4, 2], "x": np.zeros(5)},
        {"m": 2},
        "The range j in ptr[i]:ptr[i + 1] runs backwards at i = 1. Accepted: bounds that do not fall.",
    ),
    (["C += piecewise(w[label[i]], label[i] >= 0, 0) for i in 0:m"], {"label": [0, -1], "w": np.zeros(3)}, {"m": 2}, None),
    (["C += w[label[i]] for i in 0:m if label[i] >= 0 and i < m - 1"], {"label": [0, -1, 9], "w": np.zeros(3)}, {"m": 3}, None),
    (
        ["C += w[label[i]] for i in 0:m if x[i] > 0"],
        {"label": [0, -1], "w": np.zeros(3), "x": [1.0, -1.0]},
        {"m": 2},
        "label[1] is -1; w has 3 values. Accepted: 0 to 2.",
    ),
]


@pytest.mark.parametrize(("lines", "arrays", "lengths", "message"), SUBSCRIPTS)
def test_every_subscript_that_data_decide_is_inside(lines, arrays, lengths, message):
    bare = program(lines)
    known = Program(bare.equations, bare.inputs, bare.cost, (), extents={**bare.extents, "g": (number(3),)})
    if message is None:
        check_subscripts(known, arrays, lengths)
    else:
        with pytest.raises(InputError) as caught:
            check_subscripts(known, arrays, lengths)
        assert str(caught.value) == message


def test_a_computed_subscript_is_refused_by_name():
    with pytest.raises(NotBuilt, match="c stands in a subscript and is computed"):
        check_subscripts(program(["c[i] = x[i] for i in 0:m", "C += w[c[i]] for i in 0:m"]), {}, {"m": 2})


def test_a_length_that_only_an_array_tells():
    known = program(GATHER, ("E", "v"), measured={"n_E": ("E", 0)})
    assert solve(known, {"E": (7, 2), "label": (5,)})["n_E"] == 7
    assert shape_of(known, "E", {"n_E": 7, "m": 5, "h": 2}) == (7, 2)
    with pytest.raises(InputError, match="How many rows E has is told by its values only"):
        shape_of(program(GATHER), "E", {"m": 5, "h": 2})


@pytest.mark.parametrize(
    ("formula", "expected"),
    [(node("+", node("*", number(2), m), ONE), 9), (node("*", m, HALF), 8), (node("+", m, node("neg", n)), -1), (node("max", m, n), 5), (HALF, 2)],
    ids=["2*m + 1", "m*m/2", "m - n", "max(m, n)", "m/2"],
)
def test_the_value_of_a_length(formula, expected):
    assert value(formula, {"m": 4, "n": 5}) == expected


def test_a_length_is_a_whole_number():
    with pytest.raises(InputError, match="With m = 7, m/2 is 7/2, which is no whole number"):
        value(HALF, {"m": 7})
