"""Batches of fixed shape from messages: of one client for a round, of a cohort, and of all clients together.

Each round shuffles the messages of a client again. The batches of all clients together are for the centralized
baseline.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple

import numpy as np
import tensorflow_federated as tff

from federated.data.corpus_share import ClientReference, ClientSource
from federated.runtime.tff_types import batch_type
from keyboard_model.batching import Batch, batches, pack
from keyboard_model.text.tokenizer import Encoded, Tokenizer


@dataclass(frozen=True)
class ClientBatcher:
    """Turns the training messages of a client into its batches of a round.

    Attributes:
        tokenizer: Turns messages into pieces.
        batch: Windows in a batch.
        window: Pieces in a window.
        max_windows: Most windows of a client in a round; the messages are drawn at random.
        word_dropout: Share of the input pieces that a placeholder hides (Bowman et al. 2016, section 3.1). They stay
            targets.
        seed: The job's seed.
    """

    tokenizer: Tokenizer
    _: KW_ONLY
    batch: int
    window: int
    max_windows: int
    word_dropout: float
    seed: int

    @property
    def kind(self) -> tff.Type:
        """See `ClientReader`."""
        return batch_type(self.batch, self.window)

    def read(self, client: str, messages: Sequence[str], turn: int) -> list[Batch]:
        """Returns the batches that `client` trains on in a round; empty if it has typed nothing.

        Messages are shuffled before they are packed. The order depends only on (seed, round, client).
        """
        rng = np.random.default_rng([self.seed, turn, zlib.crc32(client.encode())])
        chosen: list[Encoded] = []
        room = self.max_windows * self.window
        for i in rng.permutation(len(messages)):  # stops encoding when the windows are full
            if room <= 0:
                break
            chosen.append(self.tokenizer.encode(messages[i]))
            room -= len(chosen[-1].ids) - 1
        windows = pack(chosen, self.window, self.tokenizer.bos)
        tokens, targets = windows.tokens[: self.max_windows], windows.targets[: self.max_windows]
        hidden = (rng.random(tokens.shape) < self.word_dropout) & (tokens != self.tokenizer.bos)
        tokens = np.where(hidden, np.int32(self.tokenizer.slot), tokens)
        return batches(tokens, targets, self.batch, self.tokenizer.bos)

    def nothing(self) -> list[Batch]:
        """See `ClientReader`."""
        return []


class Cohort(NamedTuple):
    """The clients of a round that have data.

    Attributes:
        clients: Their ids.
        batches: The batches of each.
        dropped: Number of clients left out because their data is unusable.
    """

    clients: list[str]
    batches: list[list[Batch] | ClientReference]
    dropped: int


def cohort_batches(source: ClientSource[ClientBatcher], cohort: Iterable[str], round_number: int) -> Cohort:
    """Returns the batches of the cohort of a round. Clients without text are left out.

    Args:
        source: Where workers read the batches, a client whose data is unusable is not counted as dropped.
        cohort: The clients.
        round_number: Number of the round.
    """
    result = Cohort([], [], 0)
    by_workers = source.read_by_workers()
    for client in cohort:
        try:
            if by_workers and not _has_text(source.reader.tokenizer, source.data.training_messages(client)):
                continue
            found = source(client, round_number)
        except (ValueError, UnicodeError):
            result = result._replace(dropped=result.dropped + 1)
            continue
        if by_workers or found:
            result.clients.append(client)
            result.batches.append(found)
    return result


def _has_text(tokenizer: Tokenizer, messages: Sequence[str]) -> bool:
    return any(len(tokenizer.encode(message).ids) > 1 for message in messages)


_PIECES_IN_CHUNK = 4_000_000


def message_chunks(
    clients: Iterable[Sequence[str]], tokenizer: Tokenizer, pieces: int = _PIECES_IN_CHUNK
) -> Iterator[list[Encoded]]:
    """Yields the encoded messages of all clients in chunks, which bounds the memory.

    A chunk ends after the first client with which it has at least `pieces` pieces.
    """
    chunk: list[Encoded] = []
    size = 0
    for messages in clients:
        for message in messages:
            chunk.append(tokenizer.encode(message))
            size += len(chunk[-1].ids)
        if size >= pieces:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def shuffled_batches(
    messages: list[Encoded], rng: np.random.Generator, *, batch: int, window: int, bos: int, length: int
) -> Iterator[list[Batch]]:
    """Shuffles and packs messages, and yields lists of `length` batches; the last list can be shorter."""
    windows = pack((messages[i] for i in rng.permutation(len(messages))), window, bos)
    all_batches = batches(windows.tokens, windows.targets, batch, bos)
    for start in range(0, len(all_batches), length):
        yield all_batches[start : start + length]
