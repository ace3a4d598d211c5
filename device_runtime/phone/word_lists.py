"""Lists of words on a phone: forgotten ones, blocked ones, and those that it learned from its owner."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from device_runtime.inference.lexicon import Lexicon, is_one_word
from device_runtime.phone.database import PhoneDatabase
from device_runtime.phone.message_history import Message
from keyboard_model.text.casing import canonical_form, lower_case
from keyboard_model.text.masking import mask_words
from keyboard_model.text.normalization import APOSTROPHE
from keyboard_model.text.units import Kind, normalize, units, words

_DIGEST_BYTES = 16


class ForgottenWords:
    """The words that the owner made the phone forget: it never learns or suggests them again.

    They are stored as keyed hashes, so that the folder does not contain the words. An attacker who has the folder can
    still test whether a given word is on the list, because the key is stored beside it.

    The hash is that of the canonical form. Earlier versions hashed the word in lower case, in which an invisible
    character at its beginning could stay. Hashes cannot be converted, so those of such forms are looked up as well.
    """

    def __init__(self, database: PhoneDatabase, salt: bytes) -> None:
        self._database = database
        self.reread(salt)

    def reread(self, salt: bytes) -> None:
        """Reads the list from disk: call it after each transaction that changed it, committed or rolled back."""
        self._salt = salt
        self._digests = {digest for (digest,) in self._database.rows("SELECT digest FROM forgotten")}
        self._known: dict[str, bool] = {}

    def __contains__(self, word: str) -> bool:
        if not self._digests:
            return False
        known = self._known.get(word)
        if known is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            known = self._known[word] = not self._digests.isdisjoint(self._possible_digests(word))
        return known

    def __len__(self) -> int:
        return len(self._digests)

    def masked(self, text: str) -> str:
        """Returns `text` with a placeholder in place of each forgotten word."""
        return mask_words(text, self.__contains__) if self._digests else text

    def write(self, word: str) -> None:
        """Adds a word to the list on disk."""
        with self._database.transaction() as db:
            db.execute("INSERT OR IGNORE INTO forgotten (digest) VALUES (?)", (self._digest(canonical_form(word)),))

    def erase(self, word: str) -> bool:
        """Removes a word from the list on disk. Returns whether it was there."""
        with self._database.transaction() as db:
            digests = [(digest,) for digest in self._possible_digests(word)]
            return db.executemany("DELETE FROM forgotten WHERE digest = ?", digests).rowcount > 0

    def clear(self) -> None:
        """Empties the list on disk."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM forgotten")

    def _possible_digests(self, word: str) -> set[bytes]:
        return set(map(self._digest, {canonical_form(word), *_former_forms(word)}))

    def _digest(self, word: str) -> bytes:
        return hashlib.blake2b(word.encode(), digest_size=_DIGEST_BYTES, key=self._salt).digest()


def _former_forms(word: str) -> Iterator[str]:
    """Yields the forms under which an earlier version may have stored that this word is forgotten."""
    for lower in {normalize(word).lower(), lower_case(normalize(word)), canonical_form(word)}:
        yield lower
        yield from (invisible + lower for invisible in _FORMERLY_IN_WORDS)
        for letters, others in _FORMERLY_OTHER_LETTERS:
            for other in others:
                yield lower.replace(letters, other)
                yield lower.replace(letters, other, 1)
        if lower.endswith("σ"):
            yield f"{lower[:-1]}ς"


_FORMERLY_IN_WORDS = ("\ufe0f", "\ufe0e", "\u200d")
_FORMERLY_OTHER_LETTERS = (("i", ("i\u0307", "ı")), ("ss", ("ß",)))
_MAX_KNOWN = 10_000
"""Words whose lookup is remembered, so that a message costs no hashes for its usual words."""


