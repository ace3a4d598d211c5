"""Imports a source file into a corpus, and detects the format of a file from its content."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from federated.corpus import schema
from federated.corpus.importers import android_sms, jsonl, nus_sms, tff_data, whatsapp
from federated.corpus.importers.inputs.archive import DAMAGED_DATA
from federated.corpus.importers.inputs.source import Source
from federated.corpus.importers.skip_count import SkipCount
from federated.corpus.schema import CorpusError, ImportSummary, NoMessagesError, Progress, Record, Skipped
from federated.corpus.writer import Profiles, write_corpus

_HEAD_BYTES = 65536


def _no_profiles(source: Source, skipped: Skipped) -> Profiles:
    return {}


@dataclass(frozen=True)
class Format:
    """One format of source files.

    Attributes:
        summary: A description for users.
        recognises: Returns whether a file has this format, from its first 64 KB, decompressed and decoded.
        read: Yields the records of a file.
        read_profiles: Returns the attributes of the users.
    """

    summary: str
    recognises: Callable[[str], bool]
    read: Callable[[Source, Skipped], Iterator[Record]]
    read_profiles: Callable[[Source, Skipped], Profiles] = _no_profiles


FORMATS: dict[str, Format] = {
    "jsonl": Format(
        "JSON Lines, one message a line (.jsonl, .jsonl.gz)",
        lambda head: head.lstrip("\ufeff \r\n").startswith("{"),
        jsonl.read,
        jsonl.read_profiles,
    ),
    "nus_sms": Format(
        "NUS SMS corpus release (XML, zipped or not)",
        lambda head: "<smsCorpus" in head,
        nus_sms.read,
        nus_sms.read_profiles,
    ),
    "android_sms": Format(
        'Android "SMS Backup & Restore" export (XML)', lambda head: "<smses" in head, android_sms.read
    ),
    "whatsapp": Format("WhatsApp chat export (.txt)", whatsapp.looks_like_chat, whatsapp.read),
    "tff_data": Format(
        "TensorFlow Federated client data (SQLite)", lambda head: head.startswith("SQLite format 3"), tff_data.read
    ),
}
"""The formats by name. One more source, `stackoverflow`, is not a file but TFF's Stack Overflow data set."""


def detect(path: Path | str) -> str:
    """Returns the format of a file as a name in `FORMATS`, detected from the content.

    Raises:
        CorpusError: the format is unknown, or the file cannot be read.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w") as file:
    ...     size = file.write("[24.12.22, 18:05:33] Ann: see you")
    ...     file.flush()
    ...     detect(file.name)
    'whatsapp'
    """
    path = Path(path)
    with Source(path).open() as stream:
        if schema.is_corpus(path):
            raise CorpusError(f"{path} is already a corpus: it needs no import")
        head = _head(stream)
    if not head.strip():
        raise CorpusError(f"{path} is empty: choose another file")
    for name, form in FORMATS.items():
        if form.recognises(head):
            return name
    raise CorpusError(f"{path} has none of the known formats ({', '.join(FORMATS)}): choose one with --format")


def import_corpus(
    source: str | Path, out: Path | str, format: str = "auto", progress: Progress | None = None
) -> ImportSummary:
    """Reads `source` and writes the corpus `out` atomically.

    Args:
        source: A file, or the word `stackoverflow`.
        out: The corpus to write. An older corpus is replaced, any other file is refused.
        format: A name in `FORMATS`, or "auto".
        progress: Called with the number of records read so far.

    Returns:
        The number of users and messages in the corpus, and of records left out.

    Raises:
        CorpusError: the format is unknown, the source is unusable, or `out` cannot be written.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     source = pathlib.Path(folder, "messages.jsonl")
    ...     size = source.write_text('{"user_id": "ann", "timestamp": null, "text": "see you"}')
    ...     import_corpus(source, f"{folder}/corpus.sqlite")
    ImportSummary(users=1, messages=1, duplicates=0, empty=0, skipped={}, examples=())
    """
    skipped = SkipCount()
    profiles: Profiles = {}
    if str(source) == tff_data.STACKOVERFLOW and format in ("auto", tff_data.STACKOVERFLOW, "tff_data"):
        name, description = tff_data.STACKOVERFLOW, "Stack Overflow, training split, from TensorFlow Federated"
        records = tff_data.read_stackoverflow()
    else:
        path, name = Path(source), format
        if name != "auto" and name not in FORMATS:
            raise CorpusError(f"unknown format {format!r}: choose one of auto, {', '.join(FORMATS)}")
        with Source(path).open():  # fails at once if the file cannot be read
            pass
        if name == "auto":
            name = detect(path)
        description = f"imported from {path.name}"
        profiles = FORMATS[name].read_profiles(Source(path), skipped)
        records = FORMATS[name].read(Source(path), skipped)
    try:
        summary = write_corpus(
            out,
            _without_undecodable(records, skipped),
            source=name,
            description=description,
            profiles=profiles,
            progress=progress,
        )
    except NoMessagesError as error:
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in skipped.counts.items())
        why = f"; left out: {left_out}; the first: {skipped.examples[0]}" if skipped.counts else ""
        raise NoMessagesError(f"{error}{why}") from error
    return dataclasses.replace(summary, skipped=dict(skipped.counts), examples=tuple(skipped.examples))


def _head(stream: IO[bytes]) -> str:
    """Reads the first 64 KB, or as much as possible: the importer later reports damaged data and its place."""
    head = b""
    try:
        while len(head) < _HEAD_BYTES and (line := stream.readline(_HEAD_BYTES)):
            head += line
    except DAMAGED_DATA:
        if not head.strip():  # too little to detect the format
            raise
    return head.decode("utf-8", errors="replace")


def _without_undecodable(records: Iterator[Record], skipped: Skipped) -> Iterator[Record]:
    """Leaves out the records with an unpaired surrogate: a byte that is not text, or half an emoji."""
    for record in records:
        if _is_unicode(record.text) and _is_unicode(record.user_id):
            yield record
        else:
            skipped("not valid UTF-8", ascii(record.text[:60]))


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
