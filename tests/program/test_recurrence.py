"""Recurrences: in which order equations run, in parts, and what is refused."""

from dataclasses import replace

import pytest

import symgd as sg
from symgd.nodes.node import length, node, number
from symgd.program.equation import Program, Scan, read_equation
from symgd.program.meaning import interpret
from symgd.program.recurrence import recurrent


def program(*lines: str) -> Program:
    longest = node("+", length("T"), number(3))
    extents = dict.fromkeys("havs", (longest,))
    return Program(tuple(read_equation(line, "T") for line in lines), {"w": 0, "x": 1}, "C", ("w",), extents=extents)


def cost(text: str, where: dict[str, str], axes: str = "t:T k:h l:h") -> sg.Cost:
    return sg.parse(text, where=where, axes=axes, parameters=["w"])


# what runs step by step, and in which direction
CIRCLES = [
    pytest.param(["h[t + 1] = w*h[t] for t in 0:T", "h[0] = 1"], [("t", 1, 1)], id="up"),
    pytest.param(["v[t] = x[t] + w*v[t + 1] for t in 0:T", "v[T] = 0"], [("t", -1, 1)], id="down"),
    pytest.param(["h[t + 2] = h[t + 1] + h[t] for t in 0:T", "h[0] = 0", "h[1] = w"], [("t", 1, 1)], id="two steps back"),
    pytest.param(["a[t] = w*h[t] for t in 0:T", "h[t + 1] = a[t] for t in 0:T", "h[0] = 1"], [("t", 1, 2)], id="two definitions"),
    pytest.param(["a[s] = w*h[s] for s in 0:T", "h[t + 1] = a[t] for t in 0:T", "h[0] = 1"], [("s", 1, 2)], id="under two letters"),
    pytest.param(["a[t] = h[t - 1] for t in 1:T + 1", "h[t] = w*a[t] for t in 1:T + 1", "h[0] = 1"], [("t", 1, 2)], id="from 1"),
    pytest.param(["s[t] += h[r] for t in 0:T, r in 0:t + 1", "h[t + 1] = w*s[t] for t in 0:T", "h[0] = 1"], [("t", 1, 2)], id="all before"),
    pytest.param(
        ["h[t + 1] = w*h[t] for t in 0:T", "h[0] = 1", "v[t] = h[t] + v[t + 1] for t in 0:T", "v[T] = 0"],
        [("t", 1, 1), ("t", -1, 1)],
        id="there and back",
    ),
]


@pytest.mark.parametrize(("lines", "expected"), CIRCLES)
def test_a_circle_of_shifted_references_runs_step_by_step(lines, expected):
    scans = [item for item in recurrent(program(*lines)).equations if isinstance(item, Scan)]
    assert [(scan.index.index.value, scan.direction, len(scan.equations)) for scan in scans] == expected


@pytest.mark.parametrize(("lines", "expected"), CIRCLES)
def test_every_element_is_computed_before_it_is_read(lines, expected):
    found = interpret(recurrent(program(*lines)), {"w": 0.5, "x": [1, 2, 3, 4]}, {"T": 4})  # KeyError otherwise
    assert len(found["v" if lines[0].startswith("v") else "h"]) >= 5


TRIANGLES = [
    ("p[i, j + 1] = x[j]*p[i, j] for i in 0:T, j in 0:i + 1", "p[i, 0] = 1 for i in 0:T", "for j in 0:T, i in j:T", 14),
    ("p[i, j] = x[j]*p[i, j + 1] for i in 0:T, j in i:T", "p[i, T] = 1 for i in 0:T", "for j in 0:T, i in 0:j + 1", 14),
    ("p[i, j] = x[j]*p[i, j + 1] for i in 0:T, j in i + 1:T", "p[i, T] = 1 for i in 0:T", "for j in 1:T, i in 0:j", 10),
]


@pytest.mark.parametrize(("step", "start", "ranges", "elements"), TRIANGLES)
def test_a_circle_in_a_triangle_steps_along_a_whole_side(step, start, ranges, elements):
    both = replace(program(step, start), extents={"p": (length("T"), node("+", length("T"), number(1)))})
    found = recurrent(both)
    assert str(found).endswith(ranges)
    assert len(interpret(found, {"w": 1, "x": [2, 3, 5, 7]}, {"T": 4})["p"]) == elements


def test_equations_come_after_what_they_read_whatever_their_order():
    found = recurrent(program("C += h[t + 1] for t in 0:T", "h[t + 1] = tanh(w*h[t]) for t in 0:T", "h[0] = 1"))
    assert [getattr(item, "target", "scan") for item in found.equations] == ["h", "scan", "C"]


