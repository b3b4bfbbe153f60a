"""What went wrong: the rows of mistakes, applied to this very cost, and what each would have given, compared with the answer in numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import combinations
from math import isfinite, prod
from typing import Any

import numpy as np

from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.node import Node, access, accesses, node, number, postorder
from symgd.rules.derivatives import RULES, coefficients, read_law, rule_for
from symgd.verification.bench import Bench, Spot
from symgd.verification.mistakes import CONFUSED, KINDS, ROWS, Row
from symgd.verification.tape import Place, Point, Slopes, Wrong, letters_of

__all__ = ["Case", "Found", "explanations"]

CLOSE = 1e-7
TELLING = frozenset(Fraction(n, d) for n in range(1, 13) for d in range(1, 13))
PAIRS = 4000
TERMS = 8


@dataclass(frozen=True, slots=True)
class Found:
    """One explanation. `score`: the smaller the better."""

    kind: str
    score: float
    message: str
    part: Node | None = None
    row: Row | None = None
    letters: Mapping[str, Node] = field(default_factory=dict)


@dataclass
class Case:
    """An answer for one parameter at some spots: `targets`, element -> number, one for each spot."""

    bench: Bench
    name: str
    spots: Sequence[Spot]
    targets: Sequence[Slopes]

    @cached_property
    def roots(self) -> list[int]:
        return [spot.sampler.root for spot in self.spots]

    @cached_property
    def seeds(self) -> list[dict[int, Slopes]]:
        return [spot.seeds(self.name) for spot in self.spots]

    @cached_property
    def right(self) -> list[dict[int, Slopes]]:
        """The right slopes of all entries."""
        return [spot.double.tangents(root, seeds) for spot, root, seeds in zip(self.spots, self.roots, self.seeds, strict=True)]

    @cached_property
    def exact(self) -> list[Slopes]:
        return [slopes.get(root, {}) for slopes, root in zip(self.right, self.roots, strict=True)]

    def wrongly(self, n: int, wrong: Mapping[Node, Wrong]) -> Slopes:
        """What the cost's derivative would be at a spot with wrong rules."""
        self.spots[n].double.named = self.name
        return self.spots[n].double.tangents(self.roots[n], self.seeds[n], wrong, self.right[n]).get(self.roots[n], {})

    def fits(self, given: Callable[[int], Slopes]) -> bool:
        """Is this the answer, at every spot? The first spot decides nearly always."""
        return all(_equal(given(n), target) for n, target in enumerate(self.targets))

    def ratio(self, given: Callable[[int], Slopes]) -> list[float] | None:
        """For each spot, the number that the answer is times this; None if there is none."""
        found = []
        for n, target in enumerate(self.targets):
            one = _ratio(given(n), target)
            if one is None:
                return None
            found.append(one)
        return found


def _equal(given: Slopes, target: Slopes) -> bool:
    scale = max((abs(value) for value in target.values()), default=0.0)
    for place, value in target.items():
        other = given.get(place, 0.0)
        if not isfinite(other) or not abs(value - other) <= CLOSE * (abs(value) + abs(other)) + 1e-11 * scale:
            return False
    return True


def _ratio(given: Slopes, target: Slopes) -> float | None:
    place = max(target, key=lambda one: abs(given.get(one, 0.0)), default=None)
    if place is None or not given.get(place, 0.0) or not isfinite(given[place]):
        return None
    ratio = float(target[place] / given[place])
    scaled = {one: ratio * value for one, value in given.items()}
    return ratio if ratio and isfinite(ratio) and _equal(scaled, target) else None


def explanations(case: Case, over: Callable[[], bool], formula: Node | None = None, answer: Any = None) -> list[Found]:
    """At most two, best first. `formula`: the exact derivative; `answer`: (place, formula) of the answer, None for numbers alone."""
    from symgd.verification.rewritten import misreadings, of_formula, of_answer

    found: list[Found] = []
    for stage in (
        lambda: _wholes(case), lambda: _rules(case, over), lambda: _elsewhere(case, formula, answer), lambda: _in_terms(case),
    ):  # fmt: skip
        found += stage()
    if len({one.kind for one in found}) < 2 and not over():
        for stage in (lambda: misreadings(case, over), lambda: of_formula(case, formula, answer, over), lambda: of_answer(case, answer)):
            found += stage()
    if not found and not over():
        found += _pairs(case, over)
    best: dict[str, Found] = {}
    for one in sorted(found, key=lambda one: one.score):
        best.setdefault(one.kind, one)
    return list(best.values())[:2]


