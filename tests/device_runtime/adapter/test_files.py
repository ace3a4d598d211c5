"""Adapters are stored completely or not at all, load only with their own model, and are refused if they are damaged."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import struct
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from device_runtime.adapter.adapter import Adapter, AdapterError
from device_runtime.adapter.files import (
    MAX_HEADER,
    AdapterStore,
    TensorFileError,
    load_adapter,
    read_tensors,
    save_adapter,
)
from device_runtime.inference.engine import Engine
from device_runtime.manifest import AdapterEncoding, ModelShape
from keyboard_model.storage.durable_files import atomic_write_private

ENCODINGS: tuple[AdapterEncoding, ...] = get_args(AdapterEncoding)
SHAPE = ModelShape(vocab=7, embedding=4, cells=3, rank=2, batch=1, window=2, bos=1)


def assert_same(found: Adapter, expected: Adapter) -> None:
    for name, tensor in found.tensors().items():
        np.testing.assert_array_equal(tensor, expected.tensors()[name])
        assert tensor.dtype == np.float32


@pytest.fixture
def adapter() -> Adapter:
    rng = np.random.default_rng(0)
    a, b, bias = (rng.normal(size=size).astype(np.float32) for size in ((4, 2), (2, 4), 7))
    return Adapter(a, b, bias)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_saved_adapter_loads_as_its_encoding_stores_it(
    tmp_path: Path, adapter: Adapter, encoding: AdapterEncoding
) -> None:
    path = tmp_path / "adapter.safetensors"
    save_adapter(path, adapter, "0" * 64, encoding)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert_same(load_adapter(path, SHAPE, "0" * 64), adapter.stored_as(encoding))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_saving_a_stored_adapter_again_loses_nothing(
    tmp_path: Path, adapter: Adapter, encoding: AdapterEncoding
) -> None:
    used = adapter.stored_as(encoding)
    save_adapter(tmp_path / "a", used, "model", encoding)
    assert_same(load_adapter(tmp_path / "a", SHAPE, "model"), used)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_reads_a_file_without_an_encoding_in_its_metadata(
    tmp_path: Path, adapter: Adapter, dtype: AdapterEncoding
) -> None:
    tensors = {name: tensor.astype(dtype) for name, tensor in adapter.tensors().items()}
    digest = hashlib.sha256(b"".join(tensors[name].tobytes() for name in ("lora_a", "lora_b", "bias"))).hexdigest()
    safetensors.numpy.save_file(tensors, tmp_path / "a", metadata={"model_id": "model", "sha256": digest})
    assert_same(load_adapter(tmp_path / "a", SHAPE, "model"), adapter.stored_as(dtype))


def test_rejects_an_unknown_encoding(tmp_path: Path, adapter: Adapter) -> None:
    metadata = {"model_id": "model", "form": "int4"}
    safetensors.numpy.save_file(adapter.tensors(), tmp_path / "a", metadata=metadata)
    with pytest.raises(
        AdapterError, match="a has the unknown encoding 'int4'; the known encodings are float32, float16, int8, sparse"
    ):
        load_adapter(tmp_path / "a", SHAPE, "model")


def test_rejects_tensors_in_another_encoding_than_the_metadata_names(tmp_path: Path, adapter: Adapter) -> None:
    safetensors.numpy.save_file(adapter.tensors(), tmp_path / "a", metadata={"model_id": "model", "form": "sparse"})
    with pytest.raises(AdapterError, match=r"a has the tensors .* in the encoding 'sparse'"):
        load_adapter(tmp_path / "a", SHAPE, "model")


def test_rejects_an_adapter_of_another_model(tmp_path: Path, adapter: Adapter) -> None:
    save_adapter(tmp_path / "a", adapter, "model", "float32")
    with pytest.raises(AdapterError, match="another model"):
        load_adapter(tmp_path / "a", SHAPE, "other")
    with pytest.raises(AdapterError, match="tensors"):
        load_adapter(tmp_path / "a", SHAPE.model_copy(update={"rank": 3}), "model")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_rejects_every_truncated_or_changed_file(tmp_path: Path, adapter: Adapter, encoding: AdapterEncoding) -> None:
    path = tmp_path / "a"
    save_adapter(path, adapter, "model", encoding)
    whole = path.read_bytes()
    numbers = 8 + int.from_bytes(whole[:8], "little")
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at])
        with pytest.raises(AdapterError):
            load_adapter(path, SHAPE, "model")
    for at in range(numbers, len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(AdapterError, match=r"damaged|ascend"):
            load_adapter(path, SHAPE, "model")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_changed_header_is_rejected_or_gives_the_same_numbers(
    tmp_path: Path, adapter: Adapter, encoding: AdapterEncoding
) -> None:
    path = tmp_path / "a"
    save_adapter(path, adapter, "model", encoding)
    whole, refused = path.read_bytes(), 0
    numbers = 8 + int.from_bytes(whole[:8], "little")
    for at in range(8, numbers):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            assert_same(load_adapter(path, SHAPE, "model"), adapter.stored_as(encoding))
        except AdapterError:
            refused += 1
    assert refused > 0.9 * (numbers - 8) - 8  # spaces at the header's end may be anything


def test_rejects_a_file_without_a_hash(tmp_path: Path, adapter: Adapter) -> None:
    safetensors.numpy.save_file(adapter.tensors(), tmp_path / "a", metadata={"model_id": "model"})
    with pytest.raises(AdapterError, match="damaged"):
        load_adapter(tmp_path / "a", SHAPE, "model")


def test_refuses_to_store_infinite_numbers(tmp_path: Path, adapter: Adapter) -> None:
    large = Adapter(adapter.lora_a, adapter.lora_b, np.full(7, 1e6, np.float32))
    save_adapter(tmp_path / "a", large, "model", "float32")
    before = (tmp_path / "a").read_bytes()
    with pytest.raises(AdapterError, match="infinite"):
        save_adapter(tmp_path / "a", large, "model", "float16")
    with pytest.raises(AdapterError, match="infinite"):
        save_adapter(tmp_path / "a", large, "model", "sparse")
    assert (tmp_path / "a").read_bytes() == before


def test_a_missing_file_is_not_an_adapter_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_adapter(tmp_path / "none", SHAPE, "model")


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    atomic_write_private(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        atomic_write_private(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


OTHER_TYPES = (
    *("BOOL", "U8", "I16", "I32", "I64", "U64", "F64", "BF16", "C64"),
    *("F8_E4M3", "F8_E5M2", "F8_E8M0", "F4", "F6_E2M3", "F6_E3M2", "F128", "float32", ""),
)


def a_file(header: Any, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def tensor(dtype: str, shape: Any, begin: Any, end: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "uint16", "uint32"])
def test_reads_what_adapters_are_stored_in(dtype: str) -> None:
    stored = {"a": np.arange(6).astype(dtype).reshape(2, 3), "b": np.array(1, dtype), "c": np.zeros((0, 3), dtype)}
    metadata, found = read_tensors(safetensors.numpy.save(stored, metadata={"form": "any"}))
    assert metadata == {"form": "any"} and found.keys() == stored.keys()
    for name, expected in stored.items():
        assert found[name].dtype == expected.dtype
        np.testing.assert_array_equal(found[name], expected)
    assert read_tensors(safetensors.numpy.save(stored))[0] == {}


@pytest.mark.parametrize("dtype", OTHER_TYPES)
@pytest.mark.parametrize("size", [1, 2, 4, 8, 16, 32])
def test_refuses_every_other_type(dtype: str, size: int) -> None:
    with pytest.raises(TensorFileError, match=r"has numbers of the type|is damaged"):
        read_tensors(a_file({"a": tensor(dtype, [4], 0, size)}, bytes(size)))


F32 = tensor("F32", [1], 0, 4)
DAMAGED = {
    "nothing": b"",
    "half a length": bytes(4),
    "no header": bytes(8),
    "a header longer than the file": struct.pack("<Q", 100) + b"{}",
    "a header of 16 exabytes": b"\xff" * 8 + b"{}",
    "a huge header": a_file(b'{"a":' + b" " * MAX_HEADER + json.dumps(F32).encode() + b"}", bytes(4)),
    "many tensors": a_file({str(n): tensor("F32", [0], 0, 0) for n in range(10_000)}),
    "not UTF-8": a_file(b'{"\xff": {}}'),
    "not JSON": a_file(b"{"),
    "a list": a_file([]),
    "a number": a_file(1),
    "deeply nested": a_file(b'{"a":' * 20_000),
    "a name twice": a_file(b'{"a":%b,"a":%b}' % ((json.dumps(F32).encode(),) * 2), bytes(4)),
    "metadata twice": a_file(b'{"__metadata__":{},"__metadata__":{},"a":%b}' % json.dumps(F32).encode(), bytes(4)),
    "a key of the metadata twice": a_file(b'{"__metadata__":{"form":"a","form":"b"}}'),
    "metadata that are not text": a_file({"__metadata__": {"form": 1}}),
    "a list as metadata": a_file({"__metadata__": ["form"]}),
    "overlapping": a_file({"a": F32, "b": tensor("F32", [1], 2, 6)}, bytes(6)),
    "the same bytes": a_file({"a": F32, "b": F32}, bytes(4)),
    "a hole": a_file({"a": F32, "b": tensor("F32", [1], 8, 12)}, bytes(12)),
    "bytes left over": a_file({"a": F32}, bytes(8)),
    "too few bytes": a_file({"a": F32}, bytes(2)),
    "reversed offsets": a_file({"a": tensor("F32", [1], 4, 0)}, bytes(4)),
    "negative offsets": a_file({"a": tensor("F32", [1], -4, 0)}, bytes(4)),
    "huge offsets": a_file({"a": tensor("F32", [1], 2**63, 2**63 + 4)}, bytes(4)),
    "fractions as offsets": a_file({"a": tensor("F32", [1], 0, 4.5)}, bytes(4)),
    "a shape that does not fit": a_file({"a": tensor("F32", [3], 0, 4)}, bytes(4)),
    "a negative shape": a_file({"a": tensor("F32", [-1, -1], 0, 4)}, bytes(4)),
    "a shape that overflows": a_file({"a": tensor("F32", [2**33, 2**33], 0, 4)}, bytes(4)),
    "an empty tensor with an impossible shape": a_file({"a": tensor("F32", [0, 2**62, 2**62], 0, 0)}),
    "an empty tensor of many dimensions": a_file({"a": tensor("F32", [0] + [2] * 40, 0, 0)}),
    "a tensor of many dimensions": a_file({"a": tensor("F32", [1] * 100, 0, 4)}, bytes(4)),
    "a text as shape": a_file({"a": tensor("F32", "1", 0, 4)}, bytes(4)),
    "NaN in the header": a_file(b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}', bytes(4)),
    "a tensor without type": a_file({"a": {"shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_refuses_what_is_damaged(name: str) -> None:
    with pytest.raises(TensorFileError, match="is damaged: ") as refused:
        read_tensors(DAMAGED[name])
    assert len(str(refused.value)) < 300


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_changed_file_is_read_or_refused(data: st.DataObject) -> None:
    raw = bytearray(safetensors.numpy.save({"a": np.ones(3, np.float32), "b": np.ones(2, np.int8)}, {"form": "any"}))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_tensors(bytes(raw))
    except TensorFileError as error:
        assert len(str(error)) < 300


@pytest.fixture
def store(tmp_path: Path, engine: Engine) -> AdapterStore:
    return AdapterStore(tmp_path, engine.bundle.manifest)


@pytest.fixture
def own(engine: Engine) -> Adapter:
    start = engine.bundle.adapter_init
    changed = Adapter(start.lora_a, start.lora_b, start.bias + np.float32(1))
    return changed.stored_as(engine.bundle.manifest.recipe.adapter_dtype)


def test_a_saved_adapter_can_be_loaded(store: AdapterStore, own: Adapter) -> None:
    store.save(3, own)
    np.testing.assert_array_equal(store.load(3).bias, own.bias)
    assert stat.S_IMODE(store.path(3).stat().st_mode) == 0o600
    with pytest.raises(AdapterError, match=r"adapter-4\.safetensors is missing"):
        store.load(4)


def test_keep_only_deletes_other_adapters_and_leftovers(tmp_path: Path, store: AdapterStore, own: Adapter) -> None:
    for number in (1, 2, 3):
        store.save(number, own)
    for name in (".adapter-2.safetensors.x7k", "adapter.safetensors", "previous.safetensors", "state.json", "a.txt"):
        (tmp_path / name).write_text("")
    store.keep_only([2])
    assert {path.name for path in tmp_path.iterdir()} == {"adapter-2.safetensors", "a.txt"}


def test_a_damaged_file_is_not_stored(tmp_path: Path, store: AdapterStore, own: Adapter) -> None:
    store.save(1, own)
    data = store.path(1).read_bytes()
    np.testing.assert_array_equal(store.save_file(2, data).bias, own.bias)
    with pytest.raises(AdapterError):
        store.save_file(3, data[:-4])
    assert {path.name for path in tmp_path.iterdir()} == {"adapter-1.safetensors", "adapter-2.safetensors"}
