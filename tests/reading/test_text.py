"""The text language: what is written means what the tables in tests/cases say, and comes back as it was written."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from symgd.errors import InputError, LimitError
from symgd.nodes.formula import Formula
from symgd.nodes.node import ONE, TRUE, ZERO, access, index, length, node, number, range_
from symgd.nodes.text import text
from symgd.reading.text import axis_lengths, expression, names_in, problem, statement

CASES = Path(__file__).parents[1] / "cases"


def rows(file: str) -> list[list[str]]:
    lines = (CASES / file).read_text(encoding="utf-8").splitlines()
    return [line.split("  =>  ") for line in lines if line and not line.startswith("#")]


LETTERS = {letter: length(f"n_{letter}") for letter in "ijklp"}
x, y, w, b = map(access, "xywb")
i, j, k = map(index, "ijk")


@pytest.mark.parametrize("typed, written", rows("formulas.txt"), ids=[typed for typed, _ in rows("formulas.txt")])
def test_a_formula_is_written_back_and_read_again_as_the_same_node(typed: str, written: str) -> None:
    found = expression(typed)
    assert text(found, axes=LETTERS) == written
    assert expression(text(found)) is found
    assert expression(written) is found


@pytest.mark.parametrize("typed, column, message", rows("refused.txt"), ids=[typed for typed, *_ in rows("refused.txt")])
def test_what_is_no_formula_is_refused_with_a_caret_at_once(typed: str, column: str, message: str) -> None:
    start = time.process_time()
    with pytest.raises(InputError) as refused:
        problem(typed)
    assert time.process_time() - start < 0.5
    assert str(refused.value).startswith(message.removeprefix("limit: "))
    assert isinstance(refused.value, LimitError) == message.startswith("limit: ")
    assert (refused.value.at + 1, refused.value.source) == (int(column), typed)
    assert refused.value.accepted, "an error says what would be accepted"


# what the operators mean


def test_sums_and_products_are_flat_as_typed_and_parentheses_keep_nesting() -> None:
    minus_y = node("neg", y)
    assert expression("x - y + 1") is node("+", x, minus_y, ONE)
    assert expression("x*y*w/b") is node("/", node("*", x, y, w), b)
    assert expression("x/y*w") is node("*", node("/", x, y), w)
    assert expression("x + (y + w)") is node("+", x, node("+", y, w))
    assert expression("-x*y") is node("neg", node("*", x, y))
    assert expression("-3") is node("neg", number(3))
    assert expression("-x^2") is node("neg", node("^", x, number(2)))
    assert expression("2^-x") is node("^", number(2), node("neg", x))


def test_an_abbreviation_is_its_formula() -> None:
    assert expression("log(x, 2)") is node("logbase", x, number(2))
    assert expression("relu(x + y)") is node("max", node("+", x, y), ZERO)


def test_lines_and_line_ends() -> None:
    assert expression("\ufeff(x +\r\n  y) # both\r\n") is expression("x + y")
    assert expression("x +  # first\n y") is expression("x + y")
    with pytest.raises(InputError, match=r"(?s)The formula ends with its line.*row 2, column 1"):
        expression("x\n- y")


@pytest.mark.parametrize("empty", ["", "  \n\t", "# only a comment", "\ufeff"])
def test_nothing_is_no_formula(empty: str) -> None:
    with pytest.raises(InputError, match="The formula is empty"):
        expression(empty)


@pytest.mark.parametrize("code", [0x00, 0x07, 0xA0, 0x200B, 0x202E, 0x2028, 0xFEFF, 0xD800])
def test_invisible_characters_are_named(code: int) -> None:
    with pytest.raises(InputError, match=rf"U\+{code:04X}") as refused:
        expression(f"x{chr(code)} + y")
    assert refused.value.at == 1
    assert all(letter.isprintable() or letter == "\n" for letter in str(refused.value))


def test_two_spellings_of_one_name_are_refused_together_and_fine_alone() -> None:
    assert expression("e\u0301 + \xe9") is node("+", access("é"), access("é"))
    for twins in ("\u212a + K", "x + \U0001d431"):
        with pytest.raises(InputError, match="look different, and both are the name"):
            expression(twins)
        assert expression(twins.split()[0]) is expression(twins.split()[2])


def test_only_text_is_read() -> None:
    with pytest.raises(InputError, match="A formula is a text, not bytes"):
        expression(b"x")  # type: ignore[arg-type]


# letters, lengths, names


def test_a_name_in_a_subscript_or_behind_a_sum_is_a_letter_everywhere() -> None:
    assert expression("x[i]*i") is node("*", access("x", i), i)
    assert expression("sum(j, j)") is node("sum", j, range_(j, ZERO, length("n_j")))
    assert expression("x[label[i]]") is access("x", access("label", i))


def test_lengths_come_from_axes_and_from_bounds() -> None:
    assert expression("sum(x[j], j)/d", axes="j:d") is node("/", node("sum", access("x", j), range_(j, ZERO, length("d"))), length("d"))
    assert expression("sum(x[j], j)", axes={"j": 3}) is expression("sum(x[j], j in 0:3)")
    assert expression("x[d - 1]", lengths="d") is access("x", node("+", length("d"), node("neg", ONE)))
    assert expression("sum(x[j], j in 0:d)/d").args[1] is length("d")


def test_max_is_a_reduction_only_over_letters() -> None:
    over = node("maximum", access("x", j), range_(j, ZERO, length("n_j")))
    assert expression("max(x[j], j)") is over
    assert expression("max(x, k)") is node("max", x, access("k"))
    assert expression("max(x, k)", axes="k:3") is node("maximum", x, range_(k, ZERO, number(3)))
    assert expression("max(x[j], 0)") is node("max", access("x", j), ZERO)
    assert expression("max(x)", samples="x") is node("maximum", access("x", i), range_(i, ZERO, length("m")))


def test_pi_and_e_are_numbers_unless_they_are_names() -> None:
    assert expression("e + E") is node("+", node("constant", value="e"), node("constant", value="e"))
    assert expression("pi*π").args[0] is node("constant", value="pi")
    assert expression("e*x", names=["e"]) is node("*", access("e"), x)
    assert expression("e*x", samples="e").args[0] is access("e", i)
    assert expression("sum(e*x[e], e)").args[0] is node("*", index("e"), access("x", index("e")))
    assert problem("(e - 1)^2", where={"e": "w^2"}).expression is node("^", node("+", access("e"), node("neg", ONE)), number(2))
    assert problem("e*w").notes == ("e is the number 2.71828...; as parameter, constant, sample or definition it is a name.",)


def test_functions_are_names_when_they_are_declared() -> None:
    assert expression("sin*x", names="sin") is node("*", access("sin"), x)
    assert expression("`sin`*x") is node("*", access("sin"), x)


# samples and the hidden axis


def test_columns_stand_at_the_hidden_letter() -> None:
    found = problem("mean((w*x + b - y)^2)", samples=["x", "y"])
    assert found.samples == ("x", "y") and found.hidden == "i" and dict(found.axes) == {"i": length("m")}
    assert text(found.expression, hidden="i") == "mean((w*x + b - y)^2)"
    assert expression("mean(x[j])", samples="x", hidden="s") is node("mean", access("x", index("s"), j), range_(index("s"), ZERO, length("m")))


def test_the_hidden_letter_and_length_avoid_the_users_names() -> None:
    found = problem("mean(sum(W[i]*x[i], i) - m*y)", samples="x y")
    assert (found.hidden, found.axes["s"]) == ("s", length("N"))
    assert problem("mean(i*s*n*x)", samples="x").hidden == "t_"
    assert problem("mean(x)", samples="x", axes="j:m").axes["i"] is length("N")
    assert problem("mean(m*N*x)", samples="x").axes["i"] is length("N_1")


def test_definitions_that_read_samples_are_on_the_samples() -> None:
    found = problem(
        "mean((p - y)^2) + c", where={"p": "sum(v[k]*a[k], k)", "a[k]": "tanh(z[k] + c)", "z[k]": "w[k]*x", "c": "mean(x)"}, samples="x y", axes="k:3"
    )
    written = {text(target): text(body, axes=found.axes) for target, body in found.definitions}
    assert written == {"p[i]": "sum(v[k]*a[i, k], k)", "a[i, k]": "tanh(z[i, k] + c)", "z[i, k]": "w[k]*x[i]", "c": "mean(x[i], i)"}
    assert text(found.expression, axes=found.axes) == "mean((p[i] - y[i])^2, i) + c"


def test_a_thousand_definitions_on_the_samples() -> None:
    chain = {"z0": "w*x", **{f"z{n}": f"tanh(z{n - 1})" for n in range(1, 1000)}}
    start = time.process_time()
    found = problem("mean(z999)", where=chain, samples="x")
    assert time.process_time() - start < 10
    assert all(target.args == (i,) for target, _ in found.definitions)


def test_a_cost_for_every_sample_is_refused() -> None:
    with pytest.raises(InputError, match="The cost has a value for every sample"):
        problem("(w*x - y)^2", samples="x y")


@pytest.mark.parametrize(
    "where",
    [{"z[i, k]": "sum(W[k, j]*X[i, j], j)"}, "z[i, k] = sum(W[k, j]*X[i, j], j)\n", ["z[i, k] = sum(W[k, j]*X[i, j], j)"]],
    ids=["mapping", "text", "lines"],
)
def test_definitions_as_mapping_text_or_lines(where: dict[str, str] | str | list[str]) -> None:
    found = problem("sum(z[i, k]^2, i, k)", where=where, axes="j:d")
    ((target, body),) = found.definitions
    assert (text(target), text(body)) == ("z[i, k]", "sum(W[k, j]*X[i, j], j in 0:d)")
    assert dict(found.axes) == {"j": length("d"), "i": length("n_i"), "k": length("n_k")}
    assert isinstance(found, Formula) and found.source == "sum(z[i, k]^2, i, k)" and found.hidden is None


@pytest.mark.parametrize(
    "where, message",
    [
        ({"z + 1": "x"}, "A definition is for a name or its elements"),
        ({"2": "x"}, "A definition is for a name or its elements"),
        ({"z": "x >"}, "The formula ends too early"),
        ({"z": "x > 0"}, "The definition of z is a condition"),
        ({"z": ""}, "The formula is empty"),
        (["z"], "A definition has a name"),
        ({"j": "1"}, "j is a definition here, and no index letter"),
    ],
)
def test_definitions_that_are_none(where: dict[str, str] | list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        problem("sum(x[j], j)", where=where)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"samples": "j"}, "j is a sample column here, and no index letter"),
        ({"names": "j"}, "j is a name here, and no index letter"),
        ({"axes": "k:j"}, "j is a length here, and no index letter"),
        ({"axes": "j:j"}, "j is both an index letter and a length"),
        ({"axes": "x:3"}, "x is an index letter and cannot have a subscript"),
        ({"axes": "y:3", "names": "y"}, "y is both a name of the problem and an index letter"),
        ({"axes": "3:j"}, "An axis is an index letter, a colon and its length"),
        ({"axes": "j:3 j:4"}, "Axis j has two lengths"),
        ({"axes": "j:1.5"}, "1.5 is no length"),
        ({"axes": "j:"}, "The formula is empty"),
        ({"samples": "x x"}, "x is named twice"),
        ({"samples": [1]}, "A name is a text, not 1"),
    ],
)
def test_a_name_has_one_meaning(settings: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        problem("sum(x[j], j)", **settings)


def test_lengths_of_axes() -> None:
    assert {letter: text(size) for letter, size in axis_lengths("r:6,p:H - P+1\n q:2*n").items()} == {"r": "6", "p": "H - P + 1", "q": "2*n"}
    assert axis_lengths({"i": "m", "j": 3, "k": length("h")}) == {"i": length("m"), "j": number(3), "k": length("h")}
    assert names_in("x,y  z") == ("x", "y", "z") and names_in(["a b"]) == ("a b",) and names_in("") == ()


# notes


@pytest.mark.parametrize(
    "typed, note",
    [
        ("mean(х*x)", "х looks like x but is another name: х (U+0445 CYRILLIC SMALL LETTER HA) is not x."),
        ("mean(x*mоde)", "mоde looks like mode but is another name: о (U+043E CYRILLIC SMALL LETTER O) is not o."),
        ("mean(𝐰*x)", "𝐰 is read as w."),
        ("mean(xy + w*x)", "xy is one name; a product is x*y."),
        ("mean(sinw*x)", "sinw is one name; the function is sin(w)."),
        ("mean(log2w + exp3w*x)", "exp3w is one name; the function is exp(3*w)."),
        ("mean(log2w + exp3w*x)", "log2w is one name; the function is log2(w)."),
        ("mean(w)", "A mean over the samples has the same term throughout: w."),
        ("mean(x) + sum(w, k)", "A sum over k has the same term throughout: w."),
    ],
)
def test_a_note_for_what_is_easily_overlooked(typed: str, note: str) -> None:
    assert note in problem(typed, samples="x y").notes


def test_no_note_without_need() -> None:
    assert problem("mean((w*x + b - y)^2 + α*a)", samples="x y").notes == ()
    assert problem("é*é", names=["é"]).notes == ()
    assert problem("cost*tank*abs1 + logp + logit + expense + lnw", names=["lnw"]).notes == ()
    assert problem("e\u0301*w").notes == ()
    assert problem("sum(1/m, i in 0:m, j in 0:i)").notes == ("A sum over j has the same term throughout: 1/m.",)


# statements


@pytest.mark.parametrize(
    "line",
    [
        "C = s1/m",
        "dw[label[i]] += dr[i]*x[i + 1] for i in 0:m, j in i + 1:d if x[i] > 0",
        "L[i] max= z[i, l] for i in 0:m, l in 0:h",
        "L[i] min= z[i, l] for i in 0:m, l in 0:h",
        "L[i] logsumexp= z[i, l] for i in 0:m, l in 0:h",
        "P *= x[i] for i in 0:m",
        "max = 3",
        "h[t + 1, k] = tanh(s1[t, k]) for t in 0:T - 1, k in 0:h1",
        "s[p] += x[q] for p in 0:m, q in start[p]:start[p + 1]",
        "y = (x - s1)^2/m if x > 0 and not x == 1",
    ],
)
def test_an_equation_is_read_as_a_program_prints_it(line: str) -> None:
    given = statement(line)
    ranges = f" for {', '.join(map(text, given.ranges))}" if given.ranges else ""
    guard = f" if {text(given.guard)}" if given.guard is not TRUE else ""
    assert f"{text(given.target)} {given.op} {text(given.body)}{ranges}{guard}" == line


def test_lengths_and_letters_of_an_equation() -> None:
    given = statement("C += (t1[i] - s1)^2/m for i in 0:m")
    assert given.body is node("/", node("^", node("+", access("t1", i), node("neg", access("s1"))), number(2)), length("m"))
    assert statement("e = e*x").body is node("*", access("e"), x)
    assert statement("y = a/m", lengths="m").body is node("/", access("a"), length("m"))


@pytest.mark.parametrize(
    "line, message",
    [
        ("x + y", r"\+ cannot stand here"),
        ("x", "The formula ends too early"),
        ("x = y = z", "= cannot stand here"),
        ("x + 1 = y", r"\+ cannot stand here"),
        ("x = y > 0", "The right side is a condition"),
        ("x = y if z", "A guard is a condition"),
        ("x = y if z > 0 else w", "A formula has no else"),
        ("x = y for i", "The formula ends too early"),
        ("x = y for 2 in 0:m", "2 cannot stand here"),
        ("x[i] = (y = 2)", "= cannot stand in brackets"),
    ],
)
def test_equations_that_are_none(line: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        statement(line)


# size


def test_a_sum_of_100_000_terms_is_read_in_linear_time() -> None:
    terms = [f"x{n}" for n in range(100_000)]
    start = time.process_time()
    found = expression(" + ".join(terms))
    assert time.process_time() - start < 15
    assert [term.value for term in found.args] == terms
    assert text(found) == " + ".join(terms)


@pytest.mark.parametrize("typed", ["-" * 20_000 + "x", "^".join("x" * 20_000), "x" + "/(y" * 190 + ")" * 190, "√" * 20_000 + "x"], ids=len)
def test_depth_without_many_brackets_is_no_problem(typed: str) -> None:
    assert expression(typed).op in ("neg", "^", "/", "sqrt")


@pytest.mark.parametrize(
    "typed, limit",
    [
        ("(" * 3000 + "x" + ")" * 3000, "at most 200 levels"),
        ("sin(" * 1200 + "x" + ")" * 1200, "at most 200 levels"),
        pytest.param("+".join("x" * 500_000), "at most 500,000", marks=pytest.mark.slow),
        ("1" * 5000, "at most 400"),
        ("x" * 201, "at most 200"),
        ("x" * 10_000, "at most 200"),
        ("`" + "x" * 10_000 + "`", "at most 200"),
        pytest.param("+" * 1_500_001 + "x", "at most 1,500,000", marks=pytest.mark.slow),
        pytest.param("x " * 5_000_000, "at most 4,000,000", marks=pytest.mark.slow),
    ],
    ids=lambda given: str(len(given)),
)
def test_limits_are_named(typed: str, limit: str) -> None:
    with pytest.raises(LimitError, match=limit):
        expression(typed)


def test_reading_imports_neither_sympy_nor_lark_before_it_reads() -> None:
    script = (
        "import sys, symgd.reading.text as reading; assert not {'lark', 'sympy', 'mpmath', 'numpy'} & set(sys.modules); "
        "reading.expression('x'); assert 'lark' in sys.modules and 'sympy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
