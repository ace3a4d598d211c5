"""Reads a corpus file, one user at a time; `write_corpus` writes such files."""

from __future__ import annotations

import functools
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, overload

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine, Executable, Row, bindparam, select, text
from sqlalchemy.exc import DatabaseError

from federated.corpus import schema
from federated.corpus.schema import CorpusError, Message
from keyboard_model.text.sensitive import mask_sensitive

_NUMBERS_IN_QUERY = 500  # SQLite allows at least 999 values in a query

# Built once: SQLAlchemy needs longer to build a query than SQLite to answer it.
_USER = select(schema.users).where(schema.users.c.user_id == bindparam("user_id"))
_MESSAGES = (
    select(schema.messages.c.timestamp, schema.messages.c.text)
    .join_from(schema.users, schema.messages, schema.messages.c.user_number == schema.users.c.number)
    .where(schema.users.c.user_id == bindparam("user_id"))
    .order_by(schema.messages.c.position)
)


@dataclass(frozen=True)
class MaskedTexts(Sequence[str]):
    """Texts whose sensitive parts are masked each time they are read.

    A round reads few texts of a user who wrote many. Whoever reads them more than once keeps a list.
    """

    _raw: tuple[str, ...]

    def __len__(self) -> int:
        return len(self._raw)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> MaskedTexts: ...
    def __getitem__(self, at: int | slice) -> str | MaskedTexts:
        return MaskedTexts(self._raw[at]) if isinstance(at, slice) else mask_sensitive(self._raw[at])


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
            corpus._about = corpus._read_about()
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
        with self._reported(), self._engine.connect() as connection:
            for user_id in connection.execution_options(yield_per=1000).scalars(query):
                yield _text(user_id)

    def user_ids_at(self, numbers: npt.NDArray[np.int32]) -> Iterator[str]:
        """Yields the ids of some users, in the order of `numbers`, without loading all of them into memory.

        Args:
            numbers: `[n]` numbers of users; `user_ids` yields user number 0 first.
        """
        columns = schema.users.c
        for start in range(0, len(numbers), _NUMBERS_IN_QUERY):
            wanted = numbers[start : start + _NUMBERS_IN_QUERY].tolist()
            query = select(columns.number, columns.user_id).where(columns.number.in_(wanted))
            with self._reported():
                found = {row.number: _text(row.user_id) for row in self._rows(query)}
                ids = [found[number] for number in wanted]
            yield from ids

    def messages(self, user_id: str) -> list[Message]:
        """Returns one user's messages in the stored order, with sensitive text masked.

        The file contains the imported text, but readers never see it: training, statistics and evaluation read what a
        phone would have stored (`keyboard_model.text.sensitive`).

        Raises:
            CorpusError: the corpus has no such user.
        """
        with self._reported():
            return [
                Message(
                    datetime.fromisoformat(row.timestamp) if row.timestamp else None, mask_sensitive(_text(row.text))
                )
                for row in self._messages(user_id)
            ]

    def texts(self, user_id: str) -> MaskedTexts:
        """Returns the texts of `messages`, each of which is masked only when it is read.

        Raises:
            CorpusError: the corpus has no such user.
        """
        with self._reported():
            return MaskedTexts(tuple(_text(row.text) for row in self._messages(user_id)))

    @functools.cached_property
    def message_counts(self) -> npt.NDArray[np.int32]:
        """`[users]` the number of each user's messages, in the order of `user_ids`; read by one query, then kept."""
        query = select(schema.users.c.messages).order_by(schema.users.c.number)
        with self._reported(), self._engine.connect() as connection:
            counts = connection.execution_options(yield_per=10_000).scalars(query)
            return np.fromiter(counts, np.int32, self.num_users)

    def message_count(self, user_id: str) -> int:
        """Returns the number of a user's messages without reading them.

        Raises:
            CorpusError: the corpus has no such user.
        """
        with self._reported():
            return int(self._user(user_id).messages)

    def profile(self, user_id: str) -> dict[str, str | None]:
        """Returns a user's attributes; an unknown attribute is None.

        Raises:
            CorpusError: the corpus has no such user.
        """
        with self._reported():
            profile: dict[str, str | None] = json.loads(_text(self._user(user_id).profile))
            return profile

    def _read_about(self) -> dict[str, str]:
        with self._reported():
            about = {row.key: _text(row.value) for row in self._rows(select(schema.about))}
            int(about["users"]), int(about["messages"])
            if missing := {"corpus_id", "synthetic", "source", "description"} - about.keys():
                raise KeyError(min(missing))
            return about

    def _messages(self, user_id: str) -> Sequence[Row[Any]]:
        rows = self._rows(_MESSAGES, user_id=user_id)
        if not rows:
            self._user(user_id)
        return rows

    def _user(self, user_id: str) -> Row[Any]:
        rows = self._rows(_USER, user_id=user_id)
        if not rows:
            raise CorpusError(f"{self.path} has no user {user_id!r}")
        return rows[0]

    def _rows(self, query: Executable, **values: object) -> Sequence[Row[Any]]:
        with self._reported(), self._engine.connect() as connection:
            return connection.execute(query, values).all()

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Converts the errors of a damaged file to CorpusError: of SQLite, and of values that nobody wrote."""
        try:
            yield
        except CorpusError:
            raise
        except DatabaseError as error:
            if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                raise CorpusError(
                    f"{self.path} is locked by another program: close that program and run this command again"
                ) from error
            raise CorpusError(f"{self.path} is damaged ({error.orig}): import the source again") from error
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise CorpusError(f"{self.path} is damaged ({error}): import the source again") from error


def _text(value: object) -> str:
    """Returns a stored text. SQLite can store any type in any column."""
    if not isinstance(value, str):
        raise TypeError(f"a text is missing or is stored as {type(value).__name__}")
    return value
