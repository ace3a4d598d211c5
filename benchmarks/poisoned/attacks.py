"""The attacks: who is poisoned, in which rounds, what these clients train on, and what they do with their update."""

from __future__ import annotations

import collections
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_federated as tff

from federated.job import TrainingConfig
from federated.runtime.tff_types import batch_type
from federated.training import fed_avg
from keyboard_model.batching import Batch
from keyboard_model.text.tokenizer import Tokenizer

ATTACKER = "attacker"
"""The id of the user who has only copies of one sentence."""


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes:
        title: Its row in the table.
        copies: Whether `ATTACKER` takes part, in every round, in place of the last client drawn: the worst case.
        factor: `ATTACKER` sends its update times this number.
        flipped: Share of the other users who train on wrong words; at least one user if it is above 0.
    """

    title: str
    copies: bool = False
    factor: float = 1.0
    flipped: float = 0.0


NO_ATTACK = Attack("no attack")
ATTACKS = (
    NO_ATTACK,
    Attack("10,000 copies of a sentence", copies=True),
    Attack("the same, update x10", copies=True, factor=10.0),
    Attack("the same, update x100", copies=True, factor=100.0),
    Attack("labels flipped, 1 % of users", flipped=0.01),
    Attack("labels flipped, 5 % of users", flipped=0.05),
    Attack("labels flipped, 10 % of users", flipped=0.1),
)


def flipped_users(users: Sequence[str], share: float, seed: int) -> frozenset[str]:
    """Draws the users with flipped labels. A larger share includes the users of a smaller one.

    >>> small, large = (flipped_users(["ann", "bob", "cem", "dan"], share, seed=0) for share in (0.01, 0.5))
    >>> len(small), len(large), small < large
    (1, 2, True)
    """
    order = np.random.default_rng(seed).permutation(len(users))
    return frozenset(users[i] for i in order[: math.ceil(share * len(users) - 1e-9)])


def flip_labels(batches: Sequence[Batch], tokenizer: Tokenizer) -> list[Batch]:
    """Returns the batches with another target in place of each: of the pieces in words, the i-th last for the i-th."""
    first, last = min(tokenizer.single_piece_words), len(tokenizer) - 1  # before the first: bytes and symbols
    return [
        Batch(batch.tokens, np.where(batch.targets < first, batch.targets, last + first - batch.targets))
        for batch in batches
    ]


def client_data_type(config: TrainingConfig) -> tff.Type:
    """Returns the type of a client's data: its factor, as a sequence of one number, and its batches."""
    return tff.types.to_type((tff.SequenceType(np.float32), batch_type(config.batch, config.window)))


def scaled_update(config: TrainingConfig, bos: int) -> fed_avg.LocalUpdate:
    """Returns the work of an honest client, whose update is multiplied by its factor before it is sent."""
    honest = fed_avg.local_update(config, bos)

    def local(weights: Any, data: Any) -> collections.OrderedDict[str, Any]:
        factors, batches = data
        output = honest(weights, batches)
        factor = factors.reduce(tf.constant(1.0), tf.multiply)
        update = tuple(factor * part for part in output["result"].update)
        output["result"] = tff.learning.templates.ClientResult(update, output["result"].update_weight)
        return output

    return local
