import numpy as np
import pytest
import tensorflow_federated as tff

from federated.aggregation.quantized_mean import AT_LEAST, BITS, quantized_mean
from federated.algorithms.per_fedavg import METHOD
from tests.support.federated.personal import plan_of, rounds
from tests.support.federated.toys import client

pytestmark = pytest.mark.usefixtures("execution")
SIZE = AT_LEAST + 1  # far fewer than what TFF's own leaves alone


def mean(updates: list[np.ndarray], weights: list[float]) -> np.ndarray:
    process = quantized_mean().create(tff.TensorType(np.float32, [len(updates[0])]), tff.TensorType(np.float32))
    return process.next(process.initialize(), updates, [np.float32(weight) for weight in weights]).result


def test_it_is_the_weighted_mean_but_for_the_rounding_to_8_bits():
    drawn = np.random.default_rng(0).normal(size=(2, SIZE)).astype(np.float32) / SIZE  # not clipped
    found, exact = mean(list(drawn), [3.0, 1.0]), (3 * drawn[0] + drawn[1]) / 4
    step = sum(weight * np.ptp(each) for weight, each in zip((3.0, 1.0), drawn, strict=True)) / 4 / (2**BITS - 1)
    assert 0 < np.abs(found - exact).max() <= 1.01 * step


def test_one_client_sends_256_numbers_at_most():
    update = (np.random.default_rng(1).normal(size=5_000) / 100).astype(np.float32)
    assert len(np.unique(mean([update], [1.0]))) <= 2**BITS


def test_what_is_small_is_sent_as_it_is():
    update = np.linspace(0, 0.01, AT_LEAST // 2, dtype=np.float32)
    assert mean([update], [2.0]) == pytest.approx(update)


def test_a_methods_round_is_another_when_compressed_and_nearly_the_same():
    clients = [client(2, seed=seed) for seed in range(2)]
    exact, sent = (rounds(METHOD, plan_of(METHOD, federated={"compressed": on}), clients)[0] for on in (False, True))
    moved = np.linalg.norm(exact.bias)
    assert 0 < np.linalg.norm(sent.bias - exact.bias) < 0.1 * moved
