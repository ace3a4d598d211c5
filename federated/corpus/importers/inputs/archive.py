"""Opens plain, gzipped and zipped files as streams of bytes."""

from __future__ import annotations

import contextlib
import gzip
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from federated.corpus.schema import CorpusError

DAMAGED_DATA = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)
"""The exceptions of damaged or truncated compressed data."""


@contextlib.contextmanager
def decompress(path: Path, member: str | None = None) -> Iterator[IO[bytes]]:
    """Opens `path` for streaming; of a zip, the file `member`, or else its largest text file.

    Raises:
        CorpusError: the file cannot be read, or its compressed data is damaged (raised here or in the `with` block).
    """
    try:
        with contextlib.ExitStack() as stack:
            plain = stack.enter_context(path.open("rb"))
            magic = plain.read(4)
            plain.seek(0)
            if magic.startswith(b"\x1f\x8b"):
                yield stack.enter_context(cast(IO[bytes], gzip.GzipFile(fileobj=plain)))
            elif magic.startswith(b"PK"):
                archive = stack.enter_context(zipfile.ZipFile(plain))
                yield stack.enter_context(archive.open(member or _largest(archive, path)))
            else:
                yield plain
    except DAMAGED_DATA as error:
        raise CorpusError(
            f"{path}: the compressed data is damaged or incomplete ({error}): download the file again"
        ) from error
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror or error}") from error


def _largest(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    # A WhatsApp export can contain media beside the text.
    members = [member for member in archive.infolist() if member.filename.lower().endswith((".xml", ".txt", ".jsonl"))]
    if not members:
        raise CorpusError(f"{path} is a zip file without any .xml, .txt or .jsonl file: choose another file")
    member = max(members, key=lambda member: member.file_size)
    if member.flag_bits & 1:
        raise CorpusError(f"{path} is encrypted: unpack it first")
    return member
