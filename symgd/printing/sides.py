"""The lengths of axes and the shapes of arrays as code, for a module that finds and checks them by itself.

What program/shapes.py solves for given arrays is solved here for arrays that are still to come: `m, d = data["X"].shape`, `P = H - len(...) + 1`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from symgd.nodes.node import ONE, ZERO, Node, accesses, postorder
from symgd.nodes.text import text
from symgd.printing.module import Generated, Slot
from symgd.printing.numba import INDENT, Printer
from symgd.program.bounds import Bound, at_most, extents, in_subscripts, reached, strongest
from symgd.program.equation import Equation, Program, Range
from symgd.program.extents import input_extents
from symgd.program.extremes import rises
from symgd.program.linear import Linear, coefficient, linear, size
from symgd.program.subscripts import is_behind_start, is_decided_by_values

__all__ = ["Sides", "quoted", "tupled"]


def quoted(words: str) -> str:
    """A text as a Python literal, in double quotes where nothing in it needs care.

    >>> print(quoted("w"), quoted('x"; import os'))
    "w" 'x"; import os'
    """
    return f'"{words}"' if words.isprintable() and not set(words) & set('"\\') else repr(words)


def tupled(parts: list[str]) -> str:
    """(a, b) or (a,)"""
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


class Sides:
    """What a program says about the sides of its arrays, as code.

    `arrays`: name -> what an array is called there, for those that tell lengths, the more telling first; by default the data in a mapping `data`.
    """

    def __init__(self, program: Program, generated: Generated, printer: Printer, arrays: Mapping[str, str] | None = None) -> None:
        self.program, self.generated, self.printer = program, generated, printer
        self.arrays = arrays if arrays is not None else {slot.name: f"data[{quoted(slot.name)}]" for slot in generated.slots("data")}
        self.said = extents(program.flat())
        self.extents, measured = input_extents(program)
        self.measured = frozenset(measured.values())
        self.identifier = {slot.name: slot.identifier for slot in generated.slots("length")}

    # lengths

    def lengths(self) -> tuple[list[str], list[str]]:
        """Lines that find the lengths which the arrays tell, and the names of the others.

        A length is read off the shape of an array; what stands in a formula, `H - P + 1`, follows once the rest of the formula is known.
        """
        lines: list[str] = []
        known: set[str] = set()
        waiting: list[tuple[str, Node]] = []
        slots = {slot.name: slot for slot in self.generated.slots("data", "parameter")}
        for slot in sorted((slots[name] for name in self.arrays if name in slots), key=lambda slot: -len(slot.extents)):
            claims, array = list(self._claims(slot)), self.arrays[slot.name]
            plain = [formula.value for _, formula in claims if formula.op == "length"]
            if plain and len(slot.extents) == len(claims) == len(plain) == len(set(plain)) and not known & set(plain):
                sides = ", ".join(map(self.identifier.__getitem__, plain))
                lines.append(f"{sides} = {array}.shape" if len(plain) > 1 else f"{sides} = len({array})")
                known |= set(plain)
            else:
                waiting += [(f"{array}.shape[{position}]", formula) for position, formula in claims]
        moved = True
        while moved:
            moved = False
            for side, formula in waiting:
                unknown = [part for part in postorder(formula) if part.op == "length" and part.value not in known]
                if len(unknown) == 1 and (found := self._solved(side, formula, unknown[0])):
                    lines += found
                    known.add(unknown[0].value)
                    moved = True
        return lines, [name for name in self.identifier if name not in known and name not in self.program.longest]

    def _solved(self, side: str, formula: Node, unknown: Node) -> list[str]:
        """Lines that find the unknown length of `side = formula`, none where the formula does not tell it. What does not fit shows when the shapes
        are checked.
        """
        name, form = self.identifier[unknown.value], linear(formula)
        if form is not None and all(c.denominator == 1 for c in form.values()):
            return [f"{name} = {self._divided(side, form, unknown)}"]
        found = coefficient(formula, unknown)
        if found is not None and at_most(ONE, found[0]):
            factor, rest = map(self.printer.integer, found)
            above = side if rest == "0" else f"({side} - {_closed(rest)})"
            return [f"{name} = {above}//{_closed(factor)}"]
        if not rises(formula, unknown):
            return []
        return [f"{name} = 1", f"while {self.printer.integer(formula)} < {side}:", f"{INDENT}{name} += 1"]

    def _divided(self, side: str, form: Linear, unknown: Node) -> str:
        """The unknown length of a linear equation."""
        factor = int(form[unknown])
        sign = 1 if factor > 0 else -1
        terms = [(sign, side)]
        terms += [(-sign * int(c), "" if atom is None else self.identifier[atom.value]) for atom, c in form.items() if c and atom is not unknown]
        terms.sort(key=lambda term: term[0] < 0)
        shown = ""
        for c, name in terms:
            size = f"{abs(c)}*{name}" if name and abs(c) > 1 else name or str(abs(c))
            shown += (" - " if c < 0 else " + ") + size if shown else ("-" if c < 0 else "") + size
        return shown if abs(factor) == 1 else f"({shown})//{abs(factor)}"

    def told_by_start(self, name: str) -> str:
        """The axes of start values that tell a length: (("W", 0), ("b", 0))."""
        found = [
            f"({quoted(slot.name)}, {n})"
            for slot in self.generated.slots("parameter")
            for n, e in self._claims(slot)
            if e.op == "length" and e.value == name
        ]
        return tupled(list(dict.fromkeys(found)))

    def _claims(self, slot: Slot) -> Iterator[tuple[int, Node]]:
        """(position, formula): along this position the array is exactly as long as the formula says."""
        for position, extent in enumerate(slot.extents):
            if (slot.name, position) in self.measured:
                yield position, extent
            top = strongest(self._bounds(slot.name, position))
            letters = [bound for bound in top if bound.letter is not None]
            for bound in letters or ([] if self._loose(slot.name, position) or len(top) > 1 else top):
                if bound.high is not None:
                    yield position, bound.high

    def _bounds(self, name: str, position: int) -> tuple[Bound, ...]:
        return self.said[name][position] if name in self.said else ()

    def _loose(self, name: str, position: int) -> bool:
        """May the array be longer than what is read of it?"""
        bounds = self._bounds(name, position)
        return any(b.high is None for b in bounds) or (name not in self.program.parameters and all(b.fixed for b in bounds))

    # shapes

    def pattern(self, slot: Slot) -> str:
        """The shape as texts: ("m", "d")."""
        sides = []
        for position, extent in enumerate(slot.extents):
            more = " or more" if extent.op == "number" and self._loose(slot.name, position) else ""
            sides.append(quoted(text(extent) + more))
        return tupled(sides)

    def shape(self, slot: Slot) -> str:
        """The shape that the array has to have, in the lengths: (m, d)."""
        return tupled(self.needed(slot))

    def needed(self, slot: Slot) -> list[str]:
        """How long the array has to be along each axis."""
        sides = []
        for position, extent in enumerate(slot.extents):
            needs = [bound.high for bound in strongest(self._bounds(slot.name, position)) if bound.high is not None]
            shown = list(dict.fromkeys(map(self.printer.integer, needs)))
            if self._loose(slot.name, position) or not shown:
                measured = (slot.name, position) in self.measured
                own = self.printer.integer(extent) if measured else f"{self.arrays[slot.name]}.shape[{position}]"
                shown.insert(0, own)
            sides.append(shown[0] if len(shown) == 1 else f"max({', '.join(shown)})")
        return sides

    def limits(self) -> dict[str, str]:
        """condition -> what is wrong where it holds, though all shapes are right: ranges that run backwards, indices outside of an array."""
        found: dict[str, str] = {}
        shown = self.printer.integer
        row = self.program.row
        if row is not None and not at_most(ONE, row):
            found[f"{shown(row)} < 1"] = f"There are {text(row)} samples, less than one. Accepted: longer arrays."
        for equation in self.program.flat():
            for axis in equation.domain:
                loose = any(edge.free or any(accesses(edge)) for edge in (axis.low, axis.high))
                if not loose and axis.high is not row and not at_most(axis.low, axis.high):
                    found[f"{shown(axis.high)} < {shown(axis.low)}"] = f"The range {axis} runs backwards. Accepted: longer arrays."
        for slot in self.generated.slots("data", "parameter"):
            for position in range(len(slot.extents)):
                along = [bound for bound in strongest(self._bounds(slot.name, position)) if bound.letter is not None and bound.high is not None]
                for other in along[1:]:
                    condition = " != ".join(shown(bound.high) for bound in (along[0], other) if bound.high is not None)
                    found[condition] = f"{slot.name} is read along two axes of unequal length. Accepted: one length."
        for name, positions in self.said.items():
            for position, bounds in enumerate(positions):
                for bound in bounds:
                    if bound.low is None or bound.high is None:
                        continue
                    low, high, read = shown(bound.low), shown(bound.high), text(bound.access)
                    if not at_most(ZERO, bound.low):
                        found[f"{low} < min(0, {high})"] = f"{read} is read before its start. Accepted: indices from 0."
                    if name in self.program.extents and not at_most(bound.high, self.program.extents[name][position]):
                        end = shown(self.program.extents[name][position])
                        found[f"{high} > max({low}, {end})"] = f"{read} is read after its end. Accepted: shorter ranges."
        return found

    # subscripts that data decide

    def subscripts(self) -> tuple[list[str], list[str]]:
        """The body of a function that looks at every subscript and range that data decide, and what to say of each where it is wrong.

        The function returns the number of the sentence, the value, the length that it must stay below, and the outermost index there; or zeros.
        """
        equations = list(self.program.flat())
        names = in_subscripts(equations)
        lines: list[str] = []
        sentences: list[str] = []
        seen: set[tuple[object, ...]] = set()
        for equation in equations:
            for found, conditions in reached(equation, names):
                for position, place in enumerate(found.args):
                    if is_behind_start(self.program, found, position):
                        continue
                    ranges = _needed(equation, place, conditions)
                    key = (self._length(found.value, position), place, ranges, conditions)
                    if key not in seen and is_decided_by_values(place, tuple((axis.index, axis.low, axis.high) for axis in ranges)):
                        seen.add(key)
                        lines += self._looked_at(found, position, ranges, conditions, sentences)
        return [*lines, "return 0, 0, 0, 0"], sentences

    def longest(self) -> list[str]:
        """The body of a function that returns the lengths which only values tell, in the order of `program.longest`."""
        letter, shown, lines = self.generated.names.letter, self.printer.integer, []
        for name, (*outer, last) in self.program.longest.items():
            found = self.identifier[name]
            heads = [f"for {letter(axis.index)} in range({self.printer.bounds(axis)}):" for axis in outer]
            lines.append(f"{found} = 1")
            lines += [f"{INDENT * depth}{head}" for depth, head in enumerate(heads)]
            lines.append(f"{INDENT * len(heads)}{found} = max({found}, {shown(size(last.low, last.high))})")
        returned = [self.identifier[name] for name in self.program.longest]
        return [*lines, f"return {', '.join(returned)}"] if returned else []

    def _length(self, name: str, position: int) -> Node:
        return (self.program.extents if name in self.program.extents else self.extents)[name][position]

    def _looked_at(self, found: Node, position: int, ranges: tuple[Range, ...], conditions: tuple[Node, ...], sentences: list[str]) -> Iterator[str]:
        """One loop nest."""
        shown, letter = self.printer.integer, self.generated.names.letter
        depth = 0
        row, where = (letter(ranges[0].index), f" at {text(ranges[0].index)} = {{row}}") if ranges else ("0", "")

        def refused(condition: str, value: str, length: str, sentence: str) -> Iterator[str]:
            sentences.append(sentence)
            yield f"{INDENT * depth}if {condition}:"
            yield f"{INDENT * (depth + 1)}return {len(sentences)}, {value}, {length}, {row}"

        for axis in ranges:
            if any(accesses(axis.low, axis.high)):
                low, high = shown(axis.low), shown(axis.high)
                said = f"The range {_braced(str(axis))} runs backwards{where}. Accepted: bounds that do not fall."
                yield from refused(f"{high} < {low}", high, low, said)
            yield f"{INDENT * depth}for {letter(axis.index)} in range({self.printer.bounds(axis)}):"
            depth += 1
        for condition in conditions:
            yield f"{INDENT * depth}if {self.printer.condition(condition)}:"
            depth += 1
        for divisor in _divisors(found.args[position]):
            said = f"{_braced(text(found))} divides by 0{where}. Accepted: numbers from 1 below the fraction bar and in mod."
            yield from refused(f"{shown(divisor)} == 0", "0", "0", said)
        place, length = shown(found.args[position]), shown(self._length(found.value, position))
        said = f"{_braced(text(found))} is read at index {{value}} of axis {position}{where}. Accepted: 0 to {{last}}."
        yield from refused(f"not 0 <= {place} < {length}", place, length, said)


def _needed(equation: Equation, place: Node, conditions: tuple[Node, ...]) -> tuple[Range, ...]:
    """The ranges on which a subscript and the conditions of its access depend."""
    wanted = place.free.union(*(condition.free for condition in conditions))
    found: list[Range] = []
    for axis in reversed(equation.domain):
        if axis.index in wanted:
            wanted |= axis.low.free | axis.high.free
            found.append(axis)
    return tuple(reversed(found))


def _divisors(place: Node) -> list[Node]:
    """What a subscript divides by and may be 0."""
    found = [part.args[1] for part in postorder(place) if part.op in ("/", "mod")]
    return [part for part in found if not at_most(ONE, part)]


def _closed(shown: str) -> str:
    return shown if shown.isidentifier() or shown.isdigit() else f"({shown})"


def _braced(shown: str) -> str:
    """A text in which str.format finds nothing."""
    return shown.replace("{", "{{").replace("}", "}}")
