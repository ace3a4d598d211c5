"""Words that begin with a string one edit away from the typed prefix."""

from __future__ import annotations

import itertools
import random
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies

from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
from device_runtime.prediction.typo_correction import (
    complete_with_typos,
    merge_typo_matches,
    with_apostrophe,
    within_one_edit,
)
from device_runtime.prediction.user_model import UserNgramModel

WORDS = sorted(["because", "tomorrow", "tomato", "tom", "the", "then", "when", "hello", "今天下午", "今天上午"])


def corrections(typed: str) -> list[str]:
    return [WORDS[at] for at in within_one_edit(WORDS, typed)]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("tomorow", "tomorrow"),  # one missing
        ("tommorr", "tomorrow"),  # one too many
        ("tomprr", "tomorrow"),  # one wrong
        ("tmoorw", None),  # two typos
        ("otmor", "tomorrow"),  # two swapped, at the beginning
        ("becuas", "because"),
        ("bcuase", None),
        ("ecause", "because"),
        ("hellox", "hello"),
        ("今天下无", "今天下午"),
    ],
)
def test_corrects_one_typo(typed: str, meant: str | None) -> None:
    assert corrections(typed)[:1] == ([] if meant is None else [meant])


def test_words_that_match_exactly_are_left_out() -> None:
    assert corrections("the") == ["hello", "when"]
    assert corrections("th") == corrections("") == []


def edits(typed: str, alphabet: str) -> set[str]:
    cuts = [(typed[:at], typed[at:]) for at in range(len(typed) + 1)]
    return (
        {head + tail[1:] for head, tail in cuts if tail}
        | {head + tail[1] + tail[0] + tail[2:] for head, tail in cuts if len(tail) > 1}
        | {head + letter + tail[1:] for head, tail in cuts if tail for letter in alphabet}
        | {head + letter + tail for head, tail in cuts for letter in alphabet}
    )


@given(
    vocabulary=strategies.sets(strategies.text("abc", min_size=1, max_size=7), min_size=50, max_size=200),
    typed=strategies.text("abc", min_size=3, max_size=6),
)
@settings(max_examples=50)
def test_finds_exactly_the_words_one_edit_away(vocabulary: set[str], typed: str) -> None:
    words = sorted(vocabulary)
    variants = tuple(edits(typed, "abc"))
    expected = [at for at, word in enumerate(words) if word.startswith(variants) and not word.startswith(typed)]
    assert within_one_edit(words, typed) == expected


def test_is_fast() -> None:
    rng = random.Random(0)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = sorted({"".join(rng.choices(letters, range(26, 0, -1), k=rng.randint(2, 10))) for _ in range(8000)})
    typed = [rng.choice(words)[:6] + "e" for _ in range(50)]
    best = min(_seconds(words, prefix) for prefix in typed)
    assert best < 0.002


def _seconds(words: list[str], prefix: str) -> float:
    started = time.thread_time()
    within_one_edit(words, prefix)
    return time.thread_time() - started


EXACT, CORRECTED = [("then", 0.2), ("theta", 0.01)], [("tea", 0.1), ("hen", 0.05)]


def test_probable_exact_matches_stay() -> None:
    assert merge_typo_matches(EXACT, CORRECTED, 2) == EXACT


def test_corrected_words_fill_empty_places() -> None:
    assert merge_typo_matches(EXACT, CORRECTED, 3) == [("then", 0.2), ("tea", 0.1), ("theta", 0.01)]
    assert merge_typo_matches([], CORRECTED, 1) == [("tea", 0.1)]
    assert merge_typo_matches(EXACT, [], 3) == EXACT


def test_improbable_exact_matches_are_replaced() -> None:
    assert merge_typo_matches([("thea", 0.06), ("thef", 0.01)], CORRECTED, 2) == [("tea", 0.1), ("thea", 0.06)]


def test_corrected_words_replace_less_probable_words_that_nobody_typed() -> None:
    assert merge_typo_matches(EXACT, CORRECTED, 2, spelled={"theta"}) == [("then", 0.2), ("tea", 0.1)]
    assert merge_typo_matches(EXACT, CORRECTED, 3, spelled={"theta"}) == [("then", 0.2), ("tea", 0.1), ("hen", 0.05)]
    assert merge_typo_matches(EXACT, [("hen", 0.005)], 2, spelled={"theta"}) == EXACT
    assert merge_typo_matches(EXACT, [("hen", 0.15)], 1, spelled={"then", "theta"}) == [("then", 0.2)]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("its", ["it's", "it'sa"]), ("im", ["i'm"]), ("it", []), ("i", []), ("", []), ("it's", []), ("lami", ["l'ami"])],
)
def test_finds_words_with_an_apostrophe_that_was_not_typed(typed: str, meant: list[str]) -> None:
    words = sorted(["i'm", "imp", "it", "it's", "it'sa", "its", "l'ami", "lamina"])
    assert [words[at] for at in with_apostrophe(words, typed)] == meant


