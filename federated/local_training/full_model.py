"""Local training of the full model on batches of text, in two ways.

- SGD, the client's part of a federated round (McMahan et al. 2017, Algorithm 1, ClientUpdate)
- Adam, for baselines that train without a server (Kingma and Ba 2015, Algorithm 1)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_federated as tff

from federated.job import TrainingConfig
from federated.local_training.batch_loop import fold
from keyboard_model.batching import Batch
from keyboard_model.model import cifg_lstm, softmax_loss
from keyboard_model.model.cifg_lstm import Parameters


class ClientUpdate(NamedTuple):
    """The result of a client's round. If the update is not finite, everything except `broken` is 0.

    Attributes:
        update: Initial minus trained weights, in the order of `Parameters`.
        weight: Weight of the update in the average: the counted targets, at most `largest_weight`.
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
    counted = cifg_lstm.counted(targets)
    number = tf.reduce_sum(counted)
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        features = cifg_lstm.unroll(parameters, batch.tokens, bos)
        features = dropout_rate(tf.reshape(features, [-1, features.shape[2]]), dropout, batch)
        loss_sum = softmax_loss.loss_sum(parameters.embedding, parameters.d, features, targets, counted)
        loss = loss_sum / tf.maximum(number, 1.0)
    # The gradient of the embedding lookup is sparse. It is made dense once, or every later operation converts it.
    gradient = [tf.convert_to_tensor(part) for part in tape.gradient(loss, list(parameters))]
    return loss_sum, number, gradient


def mean_loss(parameters: Parameters, batches: Batch, bos: int) -> tf.Tensor:
    """Returns the mean loss of the counted targets of batches `[n,B,T]`, in nats; 0 if there is none."""

    def add(state: tuple, batch: Batch) -> tuple:
        loss_sum, counted = state
        targets = tf.reshape(batch.targets, [-1])
        features = cifg_lstm.unroll(parameters, batch.tokens, bos)
        scores = cifg_lstm.logits(parameters, tf.reshape(features, [-1, features.shape[2]]))
        losses = cifg_lstm.token_losses(scores, targets)
        return loss_sum + tf.reduce_sum(losses), counted + cifg_lstm.counted_targets(targets)

    loss_sum, counted = fold(add, (0.0, 0.0), batches)
    return tf.math.divide_no_nan(loss_sum, counted)


def client_update(initial: Parameters, batches: Batch, config: TrainingConfig, bos: int) -> ClientUpdate:
    """Makes one pass of SGD with clipped gradients over a client's batches.

    Args:
        initial: The shared weights.
        batches: Tokens and targets, `[n,B,T]` each for n batches.
        config: Its `client_learning_rate` is η_l of Reddi et al. 2020, Algorithm 2. `clip`, `dropout` and
            `largest_weight` are used, too.
        bos: The piece that begins a message.
    """

    def step(state: tuple, batch: Batch) -> tuple:
        weights, loss_sum, targets = state
        batch_loss, counted, gradient = batch_gradient(Parameters(*weights), batch, dropout=config.dropout, bos=bos)
        gradient, _ = tf.clip_by_global_norm(gradient, config.clip)
        weights = tuple(w - config.client_learning_rate * g for w, g in zip(weights, gradient, strict=True))
        return weights, loss_sum + batch_loss, targets + counted

    weights, loss_sum, targets = fold(step, (tuple(initial), 0.0, 0.0), batches)
    update = tuple(before - after for before, after in zip(initial, weights, strict=True))
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(part)) for part in update])

    def if_finite(value: tf.Tensor) -> tf.Tensor:
        return tf.where(finite, value, tf.zeros_like(value))

    return ClientUpdate(
        update=tuple(if_finite(part) for part in update),
        weight=if_finite(tf.minimum(targets, config.largest_weight)),
        loss_sum=if_finite(loss_sum),
        targets=if_finite(targets),
        broken=1.0 - tf.cast(finite, tf.float32),
    )


class AdamState(NamedTuple):
    """The tensors of `Parameters`, in order, and the optimizer's state."""

    parameters: tuple[tf.Tensor, ...]
    optimizer: Any


class AdamPass(NamedTuple):
    """The state after a pass. `loss_sum`: nats, over `targets` counted targets, each batch before its step."""

    state: AdamState
    loss_sum: tf.Tensor
    targets: tf.Tensor


def random_like(parameters: Parameters, seed: int) -> Parameters:
    """Returns a random model of the same sizes, as NumPy arrays."""
    (vocab, embedding), cells = parameters.embedding.shape, parameters.w_p.shape[0]
    return cifg_lstm.init(vocab, embedding, cells, seed)


def adam_start(parameters: Parameters, learning_rate: float) -> AdamState:
    """Returns the state before Adam's first step; it contains the learning rate."""
    weights = tuple(parameters)
    specs = tuple(tf.TensorSpec(part.shape, tf.float32) for part in weights)
    optimizer = tff.learning.optimizers.build_adam(learning_rate).initialize(specs)
    return AdamState(weights, tf.nest.map_structure(tf.convert_to_tensor, optimizer))


def adam_pass(state: AdamState, batches: Batch, *, clip: float, dropout: float, bos: int) -> AdamPass:
    """Takes one step of Adam for each of the batches `[n,B,T]`, in order, at the state's learning rate.

    Args:
        clip: Largest global norm of a gradient.
        dropout: Share of the features that each step leaves out.
        bos: The piece that begins a message.
    """
    optimizer = tff.learning.optimizers.build_adam(0.0)

    def step(result: AdamPass, batch: Batch) -> AdamPass:
        weights, moments = result.state
        loss_sum, targets, gradient = batch_gradient(Parameters(*weights), batch, dropout=dropout, bos=bos)
        gradient, _ = tf.clip_by_global_norm(gradient, clip)
        moments, weights = optimizer.next(moments, weights, tuple(gradient))
        return AdamPass(AdamState(weights, moments), result.loss_sum + loss_sum, result.targets + targets)

    return fold(step, AdamPass(state, tf.constant(0.0), tf.constant(0.0)), batches)
