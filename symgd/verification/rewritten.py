"""Formulas in which one thing was changed: costs that were misread, derivatives that were rewritten wrongly, answers with one number changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import isfinite
from typing import Any

from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.node import Node, access, accesses, fraction, index, node, number, postorder, rebuilt, substituted
from symgd.verification.case import Case, Found, same, score
from symgd.verification.points import DOUBLES
from symgd.verification.tape import Place, Point, Slopes, Tape

__all__ = ["misreadings", "of_answer", "of_formula"]

MOST = 160  # changed formulas of one kind


Change = tuple[Node, str, str]  # what stands in place of a part; kind; sentence with {part} and {new}


# the cost read as another one


def _misread(part: Node, numbers: Sequence[Node]) -> Iterator[Change]:
    op, args = part.op, part.args
    wrong = "It is the derivative of another cost, with {new} where this one has {part}."
    if op == "number":
        value = fraction(part)
        others = [fraction(other) for other in numbers if other is not part]
        for new in dict.fromkeys([value - 1, value + 1, *others, 2 * value, value / 2, *([1 / value] if value else [])]):
            if new != value:
                yield _number(new), "misread-cost", wrong
    elif op == "+":
        for n, term in enumerate(args):
            rest = args[:n] + args[n + 1 :]
            yield node("+", *args[:n], _minus(term), *args[n + 1 :]), "misread-cost", wrong
            yield rest[0] if len(rest) == 1 else node("+", *rest), "missing-term", f"It is the derivative of the cost without the term {{term{n}}}."
    elif op == "neg":
        yield args[0], "misread-cost", wrong
    elif op == "/":
        yield node("/", args[1], args[0]), "misread-cost", wrong
        yield node("*", *args), "misread-cost", wrong
    elif op == "^" and args[0].op == "+":
        *first, last = args[0].args
        yield node("+", *first, node("^", last, args[1])), "misread-cost", wrong
    elif op == "*":
        for n, factor in enumerate(args):
            if factor.op == "+":
                rest = args[:n] + args[n + 1 :]
                yield node("+", node("*", *rest, factor.args[0]), *factor.args[1:]), "misread-cost", wrong
    elif op in FUNCTIONS and len(args) == 1:
        yield node(op, _minus(args[0])), "misread-cost", wrong
        for other in {"sin": ("cos",), "cos": ("sin",), "exp": ("log",), "log": ("exp",), "tanh": ("tan", "sigmoid"), "tan": ("tanh",)}.get(op, ()):
            yield node(other, *args), "misread-cost", wrong


def _minus(part: Node) -> Node:
    return part.args[0] if part.op == "neg" else node("neg", part)


def _number(value: Fraction) -> Node:
    return number(value) if value >= 0 else node("neg", number(-value))


def misreadings(case: Case, over: Callable[[], bool]) -> Iterator[Found]:
    """Right derivatives of a wrong cost."""
    checked = case.bench.checked
    bodies = [checked.formula.expression, *(d.body for d in checked.definitions)]
    numbers = [part for part in _places(*bodies) if part.op == "number"]
    swaps = [{one: other, other: one} for n, one in enumerate(numbers) for other in numbers[n + 1 :]]
    count = 0
    for change in swaps:
        formula = substituted(checked.formula.expression, change)
        one, other = change
        if formula is not checked.formula.expression and _derived(case, formula):
            yield Found(
                "misread-cost", score("misread-cost"), "It is the derivative of another cost: {u} and {v} are exchanged in it.", None,
                {"u": one, "v": other},
            )  # fmt: skip
    sides = [checked.formula.expression, *(d.body for d in checked.definitions)]
    for part in _places(*bodies):
        for new, kind, sentence in _misread(part, numbers):
            for which, side in enumerate(sides):
                for other in _changed(side, part, new):
                    count += 1
                    if over() or count > MOST:
                        return
                    if other is side:
                        continue
                    others = [*sides[1:which], other, *sides[which + 1 :]]
                    fits = _derived(case, other) if which == 0 else _rederived(case, sides[0], others)
                    if fits:
                        yield Found(kind, score(kind, 0.3) + 0.001 * len(postorder(part)), sentence, None, _named(part, new))


def _named(part: Node, new: Node) -> dict[str, Node]:
    """What a sentence may speak of: the part, what stands in its place, and each of its terms."""
    return {"part": part, "new": new} | {f"term{n}": term for n, term in enumerate(part.args)}


def _places(*roots: Node) -> list[Node]:
    """Every part with a real value, subscripts and the ends of ranges left out."""
    found: dict[Node, None] = {}
    stack = list(reversed(roots))
    while stack:
        part = stack.pop()
        if part not in found and part.op != "range":
            found[part] = None
            stack += reversed(part.args if part.op != "access" else ())
    return list(found)


def _changed(root: Node, part: Node, new: Node) -> Iterator[Node]:
    """The formula with the part replaced, a number at one place at a time."""
    if part.op != "number":
        memo = {one: one for one in postorder(root) if one.op in ("access", "range")}
        yield rebuilt(root, None, {**memo, part: new})
        return
    if root is part:
        yield new
    elif root.op not in ("access", "range"):
        for n, argument in enumerate(root.args):
            for other in _changed(argument, part, new):
                yield node(root.op, *root.args[:n], other, *root.args[n + 1 :], value=root.value)


def _derived(case: Case, formula: Node) -> bool:
    def slopes(n: int) -> Slopes:
        spot = case.spots[n]
        return spot.double.tangent(spot.tape.entry(formula, {}), case.seeds[n])

    return case.fits(slopes)


def _rederived(case: Case, formula: Node, bodies: Sequence[Node]) -> bool:
    definitions = [replace(d, body=body) for d, body in zip(case.bench.checked.definitions, bodies, strict=True)]

    def slopes(n: int) -> Slopes:
        spot = case.spots[n]
        tape = Tape(definitions, spot.setting.lengths, spot.setting.whole, spot.setting.shapes)
        point = Point(tape, spot.inputs, DOUBLES)
        root = tape.entry(formula, {})
        return point.tangent(root, {tape.input(case.name, place): {place: 1.0} for place in spot.setting.elements(case.name)})

    return case.fits(slopes)


# the derivative rewritten wrongly


def of_formula(case: Case, formula: Node | None, answer: Any, over: Callable[[], bool]) -> Iterator[Found]:
    """The exact formula with one wrong rewriting: a transpose, a lost factor, a power pulled into a sum."""
    if formula is None or answer is None:
        return
    place = answer[0]
    names = {d.target: len(d.at) for d in case.bench.checked.definitions}
    lengths = _lengths(case)
    yield from _transposed(case, formula, place)
    count = 0
    for part in _places(formula):
        for new, kind, sentence in _rewritings(part, names, place, lengths):
            for other in _changed(formula, part, new):
                count += 1
                if over() or count > MOST:
                    return
                if not _is_at(case, other, place):
                    continue
                yield Found(kind, score(kind, 0.3) + 0.001 * len(postorder(part)), sentence, part, _named(part, new), step=False)


def _is_at(case: Case, formula: Node, place: Node, turned: bool = False) -> bool:
    return case.fits(lambda n: _values(case, n, formula, place, turned))


def _values(case: Case, n: int, formula: Node, place: Node, turned: bool = False) -> Slopes:
    """The formula at the elements that are asked for, or `turned` at those of the transpose."""
    double = case.spots[n].double
    return {element: double.of(formula, _letters(place, element[::-1] if turned else element)) for element in case.targets[n]}


def _letters(place: Node, element: Place) -> dict[Node, int]:
    return {letter: at for letter, at in zip(place.args, element, strict=True) if letter.op == "index"}


def _transposed(case: Case, formula: Node, place: Node) -> Iterator[Found]:
    if len(place.args) == 2 and len(set(place.args)) == 2 and _is_at(case, formula, place, turned=True):
        yield Found("transpose", score("transpose") - 30, "It is the transpose of the derivative.", None)
        return
    arrays: dict[str, list[Node]] = {}
    for found in accesses(formula):
        if len(found.args) == 2 and found.args[0] is not found.args[1]:
            arrays.setdefault(found.value, []).append(found)
    for name, places in arrays.items():
        for group in ([places] if len(places) == 1 else [places, *([one] for one in places)]):
            turned = {one: access(name, *one.args[::-1]) for one in group}
            if _is_at(case, substituted(formula, turned), place):
                letters = {"part": group[0], "new": turned[group[0]]}
                said = "{new} stands where {part} belongs: the array is transposed."
                yield Found("transpose", score("transpose") - 30, said, group[0], letters, step=False)
                return


def _lengths(case: Case) -> Mapping[Node, Node]:
    axes = case.bench.checked.formula.axes
    return {index(letter): length for letter, length in axes.items()}


def _rewritings(part: Node, names: Mapping[str, int], place: Node, lengths: Mapping[Node, Node]) -> Iterator[Change]:
    op, args = part.op, part.args
    slip = "{part} is not {new}: a slip behind a correct derivative."
    if op == "^" and args[0].op == "+" and args[1].op == "number":
        yield node("+", *(node("^", term, args[1]) for term in args[0].args)), "algebra-slip", slip
        for n, term in enumerate(args[0].args):
            powered = _inward(term, args[1])
            if powered is not None:
                yield node("+", *args[0].args[:n], powered, *args[0].args[n + 1 :]), "algebra-slip", slip
    if op == "^" and args[0].op == "*" and args[1].op == "number":
        for n, factor in enumerate(args[0].args):
            yield node("*", *args[0].args[:n], node("^", factor, args[1]), *args[0].args[n + 1 :]), "algebra-slip", slip
    if op == "number":
        value = fraction(part)
        for new in (value - 1, value + 1):
            yield _number(new), "algebra-slip", slip
    if op == "sqrt" and args[0].op == "+":
        yield node("+", *(node("sqrt", term) for term in args[0].args)), "algebra-slip", slip
    if op in ("log", "exp", "sin", "cos") and args[0].op == "+":
        yield node("+", *(node(op, term) for term in args[0].args)), "algebra-slip", slip
    if op == "/" and args[1].op == "+":
        yield node("+", *(node("/", args[0], term) for term in args[1].args)), "algebra-slip", slip
    if op == "neg" and args[0].op == "+":
        yield node("+", node("neg", args[0].args[0]), *args[0].args[1:]), "sign", "The minus in front of {part} belongs to every term."
    if op == "mean" and args[0].op == "*":
        for n, factor in enumerate(args[0].args):
            rest = args[0].args[:n] + args[0].args[n + 1 :]
            second = rest[0] if len(rest) == 1 else node("*", *rest)
            yield node("*", node("mean", factor, *args[1:]), node("mean", second, *args[1:])), "product-rule", (
                "The mean of a product is not the product of the means: {part}."
            )
    if op == "+":
        for n, term in enumerate(args):
            rest = args[:n] + args[n + 1 :]
            yield node("+", *args[:n], _minus(term), *args[n + 1 :]), "sign", f"The term {{term{n}}} has the opposite sign."
            yield rest[0] if len(rest) == 1 else node("+", *rest), "missing-term", f"The term {{term{n}}} is missing."
    if op == "*":
        for n in range(len(args)):
            rest = args[:n] + args[n + 1 :]
            yield rest[0] if len(rest) == 1 else node("*", *rest), "missing-chain-factor", f"The factor {{term{n}}} is missing."
    if op == "/":
        yield args[0], "missing-chain-factor", "The denominator of {part} is missing."
    if op in FUNCTIONS and len(args) == 1 and op not in ("log", "sqrt", "abs", "sign"):
        yield args[0], "wrong-argument", "{new} stands where {part} belongs."
    if op == "access" and names.get(part.value):
        for other, rank in names.items():
            if other != part.value and rank == len(args):
                yield access(other, *args), "wrong-argument", "{new} stands where {part} belongs."
    if op in ("sum", "mean") and len(args) == 2:
        letter = args[1].args[0]
        for free in place.args:
            if free.op == "index" and free not in args[0].free and lengths.get(free) is args[1].args[2]:
                yield substituted(args[0], {letter: free}), "missing-term", "Only one term of {part} stands there."


def _inward(term: Node, power: Node) -> Node | None:
    """2*w -> 2*w^n"""
    if term.op == "*":
        return node("*", *term.args[:-1], node("^", term.args[-1], power))
    return None


# one number of the answer changed


def of_answer(case: Case, answer: Any) -> Iterator[Found]:
    """The answer with one number changed is right: a slip behind a correct derivative."""
    if answer is None:
        return
    place, formula = answer
    if not any(True for _ in accesses(formula)):
        return
    numbers = [part for part in _places(formula) if part.op == "number"]
    for part in numbers[:8]:
        for which, _ in enumerate(_changed(formula, part, part)):
            for new in _solutions(case, formula, place, part, which):
                if not _is_exact(case, _at_place(formula, part, _number(new), which), place):
                    continue
                letters = {"part": part, "new": _number(new)}
                message = "With {new} in place of {part} it would be right: a slip behind a correct derivative."
                yield Found("algebra-slip", score("algebra-slip", 0.7), message, None, letters)
                return


def _at_place(formula: Node, part: Node, new: Node, which: int) -> Node:
    """With the part replaced at one of its places."""
    return list(_changed(formula, part, new))[which]


def _solutions(case: Case, formula: Node, place: Node, part: Node, which: int) -> list[Fraction]:
    """Numbers that make the first element right, if it is linear in the number, and the nearest others."""
    value = fraction(part)
    element = next(iter(case.targets[0]))
    letters = _letters(place, element)
    spot = case.spots[0]
    here, there = (spot.double.of(_at_place(formula, part, _number(new), which), letters) for new in (value, value + 1))
    found = [value - 1, value + 1]
    wanted = case.exact[0].get(element, 0.0)
    if isfinite(here) and isfinite(there) and there != here:
        solved = float(value) + (wanted - here) / (there - here)
        if isfinite(solved) and abs(solved) < 1000:
            near = Fraction(solved).limit_denominator(12)
            if near and abs(float(near) - solved) < 1e-7:
                found.insert(0, near)
    return [new for new in dict.fromkeys(found) if new != value]


def _is_exact(case: Case, formula: Node, place: Node) -> bool:
    exact = ({element: case.exact[n].get(element, 0.0) for element in target} for n, target in enumerate(case.targets))
    return all(same(wanted, _values(case, n, formula, place)) for n, wanted in enumerate(exact))
