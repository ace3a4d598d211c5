"""What one user's training made: a value that can be stored, gated, rolled back and deleted.

Stored as safetensors, in one of the encodings of `encodings`, with the id of the model it belongs to and
a hash of its numbers, so that a phone never runs another base's adapter or a damaged one.

Adapters in proportion.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from device_runtime.adapter.encodings import NAMES as NAMES
from device_runtime.adapter.encodings import STORED_NAMES, EncodingError, Sizes, pack, unpack
from device_runtime.adapter.encodings import Array as Array
from device_runtime.manifest import AdapterEncoding, ModelShape
from keyboard_model.storage.durable_files import atomic_write_private


class AdapterError(ValueError):
    """An adapter is another model's, damaged or unusable; the message says why."""


@dataclass(frozen=True, eq=False)
class Adapter:
    """`lora_a [E,r]`, `lora_b [r,E]`, `bias [V]`, float32 and read-only: see `keyboard_model.model.adapter`."""

    lora_a: Array
    lora_b: Array
    bias: Array

    def __post_init__(self) -> None:
        for name in NAMES:
            frozen = np.ascontiguousarray(getattr(self, name), np.float32).view()
            frozen.flags.writeable = False
            object.__setattr__(self, name, frozen)

    def tensors(self) -> dict[str, Array]:
        """The tensors by the names that the model's signatures give them."""
        return {"lora_a": self.lora_a, "lora_b": self.lora_b, "bias": self.bias}

    def is_finite(self) -> bool:
        return all(bool(np.isfinite(tensor).all()) for tensor in self.tensors().values())

    def stored_as(self, encoding: AdapterEncoding) -> Adapter:
        """The adapter as it reads back after storing it in that encoding; not finite if it cannot be stored."""
        if not self.is_finite():
            return self
        sizes = {name: tensor.shape for name, tensor in self.tensors().items()}
        return Adapter(**unpack(pack(self.tensors(), encoding), encoding, sizes))


def save_adapter(path: Path, adapter: Adapter, model_id: str, encoding: AdapterEncoding) -> None:
    """Writes an adapter, whole or not at all.

    Raises:
        AdapterError: the adapter is not finite (in that encoding).
        OSError: it cannot be written; what was there stays.
    """
    atomic_write_private(path, _file(adapter, model_id, encoding))


def load_adapter(path: Path, shape: ModelShape, model_id: str) -> Adapter:
    """Reads an adapter that `save_adapter` wrote, in any encoding.

    Raises:
        AdapterError: it belongs to another model, has other shapes or an unknown encoding, or is damaged.
        FileNotFoundError: there is none.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    try:
        with safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (a handle, not a dict)
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise AdapterError(f"{path.name} is damaged: {error}") from error
    if metadata.get("model_id") != model_id:
        raise AdapterError(f"{path.name} belongs to another model")
    adapter = check_adapter(tensors, shape, path.name, metadata.get("form"))
    if metadata.get("sha256") != _digest(tensors):
        raise AdapterError(f"{path.name} is damaged: its numbers are not those that were written")
    return adapter


def check_adapter(
    tensors: Mapping[str, npt.NDArray[Any]], shape: ModelShape, name: str, encoding: str | None = None
) -> Adapter:
    """Returns the adapter that stored tensors come to; `encoding` None: float32 or float16, whichever they are.

    Raises:
        AdapterError: they are not what this model's adapter is in that encoding, or not finite; `name` is said.
    """
    try:
        adapter = Adapter(**unpack(tensors, encoding or _float_encoding(tensors), _sizes(shape)))
    except EncodingError as error:
        raise AdapterError(f"{name} {error}") from error
    if not adapter.is_finite():
        raise AdapterError(f"{name} holds infinite or missing numbers")
    return adapter


def _float_encoding(tensors: Mapping[str, npt.NDArray[Any]]) -> str:
    return "float16" if all(tensor.dtype == np.float16 for tensor in tensors.values()) else "float32"


def _sizes(shape: ModelShape) -> Sizes:
    return {
        "lora_a": (shape.embedding, shape.rank),
        "lora_b": (shape.rank, shape.embedding),
        "bias": (shape.vocab,),
    }


def _file(adapter: Adapter, model_id: str, encoding: AdapterEncoding) -> bytes:
    if not adapter.stored_as(encoding).is_finite():
        raise AdapterError(f"an adapter with infinite or missing numbers (as {encoding}) is not stored")
    tensors = pack(adapter.tensors(), encoding)
    metadata = {"model_id": model_id, "form": encoding, "sha256": _digest(tensors)}
    return safetensors.numpy.save(tensors, metadata=metadata)


def _digest(tensors: Mapping[str, npt.NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in STORED_NAMES:
        if name in tensors:
            digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()


def interpolate(first: Adapter, second: Adapter, share: float) -> Adapter:
    """share·first + (1 − share)·second."""

    def mixed(one: Array, other: Array) -> Array:
        return one * share + other * (1.0 - share)

    return Adapter(
        mixed(first.lora_a, second.lora_a), mixed(first.lora_b, second.lora_b), mixed(first.bias, second.bias)
    )
