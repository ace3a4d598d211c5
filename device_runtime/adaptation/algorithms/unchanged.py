"""Keeps the shared start, for methods that do not train an adapter, such as the owner's n-grams alone."""

from __future__ import annotations

from device_runtime.algorithm_registry import DeviceAlgorithm

ALGORITHM = DeviceAlgorithm("none", None)
