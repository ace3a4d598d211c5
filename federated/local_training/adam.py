"""Adam on the whole model, for baselines that train without a server (Kingma and Ba 2015, Algorithm 1)."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_federated as tff

from federated.local_training import sgd
from keyboard_model.batching.windows import Batch
from keyboard_model.model import cifg_lstm
from keyboard_model.model.cifg_lstm import Parameters


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


def initial_state(parameters: Parameters, learning_rate: float) -> AdamState:
    """Returns the state before the first step; it contains the learning rate."""
    weights = tuple(parameters)
    specs = tuple(tf.TensorSpec(part.shape, tf.float32) for part in weights)
    optimizer = tff.learning.optimizers.build_adam(learning_rate).initialize(specs)
    return AdamState(weights, tf.nest.map_structure(tf.convert_to_tensor, optimizer))


def train(state: AdamState, batches: tf.data.Dataset, *, clip: float, dropout: float, bos: int) -> AdamPass:
    """Takes one step for each batch, in order, at the state's learning rate.

    Args:
        clip: Largest global norm of a gradient.
        dropout: Share of the features that each step leaves out.
        bos: The piece that begins a message.
    """
    optimizer = tff.learning.optimizers.build_adam(0.0)

    def step(result: AdamPass, batch: Batch) -> AdamPass:
        weights, moments = result.state
        loss_sum, targets, gradient = sgd.batch_gradient(Parameters(*weights), batch, dropout=dropout, bos=bos)
        gradient, _ = tf.clip_by_global_norm(gradient, clip)
        moments, weights = optimizer.next(moments, weights, tuple(gradient))
        return AdamPass(AdamState(weights, moments), result.loss_sum + loss_sum, result.targets + targets)

    return batches.reduce(AdamPass(state, tf.constant(0.0), tf.constant(0.0)), step)
