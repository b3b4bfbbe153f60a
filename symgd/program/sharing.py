"""Program -> Program in which a part that is used twice is computed once, and no equation is too long to read or to compile."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from types import MappingProxyType

from symgd.nodes.node import ATOMS, CONDITIONS, TRUE, Node, access, node, postorder, rebuilt
from symgd.program.equation import Equation, Program, Range
from symgd.program.names import Fresh
from symgd.program.ragged import Shelves

LONGEST = 60  # nodes of an equation
FACTORS = 8  # of one product; a longer one is split into
GROUP = 3  # factors each, so that the partial derivatives cost a few products only
SMALLEST = 8  # nodes of a part that is named only because the equation is too long
WORTH = 2  # operations that a part saves before it gets a name
CALL = 3  # operations that a function counts as
GUARDED = 2000  # nodes of a branch that is left whole, so that its guard holds for all of it

Context = frozenset[Range]
Key = tuple[Node, Context]
_EVERYWHERE: Context = frozenset()


def shared(program: Program) -> Program:
    """Name what is used twice and costs at least two operations, split what is longer than 60 nodes or 8 factors.

    A part is named once for all equations whose indices run over the same ranges, just before its first use. The equations come back without Scans:
    program/recurrence.py orders them anew. A branch of a piecewise formula is evaluated only where it is taken, so what stands in
    branches alone gets no name, unless the equation would be too long.
    """
    groups: set[Node] = set()
    equations = [piece for equation in program.flat() for piece in _pieces(equation, groups)]
    return _Sharing(replace(program, equations=tuple(equations)), groups).run()


class _Sharing:
    def __init__(self, program: Program, groups: set[Node]) -> None:
        self.program, self.groups = program, groups
        self.extents = dict(program.extents)
        self.fresh = Fresh({*program.inputs, *program.extents, *program.adjoints.values(), program.cost})
        self.shelves = Shelves(program.lengths(), program.longest)
        self.uses: dict[Key, int] = defaultdict(int)
        self.order: list[Key] = []
        self.squared: set[Node] = set()
        self.always: set[Node] = set()
        self.named: dict[Key, Node | None] = {}
        self.output: list[Equation] = []
        ranges = defaultdict(set)
        for equation in program.flat():
            for axis in equation.domain:
                ranges[axis.index].add(axis)
        self.ambiguous = {letter for letter, found in ranges.items() if len(found) > 1}

    def run(self) -> Program:
        for equation in self.program.flat():
            self._count(equation)
            self.always.update(_outside_branches(equation.body, self.always))
        self._choose()
        for item in self.program.flat():
            context = self._context_of(item)
            body = self._rewritten(item.body, context, item)
            guard = item.guard if item.guard is TRUE else self._rewritten(item.guard, context, item)
            same = body is item.body and guard is item.guard
            self.output.append(item if same else replace(item, body=body, guard=guard))
            self._remember(item, context)
        extents, longest = MappingProxyType(self.extents), MappingProxyType(self.shelves.longest)
        return replace(self.program, equations=tuple(self.output), extents=extents, longest=longest)

    def _context_of(self, equation: Equation) -> dict[Node, Range]:
        return {axis.index: axis for axis in equation.domain}

    def _key(self, part: Node, context: dict[Node, Range]) -> Key:
        if not self.ambiguous or not part.free:
            return part, _EVERYWHERE
        return part, frozenset(context[letter] for letter in part.free if letter in self.ambiguous)

    def _count(self, equation: Equation) -> None:
        context = self._context_of(equation)
        for root in (equation.body, equation.guard):
            self.uses[self._key(root, context)] += 1
            stack: list[tuple[Node, bool]] = [(root, False)]
            while stack:
                part, opened = stack.pop()
                key = self._key(part, context)
                if opened:
                    self.order.append(key)
                elif key not in self.named:
                    self.named[key] = None
                    stack.append((part, True))
                    if part.op != "access":
                        for place, argument in enumerate(part.args):
                            branch = part.op == "piecewise" and (place % 2 == 0 or place == len(part.args) - 1)
                            self.uses[self._key(argument, context)] += not branch
                            stack.append((argument, False))
                        if part.op == "^" and part.args[1].value == "2":
                            self.squared.add(part.args[0])

    def _choose(self) -> None:
        """Mark the parts that get a name, from the inside out: `wanted` holds their keys."""
        operations: dict[Key, int] = {}
        nodes: dict[Key, int] = {}
        self.wanted: set[Key] = set()
        for key in self.order:
            part, ranges = key
            if part.op in ATOMS:
                operations[key], nodes[key] = 0, 1
                continue
            context = {axis.index: axis for axis in ranges}
            below = [self._key(argument, context) for argument in part.args]
            size = 1 + sum(nodes[argument] for argument in below)
            longest = LONGEST if part in self.always and part.op != "piecewise" else GUARDED
            for argument in sorted(set(below), key=lambda a: -nodes[a]):
                if size <= longest or nodes[argument] < SMALLEST or argument[0].op in CONDITIONS:
                    break
                size -= below.count(argument) * (nodes[argument] - 1)
                operations[argument], nodes[argument] = 0, 1
                self.wanted.add(argument)
            operations[key] = _own(part) + sum(operations[argument] for argument in below)
            nodes[key] = size
            repeated = self.uses[key] > 1 and operations[key] >= WORTH and part.op not in CONDITIONS and part.op != "neg"
            if (repeated and part in self.always) or part in self.groups:
                self.wanted.add(key)
                operations[key], nodes[key] = 0, 1

    def _rewritten(self, root: Node, context: dict[Node, Range], equation: Equation) -> Node:
        memo: dict[Node, Node] = {}
        stack: list[tuple[Node, bool]] = [(root, False)]
        while stack:
            part, opened = stack.pop()
            if part in memo:
                continue
            key = self._key(part, context)
            known = self.named.get(key)
            if known is not None:
                memo[part] = known
            elif part.op in ATOMS:
                memo[part] = part
            elif not opened:
                stack.append((part, True))
                stack.extend((argument, False) for argument in part.args)
            else:
                args = tuple(memo[argument] for argument in part.args)
                new = part if args == part.args else node(part.op, *args, value=part.value)
                whole = part is root and equation.op == "=" and part is equation.body
                memo[part] = self._name(key, new, equation) if key in self.wanted and not whole else new
        return memo[root]

    def _name(self, key: Key, body: Node, equation: Equation) -> Node:
        needed = set(key[0].free)
        domain: list[Range] = []
        for axis in reversed(equation.domain):
            if axis.index in needed:
                needed |= axis.low.free | axis.high.free
                domain.insert(0, axis)
        name = self.fresh("r" if key[0] in self.squared else "t")
        at, self.extents[name] = self.shelves.kept(domain)
        self.output.append(Equation(name, at, "=", tuple(domain), body, rule="named"))
        self.named[key] = access(name, *at)
        return access(name, *at)

    def _remember(self, equation: Equation, context: dict[Node, Range]) -> None:
        """What an equation assigns is known by its name from here on."""
        key = self._key(equation.body, context)
        whole = equation.at == equation.letters and equation.guard is TRUE and equation.op == "="
        alone = sum(other.target == equation.target for other in self.program.flat()) == 1 if whole and key in self.wanted else False
        if alone and equation.body.free == frozenset(equation.letters):
            self.named[key] = equation.left


def _own(part: Node) -> int:
    if part.op in ("+", "*", "max", "min"):
        return len(part.args) - 1
    if part.op in ("neg", "piecewise") or part.op in CONDITIONS:
        return 0
    return 1 if part.op in ("/", "^") else CALL


def _outside_branches(root: Node, known: set[Node]) -> set[Node]:
    """The parts that are evaluated whatever branch is taken."""
    found: set[Node] = set()
    stack = [root]
    while stack:
        part = stack.pop()
        if part not in found and part not in known:
            found.add(part)
            if part.op == "piecewise":
                stack.extend(part.args[1 : len(part.args) - len(part.args) % 2 : 2])
            elif part.op != "access":
                stack.extend(part.args)
    return found


def _pieces(equation: Equation, groups: set[Node]) -> list[Equation]:
    """The equation with its long products grouped and a long sum accumulated in pieces."""
    bodies = [equation.body]
    if equation.body.op == "+" and equation.op in ("=", "+=") and len(equation.body.args) > LONGEST // 2:
        bodies = _chunks(equation.body, FACTORS)
    parts = postorder(*bodies)
    branches = any(part.op == "piecewise" for part in parts)  # what is named outside a branch has lost its guard
    if not branches and any(part.op in _LIMITS and len(part.args) > _LIMITS[part.op] for part in parts):
        bodies = [rebuilt(body, lambda part: _grouped(part, groups)) for body in bodies]
    if len(bodies) == 1 and bodies[0] is equation.body:
        return [equation]
    return [replace(equation, op=equation.op if n == 0 else "+=", body=body) for n, body in enumerate(bodies)]


def _grouped(part: Node, groups: set[Node]) -> Node | None:
    """A long product as groups of 3 factors, groups of groups, ...; a long sum inside a formula likewise in groups of 8 terms."""
    limit = _LIMITS.get(part.op)
    if limit is None or len(part.args) <= limit:
        return None
    size = GROUP if part.op == "*" else FACTORS
    while len(part.args) > size:
        chunks = _chunks(part, size)
        groups.update(chunk for chunk in chunks if chunk.op == part.op)
        part = node(part.op, *chunks)
    return part


def _chunks(part: Node, size: int) -> list[Node]:
    """The arguments of a sum or product in groups."""
    groups = [part.args[n : n + size] for n in range(0, len(part.args), size)]
    return [group[0] if len(group) == 1 else node(part.op, *group) for group in groups]


_LIMITS = {"*": FACTORS, "+": LONGEST}
