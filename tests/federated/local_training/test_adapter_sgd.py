import numpy as np
import pytest
import tensorflow as tf

from federated.local_training import adapter_sgd
from federated.local_training.adapter_sgd import ReadBatch
from tests.support.federated.adapters_by_hand import arrays, loss_and_gradient
from tests.support.federated.personal import TENSORS, random_adapter, text
from tests.support.federated.toys import BOS, B, E, T, client


def read(batches: list) -> ReadBatch:
    return adapter_sgd.read(TENSORS.parameters, text(batches, []).training, BOS)


CANDIDATES = [random_adapter(seed) for seed in (1, 2, 3)]


def test_losses_are_summed_over_the_counted_targets():
    batches = client(2, seed=0, counted=7)
    found = adapter_sgd.loss_sums(TENSORS.parameters, adapter_sgd.stack(CANDIDATES), read(batches))
    by_hand = [
        sum(7 * loss_and_gradient(TENSORS.parameters, arrays(theta), batch)[0] for batch in batches)
        for theta in CANDIDATES
    ]
    np.testing.assert_allclose(found, by_hand, rtol=1e-5)


def test_the_best_adapter_has_the_lowest_loss():
    batches = client(1, seed=1, counted=B * T)
    losses = [loss_and_gradient(TENSORS.parameters, arrays(theta), batches[0])[0] for theta in CANDIDATES]
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        several = adapter_sgd.stack([CANDIDATES[i] for i in order])
        best = adapter_sgd.best_adapter(TENSORS.parameters, several, read(batches))
        assert order[int(best)] == int(np.argmin(losses))
        for part, expected in zip(adapter_sgd.select(several, best), CANDIDATES[int(np.argmin(losses))], strict=True):
            np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize("batches", [[], client(1, seed=1, counted=0)])
def test_a_text_without_targets_selects_the_first_adapter(batches):
    best = adapter_sgd.best_adapter(TENSORS.parameters, adapter_sgd.stack(CANDIDATES), read(batches))
    assert int(best) == 0


def test_the_first_of_equal_adapters_is_selected():
    several = adapter_sgd.stack([CANDIDATES[1], CANDIDATES[0], CANDIDATES[0], CANDIDATES[1]])
    batches = read(client(1, seed=1))
    losses = adapter_sgd.loss_sums(TENSORS.parameters, several, batches)
    assert int(adapter_sgd.best_adapter(TENSORS.parameters, several, batches)) == int(tf.argmin(losses)) in (0, 1)


@pytest.mark.parametrize("number", [0, 1, 5])
def test_batches_read_together_equal_batches_read_alone(number, monkeypatch):
    monkeypatch.setattr(adapter_sgd, "_READ_TOGETHER", 2)
    batches = client(number, seed=3) if number else []
    found = read(batches)
    assert found.features.shape == (number, B * T, E) and found.targets.shape == (number, B * T)
    for *together, batch in zip(*found, batches, strict=True):
        features, targets = adapter_sgd.features(TENSORS.parameters, batch, BOS)
        np.testing.assert_allclose(together[0], features, atol=1e-6)
        np.testing.assert_array_equal(together[1], targets)
