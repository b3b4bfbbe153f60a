"""Lengths solved from the shapes of arrays, and every subscript checked before anything runs.

Each access says how long its array has to be: the largest index plus one. These are linear equations in the lengths; they are solved one unknown
at a time, and what contradicts is said in the user's own names. What data put into a subscript, `E[label[i], k]`, is checked value by value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from symgd.errors import InputError, NotBuilt
from symgd.nodes.node import COMPARISONS, ONE, ZERO, Node, accesses, fraction, free_indices, node, postorder
from symgd.nodes.text import text
from symgd.program.equation import Equation, Program
from symgd.program.linear import combined, difference, largest, linear

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Points = Mapping[Node, NDArray[np.int64]]

__all__ = ["Bound", "check_subscripts", "extents", "shape_of", "solve", "value", "whole"]

Ranges = tuple[tuple[Node, Node, Node], ...]  # (letter, low, high), later ones inside earlier ones
_NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


@dataclass(frozen=True, slots=True)
class Bound:
    """What one access says about one position of an array: its indices run from `low` to `high` - 1 there; None where data decide.

    `letter`: the index letter that stands there alone and runs over the whole of 0:high.
    """

    access: Node
    low: Node | None
    high: Node | None
    letter: Node | None = None

    @property
    def fixed(self) -> bool:
        """Whether the index is one number, so that the access says nothing about the array's end."""
        return self.high is not None and self.high.op == "number" and self.letter is None and self.low is not None and difference(self.high, self.low) == 1


# What accesses say


def extents(equations: Iterable[Equation]) -> dict[str, tuple[tuple[Bound, ...], ...]]:
    """For every array and each of its positions what the accesses, on the left side too, say about its length.

    Conditions of piecewise and guards on index letters count: `piecewise(x[i - 1], i > 0, 0)` reads nothing before x[0].

    >>> from symgd.program.equation import read_equation
    >>> for bound in extents([read_equation("r[i] = x[i + 1]*w[3] for i in 0:m")])["x"][0]:
    ...     print(text(bound.low), text(bound.high))
    1 m + 1
    """
    listed = list(equations)
    integers = _in_subscripts(listed)
    found: dict[str, list[dict[Bound, None]]] = {}
    for equation in listed:
        whole = _ranges(equation, ())
        for access, conditions in _reads(equation, integers):
            ranges = _ranges(equation, conditions) if conditions else whole
            positions = found.setdefault(access.value, [{} for _ in access.args])
            if len(positions) != len(access.args):
                raise InputError(f"{access.value} is read with {len(positions)} and with {len(access.args)} indices.", accepted="one number of indices")
            for place, bounds in zip(access.args, positions, strict=True):
                bounds[_bound(access, place, ranges)] = None
    return {name: tuple(tuple(bounds) for bounds in positions) for name, positions in found.items()}


def _bound(access: Node, place: Node, ranges: Ranges) -> Bound:
    if place.op == "index":
        for letter, low, high in ranges:
            if letter is place and low is ZERO and not free_indices(high) and not any(accesses(high)):
                return Bound(access, ZERO, high, letter)
    form = linear(place)
    if form is None or any(coefficient.denominator != 1 for atom, coefficient in form.items() if atom is not None and atom.op != "length"):
        raise NotBuilt(f"Subscript {text(place)} of {text(access)} is not linear in its indices; such subscripts are not built yet.", accepted="2*i + 1")
    last = largest(place, ranges)
    first = largest(combined((-1, place)), ranges)
    if last is None or first is None:
        raise NotBuilt(f"The range of subscript {text(place)} of {text(access)} is not linear in its indices; such ranges are not built yet.")
    if any(accesses(last)) or any(accesses(first)):
        return Bound(access, None, None)
    return Bound(access, combined((-1, first)), combined((1, last), (1, ONE)))


def _in_subscripts(equations: Iterable[Equation]) -> frozenset[str]:
    """The names that stand in subscripts or in the bounds of ranges."""
    found: set[str] = set()
    for equation in equations:
        places = [place for access in (equation.left, *equation.reads()) for place in access.args]
        bounds = [bound for axis in equation.domain for bound in (axis.low, axis.high)]
        if any(part.args or part.op == "access" for part in (*places, *bounds)):
            found.update(access.value for access in accesses(*places, *bounds))
    return frozenset(found)


