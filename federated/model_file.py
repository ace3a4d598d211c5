"""The file of a model's weights, in runs and bases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.storage.durable_files import atomic_write


class ModelFileError(ValueError):
    """The weights are damaged; the message says why."""


def write_parameters(path: Path, parameters: Parameters, **about: str) -> None:
    """Replaces the file `path` by these weights; `about` is kept in its header."""
    tensors = {name: np.ascontiguousarray(value) for name, value in parameters._asdict().items()}
    atomic_write(path, safetensors.numpy.save(tensors, metadata=about))


def read_parameters(path: Path) -> Parameters:
    """Returns the weights of a file that `write_parameters` wrote, as NumPy arrays.

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: it is something else, or damaged.
    """
    try:
        return Parameters(**safetensors.numpy.load(path.read_bytes()))
    except (SafetensorError, TypeError) as error:
        raise ModelFileError(f"{path} is damaged: {error}") from error
