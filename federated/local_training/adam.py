"""Adam over batches on all layers, for the references that train without a server (Kingma and Ba 2015, Algorithm 1)."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_federated as tff

from federated.local_training import sgd
from keyboard_model.batching.windows import Batch
from keyboard_model.model import cifg_lstm
from keyboard_model.model.cifg_lstm import Parameters


class AdamState(NamedTuple):
    """Parameters, in their order, and what the optimizer knows of them."""

    parameters: tuple[tf.Tensor, ...]
    optimizer: Any


class AdamPass(NamedTuple):
    """A state after a pass; `loss_sum` in nats over `targets` counted targets, each before its step."""

    state: AdamState
    loss_sum: tf.Tensor
    targets: tf.Tensor


def random_like(parameters: Parameters, seed: int) -> Parameters:
    """A fresh model of the same sizes, as NumPy arrays."""
    (vocab, embedding), cells = parameters.embedding.shape, parameters.w_p.shape[0]
    return cifg_lstm.init(vocab, embedding, cells, seed)


def initial_state(parameters: Parameters, learning_rate: float) -> AdamState:
    """The state before the first step."""
    weights = tuple(parameters)
    specs = tuple(tf.TensorSpec(part.shape, tf.float32) for part in weights)
    known = tff.learning.optimizers.build_adam(learning_rate).initialize(specs)
    return AdamState(weights, tf.nest.map_structure(tf.convert_to_tensor, known))


def train(state: AdamState, batches: tf.data.Dataset, *, clip: float, dropout: float, bos: int) -> AdamPass:
    """One step a batch, with clipped gradients; the learning rate is the state's. No batches leave it as it is."""
    optimizer = tff.learning.optimizers.build_adam(0.0)

    def step(so_far: AdamPass, batch: Batch) -> AdamPass:
        weights, known = so_far.state
        loss_sum, targets, slope = sgd.batch_gradient(Parameters(*weights), batch, dropout=dropout, bos=bos)
        slope, _ = tf.clip_by_global_norm(slope, clip)
        known, weights = optimizer.next(known, weights, tuple(slope))
        return AdamPass(AdamState(weights, known), so_far.loss_sum + loss_sum, so_far.targets + targets)

    return batches.reduce(AdamPass(state, tf.constant(0.0), tf.constant(0.0)), step)
