"""The table of answers, judged: right ones are never refused, wrong ones never accepted, and the mistake is named."""

import random
import statistics
import time
from collections import Counter

import pytest

from symgd.verification.verify import verify

from .answers import rows

pytestmark = pytest.mark.slow
SEED = 20261126  # splits the table: what is tuned is tuned on the one half, what is reported is the other one


@pytest.fixture(scope="module")
def judged():
    """(row, verdict, seconds) for the whole table."""
    found = []
    for row in rows():
        began = time.perf_counter()
        (verdict,) = verify(row.problem.read, {row.parameter: row.answer}).verdicts.values()
        found.append((row, verdict, time.perf_counter() - began))
    return found


def halves(judged):
    order = list(range(len(judged)))
    random.Random(SEED).shuffle(order)
    tuned = set(order[: len(order) // 2])
    return [[one for n, one in enumerate(judged) if (n in tuned) == side] for side in (True, False)]


def test_right_answers_are_proved_or_equal_but_for_what_they_divide_by(judged):
    """An answer that divides by w where the derivative does not is right where w != 0."""
    right = [(str(row), verdict) for row, verdict, _ in judged if row.verdict == "right"]
    open_ones = {name: verdict.needs for name, verdict in right if not verdict.correct}
    assert len(right) >= 150 and not any(verdict.correct is False for _, verdict in right)
    assert all(needs == ("w != 0",) for needs in open_ones.values()) and len(open_ones) <= 3, open_ones
    assert sum(verdict.status == "proved" for _, verdict in right) >= 0.95 * len(right)


def test_wrong_answers_are_never_accepted(judged):
    assert [str(row) for row, verdict, _ in judged if row.verdict in ("wrong", "unexplained") and verdict.correct] == []


def test_the_mistake_is_among_the_two_that_are_named(judged):
    for half in halves(judged):
        wrong = [(row, {one.kind for one in verdict.mistakes}) for row, verdict, _ in half if row.verdict == "wrong"]
        missed = [f"{row}: {kinds}, not {row.kinds}" for row, kinds in wrong if kinds.isdisjoint(row.kinds)]
        assert len(wrong) >= 150 and len(missed) <= 0.1 * len(wrong), missed
        assert all(len(kinds) <= 2 for _, kinds in wrong)


def test_what_follows_from_no_known_mistake_gets_no_name(judged):
    found = [(row, verdict) for row, verdict, _ in judged if row.verdict == "unexplained"]
    assert len(found) >= 50
    assert sum(bool(verdict.mistakes) for _, verdict in found) <= 5
    assert all(verdict.witness is not None and "no known mistake" in verdict.reason for _, verdict in found if not verdict.mistakes)


WORDS = {
    "A is symmetric": "A is symmetric", "y is 1 or -1": "y is -1 or 1", "y is 0 or 1": "y is 0 or 1", "q is 0 or 1": "q is 0 or 1",
    "x >= 0": "x > 0", "the sum of Y is 1": "the sum of Y is 1", "the rows of Y sum to 1": "the rows of Y sum to 1",
}  # fmt: skip


def test_conditional_answers_name_what_they_need(judged):
    found = [(row, verdict) for row, verdict, _ in judged if row.verdict == "conditional"]
    assert len(found) >= 30
    for row, verdict in found:
        assert (verdict.status, verdict.correct) == ("conditional", None), row
        assert verdict.needs[0].startswith(WORDS.get(row.needs, row.needs)), (row, verdict.needs)


def test_an_answer_does_not_take_long(judged):
    """Not a measurement: ten times what is expected, so that a search without an end is seen."""
    seconds = [spent for _, _, spent in judged]
    assert statistics.median(seconds) < 3 and max(seconds) < 30, Counter(round(one) for one in seconds)
