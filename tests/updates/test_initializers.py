"""Start values: the moments of each law, a stream for each parameter, and what a user may write."""

import math
import pickle

import numpy as np
import pytest
import sympy as sp

from symgd.errors import InputError
from symgd.updates.initializers import Initializer, initializers, start_values

ROWS = pytest.mark.parametrize("row", initializers.values(), ids=lambda row: row.name)
SHAPES = [(), (1,), (5,), (0,), (3, 4), (0, 4), (4, 3, 2, 2)]
LARGE = (300, 200)


@ROWS
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_law_fills_every_shape(row, shape):
    (found,) = start_values({"W": shape}, row).values()
    assert (found.shape, found.dtype) == (shape, np.float64)
    assert np.isfinite(found).all()
    assert (found == start_values({"W": shape}, row.name)["W"]).all()
    found[...] = 1  # an array of its own


# initializer, smallest and largest possible value, mean, variance of a 300 x 200 array
GLOROT = math.sqrt(6 / 500)
MOMENTS = [
    (initializers["random"], -GLOROT, GLOROT, 0, GLOROT**2 / 3),
    (initializers["glorot"], -GLOROT, GLOROT, 0, 2 / 500),
    (initializers["normal"], -math.inf, math.inf, 0, 0.01),
    (initializers["normal"](mean=3, deviation=2), -math.inf, math.inf, 3, 4),
    (initializers["uniform"], -0.1, 0.1, 0, 0.04 / 12),
    (initializers["uniform"](low=1, high=3), 1, 3, 2, 4 / 12),
    (initializers["zeros"], 0, 0, 0, 0),
    (initializers["constant"](value=-2.5), -2.5, -2.5, -2.5, 0),
    (Initializer("he", "sqrt(2/fan_in)*z", small="0", source="He et al. 2015"), -math.inf, math.inf, 0, 2 / 200),
]


@pytest.mark.parametrize(("row", "low", "high", "mean", "variance"), MOMENTS, ids=lambda case: getattr(case, "name", ""))
def test_the_moments_are_those_of_the_law(row, low, high, mean, variance):
    found = start_values({"W": LARGE}, row, seed=7)["W"]
    assert found.min() >= low
    assert found.max() <= high
    assert found.mean() == pytest.approx(mean, abs=5 * math.sqrt(variance / found.size) + 1e-15)
    assert found.var() == pytest.approx(variance, rel=0.05)


def test_a_further_axis_counts_for_both_fans():
    kernel = start_values({"K": (8, 4, 5, 5)}, "glorot")["K"]
    limit = math.sqrt(6 / (4 * 25 + 8 * 25))
    assert 0.99 * limit < abs(kernel).max() <= limit


@pytest.mark.parametrize(("name", "start"), [("glorot", 0), ("zeros", 0), ("random", None)])
def test_scalars_and_vectors(name, start):
    found = start_values({"b": (), "v": (50,)}, name)
    if start is None:
        assert len({float(found["b"]), *found["v"].tolist()}) == 51
        assert found["v"].std() == pytest.approx(0.1, rel=0.5)
    else:
        assert float(found["b"]) == start
        assert (found["v"] == start).all()


def test_by_default_no_two_units_of_a_layer_start_equal():
    for found in start_values({"W": (6, 4), "b": (6,), "v": (6,), "c": ()}).values():
        assert len(np.unique(found)) == found.size


def test_another_parameter_changes_none_of_the_others():
    alone = start_values({"W": (3, 2)}, seed=5)["W"]
    for shapes in ({"b": (3,), "W": (3, 2)}, {"W": (3, 2), "V": (3, 2)}):
        assert (start_values(shapes, seed=5)["W"] == alone).all()
    both = start_values({"W": (3, 2), "V": (3, 2)}, seed=5)
    assert not np.isclose(both["W"], both["V"]).any()
    assert not np.isclose(start_values({"W": (3, 2)}, seed=6)["W"], alone).any()


@pytest.mark.parametrize("key", ["w", sp.Symbol("w"), sp.IndexedBase("w")], ids=["name", "Symbol", "IndexedBase"])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (1.5, [1.5, 1.5]),
        (2, [2, 2]),
        ([1, 2], [1, 2]),
        (np.array([1, 2], dtype=np.int8), [1, 2]),
        (np.array([1, 9, 2, 9], dtype=">f4")[::2], [1, 2]),
        ("zeros", [0, 0]),
        (initializers["constant"](value=4), [4, 4]),
    ],
    ids=str,
)
def test_a_mapping_gives_some_parameters_their_start(key, given, expected):
    found = start_values({"w": (2,), "b": ()}, {key: given})
    assert found["w"].tolist() == expected
    assert float(found["b"]) == float(start_values({"b": ()})["b"])


def test_the_users_array_is_copied():
    own = np.ones(2)
    start_values({"w": (2,)}, {"w": own})["w"][0] = 7
    assert own.tolist() == [1, 1]


WRONG = [
    ("glorrot", "There is no initializer glorrot; was glorot meant?"),
    (3, "start is 3. Accepted: an initializer or its name: random, normal"),
    ({"v": 1}, "There is no parameter v"),
    ({"w": "gloro"}, "There is no initializer gloro; was glorot meant?"),
    ({"w": [1, 2, 3]}, r"The start of w has shape (3,). Accepted: shape (2,)."),
    ({"w": [[1], [2, 3]]}, "rows of unequal lengths"),
    ({"w": [1, math.nan]}, "The start of w is nan at w[1]. Accepted: finite numbers."),
    ({"w": [1, math.inf]}, "The start of w is inf at w[1]"),
    ({"w": math.nan}, "The start of w is nan"),
    ({"w": [1j, 1]}, "The start of w holds complex128. Accepted: real numbers."),
    ({"w": ["a", "b"]}, "Accepted: real numbers."),
    ({"w": [True, False]}, "The start of w holds bool"),
    ({"w": None}, "The start of w is None"),
    ({"w": np.ma.masked_array([1.0, 2.0], [False, True])}, "The start of w has masked entries"),
    (Initializer("mine", "1/(u - u)"), "mine starts an array of shape (2,) with a value that is not finite"),
    (Initializer("mine", "g*u"), "mine knows no g in g*u"),
    (Initializer("mine", "fan_in*u"), "no fan_in and fan_out for scalars and vectors"),
]


@pytest.mark.parametrize(("spec", "message"), WRONG)
def test_a_wrong_start_is_refused(spec, message):
    with pytest.raises(InputError) as refused:
        start_values({"w": (2,)}, spec)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("normal", {"deviation": -1}, "deviation is -1. Accepted: [0, oo)."),
        ("normal", {"sigma": 1}, "There is no setting of normal named sigma. Accepted: mean, deviation."),
        ("uniform", {"low": 2}, "uniform has low = 2, high = 0.1. Accepted: low < high."),
        ("constant", {"value": "one"}, "value is one. Accepted: a number in (-oo, oo)."),
    ],
)
def test_a_wrong_setting_is_refused(name, given, message):
    with pytest.raises(InputError) as refused:
        initializers[name](**given)
    assert message in str(refused.value)


@ROWS
def test_an_initializer_is_a_value(row):
    copy = pickle.loads(pickle.dumps(row))
    assert copy == row
    assert hash(copy) == hash(row)
    assert row.text().startswith(row.law)
