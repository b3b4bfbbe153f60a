"""Is a formula the derivative? Numbers refute, the normal form proves, and what is right only somewhere is right under a condition."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice
from typing import Any

from symgd.errors import InputError, LimitError
from symgd.nodes.node import Node, node, outside_subscripts, postorder, substituted
from symgd.nodes.text import text
from symgd.program.gate import checking
from symgd.verification.answers import Asked, written_out
from symgd.verification.bench import DIGITS, Bench, Spot
from symgd.verification.conditions import facts_about, negated, put_simply, separating
from symgd.verification.holes import holes
from symgd.verification.points import Inputs, NoPoint, nested
from symgd.verification.proof import proof
from symgd.verification.tape import Place
from symgd.verification.verdict import Mistake, Verdict, Witness

__all__ = ["Deadline", "Outcome", "compared", "judged"]

SAME, DIFFERENT, UNDEFINED, SKIPPED = "same", "different", "undefined", "skipped"
MORE_DIGITS = (60, 120)
SURE = 4  # points at which the derivative is computed with more digits before an answer is called different
ROUNDED = 15  # digits of a decimal that stands for another number


class Deadline:
    """The end of the time that one call may take."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.end = seconds, time.monotonic() + seconds

    @property
    def over(self) -> bool:
        return time.monotonic() > self.end

    @property
    def long_over(self) -> bool:
        """A right verdict is worth some more time than the name of a mistake."""
        return time.monotonic() > self.end + 3 * self.seconds

    @property
    def left(self) -> float:
        return self.end - time.monotonic()


@dataclass
class Outcome:
    """An answer at one spot. `element`: the first at which it differs; `values`: (answer, derivative) of the elements."""

    spot: Spot
    kind: str
    element: Place = ()
    values: dict[Place, tuple[Any, Any]] = field(default_factory=dict)


def compared(spot: Spot, asked: Asked, line: Node) -> Outcome:
    """The formula beside the derivative at one spot, with more digits where they differ: a difference that shrinks with them is none."""
    exact = spot.exact(asked.name)
    finite = spot.point(DIGITS).arithmetic.ctx.isfinite
    rough = spot.answer(asked, line)
    if any(abs(value) == float("inf") for value in rough.values()):
        return Outcome(spot, SKIPPED)
    values: dict[Place, tuple[Any, Any]] = {}
    kind: str = SAME
    where: Place = ()
    decimals = _decimals(line)
    for element, yours in spot.answer(asked, line, DIGITS).items():
        value = exact.get(element, 0)
        if not finite(value):
            return Outcome(spot, SKIPPED)
        values[element] = (yours, value)
        if kind != SAME:
            continue
        if not finite(yours):
            kind, where = UNDEFINED, element
        elif not _same(spot, asked, line, element, yours, value, decimals):
            kind, where = DIFFERENT, element
    return Outcome(spot, kind, where, values) if values else Outcome(spot, SKIPPED)


def _same(spot: Spot, asked: Asked, line: Node, element: Place, yours: Any, value: Any, decimals: bool) -> bool:
    scale = max(abs(yours), abs(value))
    gap = abs(yours - value)
    if gap <= scale * 10 ** (-18) or gap == 0:
        return True
    if decimals and gap <= scale * 1e-12:
        return True
    for digits in MORE_DIGITS:
        letters = asked.letters(element)
        assert letters is not None
        before, yours = yours, spot.point(digits).of(line, letters)
        if abs(yours - before) < scale * 1e-15 < 1e-9 * gap and spot not in spot.bench.spots[:SURE]:
            return False  # the answer is what it is, and the derivative was looked at closely elsewhere
        value = spot.exact(asked.name, digits).get(element, 0)
        closer = abs(yours - value)
        scale = max(abs(yours), abs(value))
        if closer <= scale * spot.point(digits).arithmetic.ctx.mpf(10) ** (10 - digits) or closer < gap * 1e-15:
            return True
        if closer > gap / 1000:
            return False
        gap = closer
    return False


