"""Counts the records that an importer leaves out."""

from __future__ import annotations

from collections import Counter

_EXAMPLES = 3


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
