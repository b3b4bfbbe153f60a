"""The package as a whole: what it offers, what it imports and when."""

import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import symgd

ROOT = Path(__file__).parents[1]
HEAVY = ("sympy", "mpmath", "numpy", "scipy", "numba", "llvmlite", "lark", "jinja2", "click", "rich", "matplotlib")
PUBLIC = [
    *("Cost", "parse", "checking", "Trainer", "Result", "Evaluation", "optimizers", "initializers", "UpdateRule", "InputError", "LimitError"),
    "verify",
    *("samples", "axes", "mean", "total", "product", "maximum", "minimum", "logsumexp", "softmax", "norm", "argmax"),
]


def imported(statement: str, modules: tuple[str, ...]) -> list[str]:
    """Which of the modules a fresh interpreter has loaded after the statement."""
    code = f"import sys\n{statement}\nprint(*[name for name in {modules!r} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import symgd", HEAVY),
        ("import symgd; dir(symgd)", HEAVY),
        ("import symgd; symgd.InputError", HEAVY),
        ("import symgd.printing.templates", ("sympy", "numba", "jinja2")),
        ("import symgd.reading.text", ("sympy", "numba", "jinja2")),
        ("import symgd; symgd.Cost", ("numba", "llvmlite")),
    ],
)
def test_a_name_brings_along_only_what_it_needs(statement, absent):
    assert imported(statement, absent) == []


def test_the_public_names_are_those_of_the_documentation():
    assert sorted(symgd.__all__) == sorted(PUBLIC)
    assert set(symgd.__all__) <= set(dir(symgd))


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_loads_and_is_no_submodule(name):
    assert not isinstance(getattr(symgd, name), ModuleType)


def test_no_submodule_is_called_like_a_public_name():
    # importing symgd.parse would overwrite symgd.parse
    assert not {module.name for module in pkgutil.iter_modules(symgd.__path__)} & set(symgd.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'losses'"):
        _ = symgd.losses


def test_the_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "symgd", "--version"], capture_output=True, text=True, check=True, cwd=ROOT)
    assert symgd.__version__ in done.stdout