def _decimals(line: Node) -> bool:
    """Does a decimal of all float64 digits stand in the formula?"""
    return any(part.op == "number" and len(part.value.replace("-", "").replace(".", "").split("e")[0]) >= ROUNDED for part in postorder(line))


def judged(bench: Bench, asked: Asked, deadline: Deadline) -> Verdict:
    """The verdict about one formula; the lines of a chain are compared first."""
    return replace(_in_time(bench, asked, deadline), cost=bench.cost)


def _in_time(bench: Bench, asked: Asked, deadline: Deadline) -> Verdict:
    try:
        if asked.loose:
            return _unsummed(bench, asked, deadline)
        verdict = _judged(bench, asked, asked.formula, deadline)
        return _chain(bench, asked, verdict)
    except NoPoint as none:
        return Verdict(asked.key, "undecided", str(none), asked.place, answer=asked.formula)
    except LimitError as large:
        return Verdict(asked.key, "undecided", str(large), asked.place, answer=asked.formula)
    except RecursionError:
        return Verdict(asked.key, "undecided", "The formula is nested too deeply to be written out.", asked.place, answer=asked.formula)


def _judged(bench: Bench, asked: Asked, line: Node, deadline: Deadline) -> Verdict:
    outcomes = _outcomes(bench, asked, line)
    same, wrong, without = ([found for found in outcomes if found.kind == kind] for kind in (SAME, DIFFERENT, UNDEFINED))
    if wrong or without:
        conditional = _conditional(bench, asked, line, same, wrong + without, deadline)
        return conditional or different(bench, asked, wrong or without)
    if len(same) < 2:
        return Verdict(asked.key, "undecided", "At the points that were tried the derivative or the answer has no value.", asked.place, answer=line)
    return _agreed(bench, asked, line, same, deadline)


def _unsummed(bench: Bench, asked: Asked, deadline: Deadline) -> Verdict:
    """An answer with a value for every element of an axis that it should be summed over."""
    letters = ", ".join(shown(bench, bound.args[0]) for bound in asked.loose)
    over = "sample" if letters == bench.checked.formula.hidden else f"value of {letters}"
    reason = f"The answer has a value for every {over}; the derivative sums over them."
    for op in ("mean", "sum"):
        whole = replace(asked, lines=(node(op, asked.formula, *asked.loose),), loose=())
        found = _judged(bench, whole, whole.formula, deadline)
        if found.correct:
            formula = shown(bench, whole.formula)
            message = f"The {op} over every {over} is missing: {formula}."
            return replace(found, status="different", reason=message, mistakes=(Mistake("mean-vs-sum", message, "", formula),))
    return replace(found, status="different", reason=reason, mistakes=())


def _outcomes(bench: Bench, asked: Asked, line: Node) -> list[Outcome]:
    """The answer at the points of the cost, on both sides of its own switches, and where it has a value at all."""
    outcomes = [compared(spot, asked, line) for spot in bench.spots]
    sampler = bench.samplers[0]
    kinds = {found.kind for found in outcomes}
    letters = [found for element in bench.spots[0].elements(asked.name) if (found := asked.letters(element)) is not None]
    roots = [sampler.tape.entry(line, found) for found in letters]
    more: list[Inputs] = []
    if DIFFERENT not in kinds and sampler.switches(roots):
        more += bench.across(sampler, [spot.inputs for spot in bench.spots if spot.sampler is sampler], roots)
    if SAME not in kinds and UNDEFINED in kinds:
        with suppress(NoPoint):
            more += islice(sampler.points(roots, tries=8), 4)
    return outcomes + [compared(Spot(bench, sampler, inputs), asked, line) for inputs in more]


