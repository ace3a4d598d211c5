"""Adapters as files: how one is written and read, and the files on a phone's disk.

An adapter is stored as safetensors, in one of the encodings of `encodings`. The file holds the id of the adapter's
model and a hash of its numbers, so that a phone never uses a damaged adapter or one of another model.

A file can come from an untrusted source. `safetensors` checks offsets, sizes and overlaps. `read_tensors` adds what it
does not check: the length of the header, names that occur twice, and types of numbers that NumPy does not know
(bfloat16, float8, float4), which it would report with different exceptions.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError, deserialize

from device_runtime.adapter.adapter import Adapter, AdapterError, check_adapter
from device_runtime.adapter.encodings import STORED_NAMES, pack
from device_runtime.manifest import AdapterEncoding, Manifest, ModelShape
from keyboard_model.storage.durable_files import atomic_write_private, erase, fsync_path

MAX_BYTES = 16 * 1024 * 1024
"""Bytes of an adapter's file; the limit for the initial adapters in a bundle is the same."""
_OF_VERSION_1 = ("adapter.safetensors", "previous.safetensors", "state.json")
MAX_HEADER = 256 * 1024
"""Bytes of the header. A tensor takes about a hundred."""
_LENGTH = 8
"""Bytes before the header, which hold its length."""
_TYPES = {"F32": "<f4", "F16": "<f2", "I8": "<i1", "U16": "<u2", "U32": "<u4"}
"""The types that adapters are stored in, by their names in safetensors."""
_LONGEST_REASON = 200


class TensorFileError(ValueError):
    """The bytes are not a safetensors file that can be used. The message is a phrase such as `is damaged: …`."""


def read_tensors(data: bytes) -> tuple[dict[str, str], dict[str, npt.NDArray[Any]]]:
    """Returns the metadata, and the tensors by name.

    Raises:
        TensorFileError: the file is damaged, has a name twice, or holds numbers of a type that no adapter uses.
    """
    length = int.from_bytes(data[:_LENGTH], "little")
    if length > MAX_HEADER:
        raise TensorFileError(f"is damaged: its header is longer than {MAX_HEADER:,} bytes")
    try:
        stored = deserialize(data)  # type: ignore[no-untyped-call]
        header = json.loads(data[_LENGTH : _LENGTH + length], object_pairs_hook=_once)
    except (SafetensorError, ValueError, RecursionError, OverflowError) as error:
        raise TensorFileError(f"is damaged: {str(error)[:_LONGEST_REASON]}") from error
    return header.get("__metadata__") or {}, {name: _array(**tensor) for name, tensor in stored}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice in its header")
    return found


def _array(dtype: str, shape: list[int], data: bytes) -> npt.NDArray[Any]:
    if dtype not in _TYPES:
        raise TensorFileError(f"has numbers of the type {dtype}; an adapter has {', '.join(_TYPES)}")
    try:
        return np.frombuffer(data, _TYPES[dtype]).reshape(shape)
    except (ValueError, OverflowError) as error:  # an empty tensor with an impossible shape
        raise TensorFileError("is damaged: a tensor has an impossible shape") from error


def save_adapter(path: Path, adapter: Adapter, model_id: str, encoding: AdapterEncoding) -> None:
    """Writes an adapter to a file, completely or not at all.

    Raises:
        AdapterError: the adapter is not finite, or becomes infinite in this encoding.
        OSError: the file cannot be written; an older file stays.
    """
    atomic_write_private(path, _file(adapter, model_id, encoding))


def load_adapter(path: Path, shape: ModelShape, model_id: str) -> Adapter:
    """Reads an adapter that `save_adapter` wrote, in any encoding.

    Raises:
        AdapterError: the file is damaged, has an unknown encoding, or belongs to another model.
        FileNotFoundError: the file does not exist.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise AdapterError(f"{path.name} cannot be read: {error.strerror}") from error
    return read_adapter(data, shape, model_id, path.name)


def read_adapter(data: bytes, shape: ModelShape, model_id: str, name: str) -> Adapter:
    """Reads the bytes of a file that `save_adapter` wrote.

    Args:
        name: What the error message calls the adapter.

    Raises:
        AdapterError: as in `load_adapter`.
    """
    try:
        metadata, tensors = read_tensors(data)
    except TensorFileError as error:
        raise AdapterError(f"{name} {error}") from error
    if metadata.get("model_id") != model_id:
        raise AdapterError(f"{name} belongs to another model")
    adapter = check_adapter(tensors, shape, name, metadata.get("form"))
    if metadata.get("sha256") != _digest(tensors):
        raise AdapterError(f"{name} is damaged: its numbers have changed since it was written")
    return adapter


def _file(adapter: Adapter, model_id: str, encoding: AdapterEncoding) -> bytes:
    if not adapter.stored_as(encoding).is_finite():
        raise AdapterError(f"the adapter cannot be stored: some of its numbers are infinite or NaN as {encoding}")
    tensors = pack(adapter.tensors(), encoding)
    metadata = {"model_id": model_id, "form": encoding, "sha256": _digest(tensors)}
    return safetensors.numpy.save(tensors, metadata=metadata)


def _digest(tensors: Mapping[str, npt.NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in STORED_NAMES:
        if name in tensors:
            digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()


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
