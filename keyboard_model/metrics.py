"""Metrics: recall@k of suggested words, keystroke savings, and the form of their distribution over users.

The unit is the word (see `keyboard_model.text.units`). A word costs len(word) + 1 characters, including its space; a
tap on a suggestion types the whole word and its space. Every word counts, including words unknown to the model: a word
that is not suggested is a miss. Figures are computed per user first and then over users (Wang et al. 2019), because a
mean over words hides the users whom personalization hurts.

Keystroke savings are given twice. `keystroke_savings` takes taps as free: the share of characters that need not be
typed. `keystroke_savings_with_taps` counts a tap as one key, as Trnka and McCoy do (2008, "Evaluating Word Prediction:
Framing Keystroke Savings"): 1 - keys with prediction / keys without. In both, the user taps the word as soon as it is
shown. After i letters, the other letters and the space take len(word) - i + 1 keys, so a tap that costs one key saves
len(word) - i: one key if one letter is left, and nothing if only the space is left. Waiting never saves more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HELPED = 0.02  # smallest gain in recall_at_3 that a user can notice


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


@dataclass(frozen=True, slots=True)
class WordCounts:
    """Counts over words; add them up, then read the shares.

    Attributes:
        words: Words for which the keyboard was queried.
        hits_at_1: Words that were the first suggestion before any of their letters was typed.
        hits_at_3: Words among the three suggestions before any of their letters was typed.
        characters: Characters of these words, with one space each.
        characters_saved: Characters that taps on suggestions saved.
        taps: Words that a tap typed, or whose space a tap typed.
    """

    words: int = 0
    hits_at_1: int = 0
    hits_at_3: int = 0
    characters: int = 0
    characters_saved: int = 0
    taps: int = 0

    @property
    def recall_at_1(self) -> float:
        """Share of words suggested first, 0..1; 0 without words."""
        return _share(self.hits_at_1, self.words)

    @property
    def recall_at_3(self) -> float:
        """Share of words among the three suggestions, 0..1; 0 without words."""
        return _share(self.hits_at_3, self.words)

    @property
    def keystroke_savings(self) -> float:
        """Share of characters not typed, 0..1, if taps are free; 0 without words."""
        return _share(self.characters_saved, self.characters)

    @property
    def keystroke_savings_with_taps(self) -> float:
        """Share of keys saved, 0..1, if a tap costs one key; 0 without words."""
        return _share(self.characters_saved - self.taps, self.characters)

    def __add__(self, other: WordCounts) -> WordCounts:
        return WordCounts(
            self.words + other.words,
            self.hits_at_1 + other.hits_at_1,
            self.hits_at_3 + other.hits_at_3,
            self.characters + other.characters,
            self.characters_saved + other.characters_saved,
            self.taps + other.taps,
        )


def count_word(word: str, suggested: Sequence[str], typed: int | None) -> WordCounts:
    """Returns the counts of one word.

    Args:
        word: The word the user wants.
        suggested: The suggestions before any letter was typed, best first.
        typed: Characters typed when the word was first suggested (0 if it is in `suggested`);
            None if it never was. A tap then saves len(word) - typed + 1 characters.

    >>> count_word("tonight", ["now", "tonight", "later"], typed=0)
    WordCounts(words=1, hits_at_1=0, hits_at_3=1, characters=8, characters_saved=8, taps=1)
    """
    return WordCounts(
        words=1,
        hits_at_1=int(word in suggested[:1]),
        hits_at_3=int(word in suggested[:3]),
        characters=len(word) + 1,
        characters_saved=0 if typed is None else len(word) - typed + 1,
        taps=int(typed is not None),
    )


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure over users and its 95 % interval. `low` and `high` are None if too few users were measured for one."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Spread:
    """Distribution of one figure over users; every field is None without users.

    The smallest value is left out: it falls with the number of users, and it is mostly chance in a user with few words.

    Attributes:
        mean: Mean over users, each counted once.
        low, high: 95 % interval of the mean, by user; None if too few users were measured for one.
        median: Half of the users have less.
        p10: A tenth of the users have less (linear interpolation).
        std: Population standard deviation.
    """

    mean: float | None
    low: float | None
    high: float | None
    median: float | None
    p10: float | None
    std: float | None


def gains(personal: Sequence[float], shared: Sequence[float]) -> list[float]:
    """Returns personal minus shared for each user, rounded to remove the noise of the subtraction.

    Raises:
        ValueError: the lengths differ, so the two are not of the same users.
    """
    return [round(p - s, 12) for p, s in zip(personal, shared, strict=True)]


def fraction_hurt(personal: Sequence[float], shared: Sequence[float]) -> float | None:
    """Returns the share of users whose recall_at_3 is below the shared model's; None without users.

    >>> fraction_hurt(personal=[0.3, 0.1], shared=[0.2, 0.2])
    0.5
    """
    differences = gains(personal, shared)
    return sum(d < 0 for d in differences) / len(differences) if differences else None


def fraction_helped(personal: Sequence[float], shared: Sequence[float]) -> float | None:
    """Returns the share of users whose recall_at_3 rose by at least `HELPED`; None without users."""
    differences = gains(personal, shared)
    return sum(d >= HELPED for d in differences) / len(differences) if differences else None
