"""What every test starts from: deterministic examples, a home of its own, and a Program whose meaning is checked after every stage."""

import doctest
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# Read by JAX and Matplotlib when they are imported, so they stand before everything else.
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_ENABLE_X64"] = "1"
os.environ["MPLBACKEND"] = "Agg"

import pytest
from hypothesis import settings
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

import symgd

ROOT = Path(__file__).parent

settings.register_profile("ci", derandomize=True, deadline=None, database=None)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home of the session's own: no test reads or fills the user's cache."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        for name, inside in {"XDG_CACHE_HOME": ".cache", "XDG_CONFIG_HOME": ".config", "MPLCONFIGDIR": ".config/matplotlib"}.items():
            patch.setenv(name, str(folder / inside))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def checked() -> Iterator[None]:
    """Every stage of every test is interpreted before and after, and has to mean the same."""
    with symgd.checking():
        yield


def run_console(example: Example) -> str | None:
    """Run each `$ symgd ...` of a console block and compare what it prints with the lines below it."""
    for block in re.split(r"^\$ ", example.parsed, flags=re.MULTILINE)[1:]:
        line, _, expected = block.partition("\n")
        program, *arguments = shlex.split(line, comments=True)
        if program != "symgd":
            return f"{program}: only symgd is run here; write other commands in a block of another language"
        done = subprocess.run([sys.executable, "-m", "symgd", *arguments], capture_output=True, text=True, cwd=ROOT, timeout=300)
        if not doctest.OutputChecker().check_output(expected, done.stdout, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE):
            return f"$ {line}\nexpected:\n{expected}\ngot (exit {done.returncode}):\n{done.stdout}{done.stderr}"
    return None


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(doctest_optionflags=doctest.ELLIPSIS), CodeBlockParser("console", run_console)],
    patterns=["README.md", "docs/*.md"],
).pytest()
