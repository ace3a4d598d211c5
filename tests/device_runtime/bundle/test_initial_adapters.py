"""A bundle's starts on disk: one by plain names, more of them numbered."""

from __future__ import annotations

import numpy as np
import pytest
import safetensors.numpy

from device_runtime.adapter.adapter import AdapterError
from device_runtime.bundle.initial_adapters import Tensors, load_initial_adapters, serialize_initial_adapters
from device_runtime.manifest import ModelShape

SHAPE = ModelShape(vocab=7, embedding=4, cells=3, rank=2, batch=1, window=2, bos=1)


def start(seed: int) -> Tensors:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=size) for name, size in (("lora_a", (4, 2)), ("lora_b", (2, 4)), ("bias", 7))}


@pytest.mark.parametrize("number", [1, 3])
def test_what_is_stored_comes_back_in_order(number: int) -> None:
    starts = [start(seed) for seed in range(number)]
    found = load_initial_adapters(serialize_initial_adapters(starts), SHAPE, number)
    assert len(found) == number
    for one, expected in zip(found, starts, strict=True):
        for name, tensor in one.tensors().items():
            np.testing.assert_array_equal(tensor, np.asarray(expected[name], np.float32))


def test_the_names_are_those_of_the_documentation() -> None:
    tensors = safetensors.numpy.load(serialize_initial_adapters([start(0), start(1)]))
    assert set(tensors) == {"lora_a", "lora_b", "bias", "1.lora_a", "1.lora_b", "1.bias"}
    assert {tensor.dtype.name for tensor in tensors.values()} == {"float32"}
    np.testing.assert_array_equal(tensors["1.bias"], np.asarray(start(1)["bias"], np.float32))


@pytest.mark.parametrize("number", [1, 3])
def test_another_number_than_the_recipe_s_is_refused(number: int) -> None:
    with pytest.raises(AdapterError, match=f"number of starts is {number}"):
        load_initial_adapters(serialize_initial_adapters([start(0), start(1)]), SHAPE, number)


def test_any_start_of_another_model_or_not_finite_is_refused() -> None:
    with pytest.raises(AdapterError, match="start 1 has the tensors"):
        load_initial_adapters(serialize_initial_adapters([start(0), {**start(1), "bias": np.zeros(8)}]), SHAPE, 2)
    with pytest.raises(AdapterError, match="start 1 holds infinite"):
        load_initial_adapters(
            serialize_initial_adapters([start(0), {**start(1), "bias": np.full(7, np.nan)}]), SHAPE, 2
        )


def test_what_is_no_safetensors_is_refused() -> None:
    with pytest.raises(AdapterError, match="cannot be read"):
        load_initial_adapters(b"no", SHAPE, 1)
