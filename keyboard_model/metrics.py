"""What Thumbprint measures: words suggested, characters saved, and how both spread over people.

The unit is the word (see `keyboard_model.text.units`). A word costs len(word) + 1 characters, its space
included; a tap on a suggestion types the whole word and its space. Every word counts, a word the
model does not know too: it is a miss when it is not suggested. Figures are taken per user first and
then over users (Wang et al. 2019), because a mean over words hides whom personalization hurts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

HELPED = 0.02  # a gain in recall_at_3 from which a person can notice it


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


@dataclass(frozen=True, slots=True)
class WordCounts:
    """Counts over words; add them up, then read the shares.

    Attributes:
        words: Words the keyboard was asked for.
        hits_at_1: Of them, suggested first before anything of them was typed.
        hits_at_3: Of them, among the three suggestions before anything of them was typed.
        characters: Characters of these words, a space each included.
        characters_saved: Of them, not typed thanks to taps.
    """

    words: int = 0
    hits_at_1: int = 0
    hits_at_3: int = 0
    characters: int = 0
    characters_saved: int = 0

    @property
    def recall_at_1(self) -> float:
        """Share of words suggested first, 0..1; 0 when there were no words."""
        return _share(self.hits_at_1, self.words)

    @property
    def recall_at_3(self) -> float:
        """Share of words among the three suggestions, 0..1; 0 when there were no words."""
        return _share(self.hits_at_3, self.words)

    @property
    def keystroke_savings(self) -> float:
        """Share of characters not typed, 0..1; 0 when there were no words."""
        return _share(self.characters_saved, self.characters)

    def __add__(self, other: WordCounts) -> WordCounts:
        return WordCounts(
            self.words + other.words,
            self.hits_at_1 + other.hits_at_1,
            self.hits_at_3 + other.hits_at_3,
            self.characters + other.characters,
            self.characters_saved + other.characters_saved,
        )


def count_word(word: str, suggested: Sequence[str], typed: int | None) -> WordCounts:
    """Returns the counts of one word.

    Args:
        word: The word wanted.
        suggested: What was suggested before anything of it was typed, best first.
        typed: Characters typed when the word first showed (0 when it was among `suggested`);
            None when it never did. A tap then saves len(word) - typed + 1 characters.
    """
    return WordCounts(
        words=1,
        hits_at_1=int(word in suggested[:1]),
        hits_at_3=int(word in suggested[:3]),
        characters=len(word) + 1,
        characters_saved=0 if typed is None else len(word) - typed + 1,
    )


@dataclass(frozen=True, slots=True)
class Spread:
    """How one figure spreads over people; every field is None when there was nobody.

    Attributes:
        mean: Over people, each counting once.
        median: Half of the people have less.
        p10: A tenth of the people have less (linear interpolation).
        worst: The smallest.
        std: Population standard deviation.
    """

    mean: float | None
    median: float | None
    p10: float | None
    worst: float | None
    std: float | None


def spread(values: Iterable[float]) -> Spread:
    """Returns the spread of one value a person; all None when there are none."""
    x = np.fromiter(values, dtype=np.float64)
    if not x.size:
        return Spread(None, None, None, None, None)
    return Spread(
        mean=float(x.mean()),
        median=float(np.median(x)),
        p10=float(np.percentile(x, 10)),
        worst=float(x.min()),
        std=float(x.std()),
    )


def gains(personal: Sequence[float], shared: Sequence[float]) -> list[float]:
    """Returns personal minus shared, a value a person, without the rounding noise of the subtraction.

    Raises:
        ValueError: the two are not of the same people (lengths differ).
    """
    return [round(p - s, 12) for p, s in zip(personal, shared, strict=True)]


def fraction_hurt(personal: Sequence[float], shared: Sequence[float]) -> float | None:
    """Returns the share of people whose recall_at_3 fell below the shared model's; None for nobody."""
    differences = gains(personal, shared)
    return sum(d < 0 for d in differences) / len(differences) if differences else None


def fraction_helped(personal: Sequence[float], shared: Sequence[float]) -> float | None:
    """Returns the share of people whose recall_at_3 rose by at least `HELPED`; None for nobody."""
    differences = gains(personal, shared)
    return sum(d >= HELPED for d in differences) / len(differences) if differences else None
