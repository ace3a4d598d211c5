"""The bundle as apps download it: a copy of the verified bytes, independent of later changes to the original file."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from api.http.problems import problem
from api.storage.data_folder import ServeError
from device_runtime.bundle import files
from device_runtime.bundle.loader import Bundle, check_signature, file_entries
from device_runtime.bundle.signing_keys import load_public
from keyboard_model.storage.durable_files import atomic_write_private


@dataclass(frozen=True)
class BundleArchive:
    """A bundle's zip in the data folder.

    Attributes:
        etag: The quoted ETag. It is a hash of the signed manifest, which contains the hash of every file.
        size: Bytes of the zip.
        manifest: The manifest, as the bytes that were signed.
    """

    path: Path
    etag: str
    size: int
    manifest: bytes


def store_archive(folder: Path, bundle: Bundle, public_key: Path) -> BundleArchive:
    """Writes the verified bundle's zip to `folder` unless it is there already, and deletes the zips of other bundles.

    Raises:
        ServeError: the bundle changed since it was loaded, or the folder cannot be written.
    """
    content = files.read_files(bundle.path)
    check_signature(content[files.MANIFEST], content[files.SIGNATURE], load_public(public_key))
    if file_entries(content) != bundle.manifest.files:
        raise ServeError(f"{bundle.path} changed while it was read: start the service again")
    digest = hashlib.sha256(content[files.MANIFEST] + content[files.SIGNATURE]).hexdigest()[:32]
    path = folder / f"{digest}.bundle"
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
        if not path.exists():
            atomic_write_private(path, files.packed(content, compressed=False))
        for other in set(folder.iterdir()) - {path}:
            other.unlink()
        return BundleArchive(path, f'"{digest}"', path.stat().st_size, content[files.MANIFEST])
    except OSError as error:
        raise ServeError(f"{folder} cannot hold the bundle: {error.strerror}") from error


_NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


class BundleDownload(FileResponse):
    """Starlette's answer with a file: 200, 206 for a range, 416 for a range outside the file.

    Errors become problem details; Starlette's own are plain text.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused: Message | None = None

        async def watched(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] >= 400:
                refused = message
            if refused is None:
                await send(message)

        await super().__call__(scope, receive, watched)
        if refused is not None:
            headers = {k.decode(): v.decode() for k, v in refused["headers"] if k == b"content-range"}
            detail = "the header Range is malformed or outside the file"
            await problem(refused["status"], detail, headers=headers)(scope, receive, send)

    @classmethod
    def of(cls, archive: BundleArchive, name: str, if_none_match: str | None) -> Response:
        """Returns the answer with the file, or 304 if the caller has it already."""
        headers = {"ETag": archive.etag, "Cache-Control": "private, no-cache"}
        known = {tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")}
        if archive.etag in known or "*" in known:
            return Response(status_code=304, headers=headers)
        filename = f"{_NOT_IN_FILE_NAMES.sub('-', name).strip('-.') or 'thumbprint'}.bundle"
        return cls(archive.path, headers=headers, media_type="application/zip", filename=filename)
