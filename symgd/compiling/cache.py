"""Generated Numba source kept as files in a private folder, so that the second process starts warm.

The file is `symgd_<hash>.py`, the first 16 digits of the SHA-256 of its text, and the module has the same name. Numba makes the symbols of machine
code from module and function name, so functions of different sources never share a symbol, and an entry of Numba's own cache beside the file
(`__pycache__`, pickle) can only belong to this very text. What runs is the text in memory after it was compared with the file: a damaged file is
written anew, and Python's own bytecode cache is not used. Numba's files are checked against the sums in `symgd_<hash>.sums`.

Pickle executes what it reads, so the folder has to belong to the user alone: mode 0700, no link. Where there is none, a temporary folder of this
process serves; where that fails too, the source is compiled in memory. Each is said once, as a CacheNote.
"""

from __future__ import annotations

import ast
import atexit
import os
import pickletools
import shutil
import stat
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

from symgd.compiling.guard import KERNEL, Allowed, check_module

__all__ = ["CacheNote", "folder", "is_kept", "load"]

KEPT = 200  # modules; the oldest go first
PATIENCE = 60.0  # seconds that one process waits for another to compile the same source

_loaded: dict[tuple[str, bool], ModuleType] = {}
_loading = threading.RLock()


class CacheNote(UserWarning):
    """Why compiled code is not kept for the next process."""


def load(source: str, *, compiled: bool = True, allowed: Allowed = KERNEL) -> ModuleType:
    """The generated module. Numba is imported here, not before.

    `compiled=False` runs the same source as plain Python: `njit` does nothing.

    >>> load("from numba import njit\\n\\n@njit\\ndef double(x):\\n    return 2.0*x\\n", compiled=False).double(4)
    8.0
    """
    name = _name(source)
    with _loading:
        found = _loaded.get((name, compiled))
        if found is None:
            tree = check_module(source, allowed)
            found = _compiled(name, source, tree) if compiled else _plain(name, tree)
            _loaded[name, compiled] = found
        return found


def is_kept(source: str) -> bool:
    """Whether the module has been compiled before, by this process or one that kept what it compiled."""
    name = _name(source)
    if (name, True) in _loaded:
        return True
    place = folder()
    return place is not None and bool(_entries(place / f"{name}.py"))


def _name(source: str) -> str:
    return f"symgd_{sha256(source.encode()).hexdigest()[:16]}"


def _plain(name: str, tree: ast.Module) -> ModuleType:
    """The module without Numba: its decorators gone, `prange` a range."""
    kept: list[ast.stmt] = []
    for part in tree.body:
        if isinstance(part, ast.ImportFrom | ast.Import) and "numba" in (getattr(part, "module", ""), *(name.name for name in part.names)):
            continue
        if isinstance(part, ast.FunctionDef):
            part.decorator_list = []
        kept.append(part)
    tree.body = kept
    module = ModuleType(name)
    module.__dict__["prange"] = range
    exec(compile(tree, f"<{name}>", "exec"), module.__dict__)
    return module


def _compiled(name: str, source: str, tree: ast.Module) -> ModuleType:
    place = folder() or _temporary()
    if place is not None:
        path = place / f"{name}.py"
        with _locked(path):
            if _written(path, source.encode()):
                _drop_damaged(path)
                return _executed(name, str(path), compile(source, str(path), "exec"))
    _forget_cache(tree)
    return _executed(name, f"<{name}>", compile(tree, f"<{name}>", "exec"))


