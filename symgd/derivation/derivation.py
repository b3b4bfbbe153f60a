"""How the gradient of a cost comes about: line by line for each parameter, block by block for named intermediates, the last one first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from symgd.cost.checked import Checked, Definition
from symgd.cost.facts import Fact
from symgd.derivation.naming import named
from symgd.derivation.steps import Deriving, Line, lines, renamed_apart, taken
from symgd.errors import LimitError
from symgd.nodes.fold import all_of, choice, filled, plus, times
from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.node import ZERO, Node, access, accesses, index, node, outside_subscripts, postorder, range_, substituted, tree_size
from symgd.program.linear import difference, in_subscripts_collected
from symgd.program.names import Fresh
from symgd.tidy.closed import ClosedForms
from symgd.tidy.collect import collected, without_deltas
from symgd.tidy.deltas import Ends

__all__ = ["Block", "Derived", "Path", "derived"]

LARGEST = 4000  # parts of a formula that is derived in steps
MOST = 60  # lines of one derivative; the others are taken together
SHORT = 40  # parts of a formula that is shown instead of one with names of adjoints


@dataclass(frozen=True, slots=True)
class Path:
    """What comes to `target` from one formula that reads it: the lines that lead to `value`. `source`: the definition, None for the cost itself.

    `renamed`: letters of the target over which the formula ran, and those over which it runs instead.
    """

    source: str | None
    target: Node
    lines: tuple[Line, ...]
    value: Node
    renamed: tuple[tuple[Node, ...], tuple[Node, ...]] = ((), ())


@dataclass(frozen=True, slots=True)
class Block:
    """The derivative of the cost by `target`, a parameter or a definition: the sum of its paths, and lines that make one formula of it.

    `left`: what the derivative is called, dz[i, k]. `parts`: how the definition is computed, nothing for a parameter. `closed`: the formula without
    names of adjoints, where it is short. `facts`: what is known of the data and was used.
    """

    target: Node
    left: Node
    parts: tuple[Definition, ...]
    paths: tuple[Path, ...]
    lines: tuple[Line, ...]
    value: Node
    closed: Node | None = None
    facts: tuple[Fact, ...] = ()

    @property
    def all_lines(self) -> tuple[Line, ...]:
        """The lines of all paths, and those behind them."""
        return (*(line for path in self.paths for line in path.lines), *self.lines)


@dataclass(frozen=True, slots=True)
class Derived:
    """`forward`: the definitions between parameters and cost, in the order of computation. `blocks`: those in reverse, then the parameters.

    `adjoints`: name -> what the derivative of the cost by it is called.
    """

    cost: Node
    name: str
    forward: tuple[Definition, ...]
    blocks: tuple[Block, ...]
    adjoints: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def block(self, name: str) -> Block:
        """The block of a parameter or definition."""
        return next(block for block in self.blocks if block.target.value == name)


def derived(checked: Checked, forms: ClosedForms, parameters: Mapping[str, tuple[Node, ...]], name: str = "C") -> Derived:
    """The derivation for these parameters, each with the letters of the element that is asked for.

    `forms`: closed forms of the equations that run; the last line of a block is one of them. Raises LimitError for formulas too long to follow.
    """
    return _Derivation(checked, forms, parameters, name).run()


class _Derivation:
    def __init__(self, checked: Checked, forms: ClosedForms, parameters: Mapping[str, tuple[Node, ...]], name: str) -> None:
        self.checked, self.forms, self.parameters, self.name = checked, forms, parameters, name
        self.cost = checked.formula.expression
        size = max(tree_size(part) for part in (self.cost, *(d.body for d in checked.definitions)))
        if size > LARGEST:
            raise LimitError(f"A formula has {size:,} parts.", accepted=f"at most {LARGEST:,} for steps; cost.gradient.program has the equations")
        self.active = self._active()
        self.forward = tuple(replace(d, ranges=self._ranges(d)) for d in checked.definitions if d.target in self.active)
        fresh = Fresh(checked.names | {name})
        self.adjoints = {found: forms.program.adjoints.get(found) or fresh.exactly(f"d{found}") for found in (*self.active, *parameters)}
        self.paths: dict[str, list[Path]] = {}
        self.blocks: list[Block] = []

    def run(self) -> Derived:
        self._through(None, (), (), self.cost)
        for definition in reversed(self.forward):
            left = access(self.adjoints[definition.target], *definition.at)
            self._through(definition, definition.ranges, (left,), definition.body)
        for name in dict.fromkeys(definition.target for definition in reversed(self.forward)):
            self.blocks.append(self._block(name, self._element(name)))
        for name in self.parameters:
            self.blocks.append(self._block(name, access(name, *self.parameters[name])))
        return Derived(self.cost, self.name, self.forward, tuple(self.blocks), MappingProxyType(self.adjoints))

    def _active(self) -> dict[str, None]:
        """The definitions that depend on the parameters and on which the cost depends."""
        found = set(self.parameters)
        moved = True
        while moved:
            new = {d.target for d in self.checked.definitions if d.target not in found and self._reads(d.body) & found}
            found |= new
            moved = bool(new)
        needed, waiting = set[str](), [self.cost]
        while waiting:
            for name in self._reads(waiting.pop()) - needed:
                needed.add(name)
                waiting += [d.body for d in self.checked.definitions if d.target == name]
        return {d.target: None for d in self.checked.definitions if d.target in found & needed}

    def _ranges(self, definition: Definition) -> tuple[Node, ...]:
        """For which indices a definition holds: h[t] beside h[0] from 1 on, as the equations have it."""
        for equation in self.forms.program.flat():
            if equation.target == definition.target and equation.at == definition.at:
                own = {axis.index: range_(axis.index, axis.low, axis.high) for axis in equation.domain}
                return tuple(own.get(bound.args[0], bound) for bound in definition.ranges)
        return definition.ranges

    def _reads(self, formula: Node) -> set[str]:
        return {part.value for part in outside_subscripts(formula) if part.op == "access"}

    def _own(self, name: str) -> Node:
        """The element that a block is about: in the letters of the definition, where it has plain ones."""
        parts = self._parts(name)
        definition = parts[0]
        if len(parts) == 1 and all(place.op == "index" for place in definition.at) and len(set(definition.at)) == len(definition.at):
            return access(name, *definition.at)
        letters: list[Node] = []
        taken_letters = Fresh({part.value for d in parts for part in postorder(d.body, *d.at) if part.op == "index"})
        for places in zip(*(d.at for d in parts), strict=True):
            own = next((place for place in places if place.op == "index" and place not in letters), None)
            shifted = next((letter for place in places for letter in place.free if letter not in letters), None)
            letters.append(own or shifted or index(taken_letters("p")))
        return access(name, *letters)

    def _parts(self, name: str) -> list[Definition]:
        return [d for d in self.forward if d.target == name]

    # one formula that reads several arrays

    def _through(self, definition: Definition | None, ranges: Sequence[Node], factor: Sequence[Node], body: Node) -> None:
        """The paths through the cost or one definition to everything that it reads."""
        source = None if definition is None else definition.target
        for name in dict.fromkeys(part.value for part in outside_subscripts(body) if part.op == "access"):
            if name in self.active or name in self.parameters:
                self.paths.setdefault(name, []).append(self._path(source, name, ranges, factor, body))

    def _path(self, source: str | None, name: str, ranges: Sequence[Node], factor: Sequence[Node], body: Node) -> Path:
        """sum of dT[at] * derivative of the body by an element of `name`, over the indices of T that the element does not settle."""
        by = self._element(name)
        body = renamed_apart(body, frozenset(bound.args[0] for bound in ranges))
        reads = {part for part in outside_subscripts(body) if part.op == "access" and part.value == name}
        aligned = set[Node]()
        if len(reads) == 1:
            (read,) = reads
            own = {bound.args[0] for bound in ranges}
            own -= {bound.args[0] for part in postorder(body) if part.op == "softmax" for bound in part.args[1:]}  # it reads all elements
            alike = [place for place, wanted in zip(read.args, by.args, strict=True) if place is wanted and read.args.count(place) == 1]
            aligned = own & {*alike}
        letters = frozenset(by.args) - aligned
        other = {bound.args[0]: bound.args[0] for bound in ranges if bound.args[0] not in letters}
        taken_letters = Fresh({part.value for part in postorder(body, by, *ranges, *factor) if part.op == "index"})
        other |= {bound.args[0]: index(taken_letters(bound.args[0].value)) for bound in ranges if bound.args[0] in letters}
        summed = [range_(other[b.args[0]], *(substituted(end, other) for end in b.args[1:])) for b in ranges if b.args[0] not in aligned]
        factor = [substituted(part, other) for part in factor]
        typed = substituted(body, {old: new for old, new in other.items() if old is not new})
        here = renamed_apart(typed, letters)
        deriving = Deriving(by)
        whole = times(*factor, deriving.left(here))
        whole = node("sum", whole, *summed) if summed else whole
        ends = self._ends(by)
        whole = choice(whole, all_of(*_inside([bound for bound in ranges if bound.args[0] in aligned], ends)), ZERO)
        story = list(lines(deriving, whole, MOST))
        value = taken(deriving, whole)
        story += self._finished(story[-1].after if story else value, value, ends)
        before, after = (dict.fromkeys(bound.args[0] for bound in postorder(part) if bound.op == "range") for part in (typed, here))
        renamed = tuple(letter for letter in before if letter not in after), tuple(letter for letter in after if letter not in before)
        return Path(source, by, tuple(story), story[-1].after if story else value, renamed)

    def _element(self, name: str) -> Node:
        if name in self.parameters:
            return access(name, *self.parameters[name])
        return self._own(name)

    def _ends(self, by: Node) -> Ends:
        program, parts = self.forms.program, self._parts(by.value)
        extents = program.extents.get(self.adjoints[by.value]) or program.extents.get(by.value, ())
        if not extents and len(parts) == 1:
            highs = {bound.args[0]: bound.args[2] for bound in parts[0].ranges}
            extents = tuple(highs.get(place, ZERO) for place in parts[0].at)
        return {place: (ZERO, high) for place, high in zip(by.args, extents, strict=False) if place.op == "index" and high is not ZERO}

    def _finished(self, shown: Node, value: Node, ends: Ends) -> Iterator[Line]:
        """Sums over deltas solved for, then like terms and factors collected, then names for what has one. `shown`: how the value stands there."""
        changes: dict[str, Callable[[Node], Node]] = {
            "collapse": lambda formula: in_subscripts_collected(without_deltas(formula, ends)),
            "simplify": lambda formula: collected(formula, ends),
            "name": lambda formula: named(formula, self.forward),
        }
        for rule, change in changes.items():
            new = change(value)
            if rule == "simplify" and tree_size(new) > 1.2 * tree_size(shown) + 2:
                new = shown
            if new is not value and new is not shown:
                yield Line(rule, shown, new, shown, new)
                shown = new
            value = new
        if shown is not value:
            yield Line("simplify", shown, value, shown, value)

    # all that comes to one array

    def _block(self, name: str, target: Node) -> Block:
        paths = self.paths.get(name, [])
        left = access(self.adjoints[name], *target.args)
        parts = tuple(self._parts(name))
        story: list[Line] = []
        value = paths[0].value if len(paths) == 1 else plus(*(path.value for path in paths)) if paths else ZERO
        if len(paths) > 1:
            new = collected(value, self._ends(target))
            if new is not value:
                story.append(Line("simplify", value, new, value, new))
                value = new
        closed, facts = self._closed(name, target)
        if closed is not None and not self.forward and tree_size(closed) >= tree_size(value):
            closed = value
        if closed is not None and closed is not value:
            known = self._filled_in(value)
            if known is not value:
                story.append(Line("fill-in", value, known, value, known))
                for line in self._finished(known, known, self._ends(target)):
                    story.append(line)
                    known = line.after
            if known is not closed:
                added = {part.op for part in postorder(closed)} - {part.op for part in postorder(known)} - {"sum", "mean", "piecewise"}
                rule = "facts" if facts else "stable" if added & FUNCTIONS.keys() else "simplify"
                story.append(Line(rule, known, closed, known, closed))
            through = any(found.value in self.adjoints.values() for found in accesses(value))
            if not parts or (through and tree_size(closed) <= max(tree_size(value), SHORT)):
                value = closed
            else:
                story = [line for line in story if line.rule == "simplify" and line.after is value]
        return Block(target, left, parts, tuple(paths), tuple(story), value, closed, facts)

    def _filled_in(self, value: Node) -> Node:
        """With the derivatives that are known by now put in."""
        known = {block.left.value: block for block in self.blocks}
        found: dict[Node, Node] = {}
        for place in accesses(value):
            block = known.get(place.value)
            if block is not None and place not in found:
                letters = {own: wanted for own, wanted in zip(block.left.args, place.args, strict=True)}
                apart = renamed_apart(block.value, frozenset(letter for arg in place.args for letter in arg.free))
                found[place] = substituted(apart, letters)
        return filled(value, found) if found else value

    def _closed(self, name: str, target: Node) -> tuple[Node | None, tuple[Fact, ...]]:
        """The closed form in the equations that run, in the user's names, if the array has an adjoint there and the formula is short."""
        program = self.forms.program
        if name not in program.adjoints:
            return None, ()
        try:
            formula, facts = self.forms.with_facts(name, target.args)
        except LimitError:
            return None, ()
        return named(formula, self.forward), facts


def _inside(ranges: Sequence[Node], ends: Ends) -> Iterator[Node]:
    """The conditions under which the letters are in these ranges, where their own are wider."""
    for bound in ranges:
        letter, low, high = bound.args
        first, last = ends.get(letter, (low, high))
        if difference(low, first) != 0:
            yield node(">=", letter, low)
        if difference(high, last) != 0:
            yield node("<", letter, high)


