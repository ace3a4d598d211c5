from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.server import ServeError, listen, serve
from device_runtime.bundle.files import BundleError
from device_runtime.bundle.loader import load_bundle
from device_runtime.bundle.signing_keys import KeyFileError
from tests.support.api.process import running


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_a_signal(tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path, stop: signal.Signals) -> None:
    with running(tiny_bundle, tiny_public_key, tmp_path / "data", tmp_path / "log") as service:
        manifest = load_bundle(tiny_bundle, tiny_public_key).manifest
        assert manifest.name in service.line
        assert ("SYNTHETIC" in service.line) is manifest.provenance.synthetic
        assert service.client.get("/healthz").json()["status"] == "ok"
        service.process.send_signal(stop)
        out, _ = service.process.communicate(timeout=120)
    assert service.process.returncode == (0 if stop is signal.SIGINT else -signal.SIGTERM)
    assert out == ("served\n" if stop is signal.SIGINT else "")
    assert "Traceback" not in (tmp_path / "log").read_text()


HANGING = """
import sys, threading
from pathlib import Path
import api.server
from device_runtime.phone.phone import Phone

def hang(*_arguments, **_options):
    threading.Event().wait()

open_phone = Phone.open
Phone.open = lambda folder, *a, **o: hang() if folder.name == "bad" else open_phone(folder, *a, **o)
Phone.learned_words = hang
api.server.GRACE_SECONDS, api.server.SHUTDOWN_SECONDS = 1, float(sys.argv[4])
api.server.serve(*map(Path, sys.argv[1:4]), port=0, insecure=True)
"""


def test_a_signal_ends_a_service_in_which_threads_hang(
    tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", HANGING, *map(str, (tiny_bundle, tiny_public_key, tmp_path / "data")), "3"]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            with httpx.Client(base_url=url, timeout=1, trust_env=False) as client:
                assert client.post("/v1/devices", json={"device_id": "good"}).status_code == 201
                for method, path in (("POST", "/v1/devices"), ("GET", "/v1/devices/good/words")):
                    body = {"device_id": "bad"} if method == "POST" else None
                    with pytest.raises(httpx.ReadTimeout):
                        client.request(method, path, json=body)
                assert client.get("/v1/devices/good").status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) in (1, -signal.SIGTERM)
        finally:
            process.kill()
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_two_servers_cannot_share_data(tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path) -> None:
    with (
        running(tiny_bundle, tiny_public_key, tmp_path, tmp_path / "log"),
        pytest.raises(ServeError, match="another server runs on"),
    ):
        create_app(tiny_bundle, tiny_public_key, tmp_path)


def test_rejects_a_port_that_is_in_use(tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServeError, match=f"port {port} is in use"):
            serve(tiny_bundle, tiny_public_key, tmp_path, port=port)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_rejects_an_insecure_service_on_a_public_address(
    tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path, host: str
) -> None:
    with pytest.raises(ServeError, match="an insecure service needs no keys"):
        serve(tiny_bundle, tiny_public_key, tmp_path, host=host, insecure=True)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 65_536), ("127.0.0.1", -1), ("no host", 0), ("a" * 70, 0)])
def test_rejects_an_invalid_address(host: str, port: int) -> None:
    with pytest.raises(ServeError, match="cannot serve on"):
        listen(host, port)


def test_rejects_a_missing_bundle_a_missing_key_and_a_file_as_data_folder(
    tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with pytest.raises(BundleError, match="does not exist"):
        create_app(tmp_path / "no.bundle", tiny_public_key, data)
    with pytest.raises(KeyFileError, match="does not exist"):
        create_app(tiny_bundle, tmp_path / "no.pem", data)
    assert not data.exists()
    data.write_text("a file")
    with pytest.raises(ServeError, match="cannot hold"):
        create_app(tiny_bundle, tiny_public_key, data)


def test_a_damaged_database_is_reported_and_unlocked(tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "devices.sqlite"
    damaged.write_bytes(b"no database" * 1000)
    for _ in range(2):
        with pytest.raises(ServeError, match=r"devices\.sqlite cannot be used"):
            create_app(tiny_bundle, tiny_public_key, tmp_path)
    assert damaged.read_bytes() == b"no database" * 1000
