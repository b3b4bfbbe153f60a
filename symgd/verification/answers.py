"""What a user hands in as an answer: formulas for parameters and for adjoints of intermediates, in the cost's names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from symgd.cost.checked import Checked, Definition
from symgd.cost.formulas import formula_in
from symgd.derivation.steps import renamed_apart
from symgd.errors import InputError
from symgd.nodes.fold import filled
from symgd.nodes.naming import name_of
from symgd.nodes.node import CONDITIONS, ZERO, Node, access, accesses, index, postorder, range_, substituted
from symgd.nodes.text import text
from symgd.program.equation import Program
from symgd.program.extents import input_extents

__all__ = ["Asked", "asked", "written_out"]

_EQUALS = re.compile(r"(?<![<>=!:])=(?!=)")
_KEY = re.compile(r"\s*(?:d\s*\w+\s*/\s*d\s*)?((?:`[^`]+`|[^\W\d]\w*)(?:\s*\[[^\]=]*\])?)\s*(?:=(?!=)|:)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Asked:
    """One part of an answer. `name`: the parameter or definition; `key`: what its verdict is found by; `place`: name[letters]; `lines`: the formulas
    of a chain, the last one is the answer; `loose`: ranges of letters that it leaves free, but the place does not have."""

    key: str
    name: str
    place: Node
    lines: tuple[Node, ...]
    loose: tuple[Node, ...] = ()

    @property
    def formula(self) -> Node:
        return self.lines[-1]

    def letters(self, element: tuple[int, ...]) -> dict[Node, int] | None:
        """The values of the letters at an element; None if the answer is not about it."""
        found: dict[Node, int] = {}
        for place, at in zip(self.place.args, element, strict=True):
            if place.op == "index":
                if found.setdefault(place, at) != at:
                    return None
            elif int(place.value) != at:
                return None
        return found


def asked(cost: Any, answer: Any) -> list[Asked]:
    """The parts of an answer: a mapping, one formula, texts `w = ...` line by line, or a column with one formula for each parameter.

    Raises InputError for what names no parameter, is no formula of the cost's names, or has the wrong number of parts.
    """
    pairs = _pairs(cost, answer)
    read = _Reader(cost)
    found: dict[str, Asked] = {}
    for key, formula in pairs:
        one = read.part(key, formula)
        if one.key in found:
            raise InputError(f"The answer has {one.key} twice.", accepted="each part once")
        found[one.key] = one
    return list(found.values())


def _pairs(cost: Any, answer: Any) -> list[tuple[Any, Any]]:
    if isinstance(answer, Mapping):
        if not answer:
            raise InputError("The answer is empty.", accepted=_wanted(cost))
        return list(answer.items())
    if isinstance(answer, str):
        lines = [line for part in answer.split("\n") for line in part.split(";") if line.strip()]
        named = [(found[1], found[2]) if (found := _KEY.fullmatch(line)) and _means(cost, found[1]) else None for line in lines]
        if named and all(named):
            return [pair for pair in named if pair]
        if len(lines) > 1 and len(lines) == len(cost.parameters):
            return list(zip(cost.parameters, lines, strict=True))
        if len(lines) > 1:
            raise InputError("Not every line of the answer says which derivative it is.", accepted=_wanted(cost), source=answer)
        answer = [answer]
    elif hasattr(answer, "tolist") and hasattr(answer, "shape"):  # a SymPy column
        column = answer.tolist()
        answer = [part for row in column for part in (row if isinstance(row, list) else [row])]
    elif not isinstance(answer, (list, tuple)):
        answer = [answer]
    if len(answer) != len(cost.parameters):
        count = f"{len(answer)} formula{'s' if len(answer) != 1 else ''}"
        raise InputError(f"The answer has {count}, the cost {len(cost.parameters)} parameters.", accepted=_wanted(cost))
    return list(zip(cost.parameters, answer, strict=True))


def _means(cost: Any, key: str) -> bool:
    name = key.partition("[")[0].strip().strip("`")
    known = {*cost.parameters, *(d.target for d in cost._checked.definitions)}
    return name in known or (name.startswith("d") and name[1:] in known)


def _wanted(cost: Any) -> str:
    names = cost.parameters
    return "a formula for each of " + ", ".join(names) if len(names) != 1 else f"one formula, or {names[0]} = formula"


class _Reader:
    """Reads the parts of an answer in the names of a cost."""

    def __init__(self, cost: Any) -> None:
        self.cost, self.checked = cost, cost._checked
        program: Program = cost.gradient.program
        self.extents = {**input_extents(program)[0], **program.extents}
        self.definitions = {d.target for d in self.checked.definitions}
        sizes = [*(size for sides in self.extents.values() for size in sides), *self.checked.formula.axes.values()]
        self.lengths = {part.value for part in postorder(*sizes) if part.op == "length"} - self.checked.names

    def part(self, key: Any, formula: Any) -> Asked:
        name, args, label = self._place(key)
        if callable(formula) and not hasattr(formula, "free_symbols"):
            raise InputError(f"The answer for {label} is a function.", accepted="one function for the whole gradient: verify(cost, function)")
        rank = self._rank(name)
        axes = {place.value: extent for place, extent in zip(args or (), self.extents.get(name, ()), strict=False) if place.op == "index"}
        lines = [formula_in(self.checked, line, axes=axes, lengths=self.lengths) for line in self._lines(formula)]
        if args is None:
            args = self._free(name, rank, lines[-1])
        if len(args) != rank:
            count = f"{rank} {'index' if rank == 1 else 'indices'}" if rank else "no index"
            raise InputError(f"{name} has {count}, the answer for {label} names {len(args)}.", accepted=count)
        place = access(name, *args)
        for line in lines:
            self._check(line, place, label)
        return Asked(label, name, place, tuple(lines), self._loose(lines[-1], place, label))

    def _rank(self, name: str) -> int:
        own = [d for d in self.checked.definitions if d.target == name]
        return len(own[0].at) if own else len(self.extents.get(name, ()))

    def _loose(self, line: Node, place: Node, label: str) -> tuple[Node, ...]:
        """The ranges of letters that stand in no sum: axes of the cost."""
        loose = sorted(line.free - set(place.args), key=lambda letter: letter.value)
        axes = self.checked.formula.axes
        if any(letter.value not in axes for letter in loose):
            names = ", ".join(map(text, loose))
            raise InputError(f"Index {names} in the answer for {label} stands in no sum.", accepted=f"the indices of {text(place)}, or a sum")
        return tuple(range_(letter, ZERO, axes[letter.value]) for letter in loose)

    def _lines(self, formula: Any) -> list[Any]:
        if not isinstance(formula, str):
            return list(formula) if isinstance(formula, (list, tuple)) else [formula]
        lines = [line for line in _EQUALS.split(formula)]
        if any(not line.strip() for line in lines):
            raise InputError("A line of the answer is empty.", accepted="formula = formula = ...", source=formula)
        return lines

    def _place(self, key: Any) -> tuple[str, tuple[Node, ...] | None, str]:
        """(name, indices or None, what the verdict is called)"""
        if isinstance(key, str) and "[" in key:
            from symgd.reading.text import expression

            found = expression(key, axes=self.checked.formula.axes, names=[*self.checked.names])
            if found.op != "access":
                raise InputError(f"{key} is no element of a parameter.", accepted=_wanted(self.cost))
            name, args = found.value, tuple(found.args)
        else:
            name, args = name_of(key).strip().strip("`"), None
            if getattr(key, "indices", None):
                from symgd.nodes.sympy_door import index_from_sympy

                args = tuple(map(index_from_sympy, key.indices))
        known = {*self.cost.parameters, *self.definitions}
        label = name
        if name not in known and name.startswith("d") and name[1:] in known:
            name = name[1:]
        if name not in known:
            near = get_close_matches(name, known, n=1)
            role = "is data" if name in self.checked.data else "is no parameter"
            raise InputError(f"{name} {role}: there is no derivative by it.{f' Was {near[0]} meant?' if near else ''}", accepted=_wanted(self.cost))
        return name, args, name if name in self.cost.parameters else label if label != name else f"d{name}"

    def _free(self, name: str, rank: int, formula: Node) -> tuple[Node, ...]:
        """The letters of an answer without any on its left: those that its formula leaves free, as the cost uses them."""
        if not rank:
            return ()
        usual = self._usual(name, rank)
        free = sorted(formula.free, key=lambda letter: letter.value)
        if set(usual) & set(free) == set(usual) or set(free) <= set(usual):
            return usual
        if len(free) == rank == 1:
            return (free[0],)
        letters = ", ".join(map(text, usual))
        raise InputError(f"The answer for {name} does not say its indices.", accepted=f"{name}[{letters}] = ...")

    def _usual(self, name: str, rank: int) -> tuple[Node, ...]:
        if name in self.definitions:
            part = next(d for d in self.checked.definitions if d.target == name)
            if all(place.op == "index" for place in part.at):
                return tuple(part.at)
            return tuple(index(letter) for letter in "pqrs"[:rank])
        return tuple(self.cost.gradient._letters(name))

    def _check(self, line: Node, place: Node, label: str) -> None:
        """Every name is one of the cost's, every letter one of the place."""
        names = self.checked.names
        if line.op in CONDITIONS:
            raise InputError(f"The answer for {label} is a condition, not a number.", accepted="a formula; conditions stand inside piecewise")
        unknown = sorted({part.value for part in postorder(line) if part.op == "length"} - self.lengths)
        if unknown:
            what = f"The answer for {label} has an axis of length {', '.join(unknown)}, which this cost has not."
            raise InputError(what, accepted=", ".join(sorted(self.lengths)) or "no axis")
        for found in accesses(line):
            if found.value not in names:
                near = get_close_matches(found.value, names, n=1)
                hint = f" Was {near[0]} meant?" if near else ""
                raise InputError(
                    f"{found.value} in the answer for {label} is no name of this cost.{hint}", accepted=", ".join(sorted(names, key=str))
                )
            rank = self._rank(found.value)
            if len(found.args) != rank:
                count = f"{rank} {'index' if rank == 1 else 'indices'}" if rank else "no index"
                raise InputError(f"{found.value} has {count}, the answer for {label} reads {text(found)}.", accepted=count)


def written_out(formula: Node, checked: Checked, *, most: int = 20_000) -> Node | None:
    """The formula with all definitions filled in; None with recurrences, or where it would be longer than `most` parts."""
    parts: dict[str, list[Definition]] = {}
    for definition in checked.definitions:
        parts.setdefault(definition.target, []).append(definition)
    if any(len(own) > 1 or any(place.op != "index" for place in own[0].at) for own in parts.values()):
        return None
    for name, (definition,) in reversed(parts.items()):
        found: dict[Node, Node] = {}
        for place in accesses(formula):
            if place.value == name:
                apart = renamed_apart(definition.body, frozenset(letter for arg in place.args for letter in arg.free))
                found[place] = substituted(apart, dict(zip(definition.at, place.args, strict=True)))
        if found:
            formula = filled(formula, found)
        if len(postorder(formula)) > most:
            return None
    return formula
