"""Batches of fixed shape from messages: of one client for a round, of a cohort, and of all clients together.

Each round shuffles the messages of a client again. The batches of all clients together are for the centralized
baseline.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow_federated as tff
from google.protobuf import any_pb2
from tensorflow_federated.proto.v0 import computation_pb2, executor_pb2

from federated.corpus.store import Corpus
from federated.data.federated_data import FederatedData, split_users
from federated.runtime.tff_types import ClientData, batch_type
from keyboard_model.batching import Batch, batches, pack
from keyboard_model.text.tokenizer import Encoded, Tokenizer


class ClientBatcher:
    """Turns the training messages of a client into its batches of a round."""

    def __init__(
        self, tokenizer: Tokenizer, *, batch: int, window: int, max_windows: int, word_dropout: float, seed: int
    ) -> None:
        """Sets the shape of the batches.

        Args:
            tokenizer: Turns messages into pieces.
            batch: Windows in a batch.
            window: Pieces in a window.
            max_windows: Most windows of a client in a round; the messages are drawn at random.
            word_dropout: Share of the input pieces that a placeholder hides (Bowman et al. 2016, section 3.1). They
                stay targets.
            seed: The job's seed.
        """
        self.tokenizer = tokenizer
        self._word_dropout = word_dropout
        self._batch, self._window, self._max_windows, self._seed = batch, window, max_windows, seed

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments of the constructor, except the tokenizer."""
        return {
            "batch": self._batch,
            "window": self._window,
            "max_windows": self._max_windows,
            "word_dropout": self._word_dropout,
            "seed": self._seed,
        }

    def round(self, client: str, messages: Sequence[str], round_number: int) -> list[Batch]:
        """Returns the batches that `client` trains on in a round; empty if it has typed nothing.

        Messages are shuffled before they are packed. The order depends only on (seed, round, client).
        """
        rng = np.random.default_rng([self._seed, round_number, zlib.crc32(client.encode())])
        chosen: list[Encoded] = []
        room = self._max_windows * self._window
        for i in rng.permutation(len(messages)):  # stops encoding when the windows are full
            if room <= 0:
                break
            chosen.append(self.tokenizer.encode(messages[i]))
            room -= len(chosen[-1].ids) - 1
        windows = pack(chosen, self._window, self.tokenizer.bos)
        tokens, targets = windows.tokens[: self._max_windows], windows.targets[: self._max_windows]
        hidden = (rng.random(tokens.shape) < self._word_dropout) & (tokens != self.tokenizer.bos)
        tokens = np.where(hidden, np.int32(self.tokenizer.slot), tokens)
        return batches(tokens, targets, self._batch, self.tokenizer.bos)


class ClientRound(ClientData):
    """The batches of a client in a round, read by a worker where a copy of the corpus lies, and here otherwise."""

    def __init__(
        self, source: bytes, batcher: ClientBatcher, data: FederatedData, client: str, round_number: int
    ) -> None:
        """Reads nothing yet. `source` is the description of `batcher` and `data` for another machine."""
        self.corpus_id, self.source = data.corpus.corpus_id, source
        self._batcher, self._data, self._client, self._round = batcher, data, client, round_number

    def read(self) -> list[Batch]:
        """Returns the batches."""
        return self._batcher.round(self._client, self._data.training_messages(self._client), self._round)

    def reference(self) -> Any:
        """See `ClientData`."""
        content = {"source": _digest(self.source), "client": self._client, "round": self._round}
        kind = batch_type(self._batcher.settings["batch"], self._batcher.settings["window"])
        handle = any_pb2.Any(type_url=_TYPE_URL, value=json.dumps(content).encode())
        return computation_pb2.Computation(
            type=tff.types.serialize_type(kind), data=computation_pb2.Data(content=handle)
        )


