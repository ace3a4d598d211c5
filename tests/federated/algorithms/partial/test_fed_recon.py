import collections
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_federated as tff

from federated.algorithms.partial.fed_recon import METHOD
from federated.personalization.method import SharedModel
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.model.cifg_lstm import Parameters
from tests.support.federated.adapters_by_hand import arrays, assert_close, sgd
from tests.support.federated.personal import BASE, TENSORS, R, context_of, local, rounds, text
from tests.support.federated.toys import BOS, B, E, T, V, client, updates_by_hand

START = BASE.adapter
BATCHES = client(5, seed=0)
RATE = 0.3


def context(**changes):
    return context_of(METHOD, {"base_learning_rate": RATE}, **changes)


def test_the_adapter_is_reconstructed_on_one_half_and_the_loss_is_that_of_the_other():
    """With a shared rate of 0 the loss is that of the reconstructed adapter on the query batches."""
    frozen = context_of(METHOD, {"base_learning_rate": 0}, steps=3, proximal=0.0, evidence=10.0)
    made = local(METHOD, BASE.parameters, (), BATCHES, frozen)
    share = 20 / (20 + 10)
    support = [BATCHES[0], BATCHES[1], BATCHES[0]]
    own = sgd(BASE.parameters, arrays(START), support, (0.1 * share, 0.5 * share), 0.5)
    own = AdapterTensors(*(tf.constant(part, tf.float32) for part in own))
    losses = 0.0
    for batch in BATCHES[2:]:
        features = cifg_lstm.unroll(TENSORS.parameters, tf.constant(batch.tokens), BOS)
        scores = adapters.logits(TENSORS.parameters, own, tf.reshape(features, [-1, E]))
        losses += float(tf.reduce_sum(cifg_lstm.token_losses(scores, tf.constant(batch.targets.reshape(-1)))))
    assert float(made.loss_sum) == pytest.approx(losses, rel=1e-5)
    assert (float(made.weight), float(made.targets)) == (30, 30)
    assert all(np.abs(part).max() == 0 for part in made.update)
    assert made.client == ()


@pytest.mark.parametrize("changes", [{"steps": 0}, {"learning_rate": 0, "bias_rate": 0}])
def test_without_personal_layers_it_is_fedavg_on_the_query_batches(monkeypatch, changes):
    neutral = SharedModel(TENSORS.parameters, AdapterTensors(*map(tf.constant, adapters.init(V, E, R, seed=0))))
    monkeypatch.setattr("tests.support.federated.personal.TENSORS", neutral)
    made = local(METHOD, BASE.parameters, (), BATCHES, context(**changes))
    for found, plain in zip(made.update, updates_by_hand(BASE.parameters, BATCHES[2:], RATE, 0.5), strict=True):
        np.testing.assert_allclose(found, plain, atol=1e-6)


def test_a_client_with_one_batch_keeps_the_common_start():
    frozen = context_of(METHOD, {"base_learning_rate": 0})
    some_steps, no_steps = (
        local(METHOD, BASE.parameters, (), BATCHES[:1], each) for each in (frozen, context(steps=0))
    )
    assert float(some_steps.loss_sum) == float(no_steps.loss_sum)


def test_personalization_starts_at_the_common_start_on_the_servers_layers():
    shared = cifg_lstm.init(V, E, BASE.parameters.w_p.shape[0], seed=3)
    context_ = context(proximal=0.0, evidence=0.0)
    found = METHOD.personalize(TENSORS, Parameters(*map(tf.constant, shared)), (), text(BATCHES[:3], []), context_)
    assert_close(found.adapter, sgd(shared, arrays(START), BATCHES[:3], (0.1, 0.5), 0.5))
    assert_close(found.parameters, arrays(shared))
    part = METHOD.phone(BASE, shared, context_)
    assert (part.parameters, part.starts, part.algorithm) == (shared, (START,), "steps")


class Output(NamedTuple):
    """`ReconstructionBatchOutput`, which is not public in TFF."""

    predictions: tf.Tensor
    labels: tf.Tensor
    num_examples: int


class TffModel(tff.learning.models.ReconstructionModel):
    """The model that `build_fed_recon` needs: shared and personal layers as variables."""

    def __init__(self) -> None:
        self._shared = Parameters(*(tf.Variable(part) for part in BASE.parameters))
        self._own = AdapterTensors(*(tf.Variable(part) for part in START))

    global_trainable_variables = property(lambda self: list(self._shared))
    global_non_trainable_variables = property(lambda self: [])
    local_trainable_variables = property(lambda self: list(self._own))
    local_non_trainable_variables = property(lambda self: [])

    @property
    def input_spec(self):
        matrix = tf.TensorSpec([B, T], tf.int32)
        return collections.OrderedDict(tokens=matrix, targets=matrix)

    def forward_pass(self, batch_input, training=True):
        shared, own = (type(part)(*map(tf.convert_to_tensor, part)) for part in (self._shared, self._own))
        features = tf.reshape(cifg_lstm.unroll(shared, batch_input["tokens"], BOS), [-1, E])
        return Output(adapters.logits(shared, own, features), tf.reshape(batch_input["targets"], [-1]), B * T)


@pytest.mark.usefixtures("execution")
def test_a_round_agrees_with_tffs_build_fed_recon():
    rate, clients = 0.02, [BATCHES, client(4, seed=1)]
    sgd_of = tff.learning.optimizers.build_sgdm
    theirs = tff.learning.algorithms.build_fed_recon(
        TffModel,
        loss_fn=lambda: tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        client_optimizer_fn=sgd_of(0.05),
        reconstruction_optimizer_fn=sgd_of(rate),
        # TFF's default split takes every second batch. This is the split into halves, with one pass over the first.
        dataset_split_fn=lambda batches: (batches.take(_half(batches)), batches.skip(_half(batches))),
    )
    named = [[collections.OrderedDict(batch._asdict()) for batch in batches] for batches in clients]
    state = theirs.next(theirs.initialize(), named).state

    same = {"learning_rate": rate, "bias_rate": rate, "proximal": 0.0, "evidence": 0.0, "clip": 1e6}
    server, states, measured = rounds(
        METHOD, context_of(METHOD, {"base_learning_rate": 0.05}, steps=2, **same), clients
    )
    assert (states, float(measured["targets"])) == ([(), ()], 50)
    for found, by_tff, before in zip(server, state.global_model_weights.trainable, BASE.parameters, strict=True):
        np.testing.assert_allclose(found, by_tff, atol=2e-6)
        assert np.abs(found - before).max() > 1e-4


def _half(batches):
    return batches.reduce(np.int64(0), lambda number, batch: number + 1) // 2
