"""A Formula checked: which names are parameters, data, constants and definitions, in which order, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from symgd.cost.facts import Fact, facts_of
from symgd.cost.lengths import along
from symgd.errors import InputError
from symgd.nodes.circles import circles
from symgd.nodes.constants import Constants
from symgd.nodes.formula import Formula
from symgd.nodes.node import CONDITIONS, Node, accesses, node, number, outside_subscripts, postorder, range_
from symgd.nodes.text import text


@dataclass(frozen=True, slots=True)
class Definition:
    """`target[at] = body` for every value of the index letters in `at`, which run over their whole axes.

    A name may be defined in parts, `h[0, k]` and `h[t + 1, k]`: a place of `at` is a letter, a letter with a number, or a fixed index.
    """

    target: str
    at: tuple[Node, ...]
    ranges: tuple[Node, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Checked:
    """A cost whose every name is settled. Names map to their number of indices; definitions stand in an order in which each uses earlier ones.

    `constants`: name -> value, or None where the value comes with the data. `doubtful`: inferred parameters in which the cost is affine; whether
    they are constants has to be asked before anything is fitted. `facts`: what is known of the data; `hoped`: what is said about parameters, which no
    fit keeps.
    """

    formula: Formula
    definitions: tuple[Definition, ...]
    parameters: Mapping[str, int]
    data: Mapping[str, int]
    constants: Mapping[str, float | None]
    integers: frozenset[str]
    doubtful: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    hoped: tuple[Fact, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Every name of an array, scalar or definition, so that new names can avoid them."""
        return frozenset({*self.parameters, *self.data, *self.constants, *(d.target for d in self.definitions)})

    @property
    def bodies(self) -> dict[str, Node]:
        """Definition -> a formula that reads what all its parts read."""
        return _bodies(self.definitions)


def check(
    formula: Formula,
    *,
    parameters: Collection[str] | None = None,
    constants: Mapping[str, float | None] | None = None,
    facts: Iterable[Node] = (),
) -> Checked:
    """Settle every name of the formula.

    Without `parameters`, every scalar that is neither sample column, constant nor defined is one. Raises InputError, which names the
    culprit, for a name that is defined twice, in a circle, in two roles or with different numbers of indices, for an index without a sum, for
    arrays of which nobody said what they are, and for facts that say nothing about them.

    >>> from symgd.reading.text import problem
    >>> sorted(check(problem("mean((w*x + b - y)^2)", samples="x y")).parameters)
    ['b', 'w']
    """
    values = dict(constants or {})
    columns = {*formula.samples, *(name for name, symbol in formula.symbols.items() if getattr(symbol, "is_sample", False))}
    definitions = _ordered(_definitions(formula))
    defined = {definition.target for definition in definitions}
    roots = [formula.expression, *(definition.body for definition in definitions)]
    _closed(formula)
    ranks = _ranks(formula, roots, definitions)
    integers = _integers(roots) - defined
    lengths = {part.value for part in postorder(*formula.axes.values()) if part.op == "length"}
    for name in values:
        for role, members in (("a definition", defined), ("a sample column", columns)):
            if name in members:
                raise InputError(f"{name} is both a constant and {role}.", accepted="one role for a name")
        if name in lengths:
            raise InputError(f"The constant {name} is the length of an axis too.", accepted=f"another name; the length {name} comes with the data")

    free = {name: rank for name, rank in ranks.items() if name not in defined}
    outside = {name: rank for name, rank in free.items() if name not in columns and name not in values and name not in integers}
    notes = [*formula.notes, *dict.fromkeys(remark for root in roots for remark in _remarks(root, formula.hidden))]
    if parameters is None:
        chosen = _inferred(outside)
    else:
        roles = {"defined": defined, "a constant": values, "a sample column": columns, "a subscript": integers}
        chosen = _listed(parameters, free, roles)
    notes += [f"The cost does not use parameter {name}: its gradient is 0.{_meant(name, free)}" for name in chosen if name not in free]
    for name, value in values.items():
        if value is not None and free.get(name):
            short = f"{name} is read with {free[name]} {'index' if free[name] == 1 else 'indices'}, so {value:g} is not enough."
            raise InputError(short, accepted=f"constants=[{name!r}], its values with the data")
    notes += [f"The cost does not read the constant {name}.{_meant(name, free)}" for name in values if name not in free]
    data = {name: rank for name, rank in free.items() if name not in chosen and values.get(name) is None}
    doubtful = _affine(formula.expression, definitions, chosen) if parameters is None else ()
    notes += [f"The cost is affine in {name}: is {name} a constant? If so, name it in constants=." for name in doubtful]
    if not chosen:
        notes.append("The cost has no parameter: there is nothing to change.")
    known = facts_of(facts, formula, ranks={**chosen, **free}, defined=defined, along=along(formula))
    hoped = tuple(fact for fact in known if not chosen.keys().isdisjoint(fact.names))
    notes += [f"The fact {fact} is about a parameter: formulas use it, what runs does not, because no step keeps it." for fact in hoped]
    given = tuple(fact for fact in known if fact not in hoped)
    for fact in given:
        value = values.get(fact.name)
        if value is not None and not fact.allows(value):
            raise InputError(f"The constant {fact.name} is {value:g}; the fact {fact} does not hold.", accepted="a constant that keeps it")
    return Checked(formula, definitions, chosen, data, values, frozenset(integers), doubtful, tuple(notes), given, hoped)


