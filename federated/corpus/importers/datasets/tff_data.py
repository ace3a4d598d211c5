"""Reads client data of TensorFlow Federated: its SQLite files, and Stack Overflow as TFF loads it.

The files have the layout of `tff.simulation.datasets.SqlClientData` and `save_to_sql_client_data` (TFF 0.87).
TensorFlow is imported only when such data is read.
"""

from __future__ import annotations

import contextlib
import lzma
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from federated.corpus.importers.inputs.source import Source
from federated.corpus.schema import CorpusError, Record, Skipped

STACKOVERFLOW = "stackoverflow"
TEXT_FEATURES = ("tokens", "snippets", "text")
_TIME_FEATURE = "creation_date"
_BATCH = 256


def read(source: Source, skipped: Skipped) -> Iterator[Record]:
    """Yields the examples in all splits of a TFF SQLite file, one client after the other.

    Raises:
        CorpusError: the file does not have TFF's layout, or its examples have none of `TEXT_FEATURES`.
    """
    import tensorflow as tf
    import tensorflow_federated as tff

    path = source.path
    with _as_corpus_errors(str(path)):
        names = _string_features(path)
        text = next((name for name in TEXT_FEATURES if name in names), None)
        if text is None:
            raise CorpusError(
                f"{path}: the examples need a feature named {' or '.join(TEXT_FEATURES)}; "
                f"their string features are: {', '.join(names) or 'none'}"
            )
        features = [text, _TIME_FEATURE] if _TIME_FEATURE in names else [text]
        spec = {name: tf.TensorSpec((), tf.string) for name in features}
        data = tff.simulation.datasets.load_and_parse_sql_client_data(str(path), spec)
        yield from _records(data, text)


def read_stackoverflow() -> Iterator[Record]:
    """Yields the training split of Stack Overflow, from TFF's cache (`~/.tff`) or downloaded.

    Raises:
        CorpusError: the data set cannot be downloaded or read.
    """
    import tensorflow_federated as tff

    advice = (
        "TFF downloads it from storage.googleapis.com: check the network, remove an incomplete "
        "~/.tff/stackoverflow.sqlite, or put the file there yourself"
    )
    with _as_corpus_errors("Stack Overflow", advice):
        train, _, _ = tff.simulation.datasets.stackoverflow.load_data()
        yield from _records(train, "tokens")


def _records(data: Any, text: str) -> Iterator[Record]:
    """Yields the records of a `tff.simulation.datasets.ClientData`; one dataset reads all clients."""
    import tensorflow as tf

    if not data.client_ids:
        return
    # TFF inserts the id into SQL between quotes, so a quote inside must be doubled.
    escaped = [client_id.replace("'", "''") for client_id in data.client_ids]
    clients = tf.data.Dataset.from_tensor_slices((list(data.client_ids), escaped))

    def examples(client_id: Any, escaped_id: Any) -> Any:
        def columns(example: Any) -> Any:
            return client_id, example[text], example.get(_TIME_FEATURE, tf.constant(""))

        return data.serializable_dataset_fn(escaped_id).map(columns)

    for batch in clients.flat_map(examples).batch(_BATCH).prefetch(2).as_numpy_iterator():
        for client_id, raw_text, time in zip(*batch, strict=True):
            message = raw_text.decode("utf-8", errors="replace")
            yield Record(client_id.decode(), _timestamp(time.decode("utf-8", errors="replace")), message)


def _timestamp(time: str) -> datetime | None:
    """Parses a time of Stack Overflow (`2008-08-10 08:28:52.1 UTC`); returns None for any other text."""
    try:
        return datetime.fromisoformat(_full_fraction(time.removesuffix(" UTC")) + "+00:00")
    except ValueError:
        return None


def _full_fraction(time: str) -> str:
    whole, dot, fraction = time.partition(".")
    return whole + dot + (fraction.ljust(6, "0") if dot else "")  # Python 3.11 parses 3 or 6 digits only


def _string_features(path: Path) -> list[str]:
    """Returns the names of the first example's string features; checks what TFF's reader takes for granted."""
    import tensorflow as tf

    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        example = connection.execute("SELECT serialized_example_proto FROM examples LIMIT 1").fetchone()
        client = connection.execute("SELECT 1 FROM client_metadata LIMIT 1").fetchone()
        if example is None or client is None:
            raise CorpusError(f"{path} contains no examples: choose another file")
        strange = "SELECT 1 FROM client_metadata WHERE typeof(client_id) != 'text' LIMIT 1"
        if not isinstance(example[0], bytes) or connection.execute(strange).fetchone():
            raise sqlite3.DataError("a client's id is no text, or an example is no blob")
    features = tf.train.Example.FromString(example[0]).features.feature
    return sorted(name for name, feature in features.items() if feature.HasField("bytes_list"))


@contextlib.contextmanager
def _as_corpus_errors(what: str, advice: str = "is it a file that tff.simulation.datasets wrote?") -> Iterator[None]:
    import tensorflow as tf
    from google.protobuf.message import DecodeError
    from tensorflow_federated.python.simulation.datasets.sql_client_data import DatabaseFormatError

    try:
        yield
    except (DatabaseFormatError, sqlite3.Error, tf.errors.OpError, DecodeError, lzma.LZMAError, OSError) as error:
        raise CorpusError(f"cannot read {what} ({error}): {advice}") from error
