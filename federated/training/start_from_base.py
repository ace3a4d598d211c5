"""What a training from a base begins with: the vocabulary and the model of the base, with the words of the users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from federated.base import Base
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.ngram.table import NgramTable
from keyboard_model.text.tokenizer import Tokenizer
from keyboard_model.text.vocabulary_growth import grow


class Start(NamedTuple):
    """Vocabulary, first weights and public n-grams of a training."""

    tokenizer: Tokenizer
    parameters: Parameters
    ngram: NgramTable


def start_from(base: Base, word_counts: Mapping[str, int], added_pieces: int) -> Start:
    """Returns what the base brings. A new piece starts with the means of the weights of the pieces that it replaces.

    Args:
        base: The base.
        word_counts: Words that enough users typed, with their counts.
        added_pieces: Most pieces that the vocabulary gets for them.

    Raises:
        BaseError: the base is damaged.
    """
    tokenizer, parts = grow(base.tokenizer(), word_counts, added_pieces)
    weights = base.parameters()

    def widened(rows: np.ndarray) -> np.ndarray:
        return np.concatenate([rows, *(rows[list(pieces)].mean(0, keepdims=True) for pieces in parts)])

    parameters = weights._replace(embedding=widened(weights.embedding), d=widened(weights.d))
    return Start(tokenizer, parameters, base.ngram().widened(len(tokenizer)))
