"""Local SGD on an adapter over a frozen shared model: the steps of a phone, in TensorFlow.

The shared model reads each batch once (`read`), in products of many windows. All steps and losses begin from its
features.

Several adapters are one `AdapterTensors` whose tensors have a first axis for the adapters, `[k,…]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from federated.job import PersonalizationConfig
from federated.local_training.batch_loop import fold, number_of
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


class ReadBatch(NamedTuple):
    """A batch that the shared model has read: features `[N,E]` and targets `[N]`. Of n batches: `[n,N,E]`, `[n,N]`."""

    features: tf.Tensor
    targets: tf.Tensor


_READ_TOGETHER = 16
"""Batches in a product. It bounds the memory: the input of the gates takes 12 bytes for each cell and piece."""


def count_targets(batches: ReadBatch) -> tf.Tensor:
    """Returns the number of counted targets, float32 scalar."""
    return cifg_lstm.counted_targets(batches.targets)


def features(parameters: Parameters, batch: Batch, bos: int) -> ReadBatch:
    """Runs the shared model over a batch."""
    read = cifg_lstm.unroll(parameters, batch.tokens, bos)
    return ReadBatch(tf.reshape(read, [-1, read.shape[2]]), tf.reshape(batch.targets, [-1]))


def read(parameters: Parameters, batches: Batch, bos: int) -> ReadBatch:
    """Runs the shared model over all batches of a client, `[n,B,T]`. All features are in memory, as float32."""
    _, batch, window = batches.tokens.shape
    embedding = parameters.w_p.shape[1]
    groups = tf.maximum(1, -(-number_of(batches) // _READ_TOGETHER))  # rounded up; an array of none has no type

    def read_group(group: tf.Tensor, done: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        tokens = batches.tokens[group * _READ_TOGETHER : (group + 1) * _READ_TOGETHER]
        found = cifg_lstm.unroll(parameters, tf.reshape(tokens, [-1, window]), bos)
        return group + 1, done.write(group, tf.reshape(found, [-1, batch * window, embedding]))

    shape = [None, batch * window, embedding]
    nothing = tf.TensorArray(tf.float32, groups, infer_shape=False, element_shape=shape)
    first = tf.constant(0), nothing
    _, done = tf.while_loop(lambda group, _: group < groups, read_group, first, parallel_iterations=1)
    return ReadBatch(tf.ensure_shape(done.concat(), shape), tf.reshape(batches.targets, [-1, batch * window]))


def step_sizes(config: PersonalizationConfig, share: tf.Tensor | float = 1.0) -> StepSizes:
    """Returns the step sizes of the configuration, with both learning rates times `share`."""
    return StepSizes(
        learning_rate=tf.cast(config.learning_rate * share, tf.float32),
        bias_rate=tf.cast(config.bias_rate * share, tf.float32),
        proximal=tf.constant(config.proximal, tf.float32),
        clip=tf.constant(config.clip, tf.float32),
    )


def planned_steps(config: PersonalizationConfig, batches: ReadBatch) -> tuple[tf.Tensor, StepSizes]:
    """Returns the number of steps K of a phone's adaptation on read batches, int32 scalar, and their sizes.

    K and its share of the rates are those of `keyboard_model.step_sizes`. Both rates are also multiplied by
    n / (n + evidence) for n pieces: the less a user typed, the less the adapter moves.
    """
    passed = tf.cast(tf.math.ceil(config.passes * tf.cast(number_of(batches), tf.float64)), tf.int32)
    number = tf.maximum(config.steps, passed) if config.steps else tf.constant(0)
    share = tf.sqrt(tf.math.divide_no_nan(float(config.steps), tf.cast(number, tf.float32)))
    pieces = count_targets(batches)
    return number, step_sizes(config, share * tf.math.divide_no_nan(pieces, pieces + config.evidence))


def tensor_rates(rates: StepSizes) -> AdapterTensors:
    """Returns the learning rate of each tensor of an adapter."""
    return AdapterTensors(rates.learning_rate, rates.learning_rate, rates.bias_rate)


def steps(
    parameters: Parameters,
    start: AdapterTensors,
    anchor: AdapterTensors,
    batches: ReadBatch,
    rates: StepSizes,
    number: tf.Tensor | int | None = None,
) -> TrainResult:
    """Takes one SGD step for each batch, in order.

    Args:
        start: The adapter before the first step.
        anchor: The adapter that each step is pulled to (`keyboard_model.model.adapter.step`).
        batches: What `read` returned, or a part of it.
        rates: The step sizes.
        number: Number of steps, over the repeated batches; None means one for each.
    """

    def step(state: TrainResult, batch: ReadBatch) -> TrainResult:
        moved, loss = adapters.step(parameters, state.adapter, anchor, *batch, rates)
        targets = cifg_lstm.counted_targets(batch.targets)
        return TrainResult(moved, state.loss_sum + loss * targets, state.targets + targets)

    start = AdapterTensors(*start)
    return fold(step, TrainResult(start, tf.constant(0.0), tf.constant(0.0)), batches, number)


def personal_steps(
    parameters: Parameters,
    start: AdapterTensors,
    anchor: AdapterTensors,
    batches: ReadBatch,
    config: PersonalizationConfig,
) -> AdapterTensors:
    """Returns the adapter after a phone's adaptation: K steps over the repeated batches, each pulled to the anchor.

    Without batches the start is returned. `batches`: what `read` returned.
    """
    number, rates = planned_steps(config, batches)
    return steps(parameters, start, anchor, batches, rates, number).adapter


def loss(parameters: Parameters, adapter: AdapterTensors, batches: ReadBatch) -> tf.Tensor:
    """Returns the mean loss of read batches in nats per counted piece; 0 if there is none."""

    def add(total: tuple[tf.Tensor, tf.Tensor], batch: ReadBatch) -> tuple[tf.Tensor, tf.Tensor]:
        losses = cifg_lstm.token_losses(adapters.logits(parameters, adapter, batch.features), batch.targets)
        return total[0] + tf.reduce_sum(losses), total[1] + cifg_lstm.counted_targets(batch.targets)

    summed, number = fold(add, (tf.constant(0.0), tf.constant(0.0)), batches)
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


def loss_sums(parameters: Parameters, several: AdapterTensors, batches: ReadBatch) -> tf.Tensor:
    """Returns each adapter's loss on read batches in nats, summed over the counted targets, `[k]`."""
    number = several.bias.shape[0]

    def add(total: tf.Tensor, batch: ReadBatch) -> tf.Tensor:
        scores = (adapters.logits(parameters, select(several, i), batch.features) for i in range(number))
        return total + tf.stack([tf.reduce_sum(cifg_lstm.token_losses(each, batch.targets)) for each in scores])

    return fold(add, tf.zeros([number]), batches)


def best_adapter(parameters: Parameters, several: AdapterTensors, batches: ReadBatch) -> tf.Tensor:
    """Returns the index of the adapter with the lowest loss on read batches: the first of equals, and 0 if no target
    counts."""
    return tf.argmin(loss_sums(parameters, several, batches), output_type=tf.int32)
