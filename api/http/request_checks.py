"""Middleware that refuses a request: for another host, from a page of another origin, or with too large a body.

A web page anywhere can make its visitor's browser send a request to a service on the visitor's machine. The page cannot
read the answer, but a POST without a body needs no permission check (CORS preflight). A page can also make its own host
name resolve to this machine (DNS rebinding). The browser then lets the page read the answers, but it still sends that
name in `Host`. A browser says where a request comes from in `Origin` and `Sec-Fetch-Site`, which no script can set, so
these headers decide. Programs that are not browsers send neither.

Sources: the W3C's Fetch Metadata Request Headers; OWASP, Cross-Site Request Forgery Prevention, "Fetch Metadata".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import Problem, problem
from api.storage.data_folder import ServeError

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_OWN_SITES = frozenset({"same-origin", "none"})
"""Values of `Sec-Fetch-Site` for the service's own page and for the user's own action. `same-site` is not among them:
another port of the same machine is the same site."""
_CHECKED = frozenset({b"host", b"origin", b"sec-fetch-site"})
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
_ORIGIN = re.compile(r"https?://(.+)", re.IGNORECASE)
_WRONG_HOST = (
    "this service does not answer requests for this host name: use localhost or 127.0.0.1, or start the service with "
    "--allowed-host and the name that is in the address"
)
_OTHER_ORIGIN = (
    "a page of another origin must not change anything here: open the service's own page, or send the request from a "
    "program; behind a proxy, start the service with --allowed-host and the name that is in the browser's address bar"
)


class SameOriginOnly:
    """ASGI middleware: answers 421 to a request for another host, and 403 to a change that another site asks for.

    A request can be for this machine's loopback names and addresses, the address at which the connection arrived, and
    the allowed hosts. A change is any request with another method than GET, HEAD, OPTIONS and TRACE. It is refused if
    `Sec-Fetch-Site` names another site or origin, or if `Origin` is neither the host that the request is for nor an
    allowed host.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: Iterable[str] = ()) -> None:
        """Wraps `app`.

        Args:
            allowed_hosts: Host names and addresses under which others reach the service, such as the public name of a
                proxy, with the port if the address bar shows one.

        Raises:
            ServeError: a host is malformed.
        """
        self._app = app
        self._authorities = frozenset(map(checked_host, allowed_hosts))
        self._names = frozenset(map(_name, self._authorities))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            found: dict[bytes, list[str]] = {name: [] for name in _CHECKED}
            for name, value in scope["headers"]:
                if name in _CHECKED:
                    found[name].append(value.decode("latin-1"))
            host = found[b"host"]
            if len(host) != 1 or not self._is_own_host(host[0], scope):
                await problem(421, _WRONG_HOST)(scope, receive, send)
                return
            if scope["method"] not in _SAFE_METHODS and not (
                _OWN_SITES.issuperset(found[b"sec-fetch-site"])
                and all(self._is_own_origin(origin, host[0]) for origin in found[b"origin"])
            ):
                await problem(403, _OTHER_ORIGIN)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_own_host(self, host: str, scope: Scope) -> bool:
        name = _name(host)
        return is_loopback(name) or name in self._names or (is_address(name) and name == _server_name(scope))

    def _is_own_origin(self, origin: str, host: str) -> bool:
        found = _ORIGIN.fullmatch(origin)
        if found is None:  # "null", or an extension of the browser
            return False
        authority = found[1].lower()
        return authority == host.lower() or authority in self._authorities


def checked_host(host: str) -> str:
    """Returns a host name or address, with or without a port, in lower case.

    Raises:
        ServeError: it is malformed, for example a URL.
    """
    if not _AUTHORITY.fullmatch(host):
        raise ServeError(
            f"{host[:80]!r} is not a host: write its name or address without http://, such as keyboard.example.org or "
            "[::1]:8443"
        )
    return host.lower()


@lru_cache(maxsize=64)  # called for every request
def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`, a name or an address without brackets."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=64)
def _name(host: str) -> str:
    """Returns the name or address in a `Host`, in lower case and without brackets; empty if it is malformed."""
    found = _AUTHORITY.fullmatch(host)
    return found[1].strip("[]").lower() if found else ""


@lru_cache(maxsize=64)
def is_address(name: str) -> bool:
    """Whether it is an IP address, which no page of another site can have as its host."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _server_name(scope: Scope) -> str:
    server = scope.get("server")
    return str(server[0]).lower() if server else ""


MAX_BODY = 8 * 1024 * 1024


class BodyLimit:
    """ASGI middleware: answers 413 to a body of more than `limit` bytes, with or without a Content-Length.

    The limit is ours because Starlette's answers in plain text.
    """

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY) -> None:
        self._app = app
        self._limit = limit
        self._refusal = f"the body is larger than {limit:,} bytes: send it in several requests"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._declared(scope) > self._limit:
            await problem(413, self._refusal)(scope, receive, send)
            return
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                raise Problem(413, self._refusal)  # an HTTPException, which FastAPI passes to its handler
            return message

        await self._app(scope, limited, send)

    @staticmethod
    def _declared(scope: Scope) -> int:
        length = Headers(scope=scope).get("content-length", "")
        return int(length) if length.isdecimal() else 0
