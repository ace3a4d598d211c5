"""Forgotten data disappears from suggestions, adapter, log and disk; the export contains everything else."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import safetensors.numpy

from device_runtime.inference.engine import Engine
from device_runtime.phone import privacy
from device_runtime.phone.folder import PhoneFolder
from device_runtime.phone.phone import Phone, PhoneError
from tests.support.device_runtime.adapters import same
from tests.support.device_runtime.bundle_parts import LEARNING_RECIPE
from tests.support.device_runtime.rights import AROUND, MESSAGES, WORD, bytes_with, chance

NOON = datetime(2015, 3, 9, 12, tzinfo=UTC)


@pytest.mark.parametrize("strengths", [1, 5])
def test_forgetting_a_word_equals_never_typing_it(
    tmp_path: Path, rebuilt: Callable[..., Engine], strengths: int
) -> None:
    engine = rebuilt(
        {
            "recipe": {
                **LEARNING_RECIPE["recipe"],
                "history": {**LEARNING_RECIPE["recipe"]["history"], "strengths": strengths, "strength_words": 5},
            }
        }
    )
    with Phone.open(tmp_path / "p", engine) as phone, Phone.open(tmp_path / "other", engine) as other:
        phone.observe_many(MESSAGES)
        assert phone.adapt().verdict.kept
        assert chance(phone, WORD, "meet") > 100 * chance(phone, WORD, "meet", personal=False)

        assert phone.forget_word("Zorblatt") == len(AROUND)
        other.observe_many(text.replace("Zorblatt", "<#>") for text in MESSAGES)
        assert other.adapt().verdict.kept

        assert same(phone.adapter, other.adapter)
        assert phone.words == other.words
        assert phone.predict("meet", k=50) == [s for s in other.predict("meet", k=50) if s.word != WORD][:50]
        assert phone.export()["settings"]["history_strength"] == other.export()["settings"]["history_strength"]
        assert phone.adaptations()[-1].cause == "forgetting"


def test_a_forgotten_word_has_the_probability_of_the_shared_model(tmp_path: Path, learning_engine: Engine) -> None:
    """It is equal if the phone learned nothing else, and not larger otherwise."""
    with Phone.open(tmp_path / "only", learning_engine) as phone:
        phone.observe_many([WORD] * 60)
        phone.adapt()
        before = chance(phone, WORD, "meet")
        phone.forget_word(WORD)
        assert phone.adapter is learning_engine.bundle.adapter_init
        assert phone.unforget_word(WORD)
        assert chance(phone, WORD, "meet") == chance(phone, WORD, "meet", personal=False) < before / 100
    with Phone.open(tmp_path / "among others", learning_engine) as phone:
        phone.observe_many(MESSAGES)
        phone.adapt()
        phone.forget_word(WORD)
        phone.unforget_word(WORD)
        assert phone.adapter is not learning_engine.bundle.adapter_init
        assert chance(phone, WORD, "meet") <= chance(phone, WORD, "meet", personal=False) * 1.01


def test_no_byte_of_a_forgotten_word_stays_on_disk(tmp_path: Path, learning_engine: Engine) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        phone.observe_many(MESSAGES)
        phone.adapt()
        phone.observe(f"'{WORD.upper()}' <{WORD}> {WORD}!")
        assert bytes_with(tmp_path / "p", WORD)
        phone.forget_word(WORD)
        assert bytes_with(tmp_path / "p", WORD) == []
    assert bytes_with(tmp_path / "p", WORD) == []


def test_a_forgotten_word_is_never_suggested_or_learned_again(tmp_path: Path, learning_engine: Engine) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        phone.forget_word(WORD)
        phone.observe_many(MESSAGES)
        phone.adapt()
        assert bytes_with(tmp_path / "p", WORD) == []
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        assert chance(phone, WORD, "meet") == 0
        assert phone.unforget_word(WORD)
        assert not phone.unforget_word(WORD)
        phone.observe(f"meet {WORD}")
        assert chance(phone, WORD, "meet") > 0


def test_a_word_of_the_shared_vocabulary_can_be_forgotten(tmp_path: Path, learning_engine: Engine) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        word = phone.predict("see", personal=False)[0].word
        phone.forget_word(word)
        for personal in (True, False):
            found = phone.predict("see", personal=personal)
            assert len(found) == 3
            assert word not in [suggestion.word for suggestion in found]


def test_adapters_that_never_read_the_word_stay(tmp_path: Path, learning_engine: Engine) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        phone.observe_many(AROUND)
        clean = phone.adapt().adapter
        phone.observe(f"meet {WORD}")
        assert phone.forget_word(WORD) == 1
        assert (phone.adapter_id, same(phone.adapter, clean)) == (1, True)
        assert len(phone.adaptations()) == 1
        phone.observe(f"meet {WORD}2")
        assert phone.adapt().verdict.kept
        assert phone.forget_word(f"{WORD}2") == 1
        assert [entry.stored for entry in phone.adaptations()] == [True, False, True]
        assert phone.adapter_id == 3


@pytest.mark.parametrize("word", ["", "two words", "...", "<#>", None, 3])
def test_rejects_forgetting_what_is_not_one_word(phone: Phone, word: str) -> None:
    with pytest.raises(PhoneError, match="not one word"):
        phone.forget_word(word)


def test_forgets_the_last_hour(tmp_path: Path, learning_engine: Engine) -> None:
    now = NOON
    with Phone.open(tmp_path / "p", learning_engine, clock=lambda: now) as phone:
        phone.observe_many((text, NOON - timedelta(days=1)) for text in AROUND)
        clean = phone.adapt().adapter
        now += timedelta(minutes=30)
        phone.observe_many([f"meet {WORD}"] * 300)  # no time of their own: that of their arrival
        assert phone.adapt().verdict.kept
        assert phone.forget_since(NOON) == 300
        assert bytes_with(tmp_path / "p", WORD) == []
        assert chance(phone, WORD, "meet") <= chance(phone, WORD, "meet", personal=False) * 1.01
        assert (phone.messages, phone.adapter_id) == (len(AROUND), 3)
        assert same(phone.adapter, clean)
        assert phone.forget_since(NOON) == 0
        assert len(phone.adaptations()) == 3


def test_forgets_everything(tmp_path: Path, learning_engine: Engine) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        before = phone.predict("meet", k=10)
        phone.observe_many(MESSAGES)
        phone.adapt()
        phone.incognito = True
        phone.forget_word("station")
        phone.forget_all()
        assert (phone.messages, phone.words, phone.predict("meet", k=10)) == (0, 0, before)
        assert (phone.adaptations(), phone.learned_words(), phone.adapter_id) == ([], [], 0)
        assert not phone.unforget_word("station")
        assert phone.incognito
        assert {path.suffix for path in (tmp_path / "p").iterdir()} == {".sqlite", ".sqlite-wal", ".sqlite-shm"}
        assert bytes_with(tmp_path / "p", WORD) == []
        phone.incognito = False
        phone.observe("and on it goes")
        assert phone.messages == 1


@pytest.mark.parametrize(
    "forget",
    [
        lambda folder: privacy.forget_word(folder, WORD),
        lambda folder: privacy.forget_since(folder, datetime(2000, 1, 1)),
        privacy.forget_all,
    ],
)
def test_an_interrupted_deletion_is_finished_when_the_folder_is_opened(
    tmp_path: Path, learning_engine: Engine, forget: Callable[[PhoneFolder], object]
) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        phone.observe_many(MESSAGES)
        phone.adapt()
    folder = PhoneFolder.open(tmp_path / "p", learning_engine.bundle)
    forget(folder)  # the process dies before `scrub`
    folder.close()
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        assert bytes_with(tmp_path / "p", WORD) == []
        assert not list((tmp_path / "p").glob("*.safetensors"))
        assert phone.adapter is learning_engine.bundle.adapter_init
        due = phone.conditions(idle=True, charging=True, unmetered=True).due
        assert due == (None if forget is privacy.forget_all else "forgetting")


def test_a_failed_deletion_changes_nothing(
    tmp_path: Path, learning_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        phone.observe_many(MESSAGES)
        adapter = phone.adapt().adapter
        monkeypatch.setattr(phone._folder.state, "change", lambda **changes: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            phone.forget_word(WORD)
        monkeypatch.undo()
        assert chance(phone, WORD, "meet") > 0.01
        assert phone.adapter is adapter
        assert phone.forget_word(WORD) == len(AROUND)


def test_numbers_addresses_and_urls_are_never_stored(tmp_path: Path, learning_engine: Engine) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        phone.observe_many(["call me on 91234567 ok", "mail bob@zorb.org ok", "see www.zorb.org/x ok"] * 20)
        phone.adapt()
        for secret in ("91234567", "9123", "bob", "zorb"):
            assert bytes_with(tmp_path / "p", secret) == []
        assert {message["text"] for message in phone.export()["messages"]} == {
            "call me on <#> ok",
            "mail <#> ok",
            "see <#> ok",
        }
        # What was typed after a number is found again after any number.
        assert phone.predict("call me on 5551234", "o")[0].word == "ok"


def test_the_export_contains_everything(tmp_path: Path, learning_engine: Engine) -> None:
    with Phone.open(tmp_path / "p", learning_engine, clock=lambda: NOON) as phone:
        assert phone.export()["adapter"] is None
        phone.observe_many([("first", NOON), *MESSAGES])
        phone.adapt()
        phone.forget_word("thanks")
        phone.incognito = True
        found = json.loads(json.dumps(phone.export(), allow_nan=False))
        assert (found["format"], found["format_version"]) == ("thumbprint-export", 1)
        assert found["model_id"] == learning_engine.bundle.manifest.model_id
        assert found["messages"][0] == {"text": "first", "at": NOON.isoformat()}
        assert len(found["messages"]) == len(MESSAGES) + 1
        assert len(found["words"]) == len(phone.learned_words(None))
        assert {"word": WORD, "times": len(MESSAGES) // 2, "last_at": None, "known": False} in found["words"]
        assert [entry["cause"] for entry in found["adaptations"]] == ["asked", "forgetting"]
        assert found["adaptations"][0]["at"] == NOON.isoformat()
        assert found["settings"] == {
            "incognito": True,
            "forgotten_words": 1,
            "blocked_words": [],
            "history_strength": 1.0,
            "fallen_back": False,
        }
        data = base64.b64decode(found["adapter"]["safetensors"])
        assert data == phone.adapter_file()
        assert set(safetensors.numpy.load(data)) >= {"lora_a", "lora_b"}
