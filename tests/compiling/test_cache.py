"""Generated source is kept where nobody else can write, and whatever happened to the files, what runs is the source."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from symgd.compiling import cache
from symgd.compiling.cache import CacheNote, folder, load
from symgd.compiling.guard import GuardError

ROOT = Path(__file__).parents[2]
SOURCE = '''"""Twice a number."""
from numba import njit


@njit(cache=True)
def twice(x):
    return {factor}*x
'''
RUN = """
import sys
from symgd.compiling.cache import load
assert "numba" not in sys.modules
module = load({source!r})
print(module.twice(3.0), sum(module.twice.stats.cache_hits.values()), module.__file__)
"""


def source(factor=2.0):
    return SOURCE.format(factor=factor)


def process(code=None, **environment):
    """A fresh process; its output as words."""
    return subprocess.Popen(
        [sys.executable, "-W", "error::DeprecationWarning", "-c", code or RUN.format(source=source())],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def words(running):
    out, error = running.communicate(timeout=120)
    assert running.returncode == 0, error
    return out.split()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A cache folder of the test's own, and nothing loaded or said yet."""
    monkeypatch.setenv("SYMGD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_loaded", {})
    cache._note.cache_clear()
    cache._temporary.cache_clear()
    return tmp_path / "cache"


def plain(factor=2.0):
    """Source that leaves Numba out: quick to load."""
    return f"def twice(x):\n    return {factor}*x\n"


def test_the_second_process_starts_warm_and_damage_is_repaired(tmp_path):
    place = tmp_path / "cache"
    environment = {"SYMGD_CACHE": str(place)}
    cold, first, path = words(process(**environment))
    assert (cold, first) == ("6.0", "0") and Path(path).parent == place
    assert words(process(**environment)) == ["6.0", "1", path]
    kept = list((place / "__pycache__").iterdir())
    assert {file.suffix for file in kept} == {".nbi", ".nbc"}
    assert all(file.name.startswith(Path(path).stem) for file in kept)

    Path(path).write_text(source(5.0))  # another text under this name
    for file in kept:
        file.write_bytes(file.read_bytes()[:-10])  # an interrupted copy
    assert words(process(**environment))[:2] == ["6.0", "0"]
    assert Path(path).read_text() == source()
    assert words(process(**environment)) == ["6.0", "1", path]

    (data,) = (file for file in kept if file.suffix == ".nbc")
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1  # one bit of the machine code
    data.write_bytes(content)
    assert words(process(**environment)) == ["6.0", "0", path]
    assert words(process(**environment)) == ["6.0", "1", path]


def test_processes_at_the_same_time_agree(tmp_path):
    running = [process(SYMGD_CACHE=str(tmp_path / "cache")) for _ in range(3)]
    assert {words(one)[0] for one in running} == {"6.0"}
    assert [path.suffix for path in (tmp_path / "cache").glob("symgd_*.py")] == [".py"]
    assert not list((tmp_path / "cache").glob(".symgd_*.tmp"))


def test_symbols_of_two_sources_never_collide(place):
    names = []
    for factor in (2.0, 3.0):
        module = load(source(factor))
        assert module.twice(1.0) == factor
        (compiled,) = module.twice.overloads.values()
        assert module.__name__ in compiled.fndesc.mangled_name
        names.append(compiled.fndesc.mangled_name)
    assert names[0] != names[1]


@pytest.mark.parametrize("suffix", [".py", ".nbi", ".nbc"])
@pytest.mark.parametrize("content", [b"", b"\x80", b"garbage", b"\x80\x04\x95\xff\xff"])
def test_a_damaged_file_is_noticed(place, suffix, content):
    path = Path(load(plain()).__file__)
    damaged = path if suffix == ".py" else place / "__pycache__" / f"{path.stem}.twice-5.py311{suffix}"
    damaged.write_bytes(content)
    cache._loaded.clear()
    assert load(plain()).twice(4.0) == 8.0
    assert path.read_text() == plain()
    assert suffix == ".py" or not damaged.exists()


def test_one_source_is_loaded_once(place):
    assert load(plain()) is load(plain())
    assert load(plain()) is not load(plain(3.0))


