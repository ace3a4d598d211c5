"""A document to import: a file, or one of the files in an archive. It can be opened several times."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, AnyStr, TextIO

from federated.corpus.importers.inputs.archive import open_bytes
from federated.corpus.importers.inputs.encodings import MARK_UNDECODABLE, encoding_of
from federated.corpus.schema import Skipped

DAMAGED = "the file is damaged or ends early: what follows is lost"
LONG_LINE = "line of more than 16 MB"
_HEAD = 65536  # bytes
_LONGEST_LINE = 16 << 20  # bytes


def ignore(reason: str, detail: str = "", /) -> None:
    """A `Skipped` for a pass over a source whose losses another pass counts."""


@dataclass(frozen=True)
class Source:
    """One document.

    Attributes:
        path: The file, possibly compressed.
        member: The name of the document in the zip `path`.
        given_encoding: The encoding that the user named.
    """

    path: Path
    member: str | None = None
    given_encoding: str | None = None

    def __str__(self) -> str:
        return f"{self.path} ({self.member})" if self.member else str(self.path)

    def open(self, skipped: Skipped = ignore) -> AbstractContextManager[IO[bytes]]:
        """Opens the document for streaming, decompressed. Damage ends it early, and is counted.

        Raises:
            CorpusError: it cannot be read, or not even its beginning (raised here or in the `with` block).
        """

        def damaged(error: str) -> None:
            skipped(DAMAGED, f"{self} ({error}): download it again")

        return open_bytes(self.path, self.member, damaged)

    @cached_property
    def head(self) -> bytes:
        """The first 64 KB, or all of a shorter document."""
        with self.open() as stream:
            return stream.read(_HEAD)

    @cached_property
    def encoding(self) -> str:
        """Python's name of the encoding.

        Raises:
            CorpusError: the named or declared encoding is unknown.
        """
        return encoding_of(self.head, str(self), self.given_encoding)

    @cached_property
    def text_head(self) -> str:
        """The first 64 KB as text. A character at the end that is cut is left out."""
        decoder = codecs.getincrementaldecoder(self.encoding)(errors=MARK_UNDECODABLE)
        return decoder.decode(self.head, final=len(self.head) < _HEAD)

    @contextmanager
    def text(self, skipped: Skipped = ignore) -> Iterator[TextIO]:
        """Opens the document as text, with its line breaks as they are.

        A byte that is not text becomes an unpaired surrogate, see `lines`.
        """
        with self.open(skipped) as stream:
            reader = io.TextIOWrapper(stream, self.encoding, errors=MARK_UNDECODABLE, newline="")
            try:
                yield reader
            finally:
                reader.detach()

    def lines(self, skipped: Skipped = ignore) -> Iterator[tuple[int, str]]:
        """Yields the number of each line, from 1, and its text, without the byte-order mark and the line break.

        A byte that is not text becomes an unpaired surrogate, for example U+DC80. The import leaves out each record
        that contains one and counts it, so an importer need not look for them. Damage ends the document: the lines
        before it are yielded, the loss is counted.

        Raises:
            CorpusError: the document cannot be read.
        """
        if self.encoding not in ("utf-8", "utf-8-sig"):
            with self.text(skipped) as text:
                for number, line in _numbered(text.readline, "\n", skipped):
                    yield number, line.rstrip("\r\n")
            return
        with self.open(skipped) as stream:
            if self.encoding == "utf-8-sig":
                stream.read(len(codecs.BOM_UTF8))
            for number, raw in _numbered(stream.readline, b"\n", skipped):
                yield number, raw.decode(errors="surrogateescape").rstrip("\r\n")

    def first_undecodable(self) -> tuple[int, int] | None:
        """Returns the number of the first line that is not UTF-8, and the byte.

        Returns None if there is no such line, or if only the last character of the document is cut.
        """
        with self.open() as stream:
            for number, raw in _numbered(stream.readline, b"\n", ignore):
                try:
                    raw.decode()
                except UnicodeDecodeError as error:
                    cut = error.end == len(raw) and error.reason == "unexpected end of data"
                    return None if cut else (number, raw[error.start])
        return None


def _numbered(readline: Callable[[int], AnyStr], end: AnyStr, skipped: Skipped) -> Iterator[tuple[int, AnyStr]]:
    """Yields the lines with their numbers, except those that are too long to be messages."""
    number = 0
    while line := readline(_LONGEST_LINE):
        number += 1
        if len(line) == _LONGEST_LINE:
            skipped(LONG_LINE, f"line {number}")
            while line and not line.endswith(end):
                line = readline(_LONGEST_LINE)
        else:
            yield number, line
