"""Equations that only pass a value on are filled in where they are read."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from symgd.nodes.fold import filled
from symgd.nodes.node import TRUE, Node, accesses, postorder, substituted
from symgd.program.equation import Equation, Program
from symgd.program.linear import combined, difference
from symgd.program.ragged import Shelves
from symgd.program.sharing import LONGEST


def inlined(program: Program, scaled: bool = False) -> Program:
    """Fill in generated equations whose body is a number, a product of scalars or a copy, and those that one equation reads once.

    `scaled`: copies with a sign, or over a length, too.

    Definitions of the user stay, and so do their adjoints unless they are trivial: a reader looks for them. A part is never drawn into a larger
    loop than its own, so no work is repeated, nor is one that is too long to be a part.
    """
    readers, first, reads = *_readers(program), _Reads()
    writers = Counter(equation.target for equation in program.flat())
    visible = {program.cost, *program.given, *program.parameters}
    visible |= {program.adjoints[name] for name in program.given if name in program.adjoints}
    kept_results = set(program.results)
    trivial: dict[str, Equation] = {}
    output: list[Equation] = []
    for place, item in enumerate(program.flat()):
        equation = _filled(item, trivial) if trivial else item
        only = writers[equation.target] == 1 and equation.target not in kept_results and first.get(equation.target, place) >= place
        if only and _passes_on(equation, program):
            simple = _trivial(equation.body) or (_copies(equation, scaled) and equation.target not in visible)
            reader = readers.get(equation.target)
            once = reader is not None and equation.target not in visible and _no_larger(equation, reader) and reads.of(reader, equation.target) == 1
            if (simple and equation.target not in program.given) or (once and len(postorder(equation.body)) <= LONGEST):
                trivial[equation.target] = equation
                continue
        output.append(equation)
    return replace(program, equations=tuple(output))


def _readers(program: Program) -> tuple[dict[str, Equation | None], dict[str, int]]:
    """name -> the one equation that reads it, None for several; name -> the place of the first, which in a recurrence may stand before the writer."""
    readers: dict[str, Equation | None] = {}
    first: dict[str, int] = {}
    for place, equation in enumerate(program.flat()):
        for name in equation.names():
            readers[name] = equation if name not in readers else None
            first.setdefault(name, place)
    return readers, first


class _Reads:
    """How often an equation reads each name. What a range, guard or subscript reads counts twice: nothing is filled in there."""

    def __init__(self) -> None:
        self.counts: dict[int, Counter[str]] = {}

    def of(self, equation: Equation, name: str) -> int:
        found = self.counts.get(id(equation))
        if found is None:
            found = self.counts[id(equation)] = self._counted(equation)
        return found[name]

    def _counted(self, equation: Equation) -> Counter[str]:
        found: Counter[str] = Counter()
        for part in postorder(equation.body):
            for argument in part.args:
                if argument.op == "access":
                    found[argument.value] += 1 if part.op != "access" else 2
        if equation.body.op == "access":
            found[equation.body.value] += 1
        if equation.domain or equation.guard is not TRUE:
            bounds = [bound for axis in equation.domain for bound in (axis.low, axis.high)]
            for kept in accesses(equation.guard, *bounds, *equation.at):
                found[kept.value] += 2
        return found


def _passes_on(equation: Equation, program: Program) -> bool:
    """One value a place, for every place of the target."""
    return equation.op in ("=", "+=") and equation.guard is TRUE and fills(equation, program)


def fills(equation: Equation, program: Program) -> bool:
    """Whether it writes every element of its target once; over ranges of several lengths every one that anything reads."""
    extents = program.extents.get(equation.target)
    if extents is None or len(extents) != len(equation.domain):
        return False
    if equation.at == equation.letters:
        return all(difference(axis.high, extent) == 0 and axis.low.value == "0" for axis, extent in zip(equation.domain, extents, strict=True))
    ragged = equation.guard is TRUE and any(extent.value in program.longest for extent in extents)
    return ragged and Shelves(tuple, program.longest).kept(equation.domain) == (equation.at, extents)


def _trivial(body: Node) -> bool:
    """A number, or a short product of numbers, lengths and one scalar: no work that counts."""
    if body.op in ("*", "/", "neg"):
        return len(body.args) <= 2 and all(map(_trivial, body.args)) and sum(1 for _ in accesses(body)) < 2
    return body.op in ("number", "constant", "length") or (body.op == "access" and not body.args)


def _copies(equation: Equation, scaled: bool) -> bool:
    """Is the body an element of another array, found without data?"""
    body = equation.body
    while scaled and (body.op == "neg" or (body.op == "/" and body.args[1].op in ("length", "number"))):
        body = body.args[0]
    return body.op == "access" and bool(equation.at) and not any(part.op == "access" for place in body.args for part in postorder(place))


def _no_larger(equation: Equation, reader: Equation) -> bool:
    return len(reader.domain) <= len(equation.domain)


def _filled(equation: Equation, trivial: dict[str, Equation]) -> Equation:
    changes: dict[Node, Node] = {}
    facts = dict.fromkeys(equation.facts)
    for found in equation.reads():
        source = trivial.get(found.value)
        if source is not None:
            changes[found] = substituted(source.body, _solved(source, found))
            facts |= dict.fromkeys(source.facts)
    if not changes:
        return equation
    new = equation.with_body(filled(equation.body, changes), substituted(equation.guard, changes))
    return replace(new, facts=tuple(facts)) if len(facts) > len(equation.facts) else new


def _solved(source: Equation, found: Node) -> dict[Node, Node]:
    """The letters of the source at the element that is read."""
    letters: dict[Node, Node] = {}
    for axis, place, wanted in zip(source.domain, source.at, found.args, strict=True):
        if place is not axis.index:  # t - off[g]
            behind = combined((1, place), (-1, axis.index))
            wanted = combined((1, wanted), (-1, substituted(behind, letters)))
        letters[axis.index] = wanted
    return letters
