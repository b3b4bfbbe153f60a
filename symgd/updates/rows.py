"""Tables of rows found by name, and the settings of a row: what an optimiser and an initialiser have in common."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Generic, Protocol, TypeVar

from symgd.errors import InputError

MOST_SHOWN = 12  # names in one message


class UnknownName(InputError, KeyError):
    """A name that stands in no table. A KeyError too, so that `in` and `get` answer as for any mapping."""

    def __str__(self) -> str:
        return Exception.__str__(self)


def unknown(kind: str, name: str, names: Collection[str]) -> UnknownName:
    """The refusal of a name, with the nearest one that exists.

    >>> print(unknown("optimizer", "adan", ["adam", "momentum"]))
    There is no optimizer adan; was adam meant? Accepted: adam, momentum.
    """
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    shown = list(names)[:MOST_SHOWN]
    more = [f"{len(names) - MOST_SHOWN} more"] if len(names) > MOST_SHOWN else []
    hint = f"; was {near[0]} meant?" if near else "."
    return UnknownName(f"There is no {kind} {brief(name)}{hint}", accepted=", ".join([*shown, *more]) or f"no {kind} at all")


def brief(value: object, longest: int = 60) -> str:
    """A value as it was given, for a message: printable and short."""
    shown = value if type(value) is str else str(value) if isinstance(value, Real) else repr(value)
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in shown[: longest + 1])
    return shown if len(shown) <= longest else shown[: longest - 3] + "..."


class Named(Protocol):
    """A row that is found by its name."""

    @property
    def name(self) -> str: ...


Row = TypeVar("Row", bound=Named)


class Rows(Mapping[str, Row], Generic[Row]):
    """Rows of one kind, found by name. A row of one's own needs no entry: it is given in place of a name."""

    def __init__(self, kind: str, *rows: Row) -> None:
        self._kind = kind
        self._rows = {row.name: row for row in rows}

    def __getitem__(self, name: str) -> Row:
        if not isinstance(name, str) or name not in self._rows:
            raise unknown(self._kind, str(name), self._rows)
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<{', '.join(self._rows)}>"


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval of finite numbers; a square bracket takes its end in, a round one leaves it out.

    >>> beta = Interval.read("[0, 1)")
    >>> 0 in beta, 1.0 in beta, float("nan") in beta, str(beta)
    (True, False, False, '[0, 1)')
    """

    low: float
    high: float
    brackets: str
    text: str

    @classmethod
    def read(cls, text: str) -> Interval:
        found = re.fullmatch(r"\s*([\[(])\s*(\S+)\s*,\s*(\S+)\s*([\])])\s*", text) if isinstance(text, str) else None
        ends = [_end(found[n]) for n in (2, 3)] if found else []
        if found is None or None in ends:
            raise InputError(f"{brief(text)} is no interval.", accepted='an interval like "[0, 1)" or "(0, oo)"')
        low, high = (end for end in ends if end is not None)
        brackets = ("(" if math.isinf(low) else found[1]) + (")" if math.isinf(high) else found[4])
        return cls(low, high, brackets, text.strip())

    def __contains__(self, value: float) -> bool:
        above = value >= self.low if self.brackets[0] == "[" else value > self.low
        below = value <= self.high if self.brackets[1] == "]" else value < self.high
        return above and below

    def __str__(self) -> str:
        return self.text


def _end(text: str) -> float | None:
    if re.fullmatch(r"[+-]?oo", text):
        return -math.inf if text.startswith("-") else math.inf
    return float(text) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) else None


Settings = Mapping[str, tuple[float, str]]
"""Name -> (default, interval)."""


def checked_settings(of: str, allowed: Settings, given: Mapping[str, object]) -> dict[str, float]:
    """Every setting of a row: the given value, checked, or the default.

    >>> checked_settings("momentum", {"beta": (0.9, "[0, 1)")}, {"beta": 1.0})
    Traceback (most recent call last):
        ...
    symgd.errors.InputError: beta is 1.0. Accepted: [0, 1).
    """
    for name in given:
        if name not in allowed:
            raise unknown(f"setting of {of} named", name, allowed)
    return {name: checked_number(name, given.get(name, default), interval) for name, (default, interval) in allowed.items()}


def checked_number(name: str, value: object, interval: str = "(-oo, oo)") -> float:
    """A finite number of the interval, as a float."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputError(f"{name} is {brief(value)}.", accepted=f"a number in {interval}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if number not in Interval.read(interval):
        raise InputError(f"{name} is {brief(value)}.", accepted=interval)
    return number


def checked_whole(name: str, value: object, low: int, high: int | None = None, of: str = "") -> int:
    """A whole number of low..high."""
    whole = int(value) if not isinstance(value, bool) and isinstance(value, Integral) else None
    if whole is None or whole < low or (high is not None and whole > high):
        limits = f"from {low} up" if high is None else f"from {low} to {high}"
        raise InputError(f"{name} is {brief(value)}.", accepted=f"whole numbers {limits}{of}")
    return whole
