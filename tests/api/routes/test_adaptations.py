from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import httpx
import numpy as np
import pytest
import safetensors.numpy

from device_runtime.adapter.encodings import NAMES

MESSAGES = [{"text": "meet me at zanzibar tonight, bring the red bag"}] * 40
TYPE = {"content-type": "application/octet-stream"}


@pytest.fixture(scope="module")
def adapted(client: httpx.Client) -> Iterator[str]:
    """A device with an adapter of its own, which the gate kept."""
    device = f"/v1/devices/{client.post('/v1/devices').json()['device_id']}"
    client.post(f"{device}/messages", json={"messages": MESSAGES})
    result = client.post(f"{device}/adaptations", params={"wait": 30}).json()
    assert result["verdict"]["kept"], result
    yield device


def probabilities(client: httpx.Client, device: str) -> list[float]:
    answer = client.post(f"{device}/predictions", json={"context": "so we", "k": 5}).json()
    return [each["probability"] for each in answer["suggestions"]]


def test_a_new_device_has_no_adapter_of_its_own(client: httpx.Client, device: str) -> None:
    assert client.get(f"{device}/adapter").status_code == 404
    assert client.get(f"{device}/adapter/history").json() == {"entries": [], "adapter_id": 0}
    assert client.post(f"{device}/adapter/rollback").json() == {"rolled_back": False, "adapter_id": 0}
    assert client.get(device).json()["personal"] is False


def test_the_history_contains_the_verdict_of_the_gate(client: httpx.Client, adapted: str) -> None:
    (entry, *_) = client.get(f"{adapted}/adapter/history").json()["entries"]
    assert entry["cause"] == "asked" and entry["messages"] > 0 and entry["stored"] and entry["verdict"]["kept"]
    assert entry["model_id"] == client.get("/healthz").json()["model_id"]


def test_an_adapter_can_be_copied_to_another_device(client: httpx.Client, device: str, adapted: str) -> None:
    before = probabilities(client, device)
    file = client.get(f"{adapted}/adapter")
    assert file.status_code == 200 and file.headers["content-type"] == TYPE["content-type"]
    entry = client.put(f"{device}/adapter", content=file.content, headers=TYPE)
    assert entry.status_code == 200 and entry.json()["cause"] == "uploaded"
    assert client.get(f"{device}/adapter").content == file.content
    assert probabilities(client, device) != before and client.get(device).json()["personal"] is True
    assert client.post(f"{device}/adapter/rollback").json() == {"rolled_back": True, "adapter_id": 0}
    assert probabilities(client, device) == before
    to = {"to": entry.json()["id"]}
    assert client.post(f"{device}/adapter/rollback", json=to).json() == {"rolled_back": True, "adapter_id": to["to"]}


def test_rejects_a_rollback_to_an_adapter_that_is_not_stored(client: httpx.Client, device: str) -> None:
    refused = client.post(f"{device}/adapter/rollback", json={"to": 77})
    assert refused.status_code == 409 and refused.headers["content-type"] == "application/problem+json"
    for wrong in ({"to": -1}, {"to": "1"}, {"to": 2**60}, {"from": 1}):
        assert client.post(f"{device}/adapter/rollback", json=wrong).status_code == 422


def of_another_model(file: bytes) -> bytes:
    return file.replace(b'"model_id":"', b'"model_id":"0', 1)[: len(file)]


def with_infinity(file: bytes) -> bytes:
    stored = safetensors.numpy.load(file)
    tensors = {name: np.full_like(each, np.inf) if each.dtype.kind == "f" else each for name, each in stored.items()}
    return safetensors.numpy.save(tensors, metadata={"model_id": "?"})


def flipped(file: bytes) -> bytes:
    return file[:-1] + bytes([file[-1] ^ 1])


