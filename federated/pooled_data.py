"""All clients' messages in one place, as a centralized reference needs them: shuffled batches, a slice at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from federated.client_data import Batches, batches
from keyboard_model.tokenizer import Encoded, Tokenizer
from keyboard_model.windows import pack

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


def slices(
    pool: list[Encoded], rng: np.random.Generator, *, batch: int, window: int, bos: int, length: int
) -> Iterator[Batches]:
    """Shuffles a pool's messages, packs them, and yields its batches, `length` at a time."""
    windows = pack((pool[i] for i in rng.permutation(len(pool))), window, bos)
    made = batches(windows.tokens, windows.targets, batch, bos)
    for at in range(0, len(made), length):
        yield made[at : at + length]
