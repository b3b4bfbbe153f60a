"""Whatever node there is, its text reads back to it; whatever text there is, it is read or refused."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from symgd.errors import InputError, LimitError
from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.node import COMPARISONS, FALSE, REDUCTIONS, TRUE, ZERO, Node, access, index, length, node, number, range_
from symgd.nodes.text import text
from symgd.reading.text import expression

AXES = {"i": length("m"), "j": length("d"), "s": length("rows")}
I, J, P, S = map(index, "ijps")
PLACES = [I, J, P, ZERO, length("d"), access("label", I), node("+", I, number(1)), node("*", number(2), J), node("+", P, node("neg", length("d")))]
BOUNDS = [ZERO, number(7), length("m"), length("d"), access("start", P), node("+", length("m"), node("neg", number(1)))]
NUMBERS = [number(value) for value in ("0", "2", "17", "0.10", "1e-3", "3.", ".5")]
SCALARS = [*map(access, ("x", "y1", "body mass", "if", "λ", "x\u0302")), I, J, length("m"), node("constant", value="pi"), node("constant", value="e")]
WHOLE = [range_(I, ZERO, AXES["i"]), range_(J, ZERO, AXES["j"])]
RANGES = WHOLE + [range_(letter, low, high) for letter in (J, index("k")) for low in BOUNDS for high in BOUNDS]
OPERATIONS = ["+", "+", "*", "*", "/", "/", "^", "^", "neg", "neg", "function", "reduction", "piecewise", "array"]


@st.composite
def formulas(draw: st.DrawFn, depth: int = 5, hidden: bool = False) -> Node:
    """A formula; with `hidden` also of sample columns u, V and means over them."""

    def inner() -> Node:
        return draw(formulas(depth - 1, hidden))

    def place() -> Node:
        return draw(st.sampled_from(PLACES))

    if not depth or draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from([*NUMBERS, *SCALARS, *([access("u", S)] * 3 if hidden else [])]))
    op = draw(st.sampled_from(OPERATIONS))
    if op in ("+", "*"):
        return node(op, *(inner() for _ in range(draw(st.integers(2, 4)))))
    if op == "neg":
        return node(op, inner())
    if op == "function":
        row = FUNCTIONS[draw(st.sampled_from(sorted(FUNCTIONS)))]
        return node(row.name, *(inner() for _ in range(row.arity or draw(st.integers(2, 3)))))
    if op == "reduction":
        op = draw(st.sampled_from(REDUCTIONS))
        if hidden and draw(st.booleans()):
            return node(op, inner(), range_(S, ZERO, AXES["s"]))
        return node(op, inner(), *draw(st.lists(st.sampled_from(RANGES), min_size=1, max_size=2, unique_by=lambda bound: bound.args[0])))
    if op == "piecewise":
        pairs = [part for _ in range(draw(st.integers(1, 2))) for part in (inner(), draw(conditions(depth - 1, hidden)))]
        return node(op, *pairs, *([inner()] if draw(st.booleans()) else []))
    if op == "array":
        if hidden and draw(st.booleans()):
            return access("V", S, place())
        return draw(st.sampled_from([access("X", place()), access("e", place()), access("max", place()), access("W", place(), place())]))
    return node(op, inner(), inner())


@st.composite
def conditions(draw: st.DrawFn, depth: int, hidden: bool) -> Node:
    op = draw(st.sampled_from([*COMPARISONS, "and", "or", "not", "truth"]))
    if op == "truth" or depth <= 0:
        return draw(st.sampled_from([TRUE, FALSE]))
    if op in COMPARISONS:
        return node(op, draw(formulas(depth - 1, hidden)), draw(formulas(depth - 1, hidden)))
    return node(op, *(draw(conditions(depth - 1, hidden)) for _ in range(1 if op == "not" else draw(st.integers(2, 3)))))


@settings(max_examples=300, deadline=None)
@given(formulas())
def test_text_reads_back_to_the_same_node(formula: Node) -> None:
    written = text(formula, axes=AXES)
    try:
        found = expression(written, axes=AXES)
    except LimitError:
        assume(False)  # numbers such as 17^17^17
    assert found is formula
    assert expression(text(formula), axes=AXES) is formula


@settings(max_examples=200, deadline=None)
@given(formulas(hidden=True))
def test_so_it_does_where_the_sample_axis_is_hidden(formula: Node) -> None:
    try:
        found = expression(text(formula, hidden="s", axes=AXES), axes=AXES, samples="u V", hidden="s")
    except LimitError:
        assume(False)
    assert found is formula


WORDS = [*"xyij012 .,+-*/^()[]|<>=!&:;`_#\n\\²√½πeE∞“'é", "sum(", "max(", "piecewise(", " in ", " and ", "not ", "1e", "sin", "x[i]"]


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=20).map("".join))
def test_any_text_is_read_or_refused_with_a_place(typed: str) -> None:
    try:
        expression(typed, samples="y")
    except InputError as refused:
        assert refused.accepted
        assert refused.source is None or 0 <= refused.at <= len(refused.source)
