"""Program -> Program in which equations and terms of one shape are loops over tables, for compilers: they take minutes for what is written out.

`(1 - x0)^2 + 100*(x1 - x0^2)^2 + (1 - x1)^2 + ...` is shown as it was written; what runs is `C += 100*(x[k + 1] - x[k]^2)^2 for k in 0:999`. For that
the scalars x0, x1, ... become elements of one array, and so do their derivatives and what is computed on the way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from symgd.nodes.node import ZERO, Node, access, accesses, node, number
from symgd.program.equation import Equation, Op, Program, Range, Scan
from symgd.program.operations import weight
from symgd.rolling.elements import SEVERAL, Elements, Rolled, is_plain, plain
from symgd.rolling.shapes import Shape, shape
from symgd.rolling.tape import on_tape

__all__ = ["Rolled", "rolled"]

LONG = 400  # weight of what stands outside all loops; what is less compiles as it stands, and is read as it is shown
FEWEST = 4  # equations of one shape that are worth a loop
MUCH = 3000  # weight of what does not roll, from which on single operations may be less to compile
TERMS = 8  # of a sum that is put together from what did not roll


def rolled(program: Program) -> Rolled:
    """The program with its equations outside all loops, or their terms, as loops where at least four of them have one shape.

    Linear in the length of the program. Sums are added up in another order.

    >>> from symgd.program.equation import read_equation
    >>> lines = [f"C += (x{n} - {n*n}*y)^2" for n in range(60)]
    >>> inputs = {"y": 0, **{f"x{n}": 0 for n in range(60)}}
    >>> found = rolled(Program(tuple(map(read_equation, lines)), inputs, "C", (), extents={"C": ()}))
    >>> print(found.program)
    (1) C += (numbers[k] - c1[k]*numbers[60])^2 for k in 0:60
    >>> found.packed["numbers"][:2], found.packed["numbers"][-1]
    (('x0', 'x1'), 'y')
    """
    if sum(map(weight, plain(program))) <= LONG:
        return Rolled(program, {})
    return _Rolling(program).run()


_Term = tuple[int, list[Node]]  # the number of its shape and what fills the holes


@dataclass(slots=True)
class _Piece:
    """`target op sum of terms`: an equation outside all loops, or some of its terms."""

    level: int  # one more than that of what it reads
    target: Node
    op: Op
    terms: list[_Term]

    @property
    def leaves(self) -> list[Node]:
        return [leaf for _, leaves in self.terms for leaf in leaves]


class _Rolling:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.roles = _roles(program)
        self.levels: dict[str, int] = {}
        self.shapes: list[Shape] = []
        self.numbers: dict[Shape, int] = {}
        self.pieces, self.fixed = self._taken_apart()

    def run(self) -> Rolled:
        """In loops, what remains as it stands; where much remains, single operations in loops, if that is less to compile."""
        found = self._in_loops()
        if sum(map(weight, plain(found.program))) <= MUCH:
            return found
        taped = on_tape(self.program, self.roles)
        return min(filter(None, (found, taped)), key=lambda made: sum(map(weight, made.program.flat())))

    def _in_loops(self) -> Rolled:
        groups, alone = self._grouped()
        elements = Elements(self.program, self.roles)
        for group in groups:
            elements.unite(piece.target for piece in group)
            for column in zip(*(piece.leaves for piece in group), strict=True):
                elements.unite(column)
        elements.settle()
        due: dict[int, list[Equation | Scan | list[_Piece]]] = {}
        for group in (*groups, *([piece] for piece in alone)):
            due.setdefault(group[0].level, []).append(group)
        for level, item in self.fixed:
            due.setdefault(level, []).append(item)
        equations: list[Equation | Scan] = []
        for level in sorted(due):  # what is of one level reads nothing of each other
            equations += [self._loop(found, elements) if isinstance(found, list) else elements.moved_item(found) for found in due[level]]
        return Rolled(elements.program(equations), elements.packed)

    def _taken_apart(self) -> tuple[list[_Piece], list[tuple[int, Equation | Scan]]]:
        """The equations outside all loops, and the others with their levels."""
        several = Counter(equation.left for equation in self.program.flat())
        pieces: list[_Piece] = []
        fixed: list[tuple[int, Equation | Scan]] = []
        for item in self.program.equations:
            inside = item.equations if isinstance(item, Scan) else (item,)
            own = {equation.target for equation in inside} if isinstance(item, Scan) else set()
            level = 1 + max((self.levels.get(read.value, 0) for equation in inside for read in equation.reads() if read.value not in own), default=0)
            for equation in inside:
                self.levels[equation.target] = max(level, self.levels.get(equation.target, 0))
            if isinstance(item, Scan) or not is_plain(item):
                fixed.append((level, item))
                continue
            terms = item.body.args if item.body.op == "+" else (item.body,)
            listed = sorted((self._shaped(term) for term in terms), key=lambda term: term[0])
            pieces.append(_Piece(level, item.left, item.op if several[item.left] == 1 else "+=", listed))
        written = {piece.target.value for piece in pieces}
        written |= {e.target for _, item in fixed for e in (item.equations if isinstance(item, Scan) else (item,))}
        missing = [name for name, role in self.roles.items() if role == "adjoint" and name not in written]
        pieces += [_Piece(1, access(name), "=", [self._shaped(ZERO)]) for name in missing]
        return pieces, fixed

    def _shaped(self, term: Node) -> tuple[int, list[Node]]:
        found, leaves = shape(term, self._kind)
        if found not in self.numbers:
            self.numbers[found] = len(self.shapes)
            self.shapes.append(found)
        return self.numbers[found], leaves

    def _kind(self, found: Node) -> Hashable:
        """What may stand in place of an access: other elements of the array, other scalars in the same role."""
        if not found.args:
            return self.roles.get(found.value)
        return (found.value, len(found.args)) if all(place.op == "number" for place in found.args) else None

    def _grouped(self) -> tuple[list[list[_Piece]], list[_Piece]]:
        """Pieces of one shape, whole equations first, then terms of the others; and what remains."""
        sums = [piece for piece in self.pieces if piece.op == "+=" and self._kind(piece.target) is None]  # their terms make the longest loops
        groups, rest = self._alike((piece for piece in self.pieces if piece.op != "+=" or self._kind(piece.target) is not None), FEWEST)
        rest = sums + rest
        terms: dict[int, _Piece] = {}
        for piece in rest:
            if piece.op == "+=" or len(piece.terms) >= FEWEST:
                for term in piece.terms:
                    terms[id(term)] = _Piece(self._level(term), piece.target, "+=", [term])
        smaller, _ = self._alike(terms.values(), 2 * FEWEST)
        taken = {id(piece.terms[0]) for group in smaller for piece in group}
        remaining: list[_Piece] = []
        parts: dict[tuple[int, Node], list[_Term]] = {}
        for piece in rest:
            left = [term for term in piece.terms if id(term) not in taken]
            if len(left) == len(piece.terms):
                remaining.append(piece)
            elif left:
                parts.setdefault((piece.level, piece.target), []).extend(left)
        for (level, target), found in parts.items():
            remaining += [_Piece(level, target, "+=", found[n : n + TERMS]) for n in range(0, len(found), TERMS)]
        return [*groups, *smaller], remaining

    def _level(self, term: _Term) -> int:
        return 1 + max((self.levels.get(found.value, 0) for found in accesses(self._formula(term))), default=0)

    def _formula(self, term: _Term) -> Node:
        shape_, leaves = term
        return self.shapes[shape_].filled(leaves)

    def _alike(self, pieces: Iterable[_Piece], fewest: int) -> tuple[list[list[_Piece]], list[_Piece]]:
        """Groups of pieces that differ in numbers and elements only, and the pieces that are in none."""
        found: dict[Hashable, list[_Piece]] = {}
        for piece in pieces:
            target = self._kind(piece.target) or piece.target
            found.setdefault((piece.level, target, piece.op, tuple([shape_ for shape_, _ in piece.terms])), []).append(piece)
        groups = [group for group in found.values() if len(group) >= fewest]
        return groups, [piece for group in found.values() if len(group) < fewest for piece in group]

    def _loop(self, group: list[_Piece], elements: Elements) -> Equation:
        """A loop over a group, or one piece as an equation."""
        group = sorted(group, key=lambda piece: _order(piece, elements))
        left = elements.column([piece.target for piece in group])
        leaves = iter([elements.column(column) for column in zip(*(piece.leaves for piece in group), strict=True)])
        terms = [elements.moved(self._formula((shape_, [next(leaves) for _ in inside]))) for shape_, inside in group[0].terms]
        body = terms[0] if len(terms) == 1 else node("+", *terms)
        domain = (Range(elements.letter, ZERO, number(len(group))),) if len(group) > 1 else ()
        return Equation(left.value, left.args, group[0].op, domain, body, rule="rolled")


def _order(piece: _Piece, elements: Elements) -> tuple[int, ...]:
    """Where the elements of a piece live: in this order the steps of a loop walk through the arrays."""
    known = [leaf for leaf in (piece.target, *piece.leaves) if elements.is_placed(leaf)]
    return tuple(place for leaf in known for place in elements.placed(leaf)[1])


def _roles(program: Program) -> dict[str, str]:
    """name -> parameter, adjoint, data or computed, for the scalars that only equations outside loops compute."""
    alone = {equation.target: True for equation in program.flat() if not equation.at}
    for item in program.equations:
        for equation in item.equations if isinstance(item, Scan) else (item,):
            if equation.target in alone and (isinstance(item, Scan) or not is_plain(equation)):
                alone[equation.target] = False
    results = {program.adjoints[name] for name in program.parameters if name in program.adjoints}
    roles: dict[str, str] = {}
    for name, rank in program.inputs.items():
        if rank or name in program.integers:
            continue
        if name not in program.parameters:
            roles[name] = "data"
        elif name not in program.adjoints:
            roles[name] = "parameter"
        elif alone.get(program.adjoints[name], True):
            roles |= {name: "parameter", program.adjoints[name]: "adjoint"}
    roles |= {name: "computed" for name, only in alone.items() if only and name not in results and name != program.cost}
    counts = Counter(roles.values())
    return {name: role for name, role in roles.items() if counts[role] >= SEVERAL}
