"""Reads a safetensors file from an untrusted source.

`safetensors` checks offsets, sizes and overlaps. What it does not check is added here: the length of the header, names
that occur twice, and types of numbers that NumPy does not know (bfloat16, float8, float4), which it would report with
different exceptions.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, deserialize

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
