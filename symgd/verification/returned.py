"""What is exact at a point, what a function returned there, and the two side by side, block by block."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from symgd.nodes.node import Node
from symgd.verification.bench import Spot
from symgd.verification.judge import readable
from symgd.verification.points import nested
from symgd.verification.tape import Place

if TYPE_CHECKING:
    from symgd.api import Cost

__all__ = ["NEARLY", "Array", "Block", "Exact", "Given", "Odd", "Returned", "agree", "wanted"]

Array = NDArray[Any]
NEARLY = 1e-5  # what is within this is neither float64 nor a mistake
ROUGH = 1e-3  # where the operations of the cost themselves lose digits


class Exact:
    """Derivatives and values of everything with a name at one spot, as arrays; entries that no definition has are NaN."""

    def __init__(self, spot: Spot) -> None:
        self.spot = spot
        self.lengths = spot.setting.lengths

    @property
    def plain(self) -> bool:
        """Has float64 enough digits here?"""
        return self.spot.plain

    @cached_property
    def values(self) -> Mapping[str, Any]:
        """What the function gets: float64 arrays, Python floats, integers for labels and lengths."""
        setting = self.spot.setting
        found: dict[str, Any] = dict(setting.lengths)
        for name, shape in setting.shapes.items():
            whole = name in setting.whole
            value = np.array(setting.whole[name] if whole else self.point[name], dtype=np.int64 if whole else np.float64)
            found[name] = value if shape else value.item()
        return found

    @cached_property
    def point(self) -> dict[str, Any]:
        """Name -> exact number, or nested lists."""
        return {name: nested(self.spot.inputs, name, shape) for name, shape in self.spot.setting.shapes.items()}

    @cached_property
    def defined(self) -> dict[str, dict[Place, int]]:
        tape = self.spot.tape
        return {name: tape.defined(name) for name in tape.parts}

    @cached_property
    def slopes(self) -> dict[str, Mapping[Place, Any]]:
        """With 30 digits."""
        return {name: self.spot.exact(name) for name in (*self.spot.bench.cost.parameters, *self.defined)}

    @cached_property
    def adjoints(self) -> dict[str, Array]:
        return {name: _array(slopes, self.shape(name)) for name, slopes in self.slopes.items()}

    @cached_property
    def forward(self) -> dict[str, Array]:
        """The values of data, parameters and definitions."""
        found = {name: np.asarray(self.values[name], dtype=np.float64) for name in self.spot.setting.shapes}
        for name, entries in self.defined.items():
            found[name] = _array({place: self.spot.double.value(entry) for place, entry in entries.items()}, self.shape(name))
        return found

    @cached_property
    def scale(self) -> float:
        """The largest derivative by a parameter."""
        return max((float(np.max(np.abs(self.adjoints[name]), initial=0.0)) for name in self.spot.bench.cost.parameters), default=0.0)

    @cached_property
    def cost(self) -> float:
        return float(self.spot.double.value(self.spot.sampler.root))

    def shape(self, name: str) -> Place:
        if name in self.spot.setting.shapes:
            return self.spot.setting.shapes[name]
        places = list(self.defined[name])
        return tuple(1 + max(place[n] for place in places) for n in range(len(places[0]))) if places else ()

    def slope(self, name: str, place: Place) -> Any:
        """One derivative, as a short fraction if it is one."""
        return readable(self.slopes[name].get(place, 0))


class Given(Exact):
    """A point of the user's, in float64."""

    plain = True

    def __init__(self, cost: Cost, values: Mapping[str, Any], lengths: Mapping[str, int], exact: Mapping[str, Any]) -> None:
        program = cost.gradient.program
        self.lengths = lengths
        self.values = {**lengths, **values}
        self.point = dict(values)
        self.defined = {}
        self.adjoints = {name: np.asarray(exact[program.adjoints[name]]) for name in cost.parameters}
        self.scale = max((float(np.max(np.abs(one), initial=0.0)) for one in self.adjoints.values()), default=0.0)
        self.cost = float(exact[program.cost])

    def shape(self, name: str) -> Place:
        return self.adjoints[name].shape

    def slope(self, name: str, place: Place) -> Any:
        return float(self.adjoints[name][place])


