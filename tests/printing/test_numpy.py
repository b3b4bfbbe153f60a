"""The NumPy form of a Program has the meaning of the Program: every row is compared with the reference interpreter."""

import math
import time
import tracemalloc
import warnings
from itertools import pairwise
from types import MappingProxyType

import numpy as np
import pytest

from symgd.compiling.numpy_backend import compiled, run
from symgd.errors import NotBuilt
from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.node import access, node, number
from symgd.printing.numpy import numpy_source
from symgd.program.bounds import extents
from symgd.program.equation import Equation, Program, read_equation
from symgd.program.meaning import interpret
from symgd.program.shapes import shape_of, value

# what | equations | lengths | integer data and whatever else is not drawn at random
CASES = [
    ("a number", ["C = (w - 3)^2"], {}, {}),
    ("two targets", ["a = w*2", "C = a^2 - a"], {}, {}),
    ("matrix product", ["z[i, k] += W[k, j]*X[i, j] for i in 0:m, k in 0:h, j in 0:d"], {"m": 4, "h": 3, "d": 2}, {}),
    ("its adjoint", ["W[k, j] += dz[i, k]*X[i, j] for i in 0:m, k in 0:h, j in 0:d"], {"m": 4, "h": 3, "d": 2}, {}),
    ("product of a matrix and a column", ["r[i] += X[i, j]*w[j] for i in 0:m, j in 0:d"], {"m": 4, "d": 3}, {}),
    ("three factors", ["g[j] += r[i]*X[i, j]*y[i] for i in 0:m, j in 0:d"], {"m": 4, "d": 3}, {}),
    ("a formula as a factor", ["g[k, j] += (1 - a[i, k]^2)*r[i]*X[i, j] for i in 0:m, k in 0:h, j in 0:d"], {"m": 4, "h": 2, "d": 3}, {}),
    ("quotient and sign", ["g[j] += -2*r[i]*X[i, j]/(s*m) for i in 0:m, j in 0:d"], {"m": 4, "d": 3}, {}),
    ("division by a column", ["g[j] += X[i, j]/y[i] for i in 0:m, j in 0:d"], {"m": 4, "d": 3}, {}),
    ("quadratic form", ["C += x[i]*A[i, j]*x[j] for i in 0:m, j in 0:m"], {"m": 4}, {}),
    ("a sum over an index that does not occur", ["C += w*x[i] for i in 0:m, j in 0:d"], {"m": 3, "d": 4}, {}),
    ("counting", ["C += 1 for i in 0:m, j in 0:d"], {"m": 3, "d": 4}, {}),
    ("bias", ["z[i, k] = b[k] + u[i] for i in 0:m, k in 0:h"], {"m": 3, "h": 3}, {}),
    ("columns spread over rows", ["z[i, k] = u[i] for i in 0:m, k in 0:h"], {"m": 3, "h": 3}, {}),
    ("transposed", ["T[k, i] = A[i, k] for k in 0:h, i in 0:m", "C += T[k, i]*k*m for i in 0:m, k in 0:h"], {"m": 3, "h": 2}, {}),
    ("three axes in another order", ["T[c, a, b] = A[a, b, c] for a in 0:p, b in 0:q, c in 0:r"], {"p": 2, "q": 3, "r": 4}, {}),
    ("index and length as numbers", ["T[i, j] = i*m - j/(i + 1) for i in 0:m, j in 0:d"], {"m": 3, "d": 2}, {}),
    ("shift", ["C += (x[i + 1] - x[i])^2 for i in 0:m"], {"m": 4}, {}),
    ("adjoint of a shift", ["g[i + 1] += r[i] for i in 0:m", "g[i] += -r[i] for i in 0:m"], {"m": 4}, {}),
    ("stride", ["C += x[2*i + 1]^2 for i in 0:m", "g[2*i + 1] += 2*x[2*i + 1] for i in 0:m"], {"m": 3}, {}),
    ("backwards", ["C += x[m - 1 - i]*y[i] for i in 0:m"], {"m": 4}, {}),
    ("diagonal", ["C += A[i, i]*w for i in 0:m", "G[i, i] += w for i in 0:m"], {"m": 3}, {}),
    ("constant index", ["C += X[i, 0]*w[2] for i in 0:m", "g[2] += X[i, 0] for i in 0:m"], {"m": 3}, {}),
    ("gather", ["C += E[label[i], k]*v[k] for i in 0:m, k in 0:h"], {"m": 4, "h": 2}, {"label": [2, 0, 2, 1], "E": (3, 2)}),
    ("scatter", ["G[label[i], k] += r[i, k] for i in 0:m, k in 0:h"], {"m": 4, "h": 2}, {"label": [2, 0, 2, 1]}),
    ("scatter of a row of sums", ["g[label[i]] += r[i, k]*v[k] for i in 0:m, k in 0:h"], {"m": 4, "h": 2}, {"label": [2, 0, 2, 1]}),
    ("gather of a gather", ["C += w[next[label[i]]] for i in 0:m"], {"m": 3}, {"label": [2, 0, 2], "next": [1, 1, 0], "w": (2,)}),
    ("integer data as a number", ["C += w[label[i]]*label[i] for i in 0:m"], {"m": 3}, {"label": [2, 0, 2], "w": (3,)}),
    ("largest in a class", ["top[label[i]] max= x[i] for i in 0:m"], {"m": 4}, {"label": [2, 0, 2, 1]}),
    ("pairs", ["C += (x[i] - x[j])^2 for i in 0:m, j in i + 1:m"], {"m": 4}, {}),
    ("adjoint of pairs", ["g[i] += x[i] - x[j] for i in 0:m, j in i + 1:m", "g[j] += x[j] - x[i] for i in 0:m, j in i + 1:m"], {"m": 4}, {}),
    ("pairs with a third index", ["D[k] += x[i, k]*x[j, k] for i in 0:m, j in 0:i, k in 0:d"], {"m": 4, "d": 2}, {}),
    ("triangle filled", ["L[i, j] = x[i]*j for i in 0:m, j in 0:i + 1", "C += L[i, j] for i in 0:m, j in 0:i + 1"], {"m": 4}, {}),
    ("ragged", ["s[i] += x[j]*w for i in 0:m, j in ptr[i]:ptr[i + 1]"], {"m": 3}, {"ptr": [0, 2, 2, 5], "x": (5,)}),
    ("guard on indices", ["C += A[i, j] for i in 0:m, j in 0:m if i < j"], {"m": 4}, {}),
    ("guard on data", ["C += log(x[i]) for i in 0:m if x[i] > 0"], {"m": 4}, {"x": [1.0, -1.0, 0.5, 2.0]}),
    ("guard that keeps a shift inside", ["g[i] += x[i + 1] for i in 0:m if i + 1 < m"], {"m": 4}, {}),
    ("guard without an index", ["C += x[i] for i in 0:m if w > 100"], {"m": 4}, {}),
    ("several equations", ["C = w", "C += x[i] for i in 0:m", "C += w^2", "C *= 3"], {"m": 3}, {}),
    ("an array in parts", ["T[0] = w", "T[i + 1] = x[i] for i in 0:m", "C += T[i]^2 for i in 0:m + 1"], {"m": 3}, {}),
    ("assigned, then accumulated", ["T[i] = x[i] for i in 0:m", "T[i] += w for i in 0:m", "T[0] += 1"], {"m": 3}, {}),
    ("largest", ["a[i] max= X[i, j] - w for i in 0:m, j in 0:d", "b min= a[i] for i in 0:m"], {"m": 3, "d": 2}, {}),
    ("product", ["p[i] *= X[i, j] for i in 0:m, j in 0:d", "q *= w for i in 0:m"], {"m": 3, "d": 2}, {}),
    ("logsumexp", ["a[i] logsumexp= 100*X[i, j] for i in 0:m, j in 0:d", "b logsumexp= w for i in 0:m"], {"m": 3, "d": 2}, {}),
    ("softmax", ["L[i] logsumexp= z[i, l] for i in 0:m, l in 0:c", "p[i, l] = exp(z[i, l] - L[i]) for i in 0:m, l in 0:c"], {"m": 3, "c": 4}, {}),
    ("convolution", ["z[p] += w[q]*x[p + q] for p in 0:H - P + 1, q in 0:P"], {"H": 6, "P": 3}, {}),
    ("double sum over samples", ["C += (y[i] - y[l])*w*u[l] for i in 0:m, l in 0:m"], {"m": 4}, {}),
    ("choice", ["C += piecewise(x[i]^2, x[i] > 0, -x[i]) for i in 0:m"], {"m": 5}, {}),
    ("choice of three", ["C += piecewise(1, x[i] < -w, x[i], x[i] < w and x[i] != 0, 3, not (x[i] == 0), 4) for i in 0:m"], {"m": 5}, {}),
    ("a branch that is not taken", ["C += piecewise(log(x[i]), x[i] > 0, 0) for i in 0:m"], {"m": 3}, {"x": [0.0, -1.0, 2.0]}),
    ("a choice between numbers", ["C = piecewise(log(w), w > 0, 1/v)"], {}, {"w": -1.0, "v": 2.0}),
    ("a choice at the edge", ["g[i] = piecewise(x[i + 1], i < m - 1, x[0]) for i in 0:m"], {"m": 4}, {}),
    ("another edge", ["g[i] = piecewise(0, i == 0, x[i - 1]) for i in 0:m"], {"m": 4}, {}),
    ("a short array beside a long one", ["C += piecewise(x[i], i < n, y[i])*u[k] for i in 0:m, k in 0:n"], {"m": 4, "n": 2}, {}),
    (
        "a subscript that a condition keeps inside",
        ["C += piecewise(w[label[i]], label[i] >= 0, 0) for i in 0:m"],
        {"m": 3},
        {"label": [1, -1, 0], "w": (2,)},
    ),
    ("powers", ["C += x[i]^2 + x[i]^3 - x[i]^-1 + (x[i]^2)^v + 2^x[i] - -x[i]^2 for i in 0:m"], {"m": 3}, {}),
    ("powers of numbers", ["C = 2^3^2 + 0^0 + (1/3)^2 + pi - e"], {}, {}),
    ("order of operations", ["C = a - (b - c) - a/(b/c)/a + (a + b)*(c - a) - -b*-c - (-a)^2 + a/(b*c)"], {}, {}),
    ("names that Python knows", ["lambda += print*np[i] for i in 0:class", "t1 = lambda*lambda + np[0]/(lambda*lambda)"], {"class": 3}, {}),
]


