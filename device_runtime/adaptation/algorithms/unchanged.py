"""The shared start as it is: for methods that leave the adapter alone, such as the owner's n-grams by themselves."""

from __future__ import annotations

from device_runtime.algorithm_registry import DeviceAlgorithm

ALGORITHM = DeviceAlgorithm("none", None)
