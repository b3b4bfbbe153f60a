"""What each name of a problem stands for: an index letter, a length or a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from symgd.errors import InputError
from symgd.nodes.functions import SPELLED
from symgd.nodes.node import Node, length, postorder
from symgd.reading.parts import Part
from symgd.reading.tokens import Source, described

REDUCTIONS: Final[Mapping[str, str]] = {
    "sum": "sum", "total": "sum", "Sum": "sum", "mean": "mean", "product": "product", "prod": "product", "Product": "product",
    "logsumexp": "logsumexp", "softmax": "softmax", "norm": "norm",
}  # fmt: skip
"""How a reduction is written -> its op; maximum and minimum stand in CHOICES."""

CHOICES: Final[Mapping[str, tuple[str, str]]] = {
    **{spelling: ("max", "maximum") for spelling in ("maximum", *(s for s, name in SPELLED.items() if name == "max"))},
    **{spelling: ("min", "minimum") for spelling in ("minimum", *(s for s, name in SPELLED.items() if name == "min"))},
}
"""What is a function of values and a reduction over axes -> both ops."""

CONSTANTS: Final[Mapping[str, str]] = {"pi": "pi", "π": "pi", "e": "e", "E": "e"}
"""Names that are numbers, unless the problem has them as its own."""

HIDDEN: Final = ("i", "s", "n", "t_")
ROWS: Final = ("m", "N")
_USUAL: Final = frozenset("uvwxyz")
"""Letters that are taken for an argument behind the name of a function; `cost` and `tank` are names like any other."""

LOOKALIKES: Final = str.maketrans("асеорхуіјѕԁһԛԝАВЕКМНОРСТХІЈЅοΑΒΕΖΗΙΚΜΝΟΡΤΧΥ", "aceopxyijsdhqwABEKMHOPCTXIJSoABEZHIKMNOPTXY")
"""Cyrillic and Greek letters -> the Latin ones that look the same."""

Places = dict[str, tuple[Source, int]]


@dataclass(slots=True)
class Uses:
    """Where each name first stands, by the way it is used: as `values`, `arrays` with a subscript, alone in `subscripts` or `bounds` of ranges,
    as a letter with a range of its own (`ranges`) or without (`axes`), as `targets` of definitions and in their subscripts (`places`)."""

    values: Places = field(default_factory=dict)
    arrays: Places = field(default_factory=dict)
    subscripts: Places = field(default_factory=dict)
    bounds: Places = field(default_factory=dict)
    ranges: Places = field(default_factory=dict)
    axes: Places = field(default_factory=dict)
    targets: Places = field(default_factory=dict)
    places: Places = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)

    def add(self, source: Source, root: Part) -> None:
        """Collect from one formula."""
        if not self.sources or source is not self.sources[-1]:
            self.sources.append(source)
        self._walk(source, [(root, self.values)])

    def add_target(self, source: Source, root: Part) -> None:
        """Collect from the left side of a definition."""
        self.sources.append(source)
        self.targets.setdefault(root.value, (source, root.at))
        if root.parts:
            self.arrays.setdefault(root.value, (source, root.at))
        self._walk(source, [(part, self.places) for part in root.parts])

    def _walk(self, source: Source, below: list[tuple[Part, Places]]) -> None:
        while below:
            part, context = below.pop()
            kind = part.kind
            if kind in ("name", "quoted"):
                context.setdefault(part.value, (source, part.at))
            elif kind == "call" and part.value in REDUCTIONS and part.parts:
                body, *axes = part.parts
                below += [(self._axis(source, axis), self.bounds) for axis in reversed(axes)]
                below.append((body, context))
            else:
                if kind == "array":
                    self.arrays.setdefault(part.value, (source, part.at))
                    context = self.subscripts
                elif kind == "range":
                    self.ranges.setdefault(part.value, (source, part.at))
                    context = self.bounds
                below += [(inner, context) for inner in reversed(part.parts)]

    def _axis(self, source: Source, part: Part) -> Part:
        """Take the letter of an axis argument; what is left are the bounds."""
        letter = part.parts[0] if part.kind == "list" else part
        if letter.kind in ("name", "quoted"):
            (self.axes if letter is part else self.ranges).setdefault(letter.value, (source, letter.at))
            return Part("list", part.parts[1:], "", part.at)
        return part

    def everywhere(self) -> Places:
        roles = (self.places, self.axes, self.ranges, self.bounds, self.subscripts, self.arrays, self.targets, self.values)
        return {name: place for role in roles for name, place in role.items()}


@dataclass(slots=True)
class Meanings:
    """`axes`: letter -> length, as declared. `own`: names that are values of the problem, whatever else they could be. `rows`: how many samples."""

    axes: Mapping[str, Node]
    letters: set[str] = field(default_factory=set)
    lengths: set[str] = field(default_factory=set)
    samples: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    hidden: str | None = None
    rows: str = ROWS[0]
    whole: dict[str, None] = field(default_factory=dict)  # letters that run over a whole axis, found while building

    def length_of(self, letter: str) -> Node:
        self.whole[letter] = None
        return self.axes.get(letter) or length(self.rows if letter == self.hidden else f"n_{letter}")


def settled(
    uses: Uses,
    *,
    axes: Mapping[str, Node],
    samples: tuple[str, ...] = (),
    hidden: str | None = None,
    lengths: tuple[str, ...] = (),
    names: tuple[str, ...] = (),
) -> Meanings:
    """What every name is. Raises InputError where one is used as two things.

    Lengths are a namespace of their own beside arrays and numbers: a hidden state `h[t, k]` and its width h live together, and so do a slope m among
    the `names` and the length m of an axis. Alone in a formula, h is the width and m the slope; in a subscript or a bound both are lengths.
    """
    in_lengths = {part.value for size in axes.values() for part in postorder(size) if part.op == "length"}
    known = {*lengths, *in_lengths}
    own = frozenset({*samples, *names, *uses.targets}) - (known & set(uses.arrays))
    for letter, (source, at) in {**uses.ranges, **uses.axes}.items():
        if letter in own or (letter in known and letter not in axes):
            roles = {"a sample column": samples, "a definition": uses.targets, "a name": names}
            role = next((role for role, members in roles.items() if letter in members), "a length")
            raise source.error(at, f"{letter} is {role} here, and no index letter.", "an index letter that has no other meaning")
    letters = {*axes, *uses.ranges, *uses.axes, *(name for name in uses.places if name not in known and name not in own)}
    for letter in sorted(letters & in_lengths):
        raise InputError(f"{letter} is both an index letter and a length.", accepted="two names, as in i:m")
    known |= {name for name in uses.bounds if name not in letters and name not in own}
    letters |= {name for name in uses.subscripts if name not in known and name not in own}
    for name, (source, at) in uses.arrays.items():
        if name in letters:
            raise source.error(at, f"{name} is an index letter and cannot have a subscript.", "another name for the array")
    meanings = Meanings(axes, letters, known, frozenset(samples), own, hidden)
    if samples or hidden is not None:
        used = {*uses.everywhere(), *own, *letters, *known}
        meanings.hidden = hidden or _free(HIDDEN, used)
        meanings.rows = _free(ROWS, used)
        letters.add(meanings.hidden)
    for name in own & letters:
        raise InputError(f"{name} is both a name of the problem and an index letter.", accepted="two names")
    _refuse_twins(uses)
    return meanings


def _free(wanted: tuple[str, ...], used: set[str]) -> str:
    more = (f"{wanted[-1].rstrip('_')}_{n}" for n in range(1, len(used) + 2))
    return next(name for name in (*wanted, *more) if name not in used)


def _refuse_twins(uses: Uses) -> None:
    """Refuse two spellings of one name: a ligature beside two letters, a bold x beside a plain one."""
    typed: dict[str, dict[str, tuple[Source, int]]] = {}
    for source in uses.sources:
        for name, found in source.spellings.items():
            for spelling, at in found.items():
                typed.setdefault(name, {}).setdefault(spelling, (source, at))
    for name, spellings in typed.items():
        if len(spellings) > 1:
            second, first, *_ = sorted(spellings, key=lambda spelling: spelling == name)
            source, at = spellings[second]
            raise source.error(at, f"{second} and {first} look different, and both are the name {name}.", "one spelling, or two different names")


def _call_without_parentheses(name: str, single: set[str]) -> str:
    """sinx -> sin(x), log2w -> log(2*w) or log2(w): a function's name, then a number or nothing, then a letter that is in use or usual."""
    for cut in range(len(name) - 1, 1, -1):
        function, digits, letter = name[:cut], name[cut:-1], name[-1]
        if function in SPELLED and (not digits or digits.isdecimal()) and (letter in _USUAL or letter in single):
            return f"{function}({digits}*{letter})" if digits else f"{function}({letter})"
    return ""


