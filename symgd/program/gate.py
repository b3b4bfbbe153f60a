"""Does a stage keep the meaning of a program? Answered by the interpreter at small random sizes, on every call while `checking()` is on."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from symgd.cost.checked import Checked
from symgd.errors import InputError
from symgd.nodes.node import Node, accesses, postorder, tree_size
from symgd.program.equation import Equation, Program
from symgd.program.extents import input_extents
from symgd.program.meaning import Arithmetic, Interpreter, Values, interpret
from symgd.program.operations import total_operations
from symgd.program.points import keeping
from symgd.program.subscripts import check_subscripts

LARGEST = 4000  # nodes of a program that is still checked
OPERATIONS = 20_000  # at the lengths that are tried: the interpreter takes about a second for so many
SIZES = ((2, 3, 4, 5, 6, 7), (2, 3, 4), (2, 3))  # shorter lengths for a program that would take longer
DRAWS = 20  # of integer data, until all subscripts are inside
DIGITS = 40
_on: ContextVar[bool] = ContextVar("checking", default=False)


class MeaningChanged(AssertionError):
    """A stage has changed what a program computes: an error in symgd, never in the input."""


@contextmanager
def checking(on: bool = True) -> Iterator[None]:
    """While this is on, every stage is checked against the interpreter on random sizes: a wrong rule cannot pass unseen.

    >>> from symgd.cost.checked import check
    >>> from symgd.program.forward import forward
    >>> from symgd.reading.text import problem
    >>> with checking():
    ...     checked_forward(check(problem("(w - 3)^2")), forward(check(problem("(w - 3)^2"))))
    """
    token = _on.set(on)
    try:
        yield
    finally:
        _on.reset(token)


def checked_forward(checked: Checked, program: Program) -> None:
    """The program computes the formula that the user wrote."""
    if not _applies(program) or tree_size(checked.formula.expression) > LARGEST:
        return
    inputs, lengths = random_point(program)
    found = interpret(program, inputs, lengths, Arithmetic(DIGITS))
    by_hand = Interpreter(inputs, lengths, Arithmetic(DIGITS))
    for definition in checked.definitions:
        by_hand.values[definition.target] = found[definition.target]
    _compare("forward lowering", {program.cost: {(): by_hand.formula(checked.formula.expression, {})}}, found)


def checked_same(before: Program, after: Program, stage: str) -> None:
    """Both programs compute the same results: cost and adjoints of the parameters, or what else was asked for."""
    if not _applies(before):
        return
    names = before.results
    inputs, lengths = random_point(before)
    first, second = (interpret(program, inputs, lengths, Arithmetic(DIGITS)) for program in (before, after))
    _compare(stage, {name: first[name] for name in names if name in first and name in second}, second)


def checked_packed(before: Program, after: Program, packed: Mapping[str, tuple[str, ...]], stage: str) -> None:
    """The same where the second program has scalars of the first as elements of arrays."""
    if not _applies(before):
        return
    inputs, lengths = random_point(before)
    first = interpret(before, inputs, lengths, Arithmetic(DIGITS))
    arrays = {array: [inputs[name] for name in names] for array, names in packed.items() if array in after.inputs}
    second = interpret(after, {**inputs, **arrays}, lengths, Arithmetic(DIGITS))
    for array, names in packed.items():
        second |= {name: {(): second[array][n,]} for n, name in enumerate(names) if array in second}
    results = {before.cost, *(before.adjoints[p] for p in before.parameters if p in before.adjoints)}
    _compare(stage, {name: first[name] for name in results if name in first}, second)


def checked_reverse(program: Program) -> None:
    """The adjoints of the parameters are the slopes of the cost, by central differences at twice the digits."""
    if not _applies(program):
        return
    inputs, lengths = random_point(program)
    found = interpret(program, inputs, lengths, Arithmetic(DIGITS))
    wide = Arithmetic(2 * DIGITS)
    step = wide.ctx.mpf(10) ** -DIGITS
    for name in program.parameters:
        if name not in program.adjoints:
            continue
        direction = _elements_like(inputs[name], random.Random(name))

        def cost(sign: int, name: str = name, direction: Any = direction) -> Any:
            moved = {**inputs, name: _moved(inputs[name], direction, sign * step, wide)}
            return interpret(program, moved, lengths, wide)[program.cost][()]

        slope = (cost(1) - cost(-1)) / (2 * step)
        adjoint = found.get(program.adjoints[name], {})
        along = sum((wide.exact(_at(direction, place)) * value for place, value in adjoint.items()), wide.ctx.mpf(0))
        defined = along == along and slope == slope  # at the edge of a domain, (-1)^(w/w), there is a value and no slope
        rounding = abs(found[program.cost][()]) * wide.ctx.mpf(10) ** (3 - DIGITS)
        if defined and not _close(slope, along, 1e-12) and not abs(slope - along) <= rounding:
            raise MeaningChanged(f"The reverse sweep gives {along} along a direction of {name}, the cost rises by {slope}:\n{program}")


def checked_tangent(before: Program, after: Program, element: str = "") -> None:
    """The tangents that `after` puts out are slopes of what `before` computes, along the direction that its inputs hold; by central differences.

    `element`: the parameter whose elements are moved one by one instead; one of them is looked at.
    """
    if not _applies(before) or not _applies(after):
        return
    inputs, lengths = random_point(after)
    narrow, wide = Arithmetic(DIGITS), Arithmetic(2 * DIGITS)
    found = interpret(after, inputs, lengths, narrow)
    step = wide.ctx.mpf(10) ** -DIGITS
    place: tuple[int, ...] = ()
    directions = {name: inputs[after.tangents[name]] for name in before.parameters if after.tangents.get(name) in inputs}
    if element:
        place = random.Random(element).choice(list(_places_of(inputs[element])))
        directions = {element: _unit(inputs[element], place)}
    elif any(after.inputs[after.tangents[name]] > before.inputs[name] for name in directions):
        place = (0,)  # the first of several directions
        directions = {name: _first(direction, before.inputs[name]) for name, direction in directions.items()}

    def moved(sign: int) -> Values:
        there = {name: _moved(inputs[name], direction, sign * step, wide) for name, direction in directions.items()}
        return interpret(before, {**{name: inputs[name] for name in before.inputs}, **there}, lengths, wide)

    ahead, behind = moved(1), moved(-1)
    for name, tangent in after.tangents.items():
        if tangent not in after.outputs:
            continue
        for at, value in found[tangent].items():
            if place != at[len(at) - len(place) :]:
                continue
            at = at[: len(at) - len(place)]
            slope = (ahead[name][at] - behind[name][at]) / (2 * step)
            rounding = abs(ahead[name][at]) * wide.ctx.mpf(10) ** (3 - DIGITS)
            defined = value == value and slope == slope  # at the edge of a domain there is a value and no slope
            if defined and not _close(slope, value, 1e-12) and not abs(slope - value) <= rounding:
                raise MeaningChanged(f"The tangent of {name}{list(at)} is {value}, it rises by {slope}:\n{after}")


def checked_rows(before: Program, after: Program, target: str) -> None:
    """The rows of `after`, one array a parameter under the name of its adjoint, are slopes of the target that `before` computes."""
    if not _applies(before) or not _applies(after):
        return
    inputs, lengths = random_point(before)
    found = interpret(after, inputs, lengths, Arithmetic(DIGITS))
    wide = Arithmetic(2 * DIGITS)
    step = wide.ctx.mpf(10) ** -DIGITS
    for name in before.parameters:
        direction = _elements_like(inputs[name], random.Random(name))
        ahead, behind = (
            interpret(before, {**inputs, name: _moved(inputs[name], direction, sign * step, wide)}, lengths, wide)[target] for sign in (1, -1)
        )
        along: dict[tuple[int, ...], Any] = dict.fromkeys(ahead, wide.ctx.mpf(0))
        rank = len(before.extents[target])
        for place, value in found[after.adjoints[name]].items():
            along[place[:rank]] += value * wide.exact(_at(direction, place[rank:]))
        for place, value in along.items():
            slope = (ahead[place] - behind[place]) / (2 * step)
            if slope == slope and value == value and not _close(slope, value, 1e-12):
                raise MeaningChanged(f"The row {list(place)} of the derivatives by {name} gives {value}, {target} rises by {slope}:\n{after}")


def checked_closed(forward: Program, program: Program, target: str, at: tuple[Node, ...], formula: Node) -> None:
    """The formula is target[at] of the program; `forward` computes the definitions that it may read."""
    if not _applies(forward) or not _applies(program) or tree_size(formula) > LARGEST:
        return
    inputs, lengths = random_point(forward)
    found = interpret(program, inputs, lengths, Arithmetic(DIGITS))[target]
    by_hand = Interpreter(inputs, lengths, Arithmetic(DIGITS))
    by_hand.values.update(interpret(forward, inputs, lengths, Arithmetic(DIGITS)))
    letters = list(dict.fromkeys(letter for place in at for letter in place.free))
    sides = [by_hand.integer(extent, {}) for extent in program.extents[target]]
    for seed in range(5):
        chance = random.Random(seed)
        point = {letter: chance.randrange(min(side for side, place in zip(sides, at, strict=True) if letter in place.free)) for letter in letters}
        place = tuple(by_hand.integer(one, point) for one in at)
        if all(0 <= one < side for one, side in zip(place, sides, strict=True)):
            held, value = found.get(place, 0), by_hand.formula(formula, point)
            if by_hand.arithmetic.ctx.isfinite(held):  # where there is no slope, a formula may say so in another way
                _compare("writing it as a formula", {target: {place: value}}, {target: {place: held}})


def random_point(program: Program, seed: int = 0) -> tuple[dict[str, Any], dict[str, int]]:
    """Values for every input and unequal small lengths for every axis, positive and away from kinks where no fact says otherwise.

    Raises InputError where no values are found that keep the facts of the program.
    """
    inputs, lengths = _any_point(program, seed)
    return keeping(program.facts, inputs, lengths, program.integers, seed), lengths


def _any_point(program: Program, seed: int) -> tuple[dict[str, Any], dict[str, int]]:
    extents, _ = input_extents(program)
    random_numbers = random.Random(seed)
    names = sorted(
        {part.value for e in (*extents.values(), *program.extents.values()) for part in postorder(*e) if part.op == "length"} | {*program.lengths()}
    )
    work = total_operations(list(program.flat()))
    for sizes in SIZES:
        for _ in range(100):
            tried = list(sizes[: max(3, min(6, len(names) + 1))])
            random_numbers.shuffle(tried)
            lengths = {name: tried[n % len(tried)] for n, name in enumerate(names)}
            reader = Interpreter({}, lengths, Arithmetic(15))
            shapes = {name: [reader.integer(extent, {}) for extent in e] for name, e in extents.items()}
            if all(side >= 1 for shape in shapes.values() for side in shape):
                break
        if any(accesses(work)) or reader.formula(work, {}) <= OPERATIONS:
            break
    inputs: dict[str, Any] = {
        name: _filled(shape, lambda: round(random_numbers.uniform(0.2, 0.9), 6)) for name, shape in shapes.items() if name not in program.integers
    }
    if not program.integers:
        return inputs, lengths
    sides = {**extents, **program.extents}
    for _ in range(DRAWS):
        for name in sorted(program.integers & shapes.keys()):
            inputs[name] = _subscripts(program, name, shapes[name], sides, reader, random_numbers)
        try:
            return inputs, check_subscripts(program, inputs, lengths)
        except InputError:  # another draw
            continue
    return inputs, lengths


def _applies(program: Program) -> bool:
    """Is checking on, the program small enough, and every element that it reads within its array? What is not is refused later, in a sentence."""
    if not _on.get():
        return False
    size = sum(len(postorder(equation.body)) for equation in program.flat())
    if size > LARGEST or len(program.lengths()) > 8:
        return False
    try:
        inputs, lengths = random_point(program)
        interpret(program, inputs, lengths, Arithmetic(15))
    except (InputError, KeyError, ValueError):
        return False
    return True


def _subscripts(
    program: Program, name: str, shape: list[int], sides: Mapping[str, tuple[Node, ...]], reader: Interpreter, random_numbers: random.Random
) -> Any:
    """Random whole numbers: what bounds ranges rises from 0 to the length of what is read there, other subscripts are inside their arrays."""
    most, bounding = [4], [0]
    for equation in program.flat():
        for found in equation.reads():
            for position, place in enumerate(found.args):
                if place.op == "access" and place.value == name:
                    most.append(reader.integer(sides[found.value][position], {}))
                if any(letter in place.free and name in names for letter, names in _bounded_by(equation)):
                    bounding.append(reader.integer(sides[found.value][position], {}))
    if len(bounding) > 1 and len(shape) == 1:
        return sorted(random_numbers.randint(0, min(bounding[1:])) for _ in range(shape[0]))
    return _filled(shape, lambda: random_numbers.randrange(max(1, min(most[1:] or most))))


def _bounded_by(equation: Equation) -> list[tuple[Node, set[str]]]:
    """The letters whose ranges data bound, with the names of these data."""
    return [(axis.index, {found.value for found in accesses(axis.low, axis.high)}) for axis in equation.domain]


def _filled(shape: list[int], value: Any) -> Any:
    return value() if not shape else [_filled(shape[1:], value) for _ in range(shape[0])]


def _elements_like(value: Any, random_numbers: random.Random) -> Any:
    return [_elements_like(part, random_numbers) for part in value] if isinstance(value, list) else round(random_numbers.uniform(0.5, 1.5), 6)


def _places_of(value: Any, start: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    if isinstance(value, list):
        for n, part in enumerate(value):
            yield from _places_of(part, (*start, n))
    else:
        yield start


def _first(value: Any, depth: int) -> Any:
    return [_first(part, depth - 1) for part in value] if depth else value[0]


def _unit(value: Any, place: tuple[int, ...]) -> Any:
    if not isinstance(value, list):
        return 1.0
    return [_unit(part, place[1:]) if n == place[0] else _elements_zero(part) for n, part in enumerate(value)]


def _elements_zero(value: Any) -> Any:
    return [_elements_zero(part) for part in value] if isinstance(value, list) else 0.0


def _moved(value: Any, direction: Any, step: Any, arithmetic: Arithmetic) -> Any:
    if isinstance(value, list):
        return [_moved(v, d, step, arithmetic) for v, d in zip(value, direction, strict=True)]
    return arithmetic.exact(value) + step * arithmetic.exact(direction)


def _at(value: Any, place: tuple[int, ...]) -> float:
    for n in place:
        value = value[n]
    return float(value)


def _compare(stage: str, expected: Values, found: Values) -> None:
    for name, elements in expected.items():
        for place, value in elements.items():
            if not _close(value, found[name][place], 1e-25):
                raise MeaningChanged(f"After {stage} {name}{list(place)} is {found[name][place]} instead of {value}.")


def _close(u: Any, v: Any, tolerance: float) -> bool:
    if u != u or v != v:
        return bool(u != u and v != v)
    return bool(u == v or abs(u - v) <= tolerance * max(1, abs(u), abs(v)))
