"""The guard lets through what the templates write and nothing else."""

import pytest

from symgd.compiling.guard import KERNEL, NUMPY, TRAINER, GuardError, check_module
from symgd.printing.elementary import ELEMENTARY, sources

HEAD = "import math\nimport numpy as np\nfrom numba import njit\n\n\n"

KERNEL_LINES = '''
FAST = {"reassoc", "nsz"}


@njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
def rows(X, w, C, first, last):
    """Say \\"what\\" it does."""
    n, total = last - first, 0.0
    for i in range(n):
        for j in range(X.shape[1]): total += X[first + i, j]*w[j]
    C[0] = total if total > 0.0 and not np.isnan(total) else -total**2
    return total
'''
ARRAY_LINES = """
def f(x):
    y = x.copy()
    np.add.at(y, (x.astype(float),), np.maximum(x, 0.0)[:, None])
    while len(y) > 3:
        break
    return y.sum()


@njit
def g(x):
    return math.erf(x) + np.einsum("ij,jk->ik", x, x, optimize=True)[0, 0]
"""


@pytest.mark.parametrize("body", [sources(ELEMENTARY), KERNEL_LINES, ARRAY_LINES], ids=["elementary", "kernel", "arrays"])
def test_what_templates_write_passes(body):
    check_module(HEAD + body)


# what a line in a function would do | the line
REFUSED = [
    ("import", "import os"),
    ("import of a part", "from os import system"),
    ("import of everything", "from numpy import *"),
    ("import from a folder", "from . import x"),
    ("import under a builtin's name", "import numpy as len"),
    ("another name for an import", "np = x"),
    ("an import's name as an argument", "def g(np): return np.load"),
    ("a builtin", "eval(x)"),
    ("a builtin as a value", "y = open"),
    ("import by call", '__import__("os")'),
    ("getattr", 'getattr(x, "y")'),
    ("a class's bases", "y = x.__class__.__bases__"),
    ("attribute of a value", "y = x.tofile"),
    ("file function of NumPy", "y = np.load(x)"),
    ("a module inside NumPy", "y = np.ctypeslib.load_library(x)"),
    ("a module inside a module", "y = np.lib"),
    ("an attribute set", "x.shape = 3"),
    ("a module's attribute set", "np.abs = x"),
    ("a double underscore", "y__z = x"),
    ("a hidden name", "__y = x"),
    ("a keyword with double underscores", "np.sum(x, __array__=x)"),
    ("keywords from outside", "np.sum(**x)"),
    ("call of an argument", "y = x(3)"),
    ("call of a call", "y = np.sum(x)(3)"),
    ("call of an element", "y = x[0](3)"),
    ("an unknown name", "y = z"),
    ("lambda", "y = lambda: x"),
    ("class", "class A: pass"),
    ("comprehension", "y = [n for n in x]"),
    ("generator", "yield x"),
    ("format string", 'y = f"{x}"'),
    ("exception", "raise ValueError"),
    ("assertion", "assert x"),
    ("context", "with x: pass"),
    ("global", "global x"),
    ("delete", "del x"),
    ("walrus", "(y := x)"),
    ("async", "async def g(): pass"),
    ("a decorator", "@np.vectorize\n    def g(x): return x"),
    ("a function over a value", "def x(): return 1"),
    ("a function over a builtin", "def max(y): return 1"),
    ("a letter of another script", "λ = x"),
]


@pytest.mark.parametrize(("what", "line"), REFUSED, ids=[row[0] for row in REFUSED])
@pytest.mark.parametrize("allowed", [KERNEL, NUMPY], ids=["kernel", "numpy"])
def test_anything_else_is_refused_with_its_line(what, line, allowed):
    with pytest.raises(GuardError, match=r"Generated source, line \d"):
        check_module(f"import numpy as np\n\n\ndef f(x):\n    {line}\n    return x\n", allowed)


def test_the_line_is_named():
    with pytest.raises(GuardError) as caught:
        check_module("import numpy as np\ndef f(x):\n    y = x\n    return np.fromfile(x)")
    assert str(caught.value) == "Generated source, line 4: attribute fromfile is not allowed. Accepted: attributes that the templates use."


@pytest.mark.parametrize("source", ["def f(:", "x = (" * 300, "x\x00y", "y = " + "-" * 100_000 + "1"], ids=["syntax", "depth", "null", "long"])
def test_no_module_at_all_is_refused(source):
    with pytest.raises(GuardError, match="no Python module"):
        check_module(source)


def test_a_trainer_may_read_its_arguments_and_say_what_it_does():
    source = """
import argparse
import sys

import numpy as np


def main():
    parser = argparse.ArgumentParser(description="train")
    parser.add_argument("data")
    parser.parse_args()
    try:
        with np.load("data.npz", allow_pickle=False) as file:
            data = {name: file[name] for name in file.files}
    except KeyboardInterrupt:
        print(f"stopped {1.0:.3g}", file=sys.stderr)
        sys.exit(1)
    np.savez("result.npz", x=data["x"])


if __name__ == "__main__":
    main()
"""
    check_module(source, TRAINER)
    with pytest.raises(GuardError):
        check_module(source, KERNEL)
