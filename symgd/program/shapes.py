"""Lengths solved from the shapes of arrays, and every range and plain subscript checked before anything runs.

Each access says how long its array has to be: the largest index plus one. These are equations in the lengths; they are solved one unknown
at a time, and what contradicts is said in the user's own names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NoReturn

from symgd.errors import InputError, NotBuilt
from symgd.nodes.node import Node, accesses, node, number, postorder, substituted
from symgd.nodes.polynomial import polynomial
from symgd.nodes.text import text
from symgd.program.bounds import Bound, Said, agreed, extents, strongest
from symgd.program.elimination import Rows, eliminated, used_forms
from symgd.program.equation import Program
from symgd.program.extremes import rises
from symgd.program.linear import linear
from symgd.program.whole import whole_number

__all__ = ["noun_for", "shape_of", "solve", "value"]


# Solving for lengths


def solve(
    program: Program,
    shapes: Mapping[str, tuple[int, ...]],
    given: Mapping[str, int] | None = None,
    *,
    hidden: str | None = None,
    written: Program | None = None,
) -> dict[str, int]:
    """The value of every length, from the shapes of arrays (data, start values) and the lengths given by name.

    Every array has to be exactly as long as what is read of it, except data read at fixed places only, `X[i, 3]`, which may be longer.
    `hidden`: the letter of the hidden sample axis. `written`: the program as written, which says how long arrays are that `program` reads no more.
    Raises InputError where shapes contradict each other or a length stays open.

    >>> from symgd.program.equation import read_equation
    >>> lines = ["z[i] += W[j]*X[i, j] for i in 0:m, j in 0:d", "C += z[i]*y[i] for i in 0:m"]
    >>> program = Program(tuple(map(read_equation, lines)), {"W": 1, "X": 2, "y": 1}, "C", ("W",))
    >>> solve(program, {"X": (442, 10), "y": (442,)})
    {'m': 442, 'd': 10}
    >>> solve(program, {"X": (442, 10), "y": (441,)})
    Traceback (most recent call last):
    symgd.errors.InputError: X has 442 rows, y 441; both run along i. Accepted: one length.
    """
    said = extents(program.flat())
    if written is not None and any(name not in said and name in written.inputs for name in shapes):
        said = {**{name: bounds for name, bounds in extents(written.flat()).items() if name in shapes}, **said}
    system = _System(program, shapes, said, hidden)
    for name, size in (given or {}).items():
        if size < 1:
            raise InputError(f"The length {name} is {size}.", accepted="a whole number from 1")
        system.known[name] = (size, None)
    for name in shapes:
        system.check_rank(name)
    system.propagate()
    wanted = system.all_known()
    lengths = system.lengths
    for name in shapes:
        system.check_extents(name)
    _check_ranges(program, lengths, extents(program.flat()))
    return {name: lengths[name] for name in (*wanted, *(name for name in lengths if name not in wanted))}


@dataclass(frozen=True, slots=True)
class _Claim:
    """An array has `found` elements along `position`, which has to be `formula`."""

    name: str
    position: int
    found: int
    formula: Node
    bound: Bound | None = None


@dataclass(slots=True)
class _System:
    """Shapes, what the accesses say, and the lengths known so far, each with the claim from which it follows; None for a length given by name."""

    program: Program
    shapes: Mapping[str, tuple[int, ...]]
    said: Said
    hidden: str | None
    known: dict[str, tuple[int, _Claim | None]] = field(default_factory=dict)

    @property
    def lengths(self) -> dict[str, int]:
        return {name: found for name, (found, _) in self.known.items()}

    def check_rank(self, name: str) -> None:
        """The array has as many axes as its accesses, and none of them is empty."""
        shape, bounds = self.shapes[name], self.said.get(name, ())
        rank = len(bounds) if name in self.said else self.program.inputs.get(name, len(shape))
        if len(shape) != rank:
            axes = "no axis" if not shape else f"{len(shape)} {'axis' if len(shape) == 1 else 'axes'}"
            if not rank:
                raise InputError(f"{name} has {axes}, the cost reads it as one number.", accepted="a number")
            if not bounds:
                raise InputError(f"{name} has {axes}.", accepted=f"{rank}")
            expected = _shown([_expected(said) for said in bounds])
            raise InputError(f"{name} has {axes}, the cost reads it as {text(bounds[0][0].access)}.", accepted=f"shape {expected}")
        for position, count in enumerate(shape):
            if count < 1:
                raise InputError(f"{name} has no {noun_for(rank, position, 2)}.", accepted="at least one")

    def claims(self) -> Iterator[_Claim]:
        """What has to be equal: the array's length and a letter's whole range, else the largest index plus one where it can be told."""
        for name, shape in self.shapes.items():
            for position, bounds in enumerate(self.said.get(name, ())):
                top = strongest(bounds)
                letters = [bound for bound in top if bound.letter is not None]
                open_ = any(bound.high is None for bound in bounds) or (name not in self.program.parameters and all(b.fixed for b in top))
                for bound in letters or (top if len(top) == 1 and not open_ else ()):
                    if bound.high is not None:
                        yield _Claim(name, position, shape[position], bound.high, bound)
        for label, (name, position) in self.program.measured.items():
            if name in self.shapes:
                yield _Claim(name, position, self.shapes[name][position], node("length", value=label))

    def propagate(self) -> None:
        """Solve claim after claim for the one length in it that is still unknown, then those that are left together."""
        waiting = list(self.claims())
        moved = True
        while moved:
            moved, later = False, []
            for claim in waiting:
                unknown = self.unknown(claim.formula)
                if len(unknown) > 1 or not self.settle(claim, unknown):
                    later.append(claim)
                    continue
                moved = True
            waiting = later
            moved = moved or (bool(waiting) and self.together(waiting))

    def together(self, claims: list[_Claim]) -> bool:
        """Take what several linear claims tell together: m + n = 7 and m - n = 1. Whether they told anything."""
        linear_claims = [(claim, found[0], claim.found - found[1]) for claim in claims if (found := self.open_form(claim.formula)) is not None]
        rows = eliminated((form, gap) for _, form, gap in linear_claims)
        if rows.impossible:
            wrong, form, _ = linear_claims[rows.impossible[0]]
            others = [claim for claim, other, _ in linear_claims if claim is not wrong and not form.keys().isdisjoint(other)]
            listed = ", ".join([*(self.counted(claim) for claim in others), self.counted(wrong)])
            reads = " and ".join(dict.fromkeys(text(claim.bound.access) for claim in (*others, wrong) if claim.bound))
            raise InputError(f"{listed}; no lengths {', '.join(form)} fit all of them.", accepted=f"shapes that fit {reads}")
        for name, size in rows.told.items():
            claim = next(claim for claim, form, _ in linear_claims if name in form)
            if size.denominator != 1 or size < 1:
                told = " and ".join(self.counted(claim) for claim, form, _ in linear_claims if name in form)
                raise InputError(f"{told}; that makes the length {name} {size}.", accepted=f"shapes that make {name} a whole number from 1")
            self.known[name] = (int(size), claim)
        if not rows.told:
            self.choose(rows)
        return bool(rows.told)

    def choose(self, rows: Rows) -> None:
        """Give values to lengths that are told only in combinations, H - P, where the program uses nothing but these combinations."""
        for form in used_forms(self.program):
            if form is None or not rows.settles({atom.value: c for atom, c in form.items() if atom is not None and atom.value not in self.known}):
                return
        for name, size in (rows.chosen() or {}).items():
            self.known[name] = (size, None)

    def open_form(self, formula: Node) -> tuple[dict[str, Fraction], Fraction] | None:
        """(factors of the unknown lengths, the rest) of a formula that is linear in them."""
        form = linear(substituted(formula, {node("length", value=name): number(found) for name, found in self.lengths.items()}))
        if form is None or any(atom is not None and atom.op != "length" for atom in form):
            return None
        return {atom.value: c for atom, c in form.items() if atom is not None and c}, form.get(None, Fraction(0))

    def unknown(self, formula: Node) -> list[Node]:
        """The lengths on which the formula depends and which nothing has told yet."""
        form = polynomial(formula) or {}
        atoms = dict.fromkeys(atom for monomial in form for atom in monomial)
        return [part for part in postorder(*atoms) if part.op == "length" and part.value not in self.known]

    def settle(self, claim: _Claim, unknown: list[Node]) -> bool:
        """Take the one unknown length from the claim, or compare where none is left. False where the claim does not tell it."""
        if not unknown:
            if value(claim.formula, self.lengths) != claim.found:
                self.contradict(claim)
            return True
        (length,) = unknown
        form = linear(substituted(claim.formula, {node("length", value=name): number(found) for name, found in self.lengths.items()}))
        if form is None:
            return self.settle_by_search(claim, length)
        exact = (claim.found - form.get(None, Fraction(0))) / form[length]
        if exact.denominator != 1 or exact < 1:
            noun = self.plural(claim)
            read = f"read as {text(claim.bound.access)}" if claim.bound else "measured"
            accepted = f"a shape that makes {length.value} a whole number" if exact.denominator != 1 else f"more {noun}"
            raise InputError(f"{self.counted(claim)}; {read}, that makes the length {length.value} {exact}.", accepted=accepted)
        self.known[length.value] = (int(exact), claim)
        return True

    def settle_by_search(self, claim: _Claim, length: Node) -> bool:
        """The whole number at which a formula that grows with the length has the value found."""
        if not rises(claim.formula, length):
            return False

        def at(size: int) -> int:
            return value(claim.formula, {**self.lengths, length.value: size})

        below, above = 0, 1
        while at(above) < claim.found:
            below, above = above, 2 * above
        while above - below > 1:
            middle = (below + above) // 2
            below, above = (middle, above) if at(middle) < claim.found else (below, middle)
        if at(above) != claim.found:
            read = f"read as {text(claim.bound.access)}, " if claim.bound else ""
            fitting = " or ".join(str(at(near)) for near in (below, above) if near and at(near))
            raise InputError(f"{self.counted(claim)}; {read}that fits no whole {length.value}.", accepted=f"{fitting} {self.plural(claim)}")
        self.known[length.value] = (above, claim)
        return True

    def plural(self, claim: _Claim) -> str:
        return noun_for(len(self.shapes[claim.name]), claim.position, 2)

    def contradict(self, claim: _Claim) -> NoReturn:
        """Say which two things disagree."""
        found, source = self.known.get(claim.formula.value, (0, None)) if claim.formula.op == "length" else (0, None)
        if found and source is None:
            raise InputError(f"{self.counted(claim)}; the length {claim.formula.value} is given as {found}.", accepted="one length")
        if source is not None and source.formula is claim.formula:
            first, second = sorted((source, claim), key=lambda c: -len(self.shapes[c.name]))
            nouns = [noun_for(len(self.shapes[c.name]), c.position, c.found) for c in (first, second)]
            other = "" if nouns[1] == nouns[0] or len(self.shapes[second.name]) == 1 else f" {nouns[1]}"
            where = self.common(first, second)
            if first.name == second.name:
                raise InputError(f"{self.counted(first)} and {second.found} {nouns[1]}; {where}.", accepted="one length")
            raise InputError(f"{self.counted(first)}, {second.name} {second.found}{other}; {where}.", accepted="one length")
        self.refuse(claim.name, claim.position, claim.formula, claim.bound)

    def refuse(self, name: str, position: int, formula: Node, bound: Bound | None) -> NoReturn:
        """Say which shape would fit."""
        shape, lengths = list(self.shapes[name]), self.lengths
        shape[position] = value(formula, lengths)
        names = [part.value for part in postorder(formula) if part.op == "length"]
        where = " with " + ", ".join(f"{label} = {lengths[label]}" for label in names) if names else ""
        read = f"the cost reads {text(bound.access)}" if bound else "measured"
        raise InputError(f"{name} has shape {self.shapes[name]}, {read}{where}.", accepted=f"shape {tuple(shape)}")

    def common(self, u: _Claim, v: _Claim) -> str:
        """The letter that runs along both arrays."""
        letters = [[b.letter for b in self.said[c.name][c.position] if b.letter is not None and b.high is c.formula] for c in (u, v)]
        shared = next((letter.value for letter in letters[0] if letter in letters[1]), None)
        if shared is not None and shared == self.hidden:
            return "both run along the samples"
        return f"both run along {shared}" if shared is not None else f"both have length {text(u.formula)}"

    def counted(self, claim: _Claim) -> str:
        return f"{claim.name} has {claim.found} {noun_for(len(self.shapes[claim.name]), claim.position, claim.found)}"

    def all_known(self) -> dict[str, None]:
        """The names of the lengths that the program needs, but those that values tell. Raises InputError if one is still open."""
        targets = (part.value for shape in self.program.extents.values() for part in postorder(*shape) if part.op == "length")
        needed = dict.fromkeys(name for name in (*self.program.lengths(), *targets) if name not in self.program.longest)
        open_ = [name for name in needed if name not in self.known]
        if not open_:
            return needed
        for label in open_:
            if label in self.program.measured:
                name, position = self.program.measured[label]
                noun = noun_for(self.program.inputs[name], position, 2)
                raise InputError(f"How many {noun} {name} has is not fixed by data or start.", accepted=f"start values for {name}")
        users = [name for name, positions in self.said.items() if name in self.program.inputs and _mentioned(positions) & set(open_)]
        subject, them = (f"The length {open_[0]} is", "it") if len(open_) == 1 else (f"The lengths {', '.join(open_)} are", "them")
        because = f"; {', '.join(users)} depend{'s' if len(users) == 1 else ''} on {them}" if users else ""
        example = ", ".join(f'"{name}": 32' for name in open_)
        raise InputError(f"{subject} not fixed by data or start{because}.", accepted=f"a number among the data, {{{example}}}")

    def check_extents(self, name: str) -> None:
        """The array is as long as what is read of it."""
        for position, bounds in enumerate(self.said.get(name, ())):
            known = self.lengths
            needs = [(value(b.high, known), b.high, b) for b in bounds if b.high is not None and _names(b.high) <= known.keys()]
            if needs:
                need, formula, bound = max(needs, key=lambda found: found[0])
                loose = len(needs) < len(bounds) or (name not in self.program.parameters and all(b.fixed for b in bounds))
                found = self.shapes[name][position]
                if found < need or (found > need and not loose):
                    self.refuse(name, position, formula, bound)


def _names(formula: Node) -> set[str]:
    return {part.value for part in postorder(formula) if part.op == "length"}


def _mentioned(positions: tuple[tuple[Bound, ...], ...]) -> set[str]:
    """The names of the lengths in what is said about an array."""
    highs = [bound.high for bounds in positions for bound in bounds if bound.high is not None]
    return {part.value for part in postorder(*highs) if part.op == "length"}


def _check_ranges(program: Program, lengths: Mapping[str, int], said: Said) -> None:
    """No range runs backwards, no index is negative, and nothing is read past the end of what the program computes."""
    for equation in program.flat():
        for axis in equation.domain:
            edges = (axis.low, axis.high)
            if any(edge.free or any(accesses(edge)) for edge in edges):
                continue
            if value(axis.high, lengths) < value(axis.low, lengths):
                raise InputError(
                    f"The range {axis} runs backwards: {value(axis.low, lengths)} to {value(axis.high, lengths)}.", accepted="low <= high"
                )
    for name, positions in said.items():
        for position, bounds in enumerate(positions):
            for bound in bounds:
                if bound.low is None or bound.high is None or value(bound.high, lengths) <= value(bound.low, lengths):
                    continue
                if value(bound.low, lengths) < 0:
                    raise InputError(
                        f"{text(bound.access)} is read before its start, at index {value(bound.low, lengths)}.", accepted="indices from 0"
                    )
                if name in program.extents:
                    length = value(program.extents[name][position], lengths)
                    if value(bound.high, lengths) > length:
                        last = value(bound.high, lengths) - 1
                        raise InputError(f"{text(bound.access)} is read at index {last}; {name} ends at {length - 1}.", accepted=f"0 to {length - 1}")


def _expected(bounds: tuple[Bound, ...]) -> str:
    formula = agreed(bounds)
    return "any" if formula is None else text(formula)


def _shown(lengths: list[str]) -> str:
    return f"({', '.join(lengths)}{',' if len(lengths) == 1 else ''})"


def noun_for(rank: int, position: int, count: int) -> str:
    """What the places along one axis of an array are called: values, rows, columns."""
    if rank == 1:
        return "value" if count == 1 else "values"
    if position > 1:
        return f"{'value' if count == 1 else 'values'} along axis {position}"
    return ("row", "column")[position] if count == 1 else ("rows", "columns")[position]


# Values


def value(part: Node, lengths: Mapping[str, int], letters: Mapping[Node, int] | None = None) -> int:
    """The value of an index expression without data.

    >>> from symgd.nodes.node import ONE, length, number
    >>> value(node("+", node("*", number(2), length("m")), ONE), {"m": 4})
    9
    """
    def atom(inner: Node) -> int:
        if inner.op == "length":
            return lengths[inner.value]
        if inner.op == "index" and letters is not None and inner in letters:
            return letters[inner]
        raise NotBuilt(f"{text(inner)} stands in a length; such lengths are not built yet.", accepted="sums and products of lengths and numbers")

    try:
        return whole_number(part, atom)
    except NotBuilt:
        raise
    except InputError as refused:
        known = ", ".join(f"{name} = {lengths[name]}" for name in sorted(_names(part)))
        raise InputError(f"With {known}, {refused.what}" if known else refused.what, accepted=refused.accepted) from None


def shape_of(program: Program, name: str, lengths: Mapping[str, int]) -> tuple[int, ...]:
    """The shape of an input or target.

    >>> from symgd.program.equation import read_equation
    >>> program = Program((read_equation("C += X[i, j]*w[j + 1] for i in 0:m, j in 0:d"),), {"X": 2, "w": 1}, "C", ("w",))
    >>> shape_of(program, "w", {"m": 4, "d": 3})
    (4,)
    """
    if name in program.extents:
        return tuple(value(part, lengths) for part in program.extents[name])
    if program.inputs.get(name) == 0:
        return ()
    measured = {place: label for label, place in program.measured.items()}
    shape: list[int] = []
    for position, bounds in enumerate(extents(program.flat()).get(name, ())):
        label = measured.get((name, position))
        if label is None and (not bounds or (any(b.high is None for b in bounds) and all(b.letter is None for b in bounds))):
            noun = noun_for(program.inputs.get(name, 1), position, 2)
            raise InputError(f"How many {noun} {name} has is told by its values only.", accepted=f"values for {name}")
        shape.append(lengths[label] if label is not None else max(value(b.high, lengths) for b in bounds if b.high is not None))
    return tuple(shape)
