"""Damages zip files: PKWARE's APPNOTE.TXT, sections 4.3.7 (local header), 4.3.12 (central) and 4.3.16 (end)."""

from __future__ import annotations

import functools
import io
import random
import struct
import warnings
import zipfile
from collections.abc import Mapping

from benchmarks.fuzz.mutators import raw_bytes

_FIELDS = {
    b"PK\x03\x04": ((4, "H"), (6, "H"), (8, "H"), (14, "I"), (18, "I"), (22, "I"), (26, "H"), (28, "H")),
    b"PK\x01\x02": (
        *((at, "H") for at in (4, 6, 8, 10, 28, 30, 32, 34, 36)),
        *((at, "I") for at in (16, 20, 24, 38, 42)),
    ),
    b"PK\x05\x06": ((4, "H"), (6, "H"), (8, "H"), (10, "H"), (12, "I"), (16, "I"), (20, "H")),
}
_NAMES = (
    "../manifest.json",
    "/etc/passwd",
    "manifest.json",
    "manifest.json/",
    "MANIFEST.JSON",
    "a\\b",
    "\0",
    "é",
    "x" * 60_000,
    "",
)
_MANY = (1_000, 60_000)


def write(content: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Returns a zip file of these files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method, compresslevel=1) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return stream.getvalue()


def mutate(chance: random.Random, data: bytes) -> bytes:
    """Returns the zip file with other fields in its headers, or with other entries."""
    match chance.randrange(6):
        case 0:
            return raw_bytes.mutate(chance, data)
        case 1:
            return with_entries(chance, data)
        case 2:
            return chance.choice((chance.randbytes(50) + data, data + bytes(chance.randrange(70_000)), data + data))
        case _:
            return _with_fields(chance, data)


def _with_fields(chance: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        magic = chance.choice(list(_FIELDS))
        places = _found(data, magic)
        if places:
            at, size = chance.choice(_FIELDS[magic])
            value = chance.choice(raw_bytes.INTEGERS) % 2 ** (8 * struct.calcsize(size))
            place = chance.choice(places) + at
            if place + struct.calcsize(size) <= len(changed):
                struct.pack_into("<" + size, changed, place, value)
    return bytes(changed)


def _found(data: bytes, magic: bytes) -> list[int]:
    places, at = [], data.find(magic)
    while at >= 0:
        places.append(at)
        at = data.find(magic, at + 1)
    return places


@functools.cache
def _with_many_entries(number: int, name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for at in range(number):
            archive.writestr(name % at if "%" in name else name, b"")
    return stream.getvalue()


def with_entries(chance: random.Random, data: bytes) -> bytes:
    """Returns the zip file with entries added: odd names, doubled ones, thousands, and data that unpacks to a lot."""
    stream = io.BytesIO(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of doubled names
        with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            match chance.randrange(4):
                case 0:
                    return _with_many_entries(chance.choice(_MANY), chance.choice(("%d", "manifest.json")))
                case 1:
                    archive.writestr(chance.choice(("manifest.json", "bomb")), bytes(chance.choice((10**6, 10**8))))
                case 2:
                    archive.writestr(chance.choice(archive.namelist()), b"twice")
                case _:
                    info = zipfile.ZipInfo()
                    info.filename = chance.choice(_NAMES)
                    info.compress_type = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
                    info.external_attr = chance.choice((0, 0o120777 << 16, 0o40755 << 16))
                    archive.writestr(info, b"data")
    return stream.getvalue()
