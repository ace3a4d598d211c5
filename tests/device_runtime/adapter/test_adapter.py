"""Adapters are stored completely or not at all, and load only with their own model."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import safetensors.numpy

from device_runtime.adapter.adapter import Adapter, AdapterError, load_adapter, save_adapter
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


def test_an_adapter_is_read_only(adapter: Adapter) -> None:
    with pytest.raises(ValueError, match="read-only"):
        adapter.bias[0] = 1.0


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


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_encoding_hides_a_number_that_is_not_finite(
    adapter: Adapter, encoding: AdapterEncoding, value: float
) -> None:
    """A small encoding must not turn a diverged training into an adapter that the gate would judge."""
    diverged = Adapter(adapter.lora_a, adapter.lora_b, np.append(adapter.bias[1:], np.float32(value)))
    assert not diverged.stored_as(encoding).is_finite()


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
