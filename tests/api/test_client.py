from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from api import client
from api.auth.api_keys import ApiKeys
from api.client import Client, ServiceError, _seconds
from api.schemas.base import KeyScope
from api.schemas.predictions import Message, PredictionRequest
from api.storage.schema import open_database
from device_runtime.bundle.loader import load_bundle, read_manifest
from tests.support.api.serving import Serving


@pytest.fixture(scope="module")
def service(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    data = tmp_path_factory.mktemp("client")
    with serving(data, insecure=False) as http:
        database = open_database(data / "devices.sqlite", to_serve=False)
        _, secret = ApiKeys(database).create("client", KeyScope.ADMIN)
        database.close()
        with Client(str(http.base_url), secret) as client:
            yield client


def test_a_device_from_creation_to_deletion(service: Client) -> None:
    device = service.create_device("life").device_id
    texts = ["meet me at zanzibar tonight, bring the red bag"] * 40
    at = datetime(2024, 5, 1, tzinfo=UTC)
    assert (
        service.observe(device, [*texts, Message(text="hunter2", private=True), Message(text="so", timestamp=at)]) == 41
    )
    (first, *_) = service.predict(device, "meet me", prefix="at z")
    assert (first.word, first.replaces, first.space_after) == ("zanzibar", 1, True)
    both = service.predict_batch(device, [PredictionRequest(context=c) for c in ("meet me at", "see you")])
    assert [key.word for key in both[0]] == [key.word for key in service.predict(device, "meet me at")]
    result = service.adapt(device)
    assert result.state == "done" and result.verdict is not None and result.verdict.kept
    assert service.adaptation(device, result.adaptation_id) == result
    assert service.device(device).personal and len(service.adapter_history(device)) == 1
    file = service.adapter(device)
    assert service.rollback(device).adapter_id == 0
    assert service.upload_adapter(device, file).cause == "uploaded" and service.adapter(device) == file
    assert "zanzibar" in {word.word for word in service.words(device)}
    assert service.forget_since(device, datetime.now(UTC)) <= 41
    assert service.set_blocked_words(device, ["Damn"]) == service.blocked_words(device) == ["damn"]
    service.forget_word(device, "zanzibar")
    assert "zanzibar" not in {word.word for word in service.words(device)}
    assert service.export(device).messages
    assert service.forget_all(device) == 0
    assert service.set_incognito(device, True).incognito and service.observe(device, texts) == 0
    service.delete_device(device)
    with pytest.raises(ServiceError, match="no device with this id") as error:
        service.device(device)
    assert error.value.status == 404 and error.value.request_id


def test_lists_the_devices_of_every_page(service: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {service.create_device().device_id for _ in range(5)}
    monkeypatch.setattr(client, "_DEVICES_A_PAGE", 2)
    listed = [entry.device_id for entry in service.devices()]
    assert made <= set(listed) and len(listed) == len(set(listed))


def test_sends_more_messages_than_one_call_allows(service: Client) -> None:
    device = service.create_device("many").device_id
    assert service.observe(device, (f"message {number}" for number in range(1_001))) == 1_001
    service.delete_device(device)


def test_continues_an_interrupted_download(service: Client, tmp_path: Path, tiny_public_key: Path) -> None:
    (entry,) = service.bundles()
    whole = service.download_bundle(entry.model_id)
    assert service.download_bundle(entry.model_id, have=whole[:1000]) == whole and len(whole) == entry.bytes
    (tmp_path / "x.bundle").write_bytes(whole)
    assert load_bundle(tmp_path / "x.bundle", tiny_public_key).manifest.model_id == service.health().model_id


def test_returns_the_manifest_of_a_bundle(service: Client, tiny_bundle: Path, tiny_public_key: Path) -> None:
    manifest = read_manifest(service.manifest(service.health().model_id))
    assert manifest == load_bundle(tiny_bundle, tiny_public_key).manifest


def test_an_error_contains_the_reason_of_the_refusal(service: Client) -> None:
    with pytest.raises(ServiceError, match=r"does not fit the schema; body\.device_id") as error:
        service.create_device("../etc")
    assert error.value.status == 422
    with Client(str(service._http.base_url)) as without_key, pytest.raises(ServiceError, match="valid API key"):
        without_key.bundles()


def test_reports_a_service_that_cannot_be_reached() -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(ServiceError, match="cannot be reached") as error:
        client.health()
    assert error.value.status == 0


@pytest.mark.parametrize("url", ["http://[", "http://127.0.0.1:99999", "127.0.0.1:8000", "ftp://127.0.0.1"])
def test_rejects_an_invalid_url(url: str) -> None:
    with pytest.raises(ServiceError, match=r"not the URL of a service|cannot be reached"), Client(url) as client:
        client.health()


@pytest.mark.parametrize("key", ["ключ", "tp_a\nX-Other: b"])
def test_rejects_a_key_with_invalid_characters(key: str) -> None:
    with pytest.raises(ServiceError, match="not an API key"):
        Client("http://127.0.0.1:1", key)


def test_reports_an_answer_of_another_program() -> None:
    client = Client("http://service")
    client._http = httpx.Client(
        base_url="http://service", transport=httpx.MockTransport(lambda _: httpx.Response(200, text="<html>"))
    )
    with client, pytest.raises(ServiceError, match=r"http://service/ gives an answer .* Thumbprint service"):
        client.bundles()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("0", 0), ("7", 7), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("soon", 1), ("-3", 1), ("nan", 1), ("", 1)],
)
def test_reads_retry_after_in_seconds(header: str, seconds: float) -> None:
    assert _seconds(header) == seconds


def test_reads_retry_after_as_a_date() -> None:
    then = datetime.now(UTC) + timedelta(seconds=100)
    assert 97 < _seconds(format_datetime(then, usegmt=True)) <= 100


class Busy(BaseHTTPRequestHandler):
    """Answers 503 once, then with a field that this client does not know."""

    requests = 0

    def do_GET(self) -> None:
        type(self).requests += 1
        if self.requests == 1:
            self.send_response(503)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = b'{"status": "ok", "model_id": "m", "bundle": "b", "synthetic": false, "mood": "good"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_retries_a_busy_service_and_ignores_unknown_fields() -> None:
    with HTTPServer(("127.0.0.1", 0), Busy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        slept: list[float] = []
        with Client(f"http://127.0.0.1:{server.server_port}", sleep=slept.append) as client:
            assert client.health().bundle == "b"
        server.shutdown()
        thread.join()
    assert Busy.requests == 2 and slept == [0]


def test_reports_an_error_without_problem_details() -> None:
    client = Client("http://service")
    client._http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(502, text="<html>")))
    with client, pytest.raises(ServiceError, match="answered 502 without details"):
        client._send("GET", "http://service/x")


def test_the_client_imports_no_part_of_the_server() -> None:
    program = "import sys, api.client; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    server = {"device_runtime", "ai_edge_litert", "fastapi", "numpy", "sqlalchemy", "uvicorn"}
    assert {"api", "httpx", "pydantic"} <= set(done.stdout.split()) and not server & set(done.stdout.split())
