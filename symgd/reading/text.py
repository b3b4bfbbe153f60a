"""The text language: characters -> nodes, never through eval. grammar.lark says how a formula is built, names.py what its names mean.

| written | meaning |
|---|---|
| `a + b - c`, `-x^2`, `a/b*c` | `^` before `*` `/` before `+` `-`: `-(x^2)`, `(a/b)*c`; `a^b^c` is `a^(b^c)`, `-a*b` is `-(a*b)` |
| `2x`, `3(x + 1)` | a product needs no sign right after a number; behind `/` and `^` it does, since `1/2x` is unclear |
| `x[i + 1]`, `w[label[i]]` | an element; in a subscript stand letters, lengths, whole numbers and integer data with `+ - *` |
| `sum(e, j)`, `mean(e, i, j)`, `max(e, j in i + 1:d)` | over whole axes, or from a low to below a high; also product, min, logsumexp, norm, softmax |
| `mean(e)` | over the samples, whose columns are named beside the formula |
| `max(a, b)` | the larger value, unless all arguments behind the first are index letters |
| `piecewise(x, x > 0, y)` | value, condition, ..., otherwise; `< <= > >= == !=`, `0 < x < 1`, `and`, `or`, `not` |
| `pi`, `π`, `e`, `E` | the numbers, unless the problem has the name: as sample, letter, definition, parameter, constant |
| `0.1`, `1e-3` | numbers stay as typed |
| `` `body mass` `` | a name of any printable characters |
| `x²`, `√x`, `|x|`, `½`, `−`, `·`, `×`, `÷`, `≤` | as on paper |

A name alone in a subscript or behind a sum is an index letter, and is one wherever it stands; a name in the bounds of a range is a length. Names are
folded as Python folds them: a bold x is x.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from types import MappingProxyType
from typing import Final

from symgd.errors import InputError
from symgd.nodes.formula import Formula
from symgd.nodes.node import CONDITIONS, TRUE, Node, access, index, postorder, rebuilt
from symgd.nodes.polynomial import fraction_in
from symgd.nodes.text import text as written
from symgd.reading.build import built, value
from symgd.reading.names import Meanings, Uses, notes, settled
from symgd.reading.parts import Part, parsed, preorder
from symgd.reading.tokens import Source, cleaned

__all__ = ["Statement", "axis_lengths", "expression", "fact", "names_in", "problem", "statement"]

Axes = str | Mapping[str, str | int | Node]
Listed = str | Iterable[str]


@dataclass(frozen=True, slots=True)
class Statement:
    """`target op body for ranges if guard`: one equation of a program."""

    target: Node
    op: str
    body: Node
    ranges: tuple[Node, ...]
    guard: Node


def expression(text: str, *, axes: Axes = "", samples: Listed = (), hidden: str | None = None, lengths: Listed = (), names: Listed = ()) -> Node:
    """One formula, or one condition.

    `axes`: "j:d k:32", or letter -> length. `samples`: the columns on the hidden axis, "x y". `hidden`: its letter; without it the first of i, s, n
    that is free. `lengths`: names of axis lengths. `names`: what else is a name of the caller's, even if it is called `e` or `sin`.
    Raises InputError or LimitError, with a caret below the place.

    >>> print(written(expression("2x² - (y)/(3*m)")))
    2*x^2 - y/(3*m)
    >>> print(written(expression("mean(x)", samples="x")))
    mean(x[i], i in 0:m)
    >>> expression("(sgn(w*x - y))^2")
    Traceback (most recent call last):
    ...
    symgd.errors.InputError: Unknown function sgn. Accepted: sign; all in docs/notation.md.
        (sgn(w*x - y))^2
         ^ row 1, column 2
    """
    source = Source(cleaned(text))
    root = parsed(source)
    uses = Uses()
    uses.add(source, root)
    meanings = settled(uses, axes=axis_lengths(axes), samples=names_in(samples), hidden=hidden, lengths=names_in(lengths), names=names_in(names))
    return built(source, root, meanings)


def statement(line: str, *, lengths: Listed = (), names: Listed = ()) -> Statement:
    """One equation as a program prints it. A name in the bounds of its ranges that is none of its letters is a length.

    >>> given = statement("dw[label[i]] += dr[i]*x[i + 1] for i in 0:m, j in i + 1:d if x[i] > 0")
    >>> print(written(given.target), given.op, written(given.body), "|", *map(written, given.ranges), "|", written(given.guard))
    dw[label[i]] += dr[i]*x[i + 1] | i in 0:m j in i + 1:d | x[i] > 0
    """
    source = Source(cleaned(line))
    root = parsed(source, equation=True)
    target, body, *rest = root.parts
    uses = Uses()
    for part in root.parts:
        uses.add(source, part)
    if not target.parts:
        del uses.arrays[target.value]
    own = {*names_in(names), *(() if target.parts else (target.value,))}
    meanings = settled(uses, axes={}, lengths=names_in(lengths), names=tuple(own))
    guard = TRUE
    for part in rest:
        if part.kind == "guard":
            guard = built(source, part.parts[0], meanings)
            if guard.op not in CONDITIONS:
                raise source.error(part.at, "A guard is a condition.", "if x[i] > 0")
    ranges = tuple(built(source, part, meanings) for part in rest if part.kind == "range")
    return Statement(built(source, target, meanings), root.value, value(source, body, meanings, "The right side"), ranges, guard)


def problem(text: str, *, where: Mapping[str, str] | str | Sequence[str] = (), axes: Axes = "", samples: Listed = (), names: Listed = ()) -> Formula:
    """A cost and its definitions, still unchecked.

    `where`: `z[i, k]` -> formula, or lines `z[i, k] = formula`. A definition that reads a sample column has a value for every sample itself.
    An axis of letter j without a length in `axes` has the length n_j. The other arguments are those of `expression`.

    >>> given = problem("mean((p - y)^2)", where={"p": "w*x + b"}, samples="x, y")
    >>> print(written(given.expression), "with", *map(written, given.definitions[0]))
    mean((p[i] - y[i])^2, i in 0:m) with p[i] w*x[i] + b
    >>> print(written(given.expression, hidden=given.hidden))
    mean((p - y)^2)
    """
    source = Source(cleaned(text))
    root = parsed(source)
    given = [_definition(left, right) for left, right in _definitions(where)]
    columns = names_in(samples)
    uses = Uses()
    uses.add(source, root)
    for left, target, right, body in given:
        uses.add_target(left, target)
        uses.add(right, body)
    meanings = settled(uses, axes=axis_lengths(axes), samples=columns, names=names_in(names))
    cost = value(source, root, meanings, "The cost", finite=True)
    targets = [built(left, target, meanings) for left, target, _, _ in given]
    bodies = [value(right, body, meanings, f"The definition of {target.value}", finite=True) for _, target, right, body in given]
    if meanings.hidden is not None:
        cost, targets, bodies = _on_samples(cost, targets, bodies, index(meanings.hidden))
        if index(meanings.hidden) in cost.free:
            raise source.error(root.at, "The cost has a value for every sample.", "one number: mean(...) or sum(...) around it")
    known = dict(meanings.axes)
    for letter in (*uses.places, *meanings.whole, *([meanings.hidden] if meanings.hidden else [])):
        if letter in meanings.letters:
            known.setdefault(letter, meanings.length_of(letter))
    return Formula(
        cost,
        tuple(zip(targets, bodies, strict=True)),
        MappingProxyType(known),
        columns,
        meanings.hidden,
        notes=tuple(dict.fromkeys([*notes(uses, meanings), *_idle(meanings.hidden, cost, *bodies)])),
        source=source.text,
    )


def fact(line: str, known: Formula, names: Listed = ()) -> Node:
    """What a line says about the data of a problem, in the problem's own letters and names: `=` and `==` are one.

    >>> cost = problem("mean((w*x - y)^2)", samples="x y")
    >>> print(written(fact("y^2 = 1", cost)), written(fact("sum(x) == 0", cost)))
    y[i]^2 == 1 sum(x[i], i in 0:m) == 0
    """
    if not isinstance(line, str):
        raise InputError(f"A fact is a text, not {type(line).__name__}.", accepted='"sum(Y[i, l], l) = 1"')
    own = names_in(names)
    lengths = {part.value for part in postorder(known.expression, *known.axes.values()) if part.op == "length"}
    return expression(
        _EQUALS.sub("==", cleaned(line)), axes=known.axes, samples=known.samples, hidden=known.hidden, lengths=sorted(lengths), names=own
    )


def axis_lengths(axes: Axes) -> dict[str, Node]:
    """Index letter -> length of its axis. Every name in a length is a length.

    >>> {letter: written(size) for letter, size in axis_lengths("k:32 i:m, p: H - P + 1").items()}
    {'k': '32', 'i': 'm', 'p': 'H - P + 1'}
    """
    if isinstance(axes, Mapping):
        return {letter: size if isinstance(size, Node) else _length(str(size)) for letter, size in axes.items()}
    source = Source(cleaned(axes))
    entries = list(_ENTRY.finditer(source.text))
    starts = [*(entry.start() for entry in entries), len(source.text)]
    before = source.text[: starts[0]].strip(" ,\n\t")
    if before:
        raise source.error(source.text.index(before), "An axis is an index letter, a colon and its length.", "i:m j:3")
    found: dict[str, Node] = {}
    for entry, end in zip(entries, starts[1:], strict=True):
        letter = unicodedata.normalize("NFKC", entry[1])
        if letter in found:
            raise source.error(entry.start(), f"Axis {letter} has two lengths.", "one length for each index letter")
        found[letter] = _length(source.text[entry.end() : end].strip(" ,\n\t"))
    return found


def names_in(listed: Listed) -> tuple[str, ...]:
    """The names of "x y", "x, y" or a sequence of names.

    >>> names_in("x, y z"), names_in(["body mass"])
    (('x', 'y', 'z'), ('body mass',))
    """
    names = cleaned(listed).replace(",", " ").split() if isinstance(listed, str) else list(listed)
    found: dict[str, None] = {}
    for name in names:
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"A name is a text, not {name!r}.", accepted='"x y" or ["x", "y"]')
        folded = unicodedata.normalize("NFKC", name)
        if folded in found:
            raise InputError(f"{folded} is named twice.", accepted="each name once")
        found[folded] = None
    return tuple(found)


_EQUALS: Final = re.compile(r"(?<![<>=!])=(?!=)")
_ENTRY: Final = re.compile(r"([^\W\d]\w*)[ ]*:")


def _length(text: str) -> Node:
    source = Source(cleaned(text))
    root = parsed(source)
    size = built(source, root, Meanings({}, lengths={part.value for part in preorder(root) if part.kind in ("name", "quoted")}))
    if fraction_in(size) is not None or any(part.op == "access" for part in postorder(size)):
        raise source.error(root.at, f"{written(size)} is no length.", "a whole number, a name, or a formula of both such as H - P + 1")
    count = _of_numbers(size)
    if count is not None and (count < 1 or count.denominator != 1):
        raise source.error(root.at, f"An axis has the length {count}.", "a whole number from 1")
    return size


def _of_numbers(size: Node) -> Fraction | None:
    """The value of sums, products and quotients of numbers alone."""
    known: dict[Node, Fraction] = {}
    for part in postorder(size):
        args = [known[argument] for argument in part.args if argument in known]
        if part.op == "number":
            known[part] = Fraction(part.value)
        elif len(args) < len(part.args) or part.op not in ("+", "*", "neg", "/") or (part.op == "/" and not args[1]):
            return None
        elif part.op in ("+", "*"):
            known[part] = sum(args, Fraction(0)) if part.op == "+" else prod(args, start=Fraction(1))
        else:
            known[part] = -args[0] if part.op == "neg" else args[0] / args[1]
    return known[size]


def _definitions(where: Mapping[str, str] | str | Sequence[str]) -> list[tuple[str, str]]:
    """(left side, right side) of each definition."""
    if isinstance(where, Mapping):
        return list(where.items())
    pairs: list[tuple[str, str]] = []
    for line in where.split("\n") if isinstance(where, str) else where:
        left, sign, right = cleaned(line).partition("=")
        if sign:
            pairs.append((left.strip(), right.strip()))
        elif left.strip():
            raise InputError("A definition has a name, = and a formula.", accepted="z[i, k] = sum(W[k, j]*X[i, j], j)", source=left)
    return pairs


def _definition(left: str, right: str) -> tuple[Source, Part, Source, Part]:
    target, body = Source(cleaned(left)), Source(cleaned(right))
    found = parsed(target)
    if found.kind not in ("name", "quoted", "array"):
        raise target.error(found.at, "A definition is for a name or its elements.", "z or z[i, k] on its left side")
    return target, Part("array", found.parts, found.value, found.at), body, parsed(body)


def _on_samples(cost: Node, targets: list[Node], bodies: list[Node], hidden: Node) -> tuple[Node, list[Node], list[Node]]:
    """A definition that reads a sample column gets the hidden letter as its first index, and is read at it by all others."""
    users: dict[str, list[int]] = {}
    for place, body in enumerate(bodies):
        for part in postorder(body):
            if part.op == "access":
                users.setdefault(part.value, []).append(place)
    on_samples: dict[str, None] = {}
    waiting = [place for place, body in enumerate(bodies) if hidden in body.free]
    while waiting:
        name = targets[waiting.pop()].value
        if name in on_samples:
            continue
        on_samples[name] = None
        for place in dict.fromkeys(users.get(name, ())):
            bodies[place] = _read_at(bodies[place], {name}, hidden)
            if targets[place].value not in on_samples and hidden in bodies[place].free:
                waiting.append(place)
    return _read_at(cost, on_samples, hidden), [_read_at(target, on_samples, hidden) for target in targets], bodies


def _read_at(root: Node, names: Iterable[str], hidden: Node) -> Node:
    chosen = frozenset(names)
    return rebuilt(root, lambda part: access(part.value, hidden, *part.args) if part.op == "access" and part.value in chosen else None)


def _idle(hidden: str | None, *roots: Node) -> list[str]:
    """A note for every sum or mean over a letter that its body does not contain."""
    found: list[str] = []
    for part in postorder(*roots):
        if part.op in ("sum", "mean"):
            body, *ranges = part.args
            bounds = frozenset().union(*(bound.free for bound in ranges))
            for bound in ranges:
                letter = bound.args[0]
                if letter not in body.free and letter not in bounds:
                    over = "the samples" if letter.value == hidden else letter.value
                    shown = written(body, hidden=hidden)
                    found.append(f"A {part.op} over {over} has the same term throughout: {shown if len(shown) < 60 else shown[:57] + '...'}.")
    return found
