import numpy as np
import pytest
import tensorflow as tf

from federated.heterogeneity import gradient_dissimilarity
from federated.personalization.method import SharedModel
from keyboard_model.batching import IGNORE
from keyboard_model.model import adapter as adapters
from keyboard_model.model import cifg_lstm
from tests.support.federated.toys import BOS, B, E, T, V, client, parameters

RANK = 2

pytestmark = pytest.mark.usefixtures("execution")


@pytest.fixture(scope="module")
def base():
    return SharedModel(parameters(), adapters.init(V, E, RANK, seed=3))


@pytest.fixture(scope="module")
def process(base):
    return gradient_dissimilarity.build(base, B, T, BOS)


def by_hand(base, batches):
    """Autodiff's gradient of a client's mean loss, B's then the bias's, and the loss."""
    lora_b, bias = tf.Variable(base.adapter.lora_b), tf.Variable(base.adapter.bias)
    with tf.GradientTape() as tape:
        losses, counted = 0.0, 0
        for batch in batches:
            features = tf.reshape(cifg_lstm.unroll(base.parameters, tf.constant(batch.tokens), BOS), [-1, E])
            own = adapters.AdapterTensors(tf.constant(base.adapter.lora_a), lora_b.read_value(), bias.read_value())
            targets = batch.targets.reshape(-1)
            losses += tf.reduce_sum(
                cifg_lstm.token_losses(adapters.logits(base.parameters, own, features), tf.constant(targets))
            )
            counted += (targets != IGNORE).sum()
        loss = losses / counted
    slopes = tape.gradient(loss, [lora_b, bias])
    return np.concatenate([tf.reshape(slope, [-1]).numpy() for slope in slopes]).astype(np.float64), float(loss)


def cosine(first, second):
    return first @ second / np.linalg.norm(first) / np.linalg.norm(second)


def test_gradients_agree_with_autodiff_and_numpy(base, process):
    first = [client(2, seed=0), client(1, seed=1, counted=7), client(3, seed=2)]
    second = [client(1, seed=10), client(1, seed=11), client(2, seed=12, counted=4)]
    state, rows = process.next(process.initialize(), base, first, second)
    found = gradient_dissimilarity.gradients_of(state)

    a, b = ([by_hand(base, half)[0] for half in halves] for halves in (first, second))
    own = [(x + y) / 2 for x, y in zip(a, b, strict=True)]
    mean = np.mean(own, axis=0)
    assert found.users == 3
    apart = np.mean([np.sum((g - mean) ** 2) for g in own])
    assert found.dissimilarity == pytest.approx(apart / np.sum(mean**2), rel=1e-3)
    pairs = [(i, j) for i in range(3) for j in range(3) if i != j]
    assert found.between_cosine == pytest.approx(np.mean([cosine(a[i], b[j]) for i, j in pairs]), abs=1e-4)
    assert found.within_cosine == pytest.approx(np.mean([cosine(x, y) for x, y in zip(a, b, strict=True)]), abs=1e-4)
    assert found.signal.within == pytest.approx(np.mean([x @ y for x, y in zip(a, b, strict=True)]), rel=1e-3)
    assert found.signal.across == pytest.approx(np.mean([a[i] @ b[j] for i, j in pairs]), rel=1e-3, abs=1e-6)

    pieces = [(20, 10), (7, 10), (30, 8)]
    noise = [np.sum((x - y) ** 2) / (1 / n + 1 / m) for x, y, (n, m) in zip(a, b, pieces, strict=True)]
    assert found.signal.noise == pytest.approx(np.mean(noise), rel=1e-3)
    for row, g, (n, m), halves in zip(rows, own, pieces, zip(first, second, strict=True), strict=True):
        assert float(row["pieces"]) == n + m
        assert float(row["norm"]) == pytest.approx(np.linalg.norm(g), rel=1e-4)
        losses = [by_hand(base, half)[1] for half in halves]
        assert float(row["loss"]) == pytest.approx((n * losses[0] + m * losses[1]) / (n + m), rel=1e-5)


def test_cohorts_add_up(base, process):
    first, second = [client(1, seed=i) for i in range(4)], [client(1, seed=10 + i) for i in range(4)]
    at_once, _ = process.next(process.initialize(), base, first, second)
    state = process.initialize()
    for at in (0, 2):
        state, _ = process.next(state, base, first[at : at + 2], second[at : at + 2])
    together, apart = gradient_dissimilarity.gradients_of(at_once), gradient_dissimilarity.gradients_of(state)
    assert (together.users, together.dissimilarity) == (apart.users, pytest.approx(apart.dissimilarity, rel=1e-3))


def test_users_with_the_same_text_have_the_same_gradient(base, process):
    state, _ = process.next(process.initialize(), base, [client(2, seed=0)] * 3, [client(2, seed=0)] * 3)
    found = gradient_dissimilarity.gradients_of(state)
    assert found.dissimilarity == pytest.approx(0.0, abs=1e-5)
    assert found.between_cosine == pytest.approx(1.0, abs=1e-5)
    assert found.within_cosine == pytest.approx(1.0, abs=1e-5)
    assert found.signal.noise == pytest.approx(0.0, abs=1e-5)


def test_users_without_targets_do_not_count(base, process):
    first = [client(1, seed=0), client(1, seed=1), client(1, seed=2, counted=0)]
    state, rows = process.next(process.initialize(), base, first, [client(1, seed=5)] * 3)
    found = gradient_dissimilarity.gradients_of(state)
    two, _ = process.next(process.initialize(), base, first[:2], [client(1, seed=5)] * 2)
    assert found == gradient_dissimilarity.gradients_of(two)
    assert (found.users, float(rows[2]["norm"])) == (2, 0.0)


def test_one_user_alone_is_not_measured(base, process):
    state, _ = process.next(process.initialize(), base, [client(1, seed=0)], [client(1, seed=1)])
    assert gradient_dissimilarity.gradients_of(state) is None