def _reads(equation: Equation, integers: frozenset[str]) -> Iterator[tuple[Node, tuple[Node, ...]]]:
    """Every access of an equation, also the one on the left, with the conditions under which it is reached.

    Only conditions on indices, lengths and integer data are kept; those on other values cannot be told before the run.
    """
    guard = _conjuncts(equation.guard, integers)
    stack = [(equation.body, guard), (equation.guard, ())]
    stack += [(bound, ()) for axis in equation.domain for bound in (axis.low, axis.high)]
    stack.append((equation.left, guard))
    seen: set[tuple[Node, tuple[Node, ...]]] = set()
    order: list[tuple[Node, tuple[Node, ...]]] = []
    while stack:
        part, conditions = stack.pop()
        if (part, conditions) in seen:
            continue
        seen.add((part, conditions))
        if part.op == "access":
            order.append((part, conditions))
        stack.extend(reversed(_opened(part, conditions, integers)))
    return iter(sorted(order, key=lambda found: _depth(found[0])))


def _depth(access: Node) -> int:
    """0 for a plain access, one more for each level of accesses in its subscripts: what stands inside is checked first."""
    return max((1 + _depth(inner) for place in access.args for inner in accesses(place)), default=0)


def _opened(part: Node, conditions: tuple[Node, ...], integers: frozenset[str]) -> list[tuple[Node, tuple[Node, ...]]]:
    """The arguments of a node, each with the conditions under which it is evaluated."""
    if part.op not in ("piecewise", "and", "or"):
        return [(argument, conditions) for argument in part.args]
    opened: list[tuple[Node, tuple[Node, ...]]] = []
    before = conditions
    if part.op == "piecewise":
        pairs = len(part.args) // 2
        for branch, condition in zip(part.args[0 : 2 * pairs : 2], part.args[1 : 2 * pairs : 2], strict=True):
            opened.append((condition, before))
            opened.append((branch, _joined(before, _conjuncts(condition, integers))))
            before = _joined(before, _conjuncts(node("not", condition), integers))
        opened += [(otherwise, before) for otherwise in part.args[2 * pairs :]]
        return opened
    for argument in part.args:
        opened.append((argument, before))
        before = _joined(before, _conjuncts(argument if part.op == "and" else node("not", argument), integers))
    return opened


def _joined(old: tuple[Node, ...], new: tuple[Node, ...]) -> tuple[Node, ...]:
    return tuple(dict.fromkeys((*old, *new)))


def _conjuncts(condition: Node, integers: frozenset[str]) -> tuple[Node, ...]:
    """What holds where the condition holds, as far as it can be told from indices, lengths and integer data."""
    negative = False
    while condition.op == "not":
        negative, condition = not negative, condition.args[0]
    if condition.op == ("or" if negative else "and"):
        parts = [_conjuncts(node("not", a) if negative else a, integers) for a in condition.args]
        return tuple(dict.fromkeys(part for inner in parts for part in inner))
    known = {"index", "length", "number", "access", "+", "*", "/", "neg", *COMPARISONS, "and", "or", "not"}
    inside = postorder(condition)
    if any(part.op not in known for part in inside) or any(part.op == "access" and part.value not in integers for part in inside):
        return ()
    if not any(part.op in ("index", "access") for part in inside):
        return ()
    if negative:
        return (node(_NEGATED[condition.op], *condition.args) if condition.op in _NEGATED else node("not", condition),)
    return (condition,)


