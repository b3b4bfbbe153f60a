"""The rows of mistakes at the parts of a cost: for each, the wrong rule that it is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import Any

from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.node import Node, access, accesses, node, postorder
from symgd.rules.derivatives import RULES, coefficients, read_law, rule_for
from symgd.verification.case import Case, Found, score
from symgd.verification.mistakes import CONFUSED, ROWS, Row
from symgd.verification.tape import Place, Point, Slopes, Wrong, letters_of

__all__ = ["Mutant", "mutants"]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A row at one part. `variant`: which split or which part of the argument it takes; `inside`: below something that is not linear."""

    row: Row
    key: str
    part: Node
    rule: Wrong
    letters: Mapping[str, Node]
    variant: str = ""
    inside: bool = False

    def found(self, stage: float = 0.0) -> Found:
        row = self.row
        later = -0.15 if row.on == "same-parameter" else 0.3 if row.kind == "sign" and row.on == "one-argument" else 0.0
        near = 0.001 * len(postorder(self.part))
        kind = row.kind
        if kind == "constant-factor" and row.on == "constant" and not _is_number(self.letters.get("u")):
            kind = "missing-chain-factor" if self.inside else "missing-term"
            near += 0.3
        if kind == "constant-factor" and row.on == "divisor" and not _is_number(self.letters.get("v")):
            kind = "mean-vs-sum" if self.letters["v"].op == "length" else "missing-term"
        return Found(kind, score(kind, stage + later) + near, row.sentence, self.part, self.letters)


def _is_number(part: Node | None) -> bool:
    return part is None or not any(inner.op in ("access", "length", "index") for inner in postorder(part))


def mutants(case: Case) -> list[Mutant]:
    """Every row at every part where it could happen, in the order of the table."""
    spot, right = case.spots[0], case.right[0]
    tape = spot.tape
    found: list[Mutant] = []
    seen: set[Node] = set()
    outer = _linear_parts(case.bench.checked.formula.expression)
    for entry_number in tape.needed(case.roots[0]):
        entry = tape.entries[entry_number]
        if entry.part in seen or entry_number not in right:
            continue
        seen.add(entry.part)
        active = [bool(right.get(argument)) for argument in entry.args]
        for key, letters, variant in _classes(case, entry_number, active):
            for row in _rows_on(key):
                for more, compiled in _variants(case, row, entry_number, key):
                    which = f"{'' if variant is None else variant}{more}"
                    rule = _wrong(compiled, key, variant)
                    found.append(Mutant(row, key, entry.part, rule, letters, which, entry.part not in outer))
    return found


def _linear_parts(root: Node) -> set[Node]:
    """The parts that lead to the root through sums, means and constant factors."""
    found, stack = set[Node](), [root]
    while stack:
        part = stack.pop()
        found.add(part)
        if part.op in ("+", "neg", "*", "sum", "mean", "/"):
            stack += part.args
    return found


@cache
def _rows_on(key: str) -> tuple[Row, ...]:
    """The rows for one class of parts; for a function also those for every function, and the derivatives that it is confused with."""
    rows = [row for row in ROWS if row.on == key]
    if key in RULES and key not in _SPECIAL:
        rows += [row for row in ROWS if row.on == "one-argument"]
        for group in CONFUSED:
            for other in group if key in group else ():
                if other != key and "u" in coefficients(RULES[other]):
                    rows.append(Row("table-entry", key, f"slope of {other}", f"That is the derivative of {other}: {{law}}."))
    return tuple(rows)


_SPLIT = frozenset({"sum", "shared-sum", "kept-constant", "product", "constant", "same-parameter", "other-path"})
_SPECIAL = frozenset({"sum", "negative", "product", "quotient", "piecewise", "max", "min", "relu", "softmax"})