# Names are text: none of it may reach the code.
HOSTILE = ["x;import os", "", "1x", "x\n", '"""', "{{7*7}}", "__import__('os').system('id')", "np", "program", "None", "λ", "ﬁ", "x" * 10_000]


def program_of(lines, lengths, data):
    """A Program from its lines: what it does not compute is an input, and a target is as long as what is written."""
    equations = tuple(read_equation(line) if isinstance(line, str) else line for line in lines)
    said = extents(equations)
    targets = dict.fromkeys(equation.target for equation in equations)
    inputs = {name: len(bounds) for name, bounds in said.items() if name not in targets}
    classes = max(data.get("label", [0])) + 1
    shapes = {
        name: tuple(number(max(classes if b.high is None else value(b.high, lengths) for b in bounds)) for bounds in said[name]) for name in targets
    }
    return Program(equations, inputs, equations[-1].target, (), extents=MappingProxyType(shapes))


def inputs_of(program, lengths, data, seed=0):
    """The data of a row, and normal random numbers for what it leaves open."""
    generator = np.random.default_rng(seed)
    shapes = {name: data[name] if isinstance(data.get(name), tuple) else None for name in program.inputs}
    return {
        name: np.asarray(data[name]) if name in data and shape is None else generator.normal(size=shape or shape_of(program, name, lengths))
        for name, shape in shapes.items()
    }


