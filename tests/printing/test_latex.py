r"""A program on the page: the numbers of the text, sums below their sign, += where a row adds to earlier ones."""

import re

import pytest
import sympy as sp

import symgd as sg
from symgd.nodes.node import length
from symgd.printing.latex import latex
from symgd.program.equation import Program, Scan, read_equation

M, D = length("m"), length("d")


def program(lines, extents, adjoints=None, inputs=None):
    return Program(tuple(map(read_equation, lines)), inputs or {}, "C", (), extents=extents, adjoints=adjoints or {})


def rows(*given, **options):
    """The rows without the frame, without the sign of alignment."""
    body = latex(program(*given, **options)).removeprefix("\\begin{aligned}\n").removesuffix("\n\\end{aligned}")
    return [re.sub(r" && \\quad ", " | ", row).replace("&", "").replace("  ", " ") for row in body.split(" \\\\\n")]


# equations | extents of their targets | rows
SHOWN = [
    # a sum over what the left side does not keep, an assignment with its ranges
    (["z[i] += w[j]*X[i, j] for i in 0:m, j in 0:d"], {"z": (M,)}, [r"(1) z_{i} = \sum_{j=0}^{d-1} w_{j}\,X_{i,j} | 0 \le i < m"]),
    (["z[i] = a[i] + b for i in 0:m"], {"z": (M,)}, [r"(1) z_{i} = a_{i} + b | 0 \le i < m"]),
    (["C = (w - 3)^2"], {"C": ()}, [r"(1) C = \left(w - 3\right)^{2}"]),
    (["C += x[i] - y[i] for i in 0:m"], {"C": ()}, [r"(1) C = \sum_{i=0}^{m-1} \left(x_{i} - y_{i}\right)"]),
    # a second equation of one target adds, under its own number
    (
        ["z[i] = b for i in 0:m", "z[i] += w[j]*X[i, j] for i in 0:m, j in 0:d"],
        {"z": (M,)},
        [r"(1) z_{i} = b | 0 \le i < m", r"(2) z_{i} \mathrel{+}= \sum_{j=0}^{d-1} w_{j}\,X_{i,j} | 0 \le i < m"],
    ),
    # a part of an array, a diagonal, a scatter: elements that no row reaches stay 0
    (["v[i] += u[i - 1] for i in 1:m"], {"v": (M,)}, [r"(1) v_{i} \mathrel{+}= u_{i - 1} | 1 \le i < m"]),
    (["A[i, i] += u[i] for i in 0:m"], {"A": (M, M)}, [r"(1) A_{i,i} \mathrel{+}= u_{i} | 0 \le i < m"]),
    (["A[i, 0] += u[i] for i in 0:m"], {"A": (M, D)}, [r"(1) A_{i,0} \mathrel{+}= u_{i} | 0 \le i < m"]),
    (["E[k[i]] += u[i]*v[j] for i in 0:m, j in 0:d"], {"E": (D,)}, [r"(1) E_{k_{i}} \mathrel{+}= \sum_{j=0}^{d-1} u_{i}\,v_{j} | 0 \le i < m"]),
    # a range that depends on a summed index cannot stand outside the sum
    (["v[j] += u[i] for i in 0:m, j in 0:i"], {"v": (M,)}, [r"(1) v_{j} \mathrel{+}= u_{i} | 0 \le i < m,\; 0 \le j < i"]),
    (["v[i] += u[j] for i in 0:m, j in i + 1:m"], {"v": (M,)}, [r"(1) v_{i} = \sum_{j=i + 1}^{m-1} u_{j} | 0 \le i < m"]),
    # conditions: on a summed index below the sign, on a kept one at the right
    (["C += x[i] for i in 0:m - 1"], {"C": ()}, [r"(1) C = \sum_{i=0}^{m-2} x_{i}"]),
    (["C += x[i] for i in 0:m if x[i] > 0"], {"C": ()}, [r"(1) C = \sum_{\substack{0 \le i < m \\ x_{i} > 0}} x_{i}"]),
    (["v[i] += u[j] for i in 0:m, j in 0:d if i < 2"], {"v": (M,)},
     [r"(1) v_{i} \mathrel{+}= \sum_{j=0}^{d-1} u_{j} | 0 \le i < m \text{ if } i < 2"]),
    (["v[i] = 1 for i in 0:m if i < 2 and y[i] == 1"], {"v": (M,)}, [r"(1) v_{i} = 1 | 0 \le i < m \text{ if } i < 2 \land y_{i} = 1"]),
    (
        ["v[i] += u[j] - 1 for i in 0:m, j in 0:d if i < j and i < 2"],
        {"v": (M,)},
        [r"(1) v_{i} \mathrel{+}= \sum_{\substack{0 \le j < d \\ i < j}} \left(u_{j} - 1\right) | 0 \le i < m \text{ if } i < 2"],
    ),
    # the other accumulations
    (["P *= x[i] for i in 0:m", "P *= 2"], {"P": ()}, [r"(1) P = \prod_{i=0}^{m-1} x_{i}", r"(2) P \mathrel{\cdot}= 2"]),
    (["L[i] logsumexp= z[i, j] for i in 0:m, j in 0:d"], {"L": (M,)},
     [r"(1) L_{i} = \operatorname*{logsumexp}_{0 \le j < d}\left(z_{i,j}\right) | 0 \le i < m"]),
    (["M max= x[i] for i in 0:m", "M max= 0"], {"M": ()},
     [r"(1) M = \max_{0 \le i < m}\left(x_{i}\right)", r"(2) M \leftarrow \max\left(M,\; 0\right)"]),
    (["M min= x[i] for i in 0:m if x[i] > 0"], {"M": ()}, [r"(1) M = \min_{\substack{0 \le i < m \\ x_{i} > 0}} \left(x_{i}\right)"]),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "extents", "expected"), SHOWN, ids=lambda value: value[0] if isinstance(value, list) else "")
