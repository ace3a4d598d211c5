"""The client's local work: SGD over its own batches (McMahan et al. 2017, Algorithm 1, ClientUpdate)."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from federated.job import TrainingConfig
from keyboard_model.batching.windows import Batch
from keyboard_model.model import cifg_lstm
from keyboard_model.model.cifg_lstm import Parameters


class ClientUpdate(NamedTuple):
    """What a client makes of a round.

    update: initial minus trained weights, in the order of `Parameters`; all zero when not finite.
    weight: the share it asks for in the average: its counted targets, at most the cap.
    loss_sum: of the counted targets, in nats, each before the step that learnt from it.
    targets: how many were counted.
    broken: 1 when the update was not finite: it then counts for nothing.
    """

    update: tuple[tf.Tensor, ...]
    weight: tf.Tensor
    loss_sum: tf.Tensor
    targets: tf.Tensor
    broken: tf.Tensor


def dropout_rate(features: tf.Tensor, rate: float, batch: Batch) -> tf.Tensor:
    """Zeroes a share `rate` of the features and scales the rest up (Srivastava et al. 2014); 0 leaves all.

    The mask is drawn from the batch's own content, so that a resumed run draws the same.
    """
    if rate == 0:
        return features
    seed = tf.stack([tf.reduce_sum(batch.tokens), tf.reduce_sum(batch.targets)])
    kept = tf.random.stateless_uniform(tf.shape(features), seed) >= rate
    return tf.where(kept, features / (1.0 - rate), 0.0)


def batch_gradient(
    parameters: Parameters, batch: Batch, *, dropout: float, bos: int
) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
    """Returns (summed loss in nats, counted targets, gradient of the mean loss) of one batch."""
    targets = tf.reshape(batch.targets, [-1])
    counted = cifg_lstm.counted_targets(targets)
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        features = cifg_lstm.unroll(parameters, batch.tokens, bos)
        features = dropout_rate(tf.reshape(features, [-1, features.shape[2]]), dropout, batch)
        scores = cifg_lstm.logits(parameters, features)
        loss_sum = tf.reduce_sum(cifg_lstm.token_losses(scores, targets))
        loss = loss_sum / tf.maximum(counted, 1.0)
    # The gather's gradient is sparse: dense at once, or every later operation pays for finding it out.
    gradient = [tf.convert_to_tensor(part) for part in tape.gradient(loss, list(parameters))]
    return loss_sum, counted, gradient


def mean_loss(parameters: Parameters, batches: tf.data.Dataset, bos: int) -> tf.Tensor:
    """The mean loss of a client's counted targets in nats, at these weights; 0 where it has none."""

    def reduce(state: tuple, batch: Batch) -> tuple:
        loss_sum, counted = state
        targets = tf.reshape(batch.targets, [-1])
        features = cifg_lstm.unroll(parameters, batch.tokens, bos)
        scores = cifg_lstm.logits(parameters, tf.reshape(features, [-1, features.shape[2]]))
        losses = cifg_lstm.token_losses(scores, targets)
        return loss_sum + tf.reduce_sum(losses), counted + cifg_lstm.counted_targets(targets)

    loss_sum, counted = batches.reduce((tf.constant(0.0), tf.constant(0.0)), reduce)
    return tf.math.divide_no_nan(loss_sum, counted)


def client_update(initial: Parameters, batches: tf.data.Dataset, config: TrainingConfig, bos: int) -> ClientUpdate:
    """One pass of SGD with clipped gradients over a client's batches.

    Args:
        initial: the shared weights.
        batches: of `Batch`, static shapes.
        config: `client_learning_rate` (η_l of Reddi et al. 2020, Algorithm 2), `clip`, `dropout` and `weight_cap`.
        bos: the piece that begins a message.
    """

    def reduce(state: tuple, batch: Batch) -> tuple:
        weights, loss_sum, targets = state
        batch_loss, counted, gradient = batch_gradient(Parameters(*weights), batch, dropout=config.dropout, bos=bos)
        gradient, _ = tf.clip_by_global_norm(gradient, config.clip)
        weights = tuple(w - config.client_learning_rate * g for w, g in zip(weights, gradient, strict=True))
        return weights, loss_sum + batch_loss, targets + counted

    start = (tuple(initial), tf.constant(0.0), tf.constant(0.0))
    weights, loss_sum, targets = batches.reduce(start, reduce)
    update = tuple(before - after for before, after in zip(initial, weights, strict=True))
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(part)) for part in update])

    def kept(value: tf.Tensor) -> tf.Tensor:
        return tf.where(finite, value, tf.zeros_like(value))

    return ClientUpdate(
        update=tuple(kept(part) for part in update),
        weight=kept(tf.minimum(targets, config.weight_cap)),
        loss_sum=kept(loss_sum),
        targets=kept(targets),
        broken=1.0 - tf.cast(finite, tf.float32),
    )
