"""Opens plain, gzipped and zipped sources as streams of bytes, and streams the elements of large XML files.

XML entities are refused, which protects against entity bombs.
"""

from __future__ import annotations

import contextlib
import gzip
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any, Protocol, cast
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from federated.corpus.schema import CorpusError

DAMAGED_DATA = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)
"""The exceptions of damaged or truncated compressed data."""


@contextlib.contextmanager
def decompress(path: Path) -> Iterator[IO[bytes]]:
    """Opens `path` for streaming; for a zip, opens its largest text file.

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
                yield stack.enter_context(archive.open(_largest(archive, path)))
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


class Readable(Protocol):
    def read(self, size: int = -1, /) -> Any: ...


def elements(stream: Readable, tags: Collection[str], path: Path) -> Iterator[Element]:
    """Yields each child of the root whose tag is in `tags`, then frees it.

    Raises:
        CorpusError: the XML is broken or declares entities. The message contains `path`.
    """
    try:
        events = defusedxml.ElementTree.iterparse(stream, events=("start", "end"))
        _, root = next(events)
        for event, element in events:
            if event == "end" and element.tag in tags:
                yield element
                root.clear()
    except ParseError as error:
        raise CorpusError(f"{path} is broken XML ({error}): export or download it again") from error
    except DefusedXmlException as error:
        raise CorpusError(
            f"{path} declares XML entities: exports of messages never do, so this file is refused"
        ) from error