class CorpusShare:
    """The copy of a corpus on the machine of a worker: the worker's front puts the batches in the place of references.

    TFF 0.87 has handles of data (`Data` in its protos), but its worker does not resolve them.
    """

    def __init__(self, corpus: Corpus) -> None:
        """`corpus` must stay open."""
        self.corpus_id = corpus.corpus_id
        self._corpus = corpus
        self._sources: dict[str, tuple[ClientBatcher, FederatedData]] = {}

    def open(self, source: bytes) -> None:
        """Prepares to read the data of a training (`ClientRound.source`)."""
        found = json.loads(source)
        batcher = ClientBatcher(Tokenizer(base64.b64decode(found["tokenizer"])), **found["batcher"])
        nobody: Any = split_users([])  # the training names the clients
        self._sources[_digest(source)] = batcher, FederatedData(self._corpus, nobody, **found["data"])

    def fill(self, request: bytes) -> bytes:
        """Returns TFF's request to create a value, with batches in the place of references.

        A client whose data is unusable gets no batches, so it adds nothing to the round.

        Raises:
            ValueError: the source of a reference was not opened, or the corpus cannot be read.
        """
        if _TYPE_URL.encode() not in request:
            return request
        message = executor_pb2.CreateValueRequest.FromString(request)
        self._fill(message.value)
        filled: bytes = message.SerializeToString()
        return filled

    def _fill(self, value: Any) -> None:
        if value.HasField("federated"):
            for part in value.federated.value:
                self._fill(part)
        elif value.HasField("struct"):
            for element in value.struct.element:
                self._fill(element.value)
        elif value.HasField("computation") and value.computation.data.content.type_url == _TYPE_URL:
            value.CopyFrom(self._batches(json.loads(value.computation.data.content.value)))

    def _batches(self, reference: dict[str, Any]) -> Any:
        if reference["source"] not in self._sources:
            raise ValueError("the worker was not told how to read the data of this training")
        batcher, data = self._sources[reference["source"]]
        messages = data.training_messages(reference["client"])
        try:
            found = batcher.round(reference["client"], messages, reference["round"])
        except (ValueError, UnicodeError):
            found = []
        kind = batch_type(batcher.settings["batch"], batcher.settings["window"])
        return tff.framework.serialize_value(found, kind)[0]


_TYPE_URL = "thumbprint/client-round"


def _source(batcher: ClientBatcher, data: FederatedData) -> bytes:
    """Returns what another machine with the corpus needs to make the same batches."""
    return json.dumps(
        {
            "tokenizer": base64.b64encode(batcher.tokenizer.model).decode(),
            "batcher": batcher.settings,
            "data": {"train_share": data.train_share, "max_messages": data.max_messages},
        }
    ).encode()


def _digest(source: bytes) -> str:
    return hashlib.sha256(source).hexdigest()


class Cohort(NamedTuple):
    """The clients of a round that have data.

    Attributes:
        clients: Their ids.
        batches: The batches of each.
        dropped: Number of clients left out because their data is unusable.
    """

    clients: list[str]
    batches: list[list[Batch] | ClientRound]
    dropped: int


def cohort_batches(
    batcher: ClientBatcher, data: FederatedData, cohort: Iterable[str], round_number: int, *, by_workers: bool = False
) -> Cohort:
    """Returns the batches of the cohort of a round. Clients without text are left out.

    Args:
        batcher: Makes the batches.
        data: The messages.
        cohort: The clients.
        round_number: Number of the round.
        by_workers: The workers read the batches where a copy of the corpus lies. Nothing is encoded here, and a client
            whose data is unusable is not counted as dropped.
    """
    result = Cohort([], [], 0)
    source = _source(batcher, data) if by_workers else b""
    for client in cohort:
        try:
            messages = data.training_messages(client)
            batches: list[Batch] | ClientRound = []
            if not by_workers:
                batches = batcher.round(client, messages, round_number)
            elif any(len(batcher.tokenizer.encode(message).ids) > 1 for message in messages):
                batches = ClientRound(source, batcher, data, client, round_number)
        except (ValueError, UnicodeError):
            result = result._replace(dropped=result.dropped + 1)
            continue
        if batches:
            result.clients.append(client)
            result.batches.append(batches)
    return result


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
