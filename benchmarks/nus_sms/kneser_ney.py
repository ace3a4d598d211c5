"""An interpolated Kneser-Ney trigram over words: the baseline the shared model has to beat.

Chen and Goodman (1999), "An empirical study of smoothing techniques for language modeling",
equations 22-24, one discount an order, D = n1 / (n1 + 2·n2). It is trained centrally, on pooled
raw messages (which federated training never sees), and reads the same units as the neural model:
words, marks and placeholders are context, words alone are predicted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from keyboard_model.text.units import Kind, units

START = "<s>"


def message_units(text: str) -> tuple[list[str], list[bool]]:
    """Returns a message's unit texts behind two START, and which of them are words."""
    found = units(text)
    return (
        [START, START, *(unit.text for unit in found)],
        [False, False, *(unit.kind is Kind.WORD for unit in found)],
    )


@dataclass
class _Order:
    """Counts of one order: `followers[context][word]`."""

    followers: defaultdict[tuple[str, ...], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    totals: dict[tuple[str, ...], int] = field(default_factory=dict)
    discount: float = 0.0

    def fit(self) -> None:
        counts = Counter(count for words in self.followers.values() for count in words.values() if count <= 2)
        self.discount = counts[1] / (counts[1] + 2 * counts[2]) if counts[1] else 0.0
        self.totals = {context: words.total() for context, words in self.followers.items()}

    def interpolate(self, context: tuple[str, ...], word: str, lower: float) -> float:
        words = self.followers.get(context)
        if not words:
            return lower
        kept = max(words[word] - self.discount, 0.0)
        return (kept + self.discount * len(words) * lower) / self.totals[context]


class KneserNeyTrigram:
    """Trained on messages; suggests the likeliest next words."""

    def __init__(self, messages: Iterable[str]) -> None:
        trigrams: Counter[tuple[str, str, str]] = Counter()
        for message in messages:
            texts, is_word = message_units(message)
            for i in range(2, len(texts)):
                if is_word[i]:
                    trigrams[texts[i - 2], texts[i - 1], texts[i]] += 1
        self._trigram, self._bigram, self._unigram = _Order(), _Order(), _Order()
        for (first, second, word), count in trigrams.items():
            self._trigram.followers[first, second][word] += count
            self._bigram.followers[(second,)][word] += 1
        for followers in self._bigram.followers.values():
            for word in followers:
                self._unigram.followers[()][word] += 1
        for order in (self._trigram, self._bigram, self._unigram):
            order.fit()
        self._by_unigram = [word for word, _ in self._unigram.followers[()].most_common()]
        self._uniform = 1.0 / max(len(self._by_unigram), 1)

    def probability(self, context: Sequence[str], word: str) -> float:
        """Returns P(word | the last two units of `context`)."""
        first, second = context[-2:]
        unigram = self._unigram.interpolate((), word, self._uniform)
        bigram = self._bigram.interpolate((second,), word, unigram)
        return self._trigram.interpolate((first, second), word, bigram)

    def suggest(self, context: Sequence[str], k: int) -> list[str]:
        """Returns the `k` likeliest words, exactly: those unseen after the context keep their unigram order."""
        first, second = context[-2:]
        seen = set(self._trigram.followers.get((first, second), ())) | set(self._bigram.followers.get((second,), ()))
        unseen = (word for word in self._by_unigram if word not in seen)
        candidates = [*seen, *(word for word, _ in zip(unseen, range(k), strict=False))]
        return sorted(candidates, key=lambda word: (-self.probability(context, word), word))[:k]


def recall(model: KneserNeyTrigram, messages: Iterable[str]) -> tuple[int, int, int]:
    """Returns (words, hits at 1, hits at 3) over the words of `messages`."""
    words = first = third = 0
    for message in messages:
        texts, is_word = message_units(message)
        for i in range(2, len(texts)):
            if is_word[i]:
                suggestions = model.suggest(texts[:i], 3)
                words += 1
                first += suggestions[:1] == [texts[i]]
                third += texts[i] in suggestions
    return words, first, third
