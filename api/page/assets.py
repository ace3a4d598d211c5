"""The page's files, and the headers that isolate it from other sites."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources

INDEX = "index.html"
MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
# No foreign or inline script runs, no request goes to another host, no site can frame the page, and no text becomes
# markup (trusted types). `data:` is for the icon in the tab.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",
}
"""`no-cache`: a browser revalidates each file by its ETag, so that an update shows at once."""


@dataclass(frozen=True)
class Asset:
    """One file of the page."""

    content: bytes
    media_type: str
    etag: str


def _path(name: str) -> str:
    return "/" if name == INDEX else f"/page/{name}"


def _asset(name: str, content: bytes) -> Asset:
    return Asset(content, MEDIA_TYPES["." + name.rpartition(".")[2]], f'"{hashlib.sha256(content).hexdigest()[:32]}"')


ASSETS = {
    _path(file.name): _asset(file.name, file.read_bytes())
    for file in resources.files(__package__).iterdir()
    if file.name.endswith(tuple(MEDIA_TYPES))
}
"""Every file by its path on the service."""
