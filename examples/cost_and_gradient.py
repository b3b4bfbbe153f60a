"""The first lesson: a cost is one number, its gradient a vector of partial derivatives, and training walks against it.

    python examples/cost_and_gradient.py

Every formula and every number below is printed by symgd; docs/first_lesson.md tells the same with the code beside it.
"""

from pathlib import Path

import numpy as np
import sympy as sp

import symgd as sg

PATIENTS = Path(__file__).parent / "data" / "diabetes.csv"
RATE = 0.1

w, b = sp.symbols("w b")
x, y = sg.samples("x y")


def main() -> None:
    one_parameter()
    several_parameters()
    result = training()
    summary(result)


def one_parameter() -> None:
    title("1. One parameter")
    cost = sg.Cost((w - 3) ** 2)
    say("One update of gradient descent from w = 1:")
    told = cost.explain({w: 1}, learning_rate=RATE)
    print(told, end="\n\n")
    say("The same again and again, each update from where the last one ended:")
    print("    step        w     cost   gradient   new w")
    for step in range(1, 6):
        print(f"    {step:>4} {told.parameters[w]:>8.4f} {told.cost:>8.4f} {told.gradient[w]:>10.4f} {told.new_parameters[w]:>7.4f}")
        told = cost.explain(told.new_parameters, learning_rate=RATE)
    (lowest,) = sp.solve(cost.gradient[w], w)
    say(f"The gradient {cost.gradient[w]} is zero at w = {lowest}: there the updates end.", above=True)
    say("With a rate that is too large, the same update climbs:")
    print(cost.explain({w: 1}, learning_rate=11 * RATE))


def several_parameters() -> None:
    title("2. Several parameters")
    squares = sg.mean((w * x + b - y) ** 2)
    say("A line through data: the cost is the mean square of what is left between w*x + b and y.")
    print(f"    {sg.Cost(squares).text()}", end="\n\n")
    say("One partial derivative at a time: one parameter moves, the others are fixed.")
    for parameter, fixed in ((w, b), (b, w)):
        alone = sg.Cost(squares, parameters=[parameter], constants=[fixed])
        print(f"    {fixed} fixed: {alone.gradient.text()}")
    say("Stacked, they are the gradient, a vector with one entry for each parameter:", above=True)
    print(f"    {sg.Cost(squares).gradient.latex()}")


def training() -> sg.Result:
    title("3. Training")
    table = np.genfromtxt(PATIENTS, delimiter=",", names=True)
    data = {x: table["bmi"], y: table["target"]}
    cost = sg.Cost(sg.mean((w * x + b - y) ** 2))
    start = dict(zip((w, b), np.random.default_rng(0).normal(size=2).round(3), strict=True))
    say(f"Real data: x is the body mass index of {len(table)} patients, standardised, y how far their diabetes has gone a year later.")
    say("Initialise at random; then forward pass, cost, gradient, update, and again from the new values. The first update:")
    print(cost.explain(start, learning_rate=RATE, data=data), end="\n\n")

    result = cost.trainer("gradient_descent", learning_rate=RATE).fit(data, start=start, steps=200)
    say("All updates:")
    print("    step           cost   gradient norm")
    history = result.history
    shown = sorted({*range(3), *range(9, len(history), 10)})
    for step, value, norm in zip(history.step[shown], history.cost[shown], history.gradient_norm[shown], strict=True):
        print(f"    {step:>4} {value:>14.6f} {norm:>15.6g}")
    say(f"{result.reason} Cost {result.cost:.6f}.", above=True)
    say("Parameter values and gradient values, at the start and at the end, are different things:")
    begin = cost.evaluate(start, data)
    print("                  parameter value   gradient value")
    for when, values, gradient in (("start", start, begin.gradient), ("end", result.parameters, result.gradient)):
        for name in (w, b):
            print(f"    {when:<8}{name!s:<6}{float(values[name]):>15.6f}{float(gradient[name]):>17.6g}")
    return result


def summary(result: sg.Result) -> None:
    title("4. Summary")
    say(f"The cost is one number: {result.cost:.6f} says how well the parameters fit all samples together.")
    say(f"The gradient is a vector of {len(result.gradient)} numbers: which way and how steeply the cost changes with each parameter alone.")
    values = ", ".join(f"{name} = {value:.6f}" for name, value in result.parameters.items())
    say(f"The parameters are what is learned: {values}. An update subtracts the learning rate times the gradient from them.")
    say("At the lowest point the gradient is zero, and the updates end by themselves.")


def title(words: str) -> None:
    print(f"\n{words}\n{'=' * len(words)}")


def say(words: str, above: bool = False) -> None:
    print(f"\n{words}" if above else words)


if __name__ == "__main__":
    main()
