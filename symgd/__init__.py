"""Write a cost in SymPy; get its exact gradient, the equations that compute it, and a compiled trainer.

The public names are loaded on first use, so `import symgd` imports neither SymPy nor Numba.

>>> import symgd as sg
>>> sg.__version__
'0.1.0'
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symgd import testing as testing
    from symgd.api import Cost as Cost
    from symgd.api import checking as checking
    from symgd.api import parse as parse
    from symgd.errors import InputError as InputError
    from symgd.errors import LimitError as LimitError
    from symgd.notation import argmax as argmax
    from symgd.notation import axes as axes
    from symgd.notation import logsumexp as logsumexp
    from symgd.notation import maximum as maximum
    from symgd.notation import mean as mean
    from symgd.notation import minimum as minimum
    from symgd.notation import norm as norm
    from symgd.notation import product as product
    from symgd.notation import samples as samples
    from symgd.notation import softmax as softmax
    from symgd.notation import total as total
    from symgd.training.result import Evaluation as Evaluation
    from symgd.training.result import Result as Result
    from symgd.training.trainer import Trainer as Trainer
    from symgd.updates.initializers import initializers as initializers
    from symgd.updates.optimizers import UpdateRule as UpdateRule
    from symgd.updates.optimizers import optimizers as optimizers
    from symgd.verification.verify import verify as verify

__version__ = "0.1.0"

_MODULE = {
    "Cost": "symgd.api",
    "samples": "symgd.notation",
    "axes": "symgd.notation",
    "mean": "symgd.notation",
    "total": "symgd.notation",
    "product": "symgd.notation",
    "maximum": "symgd.notation",
    "minimum": "symgd.notation",
    "logsumexp": "symgd.notation",
    "softmax": "symgd.notation",
    "norm": "symgd.notation",
    "argmax": "symgd.notation",
    "parse": "symgd.api",
    "checking": "symgd.api",
    "Trainer": "symgd.training.trainer",
    "Result": "symgd.training.result",
    "Evaluation": "symgd.training.result",
    "optimizers": "symgd.updates.optimizers",
    "initializers": "symgd.updates.initializers",
    "UpdateRule": "symgd.updates.optimizers",
    "verify": "symgd.verification.verify",
    "InputError": "symgd.errors",
    "LimitError": "symgd.errors",
}

__all__ = [*_MODULE]


def __getattr__(name: str) -> object:
    if name == "testing":
        return import_module("symgd.testing")
    if name not in _MODULE:
        raise AttributeError(f"module 'symgd' has no attribute {name!r}")
    value: object = getattr(import_module(_MODULE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "testing"})
