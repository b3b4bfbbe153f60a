"""Parts -> nodes, when it is known what every name means."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Final

from symgd.errors import InputError
from symgd.nodes.constants import Constants
from symgd.nodes.fold import plus
from symgd.nodes.functions import ABBREVIATIONS, FUNCTIONS, SPELLED
from symgd.nodes.node import (
    CONDITIONS,
    FALSE,
    ONE,
    TRUE,
    ZERO,
    Node,
    access,
    index,
    length,
    node,
    number,
    postorder,
    range_,
    rebuilt,
    substituted,
)
from symgd.nodes.polynomial import WHOLE_NUMBERS, fraction_in, polynomial
from symgd.nodes.text import text
from symgd.reading import limits
from symgd.reading.elsewhere import WRITTEN
from symgd.reading.names import CHOICES, CONSTANTS, REDUCTIONS, Meanings, Uses, settled
from symgd.reading.parts import Part, parsed
from symgd.reading.tokens import Source

CONDITION_CALLS: Final[Mapping[str, str]] = {
    "And": "and", "Or": "or", "Not": "not", "Eq": "==", "Ne": "!=", "Lt": "<", "Le": "<=", "Gt": ">", "Ge": ">=",
}  # fmt: skip
"""SymPy's names of conditions -> ops."""

TRUTHS: Final[Mapping[str, Node]] = {"true": TRUE, "True": TRUE, "false": FALSE, "False": FALSE}
PIECEWISE: Final = ("piecewise", "Piecewise", "where")
LAST_INCLUDED: Final = ("Sum", "Product")
"""Spellings behind which (j, low, last) is an axis, as in SymPy."""

GREEK: Final = frozenset({"gamma", "Gamma", "psi"})
"""Functions whose names are just as well those of parameters, where no parenthesis follows."""

_WHOLE_PARTS: Final = ("array", "range", "closed range")
_NO_VALUES: Final = frozenset({*CONDITIONS, "range"})
_CALLED: Final = {spelling.lower(): spelling for spelling in ("piecewise", *CHOICES, *REDUCTIONS, *(name for name, _ in ABBREVIATIONS), *SPELLED)}
_FUNCTIONS: Final = frozenset(_CALLED.values()) - GREEK
_NOTATION: Final = "docs/notation.md"


def built(source: Source, root: Part, meanings: Meanings, finite: bool = False) -> Node:
    """The node of a formula, from the arguments up. `finite`: what is made of numbers alone has to have a finite real value."""
    return _Builder(source, meanings, finite).node(root)


def value(source: Source, root: Part, meanings: Meanings, what: str, finite: bool = False) -> Node:
    """The node of a formula that has to be a number."""
    found = built(source, root, meanings, finite)
    if found.op in CONDITIONS:
        raise source.error(root.at, f"{what} is a condition, not a number.", "a formula; conditions stand inside piecewise(x, x > 0, y)")
    return found


