"""The encodings in which an adapter can be stored.

| encoding | tensors, in the order in which they are hashed                                                      |
| -------- | --------------------------------------------------------------------------------------------------- |
| float32  | `lora_a [E,r]`, `lora_b [r,E]`, `bias [V]`                                                          |
| float16  | the same, rounded                                                                                   |
| int8     | the same, each q = round(x / scale), |q| <= 127; `lora_a.scale`, `lora_b.scale`, `bias.scale` float32 |
| sparse   | `lora_a`, `lora_b` float16; the large bias entries: `bias.pieces [n]`, `bias.values [n]` float16     |

An adapter that was stored and read back does not change when it is stored again: `pack(unpack(pack(x))) == pack(x)`. So
the gate judges, and the phone uses, exactly the numbers that the phone reads after its next start.
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
Layout = Mapping[str, tuple[str, tuple[int, ...]]]
NAMES = ("lora_a", "lora_b", "bias")
STORED_NAMES = (*NAMES, *(f"{name}.scale" for name in NAMES), "bias.pieces", "bias.values")
"""The tensor names of all encodings, in the order in which they are hashed."""

SMALLEST_SHARE = 0.01
"""Bias entries below this share of the largest one are left out.

SGD raises the bias of the few hundred pieces that were typed, and lowers every other one a little. Without the small
entries, no log-probability changes by more than twice this share of the largest entry: each logit changes by at most
this share, and so does the normalizer. `docs/bundle-format.md` has measurements on users of the NUS SMS corpus.
"""

_LARGEST_STEP = 127
_MOST_SHOWN = 8


class EncodingError(ValueError):
    """An encoding is unknown, or tensors do not match their encoding; the message says why."""


def pack(tensors: Plain, encoding: AdapterEncoding) -> dict[str, npt.NDArray[Any]]:
    """Returns the tensors to store.

    >>> bias = np.array([0.0, 254.0, -2.0, 1.0], np.float32)
    >>> tensors = {"lora_a": np.ones((2, 1), np.float32), "lora_b": np.ones((1, 2), np.float32), "bias": bias}
    >>> pack(tensors, "sparse")["bias.pieces"].tolist()  # a hundredth of 254 is 2.54
    [1]
    >>> unpack(pack(tensors, "int8"), "int8", {name: tensor.shape for name, tensor in tensors.items()})["bias"].tolist()
    [0.0, 254.0, -2.0, 0.0]

    Args:
        tensors: `lora_a`, `lora_b` and `bias`; every number is finite.
        encoding: One of the encodings in the table above.
    """
    return _PACK[encoding](tensors)


def unpack(stored: Stored, encoding: str, sizes: Sizes) -> dict[str, Array]:
    """Returns `lora_a`, `lora_b` and `bias` from tensors that `pack` returned.

    Args:
        stored: The stored tensors by name.
        encoding: The encoding that was passed to `pack`.
        sizes: The shapes of `lora_a`, `lora_b` and `bias`.

    Raises:
        EncodingError: the encoding is unknown, the tensors do not have its names, shapes and types, or a sparse bias
            has a piece twice or a piece that does not exist.
    """
    if encoding not in _PACK:
        raise EncodingError(f"has the unknown encoding {encoding[:40]!r}; the known encodings are {', '.join(_PACK)}")
    actual = {name: (tensor.dtype.name, tensor.shape) for name, tensor in stored.items()}
    expected = _layout(encoding, sizes, entries=stored["bias.pieces"].size if "bias.pieces" in stored else 0)
    if actual != expected:
        raise EncodingError(
            f"has the tensors {_shown(actual)}; this model needs {expected} in the encoding {encoding!r}"
        )
    if encoding == "int8":
        return {name: _scaled(stored[name], stored[f"{name}.scale"]) for name in NAMES}
    if encoding == "sparse":
        low_rank = {name: stored[name].astype(np.float32) for name in ("lora_a", "lora_b")}
        return {**low_rank, "bias": _dense(stored["bias.pieces"], stored["bias.values"], sizes["bias"][0])}
    return {name: stored[name].astype(np.float32) for name in NAMES}


def _shown(layout: Layout) -> str:
    """Describes what a file holds, in bounded length: it may have many tensors with long names."""
    shown = {name[:40]: (dtype, shape[:4]) for name, (dtype, shape) in list(layout.items())[:_MOST_SHOWN]}
    return f"{shown}{f' and {len(layout) - _MOST_SHOWN} more' if len(layout) > _MOST_SHOWN else ''}"


def _float32(tensors: Plain) -> dict[str, npt.NDArray[Any]]:
    return {name: tensors[name] for name in NAMES}


def _float16(tensors: Plain) -> dict[str, npt.NDArray[Any]]:
    return {name: _half(tensors[name]) for name in NAMES}


def _int8(tensors: Plain) -> dict[str, npt.NDArray[Any]]:
    """Uses one scale for each tensor.

    With one scale for each of the r components, the error of A·B would be 0.9 % instead of 1.1 %. The error of the bias
    is larger than both: 4 % (medians of 18 real adapters).
    """
    scales = {name: _scale(tensors[name]) for name in NAMES}
    steps = {name: np.rint(tensors[name] / scales[name]).astype(np.int8) for name in NAMES}
    return {**steps, **{f"{name}.scale": scales[name] for name in NAMES}}


def _sparse(tensors: Plain) -> dict[str, npt.NDArray[Any]]:
    bias = _half(tensors["bias"])
    size = np.abs(bias).astype(
        np.float32
    )  # rounded first, so that the same entries are left out when it is stored again
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
    with np.errstate(over="ignore"):  # an overflow becomes infinity, which `Adapter.is_finite` reports
        return tensor.astype(np.float16)


def _scale(tensor: Array) -> npt.NDArray[np.float32]:
    """Returns the scale that maps the largest number to 127.

    A tensor that was stored and read back gives the same scale again; this was tried for every fraction.
    """
    largest = float(np.abs(tensor).max(initial=0))
    return np.asarray(max(largest / _LARGEST_STEP, float(np.finfo(np.float32).tiny)), np.float32)


def _scaled(steps: npt.NDArray[np.int8], scale: npt.NDArray[np.float32]) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):  # `Adapter.is_finite` reports infinity and NaN
        return steps.astype(np.float32) * scale


def _dense(pieces: npt.NDArray[Any], values: npt.NDArray[np.float16], vocab: int) -> Array:
    ascending = pieces.astype(np.int64)
    if len(ascending) and (ascending[-1] >= vocab or np.any(np.diff(ascending) <= 0)):
        raise EncodingError(f"has bias pieces that do not ascend or are not below {vocab}")
    bias = np.zeros(vocab, np.float32)
    bias[ascending] = values
    return bias


def _piece_type(vocab: int) -> type[np.unsignedinteger[Any]]:
    return np.uint16 if vocab <= 1 << 16 else np.uint32


def _layout(encoding: str, sizes: Sizes, entries: int) -> Layout:
    """Returns the type and shape of each tensor. `entries` is the number of entries of a sparse bias."""
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
