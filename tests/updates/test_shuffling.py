"""Epochs are permutations that follow from (seed, epoch) alone, and batches cover them without overlap."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symgd.errors import InputError
from symgd.updates.shuffling import batches, epoch_order

seeds = st.integers(0, 2**64 - 1)


@given(n=st.integers(0, 200), seed=seeds, epoch=st.integers(0, 10**6))
def test_an_epoch_takes_every_sample_once(n, seed, epoch):
    order = epoch_order(n, seed, epoch)
    assert order.dtype == np.int64
    assert sorted(order) == list(range(n))


@given(seed=seeds, epoch=st.integers(0, 10**6))
def test_an_order_needs_nothing_but_seed_and_epoch(seed, epoch):
    first = epoch_order(50, seed, epoch)
    epoch_order(50, seed, epoch + 1)
    assert (epoch_order(50, seed, epoch) == first).all()


def test_epochs_and_seeds_differ():
    orders = {tuple(epoch_order(50, seed, epoch)) for seed in range(20) for epoch in range(20)}
    assert len(orders) == 400


def test_every_order_is_equally_likely():
    counts = Counter(tuple(epoch_order(3, 0, epoch)) for epoch in range(6000))
    assert len(counts) == 6
    # chi-squared with 5 degrees of freedom: above 25.7 once in 10,000
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 25.7


@given(n=st.integers(1, 200), data=st.data())
def test_batches_lie_end_to_end_and_only_the_last_is_short(n, data):
    size = data.draw(st.integers(1, n))
    found = batches(n, size)
    assert [k for first, last in found for k in range(first, last)] == list(range(n))
    assert all(last - first == size for first, last in found[:-1])


@pytest.mark.parametrize("size", [0, -1, 11, 2.5, "all", True])
def test_a_batch_has_one_sample_at_least_and_all_at_most(size):
    with pytest.raises(InputError, match=f"batch_size is {size}. Accepted: whole numbers from 1 to 10, the number of samples"):
        batches(10, size)


@pytest.mark.parametrize("seed", [-1, 2**64, 0.5, "x", None, True])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(InputError, match=f"seed is {seed}. Accepted: whole numbers from 0 to"):
        epoch_order(3, seed, 0)
