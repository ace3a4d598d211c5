"""How far one user's words are from everybody else's: leave-one-out, at equal length, against the noise floor."""

from __future__ import annotations

import numpy as np

from federated.heterogeneity.divergence import Divergence, between_texts, jensen_shannon
from federated.heterogeneity.halves import Halves, user_rng
from federated.heterogeneity.writers import Numbers, Writer, Writers

_OTHERS = 1  # added to the seed: other draws than those of the user's own halves


def plain_to_others(writers: Writers) -> list[float | None]:
    """Returns the divergence of all of each user's words to all of the others', in bits; None for who typed none.

    As the literature takes it, with no regard to length: it is the larger the less a user typed.
    """
    total = sum((writers.counts(user) for user in writers.users), np.zeros(len(writers.vocabulary), np.int64))
    counts = (writers.counts(user) for user in writers.users)  # one at a time: a row is as long as the vocabulary
    return [jensen_shannon(own, total - own) if own.any() else None for own in counts]


class Others:
    """The messages of all, from which a user's others are drawn."""

    def __init__(self, writers: Writers) -> None:
        self._words = np.concatenate([user.words for user in writers.users])
        self._lengths = np.concatenate([user.lengths for user in writers.users])
        self._starts = np.cumsum(self._lengths) - self._lengths
        ends = np.cumsum([len(user.lengths) for user in writers.users])
        self._own = {
            user.user_id: (int(end) - len(user.lengths), int(end))
            for user, end in zip(writers.users, ends, strict=True)
        }

    def draw(self, writer: Writer, words: int, rng: np.random.Generator) -> Numbers:
        """Returns `words` words (fewer where there are no more) of random messages of all but `writer`."""
        first, end = self._own[writer.user_id]
        others = len(self._lengths) - (end - first)
        chosen = rng.choice(others, min(others, words), replace=False)
        chosen = np.where(chosen < first, chosen, chosen + (end - first))
        texts = [self._words[self._starts[i] : self._starts[i] + self._lengths[i]] for i in chosen]
        return np.concatenate(texts)[:words]


def to_others(writers: Writers, halves: tuple[Halves, ...], seed: int) -> tuple[Divergence, ...]:
    """Returns each halved user's divergence to the others, in order.

    The floor is the mean of two halves' of the user and of two texts' of the others, who vary more among themselves.
    """
    others = Others(writers)
    return tuple(_to_others(others, half, seed) for half in halves)


def _to_others(others: Others, half: Halves, seed: int) -> Divergence:
    rng = user_rng(seed + _OTHERS, half.writer.user_id)
    observed, among_others = [], []
    for own, _ in half.texts:
        drawn = others.draw(half.writer, 2 * len(own), rng)
        first, second = np.array_split(drawn, 2)
        observed.append(between_texts(own[: len(first)], first))
        among_others.append(between_texts(first, second))
    return Divergence(float(np.mean(observed)), (half.floor + float(np.mean(among_others))) / 2)
