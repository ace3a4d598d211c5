"""The bundle as apps download it: a copy of the verified bytes, independent of later changes to the original file.

`BundleFile` answers a download: Starlette's file response with ranges, with the service's ETag and errors.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from api.errors import ServeError
from api.problems import problem
from device_runtime.bundle import files
from device_runtime.bundle.loader import Bundle, check_signature, file_entries
from device_runtime.bundle.signing_keys import load_public
from keyboard_model.storage.atomic_write import atomic_write_private


@dataclass(frozen=True)
class Archive:
    """A bundle's zip in the data folder. `etag`: quoted, of the signed manifest and so of every file's hash."""

    path: Path
    etag: str
    size: int
    manifest: bytes


def archive(folder: Path, bundle: Bundle, public_key: Path) -> Archive:
    """Puts the verified bundle's zip into `folder`, replacing any other bundle's; an existing copy is kept.

    Raises:
        ServeError: the bundle changed since it was loaded, or the folder cannot be written.
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
            atomic_write_private(path, _zipped(content))
        for other in set(folder.iterdir()) - {path}:
            other.unlink()
        return Archive(path, f'"{digest}"', path.stat().st_size, content[files.MANIFEST])
    except OSError as error:
        raise ServeError(f"{folder} cannot hold the bundle: {error.strerror}") from error


def _zipped(content: Mapping[str, bytes]) -> bytes:
    """Returns the same bytes each time. Compression would save a tenth of the size and cost 0.2 s at each start."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(content):
            archive.writestr(zipfile.ZipInfo(name), content[name])
    return buffer.getvalue()


_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


class BundleFile(FileResponse):
    """200, 206 for a range, 416 for a range outside the file; Starlette's plain-text errors become problem details."""

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
            said = {k.decode(): v.decode() for k, v in refused["headers"] if k == b"content-range"}
            await problem(refused["status"], "the Range cannot be given", headers=said)(scope, receive, send)

    @classmethod
    def answer(cls, archive: Archive, name: str, if_none_match: str | None) -> Response:
        """Returns the file, or 304 if the caller has it already."""
        headers = {"ETag": archive.etag, "Cache-Control": "private, no-cache"}
        known = {tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")}
        if archive.etag in known or "*" in known:
            return Response(status_code=304, headers=headers)
        filename = f"{_UNFIT.sub('-', name).strip('-.') or 'thumbprint'}.bundle"
        return cls(archive.path, headers=headers, media_type="application/zip", filename=filename)
