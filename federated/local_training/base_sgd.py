"""Local steps on the shared layers under a client's own adapter, for methods that do not freeze them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import tensorflow as tf

from federated.local_training import adapter_sgd
from keyboard_model.batching.windows import Batch
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters

Values = TypeVar("Values", Parameters, AdapterTensors)


class Gradients(NamedTuple):
    """A batch's loss, summed in nats over `targets` counted targets, and the gradient of their mean loss."""

    loss_sum: tf.Tensor
    targets: tf.Tensor
    parameters: Parameters
    adapter: AdapterTensors


def gradient(parameters: Parameters, adapter: AdapterTensors, batch: Batch, bos: int) -> Gradients:
    """Both gradients at the same point, from one reading of the batch."""
    with tf.GradientTape() as tape:
        tape.watch((parameters, adapter))
        flat, targets = adapter_sgd.features(parameters, batch, bos)
        number = cifg_lstm.counted_targets(targets)
        scores = adapters.logits(parameters, adapter, flat)
        loss_sum = tf.reduce_sum(cifg_lstm.token_losses(scores, targets))
        loss = loss_sum / tf.maximum(number, 1.0)
    shared, own = tape.gradient(loss, (parameters, adapter))
    # The gather's gradient is sparse: dense at once, or every later operation pays for finding it out.
    return Gradients(loss_sum, number, Parameters(*map(tf.convert_to_tensor, shared)), own)


def sgd_step(values: Values, slope: Values, rates: Sequence[tf.Tensor | float], clip: float) -> Values:
    """One SGD step, with one rate a tensor and the gradient's norm at most `clip`."""
    slope, _ = tf.clip_by_global_norm(slope, clip)
    return type(values)(*(value - rate * down for value, down, rate in zip(values, slope, rates, strict=True)))


def base_step(parameters: Parameters, slope: Gradients, rate: float, clip: float) -> Parameters:
    """One SGD step of the shared layers, clipped on their own: exactly FedAvg's where no adapter does anything."""
    return sgd_step(parameters, slope.parameters, [rate] * len(parameters), clip)


class BaseTrainResult(NamedTuple):
    """Shared layers after their steps; `loss_sum` in nats over `targets` counted targets, each before its step."""

    parameters: Parameters
    loss_sum: tf.Tensor
    targets: tf.Tensor


def base_steps(
    parameters: Parameters, adapter: AdapterTensors, batches: tf.data.Dataset, rate: float, clip: float, bos: int
) -> BaseTrainResult:
    """One `base_step` a batch, in order, under an adapter that stays as it is."""

    def step(state: BaseTrainResult, batch: Batch) -> BaseTrainResult:
        slope = gradient(state.parameters, adapter, batch, bos)
        moved = base_step(state.parameters, slope, rate, clip)
        return BaseTrainResult(moved, state.loss_sum + slope.loss_sum, state.targets + slope.targets)

    return batches.reduce(BaseTrainResult(parameters, tf.constant(0.0), tf.constant(0.0)), step)


def subtract(first: Parameters, second: Parameters) -> Parameters:
    """First minus second."""
    return Parameters(*(one - other for one, other in zip(first, second, strict=True)))
