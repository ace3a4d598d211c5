"""Words that are one slip away from what was typed."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
from device_runtime.prediction.typo_correction import merge_typo_matches, within_one_edit
from tests.support.device_runtime.bundle_parts import SURE

WORDS = sorted(["because", "tomorrow", "tomato", "tom", "the", "then", "when", "hello", "今天下午", "今天上午"])


def away(typed: str) -> list[str]:
    return [WORDS[at] for at in within_one_edit(WORDS, typed)]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("tomorow", "tomorrow"),  # one missing
        ("tommorr", "tomorrow"),  # one too many
        ("tomprr", "tomorrow"),  # one wrong
        ("tmoorw", None),  # two slips
        ("otmor", "tomorrow"),  # two swapped, at the beginning
        ("becuas", "because"),
        ("bcuase", None),
        ("ecause", "because"),
        ("hellox", "hello"),
        ("今天下无", "今天下午"),
    ],
)
def test_one_slip(typed: str, meant: str | None) -> None:
    assert away(typed)[:1] == ([] if meant is None else [meant])


def test_what_was_typed_is_no_slip() -> None:
    assert away("the") == ["hello", "when"]
    assert away("th") == away("") == []


def edits(typed: str, alphabet: str) -> set[str]:
    cuts = [(typed[:at], typed[at:]) for at in range(len(typed) + 1)]
    return (
        {head + tail[1:] for head, tail in cuts if tail}
        | {head + tail[1] + tail[0] + tail[2:] for head, tail in cuts if len(tail) > 1}
        | {head + letter + tail[1:] for head, tail in cuts if tail for letter in alphabet}
        | {head + letter + tail for head, tail in cuts for letter in alphabet}
    )


def test_all_of_them_and_no_other() -> None:
    rng = random.Random(0)
    words = sorted({"".join(rng.choices("abc", k=rng.randint(1, 7))) for _ in range(300)})
    for _ in range(100):
        typed = "".join(rng.choices("abc", k=rng.randint(3, 6)))
        variants = tuple(edits(typed, "abc"))
        expected = [at for at, word in enumerate(words) if word.startswith(variants) and not word.startswith(typed)]
        assert within_one_edit(words, typed) == expected, typed


def test_it_is_fast() -> None:
    rng = random.Random(0)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = sorted({"".join(rng.choices(letters, range(26, 0, -1), k=rng.randint(2, 10))) for _ in range(8000)})
    typed = [rng.choice(words)[:6] + "e" for _ in range(50)]
    best = min(_seconds(words, prefix) for prefix in typed)
    assert best < 0.002


def _seconds(words: list[str], prefix: str) -> float:
    started = time.perf_counter()
    within_one_edit(words, prefix)
    return time.perf_counter() - started


EXACT, SLIPS = [("then", 0.2), ("theta", 0.01)], [("tea", 0.1), ("hen", 0.05)]


def test_exact_words_that_are_good_stay() -> None:
    assert merge_typo_matches(EXACT, SLIPS, 2) == EXACT


def test_slips_fill_up() -> None:
    assert merge_typo_matches(EXACT, SLIPS, 3) == [("then", 0.2), ("tea", 0.1), ("theta", 0.01)]
    assert merge_typo_matches([], SLIPS, 1) == [("tea", 0.1)]
    assert merge_typo_matches(EXACT, [], 3) == EXACT


def test_improbable_words_give_way() -> None:
    assert merge_typo_matches([("thea", 0.06), ("thef", 0.01)], SLIPS, 2) == [("tea", 0.1), ("thea", 0.06)]


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