def _agreed(bench: Bench, asked: Asked, line: Node, right: Sequence[Outcome], deadline: Deadline) -> Verdict:
    exact, notes = exact_formula(bench, asked), _kinks(bench)
    needs = () if deadline.over else tuple(f"{shown(bench, below)} != 0" for below in holes(bench, asked, line))
    if needs:
        reason = f"It is the derivative where {' and '.join(needs)}; elsewhere the answer has no value, but the derivative has one."
        return Verdict(asked.key, "conditional", reason, asked.place, needs, (), None, line, exact, notes)
    lengths = dict.fromkeys(", ".join(f"{name} = {value}" for name, value in sorted(one.spot.setting.lengths.items())) for one in right)
    sizes = "; ".join(one for one in lengths if one)
    count = f"{len(right)} points to {DIGITS} digits" + (f", at the lengths {sizes}" if sizes else "")
    if not deadline.over and _proved(bench, asked, line):
        reason = f"It is the derivative: the difference is 0 in normal form, and the numbers agree at {count}."
        return Verdict(asked.key, "proved", reason, asked.place, (), (), None, line, exact, notes)
    return Verdict(asked.key, "equal", f"It agrees with the derivative at {count}.", asked.place, (), (), None, line, exact, notes)


def _proved(bench: Bench, asked: Asked, line: Node) -> bool:
    """Is the difference 0 in normal form? What the proof needs beside is asked of the numbers: every point that was tried, and `holes`."""
    exact, full = exact_formula(bench, asked, written=True), written_out(line, bench.checked)
    return exact is not None and full is not None and proof(exact, full) is not None


def _kinks(bench: Bench) -> tuple[str, ...]:
    """What is agreed on where the derivative jumps."""
    bodies = (bench.checked.formula.expression, *(d.body for d in bench.checked.definitions))
    kinks = [part for body in bodies for part in outside_subscripts(body)]
    named = list(dict.fromkeys(shown(bench, part) for part in kinks if part.op in ("abs", "max", "min", "piecewise")))
    if not named:
        return ()
    return (f"At the kinks of {', '.join(named[:3])} any value between the slopes on both sides is a subgradient; all of them are accepted.",)


def _conditional(
    bench: Bench, asked: Asked, line: Node, right: Sequence[Outcome], wrong: Sequence[Outcome], deadline: Deadline
) -> Verdict | None:  # fmt: skip
    """Right on one side of a condition, or where something is known of the data."""
    found = _on_a_side(bench, asked, right, wrong) if len(right) >= 2 else None
    if found is not None:
        return found
    for known in facts_about(bench.checked):
        if deadline.long_over:
            break
        if known.symmetric and not bench.turned(known.symmetric):
            continue
        variants = [list(bench.keeping(facts)) for facts in known.variants]
        if all(len(spots) >= 2 for spots in variants) and all(compared(spot, asked, line).kind == SAME for spots in variants for spot in spots):
            reason = f"It is the derivative if {known.said}; without that it is not."
            return replace(different(bench, asked, wrong), status="conditional", reason=reason, needs=(known.said,))
    return None


def _on_a_side(bench: Bench, asked: Asked, right: Sequence[Outcome], wrong: Sequence[Outcome]) -> Verdict | None:
    """Right where a condition holds that no wrong point keeps. Where the cost itself branches there by a parameter, a branch is wrong."""
    sides = separating(bench.checked, asked, [found.spot for found in right], [found.spot for found in wrong])
    if not sides:
        return None
    found = different(bench, asked, wrong)
    needs = tuple(shown(bench, put_simply(side.condition)) for side in sides)
    where, other = " and ".join(needs), " or ".join(shown(bench, negated(put_simply(side.condition))) for side in sides)
    if any(side.explicit and not side.about.isdisjoint(bench.checked.parameters) for side in sides):
        reason = f"Right where {where}, wrong where {other}: the cost branches there, and each branch has its own derivative."
        return replace(found, reason=reason, needs=needs, mistakes=(Mistake("wrong-branch", reason, needs[0], "", sides[0].condition),))
    reason = f"It is the derivative only where {where}; where {other} it is not."
    if all(one.kind == UNDEFINED for one in wrong):
        reason = f"It is the derivative where {where}; elsewhere the answer has no value, but the derivative has one."
    mistake = Mistake("domain", f"Only right where {where}: a root, a logarithm or a sign was taken for one side alone.", needs[0])
    return replace(found, status="conditional", reason=reason, needs=needs, mistakes=(mistake,))