def shown(phone: Phone, context: str, prefix: str, k: int = 3) -> list[str]:
    return [suggestion.text for suggestion in phone.predict(context, prefix, k)]


def test_a_phone_corrects_words_of_the_shared_vocabulary(phone: Phone, engine: Engine) -> None:
    word = max(engine.lexicon.words.texts, key=len)
    assert len(word) >= 6
    missing, swapped = word[:2] + word[3:], word[:2] + word[3] + word[2] + word[4:]
    for typo in {missing, swapped} - {word}:
        assert word in [text.lower() for text in shown(phone, "see you", typo)], typo
        assert shown(phone, "see you", typo.upper()[:1] + typo[1:])[0][:1].isupper()


def test_a_phone_corrects_words_of_its_owner(tmp_path: Path, learning_engine: Engine) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        phone.observe_many(["meet zorblatt"] * 5)
        for typo in ("zorblat", "zobrla", "zoorb", "zorbk", "orbl"):
            assert "zorblatt" in shown(phone, "meet", typo), typo
        phone.forget_word("zorblatt")
        assert "zorblatt" not in shown(phone, "meet", "zobrla", 100)


def test_a_phone_completes_a_correct_prefix_first(tmp_path: Path, learning_engine: Engine) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        phone.observe_many(["meet zorblatt", "then there", "these three"] * 5)
        for context, prefix in itertools.product(["meet", ""], ["zor", "the", "thre"]):
            assert all(text.lower().startswith(prefix) for text in shown(phone, context, prefix)[:1])


def test_suggests_printable_words_after_prefixes_that_are_not_words(phone: Phone) -> None:
    for prefix in ("...", "\N{GRINNING FACE}" * 4, "<#>", "'''", "q" * 1_000_000):
        assert all(suggestion.word.isprintable() for suggestion in phone.predict("see", prefix))


APOSTROPHES = ["it's ok", "i can't go", "we're late", "i'm here", "tomorrow we go"] * 3


def test_a_missing_apostrophe_is_corrected_before_words_that_nobody_typed(
    tmp_path: Path, learning_engine: Engine
) -> None:
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        phone.observe_many(APOSTROPHES)
        for context, typed, meant in [
            ("", "its", "it's"),
            ("i", "cant", "can't"),
            ("", "were", "we're"),
            ("", "im", "i'm"),
            ("", "ITS", "it's"),
        ]:
            found = [suggestion.word for suggestion in phone.predict(context, typed)]
            assert meant in found, typed
            if learning_engine.lexicon.piece_of(typed.lower()) >= 0:
                assert found.index(typed.lower()) < found.index(meant)
        assert "IT'S" in shown(phone, "", "ITS")


def test_fewer_words_rather_than_words_that_nobody_typed(tmp_path: Path, learning_engine: Engine) -> None:
    lexicon = learning_engine.lexicon
    with Phone.open(tmp_path / "p", learning_engine) as phone:
        phone.observe_many(APOSTROPHES)
        assert shown(phone, "", "tomorrowq") == ["tomorrow"]
        for prefix in ("xy", "qzx", "zzzz", "xqzj", "blorbt"):
            found = [suggestion.word for suggestion in phone.predict("", prefix, 10)]
            invented = [word for word in found if lexicon.piece_of(word) < 0]
            assert invented == [], prefix


@pytest.mark.parametrize(
    ("spelled", "shown"),
    [
        ({"zqxreservation": 1e-6}, ["zqxreservation"]),  # nothing else matches the prefix
        ({"zqxreservation": 1e-6, "zqxreserving": 3e-7, "zqxreserver": 1e-7}, ["zqxreservation", "zqxreserving"]),
        ({f"zqxreserve{last}": 1e-6 for last in "abcdef"}, []),  # all the same to the model
        ({"zqxreservation": 1e-17}, []),  # random letters are as probable
    ],
)
def test_a_word_that_only_the_model_spells_is_shown_if_nothing_else_is_meant(
    engine: Engine, spelled: dict[str, float], shown: list[str]
) -> None:
    nobody = UserNgramModel.empty()
    impossible = np.full(len(engine.tokenizer), -100.0, np.float32)
    found = complete_with_typos(
        list(spelled.items()), engine.lexicon, lambda _: impossible, nobody, nobody.mixture([]), "zqxreserv", 10, None
    )
    assert [word for word, _ in found] == shown
