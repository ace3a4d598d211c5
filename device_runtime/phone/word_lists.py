"""A phone's lists of words: those it forgot, those it must not suggest, and those it learned from its owner."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from device_runtime.inference.lexicon import Lexicon
from device_runtime.phone.database import PhoneDatabase
from device_runtime.phone.message_history import Message
from keyboard_model.text.masking import canonical_form, mask_words
from keyboard_model.text.units import words

_DIGEST_BYTES = 16


class ForgottenWords:
    """The words that the owner made the phone forget: it never learns or suggests them again.

    They are stored as keyed hashes, so that the folder does not spell them. An attacker who has the folder can still
    test whether a given word is on the list, because the key is stored beside it.
    """

    def __init__(self, store: PhoneDatabase, salt: bytes) -> None:
        self._store = store
        self.reread(salt)

    def reread(self, salt: bytes) -> None:
        """Takes what is on the disk: call it when a transaction that changed it is over, however it ended."""
        self._salt = salt
        self._digests = {digest for (digest,) in self._store.rows("SELECT digest FROM forgotten")}

    def __contains__(self, word: str) -> bool:
        return bool(self._digests) and self._digest(canonical_form(word)) in self._digests

    def __len__(self) -> int:
        return len(self._digests)

    def masked(self, text: str) -> str:
        """Returns `text` with a placeholder in place of each forgotten word."""
        return mask_words(text, self.__contains__) if self._digests else text

    def write(self, word: str) -> None:
        """Puts a word on the disk's list."""
        with self._store.transaction() as db:
            db.execute("INSERT OR IGNORE INTO forgotten (digest) VALUES (?)", (self._digest(canonical_form(word)),))

    def erase(self, word: str) -> bool:
        """Takes a word off the disk's list. Returns whether it was there."""
        with self._store.transaction() as db:
            found = db.execute("DELETE FROM forgotten WHERE digest = ?", (self._digest(canonical_form(word)),))
        return found.rowcount > 0

    def clear(self) -> None:
        """Empties the disk's list."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM forgotten")

    def _digest(self, word: str) -> bytes:
        return hashlib.blake2b(word.encode(), digest_size=_DIGEST_BYTES, key=self._salt).digest()


class BlockedWords:
    """The phone's own block list: words that it learns but never suggests, in canonical form.

    The app's list is given when the phone is opened and is not stored; this one holds what was blocked on this phone.
    """

    def __init__(self, store: PhoneDatabase) -> None:
        self._store = store
        self.reread()

    def reread(self) -> None:
        """Reads the list from the disk: call it after each transaction that changed it, committed or rolled back."""
        self._words = frozenset(word for (word,) in self._store.rows("SELECT word FROM blocked"))

    def __contains__(self, canonical_word: str) -> bool:
        return canonical_word in self._words

    def __len__(self) -> int:
        return len(self._words)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._words))

    def write(self, words: Iterable[str]) -> None:
        """Adds words to the list on disk."""
        with self._store.transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO blocked (word) VALUES (?)", [(canonical_form(word),) for word in words]
            )

    def erase(self, word: str) -> bool:
        """Removes a word from the list on disk. Returns whether it was there."""
        with self._store.transaction() as db:
            return db.execute("DELETE FROM blocked WHERE word = ?", (canonical_form(word),)).rowcount > 0

    def clear(self) -> None:
        """Empties the list on disk."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM blocked")


@dataclass(frozen=True)
class LearnedWord:
    """One word that the owner typed.

    Attributes:
        word: Lower-cased.
        times: How often it was typed.
        last_at: When it was last typed, None where no time is known.
        known: Whether the shared vocabulary has it, as one piece; the others are the owner's own: names, mostly.
    """

    word: str
    times: int
    last_at: datetime | None
    known: bool


def learned_words(messages: Iterable[Message], lexicon: Lexicon, limit: int | None) -> list[LearnedWord]:
    """Returns the words of these messages: those that the shared vocabulary lacks first, then the most typed.

    Args:
        messages: Oldest first.
        lexicon: The bundle's.
        limit: How many at most; None = all.
    """
    times: Counter[str] = Counter()
    last: dict[str, datetime] = {}
    for message in messages:
        found = words(message.text)
        times.update(found)
        if message.at is not None:
            last.update(dict.fromkeys(found, message.at))
    known = {word: lexicon.piece_of(word) >= 0 for word in times}
    ordered = sorted(times, key=lambda word: (known[word], -times[word], word))
    return [LearnedWord(word, times[word], last.get(word), known[word]) for word in ordered[:limit]]
