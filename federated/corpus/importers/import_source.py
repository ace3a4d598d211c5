"""Imports a source file into a corpus, and reports what was left out and the first messages that were understood."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from federated.corpus.importers.columns import read as read_columns
from federated.corpus.importers.datasets import tff_data
from federated.corpus.importers.formats import FORMATS, find_documents
from federated.corpus.importers.inputs.encodings import what_is_wrong
from federated.corpus.importers.inputs.source import Source
from federated.corpus.schema import CorpusError, ImportSummary, NoMessagesError, Progress, Record, Skipped
from federated.corpus.writer import Profiles, write_corpus
from keyboard_model.text.sensitive import mask_sensitive

_EXAMPLES = 3
_AUTHORS = 5
_MESSAGES = 3
_LONGEST = 60  # characters


class SkipCount:
    """A `Skipped` that counts by reason.

    Attributes:
        counts: The number of records by reason, in the order of the first of each.
        examples: The first few details of each reason, after the reason.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: list[str] = []

    def __call__(self, reason: str, detail: str = "", /) -> None:
        self.counts[reason] += 1
        if detail and self.counts[reason] <= _EXAMPLES:
            self.examples.append(f"{reason}: {detail}")


class Preview:
    """The first messages of the first few authors.

    >>> preview = Preview()
    >>> preview(Record("ann", None, "see\\nyou"))
    >>> preview.messages
    {'ann': ['see you']}
    """

    def __init__(self) -> None:
        self.messages: dict[str, list[str]] = {}
        self._wanted = _AUTHORS * _MESSAGES

    def __call__(self, record: Record) -> None:
        """Adds a message, on one line, shortened, and with sensitive text masked."""
        if not self._wanted or not record.text.strip():
            return
        if record.user_id not in self.messages and len(self.messages) == _AUTHORS:
            return
        shown = self.messages.setdefault(record.user_id, [])
        if len(shown) < _MESSAGES:
            shown.append(one_line(mask_sensitive(record.text[: 10 * _LONGEST])))
            self._wanted -= 1


def one_line(text: str) -> str:
    """Returns a text without control characters, on one line, with at most 60 characters."""
    # Control characters would let a message change the terminal.
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


_PROGRESS_EVERY = 5000


Seen = Callable[[Record], None]
"""Callback that gets each record that is not left out, in the order of the source."""


def import_corpus(
    source: str | Path,
    out: Path | str,
    format: str = "auto",
    progress: Progress | None = None,
    *,
    encoding: str | None = None,
    columns: Mapping[str, str] | None = None,
    seen: Seen | None = None,
) -> ImportSummary:
    """Reads `source` and writes the corpus `out` atomically.

    All chats of an archive are imported. Users of the same name are the same user.

    Args:
        source: A file, or the word `stackoverflow`.
        out: The corpus to write. An older corpus is replaced, any other file is refused.
        format: A name in `FORMATS`, or "auto".
        progress: Called with the number of records read so far.
        encoding: The encoding of text that does not say its encoding and is not UTF-8, for example "cp1252".
        columns: Of a table, the names of its columns: of the "user", the "time" and the "text".
        seen: Called with each record before it is written.

    Returns:
        The number of users and messages in the corpus, and of records left out.

    Raises:
        CorpusError: the format or the encoding is unknown, the source is unusable, or `out` cannot be written.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     source = pathlib.Path(folder, "messages.jsonl")
    ...     size = source.write_text('{"user_id": "ann", "timestamp": null, "text": "see you"}')
    ...     import_corpus(source, f"{folder}/corpus.sqlite")
    ImportSummary(users=1, messages=1, duplicates=0, empty=0, skipped={}, examples=())
    """
    skipped = SkipCount()
    opened = _open(source, format, encoding, columns, skipped)
    try:
        summary = write_corpus(
            out,
            _told(opened.records, seen) if seen else opened.records,
            source=opened.format,
            description=opened.description,
            profiles=opened.profiles,
            progress=progress,
        )
    except NoMessagesError as error:
        raise NoMessagesError(f"{error}{_why(skipped)}") from error
    return dataclasses.replace(summary, skipped=dict(skipped.counts), examples=tuple(skipped.examples))


