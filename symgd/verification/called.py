"""Calling a user's function: which argument gets what, what came back in NumPy, what it raised; here or in a process of its own."""

from __future__ import annotations

import inspect
import keyword
import multiprocessing
import pickle
import re
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from symgd.errors import InputError
from symgd.nodes.naming import name_of

__all__ = ["Apart", "Arguments", "Call", "Here", "arguments_of", "call"]

STARTING = 120  # seconds that a process may take to import what it needs
LONGEST = 300  # letters of a message


@dataclass(frozen=True, slots=True)
class Arguments:
    """Argument -> name of the cost: those in the first places, those by their names; `rest`: all others, where a function takes **values.

    `tensors`: the arguments that are annotated as torch tensors.
    """

    places: Mapping[str, str]
    names: Mapping[str, str]
    rest: tuple[str, ...] = ()
    tensors: frozenset[str] = frozenset()

    def of(self, values: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Fresh copies, so that a call changes nothing for the next one."""
        given = {argument: self._one(values[name], argument) for argument, name in self.names.items()}
        given |= {name: self._one(values[name], name) for name in self.rest}
        return [self._one(values[name], argument) for argument, name in self.places.items()], given

    def _one(self, value: Any, argument: str) -> Any:
        if argument not in self.tensors:
            return value.copy() if isinstance(value, np.ndarray) else value
        try:
            import torch  # type: ignore[import-not-found, unused-ignore]
        except ImportError:  # another Tensor
            return value
        return torch.as_tensor(np.array(value))


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `value`: arrays in NumPy, in the mapping or tuple that came back; `error`: what the function did instead.

    `changed`: inputs that are others now.
    """

    value: Any = None
    error: str = ""
    changed: tuple[str, ...] = ()


def arguments_of(function: Callable[..., Any], named: Mapping[str, Sequence[str]]) -> Arguments:
    """The arguments by name. `named`: what they are, "parameters" or "data", -> the names that are accepted.

    >>> arguments_of(lambda w, X, *, m, rounding=1e-9: w, {"parameters": ["w"], "data": ["X", "y"], "lengths": ["m"]})
    Arguments(places={'w': 'w', 'X': 'X'}, names={'m': 'm'}, rest=(), tensors=frozenset())
    """
    accepted = "; ".join(f"{', '.join(names)} ({what})" for what, names in named.items() if names) + "; or **values, which gets all of them"
    known = {_spelled(name): name for names in named.values() for name in names}
    called = getattr(function, "__name__", type(function).__name__)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        what = f"The arguments of {called} cannot be found out."
        raise InputError(what, accepted=f"a function written in Python, with arguments called {accepted}") from None
    listed = list(signature.parameters.values())
    places: dict[str, str] = {}
    names: dict[str, str] = {}
    unknown: list[str] = []
    in_place = True  # until one is left at its default
    for one in listed:
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            continue
        if one.name not in known:
            in_place = False
            if one.default is one.empty:
                unknown.append(one.name)
        elif in_place and one.kind is not one.KEYWORD_ONLY:  # jax.grad counts places
            places[one.name] = known[one.name]
        elif one.kind is not one.POSITIONAL_ONLY:
            names[one.name] = known[one.name]
    used = {*places.values(), *names.values()}
    takes_rest = any(one.kind is one.VAR_KEYWORD for one in listed)
    rest = tuple(name for name in known.values() if name not in used) if takes_rest else ()
    if unknown:
        near = get_close_matches(unknown[0], known, n=1)
        hint = f" Was {near[0]} meant?" if near else ""
        what = f"The argument {unknown[0]} of {called} is no name of this cost.{hint}"
        if len(listed) == 1 and len(named.get("parameters", ())) > 1:
            what = f"{called} takes everything in one argument, {unknown[0]}: arguments are given by name."
        raise InputError(what, accepted=f"arguments called {accepted}")
    if not names and not places and not takes_rest:
        raise InputError(f"{called} takes no argument by its name.", accepted=f"arguments called {accepted}")
    return Arguments(places, names, rest, frozenset(one.name for one in listed if _is_tensor(one.annotation)))


def _spelled(name: str) -> str:
    """The name as an argument can be called: lambda_ for lambda, w_1 for w_{1}.

    >>> _spelled("lambda"), _spelled("w_{1}"), _spelled("W1")
    ('lambda_', 'w_1', 'W1')
    """
    safe = name if name.isidentifier() else re.sub(r"\W+", "_", re.sub(r"[{}\\]", "", name)).strip("_")
    return f"{safe}_" if keyword.iskeyword(safe) else safe


def _is_tensor(annotation: Any) -> bool:
    said = annotation if isinstance(annotation, str) else f"{getattr(annotation, '__module__', '')}.{getattr(annotation, '__name__', '')}"
    return said.rpartition(".")[2].strip("'\"") == "Tensor" and (said.startswith("torch") or isinstance(annotation, str))


def call(function: Callable[..., Any], arguments: Arguments, values: Mapping[str, Any]) -> Call:
    """One call with copies of the values."""
    places, names = arguments.of(values)
    try:
        found = plain(function(*places, **names))
    except _NoNumbers as other:
        return Call(error=str(other))
    except (Exception, SystemExit) as raised:
        return Call(error=f"raised {_told(raised, function)}")
    given = [
        *zip(arguments.places.values(), places, strict=True),
        *((arguments.names.get(argument, argument), value) for argument, value in names.items()),
    ]
    return Call(found, changed=tuple(dict.fromkeys(name for name, value in given if not _is_still(value, values[name]))))


def _is_still(now: Any, before: Any) -> bool:
    if not isinstance(before, np.ndarray):
        return True
    now = now.detach().cpu().numpy() if hasattr(now, "detach") else now
    return now.shape == before.shape and np.array_equal(now, before, equal_nan=True)


def _told(raised: BaseException, function: Callable[..., Any]) -> str:
    """ValueError: shapes do not match (bugs.py, line 12)"""
    frames = [frame for frame in traceback.extract_tb(raised.__traceback__) if frame.filename != __file__]
    code = getattr(inspect.unwrap(function), "__code__", None) or getattr(getattr(function, "py_func", None), "__code__", None)
    own = [frame for frame in frames if code is not None and frame.filename == code.co_filename] or frames
    message = " ".join(str(raised).split())
    shown = message if len(message) <= LONGEST else f"{message[:LONGEST]}..."
    where = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    return f"{type(raised).__name__}{f': {shown}' if shown else ''}{where}"


def plain(value: Any) -> Any:
    """Arrays of NumPy for those of torch and JAX; mappings and tuples stay. A copy: the function may use its memory again.

    >>> plain({"w": [1, 2.5], "b": 3})
    {'w': [array(1), array(2.5)], 'b': array(3)}
    """
    if value is None:
        return None
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {_key(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        inner = [plain(one) for one in value]
        return inner if isinstance(value, list) else tuple(inner)
    return _array(value)


def _key(key: Any) -> str:
    try:
        return name_of(key)
    except InputError:
        return str(key)


def _array(value: Any) -> np.ndarray[Any, Any]:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        try:
            value = value.numpy()
        except TypeError:  # bfloat16
            value = value.float().numpy()
    elif hasattr(value, "toarray"):  # sparse
        value = value.toarray()
    found = np.array(value)
    if found.dtype.kind == "O":
        with suppress(TypeError, ValueError):
            found = found.astype(np.float64)
    if found.dtype.kind == "V":  # the bfloat16 of JAX
        found = found.astype(np.float32)
    if found.dtype.kind not in "fiubc":
        raise _NoNumbers(f"returned {type(value).__name__}, no number or array of numbers")
    return found


class _NoNumbers(TypeError):
    """What came back is no array of numbers."""


class Here:
    """Calls in this process: a function that does not return is the caller's."""

    def __init__(self, function: Callable[..., Any], arguments: Arguments) -> None:
        self.function, self.arguments = function, arguments

    def __enter__(self) -> Here:
        return self

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None) -> None:
        return

    def __call__(self, values: Iterable[Mapping[str, Any]]) -> list[Call]:
        return [call(self.function, self.arguments, one) for one in values]


class Apart:
    """Calls in a process of its own, which is killed when all of them together take more than `seconds`."""

    def __init__(self, function: Callable[..., Any], arguments: Arguments, seconds: float) -> None:
        try:
            self.pickled = pickle.dumps((function, arguments))
        except Exception as raised:
            raise InputError(
                f"{getattr(function, '__name__', 'The function')} cannot be sent to another process: {raised}.",
                accepted="a function at the top of a module, or isolate=False",
            ) from None
        self.seconds = self.left = seconds
        self.error = ""

    def __enter__(self) -> Apart:
        context = multiprocessing.get_context("spawn")
        self.pipe, there = context.Pipe()
        self.process = context.Process(target=_serve, args=(there, self.pickled), daemon=True)
        self.process.start()
        there.close()
        ready = self._received(STARTING)
        if isinstance(ready, str):
            ended = ready.startswith("ended")
            self.error = 'could not be started: is the call below `if __name__ == "__main__":`, as processes need it' if ended else ready
        return self

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()

    def __call__(self, values: Iterable[Mapping[str, Any]]) -> list[Call]:
        found = []
        for one in values:
            if not self.error:
                start = time.monotonic()
                self.pipe.send(one)
                answer = self._received(max(0.0, self.left))
                self.left -= time.monotonic() - start
                if isinstance(answer, Call):
                    found.append(answer)
                    continue
                self.error = str(answer)
            found.append(Call(error=self.error))
        return found

    def _received(self, seconds: float) -> Any:
        try:
            if self.pipe.poll(seconds):
                return self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(5)
            return f"ended its process, with exit code {self.process.exitcode}"
        return f"gave no result within {self.seconds:g} s"


def _serve(pipe: Connection, pickled: bytes) -> None:
    """In the process of its own: results for what comes through the pipe, until it is closed."""
    try:
        function, arguments = pickle.loads(pickled)
    except Exception as raised:
        return pipe.send(f"could not be loaded in its process: {type(raised).__name__}: {raised}")
    pipe.send(None)
    try:
        while True:
            pipe.send(call(function, arguments, pipe.recv()))
    except EOFError:
        return