def _inferred(outside: Mapping[str, int]) -> dict[str, int]:
    """Every scalar is a parameter where nobody said which are; of arrays that has to be said."""
    unknown = sorted(name for name, rank in outside.items() if rank)
    if unknown:
        raise InputError(
            f"The cost reads the arrays {', '.join(unknown)}; which of them are parameters?",
            accepted=f"parameters=[...] with some of {', '.join(outside)}; the others are data",
        )
    return dict(outside)


def _listed(parameters: Collection[str], free: Mapping[str, int], roles: Mapping[str, Collection[str]]) -> dict[str, int]:
    """The parameters that were named, each with its number of indices; one that has another of the `roles` is refused."""
    chosen: dict[str, int] = {}
    for name in parameters:
        if name in chosen:
            raise InputError(f"Parameter {name} is listed twice.", accepted="each name once")
        for role, members in roles.items():
            if name in members:
                raise InputError(f"{name} is {role} and cannot be a parameter too.", accepted="one role for a name")
        chosen[name] = free.get(name, 0)
    return chosen


def _meant(name: str, free: Collection[str]) -> str:
    near = get_close_matches(name, free, n=1)
    return f" Was {near[0]} meant?" if near else ""


def _bodies(definitions: Iterable[Definition]) -> dict[str, Node]:
    parts: dict[str, list[Node]] = {}
    for definition in definitions:
        parts.setdefault(definition.target, []).append(definition.body)
    return {name: found[0] if len(found) == 1 else node("+", *found) for name, found in parts.items()}


def _definitions(formula: Formula) -> list[Definition]:
    found: list[Definition] = []
    whole: set[str] = set()
    for left, body in formula.definitions:
        name, at = left.value, left.args
        if name in formula.samples:
            raise InputError(f"{name} is both a sample column and a definition.", accepted="one role for a name")
        letters = _letters(left)
        if all(place.op == "index" for place in at):
            if name in whole:
                raise InputError(f"{name} is defined twice.", accepted="one definition for a name")
            whole.add(name)
        for letter in letters:
            if letter.value not in formula.axes:
                raise InputError(f"The length of axis {letter.value} of {text(left)} is not known.", accepted=f'axes "{letter.value}:n"')
        loose = body.free - set(letters)
        if loose:
            names = ", ".join(sorted(text(letter) for letter in loose))
            raise InputError(
                f"Index {names} in the definition of {text(left)} stands in no sum.", accepted=f"indices of {text(left)}, or a sum over {names}"
            )
        _scalar(body, f"The definition of {text(left)}")
        ranges = tuple(range_(letter, number(0), formula.axes[letter.value]) for letter in letters)
        found.append(Definition(name, at, ranges, body))
    return found


def _letters(left: Node) -> list[Node]:
    """The index letters of the left side of a definition, each of which stands in one place."""
    letters: list[Node] = []
    for place in left.args:
        if any(accesses(place)):
            raise InputError(
                f"The definition of {text(left)} fills the elements that data name.",
                accepted=f"an index letter for each place of {left.value}, and a sum over the data that belong to it: "
                "c[g] = sum(piecewise(v[i], label[i] == g, 0), i)",
            )
        own = sorted(place.free, key=lambda letter: letter.value)
        if len(own) > 1 or any(letter in letters for letter in own):
            raise InputError(
                f"The definition of {text(left)} has two letters in one place, or one letter in two.",
                accepted=f"a letter of its own for each place: {left.value}[t + 1, k]",
            )
        letters += own
    return letters


