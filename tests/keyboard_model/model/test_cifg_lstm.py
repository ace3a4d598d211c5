"""The model's maths: by hand on one number, by autodiff on many."""

import math

import numpy as np
import pytest
import tensorflow as tf

from keyboard_model.batching import IGNORE
from keyboard_model.model import cifg_lstm
from keyboard_model.model.cifg_lstm import Parameters, State

BOS = 1
V, E, H = 13, 4, 6


def parameters(seed: int = 0) -> Parameters:
    rng = np.random.default_rng(seed)
    initial = cifg_lstm.init(V, E, H, seed)
    return Parameters(
        *(tf.constant(part + 0.1 * rng.standard_normal(part.shape).astype(np.float32)) for part in initial)
    )


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def plain_unroll(parameters: Parameters, tokens: tf.Tensor) -> tf.Tensor:
    """The recurrence as the docstring of `language_model` states it, one message at a time, for autodiff."""
    cells, rows = parameters.w_p.shape[0], []
    for row in tokens.numpy():
        cell, projection, outputs = tf.zeros([1, cells]), tf.zeros([1, parameters.w_p.shape[1]]), []
        for token in row:
            if token == BOS:
                cell, projection = tf.zeros_like(cell), tf.zeros_like(projection)
            z = parameters.embedding[token][tf.newaxis] @ parameters.w_x + projection @ parameters.w_h + parameters.b
            f, g, o = z[:, :cells], z[:, cells : 2 * cells], z[:, 2 * cells :]
            cell = tf.sigmoid(f) * cell + (1 - tf.sigmoid(f)) * tf.tanh(g)
            projection = (tf.sigmoid(o) * tf.tanh(cell)) @ parameters.w_p
            outputs.append(projection[0])
        rows.append(tf.stack(outputs))
    return tf.stack(rows)


def test_one_step_by_hand():
    toy = Parameters(
        embedding=tf.constant([[2.0], [-1.0]]),
        w_x=tf.constant([[0.5, 1.0, -0.25]]),
        w_h=tf.constant([[0.1, 0.2, 0.3]]),
        b=tf.constant([1.0, 0.0, 0.5]),
        w_p=tf.constant([[3.0]]),
        d=tf.constant([0.0, 0.25]),
    )
    features, state = cifg_lstm.step(toy, tf.constant([0]), State(tf.constant([[0.4]]), tf.constant([[-2.0]])))
    # z = 2·W_x − 2·W_h + b
    forget, candidate, output = sigmoid(1.0 - 0.2 + 1.0), math.tanh(2.0 - 0.4), sigmoid(-0.5 - 0.6 + 0.5)
    cell = forget * 0.4 + (1 - forget) * candidate
    projection = 3 * output * math.tanh(cell)
    assert state.cell.numpy().item() == pytest.approx(cell, abs=1e-6)
    assert features.numpy().item() == state.projection.numpy().item() == pytest.approx(projection, abs=1e-6)
    scores = cifg_lstm.logits(toy, features).numpy()[0]
    np.testing.assert_allclose(scores, [2 * projection, -projection + 0.25], atol=1e-5)


def test_unroll_equals_repeated_steps():
    shared, tokens = parameters(), np.array([[BOS, 3, 7, 2, 9], [BOS, 5, 5, 4, 0]], np.int32)
    unrolled = cifg_lstm.unroll(shared, tf.constant(tokens), BOS)
    state = cifg_lstm.zero_state(2, shared)
    for t in range(tokens.shape[1]):
        features, state = cifg_lstm.step(shared, tf.constant(tokens[:, t]), state)
        np.testing.assert_allclose(unrolled[:, t], features, atol=1e-6)


def test_packed_messages_give_the_same_features_as_single_messages():
    shared = parameters()
    first, second = [BOS, 3, 7], [BOS, 5, 2, 9]
    packed = cifg_lstm.unroll(shared, tf.constant([first + second]), BOS)[0]
    # The same width alone, so that the same kernels run and the comparison can be exact.
    alone = [
        cifg_lstm.unroll(shared, tf.constant([message + [0] * (7 - len(message))]), BOS)[0]
        for message in (first, second)
    ]
    np.testing.assert_array_equal(packed[:3], alone[0][:3])
    np.testing.assert_array_equal(packed[3:], alone[1][:4])


def test_no_gradient_flows_across_bos():
    shared = parameters()
    with tf.GradientTape() as tape:
        tape.watch(shared.embedding)
        after = tf.reduce_sum(cifg_lstm.unroll(shared, tf.constant([[BOS, 3, 7, BOS, 5]]), BOS)[0, 3:])
    slope = tf.convert_to_tensor(tape.gradient(after, shared.embedding)).numpy()
    assert np.abs(slope[[3, 7]]).max() == 0.0
    assert np.abs(slope[5]).max() > 0.0


@pytest.mark.parametrize("seed", range(3))
def test_the_handwritten_gradient_agrees_with_autodiff(seed):
    shared = parameters(seed)
    rng = np.random.default_rng(seed)
    tokens = tf.constant(rng.integers(0, V, (3, 8)), tf.int32)
    upstream = tf.constant(rng.standard_normal((3, 8, E)), tf.float32)

    def slopes(unroll):
        with tf.GradientTape() as tape:
            tape.watch(shared)
            value = tf.reduce_sum(unroll() * upstream)
        names = ("embedding", "w_x", "w_h", "b", "w_p")
        gradient = tape.gradient(value, [getattr(shared, name) for name in names])
        return value, dict(zip(names, map(tf.convert_to_tensor, gradient), strict=True))

    value, by_hand = slopes(lambda: cifg_lstm.unroll(shared, tokens, BOS))
    expected_value, expected = slopes(lambda: plain_unroll(shared, tokens))
    np.testing.assert_allclose(value, expected_value, rtol=1e-5)
    for name, slope in expected.items():
        np.testing.assert_allclose(by_hand[name], slope, atol=1e-5, rtol=1e-5, err_msg=name)


def test_graph_and_eager_mode_agree():
    shared, tokens = parameters(), tf.constant([[BOS, 3, 7, BOS]])
    graph = tf.function(lambda: cifg_lstm.unroll(shared, tokens, BOS))
    np.testing.assert_allclose(graph(), cifg_lstm.unroll(shared, tokens, BOS), atol=1e-6)


def test_loss_of_a_toy_by_hand():
    losses = cifg_lstm.token_losses(tf.constant([[0.0, math.log(3.0)]] * 3), tf.constant([0, 1, IGNORE]))
    np.testing.assert_allclose(losses, [math.log(4.0), math.log(4.0 / 3.0), 0.0], atol=1e-6)


def test_an_ignored_target_gets_no_gradient():
    scores = tf.constant(np.random.default_rng(0).standard_normal((2, V)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        loss = tf.reduce_sum(cifg_lstm.token_losses(scores, tf.constant([4, IGNORE])))
    slope = tape.gradient(loss, scores).numpy()
    assert np.abs(slope[0]).max() > 0.0
    assert np.abs(slope[1]).max() == 0.0


def test_init_depends_on_the_seed_and_opens_the_forget_gate():
    first, again, other = (cifg_lstm.init(V, E, H, seed) for seed in (3, 3, 4))
    for one, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, same)
        assert one.dtype == np.float32
    assert not np.array_equal(first.embedding, other.embedding)
    np.testing.assert_array_equal(first.b, [1.0] * H + [0.0] * 2 * H)
    assert [part.shape for part in first] == [(V, E), (E, 3 * H), (E, 3 * H), (3 * H,), (H, E), (V,)]
