"""Suggestions of two words (`see you` → `at the`): a second word where it is probable enough after the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from device_runtime.prediction.predictor import Suggestion

LEAST = 0.5
"""Least probability of the second word after the first. Of such words, two in three are right: see docs/phone.md."""


def with_second_words(
    suggestions: Sequence[Suggestion], best_after: Callable[[Suggestion], Suggestion | None], least: float = LEAST
) -> list[Suggestion]:
    """Returns the suggestions, with `then` where a second word is probable enough.

    Args:
        suggestions: Single words. Those without a space after them stay as they are.
        best_after: Returns the most probable word after a suggestion is accepted.
        least: Least probability of the second word after the first.
    """
    extended = []
    for suggestion in suggestions:
        second = best_after(suggestion) if suggestion.space_after else None
        if second is not None and second.probability >= least:
            suggestion = replace(suggestion, then=second.text, space_after=second.space_after)
        extended.append(suggestion)
    return extended
