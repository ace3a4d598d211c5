from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from api.devices import phone_pool
from api.devices.phone_pool import PhoneBusyError, PhonePool
from device_runtime.bundle.loader import load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone, PhoneError


@pytest.fixture(scope="module")
def engine(tiny_bundle: Path, tiny_public_key: Path) -> Engine:
    return Engine(load_bundle(tiny_bundle, tiny_public_key))


def is_open(folder: Path, engine: Engine) -> bool:
    try:
        Phone.open(folder, engine).close()
    except PhoneError:
        return True
    return False


def test_closes_the_least_recently_used_phones(tmp_path: Path, engine: Engine) -> None:
    phones = PhonePool(tmp_path, engine, limit=2)
    for device_id in ("a", "b", "a", "c"):
        with phones.use(device_id):
            pass
    assert [is_open(tmp_path / device_id, engine) for device_id in "abc"] == [True, False, True]
    phones.close()
    assert not any(is_open(tmp_path / device_id, engine) for device_id in "abc")


def test_keeps_a_phone_in_use_open(tmp_path: Path, engine: Engine) -> None:
    phones = PhonePool(tmp_path, engine, limit=1)
    with phones.use("a") as phone:
        for device_id in ("b", "c"):
            with phones.use(device_id):
                pass
        phone.observe("hello")
        with phones.use("a") as same:
            assert same is phone
    with phones.use("b"):
        pass
    assert not is_open(tmp_path / "a", engine)
    with phones.use("a") as reopened:
        assert reopened is not phone and reopened.messages == 1
    phones.close()


def test_opens_a_phone_again_after_a_failure(tmp_path: Path, engine: Engine) -> None:
    phones = PhonePool(tmp_path, engine)
    with Phone.open(tmp_path / "a", engine):
        for _ in range(2):
            with pytest.raises(PhoneError, match="in use"), phones.use("a"):
                pass
    with phones.use("a") as phone:
        assert phone.messages == 0
    phones.close()


def test_an_open_phone_is_given_without_waiting(tmp_path: Path, engine: Engine) -> None:
    phones = PhonePool(tmp_path, engine, limit=1)
    with phones.use_if_open("a") as phone:
        assert phone is None
    assert not (tmp_path / "a").exists()
    with phones.use("a") as opened:
        with phones.use_if_open("a") as phone:
            assert phone is opened
        with phones._slots["a"].changing, phones.use_if_open("a") as phone:  # it is being closed
            assert phone is None
    with phones.use_if_open("a") as phone:
        assert phone is opened
        with phones.use("b"):
            pass
        opened.observe("hello")  # too many are open, but this one is in use
    phones.reopen("a")
    with phones.use_if_open("a") as phone:
        assert phone is None
    phones.close()
    with phones.use_if_open("a") as phone:
        assert phone is None


def test_an_open_phone_in_use_is_not_deleted(tmp_path: Path, engine: Engine) -> None:
    phones = PhonePool(tmp_path, engine)
    with phones.use("a"):
        pass
    deleting = threading.Thread(target=phones.delete, args=("a",))
    with phones.use_if_open("a") as phone:
        deleting.start()
        deleting.join(0.2)
        assert deleting.is_alive() and phone is not None
        phone.observe("hello")
    deleting.join(30)
    assert not deleting.is_alive() and not (tmp_path / "a").exists()
    phones.close()


def test_no_message_is_lost_with_many_threads_and_few_open_phones(tmp_path: Path, engine: Engine) -> None:
    phones = PhonePool(tmp_path, engine, limit=1)

    def write(number: int) -> None:
        with phones.use(str(number % 4)) as phone:
            phone.observe(f"message {number}")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(80)))
    for number in range(4):
        with phones.use(str(number)) as phone:
            assert phone.messages == 20
    phones.close()


def test_close_waits_for_users_and_is_final(tmp_path: Path, engine: Engine) -> None:
    phones = PhonePool(tmp_path, engine)
    closing = threading.Thread(target=phones.close)
    with phones.use("a") as phone:
        closing.start()
        closing.join(0.2)
        assert closing.is_alive()
        phone.observe("hello")
    closing.join(30)
    assert not closing.is_alive() and not is_open(tmp_path / "a", engine)
    with pytest.raises(RuntimeError, match="closed"), phones.use("a"):
        pass


class HangingPhones:
    """Replaces `Phone.open`: the phones in `hanging` do not open before `go_on` is called."""

    def __init__(self, *hanging: str) -> None:
        self._hanging = hanging
        self._event = threading.Event()
        self._open = Phone.open
        self.opened: list[str] = []

    def open(self, folder: Path, *arguments: Any, **options: Any) -> Phone:
        self.opened.append(folder.name)
        if folder.name in self._hanging:
            assert self._event.wait(30)
        return self._open(folder, *arguments, **options)

    def go_on(self) -> None:
        self._event.set()


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingPhones]:
    phones = HangingPhones("bad")
    monkeypatch.setattr(Phone, "open", phones.open)
    yield phones
    phones.go_on()


