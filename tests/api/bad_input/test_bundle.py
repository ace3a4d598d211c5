"""A bundle file that is replaced, emptied or deleted while the service runs: phones keep the verified bundle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from api.app import create_app
from device_runtime.bundle.files import BundleError
from tests.support.api.endpoints import CREATE, OF_A_DEVICE, OF_THE_SERVICE, UPLOAD
from tests.support.api.serving import serve_in_thread


def replace(path: Path) -> None:
    """Replaces the file as an editor does, with another file of the same name."""
    other = path.with_suffix(".new")
    other.write_bytes(b"PK something else")
    other.replace(path)


@pytest.mark.parametrize(
    "change", [replace, Path.unlink, lambda path: path.write_bytes(b"")], ids=["replaced", "deleted", "emptied"]
)
def test_every_endpoint_works_until_the_next_start_rejects_the_bundle(
    tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path, change: Callable[[Path], object]
) -> None:
    served, data = tmp_path / "served.bundle", tmp_path / "data"
    served.write_bytes(tiny_bundle.read_bytes())
    with serve_in_thread(served, tiny_public_key, data, 8, None, True) as client:
        model = client.get("/healthz").json()["model_id"]
        client.post("/v1/devices", json={"device_id": "phone"})
        client.post("/v1/devices/phone/messages", json={"messages": [{"text": "meet me at zanzibar"}] * 40})
        change(served)
        done = client.post("/v1/devices/phone/adaptations", params={"wait": 60}).json()
        assert done["state"] == "done" and "interrupted" not in done["verdict"]["reason"], done
        for endpoint in (CREATE, *OF_THE_SERVICE, *OF_A_DEVICE[:-1]):
            answer = endpoint.call(client, "phone", model)
            expected = (200, endpoint.status, 404 if endpoint.path.endswith("adapter") else 200)
            assert answer.status_code in (expected if endpoint is not UPLOAD else (422,)), (endpoint, answer.text)
        messages = client.get("/v1/devices/phone").json()["messages"]
    with pytest.raises(BundleError):
        create_app(served, tiny_public_key, data)
    served.write_bytes(tiny_bundle.read_bytes())
    with serve_in_thread(served, tiny_public_key, data, 8, None, True) as client:
        assert client.get("/v1/devices/phone").json()["messages"] == messages