def inspect_source(
    source: str | Path,
    format: str = "auto",
    progress: Progress | None = None,
    *,
    encoding: str | None = None,
    columns: Mapping[str, str] | None = None,
    seen: Seen | None = None,
) -> ImportSummary:
    """Reads `source` like `import_corpus`, and writes nothing. Duplicates are not looked for.

    Raises:
        CorpusError: the format or the encoding is unknown, or the source is unusable.
    """
    skipped = SkipCount()
    opened = _open(source, format, encoding, columns, skipped)
    users: set[str] = set()
    messages = empty = 0
    for number, record in enumerate(opened.records, 1):
        if progress and number % _PROGRESS_EVERY == 0:
            progress(number)
        if not record.text.strip():
            empty += 1
            continue
        messages += 1
        users.add(record.user_id)
        if seen:
            seen(record)
    if not messages:
        raise NoMessagesError(f"the {opened.format} source contains no usable message{_why(skipped)}")
    return ImportSummary(len(users), messages, 0, empty, dict(skipped.counts), tuple(skipped.examples))


class _Opened(NamedTuple):
    format: str
    description: str
    records: Iterator[Record]
    profiles: Profiles


def _open(
    source: str | Path, format: str, encoding: str | None, named: Mapping[str, str] | None, skipped: SkipCount
) -> _Opened:
    if str(source) == tff_data.STACKOVERFLOW and format in ("auto", tff_data.STACKOVERFLOW, "tff_data"):
        description = "Stack Overflow, training split, from TensorFlow Federated"
        return _Opened(tff_data.STACKOVERFLOW, description, tff_data.read_stackoverflow(), {})
    if format != "auto" and format not in FORMATS:
        raise CorpusError(f"unknown format {format!r}: choose one of auto, {', '.join(FORMATS)}")
    if named and format == "auto":
        format = "columns"
    documents = find_documents(Path(source), format, encoding, skipped)
    readers = {name: FORMATS[name].read for _, name in documents}
    if named:
        if set(readers) != {"columns"}:
            raise CorpusError(
                f"only a table has columns to name, and {source} is read as {format}: leave out --columns"
            )
        readers["columns"] = partial(read_columns, columns=named)
    profiles: dict[str, Mapping[str, str | None]] = {}
    for document, name in documents:
        profiles |= dict(FORMATS[name].read_profiles(document, skipped))
    records = itertools.chain.from_iterable(
        _readable(document, readers[name](document, skipped), skipped) for document, name in documents
    )
    return _Opened("+".join(sorted(readers)), f"imported from {Path(source).name}", records, profiles)


def _told(records: Iterator[Record], seen: Seen) -> Iterator[Record]:
    for record in records:
        seen(record)
        yield record


def _why(skipped: SkipCount) -> str:
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in skipped.counts.items())
    first = f"; the first: {skipped.examples[0]}" if skipped.examples else ""
    return f"; left out: {left_out}{first}" if left_out else ""


def _readable(source: Source, records: Iterator[Record], skipped: Skipped) -> Iterator[Record]:
    """Leaves out and counts the records with a byte that is not text, with half an emoji, and the like.

    Raises:
        CorpusError: after the last record, if the source does not say its encoding and is not UTF-8: more of its
            records are undecodable than decodable, not counting those in ASCII.
    """
    encoding = source.encoding.removesuffix("-sig").upper()
    valid = undecodable = 0
    for record in records:
        if record.text.isascii() and record.user_id.isascii():  # nearly all; looking further takes time
            yield record
            continue
        wrong = what_is_wrong(record.text, encoding) or what_is_wrong(record.user_id, encoding)
        if wrong:
            undecodable += wrong.startswith("not valid")
            skipped(wrong, ascii(record.text[:60]))
        else:
            valid += not record.text.isascii()
            yield record
    if undecodable > valid and not source.given_encoding and (place := source.first_undecodable()):
        line, byte = place
        raise CorpusError(
            f"{source} is not UTF-8 (line {line} has the byte 0x{byte:02X}): name its encoding with --encoding, for "
            "example cp1252 for an older Windows, or leave such messages out with --encoding utf-8"
        )
