"""The text language: characters -> nodes, never through eval. grammar.lark says how a formula is built, this file what its names mean.

| written | meaning |
|---|---|
| `a + b - c`, `2*x/m`, `-x^2`, `2x`, `3(x + 1)` | `^` before `*` `/` before `+` `-`; `-x^2` is `-(x^2)`; a product may go without sign right after a number |
| `x[i + 1, label[i]]` | an element; letters, lengths, whole numbers, integer data, `+ - *` in a subscript |
| `sum(e, j)`, `mean(e, i, j)`, `max(e, j in 0:d)` | over whole axes, or from a low to below a high; also product, min, logsumexp, norm, softmax |
| `mean(e)` | over the samples; `samples` names the columns |
| `max(a, b)` | the larger one, unless all behind the first are index letters |
| `piecewise(x, x > 0, y)` | value, condition, ..., otherwise; conditions are compared by `< <= > >= == !=` and joined by `and`, `or`, `not` |
| `pi`, `e`, `π`, `E` | the numbers, unless the problem names them: as sample, axis, definition, parameter, constant |
| `` `body mass` `` | a name of any printable characters |

A name alone in a subscript, or behind a sum, is an index letter, and then it is one everywhere; a name in the bounds of a range is a length. `x²`, `−`, `·`, `×`, `÷`,
`√x`, `≤` and `|x|` are read as on paper. Names are folded as Python folds them: a bold x is x.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from typing import Final

from symgd.errors import InputError
from symgd.nodes.formula import Formula
from symgd.nodes.functions import ABBREVIATIONS, FUNCTIONS, SPELLED
from symgd.nodes.node import CONDITIONS, FALSE, TRUE, ZERO, Node, access, free_indices, index, length, node, number, postorder, range_, rebuilt, substituted
from symgd.nodes.text import name as shown
from symgd.nodes.text import text as written
from symgd.reading import limits
from symgd.reading.parts import Part, parsed, preorder
from symgd.reading.tokens import Source, cleaned

Axes = str | Mapping[str, str | int | Node]
Listed = str | Iterable[str]

REDUCTIONS: Final[Mapping[str, str]] = {
    "sum": "sum", "total": "sum", "Sum": "sum", "mean": "mean", "product": "product", "prod": "product", "Product": "product",
    "logsumexp": "logsumexp", "softmax": "softmax", "norm": "norm",
}  # fmt: skip
"""How a reduction is written -> its op. maximum and minimum stand in CHOICES."""

CHOICES: Final[Mapping[str, tuple[str, str]]] = {
    **{spelling: ("max", "maximum") for spelling in ("maximum", *(s for s, name in SPELLED.items() if name == "max"))},
    **{spelling: ("min", "minimum") for spelling in ("minimum", *(s for s, name in SPELLED.items() if name == "min"))},
}
"""What is a function of values and a reduction over axes -> both ops."""

CONDITION_CALLS: Final[Mapping[str, str]] = {
    "And": "and", "Or": "or", "Not": "not", "Eq": "==", "Ne": "!=", "Lt": "<", "Le": "<=", "Gt": ">", "Ge": ">=",
}  # fmt: skip
"""SymPy's names of conditions -> ops."""

CONSTANTS: Final[Mapping[str, str]] = {"pi": "pi", "π": "pi", "e": "e", "E": "e"}
TRUTHS: Final[Mapping[str, Node]] = {"true": TRUE, "True": TRUE, "false": FALSE, "False": FALSE}
GREEK: Final = frozenset({"gamma", "Gamma", "beta", "zeta", "psi"})
"""Functions whose names are parameters too, wherever no parenthesis follows."""

_NOT_VALUES: Final = frozenset({*CONDITIONS, "range"})


@dataclass(frozen=True, slots=True)
class Statement:
    """`target op body for ranges if guard`, one equation of a program."""

    target: Node
    op: str
    body: Node
    ranges: tuple[Node, ...]
    guard: Node


