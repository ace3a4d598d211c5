"""Import sources that are SQLite files: the messages of Apple's Messages, and client data of TensorFlow Federated."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.fuzz.mutators import sqlite_files
from benchmarks.fuzz.target import Input
from benchmarks.fuzz.targets.corpora import import_given

_MESSAGES = 60
_TYPEDSTREAM = b"\x04\x0bstreamtyped\x81\xe8\x03\x84\x01@\x84\x84\x84\x08NSString\x01\x94\x84\x01+\x08hi there\x86\x84"


@dataclass
class SourceDatabases:
    """`import_corpus` imports a damaged database or refuses it, as for every other source."""

    folder: Path
    name: str = "source-databases"

    def __post_init__(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._seeds = {"chat.db": self._apple_messages(), "clients.sqlite": self._client_data()}

    def make(self, chance: random.Random) -> Input:
        name, data = chance.choice(list(self._seeds.items()))
        return {name: sqlite_files.mutate(chance, data)}

    def start(self) -> None:
        """Loads TensorFlow, whose memory and time belong to no input."""
        for name, data in self._seeds.items():
            folder = self.folder / "start"
            folder.mkdir(exist_ok=True)
            if not import_given({name: data}, folder):
                raise ValueError(f"the intact {name} is refused")
            shutil.rmtree(folder)

    def run(self, given: Input, folder: Path) -> bool:
        return import_given(given, folder)

    def _apple_messages(self) -> bytes:
        rows = [
            (None if at % 3 else f"see you at {at}", _TYPEDSTREAM if at % 3 else None, 7 * 10**8 + at, at % 2, 1, 0, 0)
            for at in range(_MESSAGES)
        ]
        return self._database(
            "CREATE TABLE handle (ROWID INTEGER PRIMARY KEY, id TEXT)",
            "CREATE TABLE chat_message_join (chat_id INTEGER, message_id INTEGER)",
            "CREATE TABLE message (ROWID INTEGER PRIMARY KEY, text TEXT, attributedBody BLOB, date INTEGER, "
            "is_from_me INTEGER, handle_id INTEGER, associated_message_type INTEGER, item_type INTEGER)",
            "INSERT INTO handle VALUES (1, '+441')",
            ("INSERT INTO message VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)", rows),
        )

    def _client_data(self) -> bytes:
        clients = ("1001", "o'neill", "1002")
        rows = [
            ("train", clients[at % 3], _example(tokens=f"see you at {at}", creation_date="2008-08-10 08:28:52.1 UTC"))
            for at in range(_MESSAGES)
        ]
        return self._database(
            "CREATE TABLE examples (split_name TEXT NOT NULL, client_id TEXT NOT NULL, "
            "serialized_example_proto BLOB NOT NULL)",
            "CREATE TABLE client_metadata (client_id TEXT NOT NULL, split_name TEXT NOT NULL, "
            "num_examples INTEGER NOT NULL)",
            ("INSERT INTO examples VALUES (?, ?, ?)", rows),
            ("INSERT INTO client_metadata VALUES (?, 'train', ?)", [(client, _MESSAGES // 3) for client in clients]),
        )

    def _database(self, *statements: str | tuple[str, Sequence[tuple[Any, ...]]]) -> bytes:
        path = self.folder / "seed"
        with closing(sqlite3.connect(path)) as connection:
            for statement in statements:
                if isinstance(statement, str):
                    connection.execute(statement)
                else:
                    connection.executemany(*statement)
            connection.commit()
        content = path.read_bytes()
        path.unlink()
        return content


def _example(**features: str) -> bytes:
    """Returns a serialized tf.train.Example; TensorFlow must not run in the process that forks the children."""
    entries = [
        _field(1, _field(1, name.encode()) + _field(2, _field(1, _field(1, text.encode()))))
        for name, text in features.items()
    ]
    return _field(1, b"".join(entries))


def _field(number: int, content: bytes) -> bytes:
    """Returns a field of a protocol buffer, of at most 16,383 bytes."""
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([size % 128 + 128, size // 128])
    return bytes([8 * number + 2]) + length + content