def _ordered(definitions: list[Definition]) -> tuple[Definition, ...]:
    """The definitions in an order in which each uses only earlier ones, and those that use each other together, in the order given.

    Definitions that use each other are a recurrence if they do it at shifted indices; program/recurrence.py finds its order.
    """
    parts: dict[str, list[Definition]] = {}
    for definition in definitions:
        parts.setdefault(definition.target, []).append(definition)
    uses = {name: dict.fromkeys(a.value for d in mine for a in accesses(d.body) if a.value in parts) for name, mine in parts.items()}
    place = {definition: n for n, definition in enumerate(definitions)}
    ordered: list[Definition] = []
    for group in circles(uses):
        if len(group) > 1 or group[0] in uses[group[0]]:
            _refuse_unshifted(group, uses, parts)
        mine = [definition for name in group for definition in parts[name]]
        ordered += sorted(mine, key=place.__getitem__) if len(group) > 1 else mine
    return tuple(ordered)


def _refuse_unshifted(group: list[str], uses: Mapping[str, Iterable[str]], parts: Mapping[str, list[Definition]]) -> None:
    """A circle in which every name is read just where it is defined has no start."""
    for name in group:
        for definition in parts[name]:
            if any(place.op != "index" for place in definition.at):
                return
            for found in accesses(definition.body):
                if found.value in group and any(place.op != "index" for place in found.args):
                    return
    circle = [group[0]]
    while True:
        after = next(used for used in uses[circle[-1]] if used in group)
        if after in circle:
            way = " -> ".join([*circle[circle.index(after) :], after])
            raise InputError(
                f"Definitions refer to each other in a circle: {way}.",
                accepted="definitions that use others, or themselves at a shifted index: h[0] = 0, h[t + 1] = tanh(h[t])",
            )
        circle.append(after)


def _closed(formula: Formula) -> None:
    loose = sorted(text(letter) for letter in formula.expression.free)
    if loose == [formula.hidden]:
        raise InputError("The cost has a value for every sample.", accepted="one number: a mean or sum around it")
    if loose:
        names = ", ".join(loose)
        raise InputError(f"The cost still depends on index {names}, so it is not one number.", accepted=f"a sum or mean over {names}")
    _scalar(formula.expression, "The cost")


_REMARKABLE = frozenset({"sign", "floor", "ceiling", "heaviside", "mod", "piecewise"})


def _remarks(root: Node, hidden: str | None) -> Iterator[str]:
    """Where a formula has no slope to follow, or no value."""
    if not any([part.op in _REMARKABLE for part in postorder(root)]):
        return
    parts = outside_subscripts(root)
    bounds = set(postorder(*(part for part in parts if part.op == "range")))
    for part in parts:
        if part in bounds:
            continue
        if part.op in ("sign", "floor", "ceiling", "heaviside"):
            yield f"{text(part, hidden=hidden)} is a step: the derivative is 0, where it jumps too, and no learning signal comes through."
        elif part.op == "mod":
            yield f"{text(part, hidden=hidden)} jumps: the derivative leaves the jumps out."
        elif part.op == "piecewise" and len(part.args) % 2 == 0:
            yield f"{text(part, hidden=hidden)} has no branch for otherwise: where none of its conditions holds it is NaN."


def _scalar(root: Node, what: str) -> None:
    if root.op in CONDITIONS:
        raise InputError(f"{what} is a condition, not a number.", accepted="a real formula; conditions stand inside piecewise")
    constants = Constants()
    for part in postorder(root):
        if part.op == "constant" and part.value not in ("pi", "e"):
            raise InputError(f"{what} contains {part.value}, which is no real number.", accepted="real formulas")
        if constants.is_undefined(part):
            raise InputError(f"{what} contains {text(part)}, which has no real value.", accepted="formulas whose constants have one")


