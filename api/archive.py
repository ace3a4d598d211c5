"""The bundle as apps download it: the bytes that were verified, whatever becomes of the path they came from."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from api.serve_error import ServeError
from device_runtime import bundle_files as files
from device_runtime.bundle import Bundle, check_signature, file_entries
from device_runtime.keys import load_public
from keyboard_model.atomic import write_private


@dataclass(frozen=True)
class Archive:
    """A bundle's zip in the data folder. `etag`: quoted, of the signed manifest and so of every file's hash."""

    path: Path
    etag: str
    size: int
    manifest: bytes


def archive(folder: Path, bundle: Bundle, public_key: Path) -> Archive:
    """Puts the verified bundle's zip into `folder`, in place of any other bundle's, unless it is there already.

    Raises:
        ServeError: the bundle is another one than a moment ago, or the folder cannot be written.
    """
    content = files.read_files(bundle.path)
    check_signature(content[files.MANIFEST], content[files.SIGNATURE], load_public(public_key))
    if file_entries(content) != bundle.manifest.files:
        raise ServeError(f"{bundle.path} was changed while it was read: start again")
    digest = hashlib.sha256(content[files.MANIFEST] + content[files.SIGNATURE]).hexdigest()[:32]
    path = folder / f"{digest}.bundle"
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
        if not path.exists():
            write_private(path, _zipped(content))
        for other in set(folder.iterdir()) - {path}:
            other.unlink()
        return Archive(path, f'"{digest}"', path.stat().st_size, content[files.MANIFEST])
    except OSError as error:
        raise ServeError(f"{folder} cannot hold the bundle: {error.strerror}") from error


def _zipped(content: Mapping[str, bytes]) -> bytes:
    """The same bytes each time; not compressed, which would take a start 0.2 s for a tenth of the size."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(content):
            archive.writestr(zipfile.ZipInfo(name), content[name])
    return buffer.getvalue()
