"""The n-grams of a public text, smoothed as those of users are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from federated.pretraining.encoded_text import EncodedText
from federated.pretraining.settings import PublicNgramConfig
from federated.training.spilled_counts import SpilledCounts
from keyboard_model.ngram.kneser_ney import NgramCounts, kneser_ney, ngram_keys
from keyboard_model.ngram.table import NgramTable
from keyboard_model.text.tokenizer import Tokenizer

_LINES_AT_A_TIME = 20_000


def ngrams_of(
    text: EncodedText, tokenizer: Tokenizer, config: PublicNgramConfig, folder: Path, identity: str
) -> NgramTable:
    """Counts the n-grams of a text, and smooths them (`keyboard_model.ngram.kneser_ney`).

    Each occurrence counts as a client there, so `min_count` is the fewest occurrences.

    Args:
        folder: The sums so far; a count that was interrupted continues. Delete it when the table is stored.
        identity: Names the text: sums of another one are deleted.

    Raises:
        OSError: the sums cannot be written.
    """
    sums, lines = SpilledCounts(folder, identity), len(text.starts) - 1
    for first in range(sums.clients, lines, _LINES_AT_A_TIME):
        after = min(first + _LINES_AT_A_TIME, lines)
        keys, counts = np.unique(np.concatenate(_keys(text, tokenizer.bos, first, after)), return_counts=True)
        sums.add(NgramCounts(keys, counts, counts), clients=after - first)
    sums.save()
    return kneser_ney(sums.blocks(), len(tokenizer), config.min_count, config.max_ngrams)


def _keys(text: EncodedText, bos: int, first: int, after: int) -> tuple[Any, ...]:
    """Returns the keys of the n-grams that end in a piece of a word, in the lines from `first` to before `after`."""
    begin, end = text.starts[first], text.starts[after]
    pieces = text.pieces[begin:end].astype(np.int64)
    newer = np.concatenate([[bos], pieces[:-1]])
    older = np.concatenate([[bos, bos], pieces[:-2]])
    older = np.where(newer == bos, bos, older)
    ends = text.counts[begin:end]
    return tuple(ngram_keys(older[ends], newer[ends], pieces[ends]))
