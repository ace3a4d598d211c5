"""The file of a model's weights, in runs and bases: float32, or int8 with a scale for each row of a matrix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError

from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.storage.durable_files import atomic_write

_SCALE = ".scale"
_LARGEST = 127
Tensors = dict[str, npt.NDArray[np.generic]]


class ModelFileError(ValueError):
    """The weights are damaged; the message says why."""


def write_parameters(
    path: Path, parameters: Parameters, about: Mapping[str, str] | None = None, *, int8: bool = False
) -> None:
    """Replaces the file `path` by these weights.

    Args:
        about: Kept in the header of the file.
        int8: Write matrices in a quarter of the bytes. A number is then off by at most 1/254 of the largest one in its
            row.
    """
    tensors: Tensors = {}
    for name, value in parameters._asdict().items():
        whole = np.ascontiguousarray(value, np.float32)
        tensors |= _quantized(name, whole) if int8 and whole.ndim == 2 else {name: whole}
    atomic_write(path, safetensors.numpy.save(tensors, metadata=dict(about or {})))


def read_parameters(path: Path) -> Parameters:
    """Returns the weights of a file that `write_parameters` wrote, as float32 NumPy arrays.

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: it is something else, or damaged.
    """
    try:
        tensors = safetensors.numpy.load(path.read_bytes())
        scales = {name.removesuffix(_SCALE): tensors.pop(name) for name in list(tensors) if name.endswith(_SCALE)}
        return Parameters(
            **{name: value * scales[name] if name in scales else value for name, value in tensors.items()}
        )
    except (SafetensorError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} is damaged: {error}") from error


def _quantized(name: str, matrix: npt.NDArray[np.float32]) -> Tensors:
    scale = np.abs(matrix).max(axis=1, keepdims=True) / np.float32(_LARGEST)
    scale[scale == 0] = 1.0
    return {name: np.rint(matrix / scale).astype(np.int8), name + _SCALE: scale}
