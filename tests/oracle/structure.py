"""A cost with its sizes, its data and its value in JAX: one row of the tables in structures.py and compositions.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import symgd as sg

Sizes = dict[str, int]
Shape = tuple[str | int, ...]
Values = dict[str, Any]
Made = Callable[[np.random.Generator, Sizes], Any]


@dataclass(frozen=True, eq=False)
class Structure:
    """`shapes`: array -> its lengths, numbers or sums such as "R+P-1". `jax`: the same cost over arrays of these names, `q.X`.

    `integers`: subscript data -> how many values they may take. `special`: array -> how its values are made, where not any will do. `given`:
    lengths that no array tells, handed over with the data.
    """

    name: str
    cost: str
    parameters: tuple[str, ...]
    shapes: Mapping[str, Shape]
    sizes: tuple[Sizes, Sizes]
    jax: Callable[[Any], Any]
    where: Mapping[str, str] = field(default_factory=dict)
    axes: str = ""
    integers: Mapping[str, str | int] = field(default_factory=dict)
    special: Mapping[str, Made] = field(default_factory=dict)
    given: tuple[str, ...] = ()

    def arrays(self, which: int, seed: int = 1) -> Values:
        """Random values of every array at one of the two sets of sizes."""
        random, sizes = np.random.default_rng(seed), self.sizes[which]
        values: Values = {}
        for name, shape in self.shapes.items():
            lengths = tuple(length(side, sizes) for side in shape)
            if name in self.special:
                values[name] = self.special[name](random, sizes)
            elif name in self.integers:
                values[name] = random.integers(0, length(self.integers[name], sizes), lengths)
            else:
                values[name] = random.normal(size=lengths) if lengths else float(random.normal())
            assert np.shape(values[name]) == lengths, name
        return values

    def told(self, which: int) -> Sizes:
        """The lengths that no array tells."""
        return {name: self.sizes[which][name] for name in self.given}

    def split(self, values: Values) -> tuple[Values, Values]:
        """The values of the parameters, and those of the data."""
        parameters = {name: values[name] for name in self.parameters}
        return parameters, {name: value for name, value in values.items() if name not in parameters}

    @cached_property
    def read(self) -> sg.Cost:
        return sg.parse(self.cost, where=self.where, axes=self.axes, parameters=self.parameters)

    def by_jax(self, which: int) -> tuple[float, Values]:
        """Cost and gradient."""
        parameters, data = self.split(self.arrays(which))
        free = {name: jnp.asarray(value, dtype=float) for name, value in parameters.items()}
        cost, gradient = jax.value_and_grad(lambda q: self.jax(SimpleNamespace(**data, **self.told(which), **q)))(free)
        return float(cost), {name: np.asarray(slope) for name, slope in gradient.items()}


def length(side: str | int, sizes: Sizes) -> int:
    """`m`, 4, `2*R` or a sum of such: `R+P-1`.

    >>> length("2*R+P-1", {"R": 4, "P": 3})
    10
    """
    if isinstance(side, int):
        return side
    total, sign = 0, 1
    for term in side.replace("+", " + ").replace("-", " - ").split():
        if term in "+-":
            sign = 1 if term == "+" else -1
        else:
            factors = [int(factor) if factor.isdigit() else sizes[factor] for factor in term.split("*")]
            total += sign * int(np.prod(factors))
    return total


def offsets(rows: str, entries: str) -> Made:
    """Where the entries of each row begin in a ragged table, and where the last ones end. The second row is empty."""

    def made(random: np.random.Generator, sizes: Sizes) -> Any:
        cuts = np.sort(random.integers(0, sizes[entries] + 1, sizes[rows] - 1))
        cuts[1] = cuts[0]
        return np.array([0, *cuts, sizes[entries]])

    return made


def zero_at(*places: tuple[int, ...], axes: str) -> Made:
    """Random numbers, 0 at these places."""

    def made(random: np.random.Generator, sizes: Sizes) -> Any:
        values = random.normal(size=[sizes[axis] for axis in axes.split()])
        for place in places:
            values[place] = 0.0
        return values

    return made
