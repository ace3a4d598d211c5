"""A phone: it learns at once, adapts, goes back, forgets, and keeps all that through a restart."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device_runtime.adapter.adapter import Adapter
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone, PhoneError
from device_runtime.prediction.predictor import Suggestion
from tests.support.device_runtime.bundle_parts import SURE
from tests.support.device_runtime.rights import WORD, bytes_with

MESSAGES = ["see you at home", "ok thanks see you", "are you coming home now", "Meet Zorblatt at the station"] * 15


@pytest.fixture
def sure(rebuilt: Callable[..., Engine]) -> Engine:
    return rebuilt(SURE)


def same(one: Adapter, other: Adapter) -> bool:
    return all(np.array_equal(tensor, other.tensors()[name]) for name, tensor in one.tensors().items())


def words(suggestions: list[Suggestion]) -> list[str]:
    return [suggestion.word for suggestion in suggestions]


def test_three_different_words_for_anything_typed(phone: Phone) -> None:
    for context in (
        "",
        "see you",
        "see you.",
        "<URL>",
        "\N{GRINNING FACE}",
        "今天",
        "a" * 500,
        "\ud83d",
        "word " * 10_000,
    ):
        found = phone.predict(context)
        assert len(set(words(found))) == 3
        assert all(s.word == s.word.lower() and s.text.lower() == s.word for s in found)
        assert [s.probability for s in found] == sorted((s.probability for s in found), reverse=True)


def test_completions_begin_with_what_was_typed(phone: Phone) -> None:
    for prefix in ("t", "T", "th", "TH", "se", "i"):
        for suggestion in phone.predict("see you", prefix):
            assert suggestion.word.startswith(prefix.lower())
            assert prefix == prefix.lower() or suggestion.text.startswith(prefix)


def test_it_learns_a_word_at_once(tmp_path: Path, sure: Engine) -> None:
    with Phone.open(tmp_path / "p", sure) as phone:
        assert "zorblatt" not in words(phone.predict("meet", "zo"))
        phone.observe("lets meet Zorblatt. meet Zorblatt")
        found = phone.predict("can you meet", "zo")
        assert (found[0].word, found[0].text) == ("zorblatt", "Zorblatt")


def test_the_shared_model_alone_knows_nothing_of_the_owner(tmp_path: Path, sure: Engine) -> None:
    with Phone.open(tmp_path / "p", sure) as phone:
        before = phone.predict("meet", "z", personal=False)
        assert phone.predict("meet", "z") == before
        phone.observe_many(MESSAGES)
        assert phone.adapt().verdict.kept
        assert phone.predict("meet", "z", personal=False) == before
        assert phone.predict("meet", "z") != before


def test_everything_survives_a_restart(tmp_path: Path, sure: Engine) -> None:
    with Phone.open(tmp_path / "p", sure) as phone:
        phone.observe_many([*MESSAGES, ("with a time", None)])
        assert phone.adapt().verdict.kept
        expected = [phone.predict(context, k=10) for context in ("", "see", "meet")]
        adapter, words_seen = phone.adapter, phone.words
    with Phone.open(tmp_path / "p", sure) as phone:
        assert phone.notes == ()
        assert same(phone.adapter, adapter)
        assert (phone.messages, phone.words) == (len(MESSAGES) + 1, words_seen)
        assert [phone.predict(context, k=10) for context in ("", "see", "meet")] == expected


def test_only_the_owner_can_read_it(tmp_path: Path, sure: Engine) -> None:
    with Phone.open(tmp_path / "p", sure) as phone:
        phone.observe_many(MESSAGES)
        phone.adapt()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "p").iterdir()}
        assert set(modes) >= {"history.sqlite", "adapter-1.safetensors"}
        assert set(modes.values()) == {0o600}
        assert stat.S_IMODE((tmp_path / "p").stat().st_mode) == 0o700


def test_rolling_back(tmp_path: Path, sure: Engine) -> None:
    with Phone.open(tmp_path / "p", sure) as phone:
        assert not phone.rollback()
        phone.observe_many(MESSAGES)
        first = phone.adapt().adapter
        phone.observe_many(["something new altogether", "see you at the station"] * 100)
        assert phone.adapt().verdict.kept
        second = phone.adapter
        assert not same(second, first)
        assert phone.rollback()
        assert same(phone.adapter, first)
    with Phone.open(tmp_path / "p", sure) as phone:
        assert (phone.adapter_id, same(phone.adapter, first)) == (1, True)
        assert phone.rollback(to=2)
        assert same(phone.adapter, second)
        assert phone.rollback(to=0)
        assert phone.adapter is sure.bundle.adapter_init
        assert not phone.rollback()


def test_the_first_adapter_rolls_back_to_the_shared_start(tmp_path: Path, sure: Engine) -> None:
    with Phone.open(tmp_path / "p", sure) as phone:
        phone.observe_many(MESSAGES)
        assert phone.adapt().verdict.kept
        assert phone.rollback()
        assert phone.adapter is sure.bundle.adapter_init


def test_a_refused_adapter_changes_nothing(tmp_path: Path, rebuilt: Callable[..., Engine]) -> None:
    engine = rebuilt({"recipe": {**SURE["recipe"], "gate": {"min_words": 1, "margin": 1e9}}})
    with Phone.open(tmp_path / "p", engine) as phone:
        phone.observe_many(MESSAGES)
        assert not phone.adapt().verdict.kept
        assert phone.adapter is engine.bundle.adapter_init
        assert not list((tmp_path / "p").glob("*.safetensors"))


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"noise"), Path.unlink])
def test_a_damaged_adapter_stops_nothing(tmp_path: Path, sure: Engine, damage: Callable[[Path], object]) -> None:
    with Phone.open(tmp_path / "p", sure) as phone:
        phone.observe_many(MESSAGES)
        adapter = phone.adapt().adapter
    damage(tmp_path / "p" / "adapter-1.safetensors")
    with Phone.open(tmp_path / "p", sure) as phone:
        assert "damaged" in phone.notes[0] or "missing" in phone.notes[0]
        assert phone.messages == len(MESSAGES)
        assert phone.adapter is sure.bundle.adapter_init
        assert not phone.rollback()
        assert same(phone.adapt().adapter, adapter)
        assert phone.adaptations()[-1].cause == "damaged"


def test_a_damaged_history_is_an_error_and_stays_as_it_is(tmp_path: Path, sure: Engine) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "history.sqlite").write_bytes(b"noise" * 1000)
    with pytest.raises(PhoneError, match="history"):
        Phone.open(tmp_path / "p", sure)
    assert (tmp_path / "p" / "history.sqlite").read_bytes() == b"noise" * 1000


def test_one_holder_at_a_time(tmp_path: Path, sure: Engine) -> None:
    with Phone.open(tmp_path / "p", sure), pytest.raises(PhoneError, match="in use"):
        Phone.open(tmp_path / "p", sure)
    Phone.open(tmp_path / "p", sure).close()


def test_a_folder_that_cannot_be_one(tmp_path: Path, sure: Engine) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PhoneError, match="cannot be used"):
        Phone.open(tmp_path / "file", sure)


@pytest.mark.parametrize("bad", [None, 3, b"bytes", (None, None)])
def test_what_is_no_text_is_refused_and_nothing_stored(phone: Phone, bad: Any) -> None:
    with pytest.raises(PhoneError, match="text"):
        phone.observe_many(["good", bad])
    assert phone.messages == 0


@pytest.mark.parametrize(("context", "prefix", "k"), [(None, "", 3), ("", 5, 3), ("", "", 0), ("", "", 101)])
def test_absurd_requests_are_refused(phone: Phone, context: Any, prefix: Any, k: int) -> None:
    with pytest.raises(PhoneError):
        phone.predict(context, prefix, k)


def test_empty_messages_are_no_messages(phone: Phone) -> None:
    phone.observe_many(["", "  \n ", "..."])
    phone.observe("")
    assert (phone.messages, phone.words) == (1, 0)


def test_a_reader_sees_the_old_adapter_or_the_new_one(tmp_path: Path, sure: Engine) -> None:
    with Phone.open(tmp_path / "p", sure) as phone:
        phone.observe_many(MESSAGES)
        contexts = ("see you", "are", "meet")
        old = [phone.predict(context, k=10) for context in contexts]
        seen: list[list[Suggestion]] = []
        stop = threading.Event()

        def read() -> None:
            while not stop.is_set():
                seen.extend(phone.predict(context, k=10) for context in contexts)

        readers = [threading.Thread(target=read) for _ in range(3)]
        adapters = [threading.Thread(target=phone.adapt) for _ in range(2)]
        for thread in readers + adapters:
            thread.start()
        for thread in adapters:
            thread.join()
        stop.set()
        for thread in readers:
            thread.join()
        new = [phone.predict(context, k=10) for context in contexts]
        assert new != old
        assert all(result in old + new for result in seen)
        assert any(result in old for result in seen)


def test_observing_from_several_threads_loses_nothing(tmp_path: Path, sure: Engine) -> None:
    with Phone.open(tmp_path / "p", sure) as phone:

        def write(name: str) -> None:
            for i in range(15):
                phone.observe(f"{name} {i}")
                phone.predict(name)

        threads = [threading.Thread(target=write, args=(name,)) for name in ("anna", "ben", "carl")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (phone.messages, phone.words) == (45, 90)


def test_a_word_typed_twice_is_suggested_the_same_day(phone: Phone) -> None:
    """The bundle's own recipe, and no adaptation."""
    phone.observe("lets meet Zorblatt at noon")
    phone.observe("meet Zorblatt again?")
    assert phone.adaptations() == []
    assert "Zorblatt" in [suggestion.text for suggestion in phone.predict("can we meet")]
    assert phone.predict("is it", "zo")[0].text == "Zorblatt"


def test_incognito_observes_nothing(tmp_path: Path, engine: Engine) -> None:
    with Phone.open(tmp_path / "p", engine) as phone:
        assert not phone.incognito
        phone.observe("before")
        phone.incognito = True
        phone.observe(f"meet {WORD}")
        phone.observe_many([f"meet {WORD}"] * 3)
    with Phone.open(tmp_path / "p", engine) as phone:
        assert phone.incognito
        phone.observe(f"meet {WORD}")
        assert (phone.messages, phone.words) == (1, 1)
        assert bytes_with(tmp_path / "p", WORD) == []
        phone.incognito = False
        phone.observe("after")
        assert phone.messages == 2


def test_a_private_field_is_not_stored(tmp_path: Path, engine: Engine) -> None:
    with Phone.open(tmp_path / "p", engine) as phone:
        phone.observe(f"my secret is {WORD}", private=True)
        assert (phone.messages, phone.words) == (0, 0)
        assert bytes_with(tmp_path / "p", WORD) == []
