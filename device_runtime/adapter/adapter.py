"""The adapter: the small set of weights that one user's training produces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from device_runtime.adapter.encodings import NAMES, Array, EncodingError, Sizes, pack, unpack
from device_runtime.manifest import AdapterEncoding, ModelShape

LARGEST_NUMBER = float(np.finfo(np.float16).max)
"""No number of an adapter is larger. With larger ones, a sum in the model could become infinite."""


class AdapterError(ValueError):
    """An adapter is damaged, unusable, or belongs to another model; the message says why."""


@dataclass(frozen=True, eq=False)
class Adapter:
    """The tensors of an adapter, float32 and read-only. `keyboard_model.model.adapter` defines what they compute.

    Attributes:
        lora_a: `[E, r]`, the first factor of the low-rank change.
        lora_b: `[r, E]`, the second factor.
        bias: `[V]`, added to the logits.
    """

    lora_a: Array
    lora_b: Array
    bias: Array

    def __post_init__(self) -> None:
        for name in NAMES:
            frozen = np.ascontiguousarray(getattr(self, name), np.float32).view()
            frozen.flags.writeable = False
            object.__setattr__(self, name, frozen)

    def tensors(self) -> dict[str, Array]:
        """Returns the tensors by name. The model's signatures use the same names."""
        return {"lora_a": self.lora_a, "lora_b": self.lora_b, "bias": self.bias}

    def is_finite(self) -> bool:
        """Whether every number is finite."""
        return all(bool(np.isfinite(tensor).all()) for tensor in self.tensors().values())

    def stored_as(self, encoding: AdapterEncoding) -> Adapter:
        """Returns the adapter as it is after it was stored in this encoding and read back.

        If it cannot be stored in this encoding, the result is not finite.
        """
        if not self.is_finite():
            return self
        sizes = {name: tensor.shape for name, tensor in self.tensors().items()}
        return Adapter(**unpack(pack(self.tensors(), encoding), encoding, sizes))


def check_adapter(
    tensors: Mapping[str, npt.NDArray[Any]], shape: ModelShape, name: str, encoding: str | None = None
) -> Adapter:
    """Returns the adapter in some stored tensors.

    Args:
        tensors: The stored tensors by name.
        shape: The sizes of the model.
        name: What the error message calls the adapter.
        encoding: How the tensors are encoded; None = float32 or float16, by their type.

    Raises:
        AdapterError: the tensors do not match the model in this encoding, or are not finite, or too large.
    """
    try:
        adapter = Adapter(**unpack(tensors, encoding or _float_encoding(tensors), _sizes(shape)))
    except EncodingError as error:
        raise AdapterError(f"{name} {error}") from error
    if not adapter.is_finite():
        raise AdapterError(f"{name} has numbers that are infinite or NaN")
    if any(np.abs(tensor).max(initial=0) > LARGEST_NUMBER for tensor in adapter.tensors().values()):
        raise AdapterError(f"{name} has numbers beyond {LARGEST_NUMBER:,.0f}, which no training gives")
    return adapter


def _float_encoding(tensors: Mapping[str, npt.NDArray[Any]]) -> str:
    return "float16" if all(tensor.dtype == np.float16 for tensor in tensors.values()) else "float32"


def _sizes(shape: ModelShape) -> Sizes:
    return {
        "lora_a": (shape.embedding, shape.rank),
        "lora_b": (shape.rank, shape.embedding),
        "bias": (shape.vocab,),
    }


def interpolate(first: Adapter, second: Adapter, share: float) -> Adapter:
    """Returns share·first + (1 − share)·second."""

    def mixed(one: Array, other: Array) -> Array:
        return one * share + other * (1.0 - share)

    return Adapter(
        mixed(first.lora_a, second.lora_a), mixed(first.lora_b, second.lora_b), mixed(first.bias, second.bias)
    )