def expression(
    text: str, *, axes: Axes = "", samples: Listed = (), hidden: str | None = None, lengths: Listed = (), names: Listed = ()
) -> Node:
    """One formula, or one condition.

    `axes`: "j:d k:32" or letter -> length. `samples`: the columns on the hidden axis, "x y". `hidden`: its letter, else the first of i, s, n that is free.
    `lengths`: names that are axis lengths. `names`: what else is a name of the caller's, even if it is called `e` or `sin`.
    Raises InputError, LimitError with a caret below the place.

    >>> print(written(expression("2x² - (y)/(3*m)")))
    2*x^2 - y/(3*m)
    >>> expression("mean(x)", samples="x", hidden="i").args
    (<x of 1>, <range of 3>)
    >>> expression("mean(sgn(w*x - y)^2)")
    Traceback (most recent call last):
    symgd.errors.InputError: Unknown function sgn. Accepted: sign; all in docs/notation.md.
        mean(sgn(w*x - y)^2)
             ^ row 1, column 6
    """
    source = Source(cleaned(text))
    root = parsed(source)
    uses = _Uses()
    uses.add(source, root)
    meanings = _meanings(uses, axis_lengths(axes), names_in(samples), hidden, names_in(lengths), names_in(names))
    return _built(source, root, meanings)


def statement(line: str, *, lengths: Listed = (), names: Listed = ()) -> Statement:
    """One equation as a program prints it. What stands in the bounds of its ranges and is none of its letters is a length.

    >>> given = statement("dw[label[i]] += dr[i]*x[i + 1] for i in 0:m, j in i + 1:d if x[i] > 0")
    >>> print(written(given.target), given.op, written(given.body), "|", *map(written, given.ranges), "|", written(given.guard))
    dw[label[i]] += dr[i]*x[i + 1] | i in 0:m j in i + 1:d | x[i] > 0
    """
    source = Source(cleaned(line))
    root = parsed(source, equation=True)
    target, body, *rest = root.parts
    uses = _Uses()
    for part in root.parts:
        uses.add(source, part)
    meanings = _meanings(uses, {}, (), None, names_in(lengths), (*names_in(names), *((target.value,) if not target.parts else ())))
    guards = [_built(source, part.parts[0], meanings) for part in rest if part.kind == "guard"]
    for guard in guards:
        if guard.op not in CONDITIONS:
            raise source.error(rest[0].at, "A guard is a condition.", "if x[i] > 0")
    ranges = tuple(_built(source, part, meanings) for part in rest if part.kind == "range")
    return Statement(_built(source, target, meanings), root.value, _value(source, body, meanings, "The right side"), ranges, guards[0] if guards else TRUE)


def problem(
    text: str, *, where: Mapping[str, str] | str | Sequence[str] = (), axes: Axes = "", samples: Listed = (), names: Listed = ()
) -> Formula:
    """A cost and its definitions, still unchecked.

    `where`: `z[i, k]` -> formula, or lines `z[i, k] = formula`. A definition that reads a sample column has itself a value for every sample.
    An axis without a length in `axes` gets the length n_j of its letter j.

    >>> given = problem("mean((p - y)^2)", where={"p": "w*x + b"}, samples="x, y")
    >>> print(written(given.expression), "|", *map(written, given.definitions[0]))
    mean((p[i] - y[i])^2, i in 0:m) | p[i] w*x[i] + b
    >>> print(written(given.expression, hidden=given.hidden))
    mean((p - y)^2)
    """
    source = Source(cleaned(text))
    root = parsed(source)
    given = [_definition(left, right) for left, right in _lines(where)]
    columns = names_in(samples)
    uses = _Uses()
    uses.add(source, root)
    for left, target, right, body in given:
        uses.add(left, target, target=True)
        uses.add(right, body)
    meanings = _meanings(uses, axis_lengths(axes), columns, None, (), names_in(names))
    cost = _value(source, root, meanings, "The cost")
    bodies = [_value(right, body, meanings, f"The definition of {target.value}") for _, target, right, body in given]
    targets = [_built(left, target, meanings) for left, target, _, _ in given]
    if meanings.hidden is not None:
        cost, targets, bodies = _sampled(cost, targets, bodies, index(meanings.hidden))
        if index(meanings.hidden) in free_indices(cost):
            raise source.error(root.at, "The cost has a value for every sample.", "one number: mean(...) or sum(...) around it")
    _separate(uses, meanings)
    notes = [*_notes(uses, meanings), *_constant_sums(cost, *bodies)]
    known = {**meanings.axes, **{letter: meanings.length_of(letter) for letter in uses.bare}}
    if meanings.hidden is not None:
        known[meanings.hidden] = meanings.length_of(meanings.hidden)
    return Formula(
        cost,
        tuple(zip(targets, bodies, strict=True)),
        MappingProxyType(known),
        columns,
        meanings.hidden,
        notes=tuple(dict.fromkeys(notes)),
        source=source.text,
    )


