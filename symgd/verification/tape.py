"""Formulas written out at small lengths, operation by operation: what wrong rules are applied to, and what points are fitted to.

The tape is the formula as the user typed it: every entry knows the part that it came from, so a mistake at one part is one at all its entries.
Entries are shared, and values and slopes are computed when they are asked for.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import mpmath

from symgd.cost.checked import Definition
from symgd.derivation.check import solved
from symgd.errors import LimitError
from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.node import CONDITIONS, REDUCTIONS, Node, access, accesses, fraction
from symgd.program.equation import Range
from symgd.program.meaning import Arithmetic, Interpreter
from symgd.rules.derivatives import RULES, Rule, coefficients, domain, read_law, rule_for

__all__ = ["Doubles", "Entry", "Point", "Slopes", "Tape", "Wrong", "domain_of", "letters_of"]

MOST = 40_000  # entries
Place = tuple[int, ...]
Slopes = dict[Place, Any]  # element of the parameter -> derivative by it; elements that do not reach the entry are left out


class Entry(NamedTuple):
    """One operation on earlier entries. `own`: of a softmax, the entry at its own place; `key`: of an input, name and place."""

    op: str
    args: tuple[int, ...]
    part: Node
    own: int = 0
    key: tuple[str, Place] = ("", ())


class Tape:
    """The entries of formulas over one set of definitions. `whole`: the integer data, on which the structure depends.

    >>> from symgd.reading.text import expression
    >>> tape = Tape((), {"m": 3}, {}, {"x": (3,)})
    >>> entry = tape.entry(expression("mean(w*x)", samples="x"), {})
    >>> tape.entries[entry].op, len(tape.entries)
    ('mean', 8)
    """

    def __init__(
        self, definitions: Sequence[Definition], lengths: Mapping[str, int], whole: Mapping[str, Any], shapes: Mapping[str, Place]
    ) -> None:
        self.lengths, self.shapes, self.whole = dict(lengths), shapes, whole
        self.parts: dict[str, list[Definition]] = {}
        for part in definitions:
            self.parts.setdefault(part.target, []).append(part)
        for own in self.parts.values():
            own.sort(key=lambda part: len(part.ranges))  # of several that fit, the most special one
        self.reader = Interpreter(whole, lengths, Arithmetic(15))
        self.entries: list[Entry] = []
        self.beyond: dict[int, Node] = {}
        self._known: dict[tuple[Node, tuple[int, ...]], int] = {}
        self._inputs: dict[tuple[str, Place], int] = {}
        self._elements: dict[tuple[str, Place], int] = {}
        self._needed: dict[int, list[int]] = {}

    def entry(self, part: Node, point: Mapping[Node, int]) -> int:
        """The entry with the value of a formula at these index values. Raises LimitError for more than `MOST` entries."""
        letters = [letter for letter in part.free if letter in point]
        letters.sort(key=lambda letter: letter.value)
        key = (part, tuple([point[letter] for letter in letters]))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._made(part, dict(point))
        return found

    def _made(self, part: Node, point: dict[Node, int]) -> int:
        op = part.op
        if op == "access":
            return self._access(part, point)
        if op == "softmax":
            body, *bounds = part.args
            over = [self.entry(body, inner) for inner in self._points(bounds, point)]
            return self._add("softmax", over, part, own=self.entry(body, point))
        if op in REDUCTIONS:
            body, *bounds = part.args
            return self._add(op, [self.entry(body, inner) for inner in self._points(bounds, point)], part)
        if op == "piecewise":
            return self._piecewise(part, point)
        return self._add(op, [self.entry(argument, point) for argument in part.args], part, number=self._number(part, point))

    def _add(self, op: str, args: Iterable[int], part: Node, own: int = 0, number: Any = None, key: tuple[str, Place] = ("", ())) -> int:
        if len(self.entries) >= MOST:
            raise LimitError(f"Written out at small lengths the formulas have more than {MOST:,} operations.", accepted="a smaller problem")
        self.entries.append(Entry(op, tuple(args), part, own if number is None else number, key))
        return len(self.entries) - 1

    def _number(self, part: Node, point: Mapping[Node, int]) -> Any:
        if part.op == "index":
            return point[part]
        return self.lengths[part.value] if part.op == "length" else None

    def _points(self, bounds: Sequence[Node], point: dict[Node, int]) -> Iterable[dict[Node, int]]:
        return self.reader.points(tuple(Range(*bound.args) for bound in bounds), point)

    def _access(self, part: Node, point: dict[Node, int]) -> int:
        try:
            place = tuple([self.reader.integer(argument, point) for argument in part.args])
        except KeyError:  # a subscript that is read beyond the end
            return self._missing(part)
        if part.value in self.parts:
            for definition in self.parts[part.value]:
                inner = solved(definition, place, self.reader)
                if inner is not None and self._inside(definition, inner):
                    return self._element(definition, place, inner)
            return self._missing(part)
        return self.input(part.value, place, part)

    def _element(self, definition: Definition, place: Place, point: dict[Node, int]) -> int:
        """The entry of an element of a definition. It is one of its own: the same formula elsewhere in the cost is no use of the definition."""
        key = (definition.target, place)
        if key not in self._elements:
            self._elements[key] = self._add("named", [self.entry(definition.body, point)], access(definition.target, *definition.at))
        return self._elements[key]

    def _inside(self, definition: Definition, point: Mapping[Node, int]) -> bool:
        for bound in definition.ranges:
            letter, low, high = bound.args
            if letter in point and not self.reader.integer(low, point) <= point[letter] < self.reader.integer(high, point):
                return False
        return True

    def defined(self, name: str) -> dict[Place, int]:
        """Element -> entry of a definition, for all elements that its parts define."""
        found: dict[Place, int] = {}
        for part in self.parts.get(name, ()):
            for point in self._points(part.ranges, {}):
                place = tuple([self.reader.integer(argument, point) for argument in part.at])
                if place not in found:
                    found[place] = self._element(part, place, point)
        return found

    def _missing(self, part: Node) -> int:
        found = self._add("missing", (), part)
        self.beyond[found] = part
        return found

    def input(self, name: str, place: Place, part: Node | None = None) -> int:
        """The entry of an element of a parameter or of data."""
        shape = self.shapes.get(name, ())
        if len(shape) != len(place) or not all(0 <= at < side for at, side in zip(place, shape, strict=True)):
            assert part is not None
            return self._missing(part)
        key = (name, place)
        if key not in self._inputs:
            self._inputs[key] = self._add("input", (), part or _NOTHING, key=key)
        return self._inputs[key]

    def _piecewise(self, part: Node, point: dict[Node, int]) -> int:
        """Conditions on indices alone are decided here: a branch that is not taken may read beyond the end."""
        args: list[int] = []
        pairs, otherwise = divmod(len(part.args), 2)
        for n in range(pairs):
            value, condition = part.args[2 * n : 2 * n + 2]
            if all(found.value in self.whole for found in accesses(condition)):
                if self.reader.holds(condition, point):
                    last = self.entry(value, point)
                    return self._add("piecewise", [*args, last], part) if args else last
                continue
            args += [self.entry(value, point), self.entry(condition, point)]
        if otherwise:
            last = self.entry(part.args[-1], point)
            return self._add("piecewise", [*args, last], part) if args else last
        return self._add("piecewise", args, part)

    def entries_of(self, part: Node) -> list[int]:
        """Everything that one formula was written out to, at whatever index values; without letters, its only entry."""
        found = [entry for key, entry in self._known.items() if key[0] is part]
        return found if found or part.free else [self.entry(part, {})]

    def needed(self, root: int) -> list[int]:
        """The entries that the root is computed from, and itself, in order."""
        if root not in self._needed:
            seen, stack = {root}, [root]
            while stack:
                entry = self.entries[stack.pop()]
                for inner in (*entry.args, entry.own) if entry.op == "softmax" else entry.args:
                    if inner not in seen:
                        seen.add(inner)
                        stack.append(inner)
            self._needed[root] = sorted(seen)
        return self._needed[root]


class Doubles(Arithmetic):
    """Float64, NaN where there is no real value: for the many points and rules that are tried before one is looked at closely."""

    def __init__(self) -> None:
        self.ctx: Any = mpmath.fp
        self.wide = Arithmetic(20)

    def exact(self, value: Any) -> float:
        return float(value)

    def call(self, op: str, *args: Any) -> Any:
        try:
            return float(args[0] ** args[1] if op == "^" else super().call(op, *args))
        except OverflowError:
            return float("inf")
        except (TypeError, ValueError, ZeroDivisionError):
            return float("nan")
        except AttributeError:  # mpmath has no such function for float64
            return float(self.wide.call(op, *map(self.wide.ctx.mpf, args)))


Wrong = Callable[["Point", int, list[Slopes], Slopes], Slopes]
"""A wrong rule for an entry: (point, entry, slopes of its arguments, the right result) -> slopes."""


class Point:
    """Values of the entries of a tape for one set of inputs, (name, place) -> number."""

    def __init__(self, tape: Tape, inputs: Mapping[tuple[str, Place], Any], arithmetic: Arithmetic) -> None:
        self.tape, self.inputs, self.arithmetic = tape, inputs, arithmetic
        self.values: dict[int, Any] = {}
        self.slopes: dict[int, dict[int, Any]] = {}
        self.letters = Interpreter({}, {}, arithmetic)
        self.named = ""  # the parameter that a wrong law may speak of

    def value(self, root: int) -> Any:
        """The value of an entry, NaN or infinite where it has none."""
        if root not in self.values:
            for entry in self.tape.needed(root):
                if entry not in self.values:
                    self.values[entry] = self._value(entry, self.tape.entries[entry])
        return self.values[root]

    def of(self, formula: Node, point: Mapping[Node, int]) -> Any:
        """The value of a formula at these index values."""
        return self.value(self.tape.entry(formula, point))

    def _value(self, number: int, entry: Entry) -> Any:
        op, call, values = entry.op, self.arithmetic.call, self.values
        if op == "number":
            return self.arithmetic.exact(fraction(entry.part))
        if op == "input":
            return self.arithmetic.exact(self.inputs[entry.key])
        if op == "constant":
            return self.arithmetic.constant(entry.part.value)
        if op in ("index", "length"):
            return self.arithmetic.exact(entry.own)
        args = [values[argument] for argument in entry.args]
        if op in CONDITIONS:
            return _holds(op, args)
        if op == "piecewise":
            return self._branch(args)
        if op == "missing":
            return self.arithmetic.ctx.nan
        if op == "named":
            return args[0]
        if op == "softmax":
            return call("exp", call("+", values[entry.own], -self._logsumexp(args)))
        if op in REDUCTIONS:
            return self._reduced(op, args)
        return call(op, *args)

    def _branch(self, args: list[Any]) -> Any:
        taken = self.taken(args)
        return self.arithmetic.ctx.nan if taken is None else args[taken]

    @staticmethod
    def taken(args: list[Any]) -> int | None:
        """Which of the arguments of a piecewise entry is its value."""
        for n in range(0, len(args) - 1, 2):
            if args[n + 1]:
                return n
        return len(args) - 1 if len(args) % 2 else None

    def _logsumexp(self, values: list[Any]) -> Any:
        call, top = self.arithmetic.call, max(values)
        return call("+", call("log", sum((call("exp", value - top) for value in values), self.arithmetic.exact(0))), top)

    def _reduced(self, op: str, values: list[Any]) -> Any:
        ctx, zero = self.arithmetic.ctx, self.arithmetic.exact(0)
        if not values and op in ("maximum", "minimum", "logsumexp", "mean"):
            return ctx.nan
        if op == "logsumexp":
            return self._logsumexp(values)
        if op in ("maximum", "minimum"):
            return max(values) if op == "maximum" else min(values)
        if op == "product":
            total = self.arithmetic.exact(1)
            for value in values:
                total *= value
            return total
        if op == "norm":
            return self.arithmetic.call("sqrt", sum((value * value for value in values), zero))
        total = sum(values, zero)
        return self.arithmetic.call("/", total, self.arithmetic.exact(len(values))) if op == "mean" else total

    # slopes

    def tangents(
        self, root: int, seeds: Mapping[int, Slopes], wrong: Mapping[Node, Wrong] = MappingProxyType({}), known: Mapping[int, Slopes] | None = None
    ) -> dict[int, Slopes]:
        """Entry -> its derivatives by the elements that are seeded, forwards; at the parts of `wrong` by their wrong rules.

        `known`: the right ones, which stay where nothing before them is wrong.
        """
        self.value(root)
        found: dict[int, Slopes] = {}
        entries = self.tape.entries
        for number in self.tape.needed(root):
            entry = entries[number]
            args = (*entry.args, entry.own) if entry.op == "softmax" else entry.args
            mutated = bool(wrong) and entry.part in wrong
            if known is not None and not mutated and all(found.get(argument) is known.get(argument) for argument in args):
                if number in known:
                    found[number] = known[number]
                continue
            inner = [found.get(argument, _NONE) for argument in args]
            if number in seeds:
                right = seeds[number]
            elif any(inner):
                right = self._joined(number, args, inner)
            else:
                continue
            found[number] = wrong[entry.part](self, number, inner, right) if mutated else right
        return found

    def tangent(self, root: int, seeds: Mapping[int, Slopes]) -> Slopes:
        """The derivatives of an entry by the elements that are seeded."""
        return self.tangents(root, seeds).get(root, {})

    def _joined(self, number: int, args: Sequence[int], inner: list[Slopes]) -> Slopes:
        total: Slopes = {}
        for position, slopes in enumerate(inner):
            if slopes:
                factor = self.partial(number, position)
                for place, slope in slopes.items():
                    share = factor * slope if factor else slope * 0 if slope == slope else 0 * factor
                    total[place] = total[place] + share if place in total else share
        return total

    def partial(self, number: int, position: int) -> Any:
        """The derivative of an entry by one of its arguments; behind those of a softmax stands its own place."""
        known = self.slopes.setdefault(number, {})
        if position not in known:
            known[position] = self._partial(self.tape.entries[number], number, position)
        return known[position]

    def _partial(self, entry: Entry, number: int, position: int) -> Any:
        op, call, exact = entry.op, self.arithmetic.call, self.arithmetic.exact
        args = [self.values[argument] for argument in entry.args]
        if op in ("+", "sum", "named"):
            return exact(1)
        if op == "mean":
            return 1 / exact(len(args))
        if op == "neg":
            return exact(-1)
        if op in ("*", "product"):
            total = exact(1)
            for n, value in enumerate(args):
                if n != position:
                    total = total * value
            return total
        if op == "piecewise":
            return exact(1 if self.taken(args) == position else 0)
        if op in ("maximum", "minimum", "max", "min"):
            return self._share(entry, number, position)
        if op == "logsumexp":
            return call("exp", args[position] - self.values[number])
        if op == "norm":
            return call("/", args[position], self.values[number]) if self.values[number] else exact(0)
        if op == "softmax":
            own = self.values[number]
            return own if position == len(args) else -own * call("exp", args[position] - self._logsumexp(args))
        if op in ("==", "!=", "<", "<=", ">", ">=", "and", "or", "not"):
            return exact(0)
        rule = rule_for(entry.part)
        letter = letters_of(rule)[position]
        if letter not in coefficients(rule):
            return exact(0)
        return self.law(coefficients(rule)[letter], dict(zip(letters_of(rule), args, strict=True)))

    def _share(self, entry: Entry, number: int, position: int) -> Any:
        """Those that attain the extreme share it, but max(u, 0) has derivative 0 at 0."""
        args, exact = [self.values[argument] for argument in entry.args], self.arithmetic.exact
        attained = [n for n, value in enumerate(args) if value == self.values[number]]
        if position not in attained:
            return exact(0)
        relu = entry.op == "max" and len(args) == 2 and len(attained) == 2 and args[0] == 0
        return exact(0) if relu else 1 / exact(len(attained))

    def law(self, law: Node, letters: Mapping[str, Any]) -> Any:
        """The value of a law for these values of its letters, NaN where it has none."""
        self.letters.values = {name: {(): value} for name, value in letters.items()}
        return self.letters.number(law, {})

    def slack(self, number: int) -> Any | None:
        """How far inside its domain an operation is: negative outside, None where it has a value everywhere."""
        entry = self.tape.entries[number]
        condition = domain_of(entry.part) if entry.op not in REDUCTIONS and entry.op not in ("missing", "input") else None
        if condition is None:
            return None
        args = [self.values[argument] for argument in entry.args]
        letters = dict(zip(letters_of(rule_for(entry.part)), args, strict=True))
        return slack(condition, lambda side: self.law(side, letters))

    def adjoints(self, weights: Mapping[int, Any]) -> dict[int, Any]:
        """Entry -> derivative of the weighted sum of entries by it, backwards."""
        found = dict(weights)
        for number in sorted({inner for root in weights for inner in self.tape.needed(root)}, reverse=True):
            adjoint, entry = found.get(number), self.tape.entries[number]
            if not adjoint or entry.op == "input":
                continue
            for position, argument in enumerate((*entry.args, entry.own) if entry.op == "softmax" else entry.args):
                factor = self.partial(number, position)
                if factor:
                    found[argument] = found.get(argument, 0) + adjoint * factor
        return found

    def gradient(self, weights: Mapping[int, Any]) -> dict[int, Any]:
        """The same, of inputs alone."""
        return {number: value for number, value in self.adjoints(weights).items() if self.tape.entries[number].op == "input"}


def slack(condition: Node, value: Callable[[Node], Any]) -> Any:
    """A number that is positive where the condition holds, and moves with its sides."""
    if condition.op in ("and", "or"):
        parts = [slack(part, value) for part in condition.args]
        return min(parts) if condition.op == "and" else max(parts)
    if condition.op == "not":
        return -slack(condition.args[0], value)
    left, right = (value(side) for side in condition.args)
    if condition.op == "!=":
        return abs(left - right)
    return left - right if condition.op in (">", ">=") else right - left if condition.op in ("<", "<=") else -abs(left - right)


def _holds(op: str, args: list[Any]) -> bool:
    if op in ("and", "or"):
        return (all if op == "and" else any)(args)
    if op in ("not", "true", "false"):
        return not args[0] if op == "not" else op == "true"
    return bool(_COMPARED[op](*args))


_COMPARED = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}


@cache
def letters_of(rule: Rule) -> tuple[str, ...]:
    """The letter at each place of a rule's pattern, "" where it has a number."""
    return tuple(argument.value if argument.op == "access" else "" for argument in read_law(rule.pattern).args)


@cache
def _rule_domain(key: str) -> Node | None:
    return domain(RULES[key])


@lru_cache(maxsize=4096)
def domain_of(part: Node) -> Node | None:
    """Where the law of an operation holds, as a condition on its letters; powers with whole exponents and kinks have no edge."""
    if part.op not in FUNCTIONS and part.op not in ("/", "^"):
        return None
    if part.op in ("abs", "max", "min", "sign", "cbrt", "hypot", "unit", "floor", "ceiling", "mod", "heaviside"):
        return None
    if part.op == "^":
        exponent = part.args[1]
        if exponent.op == "neg":
            exponent = exponent.args[0]
        whole = exponent.op == "number" and fraction(exponent).denominator == 1
        if whole:
            return read_law("piecewise(1, u != 0, 0)").args[1] if part.args[1].op == "neg" or fraction(exponent) < 0 else None
        if rule_for(part).key == "power":
            return read_law("piecewise(1, u > 0, 0)").args[1]
    return _rule_domain(rule_for(part).key)


_NONE: Slopes = {}
_NOTHING = read_law("0")