def _executed(name: str, path: str, code: Any) -> ModuleType:
    module = ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module  # Numba's pickles find their functions by module name
    try:
        exec(code, module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _forget_cache(tree: ast.Module) -> None:
    """Take `cache=True` out of every decorator: Numba keeps nothing for source without a file."""
    for part in ast.walk(tree):
        if isinstance(part, ast.FunctionDef):
            for decorator in part.decorator_list:
                if isinstance(decorator, ast.Call):
                    decorator.keywords = [keyword for keyword in decorator.keywords if keyword.arg != "cache"]


# Folders


def folder() -> Path | None:
    """The user's private folder for generated code, made if need be; None, with a note, where there is none.

    `SYMGD_CACHE`, else `symgd` where the platform keeps caches: `$XDG_CACHE_HOME`, `~/.cache`, `~/Library/Caches`, `%LOCALAPPDATA%`.
    """
    wanted = _wanted()
    if wanted is None:
        _note("There is no home folder, so compiled code is not kept for the next run; SYMGD_CACHE can name a folder.")
        return None
    try:
        return _private(wanted)
    except OSError as error:
        _note(f"Compiled code is not kept for the next run: {error}")
        return None


def _wanted() -> Path | None:
    given = os.environ.get("SYMGD_CACHE")
    if given:
        return Path(given).absolute()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
    elif sys.platform == "darwin":
        base = _at_home("Library", "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or _at_home(".cache")
    return Path(base) / "symgd" if base and os.path.isabs(base) else None


def _at_home(*parts: str) -> str | None:
    home = os.path.expanduser("~")
    return os.path.join(home, *parts) if os.path.isabs(home) and home != os.path.sep else None


def _private(path: Path) -> Path:
    """The folder, made with mode 0700. Raises OSError where it is a link, another's, or open to others, or cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for place in (path, path / "__pycache__"):
        try:
            place.mkdir(mode=0o700)
        except FileExistsError:
            _check_private(place)
    if not os.access(path, os.W_OK | os.X_OK) or not os.access(path / "__pycache__", os.W_OK | os.X_OK):
        raise PermissionError(f"{path} cannot be written.")
    return path


def _check_private(path: Path) -> None:
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(f"{path} is no folder, or a link.")
    if os.name != "posix":
        return
    if found.st_uid != os.geteuid():
        raise PermissionError(f"{path} belongs to another user.")
    if found.st_mode & 0o022:
        raise PermissionError(f"{path} can be written by others; chmod 700 it, after a look inside.")
    if found.st_mode & 0o077:
        path.chmod(0o700)


@cache
def _temporary() -> Path | None:
    """A folder of this process, gone at its end."""
    try:
        made = tempfile.mkdtemp(prefix="symgd-")  # mode 0700, a name that nobody can guess
    except OSError:
        _note("There is no temporary folder either; code is compiled in memory.")
        return None
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return _private(Path(made))


@cache
def _note(message: str) -> None:
    warnings.warn(message, CacheNote, stacklevel=2)


# Files


def _written(path: Path, text: bytes) -> bool:
    """Whether the file holds exactly this text, now if not before; a note where it cannot be written."""
    try:
        if not _holds(path, text):
            _put(path, text)
            _prune(path)
    except OSError as error:
        _note(f"Compiled code is not kept for the next run: {error}")
        return False
    return True


def _holds(path: Path, text: bytes) -> bool:
    """Whether a plain file stands there with this text."""
    try:
        return stat.S_ISREG(path.lstat().st_mode) and path.read_bytes() == text
    except FileNotFoundError:
        return False


def _put(path: Path, text: bytes) -> None:
    """Write the file in one piece: who reads it meanwhile sees all of it or nothing."""
    handle, temporary = tempfile.mkstemp(prefix=".symgd_", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _prune(newest: Path) -> None:
    """Keep the newest modules, and what Numba compiled from them; drop what interrupted writers left a day ago."""
    place = newest.parent
    aged: list[tuple[float, Path]] = []
    for path in place.glob("symgd_*.py"):
        if path != newest:
            with suppress(FileNotFoundError):
                aged.append((path.stat().st_mtime, path))
    for _, path in sorted(aged, reverse=True)[KEPT - 1 :]:
        for old in (*(place / "__pycache__").glob(f"{path.stem}.*"), *place.glob(f"{path.stem}.*")):
            with suppress(FileNotFoundError):
                old.unlink()
    for path in place.glob(".symgd_*.tmp"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > 86_400:
                path.unlink()


def _drop_damaged(path: Path) -> None:
    """Remove what Numba's loader would fail at, or worse, execute: files that are cut off or have changed since a process ended well.

    An index names its data files, so all of a module go together.
    """
    recorded = _recorded(path)
    entries = _entries(path)
    if not all(_is_whole(entry) and recorded.get(entry.name) in (None, _sum(entry)) for entry in entries):
        for entry in (*entries, path.with_suffix(".sums")):
            with suppress(FileNotFoundError):
                entry.unlink()
    atexit.register(_record, path)


def _entries(path: Path) -> list[Path]:
    """What Numba compiled from a module."""
    return [entry for entry in sorted((path.parent / "__pycache__").glob(f"{path.stem}.*")) if entry.suffix in (".nbi", ".nbc")]


def _record(path: Path) -> None:
    """Write down the check sums of what Numba compiled, as `sha256sum` prints them."""
    try:
        sums = {entry.name: _sum(entry) for entry in _entries(path)}
        if sums != _recorded(path):
            _put(path.with_suffix(".sums"), "".join(f"{found}  {name}\n" for name, found in sums.items() if found).encode())
    except OSError:
        pass  # without check sums a damaged file is found only if it is cut off


def _recorded(path: Path) -> dict[str, str | None]:
    try:
        lines = path.with_suffix(".sums").read_text(errors="replace").splitlines()
    except OSError:
        return {}
    return {name: found for found, _, name in (line.partition("  ") for line in lines)}


def _sum(path: Path) -> str | None:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None


def _is_whole(path: Path) -> bool:
    """Whether a file is one pickle after the other to its end. Nothing of it is executed."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            while file.tell() < size:
                for _ in pickletools.genops(file):
                    pass
    except FileNotFoundError:
        return True
    except Exception:
        return False
    return size > 0


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process compiles a source, the others wait and find it done. Only a courtesy: without the lock the work is done twice."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    try:
        handle = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError:
        yield
        return
    try:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                time.sleep(0.02)
        yield
    finally:
        os.close(handle)