def assert_equal(program, found, inputs, lengths):
    for name, elements in interpret(program, inputs, lengths).items():
        for place, expected in elements.items():
            assert float(found[name][place] if place else found[name]) == pytest.approx(float(expected), rel=1e-12, abs=1e-13, nan_ok=True), (
                name,
                place,
            )


@pytest.mark.parametrize(("what", "lines", "lengths", "data"), CASES, ids=[row[0] for row in CASES])
def test_numpy_computes_what_the_program_means(what, lines, lengths, data):
    program = program_of(lines, lengths, data)
    inputs = inputs_of(program, lengths, data)
    before = {name: array.copy() for name, array in inputs.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = run(program, inputs, lengths)
    assert_equal(program, found, inputs, lengths)
    assert all(np.array_equal(inputs[name], before[name]) for name in inputs)


@pytest.mark.parametrize("row", FUNCTIONS.values(), ids=lambda row: row.name)
@pytest.mark.parametrize("at", [0.3, 2.5])
def test_every_function_has_its_value_for_numbers_and_for_arrays(row, at):
    letters = ["u", "v", "w"][: row.arity or 3]
    first = "2" if row.name == "polygamma" else "u"
    scalar = Equation("C", (), "=", (), node(row.name, *(number(2) if first == "2" and n == "u" else access(n) for n in letters)))
    axis = read_equation("T[i] = a[i] for i in 0:m")
    array = Equation(
        "T", axis.at, "=", axis.domain, node(row.name, *(number(2) if first == "2" and n == "u" else access(f"{n}s", *axis.at) for n in letters))
    )
    lengths = {"m": 2}
    program = program_of([scalar, array], lengths, {})
    values = {"u": at, "v": 1.7, "w": -0.4}
    inputs = {name: np.full(2, values[name[0]]) if name.endswith("s") else values[name] for name in program.inputs}
    assert_equal(program, run(program, inputs, lengths), inputs, lengths)


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: repr(name)[:20])
def test_a_name_is_never_code(name):
    program = Program((Equation("C", (), "=", (), node("*", access(name), access(name))),), {name: 0}, "C", ())
    source = numpy_source(program)
    assert source.isascii() or name.isprintable()
    assert "import os\n" not in source and "__import__(" not in source.split("# (1)")[0]
    assert run(program, {name: 3.0}, {}) == {"C": 9.0}