def _classes(case: Case, entry_number: int, active: list[bool]) -> Iterator[tuple[str, Mapping[str, Node], int | None]]:
    """The classes of a part, with what the letters of a law are, and for sums and products which argument is u."""
    entry = case.spots[0].tape.entries[entry_number]
    part, op = entry.part, entry.op
    if op == "input":
        yield "identity", {"u": part}, None
    elif op == "+":
        for n, argument in enumerate(part.args):
            rest = part.args[:n] + part.args[n + 1 :]
            letters = {"u": argument, "v": rest[0] if len(rest) == 1 else node("+", *rest)}
            yield ("sum" if active[n] else "kept-constant"), letters, n
            if active[n] and _shared(case, argument, letters["v"]):
                yield "shared-sum", letters, n
    elif op == "*":
        count = sum(active)
        named = sum(a and argument.op == "access" for a, argument in zip(active, part.args, strict=True))
        for n, argument in enumerate(part.args):
            rest = part.args[:n] + part.args[n + 1 :]
            letters = {"u": argument, "v": rest[0] if len(rest) == 1 else node("*", *rest)}
            if not active[n]:
                yield "constant", letters, n
            elif count > 1:
                yield ("same-parameter" if named == count else "other-path"), letters, n
                yield "product", letters, n
    elif op == "/":
        letters = dict(zip("uv", part.args, strict=True))
        yield ("quotient" if all(active) else "divisor" if active[0] else "reciprocal"), letters, None
    elif op in ("sum", "mean"):
        yield ("total" if op == "sum" else "mean"), {"u": part.args[0]}, None
    elif op in ("logsumexp", "norm", "softmax"):
        yield op, {"u": part.args[0]}, None
    elif op == "piecewise":
        for n in range(0, len(part.args) - 1, 2):
            yield "piecewise", {"u": part.args[n]}, n
        if len(part.args) % 2:
            yield "piecewise", {"u": part.args[-1]}, len(entry.args) - 1
    elif op == "neg":
        yield "negative", {"u": part.args[0]}, None
    elif op in FUNCTIONS or op == "^":
        rule = rule_for(part)
        letters = {letter: argument for letter, argument in zip(letters_of(rule), part.args, strict=False) if letter}
        if rule.key == "relu":
            letters = {"u": part.args[0] if active[0] else part.args[1]}
        yield rule.key, letters, None


