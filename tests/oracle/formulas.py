"""Hypothesis makes scalar formulas from the function table, in the text language's own nodes."""

from __future__ import annotations

from hypothesis import strategies as st

from symgd.nodes.constants import Constants
from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.node import Node, access, node, number, postorder

STEPS = {"floor", "ceiling", "mod", "heaviside", "sign"}  # jump: compared by the table tests, at points away from the jumps
UNARY = sorted(name for name, row in FUNCTIONS.items() if row.arity == 1 and name not in STEPS | {"factorial"})
BINARY = sorted(name for name, row in FUNCTIONS.items() if row.arity == 2 and name not in STEPS | {"polygamma"})
NAMES = ("x", "y", "z")

leaves = st.one_of(
    st.sampled_from(NAMES).map(access),
    st.sampled_from(["1", "2", "3", "0.5", "0.1"]).map(number),
)


def _grown(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        st.lists(inner, min_size=2, max_size=4).map(lambda terms: node("+", *terms)),
        st.lists(inner, min_size=2, max_size=4).map(lambda factors: node("*", *factors)),
        pairs.map(lambda two: node("/", *two)),
        inner.map(lambda one: node("neg", one)),
        st.tuples(inner, st.sampled_from(["2", "3", "0.5"])).map(lambda two: node("^", two[0], number(two[1]))),
        pairs.map(lambda two: node("^", *two)),
        st.tuples(st.sampled_from(UNARY), inner).map(lambda two: node(two[0], two[1])),
        st.tuples(st.sampled_from(BINARY), inner, inner).map(lambda three: node(*three)),
        st.tuples(inner, inner, inner).map(lambda three: node("piecewise", three[0], node("<", three[1], number(1)), three[2])),
        st.lists(inner, min_size=2, max_size=3).map(lambda args: node("max", *args)),
    )


def defined(formula: Node) -> bool:
    """Has everything that is made of numbers alone a real value? What has none is refused."""
    constants = Constants()
    return not any(constants.is_undefined(part) for part in postorder(formula))


formulas = st.recursive(leaves, _grown, max_leaves=10).filter(defined)
values = st.floats(0.1, 2.5).map(lambda value: round(value, 3))
points = st.fixed_dictionaries({name: values for name in NAMES})
