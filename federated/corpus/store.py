"""Reads a corpus file, one user at a time; `write_corpus` writes such files."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Engine, Executable, Row, select, text
from sqlalchemy.exc import DatabaseError

from federated.corpus import schema
from federated.corpus.schema import CorpusError, Message
from keyboard_model.text.sensitive import mask_sensitive


class Corpus:
    """Messages by user, read-only. `Corpus.open` opens one. Several threads can use it at once.

    >>> import tempfile
    >>> from federated.corpus.synthetic.generate import write_synthetic
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/corpus.sqlite"
    ...     summary = write_synthetic(path, users=2, messages=(3, 3))
    ...     with Corpus.open(path) as corpus:
    ...         print(corpus.num_users, corpus.num_messages, list(corpus.user_ids()))
    ...         print(len(corpus.messages("synthetic-001")))
    2 6 ['synthetic-000', 'synthetic-001']
    3
    """

    def __init__(self, path: Path, engine: Engine, about: dict[str, str]) -> None:
        self.path = path
        self._engine = engine
        self._about = about

    @classmethod
    def open(cls, path: Path | str) -> Corpus:
        """Opens a corpus that `write_corpus` wrote.

        Raises:
            CorpusError: the file does not exist, is not a corpus, has another schema version or is damaged.
        """
        path = Path(path)
        if "\0" in str(path):  # possible in a job file
            raise CorpusError(
                "the path of the corpus contains a NUL character: correct it, no file can have such a name"
            )
        try:
            if not schema.is_corpus(path):
                raise CorpusError(f"{path} is not a corpus: make a corpus from it with `thumbprint corpus import`")
        except FileNotFoundError as error:
            raise CorpusError(f"{path} does not exist: make a corpus with `thumbprint corpus import`") from error
        except OSError as error:
            raise CorpusError(f"cannot read {path}: {error.strerror}") from error
        corpus = cls(path, schema.reading_engine(path), {})
        try:
            version = corpus._rows(text("PRAGMA user_version"))[0][0]
            if version != schema.SCHEMA_VERSION:
                raise CorpusError(
                    f"{path} has corpus format {version}, this program reads {schema.SCHEMA_VERSION}: "
                    "import the source again"
                )
            corpus._about = {row.key: row.value for row in corpus._rows(select(schema.about))}
        except BaseException:
            corpus.close()
            raise
        return corpus

    def close(self) -> None:
        """Closes the file; the corpus cannot be read after that."""
        self._engine.dispose()

    def __enter__(self) -> Corpus:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @property
    def num_users(self) -> int:
        return int(self._about["users"])

    @property
    def num_messages(self) -> int:
        return int(self._about["messages"])

    @property
    def corpus_id(self) -> str:
        """SHA-256 over users, profiles, timestamps and texts: corpora with equal content have equal ids."""
        return self._about["corpus_id"]

    @property
    def synthetic(self) -> bool:
        """Whether a program generated the messages."""
        return self._about["synthetic"] == "yes"

    @property
    def source(self) -> str:
        """Name of the format it was imported from."""
        return self._about["source"]

    @property
    def description(self) -> str:
        return self._about["description"]

    def user_ids(self) -> Iterator[str]:
        """Yields every user id in ascending order, without loading all of them into memory."""
        query = select(schema.users.c.user_id).order_by(schema.users.c.number)
        with self._engine.connect() as connection:
            yield from connection.execution_options(yield_per=1000).scalars(query)

    def messages(self, user_id: str) -> list[Message]:
        """Returns one user's messages in the stored order, with sensitive text masked.

        The file contains the imported text, but readers never see it: training, statistics and evaluation read what a
        phone would have stored (`keyboard_model.text.sensitive`).

        Raises:
            CorpusError: the corpus has no such user.
        """
        columns = schema.messages.c
        query = select(columns.timestamp, columns.text).where(columns.user_number == self._user(user_id).number)
        return [
            Message(datetime.fromisoformat(row.timestamp) if row.timestamp else None, mask_sensitive(row.text))
            for row in self._rows(query.order_by(columns.position))
        ]

    def message_count(self, user_id: str) -> int:
        """Returns the number of a user's messages without reading them.

        Raises:
            CorpusError: the corpus has no such user.
        """
        return int(self._user(user_id).messages)

    def profile(self, user_id: str) -> dict[str, str | None]:
        """Returns a user's attributes; an unknown attribute is None.

        Raises:
            CorpusError: the corpus has no such user.
        """
        profile: dict[str, str | None] = json.loads(self._user(user_id).profile)
        return profile

    def _user(self, user_id: str) -> Row[Any]:
        rows = self._rows(select(schema.users).where(schema.users.c.user_id == user_id))
        if not rows:
            raise CorpusError(f"{self.path} has no user {user_id!r}")
        return rows[0]

    def _rows(self, query: Executable) -> Sequence[Row[Any]]:
        try:
            with self._engine.connect() as connection:
                return connection.execute(query).all()
        except DatabaseError as error:
            if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                raise CorpusError(
                    f"{self.path} is locked by another program: close that program and run this command again"
                ) from error
            raise CorpusError(f"{self.path} is damaged ({error.orig}): import the source again") from error
