"""What an owner sees and decides: the learned words, incognito, private fields, what is never learnt, the export."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import safetensors.numpy

from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
from device_runtime.phone.word_lists import LearnedWord
from tests.support.device_runtime.bundle_parts import SURE
from tests.support.device_runtime.rights import MESSAGES, WORD, bytes_with

NOON = datetime(2015, 3, 9, 12, tzinfo=UTC)


@pytest.fixture
def sure(rebuilt: Callable[..., Engine]) -> Engine:
    return rebuilt(SURE)


def test_the_learned_words(phone: Phone, engine: Engine) -> None:
    shared = max(engine.lexicon.words.texts, key=lambda word: (word.isascii() and word.isalpha(), len(word)))
    phone.observe_many(
        [(f"Zorblatt, zorblatt {shared}", NOON), (f"{shared} quuxhouse {shared}", NOON + timedelta(1)), f"{shared}"]
    )
    expected = [
        LearnedWord("zorblatt", 2, NOON, known=False),
        LearnedWord("quuxhouse", 1, NOON + timedelta(1), known=False),
        LearnedWord(shared, 4, NOON + timedelta(1), known=True),
    ]
    assert phone.learned_words() == phone.learned_words(None) == expected
    assert phone.learned_words(limit=1) == expected[:1]
    phone.forget_word("zorblatt")
    assert [word.word for word in phone.learned_words()] == ["quuxhouse", shared]


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


def test_what_is_never_learnt_is_nowhere(tmp_path: Path, sure: Engine) -> None:
    with Phone.open(tmp_path / "p", sure) as phone:
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


def test_the_export_holds_everything(tmp_path: Path, sure: Engine) -> None:
    with Phone.open(tmp_path / "p", sure, clock=lambda: NOON) as phone:
        assert phone.export()["adapter"] is None
        phone.observe_many([("first", NOON), *MESSAGES])
        phone.adapt()
        phone.forget_word("thanks")
        phone.incognito = True
        found = json.loads(json.dumps(phone.export(), allow_nan=False))
        assert (found["format"], found["format_version"]) == ("thumbprint-export", 1)
        assert found["model_id"] == sure.bundle.manifest.model_id
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
        }
        data = base64.b64decode(found["adapter"]["safetensors"])
        assert data == phone.adapter_file()
        assert set(safetensors.numpy.load(data)) >= {"lora_a", "lora_b"}