def axis_lengths(axes: Axes) -> dict[str, Node]:
    """Index letter -> length of its axis; every name in a length is one.

    >>> {letter: written(size) for letter, size in axis_lengths("k:32 i:m, p:H-P+1").items()}
    {'k': '32', 'i': 'm', 'p': 'H - P + 1'}
    """
    if isinstance(axes, Mapping):
        return {letter: size if isinstance(size, Node) else _length(str(size)) for letter, size in axes.items()}
    given = cleaned(axes)
    source, found = Source(given), dict[str, Node]()
    entries = list(_ENTRY.finditer(given))
    rest = given[: entries[0].start()] if entries else given
    if rest.strip(" ,\n\t"):
        raise source.error(given.index(rest.strip(" ,\n\t")), "An axis is an index letter and its length.", "i:m j:3, separated by spaces")
    for entry, end in zip(entries, [*(later.start() for later in entries[1:]), len(given)], strict=False):
        letter = unicodedata.normalize("NFKC", entry[1])
        if letter in found:
            raise source.error(entry.start(), f"Axis {letter} has two lengths.", "one length for each index letter")
        found[letter] = _length(given[entry.end() : end].strip(" ,\n\t"))
    return found


def names_in(listed: Listed) -> tuple[str, ...]:
    """Names from "x y", "x, y" or a sequence of them.

    >>> names_in("x, y z"), names_in(["body mass"])
    (('x', 'y', 'z'), ('body mass',))
    """
    names = cleaned(listed).replace(",", " ").split() if isinstance(listed, str) else list(listed)
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"A name is a text, not {name!r}.", accepted='"x y" or ["x", "y"]')
    folded = [unicodedata.normalize("NFKC", name) for name in names]
    twice = next((name for name in folded if folded.count(name) > 1), None) if len(set(folded)) < len(folded) else None
    if twice:
        raise InputError(f"{twice} is named twice.", accepted="each name once")
    return tuple(folded)


_ENTRY: Final = re.compile(r"([^\W\d]\w*)[ ]*:")


def _length(text: str) -> Node:
    source = Source(cleaned(text))
    root = parsed(source)
    meanings = _Meanings({}, lengths={part.value for part in preorder(root) if part.kind == "name"})
    size = _built(source, root, meanings)
    if any(part.op not in _WHOLE and part.op != "/" for part in postorder(size)):
        raise source.error(0, "A length is a whole number.", "3, m, or a formula of lengths such as H - P + 1")
    return size


@dataclass(slots=True)
class _Uses:
    """Where each name first stands, by the way it is used."""

    values: dict[str, tuple[Source, int]] = field(default_factory=dict)
    arrays: dict[str, tuple[Source, int]] = field(default_factory=dict)
    subscripts: dict[str, tuple[Source, int]] = field(default_factory=dict)
    bounds: dict[str, tuple[Source, int]] = field(default_factory=dict)
    letters: dict[str, tuple[Source, int]] = field(default_factory=dict)
    bare: dict[str, tuple[Source, int]] = field(default_factory=dict)
    targets: dict[str, tuple[Source, int]] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)

    def add(self, source: Source, root: Part, *, target: bool = False) -> None:
        """Collect from one formula; the subscripts of a `target` are letters that run over their whole axes."""
        if source not in self.sources:
            self.sources.append(source)
        if target:
            self.targets.setdefault(root.value, (source, root.at))
        below: list[tuple[Part, dict[str, tuple[Source, int]]]] = [(root, self.targets if target else self.values)]
        while below:
            part, context = below.pop()
            kind = part.kind
            if kind in ("name", "quoted"):
                context.setdefault(part.value, (source, part.at))
                continue
            if kind == "array":
                if part is not root or not target:
                    self.arrays.setdefault(part.value, (source, part.at))
                context = self.bare if part is root and target else self.subscripts
            elif kind == "range":
                self.letters.setdefault(part.value, (source, part.at))
                context = self.bounds
            elif kind == "call" and part.value in REDUCTIONS:
                for axis in part.parts[1:]:
                    if axis.kind == "name":
                        self.bare.setdefault(axis.value, (source, axis.at))
                    elif axis.kind == "list" and len(axis.parts) == 3 and axis.parts[0].kind == "name":
                        self.letters.setdefault(axis.parts[0].value, (source, axis.parts[0].at))
                        below.extend((bound, self.bounds) for bound in axis.parts[:0:-1])
                    else:
                        below.append((axis, context))
                below.extend((body, context) for body in part.parts[:1])
                continue
            below.extend((inner, context) for inner in reversed(part.parts))

    @property
    def everywhere(self) -> dict[str, tuple[Source, int]]:
        return {**self.bare, **self.letters, **self.bounds, **self.subscripts, **self.arrays, **self.values, **self.targets}