def _ranges(equation: Equation, conditions: tuple[Node, ...]) -> Ranges:
    """The ranges of the equation, made narrower by conditions such as `i > 0` and `j != i`."""
    ranges = {axis.index: (axis.low, axis.high) for axis in equation.domain}
    order = {letter: n for n, letter in enumerate(ranges)}
    for condition in conditions:
        if condition.op not in COMPARISONS or any(accesses(condition)):
            continue
        form = linear(combined((1, condition.args[0]), (-1, condition.args[1])))
        letters = [atom for atom in form or () if atom is not None and atom.op == "index" and atom in order]
        if form is None or not letters:
            continue
        letter = max(letters, key=order.__getitem__)
        if abs(form[letter]) == 1:
            edge = combined((-int(form[letter]), combined((1, condition.args[0]), (-1, condition.args[1]), (-int(form[letter]), letter))))
            op = condition.op if form[letter] > 0 else {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(condition.op, condition.op)
            ranges[letter] = _narrowed(*ranges[letter], op, edge)
    return tuple((letter, low, high) for letter, (low, high) in ranges.items())


def _narrowed(low: Node, high: Node, op: str, edge: Node) -> tuple[Node, Node]:
    """The part of low:high in which the index is `op` edge."""
    after = combined((1, edge), (1, ONE))
    if op in ("<", "<=", "=="):
        end = edge if op == "<" else after
        high = high if _at_most(high, end) else end
    if op in (">", ">=", "=="):
        begin = after if op == ">" else edge
        low = low if _at_most(begin, low) else begin
    if op == "!=":
        if difference(edge, low) == 0:
            low = after
        if difference(after, high) == 0:
            high = edge
    return low, high


def _at_most(u: Node, v: Node) -> bool:
    """Whether u <= v for all lengths of at least 1."""
    form = linear(combined((1, v), (-1, u)))
    if form is None:
        return u is v
    atoms = [atom for atom in form if atom is not None]
    return all(atom.op == "length" and form[atom] > 0 for atom in atoms) and sum(form.values()) >= 0


def whole(bounds: Iterable[Bound], high: Node) -> bool:
    """Whether an array of which this is read has exactly `high` elements, if an index runs over the whole of 0:high."""
    return all(bound.high is None or bound.high is high or _at_most(bound.high, high) for bound in bounds)


# Solving for lengths


@dataclass(frozen=True, slots=True)
class _Claim:
    """An array has `found` elements along `position`, which has to be `formula`."""

    name: str
    position: int
    found: int
    formula: Node
    bound: Bound | None = None


def solve(program: Program, shapes: Mapping[str, tuple[int, ...]], given: Mapping[str, int] | None = None, *, hidden: str | None = None) -> dict[str, int]:
    """The value of every length, from the shapes of arrays (data, start values) and the lengths given by name.

    Every array has to be exactly as long as what is read of it, except data read at fixed places only, `X[i, 3]`, which may be longer.
    `hidden`: the letter of the hidden sample axis. Raises InputError where shapes contradict each other or a length stays open.

    >>> from symgd.program.equation import read_equation
    >>> lines = ["z[i] += W[j]*X[i, j] for i in 0:m, j in 0:d", "C += z[i]*y[i] for i in 0:m"]
    >>> program = Program(tuple(map(read_equation, lines)), {"W": 1, "X": 2, "y": 1}, "C", ("W",))
    >>> solve(program, {"X": (442, 10), "y": (442,)})
    {'m': 442, 'd': 10}
    >>> solve(program, {"X": (442, 10), "y": (441,)})
    Traceback (most recent call last):
    symgd.errors.InputError: X has 442 rows, y 441; both run along i. Accepted: one length.
    """
    said = extents(program.flat())
    for name, shape in shapes.items():
        _check_rank(program, name, shape, said)
    known: dict[str, tuple[int, _Claim | None]] = {}
    for name, number_given in (given or {}).items():
        if number_given < 1:
            raise InputError(f"Length {name} is {number_given}.", accepted="a whole number from 1")
        known[name] = (number_given, None)
    claims = [claim for name, shape in shapes.items() if name in said for claim in _claims(program, name, shape, said[name])]
    for label, (name, position) in program.measured.items():
        if name in shapes:
            claims.append(_Claim(name, position, shapes[name][position], node("length", value=label)))
    _propagate(claims, known, shapes, said, hidden)
    lengths = {name: found for name, (found, _) in known.items()}
    _all_known(program, lengths, said)
    for name, shape in shapes.items():
        _check_extents(program, name, shape, said, lengths)
    _check_ranges(program, lengths, said, shapes)
    wanted = dict.fromkeys((*program.lengths(), *(part.value for part in _lengths_of_targets(program))))
    return {name: lengths[name] for name in (*wanted, *(name for name in lengths if name not in wanted))}


def _check_rank(program: Program, name: str, shape: tuple[int, ...], said: Mapping[str, tuple[tuple[Bound, ...], ...]]) -> None:
    rank = len(said[name]) if name in said else program.inputs.get(name, len(shape))
    if len(shape) != rank:
        axes = f"{len(shape)} {'axis' if len(shape) == 1 else 'axes'}" if shape else "no axis"
        if not rank:
            raise InputError(f"{name} has {axes}, the cost reads it as one number.", accepted="a number")
        example = next((bounds[0].access for bounds in said.get(name, ()) if bounds), None)
        reading = f"the cost reads it as {text(example)}" if example is not None else f"it has {rank} in the cost"
        raise InputError(f"{name} has {axes}, {reading}.", accepted=f"shape {_shown([_expected(bounds) for bounds in said[name]])}")
    for position, count in enumerate(shape):
        if count < 1:
            raise InputError(f"{name} has no {_noun(rank, position, 2)}.", accepted="at least one")


def _claims(program: Program, name: str, shape: tuple[int, ...], said: tuple[tuple[Bound, ...], ...]) -> Iterator[_Claim]:
    """What has to be equal: the array's length and a letter's whole range, else the largest index plus one where it can be told."""
    for position, bounds in enumerate(said):
        strongest = _strongest(bounds)
        if len(strongest) == 1 and strongest[0].fixed and name not in program.parameters:
            continue
        for bound in strongest:
            if bound.high is not None and (bound.letter is not None or len(strongest) == 1):
                yield _Claim(name, position, shape[position], bound.high, bound)


def _strongest(bounds: tuple[Bound, ...]) -> list[Bound]:
    """The bounds that no other bound is known to reach or exceed; of equal ones the first, a letter before a formula."""
    kept: list[Bound] = []
    for bound in sorted((b for b in bounds if b.high is not None), key=lambda b: b.letter is None):
        high = bound.high
        if high is None or any(other.high is not None and _at_most(high, other.high) for other in kept):
            continue
        kept = [other for other in kept if other.high is None or not _at_most(other.high, high)]
        kept.append(bound)
    return kept


def _propagate(
    claims: list[_Claim],
    known: dict[str, tuple[int, _Claim | None]],
    shapes: Mapping[str, tuple[int, ...]],
    said: Mapping[str, tuple[tuple[Bound, ...], ...]],
    hidden: str | None,
) -> None:
    """Solve claim after claim for the one length in it that is still unknown."""
    waiting = [claim for claim in claims if linear(claim.formula) is not None]
    moved = True
    while moved:
        moved, later = False, []
        for claim in waiting:
            form = linear(claim.formula) or {}
            rest, unknown = form.get(None, Fraction(0)), []
            for atom, coefficient in form.items():
                if atom is None or not coefficient:
                    continue
                if atom.value in known:
                    rest += coefficient * known[atom.value][0]
                else:
                    unknown.append((atom.value, coefficient))
            if len(unknown) > 1:
                later.append(claim)
                continue
            moved = True
            if not unknown:
                if rest != claim.found:
                    _contradict(claim, known, shapes, said, hidden)
                continue
            name, coefficient = unknown[0]
            length = (claim.found - rest) / coefficient
            if length.denominator != 1 or length < 1:
                read = f"read as {text(claim.bound.access)}" if claim.bound else "so"
                accepted = f"a shape that makes {name} a whole number" if length.denominator != 1 else f"more {_noun(len(shapes[claim.name]), claim.position, 2)}"
                raise InputError(f"{_counted(claim, shapes)}; {read}, that makes the length {name} {length}.", accepted=accepted)
            known[name] = (int(length), claim)
        waiting = later


def _contradict(
    claim: _Claim,
    known: Mapping[str, tuple[int, _Claim | None]],
    shapes: Mapping[str, tuple[int, ...]],
    said: Mapping[str, tuple[tuple[Bound, ...], ...]],
    hidden: str | None,
) -> None:
    """Say which two things disagree."""
    lengths = {name: found for name, (found, _) in known.items()}
    if claim.formula.op == "length":
        name = claim.formula.value
        found, source = known[name]
        if source is None:
            raise InputError(f"{_counted(claim, shapes)}; the length {name} is given as {found}.", accepted="one length")
        if source.formula is claim.formula and (source.name, source.position) != (claim.name, claim.position):
            first, second = sorted((source, claim), key=lambda c: -len(shapes[c.name]))
            nouns = [_noun(len(shapes[c.name]), c.position, c.found) for c in (first, second)]
            same = nouns[1] == nouns[0] or len(shapes[second.name]) == 1
            both = _common(first, second, said, hidden)
            raise InputError(f"{_counted(first, shapes)}, {second.name} {second.found}{'' if same else ' ' + nouns[1]}; {both}.", accepted="one length")
    shape = list(shapes[claim.name])
    shape[claim.position] = value(claim.formula, lengths)
    where = ", ".join(f"{part.value} = {lengths[part.value]}" for part in postorder(claim.formula) if part.op == "length")
    read = _reading(claim.bound.access) if claim.bound else "measured"
    raise InputError(f"{claim.name} has shape {shapes[claim.name]}, {read}{' with ' + where if where else ''}.", accepted=f"shape {tuple(shape)}")


def _common(u: _Claim, v: _Claim, said: Mapping[str, tuple[tuple[Bound, ...], ...]], hidden: str | None) -> str:
    """The letter that runs along both arrays."""
    letters = [[b.letter for b in said[c.name][c.position] if b.letter is not None and b.high is c.formula] for c in (u, v)]
    shared = next((letter.value for letter in letters[0] if letter in letters[1]), None)
    if shared is not None and shared == hidden:
        return "both run along the samples"
    return f"both run along {shared}" if shared is not None else f"both have length {text(u.formula)}"


def _all_known(program: Program, lengths: Mapping[str, int], said: Mapping[str, tuple[tuple[Bound, ...], ...]]) -> None:
    needed = dict.fromkeys((*program.lengths(), *(part.value for part in _lengths_of_targets(program))))
    open_ = [name for name in needed if name not in lengths]
    if not open_:
        return
    depending: dict[str, None] = {}
    for name, positions in said.items():
        inside = {part.value for bounds in positions for b in bounds if b.high is not None for part in postorder(b.high) if part.op == "length"}
        if name in program.inputs and inside & set(open_):
            depending[name] = None
    for label in open_:
        if label in program.measured:
            name, position = program.measured[label]
            raise InputError(f"How many {_noun(len(said[name]), position, 2)} {name} has is not fixed by data or start.", accepted=f"start values for {name}")
    subject = f"The length {open_[0]} is" if len(open_) == 1 else f"The lengths {', '.join(open_)} are"
    users = f"; {', '.join(depending)} depend{'s' if len(depending) == 1 else ''} on {'it' if len(open_) == 1 else 'them'}" if depending else ""
    example = ", ".join(f'"{name}": 32' for name in open_)
    raise InputError(f"{subject} not fixed by data or start{users}.", accepted=f"a number among the data, {{{example}}}")


def _lengths_of_targets(program: Program) -> list[Node]:
    return [part for lengths in program.extents.values() for part in postorder(*lengths) if part.op == "length"]


def _check_extents(
    program: Program, name: str, shape: tuple[int, ...], said: Mapping[str, tuple[tuple[Bound, ...], ...]], lengths: Mapping[str, int]
) -> None:
    """Every array is as long as what is read of it."""
    wanted = list(shape)
    culprit: Bound | None = None
    for position, bounds in enumerate(said.get(name, ())):
        strongest = [(value(b.high, lengths), b) for b in bounds if b.high is not None]
        if not strongest:
            continue
        need, bound = max(strongest, key=lambda pair: pair[0])
        data = any(b.high is None for b in bounds)
        loose = data or (name not in program.parameters and all(b.fixed for b in bounds))
        if shape[position] < need or (shape[position] > need and not loose):
            wanted[position], culprit = need, culprit or bound
    if culprit is not None:
        raise InputError(f"{name} has shape {shape}, {_reading(culprit.access)}{_where(culprit, lengths)}.", accepted=f"shape {tuple(wanted)}")


def _check_ranges(
    program: Program, lengths: Mapping[str, int], said: Mapping[str, tuple[tuple[Bound, ...], ...]], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """No range runs backwards, no index is negative, and nothing is read past the end of what the program computes."""
    for equation in program.flat():
        for axis in equation.domain:
            bounds = (axis.low, axis.high)
            if axis.low is ZERO and axis.high.op == "length" or any(free_indices(b) or any(accesses(b)) for b in bounds):
                continue
            if value(axis.high, lengths) < value(axis.low, lengths):
                raise InputError(f"The range {axis} runs backwards: {value(axis.low, lengths)} to {value(axis.high, lengths)}.", accepted="low <= high")
    for name, positions in said.items():
        for position, bounds in enumerate(positions):
            for bound in bounds:
                if bound.low is None or bound.high is None or value(bound.high, lengths) <= value(bound.low, lengths):
                    continue
                if value(bound.low, lengths) < 0:
                    raise InputError(f"{text(bound.access)} is read before its start, at index {value(bound.low, lengths)}.", accepted="indices from 0")
                if name in program.extents:
                    length = value(program.extents[name][position], lengths)
                    if value(bound.high, lengths) > length:
                        last = value(bound.high, lengths) - 1
                        raise InputError(f"{text(bound.access)} is read at index {last}; {name} ends at {length - 1}.", accepted=f"0 to {length - 1}")


def _expected(bounds: tuple[Bound, ...]) -> str:
    strongest = [b.high for b in _strongest(bounds) if b.high is not None]
    return text(strongest[0]) if strongest else "any"


def _shown(lengths: list[str]) -> str:
    return f"({', '.join(lengths)}{',' if len(lengths) == 1 else ''})"


def _noun(rank: int, position: int, count: int) -> str:
    if rank == 1:
        return "value" if count == 1 else "values"
    if position > 1:
        return f"{'value' if count == 1 else 'values'} along axis {position}"
    return ("row", "column")[position] if count == 1 else ("rows", "columns")[position]


def _counted(claim: _Claim, shapes: Mapping[str, tuple[int, ...]]) -> str:
    return f"{claim.name} has {claim.found} {_noun(len(shapes[claim.name]), claim.position, claim.found)}"


def _reading(access: Node) -> str:
    return f"the cost reads {text(access)}"


def _where(bound: Bound, lengths: Mapping[str, int]) -> str:
    parts = [part for part in postorder(bound.high) if part.op == "length"] if bound.high is not None else []
    return " with " + ", ".join(f"{part.value} = {lengths[part.value]}" for part in parts) if parts else ""


# Values


def value(part: Node, lengths: Mapping[str, int], letters: Mapping[Node, int] | None = None) -> int:
    """The value of an index expression without data.

    >>> from symgd.nodes.node import length, number
    >>> value(node("+", node("*", number(2), length("m")), ONE), {"m": 4})
    9
    """
    known: dict[Node, Fraction] = {}
    for inner in postorder(part):
        args = [known[a] for a in inner.args] if inner.op != "access" else []
        if inner.op == "number":
            known[inner] = fraction(inner)
        elif inner.op == "length":
            known[inner] = Fraction(lengths[inner.value])
        elif inner.op == "index" and letters is not None and inner in letters:
            known[inner] = Fraction(letters[inner])
        elif inner.op in _EXACT:
            known[inner] = _EXACT[inner.op](args)
        else:
            raise NotBuilt(f"{text(inner)} stands in a length; such lengths are not built yet.", accepted="sums and products of lengths and numbers")
    found = known[part]
    if found.denominator != 1:
        raise InputError(f"{text(part)} is {found}, which is no whole number.", accepted="whole numbers in lengths and subscripts")
    return int(found)


def _product(args: list[Fraction]) -> Fraction:
    found = Fraction(1)
    for factor in args:
        found *= factor
    return found


_EXACT: Mapping[str, Any] = {
    "+": lambda args: sum(args, Fraction(0)),
    "*": _product,
    "/": lambda args: args[0] / args[1],
    "neg": lambda args: -args[0],
    "max": max,
    "min": min,
}


def shape_of(program: Program, name: str, lengths: Mapping[str, int]) -> tuple[int, ...]:
    """The shape of an input or target.

    >>> from symgd.program.equation import read_equation
    >>> program = Program((read_equation("C += X[i, j]*w[j + 1] for i in 0:m, j in 0:d"),), {"X": 2, "w": 1}, "C", ("w",))
    >>> shape_of(program, "w", {"m": 4, "d": 3})
    (4,)
    """
    if name in program.extents:
        return tuple(value(part, lengths) for part in program.extents[name])
    measured = {place: label for label, place in program.measured.items()}
    shape: list[int] = []
    for position, bounds in enumerate(extents(program.flat()).get(name, ())):
        label = measured.get((name, position))
        if label is None and (not bounds or any(b.high is None for b in bounds) and all(b.letter is None for b in bounds)):
            noun = _noun(program.inputs.get(name, 1), position, 2)
            raise InputError(f"How many {noun} {name} has is told by its values only.", accepted=f"values for {name}")
        shape.append(lengths[label] if label is not None else max(value(b.high, lengths) for b in bounds if b.high is not None))
    return tuple(shape)


# Subscripts that data decide


def check_subscripts(program: Program, arrays: Mapping[str, ArrayLike], lengths: Mapping[str, int]) -> None:
    """Look at every subscript that integer data decide, `label` in `E[label[i], k]` and `ptr` in `j in ptr[i]:ptr[i + 1]`.

    Raises InputError, with the place in the data, for a value that is no whole number or leads outside the array. Conditions on indices and
    integer data are obeyed: what is not read is not looked at.

    >>> from symgd.program.equation import read_equation
    >>> program = Program((read_equation("C += E[label[i]] for i in 0:m"),), {"E": 1, "label": 1}, "C", ("E",))
    >>> check_subscripts(program, {"E": [0.5] * 10, "label": [3, 12]}, {"m": 2})
    Traceback (most recent call last):
    symgd.errors.InputError: label[1] is 12; E has 10 values. Accepted: 0 to 9.
    """
    equations = list(program.flat())
    names = _in_subscripts(equations)
    if not names:
        return
    computed = sorted(name for name in names if name in program.extents or any(equation.target == name for equation in equations))
    if computed:
        raise NotBuilt(f"{computed[0]} stands in a subscript and is computed; such subscripts are not built yet.", accepted="integer data in subscripts")
    integers = {name: _whole(name, arrays[name]) for name in sorted(names) if name in arrays}
    done: set[tuple[object, ...]] = set()
    for equation in equations:
        for access, conditions in _reads(equation, names):
            for position, place in enumerate(access.args):
                ranges = _needed(equation, place, conditions)
                key = (access.value, position, place, ranges, conditions)
                if key not in done and any(accesses(place, *(bound for _, low, high in ranges for bound in (low, high)))):
                    done.add(key)
                    _check_place(program, access, position, _points(ranges, conditions, integers, lengths), arrays, integers, lengths)


def _whole(name: str, given: ArrayLike) -> NDArray[np.int64]:
    import numpy as np

    found = np.asarray(given)
    if found.dtype.kind in "iub":
        return found.astype(np.int64)
    if found.dtype.kind != "f":
        raise InputError(f"{name} stands in a subscript and holds {found.dtype} values.", accepted="whole numbers")
    with np.errstate(invalid="ignore"):
        whole = found.astype(np.int64)
    wrong = np.argwhere(whole != found)
    if len(wrong):
        at = tuple(int(n) for n in wrong[0])
        raise InputError(f"{_element(name, at)} is {found[at]}; {name} stands in a subscript.", accepted="whole numbers")
    return whole


def _element(name: str, at: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, at))}]" if at else name


