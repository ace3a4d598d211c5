"""Local SGD on an adapter over a frozen shared model: the steps that a phone takes, inside TensorFlow.

Which of several adapters fits a text best; several are one `AdapterTensors` whose tensors lead with an axis for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from federated.job import PersonalizationConfig
from keyboard_model.batching.windows import Batch
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.step_sizes import StepSizes


class TrainResult(NamedTuple):
    """An adapter after its steps; `loss_sum` in nats over `targets` counted targets, each before its step."""

    adapter: AdapterTensors
    loss_sum: tf.Tensor
    targets: tf.Tensor


def count_targets(batches: tf.data.Dataset) -> tf.Tensor:
    """How many targets the batches count, float32."""
    return batches.reduce(0.0, lambda count, batch: count + cifg_lstm.counted_targets(batch.targets))


def features(parameters: Parameters, batch: Batch, bos: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Reads a batch: features `[B·T,E]` and targets `[B·T]`."""
    read = cifg_lstm.unroll(parameters, batch.tokens, bos)
    return tf.reshape(read, [-1, read.shape[2]]), tf.reshape(batch.targets, [-1])


def gradient(
    parameters: Parameters, adapter: AdapterTensors, batch: Batch, bos: int
) -> tuple[tf.Tensor, AdapterTensors]:
    """The mean loss over a batch in nats, and its gradient with respect to the adapter."""
    return adapters.gradient(parameters, adapter, *features(parameters, batch, bos))


def step_sizes(config: PersonalizationConfig, share: tf.Tensor | float = 1.0) -> StepSizes:
    """The configured step sizes, both rates times `share`."""
    return StepSizes(
        learning_rate=tf.cast(config.learning_rate * share, tf.float32),
        bias_rate=tf.cast(config.bias_rate * share, tf.float32),
        proximal=tf.constant(config.proximal, tf.float32),
        clip=tf.constant(config.clip, tf.float32),
    )


def steps(
    parameters: Parameters,
    start: AdapterTensors,
    anchor: AdapterTensors,
    batches: tf.data.Dataset,
    moving: StepSizes,
    bos: int,
) -> TrainResult:
    """One SGD step a batch, in order, from `start` with a pull to `anchor` (`keyboard_model.model.adapter.step`)."""

    def step(state: TrainResult, batch: Batch) -> TrainResult:
        flat, targets = features(parameters, batch, bos)
        moved, loss = adapters.step(parameters, state.adapter, anchor, flat, targets, moving)
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
    """The phone's adaptation: K steps over the batches, over and over, pulled to the anchor.

    The learning rates are times n / (n + evidence) for n pieces, so that who typed little is moved little.
    No batches leave the start.
    """
    pieces = count_targets(batches)
    share = tf.math.divide_no_nan(pieces, pieces + config.evidence)
    again = batches.repeat().take(config.steps)
    return steps(parameters, start, anchor, again, step_sizes(config, share), bos).adapter


def loss(parameters: Parameters, adapter: AdapterTensors, batches: tf.data.Dataset, bos: int) -> tf.Tensor:
    """Mean loss in nats a counted piece; 0 where nothing counts."""

    def add(total: tuple[tf.Tensor, tf.Tensor], batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        flat, targets = features(parameters, batch, bos)
        lost = cifg_lstm.token_losses(adapters.logits(parameters, adapter, flat), targets)
        return total[0] + tf.reduce_sum(lost), total[1] + cifg_lstm.counted_targets(targets)

    summed, number = batches.reduce((tf.constant(0.0), tf.constant(0.0)), add)
    return tf.math.divide_no_nan(summed, number)


def subtract(first: AdapterTensors, second: AdapterTensors) -> AdapterTensors:
    """First minus second."""
    return AdapterTensors(*(one - other for one, other in zip(first, second, strict=True)))


def interpolate(first: AdapterTensors, second: AdapterTensors, share: tf.Tensor | float) -> AdapterTensors:
    """share·first + (1 − share)·second."""
    return AdapterTensors(*(share * one + (1.0 - share) * other for one, other in zip(first, second, strict=True)))


def stack(candidates: Sequence[AdapterTensors]) -> AdapterTensors:
    """Several adapters as one, `[k,…]`."""
    return AdapterTensors(*(tf.stack(parts) for parts in zip(*candidates, strict=True)))


def select(several: AdapterTensors, index: tf.Tensor | int) -> AdapterTensors:
    """The adapter at `index` of several."""
    return AdapterTensors(*(tf.gather(part, index) for part in several))


def loss_sums(parameters: Parameters, several: AdapterTensors, batches: tf.data.Dataset, bos: int) -> tf.Tensor:
    """Each adapter's loss summed over the counted targets, in nats, `[k]`; the text is read once for all."""
    number = several.bias.shape[0]

    def add(total: tf.Tensor, batch: Batch) -> tf.Tensor:
        flat, targets = features(parameters, batch, bos)
        scores = (adapters.logits(parameters, select(several, i), flat) for i in range(number))
        return total + tf.stack([tf.reduce_sum(cifg_lstm.token_losses(each, targets)) for each in scores])

    return batches.reduce(tf.zeros([number]), add)


def best_adapter(parameters: Parameters, several: AdapterTensors, batches: tf.data.Dataset, bos: int) -> tf.Tensor:
    """The index of the least loss; ties, and a text without any target, go to the first."""
    return tf.argmin(loss_sums(parameters, several, batches, bos), output_type=tf.int32)
