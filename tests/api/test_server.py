from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.server import ServeError, is_loopback, listen, serve
from device_runtime.bundle import BundleError, load_bundle
from device_runtime.keys import KeyFileError

PROGRAM = """
import sys
from pathlib import Path
from api.server import serve
bundle, key, data = map(Path, sys.argv[1:])
serve(bundle, key, data, port=0)
print("served")
"""


@dataclass
class Running:
    process: subprocess.Popen[str]
    line: str
    client: httpx.Client


@contextmanager
def running(bundle: Path, key: Path, data: Path) -> Iterator[Running]:
    command = [sys.executable, "-c", PROGRAM, str(bundle), str(key), str(data)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+$", line.strip())
            assert found, line or process.communicate()[1]
            with httpx.Client(base_url=found.group(), timeout=30, trust_env=False) as client:
                yield Running(process, line, client)
        finally:
            process.kill()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_process_serves_until_it_is_told_to_stop(
    tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path, how: signal.Signals
) -> None:
    secret = "hunter2"
    with running(tiny_bundle, tiny_public_key, tmp_path) as service:
        client = service.client
        manifest = load_bundle(tiny_bundle, tiny_public_key).manifest
        assert manifest.name in service.line
        assert ("SYNTHETIC" in service.line) is manifest.provenance.synthetic
        assert client.get("/healthz").json()["status"] == "ok"
        assert client.post("/v1/devices", json={"device_id": "phone"}).status_code == 201
        client.post("/v1/devices/phone/messages", json={"messages": [{"text": secret}]})
        client.post("/v1/devices/phone/messages", json={"messages": [{"text": secret, secret: secret}]})
        client.post("/v1/devices/phone/predictions", json={"context": secret, "prefix": secret})
        service.process.send_signal(how)
        out, log = service.process.communicate(timeout=30)
    assert service.process.returncode == (0 if how is signal.SIGINT else -signal.SIGTERM)
    assert out == ("served\n" if how is signal.SIGINT else "")
    assert secret not in log and "Traceback" not in log


def test_a_killed_server_loses_nothing_and_leaves_the_data_free(
    tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path
) -> None:
    path = "/v1/devices/phone/messages"
    with running(tiny_bundle, tiny_public_key, tmp_path) as service:
        service.client.post("/v1/devices", json={"device_id": "phone"})
        for number in range(5):
            assert service.client.post(path, json={"messages": [{"text": f"message {number}"}]}).is_success
        service.process.kill()
        service.process.wait()
    with running(tiny_bundle, tiny_public_key, tmp_path) as service:
        assert service.client.post(path, json={"messages": []}).json()["messages"] == 5


def test_two_servers_cannot_share_data(tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path) -> None:
    with (
        running(tiny_bundle, tiny_public_key, tmp_path),
        pytest.raises(ServeError, match="another server runs on"),
    ):
        create_app(tiny_bundle, tiny_public_key, tmp_path)


def test_a_taken_port_is_said(tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServeError, match=f"port {port} is taken"):
            serve(tiny_bundle, tiny_public_key, tmp_path, port=port)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_a_host_open_to_others_needs_insecure(
    tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path, host: str
) -> None:
    assert not is_loopback(host)
    with pytest.raises(ServeError, match="insecure"):
        serve(tiny_bundle, tiny_public_key, tmp_path, host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_hosts(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 65_536), ("127.0.0.1", -1), ("no host", 0), ("a" * 70, 0)])
def test_absurd_addresses(host: str, port: int) -> None:
    with pytest.raises(ServeError, match="cannot serve on"):
        listen(host, port)


def test_what_cannot_be_served(tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with pytest.raises(BundleError, match="does not exist"):
        create_app(tmp_path / "no.bundle", tiny_public_key, data)
    with pytest.raises(KeyFileError, match="does not exist"):
        create_app(tiny_bundle, tmp_path / "no.pem", data)
    assert not data.exists()
    data.write_text("a file")
    with pytest.raises(ServeError, match="cannot hold"):
        create_app(tiny_bundle, tiny_public_key, data)


def test_a_damaged_registry_is_said_and_let_go(tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path) -> None:
    registry = tmp_path / "devices.sqlite"
    registry.write_bytes(b"no database" * 1000)
    for _ in range(2):
        with pytest.raises(ServeError, match=r"devices\.sqlite cannot be used"):
            create_app(tiny_bundle, tiny_public_key, tmp_path)
    assert registry.read_bytes() == b"no database" * 1000
