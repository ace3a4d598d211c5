"""A phone learns, adapts, rolls back, and keeps its state through a restart."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone, PhoneError
from device_runtime.prediction.predictor import Suggestion
from tests.support.device_runtime.adapters import same
from tests.support.device_runtime.bundle_parts import LEARNING_RECIPE
from tests.support.device_runtime.rights import WORD, bytes_with

MESSAGES = ["see you at home", "ok thanks see you", "are you coming home now", "Meet Zorblatt at the station"] * 15


def words(suggestions: list[Suggestion]) -> list[str]:
    return [suggestion.word for suggestion in suggestions]


def test_suggests_three_different_words_after_any_text(phone: Phone) -> None:
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


def test_suggestions_begin_with_the_typed_prefix(phone: Phone) -> None:
    for prefix in ("t", "T", "th", "TH", "se", "i"):
        for suggestion in phone.predict("see you", prefix):
            assert suggestion.word.startswith(prefix.lower())
            assert prefix == prefix.lower() or suggestion.text.startswith(prefix)


def test_learns_a_word_at_once(tmp_path: Path, learning_engine: Engine) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        assert "zorblatt" not in words(phone.predict("meet", "zo"))
        phone.observe("lets meet Zorblatt. meet Zorblatt")
        found = phone.predict("can you meet", "zo")
        assert (found[0].word, found[0].text) == ("zorblatt", "Zorblatt")


def test_impersonal_suggestions_ignore_the_owner(tmp_path: Path, learning_engine: Engine) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        before = phone.predict("meet", "z", personal=False)
        assert phone.predict("meet", "z") == before
        phone.observe_many(MESSAGES)
        assert phone.adapt().verdict.kept
        assert phone.predict("meet", "z", personal=False) == before
        assert phone.predict("meet", "z") != before


def test_everything_survives_a_restart(tmp_path: Path, learning_engine: Engine) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        phone.observe_many([*MESSAGES, ("with a time", None)])
        assert phone.adapt().verdict.kept
        expected = [phone.predict(context, k=10) for context in ("", "see", "meet")]
        adapter, words_seen = phone.adapter, phone.words
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        assert phone.notes == ()
        assert same(phone.adapter, adapter)
        assert (phone.messages, phone.words) == (len(MESSAGES) + 1, words_seen)
        assert [phone.predict(context, k=10) for context in ("", "see", "meet")] == expected


def test_rollback_returns_to_earlier_adapters(tmp_path: Path, learning_engine: Engine) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        assert not phone.rollback()
        phone.observe_many(MESSAGES)
        first = phone.adapt().adapter
        phone.observe_many(["something new altogether", "see you at the station"] * 100)
        assert phone.adapt().verdict.kept
        second = phone.adapter
        assert not same(second, first)
        assert phone.rollback()
        assert same(phone.adapter, first)
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        assert (phone.adapter_id, same(phone.adapter, first)) == (1, True)
        assert phone.rollback(to=2)
        assert same(phone.adapter, second)
        assert phone.rollback(to=0)
        assert phone.adapter is learning_engine.bundle.adapter_init
        assert not phone.rollback()


def test_the_first_adapter_rolls_back_to_the_shared_start(tmp_path: Path, learning_engine: Engine) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        phone.observe_many(MESSAGES)
        assert phone.adapt().verdict.kept
        assert phone.rollback()
        assert phone.adapter is learning_engine.bundle.adapter_init


def test_an_adapter_that_the_gate_rejects_changes_nothing(tmp_path: Path, rebuilt: Callable[..., Engine]) -> None:
    engine = rebuilt({"recipe": {**LEARNING_RECIPE["recipe"], "gate": {"min_words": 1, "margin": 1e9}}})
    with Phone.open(tmp_path / "p", engine) as phone:
        phone.observe_many(MESSAGES)
        assert not phone.adapt().verdict.kept
        assert phone.adapter is engine.bundle.adapter_init
        assert not list((tmp_path / "p").glob("*.safetensors"))


@pytest.mark.parametrize("bad", [None, 3, b"bytes", (None, None)])
def test_rejects_messages_that_are_not_text_and_stores_nothing(phone: Phone, bad: Any) -> None:
    with pytest.raises(PhoneError, match="text"):
        phone.observe_many(["good", bad])
    assert phone.messages == 0


@pytest.mark.parametrize(("context", "prefix", "k"), [(None, "", 3), ("", 5, 3), ("", "", 0), ("", "", 101)])
def test_predict_rejects_invalid_arguments(phone: Phone, context: Any, prefix: Any, k: int) -> None:
    with pytest.raises(PhoneError):
        phone.predict(context, prefix, k)


def test_ignores_empty_messages(phone: Phone) -> None:
    phone.observe_many(["", "  \n ", "..."])
    phone.observe("")
    assert (phone.messages, phone.words) == (1, 0)


def test_predictions_during_an_adaptation_use_the_old_or_the_new_adapter(
    tmp_path: Path, learning_engine: Engine
) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
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


def test_observing_from_several_threads_loses_no_message(tmp_path: Path, learning_engine: Engine) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:

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


def test_incognito_stores_nothing(tmp_path: Path, engine: Engine) -> None:
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
