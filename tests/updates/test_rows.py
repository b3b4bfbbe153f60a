"""Intervals, whole numbers and names in messages."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symgd.errors import InputError
from symgd.updates.rows import Interval, brief, checked_number, checked_whole, unknown

INTERVALS = [
    ("[0, 1)", [0, 0.5, math.nextafter(1, 0)], [-1e-300, 1, math.nan, math.inf]),
    ("(0, oo)", [1e-300, 1e300], [0, -1, math.inf, math.nan]),
    ("[0, oo)", [0, 1e300], [-1e-300, math.inf]),
    ("(-oo, oo)", [-1e300, 0, 1e300], [math.inf, -math.inf, math.nan]),
    ("[-1.5, 2e-1]", [-1.5, 0.2], [-1.6, 0.3]),
    ("[0, oo]", [0], [math.inf]),
]


@pytest.mark.parametrize(("written", "inside", "outside"), INTERVALS)
def test_an_interval_holds_what_it_says(written, inside, outside):
    interval = Interval.read(written)
    assert str(interval) == written
    assert all(value in interval for value in inside)
    assert not any(value in interval for value in outside)


@given(low=st.integers(-9, 9), high=st.integers(-9, 9), value=st.integers(-9, 9))
def test_a_square_bracket_takes_its_end_in(low, high, value):
    assert (value in Interval.read(f"[{low}, {high}]")) == (low <= value <= high)
    assert (value in Interval.read(f"({low}, {high})")) == (low < value < high)


@pytest.mark.parametrize("written", ["", "0, 1", "[0; 1]", "[a, 1]", "[0, 1, 2]", "[nan, 1]", "[0, inf)", "[1e, 2]", "__import__('os')", None])
def test_what_is_no_interval_is_refused(written):
    with pytest.raises(InputError, match="is no interval"):
        Interval.read(written)


@pytest.mark.parametrize("value", [0.5, 1, np.float32(0.5), np.int64(3), Fraction(1, 2)])
def test_every_real_number_is_a_number(value):
    found = checked_number("beta", value)
    assert type(found) is float
    assert found == value


@pytest.mark.parametrize("value", ["0.5", None, True, 1j, [0.5], np.array([0.5]), np.bool_(True)])
def test_nothing_else_is(value):
    with pytest.raises(InputError, match="a number in"):
        checked_number("beta", value)


@pytest.mark.parametrize("value", [0, -1, 11, 1.5, 2.0, math.nan, "3", True, None])
def test_a_whole_number_has_limits(value):
    with pytest.raises(InputError, match=r"batch_size is .*Accepted: whole numbers from 1 to 10, the number of samples"):
        checked_whole("batch_size", value, 1, 10, of=", the number of samples")


@pytest.mark.parametrize("value", [1, 10, np.int32(7)])
def test_a_whole_number_comes_back_as_one(value):
    assert type(checked_whole("batch_size", value, 1, 10)) is int


def test_a_message_stays_short_and_printable():
    assert len(brief("x" * 1000)) <= 60
    assert "\n" not in brief("two\nlines")
    refused = str(unknown("parameter", "w", [f"p{n}" for n in range(1000)]))
    assert refused.endswith("p11, 988 more.")