class BlockedWords:
    """The phone's own block list: words that it learns but never suggests, in canonical form.

    The app passes its own list when it opens the phone, and that list is not stored. This one holds the words that were
    blocked on this phone.
    """

    def __init__(self, database: PhoneDatabase) -> None:
        self._database = database
        self.reread()

    def reread(self) -> None:
        """Reads the list from disk: call it after each transaction that changed it, committed or rolled back."""
        # Earlier versions stored words in lower case.
        self._words = frozenset(canonical_form(word) for (word,) in self._database.rows("SELECT word FROM blocked"))

    def __contains__(self, canonical_word: str) -> bool:
        return canonical_word in self._words

    def __len__(self) -> int:
        return len(self._words)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._words))

    def write(self, words: Iterable[str]) -> None:
        """Adds words to the list on disk."""
        with self._database.transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO blocked (word) VALUES (?)", [(canonical_form(word),) for word in words]
            )

    def erase(self, word: str) -> bool:
        """Removes a word from the list on disk. Returns whether it was there."""
        canonical = canonical_form(word)
        stored = [row for row in self._database.rows("SELECT word FROM blocked") if canonical_form(row[0]) == canonical]
        with self._database.transaction() as db:
            db.executemany("DELETE FROM blocked WHERE word = ?", stored)
        return bool(stored)

    def clear(self) -> None:
        """Empties the list on disk."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM blocked")


class BlockListError(ValueError):
    """A block list cannot be read; the message says which line and why."""


def read_block_list(path: Path) -> frozenset[str]:
    """Reads a list of words that a keyboard must never suggest, such as offensive ones, in canonical form.

    An app ships its own list. Thumbprint ships none, because what offends depends on language and audience. The owner
    can still type such words, and the phone still learns from them.

    Args:
        path: A UTF-8 text file with one word a line. Case does not matter. Empty lines and lines that begin with `#`
            are skipped.

    Raises:
        BlockListError: the file cannot be read, or a line is not exactly one word.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BlockListError(f"{path} cannot be read as a block list: {error}") from error
    return frozenset(
        _word(path, number, line)
        for number, line in enumerate(map(str.strip, lines), start=1)
        if line and not line.startswith("#")
    )


def _word(path: Path, number: int, line: str) -> str:
    if not can_be_listed(line):
        raise BlockListError(f"{path}, line {number}: {line[:40]!r} is not one word; write one word on each line")
    return canonical_form(line)


def can_be_listed(text: str) -> bool:
    """Whether `text` is exactly one word, in any case and with or without quotes: what a list of words takes.

    A run of letters that is too long to be learned is taken as well: it may stand in stored messages.
    """
    word = lower_case(normalize(text).strip(APOSTROPHE))
    if is_one_word(word):
        return True
    found = units(word)
    return len(found) == 1 and found[0].kind is Kind.PLACEHOLDER and word[0].isalnum() and found[0].end == len(word)


@dataclass(frozen=True)
class LearnedWord:
    """A word that the owner typed.

    Attributes:
        word: In lower case.
        times: How often it was typed.
        last_at: When it was last typed; None = not known.
        known: Whether it is a single piece of the shared vocabulary. Other words, mostly names, are the owner's own.
    """

    word: str
    times: int
    last_at: datetime | None
    known: bool


def learned_words(messages: Iterable[Message], lexicon: Lexicon, limit: int | None) -> list[LearnedWord]:
    """Returns the words of these messages: first those that the shared vocabulary lacks, then the most frequent.

    Args:
        messages: Oldest first.
        lexicon: The lexicon of the bundle.
        limit: How many words at most; None = all.
    """
    times: Counter[str] = Counter()
    last: dict[str, datetime] = {}
    for message in messages:
        typed = words(message.text)
        times.update(typed)
        if message.at is not None:
            last.update(dict.fromkeys(typed, message.at))
    known = {word: lexicon.piece_of(word) >= 0 for word in times}
    ordered = sorted(times, key=lambda word: (known[word], -times[word], word))
    return [LearnedWord(word, times[word], last.get(word), known[word]) for word in ordered[:limit]]
