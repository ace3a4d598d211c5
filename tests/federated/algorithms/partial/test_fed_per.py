from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from federated.algorithms.partial.fed_per import METHOD
from federated.job import JobError, TrainingConfig
from federated.local_training.full_model import client_update
from federated.personalization import personalization_process
from federated.personalization.method import SharedModel
from keyboard_model.batching import IGNORE
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm
from keyboard_model.model.cifg_lstm import Parameters
from tests.support.federated.adapters_by_hand import arrays, assert_close, clipped, loss_and_gradient, sgd
from tests.support.federated.personal import BASE, R, context_of, local, random_adapter, rounds, text
from tests.support.federated.toys import BOS, E, V, client, stacked, updates_by_hand

OWN = random_adapter(2)
BATCHES = client(3, seed=0, counted=7)
NEUTRAL = SharedModel(BASE.parameters, adapters.init(V, E, R, seed=0))
RATE = 0.3


def context(**changes):
    return context_of(METHOD, {"base_learning_rate": RATE}, **changes)


def shared_step_by_hand(shared, own, batch, clip):
    """Returns the shared layers after one step, by a tape over explicitly written scores."""
    variables = [tf.Variable(part) for part in shared]
    targets = batch.targets.reshape(-1)
    wanted = [[i, target] for i, target in enumerate(targets) if target != IGNORE]
    a, b, bias = (tf.constant(part, tf.float32) for part in own)
    with tf.GradientTape() as tape:
        values = Parameters(*(variable.read_value() for variable in variables))
        p = tf.reshape(cifg_lstm.unroll(values, tf.constant(batch.tokens), BOS), [-1, E])
        scores = (p + p @ a @ b) @ tf.transpose(values.embedding) + values.d + bias
        loss = -tf.reduce_mean(tf.gather_nd(tf.nn.log_softmax(scores), wanted))
    slopes = [tf.convert_to_tensor(slope).numpy() for slope in tape.gradient(loss, variables)]
    return Parameters(*(p - RATE * down for p, down in zip(shared, clipped(slopes, clip), strict=True)))


@pytest.mark.parametrize("clip", [0.2, 1e6])
def test_a_round_trains_both_kinds_of_layers_at_once(clip):
    made = local(METHOD, BASE, OWN, BATCHES, context(clip=clip))
    shared, own, losses = BASE.parameters, arrays(OWN), []
    for batch in BATCHES:
        losses.append(loss_and_gradient(shared, own, batch)[0])
        moved = shared_step_by_hand(shared, own, batch, clip)
        own = sgd(shared, own, [batch], (0.1, 0.5), clip)
        shared = moved
    assert_close(made.client, own)
    assert_close(made.update, [before - after for before, after in zip(arrays(BASE.parameters), shared, strict=True)])
    assert float(made.loss_sum) == pytest.approx(7 * sum(losses), rel=1e-5)
    assert (float(made.weight), float(made.targets)) == (21, 21)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("clip", [0.2, 1e6])
def test_without_personal_layers_a_clients_round_is_that_of_fedavg_with_its_dropout(clip, dropout):
    context_ = replace(context(learning_rate=0, bias_rate=0, clip=clip), dropout=dropout)
    made = local(METHOD, NEUTRAL, NEUTRAL.adapter, BATCHES, context_)
    start = Parameters(*map(tf.constant, BASE.parameters))
    config = TrainingConfig(client_learning_rate=RATE, clip=clip, dropout=dropout)
    expected = client_update(start, stacked(BATCHES), config, BOS)
    for found, plain in zip(made.update, expected.update, strict=True):
        np.testing.assert_allclose(found, plain, atol=1e-6)
    assert_close(made.client, arrays(NEUTRAL.adapter))


def test_a_shared_rate_of_zero_is_the_adapter_alone():
    made = local(METHOD, BASE, OWN, BATCHES, context_of(METHOD, {"base_learning_rate": 0}))
    assert all(np.abs(part).max() == 0 for part in made.update)
    assert_close(made.client, sgd(BASE.parameters, arrays(OWN), BATCHES, (0.1, 0.5), 0.5))


def test_personalization_starts_at_the_clients_layers_on_the_servers():
    trained = SharedModel(cifg_lstm.init(V, E, BASE.parameters.w_p.shape[0], seed=3), BASE.adapter)
    context_ = context(proximal=0.0, evidence=0.0)
    server, own = tf.nest.map_structure(tf.constant, (trained, OWN))
    found = METHOD.personalize(BASE, server, own, text(BATCHES, []), context_)
    assert_close(found.adapter, sgd(trained.parameters, arrays(OWN), BATCHES, (0.1, 0.5), 0.5))
    assert_close(found.parameters, arrays(trained.parameters))
    part = METHOD.phone(BASE, trained, context_)
    assert (part.parameters, part.starts, part.algorithm) == (trained.parameters, (BASE.adapter,), "steps")
    assert_close(METHOD.client(trained, context_), arrays(BASE.adapter))


def test_rejects_a_negative_learning_rate():
    with pytest.raises(JobError, match="options of fed_per: base_learning_rate"):
        context_of(METHOD, {"base_learning_rate": -1})


@pytest.mark.usefixtures("execution")
def test_two_rounds_in_tff_without_personal_layers_are_those_of_fedavg():
    context_ = context_of(
        METHOD, {"base_learning_rate": 0.05}, {"server_learning_rate": 0.5}, learning_rate=0, bias_rate=0
    )
    process = personalization_process.build(METHOD, NEUTRAL, context_)
    clients = [BATCHES, client(1, seed=1, counted=4)]
    state, states = process.initialize(), [NEUTRAL.adapter] * 2
    for _ in range(2):
        state, states, _ = process.next(state, NEUTRAL, states, clients)
    weights = NEUTRAL.parameters
    for _ in range(2):
        updates = [updates_by_hand(weights, batches, 0.05, 0.5) for batches in clients]
        weights = Parameters(*(w - 0.5 * (21 * a + 4 * b) / 25 for w, a, b in zip(weights, *updates, strict=True)))
    server = process.server(state)
    assert_close(server.parameters, arrays(weights))
    assert_close(server.adapter, arrays(NEUTRAL.adapter))


@pytest.mark.usefixtures("execution")
def test_personal_layers_stay_with_their_clients():
    context_ = context_of(METHOD, {"base_learning_rate": 0.05}, learning_rate=0.02, bias_rate=0.1)
    clients = [BATCHES, client(1, seed=1, counted=4)]
    server, states, _ = rounds(METHOD, context_, clients)
    for state, batches in zip(states, clients, strict=True):
        assert_close(state, arrays(local(METHOD, BASE, BASE.adapter, batches, context_).client))
    assert_close(server.adapter, arrays(BASE.adapter))
    assert any(np.abs(new - old).max() > 1e-4 for new, old in zip(server.parameters, BASE.parameters, strict=True))
