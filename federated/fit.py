"""Which of several adapters fits a text best; several are one `Adapter` whose tensors lead with an axis for them."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from federated.adapter_sgd import Batch, features
from keyboard_model import adapter as adapters
from keyboard_model import language_model
from keyboard_model.adapter import Adapter
from keyboard_model.language_model import Parameters


def stacked(candidates: Sequence[Adapter]) -> Adapter:
    """Several adapters as one, `[k,…]`."""
    return Adapter(*(tf.stack(parts) for parts in zip(*candidates, strict=True)))


def one_of(several: Adapter, index: tf.Tensor | int) -> Adapter:
    """The adapter at `index` of several."""
    return Adapter(*(tf.gather(part, index) for part in several))


def loss_sums(parameters: Parameters, several: Adapter, batches: tf.data.Dataset, bos: int) -> tf.Tensor:
    """Each adapter's loss summed over the counted targets, in nats, `[k]`; the text is read once for all."""
    number = several.bias.shape[0]

    def add(total: tf.Tensor, batch: Batch) -> tf.Tensor:
        flat, targets = features(parameters, batch, bos)
        scores = (adapters.logits(parameters, one_of(several, i), flat) for i in range(number))
        return total + tf.stack([tf.reduce_sum(language_model.token_losses(each, targets)) for each in scores])

    return batches.reduce(tf.zeros([number]), add)


def fittest(parameters: Parameters, several: Adapter, batches: tf.data.Dataset, bos: int) -> tf.Tensor:
    """The index of the least loss; ties, and a text without any target, go to the first."""
    return tf.argmin(loss_sums(parameters, several, batches, bos), output_type=tf.int32)
