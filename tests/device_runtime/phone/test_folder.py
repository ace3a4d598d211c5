"""A phone's folder survives a crash, and a damaged or locked one is repaired or refused."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone, PhoneError
from tests.support.device_runtime.adapters import same
from tests.support.device_runtime.bundle_parts import LEARNING_RECIPE
from tests.support.device_runtime.damage import make_folder, make_pipe

MESSAGES = ["see you at home", "ok thanks see you", "are you coming home now", "Meet Zorblatt at the station"] * 15
DATABASE_FILES = {"history.sqlite", "history.sqlite-wal", "history.sqlite-shm"}
PROGRAM = """
import os, sys
from device_runtime.bundle.loader import load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
bundle, key, folder = sys.argv[1:]
phone = Phone.open(folder, Engine(load_bundle(bundle, key)))
number = phone.messages
while True:
    for _ in range(5):
        phone.observe(f"see you at home number {number}")
        number += 1
        os.write(1, f"{number}\\n".encode())
    phone.adapt()
    os.write(1, b"adapted\\n")
"""


def test_a_killed_phone_keeps_acknowledged_messages_and_a_whole_adapter(
    tmp_path: Path, rebuilt: Callable[..., Engine], own_keys: tuple[Path, Path]
) -> None:
    engine = rebuilt(LEARNING_RECIPE)
    folder, chance = tmp_path / "phone", random.Random(0)
    adapted = 0
    for last in ("1", "adapted", "1", "adapted"):
        program = (PROGRAM, engine.bundle.path, own_keys[1], folder)
        lines = lines_until_killed(*program, until=last, seconds=chance.uniform(0.0, 0.3))
        acknowledged = int([line for line in lines if line.strip().isdigit()][-1])
        adaptations = lines.count("adapted\n")
        adapted += adaptations
        with Phone.open(folder, engine) as phone:
            assert phone.notes == ()
            texts = [message["text"] for message in phone.export()["messages"]]
            assert texts == [f"see you at home number {i}" for i in range(len(texts))]
            assert len(texts) in (acknowledged, acknowledged + 1)
            assert phone.words == 6 * len(texts)
            assert phone.adapter.is_finite()
            assert np.any(phone.adapter.bias) or not adapted
            adapters = {f"adapter-{entry.id}.safetensors" for entry in phone.adaptations() if entry.stored}
            assert {path.name for path in folder.iterdir()} == DATABASE_FILES | adapters
            assert len(phone.predict("see")) == 3
    assert adapted


FORGETTING = """
import os, sys
from device_runtime.bundle.loader import load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
bundle, key, folder = sys.argv[1:]
phone = Phone.open(folder, Engine(load_bundle(bundle, key)))
phone.observe_many(["see you at home", "meet Zorblatt there"] * 1000)
assert phone.adapt().verdict.kept
os.write(1, b"ready\\n")
phone.forget_word("zorblatt")
os.write(1, b"forgotten\\n")
sys.stdin.read()
"""


def test_a_phone_killed_while_it_forgets_has_forgotten_all_or_nothing(
    tmp_path: Path, rebuilt: Callable[..., Engine], own_keys: tuple[Path, Path]
) -> None:
    engine = rebuilt(LEARNING_RECIPE)
    ends = set()
    moments = (("ready", 0.0), ("ready", 0.03), ("ready", 0.06), ("ready", 0.1), ("forgotten", 0.0))
    for run, (until, seconds) in enumerate(moments):
        folder = tmp_path / f"phone{run}"
        lines = lines_until_killed(FORGETTING, engine.bundle.path, own_keys[1], folder, until, seconds)
        with Phone.open(folder, engine) as phone:
            words = {word.word: word.times for word in phone.learned_words(None)}
            assert phone.messages == 2000
            assert words["there"] == 1000
            forgotten = "zorblatt" not in words
            ends.add(forgotten)
            assert forgotten or words["zorblatt"] == 1000
            assert forgotten or "forgotten\n" not in lines
            assert forgotten != any(b"orblatt" in path.read_bytes() for path in folder.iterdir())
            assert phone.adapter is not engine.bundle.adapter_init or forgotten
    assert True in ends


def lines_until_killed(program: str, bundle: Path, key: Path, folder: Path, until: str, seconds: float) -> list[str]:
    """Runs a program and kills it so long after its first line that ends with `until`. Returns what it wrote."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(bundle), str(key), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    lines = [process.stdout.readline()]
    while not lines[-1].endswith(f"{until}\n"):
        assert lines[-1], "the program ended by itself"
        lines.append(process.stdout.readline())
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    lines += process.stdout.readlines()
    process.stdout.close()
    process.stdin.close()
    process.wait()
    return lines