@dataclass(slots=True)
class _Meanings:
    """What each name of a problem stands for."""

    axes: Mapping[str, Node]
    letters: set[str] = field(default_factory=set)
    lengths: set[str] = field(default_factory=set)
    samples: frozenset[str] = frozenset()
    declared: frozenset[str] = frozenset()
    hidden: str | None = None
    rows: str = "m"

    def length_of(self, letter: str) -> Node:
        return self.axes.get(letter) or length(self.rows if letter == self.hidden else f"n_{letter}")


def _meanings(
    uses: _Uses, axes: Mapping[str, Node], samples: tuple[str, ...], hidden: str | None, lengths: tuple[str, ...], names: tuple[str, ...]
) -> _Meanings:
    """Settle what every name is. A name has one meaning: letter, length or value."""
    in_lengths = {part.value for size in axes.values() for part in postorder(size) if part.op == "length"}
    declared = frozenset({*samples, *names, *uses.targets})
    known = {*lengths, *in_lengths}
    runs = {letter: place for letter, place in {**uses.bare, **uses.letters}.items() if letter not in known or letter in axes}
    for letter, (source, at) in {**uses.letters, **uses.bare}.items():
        if letter in declared:
            role = "a sample column" if letter in samples else "a definition" if letter in uses.targets else "a name of its own"
            raise source.error(at, f"{letter} is {role} and no index letter.", "an index letter such as j behind a sum")
    letters = {*axes, *runs}
    both = letters & in_lengths
    if both:
        name = min(both)
        raise InputError(f"{name} is both an index letter and a length.", accepted="two names, as in i:m")
    known |= {name for name in uses.bounds if name not in letters and name not in declared}
    letters |= {name for name in uses.subscripts if name not in known and name not in declared}
    for name, (source, at) in uses.arrays.items():
        if name in letters or name in known:
            role = "an index letter" if name in letters else "a length"
            raise source.error(at, f"{name} is {role} and cannot have a subscript.", "another name for the array")
    meanings = _Meanings(axes, letters, known, frozenset(samples), declared, hidden)
    if samples or hidden is not None:
        used = {*uses.everywhere, *declared, *letters, *known}
        if hidden is None:
            meanings.hidden = hidden = _first_free(("i", "s", "n", "t_"), used)
        if hidden not in axes:
            meanings.rows = _first_free(("m", "N"), used)
        letters.add(hidden)
    return meanings


def _first_free(wanted: tuple[str, ...], used: set[str]) -> str:
    return next(name for name in (*wanted, *(f"{wanted[-1].rstrip('_')}_{n}" for n in range(1, len(used) + 2))) if name not in used)


_WHOLE: Final = frozenset({"number", "index", "length", "access", "+", "*", "neg"})


def _value(source: Source, root: Part, meanings: _Meanings, what: str) -> Node:
    found = _built(source, root, meanings)
    if found.op in CONDITIONS:
        raise source.error(root.at, f"{what} is a condition, not a number.", "conditions inside piecewise(x, x > 0, y); an equation by its right side alone")
    return found


def _built(source: Source, root: Part, meanings: _Meanings) -> Node:
    """The node of a part, every name with its meaning."""
    return _Builder(source, meanings).node(root)


