"""The adapters that a bundle's phones start from: `adapter_init.safetensors`.

The first has its tensors under their plain names, and is all that most methods have; those of the next
are `1.lora_a`, `1.lora_b`, `1.bias`, and so on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError

from device_runtime.adapter.adapter import NAMES, Adapter, AdapterError, check_adapter
from device_runtime.manifest import ModelShape

Tensors = Mapping[str, npt.NDArray[Any]]


def serialize_initial_adapters(starts: Sequence[Tensors]) -> bytes:
    """Returns the file of so many starts, each its tensors by their plain names; stored as float32."""
    return safetensors.numpy.save(
        {
            _stored(name, at): np.ascontiguousarray(start[name], np.float32)
            for at, start in enumerate(starts)
            for name in NAMES
        }
    )


def load_initial_adapters(data: bytes, shape: ModelShape, number: int) -> tuple[Adapter, ...]:
    """Reads the file (whose bytes the manifest vouches for).

    Raises:
        AdapterError: it is not so many adapters of this shape.
    """
    try:
        tensors = safetensors.numpy.load(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise AdapterError(f"the initial adapter cannot be read: {error}") from error
    wanted = {_stored(name, at) for at in range(number) for name in NAMES}
    if tensors.keys() != wanted:
        raise AdapterError(
            f"the initial adapter has the tensors {sorted(tensors)}, the recipe's number of starts is {number}"
        )
    return tuple(
        check_adapter(
            {name: tensors[_stored(name, at)] for name in NAMES}, shape, f"start {at}" if at else "the initial adapter"
        )
        for at in range(number)
    )


def _stored(name: str, at: int) -> str:
    return f"{at}.{name}" if at else name
