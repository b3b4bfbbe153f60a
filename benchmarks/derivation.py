"""From the text of a formula to its gradient program: symgd beside JAX, which traces the gradient of the same formula, and SymPy, which derives it.

python -m benchmarks.derivation [--sizes 1000,3000,10000,30000,105000] [--patience 20] [--plot growth.png]

The formulas are sums of random terms of four shapes, with a parameter for every ten operations; what stands in one twice counts once, so they have a
few less than asked for. SymPy reads the text, differentiates for each parameter and finds common subexpressions; JAX gets a Python function and makes
the jaxpr of its gradient. A contender that took longer than `patience` seconds is not asked for the next larger size. Growth is the slope of
log time over log size between the two largest sizes: 1 is linear."""

import argparse
import math
import os
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"

import symgd as sg

SHAPES = ("sin({a}*{b})*{c}", "({a} - {x})^2*exp(-{b})", "log(1 + {a}^2)/{b}", "tanh({a} + {b})*{c}^3")
OPERATIONS = (3, 4, 4, 4)  # of each; and one joins them
Term = tuple[int, int, int, int, float]


def terms(size: int) -> list[Term]:
    """(shape, three parameters, a number) of each term, together as many operations as asked for."""
    source, found, operations = random.Random(0), list[Term](), 0
    while operations < size:
        a, b, c = (source.randrange(size // 10 + 2) for _ in range(3))
        found.append((source.randrange(4), a, b, c, round(source.random(), 3)))
        operations += OPERATIONS[found[-1][0]] + 1
    return found


def text(formula: Sequence[Term]) -> str:
    return " + ".join(SHAPES[shape].format(a=f"w{a}", b=f"w{b}", c=f"w{c}", x=x) for shape, a, b, c, x in formula)


def with_symgd(formula: Sequence[Term]) -> tuple[int, int]:
    """The operations of the cost, and of cost and gradient."""
    cost = sg.parse(text(formula))
    return cost.program.operations, cost.gradient.program.operations


def with_jax(formula: Sequence[Term]) -> None:
    import jax
    import jax.numpy as jnp

    names = {name: n for n, name in enumerate(sorted({name for _, *used, _ in formula for name in used}))}

    def f(*w: Any) -> Any:
        shapes: Sequence[Callable[..., Any]] = (
            lambda a, b, c, x: jnp.sin(a * b) * c,
            lambda a, b, c, x: (a - x) ** 2 * jnp.exp(-b),
            lambda a, b, c, x: jnp.log(1 + a**2) / b,
            lambda a, b, c, x: jnp.tanh(a + b) * c**3,
        )
        return sum(shapes[shape](w[names[a]], w[names[b]], w[names[c]], x) for shape, a, b, c, x in formula)

    jax.make_jaxpr(jax.grad(f, argnums=tuple(range(len(names)))))(*[1.0] * len(names))


def with_sympy(formula: Sequence[Term]) -> None:
    import sympy as sp

    cost = sp.sympify(text(formula).replace("^", "**"))
    sp.cse([cost, *(cost.diff(letter) for letter in sorted(cost.free_symbols, key=str))])


CONTENDERS: dict[str, Callable[[Sequence[Term]], Any]] = {"symgd": with_symgd, "JAX": with_jax, "SymPy": with_sympy}


def measured(sizes: Sequence[int], patience: float) -> dict[str, dict[int, float]]:
    """contender -> size -> seconds. Prints a line a size."""
    print(f"{'operations':>10}{'symgd s':>10}{'us/op':>8}{'grad/cost':>10}{'JAX s':>10}{'SymPy s':>10}")
    seconds: dict[str, dict[int, float]] = {name: {} for name in CONTENDERS}
    for run in CONTENDERS.values():
        run(terms(100))  # imports
    for size in sizes:
        formula, counts = terms(size), (1, 1)
        for name, run in CONTENDERS.items():
            if max(seconds[name].values(), default=0) <= patience:
                start = time.perf_counter()
                counts = run(formula) or counts
                seconds[name][size] = time.perf_counter() - start
        shown = [f"{seconds[name][size]:10.2f}" if size in seconds[name] else f"{'-':>10}" for name in CONTENDERS]
        ours = seconds["symgd"].get(size, math.nan)
        print(f"{counts[0]:>10,}{shown[0]}{1e6 * ours / counts[0]:8.1f}{counts[1] / counts[0]:10.2f}{shown[1]}{shown[2]}", flush=True)
    return seconds


def growth(seconds: dict[int, float]) -> float:
    (small, short), (large, long) = sorted(seconds.items())[-2:]
    return math.log(long / short) / math.log(large / small)


def plot(seconds: dict[str, dict[int, float]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel="operations of the cost", ylabel="seconds from text to gradient program")
    for (name, found), marker in zip(seconds.items(), "osv", strict=True):
        axes.plot(found.keys(), found.values(), marker=marker, label=f"{name}, growth {growth(found):.2f}" if len(found) > 1 else name)
    (size, first), *_, (last, _) = seconds["symgd"].items()
    axes.plot([size, last], [first, first * last / size], color="grey", linestyle=":", label="linear")
    axes.grid(alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=lambda typed: [int(part) for part in typed.split(",")], default=[1000, 3000, 10000, 30000, 105000])
    parser.add_argument("--patience", type=float, default=20)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    seconds = measured(options.sizes, options.patience)
    print(*(f"growth of {name}: {growth(found):.2f}" for name, found in seconds.items() if len(found) > 1), sep="; ")
    if options.plot:
        plot(seconds, options.plot)


if __name__ == "__main__":
    main()