# what a recurrence means

VALUES = [
    ("h[T]", {"h[0]": "1", "h[t + 1]": "w*h[t]"}, {"T": 5}, 2.0**5),
    ("h[T]", {"h[t + 1]": "w*h[t]", "h[0]": "1"}, {"T": 5}, 2.0**5),  # in any order
    ("h[4]", {"h[0]": "1", "h[t]": "w*h[t - 1]"}, {"T": 5}, 2.0**4),  # the part at 0 goes first
    ("v[0]", {"v[T]": "0", "v[t]": "1 + w*v[t + 1]"}, {"T": 3}, 1.0 + 2 + 4),
    ("h[T + 1]", {"h[0]": "0", "h[1]": "w", "h[t + 2]": "h[t + 1] + h[t]"}, {"T": 5}, 2 * 8.0),
    ("sum(u[T, i], i in 0:n)", {"u[0, i]": "1", "u[t + 1, 0]": "0", "u[t + 1, i]": "w*u[t, i - 1]"}, {"T": 2, "n": 4}, 2 * 4.0),
    ("sum(u[T, i], i in 0:n)", {"u[0, i]": "1", "u[t + 1, n - 1]": "0", "u[t + 1, i]": "w*u[t, i + 1]"}, {"T": 2, "n": 4}, 2 * 4.0),
]


@pytest.mark.parametrize(("text", "where", "lengths", "expected"), VALUES)
def test_the_value_of_a_recurrence(text, where, lengths, expected):
    assert cost(text, where, "t:T i:n").evaluate({"w": 2}, lengths).cost == pytest.approx(expected)


# what is refused

REFUSED = [
    ("h[T]", {"h[t + 1]": "w*h[t]"}, "h[t] reads h[0], which no part of h defines. Accepted: one more part: h[0] = ..."),
    ("v[0]", {"v[t]": "w*v[t + 1]"}, "v[t + 1] reads v[T], which no part of v defines. Accepted: one more part: v[T] = ..."),
    ("h[T, 0]", {"h[t + 1, k]": "w*h[t, k]"}, "h[t, k] reads h[0, k], which no part of h defines."),
    ("h[T]", {"h[0]": "1", "h[t + 1]": "w*h[t + 2] + h[t]"}, "h[t + 2] reads h[T + 1], which no part of h defines."),
    ("h[T]", {"h[0]": "1", "h[t + 1]": "w*a[t]", "a[t]": "h[t + 1]"}, "Definitions refer to each other in a circle that has no start: h -> a -> h;"),
    ("h[2]", {"h[t]": "w*h[t]"}, "Definitions refer to each other in a circle: h -> h."),
    ("a[2]", {"a[t]": "w*b[t]", "b[t]": "a[t]"}, "Definitions refer to each other in a circle: a -> b -> a."),
    ("h[T]", {"h[0]": "1", "h[t + 1]": "w*h[t]", "h[1]": "3", "h[T - t]": "4"}, "h[6] is defined twice, by h[t + 1] and by h[T - t]."),
    ("h[T]", {"h[x[t]]": "w"}, "The definition of h[x[t]] fills the elements that data name."),
    ("h[T, T]", {"h[t, t]": "w"}, "The definition of h[t, t] has two letters in one place, or one letter in two."),
    ("h[T] + h[0, 0]", {"h[0]": "w"}, "h is read as h[T] and as h[0, 0]."),
    ("h[0]", {"h[0]": "w", "h[0, 1]": "w"}, "The parts of h have different numbers of indices."),
]


@pytest.mark.parametrize(("text", "where", "expected"), REFUSED)
def test_what_is_no_recurrence_is_refused_by_name(text, where, expected):
    with pytest.raises(sg.InputError) as refused:
        _ = cost(text, where).gradient.program
    assert str(refused.value).startswith(expected)


def test_backpropagation_through_time_has_no_closed_form_and_is_shown_as_a_program():
    found = cost("sum((h[t + 1] - x[t])^2, t)", {"h[0]": "0", "h[t + 1]": "tanh(w*h[t] + x[t])"})
    with pytest.raises(sg.LimitError, match=r"runs through a recurrence, dh, .* cost\.gradient\.program"):
        _ = found.gradient["w"]
    assert "step by step, t = T - 1, ..., 0:" in repr(found.gradient)
    assert r"\text{step by step, } t = T - 1,\, \ldots,\, 0 \text{:}" in found.gradient.latex()
