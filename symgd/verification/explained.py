"""A different answer with the mistakes that explain it, in words and with the step as it should be."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from math import isfinite

from symgd.derivation.steps import Deriving
from symgd.derivation.wording import kind as step_kind
from symgd.errors import InputError, LimitError
from symgd.nodes.node import Node, accesses, node
from symgd.rules.derivatives import rule_for
from symgd.verification.answers import Asked
from symgd.verification.bench import DIGITS, Bench, Spot
from symgd.verification.case import Case, Found, case_for
from symgd.verification.conditions import facts_about
from symgd.verification.judge import Deadline, exact_formula, shown
from symgd.verification.points import NoPoint, Sampler, square
from symgd.verification.search import explanations
from symgd.verification.tape import Slopes
from symgd.verification.verdict import Mistake, Verdict

__all__ = ["case_of", "explained", "in_words"]

SPOTS = 8  # of one setting
ELEMENTS = 12  # of a parameter that are enough to tell mistakes from each other


def explained(bench: Bench, asked: Asked, verdict: Verdict, deadline: Deadline) -> Verdict:
    """The verdict with at most two mistakes, if it is different."""
    known = asked.loose or any(one.kind == "algebra-slip" for one in verdict.mistakes)
    if verdict.status != "different" or known:
        return verdict
    found = [*verdict.mistakes]
    formula = exact_formula(bench, asked)
    with suppress(LimitError):  # the verdict stands; a cost that is too large to be derived again and again gets no name for its mistake
        case = case_of(bench, asked)
        if case is not None:
            found += [in_words(bench, asked.name, one) for one in explanations(case, lambda: deadline.over, formula, (asked.place, asked.formula))]
            found = found or _under_facts(bench, asked, formula, deadline)
    unique: dict[str, Mistake] = {}
    for one in found:
        unique.setdefault(one.kind, one)
    mistakes = tuple(unique.values())[:2]
    reason = verdict.reason
    if not mistakes:
        reason = "It is not the derivative, and follows from no known mistake."
    elif not verdict.mistakes:
        reason = mistakes[0].message
    return replace(verdict, mistakes=mistakes, reason=reason)


def case_of(bench: Bench, asked: Asked) -> Case | None:
    """The answer at the generic points; at square ones where it reads beyond the end of an array, as a transposed one does."""
    spots, targets = _finite(bench, asked, bench.spots)
    if len(spots) < 2:
        setting = square(bench.program)
        if setting is None:
            return None
        sampler = Sampler(bench.checked, setting, bench.program.facts)
        try:
            spots, targets = _finite(bench, asked, [Spot(bench, sampler, inputs) for inputs in sampler.points(tries=4)])
        except NoPoint:
            return None
    return case_for(bench, asked.name, spots, targets) if len(spots) >= 2 else None


def _finite(bench: Bench, asked: Asked, spots: list[Spot]) -> tuple[list[Spot], list[Slopes]]:
    """The spots at which the answer has a value; first those of the first setting at which it is wrong."""
    kept: list[Spot] = []
    targets: list[Slopes] = []
    by_setting: dict[int, int] = {}
    for spot in spots:
        target = spot.answer(asked, asked.formula)
        wide = spot.answer(asked, asked.formula, DIGITS)
        if any(not abs(value - float(wide[place])) <= 1e-9 * abs(value) for place, value in target.items()):
            continue  # overflow, or digits that cancel
        count = by_setting.get(id(spot.sampler), 0)
        if target and all(isfinite(value) for value in target.values()) and count < SPOTS and spot.plain:
            by_setting[id(spot.sampler)] = count + 1
            kept.append(spot)
            targets.append(dict(list(target.items())[:: 1 + len(target) // ELEMENTS]))
    return kept, targets


def _under_facts(bench: Bench, asked: Asked, formula: Node | None, deadline: Deadline) -> list[Mistake]:
    """Mistakes in an answer that takes rows to sum to 1 besides."""
    for known in facts_about(bench.checked):
        if deadline.over or not any(fact.kind == "total" for fact in known.variants[0]) or len(known.variants[0]) > 1:
            continue
        spots, targets = _finite(bench, asked, list(bench.keeping(known.variants[0])))
        if len(spots) >= 3:
            case = case_for(bench, asked.name, spots, targets)
            found = [] if case is None else explanations(case, lambda: deadline.over, formula, (asked.place, asked.formula))
            if found:
                mistakes = [in_words(bench, asked.name, one) for one in found]
                first = replace(mistakes[0], message=f"{mistakes[0].message} ({known.said.partition(':')[0].capitalize()}, as it is usual.)")
                return [first, *mistakes[1:]]
    return []


def in_words(bench: Bench, name: str, found: Found) -> Mistake:
    """The explanation as a sentence about the user's own formula."""
    letters: dict[str, str] = {"name": name}
    for letter, part in found.letters.items():
        letters[letter] = shown(bench, part)
        if letter in ("u", "v"):
            letters[f"d{letter}"] = _slope(bench, name, part)
    if found.part is not None:
        letters.setdefault("part", shown(bench, found.part))
    correct = _correct(bench, name, found)
    letters["law"] = _law(found.part) if found.part is not None else ""
    message = _Filled(letters).format(found.message)
    where = shown(bench, found.part) if found.part is not None else ""
    return Mistake(found.kind, message, where, correct, found.part)


