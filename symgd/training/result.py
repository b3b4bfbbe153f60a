"""What a fit hands back: parameters, cost and gradient by the user's names, the history, and why it ended."""

from __future__ import annotations

import html
import math
import os
import secrets
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from symgd.errors import InputError
from symgd.nodes.naming import name_of
from symgd.updates.rows import UnknownName, unknown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Value = float | NDArray[Any]
Compute = Callable[[Any, Mapping[str, Value], Any], Any]
"""(names, parameters, data) -> values."""


class ByName(Mapping[str, Value]):
    """Values found by name, Symbol or IndexedBase: scalars are floats, the rest arrays.

    >>> import sympy
    >>> parameters = ByName({"w": 3, "W": [[1.0, 2.0]]})
    >>> parameters[sympy.Symbol("w")], parameters[sympy.IndexedBase("W")].shape
    (3.0, (1, 2))
    >>> parameters["v"]
    Traceback (most recent call last):
        ...
    symgd.updates.rows.UnknownName: There is no name v. Accepted: w, W.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[Any, Any]) -> None:
        self._values = {name_of(key): _value(value) for key, value in values.items()}

    def __getitem__(self, key: object) -> Value:
        try:
            name = name_of(key)
        except InputError as refused:
            raise UnknownName(refused.what, accepted=refused.accepted) from None
        if name not in self._values:
            raise unknown("name", name, self._values)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{name!r}: {_shown(value)}" for name, value in self._values.items()) + "}"


def _value(value: Any) -> Value:
    array = np.asarray(value)
    return float(array) if array.ndim == 0 else array


def _shown(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    if value.size > 12:
        return f"<array of shape {' x '.join(map(str, value.shape))}>"
    return np.array2string(value, precision=6, separator=", ", max_line_width=10_000).replace("\n", "")


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The cost and its gradient at one point.

    >>> at = Evaluation(4, {"w": -4})
    >>> at.cost, at.gradient["w"]
    (4.0, -4.0)
    """

    cost: float
    gradient: Mapping[str, Value]

    def __post_init__(self) -> None:
        object.__setattr__(self, "cost", float(self.cost))
        object.__setattr__(self, "gradient", _by_name(self.gradient))


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """One entry a recorded step: its number, the cost and the gradient norm before it. Columns are attributes and keys.

    >>> history = History([1, 2], [4.0, 2.56], [4.0, 3.2])
    >>> len(history), history["cost"].tolist(), history.step.tolist()
    (2, [4.0, 2.56], [1, 2])
    """

    step: NDArray[np.int64]
    cost: NDArray[np.float64]
    gradient_norm: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name, kind in (("step", np.int64), ("cost", np.float64), ("gradient_norm", np.float64)):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=kind))
        if not self.step.shape == self.cost.shape == self.gradient_norm.shape == (self.step.size,):
            raise InputError("The columns of a history have unequal lengths.", accepted="one entry a recorded step in each")

    def keys(self) -> tuple[str, ...]:
        return ("step", "cost", "gradient_norm")

    def __getitem__(self, column: str) -> NDArray[Any]:
        if column not in self.keys():
            raise unknown("column", str(column), self.keys())
        found: NDArray[Any] = getattr(self, column)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, column: object) -> bool:
        return column in self.keys()

    def __len__(self) -> int:
        return int(self.step.size)

    def __repr__(self) -> str:
        return f"<history of {len(self)} steps: step, cost, gradient_norm>"


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """The end of a fit.

    `cost` and `gradient` are taken at `parameters`. `steps`: the updates made. `converged`: whether the gradient norm came below the tolerance.
    `reason`: why the fit ended, a sentence.

    >>> history = History([1, 2], [4.0, 2.56], [4.0, 3.2])
    >>> Result({"w": 1.72}, 1.6384, {"w": -2.56}, history, 2, False, "All 2 steps are done.", 0.25)
    <Result after 2 steps in 0.25 s, cost 1.6384, gradient norm 2.56: All 2 steps are done.>
    """

    parameters: Mapping[str, Value]
    cost: float
    gradient: Mapping[str, Value]
    history: History
    steps: int
    converged: bool
    reason: str
    seconds: float
    computing: Compute | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", _by_name(self.parameters))
        object.__setattr__(self, "gradient", _by_name(self.gradient))
        object.__setattr__(self, "cost", float(self.cost))

    def __repr__(self) -> str:
        return (
            f"<Result after {_steps(self.steps)} in {self.seconds:.3g} s, cost {self.cost:.10g}, "
            f"gradient norm {_norm(self.gradient):.3g}: {self.reason}>"
        )

    def _repr_html_(self) -> str:
        """A table for notebooks: parameter values and gradient values in columns of their own."""
        rows = "".join(
            f"<tr><td>{html.escape(name)}</td><td>{html.escape(_shown(value))}</td><td>{html.escape(_shown(self.gradient[name]))}</td></tr>"
            if name in self.gradient
            else f"<tr><td>{html.escape(name)}</td><td>{html.escape(_shown(value))}</td><td></td></tr>"
            for name, value in self.parameters.items()
        )
        head = f"{html.escape(self.reason)} Cost {self.cost:.10g} after {_steps(self.steps)}, {self.seconds:.3g} s."
        return f"<p>{head}</p><table><tr><th>parameter</th><th>value</th><th>gradient</th></tr>{rows}</table>"

    def compute(self, names: Any, data: Any = None) -> Any:
        """Definitions or formulas at the parameters found, on new data: predictions."""
        if self.computing is None:
            raise InputError("This result does not know its cost, so it computes nothing.", accepted="cost.compute(names, result.parameters, data)")
        return self.computing(names, self.parameters, data)

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw the cost over the steps, on a logarithmic scale where it stays positive; return the matplotlib axes."""
        try:
            import matplotlib.pyplot as plt
        except ImportError as missing:
            raise ImportError('plot() draws with matplotlib, which is not installed: pip install "symgd[plot]"') from missing
        if axes is None:
            _, axes = plt.subplots()
        finite = np.isfinite(self.history.cost)
        axes.plot(self.history.step[finite], self.history.cost[finite])
        if finite.any() and (self.history.cost[finite] > 0).all():
            axes.set_yscale("log")
        axes.set_xlabel("step")
        axes.set_ylabel("cost")
        return axes

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the parameters to an .npz file by the user's names: complete or not at all."""
        # numpy.savez takes names as keyword arguments, and so has no room for a parameter called `file`
        path = Path(path)
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with zipfile.ZipFile(partial, "x") as archive:
                for name, value in self.parameters.items():
                    with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                        np.lib.format.write_array(entry, np.asanyarray(value), allow_pickle=False)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers, lists and text, for `json.dumps`. What is not finite is None: JSON has no such number."""
        return {
            "parameters": {name: _plain(value) for name, value in self.parameters.items()},
            "cost": _plain(self.cost),
            "gradient": {name: _plain(value) for name, value in self.gradient.items()},
            "steps": int(self.steps),
            "converged": bool(self.converged),
            "reason": self.reason,
            "seconds": float(self.seconds),
            "history": {name: _plain(self.history[name]) for name in self.history},
        }


def _by_name(values: Mapping[Any, Any]) -> ByName:
    return values if isinstance(values, ByName) else ByName(values)


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"


def _norm(gradient: Mapping[str, Value]) -> float:
    with np.errstate(over="ignore"):
        return math.hypot(*(float(np.linalg.norm(np.ravel(part))) for part in gradient.values()))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, int) or math.isfinite(value) else None
