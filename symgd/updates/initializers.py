"""Where the parameters start: laws as rows, each parameter with a random stream of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from numbers import Real
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgd.errors import InputError
from symgd.nodes.naming import by_name
from symgd.nodes.node import Node
from symgd.updates.formulas import formula, letters_of, value
from symgd.updates.rows import Rows, Settings, brief, checked_number, checked_settings
from symgd.updates.shuffling import philox

RANDOM = ("u", "z")  # uniform on [0, 1); standard normal
FANS = ("fan_in", "fan_out")


@dataclass(frozen=True)
class Initializer:
    """The law of an element's start value.

    `law`: a formula in `u`, uniform on [0, 1), `z`, standard normal, the settings, and for arrays of two axes and more `fan_in` and `fan_out`: in
    W[k, j] j runs over what goes in and k over what comes out, and every further axis counts in both, as in K[k, j, p, q] of a convolution.
    `small`: the law of scalars and vectors, where it is another one. `settings`: name -> (default, interval); `where`: a condition on them.

    >>> initializers["normal"](deviation=0.5).text()
    'mean + deviation*z with mean = 0, deviation = 0.5'
    """

    name: str
    law: str
    small: str = ""
    settings: Settings = field(default_factory=dict)
    where: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    def __hash__(self) -> int:
        return hash((self.name, self.law, self.small))

    def __reduce__(self) -> tuple[type[Initializer], tuple[Any, ...]]:
        return Initializer, (self.name, self.law, self.small, dict(self.settings), self.where, self.source)

    def __call__(self, **settings: object) -> Initializer:
        """The same law with other settings."""
        values = self.checked_settings(**settings)
        return replace(self, settings={name: (values[name], interval) for name, (_, interval) in self.settings.items()})

    def checked_settings(self, **given: object) -> dict[str, float]:
        """Every setting, given or default; InputError for one that is unknown or outside its interval."""
        values = checked_settings(self.name, self.settings, given)
        if self.where and not value(formula(self.name, self.where, tuple(self.settings)), values):
            shown = ", ".join(f"{name} = {number:g}" for name, number in values.items())
            raise InputError(f"{self.name} has {shown}.", accepted=self.where)
        return values

    def text(self) -> str:
        """The law and the settings."""
        numbers = ", ".join(f"{name} = {number:g}" for name, number in self.checked_settings().items())
        law = f"{self.law}; scalars and vectors: {self.small}" if self.small else self.law
        return f"{law} with {numbers}" if numbers else law

    def draw(self, shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float64]:
        """An array of start values."""
        law = self._laws[0] if len(shape) >= 2 else self._laws[1]
        letters: dict[str, Any] = dict(self.checked_settings())
        used = letters_of(law)
        if len(shape) >= 2:
            field_size = math.prod(shape[2:])
            letters.update(fan_in=shape[1] * field_size, fan_out=shape[0] * field_size)
        if "u" in used:
            letters["u"] = random.random(shape)
        if "z" in used:
            letters["z"] = random.standard_normal(shape)
        found = np.broadcast_to(value(law, letters), shape).astype(np.float64)
        if not np.isfinite(found).all():
            raise InputError(f"{self.name} starts an array of shape {shape} with a value that is not finite.", accepted="a law of finite numbers")
        return found

    @cached_property
    def _laws(self) -> tuple[Node, Node]:
        letters = (*RANDOM, *self.settings)
        if self.small:
            return formula(self.name, self.law, (*letters, *FANS)), formula(self.name, self.small, letters)
        law = formula(self.name, self.law, (*letters, *FANS))
        if letters_of(law) & set(FANS):
            raise InputError(f"{self.name} has no fan_in and fan_out for scalars and vectors.", accepted="small=, a law without them")
        return law, law


GLOROT = "sqrt(6/(fan_in + fan_out))*(2*u - 1)"

initializers: Rows[Initializer] = Rows(
    "initializer",
    Initializer(
        "random",
        GLOROT,
        small="deviation*z",
        settings={"deviation": (0.1, "[0, oo)")},
        source="glorot for two axes and more; scalars and vectors normal, since from zeros the units of a layer stay equal",
    ),
    Initializer("normal", "mean + deviation*z", settings={"mean": (0.0, "(-oo, oo)"), "deviation": (0.1, "[0, oo)")}),
    Initializer("uniform", "low + (high - low)*u", settings={"low": (-0.1, "(-oo, oo)"), "high": (0.1, "(-oo, oo)")}, where="low < high"),
    Initializer("glorot", GLOROT, small="0", source="Glorot & Bengio 2010, equation 16; scalars and vectors, the biases, start at 0"),
    Initializer("zeros", "0"),
    Initializer("constant", "value", settings={"value": (0.0, "(-oo, oo)")}),
)
"""Name -> Initializer."""

DEFAULT = "random"

Spec = str | Initializer | Mapping[Any, Any] | None


def start_values(shapes: Mapping[str, tuple[int, ...]], spec: Spec = None, seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """The start value of every parameter.

    `spec`: an initialiser or its name, or a mapping parameter -> initialiser, name, number or array; without one, and for parameters that the
    mapping leaves out, "random". A parameter's stream follows from the seed and its name: another parameter more changes none of the others.

    >>> start = start_values({"W": (2, 3), "b": (2,), "c": ()}, {"b": "zeros", "c": 1.5})
    >>> start["W"].shape, start["b"].tolist(), float(start["c"])
    ((2, 3), [0.0, 0.0], 1.5)
    """
    chosen: dict[str, Any] = dict.fromkeys(shapes, DEFAULT)
    if isinstance(spec, Mapping):
        chosen.update(by_name(spec, shapes, "parameter"))
    elif spec is not None:
        chosen = dict.fromkeys(shapes, _row("start", spec))
    return {name: _start(name, shape, chosen[name], seed) for name, shape in shapes.items()}


def _row(name: str, given: object) -> Initializer:
    if isinstance(given, str):
        return initializers[given]
    if isinstance(given, Initializer):
        return given
    raise InputError(f"{name} is {brief(given)}.", accepted=f"an initializer or its name: {', '.join(initializers)}")


def _start(name: str, shape: tuple[int, ...], given: object, seed: int) -> NDArray[np.float64]:
    if isinstance(given, str | Initializer):
        stream = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")
        return _row(name, given).draw(shape, np.random.Generator(philox(seed, stream)))
    if isinstance(given, list | tuple) or (hasattr(given, "__array__") and not isinstance(given, Real)):
        return _copied(name, shape, given)
    return np.full(shape, checked_number(f"The start of {name}", given))


def _copied(name: str, shape: tuple[int, ...], given: Any) -> NDArray[np.float64]:
    """The user's array as float64, with the shape of the parameter."""
    if isinstance(given, np.ma.MaskedArray) and np.ma.is_masked(given):
        raise InputError(f"The start of {name} has masked entries.", accepted="an array of numbers")
    try:
        array = np.asarray(given)
    except ValueError:
        raise InputError(f"The start of {name} has rows of unequal lengths.", accepted=f"an array of shape {shape}") from None
    if array.dtype.kind not in "iuf":
        raise InputError(f"The start of {name} holds {array.dtype}.", accepted="real numbers")
    if array.shape != shape:
        raise InputError(f"The start of {name} has shape {array.shape}.", accepted=f"shape {shape}")
    found = array.astype(np.float64)
    wrong = np.argwhere(~np.isfinite(found))
    if len(wrong):
        place = f"[{', '.join(map(str, wrong[0]))}]" if shape else ""
        raise InputError(f"The start of {name} is {found[tuple(wrong[0])]} at {name}{place}.", accepted="finite numbers")
    return found
