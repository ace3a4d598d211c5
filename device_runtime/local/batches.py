"""An owner's windows as the model reads them: batches of its one size, and what it says of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from device_runtime.adapter import Adapter
from device_runtime.engine import Engine
from keyboard_model.windows import IGNORE, Windows

Batch = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]


def batches(engine: Engine, windows: Windows) -> list[Batch]:
    """The windows in batches of the size that the model takes, the last filled up with what counts nowhere."""
    size, bos = engine.shape.batch, engine.shape.bos
    missing = -len(windows.tokens) % size
    tokens = np.pad(windows.tokens, ((0, missing), (0, 0)), constant_values=bos)
    targets = np.pad(windows.targets, ((0, missing), (0, 0)), constant_values=IGNORE)
    return [(tokens[at : at + size], targets[at : at + size]) for at in range(0, len(tokens), size)]


def counted(windows: Windows) -> int:
    """How many targets the windows count."""
    return int((windows.targets != IGNORE).sum())


def log_probs(engine: Engine, windows: Windows, adapter: Adapter) -> npt.NDArray[np.float64]:
    """Log-probability of each counted target of the windows, in order. `[counted]`, float64"""
    found = [engine.evaluate(*batch, adapter)[batch[1] != IGNORE] for batch in batches(engine, windows)]
    return np.concatenate([np.zeros(0), *found])
