"""Write the tables of this folder from scikit-learn's bundled data and the NIST reference sets: python make.py [FOLDER]

Made once; the examples and tests read the tables, and nothing is downloaded. README.md names sources and licences."""

import csv
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine

# NIST/ITL StRD, DanWood.dat: energy radiated by a carbon filament lamp (y, per cm^2 and second) at a temperature (x, in 1000 K)
DANWOOD = [
    (1.309, 2.138),
    (1.471, 3.421),
    (1.490, 3.597),
    (1.565, 4.340),
    (1.611, 4.882),
    (1.680, 5.660),
]

# NIST/ITL StRD, ENSO.dat: difference of the atmospheric pressure between Easter Island and Darwin, monthly averages of 14 years
ENSO = """
    12.9 11.3 10.6 11.2 10.9 7.5 7.7 11.7 12.9 14.3 10.9 13.7 17.1 14 15.3 8.5 5.7 5.5 7.6 8.6 7.3 7.6 12.7 11 12.7 12.9 13 10.9 10.4 10.2 8
    10.9 13.6 10.5 9.2 12.4 12.7 13.3 10.1 7.8 4.8 3 2.5 6.3 9.7 11.6 8.6 12.4 10.5 13.3 10.4 8.1 3.7 10.7 5.1 10.4 10.9 11.7 11.4 13.7 14.1
    14 12.5 6.3 9.6 11.7 5 10.8 12.7 10.8 11.8 12.6 15.7 12.6 14.8 7.8 7.1 11.2 8.1 6.4 5.2 12 10.2 12.7 10.2 14.7 12.2 7.1 5.7 6.7 3.9 8.5
    8.3 10.8 16.7 12.6 12.5 12.5 9.8 7.2 4.1 10.6 10.1 10.1 11.9 13.6 16.3 17.6 15.5 16 15.2 11.2 14.3 14.5 8.5 12 12.7 11.3 14.5 15.1 10.4
    11.5 13.4 7.5 0.6 0.3 5.5 5 4.6 8.2 9.9 9.2 12.5 10.9 9.9 8.9 7.6 9.5 8.4 10.7 13.6 13.7 13.7 16.5 16.8 17.1 15.4 9.5 6.1 10.1 9.3 5.3
    11.2 16.6 15.6 12 11.5 8.6 13.8 8.7 8.6 8.6 8.7 12.8 13.2 14 13.4 14.8
"""


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


def enso(folder: Path) -> None:
    write(folder / "enso.csv", ["month", "pressure"], ([str(month), pressure] for month, pressure in enumerate(ENSO.split(), 1)))


def iris(folder: Path) -> None:
    data = load_iris()
    names = [name.removesuffix(" (cm)").replace(" ", "_") for name in data.feature_names]
    rows = ([*map("{:.1f}".format, row), str(species)] for row, species in zip(data.data, data.target, strict=True))
    write(folder / "iris.csv", [*names, "species"], rows)


def wine(folder: Path) -> None:
    data = load_wine()
    names = [name.replace("/", "_") for name in data.feature_names]
    rows = ([*map("{:.10f}".format, row), str(cultivar)] for row, cultivar in zip(standardised(data.data), data.target, strict=True))
    write(folder / "wine.csv", [*names, "cultivar"], rows)


def main(folder: Path) -> None:
    for table in (diabetes, breast_cancer, digits, danwood, enso, iris, wine):
        table(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
