"""Local SGD on the shared layers under a client's own adapter, for methods that train the shared layers further."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import tensorflow as tf

from federated.local_training import adapter_sgd, full_model
from federated.local_training.batch_loop import fold
from keyboard_model.batching import Batch
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm, softmax_loss
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters

Values = TypeVar("Values", bound=NamedTuple)


class Gradients(NamedTuple):
    """The loss of a batch, summed over `targets` counted targets in nats, and the gradients of the mean loss."""

    loss_sum: tf.Tensor
    targets: tf.Tensor
    parameters: Parameters
    adapter: AdapterTensors


def gradient(
    parameters: Parameters, adapter: AdapterTensors, batch: Batch, bos: int, *, dropout: float = 0.0
) -> Gradients:
    """Returns the gradients of a batch's mean loss with respect to the shared layers and to the adapter.

    `dropout`: the share of the features that is left out, as in the training of the shared model.
    """
    with tf.GradientTape() as tape:
        tape.watch((parameters, adapter))
        flat, targets = adapter_sgd.features(parameters, batch, bos)
        flat = full_model.dropout_rate(flat, dropout, batch)
        counted = cifg_lstm.counted(targets)
        number = tf.reduce_sum(counted)
        adapted, bias = adapters.adapt_features(adapter, flat), parameters.d + adapter.bias
        loss_sum = softmax_loss.loss_sum(parameters.embedding, bias, adapted, targets, counted)
        loss = loss_sum / tf.maximum(number, 1.0)
    shared, own = tape.gradient(loss, (parameters, adapter))
    # The gradient of the embedding lookup is sparse. It is made dense once, or every later operation converts it.
    return Gradients(loss_sum, number, Parameters(*map(tf.convert_to_tensor, shared)), own)


def sgd_step(values: Values, gradients: Values, rates: Sequence[tf.Tensor | float], clip: float) -> Values:
    """Takes one SGD step, with one rate for each tensor and the global norm of the gradients clipped to `clip`."""
    gradients, _ = tf.clip_by_global_norm(gradients, clip)
    return values._make(value - rate * part for value, part, rate in zip(values, gradients, rates, strict=True))


def shared_step(parameters: Parameters, gradients: Gradients, rate: float, clip: float) -> Parameters:
    """Takes one SGD step of the shared layers, whose gradient is clipped without the adapter's, as in FedAvg."""
    return sgd_step(parameters, gradients.parameters, [rate] * len(parameters), clip)


class SharedLayersResult(NamedTuple):
    """Shared layers after their steps. `loss_sum`: nats, over `targets` counted targets, each batch before its step."""

    parameters: Parameters
    loss_sum: tf.Tensor
    targets: tf.Tensor


def steps(
    parameters: Parameters,
    adapter: AdapterTensors,
    batches: Batch,
    rate: float,
    clip: float,
    bos: int,
    *,
    dropout: float = 0.0,
) -> SharedLayersResult:
    """Takes one `shared_step` for each of the batches `[n,B,T]`, in order; the adapter does not change."""

    def step(state: SharedLayersResult, batch: Batch) -> SharedLayersResult:
        gradients = gradient(state.parameters, adapter, batch, bos, dropout=dropout)
        parameters = shared_step(state.parameters, gradients, rate, clip)
        return SharedLayersResult(parameters, state.loss_sum + gradients.loss_sum, state.targets + gradients.targets)

    return fold(step, SharedLayersResult(parameters, tf.constant(0.0), tf.constant(0.0)), batches)


def subtract(first: Parameters, second: Parameters) -> Parameters:
    """Returns first − second."""
    return Parameters(*(one - other for one, other in zip(first, second, strict=True)))