def _needed(equation: Equation, place: Node, conditions: tuple[Node, ...]) -> Ranges:
    """The ranges on which a subscript and the conditions of its access depend."""
    wanted = set(free_indices(place)).union(*(free_indices(condition) for condition in conditions)) if conditions else set(free_indices(place))
    found: list[tuple[Node, Node, Node]] = []
    for axis in reversed(equation.domain):
        if axis.index in wanted:
            wanted |= free_indices(axis.low) | free_indices(axis.high)
            found.append((axis.index, axis.low, axis.high))
    return tuple(reversed(found))


def _points(ranges: Ranges, conditions: tuple[Node, ...], integers: Mapping[str, NDArray[np.int64]], lengths: Mapping[str, int]) -> Points:
    """Every point of the ranges at which the conditions hold: letter -> its value at each point."""
    import numpy as np

    points: dict[Node, NDArray[np.int64]] = {}
    count = 1
    for letter, low, high in ranges:
        first = np.broadcast_to(_evaluated(low, points, integers, lengths), (count,))
        sizes = np.broadcast_to(_evaluated(high, points, integers, lengths), (count,)) - first
        if any(accesses(low, high)) and bool((sizes < 0).any()):
            at = {_.value: int(values[int(np.argmax(sizes < 0))]) for _, values in points.items()}
            where = ", ".join(f"{name} = {number}" for name, number in at.items())
            raise InputError(f"The range {text(letter)} in {text(low)}:{text(high)} runs backwards at {where}.", accepted="bounds that do not fall")
        sizes = np.maximum(sizes, 0)
        origin = np.repeat(np.arange(count), sizes)
        points = {other: values[origin] for other, values in points.items()}
        points[letter] = np.arange(origin.size) - (np.cumsum(sizes) - sizes)[origin] + first[origin]
        count = origin.size
    for condition in conditions:
        keep = np.broadcast_to(_evaluated(condition, points, integers, lengths), (count,))
        points = {letter: values[keep] for letter, values in points.items()}
        count = int(keep.sum())
    return points


