"""Imports a source file into a corpus."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

from federated.corpus.importers import tff_data
from federated.corpus.importers.detect import find_documents
from federated.corpus.importers.formats import FORMATS
from federated.corpus.importers.inputs.encodings import what_is_wrong
from federated.corpus.importers.inputs.source import Source
from federated.corpus.importers.skip_count import SkipCount
from federated.corpus.schema import CorpusError, ImportSummary, NoMessagesError, Progress, Record, Skipped
from federated.corpus.writer import write_corpus


def import_corpus(
    source: str | Path,
    out: Path | str,
    format: str = "auto",
    progress: Progress | None = None,
    encoding: str | None = None,
) -> ImportSummary:
    """Reads `source` and writes the corpus `out` atomically.

    All chats of an archive are imported. Users of the same name are the same user.

    Args:
        source: A file, or the word `stackoverflow`.
        out: The corpus to write. An older corpus is replaced, any other file is refused.
        format: A name in `FORMATS`, or "auto".
        progress: Called with the number of records read so far.
        encoding: The encoding of text that does not say its encoding and is not UTF-8, for example "cp1252".

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
    profiles: dict[str, dict[str, str | None]] = {}
    if str(source) == tff_data.STACKOVERFLOW and format in ("auto", tff_data.STACKOVERFLOW, "tff_data"):
        name, description = tff_data.STACKOVERFLOW, "Stack Overflow, training split, from TensorFlow Federated"
        records = tff_data.read_stackoverflow()
    else:
        if format != "auto" and format not in FORMATS:
            raise CorpusError(f"unknown format {format!r}: choose one of auto, {', '.join(FORMATS)}")
        documents = find_documents(Path(source), format, encoding, skipped)
        for document, name in documents:
            profiles |= {
                user: dict(profile) for user, profile in FORMATS[name].read_profiles(document, skipped).items()
            }
        name = "+".join(sorted({name for _, name in documents}))
        description = f"imported from {Path(source).name}"
        records = itertools.chain.from_iterable(
            _readable(document, FORMATS[name].read(document, skipped), skipped) for document, name in documents
        )
    try:
        summary = write_corpus(out, records, source=name, description=description, profiles=profiles, progress=progress)
    except NoMessagesError as error:
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in skipped.counts.items())
        why = f"; left out: {left_out}" if skipped.counts else ""
        first = f"; the first: {skipped.examples[0]}" if skipped.examples else ""
        raise NoMessagesError(f"{error}{why}{first}") from error
    return dataclasses.replace(summary, skipped=dict(skipped.counts), examples=tuple(skipped.examples))


def _readable(source: Source, records: Iterator[Record], skipped: Skipped) -> Iterator[Record]:
    """Leaves out and counts the records with a byte that is not text, with half an emoji, and the like.

    Raises:
        CorpusError: after the last record, if the source does not say its encoding and is not UTF-8: more of its
            records are undecodable than decodable, not counting those in ASCII.
    """
    encoding = source.encoding.removesuffix("-sig").upper()
    valid = undecodable = 0
    for record in records:
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