def _shared(case: Case, one: Node, other: Node) -> bool:
    """Do both read the same definition, one perhaps through others?"""
    bodies = {d.target: d.body for d in case.bench.checked.definitions}

    def read(part: Node) -> set[str]:
        found: set[str] = set()
        stack = [part]
        while stack:
            for name in {place.value for place in accesses(stack.pop())} & bodies.keys() - found:
                found.add(name)
                stack.append(bodies[name])
        return found

    return not read(one).isdisjoint(read(other))


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A wrong law ready to be evaluated. `of`: the part of u that t stands for."""

    law: Node | None
    replaced: tuple[tuple[str, Node], ...] = ()
    special: str = ""
    of: Node | None = None


@cache
def _compiled(wrong: str, key: str) -> _Compiled | None:
    if wrong in ("1 everywhere", "one branch"):
        return _Compiled(None, special=wrong)
    if wrong.startswith("slope of "):
        return _Compiled(node("*", coefficients(RULES[wrong.removeprefix("slope of ")])["u"], access("du")))
    body, *changes = re.split(r", (?=\w+ = )", wrong)
    replaced = tuple((change.split(" = ")[0], read_law(change.split(" = ")[1])) for change in changes)
    if body == "law" and replaced:
        if key not in RULES:
            return None
        letters = {"u", "v", "du", "dv"} & {found.value for found in accesses(read_law(RULES[key].law))}
        if not {name for name, _ in replaced} <= letters:
            return None
        return _Compiled(read_law(RULES[key].law), replaced)
    return _Compiled(read_law(body), replaced)


def _variants(case: Case, row: Row, entry_number: int, key: str) -> Iterator[tuple[str, _Compiled]]:
    compiled = _compiled(row.wrong, "quotient" if key == "reciprocal" else key)
    if compiled is None:
        return
    if not row.wrong.endswith("u = t"):
        yield "", compiled
        return
    tape = case.spots[0].tape
    entry = tape.entries[entry_number]
    inside: dict[Node, list[int]] = {}
    for inner in tape.needed(entry.args[0])[:-1]:
        if tape.entries[inner].op not in ("number", "constant", "missing", "index", "length"):
            inside.setdefault(tape.entries[inner].part, []).append(inner)
    for part, entries in list(inside.items())[-12:]:
        if len(entries) == 1:
            yield f" at {id(part)}", _Compiled(compiled.law, compiled.replaced, of=part)


def _wrong(compiled: _Compiled, key: str, split: int | None) -> Wrong:
    """The rule that a compiled law is at an entry."""

    def everywhere(point: Point, entry: int, inner: list[Slopes], right: Slopes) -> Slopes:
        name = point.tape.entries[entry].key[0]
        return {place: 1.0 for other, place in point.inputs if other == name}

    def branch(point: Point, entry: int, inner: list[Slopes], right: Slopes) -> Slopes:
        return inner[split] if split is not None and split < len(inner) else right

    def rule(point: Point, entry: int, inner: list[Slopes], right: Slopes) -> Slopes:
        fixed = _letters(point, entry, key, split)
        if compiled.of is not None:
            tape = point.tape
            inside = (one for one in tape.needed(tape.entries[entry].args[0]) if tape.entries[one].part is compiled.of)
            fixed["t"] = next((point.values[one] for one in inside), float("nan"))
        first = point.tape.entries[entry].args[:1]
        if first and first[0] in point.values and point.tape.entries[first[0]].op in FUNCTIONS:
            fixed["o"] = point.partial(first[0], 0)
        places = {place: None for slopes in inner for place in slopes} or dict.fromkeys(right)
        found: Slopes = {}
        for place in places:
            letters = dict(fixed)
            letters |= _inner(point, entry, inner, key, split, place)
            letters["law"] = right.get(place, 0.0)
            letters["x"] = point.inputs.get((point.named, place), float("nan"))
            letters["x"] = float(letters["x"])
            try:
                for name, value in [(name, point.law(value, letters)) for name, value in compiled.replaced]:
                    if name not in ("du", "dv") or letters.get(name):
                        letters[name] = value
                assert compiled.law is not None
                found[place] = point.law(compiled.law, letters)
            except KeyError:  # the law speaks of something that is not there
                return right
        return found

    return everywhere if compiled.special == "1 everywhere" else branch if compiled.special else rule


def _letters(point: Point, number: int, key: str, split: int | None) -> dict[str, Any]:
    entry = point.tape.entries[number]
    args = [point.values[argument] for argument in entry.args]
    letters: dict[str, Any] = {"a": point.values[number], "N": float(len(args))}
    if key in _SPLIT and split is not None:
        others = args[:split] + args[split + 1 :]
        letters |= {"u": args[split], "v": sum(others) if entry.op == "+" else prod(others)}
    elif key in ("quotient", "divisor", "reciprocal"):
        letters |= {"u": args[0], "v": args[1]}
    elif key == "softmax":
        letters["u"] = point.values[entry.own]
    elif key == "negative":
        letters["u"] = args[0]
    elif key in RULES:
        rule = RULES[key]
        if key == "relu":
            letters["u"] = args[0] if entry.part.args[1].op == "number" else args[1]
        else:
            letters |= {letter: value for letter, value in zip(letters_of(rule), args, strict=False) if letter}
    return letters


def _inner(point: Point, number: int, inner: list[Slopes], key: str, split: int | None, place: Place) -> dict[str, Any]:
    entry = point.tape.entries[number]
    slopes = [one.get(place, 0.0) for one in inner]
    if key in _SPLIT and split is not None:
        if entry.op == "+":
            return {"du": slopes[split], "dv": sum(slopes) - slopes[split]}
        args = [point.values[argument] for argument in entry.args]
        total = 0.0
        for n, slope in enumerate(slopes):
            if n != split and slope:
                total += slope * prod(value for k, value in enumerate(args) if k not in (n, split))
        return {"du": slopes[split], "dv": total}
    if key == "softmax":
        shares = [point.arithmetic.call("exp", point.values[argument] - point.values[entry.own]) * point.values[number] for argument in entry.args]
        return {"du": slopes[-1], "s": sum(share * slope for share, slope in zip(shares, slopes, strict=False))}
    if key in ("logsumexp", "norm", "mean", "total"):
        return {"du": sum(slopes)}
    if key == "relu":
        return {"du": slopes[0] or slopes[1]}
    if key in ("quotient", "divisor", "reciprocal"):
        return {"du": slopes[0], "dv": slopes[1]}
    if key == "negative":
        return {"du": slopes[0]}
    if key in RULES:
        return {f"d{letter}": slope for letter, slope in zip(letters_of(RULES[key]), slopes, strict=False) if letter}
    return {}
