"""The adapters' files in a folder."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest

from device_runtime.adapter.adapter import Adapter, AdapterError
from device_runtime.adapter.store import AdapterStore
from device_runtime.inference.engine import Engine


@pytest.fixture
def store(tmp_path: Path, engine: Engine) -> AdapterStore:
    return AdapterStore(tmp_path, engine.bundle.manifest)


@pytest.fixture
def adapter(engine: Engine) -> Adapter:
    start = engine.bundle.adapter_init
    changed = Adapter(start.lora_a, start.lora_b, start.bias + np.float32(1))
    return changed.stored_as(engine.bundle.manifest.recipe.adapter_dtype)


def test_a_saved_adapter_can_be_loaded(store: AdapterStore, adapter: Adapter) -> None:
    store.save(3, adapter)
    np.testing.assert_array_equal(store.load(3).bias, adapter.bias)
    assert stat.S_IMODE(store.path(3).stat().st_mode) == 0o600
    with pytest.raises(AdapterError, match=r"adapter-4\.safetensors is missing"):
        store.load(4)


def test_keep_only_deletes_other_adapters_and_leftovers(tmp_path: Path, store: AdapterStore, adapter: Adapter) -> None:
    for number in (1, 2, 3):
        store.save(number, adapter)
    for name in (".adapter-2.safetensors.x7k", "adapter.safetensors", "previous.safetensors", "state.json", "a.txt"):
        (tmp_path / name).write_text("")
    store.keep_only([2])
    assert {path.name for path in tmp_path.iterdir()} == {"adapter-2.safetensors", "a.txt"}


def test_a_damaged_file_is_not_stored(tmp_path: Path, store: AdapterStore, adapter: Adapter) -> None:
    store.save(1, adapter)
    data = store.path(1).read_bytes()
    np.testing.assert_array_equal(store.save_file(2, data).bias, adapter.bias)
    with pytest.raises(AdapterError):
        store.save_file(3, data[:-4])
    assert {path.name for path in tmp_path.iterdir()} == {"adapter-1.safetensors", "adapter-2.safetensors"}