def notes(uses: Uses, meanings: Meanings) -> list[str]:
    """What a careful reader would remark about the names."""
    used = uses.everywhere()
    found: list[str] = []
    for source in uses.sources:
        for name, spellings in source.spellings.items():
            found += [f"{spelling} is read as {name}." for spelling in spellings if spelling != name]
    for name in used:
        twin = name if name.isascii() else name.translate(LOOKALIKES)
        if twin != name and (twin in used or any(letter.isascii() and letter.isalpha() for letter in name)):
            foreign = next(letter for letter in name if letter != letter.translate(LOOKALIKES))
            found.append(f"{name} looks like {twin} but is another name: {described(foreign)} is not {foreign.translate(LOOKALIKES)}.")
    single = {name for name in {*used, *meanings.own} if name not in meanings.letters and name not in meanings.lengths}
    for name in uses.values:
        if name in meanings.own or name in meanings.letters or name in meanings.lengths:
            continue
        if name in ("e", "E"):
            found.append(f"{name} is the number 2.71828...; as parameter, constant, sample or definition it is a name.")
        elif 2 <= len(name) <= 6 and all(letter in single for letter in name):
            found.append(f"{name} is one name; a product is {'*'.join(name)}.")
        elif called := _call_without_parentheses(name, single):
            found.append(f"{name} is one name; the function is {called}.")
    return found