def _evaluated(part: Node, points: Points, integers: Mapping[str, NDArray[np.int64]], lengths: Mapping[str, int]) -> Any:
    """An index expression or a condition on indices at all points at once."""
    import numpy as np

    compare = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal, "==": np.equal, "!=": np.not_equal}
    known: dict[Node, Any] = {}
    for inner in postorder(part):
        args = [known[a] for a in inner.args]
        match inner.op:
            case "number":
                known[inner] = np.int64(int(fraction(inner)))
            case "length":
                known[inner] = np.int64(lengths[inner.value])
            case "index":
                known[inner] = points[inner]
            case "access":
                known[inner] = integers[inner.value][tuple(args)]
            case "+":
                known[inner] = sum(args[1:], args[0])
            case "*":
                known[inner] = np.prod(np.broadcast_arrays(*args), axis=0)
            case "neg":
                known[inner] = -args[0]
            case "/":
                known[inner] = args[0] // args[1]
            case "and" | "or":
                known[inner] = (np.logical_and if inner.op == "and" else np.logical_or).reduce(np.broadcast_arrays(*args))
            case "not":
                known[inner] = np.logical_not(args[0])
            case _ if inner.op in compare:
                known[inner] = compare[inner.op](*args)
            case _:
                raise NotBuilt(f"{inner.op} stands in a subscript; such subscripts are not built yet.", accepted="sums and products")
    return known[part]


