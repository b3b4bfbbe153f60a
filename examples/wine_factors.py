"""A table with holes: two in ten results of 178 chemical analyses are hidden, and filled in from the others.

    python examples/wine_factors.py

Every wine i has three numbers U[i, k], every result j has three V[j, k] and a level b[j]; entry i, j is b[j] + sum of U[i, k]*V[j, k] over k.
They are fitted to the entries that are known, as a list of row, column and value. The yardstick is the mean of the column."""

from pathlib import Path

import numpy as np

import symgd as sg

TABLE = Path(__file__).parent / "data" / "wine.csv"
RANK = 3
HIDDEN = 0.2

COST = """mean((b[column[s]] + sum(U[row[s], k]*V[column[s], k], k) - x[s])^2, s)
    + lam*(mean(sum(U[i, k]^2, k), i) + mean(b[j]^2 + sum(V[j, k]^2, k), j))"""


def main() -> None:
    table = np.loadtxt(TABLE, delimiter=",", skiprows=1)[:, :-1]  # without the cultivar
    rows, columns = table.shape
    row, column = np.divmod(np.arange(table.size), columns)
    hidden = np.random.default_rng(0).random(table.size) < HIDDEN
    x = table.ravel()

    axes = f"i:{rows} j:{columns} k:{RANK}"
    cost = sg.parse("(" + COST + ")", axes=axes, parameters=["U", "V", "b"], constants={"lam": 0.1})
    print(cost.gradient.program)
    known = {"row": row[~hidden], "column": column[~hidden], "x": x[~hidden]}
    result = cost.trainer("adam", learning_rate=0.02).fit(known, steps=1500, progress=False)
    print(f"fitted to {np.sum(~hidden)} entries: {result.reason} cost {result.cost:.4f}")

    found = result.parameters
    filled = (found["b"] + found["U"] @ found["V"].T).ravel()
    means = np.array([x[~hidden & (column == j)].mean() for j in range(columns)])
    errors = [np.mean((guess - x)[hidden] ** 2) for guess in (filled, means[column])]
    print(f"mean squared error of {np.sum(hidden)} hidden entries: {errors[0]:.3f}, by column means {errors[1]:.3f}")


if __name__ == "__main__":
    main()