def test_a_number_divided_by_zero_is_infinite_and_silent():
    program = program_of(["a = 1/w", "b = 1/0", "c = 0/0", "d = w^-1", "f = log(w)", "g = (-8)^(1/3)", "k += m/(m - m) for i in 0:m"], {"m": 2}, {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = run(program, {"w": 0.0}, {"m": 2})
    assert [found[name] for name in "abdfk"] == [math.inf, math.inf, math.inf, -math.inf, math.inf]
    assert math.isnan(found["c"]) and math.isnan(found["g"])


@pytest.mark.parametrize(
    "line",
    [
        "z[i, k] += W[k, j]*X[i, j] for i in 0:m, k in 0:h, j in 0:d",
        "W[k, j] += dz[i, k]*(1 - a[i, k]^2)*X[i, j] for i in 0:m, k in 0:h, j in 0:d",
        "g[j] += -2*r[i]*X[i, j]/m for i in 0:m, j in 0:d",
        "D[i, l] += -X[i, j]*X[l, j]*s[j] for i in 0:h, l in 0:d, j in 0:d",
    ],
)
def test_a_contraction_makes_no_array_with_all_indices(line):
    lengths = {"m": 200, "h": 90, "d": 80}
    program = program_of([line], lengths, {})
    function, inputs = compiled(program), inputs_of(program, lengths, {})
    function(inputs, lengths)
    tracemalloc.start()
    function(inputs, lengths)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 8 * 200 * 90  # a few arrays with two indices; all three would be 8*200*90*80 bytes


def test_what_is_used_twice_is_computed_once():
    shared = node("exp", access("w"))
    for _ in range(40):
        shared = node("+", node("sin", shared), node("/", shared, number(2)))
    program = Program((Equation("C", (), "=", (), shared),), {"w": 0}, "C", ())
    assert numpy_source(program).count("np.sin") == 40
    assert math.isfinite(run(program, {"w": 0.5}, {})["C"])


@pytest.mark.parametrize("op", ["+", "*"])
def test_a_formula_of_3000_terms_stays_shallow(op):
    terms = [node("+", access("w"), number(n)) if op == "+" else node("cos", node("/", access("w"), number(n))) for n in range(1, 3001)]
    program = Program((Equation("C", (), "=", (), node(op, *terms)),), {"w": 0}, "C", ())
    found = run(program, {"w": 0.5}, {})["C"]
    expected = math.fsum(0.5 + n for n in range(1, 3001)) if op == "+" else math.prod(math.cos(0.5 / n) for n in range(1, 3001))
    assert found == pytest.approx(expected, rel=1e-12)


def test_3000_formulas_inside_each_other():
    body = access("w")
    for _ in range(3000):
        body = node("sin", node("+", body, number(1)))
    assert math.isfinite(run(Program((Equation("C", (), "=", (), body),), {"w": 0}, "C", ()), {"w": 0.5}, {})["C"])


def rosenbrock(count):
    lines = []
    for n in range(count - 1):
        lines += [f"a{n} = x{n + 1} - x{n}^2", f"b{n} = 1 - x{n}", f"C += 100*a{n}^2 + b{n}^2"]
    return program_of(lines, {}, {})


def test_thousands_of_equations_are_ready_in_a_second():
    program = rosenbrock(1001)
    values = {f"x{n}": 0.3 + n / 1000 for n in range(1001)}
    start = time.process_time()
    found = run(program, values, {})["C"]
    seconds = time.process_time() - start
    xs = list(values.values())
    assert found == pytest.approx(sum(100 * (v - u * u) ** 2 + (1 - u) ** 2 for u, v in pairwise(xs)), rel=1e-12)
    assert seconds < 1.0


def test_a_parameter_that_changes_is_a_new_array():
    program = Program((read_equation("w[j] = w[j] - eta*g[j] for j in 0:d"),), {"w": 1, "g": 1, "eta": 0}, "C", ("w",))
    start = np.ones(3)
    assert run(program, {"w": start, "g": [1, 2, 3], "eta": 0.5}, {"d": 3})["w"].tolist() == [0.5, 0.0, -0.5]
    assert start.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([read_equation("c[i] = x[i] for i in 0:m"), read_equation("C += w[c[i]] for i in 0:m")], "c stands in a subscript and is computed"),
        ([read_equation("C = x[i] for i in 0:m")], "assigned once for each value"),
    ],
)
def test_what_is_not_built_is_refused_by_name(items, said):
    with pytest.raises(NotBuilt, match=said):
        numpy_source(Program(tuple(items), {"x": 1, "w": 1}, "C", ()))