class _Builder:
    """Builds one formula from the arguments up, on a stack of its own."""

    def __init__(self, source: Source, meanings: _Meanings) -> None:
        self.source, self.meanings = source, meanings
        self.constants: dict[Node, float] = {}  # what is known to be a number, and which

    def node(self, root: Part) -> Node:
        order: list[Part] = []
        stack = [root]
        while stack:
            part = stack.pop()
            if part.kind == "call":
                self.prepare(part)
            order.append(part)
            stack.extend(part.parts)
        if len(order) > limits.NODES:
            raise self.source.limit(order[0].at, f"The formula has {len(order):,} numbers, names and operations.", f"at most {limits.NODES:,}")
        done: list[Node] = []
        for part in reversed(order):
            count = len(part.parts)
            args = tuple(done[-count:]) if count else ()
            if count:
                del done[-count:]
            built = self.one(part, args)
            done.append(built)
        return done[0]

    def prepare(self, part: Part) -> None:
        """Settle what the arguments of a call are, values, conditions or axes, before they are built."""
        name = part.value
        if name in self.meanings.declared or name in self.meanings.letters or name in self.meanings.lengths:
            if name not in REDUCTIONS and name not in CHOICES and name not in SPELLED and name != "piecewise":
                raise self.source.error(part.at, f"{name} is no function: is this a product or a call?", f"{name}*(...) for a product")
        if name in CONDITION_CALLS:
            self.condition(part, CONDITION_CALLS[name])
        elif name in ("piecewise", "Piecewise", "where"):
            self.pieces(part)
        elif name in REDUCTIONS or (name in CHOICES and all(self.is_axis(axis) for axis in part.parts[1:])):
            op = REDUCTIONS[name] if name in REDUCTIONS else CHOICES[name][1]
            if len(part.parts) == 1 and self.meanings.hidden is None:
                raise self.source.error(part.at, f"{name} of one value: over which axis?", f'an axis, {name}(x[j], j); or sample columns, samples="x y" (--samples x,y)')
            part.kind, part.value = "reduction", op
            part.parts[1:] = [self.axis(name, axis) for axis in part.parts[1:]]
        elif name in CHOICES:
            part.value = CHOICES[name][0]

    def condition(self, part: Part, op: str) -> None:
        few = 1 if op == "not" else 2
        if len(part.parts) < few or (op not in ("and", "or") and len(part.parts) > few):
            raise self.source.error(part.at, f"{part.value} takes {few} argument{'s' * (few > 1)}, not {len(part.parts)}.", "x > 0 and y > 0, x == 1, not x > 0")
        part.kind, part.value = (op, "") if op in ("and", "or", "not") else ("comparison", op)

    def pieces(self, part: Part) -> None:
        """`piecewise(value, condition, ..., otherwise)`, SymPy's pairs `Piecewise((value, condition), ...)`, NumPy's `where(condition, value, otherwise)`."""
        if part.value == "where":
            if len(part.parts) != 3:
                raise self.source.error(part.at, f"where takes 3 arguments, not {len(part.parts)}.", "where(x > 0, x, 0)")
            part.parts[:2] = part.parts[1::-1]
        elif part.parts[0].kind == "list":
            flat: list[Part] = []
            for piece in part.parts:
                if piece.kind != "list" or len(piece.parts) != 2:
                    raise self.source.error(piece.at, "A piece is a value and its condition.", "piecewise(x, x > 0, y) or Piecewise((x, x > 0), (y, True))")
                flat += piece.parts
            if flat[-1].kind == "name" and TRUTHS.get(flat[-1].value) is TRUE:
                flat.pop()
            part.parts = flat
        if len(part.parts) < 2:
            raise self.source.error(part.at, "piecewise needs a value and its condition.", "piecewise(x, x > 0, y)")
        part.kind, part.value = "piecewise", ""

    def is_axis(self, part: Part) -> bool:
        return part.kind == "range" or (part.kind == "name" and part.value in self.meanings.letters)

    def axis(self, called: str, part: Part) -> Part:
        """The range of an axis argument: a letter, `j in low:high`, or SymPy's (j, low, last) behind Sum and Product."""
        if part.kind == "range":
            return part
        if part.kind == "name":
            return Part("axis", [], part.value, part.at)
        if part.kind == "list" and len(part.parts) == 3 and part.parts[0].kind == "name":
            letter, low, last = part.parts
            if called not in ("Sum", "Product"):
                raise self.source.error(part.at, f"{called} names its axis without parentheses.", f"{called}(x[j], j in 0:m), where m is not reached")
            return Part("range", [low, _behind(last)], letter.value, letter.at)
        raise self.source.error(part.at, f"{called} runs over index letters.", f"{called}(x[j], j) or {called}(x[j], j in 0:m)")

    def one(self, part: Part, args: tuple[Node, ...]) -> Node:
        """The node of one part, its arguments built."""
        kind = part.kind
        if kind in ("name", "quoted"):
            return self.named(part)
        if kind == "number":
            found = number(part.value)
            self.constants[found] = float(part.value)
            return found
        if kind == "group":
            return args[0]
        if kind == "piecewise":
            return self.piecewise(part, args)
        if kind in ("and", "or", "not"):
            for inner, argument in zip(part.parts, args, strict=True):
                self.expect(inner, argument, condition=True)
            return node(kind, *args)
        for inner, argument in zip(part.parts, args, strict=True):
            if argument.op in _NOT_VALUES and not (kind == "reduction" and argument.op == "range"):
                self.expect(inner, argument, condition=False)
        if kind == "array":
            return self.array(part, args)
        if kind == "axis":
            return range_(index(part.value), ZERO, self.meanings.length_of(part.value))
        if kind == "range":
            return self.range(part, args)
        if kind == "reduction":
            return self.reduction(part, args)
        if kind == "comparison":
            signs = part.value.split()
            pairs = [node(sign, u, v) for sign, u, v in zip(signs, args, args[1:], strict=False)]
            return pairs[0] if len(pairs) == 1 else node("and", *pairs)
        if kind == "list":
            raise self.source.error(part.at, "A list is no formula.", "one formula; a decimal point in numbers")
        if kind == "call":
            return self.call(part, args)
        return self.folded(part, node(kind, *args))

    def expect(self, part: Part, found: Node, *, condition: bool) -> None:
        """Refuse a value where a condition stands, and the other way round."""
        if found.op == "range":
            raise self.source.error(part.at, "A range stands only behind a sum, mean or the like.", "sum(x[j], j in 0:m)")
        if condition and found.op not in CONDITIONS:
            raise self.source.error(part.at, f"{_told(found)} is a number, not a condition.", "a comparison such as x > 0")
        if not condition and found.op in CONDITIONS:
            raise self.source.error(part.at, f"{_told(found)} is a condition, not a number.", "piecewise(1, x > 0, 0) makes a number of one")

    def named(self, part: Part) -> Node:
        name, meanings = part.value, self.meanings
        if name in meanings.letters:
            return index(name)
        if name in meanings.lengths:
            return length(name)
        if name in meanings.samples:
            assert meanings.hidden is not None
            return access(name, index(meanings.hidden))
        if name in meanings.declared or part.kind == "quoted":
            return access(name)
        if name in CONSTANTS:
            found = node("constant", value=CONSTANTS[name])
            self.constants[found] = math.pi if found.value == "pi" else math.e
            return found
        if name in TRUTHS:
            return TRUTHS[name]
        if name == "None":
            raise self.source.error(part.at, "None is no number.", "numbers and names")
        if (name in SPELLED or name in REDUCTIONS or name in CHOICES) and name not in GREEK:
            raise self.source.error(part.at, f"{name} is a function and needs its argument.", f"{name}(x); `{name}` between backquotes is a name")
        return access(name)

    def array(self, part: Part, args: tuple[Node, ...]) -> Node:
        for inner, argument in zip(part.parts, args, strict=True):
            self.whole(inner, argument, "A subscript")
        if part.value in self.meanings.samples:
            assert self.meanings.hidden is not None
            args = (index(self.meanings.hidden), *args)
        return access(part.value, *args)

    def whole(self, part: Part, found: Node, what: str) -> None:
        """Refuse what is not built from letters, lengths, whole numbers and integer data by + - *."""
        for inner in postorder(found):
            if inner.op not in _WHOLE or (inner.op == "number" and not inner.value.isdigit()):
                raise self.source.error(part.at, f"{what} is a whole number; {_told(inner)} is none.", "letters, lengths, whole numbers and integer data with + - *")

    def range(self, part: Part, args: tuple[Node, ...]) -> Node:
        letter = index(part.value)
        args = tuple(rebuilt(argument, _whole_power) for argument in args)
        for inner, argument in zip(part.parts, args, strict=True):
            self.whole(inner, argument, "A bound")
            if letter in free_indices(argument):
                raise self.source.error(part.at, f"The range of {part.value} uses {part.value} itself.", "bounds with the letters before it")
        return range_(letter, *args)

    def reduction(self, part: Part, args: tuple[Node, ...]) -> Node:
        ranges = args[1:]
        if not ranges:
            hidden = self.meanings.hidden
            assert hidden is not None
            ranges = (range_(index(hidden), ZERO, self.meanings.length_of(hidden)),)
        letters = [bound.args[0] for bound in ranges]
        for letter in letters:
            if letters.count(letter) > 1:
                raise self.source.error(part.at, f"{letter.value} runs twice.", "each index letter once")
        return node(part.value, args[0], *ranges)

    def piecewise(self, part: Part, args: tuple[Node, ...]) -> Node:
        for place, (inner, argument) in enumerate(zip(part.parts, args, strict=True)):
            self.expect(inner, argument, condition=place % 2 == 1)
        return node("piecewise", *args)

    def call(self, part: Part, args: tuple[Node, ...]) -> Node:
        name = part.value
        if (name, len(args)) in ABBREVIATIONS:
            return substituted(_abbreviated(ABBREVIATIONS[name, len(args)]), dict(zip(map(access, "uvw"), args, strict=False)))
        if name not in SPELLED:
            raise self.unknown(part)
        row = FUNCTIONS[SPELLED[name]]
        if row.arity is not None and row.arity != len(args):
            plural = "argument" if row.arity == 1 else "arguments"
            raise self.source.error(part.at, f"{name} takes {row.arity} {plural}, not {len(args)}.", f"{name}({', '.join('uvw'[: row.arity])})")
        most = limits.ARGUMENT.get(row.name)
        if most is not None and self.constants.get(args[0], 0) > most:
            raise self.source.limit(part.at, f"{name}({_told(args[0])}) is larger than every float64.", f"{name} of numbers up to {most:g}")
        return node(row.name, *args)

    def unknown(self, part: Part) -> InputError:
        name = part.value
        near = get_close_matches(name.lower(), {spelling.lower(): 0 for spelling in _CALLED}, n=1, cutoff=0.6)
        if len(name) == 1 or not near:
            if len(name) == 1 or any(other.kind == "name" and other.value == name for other in part.parts):
                return self.source.error(part.at, f"{name} is no function: is this a product or a call?", f"{name}*(...) for a product")
            return self.source.error(part.at, f"Unknown function {name}.", f"the functions in docs/notation.md; {name}*(...) for a product")
        spelling = next(s for s in _CALLED if s.lower() == near[0])
        return self.source.error(part.at, f"Unknown function {name}.", f"{spelling}; all in docs/notation.md")

    def folded(self, part: Part, found: Node) -> Node:
        """Keep an eye on formulas of numbers alone: 9^9^9 would stop every later stage."""
        known = self.constants
        if found.args[0] not in known or not all(argument in known for argument in found.args):
            return found
        values = [known[argument] for argument in found.args]
        if found.op == "^" and abs(values[1]) > limits.EXPONENT and abs(values[0]) != 1:
            raise self.source.limit(part.at, f"The exponent {_told(found.args[1])} is too large.", f"exponents of numbers up to {limits.EXPONENT:,}")
        try:
            value = _COMPUTED[found.op](values)
        except OverflowError:
            value = math.inf
        except (ZeroDivisionError, ValueError):
            return found
        if isinstance(value, complex) or math.isnan(value):
            return found
        if math.isinf(value):
            raise self.source.limit(part.at, f"{_told(found)} is larger than every float64.", "numbers below 1.8e308")
        known[found] = value
        return found


