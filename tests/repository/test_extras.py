"""Each extra of the wheel, installed into an empty environment, imports what it promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.ci import IN_CI

ROOT = Path(__file__).parents[2]
PACKAGES = ("api", "device_runtime", "federated", "keyboard_model", "tflite_export", "thumbprint")

IMPORTS = {
    "phone": "from device_runtime import *; from device_runtime.simulation import simulate; import icu4py.breakers",
    "client": "from api import Client, ServiceError",
    "cli": "from thumbprint.cli.main import main; assert main(['--version']) == 0",
    "serve": "from api import *; from thumbprint.cli.main import main; assert main(['serve', '--help']) == 0",
    "report": "from device_runtime.reporting import fleet, html, plots, table",
}
"""What a subprocess runs, with the extra installed and nothing else."""

TRAIN = """
from federated import *
from federated.algorithms import METHODS
from tflite_export import *
from thumbprint import *
from thumbprint.comparison.compare import compare
assert len(METHODS) >= 15
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    names = ["setup.cfg", "pyproject.toml", "README.md", "LICENSE", *PACKAGES]
    subprocess.run(["cp", "-r", "--parents", *names, str(_made(source))], cwd=ROOT, check=True)
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source))
    return next(folder.glob("thumbprint-*.whl"))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


# Without this checkout on the path: pip would take it for an installed thumbprint.
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    done = subprocess.run(command, env=CLEAN, capture_output=True, text=True)
    if done.returncode:
        offline = re.search(r"No matching distribution|Could not find a version|connection broken", done.stderr)
        if offline and not IN_CI:
            pytest.skip("the package index cannot be reached")
        raise AssertionError(done.stderr[-3000:])


def _closure(extra: str) -> list[str]:
    """What the extra installs besides us, at the versions of this environment, which are those of the lock."""
    pinned: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    ahead = [("thumbprint", extra)]
    while ahead:
        name, its_extra = ahead.pop()
        if (name, its_extra) in seen:
            continue
        seen.add((name, its_extra))
        if name != "thumbprint":
            pinned[name] = version(name)
        for line in _requirements(name):
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": its_extra}):
                ahead += [(wanted.name, one) for one in (*wanted.extras, "")]
    return [f"{name}=={pinned[name]}" for name in sorted(pinned)]


def _requirements(name: str) -> list[str]:
    if name != "thumbprint":
        return [line for line in requires(name) or [] if _installed(Requirement(line).name)]
    return _declared()


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def _declared() -> list[str]:
    """The requirements in setup.cfg: an installation in place may be older than the file."""
    import configparser

    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    found = []
    for extra, lines in parser["options.extras_require"].items():
        for line in lines.split("\n"):
            if line.strip():
                found.append(f"{line.strip()} ; extra == '{extra}'")
    return found


def _environment(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"


def _run(python: Path, code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(python), "-c", code], cwd=folder, env=CLEAN, capture_output=True, text=True)


@pytest.mark.skipif(not IN_CI, reason="installs packages from the index: in CI only")
@pytest.mark.parametrize("extra", ["phone", "client", "cli", "serve", "report"])
def test_an_extra_brings_what_its_imports_need(extra, wheel, tmp_path):
    python = _environment(tmp_path / "venv")
    _pip("--python", str(python), "install", "--no-deps", *_closure(extra), str(wheel))

    done = _run(python, IMPORTS[extra], tmp_path)

    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.skipif(not IN_CI, reason="installs TensorFlow anew, minutes: in CI only")
def test_the_documented_commands_install_training(wheel, tmp_path):
    python = _environment(tmp_path / "venv")
    lock = str(ROOT / "requirements.txt")
    _pip("--python", str(python), "install", "--no-deps", "--require-hashes", "-r", lock)
    _pip("--python", str(python), "install", "--no-deps", str(wheel))

    done = _run(python, TRAIN, tmp_path)

    assert done.returncode == 0, done.stderr[-3000:]


def test_the_wheel_has_the_files_that_are_no_modules(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    kinds = {".html", ".css", ".js", ".toml", ".typed"}
    ours = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in kinds or path.name == "py.typed"
    }

    assert {f"{package}/py.typed" for package in PACKAGES} <= ours
    assert ours <= packed


def test_a_phone_needs_seven_distributions_of_its_own():
    declared = [Requirement(line) for line in _declared()]

    phone = {wanted.name for wanted in declared if wanted.marker and wanted.marker.evaluate({"extra": "phone"})}

    assert phone == {
        "ai-edge-litert", "cryptography", "icu4py", "numpy", "pydantic", "safetensors", "sentencepiece",
    }  # fmt: skip


def test_every_declared_requirement_is_in_the_lock_at_a_version_that_fits():
    locked = dict(re.findall(r"^([a-z0-9._-]+)==([^\s\\;]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))

    for line in _declared():
        wanted = Requirement(line)
        if wanted.name != "thumbprint":
            assert wanted.specifier.contains(locked[wanted.name.lower()]), line
