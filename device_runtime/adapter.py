"""What one user's training made: a value that can be stored, gated, rolled back and deleted.

Stored as safetensors with the id of the model it belongs to and a hash of its numbers, so that a
phone never runs another base's adapter or a damaged one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from device_runtime.manifest import ModelShape
from keyboard_model.atomic import write_private

Array = npt.NDArray[np.float32]
Dtype = Literal["float32", "float16"]
NAMES = ("lora_a", "lora_b", "bias")


class AdapterError(ValueError):
    """An adapter is another model's, damaged or unusable; the message says why."""


@dataclass(frozen=True, eq=False)
class Adapter:
    """`lora_a [E,r]`, `lora_b [r,E]`, `bias [V]`, float32 and read-only: see `keyboard_model.adapter`."""

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

    def stored_as(self, dtype: Dtype) -> Adapter:
        """The adapter that comes back after it was stored as `dtype`."""
        if dtype == "float32":
            return self
        with np.errstate(over="ignore"):  # an overflow is an infinity, which `is_finite` reports
            return Adapter(**{name: tensor.astype(dtype) for name, tensor in self.tensors().items()})


def save_adapter(path: Path, adapter: Adapter, model_id: str, dtype: Dtype) -> None:
    """Writes an adapter, whole or not at all.

    Raises:
        AdapterError: the adapter is not finite (as `dtype`).
        OSError: it cannot be written; what was there stays.
    """
    if not adapter.stored_as(dtype).is_finite():
        raise AdapterError("an adapter with infinite or missing numbers is not stored")
    tensors = {name: tensor.astype(dtype) for name, tensor in adapter.tensors().items()}
    metadata = {"model_id": model_id, "sha256": _digest(tensors)}
    write_private(path, safetensors.numpy.save(tensors, metadata=metadata))


def load_adapter(path: Path, shape: ModelShape, model_id: str) -> Adapter:
    """Reads an adapter that `save_adapter` wrote.

    Raises:
        AdapterError: it belongs to another model, has other shapes, is damaged or is no adapter at all.
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
    adapter = _checked(tensors, shape, path.name)
    if metadata.get("sha256") != _digest(tensors):
        raise AdapterError(f"{path.name} is damaged: its numbers are not those that were written")
    return adapter


def initial_adapter(data: bytes, shape: ModelShape) -> Adapter:
    """Reads a bundle's `adapter_init.safetensors` (whose bytes the manifest vouches for).

    Raises:
        AdapterError: it is no adapter of this shape.
    """
    try:
        tensors = safetensors.numpy.load(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise AdapterError(f"the initial adapter cannot be read: {error}") from error
    return _checked(tensors, shape, "the initial adapter")


def _checked(tensors: Mapping[str, npt.NDArray[Any]], shape: ModelShape, name: str) -> Adapter:
    wanted = {
        "lora_a": (shape.embedding, shape.rank),
        "lora_b": (shape.rank, shape.embedding),
        "bias": (shape.vocab,),
    }
    found = {key: tensor.shape for key, tensor in tensors.items()}
    if found != wanted:
        raise AdapterError(f"{name} has the tensors {found}, this model takes {wanted}")
    if any(tensor.dtype not in (np.float32, np.float16) for tensor in tensors.values()):
        raise AdapterError(f"{name} is neither float32 nor float16")
    adapter = Adapter(**tensors)
    if not adapter.is_finite():
        raise AdapterError(f"{name} holds infinite or missing numbers")
    return adapter


def _digest(tensors: Mapping[str, npt.NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in NAMES:
        digest.update(np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()
