"""A derivation in words: sections with sentences, chains of equations and tables, the same for a terminal, a page and LaTeX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from symgd.derivation.branches import Boundary, boundaries
from symgd.derivation.derivation import Block, Derived, Path
from symgd.derivation.matrices import Abbreviation, abbreviation, matrix_product
from symgd.derivation.steps import Deriving, Line
from symgd.derivation.wording import kind
from symgd.nodes.fold import minus
from symgd.nodes.node import TWO, ZERO, Node, access, accesses, node, postorder, rebuilt, substituted
from symgd.nodes.text import text
from symgd.rules.derivatives import RULES, domain

__all__ = ["Chain", "Item", "Row", "Section", "Sentence", "Table", "Words", "reason", "told"]


Words = tuple[str | Node, ...]
"""A sentence in pieces: words, and formulas that each medium writes its own way."""

SHOWN = {"brief": 0, "normal": 24, "full": 60}  # lines of a chain
LISTED = 6  # formulas in a sentence
PAIRS = 12  # parameters among which symmetries are looked for


@dataclass(frozen=True, slots=True)
class Row:
    """One more line of a chain: `= formula`, and why. `next`: the part that the line after it changes."""

    formula: Node
    reason: Words
    next: Node | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """`left = first = rows...`; without a left side the first formula stands there. `more`: lines that are left out before the last one."""

    left: Node | None
    first: Node
    rows: tuple[Row, ...]
    more: int = 0
    next: Node | None = None

    def omitted(self, n: int) -> str:
        """What is said before row `n`: how many lines are left out there."""
        here = self.more and n == len(self.rows) - 1
        return f"{self.more} more step{'s' if self.more > 1 else ''}" if here else ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words and formulas in one line."""

    words: Words


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells below their heads, each cell a sentence."""

    heads: tuple[str, ...]
    rows: tuple[tuple[Words, ...], ...]


Item = Sentence | Chain | Table


@dataclass(frozen=True, slots=True)
class Section:
    """`folded`: a page shows its title alone until it is opened. `title` may be empty."""

    title: Words
    items: tuple[Item, ...]
    folded: bool = False


def told(found: Derived, shapes: Mapping[str, tuple[Node, ...]], verbosity: str = "normal") -> Iterator[Section]:
    """The sections of a derivation; `shapes`: name -> the lengths of its axes."""
    if found.forward:
        yield _forward(found, shapes)
    for block in found.blocks:
        if block.parts:
            yield Section(("Back to ", block.target), tuple(_back(found, block, shapes, verbosity)), folded=True)
        else:
            title: Words = ("The derivative by ", block.target)
            yield Section(title, tuple(_by_parameter(found, block, shapes, verbosity)), folded=bool(found.forward))


def _forward(found: Derived, shapes: Mapping[str, tuple[Node, ...]]) -> Section:
    rows = [((access(d.target, *d.at),), (d.body,), _shape(shapes.get(d.target, ()))) for d in found.forward]
    rows.append(((access(found.name),), (found.cost,), ("a number",)))
    last = found.forward[-1].target
    adjoint: Words = (access(found.adjoints[last]), " stands for the derivative of ", access(found.name), " by ", access(last))
    items: tuple[Item, ...] = (Table(("quantity", "formula", "shape"), tuple(rows)), Sentence((*adjoint, ", and has its shape; so do the others.")))
    return Section(("Forward: the named quantities, in the order of computation",), items)


def _shape(lengths: Sequence[Node]) -> Words:
    if not lengths:
        return ("a number",)
    words: list[str | Node] = [lengths[0]]
    for length in lengths[1:]:
        words += [" x ", length]
    return tuple(words)


def _by_parameter(found: Derived, block: Block, shapes: Mapping[str, tuple[Node, ...]], verbosity: str) -> Iterator[Item]:
    if not block.paths:
        yield Sentence(("The cost does not depend on ", block.target, ": its derivative is 0."))
        return
    twin = _twin(found, block) if verbosity != "full" else None
    if twin is not None:
        yield Sentence(("If ", twin.target, " and ", block.target, " are exchanged the cost stays what it is. So by symmetry:"))
        yield Chain(node("derivative", access(found.name), block.target), block.value, ())
        return
    constant = [access(name) for name in dict.fromkeys(part.value for part in accesses(found.cost)) if name != block.target.value]
    if constant and not found.forward:
        verb = "is" if len(constant) == 1 else "are"
        yield Sentence((*_listed(constant), f" {verb} treated as constant: only ", block.target, " changes."))
    yield from _renamed(block, verbosity)
    short = None if found.forward else abbreviation(block, {*shapes, found.name})
    if short is not None and short.early:
        yield Sentence(("With ", short.name, " = ", short.part, ", the residual:" if short.residual else ":"))
        block = _abbreviated(block, short)
    yield from _paths(found, block, verbosity)
    if short is not None and not short.early:
        with_name = substituted(block.value, {short.part: short.name})
        kind_of = "the residual" if short.residual else "for short"
        yield Sentence(("With ", short.name, " = ", short.part, f", {kind_of}, it is ", with_name, "."))
    yield from _as_matrices(block, "The gradient" if not found.forward else block.left, {**shapes, **_of_adjoints(found, shapes)})
    if block.target.args:
        yield Sentence(("This is the derivative by one element. The gradient has the shape of ", access(block.target.value), ": ",
                        *_shape(shapes.get(block.target.value, ())), "."))  # fmt: skip
    yield from _remarks([line for path in block.paths for line in path.lines])


def _twin(found: Derived, block: Block) -> Block | None:
    """An earlier parameter that may change places with this one."""
    if found.forward or block.target.args or len(found.blocks) > PAIRS:
        return None
    for other in found.blocks:
        if other is block:
            return None
        if not other.target.args and other.paths:
            exchanged = substituted(found.cost, {other.target: block.target, block.target: other.target})
            if _in_order(exchanged) is _in_order(found.cost):
                return other
    return None


def _in_order(formula: Node) -> Node:
    """Sums and products in one order, whatever order they were written in; (y - x)^2 as (x - y)^2."""

    def one(part: Node) -> Node | None:
        if part.op == "^" and part.args[0].op == "+" and part.args[1] is TWO:
            turned = node("+", *sorted(map(minus, part.args[0].args), key=text))
            return node("^", min(part.args[0], turned, key=text), TWO)
        return node(part.op, *sorted(part.args, key=text)) if part.op in ("+", "*") else None

    return rebuilt(formula, one)


def _back(found: Derived, block: Block, shapes: Mapping[str, tuple[Node, ...]], verbosity: str) -> Iterator[Item]:
    for part in block.parts:
        yield Chain(access(part.target, *part.at), part.body, ())
    yield from _renamed(block, verbosity)
    yield from _paths(found, block, verbosity)
    yield from _as_matrices(block, block.left, {**shapes, **_of_adjoints(found, shapes)})
    yield from _remarks([line for path in block.paths for line in path.lines])


def _abbreviated(block: Block, short: Abbreviation) -> Block:
    """The block with a name in place of what it stands for."""

    def named(part: Node) -> Node:
        return substituted(part, {short.part: short.name})

    def of(line: Line) -> Line:
        letters = tuple((letter, named(part)) for letter, part in line.letters)
        before, after, part, becomes = (named(part) for part in (line.before, line.after, line.part, line.becomes))
        return Line(line.rule, before, after, part, becomes, letters, tuple(map(named, line.constant)))

    paths = tuple(replace(path, lines=tuple(map(of, path.lines)), value=named(path.value)) for path in block.paths)
    return replace(block, paths=paths, lines=tuple(map(of, block.lines)), value=named(block.value))


def _renamed(block: Block, verbosity: str) -> Iterator[Item]:
    """A letter of the element that is asked for cannot run over all elements too."""
    elements, everywhere = (list(dict.fromkeys(letter for path in block.paths for letter in path.renamed[n])) for n in (0, 1))
    if elements and verbosity != "brief":
        stand = "stands" if len(elements) == 1 else "stand"
        yield Sentence((*_listed(elements), f" {stand} for one element here; what runs over all of them is called ", *_listed(everywhere), "."))


def _as_matrices(block: Block, left: str | Node, shapes: Mapping[str, tuple[Node, ...]]) -> Iterator[Item]:
    """The result as a product of matrices, their shapes, and why one of them is transposed."""
    for value in dict.fromkeys([*(path.value for path in block.paths if len(block.paths) == 1), block.value]):
        product = matrix_product(block.target.args, value)
        if product is None:
            continue
        whole = left if isinstance(left, str) else access(left.value)
        words: list[str | Node] = [whole, " is " if whole is left else " = ", product.formula, ", as a product of matrices"]
        sides = [_shape(lengths[::-1] if turned else lengths) for name, turned in product.factors if (lengths := shapes.get(name))]
        if len(sides) == 2:
            words += [", ", *sides[0], " and ", *sides[1]]
        if product.transposed is not None:
            words += [". The sum runs over the first index of ", access(product.transposed.value), ", so it stands transposed"]
        yield Sentence((*words, "."))
        return


def _paths(found: Derived, block: Block, verbosity: str) -> Iterator[Item]:
    """What comes to the array on each of its ways, the sum of all, and known derivatives filled in."""
    left = block.left if found.forward else None
    lines, begin = list(block.lines), block.lines[0].before if block.lines else None
    if len(block.paths) > 1:
        ways = [access(found.name) if path.source is None else access(path.source) for path in block.paths]
        count = f" reaches the cost on {len(block.paths)} ways, through "
        yield Sentence((block.target, count, *_listed(ways), ". What comes back on each is added."))
        begin = node("+", *(path.value for path in block.paths))
    for path in block.paths:
        if found.forward:
            yield Sentence(_introduced(found, path))
        single = len(block.paths) == 1
        own = [*path.lines]
        if single and lines and lines[0].rule != "fill-in":
            own, lines = [*own, *lines], []
        yield _chain(own, verbosity, left=left if single else None, value=path.value)
    if len(block.paths) > 1:
        yield Sentence(("Together:",))
        yield _chain(lines, verbosity, left=left, value=block.value, first=begin)
    elif lines:
        yield Sentence(("With the derivatives that are known by now:",))
        yield _chain(lines, verbosity, left=left, value=block.value, first=begin)
    if block.facts and any(line.rule == "facts" for line in block.lines):
        yield Sentence(("It is known of the data that ", *_separated([fact.statement for fact in block.facts], " and "), "."))


def _of_adjoints(found: Derived, shapes: Mapping[str, tuple[Node, ...]]) -> dict[str, tuple[Node, ...]]:
    """An adjoint has the shape of what it belongs to."""
    return {adjoint: shapes[name] for name, adjoint in found.adjoints.items() if name in shapes}


def _introduced(found: Derived, path: Path) -> Words:
    if path.source is None:
        return (path.target, " stands in ", access(found.name), " itself:")
    return (path.target, " is read by ", access(path.source), ", through which ", access(found.adjoints[path.source]), " flows back:")


def _chain(lines: Sequence[Line], verbosity: str, *, left: Node | None, value: Node, first: Node | None = None) -> Chain:
    if not lines:
        return Chain(left, first or value, ())
    begin = first or lines[0].before
    if verbosity == "brief":
        reasons = dict.fromkeys(kind(line.rule).name for line in lines)
        return Chain(left, begin, (Row(lines[-1].after, (", ".join(reasons),)),))
    changing = [line.part if line.part.op == "derivative" else None for line in lines]
    following = zip(lines, [*changing[1:], None], strict=True)
    shown = [pair for pair in following if pair[0] is lines[-1] or verbosity == "full" or not kind(pair[0].rule).trivial]
    most = SHOWN[verbosity]
    more = max(0, len(shown) - most)
    kept = shown if not more else [*shown[: most - 1], shown[-1]]
    rows = tuple(Row(line.after, reason(line, verbosity), marked) for line, marked in kept)
    return Chain(left, begin, rows, more, changing[0])


def reason(line: Line, verbosity: str) -> Words:
    """`power rule, u = w*x + b - y, n = 2`; in full with the law and what it says"""
    row = kind(line.rule)
    left = any(part.op == "derivative" for part in postorder(line.becomes))
    words: list[str | Node] = [f"chain rule and {row.name}" if row.chained and left else row.name]
    if row.derives and not row.inward:
        for letter, part in line.letters:
            words += [", ", f"{letter} = ", part]
    if line.constant:
        words += ["; constant: ", *_separated(line.constant)]
    if verbosity == "full":
        words.append(f"   {row.law}: {row.sentence}" if row.derives else f": {row.sentence}")
    return tuple(words)


def _remarks(lines: Sequence[Line]) -> Iterator[Item]:
    """What has to hold for a rule, and what is agreed on at a kink."""
    conditions: dict[Node, None] = {}
    notes: dict[Words, None] = {}
    for line in lines:
        rule = RULES.get(line.rule)
        if rule is not None and rule.note:
            notes[("In ", line.part.args[0], ": " + rule.note)] = None
        holds = domain(rule) if rule is not None and line.letters else None
        if holds is not None:
            condition = substituted(holds, {access(letter): part for letter, part in line.letters})
            if any(accesses(condition)):
                conditions[condition] = None
    if conditions:
        yield Sentence(("This holds where ", *_separated(list(conditions), " and "), "."))
    for note in notes:
        yield Sentence(note)
    for line in lines:
        if line.rule == "piecewise":
            body, by = line.part.args
            yield from (Sentence(_at_boundary(found)) for found in boundaries(Deriving(by), body))


def _at_boundary(found: Boundary) -> Words:
    """Whether the branches meet, and with one slope."""
    words: Words = ("At ", found.by, " = ", found.place, " the branches ", found.one, " and ", found.other)
    if found.jump is not ZERO:
        perhaps = " where that is not 0" if any(accesses(found.jump)) else ""
        return (*words, " differ by ", found.jump, f": the formula jumps{perhaps}, and has no derivative there.")
    if found.bend is not ZERO:
        perhaps = ", unless that is 0" if any(accesses(found.bend)) else ""
        return (*words, " meet, and their slopes differ by ", found.bend, f": there is a kink{perhaps}.")
    return (*words, " meet with the same slope.")


def _listed(parts: Sequence[Node]) -> Words:
    """`a, b and c`, `a, b, c, d, e and 20 more`"""
    if len(parts) == 1:
        return (parts[0],)
    if len(parts) > LISTED:
        return _separated(parts)
    return (*_separated(parts[:-1]), " and ", parts[-1])


def _separated(parts: Sequence[Node], sign: str = ", ") -> Words:
    words: list[str | Node] = []
    for part in parts[: LISTED - 1] if len(parts) > LISTED else parts:
        words += [sign, part] if words else [part]
    return (*words, f" and {len(parts) - LISTED + 1} more") if len(parts) > LISTED else tuple(words)
