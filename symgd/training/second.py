"""Second derivatives and Jacobians in numbers: one compiled program, run once for every direction that is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgd.errors import LimitError
from symgd.nodes.naming import name_of
from symgd.program.shapes import shape_of, value
from symgd.reverse.tangent import DIRECTIONS
from symgd.training.inputs import arrays
from symgd.training.kernels import Bound, Kernels
from symgd.training.result import ByName, Value

LARGEST = 5000  # parameters of a Hessian that is written out: 200 MB
ENTRIES = 250_000_000  # of a Jacobian: 2 GB


class Blocks(Mapping[tuple[Any, Any], Value]):
    """(W, b) -> block of the Hessian with W's axes, then b's, found by name or symbol; a float where both are scalars.

    >>> blocks = Blocks({"w": (), "v": (2,)}, np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 5.0], [3.0, 5.0, 6.0]]))
    >>> blocks["w", "w"], blocks["v", "w"]
    (1.0, array([2., 3.]))
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], matrix: NDArray[np.float64]) -> None:
        self.matrix = matrix
        self._shapes = dict(shapes)
        self._places = _places(shapes)

    def __getitem__(self, pair: tuple[Any, Any]) -> Value:
        first, second = map(name_of, pair)
        block = self.matrix[self._places[first], self._places[second]]
        shape = self._shapes[first] + self._shapes[second]
        return block.reshape(shape) if shape else float(block[0, 0])

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((first, second) for first in self._shapes for second in self._shapes)

    def __len__(self) -> int:
        return len(self._shapes) ** 2

    def __repr__(self) -> str:
        return f"Blocks({', '.join(self._shapes)}: {self.matrix.shape[0]} by {self.matrix.shape[1]})"


def product(kernels: Kernels, parameters: Mapping[Any, Any], direction: Mapping[Any, Any], data: Mapping[Any, Any] | None) -> ByName:
    """The Hessian times a direction."""
    moved, _ = arrays(direction, kernels.checked.parameters, integers=frozenset(), lengths=(), what="parameter")
    bound = kernels.bind(*kernels.inputs(parameters, data), moved)
    with np.errstate(all="ignore"):
        kernels.gradient(bound)
    program = kernels.program
    return ByName({name: kernels.value(bound, program.tangents[program.adjoints[name]]) for name in kernels.checked.parameters})


def dense(kernels: Kernels, parameters: Mapping[Any, Any], data: Mapping[Any, Any] | None) -> Blocks:
    """The Hessian column by column; what is computed twice, above and below the diagonal, is taken once, so that it is symmetric to the last bit."""
    chosen, given, known = kernels.inputs(parameters, data)
    count = sum(array.size for array in chosen.values())
    if count > LARGEST:
        raise LimitError(
            f"The Hessian of {count:,} parameters has {count**2:,} entries; the limit is {LARGEST:,} parameters.",
            accepted="cost.hessian.product(parameters, direction, data), which never writes it out",
        )
    bound = kernels.bind(chosen, given, known, at_once=count)
    shapes = {name: chosen[name].shape for name in kernels.checked.parameters}
    places, program = _places(shapes), kernels.program
    matrix = np.zeros((count, count))
    for start, stop in columns(kernels, bound, places):
        for name, place in places.items():
            found = kernels.value(bound, program.tangents[program.adjoints[name]])
            matrix[place, start:stop] = np.reshape(found, (-1, bound.lengths[DIRECTIONS]))[:, : stop - start]
    return Blocks(shapes, np.tril(matrix) + np.tril(matrix, -1).T)


def residual_rows(
    kernels: Kernels, residual: str, parameters: Mapping[Any, Any], data: Mapping[Any, Any] | None
) -> tuple[NDArray[np.float64], ByName]:
    """Residual and its Jacobian, all rows in one run."""
    bound = _bound(kernels, residual, parameters, data)
    with np.errstate(all="ignore"):
        kernels.gradient(bound)
    rows = {name: kernels.value(bound, kernels.program.adjoints[name]) for name in kernels.checked.parameters}
    return np.asarray(kernels.value(bound, residual)), ByName(rows)


def residual_columns(
    kernels: Kernels, residual: str, parameters: Mapping[Any, Any], data: Mapping[Any, Any] | None
) -> tuple[NDArray[np.float64], ByName]:
    """Residual and its Jacobian, one run for every element of a parameter: where samples read each other a column is cheaper than a row."""
    bound = _bound(kernels, residual, parameters, data)
    shapes = {name: tuple(value(extent, bound.lengths) for extent in kernels.extents[name]) for name in kernels.checked.parameters}
    side, places = shape_of(kernels.base, residual, bound.lengths), _places(shapes)
    whole = np.zeros((*side, sum(int(np.prod(shape)) for shape in shapes.values())))
    for start, stop in columns(kernels, bound, places):
        found = np.asarray(kernels.value(bound, kernels.program.tangents[residual]))
        whole[..., start:stop] = found[..., : stop - start]
    rows = {name: whole[..., places[name]].reshape((*side, *shape)) for name, shape in shapes.items()}
    return np.asarray(kernels.value(bound, residual)), ByName(rows)


def _bound(kernels: Kernels, residual: str, parameters: Mapping[Any, Any], data: Mapping[Any, Any] | None) -> Bound:
    """The memory of a Jacobian. Raises LimitError before it is made, where it would be too large."""
    chosen, given, known = kernels.inputs(parameters, data)
    lengths = kernels.lengths({name: array.shape for name, array in {**chosen, **given}.items() if name in kernels.base.inputs}, known)
    rows = int(np.prod(shape_of(kernels.base, residual, lengths)))
    count = rows * sum(array.size for array in chosen.values())
    if count > ENTRIES:
        raise LimitError(f"The Jacobian has {count:,} entries; the limit is {ENTRIES:,}.", accepted="fewer samples at a time")
    return kernels.bind(chosen, given, known, at_once=sum(array.size for array in chosen.values()))


def columns(kernels: Kernels, bound: Bound, places: Mapping[str, slice]) -> Iterator[tuple[int, int]]:
    """Run the program along all unit directions, several at once: which of them have their results in the memory, start to stop."""
    at_once, count = bound.lengths[DIRECTIONS], max(place.stop for place in places.values())
    for start in range(0, count, at_once):
        stop = min(start + at_once, count)
        for name, place in places.items():
            held = kernels.direction(bound, name)
            if held is not None:
                held[:] = 0.0
                own = np.arange(max(start, place.start), min(stop, place.stop))
                held[own - place.start, own - start] = 1.0
        with np.errstate(all="ignore"):
            kernels.gradient(bound)
        yield start, stop


def _places(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, slice]:
    """Where the elements of each parameter stand when all of them stand in one row."""
    places, start = {}, 0
    for name, shape in shapes.items():
        places[name] = slice(start, start + int(np.prod(shape)))
        start = places[name].stop
    return places
