"""Logistic regression by full-batch gradient descent, one thread, float64: symgd beside JAX, torch and NumPy.

python -m benchmarks.logistic [--rows 400000] [--columns 50] [--steps 20] [--rounds 7]

Every round runs each contender for n and for 2n steps; the difference is n steps without compiling and setting up. Contenders take turns within a
round, so that a machine that gets slower or busy does so for all of them; medians over the rounds are printed. The speed is JAX's time over the
contender's, round by round. Only symgd computes the cost of every step as well; the others need its gradient alone."""

import argparse
import os
import time
from collections.abc import Callable

# One thread for everybody; read by the libraries when they are imported.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_ENABLE_X64"] = "1"

import numpy as np

LEARNING_RATE = 0.1
REFERENCE = "JAX, jitted loop"
Run = Callable[[int], np.ndarray]  # steps -> the parameters after them


def with_symgd(X: np.ndarray, y: np.ndarray) -> Run:
    import sympy as sp

    import symgd as sg

    i, j = sg.axes("i:m j:d")
    X_, y_, w, z = sp.symbols("X y w z", cls=sp.IndexedBase)
    cost = sg.Cost(sg.mean(sp.log(1 + sp.exp(z[i])) - y_[i] * z[i], i), where={z[i]: sg.total(X_[i, j] * w[j], j)}, parameters=[w])
    trainer = cost.trainer("gradient_descent", learning_rate=LEARNING_RATE)
    return lambda steps: trainer.fit({"X": X, "y": y}, start={"w": np.zeros(X.shape[1])}, steps=steps, tolerance=0, progress=False).parameters["w"]


def with_jax(X: np.ndarray, y: np.ndarray) -> Run:
    import jax
    import jax.numpy as jnp

    def cost(w: jax.Array, X: jax.Array, y: jax.Array) -> jax.Array:
        z = X @ w
        return jnp.mean(jnp.log1p(jnp.exp(z)) - y * z)

    @jax.jit
    def train(w: jax.Array, X: jax.Array, y: jax.Array, steps: int) -> jax.Array:
        return jax.lax.fori_loop(0, steps, lambda _, w: w - LEARNING_RATE * jax.grad(cost)(w, X, y), w)

    data = jnp.asarray(X), jnp.asarray(y)
    return lambda steps: np.asarray(train(jnp.zeros(X.shape[1]), *data, steps))


def with_torch(X: np.ndarray, y: np.ndarray) -> Run:
    import torch

    torch.set_num_threads(1)
    X_, y_ = torch.from_numpy(X), torch.from_numpy(y)

    def run(steps: int) -> np.ndarray:
        w = torch.zeros(X.shape[1], dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=LEARNING_RATE)
        for _ in range(steps):
            optimizer.zero_grad()
            z = X_ @ w
            torch.mean(torch.log1p(torch.exp(z)) - y_ * z).backward()
            optimizer.step()
        return w.detach().numpy()

    return run


def with_numpy(X: np.ndarray, y: np.ndarray) -> Run:
    def run(steps: int) -> np.ndarray:
        w = np.zeros(X.shape[1])
        for _ in range(steps):
            w -= LEARNING_RATE / len(X) * (X.T @ (1 / (1 + np.exp(-(X @ w))) - y))
        return w

    return run


CONTENDERS = {"symgd": with_symgd, REFERENCE: with_jax, "torch, eager": with_torch, "NumPy, gradient by hand": with_numpy}


def seconds_per_step(run: Run, steps: int) -> float:
    """The time of 2n steps less that of n, over n."""
    times = []
    for count in (steps, 2 * steps):
        start = time.perf_counter()
        run(count)
        times.append(time.perf_counter() - start)
    return (times[1] - times[0]) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):  # Linux: one core holds every thread pool to one thread
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    generator = np.random.default_rng(0)
    X = generator.standard_normal((options.rows, options.columns))
    y = (X @ generator.standard_normal(options.columns) + generator.logistic(size=options.rows) > 0).astype(float)

    print(f"logistic regression, {options.rows:,} x {options.columns}, full batch, float64, one thread; medians of {options.rounds} rounds")
    runs, found = {}, {}
    for name, contender in CONTENDERS.items():
        try:
            runs[name] = contender(X, y)
        except ModuleNotFoundError as missing:
            print(f"{name:26}{missing.name} is not installed; `make bench` installs it")
            continue
        found[name] = runs[name](options.steps)  # compiles
    seconds = {name: np.array([0.0] * options.rounds) for name in runs}
    for n in range(options.rounds):
        for name, run in runs.items():
            seconds[name][n] = seconds_per_step(run, options.steps)

    print(f"{'':26}{'ms a step':>12}{'speed, JAX = 1':>18}{'from':>8}{'to':>8}{'w differs by':>16}")
    for name, times in seconds.items():
        shown = f"{'-':>18}{'':>16}"
        if REFERENCE in seconds:
            speed = seconds[REFERENCE] / times
            shown = f"{np.median(speed):18.2f}{speed.min():8.2f}{speed.max():8.2f}"
        difference = np.abs(found[name] - found["NumPy, gradient by hand"]).max()
        print(f"{name:26}{1000 * np.median(times):12.3f}{shown}{difference:16.1e}")


if __name__ == "__main__":
    main()
