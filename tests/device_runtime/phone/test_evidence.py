"""A phone compares its own suggestions with the shared model's, and falls back to those if its own do worse."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from device_runtime.inference.engine import Engine
from device_runtime.phone.database import PhoneDatabase
from device_runtime.phone.evidence import NEWEST, Evidence
from device_runtime.phone.phone import Phone
from keyboard_model.text.units import units

WORDS = ["worda", "wordb", "wordc"]


@pytest.fixture
def compared(tmp_path: Path) -> Iterator[Evidence]:
    database = PhoneDatabase(tmp_path / "history.sqlite")
    yield Evidence(database)
    database.close()


def send(compared: Evidence, text: str, *, personal: str = "", shared: str = "") -> None:
    """Shows one word of each keyboard at the beginning of a message, and sends the message."""
    compared.remember([], [personal], [shared])
    compared.judge(units(text))


def test_falls_back_when_the_shared_model_alone_had_the_words_and_returns_when_that_changes(compared):
    fallen = []
    for _ in range(4):
        send(compared, "hello there", shared="hello")
        fallen.append(compared.fallen_back)
    assert fallen == [False, False, False, True]
    for _ in range(3):
        send(compared, "hello there", personal="hello")
        assert compared.fallen_back
    for _ in range(2):
        send(compared, "hello there", personal="hello")
    assert not compared.fallen_back


@pytest.mark.parametrize(("personal", "shared"), [("hello", "hello"), ("", ""), ("there", "who")])
def test_words_that_both_or_none_showed_decide_nothing(compared, personal, shared):
    for _ in range(20):
        send(compared, "hello", personal=personal, shared=shared)
    assert not compared.fallen_back


def test_a_message_that_was_not_predicted_decides_nothing(compared):
    for _ in range(20):
        compared.remember(units("good morning"), [], ["you"])
        compared.judge(units("good evening you"))
    assert not compared.fallen_back


def test_a_suggestion_is_judged_once(compared):
    compared.remember([], [], ["hello"])
    for _ in range(20):
        compared.judge(units("hello"))
    assert not compared.fallen_back


def test_only_the_newest_words_count(compared):
    for _ in range(1000):
        send(compared, "hello", personal="hello")
    lost = 0
    while not compared.fallen_back:
        send(compared, "hello", shared="hello")
        lost += 1
    assert NEWEST / 2 < lost < NEWEST


def test_survives_a_restart_without_the_words(tmp_path):
    database = PhoneDatabase(tmp_path / "history.sqlite")
    for _ in range(4):
        send(Evidence(database), "hello", shared="hello")
    database.close()
    assert b"hello" not in (tmp_path / "history.sqlite").read_bytes()
    database = PhoneDatabase(tmp_path / "history.sqlite")
    assert Evidence(database).fallen_back
    database.close()


@pytest.fixture
def taught(phone: Phone) -> Phone:
    """A phone that suggests three words of its owner after `see`."""
    phone.observe_many([f"see {word}" for word in WORDS] * 60)
    return phone


def type_what_only_the_shared_model_suggests(phone: Phone) -> None:
    only_shared = phone.predict("see", k=1, personal=False)[0].word
    assert only_shared not in [each.word for each in phone.predict("see")]
    for _ in range(4):
        phone.predict("see")
        phone.observe(f"see {only_shared}")


def test_a_phone_falls_back_at_once_and_says_so(taught: Phone, engine: Engine, tmp_path):
    type_what_only_the_shared_model_suggests(taught)
    assert taught.fallen_back
    shared = [each.word for each in taught.predict("see", personal=False)]
    assert [each.word for each in taught.predict("see")] == shared
    assert [each.word for each in taught.predict("see", "word")] != WORDS
    assert taught.export()["settings"]["fallen_back"]
    taught.close()
    with Phone.open(tmp_path / "phone", engine) as again:
        assert again.fallen_back


def test_a_phone_that_forgets_everything_starts_anew(taught: Phone):
    type_what_only_the_shared_model_suggests(taught)
    taught.forget_all()
    assert not taught.fallen_back


def test_a_phone_in_incognito_judges_nothing(taught: Phone):
    taught.incognito = True
    type_what_only_the_shared_model_suggests(taught)
    assert not taught.fallen_back
