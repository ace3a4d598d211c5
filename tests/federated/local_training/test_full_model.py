import numpy as np
import pytest
import tensorflow as tf

from federated.job import TrainingConfig
from federated.local_training import full_model
from federated.local_training.full_model import ClientUpdate
from keyboard_model.batching import Batch
from keyboard_model.model import cifg_lstm
from keyboard_model.model.cifg_lstm import Parameters
from tests.support.federated.toys import BOS, B, E, T, client, loss_by_hand, parameters, stacked, updates_by_hand


def train(batches, *, rate=0.5, clip=1e6, dropout=0.0, cap=1e6) -> ClientUpdate:
    initial = Parameters(*map(tf.constant, parameters()))
    config = TrainingConfig(client_learning_rate=rate, clip=clip, dropout=dropout, weight_cap=cap)
    return full_model.client_update(initial, stacked(batches), config, BOS)


@pytest.mark.parametrize("clip", [1e6, 0.05])
def test_the_update_agrees_with_a_separate_implementation_of_sgd(clip):
    batches = client(3, seed=0, counted=7)
    for found, expected in zip(
        train(batches, clip=clip).update, updates_by_hand(parameters(), batches, 0.5, clip), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_loss_is_summed_over_the_counted_targets_before_each_step():
    result = train(client(1, seed=0, counted=7), rate=0.0)
    batch = client(1, seed=0, counted=7)[0]
    shared = parameters()
    features = tf.reshape(cifg_lstm.unroll(shared, tf.constant(batch.tokens), BOS), [-1, E])
    losses = cifg_lstm.token_losses(cifg_lstm.logits(shared, features), tf.constant(batch.targets.reshape(-1)))
    assert float(result.loss_sum) == pytest.approx(float(tf.reduce_sum(losses)), rel=1e-5)
    assert float(result.targets) == 7


def test_the_mean_loss_agrees_with_a_separate_computation():
    batches = client(2, seed=0, counted=7)
    found = full_model.mean_loss(Parameters(*map(tf.constant, parameters())), stacked(batches), BOS)
    assert float(found) == pytest.approx(loss_by_hand(parameters(), batches), rel=1e-5)


def test_the_mean_loss_without_targets_is_zero():
    shared = Parameters(*map(tf.constant, parameters()))
    assert float(full_model.mean_loss(shared, stacked(client(1, seed=0, counted=0)), BOS)) == 0


def test_a_rate_of_zero_trains_nothing():
    assert all(np.abs(part).max() == 0 for part in train(client(2, seed=0), rate=0.0).update)


def test_weight_is_the_targets_up_to_the_cap():
    batches = client(2, seed=0, counted=7)
    assert float(train(batches).weight) == 14
    capped = train(batches, cap=10.0)
    assert (float(capped.weight), float(capped.targets)) == (10, 14)


def test_a_batch_without_targets_changes_nothing():
    result = train(client(2, seed=0, counted=0))
    assert all(np.abs(part).max() == 0 for part in result.update)
    assert (float(result.weight), float(result.loss_sum), float(result.broken)) == (0, 0, 0)


def test_a_client_that_diverges_has_no_effect_and_is_marked_broken():
    result = train(client(32, seed=0), rate=20.0, clip=1e30)
    assert float(result.broken) == 1
    assert all(np.abs(part).max() == 0 for part in result.update)
    assert (float(result.weight), float(result.loss_sum), float(result.targets)) == (0, 0, 0)


def test_the_dropout_mask_depends_on_the_batch_alone_and_keeps_the_mean():
    batch = Batch(*map(tf.constant, client(1, seed=0)[0]))
    features = tf.ones([B * T, 500])
    once, again = (full_model.dropout_rate(features, 0.25, batch).numpy() for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert set(np.unique(once)) == {np.float32(0.0), np.float32(1.0 / 0.75)}
    assert once.mean() == pytest.approx(1.0, abs=0.03)
    np.testing.assert_array_equal(full_model.dropout_rate(features, 0.0, batch), features)
    assert not np.array_equal(train(client(2, seed=0), dropout=0.5).update[0], train(client(2, seed=0)).update[0])
