"""A word trigram of n-grams that several users typed: the baseline that could be published.

KenLM's trigram contains phrases of single users, and anyone who has the model can read them. This model has the same
units and uses interpolated Kneser-Ney smoothing (`keyboard_model.ngram.kneser_ney`). It contains only words and n-grams
of at least `min_clients` users; the share of the others goes to shorter contexts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from keyboard_model.ngram.kneser_ney import NgramCounts, kneser_ney, ngram_keys
from keyboard_model.ngram.table import MAX_VOCAB, NgramTable
from keyboard_model.text.units import Kind, units

BEGIN = "<s>"
_MOST_NGRAMS = 10_000_000

Occurrence = tuple[int, int, int]
"""(older, newer, word) as numbers of units."""


class PublishableTrigram:
    """A model that suggests words after a context of units, as `KenlmTrigram` does."""

    def __init__(self, table: NgramTable, number_of: dict[str, int], words: npt.NDArray[np.int64]) -> None:
        """Takes the smoothed model, the number of each unit, and the numbers of the units that are words."""
        self._table, self._number_of, self._words = table, number_of, words
        self._names = list(number_of)
        self._suggested: dict[tuple[int, int, int], list[str]] = {}

    @classmethod
    def train(cls, clients: Iterable[Iterable[str]], min_clients: int) -> PublishableTrigram:
        """Counts the n-grams of each client's messages.

        Raises:
            ValueError: the messages have more different units than a table can hold.
        """
        number_of, is_word = {BEGIN: 0}, [False]
        counts = [_counts(_occurrences(messages, number_of, is_word)) for messages in clients]
        if len(number_of) > MAX_VOCAB:
            raise ValueError(f"the messages have {len(number_of):,} different units: a table holds {MAX_VOCAB:,}")
        table = kneser_ney([_sum(counts)], len(number_of), min_clients, _MOST_NGRAMS)
        return cls(table, number_of, np.flatnonzero(is_word))

    def suggest(self, context: Sequence[str], k: int) -> list[str]:
        """Returns the `k` likeliest words; of equally likely words, those that were counted first."""
        older, newer = (self._number_of.get(text, 0) for text in [BEGIN, *context][-2:])
        if (older, newer, k) not in self._suggested:
            probabilities = self._table.distribution(older, newer)[self._words]
            best = self._words[np.argsort(-probabilities, kind="stable")[:k]]
            self._suggested[older, newer, k] = [self._names[number] for number in best]
        return self._suggested[older, newer, k]


def _occurrences(messages: Iterable[str], number_of: dict[str, int], is_word: list[bool]) -> list[Occurrence]:
    """Returns the trigrams that end in a word. Numbers new units."""
    found = []
    for message in messages:
        older = newer = 0
        for unit in units(message):
            if unit.text not in number_of:
                number_of[unit.text] = len(number_of)
                is_word.append(unit.kind is Kind.WORD)
            number = number_of[unit.text]
            if unit.kind is Kind.WORD:
                found.append((older, newer, number))
            older, newer = newer, number
    return found


def _counts(occurrences: Sequence[Occurrence]) -> NgramCounts:
    """Returns the n-grams of one client."""
    columns = np.array(occurrences, np.int64).reshape(-1, 3).T
    keys, counts = np.unique(np.concatenate(ngram_keys(*columns)), return_counts=True)
    return NgramCounts(keys, counts.astype(np.int64), np.ones_like(keys))


def _sum(clients: Sequence[NgramCounts]) -> NgramCounts:
    rows = np.concatenate([np.zeros((3, 0), np.int64), *(np.stack(counts) for counts in clients)], axis=1)
    keys, where = np.unique(rows[0], return_inverse=True)
    sums = [np.bincount(where, part, minlength=len(keys)).astype(np.int64) for part in rows[1:]]
    return NgramCounts(keys, *sums)
