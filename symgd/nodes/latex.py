"""Nodes -> LaTeX, in the form that the user wrote. It needs amsmath or KaTeX and contains no name unescaped."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from .functions import FUNCTIONS
from .node import COMPARISONS, ONE, REDUCTIONS, ZERO, Node, accesses, node, number
from .text import Piece, check_size, is_delta, written_out

_OR, _AND, _NOT, _COMPARISON, _CHOICE, _SUM, _NEGATIVE, _PRODUCT, _REDUCTION, _CALL, _FRACTION, _POWER, _ATOM = range(1, 14)
_LEVELS: Final[Mapping[str, int]] = {
    "or": _OR, "and": _AND, "not": _NOT, **dict.fromkeys(COMPARISONS, _COMPARISON), "piecewise": _CHOICE, "+": _SUM, "neg": _NEGATIVE,
    "*": _PRODUCT, **dict.fromkeys(("sum", "mean", "product"), _REDUCTION), "derivative": _CALL, "@": _PRODUCT,
    "transpose": _POWER, "/": _FRACTION, "^": _POWER, "range": _COMPARISON,
}  # fmt: skip
_SIGNS: Final = {"==": "=", "!=": r"\ne", "<": "<", "<=": r"\le", ">": ">", ">=": r"\ge", "and": r"\land", "or": r"\lor"}
_BIG: Final = {"sum": r"\sum", "product": r"\prod"}
_HEADS: Final = {
    "maximum": r"\max", "minimum": r"\min", "mean": r"\operatorname*{mean}", "logsumexp": r"\operatorname*{logsumexp}",
    "softmax": r"\operatorname*{softmax}",
}  # fmt: skip
_ESCAPED: Final = {
    "\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    **{letter: f"\\{letter}" for letter in "_%$&#{}"},
}  # fmt: skip
_GREEK: Final = frozenset({
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau",
    "upsilon", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega",
})  # fmt: skip
_PARENTHESES: Final = (r"\left(", r"\right)")


def latex(node: Node, *, hidden: str | None = None, axes: Mapping[str, Node] | None = None, names: Mapping[str, str] | None = None) -> str:
    """The formula in LaTeX.

    A mean is 1/m times a sum. A range that is the whole axis, by `axes` or because its letter is the `hidden` one of the samples, is a letter alone.
    `names`: name -> its LaTeX, for all that the formula reads, where formulas stand side by side.

    >>> from symgd.reading.text import expression
    >>> print(latex(expression("2*x*(w*x + b)^2/m - sqrt(alpha_1)")))
    \\frac{2 x\\,\\left(w\\,x + b\\right)^{2}}{m} - \\sqrt{\\alpha_{1}}
    >>> print(latex(expression("mean(sum(W1[j]*x[j], j) - y)", samples="x y", axes="j:d"), hidden="i"))
    \\frac{1}{m} \\sum_{i} \\left(\\sum_{j=0}^{d-1} {W_{1}}_{\\,j}\\,x_{i,j} - y_{i}\\right)
    """
    check_size(node)
    return written_out(node, _Writer(node, hidden, axes or {}, names).pieces, _level, _PARENTHESES)


def latex_name(name: str) -> str:
    """A name by itself: Greek letters as such, `w1` and `w_1` with an index, more than one letter upright, everything else inert.

    >>> print(latex_name("theta1"), latex_name("learning_rate"), latex_name("x}$"))
    \\theta_{1} \\mathrm{learning}_{\\mathrm{rate}} \\text{x\\}\\$}
    """
    found = _SUBSCRIPTED.fullmatch(name)
    if found is None:
        return _plain(name)
    below = found["digits"] or (found["rest"] if found["rest"].isdigit() else _upright(found["rest"]))
    return f"{_plain(found['base'])}_{{{below}}}"


def latex_names(ranks: Mapping[str, int]) -> dict[str, str]:
    """Names that stand side by side, each with its number of indices: no two look alike.

    >>> print(*latex_names({"w_1": 0, "w1": 0, "v": 1, "v2": 0}).values())
    w_{1} \\mathrm{w1} v \\mathrm{v2}
    """
    arrays = {name for name, rank in ranks.items() if rank}
    names: dict[str, str] = {}
    taken: set[str] = set()
    for name in ranks:
        short, written = _SUBSCRIPTED.fullmatch(name), latex_name(name)
        alike = written in taken or (short is not None and short["base"] in arrays)
        names[name] = _upright(name) if alike else written
        taken.add(names[name])
    return names


_SUBSCRIPTED: Final = re.compile(r"(?P<base>[^\W\d_]+)(?:(?P<digits>[0-9]+)|_(?P<rest>[^\W_](?:\w*[^\W_])?))", re.ASCII)


def _plain(name: str) -> str:
    if name in _GREEK:
        return rf"\{name}"
    if len(name) == 1 and name.isascii() and name.isalpha():
        return name
    return _GREEK_LETTERS.get(name) or _upright(name)


def _upright(name: str) -> str:
    """Letters, digits and _ as they are; other names as text, with signs that fonts lack by their code."""
    if _WORD.fullmatch(name):
        return rf"\mathrm{{{name.replace('_', _ESCAPED['_'])}}}"
    return rf"\text{{{''.join(map(_inert, name))}}}"


def _inert(letter: str) -> str:
    if letter in _ESCAPED or (letter.isascii() and letter.isprintable()):
        return _ESCAPED.get(letter, letter)
    return letter if _PRINTED.fullmatch(letter) and letter.isalpha() else f"U+{ord(letter):04X}"


_WORD: Final = re.compile(r"\w+", re.ASCII)
_PRINTED: Final = re.compile("[À-ɏЀ-ӿぁ-ヿ一-龥가-힣]")


def _greek_letters() -> Iterator[tuple[str, str]]:
    """Each Greek letter that LaTeX has, in its forms, and its command."""
    for name in _GREEK:
        size = "CAPITAL" if name[0].isupper() else "SMALL"
        letter = unicodedata.lookup(f"GREEK {size} LETTER {'LAMDA' if name.lower() == 'lambda' else name.upper()}")
        yield letter, rf"\{name}"
    for letter, name in (("µ", "mu"), ("ϕ", "phi"), ("ϵ", "epsilon"), ("ϑ", "theta"), ("ς", "varsigma"), ("ℓ", "ell")):
        yield letter, rf"\{name}"


_GREEK_LETTERS: Final = dict(_greek_letters())


class _Writer:
    def __init__(self, root: Node, hidden: str | None, axes: Mapping[str, Node], names: Mapping[str, str] | None) -> None:
        self.hidden, self.axes = hidden, axes
        self.names = latex_names({part.value: len(part.args) for part in accesses(root)}) if names is None else names

    def pieces(self, part: Node) -> list[Piece]:
        op, args = part.op, part.args
        if op == "number":
            return [_number(part.value)]
        if op == "+":
            pieces: list[Piece] = [(args[0], _NEGATIVE)]
            for term in args[1:]:
                pieces += [" - ", (term.args[0], _PRODUCT)] if term.op == "neg" else [" + ", (term, _NEGATIVE)]
            return pieces
        if op == "*":
            return self.product(args)
        if op == "neg":
            return ["-", (args[0], _PRODUCT)]
        if op == "/":
            return [r"\frac{", (args[0], 0), "}{", (args[1], 0), "}"]
        if op == "^":
            return self.power(*args)
        if op == "access":
            return self.access(part)
        if op in ("index", "length"):
            letter = re.fullmatch(r"n_([^\W\d_])", part.value)
            return [f"n_{{{_plain(letter[1])}}}" if letter else latex_name(part.value)]
        if op == "constant":
            return [r"\pi" if part.value == "pi" else part.value]
        if op in COMPARISONS:
            return [(args[0], _CHOICE), f" {_SIGNS[op]} ", (args[1], _CHOICE)]
        if op in ("and", "or"):
            return _joined(args, f" {_SIGNS[op]} ", _AND if op == "or" else _NOT)
        if op == "not":
            return [r"\lnot ", (args[0], _COMPARISON + 1 if args[0].op != "not" else _NOT)]
        if op == "piecewise":
            return self.deltas(args[1]) if is_delta(part) else _cases(args)
        if op == "range":
            return [(args[1], _CHOICE), r" \le ", (args[0], _ATOM), " < ", (args[2], _CHOICE)]
        if op in REDUCTIONS:
            return self.reduction(part)
        if op == "@":
            return _joined(args, r"\,", _POWER)
        if op == "transpose":
            return [(args[0], _ATOM), r"^{\top}"]
        if op == "marked":
            return [r"\textcolor{#c2500f}{", (args[0], 0), "}"]
        if op == "derivative":
            return [r"\frac{\partial}{\partial ", (args[1], _ATOM), r"}\left(", (args[0], 0), r"\right)"]
        if not args:
            return [rf"\mathrm{{{op}}}"]
        return _call(op, args)

    def product(self, args: tuple[Node, ...]) -> list[Piece]:
        if len(args) == 2 and args[0].op == "number" and args[1].op == "mean" and "/" not in args[0].value and (size := _size(args[1])) is not None:
            return self.mean(args[1], (args[0], 0), size)  # 2/m in front of the sum
        pieces: list[Piece] = []
        last = len(args) - 1
        for place, factor in enumerate(args):
            if place:
                before = args[place - 1]
                dotted = _starts_with_number(factor) or (before.op == "number" and factor.op == "mean")
                close = before.op == "number" and "/" not in before.value and not self.upright(factor)
                pieces.append(r" \cdot " if dotted else " " if close else r"\,")
            pieces.append((factor, _REDUCTION if place == last else _CALL))
        return pieces

    def upright(self, factor: Node) -> bool:
        """Whether a word stands first, which needs a space behind a number."""
        first = factor.args[0] if factor.op == "^" else factor
        return first.op == "access" and self.names[first.value].startswith((r"\mathrm", r"\text"))

    def power(self, base: Node, exponent: Node) -> list[Piece]:
        row = FUNCTIONS.get(base.op)
        if row is not None and "{0}" not in row.latex and "^" not in row.latex and exponent.op == "number" and exponent.value.isdigit():
            # sin^2(x)
            return [row.latex, "^{", exponent.value, "}", r"\left(", *_joined(base.args, ", ", 0), r"\right)"]
        return [(base, _ATOM), "^{", (exponent, 0), "}"]

    def access(self, part: Node) -> list[Piece]:
        name = self.names[part.value]
        if not part.args:
            return [name]
        return [f"{{{name}}}" if "_{" in name else name, r"_{\," if "_{" in name else "_{", *_joined(part.args, ",", 0), "}"]

    def deltas(self, condition: Node) -> list[Piece]:
        """A Kronecker delta for each equality."""
        pieces: list[Piece] = []
        for one in condition.args if condition.op == "and" else (condition,):
            pieces += [r"\,"] if pieces else []
            pieces += [r"\delta_{", *_joined(one.args, r"\,", _SUM), "}"]
        return pieces

    def reduction(self, part: Node) -> list[Piece]:
        body, *ranges = part.args
        if part.op == "mean" and (size := _size(part)) is not None:
            return self.mean(part, "1", size)
        if part.op in _BIG:
            return [*self.signs(_BIG[part.op], ranges), (body, _PRODUCT)]
        if part.op == "norm":
            return [r"\left\lVert ", (body, 0), r"\right\rVert", "_{", *self.below(ranges), "}"]
        return [_HEADS[part.op], "_{", *self.below(ranges), r"}\left(", (body, 0), r"\right)"]

    def mean(self, part: Node, above: Piece, size: list[Piece]) -> list[Piece]:
        body, *ranges = part.args
        return [r"\frac{", above, "}{", *size, "} ", *self.signs(r"\sum", ranges), (body, _PRODUCT)]

    def signs(self, sign: str, ranges: Sequence[Node]) -> list[Piece]:
        pieces: list[Piece] = []
        for bound in ranges:
            letter, low, high = bound.args
            pieces += [f"{sign}_{{", (letter, 0)]
            pieces += ["} "] if self.whole(bound) else ["=", (low, 0), "}^{", *_compact(_before(high)), "} "]
        return pieces

    def below(self, ranges: Sequence[Node]) -> list[Piece]:
        pieces: list[Piece] = []
        for bound in ranges:
            pieces += [", "] if pieces else []
            pieces.append((bound.args[0] if self.whole(bound) else bound, 0))
        return pieces

    def whole(self, bound: Node) -> bool:
        letter, low, high = bound.args
        return low is ZERO and (letter.value == self.hidden or self.axes.get(letter.value) is high)


def _level(part: Node) -> int:
    if part.op == "number":
        value = part.value.lower()
        return _NEGATIVE if value.startswith("-") else _FRACTION if "/" in value or "e" in value else _ATOM
    if part.op in FUNCTIONS:
        return _ATOM if FUNCTIONS[part.op].latex.startswith((r"\left", r"\sqrt")) else _POWER if "{0}" in FUNCTIONS[part.op].latex else _CALL
    if part.op in REDUCTIONS:
        return _LEVELS.get(part.op, _CALL)
    if part.op == "piecewise" and is_delta(part):
        return _CALL
    return _level(part.args[0]) if part.op == "marked" else _LEVELS.get(part.op, _ATOM)


def _number(value: str) -> str:
    """1e-3 as a power of ten, 1/3 as a fraction.

    >>> print(_number("2.5e-3"), _number("1/3"))
    2.5 \\cdot 10^{-3} \\frac{1}{3}
    """
    above, slash, below = value.partition("/")
    if slash:
        sign = "-" if above.startswith("-") else ""
        return rf"{sign}\frac{{{above.lstrip('-')}}}{{{below}}}"
    mantissa, _, exponent = value.lower().partition("e")
    if not exponent:
        return value
    return rf"10^{{{int(exponent)}}}" if mantissa == "1" else rf"{mantissa} \cdot 10^{{{int(exponent)}}}"


def _starts_with_number(part: Node) -> bool:
    """Whether digits stand first, so that a number before it needs a sign in between."""
    if part.op == "^":
        part = part.args[0]
    if part.op == "number":
        return not part.value.startswith("-")
    return part.op == "exp2" or (part.op == "/" and all(argument.op == "number" for argument in part.args))


def _call(op: str, args: tuple[Node, ...]) -> list[Piece]:
    template = FUNCTIONS[op].latex if op in FUNCTIONS else _upright(op)
    if "{0}" not in template:
        return [template, r"\left(", *_joined(args, ", ", 0), r"\right)"]
    pieces: list[Piece] = []
    for place, piece in enumerate(re.split(r"\{(\d)\}", template)):
        if place % 2 == 0:
            pieces.append(piece)
        else:
            bare = template.startswith("{0}")  # a sign behind its argument, u!
            pieces.append((args[int(piece)], _ATOM if bare else 0))
    return pieces


def _cases(args: tuple[Node, ...]) -> list[Piece]:
    pieces: list[Piece] = [r"\begin{cases} "]
    for place in range(0, len(args) - 1, 2):
        pieces += [(args[place], 0), r" & \text{if } ", (args[place + 1], 0), r" \\ "]
    if len(args) % 2:
        pieces += [(args[-1], 0), r" & \text{otherwise}"]
    else:
        pieces.pop()
    return [*pieces, r" \end{cases}"]


def _joined(args: Sequence[Node], sign: str, least: int) -> list[Piece]:
    pieces: list[Piece] = []
    for argument in args:
        pieces += [sign, (argument, least)] if pieces else [(argument, least)]
    return pieces


def _size(mean: Node) -> list[Piece] | None:
    """How many terms a mean has, or None where the ranges depend on each other."""
    ranges = mean.args[1:]
    letters = {bound.args[0] for bound in ranges}
    if any(letters & (bound.args[1].free | bound.args[2].free) for bound in ranges):
        return None
    pieces: list[Piece] = []
    alone = len(ranges) == 1
    for bound in ranges:
        _, low, high = bound.args
        size = high if low is ZERO else node("+", high, node("neg", low))
        pieces += [r"\,"] if pieces and size.op != "number" else [r" \cdot "] if pieces else []
        pieces.append((size, 0 if alone else _CALL))
    return pieces


def _before(high: Node) -> Node:
    """high - 1, without `n + 1 - 1` or `n - 1 - 1`."""
    if high.op == "number" and high.value.isdigit():
        return number(int(high.value) - 1)
    if high.op == "+" and high.args[-1].op == "neg" and high.args[-1].args[0].op == "number" and high.args[-1].args[0].value.isdigit():
        return node("+", *high.args[:-1], node("neg", number(int(high.args[-1].args[0].value) + 1)))
    if high.op == "+" and high.args[-1] is ONE:
        return high.args[0] if len(high.args) == 2 else node("+", *high.args[:-1])
    return node("+", *(high.args if high.op == "+" else (high,)), node("neg", ONE))


def _compact(high: Node) -> list[Piece]:
    """d-1 without spaces where it is as short as that."""
    if high.op == "+" and len(high.args) == 2 and high.args[1].op == "neg" and high.args[1].args[0].op == "number":
        return [(high.args[0], _NEGATIVE), "-", (high.args[1].args[0], _PRODUCT)]
    return [(high, 0)]
