"""Building without Python's collector of circles: what is built stays, and in it is no circle to find."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def growing() -> Iterator[None]:
    """While a formula or program grows, the collector rests: it would walk all of it again and again, a third of the time of a long one.

    What has grown counts as old afterwards, so that the next short walk leaves it out.

    >>> with growing():
    ...     gc.isenabled()
    False
    >>> gc.isenabled()
    True
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            if gc.get_freeze_count() == 0:  # nobody else keeps objects apart
                gc.freeze()
                gc.unfreeze()
            gc.enable()
