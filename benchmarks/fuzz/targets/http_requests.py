"""HTTP requests to the real service over a socket: methods, paths, queries, headers, bodies, and broken framing."""

from __future__ import annotations

import errno
import json
import random
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from api.app import create_app
from api.observability import log_to_stderr
from benchmarks.fuzz.mutators import json_values, raw_bytes, safetensors_files, texts
from benchmarks.fuzz.target import Input, ViolationError
from benchmarks.fuzz.targets.served import serve_in_thread
from benchmarks.material.material import Material
from device_runtime.bundle.files import ADAPTER_INIT, read_files

_FILE = "request.http"
_HOST = b"127.0.0.1:65535"
"""Stands for the service's address, whose port is known only in the child. It has the same length for any port."""
_DEVICE = "/v1/devices/phone"
_WAIT_SECONDS = 20.0

_CALLS: tuple[tuple[str, str, Any], ...] = (
    *(
        ("GET", path, None)
        for path in ("/", "/healthz", "/readyz", "/metrics", "/v1/openapi.json", "/v1/fleet", "/v1/bundles")
    ),
    *(
        ("GET", path, None)
        for path in (f"/v1/bundles/{'0' * 64}", f"/v1/bundles/{'0' * 64}/download", "/v1/devices?limit=2")
    ),
    *(
        ("GET", _DEVICE + path, None)
        for path in ("", "/adapter", "/adapter/history", "/words?limit=5", "/blocked-words", "/export")
    ),
    ("GET", _DEVICE + "/adaptations/1?wait=1", None),
    ("POST", "/v1/devices", {"device_id": "new"}),
    (
        "POST",
        _DEVICE + "/messages",
        {"messages": [{"text": "meet me at zanzibar", "at": "2024-05-01T10:00:00+02:00"}, {"text": "ok"}]},
    ),
    ("POST", _DEVICE + "/predictions", {"context": "meet me at", "prefix": "z", "k": 3, "personal": True}),
    ("POST", _DEVICE + "/predictions/batch", {"requests": [{"context": "meet me at"}, {"context": "", "prefix": "s"}]}),
    ("POST", _DEVICE + "/adaptations?wait=1", None),
    ("PUT", _DEVICE + "/adapter", b""),
    ("POST", _DEVICE + "/adapter/rollback", {"to": 0}),
    ("POST", _DEVICE + "/forget", {"what": "word", "word": "zanzibar"}),
    ("POST", _DEVICE + "/forget", {"what": "since", "since": "2024-05-01T10:00:00Z"}),
    ("PUT", _DEVICE + "/blocked-words", {"words": ["zanzibar"]}),
    ("PATCH", _DEVICE, {"incognito": False}),
    ("DELETE", _DEVICE, None),
)
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "X", "GET /")
_HEADERS = (
    *(
        "Content-Length: -1",
        "Content-Length: 99999999999999999999",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 1e3",
    ),
    *(
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip",
        "Expect: 100-continue",
        "Connection: upgrade\r\nUpgrade: websocket",
    ),
    *(
        "Content-Type: text/plain",
        "Content-Type: application/json; charset=utf-16",
        "Content-Type: \xff",
        "Content-Type:",
    ),
    *(
        "Authorization: Bearer ",
        "Authorization: Bearer \xff\xfe",
        "Authorization: Basic Og==",
        "Origin: null",
        "Origin: http://evil",
    ),
    *(
        "Sec-Fetch-Site: cross-site",
        "Host: evil.example",
        "Host: 127.0.0.1:1\r\nHost: x",
        "X-Request-ID: " + "a" * 9000,
    ),
    *(
        "X-Request-ID: \x01",
        "If-None-Match: *",
        "Range: bytes=0-1,5-",
        "Accept: \xe9",
        "Accept-Encoding: x",
        "Cookie: " + "a=b;" * 2000,
    ),
    *("X-Forwarded-For: 1.2.3.4", ": empty", "no colon", " folded", "A: " + "x" * 70_000),
)