_COMPUTED: Final[Mapping[str, Callable[[list[float]], float]]] = {
    "+": math.fsum, "*": math.prod, "/": lambda v: v[0] / v[1], "^": lambda v: v[0] ** v[1], "neg": lambda v: -v[0],
}  # fmt: skip
_CALLED: Final = ("piecewise", *REDUCTIONS, *CHOICES, *SPELLED)


@cache
def _abbreviated(formula: str) -> Node:
    return expression(formula)


def _told(found: Node) -> str:
    """A short formula for a message."""
    shown = written(found) if len(postorder(found)) < 100 else f"a {found.op} of {len(found.args)}"
    return shown if len(shown) <= 40 else f"{shown[:37]}..."


def _whole_power(found: Node) -> Node | None:
    """10^6 as a number, so that a length is one."""
    if found.op == "^" and all(argument.op == "number" and argument.value.isdigit() for argument in found.args):
        return number(int(found.args[0].value) ** int(found.args[1].value))
    return None


def _behind(last: Part) -> Part:
    """last + 1, without `m - 1 + 1`."""
    one = Part("number", [], "1", last.at)
    if last.kind == "number" and last.value.isdigit():
        return Part("number", [], str(int(last.value) + 1), last.at)
    if last.kind == "+" and last.parts[-1].kind == "neg" and last.parts[-1].parts[0].kind == "number" and last.parts[-1].parts[0].value == "1":
        return last.parts[0] if len(last.parts) == 2 else Part("+", last.parts[:-1], "", last.at)
    return Part("+", [last, one], "", last.at)