def test_uncompiled_source_is_plain_python(place):
    module = load('from numba import njit, prange\n\n\n@njit(fastmath={"nsz"}, cache=True)\ndef f(n):\n    total = 0.0\n'
                  "    for i in prange(n):\n        total += i\n    return total\n", compiled=False)  # fmt: skip
    assert type(module.f).__name__ == "function" and module.f(4) == 6.0
    assert not place.exists()


def test_what_the_guard_refuses_is_not_written(place):
    with pytest.raises(GuardError):
        load("import os\n")
    assert not place.exists()


def test_the_folder_is_the_users_alone(place):
    load(plain())
    for made in (place, place / "__pycache__"):
        assert made.stat().st_mode & 0o777 == 0o700
    for file in place.glob("*.py"):
        assert file.stat().st_mode & 0o077 == 0


def link(place, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    place.symlink_to(tmp_path / "elsewhere")


def link_inside(place, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    place.mkdir(mode=0o700)
    (place / "__pycache__").symlink_to(tmp_path / "elsewhere")


def open_to_all(place, tmp_path):
    place.mkdir()
    place.chmod(0o777)


def a_file(place, tmp_path):
    place.write_text("")


@pytest.mark.skipif(os.name != "posix", reason="modes and links")
@pytest.mark.parametrize("spoil", [link, link_inside, open_to_all, a_file], ids=lambda spoil: spoil.__name__)
def test_a_folder_that_others_could_fill_is_not_used(place, tmp_path, spoil):
    spoil(place, tmp_path)
    with pytest.warns(CacheNote, match="not kept for the next run"):
        module = load(plain())
    assert module.twice(4.0) == 8.0
    used = Path(module.__file__).parent
    assert used != place and used.stat().st_mode & 0o777 == 0o700
    assert not list(tmp_path.rglob("symgd_*"))


def test_a_folder_of_another_user_is_not_used(place, monkeypatch):
    place.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: place.stat().st_uid + 1)
    with pytest.warns(CacheNote, match="belongs to another user"):
        assert folder() is None


def test_a_folder_that_others_may_only_read_is_closed(place):
    place.mkdir(mode=0o755)
    assert folder() == place
    assert place.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"SYMGD_CACHE": "/one/place"}, "/one/place"),
        ({"XDG_CACHE_HOME": "/home/ada/cache"}, "/home/ada/cache/symgd"),
        ({"XDG_CACHE_HOME": "relative"}, None),
        ({"HOME": "/home/ada"}, "/home/ada/.cache/symgd"),
        ({"HOME": "/"}, None),
        ({"HOME": "nowhere"}, None),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="the folders of Linux")
def test_the_folder_is_where_the_platform_keeps_caches(monkeypatch, environment, expected):
    for name in ("SYMGD_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache._wanted() == (None if expected is None else Path(expected))


def test_without_any_folder_numba_compiles_in_memory(place, monkeypatch):
    place.write_text("")
    monkeypatch.setattr(cache.tempfile, "mkdtemp", refuse)
    with pytest.warns(CacheNote) as notes:
        module = load(source(7.0))
    assert [str(note.message).split(":")[0] for note in notes] == [
        "Compiled code is not kept for the next run",
        "There is no temporary folder either; code is compiled in memory.",
    ]
    assert module.twice(2.0) == 14.0


def test_a_full_disk_is_no_obstacle(place, monkeypatch):
    monkeypatch.setattr(cache.os, "fsync", refuse)
    with pytest.warns(CacheNote, match="No space left"):
        module = load(plain())
    assert module.twice(4.0) == 8.0
    assert not list(place.glob("*.py")) and not list(place.glob(".symgd_*"))


def refuse(*args, **kwargs):
    raise OSError(28, "No space left on device")


def test_a_note_is_said_once(place):
    place.write_text("")
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        load(plain())
        load(plain(3.0))
    assert len(notes) == 1


def test_the_oldest_modules_go_first(place, monkeypatch):
    monkeypatch.setattr(cache, "KEPT", 3)
    paths = []
    for n in range(5):
        path = Path(load(plain(float(n))).__file__)
        (place / "__pycache__" / f"{path.stem}.twice-1.py311.nbi").write_bytes(b"")
        os.utime(path, (1e9 + n, 1e9 + n))
        paths.append(path)
    assert sorted(place.glob("symgd_*.py")) == sorted(paths[2:])
    assert {file.name.split(".")[0] for file in (place / "__pycache__").iterdir()} == {path.stem for path in paths[2:]}