@dataclass
class Requests:
    """Whatever arrives, the service answers it without a 5xx, logs no traceback, and goes on."""

    material: Material
    name: str = "http"

    def __post_init__(self) -> None:
        self._adapter = read_files(self.material.bundle)[ADAPTER_INIT]

    def make(self, chance: random.Random) -> Input:
        method, path, body = chance.choice(_CALLS)
        content = self._body(chance, body)
        if chance.random() < 0.15:
            method = chance.choice(_METHODS)
        if chance.random() < 0.3:
            path = _other_path(chance, path)
        headers = [f"Host: {_HOST.decode()}", "Connection: close"]
        if isinstance(body, dict):
            headers.append("Content-Type: application/json")
        if content and chance.random() < 0.95:
            headers.append(f"Content-Length: {len(content)}")
        for _ in range(chance.choice((0, 0, 0, 1, 2))):
            headers.insert(chance.randrange(len(headers) + 1), chance.choice(_HEADERS))
        head = "\r\n".join(
            (f"{method} {path} HTTP/{chance.choice(('1.1', '1.1', '1.1', '1.0', '2', '9.9'))}", *headers)
        )
        raw = head.encode("latin-1", "replace") + b"\r\n\r\n" + content
        return {_FILE: raw_bytes.mutate(chance, raw, 3) if chance.random() < 0.1 else raw}

    def _body(self, chance: random.Random, body: Any) -> bytes:
        if body == b"":
            return safetensors_files.mutate(chance, self._adapter)
        if body is None:
            return chance.randbytes(chance.randrange(100)) if chance.random() < 0.1 else b""
        return json_values.mutate(chance, body) if chance.random() < 0.7 else json.dumps(body).encode()

    def start(self) -> None:
        self._data = tempfile.TemporaryDirectory(prefix="fuzz-http-")
        log_to_stderr("warning")
        app = create_app(self.material.bundle, self.material.public_key, Path(self._data.name), insecure=True)
        self._port = serve_in_thread(app)[0]
        self._create_device()

    def run(self, given: Input, folder: Path) -> bool:
        answer = self._send(given[_FILE])
        status = _status(answer)
        if b"DELETE" in given[_FILE]:
            self._create_device()
        if status is None:
            if answer:
                raise ViolationError("the answer is not HTTP")
            if _status(self._send(_get("/healthz"))) != 200:
                raise ViolationError("the service does not answer any more")
            return False
        if status >= 500:
            raise ViolationError(f"status {status}: {answer[-300:]!r}" if status != 500 else "status 500")
        ours = b"Invalid HTTP request" not in answer and not given[_FILE].startswith(b"HEAD")
        if status >= 400 and ours and b"application/problem+json" not in answer:
            raise ViolationError("an error that is no problem (RFC 9457)")
        return status < 400

    def _create_device(self) -> None:
        body = b'{"device_id": "phone"}'
        head = b"POST /v1/devices HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n" % _HOST
        self._send(head + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def _send(self, raw: bytes) -> bytes:
        """Sends a request, closes the sending side, and returns everything that is answered."""
        parts = []
        with socket.create_connection(("127.0.0.1", self._port), timeout=_WAIT_SECONDS) as connection:
            try:
                connection.sendall(raw.replace(_HOST, b"127.0.0.1:%d" % self._port))
                connection.shutdown(socket.SHUT_WR)
                while part := connection.recv(65_536):
                    parts.append(part)
            except OSError as error:  # it answered, and closed before it had read all
                if error.errno not in (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN):
                    raise
        return b"".join(parts)


def _get(path: str) -> bytes:
    return b"GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % (path.encode(), _HOST)


def _status(answer: bytes) -> int | None:
    parts = answer.split(b"\r\n", 1)[0].split(b" ", 2)
    return int(parts[1]) if len(parts) == 3 and parts[0].startswith(b"HTTP/") and parts[1].isdigit() else None


def _other_path(chance: random.Random, path: str) -> str:
    match chance.randrange(5):
        case 0:
            odd = chance.choice(
                ("..", "%00", "%ff", "a" * 300, quote(texts.text(chance, 3)[:30], errors="replace"), ".", "", "CON")
            )
            return path.replace("phone", odd)
        case 1:
            odd = chance.choice(
                ("-1", "0", "1e9", "", "nan", "99999999999999999999", "%F0%9F%98%80", "1&wait=2", "true")
            )
            return f"{path.partition('?')[0]}?{chance.choice(('wait', 'limit', 'after', 'k', 'x'))}={odd}"
        case 2:
            return chance.choice(
                (path + "/", "/" + path, path + "#x", path.upper(), path.replace("/", "//"), "*", "http://evil/")
            )
        case 3:
            return path + "?" + "a=1&" * chance.choice((1, 5_000))
        case _:
            return quote(texts.text(chance, 5)[:100], errors="replace") or "/"