def _ranks(formula: Formula, roots: Iterable[Node], definitions: tuple[Definition, ...]) -> dict[str, int]:
    ranks: dict[str, int] = {}
    for definition in definitions:
        if ranks.setdefault(definition.target, len(definition.at)) != len(definition.at):
            raise InputError(f"The parts of {definition.target} have different numbers of indices.", accepted="one number of indices for a name")
    first: dict[str, Node] = {}
    for found in accesses(*roots):
        known = ranks.setdefault(found.value, len(found.args))
        first.setdefault(found.value, found)
        if known != len(found.args):
            raise InputError(
                f"{found.value} is read as {text(first[found.value])} and as {text(found)}."
                if first[found.value] is not found
                else f"{found.value} is defined with {known} indices and read as {text(found)}.",
                accepted="one number of indices for a name",
            )
    return {name: ranks[name] for name in dict.fromkeys([*first, *ranks])}


def _integers(roots: Iterable[Node]) -> set[str]:
    """Names of integer data: what stands in a subscript or in the bounds of a range."""
    found: set[str] = set()
    for part in postorder(*roots):
        places = part.args if part.op == "access" else part.args[1:] if part.op == "range" else ()
        found.update(inner.value for inner in accesses(*places))
    return found


def _affine(expression: Node, definitions: tuple[Definition, ...], parameters: Iterable[str]) -> tuple[str, ...]:
    """The scalars of which the cost is an affine function, and not a constant: their gradient never changes sign, so no fit can find them."""
    bodies = _bodies(definitions)
    present: set[str] = set()
    products: list[Node] = []
    bent: list[Node] = []  # parts in which the cost is not affine
    stack, seen = [expression], set[Node]()
    while stack:
        part = stack.pop()
        if part in seen:
            continue
        seen.add(part)
        if part.op == "access":
            present.add(part.value)
            bent += part.args
            if part.value in bodies:
                stack.append(bodies[part.value])
            continue
        if part.op in ("*", "/"):
            products.append(part)
        keeps = _kept_straight(part)
        for position, argument in enumerate(part.args):
            (stack if position in keeps else bent).append(argument)
    curved: set[str] = set()
    while bent:
        new = {found.value for found in accesses(*bent)} - curved
        curved |= new
        bent = [bodies[name] for name in new if name in bodies]
    straight_ones = [name for name in parameters if name in present and name not in curved]
    squared = _in_two_factors(products, definitions, straight_ones)
    return tuple(name for name in straight_ones if name not in squared)


def _kept_straight(part: Node) -> Collection[int]:
    """The arguments in which an operation is linear as long as the others do not change."""
    if part.op in ("+", "neg", "*"):
        return range(len(part.args))
    if part.op in ("/", "sum", "mean"):
        return (0,)
    if part.op == "^" and part.args[1].value == "1":
        return (0,)
    if part.op == "piecewise":
        return [*range(0, len(part.args), 2), *([len(part.args) - 1] if len(part.args) % 2 else [])]
    return ()


def _in_two_factors(products: list[Node], definitions: tuple[Definition, ...], names: list[str]) -> set[str]:
    """Those of the names that stand in more than one factor of a product, also behind definitions. A set of names is the bits of an integer."""
    if not names:
        return set()
    bits = {name: 1 << n for n, name in enumerate(names)}
    uses: dict[str, set[str]] = {}
    for definition in definitions:
        uses.setdefault(definition.target, set()).update(found.value for found in accesses(definition.body))
    changed = True
    while changed:  # once more than the longest way round a circle of definitions, else twice
        changed = False
        for target, used in uses.items():
            total = 0
            for name in used:
                total |= bits.get(name, 0)
            changed = changed or total != bits.get(target, 0)
            bits[target] = total
    inside: dict[Node, int] = {}

    def names_in(part: Node) -> int:
        return inside[part] if part in inside else bits.get(part.value, 0) if part.op == "access" else 0

    found = 0
    for product in products:
        stack = list(product.args)
        while stack:
            part = stack[-1]
            waiting = [inner for inner in part.args if inner.args and inner not in inside]
            if part in inside or not waiting:
                total = names_in(part)
                for inner in part.args:
                    total |= names_in(inner)
                if part.args:  # a set for every name would fill the memory
                    inside[part] = total
                stack.pop()
            else:
                stack += waiting
        once = 0
        for argument in product.args:
            found |= once & names_in(argument)
            once |= names_in(argument)
    return {name for name in names if bits[name] & found}
