"""The tensors of an adapter: read-only, and never made finite by an encoding."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from device_runtime.adapter.adapter import Adapter
from device_runtime.manifest import AdapterEncoding

ENCODINGS: tuple[AdapterEncoding, ...] = get_args(AdapterEncoding)


@pytest.fixture
def adapter() -> Adapter:
    rng = np.random.default_rng(0)
    a, b, bias = (rng.normal(size=size).astype(np.float32) for size in ((4, 2), (2, 4), 7))
    return Adapter(a, b, bias)


def test_an_adapter_is_read_only(adapter: Adapter) -> None:
    with pytest.raises(ValueError, match="read-only"):
        adapter.bias[0] = 1.0


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_encoding_hides_a_number_that_is_not_finite(
    adapter: Adapter, encoding: AdapterEncoding, value: float
) -> None:
    """A small encoding must not turn a diverged training into an adapter that the gate would judge."""
    diverged = Adapter(adapter.lora_a, adapter.lora_b, np.append(adapter.bias[1:], np.float32(value)))
    assert not diverged.stored_as(encoding).is_finite()
