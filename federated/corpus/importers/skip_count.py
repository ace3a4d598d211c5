"""Counts the records that an importer leaves out."""

from __future__ import annotations

from collections import Counter

_EXAMPLES = 5


class SkipCount:
    """A `Skipped` that counts by reason.

    Attributes:
        counts: The number of records by reason, in the order of the first of each.
        examples: Reason and detail of the first few.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: list[str] = []

    def __call__(self, reason: str, detail: str = "", /) -> None:
        self.counts[reason] += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(f"{reason}: {detail}" if detail else reason)
