"""The answer to a download: Starlette's file with ranges, with this service's ETag and errors."""

from __future__ import annotations

import re

from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from api.archive import Archive
from api.problems import problem

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


class BundleFile(FileResponse):
    """200, 206 for a range, 416 for one that is outside; Starlette's plain-text errors become problems."""

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
        """The file, or 304 where the caller has it."""
        headers = {"ETag": archive.etag, "Cache-Control": "private, no-cache"}
        known = {tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")}
        if archive.etag in known or "*" in known:
            return Response(status_code=304, headers=headers)
        filename = f"{_UNFIT.sub('-', name).strip('-.') or 'thumbprint'}.bundle"
        return cls(archive.path, headers=headers, media_type="application/zip", filename=filename)