def different(bench: Bench, asked: Asked, wrong: Sequence[Outcome]) -> Verdict:
    """The verdict with its witness: the point with the shortest numbers."""
    best = min(wrong, key=lambda found: (found.kind == UNDEFINED, sum(len(str(value)) for value in found.spot.inputs.values())))
    yours, exact = best.values[best.element]
    setting = best.spot.setting
    point = {name: nested(best.spot.inputs, name, shape) for name, shape in setting.shapes.items()}
    witness = Witness(point, setting.lengths, best.element, readable(yours), readable(exact))
    formula = exact_formula(bench, asked)
    return Verdict(asked.key, "different", "It is not the derivative.", asked.place, (), (), witness, asked.formula, formula)


def readable(value: Any) -> Any:
    """A short fraction if the number is one, else a float."""
    if value and not 1e-12 < abs(value) < 1e12:  # NaN too
        return float(value)
    near = Fraction(str(value)).limit_denominator(100_000)
    if abs(value * near.denominator - near.numerator) < 1e-15 * min(1, abs(value)):
        return near
    return float(value)


def exact_formula(bench: Bench, asked: Asked, written: bool = False) -> Node | None:
    """The derivative as a formula in the letters of the place, `written` with all definitions filled in; None if it is too long."""
    visible = frozenset(bench.program.inputs) if written else None
    parameter = asked.name in bench.cost.parameters
    try:
        with checking(False):
            gradient = bench.cost.gradient if parameter else bench.cost._as_written.gradient
            if asked.name not in gradient.program.adjoints:
                return None
            letters = gradient._letters(asked.name) if parameter else asked.place.args
            return _in_letters(gradient._closed(asked.name, letters, visible), letters, asked.place.args)
    except InputError:
        return None


def _in_letters(formula: Node, letters: Sequence[Node], wanted: Sequence[Node]) -> Node:
    from symgd.derivation.steps import renamed_apart

    if tuple(letters) == tuple(wanted):
        return formula
    apart = renamed_apart(formula, frozenset(letter for place in wanted for letter in place.free))
    return substituted(apart, dict(zip(letters, wanted, strict=True)))


def shown(bench: Bench, part: Node) -> str:
    """A formula in the text language, as the user would write it."""
    formula = bench.checked.formula
    return text(part, hidden=formula.hidden, axes=formula.axes)


def _chain(bench: Bench, asked: Asked, verdict: Verdict) -> Verdict:
    """The first line of a chain that does not follow from the one before, and what that means."""
    if len(asked.lines) < 2:
        return verdict
    for n, (before, after) in enumerate(zip(asked.lines, asked.lines[1:], strict=False)):
        for spot in bench.spots:
            one, other = (spot.answer(asked, line, DIGITS) for line in (before, after))
            wrong = [element for element in one if abs(one[element] - other[element]) > 1e-18 * max(1, abs(one[element]), abs(other[element]))]
            if wrong:
                first = _judged(bench, asked, before, Deadline(1.0)).status in ("proved", "equal")
                start = "Correct until there" if first else "The lines before are not the derivative either"
                end = ", and the last line is right again" if verdict.correct else ""
                sentence = f"Line {n + 2} does not follow from line {n + 1}: {shown(bench, before)} is not {shown(bench, after)}. {start}{end}."
                slip = Mistake("algebra-slip", sentence, shown(bench, after), shown(bench, before), after)
                return replace(verdict, status="different", reason=sentence, mistakes=(slip, *(() if first else verdict.mistakes))[:2])
    return verdict
