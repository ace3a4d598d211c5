"""Adapters in proportion."""

from __future__ import annotations

from device_runtime.adapter import Adapter, Array


def between(first: Adapter, second: Adapter, share: float) -> Adapter:
    """share·first + (1 − share)·second."""

    def mixed(one: Array, other: Array) -> Array:
        return one * share + other * (1.0 - share)

    return Adapter(
        mixed(first.lora_a, second.lora_a), mixed(first.lora_b, second.lora_b), mixed(first.bias, second.bias)
    )