def score(kind: str, stage: float = 0.0) -> float:
    """Frequent kinds first, and what one rule explains before what takes more."""
    return stage * 100 + KINDS.index(kind)


# the answer as a whole


def _wholes(case: Case) -> Iterator[Found]:
    if not any(value for target in case.targets for value in target.values()):
        yield Found("data-as-constant", 0.0, "It is 0: {name} was taken for a constant.")
        return
    ratios = case.ratio(lambda n: case.exact[n])
    if ratios is None:
        return
    first = ratios[0]
    lengths = [spot.setting.lengths for spot in case.spots]
    if all(abs(ratio - first) < 1e-7 * abs(first) for ratio in ratios):
        if abs(first + 1) < 1e-7:
            yield Found("sign", 0.9, "It is minus the derivative, everywhere.")
            return
        said = _factor(first)
        if not said and len({round(value, 9) for exact in case.exact for value in exact.values()}) > 2:
            said = f"{first:.6g} times"
        if said:
            yield Found("constant-factor", score("constant-factor", 0.2), f"It is {said} the derivative everywhere: a constant factor is wrong.")
            return
    for name in dict.fromkeys(name for one in lengths for name in one):
        for sign in (1, -1):
            words = "with the opposite sign, " if sign < 0 else ""
            if all(abs(ratio - sign * one[name]) < 1e-7 * abs(ratio) for ratio, one in zip(ratios, lengths, strict=True)):
                yield Found("mean-vs-sum", score("mean-vs-sum"), f"It is {name} times the derivative, {words}the sum and not the mean: 1/{name} is missing.")
            if all(abs(ratio * one[name] - sign) < 1e-7 for ratio, one in zip(ratios, lengths, strict=True)):
                yield Found("mean-vs-sum", score("mean-vs-sum"), f"It is the derivative divided by {name}, {words}a mean where the cost has a sum.")


def _factor(ratio: float) -> str:
    near = Fraction(abs(ratio)).limit_denominator(12)
    if near not in TELLING or abs(float(near) - abs(ratio)) > 1e-7 * abs(ratio):
        return ""
    words = {Fraction(1, 2): "half of", Fraction(2): "twice", Fraction(1, 3): "a third of", Fraction(1, 4): "a quarter of"}
    sign = "minus " if ratio < 0 else ""
    return sign + words.get(near, f"{near} times" if near.denominator == 1 else f"{near} of")


# wrong rules


def _rules(case: Case, over: Callable[[], bool]) -> Iterator[Found]:
    alone = _mutants(case)
    groups: dict[tuple[Row, str], dict[Node, Wrong]] = {}
    for mutant in alone:
        if over():
            return
        wrong = {mutant.part: mutant.rule}
        if case.fits(lambda n, wrong=wrong: case.wrongly(n, wrong)):  # type: ignore[misc]
            yield mutant.found()
        if not mutant.variant:
            groups.setdefault((mutant.row, mutant.key), {})[mutant.part] = mutant.rule
    for (row, _), group in groups.items():
        if len(group) > 1 and not over() and case.fits(lambda n, group=group: case.wrongly(n, group)):  # type: ignore[misc]
            mutant = next(one for one in alone if one.row is row and one.part in group)
            yield mutant.found(0.1)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A row at one part. `variant`: which split or which part of the argument it takes."""

    row: Row
    key: str
    part: Node
    rule: Wrong
    letters: Mapping[str, Node]
    variant: str = ""

    def found(self, stage: float = 0.0) -> Found:
        row = self.row
        later = -0.15 if row.on == "same-parameter" else 0.3 if row.kind == "sign" and row.on == "one-argument" else 0.0
        near = 0.001 * len(postorder(self.part))
        kind = row.kind
        if kind == "constant-factor" and row.on == "constant" and not _is_number(self.letters.get("u")):
            kind = "missing-term"
        if kind == "constant-factor" and row.on == "divisor" and not _is_number(self.letters.get("v")):
            kind = "mean-vs-sum" if self.letters["v"].op == "length" else "missing-term"
        return Found(kind, score(kind, stage + later) + near, row.sentence, self.part, row, self.letters)


def _is_number(part: Node | None) -> bool:
    return part is None or not any(inner.op in ("access", "length", "index") for inner in postorder(part))


def _mutants(case: Case) -> list[Mutant]:
    """Every row at every part where it could happen, in the order of the table."""
    spot, right = case.spots[0], case.right[0]
    tape = spot.tape
    found: list[Mutant] = []
    seen: set[Node] = set()
    for entry_number in tape.needed(case.roots[0]):
        entry = tape.entries[entry_number]
        if entry.part in seen or entry_number not in right:
            continue
        seen.add(entry.part)
        active = [bool(right.get(argument)) for argument in entry.args]
        for key, letters, variant in _classes(case, entry_number, active):
            for row in _rows_on(key):
                for more, compiled in _variants(case, row, entry_number, key):
                    found.append(Mutant(row, key, entry.part, _wrong(compiled, key, variant), letters, f"{variant if variant is not None else ''}{more}"))
    return found


@lru_cache(maxsize=None)
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


_SPLIT = frozenset({"sum", "shared-sum", "kept-constant", "product", "constant", "same-parameter"})
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
                if named == count:
                    yield "same-parameter", letters, n
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
            for name in {access.value for access in accesses(stack.pop())} & bodies.keys() - found:
                found.add(name)
                stack.append(bodies[name])
        return found

    return not read(one).isdisjoint(read(other))


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A wrong law ready to be evaluated. `of`: the part of u that t stands for."""

    law: Node | None
    replaced: tuple[tuple[str, Node], ...] = ()
    needs_law: bool = False
    special: str = ""
    of: Node | None = None


