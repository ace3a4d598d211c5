from __future__ import annotations

import re

import httpx
import pytest

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
