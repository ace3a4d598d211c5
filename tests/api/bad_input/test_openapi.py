"""The OpenAPI schema against the running service: every answer to what schemathesis generates fits the schema."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api.auth.api_keys import ApiKeys
from api.schemas.base import KeyScope
from api.storage.schema import open_database
from tests.support.api.serving import Serving

EXAMPLES = 12


@dataclass
class ServiceWithKey:
    """A service's address, and the headers with an admin key."""

    url: str
    headers: dict[str, str]


@pytest.fixture(scope="module")
def service(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceWithKey]:
    data = tmp_path_factory.mktemp("fuzzed")
    with serving(data, insecure=False) as client:
        database = open_database(data / "devices.sqlite", to_serve=False)
        _, secret = ApiKeys(database).create("schemathesis", KeyScope.ADMIN)
        database.close()
        headers = {"Authorization": f"Bearer {secret}"}
        assert client.post("/v1/devices", json={"device_id": "emulator-5554"}, headers=headers).status_code == 201
        yield ServiceWithKey(str(client.base_url), headers)


@pytest.fixture(scope="module")
def described(service: ServiceWithKey) -> object:
    return schemathesis.openapi.from_url(f"{service.url}/v1/openapi.json")


schema = schemathesis.pytest.from_fixture("described")


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_fits_the_schema(case: schemathesis.Case, service: ServiceWithKey) -> None:
    # A schema cannot describe which bytes are an adapter of this model.
    excluded = [positive_data_acceptance] if case.operation.label.startswith("PUT ") else []
    case.call_and_validate(headers=service.headers, timeout=30, excluded_checks=excluded)


def test_every_operation_has_a_summary_and_a_description(service: ServiceWithKey) -> None:
    page = httpx.get(f"{service.url}/v1/openapi.json", trust_env=False).json()
    assert page["openapi"].startswith("3.1")
    for path, methods in page["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"] and operation["description"], (method, path)
            assert operation["responses"].keys() >= {"500"}, (method, path)


def test_describes_the_problems(client: httpx.Client) -> None:
    described = client.get("/v1/openapi.json").json()
    assert "ProblemDetails" in described["components"]["schemas"]
    adapt = described["paths"]["/v1/devices/{device_id}/adaptations"]["post"]["responses"]
    assert adapt.keys() >= {"200", "404", "409", "422", "429", "503"}
    assert adapt["422"]["content"].keys() == {"application/problem+json"}
