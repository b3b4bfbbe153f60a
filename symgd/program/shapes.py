"""Lengths solved from the shapes of arrays, and every subscript checked before anything runs.

Each access says how long its array has to be: the largest index plus one. These are linear equations in the lengths; they are solved one unknown
at a time, and what contradicts is said in the user's own names. What data put into a subscript, `E[label[i], k]`, is checked value by value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NoReturn

from symgd.errors import InputError, NotBuilt
from symgd.nodes.node import Node, accesses, fraction, node, postorder
from symgd.nodes.text import text
from symgd.program.bounds import Bound, Ranges, Said, agreed, extents, in_subscripts, reached, strongest
from symgd.program.equation import Equation, Program
from symgd.program.linear import Linear, linear

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Points = Mapping[Node, NDArray[np.int64]]

__all__ = ["check_subscripts", "shape_of", "solve", "value"]


# Solving for lengths


def solve(
    program: Program, shapes: Mapping[str, tuple[int, ...]], given: Mapping[str, int] | None = None, *, hidden: str | None = None
) -> dict[str, int]:
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
    system = _System(program, shapes, extents(program.flat()), hidden)
    for name, number in (given or {}).items():
        if number < 1:
            raise InputError(f"Length {name} is {number}.", accepted="a whole number from 1")
        system.known[name] = (number, None)
    for name in shapes:
        system.check_rank(name)
    system.propagate()
    wanted = system.all_known()
    lengths = system.lengths
    for name in shapes:
        system.check_extents(name)
    _check_ranges(program, lengths, system.said)
    return {name: lengths[name] for name in (*wanted, *(name for name in lengths if name not in wanted))}


@dataclass(frozen=True, slots=True)
class _Claim:
    """An array has `found` elements along `position`, which has to be `formula`."""

    name: str
    position: int
    found: int
    formula: Node
    bound: Bound | None = None


@dataclass(slots=True)
class _System:
    """Shapes, what the accesses say, and the lengths known so far, each with the claim from which it follows; None for a length given by name."""

    program: Program
    shapes: Mapping[str, tuple[int, ...]]
    said: Said
    hidden: str | None
    known: dict[str, tuple[int, _Claim | None]] = field(default_factory=dict)

    @property
    def lengths(self) -> dict[str, int]:
        return {name: found for name, (found, _) in self.known.items()}

    def check_rank(self, name: str) -> None:
        """The array has as many axes as its accesses, and none of them is empty."""
        shape, bounds = self.shapes[name], self.said.get(name, ())
        rank = len(bounds) if name in self.said else self.program.inputs.get(name, len(shape))
        if len(shape) != rank:
            axes = "no axis" if not shape else f"{len(shape)} {'axis' if len(shape) == 1 else 'axes'}"
            if not rank:
                raise InputError(f"{name} has {axes}, the cost reads it as one number.", accepted="a number")
            if not bounds:
                raise InputError(f"{name} has {axes}.", accepted=f"{rank}")
            expected = _shown([_expected(said) for said in bounds])
            raise InputError(f"{name} has {axes}, the cost reads it as {text(bounds[0][0].access)}.", accepted=f"shape {expected}")
        for position, count in enumerate(shape):
            if count < 1:
                raise InputError(f"{name} has no {_noun(rank, position, 2)}.", accepted="at least one")

    def claims(self) -> Iterator[_Claim]:
        """What has to be equal: the array's length and a letter's whole range, else the largest index plus one where it can be told."""
        for name, shape in self.shapes.items():
            for position, bounds in enumerate(self.said.get(name, ())):
                top = strongest(bounds)
                letters = [bound for bound in top if bound.letter is not None]
                open_ = any(bound.high is None for bound in bounds) or (name not in self.program.parameters and all(b.fixed for b in top))
                for bound in letters or (top if len(top) == 1 and not open_ else ()):
                    if bound.high is not None:
                        yield _Claim(name, position, shape[position], bound.high, bound)
        for label, (name, position) in self.program.measured.items():
            if name in self.shapes:
                yield _Claim(name, position, self.shapes[name][position], node("length", value=label))

    def propagate(self) -> None:
        """Solve claim after claim for the one length in it that is still unknown."""
        waiting = [(claim, form) for claim in self.claims() if (form := linear(claim.formula)) is not None]
        moved = True
        while moved:
            moved, later = False, []
            for claim, form in waiting:
                unknown = [atom for atom in form if atom is not None and form[atom] and atom.value not in self.known]
                if len(unknown) > 1:
                    later.append((claim, form))
                    continue
                moved = True
                rest = sum((c * self.known[atom.value][0] for atom, c in form.items() if atom is not None and c and atom not in unknown), Fraction(0))
                self.settle(claim, unknown, claim.found - rest - form.get(None, 0), form)
            waiting = later

    def settle(self, claim: _Claim, unknown: list[Node], gap: Fraction, form: Linear) -> None:
        """Take the one unknown length from the claim, or compare where none is left."""
        if not unknown:
            if gap:
                self.contradict(claim)
            return
        length, noun = gap / form[unknown[0]], _noun(len(self.shapes[claim.name]), claim.position, 2)
        if length.denominator != 1 or length < 1:
            name = unknown[0].value
            read = f"read as {text(claim.bound.access)}" if claim.bound else "measured"
            accepted = f"a shape that makes {name} a whole number" if length.denominator != 1 else f"more {noun}"
            raise InputError(f"{self.counted(claim)}; {read}, that makes the length {name} {length}.", accepted=accepted)
        self.known[unknown[0].value] = (int(length), claim)

    def contradict(self, claim: _Claim) -> NoReturn:
        """Say which two things disagree."""
        found, source = self.known.get(claim.formula.value, (0, None)) if claim.formula.op == "length" else (0, None)
        if found and source is None:
            raise InputError(f"{self.counted(claim)}; the length {claim.formula.value} is given as {found}.", accepted="one length")
        if source is not None and source.formula is claim.formula:
            first, second = sorted((source, claim), key=lambda c: -len(self.shapes[c.name]))
            nouns = [_noun(len(self.shapes[c.name]), c.position, c.found) for c in (first, second)]
            other = "" if nouns[1] == nouns[0] or len(self.shapes[second.name]) == 1 else f" {nouns[1]}"
            where = self.common(first, second)
            raise InputError(f"{self.counted(first)}, {second.name} {second.found}{other}; {where}.", accepted="one length")
        self.refuse(claim.name, claim.position, claim.formula, claim.bound)

    def refuse(self, name: str, position: int, formula: Node, bound: Bound | None) -> NoReturn:
        """Say which shape would fit."""
        shape, lengths = list(self.shapes[name]), self.lengths
        shape[position] = value(formula, lengths)
        names = [part.value for part in postorder(formula) if part.op == "length"]
        where = " with " + ", ".join(f"{label} = {lengths[label]}" for label in names) if names else ""
        read = f"the cost reads {text(bound.access)}" if bound else "measured"
        raise InputError(f"{name} has shape {self.shapes[name]}, {read}{where}.", accepted=f"shape {tuple(shape)}")

    def common(self, u: _Claim, v: _Claim) -> str:
        """The letter that runs along both arrays."""
        letters = [[b.letter for b in self.said[c.name][c.position] if b.letter is not None and b.high is c.formula] for c in (u, v)]
        shared = next((letter.value for letter in letters[0] if letter in letters[1]), None)
        if shared is not None and shared == self.hidden:
            return "both run along the samples"
        return f"both run along {shared}" if shared is not None else f"both have length {text(u.formula)}"

    def counted(self, claim: _Claim) -> str:
        return f"{claim.name} has {claim.found} {_noun(len(self.shapes[claim.name]), claim.position, claim.found)}"

    def all_known(self) -> dict[str, None]:
        """The names of the lengths that the program needs. Raises InputError if one is still open."""
        targets = (part.value for shape in self.program.extents.values() for part in postorder(*shape) if part.op == "length")
        needed = dict.fromkeys((*self.program.lengths(), *targets))
        open_ = [name for name in needed if name not in self.known]
        if not open_:
            return needed
        for label in open_:
            if label in self.program.measured:
                name, position = self.program.measured[label]
                noun = _noun(self.program.inputs[name], position, 2)
                raise InputError(f"How many {noun} {name} has is not fixed by data or start.", accepted=f"start values for {name}")
        users = [name for name, positions in self.said.items() if name in self.program.inputs and _mentioned(positions) & set(open_)]
        subject, them = (f"The length {open_[0]} is", "it") if len(open_) == 1 else (f"The lengths {', '.join(open_)} are", "them")
        because = f"; {', '.join(users)} depend{'s' if len(users) == 1 else ''} on {them}" if users else ""
        example = ", ".join(f'"{name}": 32' for name in open_)
        raise InputError(f"{subject} not fixed by data or start{because}.", accepted=f"a number among the data, {{{example}}}")

    def check_extents(self, name: str) -> None:
        """The array is as long as what is read of it."""
        for position, bounds in enumerate(self.said.get(name, ())):
            needs = [(value(b.high, self.lengths), b.high, b) for b in bounds if b.high is not None]
            if needs:
                need, formula, bound = max(needs, key=lambda found: found[0])
                loose = len(needs) < len(bounds) or (name not in self.program.parameters and all(b.fixed for b in bounds))
                found = self.shapes[name][position]
                if found < need or (found > need and not loose):
                    self.refuse(name, position, formula, bound)


def _mentioned(positions: tuple[tuple[Bound, ...], ...]) -> set[str]:
    """The names of the lengths in what is said about an array."""
    highs = [bound.high for bounds in positions for bound in bounds if bound.high is not None]
    return {part.value for part in postorder(*highs) if part.op == "length"}


def _check_ranges(program: Program, lengths: Mapping[str, int], said: Said) -> None:
    """No range runs backwards, no index is negative, and nothing is read past the end of what the program computes."""
    for equation in program.flat():
        for axis in equation.domain:
            edges = (axis.low, axis.high)
            if any(edge.free or any(accesses(edge)) for edge in edges):
                continue
            if value(axis.high, lengths) < value(axis.low, lengths):
                raise InputError(
                    f"The range {axis} runs backwards: {value(axis.low, lengths)} to {value(axis.high, lengths)}.", accepted="low <= high"
                )
    for name, positions in said.items():
        for position, bounds in enumerate(positions):
            for bound in bounds:
                if bound.low is None or bound.high is None or value(bound.high, lengths) <= value(bound.low, lengths):
                    continue
                if value(bound.low, lengths) < 0:
                    raise InputError(
                        f"{text(bound.access)} is read before its start, at index {value(bound.low, lengths)}.", accepted="indices from 0"
                    )
                if name in program.extents:
                    length = value(program.extents[name][position], lengths)
                    if value(bound.high, lengths) > length:
                        last = value(bound.high, lengths) - 1
                        raise InputError(f"{text(bound.access)} is read at index {last}; {name} ends at {length - 1}.", accepted=f"0 to {length - 1}")


def _expected(bounds: tuple[Bound, ...]) -> str:
    formula = agreed(bounds)
    return "any" if formula is None else text(formula)


def _shown(lengths: list[str]) -> str:
    return f"({', '.join(lengths)}{',' if len(lengths) == 1 else ''})"


def _noun(rank: int, position: int, count: int) -> str:
    if rank == 1:
        return "value" if count == 1 else "values"
    if position > 1:
        return f"{'value' if count == 1 else 'values'} along axis {position}"
    return ("row", "column")[position] if count == 1 else ("rows", "columns")[position]


# Values


def value(part: Node, lengths: Mapping[str, int], letters: Mapping[Node, int] | None = None) -> int:
    """The value of an index expression without data.

    >>> from symgd.nodes.node import ONE, length, number
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
    if program.inputs.get(name) == 0:
        return ()
    measured = {place: label for label, place in program.measured.items()}
    shape: list[int] = []
    for position, bounds in enumerate(extents(program.flat()).get(name, ())):
        label = measured.get((name, position))
        if label is None and (not bounds or (any(b.high is None for b in bounds) and all(b.letter is None for b in bounds))):
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
    names = in_subscripts(equations)
    if not names:
        return
    computed = sorted(name for name in names if name in program.extents or any(equation.target == name for equation in equations))
    if computed:
        raise NotBuilt(
            f"{computed[0]} stands in a subscript and is computed; such subscripts are not built yet.", accepted="integer data in subscripts"
        )
    integers = {name: _whole(name, arrays[name]) for name in sorted(names) if name in arrays}
    done: set[tuple[object, ...]] = set()
    for equation in equations:
        for access, conditions in reached(equation, names):
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
    wanted = set(place.free).union(*(condition.free for condition in conditions)) if conditions else set(place.free)
    found: list[tuple[Node, Node, Node]] = []
    for axis in reversed(equation.domain):
        if axis.index in wanted:
            wanted |= axis.low.free | axis.high.free
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
        inner = [int(np.atleast_1d(_evaluated(e, points, integers, lengths))[first if e.free else 0]) for e in place.args]
        what = f"{_element(place.value, tuple(inner))} is {found[first]}"
    else:
        others = ", ".join(f"{letter.value} = {number}" for letter, number in at.items() if letter is not place)
        what = f"{text(place)} is {found[first]}{' at ' + others if others else ''}"
    noun = _noun(len(shape), position, shape[position])
    raise InputError(f"{what}; {name} has {shape[position]} {noun}.", accepted=f"0 to {shape[position] - 1}")
