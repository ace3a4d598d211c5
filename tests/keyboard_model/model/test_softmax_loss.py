"""The loss of the softmax and its gradient by hand: numbers, autodiff, large scores, targets that do not count."""

import math

import numpy as np
import pytest
import tensorflow as tf

from keyboard_model.batching import IGNORE
from keyboard_model.model import cifg_lstm, softmax_loss

V, E, N = 13, 4, 9


def some_problem(seed: int) -> tuple[list[tf.Tensor], tf.Tensor, tf.Tensor]:
    """Returns (embedding, bias, features), targets and weights; every fourth target does not count."""
    rng = np.random.default_rng(seed)
    tensors = [tf.constant(rng.standard_normal(shape), tf.float32) for shape in ((V, E), (V,), (N, E))]
    targets = rng.integers(0, V, N).astype(np.int32)
    targets[::4] = IGNORE
    weights = np.where(targets == IGNORE, 0.0, rng.random(N)).astype(np.float32)
    return tensors, tf.constant(targets), tf.constant(weights)


def by_autodiff(tensors: list[tf.Tensor], targets: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        embedding, bias, features = tensors
        scores = tf.matmul(features, embedding, transpose_b=True) + bias
        loss = tf.reduce_sum(weights * cifg_lstm.token_losses(scores, targets))
    return loss, tape.gradient(loss, tensors)


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_automatic_differentiation(seed):
    tensors, targets, weights = some_problem(seed)
    expected_loss, expected = by_autodiff(tensors, targets, weights)
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        loss = 3.0 * softmax_loss.loss_sum(*tensors, targets, weights)
    np.testing.assert_allclose(loss, 3.0 * expected_loss, rtol=1e-5)
    for found, wanted in zip(tape.gradient(loss, tensors), expected, strict=True):
        np.testing.assert_allclose(found, 3.0 * wanted, atol=1e-5)
    by_hand = softmax_loss.gradient(*tensors, targets, weights)
    np.testing.assert_allclose(by_hand.loss, expected_loss, rtol=1e-5)
    np.testing.assert_allclose(by_hand.bias, expected[1], atol=1e-5)
    np.testing.assert_allclose(by_hand.features, expected[2], atol=1e-5)


def test_two_pieces_by_hand():
    # Scores 0 and log 3: probabilities ¼ and ¾. The target has ¼, and the weight is 2.
    embedding, bias = tf.constant([[1.0], [5.0]]), tf.constant([0.0, math.log(3.0)])
    found = softmax_loss.gradient(embedding, bias, tf.constant([[0.0]]), tf.constant([0]), tf.constant([2.0]))
    assert float(found.loss) == pytest.approx(2 * math.log(4.0))
    np.testing.assert_allclose(found.bias, [2 * (0.25 - 1), 2 * 0.75], rtol=1e-6)
    np.testing.assert_allclose(found.features, [[2 * (0.25 * 1 + 0.75 * 5 - 1)]], rtol=1e-6)


def test_large_scores_do_not_overflow():
    embedding, bias = tf.constant([[1000.0], [-1000.0]]), tf.constant([0.0, 0.0])
    features, weights = tf.constant([[1.0]]), tf.constant([1.0])
    likely = softmax_loss.gradient(embedding, bias, features, tf.constant([0]), weights)
    unlikely = softmax_loss.gradient(embedding, bias, features, tf.constant([1]), weights)
    assert (float(likely.loss), float(unlikely.loss)) == (0.0, 2000.0)
    np.testing.assert_array_equal(unlikely.bias, [1.0, -1.0])


def test_a_piece_that_is_wanted_twice_counts_twice():
    tensors, _, _ = some_problem(0)
    targets, weights = tf.fill([N], 7), tf.ones([N])
    _, expected = by_autodiff(tensors, targets, weights)
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        loss = softmax_loss.loss_sum(*tensors, targets, weights)
    for found, wanted in zip(tape.gradient(loss, tensors), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_without_counted_targets_everything_is_zero():
    tensors, _, _ = some_problem(0)
    found = softmax_loss.gradient(*tensors, tf.fill([N], IGNORE), tf.zeros([N]))
    for part in found:
        np.testing.assert_array_equal(part, tf.zeros_like(part))
