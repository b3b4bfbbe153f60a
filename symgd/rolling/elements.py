"""Scalars as elements of arrays, and columns of elements or numbers as formulas in one index, with a table where no formula says them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType

from symgd.nodes.node import ONE, TRUE, Node, access, fraction, index, number, rebuilt
from symgd.program.equation import Equation, Program, Scan
from symgd.program.linear import combined
from symgd.program.names import Fresh

SEVERAL = 8  # scalars that are worth an array
STEMS = {"parameter": "parameters", "data": "numbers", "computed": "parts"}  # of arrays whose elements have no name in common


@dataclass(frozen=True, slots=True)
class Rolled:
    """A program to run. `packed`: array -> the scalars of the program that is shown, inputs or derivatives by them, that are its elements."""

    program: Program
    packed: Mapping[str, tuple[str, ...]]


def plain(program: Program) -> Iterator[Equation]:
    """The equations that compute one number each."""
    return filter(is_plain, program.flat())


def is_plain(equation: Equation) -> bool:
    """Does the equation compute one number, outside all loops?"""
    return not equation.domain and equation.guard is TRUE and equation.op in ("=", "+=") and all(place.op == "number" for place in equation.at)


class Elements:
    """Where each scalar of a program lives when it is an element of an array: scalars that fill the same place of a loop share one.

    `role`: the scalars that may, as `parameter`, `adjoint` of one, `data` or `computed`. Parameters share one array, so do their adjoints and the
    data; in the order of their names, x2 before x10. What is computed is put in place when it is first `placed`.
    """

    def __init__(self, program: Program, role: Mapping[str, str]) -> None:
        self.shown, self.role = program, dict(role)
        letters = {axis.index.value for equation in program.flat() for axis in equation.domain}
        self.fresh = Fresh({*program.taken, *program.lengths(), *letters})
        self.letter = index(self.fresh.exactly("k"))
        self.packed: dict[str, tuple[str, ...]] = {}
        self.tables: dict[str, tuple[Fraction, ...]] = {}
        self._tables: dict[tuple[Fraction, ...], str] = {}
        self._place: dict[str, tuple[str, int]] = {}
        self._memo: dict[Node, Node] = {}
        self._above: dict[str, str] = {}  # computed scalar -> another one in the same array, until one is its own
        self._array: dict[str, str] = {}  # that one -> the array
        self.lengths: dict[str, int] = {}  # of the arrays of what is computed
        self._pack(program)

    def _pack(self, program: Program) -> None:
        """Places for parameters, their adjoints, and data."""
        for role in ("parameter", "data"):
            names = sorted((name for name, found in self.role.items() if found == role), key=_natural)
            if not names:
                continue
            arrays = [self.fresh.exactly(_stem(names) or STEMS[role])]
            self.packed[arrays[0]] = tuple(names)
            if role == "parameter" and all(name in program.adjoints for name in names):
                arrays.append(self.fresh.exactly("d" + arrays[0]))
                self.packed[arrays[1]] = tuple(program.adjoints[name] for name in names)
            for array in arrays:
                self._place.update((name, (array, n)) for n, name in enumerate(self.packed[array]))

    # arrays of what is computed

    def unite(self, column: Iterable[Node]) -> None:
        """Scalars that fill the same place of a loop live in one array."""
        first = None
        for leaf in column:
            if self.role.get(leaf.value) == "computed" and leaf.op == "access" and not leaf.args:
                root = self._root(leaf.value)
                first = first or root
                self._above[root] = first

    def _root(self, name: str) -> str:
        self._above.setdefault(name, name)
        while self._above[name] != name:
            self._above[name] = name = self._above[self._above[name]]
        return name

    def settle(self) -> None:
        """One array a class; the scalars that share a loop with no other one go into one more, or stay scalars if they are few."""
        names = [name for name, role in self.role.items() if role == "computed"]
        counts = Counter(map(self._root, names))
        lonely = [name for name in names if counts[self._root(name)] == 1]
        if len(lonely) < SEVERAL:
            for name in lonely:
                del self.role[name]
        else:
            for name in lonely:
                self._above[name] = lonely[0]
        members: dict[str, list[str]] = {}
        for name in names:
            if name in self.role:
                members.setdefault(self._root(name), []).append(name)
        for root, inside in members.items():
            self._array[root] = self.fresh.exactly(_stem(inside) or STEMS["computed"])
            self.lengths[self._array[root]] = len(inside)
        self._next = dict.fromkeys(self.lengths, 0)

    def placed(self, leaf: Node) -> tuple[str, tuple[int, ...]]:
        """The array and the indices of an element: `x[3]` as it stands, or where a scalar lives from now on."""
        if leaf.args:
            return leaf.value, tuple(int(place.value) for place in leaf.args)
        if leaf.value not in self._place and leaf.value in self.role:
            array = self._array[self._root(leaf.value)]
            self._place[leaf.value] = (array, self._next[array])
            self._next[array] += 1
        array, position = self._place[leaf.value]
        return array, (position,)

    def is_element(self, leaf: Node) -> bool:
        """Is the access an element of an array, as it stands or from now on?"""
        return leaf.op == "access" and (all(place.op == "number" for place in leaf.args) if leaf.args else leaf.value in self.role)

    def is_placed(self, leaf: Node) -> bool:
        """Is the access an element of which it is known already where it lives?"""
        return leaf.op == "access" and (bool(leaf.args) or leaf.value in self._place)

    def moved(self, root: Node) -> Node:
        """The formula with elements in place of scalars."""
        return rebuilt(root, self._moved, self._memo)

    def _moved(self, part: Node) -> Node | None:
        if part.op != "access" or part.args or part.value not in self.role:
            return None
        array, at = self.placed(part)
        return access(array, *map(number, at))

    def moved_item(self, item: Equation | Scan) -> Equation | Scan:
        """An equation that stays as it is, with elements in place of scalars."""
        if isinstance(item, Scan):
            return Scan(item.index, item.direction, tuple(self.moved_equation(equation) for equation in item.equations))
        return self.moved_equation(item)

    def moved_equation(self, equation: Equation) -> Equation:
        left = self.moved(equation.left)
        return Equation(
            left.value, left.args, equation.op, equation.domain, self.moved(equation.body), self.moved(equation.guard), equation.rule
        )

    def program(self, equations: Iterable[Equation | Scan]) -> Program:
        """The program with other equations: packed scalars are gone, their arrays are there."""
        program, packed = self.shown, self.packed
        place = {name: array for name, (array, _) in self._place.items()}
        parameters = tuple(dict.fromkeys(place.get(name, name) for name in program.parameters))
        inputs = {place.get(name, name): 1 if name in place else rank for name, rank in program.inputs.items()}
        adjoints = {place.get(name, name): place.get(adjoint, adjoint) for name, adjoint in program.adjoints.items() if name in program.parameters}
        listed = tuple(equations)
        written = {equation.target for item in listed for equation in (item.equations if isinstance(item, Scan) else (item,))}
        wanted = {*written, program.cost, *adjoints.values()}
        extents = {name: lengths for name, lengths in program.extents.items() if name in wanted}
        sizes = {name: len(packed[name]) for name in adjoints.values() if name in packed} | self.lengths
        return replace(
            program,
            equations=listed,
            inputs=MappingProxyType(inputs),
            parameters=parameters,
            given=(),
            adjoints=MappingProxyType(adjoints),
            extents=MappingProxyType({**extents, **{name: (number(size),) for name, size in sizes.items() if name in wanted}}),
            tables=MappingProxyType(self.tables),
        )

    # columns

    def column(self, leaves: Sequence[Node]) -> Node:
        """What stands in a loop over `letter` for these leaves, one a step: an element, or a number."""
        if all(leaf is leaves[0] for leaf in leaves):
            return self.moved(leaves[0])
        if leaves[0].op == "number":
            return access(self._table("c", tuple(map(fraction, leaves))), self.letter)
        places = [self.placed(leaf) for leaf in leaves]
        return access(places[0][0], *(self.along(values) for values in zip(*(at for _, at in places), strict=True)))

    def along(self, values: Sequence[int]) -> Node:
        """These whole numbers as a formula in the letter: `2*k + 1`, or an element of a table."""
        step = values[1] - values[0] if len(values) > 1 else 0
        if all(value == values[0] + n * step for n, value in enumerate(values)):
            return combined((step, self.letter), (values[0], ONE))
        return access(self._table("at", tuple(map(Fraction, values))), self.letter)

    def _table(self, stem: str, values: tuple[Fraction, ...]) -> str:
        if values not in self._tables:
            self._tables[values] = self.fresh(stem)
            self.tables[self._tables[values]] = values
        return self._tables[values]


def _natural(name: str) -> list[str | int]:
    """x2 comes before x10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", name)]


def _stem(names: Sequence[str]) -> str:
    """What the names have in common but for their numbers: `x` of x0, x1, ..."""
    stems = {re.sub(r"_?[0-9]+$", "", name) for name in names}
    return stems.pop() if len(stems) == 1 else ""
