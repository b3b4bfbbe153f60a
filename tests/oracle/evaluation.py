"""A cost in text as a function of whole arrays, by NumPy or JAX: a second meaning of the language, which shares only the reader with the package.

A formula becomes an array with an axis for each letter in scope. A range whose bounds depend on other values is a mask. The parts of a recurrence are
computed all at once, from zeros, and again: after as many sweeps as there are steps every element comes from the starts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from symgd.nodes.formula import Formula
from symgd.nodes.node import Node, fraction

Arrays = dict[str, Any]
Scope = dict[Node, Any]  # letter -> its values, along an axis of their own
Shapes = Mapping[str, tuple[int, ...]]


class InNumPy:
    """The cost at these arrays. `shapes`: those of what is defined. `sweeps`: the steps of the longest recurrence, and one for its start."""

    xp: Any = np

    def __init__(self, arrays: Arrays, lengths: Mapping[str, int], shapes: Shapes, sweeps: int) -> None:
        self.arrays = {**arrays, **{name: self.xp.zeros(shape) for name, shape in shapes.items()}}
        self.lengths, self.sweeps = lengths, sweeps

    def set(self, name: str, places: tuple[Any, ...], values: Any) -> None:
        self.arrays[name][places] = values

    def repeated(self, sweep: Callable[[], None], states: list[str]) -> None:
        for _ in range(self.sweeps):
            sweep()

    def cost(self, formula: Formula) -> Any:
        names = [left.value for left, _ in formula.definitions]
        # of one name the most general part first: the others have precedence over it
        ordered = sorted(formula.definitions, key=lambda pair: (names.index(pair[0].value), -sum(len(place.free) for place in pair[0].args)))
        for left, body in ordered:
            if names.count(left.value) == 1:
                self.define(left, body, formula.axes)
        again = [pair for pair in ordered if names.count(pair[0].value) > 1]

        def sweep() -> None:
            for left, body in again:
                self.define(left, body, formula.axes)

        self.repeated(sweep, list(dict.fromkeys(left.value for left, _ in again)))
        return self.of(formula.expression, {})

    def define(self, left: Node, body: Node, axes: Mapping[str, Node]) -> None:
        """All elements of one part at once; what it reads outside an array, t - 1 at t = 0, goes into an element that another part writes."""
        scope: Scope = {}
        for place in left.args:
            for letter in place.free:
                scope = wider(scope, letter, np.arange(self.whole(axes[letter.value], {})))
        places = tuple(np.broadcast_arrays(*(self.whole(place, scope) for place in left.args)))
        self.set(left.value, places, self.xp.broadcast_to(self.of(body, scope), places[0].shape if places else ()))

    def whole(self, part: Node, scope: Scope) -> Any:
        """A subscript or a bound."""
        if part.op == "number":
            return np.int64(fraction(part))
        if part.op == "length":
            return np.int64(self.lengths[part.value])
        if part.op == "index":
            return scope[part]
        args = [self.whole(a, scope) for a in part.args]
        if part.op == "access":
            return self.arrays[part.value][tuple(args)]
        return {"+": lambda: sum(args[1:], args[0]), "neg": lambda: -args[0], "mod": lambda: np.mod(*args)}[part.op]()

    def of(self, part: Node, scope: Scope) -> Any:
        xp = self.xp
        match part.op:
            case "number":
                return float(fraction(part))
            case "length":
                return float(self.lengths[part.value])
            case "index":
                return scope[part].astype(float)
            case "access":
                places = tuple(self.whole(place, scope) for place in part.args)
                array = self.arrays[part.value]
                return array[tuple(np.clip(place, 0, side - 1) for place, side in zip(places, array.shape, strict=True))] if places else array
            case "sum" | "mean" | "product" | "maximum" | "minimum" | "norm" | "logsumexp":
                return self.reduced(part, scope)
        args = [self.of(a, scope) for a in part.args]
        match part.op:
            case "+":
                return sum(args[1:], args[0])
            case "*":
                product = args[0]
                for factor in args[1:]:
                    product = product * factor
                return product
            case "/":
                return args[0] / args[1]
            case "neg":
                return -args[0]
            case "^":
                return args[0] ** float(fraction(part.args[1]))
            case "sigmoid":
                return 1 / (1 + xp.exp(-args[0]))
            case "softplus":
                return xp.logaddexp(args[0], 0.0)
        return getattr(xp, part.op)(args[0])

    def reduced(self, part: Node, scope: Scope) -> Any:
        """The letters of a reduction become the last axes of a wider scope, with a mask of what is within the ranges."""
        body, *ranges = part.args
        xp, inner, mask = self.xp, scope, np.asarray(True)
        for bound in ranges:
            letter, low, high = bound.args
            lows, highs = self.whole(low, inner), self.whole(high, inner)
            values = np.arange(np.min(lows), max(np.max(highs), np.min(lows) + 1))
            inner = wider(inner, letter, values)
            mask = mask[..., None] & (np.asarray(lows)[..., None] <= values) & (values < np.asarray(highs)[..., None])
        shape = np.broadcast_shapes(mask.shape, *(np.shape(indices) for indices in inner.values()))
        mask = np.broadcast_to(mask, shape)
        inside = xp.broadcast_to(self.of(body, inner), shape)
        over = tuple(range(-len(ranges), 0))

        def kept(neutral: float) -> Any:
            return xp.where(mask, inside, neutral)

        match part.op:
            case "sum":
                return kept(0.0).sum(over)
            case "mean":
                return kept(0.0).sum(over) / mask.sum(over)
            case "product":
                return xp.prod(kept(1.0), axis=over)
            case "maximum":
                return xp.max(kept(-np.inf), axis=over)
            case "minimum":
                return xp.min(kept(np.inf), axis=over)
            case "logsumexp":
                top = xp.max(kept(-np.inf), axis=over, keepdims=True)
                return xp.log(xp.where(mask, xp.exp(inside - top), 0.0).sum(over)) + top.reshape(np.shape(kept(0.0).sum(over)))
        squares = (kept(0.0) ** 2).sum(over)
        return xp.where(squares > 0, xp.sqrt(xp.where(squares > 0, squares, 1.0)), 0.0)


class InJax(InNumPy):
    """The same for JAX, which copies where NumPy writes and compiles one sweep."""

    xp = jnp

    def set(self, name: str, places: tuple[Any, ...], values: Any) -> None:
        self.arrays[name] = self.arrays[name].at[places].set(values)

    def repeated(self, sweep: Callable[[], None], states: list[str]) -> None:
        def again(_: int, values: list[Any]) -> list[Any]:
            self.arrays |= dict(zip(states, values, strict=True))
            sweep()
            return [self.arrays[name] for name in states]

        self.arrays |= dict(zip(states, lax.fori_loop(0, self.sweeps, again, [self.arrays[name] for name in states]), strict=True))


def wider(scope: Scope, letter: Node, values: Any) -> Scope:
    """The scope with one axis more, the last."""
    return {**{other: indices[..., None] for other, indices in scope.items() if other is not letter}, letter: values}