@lru_cache(maxsize=None)
def _compiled(wrong: str, key: str) -> _Compiled | None:
    if wrong in ("1 everywhere", "one branch"):
        return _Compiled(None, special=wrong)
    if wrong.startswith("slope of "):
        return _Compiled(node("*", coefficients(RULES[wrong.removeprefix("slope of ")])["u"], access("du")))
    body, *changes = [text.strip() for text in wrong.split(", ")]
    replaced = tuple((change.split(" = ")[0], read_law(change.split(" = ")[1])) for change in changes)
    if body == "law" and replaced:
        if key not in RULES:
            return None
        letters = {"u", "v", "du", "dv"} & {found.value for found in accesses(read_law(RULES[key].law))}
        if not {name for name, _ in replaced} <= letters:
            return None
        return _Compiled(read_law(RULES[key].law), replaced)
    law = read_law(body)
    return _Compiled(law, replaced, any(found.value == "law" for found in accesses(law)))


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
            yield f" at {id(part)}", _Compiled(compiled.law, compiled.replaced, compiled.needs_law, "", part)


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
            fixed["t"] = next((point.values[one] for one in point.tape.needed(point.tape.entries[entry].args[0]) if point.tape.entries[one].part is compiled.of), float("nan"))
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


# other derivatives, other degrees


def _elsewhere(case: Case, formula: Node | None, answer: Any) -> Iterator[Found]:
    for other in case.bench.program.inputs:
        if other != case.name and other not in case.bench.program.integers and case.fits(lambda n, other=other: _by(case, n, other)):  # type: ignore[misc]
            if other in case.bench.cost.parameters:
                yield Found("wrong-variable", score("wrong-variable") - 20, f"It is the derivative by {other}, not by {{name}}.")
            else:
                yield Found("wrong-variable", score("wrong-variable"), f"It is the derivative by {other}, which is data and constant here.")
    if case.fits(lambda n: dict.fromkeys(case.targets[n], case.spots[n].double.value(case.roots[n]))):
        yield Found("not-differentiated", score("not-differentiated") - 20, "It is the cost itself: nothing was differentiated.")
    scalar = all(list(target) == [()] for target in case.targets)
    if scalar and formula is not None:
        if case.fits(lambda n: _slope(case, n, formula)):
            yield Found("not-differentiated", score("not-differentiated"), "It is the second derivative: it was differentiated twice.")
    if scalar and answer is not None:
        place, given = answer
        costs = [spot.double.value(root) for spot, root in zip(case.spots, case.roots, strict=True)]
        if all(_equal(_slope(case, n, given), {(): value}) and value for n, value in enumerate(costs)):
            yield Found("integrated", score("integrated") - 30, "It is an integral of the cost: its derivative is the cost. It was integrated, not differentiated.")


def _slope(case: Case, n: int, formula: Node) -> Slopes:
    spot = case.spots[n]
    return spot.double.tangent(spot.tape.entry(formula, {}), case.seeds[n])


def _by(case: Case, n: int, other: str) -> Slopes:
    """The derivative by another name, in the shape of the parameter: same elements, or summed over leading axes that it has more."""
    spot = case.spots[n]
    found = spot.double.tangent(case.roots[n], spot.seeds(other))
    target = case.targets[n]
    rank = len(next(iter(target), ()))
    total: Slopes = {}
    for place, slope in found.items():
        own = place[len(place) - rank :] if rank else ()
        total[own] = total.get(own, 0.0) + slope
    return total


# the terms of the exact derivative