def test_an_equation_is_a_row(lines, extents, expected):
    assert rows(lines, extents) == expected


# name | rank | the name of its adjoint | the adjoint on the page
ADJOINTS = [
    ("w", 0, "dw", r"\mathrm{d}w"),
    ("W1", 2, "dW1", r"{\mathrm{d}W_{1}}_{\,i,j}"),
    ("theta", 1, "dtheta", r"\mathrm{d}\theta_{i}"),
    ("rate", 0, "drate", r"\mathrm{d}\mathrm{rate}"),
    ("z", 0, "dz_2", r"\mathrm{dz}_{2}"),
]


@pytest.mark.parametrize(("name", "rank", "adjoint", "shown"), ADJOINTS)
def test_an_adjoint_keeps_the_name_of_the_text(name, rank, adjoint, shown):
    at = f"[{', '.join('ij'[:rank])}]" if rank else ""
    line = f"{adjoint}{at} = 2*{name}{at}" + (" for " + ", ".join(["i in 0:m", "j in 0:d"][:rank]) if rank else "")
    (row,) = rows([line], {adjoint: (M, D)[:rank]}, {name: adjoint}, {name: rank})
    assert row.split(" = ")[0] == f"(1) {shown}"


def test_no_two_names_look_alike():
    (row,) = rows(["C = w_1 + w1 + v1 + v[0] + dw + d"], {"C": ()})
    names = re.fullmatch(r"\(1\) C = (.*)", row)[1].split(" + ")
    assert len(set(names)) == 6


# cost | options
COSTS = [
    ("(w - 3)^2", {}),
    ("mean((w*x + b - y)^2)", {"samples": "x y"}),
    ("mean((x*w - mean(x*w))^2)", {"samples": "x"}),
    ("sum(abs(v[i + 1] - v[i]), i in 0:m - 1)", {"axes": "i:m", "parameters": ["v"]}),
    ("sum(piecewise(x[i]*w, x[i] > 0 and w < 1, w^2), i)", {"axes": "i:m", "parameters": ["w"]}),
    ("mean(sum(E[label[i], k]*v[k], k)^2, i)", {"axes": "i:m k:h", "parameters": ["E", "v"]}),
    ("sum((x[i] - w*x[j])^2, i, j in i + 1:m)", {"axes": "i:m", "parameters": ["x", "w"]}),
    ("sum((sum(w[q]*x[p + q], q) - y[p])^2, p)", {"axes": "p:H-P+1 q:P", "parameters": ["w"]}),
    (
        "mean(logsumexp(z2[i, l], l) - sum(Y[i, l]*z2[i, l], l), i)",
        {
            "where": {"z1[i, k]": "sum(W1[k, j]*X[i, j], j) + b1[k]", "a1[i, k]": "tanh(z1[i, k])", "z2[i, l]": "sum(W2[l, k]*a1[i, k], k) + b2[l]"},
            "axes": "i:m j:d k:h l:c",
            "parameters": ["W1", "b1", "W2", "b2"],
        },
    ),
]


@pytest.mark.parametrize(("cost", "options"), COSTS)
def test_page_and_text_have_the_same_numbers(cost, options):
    shown = sg.parse(cost, **options).gradient.program
    page, lines = latex(shown), str(shown).splitlines()
    body = page.split("\n")[1:-1]
    assert [re.match(r"\((\d+)\)", row)[1] for row in body] == [re.match(r"\( *(\d+)\)", line)[1] for line in lines]
    assert page.count("{") == page.count("}") and page.count(r"\left") == page.count(r"\right")
    for equation, row in zip(shown.flat(), body, strict=True):
        assert row.count("&") - row.count(r" & \text") == (5 if r"&& \quad" in row else 3)
        reduced = {axis.index.value for axis in equation.reduced}
        ranges = row.partition(r"&& \quad ")[2]
        assert all(rf"\le {letter} <" not in ranges for letter in reduced if r"\sum" in row)


def test_a_scan_is_a_heading_and_its_equations():
    step = read_equation("h[t + 1] = tanh(u*h[t]) for t in 0:T")
    shown = latex(Program((read_equation("h[0] = 0"), Scan(step.domain[0], 1, (step,))), {"u": 0}, "C", ()))
    assert r" && & \text{step by step, } t = 0,\, \ldots,\, T - 1 \text{:}" in shown
    assert r"(2) && h_{t + 1} &= \tanh" in shown


def test_a_gradient_that_is_too_long_is_shown_as_its_program():
    deep = sp.Symbol("deep")  # SymPy compares equal formulas part by part, so no other test may have built this one
    for _ in range(30):
        deep = sp.sin(deep) + deep / 3
    with sg.checking(False):  # written out, the formula has 2^30 parts
        gradient = sg.Cost(deep).gradient
        assert gradient.latex() == latex(gradient.program)


def test_what_a_late_adjoint_multiplies_is_a_derivative():
    program = sg.parse("sqrt(mean((w*x + b - y)^2))", samples="x y").gradient.program
    shown = latex(program)
    assert r"\frac{\partial s_{1}}{\partial w} &= \sum_{i=0}^{m-1}" in shown
    assert r"\mathrm{d}w &= \frac{\frac{\partial s_{1}}{\partial w}}{2 C}" in shown
    array = sg.parse("sqrt(mean(sum(w[j]*X[i, j], j)^2, i))", axes="i:m j:d", parameters=["w"]).gradient.program
    assert r"{\left(\frac{\partial s_{1}}{\partial w}\right)}_{\,j} &= \sum_{i=0}^{m-1}" in latex(array)
