"""What went wrong: the rows of mistakes, applied to this very cost, and what each would have given, compared with the answer in numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import isfinite

import numpy as np

from symgd.nodes.node import Node
from symgd.verification.applied import Mutant, mutants
from symgd.verification.case import Case, Found, literal, same, score
from symgd.verification.mistakes import Row
from symgd.verification.rewritten import misreadings, of_answer, of_formula
from symgd.verification.tape import Slopes, Wrong
from symgd.verification.verdict import MINUS

__all__ = ["Case", "Found", "explanations", "times"]

TELLING = frozenset(Fraction(n, d) for n in range(1, 13) for d in range(1, 13))
PAIRS = 4000
TERMS = 8  # of a sum whose contributions are looked for one by one
CLOSE = 1e-7


def explanations(case: Case, over: Callable[[], bool], formula: Node | None = None, answer: tuple[Node, Node] | None = None) -> list[Found]:
    """At most two, best first. `formula`: the exact derivative; `answer`: (place, formula) of the answer, None for numbers alone.

    What one wrong rule explains comes first; other readings of the cost and wrong rewritings are looked for where that leaves room, and two
    mistakes at once where nothing else explains the answer. `over` says that the time is up.
    """
    found = [*_wholes(case), *_rules(case, over), *_elsewhere(case, formula, answer), *_in_terms(case)]
    whole = any(one.kind == "sign" and one.part is None for one in found)
    if not whole and len({one.kind for one in found}) < 2 and not over():
        found += [*misreadings(case, over), *of_formula(case, formula, answer, over), *of_answer(case, answer)]
    if not found and not over():
        found += _inside(case) or _pairs(case, over)
    best: dict[str, Found] = {}
    for one in sorted(found, key=lambda one: one.score):
        best.setdefault(one.kind, one)
    return list(best.values())[:2]


# the answer as a whole


def _wholes(case: Case) -> Iterator[Found]:
    if not any(value for target in case.targets for value in target.values()):
        yield Found("data-as-constant", 0.0, "It is 0: {name} was taken for a constant.")
        return
    ratios = case.ratio(lambda n: case.exact[n])
    if ratios is None:
        return
    factor = _constant(ratios)
    if factor == -1:
        yield Found("sign", 0.9, MINUS)
    elif factor is not None:
        varied = len({round(value, 9) for exact in case.exact for value in exact.values()}) > 2
        said = times(factor) or (f"{factor:.6g} times" if varied else "")
        if said:
            yield Found("constant-factor", score("constant-factor", 0.2), f"It is {said} the derivative everywhere: a constant factor is wrong.")
    else:
        for length, power, sign in _lengths(case, ratios):
            name = literal(length)
            words = " with the opposite sign" if sign < 0 else ""
            message = f"It is {name} times the derivative{words}: the sum, not the mean; 1/{name} is missing."
            if power < 0:
                message = f"It is the derivative divided by {name}{words}: a mean where the cost has a sum."
            yield Found("mean-vs-sum", score("mean-vs-sum"), message)


def _constant(ratios: Sequence[float]) -> float | None:
    """The number that all ratios are; -1 exactly."""
    first = ratios[0]
    if not all(abs(ratio - first) < CLOSE * abs(first) for ratio in ratios):
        return None
    return -1 if abs(first + 1) < CLOSE else first


def _lengths(case: Case, ratios: Sequence[float]) -> Iterator[tuple[str, int, int]]:
    """(length, power, sign): the ratios are a length or one over it, as it is varied."""
    for name in case.spots[0].setting.lengths:
        sizes = [spot.setting.lengths.get(name, 1) for spot in case.spots]
        if len(set(sizes)) > 1:
            for power in (1, -1):
                for sign in (1, -1):
                    if all(abs(ratio - sign * float(size) ** power) < CLOSE * abs(ratio) for ratio, size in zip(ratios, sizes, strict=True)):
                        yield name, power, sign


def times(ratio: float) -> str:
    """A telling ratio in words, nothing for another one.

    >>> times(0.5), times(-3.0), times(0.7310585)
    ('half of', 'minus 3 times', '')
    """
    near = Fraction(abs(ratio)).limit_denominator(12)
    if near not in TELLING or abs(float(near) - abs(ratio)) > CLOSE * abs(ratio):
        return ""
    words = {Fraction(1, 2): "half of", Fraction(2): "twice", Fraction(1, 3): "a third of", Fraction(1, 4): "a quarter of"}
    return ("minus " if ratio < 0 else "") + words.get(near, f"{near} times" if near.denominator == 1 else f"{near} of")


# wrong rules


def _rules(case: Case, over: Callable[[], bool]) -> Iterator[Found]:
    """One wrong rule at one part, and the same at all parts of its kind."""
    groups: dict[tuple[Row, str], list[Mutant]] = {}
    for mutant in mutants(case):
        if over():
            return
        if case.fits_wrong({mutant.part: mutant.rule}):
            yield mutant.found()
        if not mutant.variant:
            groups.setdefault((mutant.row, mutant.key), []).append(mutant)
    for group in groups.values():
        if len(group) > 1 and not over() and case.fits_wrong({one.part: one.rule for one in group}):
            yield group[0].found(0.1)


# other derivatives, other degrees


def _elsewhere(case: Case, formula: Node | None, answer: tuple[Node, Node] | None) -> Iterator[Found]:
    yield from _other_names(case)
    if case.fits(lambda n: dict.fromkeys(case.targets[n], case.spots[n].double.value(case.roots[n]))):
        yield Found("not-differentiated", score("not-differentiated") - 20, "It is the cost itself: nothing was differentiated.")
    if not all(list(target) == [()] for target in case.targets):
        return
    if formula is not None and case.fits(lambda n: _slope(case, n, formula)):
        yield Found("not-differentiated", score("not-differentiated"), "It is the second derivative: it was differentiated twice.")
    if answer is not None:
        costs = [spot.double.value(root) for spot, root in zip(case.spots, case.roots, strict=True)]
        if all(same(_slope(case, n, answer[1]), {(): value}) and value for n, value in enumerate(costs)):
            message = "It is an integral of the cost: its derivative is the cost. It was integrated, not differentiated."
            yield Found("integrated", score("integrated") - 30, message)


def _other_names(case: Case) -> Iterator[Found]:
    """The derivative by another name, or by it besides."""
    for other in case.bench.program.inputs:
        if other == case.name or other in case.bench.program.integers:
            continue
        parameter = other in case.bench.cost.parameters
        slopes = [_by(case, n, other) for n in range(len(case.spots))]
        if case.fits(slopes.__getitem__):
            said = f"not by {{name}}; {literal(other)} is data and constant here" if not parameter else "not by {name}"
            yield Found("wrong-variable", score("wrong-variable") - 10.5 * parameter, f"It is the derivative by {literal(other)}, {said}.")
        elif not parameter and case.fits([_added(exact, slope) for exact, slope in zip(case.exact, slopes, strict=True)].__getitem__):
            message = f"The derivative by {literal(other)} was added, but that is data and constant here."
            yield Found("data-as-constant", score("data-as-constant"), message)
    for constant in ("pi", "e"):
        slopes = [_by_constant(case, n, constant) for n in range(len(case.spots))]
        if any(slopes) and case.fits([_added(exact, slope) for exact, slope in zip(case.exact, slopes, strict=True)].__getitem__):
            yield Found("data-as-constant", score("data-as-constant"), f"{constant} is a number: its derivative is 0.")


def _slope(case: Case, n: int, formula: Node) -> Slopes:
    spot = case.spots[n]
    return spot.double.tangent(spot.tape.entry(formula, {}), case.seeds[n])


def _added(one: Slopes, other: Slopes) -> Slopes:
    return {place: one.get(place, 0.0) + other.get(place, 0.0) for place in {**one, **other}}


def _by_constant(case: Case, n: int, constant: str) -> Slopes:
    spot = case.spots[n]
    here = [k for k in spot.tape.needed(case.roots[n]) if spot.tape.entries[k].op == "constant" and spot.tape.entries[k].part.value == constant]
    return spot.double.tangent(case.roots[n], {entry: {(): 1.0} for entry in here}) if here else {}


def _by(case: Case, n: int, other: str) -> Slopes:
    """The derivative by another name, in the shape of the parameter: same elements, or summed over leading axes that it has more."""
    spot = case.spots[n]
    rank = len(next(iter(case.targets[n]), ()))
    total: Slopes = {}
    for place, slope in spot.double.tangent(case.roots[n], spot.seeds(other)).items():
        own = place[len(place) - rank :] if rank else ()
        total[own] = total.get(own, 0.0) + slope
    return total


# the terms of the exact derivative


def _in_terms(case: Case) -> Iterator[Found]:
    """The answer as a combination of the contributions of the terms of one sum: 0, -1 and 2 tell the story."""
    tape, right = case.spots[0].tape, case.right[0]
    seen: set[Node] = set()
    for number in tape.needed(case.roots[0]):
        entry = tape.entries[number]
        if entry.op == "+" and entry.part not in seen and number in right:
            seen.add(entry.part)
            active = [n for n, argument in enumerate(entry.args) if right.get(argument)]
            if 2 <= len(active) <= TERMS:
                yield from _of_terms(entry.part, active, _weights(case, entry.part, active))


def _of_terms(part: Node, active: Sequence[int], weights: Sequence[float]) -> Iterator[Found]:
    odd = [(part.args[term], weight) for term, weight in zip(active, weights, strict=False) if abs(weight - 1) > 1e-6]
    if len(odd) == len(active):
        return
    for term, weight in odd:
        if abs(weight) < CLOSE:
            yield Found("missing-term", score("missing-term", 0.1), "The contribution of {u} is missing.", part, {"u": term})
        elif abs(weight + 1) < 1e-6:
            yield Found("sign", score("sign", 0.1), "The contribution of {u} has the opposite sign.", part, {"u": term})
        elif said := times(weight):
            message = f"The contribution of {{u}} is {said} what it should be."
            yield Found("constant-factor", score("constant-factor", 0.1), message, part, {"u": term})


def _weights(case: Case, part: Node, active: Sequence[int]) -> list[float]:
    """How often the contribution of each term is in the answer, by least squares; nothing where the answer is no such combination."""
    rows: list[list[float]] = []
    wanted: list[float] = []
    for n, target in enumerate(case.targets):
        shares = [case.wrongly(n, {part: _only(term)}) for term in active]
        rest = case.wrongly(n, {part: lambda point, entry, inner, right: {}})
        for place, value in target.items():
            base = rest.get(place, 0.0)
            rows.append([share.get(place, 0.0) - base for share in shares])
            wanted.append(value - base)
    matrix, right = np.array(rows), np.array(wanted)
    if len(rows) < len(active) + 2 or not np.isfinite(matrix).all() or not np.isfinite(right).all():
        return []
    scale = np.maximum(np.abs(matrix).sum(axis=1), 1e-300)
    weights, _, rank, _ = np.linalg.lstsq(matrix / scale[:, None], right / scale, rcond=1e-10)
    fits = rank == len(active) and np.max(np.abs(matrix @ weights - right) / scale) < 1e-8
    return [float(weight) for weight in weights] if fits else []


def _only(term: int) -> Wrong:
    return lambda point, entry, inner, right: inner[term]


# the derivative of a definition in place of that of the cost


def _inside(case: Case) -> list[Found]:
    """The derivative of one definition alone, rightly or by a wrong rule, element by element: what stands outside of it is missing."""
    found: list[Found] = []
    for definition in case.bench.checked.definitions:
        if len(definition.at) != len(next(iter(case.targets[0]), ())):
            continue
        outside = f"Only {{u}} was derived; the derivative of the cost by {literal(definition.target)} is missing."
        if case.fits(lambda n, name=definition.target: _own(case, n, name, {})):  # type: ignore[misc]
            found.append(Found("missing-chain-factor", score("missing-chain-factor"), outside, definition.body, {"u": definition.body}))
        for mutant in mutants(case):
            wrong = {mutant.part: mutant.rule}
            if mutant.part is definition.body and case.fits(lambda n, name=definition.target, wrong=wrong: _own(case, n, name, wrong)):  # type: ignore[misc]
                found += [mutant.found(), Found("missing-chain-factor", score("missing-chain-factor", 1.0), outside, None, {"u": definition.body})]
    return found


def _own(case: Case, n: int, name: str, wrong: Mapping[Node, Wrong]) -> Slopes:
    spot = case.spots[n]
    slopes = spot.double.tangents(case.roots[n], case.seeds[n], wrong)
    return {place: slopes.get(entry, {}).get(place, 0.0) for place, entry in spot.tape.defined(name).items()}


# two mistakes


def _pairs(case: Case, over: Callable[[], bool]) -> Iterator[Found]:
    """A wrong rule besides a sign, a factor or a length; else two wrong rules."""
    single = [one for one in mutants(case) if isfinite(sum(case.wrongly(0, {one.part: one.rule}).values()))]
    for mutant in single:
        if over():
            return
        second = _besides(case, mutant)
        if second is not None:
            yield mutant.found(1.0)
            yield second
            return
    for count, (one, other) in enumerate(combinations(single, 2)):
        if over() or count > PAIRS:
            return
        if one.part is not other.part and case.fits_wrong({one.part: one.rule, other.part: other.rule}):
            yield one.found(2.0)
            yield other.found(2.0)
            return


def _besides(case: Case, mutant: Mutant) -> Found | None:
    ratios = case.ratio(lambda n: case.wrongly(n, {mutant.part: mutant.rule}))
    if ratios is None:
        return None
    factor = _constant(ratios)
    if factor == -1:
        return Found("sign", score("sign", 1.2), "Besides, the sign is the opposite one.")
    if factor is not None and min(abs(abs(factor) - usual) for usual in (2.0, 0.5)) < CLOSE:
        return Found("constant-factor", score("constant-factor", 1.2), f"Besides, it is {times(factor)} that.")
    for name, power, _ in _lengths(case, ratios):
        return Found("mean-vs-sum", score("mean-vs-sum", 1.2), f"Besides, 1/{literal(name)} is {'missing' if power > 0 else 'too much'}.")
    return None
