"""What an import reports to its user: how many records it left out, and the first messages that it understood."""

from __future__ import annotations

from collections import Counter

from federated.corpus.schema import Record
from keyboard_model.text.sensitive import mask_sensitive

_EXAMPLES = 3
_AUTHORS = 5
_MESSAGES = 3
_LONGEST = 60  # characters


class SkipCount:
    """A `Skipped` that counts by reason.

    Attributes:
        counts: The number of records by reason, in the order of the first of each.
        examples: The first few details of each reason, after the reason.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: list[str] = []

    def __call__(self, reason: str, detail: str = "", /) -> None:
        self.counts[reason] += 1
        if detail and self.counts[reason] <= _EXAMPLES:
            self.examples.append(f"{reason}: {detail}")


class Preview:
    """The first messages of the first few authors.

    >>> preview = Preview()
    >>> preview(Record("ann", None, "see\\nyou"))
    >>> preview.messages
    {'ann': ['see you']}
    """

    def __init__(self) -> None:
        self.messages: dict[str, list[str]] = {}
        self._wanted = _AUTHORS * _MESSAGES

    def __call__(self, record: Record) -> None:
        """Adds a message, on one line, shortened, and with sensitive text masked."""
        if not self._wanted or not record.text.strip():
            return
        if record.user_id not in self.messages and len(self.messages) == _AUTHORS:
            return
        shown = self.messages.setdefault(record.user_id, [])
        if len(shown) < _MESSAGES:
            shown.append(one_line(mask_sensitive(record.text[: 10 * _LONGEST])))
            self._wanted -= 1


def one_line(text: str) -> str:
    """Returns a text without control characters, on one line, with at most 60 characters."""
    # Control characters would let a message change the terminal.
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
