"""A phone's lists of forgotten, blocked and learned words."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from device_runtime.inference.engine import Engine
from device_runtime.phone import phone as phone_module
from device_runtime.phone.database import PhoneDatabase
from device_runtime.phone.phone import Phone, PhoneError
from device_runtime.phone.word_lists import (
    BlockedWords,
    BlockListError,
    ForgottenWords,
    LearnedWord,
    read_block_list,
)
from keyboard_model.text.casing import canonical_form

SALT = b"0" * 16
NOON = datetime(2015, 3, 9, 12, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> PhoneDatabase:
    return PhoneDatabase(tmp_path / "s")


def test_a_forgotten_word_is_found_and_masked_in_any_case(database: PhoneDatabase) -> None:
    forgotten = ForgottenWords(database, SALT)
    assert "anna" not in forgotten
    assert forgotten.masked("ask Anna") == "ask Anna"
    forgotten.write("Anna")
    assert "anna" not in forgotten  # until `reread` after the transaction
    forgotten.reread(SALT)
    assert "anna" in forgotten
    assert "'ANNA'" in forgotten
    assert "hannah" not in forgotten
    assert forgotten.masked("ask Anna") == "ask <#>"
    assert len(ForgottenWords(database, SALT)) == 1
    assert forgotten.erase("anna")
    assert not forgotten.erase("anna")


def test_another_salt_finds_no_forgotten_word(database: PhoneDatabase) -> None:
    ForgottenWords(database, SALT).write("anna")
    assert "anna" not in ForgottenWords(database, b"1" * 16)


def test_forgotten_words_are_not_readable_on_disk(tmp_path: Path, database: PhoneDatabase) -> None:
    ForgottenWords(database, SALT).write("unmistakable")
    assert not any(b"unmistakable" in path.read_bytes() for path in tmp_path.iterdir())


def test_reads_a_block_list(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("\ufeff# offensive\nDamn\n\n  don’t \n今天\n", "utf-8")
    assert read_block_list(tmp_path / "list") == {"damn", "don't", "今天"}


@pytest.mark.parametrize("line", ["two words", "...", "<#>", "a.b"])
def test_rejects_a_line_that_is_not_one_word(tmp_path: Path, line: str) -> None:
    (tmp_path / "list").write_text(f"good\n{line}\n", "utf-8")
    with pytest.raises(BlockListError, match=r"line 2: .* is not one word"):
        read_block_list(tmp_path / "list")


def test_rejects_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BlockListError, match="cannot be read"):
        read_block_list(tmp_path / "missing")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(BlockListError, match="cannot be read"):
        read_block_list(tmp_path / "binary")


@pytest.mark.parametrize("personal", [True, False])
def test_the_next_best_words_replace_blocked_words(tmp_path: Path, engine: Engine, personal: bool) -> None:
    def shown(phone: Phone, prefix: str, k: int) -> list[str]:
        return [suggestion.word for suggestion in phone.predict("see you", prefix, k, personal=personal)]

    with Phone.open(tmp_path / "open", engine) as phone:
        phone.observe("see you at the zorblatt")
        free, prefixed = shown(phone, "", 60), shown(phone, "s", 10)
    blocked = frozenset(word.upper() for word in [*free[:40], *prefixed[:4]])
    with Phone.open(tmp_path / "blocking", engine, blocked=blocked) as phone:
        phone.observe("see you at the zorblatt")
        for prefix in ("", "s", "t"):
            found = shown(phone, prefix, 3)
            assert len(found) == 3
            assert not {word.upper() for word in found} & blocked
        assert set(shown(phone, "", 20)) == {word for word in free if word.upper() not in blocked}
        assert phone.words == 5  # blocked words stay in the history


def test_the_block_list_of_a_phone_is_stored(tmp_path: Path, engine: Engine) -> None:
    def shown(phone: Phone) -> list[str]:
        return [suggestion.word for suggestion in phone.predict("see you", "", 3)]

    (tmp_path / "list").write_text("Damn\n", "utf-8")
    with Phone.open(tmp_path / "p", engine) as phone:
        first = shown(phone)[0]
        assert phone.block([first.upper(), first]) == 1
        assert phone.block(read_block_list(tmp_path / "list")) == 1
        assert phone.blocked_words() == sorted([first, "damn"])
        assert first not in shown(phone)
    with Phone.open(tmp_path / "p", engine) as phone:
        assert first not in shown(phone)
        assert phone.export()["settings"]["blocked_words"] == phone.blocked_words()
        assert phone.unblock(first)
        assert not phone.unblock(first)
        assert first in shown(phone)
        phone.forget_all()
        assert phone.blocked_words() == []


def test_block_rejects_items_that_are_not_one_word_and_long_lists(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phone_module, "MAX_BLOCKED_WORDS", 2)
    with Phone.open(tmp_path / "p", engine) as phone:
        with pytest.raises(PhoneError, match="'two words' is not one word"):
            phone.block(["good", "two words"])
        with pytest.raises(PhoneError, match="at most 2 words; this one would have 3"):
            phone.block(["a", "b", "c"])
        assert phone.blocked_words() == []


def test_set_blocked_words_replaces_the_whole_list_or_nothing(tmp_path: Path, engine: Engine) -> None:
    with Phone.open(tmp_path / "phone", engine) as phone:
        phone.block(["damn"])
        with pytest.raises(PhoneError, match="not one word"):
            phone.set_blocked_words(["good", "two words"])
        assert phone.blocked_words() == ["damn"]
        phone.set_blocked_words(["Other", "words"])
    with Phone.open(tmp_path / "phone", engine) as phone:
        assert phone.blocked_words() == ["other", "words"]


def test_learned_words_are_sorted_by_novelty_and_frequency(phone: Phone, engine: Engine) -> None:
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


FORMS = {
    "zanna": ["Zanna", "ZANNA", "'zanna'", "❤️Zanna", "za\u200bnna", "\u200fzanna", "☎️Zanna", "Ｚanna"],
    "irem": ["irem", "İrem", "IREM", "Irem", "ırem"],
    "straße": ["straße", "STRASSE", "strasse", "Straße"],
    "علی\u200cرضا": ["علی\u200cرضا", "علیرضا"],
    "don't": ["don’t", "don´t", "DON`T"],
}


@pytest.mark.parametrize("word", FORMS)
def test_one_forget_covers_all_forms_of_a_word(engine: Engine, tmp_path: Path, word: str) -> None:
    with Phone.open(tmp_path / "phone", engine) as phone:
        phone.observe_many([f"hi {form} now" for form in FORMS[word]])
        assert phone.forget_word(word) == len(FORMS[word])
        phone.observe_many([f"hi {form} now" for form in FORMS[word]])
        assert {learned.word for learned in phone.learned_words()} == {"hi", "now"}
        left = [message["text"] for message in phone.export()["messages"]]
        assert {part for text in left for part in re.findall(r"[\w<#>]+", text)} == {"hi", "<#>", "now"}
        assert phone.unforget_word(FORMS[word][0].strip("❤️"))


@pytest.mark.parametrize("word", FORMS)
def test_a_blocked_word_is_suggested_in_no_form(engine: Engine, tmp_path: Path, word: str) -> None:
    with Phone.open(tmp_path / "phone", engine) as phone:
        phone.observe_many([f"hi {form}" for form in FORMS[word]] * 5)
        phone.block([word])
        shown = [suggestion.text for suggestion in phone.predict("hi", k=20)]
        assert canonical_form(word) not in set(map(canonical_form, shown))


@pytest.mark.parametrize(
    ("former", "forms"),
    [
        ("anna", ["Anna", "❤️anna"]),
        ("straße", ["straße", "STRASSE"]),
        ("i\u0307rem", ["İrem", "irem"]),
        ("ırem", ["ırem", "IREM"]),
        ("\ufe0fzanna", ["zanna", "❤️Zanna"]),
        ("οδος", ["ΟΔΟΣ", "οδος"]),
        ("don't", ["don’t"]),
    ],
)
def test_a_word_that_an_earlier_version_forgot_stays_forgotten(
    database: PhoneDatabase, former: str, forms: list[str]
) -> None:
    """The hash was that of the word in lower case (NFC, plain apostrophes)."""
    digest = hashlib.blake2b(former.encode(), digest_size=16, key=SALT).digest()
    with database.transaction() as db:
        db.execute("INSERT INTO forgotten (digest) VALUES (?)", (digest,))
    forgotten = ForgottenWords(database, SALT)
    for form in forms:
        assert "<#>" in forgotten.masked(f"ask {form}"), form
        assert canonical_form(form.strip("❤️")) in forgotten
    assert "hannah" not in forgotten
    assert forgotten.erase(forms[0].strip("❤️"))


def test_a_forgotten_word_that_an_earlier_version_left_in_messages_is_masked_at_opening(
    engine: Engine, tmp_path: Path
) -> None:
    """It took U+FE0F and `Zanna` for another word than `Zanna`."""
    with Phone.open(tmp_path / "phone", engine) as phone:
        phone.observe_many(["hi ❤️Zanna", "see you"])
        phone._folder.forgotten.write("zanna")  # as if it had masked nothing
    with Phone.open(tmp_path / "phone", engine) as phone:
        assert [message["text"] for message in phone.export()["messages"]] == ["hi ❤️<#>", "see you"]
        assert {learned.word for learned in phone.learned_words()} == {"hi", "see", "you"}
    assert b"Zanna" not in b"".join(path.read_bytes() for path in (tmp_path / "phone").iterdir() if path.is_file())


def test_a_block_list_of_an_earlier_version_still_blocks(database: PhoneDatabase) -> None:
    with database.transaction() as db:
        db.execute("INSERT INTO blocked (word) VALUES ('straße')")
    blocked = BlockedWords(database)
    assert canonical_form("STRASSE") in blocked
    assert blocked.erase("Straße")
    blocked.reread()
    assert len(blocked) == 0


def test_a_word_of_too_many_letters_is_neither_learned_nor_suggested(engine: Engine, tmp_path: Path) -> None:
    with Phone.open(tmp_path / "phone", engine) as phone:
        phone.observe_many(["haha" * 2_500, "ha" * 24])
        assert [learned.word for learned in phone.learned_words()] == ["ha" * 24]
        assert max(len(suggestion.text) for suggestion in phone.predict("", k=20)) <= 48
        assert phone.forget_word("HAHA" * 2_500) == 1
        assert [message["text"] for message in phone.export()["messages"]] == ["<#>", "ha" * 24]
        with pytest.raises(PhoneError, match="is not one word"):
            phone.forget_word("<URL>")
