"""Formulas of too many shapes, taken apart into single operations: all those of one kind that are due at the same time are one loop.

Every value of every operation has a place on one array, the tape. A formula of a hundred thousand operations that is forty deep becomes a few
hundred loops.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from symgd.nodes.fold import minus
from symgd.nodes.node import ATOMS, CONDITIONS, ZERO, Node, access, node, number, rebuilt
from symgd.program.equation import Equation, Op, Program, Range, Scan
from symgd.rolling.elements import Elements, Rolled, is_plain
from symgd.rolling.shapes import has_small_exponent

__all__ = ["on_tape"]


def on_tape(program: Program, roles: Mapping[str, str]) -> Rolled | None:
    """The program with all equations outside loops taken apart; those between two others are formulas of what stands before them.

    None where an array that is filled outside and inside of loops is read among the former.
    """
    blocks = _blocks(program)
    writers: dict[str, set[int]] = {}  # name -> the blocks that write it; those inside loops are -1
    readers: dict[str, set[int]] = {}
    for n, block in enumerate(blocks):
        for item in block:
            for equation in item.equations if isinstance(item, Scan) else (item,):
                mine = n if is_plain(equation) and not isinstance(item, Scan) else -1
                writers.setdefault(equation.target, set()).add(mine)
                for read in equation.reads():
                    readers.setdefault(read.value, set()).add(mine)
    inside = {name for name, found in writers.items() if len(found) == 1 and -1 not in found}
    if any(found & readers.get(name, set()) - {-1} for name, found in writers.items() if name not in inside):
        return None
    hidden = {name for name in inside if roles.get(name) == "computed" and readers.get(name, set()) <= writers[name]}
    elements = Elements(program, {name: role for name, role in roles.items() if name not in hidden})
    elements.settle()
    tape, known = Tape(elements), dict[Node, Node]()
    output: list[Equation | Scan] = []
    unwritten = [name for name, role in roles.items() if role == "adjoint" and name not in writers]
    output += tape.equations([Statement(access(name), "=", (ZERO,)) for name in unwritten])
    for block in blocks:
        if isinstance(block[0], Equation) and is_plain(block[0]):
            output += tape.equations(_statements([item for item in block if isinstance(item, Equation)], inside, hidden, known))
        else:
            output += map(elements.moved_item, block)
    elements.lengths[tape.array] = tape.length
    return Rolled(elements.program(output), elements.packed)


def _blocks(program: Program) -> list[list[Equation | Scan]]:
    """The equations outside loops between two others, and those others."""
    blocks: list[list[Equation | Scan]] = []
    last = None
    for item in program.equations:
        plain_one = isinstance(item, Equation) and is_plain(item)
        if plain_one is not last:
            blocks.append([])
        blocks[-1].append(item)
        last = plain_one
    return blocks


def _statements(block: list[Equation], inside: set[str], hidden: set[str], known: dict[Node, Node]) -> list[Statement]:
    """What a block computes for others, as formulas of what stands before it. `known`: what its own results stand for."""
    parts: dict[Node, list[Equation]] = {}
    for equation in block:
        mine = parts.pop(equation.left, [])
        mine.append(equation)
        parts[equation.left] = mine  # in the order in which they are complete
    statements: list[Statement] = []
    for target, found in parts.items():
        terms = [term for part in found for term in (part.body.args if part.body.op == "+" else (part.body,))]
        whole = rebuilt(node("+", *terms) if len(terms) > 1 else terms[0], None, known)
        if target.value in inside:
            known[target] = whole
        if target.value not in hidden:
            op: Op = "=" if len(found) == 1 and found[0].op == "=" else "+="
            statements.append(Statement(target, op, whole.args if whole.op == "+" else (whole,)))
    return statements


@dataclass(frozen=True, slots=True)
class Statement:
    """`target op sum of terms`, outside all loops."""

    target: Node
    op: Op
    terms: tuple[Node, ...]


class Tape:
    """The values that are computed so far, and the equations that compute more."""

    def __init__(self, elements: Elements) -> None:
        self.elements = elements
        self.array = elements.fresh.exactly("v")
        self.length = 0
        self.place: dict[Node, int] = {}

    def equations(self, statements: Iterable[Statement]) -> Iterator[Equation]:
        """The statements as loops; none of them reads what another one writes.

        >>> from symgd.program.equation import Program
        >>> from symgd.reading.text import expression
        >>> tape = Tape(Elements(Program((), {}, "C", ()), {}))
        >>> formulas = [expression(f) for f in ("sin(x[0]*x[1])", "-x[1]*x[2]", "3 + x[2]*x[0]")]
        >>> print(*tape.equations([Statement(access("C"), "+=", (f,)) for f in formulas]), sep="\\n")
        v[k] = x[k] for k in 0:3
        v[3] = 3
        v[k + 4] = v[k]*v[at1[k]] for k in 0:3
        v[7] = sin(v[4])
        v[8] += v[3*k + 3] for k in 0:2
        C += v[k + 7] for k in 0:2
        C += -v[5]
        """
        stores: dict[tuple[Op, bool, Hashable], list[tuple[Node, int]]] = {}
        listed = [(s.target, s.op, (node("+", *s.terms),) if s.op == "=" and len(s.terms) > 1 else s.terms) for s in statements]
        yield from self._computed([_signed(term)[1] for _, _, terms in listed for term in terms])
        for target, op, terms in listed:
            array = self.elements.placed(target)[0] if self.elements.is_element(target) else target
            for negative, part in map(_signed, terms):
                stores.setdefault((op, negative, array), []).append((target, self.place[part]))
        for (op, negative, _), found in stores.items():
            found.sort(key=lambda pair: (self.elements.placed(pair[0])[1] if self.elements.is_element(pair[0]) else (), pair[1]))
            left = self.elements.column([target for target, _ in found])
            value = self._values([place for _, place in found])
            yield self._loop(left, op, minus(value) if negative else value, len(found))

    def _computed(self, roots: Sequence[Node]) -> Iterator[Equation]:
        """Equations for all values that are not on the tape yet, one operation after the other."""
        due: list[dict[Hashable, list[Node]]] = []
        depth: dict[Node, int] = {}
        for part in self._new(roots):
            depth[part] = 1 + max((depth.get(operand, -1) for operand in _operands(part)), default=-1)
            if depth[part] == len(due):
                due.append({})
            due[depth[part]].setdefault(self._kind(part), []).append(part)
        for kinds in due:
            for parts in kinds.values():
                if not _operands(parts[0]):
                    yield self._loaded(parts)
                elif parts[0].op == "+":
                    yield from self._sums(parts)
                else:
                    yield self._operation(parts)

    def _new(self, roots: Sequence[Node]) -> list[Node]:
        """What has to be computed, operands first."""
        done: dict[Node, None] = {}
        stack = list(reversed(roots))
        while stack:
            part = stack[-1]
            waiting = [o for o in _operands(part) if o not in done and o not in self.place] if part not in done and part not in self.place else []
            if not waiting:
                if part not in self.place:
                    done[part] = None
                stack.pop()
            stack += reversed(waiting)
        return list(done)

    def _kind(self, part: Node) -> Hashable:
        """What all operations have in common that can be one loop."""
        if part.op == "access":
            return ("element", self.elements.placed(part)[0]) if self.elements.is_element(part) else part
        if part.op in ATOMS:
            return part.op if part.op == "number" else part
        if part.op in ("*", "+"):
            return part.op
        if has_small_exponent(part):
            return (part.op, part.args[1])
        return (part.op, _with_operands(part, iter([ZERO] * len(_operands(part)))))

    def _loaded(self, parts: list[Node]) -> Equation:
        """Elements, numbers or one other thing put on the tape."""
        if parts[0].op == "access" and self.elements.is_element(parts[0]):
            parts.sort(key=lambda part: self.elements.placed(part)[1])
        left = self._targets(parts)
        return self._loop(left, "=", self.elements.column(parts), len(parts))

    def _operation(self, parts: list[Node]) -> Equation:
        parts.sort(key=lambda part: [self.place[operand] for operand in _operands(part)])
        left = self._targets(parts)
        columns = zip(*([self.place[operand] for operand in _operands(part)] for part in parts), strict=True)
        return self._loop(left, "=", _with_operands(parts[0], iter([self._values(column) for column in columns])), len(parts))

    def _sums(self, parts: list[Node]) -> Iterator[Equation]:
        """All sums at once, whatever their number of terms, first what is added, then what is taken away."""
        self._targets(parts)
        for negative in (False, True):
            terms = [(self.place[part], self.place[term]) for part in parts for sign, term in map(_signed, part.args) if sign is negative]
            if terms:
                left, value = (self._values(places) for places in zip(*terms, strict=True))
                yield self._loop(left, "+=", minus(value) if negative else value, len(terms))

    def _targets(self, parts: list[Node]) -> Node:
        """New places, one after the other."""
        for part in parts:
            self.place[part] = self.length
            self.length += 1
        return self._values([self.place[part] for part in parts])

    def _values(self, places: Sequence[int]) -> Node:
        return access(self.array, self.elements.along(places))

    def _loop(self, left: Node, op: Op, body: Node, steps: int) -> Equation:
        domain = (Range(self.elements.letter, ZERO, number(steps)),) if steps > 1 else ()
        return Equation(left.value, left.args, op, domain, body, rule="rolled")


def _signed(term: Node) -> tuple[bool, Node]:
    return (True, term.args[0]) if term.op == "neg" else (False, term)


def _operands(part: Node) -> tuple[Node, ...]:
    """The values that an operation needs. A long product is one of two, a condition belongs to the operation that it decides."""
    op, args = part.op, part.args
    if op in ATOMS:
        return ()
    if op == "*" and len(args) > 2:
        half = len(args) // 2
        return tuple(node("*", *some) if len(some) > 1 else some[0] for some in (args[:half], args[half:]))
    if op == "+":
        return tuple([_signed(term)[1] for term in args])
    if has_small_exponent(part):
        return (args[0],)
    if op == "piecewise":
        return tuple(inner for argument in args for inner in _compared(argument))
    return args


def _compared(argument: Node) -> Iterator[Node]:
    """What a condition compares; a value itself."""
    if argument.op not in CONDITIONS:
        yield argument
    for inner in argument.args if argument.op in CONDITIONS else ():
        yield from _compared(inner)


def _with_operands(part: Node, operands: Iterator[Node]) -> Node:
    """The operation on other operands."""

    def filled(argument: Node) -> Node:
        return node(argument.op, *map(filled, argument.args)) if argument.op in CONDITIONS else next(operands)

    if part.op == "*":
        return node("*", *operands)
    if has_small_exponent(part):
        return node("^", next(operands), part.args[1])
    return node(part.op, *map(filled, part.args))
