from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api.devices.phone_pool import PhonePool
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