def test_only_the_owner_can_read_the_folder(tmp_path: Path, learning_engine: Engine) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        phone.observe_many(MESSAGES)
        phone.adapt()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "p").iterdir()}
        assert set(modes) >= {"history.sqlite", "adapter-1.safetensors"}
        assert set(modes.values()) == {0o600}
        assert stat.S_IMODE((tmp_path / "p").stat().st_mode) == 0o700


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"noise"), Path.unlink])
def test_a_phone_with_a_damaged_adapter_uses_the_shared_start(
    tmp_path: Path, learning_engine: Engine, damage: Callable[[Path], object]
) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        phone.observe_many(MESSAGES)
        adapter = phone.adapt().adapter
    damage(tmp_path / "p" / "adapter-1.safetensors")
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        assert "damaged" in phone.notes[0] or "missing" in phone.notes[0]
        assert phone.messages == len(MESSAGES)
        assert phone.adapter is learning_engine.bundle.adapter_init
        assert not phone.rollback()
        assert same(phone.adapt().adapter, adapter)
        assert phone.adaptations()[-1].cause == "damaged"


def make_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("elsewhere")


def make_huge(path: Path) -> None:
    os.truncate(path, 2**40)


@pytest.mark.parametrize("replace", [make_folder, make_pipe, make_link, make_huge])
def test_something_else_in_place_of_an_adapter_counts_as_a_damaged_one(
    tmp_path: Path, learning_engine: Engine, replace: Callable[[Path], object]
) -> None:
    folder = tmp_path / "p"
    with Phone.open(folder, learning_engine) as phone:
        phone.observe_many(MESSAGES)
        phone.adapt()
    replace(folder / "adapter-1.safetensors")
    os.mkfifo(folder / "adapter-7.safetensors")  # one that the phone does not know
    with Phone.open(folder, learning_engine) as phone:
        assert "adapter-1.safetensors is" in phone.notes[0]
        assert phone.messages == len(MESSAGES)
        assert phone.adapter is learning_engine.bundle.adapter_init
        assert {path.name for path in folder.iterdir()} == DATABASE_FILES


@pytest.mark.parametrize("limit", [0, 5_000])
def test_a_full_disk_damages_nothing(tmp_path: Path, learning_engine: Engine, limit: int) -> None:
    folder = tmp_path / "p"
    with Phone.open(folder, learning_engine) as phone:
        phone.observe_many(MESSAGES)
    with files_of_at_most(limit):
        with pytest.raises(PhoneError, match="cannot be used"):
            Phone.open(tmp_path / "new", learning_engine)
        with contextlib.suppress(PhoneError), Phone.open(folder, learning_engine) as phone:
            assert phone.notes == ()
            with pytest.raises(PhoneError, match="cannot be used"):
                phone.observe_many(["see you"] * 5_000)
    for path, messages in ((folder, len(MESSAGES)), (tmp_path / "new", 0)):
        with Phone.open(path, learning_engine) as phone:
            assert phone.notes == ()
            assert phone.messages == messages


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Makes every write beyond so many bytes of a file fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_folder_that_cannot_be_read_is_reported(
    tmp_path: Path, learning_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    Phone.open(tmp_path / "p", learning_engine).close()

    def refused(*_: object) -> int:  # chmod does not keep root out
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refused)
        with pytest.raises(PhoneError, match="cannot be used: Permission denied"):
            Phone.open(tmp_path / "p", learning_engine)
    Phone.open(tmp_path / "p", learning_engine).close()


def test_a_folder_can_be_open_only_once(tmp_path: Path, learning_engine: Engine) -> None:
    with Phone.open(tmp_path / "p", learning_engine), pytest.raises(PhoneError, match="in use"):
        Phone.open(tmp_path / "p", learning_engine)
    Phone.open(tmp_path / "p", learning_engine).close()


def test_rejects_a_file_as_folder(tmp_path: Path, learning_engine: Engine) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PhoneError, match="cannot be used"):
        Phone.open(tmp_path / "file", learning_engine)
