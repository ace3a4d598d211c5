"""Reads the six files of a bundle from a folder or a zip file, without trusting either.

A bundle is small, so its files are read into memory, each up to its limit, and nothing is unpacked to disk. A path that
leads out of the bundle, a zip bomb or a broken archive is an error before any content is interpreted.
"""

from __future__ import annotations

import errno
import os
import stat
import zipfile
import zlib
from pathlib import Path

MODEL, TOKENIZER, ADAPTER_INIT = "model.tflite", "tokenizer.model", "adapter_init.safetensors"
NGRAM = "ngram.safetensors"
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
CONTENT = (MODEL, TOKENIZER, ADAPTER_INIT, NGRAM)

_MEGABYTE = 1024 * 1024
LIMITS = {
    MODEL: 64 * _MEGABYTE,
    TOKENIZER: 16 * _MEGABYTE,
    ADAPTER_INIT: 16 * _MEGABYTE,
    NGRAM: 16 * _MEGABYTE,
    MANIFEST: _MEGABYTE,
    SIGNATURE: 64,
}
"""The largest size of each file, in bytes."""
_ENCRYPTED = 0x1


class BundleError(ValueError):
    """A bundle cannot be trusted or used; the message says why."""


def read_files(path: Path) -> dict[str, bytes]:
    """Returns the content of the six files by name.

    Raises:
        BundleError: the bundle does not exist, a file is missing, unknown, doubled or too large, or the zip is broken.
    """
    try:
        if path.is_dir():
            return _read_folder(path)
        return _read_zip(path)
    except FileNotFoundError as error:
        raise BundleError(f"{path} does not exist") from error
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror or error}") from error


def _check_names(path: Path, names: list[str]) -> None:
    duplicates = sorted({repr(name) for name in names if names.count(name) > 1})
    if duplicates:
        raise BundleError(f"{path} contains a file twice: {', '.join(duplicates)}")
    extra = sorted(repr(name) for name in names if name not in LIMITS)
    if extra:
        raise BundleError(f"{path} contains files that do not belong in a bundle: {', '.join(extra[:5])}")
    missing = [name for name in LIMITS if name not in names]
    if missing:
        raise BundleError(f"{path} lacks {', '.join(missing)}")


def _too_large(path: Path, name: str) -> BundleError:
    return BundleError(f"{name} in {path} is larger than its limit of {LIMITS[name]} bytes")


def _read_folder(folder: Path) -> dict[str, bytes]:
    _check_names(folder, os.listdir(folder))
    return {name: _read_plain(folder, name) for name in LIMITS}


def _read_plain(folder: Path, name: str) -> bytes:
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise BundleError(f"{name} in {folder} is a link, but a bundle contains only plain files") from error
        raise
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BundleError(f"{name} in {folder} is not a plain file")
        data = file.read(LIMITS[name] + 1)
    if len(data) > LIMITS[name]:
        raise _too_large(folder, name)
    return data


def _read_zip(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_names(path, [entry.orig_filename for entry in entries])
            return {entry.filename: _read_entry(path, archive, entry) for entry in entries}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError) as error:
        raise BundleError(f"{path} is not a bundle: it is neither a folder nor an intact zip file ({error})") from error


def _read_entry(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.flag_bits & _ENCRYPTED:
        raise BundleError(f"{entry.filename} in {path} is encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BundleError(f"{entry.filename} in {path} is not compressed with deflate")
    limit = LIMITS[entry.filename]
    if entry.file_size > limit:
        raise _too_large(path, entry.filename)
    with archive.open(entry) as file:
        data = file.read(limit + 1)  # `zipfile` reads at most the declared size and compares the checksum
    if len(data) != entry.file_size:
        raise BundleError(f"{entry.filename} in {path} is truncated")
    return data
