"""What a user installs: the wheel, in an environment that has the dependencies and nothing of this checkout."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import symgd

ROOT = Path(__file__).parents[1]
TEMPLATES = sorted(path.relative_to(ROOT / "templates").as_posix() for path in (ROOT / "templates").rglob("*") if path.is_file())


def run(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The programs' folder of an environment with the wheel. A .pth file lends it the dependencies, so nothing is downloaded;
    such a line does not pass on what an editable install adds, so symgd itself comes from the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (wheel,) = folder.glob("symgd-*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    bin = folder / "venv" / Path(sysconfig.get_path("scripts")).name
    python = next(bin.glob("python*"))
    run(sys.executable, "-m", "pip", "--quiet", "--python", python, "install", "--no-index", "--no-deps", wheel, cwd=folder)
    site_packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    Path(site_packages, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return bin


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["python", "-m", "symgd", "--version"], symgd.__version__),
        (["symgd", "derive", "(w-3)^2"], "2*(w - 3)"),
        (["symgd", "generate", "(w-3)^2"], "@njit"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_installed_wheel_works(installed, command, expected):
    program, *arguments = command
    assert expected in run(installed / program, *arguments, cwd=installed)


@pytest.mark.slow
def test_symgd_comes_from_the_wheel_with_every_template(installed):
    code = "import symgd; from symgd.printing.templates import environment; print(symgd.__file__, *environment('text').list_templates(), sep='\\n')"
    file, *templates = run(installed / "python", "-c", code, cwd=installed).splitlines()
    assert Path(file).is_relative_to(installed.parent)
    assert sorted(templates) == TEMPLATES
