"""A document to import: a file, or one of the files in an archive. It can be opened several times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from federated.corpus.importers.inputs.archive import DAMAGED_DATA, decompress
from federated.corpus.schema import Skipped

DAMAGED = "the file is damaged or ends early: what follows is lost"


def ignore(reason: str, detail: str = "", /) -> None:
    """A `Skipped` for a pass over a source whose losses another pass counts."""


@dataclass(frozen=True)
class Source:
    """One document.

    Attributes:
        path: The file, possibly compressed.
        member: The name of the document in the archive `path`.
    """

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return f"{self.path} ({self.member})" if self.member else str(self.path)

    def open(self) -> AbstractContextManager[IO[bytes]]:
        """Opens the document for streaming, decompressed.

        Raises:
            CorpusError: it cannot be read, or its compressed data is damaged (raised here or in the `with` block).
        """
        return decompress(self.path, self.member)

    def lines(self, skipped: Skipped = ignore) -> Iterator[tuple[int, str]]:
        """Yields the number of each line, from 1, and its text, without the byte-order mark and the line break.

        A byte that is not text becomes an unpaired surrogate (U+DC80 to U+DCFF). The import leaves out each record that
        contains one and counts it, so an importer need not look for them. Damage ends the document: the lines before it
        are yielded, the loss is counted.

        Raises:
            CorpusError: the document cannot be read.
        """
        number = 0
        with self.open() as stream:
            try:
                for number, raw in enumerate(stream, 1):
                    codec = "utf-8-sig" if number == 1 else "utf-8"
                    yield number, raw.decode(codec, errors="surrogateescape").rstrip("\r\n")
            except DAMAGED_DATA as error:
                skipped(DAMAGED, f"{self} after line {number} ({error}): download it again")
