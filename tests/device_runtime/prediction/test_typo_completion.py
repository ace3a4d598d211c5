"""Completion of a prefix with one slip, on a phone."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
from tests.support.device_runtime.bundle_parts import SURE


@pytest.fixture
def sure(rebuilt: Callable[..., Engine]) -> Engine:
    return rebuilt(SURE)


def shown(phone: Phone, context: str, prefix: str, k: int = 3) -> list[str]:
    return [suggestion.text for suggestion in phone.predict(context, prefix, k)]


def test_a_word_of_the_shared_vocabulary(phone: Phone, engine: Engine) -> None:
    word = max(engine.lexicon.words.texts, key=len)
    assert len(word) >= 6
    missing, swapped = word[:2] + word[3:], word[:2] + word[3] + word[2] + word[4:]
    for slip in {missing, swapped} - {word}:
        assert word in [text.lower() for text in shown(phone, "see you", slip)], slip
        assert shown(phone, "see you", slip.upper()[:1] + slip[1:])[0][:1].isupper()


def test_a_word_of_the_owners(tmp_path: Path, sure: Engine) -> None:
    with Phone.open(tmp_path / "p", sure) as phone:
        phone.observe_many(["meet zorblatt"] * 5)
        for slip in ("zorblat", "zobrla", "zoorb", "zorbk", "orbl"):
            assert "zorblatt" in shown(phone, "meet", slip), slip
        phone.forget_word("zorblatt")
        assert "zorblatt" not in shown(phone, "meet", "zobrla", 100)


def test_a_prefix_that_fits_is_completed_as_ever(tmp_path: Path, sure: Engine) -> None:
    with Phone.open(tmp_path / "p", sure) as phone:
        phone.observe_many(["meet zorblatt", "then there", "these three"] * 5)
        for context, prefix in itertools.product(["meet", ""], ["zor", "the", "thre"]):
            assert all(text.lower().startswith(prefix) for text in shown(phone, context, prefix)[:1])


def test_what_is_no_word_stays_none(phone: Phone) -> None:
    for prefix in ("...", "\N{GRINNING FACE}" * 4, "<#>", "'''", "q" * 300):
        assert all(suggestion.word.isprintable() for suggestion in phone.predict("see", prefix))
