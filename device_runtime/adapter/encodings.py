"""The encodings in which an adapter may be stored, and back.

| encoding | tensors, in the order in which they are hashed                                                      |
| -------- | --------------------------------------------------------------------------------------------------- |
| float32  | `lora_a [E,r]`, `lora_b [r,E]`, `bias [V]`                                                          |
| float16  | the same, rounded                                                                                   |
| int8     | the same, each q = round(x / scale), |q| <= 127; `lora_a.scale`, `lora_b.scale`, `bias.scale` float32 |
| sparse   | `lora_a`, `lora_b` float16; of the bias what matters: `bias.pieces [n]`, `bias.values [n]` float16   |

Storing an adapter that was stored and read back changes nothing (`pack(unpack(pack(x))) == pack(x)`), so a phone
uses, and its gate judges, exactly the numbers that it will read back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from device_runtime.manifest import AdapterEncoding

Array = npt.NDArray[np.float32]
Plain = Mapping[str, Array]
Stored = Mapping[str, npt.NDArray[Any]]
Sizes = Mapping[str, tuple[int, ...]]
NAMES = ("lora_a", "lora_b", "bias")
STORED_NAMES = (*NAMES, *(f"{name}.scale" for name in NAMES), "bias.pieces", "bias.values")
"""The tensor names of all encodings, in the order of the table."""

SMALLEST_SHARE = 0.01
"""Bias entries below this share of the largest are left out. A step on the bias moves the few hundred pieces that were
typed up, and every other piece down by a little. Left out, they move no log-probability by more than twice this share
of the largest entry: each logit moves by at most the share, and so does their normalizer.

Measured on users of the NUS SMS corpus, see `docs/bundle-format.md`."""

_LARGEST_STEP = 127


class EncodingError(ValueError):
    """Tensors are in an unknown encoding, or do not match their encoding; the message says why."""


def pack(tensors: Plain, encoding: AdapterEncoding) -> dict[str, npt.NDArray[Any]]:
    """Returns the tensors to store. `tensors`: `lora_a`, `lora_b`, `bias`, all finite."""
    return _PACK[encoding](tensors)


def unpack(stored: Stored, encoding: str, sizes: Sizes) -> dict[str, Array]:
    """Returns `lora_a`, `lora_b`, `bias`, of these sizes, from tensors that `pack` made.

    Raises:
        EncodingError: the encoding is unknown, the tensors do not have its names, shapes or types, or a sparse bias
            names a piece twice or one that does not exist.
    """
    if encoding not in _PACK:
        raise EncodingError(f"is in the form {encoding!r}, known are {', '.join(_PACK)}")
    found = {name: (str(tensor.dtype), tensor.shape) for name, tensor in stored.items()}
    wanted = _layout(encoding, sizes, entries=stored["bias.pieces"].size if "bias.pieces" in stored else 0)
    if found != wanted:
        raise EncodingError(f"has the tensors {found}, this model takes {wanted} in the form {encoding!r}")
    if encoding == "int8":
        return {name: _scaled(stored[name], stored[f"{name}.scale"]) for name in NAMES}
    if encoding == "sparse":
        low_rank = {name: stored[name].astype(np.float32) for name in ("lora_a", "lora_b")}
        return {**low_rank, "bias": _dense(stored["bias.pieces"], stored["bias.values"], sizes["bias"][0])}
    return {name: stored[name].astype(np.float32) for name in NAMES}


def _float32(tensors: Plain) -> dict[str, npt.NDArray[Any]]:
    return {name: tensors[name] for name in NAMES}


def _float16(tensors: Plain) -> dict[str, npt.NDArray[Any]]:
    return {name: _half(tensors[name]) for name in NAMES}


def _int8(tensors: Plain) -> dict[str, npt.NDArray[Any]]:
    """One scale a tensor. With one for each of the r components the error of A·B is 0.9 % instead of 1.1 %, but that of
    the bias is 4 % (medians of 18 real adapters)."""
    scales = {name: _scale(tensors[name]) for name in NAMES}
    steps = {name: np.rint(tensors[name] / scales[name]).astype(np.int8) for name in NAMES}
    return {**steps, **{f"{name}.scale": scales[name] for name in NAMES}}


def _sparse(tensors: Plain) -> dict[str, npt.NDArray[Any]]:
    bias = _half(tensors["bias"])
    size = np.abs(bias).astype(np.float32)  # once rounded, so that what was read back is thinned out no further
    pieces = np.flatnonzero((size >= SMALLEST_SHARE * size.max(initial=0)) & (size > 0))
    return {
        "lora_a": _half(tensors["lora_a"]),
        "lora_b": _half(tensors["lora_b"]),
        "bias.pieces": pieces.astype(_piece_type(len(bias))),
        "bias.values": bias[pieces],
    }


_PACK: dict[str, Callable[[Plain], dict[str, npt.NDArray[Any]]]] = {
    "float32": _float32,
    "float16": _float16,
    "int8": _int8,
    "sparse": _sparse,
}


def _half(tensor: Array) -> npt.NDArray[np.float16]:
    with np.errstate(over="ignore"):  # an overflow is an infinity, which `Adapter.is_finite` reports
        return tensor.astype(np.float16)


def _scale(tensor: Array) -> npt.NDArray[np.float32]:
    """What takes the largest number to 127; read back, it gives the same scale again (tried for every fraction)."""
    largest = float(np.abs(tensor).max(initial=0))
    return np.asarray(max(largest / _LARGEST_STEP, float(np.finfo(np.float32).tiny)), np.float32)


def _scaled(steps: npt.NDArray[np.int8], scale: npt.NDArray[np.float32]) -> Array:
    with np.errstate(over="ignore"):
        return steps.astype(np.float32) * scale


def _dense(pieces: npt.NDArray[Any], values: npt.NDArray[np.float16], vocab: int) -> Array:
    ascending = pieces.astype(np.int64)
    if len(ascending) and (ascending[-1] >= vocab or np.any(np.diff(ascending) <= 0)):
        raise EncodingError(f"names pieces that do not ascend below {vocab}")
    bias = np.zeros(vocab, np.float32)
    bias[ascending] = values
    return bias


def _piece_type(vocab: int) -> type[np.unsignedinteger[Any]]:
    return np.uint16 if vocab <= 1 << 16 else np.uint32


def _layout(encoding: str, sizes: Sizes, entries: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Type and shape of each tensor; `entries`: of a sparse bias."""
    if encoding == "int8":
        steps = {name: ("int8", sizes[name]) for name in NAMES}
        return {**steps, **{f"{name}.scale": ("float32", ()) for name in NAMES}}
    if encoding == "sparse":
        return {
            "lora_a": ("float16", sizes["lora_a"]),
            "lora_b": ("float16", sizes["lora_b"]),
            "bias.pieces": (np.dtype(_piece_type(sizes["bias"][0])).name, (entries,)),
            "bias.values": ("float16", (entries,)),
        }
    return {name: (encoding, sizes[name]) for name in NAMES}
