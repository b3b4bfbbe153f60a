"""The order in which an epoch takes the samples, and where its batches begin and end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from symgd.updates.rows import checked_whole

LARGEST_SEED = 2**64 - 1


def epoch_order(n: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """The samples 0, ..., n-1 in the random order of one epoch.

    (seed, epoch) is the key of a counter-based generator (Salmon et al. 2011, Philox), so the order of epoch 7 needs nothing of epochs 0 to 6:
    a resumed fit goes on exactly as the uninterrupted one would have.

    >>> sorted(epoch_order(5, seed=0, epoch=3).tolist())
    [0, 1, 2, 3, 4]
    """
    return np.random.Generator(philox(seed, checked_whole("epoch", epoch, 0, LARGEST_SEED))).permutation(n).astype(np.int64, copy=False)


def batches(n: int, size: int) -> list[tuple[int, int]]:
    """(first, last) of every batch, last exclusive; the last batch is shorter where the size does not divide n.

    >>> batches(10, 4)
    [(0, 4), (4, 8), (8, 10)]
    """
    size = checked_whole("batch_size", size, 1, n, of=", the number of samples")
    return [(first, min(first + size, n)) for first in range(0, n, size)]


def philox(seed: int, stream: int) -> np.random.Philox:
    """The generator of one stream of a seed."""
    return np.random.Philox(key=np.array([checked_whole("seed", seed, 0, LARGEST_SEED), stream], dtype=np.uint64))
