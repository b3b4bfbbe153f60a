"""Program -> Program in which a part that is used twice is computed once, and no equation is too long to read or to compile."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

from symgd.nodes.node import ATOMS, CONDITIONS, TRUE, Node, access, node, outside_subscripts, postorder, rebuilt
from symgd.program.equation import Equation, Program, Range
from symgd.program.names import Fresh
from symgd.program.ragged import Shelves

LONGEST = 60  # nodes of an equation
FACTORS = 5  # of one product; a longer one becomes products of two, of those again, and so on: its partial derivatives cost two products a factor
TERMS = 8  # that a piece of a long sum has
SMALLEST = 8  # nodes of a part that is named only because the equation is too long
WORTH = 2  # operations that a part saves before it gets a name
CALL = 3  # operations that a function counts as
GUARDED = 2000  # nodes of a branch that is left whole, so that its guard holds for all of it

Context = frozenset[Range]
Key = Node | tuple[Node, Context]  # a part, and over which ranges, where the same letter runs over several in one program


def shared(program: Program) -> Program:
    """Name what is used twice and costs at least two operations, split what is longer than 60 nodes or 5 factors.

    A part is named once for all equations whose indices run over the same ranges, just before its first use. The equations come back without Scans:
    program/recurrence.py orders them anew. A branch of a piecewise formula is evaluated only where it is taken, so what stands in
    branches alone gets no name, unless the equation would be too long.
    """
    equations = [piece for equation in program.flat() for piece in _summed_in_pieces(equation)]
    work = _Sharing(replace(program, equations=tuple(equations)), set())
    if work.has_long:
        groups: set[Node] = set()
        work = _Sharing(replace(program, equations=tuple([_in_groups(equation, groups) for equation in equations])), groups)
    return work.run()


class _Sharing:
    def __init__(self, program: Program, groups: set[Node]) -> None:
        self.program, self.groups = program, groups
        self.extents = dict(program.extents)
        self.fresh = Fresh(program.taken)
        self.shelves = Shelves(program.lengths, program.longest)
        self.uses: dict[Key, int] = defaultdict(int)
        self.order: dict[Key, None] = {}
        self.squared: set[Node] = set()
        self.always: set[Node] | None = None  # the parts that are evaluated whatever branch is taken; None: all of them
        self.named: dict[Key, Node] = {}
        self.output: list[Equation] = []
        self.writers = Counter(equation.target for equation in program.flat())
        ranges = defaultdict(set)
        for equation in program.flat():
            for axis in equation.domain:
                ranges[axis.index].add(axis)
        self.ambiguous = {letter for letter, found in ranges.items() if len(found) > 1}
        self.has_long = False  # a product or sum that is to be grouped
        seen: dict[Node, None] = {}  # by equations without a letter that is ambiguous
        for equation in program.flat():
            self._count(equation, seen)

    def run(self) -> Program:
        if any(_part(key).op == "piecewise" for key in self.order):
            self.always = set()
            for equation in self.program.flat():
                self.always |= _outside_branches(equation.body, self.always)
        self._choose()
        for item in self.program.flat():
            context = self._context_of(item)
            body = self._rewritten(item.body, context, item)
            guard = item.guard if item.guard is TRUE else self._rewritten(item.guard, context, item)
            same = body is item.body and guard is item.guard
            self.output.append(item if same else item.with_body(body, guard))
            self._remember(item, context)
        extents, longest = MappingProxyType(self.extents), MappingProxyType(self.shelves.longest)
        return replace(self.program, equations=tuple(self.output), extents=extents, longest=longest)

    def _context_of(self, equation: Equation) -> dict[Node, Range]:
        return {axis.index: axis for axis in equation.domain}

    def _key(self, part: Node, context: dict[Node, Range]) -> Key:
        if not self.ambiguous or not part.free:
            return part
        ranges = frozenset(context[letter] for letter in part.free if letter in self.ambiguous)
        return (part, ranges) if ranges else part

    def _count(self, equation: Equation, seen: dict[Node, None]) -> None:
        context, uses, order = self._context_of(equation), self.uses, self.order
        keyed = bool(self.ambiguous) and any(axis.index in self.ambiguous for axis in equation.domain)
        for root in (equation.body, equation.guard) if equation.guard is not TRUE else (equation.body,):
            uses[self._key(_unsigned(root), context)] += 1
            for part in outside_subscripts(root, {} if keyed else seen):
                key = self._key(part, context) if keyed else part
                if key in order:
                    continue
                order[key] = None
                op, args = part.op, part.args
                if op in ("access", "neg") or not args:
                    continue
                if len(args) > FACTORS and _is_long(part):
                    self.has_long = True
                if op == "piecewise":
                    args = args[1:-1:2]
                elif op == "^" and args[1].value == "2":
                    self.squared.add(args[0])
                for argument in args:
                    inner = _unsigned(argument) if argument.op == "neg" else argument
                    uses[self._key(inner, context) if keyed else inner] += 1

    def _choose(self) -> None:
        """Mark the parts that get a name, from the inside out: `wanted` holds their keys, `touched` those of what contains such a part."""
        operations: dict[Key, int] = {}
        nodes: dict[Key, int] = {}
        uses, groups, always, wanted = self.uses, self.groups, self.always, set[Key]()
        for key in self.order:
            part, below = (key, key.args) if type(key) is Node else (_part(key), self._below(key))
            op = part.op
            if op in ATOMS:
                operations[key], nodes[key] = 0, 1
                continue
            size, work = 1, _own(part)
            for argument in below:
                size += nodes[argument]
                work += operations[argument]
            settled = always is None or part in always
            if size > LONGEST and (size > GUARDED or (settled and op != "piecewise")):
                longest = LONGEST if settled and op != "piecewise" else GUARDED
                for argument in sorted(dict.fromkeys(below), key=lambda a: -nodes[a]):
                    if size <= longest or nodes[argument] < SMALLEST or _part(argument).op in CONDITIONS:
                        break
                    size -= below.count(argument) * (nodes[argument] - 1)
                    work -= below.count(argument) * operations[argument]
                    operations[argument], nodes[argument] = 0, 1
                    wanted.add(argument)
            repeated = work >= WORTH and uses[key] > 1 and settled and op not in CONDITIONS and op != "neg"
            if repeated or part in groups:
                wanted.add(key)
                work, size = 0, 1
            operations[key], nodes[key] = work, size
        self.wanted, self.touched = wanted, set(wanted)
        for key in self.order if wanted else ():
            below = self._below(key) if type(key) is not Node or key.op == "access" else key.args
            if below and not self.touched.isdisjoint(below):
                self.touched.add(key)

    def _below(self, key: Key) -> Sequence[Key]:
        """The keys of the arguments."""
        if isinstance(key, Node):
            return key.args if key.op != "access" else ()
        part, ranges = key
        context = {axis.index: axis for axis in ranges}
        return [self._key(argument, context) for argument in part.args] if part.op != "access" else ()

    def _rewritten(self, root: Node, context: dict[Node, Range], equation: Equation) -> Node:
        named, touched, memo = self.named, self.touched, dict[Node, Node]()
        keyed = bool(self.ambiguous)
        stack: list[tuple[Node, bool]] = [(root, False)]
        while stack:
            part, opened = stack.pop()
            if part in memo:
                continue
            key = self._key(part, context) if keyed else part
            if key in named:
                memo[part] = named[key]
            elif key not in touched:
                continue
            elif not opened:
                stack.append((part, True))
                stack += [(argument, False) for argument in part.args if keyed or argument in touched]
            else:
                args = tuple([memo.get(argument, argument) for argument in part.args])
                new = part if args == part.args else node(part.op, *args, value=part.value)
                whole = part is root and equation.op == "=" and part is equation.body
                memo[part] = self._name(key, new, equation) if key in self.wanted and not whole else new
        return memo.get(root, root)

    def _name(self, key: Key, body: Node, equation: Equation) -> Node:
        part = _part(key)
        needed = set(part.free)
        domain: list[Range] = []
        for axis in reversed(equation.domain):
            if axis.index in needed:
                needed |= axis.low.free | axis.high.free
                domain.insert(0, axis)
        name = self.fresh("r" if part in self.squared else "t")
        at, self.extents[name] = self.shelves.kept(domain)
        self.output.append(Equation(name, at, "=", tuple(domain), body, rule="named"))
        self.named[key] = access(name, *at)
        return access(name, *at)

    def _remember(self, equation: Equation, context: dict[Node, Range]) -> None:
        """What an equation assigns is known by its name from here on."""
        key = self._key(equation.body, context)
        whole = equation.at == equation.letters and equation.guard is TRUE and equation.op == "="
        alone = self.writers[equation.target] == 1
        if whole and key in self.wanted and alone and equation.body.free == frozenset(equation.letters):
            self.named[key] = equation.left


def _part(key: Key) -> Node:
    return key if isinstance(key, Node) else key[0]


def _unsigned(part: Node) -> Node:
    """What stands behind the signs: they get no name, so a use of `-sin(x)` is one of `sin(x)`."""
    while part.op == "neg":
        part = part.args[0]
    return part


def _own(part: Node) -> int:
    return len(part.args) - 1 if part.op in _JOINING else _COSTS.get(part.op, CALL)


_JOINING = frozenset({"+", "*", "max", "min"})
_COSTS = {"/": 1, "^": 1, **dict.fromkeys(("neg", "piecewise", *CONDITIONS), 0)}


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


def _summed_in_pieces(equation: Equation) -> list[Equation]:
    """The equation with a long sum accumulated in pieces."""
    if equation.body.op != "+" or equation.op not in ("=", "+=") or len(equation.body.args) <= LONGEST // 2:
        return [equation]
    return [replace(equation, op=equation.op if n == 0 else "+=", body=body) for n, body in enumerate(_chunks(equation.body, TERMS))]


def _in_groups(equation: Equation, groups: set[Node]) -> Equation:
    """The equation with its long products and sums grouped, but not in a piecewise formula: what is named outside a branch has lost its guard."""
    parts = postorder(equation.body)
    if not any(map(_is_long, parts)) or any(part.op == "piecewise" for part in parts):
        return equation
    return replace(equation, body=rebuilt(equation.body, lambda part: _grouped(part, groups)))


def _is_long(part: Node) -> bool:
    return len(part.args) > FACTORS and len(part.args) > _LIMITS.get(part.op, len(part.args))


def _grouped(part: Node, groups: set[Node]) -> Node | None:
    """A long product as a balanced tree of products of two; a long sum inside a formula in groups of 8 terms, groups of groups, ..."""
    limit = _LIMITS.get(part.op)
    if limit is None or len(part.args) <= limit:
        return None
    size = 2 if part.op == "*" else TERMS
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
