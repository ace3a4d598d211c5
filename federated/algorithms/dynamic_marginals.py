"""Dynamic marginals: the bias of each typed word is set in closed form, then K local steps are taken from there.

    bias(v) = bias_0(v) + β·log((c(v) + a) / (e(v) + a)),    for each piece v that was typed

c(v) is how often the client typed v, and e(v) = Σ p(v | context) how often the shared model expected it in the same
contexts. Kneser, Peters and Klakow 1997 (Language model adaptation using dynamic marginals), with the marginals of the
text itself instead of the background's. `a` is added to both, so that a few words change the bias only slightly. With
β = 0 or a → ∞ this is `fine_tuning`, and with 0 steps, too, `global_only`.
"""

from __future__ import annotations

import tensorflow as tf

from federated.algorithms.fine_tuning import FINE_TUNING_SEARCH_SPACE
from federated.local_training import adapter_sgd
from federated.local_training.adapter_sgd import ReadBatch
from federated.local_training.batch_loop import fold
from federated.personalization.method import (
    Choice,
    ClientText,
    DeviceArtifact,
    Method,
    MethodContext,
    Options,
    PersonalModel,
    Range,
    SharedModel,
    Structure,
)
from federated.settings import NotNegative, Positive
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters


class MarginalsOptions(Options):
    """strength: β; 0 = off. pseudo_count: a, in words."""

    strength: NotNegative = 1.0
    pseudo_count: Positive = 4.0


def rescale_bias(
    parameters: Parameters, start: AdapterTensors, batches: ReadBatch, context: MethodContext
) -> AdapterTensors:
    """Returns the start with the bias of the module's formula for read batches.

    e − c is the gradient of the summed loss.
    """

    def add(total: tuple[tf.Tensor, tf.Tensor], batch: ReadBatch) -> tuple[tf.Tensor, tf.Tensor]:
        features, targets = batch
        gradient = adapters.gradient(parameters, start, features, targets)[1].bias
        counts = tf.math.unsorted_segment_sum(cifg_lstm.counted(targets), tf.maximum(targets, 0), start.bias.shape[0])
        return total[0] + counts, total[1] + cifg_lstm.counted_targets(targets) * gradient

    typed, surplus = fold(add, (tf.zeros_like(start.bias), tf.zeros_like(start.bias)), batches)
    pseudo_count = context.options.pseudo_count
    ratio = (typed + pseudo_count) / (tf.maximum(typed + surplus, 0.0) + pseudo_count)
    change = context.options.strength * tf.math.log(ratio)
    return AdapterTensors(start.lora_a, start.lora_b, start.bias + tf.where(typed > 0.0, change, 0.0))


def from_start(shared: SharedModel, start: AdapterTensors, text: ClientText, context: MethodContext) -> PersonalModel:
    """Sets the bias, then takes K steps, each pulled to the adapter before the first one."""
    read = adapter_sgd.read(shared.parameters, text.training, context.bos)
    anchor = rescale_bias(shared.parameters, start, read, context) if context.options.strength else start
    adapter = adapter_sgd.personal_steps(shared.parameters, anchor, anchor, read, context.config)
    return PersonalModel(shared.parameters, adapter)


def device_artifact(shared: SharedModel, start: AdapterTensors, context: MethodContext) -> DeviceArtifact:
    """Returns what a phone needs for the same: without strength, only the steps."""
    if context.options.strength == 0:
        return DeviceArtifact(shared.parameters, (start,), "steps")
    constants = {"strength": context.options.strength, "pseudo_count": context.options.pseudo_count}
    return DeviceArtifact(shared.parameters, (start,), "marginals", constants)


def personalize(
    shared: SharedModel, server: Structure, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    return from_start(shared, shared.adapter, text, context)


def phone(shared: SharedModel, server: Structure, context: MethodContext) -> DeviceArtifact:
    return device_artifact(shared, shared.adapter, context)


METHOD = Method(
    name="marginals",
    title="dynamic marginals",
    paper="Kneser, Peters and Klakow 1997, Language model adaptation using dynamic marginals, Eurospeech",
    personalize=personalize,
    phone=phone,
    options=MarginalsOptions,
    space={
        **FINE_TUNING_SEARCH_SPACE,
        "steps": Choice((0, 5, 10)),
        "newest_words": Choice((500, 10_000)),
        "options.strength": Range(0.5, 1.5),
        "options.pseudo_count": Range(1.0, 30.0, log=True),
    },
)
