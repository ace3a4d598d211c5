"""Writes a corpus file from records in any order; numbers the users and sorts their messages.

The file is built in a temporary folder beside the target and renamed at the end, so an import that fails or is
interrupted leaves an existing file unchanged.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, text
from sqlalchemy.exc import DatabaseError

from federated.corpus import schema
from federated.corpus.schema import CorpusError, ImportSummary, NoMessagesError, Progress, Record
from federated.corpus.staging import in_order, stage, staged_users
from keyboard_model.storage.atomic_write import fsync_path

Profiles = Mapping[str, Mapping[str, str | None]]


def write_corpus(
    path: Path | str,
    records: Iterable[Record],
    *,
    source: str,
    description: str = "",
    synthetic: bool = False,
    profiles: Profiles | None = None,
    progress: Progress | None = None,
) -> ImportSummary:
    """Writes a corpus file atomically.

    A user's messages are ordered by time (stable) if all of them have one, else as they arrive. The same
    text by the same user at the same instant is kept once; blank texts are dropped, NULs removed.

    Args:
        path: The file to write; missing folders are created, an older corpus is replaced, any other file is refused.
        records: Any iterable, read once; it need not be grouped by user.
        source: Name of the format the records came from.
        description: A line of text for users.
        synthetic: Whether a program generated the messages.
        profiles: Attributes by user id; read after `records` is exhausted. Users without records are left out.
        progress: Called with the number of records read so far.

    Raises:
        CorpusError: no record is usable (`NoMessagesError`), `path` cannot be written, or the disk is full.
    """
    path = Path(path)
    with _clear_errors(path), _folder_beside(path) as folder:
        staging = schema.building_engine(folder / "staging.sqlite")
        built = folder / "corpus.sqlite"
        empty = stage(staging, records, progress)
        about = {"source": source, "description": description, "synthetic": "yes" if synthetic else "no"}
        summary = _settle(staging, schema.building_engine(built), about, profiles or {}, empty)
        if not summary.messages:
            raise NoMessagesError(f"the {source} source holds no usable message: nothing was written")
        fsync_path(built)
        os.replace(built, path)
        fsync_path(path.parent)
    return summary


def _settle(staging: Engine, target: Engine, about: dict[str, str], profiles: Profiles, empty: int) -> ImportSummary:
    digest = hashlib.sha256()
    count = messages = duplicates = 0
    with target.begin() as connection:
        schema.metadata.create_all(connection)
        connection.execute(text(f"PRAGMA application_id={schema.APPLICATION_ID}"))
        connection.execute(text(f"PRAGMA user_version={schema.SCHEMA_VERSION}"))
        for count, (user_id, arrived) in enumerate(staged_users(staging), 1):
            kept = in_order(arrived)
            profile = dict(sorted(profiles.get(user_id, {}).items()))
            _write_user(connection, count - 1, user_id, kept, profile)
            digest.update(json.dumps([user_id, profile, kept]).encode() + b"\n")
            messages += len(kept)
            duplicates += len(arrived) - len(kept)
        about |= {"users": str(count), "messages": str(messages), "corpus_id": digest.hexdigest()}
        connection.execute(insert(schema.about), [{"key": key, "value": value} for key, value in about.items()])
    return ImportSummary(count, messages, duplicates, empty)


def _write_user(
    connection: Connection,
    number: int,
    user_id: str,
    kept: list[tuple[str | None, str]],
    profile: dict[str, str | None],
) -> None:
    row = {"number": number, "user_id": user_id, "messages": len(kept), "profile": json.dumps(profile)}
    connection.execute(insert(schema.users), row)
    rows = [
        {"user_number": number, "position": position, "timestamp": timestamp, "text": written}
        for position, (timestamp, written) in enumerate(kept)
    ]
    connection.execute(insert(schema.messages), rows)


@contextlib.contextmanager
def _folder_beside(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not schema.is_corpus(path):
        raise CorpusError(f"{path} exists and is not a corpus: give another name for the output, or remove it")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        yield Path(folder)


@contextlib.contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        if "full" in str(error.orig):
            raise CorpusError(f"the disk is full: free some space and import {path} again") from error
        raise CorpusError(f"cannot write {path} ({error.orig}): check the disk and import again") from error
    except OSError as error:
        raise CorpusError(f"cannot write {path}: {error.strerror or error}") from error
