"""The tables of examples/data are what their README says, and what make.py writes."""

import runpy
from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).parents[1] / "examples" / "data"
CSV = {
    "diabetes.csv": (442, 11),
    "breast_cancer.csv": (569, 31),
    "danwood.csv": (6, 2),
    "enso.csv": (168, 2),
    "iris.csv": (150, 5),
    "wine.csv": (178, 14),
}


def table(path: Path) -> np.ndarray:
    return np.loadtxt(path, delimiter=",", skiprows=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    runpy.run_path(str(DATA / "make.py"))["main"](folder)
    return folder


@pytest.mark.parametrize("name", CSV)
def test_make_writes_the_same_table_again(made, name):
    assert (DATA / name).read_text().partition("\n")[0] == (made / name).read_text().partition("\n")[0]
    assert table(DATA / name).shape == CSV[name]
    assert table(DATA / name) == pytest.approx(table(made / name), abs=1.1e-10)


@pytest.mark.parametrize("name", ["diabetes.csv", "breast_cancer.csv", "wine.csv"])
def test_the_columns_are_standardised(name):
    columns = table(DATA / name)[:, :-1]
    assert columns.mean(axis=0) == pytest.approx(0, abs=1e-10)
    assert columns.std(axis=0) == pytest.approx(1, abs=1e-10)


def test_the_digits_are_pixels_labels_and_one_hot_rows(made):
    with np.load(DATA / "digits.npz") as digits, np.load(made / "digits.npz") as again:
        assert {name: digits[name].shape for name in digits} == {"X": (1797, 64), "Y": (1797, 10), "label": (1797,)}
        assert all(np.array_equal(digits[name], again[name]) for name in digits)
        assert digits["X"].min() == 0 and digits["X"].max() == 1
        assert np.array_equal(digits["Y"].argmax(axis=1), digits["label"]) and np.all(digits["Y"].sum(axis=1) == 1)


def test_the_tables_are_small():
    assert sum(path.stat().st_size for path in DATA.iterdir() if path.is_file()) < 1_000_000
