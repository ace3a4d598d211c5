"""The words from which the pieces of a base are chosen: of the public text, and of a list of words that users typed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from federated.pretraining.settings import VocabularyConfig

_LARGEST_COUNT = 1_000_000_000
"""The sum of the counts; SentencePiece takes whole numbers."""


def joined_counts(public: Counter[str], listed: Mapping[str, int], config: VocabularyConfig) -> dict[str, int]:
    """Returns the count of each word from which the pieces are chosen.

    Args:
        public: The words of the public text.
        listed: The words of the list; if it is empty, the public text alone counts.
        config: Its `list_share` decides what each source counts as a whole, however long it is.
    """
    frequent = {word: count for word, count in public.items() if count >= config.min_count}
    if not listed:
        return frequent
    joined: Counter[str] = Counter()
    for source, share in ((frequent, 1.0 - config.list_share), (listed, config.list_share)):
        whole = max(sum(source.values()), 1)
        for word, count in source.items():
            joined[word] += max(round(_LARGEST_COUNT * share * count / whole), 1 if share else 0)
    return {word: count for word, count in joined.items() if count}
