"""Opens plain, gzipped and zipped files as streams of bytes, and lists the files in a zip."""

from __future__ import annotations

import contextlib
import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

from federated.corpus.schema import CorpusError

_DAMAGED_DATA = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile)
# How zipfile refuses an unknown version or compression method, a missing password, and impossible entries.
_UNREADABLE = (NotImplementedError, RuntimeError, ValueError, OverflowError, KeyError, struct.error)
_LARGEST_MEMBER = 8 << 30  # bytes
_MOST_MEMBERS = 100_000
_BUFFER = 1 << 17
# Attachments of chats. They are not opened: an export can hold thousands.
_MEDIA = frozenset(
    """
    jpg jpeg png gif webp heic heif bmp tif tiff svg ico mp4 m4v mov 3gp avi mkv webm mp3 m4a aac amr opus ogg oga wav
    flac caf pdf doc docx xls xlsx ppt pptx odt ods odp epub apk ipa vcf ics html htm css js tgs sticker pkpass mht eml
    """.split()  # noqa: SIM905, the list would be one long line
)


@contextlib.contextmanager
def open_bytes(path: Path, member: str | None, damaged: Callable[[str], None]) -> Iterator[IO[bytes]]:
    """Opens `path`, decompressed, or the file `member` of the zip `path`.

    Damaged compressed data ends the stream early: `damaged` is called with what is wrong.

    Raises:
        CorpusError: the file cannot be read, or not even its beginning can be decompressed (raised here or in the
            `with` block).
    """
    with _read_errors(path), contextlib.ExitStack() as stack:
        plain = stack.enter_context(path.open("rb"))
        if member is not None:
            packed = stack.enter_context(_open_member(plain, path, member))
        elif _begins_with(plain, b"\x1f\x8b"):
            packed = stack.enter_context(cast(IO[bytes], gzip.GzipFile(fileobj=plain)))
        else:
            yield plain
            return
        yield stack.enter_context(io.BufferedReader(_UntilDamage(cast(io.BufferedIOBase, packed), damaged), _BUFFER))


def zip_members(path: Path) -> list[str] | None:
    """Returns the names of the files in a zip that can hold messages, `_chat.txt` first; None if `path` is no zip.

    Folders, attachments by their suffix, and what macOS adds are left out.

    Raises:
        CorpusError: the zip cannot be read, is encrypted, or is too large.
    """
    with _read_errors(path):
        try:
            with path.open("rb") as plain:
                if not _begins_with(plain, b"PK"):
                    return None
                with zipfile.ZipFile(plain) as archive:
                    infos = archive.infolist()
        except _UNREADABLE as error:
            raise CorpusError(f"cannot unpack {path} ({error}): unpack it with another program") from error
    if len(infos) > _MOST_MEMBERS:
        raise CorpusError(f"{path} holds {len(infos):,} files, more than {_MOST_MEMBERS:,}: unpack it first")
    named = (info for info in infos if info.filename)  # `is_dir` raises IndexError for a damaged entry without a name
    wanted = [info for info in named if not info.is_dir() and info.file_size and not _is_attachment(info.filename)]
    for info in wanted:
        if info.flag_bits & 1:
            raise CorpusError(f"{path} is encrypted: unpack it first")
        if info.file_size > _LARGEST_MEMBER:
            raise CorpusError(f"{info.filename} in {path} is larger than {_LARGEST_MEMBER >> 30} GiB: unpack it first")
    names = list(dict.fromkeys(info.filename for info in wanted))
    return sorted(names, key=lambda name: not is_chat_of_ios(name))


@contextlib.contextmanager
def _read_errors(path: Path) -> Iterator[None]:
    """Turns errors of the file and of its compression into CorpusError."""
    try:
        yield
    except _DAMAGED_DATA as error:
        raise CorpusError(
            f"{path}: the compressed data is damaged or incomplete ({error}): download the file again"
        ) from error
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror or error}") from error


@contextlib.contextmanager
def _open_member(plain: IO[bytes], path: Path, member: str) -> Iterator[IO[bytes]]:
    with contextlib.ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(plain))
            opened = stack.enter_context(archive.open(member))
        except _UNREADABLE as error:
            raise CorpusError(f"cannot unpack {member} of {path} ({error}): unpack it with another program") from error
        yield opened


def is_chat_of_ios(member: str) -> bool:
    """Returns whether WhatsApp on iOS gives this name to the chat in its zip; the files beside it are attachments."""
    return PurePosixPath(member).name == "_chat.txt"


def _is_attachment(member: str) -> bool:
    name = PurePosixPath(member)
    hidden = "__MACOSX" in name.parts or name.name.startswith(".")
    return hidden or name.suffix[1:].lower() in _MEDIA


def _begins_with(file: IO[bytes], magic: bytes) -> bool:
    head = file.read(len(magic))
    file.seek(0)
    return head == magic


class _UntilDamage(io.RawIOBase):
    """The bytes of `packed` until the first damage."""

    def __init__(self, packed: io.BufferedIOBase, damaged: Callable[[str], None]) -> None:
        self._packed = packed
        self._damaged = damaged
        self._any = self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed allows other buffers
        if self._ended:
            return 0
        try:
            # One read of the packed file at a time: what was unpacked before the damage is not lost.
            data = self._packed.read1(len(buffer))
        except _DAMAGED_DATA as error:
            if not self._any:
                raise
            self._ended = True
            self._damaged(str(error))
            return 0
        except OSError as error:
            if error.errno is not None:  # the disk fails; bz2 raises one without a number for damaged data
                raise
            self._ended = True
            self._damaged(str(error))
            return 0
        self._any = self._any or bool(data)
        buffer[: len(data)] = data
        return len(data)
