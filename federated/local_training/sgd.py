"""The client's local work: SGD over its own batches (McMahan et al. 2017, Algorithm 1, ClientUpdate)."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from federated.job import TrainingConfig
from keyboard_model.batching.windows import Batch
from keyboard_model.model import cifg_lstm
from keyboard_model.model.cifg_lstm import Parameters


class ClientUpdate(NamedTuple):
    """The result of a client's round. If the update is not finite, everything except `broken` is 0.

    Attributes:
        update: Initial minus trained weights, in the order of `Parameters`.
        weight: Weight of the update in the average: the counted targets, at most `weight_cap`.
        loss_sum: Loss in nats, summed over the counted targets; each batch before the step that reads it.
        targets: Number of counted targets.
        broken: 1 if the update is not finite, else 0.
    """

    update: tuple[tf.Tensor, ...]
    weight: tf.Tensor
    loss_sum: tf.Tensor
    targets: tf.Tensor
    broken: tf.Tensor


def dropout_rate(features: tf.Tensor, rate: float, batch: Batch) -> tf.Tensor:
    """Sets a share `rate` of the features to zero and scales up the rest (Srivastava et al. 2014).

    The batch's content is the seed of the mask, so a resumed run has the same masks.
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
    # The gradient of the embedding lookup is sparse. It is made dense once, or every later operation converts it.
    gradient = [tf.convert_to_tensor(part) for part in tape.gradient(loss, list(parameters))]
    return loss_sum, counted, gradient


def mean_loss(parameters: Parameters, batches: tf.data.Dataset, bos: int) -> tf.Tensor:
    """Returns the mean loss of a client's counted targets at these weights, in nats; 0 if it has none."""

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
    """Makes one pass of SGD with clipped gradients over a client's batches.

    Args:
        initial: The shared weights.
        batches: A data set of `Batch` with static shapes.
        config: Its `client_learning_rate` is η_l of Reddi et al. 2020, Algorithm 2. `clip`, `dropout` and `weight_cap`
            are used, too.
        bos: The piece that begins a message.
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

    def if_finite(value: tf.Tensor) -> tf.Tensor:
        return tf.where(finite, value, tf.zeros_like(value))

    return ClientUpdate(
        update=tuple(if_finite(part) for part in update),
        weight=if_finite(tf.minimum(targets, config.weight_cap)),
        loss_sum=if_finite(loss_sum),
        targets=if_finite(targets),
        broken=1.0 - tf.cast(finite, tf.float32),
    )
