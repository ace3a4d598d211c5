"""Adapters: values, stored whole, bound to their model."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from device_runtime.adapter import Adapter, AdapterError, Dtype, load_adapter, save_adapter
from device_runtime.manifest import ModelShape
from keyboard_model.atomic import write_private

SHAPE = ModelShape(vocab=7, embedding=4, cells=3, rank=2, batch=1, window=2, bos=1)


@pytest.fixture
def adapter() -> Adapter:
    rng = np.random.default_rng(0)
    a, b, bias = (rng.normal(size=size).astype(np.float32) for size in ((4, 2), (2, 4), 7))
    return Adapter(a, b, bias)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_what_is_stored_comes_back(tmp_path: Path, adapter: Adapter, dtype: Dtype) -> None:
    path = tmp_path / "adapter.safetensors"
    save_adapter(path, adapter, "model", dtype)
    loaded, expected = load_adapter(path, SHAPE, "model"), adapter.stored_as(dtype)
    for name, tensor in loaded.tensors().items():
        np.testing.assert_array_equal(tensor, expected.tensors()[name])
        assert tensor.dtype == np.float32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_adapter_cannot_be_changed(adapter: Adapter) -> None:
    with pytest.raises(ValueError, match="read-only"):
        adapter.bias[0] = 1.0


def test_another_models_adapter_is_refused(tmp_path: Path, adapter: Adapter) -> None:
    save_adapter(tmp_path / "a", adapter, "model", "float32")
    with pytest.raises(AdapterError, match="another model"):
        load_adapter(tmp_path / "a", SHAPE, "other")
    with pytest.raises(AdapterError, match="tensors"):
        load_adapter(tmp_path / "a", SHAPE.model_copy(update={"rank": 3}), "model")


def test_every_damage_is_refused(tmp_path: Path, adapter: Adapter) -> None:
    path = tmp_path / "a"
    save_adapter(path, adapter, "model", "float32")
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at])
        with pytest.raises(AdapterError):
            load_adapter(path, SHAPE, "model")
    for at in range(len(whole) - 4 * 23, len(whole)):  # the numbers themselves
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(AdapterError, match="damaged"):
            load_adapter(path, SHAPE, "model")


def test_a_stranger_without_a_hash_is_refused(tmp_path: Path, adapter: Adapter) -> None:
    safetensors.numpy.save_file(adapter.tensors(), tmp_path / "a", metadata={"model_id": "model"})
    with pytest.raises(AdapterError, match="damaged"):
        load_adapter(tmp_path / "a", SHAPE, "model")


def test_infinite_numbers_are_never_stored(tmp_path: Path, adapter: Adapter) -> None:
    large = Adapter(adapter.lora_a, adapter.lora_b, np.full(7, 1e6, np.float32))
    save_adapter(tmp_path / "a", large, "model", "float32")
    before = (tmp_path / "a").read_bytes()
    with pytest.raises(AdapterError, match="infinite"):
        save_adapter(tmp_path / "a", large, "model", "float16")
    assert (tmp_path / "a").read_bytes() == before


def test_no_adapter_is_told_from_a_bad_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_adapter(tmp_path / "none", SHAPE, "model")


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_private(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_private(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
