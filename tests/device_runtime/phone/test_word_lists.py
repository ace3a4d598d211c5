"""The list of forgotten words: found again, not to be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_runtime.phone.database import PhoneDatabase
from device_runtime.phone.word_lists import ForgottenWords

SALT = b"0" * 16


@pytest.fixture
def store(tmp_path: Path) -> PhoneDatabase:
    return PhoneDatabase(tmp_path / "s")


def test_words_on_it(store: PhoneDatabase) -> None:
    forgotten = ForgottenWords(store, SALT)
    assert "anna" not in forgotten
    assert forgotten.masked("ask Anna") == "ask Anna"
    forgotten.write("Anna")
    assert "anna" not in forgotten  # until the transaction is known to have ended well
    forgotten.reread(SALT)
    assert "anna" in forgotten
    assert "'ANNA'" in forgotten
    assert "hannah" not in forgotten
    assert forgotten.masked("ask Anna") == "ask <#>"
    assert len(ForgottenWords(store, SALT)) == 1
    assert forgotten.erase("anna")
    assert not forgotten.erase("anna")


def test_another_key_finds_nothing(store: PhoneDatabase) -> None:
    ForgottenWords(store, SALT).write("anna")
    assert "anna" not in ForgottenWords(store, b"1" * 16)


def test_it_does_not_say_which(tmp_path: Path, store: PhoneDatabase) -> None:
    ForgottenWords(store, SALT).write("unmistakable")
    assert not any(b"unmistakable" in path.read_bytes() for path in tmp_path.iterdir())
