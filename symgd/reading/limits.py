"""The largest input that is read. What is larger is refused with a LimitError that names the limit."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CHARACTERS: Final = 4_000_000
"""Characters of one text."""

NODES: Final = 500_000
"""Numbers, names and operations of one text."""

TOKENS: Final = 1_500_000
"""Numbers, names and signs of one text."""

LEVELS: Final = 200
"""Brackets inside each other."""

DIGITS: Final = 400
"""Digits of one number."""

NAME: Final = 200
"""Characters of one name."""

EXPONENT: Final = 10_000
"""The size of an exponent where base and exponent are both numbers, as in 0.999^5000."""

ARGUMENT: Final[Mapping[str, float]] = MappingProxyType({
    "factorial": 170, "gamma": 171, "exp": 709, "expm1": 709, "exp2": 1_023, "sinh": 710, "cosh": 710,
})  # fmt: skip
"""The largest number as an argument of a function that grows fast: from there on the value is no float64."""
