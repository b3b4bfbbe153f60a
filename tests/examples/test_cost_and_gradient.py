"""The first lesson runs, and what it prints is right."""

import contextlib
import io
import re
import runpy
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

LESSON = Path(__file__).parents[2] / "examples" / "cost_and_gradient.py"


@pytest.fixture(scope="module")
def printed():
    """What the example prints."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        runpy.run_path(str(LESSON), run_name="__main__")
    return shown.getvalue()


def test_one_parameter_is_told_with_its_numbers(printed):
    assert "In short: cost 4, gradient -4, so w goes from 1 to 1.4; new cost 2.56." in printed
    assert "is zero at w = 3" in printed
    assert "It did not go down" in printed


def test_partial_derivatives_come_one_at_a_time_and_then_stacked(printed):
    alone = re.findall(r"(\w) fixed: dC/d(\w) = (.*)", printed)
    assert {(fixed, free) for fixed, free, _ in alone} == {("b", "w"), ("w", "b")}
    assert printed.index("fixed: ") < printed.index(r"\nabla C = \begin{bmatrix}")


def test_training_ends_at_the_least_squares(printed):
    table = np.genfromtxt(LESSON.parent / "data" / "diabetes.csv", delimiter=",", names=True)
    w, b = np.polyfit(table["bmi"], table["target"], 1)
    ends = {name: (float(value), float(slope)) for name, value, slope in re.findall(r"end +(\w) +(\S+) +(\S+)", printed)}
    assert ends["w"][0] == pytest.approx(w, abs=1e-5)
    assert ends["b"][0] == pytest.approx(b, abs=1e-5)
    assert all(abs(slope) < 1e-8 for _, slope in ends.values())


def test_the_log_goes_down(printed):
    log = printed[printed.index("All updates:") :]
    costs = [float(cost) for cost, _ in re.findall(r"^ +\d+ +(\d+\.\d+) +(\S+)$", log, re.MULTILINE)]
    assert len(costs) > 10
    assert all(later <= earlier for earlier, later in pairwise(costs))
