"""Local SGD on an adapter over a frozen shared model: the steps of a phone, in TensorFlow.

Several adapters are one `AdapterTensors` whose tensors have a first axis for the adapters, `[k,…]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from federated.job import PersonalizationConfig
from keyboard_model.batching import Batch
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.step_sizes import StepSizes


class TrainResult(NamedTuple):
    """An adapter after its steps. `loss_sum`: nats, over `targets` counted targets, each batch before its step."""

    adapter: AdapterTensors
    loss_sum: tf.Tensor
    targets: tf.Tensor


def count_targets(batches: tf.data.Dataset) -> tf.Tensor:
    """Returns the number of counted targets, float32 scalar."""
    return batches.reduce(0.0, lambda count, batch: count + cifg_lstm.counted_targets(batch.targets))


def features(parameters: Parameters, batch: Batch, bos: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Runs the shared model over a batch; returns features `[B·T,E]` and targets `[B·T]`."""
    read = cifg_lstm.unroll(parameters, batch.tokens, bos)
    return tf.reshape(read, [-1, read.shape[2]]), tf.reshape(batch.targets, [-1])


def gradient(
    parameters: Parameters, adapter: AdapterTensors, batch: Batch, bos: int
) -> tuple[tf.Tensor, AdapterTensors]:
    """Returns a batch's mean loss in nats and its gradient with respect to the adapter."""
    return adapters.gradient(parameters, adapter, *features(parameters, batch, bos))


def step_sizes(config: PersonalizationConfig, share: tf.Tensor | float = 1.0) -> StepSizes:
    """Returns the step sizes of the configuration, with both learning rates times `share`."""
    return StepSizes(
        learning_rate=tf.cast(config.learning_rate * share, tf.float32),
        bias_rate=tf.cast(config.bias_rate * share, tf.float32),
        proximal=tf.constant(config.proximal, tf.float32),
        clip=tf.constant(config.clip, tf.float32),
    )


def tensor_rates(rates: StepSizes) -> AdapterTensors:
    """Returns the learning rate of each tensor of an adapter."""
    return AdapterTensors(rates.learning_rate, rates.learning_rate, rates.bias_rate)


def steps(
    parameters: Parameters,
    start: AdapterTensors,
    anchor: AdapterTensors,
    batches: tf.data.Dataset,
    rates: StepSizes,
    bos: int,
) -> TrainResult:
    """Takes one SGD step for each batch, in order.

    Args:
        start: The adapter before the first step.
        anchor: The adapter that each step is pulled to (`keyboard_model.model.adapter.step`).
        rates: The step sizes.
        bos: The piece that begins a message.
    """

    def step(state: TrainResult, batch: Batch) -> TrainResult:
        flat, targets = features(parameters, batch, bos)
        moved, loss = adapters.step(parameters, state.adapter, anchor, flat, targets, rates)
        number = cifg_lstm.counted_targets(targets)
        return TrainResult(moved, state.loss_sum + loss * number, state.targets + number)

    return batches.reduce(TrainResult(start, tf.constant(0.0), tf.constant(0.0)), step)


def personal_steps(
    parameters: Parameters,
    start: AdapterTensors,
    anchor: AdapterTensors,
    batches: tf.data.Dataset,
    config: PersonalizationConfig,
    bos: int,
) -> AdapterTensors:
    """Returns the adapter after a phone's adaptation: K steps over the repeated batches, each pulled to the anchor.

    The learning rates are multiplied by n / (n + evidence) for n pieces: the less a user typed, the less the adapter
    moves. Without batches the start is returned.
    """
    pieces = count_targets(batches)
    share = tf.math.divide_no_nan(pieces, pieces + config.evidence)
    repeated = batches.repeat().take(config.steps)
    return steps(parameters, start, anchor, repeated, step_sizes(config, share), bos).adapter


def loss(parameters: Parameters, adapter: AdapterTensors, batches: tf.data.Dataset, bos: int) -> tf.Tensor:
    """Returns the mean loss in nats per counted piece; 0 if there is none."""

    def add(total: tuple[tf.Tensor, tf.Tensor], batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        flat, targets = features(parameters, batch, bos)
        losses = cifg_lstm.token_losses(adapters.logits(parameters, adapter, flat), targets)
        return total[0] + tf.reduce_sum(losses), total[1] + cifg_lstm.counted_targets(targets)

    summed, number = batches.reduce((tf.constant(0.0), tf.constant(0.0)), add)
    return tf.math.divide_no_nan(summed, number)


def subtract(first: AdapterTensors, second: AdapterTensors) -> AdapterTensors:
    """Returns first − second."""
    return AdapterTensors(*(one - other for one, other in zip(first, second, strict=True)))


def interpolate(first: AdapterTensors, second: AdapterTensors, share: tf.Tensor | float) -> AdapterTensors:
    """Returns share·first + (1 − share)·second."""
    return AdapterTensors(*(share * one + (1.0 - share) * other for one, other in zip(first, second, strict=True)))


def stack(candidates: Sequence[AdapterTensors]) -> AdapterTensors:
    """Returns these adapters as one, `[k,…]`."""
    return AdapterTensors(*(tf.stack(parts) for parts in zip(*candidates, strict=True)))


def select(several: AdapterTensors, index: tf.Tensor | int) -> AdapterTensors:
    """Returns the adapter at `index` of several."""
    return AdapterTensors(*(tf.gather(part, index) for part in several))


def loss_sums(parameters: Parameters, several: AdapterTensors, batches: tf.data.Dataset, bos: int) -> tf.Tensor:
    """Returns each adapter's loss in nats, summed over the counted targets, `[k]`. The text is read only once."""
    number = several.bias.shape[0]

    def add(total: tf.Tensor, batch: Batch) -> tf.Tensor:
        flat, targets = features(parameters, batch, bos)
        scores = (adapters.logits(parameters, select(several, i), flat) for i in range(number))
        return total + tf.stack([tf.reduce_sum(cifg_lstm.token_losses(each, targets)) for each in scores])

    return batches.reduce(tf.zeros([number]), add)


def best_adapter(parameters: Parameters, several: AdapterTensors, batches: tf.data.Dataset, bos: int) -> tf.Tensor:
    """Returns the index of the adapter with the lowest loss: the first of equals, and 0 for a text without targets."""
    return tf.argmin(loss_sums(parameters, several, batches, bos), output_type=tf.int32)
