"""The data of clients for computations, read here or by a worker from its own copy of the corpus.

A reference stands for the data of a client in the argument of a computation, and the front of a worker puts the data in
its place. TFF 0.87 has handles of data (`Data` in its protos), but its worker does not resolve them.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Generic, Protocol, TypeVar

import tensorflow_federated as tff
from google.protobuf import any_pb2
from tensorflow_federated.proto.v0 import computation_pb2, executor_pb2

from federated.corpus.store import Corpus
from federated.data.federated_data import FederatedData, split_users
from federated.runtime.execution_context import workers_have_copy
from federated.runtime.tff_types import ClientData
from keyboard_model.text.tokenizer import Tokenizer

_TYPE_URL = "thumbprint/client-data"
_TOKENIZER = "tokenizer"


class ClientReader(Protocol):
    """Turns the messages of a client into its data for one kind of computation.

    Readers are dataclasses, so that a worker can make the same one: their fields are JSON values or a `tokenizer`.
    """

    @property
    def kind(self) -> tff.Type:
        """The type of a client's data."""

    def read(self, client: str, messages: Sequence[str], turn: int) -> Any:
        """Returns the data of a client.

        Args:
            client: The id of the client.
            messages: Its training messages, oldest first.
            turn: Number of the round; 0 outside of rounds.

        Raises:
            ValueError, UnicodeError: the messages are unusable.
        """

    def nothing(self) -> Any:
        """Returns data of a client without messages, with which it adds nothing."""


Reader = TypeVar("Reader", bound=ClientReader)


@dataclass(frozen=True)
class ClientSource(Generic[Reader]):
    """Gives the data of each client of a corpus for one kind of computation.

    Attributes:
        reader: Makes the data from messages.
        data: The messages.
        by_workers: Whether workers read the data themselves where a copy of the corpus lies; None: if there is such a
            worker in the context.
    """

    reader: Reader
    data: FederatedData
    by_workers: bool | None = None

    def __call__(self, client: str, turn: int = 0) -> Any:
        """Returns the data of a client, or a reference to it. For both, see `ClientReader.read`."""
        return ClientReference(self, client, turn) if self.read_by_workers() else self.read(client, turn)

    def read(self, client: str, turn: int = 0) -> Any:
        """Returns the data of a client, read here."""
        return self.reader.read(client, self.data.training_messages(client), turn)

    def read_by_workers(self) -> bool:
        """Whether references stand for the data. All other workers are then sent the data."""
        return workers_have_copy(self.data.corpus.corpus_id) if self.by_workers is None else self.by_workers

    @functools.cached_property
    def description(self) -> bytes:
        """What another machine with the corpus needs to read the same data."""
        settings = {field.name: getattr(self.reader, field.name) for field in fields(self.reader)}  # type: ignore[arg-type]
        if _TOKENIZER in settings:
            settings[_TOKENIZER] = base64.b64encode(settings[_TOKENIZER].model).decode()
        return json.dumps(
            {
                "reader": type(self.reader).__name__,
                "settings": settings,
                "data": {"train_share": self.data.train_share, "max_messages": self.data.max_messages},
            }
        ).encode()


class ClientReference(ClientData):
    """Stands for the data of a client."""

    def __init__(self, source: ClientSource[Any], client: str, turn: int) -> None:
        """Reads nothing yet."""
        self.corpus_id, self.source = source.data.corpus.corpus_id, source.description
        self._source, self._client, self._turn = source, client, turn

    def read(self) -> Any:
        """Returns the data; that of no messages if they are unusable, as a worker does."""
        return _read_or_nothing(self._source.reader, self._source.data, self._client, self._turn)

    def reference(self) -> Any:
        """See `ClientData`."""
        content = {"source": _digest(self.source), "client": self._client, "turn": self._turn}
        handle = any_pb2.Any(type_url=_TYPE_URL, value=json.dumps(content).encode())
        return computation_pb2.Computation(
            type=tff.types.serialize_type(self._source.reader.kind), data=computation_pb2.Data(content=handle)
        )


class CorpusShare:
    """The copy of a corpus on the machine of a worker."""

    def __init__(self, corpus: Corpus, readers: Iterable[type[ClientReader]]) -> None:
        """`corpus` must stay open; `readers` are the kinds of data that a training can ask for."""
        self.corpus_id = corpus.corpus_id
        self._corpus = corpus
        self._readers = {reader.__name__: reader for reader in readers}
        self._sources: dict[str, tuple[ClientReader, FederatedData]] = {}

    def open(self, source: bytes) -> None:
        """Prepares to read the data of a training.

        Args:
            source: `ClientSource.description`.
        """
        found = json.loads(source)
        settings = found["settings"]
        if _TOKENIZER in settings:
            settings[_TOKENIZER] = Tokenizer(base64.b64decode(settings[_TOKENIZER]))
        no_users: Any = split_users([])  # not needed: each reference names its client
        data = FederatedData(self._corpus, no_users, **found["data"])
        self._sources[_digest(source)] = self._readers[found["reader"]](**settings), data

    def fill(self, request: bytes) -> bytes:
        """Returns TFF's request to create a value, with data in the place of references.

        A client whose messages are unusable adds nothing.

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
            value.CopyFrom(self._data_of(json.loads(value.computation.data.content.value)))

    def _data_of(self, reference: dict[str, Any]) -> Any:
        if reference["source"] not in self._sources:
            raise ValueError("the worker was not told how to read the data of this training")
        reader, data = self._sources[reference["source"]]
        found = _read_or_nothing(reader, data, reference["client"], reference["turn"])
        return tff.framework.serialize_value(found, reader.kind)[0]


def _read_or_nothing(reader: ClientReader, data: FederatedData, client: str, turn: int) -> Any:
    messages = data.training_messages(client)
    try:
        return reader.read(client, messages, turn)
    except (ValueError, UnicodeError):
        return reader.nothing()


def _digest(source: bytes) -> str:
    return hashlib.sha256(source).hexdigest()
