"""Which key allows which request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from api.auth.api_keys import REMEMBERED_SECONDS, ApiKeys
from api.schemas.base import KeyScope
from api.storage.schema import open_database
from tests.support.api.serving import Serving


@dataclass
class GuardedService:
    """A service with a key of each scope, and the key `own` for one device."""

    client: httpx.Client
    keys: ApiKeys
    secrets: dict[str, str]

    def status(self, key: str | None, method: str, path: str, **request: object) -> int:
        headers = {} if key is None else {"Authorization": f"Bearer {self.secrets[key]}"}
        return self.client.request(method, path, headers=headers, **request).status_code  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def guarded(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedService]:
    data = tmp_path_factory.mktemp("guarded")
    with serving(data, insecure=False) as client:
        database = open_database(data / "devices.sqlite", to_serve=False)
        keys = ApiKeys(database)
        secrets = {scope.value: keys.create(scope.value, scope)[1] for scope in KeyScope}
        secrets["own"] = keys.create("one phone", KeyScope.DEVICE, "own")[1]
        guarded = GuardedService(client, keys, secrets)
        for device_id in ("phone", "own"):
            created = guarded.status("admin", "POST", "/v1/devices", json={"device_id": device_id})
            assert created == 201
        yield guarded
        database.close()


MESSAGES = {"messages": [{"text": "see you"}]}
PREDICTION = {"context": "see"}
READS = [
    ("GET", "/v1/bundles", None),
    ("GET", "/v1/devices", None),
    ("GET", "/v1/devices/phone", None),
    ("GET", "/metrics", None),
]
INSIDE = [
    ("PATCH", "", {"incognito": False}),
    ("POST", "/messages", MESSAGES),
    ("POST", "/predictions", PREDICTION),
    ("POST", "/predictions/batch", {"requests": [PREDICTION]}),
    ("GET", "/adapter/history", None),
    ("POST", "/adapter/rollback", {}),
    ("GET", "/words", None),
    ("GET", "/export", None),
    ("POST", "/forget", {"what": "all"}),
    ("POST", "/adaptations?wait=20", None),
]


@pytest.mark.parametrize(("method", "path", "body"), READS)
def test_a_read_key_opens_the_read_endpoints(guarded: GuardedService, method: str, path: str, body: object) -> None:
    assert guarded.status(None, method, path, json=body) == 401
    assert {guarded.status(key, method, path, json=body) for key in ("read", "device", "admin")} == {200}


@pytest.mark.parametrize(("method", "path", "body"), INSIDE)
def test_a_read_key_opens_no_endpoint_with_typed_text(
    guarded: GuardedService, method: str, path: str, body: object
) -> None:
    path = "/v1/devices/phone" + path
    assert guarded.status(None, method, path, json=body) == 401
    assert guarded.status("read", method, path, json=body) == 403
    assert guarded.status("device", method, path, json=body) == 200


@pytest.mark.parametrize(("method", "path", "body"), INSIDE)
def test_a_key_for_one_device_opens_only_that_device(
    guarded: GuardedService, method: str, path: str, body: object
) -> None:
    assert guarded.status("own", method, "/v1/devices/own" + path, json=body) == 200
    assert guarded.status("own", method, "/v1/devices/phone" + path, json=body) == 403


def test_a_key_for_one_device_neither_lists_nor_creates_others(guarded: GuardedService) -> None:
    assert guarded.status("own", "GET", "/v1/bundles") == 200
    assert guarded.status("own", "GET", "/v1/devices") == 403
    assert guarded.status("own", "GET", "/metrics") == 403
    assert guarded.status("own", "POST", "/v1/devices", json={"device_id": "new"}) == 403
    assert guarded.status("own", "POST", "/v1/devices") == 409  # its own device, which exists already
    assert guarded.status("own", "GET", "/v1/devices/phone/adaptations/1") == 403


def test_only_an_admin_key_deletes(guarded: GuardedService) -> None:
    for device_id in ("doomed", "phone"):
        guarded.status("device", "POST", "/v1/devices", json={"device_id": device_id})
    for key, status in ((None, 401), ("read", 403), ("own", 403), ("device", 403), ("admin", 204), ("admin", 404)):
        assert guarded.status(key, "DELETE", "/v1/devices/doomed") == status


def test_without_a_key_only_the_open_paths_answer(guarded: GuardedService) -> None:
    for path in ("/healthz", "/readyz", "/v1/openapi.json"):
        assert guarded.status(None, "GET", path) == 200
    for path in (
        "/v1/devices/phone",
        "/v1/devices/unknown",
        "/v1/nowhere",
        "/healthz/",
        "/readyz/../metrics",
    ):
        assert guarded.status(None, "GET", path) == 401
    assert guarded.status(None, "POST", "/v1/devices/phone/messages", content=b"x" * 100_000) == 401


def test_a_revoked_key_is_refused_after_the_cache_expires(guarded: GuardedService) -> None:
    key, guarded.secrets["revoked"] = guarded.keys.create("short-lived", KeyScope.READ)
    assert guarded.status("revoked", "GET", "/v1/bundles") == 200
    guarded.keys.revoke(key.id)
    time.sleep(REMEMBERED_SECONDS)
    assert guarded.status("revoked", "GET", "/v1/bundles") == 401


def test_openapi_describes_which_paths_need_a_key(guarded: GuardedService) -> None:
    described = guarded.client.get("/v1/openapi.json").json()
    assert described["components"]["securitySchemes"]["API key"]["scheme"] == "bearer"
    for path, methods in described["paths"].items():
        for operation in methods.values():
            assert ("security" in operation) is (path not in ("/healthz", "/readyz"))


def test_an_insecure_service_needs_no_key(client: httpx.Client) -> None:
    assert client.get("/v1/devices").status_code == 200


def test_the_log_warns_that_there_are_no_keys(
    serving: Serving, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(tmp_path, insecure=False) as client:
        assert client.get("/v1/bundles").status_code == 401
    assert "thumbprint access create" in caplog.text
