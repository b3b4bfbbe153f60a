"""Logistic regression by full-batch gradient descent, one thread, float64: symgd beside JAX, torch and NumPy.

python -m benchmarks.logistic [--rows 400000] [--columns 50] [--steps 20]"""

import argparse
import os
import time
from collections.abc import Callable

# One thread for everybody; read by the libraries when they are imported.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_ENABLE_X64"] = "1"

import numpy as np

LEARNING_RATE = 0.1
Run = Callable[[int], np.ndarray]  # steps -> the parameters after them


def with_symgd(X: np.ndarray, y: np.ndarray) -> Run:
    import sympy as sp

    import symgd as sg

    i, j = sg.axes("i:m j:d")
    X_, y_, w, z = sp.symbols("X y w z", cls=sp.IndexedBase)
    cost = sg.Cost(sg.mean(sp.log(1 + sp.exp(z[i])) - y_[i] * z[i], i), where={z[i]: sg.total(X_[i, j] * w[j], j)}, parameters=[w])
    trainer = cost.trainer("gradient_descent", learning_rate=LEARNING_RATE)
    return lambda steps: trainer.fit({"X": X, "y": y}, start={"w": np.zeros(X.shape[1])}, steps=steps, tolerance=0).parameters["w"]


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


CONTENDERS = {"symgd": with_symgd, "JAX, jitted loop": with_jax, "torch, eager": with_torch, "NumPy, gradient by hand": with_numpy}


def seconds_per_step(run: Run, steps: int, repeats: int = 3) -> float:
    """The least of the repeats for n and for 2n steps, subtracted, so that compiling and setting up cancel."""

    def least(steps: int) -> float:
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            run(steps)
            times.append(time.perf_counter() - start)
        return min(times)

    return (least(2 * steps) - least(steps)) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):  # Linux: one core holds every thread pool to one thread
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    generator = np.random.default_rng(0)
    X = generator.standard_normal((options.rows, options.columns))
    y = (X @ generator.standard_normal(options.columns) + generator.logistic(size=options.rows) > 0).astype(float)

    print(f"logistic regression, {options.rows:,} x {options.columns}, full batch, float64, one thread")
    found, seconds = {}, {}
    for name, contender in CONTENDERS.items():
        try:
            run = contender(X, y)
        except ModuleNotFoundError as missing:
            print(f"{name:26}  {missing.name} is not installed; `make bench` installs it")
            continue
        found[name] = run(options.steps)
        seconds[name] = seconds_per_step(run, options.steps)
    print(f"{'':26}{'ms a step':>12}{'speed, JAX = 1':>18}{'w differs by':>26}")
    reference = "JAX, jitted loop"
    for name, value in seconds.items():
        speed = f"{seconds[reference] / value:.2f}" if reference in seconds else "-"
        difference = np.abs(found[name] - found[next(reversed(found))]).max()
        print(f"{name:26}{1000 * value:12.3f}{speed:>18}{difference:26.1e}")


if __name__ == "__main__":
    main()