def _check_place(
    program: Program,
    access: Node,
    position: int,
    points: Points,
    arrays: Mapping[str, ArrayLike],
    integers: Mapping[str, NDArray[np.int64]],
    lengths: Mapping[str, int],
) -> None:
    import numpy as np

    place, name = access.args[position], access.value
    shape = np.shape(arrays[name]) if name in arrays else shape_of(program, name, lengths)
    found = np.atleast_1d(_evaluated(place, points, integers, lengths))
    wrong = np.flatnonzero((found < 0) | (found >= shape[position]))
    if not len(wrong):
        return
    first = int(wrong[0])
    at = {letter: int(values[first]) for letter, values in points.items()}
    if place.op == "access":
        inner = [int(np.atleast_1d(_evaluated(e, points, integers, lengths))[first if free_indices(e) else 0]) for e in place.args]
        what = f"{_element(place.value, tuple(inner))} is {found[first]}"
    else:
        others = ", ".join(f"{letter.value} = {number}" for letter, number in at.items() if letter is not place)
        what = f"{text(place)} is {found[first]}{' at ' + others if others else ''}"
    noun = _noun(len(shape), position, shape[position])
    raise InputError(f"{what}; {name} has {shape[position]} {noun}.", accepted=f"0 to {shape[position] - 1}")
