"""A recurrent network on a real series: the pressure of the next month from all months before it.

    python examples/enso_rnn.py

Trained on 11 years of the air pressure between Easter Island and Darwin (El Nino and the Southern Oscillation), tested on the 3 years after them.
The yardstick is persistence: next month will be like this one."""

from pathlib import Path

import numpy as np
import sympy as sp

import symgd as sg

SERIES = Path(__file__).parent / "data" / "enso.csv"
TRAINING = 132  # months, 11 years
UNITS = 4
PENALTY = 0.03


def network() -> sg.Cost:
    """The mean squared error of predicting y[t + 1] from y[0], ..., y[t] and the season, and a penalty on the weights."""
    t, k, l = sg.axes(f"t:T k:{UNITS} l:{UNITS}")
    y, h, p, W, u, a, b, r, v = sp.symbols("y h p W u a b r v", cls=sp.IndexedBase)
    c, season = sp.Symbol("c"), 2*sp.pi*t/12
    weights = sg.total(W[k, l]**2, k, l) + sg.total(u[k]**2 + a[k]**2 + b[k]**2 + v[k]**2, k)
    return sg.Cost(
        sg.mean((p[t] - y[t + 1])**2, t) + PENALTY*weights,
        where={
            h[0, k]: 0,
            h[t + 1, k]: sp.tanh(sg.total(W[k, l]*h[t, l], l) + u[k]*y[t] + a[k]*sp.cos(season) + b[k]*sp.sin(season) + r[k]),
            p[t]: sg.total(v[k]*h[t + 1, k], k) + c,
        },
        parameters=[W, u, a, b, r, v, c],
    )


def main() -> None:
    pressure = np.loadtxt(SERIES, delimiter=",", skiprows=1)[:, 1]
    mean, deviation = pressure[:TRAINING].mean(), pressure[:TRAINING].std()
    y = (pressure - mean)/deviation

    cost = network()
    print(cost.gradient.program)
    result = cost.trainer("adam", learning_rate=0.01).fit({"y": y[:TRAINING]}, steps=1500, progress=False)
    print(f"trained on {TRAINING} months: {result.reason} cost {result.cost:.4f}")

    predicted = result.compute("p", {"y": y})  # the network runs on through the months that it has not seen, and one month further
    errors = (deviation*(predicted[:-1] - y[1:]))**2
    persistence = np.diff(pressure)**2
    for months, first, last in (("trained on", 0, TRAINING - 1), ("held out", TRAINING - 1, None)):
        print(f"mean squared error, {months}: network {errors[first:last].mean():.2f}, persistence {persistence[first:last].mean():.2f}")
    print(f"the month after the series: {mean + deviation*predicted[-1]:.1f}, after {pressure[-1]:.1f} in the last one")


if __name__ == "__main__":
    main()