class _Filled(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return key

    def format(self, sentence: str) -> str:
        return sentence.format_map(self)


def _law(part: Node) -> str:
    """The right law of the outermost operation, in letters."""
    if part.op in ("sum", "mean", "logsumexp", "softmax", "norm"):
        return step_kind({"sum": "into-sum", "mean": "into-mean"}.get(part.op, part.op)).law
    if part.op in ("access", "number"):
        return ""
    return step_kind(rule_for(part).key).law


def _by(bench: Bench, name: str, part: Node) -> Node | None:
    """What the part depends on, if it is one thing: an element of the parameter, or of a definition."""
    depends = {name}
    for definition in bench.checked.definitions:
        if any(found.value in depends for found in accesses(definition.body)):
            depends.add(definition.target)
    found = [one for one in accesses(part) if one.value in depends]
    return found[0] if len(found) == 1 and not _bound(part, found[0]) else None


def _bound(part: Node, found: Node) -> bool:
    """Is an index of it bound inside the part?"""
    return not found.free <= part.free


def _slope(bench: Bench, name: str, part: Node) -> str:
    by = _by(bench, name, part)
    if by is not None:
        try:
            found = Deriving(by).of(part).value
        except InputError:
            return f"d({shown(bench, part)})"
        return shown(bench, found) if by.value == name else f"{shown(bench, found)}*d{shown(bench, by)}"
    linear = _linear(bench, name, part)
    return linear or f"d({shown(bench, part)})"


def _linear(bench: Bench, name: str, part: Node) -> str:
    """X[i, j] for sum(w[j]*X[i, j], j) - y[i]: what stands beside the one element of the parameter in a sum."""
    inside = [one for one in accesses(part) if one.value == name]
    if len(inside) != 1:
        return ""
    body = part
    while body.op in ("+", "sum"):
        inner = [argument for argument in body.args if inside[0] in accesses(argument) and argument.op != "range"]
        if len(inner) != 1:
            return ""
        body = inner[0]
    try:
        return shown(bench, Deriving(inside[0]).of(body).value)
    except InputError:
        return ""


def _correct(bench: Bench, name: str, found: Found) -> str:
    """The step as it should be: in the user's letters where one thing is derived by, else the law."""
    if found.part is None or not found.step or found.part.op == "number":
        return ""
    by = _by(bench, name, found.part)
    if by is not None and found.part.op != "access":
        try:
            after = Deriving(by).of(found.part).after
        except InputError:
            return _law(found.part)
        return f"{shown(bench, node('derivative', found.part, by))} = {shown(bench, after)}"
    return _law(found.part)