def _lines(where: Mapping[str, str] | str | Sequence[str]) -> list[tuple[str, str]]:
    """(target, body) of each definition."""
    if isinstance(where, Mapping):
        return list(where.items())
    lines = [line for line in where.split("\n") if line.strip()] if isinstance(where, str) else list(where)
    pairs = []
    for line in lines:
        left, sign, right = cleaned(line).partition("=")
        if not sign:
            raise InputError("A definition has an = between name and formula.", accepted="z[i, k] = sum(W[k, j]*X[i, j], j)", source=cleaned(line))
        pairs.append((left.strip(), right.strip()))
    return pairs


def _definition(left: str, right: str) -> tuple[Source, Part, Source, Part]:
    target, body = Source(cleaned(left)), Source(cleaned(right))
    found = parsed(target)
    if found.kind not in ("name", "quoted", "array"):
        raise target.error(found.at, "A definition is for a name or its elements.", "z or z[i, k] = a formula")
    return target, Part("array", found.parts, found.value, found.at), body, parsed(body)


def _sampled(cost: Node, targets: list[Node], bodies: list[Node], hidden: Node) -> tuple[Node, list[Node], list[Node]]:
    """The definitions that read a sample column get the hidden letter as their first index, and whatever reads them reads them at it."""
    users: dict[str, list[int]] = {}
    for place, body in enumerate(bodies):
        for part in postorder(body):
            if part.op == "access":
                users.setdefault(part.value, []).append(place)
    names = {target.value for target in targets}
    done: dict[str, None] = {}

    def read(root: Node, name: str) -> Node:
        return rebuilt(root, lambda part: access(name, hidden, *part.args) if part.op == "access" and part.value == name else None)

    waiting = [place for place, body in enumerate(bodies) if hidden in free_indices(body)]
    while waiting:
        name = targets[waiting.pop()].value
        if name in done:
            continue
        done[name] = None
        for place in users.get(name, ()):
            before = bodies[place]
            bodies[place] = read(before, name)
            if hidden in free_indices(bodies[place]) and hidden not in free_indices(before):
                waiting.append(place)
    del names
    for name in done:
        cost = read(cost, name)
    targets = [access(target.value, hidden, *target.args) if target.value in done else target for target in targets]
    return cost, targets, bodies


def _separate(uses: _Uses, meanings: _Meanings) -> None:
    """Refuse two spellings that are one name: a ligature beside two letters, a bold x beside a plain one."""
    for name in uses.everywhere:
        typed: dict[str, tuple[Source, int]] = {}
        for source in uses.sources:
            for spelling, at in source.spellings.get(name, {}).items():
                typed.setdefault(spelling, (source, at))
        del typed
    del meanings


def _notes(uses: _Uses, meanings: _Meanings) -> list[str]:
    return []


def _constant_sums(*roots: Node) -> list[str]:
    return []
