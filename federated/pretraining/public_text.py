"""Public text: files with a sentence or a paragraph in a line, plain or compressed, in any encoding that says so."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from federated.base import BaseError
from federated.corpus.importers.inputs.source import Source
from federated.corpus.schema import CorpusError
from keyboard_model.text.sensitive import mask_sensitive

_UNDECODABLE = re.compile("[\ud800-\udfff]")
_BUCKETS = 1 << 20
_LONGEST = 10_000
"""Most characters of a line that are read; typed messages are shorter."""


@dataclass
class PublicText:
    """The lines of some files, read as a stream each time.

    Attributes:
        files: Their paths.
        lost: What was left out in the last reading, a line each.
    """

    files: Sequence[Path]
    lost: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.files:
            raise BaseError("no text to train on: give one file or more")

    def lines(self) -> Iterator[str]:
        """Yields the lines that are not empty, with sensitive text masked as on a phone.

        A line with bytes that are not text is left out. Damage ends a file early; both are noted in `lost`.

        Raises:
            BaseError: a file cannot be read.
        """
        self.lost.clear()
        for file in self.files:
            yield from self._lines_of(file)

    def _lines_of(self, file: Path) -> Iterator[str]:
        undecodable = 0
        try:
            for _, line in Source(file).lines(lambda reason, _="": self.lost.append(f"{file.name}: {reason}")):
                if _UNDECODABLE.search(line):
                    undecodable += 1
                elif line.strip():
                    yield mask_sensitive(line[:_LONGEST])
        except CorpusError as error:
            raise BaseError(str(error)) from error
        if undecodable:
            self.lost.append(f"{file.name}: {undecodable:,} lines that are not text")

    def digest(self) -> str:
        """Returns a digest of the files' content.

        Raises:
            BaseError: a file cannot be read.
        """
        whole = hashlib.sha256()
        for path in self.files:
            try:
                with path.open("rb") as file:
                    whole.update(hashlib.file_digest(file, "sha256").digest())
            except OSError as error:
                raise BaseError(f"cannot read {path}: {error.strerror}") from error
        return whole.hexdigest()


def is_held_out(line: str, share: float, seed: int) -> bool:
    """Whether a line is for validation: by a hash, so that equal lines are on the same side."""
    return zlib.crc32(line.encode(), seed) % _BUCKETS < share * _BUCKETS
