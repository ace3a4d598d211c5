"""A client's part in a round: its messages as batches of fixed shape, drawn anew each round.

All clients' messages in one place, as a centralized reference needs them: shuffled batches, a slice at a time.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from federated.data.federated_data import FederatedData
from keyboard_model.batching.windows import Batch, batches, pack
from keyboard_model.text.tokenizer import Encoded, Tokenizer


class ClientBatcher:
    """Turns clients' training messages into rounds of batches."""

    def __init__(
        self, tokenizer: Tokenizer, *, batch: int, window: int, max_windows: int, word_dropout: float, seed: int
    ) -> None:
        """Describes a client's part in a round.

        Args:
            max_windows: a client trains on at most so many windows a round, of messages drawn at random.
            word_dropout: share of the pieces read that a placeholder hides (Bowman et al. 2016, section 3.1); their
                own prediction still counts.
        """
        self._tokenizer = tokenizer
        self._word_dropout = word_dropout
        self._batch, self._window, self._max_windows, self._seed = batch, window, max_windows, seed

    def round(self, client: str, messages: Sequence[str], round_number: int) -> list[Batch]:
        """Returns the batches that `client` trains on in a round; empty when it has typed nothing.

        Messages are shuffled before they are packed, by (seed, round, client) alone.
        """
        rng = np.random.default_rng([self._seed, round_number, zlib.crc32(client.encode())])
        chosen: list[Encoded] = []
        room = self._max_windows * self._window
        for i in rng.permutation(len(messages)):  # encoded only as far as there is room: some have thousands
            if room <= 0:
                break
            chosen.append(self._tokenizer.encode(messages[i]))
            room -= len(chosen[-1].ids) - 1
        windows = pack(chosen, self._window, self._tokenizer.bos)
        tokens, targets = windows.tokens[: self._max_windows], windows.targets[: self._max_windows]
        hidden = (rng.random(tokens.shape) < self._word_dropout) & (tokens != self._tokenizer.bos)
        tokens = np.where(hidden, np.int32(self._tokenizer.slot), tokens)
        return batches(tokens, targets, self._batch, self._tokenizer.bos)


class Cohort(NamedTuple):
    """The clients of a round that have data, with the batches of each; `dropped`: clients whose data cannot be read."""

    clients: list[str]
    batches: list[list[Batch]]
    dropped: int


def cohort_batches(batcher: ClientBatcher, data: FederatedData, cohort: Iterable[str], round_number: int) -> Cohort:
    """Returns the batches of a round's cohort. Clients without any text are left out."""
    result = Cohort([], [], 0)
    for client in cohort:
        try:
            batches = batcher.round(client, data.training_messages(client), round_number)
        except (ValueError, UnicodeError):
            result = result._replace(dropped=result.dropped + 1)
            continue
        if batches:
            result.clients.append(client)
            result.batches.append(batches)
    return result


_POOL = 4_000_000  # pieces


def pools(clients: Iterable[Sequence[str]], tokenizer: Tokenizer, pieces: int = _POOL) -> Iterator[list[Encoded]]:
    """Gathers clients' messages until there are so many pieces; a client is never cut.

    Bounds the memory; what one pool holds is shuffled as a whole.
    """
    pool: list[Encoded] = []
    size = 0
    for messages in clients:
        for message in messages:
            pool.append(tokenizer.encode(message))
            size += len(pool[-1].ids)
        if size >= pieces:
            yield pool
            pool, size = [], 0
    if pool:
        yield pool


def pooled_batches(
    pool: list[Encoded], rng: np.random.Generator, *, batch: int, window: int, bos: int, length: int
) -> Iterator[list[Batch]]:
    """Shuffles a pool's messages, packs them, and yields its batches, `length` at a time."""
    windows = pack((pool[i] for i in rng.permutation(len(pool))), window, bos)
    made = batches(windows.tokens, windows.targets, batch, bos)
    for at in range(0, len(made), length):
        yield made[at : at + length]
