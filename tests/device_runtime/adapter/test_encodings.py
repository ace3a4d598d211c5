"""The encodings: their content, errors and sizes, and that storing a stored adapter again changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings, strategies

from device_runtime.adapter.adapter import Adapter
from device_runtime.adapter.encodings import SMALLEST_SHARE, STORED_NAMES, EncodingError, Sizes, pack, unpack
from device_runtime.adapter.files import save_adapter
from device_runtime.inference.engine import Engine
from device_runtime.manifest import AdapterEncoding
from device_runtime.phone.phone import Phone

ENCODINGS: tuple[AdapterEncoding, ...] = get_args(AdapterEncoding)
SIZES: Sizes = {"lora_a": (2, 1), "lora_b": (1, 2), "bias": (4,)}
TYPED = 300


def small(bias: list[float]) -> Adapter:
    return Adapter(
        np.array([[127.0], [-63.5]], np.float32), np.array([[1.0, 0.25]], np.float32), np.array(bias, np.float32)
    )


@pytest.fixture(scope="module")
def typical() -> Adapter:
    """V=8192, E=96, r=4: the bias of 300 typed pieces is raised; one SGD step on a softmax lowers all others."""
    rng = np.random.default_rng(5)
    probabilities = rng.permutation(1 / np.arange(2.0, 8194.0))
    bias = -0.01 * probabilities / probabilities.sum() * 10
    bias[rng.choice(8192, TYPED, replace=False)] += rng.gamma(1.0, 0.1, TYPED) + 0.02
    return Adapter(
        rng.normal(0, 0.1, (96, 4)).astype(np.float32),
        rng.normal(0, 0.01, (4, 96)).astype(np.float32),
        bias.astype(np.float32),
    )


def log_probs(adapter: Adapter, features: npt.NDArray[np.float64], embedding: npt.NDArray[np.float64]) -> Any:
    """`log_softmax((f + f·A·B)·Eᵀ + bias)`. `[n, V]`"""
    logits = (features + features @ adapter.lora_a @ adapter.lora_b) @ embedding.T + adapter.bias
    largest = logits.max(axis=1, keepdims=True)
    return logits - largest - np.log(np.exp(logits - largest).sum(axis=1, keepdims=True))


def file_size(folder: Path, adapter: Adapter, encoding: AdapterEncoding) -> int:
    save_adapter(folder / "measured", adapter, "0" * 64, encoding)
    return (folder / "measured").stat().st_size


def largest_log_prob_change(adapter: Adapter, encoding: AdapterEncoding) -> float:
    """The largest change of any log-probability, in nats."""
    rng = np.random.default_rng(6)
    features, embedding = rng.normal(size=(5, 96)), rng.normal(size=(8192, 96)) / 5
    stored = log_probs(adapter.stored_as(encoding), features, embedding)
    return float(np.abs(stored - log_probs(adapter, features, embedding)).max())


def test_int8_matches_a_calculation_by_hand() -> None:
    stored = pack(small([0.0, 254.0, -2.0, 2.9]).tensors(), "int8")
    assert {name: tensor.tolist() for name, tensor in stored.items()} == {
        "lora_a": [[127], [-64]],
        "lora_b": [[127, 32]],
        "bias": [0, 127, -1, 1],
        "lora_a.scale": 1.0,
        "lora_b.scale": pytest.approx(1 / 127, rel=1e-4),
        "bias.scale": 2.0,
    }
    np.testing.assert_array_equal(unpack(stored, "int8", SIZES)["bias"], [0.0, 254.0, -2.0, 2.0])


def test_sparse_keeps_bias_entries_from_a_hundredth_of_the_largest_on() -> None:
    stored = pack(small([0.039, -4.0, 0.0, 0.041]).tensors(), "sparse")
    assert stored["bias.pieces"].tolist() == [1, 3]
    assert stored["bias.pieces"].dtype == np.uint16
    np.testing.assert_array_equal(stored["bias.values"], np.array([-4.0, 0.041], np.float16))
    np.testing.assert_array_equal(
        unpack(stored, "sparse", SIZES)["bias"], np.array([0, -4, 0, np.float16(0.041)], np.float32)
    )


def test_sparse_uses_uint32_for_more_than_65536_pieces() -> None:
    bias = np.zeros(65_537, np.float32)
    bias[-1] = 1.0
    stored = pack({**small([]).tensors(), "bias": bias}, "sparse")
    assert stored["bias.pieces"].dtype == np.uint32
    assert unpack(stored, "sparse", {**SIZES, "bias": (65_537,)})["bias"][65_536] == 1.0


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("scale", [0.0, 1e-44, 1e-7, 1.0, 3e4])
def test_storing_a_stored_adapter_again_changes_nothing(
    typical: Adapter, encoding: AdapterEncoding, scale: float
) -> None:
    """Otherwise the gate would judge another adapter than the phone reads after its next start."""
    scaled = Adapter(**{name: tensor * np.float32(scale) for name, tensor in typical.tensors().items()})
    once = scaled.stored_as(encoding)
    for name, tensor in once.stored_as(encoding).tensors().items():
        np.testing.assert_array_equal(tensor, once.tensors()[name])


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(largest=strategies.floats(0.1, 10))
@settings(max_examples=50)
def test_storing_again_changes_nothing_near_the_limit_of_sparse_entries(
    encoding: AdapterEncoding, largest: float
) -> None:
    """The largest entry rounds up or down; the others are near a hundredth of it, below which they are left out."""
    once = small([largest, *(largest * SMALLEST_SHARE * np.linspace(0.999, 1.001, 200))]).stored_as(encoding)
    np.testing.assert_array_equal(once.stored_as(encoding).bias, once.bias)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_tensors_are_packed_in_the_order_in_which_they_are_hashed(typical: Adapter, encoding: AdapterEncoding) -> None:
    names = list(pack(typical.tensors(), encoding))
    assert names == [name for name in STORED_NAMES if name in names]


def test_the_error_of_each_encoding_is_within_its_bound(typical: Adapter) -> None:
    for name, tensor in typical.tensors().items():
        largest = float(np.abs(tensor).max())
        lost = {encoding: np.abs(typical.stored_as(encoding).tensors()[name] - tensor).max() for encoding in ENCODINGS}
        assert lost["float32"] == 0
        assert lost["float16"] <= largest * 2**-11
        assert 0 < lost["int8"] <= largest / 127 / 2 * 1.001
        assert lost["sparse"] <= largest * (SMALLEST_SHARE + 2**-11)


def test_sparse_keeps_typed_pieces_and_changes_log_probabilities_little(typical: Adapter) -> None:
    """At most 3 % of the bias is lost, and log-probabilities change by at most twice the share of the largest entry."""
    kept = typical.stored_as("sparse").bias
    assert np.all(kept[typical.bias >= SMALLEST_SHARE * typical.bias.max() * 1.01] > 0)
    assert TYPED <= np.count_nonzero(kept) < 1.2 * TYPED
    assert np.linalg.norm(kept - typical.bias) < 0.03 * np.linalg.norm(typical.bias)
    assert largest_log_prob_change(typical, "sparse") <= 2 * SMALLEST_SHARE * float(typical.bias.max()) * 1.05


def test_smaller_encodings_have_small_errors(typical: Adapter, tmp_path: Path) -> None:
    size = {encoding: file_size(tmp_path, typical, encoding) for encoding in ENCODINGS}
    assert size["float32"] > 1.9 * size["float16"] > 3.4 * size["int8"] > 4.5 * size["sparse"]
    assert size["sparse"] < 3_600
    assert largest_log_prob_change(typical, "float16") < 1e-3
    assert largest_log_prob_change(typical, "int8") < 0.02


def test_sparse_stores_no_bias_entries_of_an_untrained_adapter(typical: Adapter) -> None:
    fresh = Adapter(typical.lora_a, np.zeros_like(typical.lora_b), np.zeros_like(typical.bias))
    stored = pack(fresh.tensors(), "sparse")
    assert stored["bias.pieces"].size == stored["bias.values"].size == 0
    assert not fresh.stored_as("sparse").bias.any()


def test_rejects_an_unknown_encoding() -> None:
    with pytest.raises(EncodingError, match="'int4'; the known encodings are float32, float16, int8, sparse"):
        unpack({}, "int4", SIZES)


@pytest.mark.parametrize("written", ENCODINGS)
@pytest.mark.parametrize("read", ENCODINGS)
def test_rejects_tensors_of_another_encoding(typical: Adapter, written: AdapterEncoding, read: AdapterEncoding) -> None:
    sizes = {name: tensor.shape for name, tensor in typical.tensors().items()}
    stored = pack(typical.tensors(), written)
    if written == read:
        assert unpack(stored, read, sizes).keys() == typical.tensors().keys()
    else:
        with pytest.raises(EncodingError, match="has the tensors"):
            unpack(stored, read, sizes)


@pytest.mark.parametrize("pieces", [[1, 1], [3, 1], [1, 4]])
def test_rejects_sparse_pieces_that_do_not_exist_or_are_duplicates(pieces: list[int]) -> None:
    stored = pack(small([0.0, 1.0, 0.0, 2.0]).tensors(), "sparse")
    with pytest.raises(EncodingError, match="do not ascend or are not below 4"):
        unpack({**stored, "bias.pieces": np.array(pieces, np.uint16)}, "sparse", SIZES)


@pytest.mark.parametrize(
    "changes",
    [
        {"bias.values": np.zeros(1, np.float16)},
        {"bias.values": np.zeros((2, 1), np.float16)},
        {"bias.values": np.zeros(2, np.float32)},
        {"bias.pieces": np.zeros(2, np.uint32)},
        {"bias": np.zeros(4, np.float16)},
        {"lora_a": np.zeros((1, 2), np.float16)},
    ],
)
def test_rejects_tensors_with_wrong_names_shapes_or_types(changes: dict[str, npt.NDArray[Any]]) -> None:
    stored = pack(small([0.0, 1.0, 0.0, 2.0]).tensors(), "sparse")
    with pytest.raises(EncodingError, match="has the tensors"):
        unpack({**stored, **changes}, "sparse", SIZES)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_phone_uses_the_adapter_that_it_reads_after_a_restart(
    tmp_path: Path, rebuilt: Callable[..., Engine], encoding: AdapterEncoding
) -> None:
    engine = rebuilt({"recipe": {"adapter_dtype": encoding, "gate": {"min_words": 0, "margin": 0.0}}})
    with Phone.open(tmp_path / "phone", engine) as phone:
        phone.observe_many([("see you at the station", None)] * 60)
        assert phone.adapt().verdict.kept
        used = phone.adapter
    assert (tmp_path / "phone" / "adapter-1.safetensors").stat().st_size == file_size(tmp_path, used, encoding)
    with Phone.open(tmp_path / "phone", engine) as phone:
        assert phone.notes == ()
        for name, tensor in phone.adapter.tensors().items():
            np.testing.assert_array_equal(tensor, used.tensors()[name])