def refused(phones: PhonePool, device_id: str) -> float:
    """Returns how many seconds the pool takes to refuse a phone."""
    began = time.monotonic()
    with pytest.raises(PhoneBusyError, match="try again later"), phones.use(device_id):
        pass
    return time.monotonic() - began


def test_a_phone_that_does_not_open_is_refused_and_the_others_are_not(
    tmp_path: Path, engine: Engine, hanging: HangingPhones
) -> None:
    phones = PhonePool(tmp_path, engine, patience=0.3)
    assert refused(phones, "bad") >= 0.3
    assert min(refused(phones, "bad") for _ in range(5)) < 0.3  # it is known now
    with phones.use("good") as phone:
        assert phone.messages == 0
    with phones.use_if_open("bad") as none:
        assert none is None
    with pytest.raises(PhoneBusyError, match="in use"):
        phones.delete("bad")
    assert hanging.opened == ["bad", "good"]  # one thread, however often it is asked for
    hanging.go_on()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(PhoneBusyError), phones.use("bad") as phone:
            phone.observe("hello")
            break
        time.sleep(0.01)
    with phones.use("bad") as phone:
        assert phone.messages == 1
    phones.close()
    assert not is_open(tmp_path / "bad", engine)


def test_the_pool_closes_although_a_phone_does_not_open(tmp_path: Path, engine: Engine, hanging: HangingPhones) -> None:
    phones = PhonePool(tmp_path, engine, patience=0.2)
    with phones.use("good"):
        pass
    refused(phones, "bad")
    began = time.monotonic()
    phones.close()
    assert time.monotonic() - began < 10 and not is_open(tmp_path / "good", engine)


def test_a_phone_that_fails_to_open_late_can_be_opened_later(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, opened = threading.Event(), Phone.open
    failing = iter([True])

    def fail_late(*arguments: Any, **options: Any) -> Phone:
        if next(failing, False):
            assert ended.wait(30)
            raise PhoneError("damaged")
        return opened(*arguments, **options)

    monkeypatch.setattr(Phone, "open", fail_late)
    phones = PhonePool(tmp_path, engine, patience=0.1)
    refused(phones, "a")
    ended.set()
    deadline = time.monotonic() + 30
    while len(phones) and time.monotonic() < deadline:
        time.sleep(0.01)
    with phones.use("a") as phone:
        assert phone.messages == 0
    phones.close()


def test_threads_that_hang_are_bounded(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = HangingPhones("0", "1", "2", "3")
    monkeypatch.setattr(Phone, "open", hanging.open)
    monkeypatch.setattr(phone_pool, "MAX_OPENING", 3)
    phones = PhonePool(tmp_path, engine, patience=0.1)
    for device_id in ("0", "1", "2", "3"):
        refused(phones, device_id)
    assert hanging.opened == ["0", "1", "2"]
    hanging.go_on()
    phones.close()


def test_one_phone_does_not_get_more_than_its_share_of_the_threads(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phone_pool, "MAX_USERS", 2)
    phones = PhonePool(tmp_path, engine)
    with phones.use("a"), phones.use("a"):
        assert refused(phones, "a") < 5
        with phones.use("b"):
            pass
    with phones.use("a"):
        pass
    phones.close()


PROGRAM = """
import resource, sys
hard = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (min(300, hard), hard))
from api.devices.phone_pool import max_open_phones
print(max_open_phones(1000), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("hard", "phones", "soft"), [(10_000, 1_000, 4_256), (1_024, 192, 1_024), (260, 1, 260), (100, 1, 100)]
)
def test_the_number_of_open_phones_follows_the_limit_of_open_files(hard: int, phones: int, soft: int) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(hard)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(phones), str(soft)]


def test_a_damaged_history_is_one_line_in_the_log_and_concerns_no_other_phone(
    tmp_path: Path, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    phones = PhonePool(tmp_path, engine, limit=1)
    for device_id in ("a", "b"):
        with phones.use(device_id) as phone:
            phone.observe("see you soon")
    phones.close()
    (tmp_path / "a" / "history.sqlite").write_bytes(b"noise" * 1000)
    phones = PhonePool(tmp_path, engine, limit=1)
    for device_id, messages in (("a", 0), ("b", 1)):
        with phones.use(device_id) as phone:
            assert phone.messages == messages
    phones.close()
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("a device was repaired: ") and "moved aside" in line and "\n" not in line
