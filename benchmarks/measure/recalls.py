"""The recalls of one model over users, and its differences from another model, with intervals by user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from keyboard_model.metrics import WordCounts
from keyboard_model.user_statistics import pooled, spread

METRICS = ((1, "recall_at_1"), (2, "recall_at_3"))
"""Place in a tally and name."""
Tally = tuple[int, int, int]
"""(words, hits at 1, hits at 3) of a user."""


def tally(counts: WordCounts) -> Tally:
    return counts.words, counts.hits_at_1, counts.hits_at_3


def recalls(tallies: Mapping[str, Tally]) -> dict[str, Any]:
    """Returns the recalls of users who have a word, pooled and in the mean over users.

    Returns:
        `{"pooled": {metric: Estimate}, metric: Spread}` for each of `METRICS`, as dictionaries.
    """
    return _shares(list(tallies.values()), [words for words, _, _ in tallies.values()])


def differences(tallies: Mapping[str, Tally], baseline: Mapping[str, Tally]) -> dict[str, Any]:
    """Returns the differences in recall from the baseline, of the users of both. See `recalls`."""
    pairs = [(own, baseline[user]) for user, own in tallies.items() if user in baseline]
    more = [(own[0] - other[0], own[1] - other[1], own[2] - other[2]) for own, other in pairs]
    return _shares(more, [own[0] for own, _ in pairs])


def _shares(hits: Sequence[Tally], words: Sequence[int]) -> dict[str, Any]:
    found: dict[str, Any] = {"pooled": {}}
    for at, metric in METRICS:
        parts = [of_user[at] for of_user in hits]
        over_all = pooled(parts, words)
        found["pooled"][metric] = over_all and asdict(over_all)
        found[metric] = asdict(spread([part / whole for part, whole in zip(parts, words, strict=True)]))
    return found
