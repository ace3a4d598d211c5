from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from federated.algorithms.partial.fed_babu import METHOD, Body, body_of, with_body
from federated.job import JobError
from federated.personalization.method import SharedModel
from keyboard_model.batching import IGNORE
from keyboard_model.model import cifg_lstm
from keyboard_model.model.cifg_lstm import Parameters
from tests.support.federated.adapters_by_hand import arrays, assert_close, clipped, loss_and_gradient, sgd
from tests.support.federated.personal import BASE, context_of, local, random_adapter, rounds, text
from tests.support.federated.toys import BOS, E, V, client

OTHER_HEAD = SharedModel(cifg_lstm.init(V, E, BASE.parameters.w_p.shape[0], seed=3), random_adapter(1))
START = body_of(BASE.parameters)
BATCHES = client(3, seed=0, counted=7)
RATE = 0.3


def context(rate=RATE, federated=None, **changes):
    return context_of(METHOD, {"base_learning_rate": rate}, federated, **changes)


def body_step_by_hand(body, batch, clip):
    """Returns the body after one step under the head of BASE, by a tape over explicitly written scores."""
    variables = [tf.Variable(part) for part in body]
    targets = batch.targets.reshape(-1)
    wanted = [[i, target] for i, target in enumerate(targets) if target != IGNORE]
    a, b, bias = (tf.constant(part) for part in BASE.adapter)
    embedding, d = tf.constant(BASE.parameters.embedding), tf.constant(BASE.parameters.d)
    with tf.GradientTape() as tape:
        values = Parameters(embedding, *(variable.read_value() for variable in variables), d)
        p = tf.reshape(cifg_lstm.unroll(values, tf.constant(batch.tokens), BOS), [-1, E])
        scores = (p + p @ a @ b) @ tf.transpose(embedding) + d + bias
        loss = -tf.reduce_mean(tf.gather_nd(tf.nn.log_softmax(scores), wanted))
    slopes = clipped([slope.numpy() for slope in tape.gradient(loss, variables)], clip)
    return Body(*(np.float32(part - RATE * down) for part, down in zip(body, slopes, strict=True)))


@pytest.mark.parametrize("clip", [0.2, 1e6])
def test_a_round_trains_the_body_under_a_fixed_head(clip):
    made = local(METHOD, START, (), BATCHES, context(clip=clip))
    body, losses = START, []
    for batch in BATCHES:
        losses.append(loss_and_gradient(with_body(BASE.parameters, body), arrays(BASE.adapter), batch)[0])
        body = body_step_by_hand(body, batch, clip)
    assert_close(made.update, [before - after for before, after in zip(arrays(START), arrays(body), strict=True)])
    assert max(float(np.abs(part).max()) for part in made.update) > 1e-3
    assert float(made.loss_sum) == pytest.approx(7 * sum(losses), rel=1e-4)
    assert (float(made.weight), float(made.targets), made.client) == (21, 21, ())


def test_dropout_changes_the_round_and_not_the_loss_that_fairness_uses():
    plain, dropped = (local(METHOD, START, (), BATCHES, replace(context(), dropout=rate)) for rate in (0.0, 0.5))
    assert float(plain.loss_sum) != float(dropped.loss_sum)
    assert float(plain.fairness.loss()) == float(dropped.fairness.loss())


def test_only_the_body_is_sent():
    server = METHOD.server(OTHER_HEAD, context())
    assert server._fields == ("w_x", "w_h", "b", "w_p")
    assert_close(server, [arrays(OTHER_HEAD.parameters)[i] for i in (1, 2, 3, 4)])


def test_a_phone_fine_tunes_the_head_alone_on_the_trained_body():
    trained = body_of(OTHER_HEAD.parameters)
    model = Parameters(BASE.parameters.embedding, *trained, BASE.parameters.d)
    context_ = context(proximal=0.0, evidence=0.0)
    shared, body = tf.nest.map_structure(tf.constant, (BASE, trained))
    found = METHOD.personalize(shared, body, (), text(BATCHES, []), context_)
    assert_close(found.adapter, sgd(model, arrays(BASE.adapter), BATCHES, (0.1, 0.5), 0.5))
    assert_close(found.parameters, arrays(model))
    part = METHOD.phone(BASE, trained, context_)
    assert (part.starts, part.algorithm) == ((BASE.adapter,), "steps")
    assert_close(part.parameters, arrays(model))


def test_a_rate_of_zero_leaves_the_body():
    assert all(np.abs(part).max() == 0 for part in local(METHOD, START, (), BATCHES, context(rate=0)).update)


def test_rejects_a_negative_rate():
    with pytest.raises(JobError, match="options of fed_babu: base_learning_rate"):
        context(rate=-1)


@pytest.mark.usefixtures("execution")
def test_the_server_averages_the_bodies():
    context_ = context(rate=0.05, federated={"server_learning_rate": 0.5})
    clients = [BATCHES, client(1, seed=1, counted=4)]
    server, states, measured = rounds(METHOD, context_, clients)
    one, other = (arrays(local(METHOD, START, (), batches, context_).update) for batches in clients)
    expected = [w - 0.5 * (21 * a + 4 * b) / 25 for w, a, b in zip(arrays(START), one, other, strict=True)]
    assert_close(server, expected)
    assert (list(states), float(measured["broken_clients"])) == ([(), ()], 0)
