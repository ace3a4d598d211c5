"""A client's part in a round: its messages as batches of fixed shape, drawn anew each round.

All clients' messages in one place, as a centralized reference needs them: shuffled batches, a slice at a time.
"""

from __future__ import annotations

import collections
import zlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from keyboard_model.batching.windows import IGNORE, Ids, pack
from keyboard_model.text.tokenizer import Encoded, Tokenizer

Batches = list["collections.OrderedDict[str, Ids]"]


def batches(tokens: Ids, targets: Ids, batch: int, bos: int) -> Batches:
    """Cuts windows `[N,T]` into batches `[B,T]`; the last is filled up with windows that count nothing."""
    missing = -len(tokens) % batch
    window = tokens.shape[1]
    tokens = np.concatenate([tokens, np.full((missing, window), bos, np.int32)])
    targets = np.concatenate([targets, np.full((missing, window), IGNORE, np.int32)])
    return [
        collections.OrderedDict(tokens=tokens[i : i + batch], targets=targets[i : i + batch])
        for i in range(0, len(tokens), batch)
    ]


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

    def round(self, client: str, messages: Sequence[str], round_number: int) -> Batches:
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


_POOL = 4_000_000  # pieces


def pools(clients: Iterable[list[str]], tokenizer: Tokenizer, pieces: int = _POOL) -> Iterator[list[Encoded]]:
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
) -> Iterator[Batches]:
    """Shuffles a pool's messages, packs them, and yields its batches, `length` at a time."""
    windows = pack((pool[i] for i in rng.permutation(len(pool))), window, bos)
    made = batches(windows.tokens, windows.targets, batch, bos)
    for at in range(0, len(made), length):
        yield made[at : at + length]
