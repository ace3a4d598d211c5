"""The shared model, then K local steps on the adapter with a pull back to the start.

Wang et al. 2019 (arXiv:1910.10252), section 3, for fine-tuning after federated training; Li et al.
2021 (Ditto, arXiv:2012.04221), equation 2, for the proximal term. 0 steps = `global_only`.
"""

from __future__ import annotations

import collections

import tensorflow as tf

from federated import fed_avg
from federated.job import PersonalizationConfig
from federated.method import Method
from keyboard_model import adapter as adapters
from keyboard_model import language_model
from keyboard_model.adapter import Adapter, Rates
from keyboard_model.language_model import Parameters


def personalize(
    parameters: Parameters, start: Adapter, batches: tf.data.Dataset, config: PersonalizationConfig, bos: int
) -> Adapter:
    """K SGD steps over a client's batches, in order, over and over; the rates times n / (n + evidence) for n pieces.

    Args:
        start: where the steps begin and what they are pulled back to.
        batches: of `tokens [B,T]` and `targets [B,T]`; none leaves the start.
        bos: the piece that begins a message.
    """
    pieces = batches.reduce(0.0, lambda count, batch: count + language_model.counted_targets(batch["targets"]))
    share = tf.math.divide_no_nan(pieces, pieces + config.evidence)
    rates = Rates(
        learning_rate=config.learning_rate * share,
        bias_rate=config.bias_rate * share,
        proximal=tf.constant(config.proximal, tf.float32),
        clip=tf.constant(config.clip, tf.float32),
    )

    def local_step(adapter: Adapter, batch: collections.OrderedDict) -> Adapter:
        features = language_model.unroll(parameters, batch["tokens"], bos)
        flat = tf.reshape(features, [-1, features.shape[2]])
        moved, _ = adapters.step(parameters, adapter, start, flat, tf.reshape(batch["targets"], [-1]), rates)
        return moved

    return batches.repeat().take(config.steps).reduce(start, local_step)


METHOD = Method("fine_tuning", "Wang et al. 2019, arXiv:1910.10252", fed_avg.build, personalize)
