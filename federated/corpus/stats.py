"""Statistics of a corpus, computed while it is read one user at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from federated.corpus.store import Corpus
from keyboard_model.text.units import words

PERCENTILES = {"p10": 10, "p25": 25, "p50": 50, "p75": 75, "p90": 90, "p99": 99, "max": 100}


@dataclass(frozen=True)
class CorpusStats:
    """The statistics of a corpus.

    Attributes:
        users: Users with messages.
        messages: Messages.
        words: All words of the messages (`keyboard_model.text.units.words`).
        distinct_words: Different words among them.
        messages_per_user: Percentiles over users by the names in `PERCENTILES` (nearest rank, so each value occurs).
        words_per_user: The same for words.
        coverage: For each vocabulary size N, the share of all words that are among the N most frequent ones.
        shared_coverage: The share of all words that at least 2 users typed.
    """

    users: int
    messages: int
    words: int
    distinct_words: int
    messages_per_user: dict[str, int]
    words_per_user: dict[str, int]
    coverage: dict[int, float]
    shared_coverage: float


def corpus_stats(corpus: Corpus, vocab_sizes: Sequence[int] = (1000, 5000, 10000)) -> CorpusStats:
    """Returns the statistics of a corpus. Memory grows with the number of distinct words, not with the messages.

    >>> import tempfile
    >>> from federated.corpus.writer import write_corpus
    >>> from federated.corpus.schema import Record
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     records = [Record("ann", None, "to be or not to be"), Record("bob", None, "to go")]
    ...     summary = write_corpus(f"{folder}/corpus.sqlite", records, source="notes")
    ...     with Corpus.open(f"{folder}/corpus.sqlite") as corpus:
    ...         stats = corpus_stats(corpus, vocab_sizes=[1])
    >>> stats.words, stats.distinct_words, stats.coverage  # "to" is 3 of the 8 words
    (8, 5, {1: 0.375})
    """
    counts: Counter[str] = Counter()
    users: Counter[str] = Counter()
    messages, per_user = [], []
    for user_id in corpus.user_ids():
        written = corpus.messages(user_id)
        own = Counter(word for message in written for word in words(message.text))
        counts.update(own)
        users.update(own.keys())
        messages.append(len(written))
        per_user.append(own.total())
    total = counts.total()
    ranked = [count for _, count in counts.most_common(max(vocab_sizes, default=0))]
    shared = sum(count for word, count in counts.items() if users[word] >= 2)
    return CorpusStats(
        users=corpus.num_users,
        messages=corpus.num_messages,
        words=total,
        distinct_words=len(counts),
        messages_per_user=_percentiles(messages),
        words_per_user=_percentiles(per_user),
        coverage={size: sum(ranked[:size]) / total if total else 0.0 for size in vocab_sizes},
        shared_coverage=shared / total if total else 0.0,
    )


def _percentiles(values: list[int]) -> dict[str, int]:
    return {name: int(np.percentile(values, q, method="inverted_cdf")) for name, q in PERCENTILES.items()}
