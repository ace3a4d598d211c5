"""What a corpus is made of: records on the way in, messages on the way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


class CorpusError(ValueError):
    """A corpus or its source cannot be used as it is; the message says why and what to do."""


class NoMessagesError(CorpusError):
    """A source was read to its end and not one message in it is usable."""


@dataclass(frozen=True, slots=True)
class Record:
    """One message as a reader found it.

    Attributes:
        user_id: Who wrote it; not empty.
        timestamp: When, if the source says so; without a zone it is compared as if it were UTC.
        text: What was written, as it was.
    """

    user_id: str
    timestamp: datetime | None
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a known user, as a corpus gives it: what no keyboard may learn is masked (`Corpus.messages`)."""

    timestamp: datetime | None
    text: str


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What became of the records of a source.

    Attributes:
        users: Users with at least one message kept.
        messages: Messages kept.
        duplicates: Records dropped because the same user had written the same text at the same instant.
        empty: Records dropped because their text was blank.
        broken: Records that the reader could not use.
        reasons: What was wrong with the first few broken ones.
    """

    users: int
    messages: int
    duplicates: int = 0
    empty: int = 0
    broken: int = 0
    reasons: tuple[str, ...] = ()


Skipped = Callable[[str], None]
"""What a reader calls, with the reason, for each record that it cannot use."""

Progress = Callable[[int], None]
"""What an import calls now and then, with the number of records read so far."""
