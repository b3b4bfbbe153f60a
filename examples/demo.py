"""From a formula to a trained network: python examples/demo.py [FOLDER]

1. One parameter: one update of (w - 3)^2, told in words.
2. A network of 64 pixels, 32 tanh units and 10 classes: its formula, its gradient as numbered equations and in LaTeX.
3. The trainer generated from it learns 1,438 hand-written digits and reads 359 others, with five seeds.

The files go to FOLDER, build/demo by default. Ends with an error where a seed reads less than 95 % of the digits right."""

import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import sympy as sp
from matplotlib.figure import Figure

import symgd as sg

ROOT = Path(__file__).parent.parent
SEEDS = range(5)
EPOCHS = 30
HELD_OUT = 359  # a fifth of the 1,797 images
REQUIRED = 0.95

LATEX = r"""\documentclass{article}
\usepackage[paperwidth=28cm, paperheight=14cm, margin=1cm]{geometry}
\usepackage{amsmath}
\pagestyle{empty}
\begin{document}
The cost:
\[ %s \]
Its gradient:
\[ %s \]
\end{document}
"""


def one_parameter() -> None:
    w = sp.Symbol("w")
    print(sg.Cost((w - 3)**2).explain({w: 1}, learning_rate=0.1).text())


def network() -> sg.Cost:
    """Softmax cross-entropy of a network with one hidden layer, as on paper."""
    i, j, k, l = sg.axes("i:m j:64 k:32 l:10")
    X, Y, W1, b1, W2, b2, z1, a1, z2 = sp.symbols("X Y W1 b1 W2 b2 z1 a1 z2", cls=sp.IndexedBase)
    return sg.Cost(
        sg.mean(sg.logsumexp(z2[i, l], l) - sg.total(Y[i, l]*z2[i, l], l), i),
        where={
            z1[i, k]: sg.total(W1[k, j]*X[i, j], j) + b1[k],
            a1[i, k]: sp.tanh(z1[i, k]),
            z2[i, l]: sg.total(W2[l, k]*a1[i, k], k) + b2[l],
        },
        parameters=[W1, b1, W2, b2],
    )


def generated(cost: sg.Cost, path: Path) -> ModuleType:
    """The trainer of this cost, written to a file and imported from there: what trains below needs NumPy and Numba only."""
    cost.trainer("adam", learning_rate=0.01).save(path, overwrite=True)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def train(cost: sg.Cost, folder: Path) -> float:
    """Train with every seed; return the share of held-out digits that the worst one reads right."""
    digits = np.load(ROOT / "examples" / "data" / "digits.npz")
    X, Y, label = digits["X"], digits["Y"], digits["label"]
    trainer = generated(cost, folder / "trainer.py")
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    shares = []
    for seed in SEEDS:
        order = np.random.default_rng(seed).permutation(len(X))
        test, rest = order[:HELD_OUT], order[HELD_OUT:]
        began = time.perf_counter()
        found = trainer.fit({"X": X[rest], "Y": Y[rest]}, epochs=EPOCHS, batch_size=32, seed=seed)
        seconds = time.perf_counter() - began
        scores = cost.compute("z2", found["parameters"], {"X": X[test]})
        shares.append(float((scores.argmax(axis=1) == label[test]).mean()))
        print(f"seed {seed}: {shares[-1]:.1%} of {HELD_OUT} held-out digits right; cost {found['cost']:.4f}, {seconds:.2f} s")
        axes.semilogy(range(1, EPOCHS + 1), found["history"]["cost"].reshape(EPOCHS, -1).mean(axis=1), label=f"seed {seed}: {shares[-1]:.1%} right")
    axes.set(title="64-32-10 network on hand-written digits", xlabel="epoch", ylabel="cost, mean over the mini-batches")
    axes.legend()
    figure.savefig(folder / "cost.png", dpi=150)
    return min(shares)


def main(folder: Path) -> None:
    began = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    print("1. One parameter\n")
    one_parameter()
    print("\n2. A network: 64 pixels, 32 tanh units, 10 classes\n")
    cost = network()
    print(cost.text())
    print("\nCost and gradient, the equations that run:\n")
    print(cost.gradient.program)
    (folder / "gradient.tex").write_text(LATEX % (cost.latex(), cost.gradient.latex()), encoding="utf-8")
    print("\n3. Its trainer on hand-written digits\n")
    worst = train(cost, folder)
    print(f"\nworst of {len(SEEDS)} seeds: {worst:.1%}; {time.perf_counter() - began:.1f} s in all")
    print("written:", *(_shown(folder / name) for name in ("gradient.tex", "trainer.py", "cost.png")))
    if worst < REQUIRED:
        raise SystemExit(f"{worst:.1%} is less than {REQUIRED:.0%}.")


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else ROOT / "build" / "demo")