def _in_terms(case: Case) -> Iterator[Found]:
    """The answer as a combination of the contributions of the terms of one sum: 0, -1, 2 and N tell the story."""
    tape, right = case.spots[0].tape, case.right[0]
    seen: set[Node] = set()
    for entry_number in tape.needed(case.roots[0]):
        entry = tape.entries[entry_number]
        if entry.op != "+" or entry.part in seen or entry_number not in right:
            continue
        seen.add(entry.part)
        active = [n for n, argument in enumerate(entry.args) if right.get(argument)]
        if 2 <= len(active) <= TERMS:
            yield from _fitted(case, entry.part, active)


def _fitted(case: Case, part: Node, active: list[int]) -> Iterator[Found]:
    def only(n: int | None) -> Wrong:
        return lambda point, entry, inner, right: inner[n] if n is not None else {}

    columns: list[list[float]] = []
    wanted: list[float] = []
    settings: list[Mapping[str, int]] = []
    for n, target in enumerate(case.targets):
        shares = [case.wrongly(n, {part: only(term)}) for term in active]
        rest = case.wrongly(n, {part: only(None)})
        for place, value in target.items():
            base = rest.get(place, 0.0)
            row = [share.get(place, 0.0) - base for share in shares]
            if not all(map(isfinite, row)) or not isfinite(value):
                return
            columns.append(row)
            wanted.append(value - base)
            settings.append(case.spots[n].setting.lengths)
    if len(columns) < len(active) + 2:
        return
    matrix, right = np.array(columns), np.array(wanted)
    scale = np.maximum(np.abs(matrix).sum(axis=1), 1e-300)
    weights, _, rank, _ = np.linalg.lstsq(matrix / scale[:, None], right / scale, rcond=1e-10)
    if rank < len(active) or np.max(np.abs(matrix @ weights - right) / scale) > 1e-8:
        return
    odd = [(term, weight) for term, weight in zip(active, weights, strict=True) if abs(weight - 1) > 1e-6]
    if not odd or len(odd) == len(active):
        return
    for term, weight in odd:
        shown = part.args[term]
        if abs(weight) < 1e-7:
            yield Found("missing-term", score("missing-term", 0.1), "The contribution of {u} is missing.", part, None, {"u": shown})
        elif abs(weight + 1) < 1e-6:
            yield Found("sign", score("sign", 0.1), "The contribution of {u} has the opposite sign.", part, None, {"u": shown})
        elif said := _factor(float(weight)):
            message = f"The contribution of {{u}} is {said} what it should be."
            yield Found("constant-factor", score("constant-factor", 0.1), message, part, None, {"u": shown})


# two mistakes


def _pairs(case: Case, over: Callable[[], bool]) -> Iterator[Found]:
    mutants = [mutant for mutant in _mutants(case) if isfinite(sum(case.wrongly(0, {mutant.part: mutant.rule}).values()))]
    for mutant in mutants:
        if over():
            return
        ratios = case.ratio(lambda n, mutant=mutant: case.wrongly(n, {mutant.part: mutant.rule}))  # type: ignore[misc]
        if ratios is None:
            continue
        first = ratios[0]
        if all(abs(ratio - first) < 1e-7 * abs(first) for ratio in ratios) and Fraction(abs(first)).limit_denominator(4) in _SMALL:
            if abs(float(Fraction(abs(first)).limit_denominator(4)) - abs(first)) < 1e-7:
                yield mutant.found(1.0)
                kind = "sign" if first < 0 else "constant-factor"
                said = "Besides, the sign is the opposite one." if first == -1 or abs(first + 1) < 1e-7 else f"Besides, it is {_factor(first)} that."
                yield Found(kind, score(kind, 1.2), said)
                return
        for name in case.spots[0].setting.lengths:
            sizes = [spot.setting.lengths[name] for spot in case.spots]
            for power in (1, -1):
                if all(abs(ratio - size**power) < 1e-7 * abs(ratio) for ratio, size in zip(ratios, sizes, strict=True)):
                    yield mutant.found(1.0)
                    yield Found("mean-vs-sum", score("mean-vs-sum", 1.2), f"Besides, 1/{name} is {'missing' if power == 1 else 'too much'}.")
                    return
    for count, (one, other) in enumerate(combinations(mutants, 2)):
        if over() or count > PAIRS:
            return
        if one.part is other.part:
            continue
        wrong = {one.part: one.rule, other.part: other.rule}
        if case.fits(lambda n, wrong=wrong: case.wrongly(n, wrong)):  # type: ignore[misc]
            yield one.found(2.0)
            yield other.found(2.0)
            return


_SMALL = frozenset({Fraction(1), Fraction(2), Fraction(1, 2)})
