"""A trainer as one Python file that trains on its own, with NumPy and Numba only."""

from __future__ import annotations

import keyword
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from symgd.compiling.guard import TRAINER, check_module
from symgd.errors import InputError, LimitError
from symgd.printing.templates import environment
from symgd.program.operations import weight
from symgd.training.frame import frame
from symgd.training.kernels import HOPELESS, SECONDS
from symgd.training.trainer import Trainer

__all__ = ["save", "source"]


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


ALLOWED = replace(
    TRAINER,
    imports={
        **TRAINER.imports,
        "math": TRAINER.imports["math"] | {"prod"},
        "numpy": TRAINER.imports["numpy"] | _words("argwhere integer ma random save take"),
        "numpy.ma": _words("is_masked"),
        "numpy.random": _words("Generator Philox"),
        "pathlib": _words("Path"),
        "secrets": _words("token_hex"),
        "zipfile": _words("BadZipFile ZipFile ZipInfo"),
    },
    builtins=TRAINER.builtins | _words("EOFError OSError vars"),
    methods=TRAINER.methods
    | _words("any error is_dir name open parent permutation random replace resolve standard_normal strerror tolist unlink with_name"),
)


def save(trainer: Trainer, path: Path, lengths: Mapping[str, int], *, overwrite: bool = False) -> Path:
    """Write the trainer to a file that needs NumPy and Numba only; return its path.

    `lengths`: values of the lengths that no data tell. Raises InputError for a name that cannot be imported, for a file that is there already unless
    `overwrite`, and for a trainer that cannot stand alone.
    """
    _check_path(path, overwrite)
    written = source(trainer, lengths, module=path.stem)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(partial, "x", encoding="utf-8", newline="\n") as file:
            file.write(written)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def source(trainer: Trainer, lengths: Mapping[str, int], *, module: str = "trainer") -> str:
    """The text of the file, read by the guard.

    >>> import symgd as sg
    >>> written = source(sg.parse("(w - 3)^2").trainer(learning_rate=0.1), {})
    >>> print(written[written.index("# (1)") :].split("@")[0].strip())
    # (1) C = (w - 3)^2
        C[0] = (w[0] - 3.0)**2
        # (2) dw = 2*(w - 3)
        dw[0] = 2.0*(w[0] - 3.0)
    """
    _check_fittable(trainer)
    written = environment("python").get_template("trainer.py.jinja").render(frame(trainer, lengths, module))
    check_module(written, ALLOWED)
    return written


def _check_path(path: Path, overwrite: bool) -> None:
    """The file can be imported by its name, and nothing is lost by writing it."""
    stem = path.stem
    if path.suffix != ".py":
        raise InputError(f"{path} is no Python file.", accepted="a name that ends in .py")
    if not stem.isidentifier() or keyword.iskeyword(stem):
        raise InputError(f"{path.name} cannot be imported: {stem} is no name in Python.", accepted="letters, digits and _, as in trainer.py")
    if stem in sys.stdlib_module_names or stem in ("numpy", "numba", "llvmlite"):
        raise InputError(f"{path.name} would hide the module {stem} from everything beside it.", accepted="another name, such as trainer.py")
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {path.parent}.", accepted="a folder that exists")
    if path.is_dir():
        raise InputError(f"{path} is a folder.", accepted="a file name")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists already.", accepted="another name, or overwrite=True")


def _check_fittable(trainer: Trainer) -> None:
    """What `fit` refuses whatever the data are is not written either."""
    trainer.check_fittable()
    seconds = SECONDS * sum(map(weight, trainer.kernels.program.flat()))
    if seconds > HOPELESS:
        raise LimitError(f"Numba would compile this program for about {seconds / 60:,.0f} minutes.", accepted="fit, by which NumPy trains it")
