"""What stands in a formula twice is computed once, and no equation is too long to read."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgd as sg
from symgd.nodes.node import access, node, postorder
from symgd.nodes.text import text
from symgd.program.gate import checked_same
from symgd.program.operations import weight
from symgd.program.sharing import FACTORS, LONGEST, shared
from tests.oracle.formulas import formulas


def forward(formula: str) -> list[str]:
    return str(sg.parse(formula).program).splitlines()


@pytest.mark.parametrize(
    ("formula", "equations"),
    [
        ("exp(w*x)^2 + exp(w*x)", ["t1 = exp(w*x)", "C = t1^2 + t1"]),
        ("(w*x + b)/(1 + (w*x + b))", ["t1 = w*x + b", "C = t1/(1 + t1)"]),
        ("w*x + 1/(w*x)", ["C = w*x + 1/(w*x)"]),  # one product is cheaper than a name
        ("-sin(w) + w*-sin(w)", ["t1 = sin(w)", "C = -t1 + w*(-t1)"]),
        ("sin(cos(w)) + tan(sin(cos(w))) + cos(w)", ["t2 = cos(w)", "t1 = sin(t2)", "C = t1 + tan(t1) + t2"]),
        ("(a - b)^2*exp((a - b)^2)", ["r1 = (a - b)^2", "C = r1*exp(r1)"]),
    ],
)
def test_a_part_that_is_worth_it_is_named_where_it_is_first_used(formula, equations):
    found = [line.partition(") ")[2] for line in forward(formula)]
    renamed = {name: f"@{n}" for n, name in enumerate(line.split(" = ")[0] for line in found)}
    wanted = {name: f"@{n}" for n, name in enumerate(line.split(" = ")[0] for line in equations)}

    def with_numbers(lines: list[str], numbers: dict[str, str]) -> list[str]:
        return [" ".join(numbers.get(word, word) for word in re.findall(r"\w+|\S", line)) for line in lines]

    assert with_numbers(found, renamed) == with_numbers(equations, wanted)


def test_a_part_of_branches_alone_has_no_name():
    assert forward("piecewise(log(w)^2 + log(w), w > 0, 0)") == ["(1) C = piecewise(log(w)^2 + log(w), w > 0, 0)"]
    assert len(forward("piecewise(log(v)^2, w > 0, log(v)) + log(v)")) == 2  # but this one is evaluated anyway


def test_squares_of_squares_are_as_many_operations_as_squares():
    root = access("w")
    for _ in range(200):
        root = node("*", root, root)  # w^(2^200), written out longer than any memory
    program = sg.parse("w + v").program
    (equation,) = program.flat()
    found = shared(type(program)((type(equation)("C", (), "=", (), root),), {"w": 0, "v": 0}, "C", ("w",), extents={"C": ()}))
    assert sum(map(weight, found.flat())) < 2000


@settings(max_examples=50)
@given(st.lists(formulas, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_naming_changes_no_value_and_leaves_short_equations(parts, source):
    """Formulas of random parts, each used several times, up to some thousand nodes."""
    root = node("+", *(node("*", source.choice(parts), source.choice(parts), access("x")) for _ in range(source.randrange(2, 40))))
    cost = sg.parse(text(root), parameters=["x", "y", "z"])
    program = cost.program
    raw = type(program)((type(next(program.flat()))("C", (), "=", (), root),), program.inputs, "C", program.parameters, extents={"C": ()})
    found = shared(raw)
    checked_same(raw, found, "sharing")
    for equation in found.flat():
        inside = postorder(equation.body)
        if not any(part.op == "piecewise" for part in inside):
            assert len(inside) <= LONGEST
            assert all(len(part.args) <= FACTORS for part in inside if part.op == "*")


@pytest.mark.parametrize(
    ("factor", "most"),
    [("w{n}", 3), ("(w{n} + {n})", 3), ("sin(w{n})", 3), ("(w{n}*x{n} - 1)", 3), ("w{n}^2", 3.6), ("exp(w{n})", 3)],
)
@pytest.mark.parametrize("factors", [9, 40, 160])
def test_the_gradient_of_a_product_costs_at_most_three_products(factor, most, factors):
    """Of squares, w^2*v^2*..., 3.5: there every factor has a product and a square of its own to go with those of the others."""
    cost = sg.parse("*".join(factor.format(n=n + 1) for n in range(factors)), parameters=[f"w{n + 1}" for n in range(factors)])
    with sg.checking(factors < 100):  # a slope in every one of 160 directions takes a while
        assert cost.gradient.program.operations <= most * cost.program.operations