class _Builder:
    def __init__(self, source: Source, meanings: Meanings, finite: bool) -> None:
        self.source, self.meanings = source, meanings
        self.computed: dict[Node, float] = {}  # formulas of numbers alone
        self.constants = Constants() if finite else None
        self.both = meanings.own & meanings.lengths  # a slope m beside the length m of an axis
        self.whole_numbers: set[int] = set()  # parts of subscripts and bounds, where such a name is the length

    def node(self, root: Part) -> Node:
        order: list[Part] = []
        stack = [root]
        while stack:
            part = stack.pop()
            if part.kind == "call":
                self.prepare(part)
            order.append(part)
            if self.both and (part.kind in _WHOLE_PARTS or id(part) in self.whole_numbers):
                self.whole_numbers.update(map(id, part.parts))
            stack.extend(part.parts)
        if len(order) > limits.NODES:
            raise self.source.limit(root.at, f"The formula has {len(order):,} numbers, names and operations.", f"at most {limits.NODES:,}")
        done: list[Node] = []
        for part in reversed(order):
            count = len(part.parts)
            args = tuple(done[-count:]) if count else ()
            if count:
                del done[-count:]
            found = self.one(part, args)
            if self.constants is not None and self.constants.is_undefined(found):
                raise self.source.error(part.at, f"{_told(found)} has no real value.", "formulas whose constants have one")
            done.append(found)
        return done[0]

    # before the arguments of a call are built: which are values, conditions, axes

    def prepare(self, part: Part) -> None:
        name = part.value
        if name in CONDITION_CALLS:
            self.condition(part, CONDITION_CALLS[name])
        elif name in PIECEWISE:
            self.pieces(part)
        elif name in REDUCTIONS or (name in CHOICES and all(map(self.is_axis, part.parts[1:]))):
            if len(part.parts) == 1 and self.meanings.hidden is None:
                accepted = f'an axis: {name}(x[j], j); or sample columns: samples="x y", on the command line --samples x,y'
                raise self.source.error(part.at, f"{name} runs over which axis?", accepted)
            part.kind, part.value = "reduction", REDUCTIONS[name] if name in REDUCTIONS else CHOICES[name][1]
            part.parts[1:] = [self.axis(name, axis) for axis in part.parts[1:]]
        elif name in CHOICES:
            part.value = CHOICES[name][0]
        elif name not in SPELLED and (name, len(part.parts)) not in ABBREVIATIONS:
            raise self.unknown(part)

    def condition(self, part: Part, op: str) -> None:
        joins = op in ("and", "or")
        count = 1 if op == "not" else 2
        if len(part.parts) < count or (len(part.parts) > count and not joins):
            raise self.arguments(part, f"{count} or more" if joins else str(count))
        part.kind, part.value = (op, "") if joins or op == "not" else ("comparison", op)

    def pieces(self, part: Part) -> None:
        """Also SymPy's pairs, Piecewise((value, condition), ...), and NumPy's where(condition, value, otherwise)."""
        if part.value == "where":
            if len(part.parts) != 3:
                raise self.arguments(part, "3")
            part.parts[:2] = part.parts[1::-1]
        elif part.parts[0].kind == "list":
            for piece in part.parts:
                if piece.kind != "list" or len(piece.parts) != 2:
                    raise self.source.error(piece.at, "A piece is a value and its condition.", "Piecewise((x, x > 0), (y, True))")
            part.parts = [inner for piece in part.parts for inner in piece.parts]
            last = part.parts[-1]
            if last.kind == "name" and TRUTHS.get(last.value) is TRUE:
                part.parts.pop()
        if len(part.parts) < 2:
            raise self.arguments(part, "2 or more")
        part.kind, part.value = "piecewise", ""

    def is_axis(self, part: Part) -> bool:
        return part.kind == "range" or (part.kind in ("name", "quoted") and part.value in self.meanings.letters)

    def axis(self, called: str, part: Part) -> Part:
        """The range of an axis argument: a letter, `j in low:high`, or SymPy's (j, low, last) behind Sum and Product."""
        if part.kind == "range":
            return part
        if part.kind in ("name", "quoted"):
            return Part("axis", [], part.value, part.at)
        if part.kind == "list" and len(part.parts) == 3 and part.parts[0].kind in ("name", "quoted"):
            letter, low, last = part.parts
            if called in LAST_INCLUDED:
                return Part("closed range", [low, last], letter.value, letter.at)
            raise self.source.error(part.at, f"{called} has its axis without parentheses.", f"{called}(x[j], j in 0:m), up to and without m")
        raise self.source.error(part.at, f"{called} runs over index letters.", f"{called}(x[j], j) or {called}(x[j], j in 0:m)")

    def unknown(self, part: Part) -> InputError:
        name = part.value
        counts = [str(count) for abbreviation, count in ABBREVIATIONS if abbreviation == name]
        if counts:
            return self.arguments(part, " or ".join(counts))
        near = get_close_matches(name.lower(), _CALLED, n=1, cutoff=0.7)
        if len(name) == 1 or name in self.meanings.own or name in self.meanings.letters or name in self.meanings.lengths:
            what = f"{name} is no function: is this a product or a call?"
            return self.source.error(part.at, what, f"{name}*(...) for a product; the functions in {_NOTATION}")
        if name in WRITTEN:
            accepted = f"{WRITTEN[name]}; the functions in {_NOTATION}"
        else:
            accepted = f"{_CALLED[near[0]]}; all in {_NOTATION}" if near else f"the functions in {_NOTATION}"
        return self.source.error(part.at, f"Unknown function {name}.", accepted)

    def arguments(self, part: Part, count: str) -> InputError:
        plural = "argument" if count == "1" else "arguments"
        return self.source.error(part.at, f"{part.value} takes {count} {plural}, not {len(part.parts)}.", f"its arguments as in {_NOTATION}")

    # one part, its arguments built

    def one(self, part: Part, args: tuple[Node, ...]) -> Node:
        kind = part.kind
        if kind in ("name", "quoted"):
            return self.named(part)
        if kind == "number":
            found = number(part.value)
            self.computed[found] = float(part.value)
            return found
        if kind == "group":
            return args[0]
        if kind == "piecewise":
            for place, (inner, argument) in enumerate(zip(part.parts, args, strict=True)):
                self.expect(inner, argument, condition=place % 2 == 1)
            return node("piecewise", *args)
        if kind in ("and", "or", "not"):
            for inner, argument in zip(part.parts, args, strict=True):
                self.expect(inner, argument, condition=True)
            return node(kind, *args)
        for inner, argument in zip(part.parts, args, strict=True):
            if argument.op in _NO_VALUES and not (kind == "reduction" and argument.op == "range"):
                self.expect(inner, argument, condition=False)
        if kind == "array":
            return self.array(part, args)
        if kind == "axis":
            return range_(index(part.value), ZERO, self.meanings.length_of(part.value))
        if kind in ("range", "closed range"):
            return self.range(part, args)
        if kind == "reduction":
            return self.reduction(part, args)
        if kind == "comparison":
            pairs = [node(sign, u, v) for sign, u, v in zip(part.value.split(), args, args[1:], strict=False)]
            return pairs[0] if len(pairs) == 1 else node("and", *pairs)
        if kind == "call":
            return self.call(part, args)
        if kind == "list":
            raise self.source.error(part.at, "A list is no formula.", "one formula; definitions each on a line; a decimal point in numbers")
        return self.arithmetic(part, node(kind, *args))

    def expect(self, part: Part, found: Node, *, condition: bool) -> None:
        """Refuse a value where a condition stands, a condition where a value stands, and a range in both places."""
        if found.op == "range":
            raise self.source.error(part.at, "A range stands only behind a sum, mean and the like.", "sum(x[j], j in 0:m)")
        if condition and found.op not in CONDITIONS:
            raise self.source.error(part.at, f"{_told(found)} is a number, not a condition.", "a comparison such as x > 0")
        if not condition and found.op in CONDITIONS:
            raise self.source.error(part.at, f"{_told(found)} is a condition, not a number.", "piecewise(1, x > 0, 0) makes a number of it")

    def named(self, part: Part) -> Node:
        name, meanings = part.value, self.meanings
        if name in meanings.letters:
            return index(name)
        if name in meanings.lengths and (name not in self.both or id(part) in self.whole_numbers):
            return length(name)
        if name in meanings.samples:
            return access(name, *self.sample())
        if name in meanings.own or part.kind == "quoted":
            return access(name)
        if name in CONSTANTS:
            found = node("constant", value=CONSTANTS[name])
            self.computed[found] = math.pi if found.value == "pi" else math.e
            return found
        if name in TRUTHS:
            return TRUTHS[name]
        if name == "None":
            raise self.source.error(part.at, "None is no number.", "numbers and names")
        if name in _FUNCTIONS:
            accepted = f"{name}(x); or `{name}`, between backquotes, as a name"
            raise self.source.error(part.at, f"{name} is a function, and its argument is missing.", accepted)
        return access(name)

    def sample(self) -> tuple[Node, ...]:
        return () if self.meanings.hidden is None else (index(self.meanings.hidden),)

    def array(self, part: Part, args: tuple[Node, ...]) -> Node:
        for inner, argument in zip(part.parts, args, strict=True):
            self.whole(inner, argument, "A subscript")
        return access(part.value, *(self.sample() if part.value in self.meanings.samples else ()), *args)

    def whole(self, part: Part, found: Node, what: str) -> None:
        inner = fraction_in(found)
        if inner is not None:
            accepted = f"floor({_told(inner)}); {WHOLE_NUMBERS}" if polynomial(inner) else WHOLE_NUMBERS
            raise self.source.error(part.at, f"{what} is a whole number; {_told(inner)} need not be one.", accepted)

    def range(self, part: Part, args: tuple[Node, ...]) -> Node:
        letter = index(part.value)
        low, high = (rebuilt(argument, _whole_power) for argument in args)
        for inner, argument in zip(part.parts, (low, high), strict=True):
            self.whole(inner, argument, "A bound")
            if letter in argument.free:
                raise self.source.error(part.at, f"The range of {part.value} uses {part.value} itself.", "bounds with the letters before it")
        return range_(letter, low, plus(high, ONE) if part.kind == "closed range" else high)

    def reduction(self, part: Part, args: tuple[Node, ...]) -> Node:
        ranges = args[1:]
        if not ranges:
            assert self.meanings.hidden is not None
            ranges = (range_(index(self.meanings.hidden), ZERO, self.meanings.length_of(self.meanings.hidden)),)
        letters = [bound.args[0] for bound in ranges]
        if len(set(letters)) < len(letters):
            twice = next(letter for letter in letters if letters.count(letter) > 1)
            raise self.source.error(part.at, f"Index letter {twice.value} runs twice.", "each index letter once")
        return node(part.value, args[0], *ranges)

    def call(self, part: Part, args: tuple[Node, ...]) -> Node:
        name = part.value
        if (name, len(args)) in ABBREVIATIONS:
            stands_for = {access(letter): argument for letter, argument in zip("uvw", args, strict=False)}
            return substituted(_abbreviated(ABBREVIATIONS[name, len(args)]), stands_for)
        row = FUNCTIONS[SPELLED[name]]
        if row.arity is not None and row.arity != len(args):
            raise self.arguments(part, str(row.arity))
        most = limits.ARGUMENT.get(row.name)
        if most is not None and self.computed.get(args[0], 0) > most:
            raise self.source.limit(part.at, f"{name}({_told(args[0])}) is larger than every float64.", f"{name} of numbers up to {most:,g}")
        return node(row.name, *args)

    def arithmetic(self, part: Part, found: Node) -> Node:
        """Refuse formulas of numbers alone that no float64 holds: 9^9^9 would stop every later stage."""
        computed = self.computed
        if found.args[0] not in computed or not all(argument in computed for argument in found.args):
            return found
        values = [computed[argument] for argument in found.args]
        if found.op == "^" and abs(values[1]) > limits.EXPONENT and abs(values[0]) != 1:
            accepted = f"exponents of numbers up to {limits.EXPONENT:,}"
            raise self.source.limit(part.at, f"The exponent {_told(found.args[1])} is too large.", accepted)
        try:
            result = _COMPUTED[found.op](values)
        except OverflowError:
            result = math.inf
        except ZeroDivisionError:
            return found
        if isinstance(result, float):  # not the complex root of a negative number
            if math.isinf(result):
                raise self.source.limit(part.at, f"{_told(found)} is larger than every float64.", "numbers below 1.8e308")
            computed[found] = result
        return found


_COMPUTED: Final[Mapping[str, Callable[[list[float]], float]]] = {
    "+": math.fsum, "*": math.prod, "/": lambda v: v[0] / v[1], "^": lambda v: v[0] ** v[1], "neg": lambda v: -v[0],
}  # fmt: skip
_abbreviations: dict[str, Node] = {}


def _abbreviated(formula: str) -> Node:
    """The formula, in u, v, w, that an abbreviation stands for."""
    if formula not in _abbreviations:
        source = Source(formula)
        root, uses = parsed(source), Uses()
        uses.add(source, root)
        _abbreviations[formula] = built(source, root, settled(uses, axes={}, names=("u", "v", "w")))
    return _abbreviations[formula]


def _whole_power(found: Node) -> Node | None:
    """10^6 as one number."""
    if found.op == "^" and all(argument.op == "number" and argument.value.isdigit() for argument in found.args):
        return number(int(found.args[0].value) ** int(found.args[1].value))
    return None


def _told(found: Node) -> str:
    """A formula for a message, shortened."""
    shown = text(found) if len(postorder(found)) < 100 else "..."
    return shown if len(shown) <= 40 else f"{shown[:37]}..."
