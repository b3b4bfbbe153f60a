"""Write the tables of this folder from scikit-learn's bundled data and the NIST reference set: python make.py [FOLDER]

Made once; the examples and tests read the tables, and nothing is downloaded. README.md names sources and licences."""

import csv
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

# NIST/ITL StRD, DanWood.dat: energy radiated by a carbon filament lamp (y, per cm^2 and second) at a temperature (x, in 1000 K)
DANWOOD = [
    (1.309, 2.138),
    (1.471, 3.421),
    (1.490, 3.597),
    (1.565, 4.340),
    (1.611, 4.882),
    (1.680, 5.660),
]


def standardised(columns: np.ndarray) -> np.ndarray:
    """Every column with mean 0 and standard deviation 1 (that of the population: divided by m, not m - 1)."""
    return (columns - columns.mean(axis=0)) / columns.std(axis=0)


def write(path: Path, header: list[str], rows: Iterable[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)


def diabetes(folder: Path) -> None:
    data = load_diabetes(scaled=False)
    rows = ([*map("{:.10f}".format, row), f"{target:.0f}"] for row, target in zip(standardised(data.data), data.target, strict=True))
    write(folder / "diabetes.csv", [*data.feature_names, "target"], rows)


def breast_cancer(folder: Path) -> None:
    data = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in data.feature_names]
    rows = ([*map("{:.10f}".format, row), str(label)] for row, label in zip(standardised(data.data), data.target, strict=True))
    write(folder / "breast_cancer.csv", [*names, "label"], rows)


def digits(folder: Path) -> None:
    data = load_digits()
    np.savez_compressed(folder / "digits.npz", X=data.data / 16, Y=np.eye(10)[data.target], label=data.target.astype(np.int64))


def danwood(folder: Path) -> None:
    write(folder / "danwood.csv", ["x", "y"], ([f"{x:.3f}", f"{y:.3f}"] for x, y in DANWOOD))


def main(folder: Path) -> None:
    for table in (diabetes, breast_cancer, digits, danwood):
        table(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
