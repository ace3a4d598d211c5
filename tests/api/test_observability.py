"""The log of requests is complete, but neither it nor the metrics contain typed text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest

from tests.support.api.process import running

SECRET = "hunter2"


def test_no_log_line_contains_typed_text_and_each_has_its_request_id(
    tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path
) -> None:
    with running(tiny_bundle, tiny_public_key, tmp_path / "data", tmp_path / "log") as service:
        client, phone = service.client, "/v1/devices/phone"
        requests: list[tuple[str, str, object]] = [
            ("POST", "/v1/devices", {"device_id": "phone"}),
            ("POST", f"{phone}/messages", {"messages": [{"text": SECRET}] * 30}),
            ("POST", f"{phone}/messages", {"messages": [{"text": SECRET, SECRET: SECRET}]}),
            ("POST", f"{phone}/predictions", {"context": SECRET, "prefix": SECRET}),
            ("POST", f"{phone}/predictions/batch", {"requests": [{"context": SECRET}]}),
            ("POST", f"{phone}/adaptations?wait=20&{SECRET}", None),
            ("POST", f"{phone}/forget", {"what": "word", "word": SECRET}),
            ("POST", f"{phone}/forget", {"what": "word", "word": f"{SECRET} {SECRET}"}),
            ("GET", f"{phone}/words?limit={SECRET}", None),
            ("GET", f"{phone}/export", None),
            ("PUT", f"{phone}/adapter", SECRET),
            ("GET", f"/v1/devices/{SECRET}", None),
            ("GET", f"/{SECRET}", None),
            (SECRET.upper(), "/v1/devices", None),
        ]
        ids = {}
        for number, (method, path, body) in enumerate(requests):
            answer = client.request(method, path, json=body, headers={"X-Request-ID": f"request-{number}"})
            assert answer.headers["x-request-id"] == f"request-{number}"
            ids[f"request-{number}"] = answer.status_code
        replaced = client.get("/healthz", headers={"X-Request-ID": f"{SECRET} {SECRET}"}).headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{16}", replaced)
        service.process.terminate()
        service.process.wait(30)
    log = (tmp_path / "log").read_text()
    assert SECRET not in log.lower()
    # LiteRT writes its own line when it loads, without Python's logging.
    lines = [json.loads(line) for line in log.splitlines() if not line.startswith("INFO: Created TensorFlow Lite")]
    assert all(line.keys() >= {"time", "level", "logger", "message", "request_id"} for line in lines)
    logged = {line["request_id"]: line["status"] for line in lines if line["message"] == "request"}
    assert logged == {**ids, replaced: 200}
    (routes,) = ({line["route"] for line in lines if line["request_id"] == f"request-{n}"} for n in (3,))
    assert routes == {"/v1/devices/{device_id}/predictions"}


def test_an_error_contains_its_request_id(client: httpx.Client) -> None:
    refused = client.get("/v1/devices/unknown", headers={"X-Request-ID": "mine"})
    assert refused.json()["request_id"] == "mine"


SECRET = "hunter2"


def metric(client: httpx.Client, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def test_counts_requests_and_adaptations(client: httpx.Client, device: str) -> None:
    route = 'method="POST",route="/v1/devices/{device_id}/predictions"'
    before = metric(client, f'thumbprint_requests_total{{{route},status="200"}}')
    for _ in range(3):
        client.post(f"{device}/predictions", json={"context": SECRET})
    client.post(f"{device}/predictions", json={})
    client.post(f"{device}/adaptations", params={"wait": 30})
    assert metric(client, f'thumbprint_requests_total{{{route},status="200"}}') == before + 3
    assert metric(client, f'thumbprint_requests_total{{{route},status="422"}}') >= 1
    assert metric(client, f"thumbprint_request_seconds_count{{{route}}}") >= before + 4
    assert metric(client, 'thumbprint_adaptations_total{outcome="not kept"}') >= 1
    assert metric(client, "thumbprint_devices") >= 1
    assert metric(client, "process_resident_memory_bytes") > 10_000_000


@pytest.mark.parametrize("path", ["/v1/devices/hunter2", "/hunter2", "/v1/hunter2?hunter2"])
def test_no_label_contains_a_path(client: httpx.Client, path: str) -> None:
    client.request("HUNTER", path)
    client.get(path)
    text = client.get("/metrics").text
    assert SECRET not in text and "HUNTER" not in text
