"""The tangent sweep: every operation, recurrences, and the places where a slope is not what it seems."""

import pytest

from symgd.nodes.node import ONE, length, node
from symgd.program.equation import Program, read_equation
from symgd.program.gate import MeaningChanged, checked_tangent
from symgd.program.meaning import interpret
from symgd.program.recurrence import recurrent
from symgd.reverse.tangent import along, by_element, tangent

m, d = length("m"), length("d")
AFTER = node("+", m, ONE)
INPUTS = {"w": 0, "b": 0, "x": 1, "X": 2, "u": 1, "label": 1}
SIZES = {"m": 3, "d": 2}
VALUES = {"w": 0.5, "b": -0.3, "x": [0.2, -0.4, 0.7], "X": [[0.1, 0.9], [0.8, -0.3], [0.6, 0.5]], "u": [0.4, 1.2, -0.7], "label": [2, 0, 2]}
DIRECTION = {"v_w": 1.1, "v_b": 0.6, "v_u": [0.3, -0.5, 0.9]}

PROGRAMS = {
    "assigned and summed": (
        ["z[i] = tanh(w*x[i]) for i in 0:m", "z[i] += b*X[i, j] for i in 0:m, j in 0:d", "C += z[i]^2 for i in 0:m"],
        {"z": (m,)},
    ),
    "a gather and a shift": (["C += u[label[i]]*w + u[i]*x[i] for i in 0:m", "C += u[i + 1]*u[i] for i in 0:m - 1"], {}),
    "a triangle": (["C += u[i]*u[j]*X[i, 0] for i in 0:m, j in 0:i"], {}),
    "logsumexp": (["L logsumexp= w*x[i] for i in 0:m", "C = L^2"], {"L": ()}),
    "product": (["P[i] *= w*X[i, j] + b for i in 0:m, j in 0:d", "C += P[i]*x[i] for i in 0:m"], {"P": (m,)}),
    "maximum": (["M max= u[i]*w + b for i in 0:m", "C = M^2"], {"M": ()}),
    "minimum from two equations": (["M min= u[i]*w for i in 0:m", "M min= x[i]*b for i in 0:m", "C = M^2"], {"M": ()}),
    "a recurrence": (["h[0] = b", "h[i + 1] = tanh(w*h[i] + x[i]) for i in 0:m", "C = h[m]"], {"h": (AFTER,)}),
    "a recurrence that starts at a constant": (
        ["h[0] = 0", "h[i + 1] = w*h[i] + x[i] for i in 0:m", "C = h[m]^2"],
        {"h": (AFTER,)},
    ),
    "a recurrence backwards": (["h[m] = w", "h[i] = sin(h[i + 1]*u[i]) for i in 0:m", "C = h[0]"], {"h": (AFTER,)}),
    "steps that do not move": (["s = sign(w)", "C = s*w + floor(b)"], {"s": ()}),
    "branches": (["p = sqrt(w)", "C = piecewise(p*b, w > 0, b^2)"], {"p": ()}),
}


def program(lines, extents):
    extents = {name: sides for name, sides in extents.items()} | {"C": ()}
    return recurrent(Program(tuple(read_equation(line, "m d") for line in lines), INPUTS, "C", ("w", "b", "u"), extents=extents, integers={"label"}))


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_tangent_is_the_slope_along_a_direction(name):
    before = program(*PROGRAMS[name])
    after = tangent(before, along({"w": "v_w", "b": "v_b", "u": "v_u"}), {"C": "tC"})
    found = interpret(after, {**VALUES, **DIRECTION}, SIZES)["tC"][()]
    step = 1e-10
    moved = [{**VALUES, **{p: shifted(VALUES[p], DIRECTION[f"v_{p}"], sign * step) for p in "wbu"}} for sign in (1, -1)]
    ahead, behind = (interpret(before, values, SIZES)["C"][()] for values in moved)
    assert abs(found - (ahead - behind) / (2 * step)) <= 1e-15 * (1 + abs(found))
    assert abs(found) > 0.01  # nothing is compared with nothing


def shifted(value, direction, step):
    from mpmath import mp

    mp.dps = 50
    if isinstance(value, list):
        return [shifted(v, along, step) for v, along in zip(value, direction, strict=True)]
    return mp.mpf(value) + mp.mpf(step) * mp.mpf(direction)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_unit_directions_together_are_the_tangent(name):
    before = program(*PROGRAMS[name])
    whole = interpret(tangent(before, along({"u": "v_u"}), {"C": "tC"}), {**VALUES, **DIRECTION}, SIZES)["tC"].get((), 0)
    axis = read_equation("C += 1 for p in 0:m", "m").domain
    parts = interpret(tangent(before, by_element("u", axis), {"C": "J"}), VALUES, SIZES)["J"]
    assert abs(whole - sum(value * DIRECTION["v_u"][place] for (place,), value in parts.items())) <= 1e-15


def test_a_tie_is_shared():
    before = program(["M max= u[i] for i in 0:m", "C = M"], {"M": ()})
    after = tangent(before, along({"u": "v_u"}), {"C": "tC"})
    found = interpret(after, {**VALUES, "u": [2.0, 2.0, 1.0], "v_u": [1.0, 4.0, 100.0]}, SIZES)
    assert found["tC"][()] == 2.5


@pytest.mark.parametrize("zeros", [(), (1,), (0, 2), (0, 1, 2)])
def test_products_are_exact_at_zeros(zeros):
    before = program(["P *= u[i] for i in 0:m", "C = P"], {"P": ()})
    after = tangent(before, along({"u": "v_u"}), {"C": "tC"})
    u = [0.0 if n in zeros else n + 2.0 for n in range(3)]
    expected = sum((n + 1.0) * (u[(n + 1) % 3] * u[(n + 2) % 3]) for n in range(3))
    assert interpret(after, {**VALUES, "u": u, "v_u": [1.0, 2.0, 3.0]}, SIZES)["tC"][()] == expected


def test_nothing_that_does_not_move_has_a_tangent():
    before = program(["s = sign(w)", "z[i] = s*x[i] for i in 0:m", "C += z[i]*w for i in 0:m"], {"s": (), "z": (m,)})
    targets = [equation.target for equation in tangent(before, along({"w": "v_w"}), {"C": "tC"}).flat()]
    assert targets == ["s", "z", "C", "tC"]


def test_a_wrong_tangent_is_noticed():
    from dataclasses import replace

    before = program(*PROGRAMS["maximum"])
    after = tangent(before, along({"w": "v_w"}), {"C": "tC"})
    wrong = replace(after, equations=tuple(replace(e, op="+=", body=e.left) if e.target == "tC" else e for e in after.flat()))
    checked_tangent(before, after)
    with pytest.raises(MeaningChanged, match="The tangent of C"):
        checked_tangent(before, wrong)
