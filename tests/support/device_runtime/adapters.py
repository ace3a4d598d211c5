"""Compares adapters."""

from __future__ import annotations

import numpy as np

from device_runtime.adapter.adapter import Adapter


def same(one: Adapter, other: Adapter) -> bool:
    """Whether every number of two adapters is equal."""
    return all(np.array_equal(tensor, other.tensors()[name]) for name, tensor in one.tensors().items())
