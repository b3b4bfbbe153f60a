"""Cost and gradient of an LSTM by backpropagation through time, one thread, float64: symgd beside JAX's scan, at four lengths of the series.

python -m benchmarks.lstm [--hidden 32] [--inputs 16] [--lengths 250,500,1000,2000] [--rounds 20]

Contenders take turns, so that a machine that gets slower or busy does so for both; the fastest of the rounds is printed, and the speed, JAX's
time over symgd's, also round by round. Memory is what the compiled functions work on beside their arguments: for symgd counted from the arrays of
the program, for JAX what XLA says of its buffers. The last column is the largest difference of a derivative, against the largest derivative."""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

# One thread for both; read by the libraries when they are imported.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_ENABLE_X64"] = "1"

import numpy as np

import symgd as sg

GATES = "afog"  # input, forget, output, candidate
Gradient = dict[str, Any]
Run = Callable[[], tuple[float, Gradient]]


def cost() -> sg.Cost:
    """The mean squared error of a linear read-out of an LSTM."""
    sums = {gate: f"sum(W{gate}[k, l]*h[t, l], l) + sum(U{gate}[k, j]*x[t, j], j) + b{gate}[k]" for gate in GATES}
    return sg.parse(
        "mean((sum(v[k]*h[t + 1, k], k) - y[t])^2, t)",
        where={
            "h[0, k]": "0",
            "c[0, k]": "0",
            **{f"{gate}[t, k]": f"{'tanh' if gate == 'g' else 'sigmoid'}({total})" for gate, total in sums.items()},
            "c[t + 1, k]": "f[t, k]*c[t, k] + a[t, k]*g[t, k]",
            "h[t + 1, k]": "o[t, k]*tanh(c[t + 1, k])",
        },
        axes="t:T j:d k:h l:h",
        parameters=[*(f"{kind}{gate}" for gate in GATES for kind in "WUb"), "v"],
    )


def values(hidden: int, inputs: int, length: int) -> tuple[Gradient, Gradient]:
    """(parameters, data), at random."""
    random = np.random.default_rng(0)
    shapes = {"W": (hidden, hidden), "U": (hidden, inputs), "b": (hidden,)}
    parameters = {f"{kind}{gate}": random.normal(size=shape) / np.sqrt(shape[-1]) for gate in GATES for kind, shape in shapes.items()}
    parameters["v"] = random.normal(size=hidden) / np.sqrt(hidden)
    return parameters, {"x": random.normal(size=(length, inputs)), "y": random.normal(size=length)}


def with_symgd(parameters: Gradient, data: Gradient) -> tuple[Run, int]:
    """The compiled gradient, and the bytes that it works on."""
    problem = cost()
    f, arguments = problem.compiled(), [*(parameters[name] for name in problem.parameters), *(data[name] for name in problem.data)]

    def run() -> tuple[float, Gradient]:
        value, slopes = f(*arguments)
        return value, dict(zip(problem.parameters, slopes, strict=True))

    kernels = problem._kernels
    bound = kernels.bind(*kernels.inputs(parameters, data))
    return run, 8 * sum(bound.memory[slot.identifier].size for slot in kernels.generated.slots("computed", "block", "share"))


def with_jax(parameters: Gradient, data: Gradient) -> tuple[Run, int]:
    import jax
    import jax.numpy as jnp

    def f(q: Gradient, x: jax.Array, y: jax.Array) -> jax.Array:
        def step(state: tuple[jax.Array, jax.Array], now: jax.Array) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
            h, c = state
            a, f, o, g = (q["W" + gate] @ h + q["U" + gate] @ now + q["b" + gate] for gate in GATES)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(a) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        start = jnp.zeros(len(q["bf"]))
        return jnp.mean((jax.lax.scan(step, (start, start), x)[1] @ q["v"] - y) ** 2)

    q, x, y = {name: jnp.asarray(value) for name, value in parameters.items()}, jnp.asarray(data["x"]), jnp.asarray(data["y"])
    compiled = jax.jit(jax.value_and_grad(f)).lower(q, x, y).compile()

    def run() -> tuple[float, Gradient]:
        value, slopes = jax.block_until_ready(compiled(q, x, y))
        return float(value), slopes

    return run, compiled.memory_analysis().temp_size_in_bytes


def seconds(run: Run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def differs(found: tuple[float, Gradient], expected: tuple[float, Gradient]) -> float:
    largest = max(float(np.abs(slope).max()) for slope in expected[1].values())
    slopes = max(float(np.abs(np.asarray(found[1][name]) - np.asarray(slope)).max()) for name, slope in expected[1].items())
    return max(abs(found[0] - expected[0]) / abs(expected[0]), slopes / largest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--inputs", type=int, default=16)
    parser.add_argument("--lengths", type=lambda text: [int(part) for part in text.split(",")], default=[250, 500, 1000, 2000])
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):  # Linux: one core holds every thread pool to one thread
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    print(f"LSTM of {options.hidden} units on {options.inputs} inputs, cost and gradient, one thread; the fastest of {options.rounds} rounds")
    print(f"{'':8}{'symgd':>10}{'':>10}{'':>10}{'JAX':>10}{'':>10}{'':>10}{'speed,':>10}{'':>20}")
    print(f"{'steps':8}" + 2 * f"{'ms':>10}{'us/step':>10}{'MB':>10}" + f"{'JAX = 1':>10}{'from':>8}{'to':>8}{'differs by':>12}")
    for length in options.lengths:
        parameters, data = values(options.hidden, options.inputs, length)
        (ours, our_bytes), (theirs, their_bytes) = with_symgd(parameters, data), with_jax(parameters, data)
        difference = differs(ours(), theirs())  # compiles
        times = np.array([[seconds(ours), seconds(theirs)] for _ in range(options.rounds)])
        row = "".join(
            f"{1000 * best:10.2f}{1e6 * best / length:10.2f}{size / 1e6:10.2f}"
            for best, size in zip(times.min(axis=0), (our_bytes, their_bytes), strict=True)
        )
        speed, rounds = times[:, 1].min() / times[:, 0].min(), times[:, 1] / times[:, 0]
        print(f"{length:<8}{row}{speed:10.2f}{rounds.min():8.2f}{rounds.max():8.2f}{difference:12.1e}", flush=True)


if __name__ == "__main__":
    main()