def _array(values: Mapping[Place, Any], shape: Place) -> Array:
    found = np.zeros(shape) if all(values.get(place) is not None for place in np.ndindex(shape)) or len(values) == 0 else np.full(shape, np.nan)
    for place, value in values.items():
        found[place] = float(value)
    return found


def agree(yours: Array, exact: Array, scale: float, tolerance: float) -> Array:
    """Which elements agree, as far as the largest one tells. Where there is no element, anything does."""
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.nanmax(np.abs(exact), initial=0.0)
        found: Array = np.abs(yours - exact) <= tolerance * size + 1e-3 * tolerance * scale + 1e-13
    return found | np.isnan(exact)


# what came back


class Odd(ValueError):
    """What came back is no gradient; the message says what it is."""


class Returned:
    """What one call returned, by name. `notes`: what was left aside."""

    def __init__(self, cost: Cost, value: Any, exact: Exact) -> None:
        self.cost, self.exact = cost, exact
        self.definitions = [*exact.defined]
        self.parts: dict[str, Any] = {}
        self.listed = False  # in the order of the parameters
        self.notes: list[str] = []
        self._read(value)

    def _read(self, value: Any) -> None:
        names = self.cost.parameters
        many = f"{len(names)} parameters, {', '.join(names)}" if len(names) > 1 else f"one parameter, {names[0]}"
        if value is None:
            raise Odd("returned nothing: is `return` missing?")
        if isinstance(value, (list, tuple)):
            value = self._without_cost(list(value))
        if isinstance(value, dict):
            return self._by_name(value)
        if isinstance(value, list):
            if len(names) == 1 and len(value) != 1:
                value = [value]
            if len(value) != len(names):
                raise Odd(f"returned {len(value)} values, the cost has {many}")
            self.listed = True
            self.parts = dict(zip(names, map(self._number, value), strict=True))
        elif len(names) == 1:
            self.parts = {names[0]: value}
        elif value.ndim == 1 and len(value) == len(names) and all(self.exact.shape(name) == () for name in names):
            self.listed = True
            self.parts = dict(zip(names, value, strict=True))
        else:
            what = f"an array of the shape {value.shape}" if value.ndim else "one number"
            raise Odd(f"returned {what}, the cost has {many}: a mapping or a tuple was expected")

    def _number(self, value: Any) -> Array | None:
        """An array of nested lists."""
        if value is None or isinstance(value, np.ndarray):
            return value
        try:
            found = np.array(value, dtype=np.float64)
        except (TypeError, ValueError):
            raise Odd("returned lists of unequal lengths in place of an array") from None
        return found

    def _without_cost(self, items: list[Any]) -> Any:
        """The gradient beside which the cost was returned, before or behind it."""
        names = self.cost.parameters
        held = [item for item in items if isinstance(item, dict)]
        if len(held) == 1 and all(_is_scalar(item) for item in items if item is not held[0]):
            self._check_cost(next((item for item in items if item is not held[0]), None))
            return held[0]
        if len(items) == 2 and _is_scalar(items[0]) and isinstance(items[1], (list, tuple)) and len(names) in (1, len(items[1])):
            self._check_cost(items[0])
            return list(items[1])
        if len(items) == len(names) + 1 and not (len(names) == 1 and all(map(_is_scalar, items)) and self.exact.shape(names[0]) == (len(items),)):
            for at in (0, -1):
                if _is_scalar(items[at]) and (self._is_cost(items[at]) or (at == 0 and not self._is_cost(items[-1]))):
                    self._check_cost(items.pop(at))
                    break
        return items

    def _is_cost(self, value: Any) -> bool:
        return _is_scalar(value) and abs(float(np.real(value).item()) - self.exact.cost) <= 1e-5 * max(1e-9, abs(self.exact.cost))

    def _check_cost(self, value: Any) -> None:
        if value is not None and not self._is_cost(value):
            both = f"{float(np.real(value).item()):.6g} in place of {self.exact.cost:.6g}"
            self.notes.append(f"The cost that it returns is another one: {both} at the first point.")

    def _by_name(self, given: Mapping[str, Any]) -> None:
        odd = []
        for key, value in sorted(given.items(), key=lambda pair: pair[0] in self.cost.parameters):  # dw before w
            part = self._part(key)
            if part is None and key in ("C", "J", "L", "cost", "loss", "value") and _is_scalar(value):
                self._check_cost(value)
            elif part is None or part in self.parts:
                odd.append(key)
            else:
                self.parts[part] = self._number(value)
        if odd:
            self.notes.append(f"Left aside: {', '.join(sorted(odd))}, no derivative of this cost.")

    def _part(self, key: str) -> str | None:
        """The parameter or definition that a key is about: w itself, dw, grad_w, w_grad; a definition alone would be its value."""
        if key in self.cost.parameters:
            return key
        for name in (*self.cost.parameters, *self.definitions):
            if re.fullmatch(rf"(d|d_|grad_?|g_|d[CJL]_?d|nabla_?|delta_?){re.escape(name)}|{re.escape(name)}_(grad|bar|adjoint)", key):
                return name
        return None


