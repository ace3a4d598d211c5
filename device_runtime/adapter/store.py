"""The adapters on a phone's disk: one file for each, named by the id of the adaptation that made it."""

from __future__ import annotations

import stat
from collections.abc import Collection
from pathlib import Path

from device_runtime.adapter.adapter import Adapter, AdapterError, load_adapter, read_adapter, save_adapter
from device_runtime.manifest import Manifest
from keyboard_model.storage.durable_files import atomic_write_private, erase, fsync_path

MAX_BYTES = 16 * 1024 * 1024
"""Bytes of an adapter's file; the limit for the initial adapters in a bundle is the same."""
_OF_VERSION_1 = ("adapter.safetensors", "previous.safetensors", "state.json")


class AdapterStore:
    """The files `adapter-<id>.safetensors` in a folder, for one shared model."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder = folder
        self._manifest = manifest

    def path(self, adapter_id: int) -> Path:
        """Returns the path of an adapter's file, which need not exist."""
        return self._folder / f"adapter-{adapter_id}.safetensors"

    def save(self, adapter_id: int, adapter: Adapter) -> None:
        """Writes an adapter in the recipe's encoding, completely or not at all.

        Raises:
            AdapterError: the adapter is not finite in this encoding.
            OSError: the file cannot be written.
        """
        save_adapter(self.path(adapter_id), adapter, self._manifest.model_id, self._manifest.recipe.adapter_dtype)

    def save_file(self, adapter_id: int, data: bytes) -> Adapter:
        """Stores the content of an adapter file that a phone wrote. Returns the adapter in it.

        Raises:
            AdapterError: the content is damaged or not an adapter, or belongs to another model; it is not stored.
            OSError: the file cannot be written.
        """
        path = self.path(adapter_id)
        adapter = read_adapter(data, self._manifest.model, self._manifest.model_id, path.name)
        atomic_write_private(path, data)
        return adapter

    def load(self, adapter_id: int) -> Adapter:
        """Reads an adapter.

        Raises:
            AdapterError: the file is missing or damaged, or belongs to another model.
        """
        path = self.path(adapter_id)
        try:
            found = path.lstat()
            if not stat.S_ISREG(found.st_mode):  # opening a named pipe would wait for ever
                raise AdapterError(f"{path.name} is damaged: it is not a plain file")
            if found.st_size > MAX_BYTES:
                raise AdapterError(f"{path.name} is damaged: it has {found.st_size:,} bytes, more than any adapter")
            return load_adapter(path, self._manifest.model, self._manifest.model_id)
        except FileNotFoundError as error:
            raise AdapterError(f"{path.name} is missing") from error

    def keep_only(self, ids: Collection[int]) -> None:
        """Deletes all other adapters, and files that an interrupted write left behind."""
        kept = {self.path(adapter_id) for adapter_id in ids}
        leftover = [path for path in self._folder.glob("adapter-*.safetensors") if path not in kept]
        leftover += self._folder.glob(".adapter-*.safetensors.*")
        leftover += [path for name in _OF_VERSION_1 if (path := self._folder / name).exists()]
        for path in leftover:
            erase(path)
        if leftover:
            fsync_path(self._folder)