def of_type(dtype: bytes) -> Callable[[bytes], bytes]:
    """Returns a change that names another type in the header, with padding to its old length."""

    def change(file: bytes) -> bytes:
        length = int.from_bytes(file[:8], "little")
        header = file[8 : 8 + length]
        for old in (b"F32", b"F16"):
            header = header.replace(b'"dtype":"%b"' % old, b'"dtype":"%b"' % dtype)
        return len(header).to_bytes(8, "little") + header + file[8 + length :]

    return change


def with_a_name_twice(file: bytes) -> bytes:
    length = int.from_bytes(file[:8], "little")
    header = b'{"__metadata__":{"model_id":"?"},' + file[9 : 8 + length]
    return len(header).to_bytes(8, "little") + header + file[8 + length :]


@pytest.mark.parametrize(
    "spoil",
    [
        *(of_another_model, with_infinity, flipped, lambda file: file[:-7], lambda _: b"", lambda _: b"\xff" * 1000),
        *(of_type(b"F8_E4M3"), of_type(b"F8_E5M2"), of_type(b"F4"), of_type(b"BF16"), with_a_name_twice),
    ],
    ids=[
        *("another model's", "infinite", "one bit flipped", "cut short", "empty", "noise"),
        *("float8_e4m3", "float8_e5m2", "float4", "bfloat16", "a name twice"),
    ],
)
def test_rejects_a_file_that_is_not_an_adapter_of_this_model(
    client: httpx.Client, device: str, adapted: str, spoil: object
) -> None:
    file = client.get(f"{adapted}/adapter").content
    assert callable(spoil) and set(safetensors.numpy.load(file)) >= {NAMES[0]}
    before = probabilities(client, device)
    refused = client.put(f"{device}/adapter", content=spoil(file), headers=TYPE)
    assert refused.status_code == 422 and refused.json()["detail"].startswith("the adapter ")
    assert "safetensors" not in refused.json()["detail"].split(":")[0]
    assert probabilities(client, device) == before and client.get(device).json()["personal"] is False
    assert client.put(f"{device}/adapter", content=file, headers=TYPE).status_code == 200


def test_an_adapter_of_another_model_is_reported_as_such(client: httpx.Client, device: str, adapted: str) -> None:
    model_id = client.get("/healthz").json()["model_id"].encode()
    file = client.get(f"{adapted}/adapter").content.replace(model_id, b"0" * 64)
    refused = client.put(f"{device}/adapter", content=file, headers=TYPE)
    assert refused.status_code == 422 and refused.json()["detail"] == "the adapter belongs to another model"


def with_numbers(file: bytes, size: float, vocab: int, model_id: str) -> bytes:
    """Returns an adapter of the same shape whose numbers are all `size`, with a correct hash."""
    stored = safetensors.numpy.load(file)
    shapes = {"lora_a": stored["lora_a"].shape, "lora_b": stored["lora_b"].shape, "bias": (vocab,)}
    tensors = {name: np.full(shape, size, np.float32) for name, shape in shapes.items()}
    digest = hashlib.sha256(b"".join(tensors[name].tobytes() for name in NAMES)).hexdigest()
    metadata = {"model_id": model_id, "form": "float32", "sha256": digest}
    return safetensors.numpy.save(tensors, metadata=metadata)


@pytest.mark.parametrize(
    ("size", "status"), [(65_504.0, 200), (-65_504.0, 200), (65_536.0, 422), (3e38, 422), (np.nan, 422)]
)
def test_with_the_largest_numbers_that_are_accepted_predictions_are_numbers(
    client: httpx.Client, device: str, adapted: str, size: float, status: int
) -> None:
    model_id = client.get("/healthz").json()["model_id"]
    vocab = client.get(f"/v1/bundles/{model_id}").json()["model"]["vocab"]
    file = with_numbers(client.get(f"{adapted}/adapter").content, size, vocab, model_id)
    assert client.put(f"{device}/adapter", content=file, headers=TYPE).status_code == status
    answer = client.post(f"{device}/predictions", json={"context": "see you", "k": 5})
    assert answer.status_code == 200 and answer.json()["suggestions"]
    assert all(0 <= each["probability"] <= 1 for each in answer.json()["suggestions"])