def _is_scalar(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.size == 1 and value.ndim == 0


# side by side


@dataclass
class Block:
    """One parameter or definition at all spots. `yours`: as returned; `aligned`: in the exact shape, None where the shape is another one."""

    name: str
    key: str
    place: Node
    spots: list[Exact]
    yours: list[Array]
    tolerance: float
    precision: str

    @cached_property
    def exact(self) -> list[Array]:
        return [spot.adjoints[self.name] for spot in self.spots]

    @cached_property
    def aligned(self) -> list[Array | None]:
        return [_laid_out(yours, exact.shape) for yours, exact in zip(self.yours, self.exact, strict=True)]

    def within(self, tolerance: float) -> list[bool]:
        """Spot by spot, is it the derivative? Where float64 has few digits left, a few are enough."""
        both = zip(self.aligned, self.exact, self.spots, strict=True)
        return [
            yours is not None and bool(np.all(agree(yours, exact, spot.scale, tolerance if spot.plain else max(ROUGH, tolerance))))
            for yours, exact, spot in both
        ]

    @cached_property
    def right(self) -> list[bool]:
        return self.within(self.tolerance)

    @cached_property
    def nearly(self) -> bool:
        """Everywhere so near that it is not a mistake in the formula."""
        return all(self.within(max(NEARLY, self.tolerance)))

    def matches(self, given: Callable[[int], Array | None], factor: Callable[[int], float] = lambda n: 1.0) -> bool:
        """Is what was returned this at every spot, whatever its shape?"""
        for n, yours in enumerate(self.yours):
            other = given(n)
            if other is None or other.shape != yours.shape or not np.all(np.isfinite(other)):
                return False
            if not np.all(agree(yours, factor(n) * other, self.spots[n].scale, self.tolerance)):
                return False
        return any(np.any(yours != 0) for yours in self.yours)


def _laid_out(yours: Array, shape: Place) -> Array | None:
    """In this shape, if axes of length 1 are all that differs."""
    if yours.shape == shape:
        return yours
    without = tuple(side for side in yours.shape if side != 1)
    return yours.reshape(shape) if without == tuple(side for side in shape if side != 1) and yours.size == np.prod(shape) else None


def wanted(exact: Array) -> str:
    """The shape that it should have."""
    return f"the shape {exact.shape}" if exact.ndim else "is a number"
