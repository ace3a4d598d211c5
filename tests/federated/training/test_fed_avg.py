"""A round of federated averaging in TFF, held to the same round made by hand."""

import math

import numpy as np
import pytest

from federated.job import TrainingConfig
from federated.local_training import sgd
from federated.training import fed_avg
from keyboard_model.model.cifg_lstm import Parameters
from tests.support.federated.toys import BOS, B, T, V, client, loss_by_hand, parameters, updates_by_hand

pytestmark = pytest.mark.usefixtures("execution")

CAP, SERVER_RATE, EPSILON, BETA_2 = 8.0, 1.0, 0.5, 0.99
Q = 2.0
OPINIONATED = parameters()._replace(d=np.linspace(-2, 2, V, dtype=np.float32))
"""Weights that serve one client better than another, as untrained ones do not."""


def process(client_rate: float, clip: float, q: float = 0.0, initial: Parameters | None = None):
    return fed_avg.build(
        initial or parameters(),
        TrainingConfig(
            client_learning_rate=client_rate,
            server_learning_rate=SERVER_RATE,
            server_epsilon=EPSILON,
            clip=clip,
            dropout=0.0,
            weight_cap=CAP,
            batch=B,
            window=T,
            fairness_q=q,
        ),
        BOS,
    )


@pytest.fixture(scope="module")
def calm():
    """Updates stay far below the robust aggregator's first bounds (norm 1, largest entry 10)."""
    return process(client_rate=0.1, clip=0.5)


@pytest.fixture(scope="module")
def fair():
    return process(client_rate=0.1, clip=0.5, q=Q, initial=OPINIONATED)


@pytest.fixture(scope="module")
def wild():
    """A client with one batch takes a large step; one with 32 diverges to NaN."""
    return process(client_rate=20.0, clip=1e30)


def weights(state) -> list[np.ndarray]:
    return [np.asarray(part) for part in state.global_model_weights.trainable]


def assert_same(one, other, **tolerance) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


def first_adam_step(mean: np.ndarray) -> np.ndarray:
    """FedAdam's first step, its moments starting at zero: lr·√(1−β₂)·g / (√(1−β₂)·|g| + τ)."""
    scaled = math.sqrt(1 - BETA_2) * mean
    return SERVER_RATE * scaled / (np.abs(scaled) + EPSILON)


def test_initialize_gives_the_weights_it_was_built_with(calm):
    assert_same(weights(calm.initialize()), parameters(), rtol=0)


def test_one_round_of_two_clients_is_the_same_made_by_hand(calm):
    clients = [client(2, seed=1), client(1, seed=2, counted=4)]
    shares = [8.0 / 12.0, 4.0 / 12.0]  # the first has 20 targets and counts for the cap of 8
    updates = [updates_by_hand(parameters(), batches, 0.1, 0.5) for batches in clients]
    assert all(math.sqrt(sum(float((part**2).sum()) for part in update)) < 1.0 for update in updates), "no outliers"
    means = [shares[0] * a + shares[1] * b for a, b in zip(*updates, strict=True)]
    expected = [part - first_adam_step(mean) for part, mean in zip(parameters(), means, strict=True)]
    output = calm.next(calm.initialize(), clients)
    assert_same(weights(output.state), expected, atol=1e-6)
    assert max(float(np.abs(a - b).max()) for a, b in zip(expected, parameters(), strict=True)) > 1e-3
    measured = output.metrics["client_work"]
    assert (measured["targets"], measured["broken_clients"]) == (24, 0)


def test_the_same_round_again_is_the_same(calm):
    clients = [client(2, seed=1), client(1, seed=2)]
    once, again = (weights(calm.next(calm.initialize(), clients).state) for _ in range(2))
    assert_same(once, again, rtol=1e-6)


def test_clients_without_anything_to_learn_weigh_nothing(calm):
    alone = calm.next(calm.initialize(), [client(1, seed=1)])
    among = calm.next(
        calm.initialize(), [client(1, seed=3, counted=0), client(1, seed=1), client(1, seed=4, counted=0)]
    )
    assert_same(weights(among.state), weights(alone.state), atol=1e-7)


def test_a_client_without_a_single_batch_weighs_nothing(calm):
    alone = calm.next(calm.initialize(), [client(1, seed=1)])
    among = calm.next(calm.initialize(), [[], client(1, seed=1)])
    assert_same(weights(among.state), weights(alone.state), atol=1e-7)


def test_a_round_without_any_targets_leaves_the_model_and_the_next_round_whole(calm):
    nobody = calm.next(calm.initialize(), [client(1, seed=3, counted=0)])
    assert_same(weights(nobody.state), parameters(), rtol=0)
    after = calm.next(nobody.state, [client(1, seed=1)])
    assert all(np.isfinite(part).all() for part in weights(after.state))
    assert not np.array_equal(weights(after.state)[0], parameters()[0])


def test_a_broken_client_is_counted_and_the_rest_train_on(wild):
    alone = wild.next(wild.initialize(), [client(1, seed=1)])
    among = wild.next(wild.initialize(), [client(1, seed=1), client(32, seed=0)])
    assert among.metrics["client_work"]["broken_clients"] == 1
    assert alone.metrics["client_work"]["broken_clients"] == 0
    assert among.metrics["client_work"]["loss_sum"] == pytest.approx(alone.metrics["client_work"]["loss_sum"])
    assert_same(weights(among.state), weights(alone.state), atol=1e-6)
    assert not np.array_equal(weights(among.state)[0], parameters()[0])


def test_a_round_of_broken_clients_alone_changes_nothing(wild):
    output = wild.next(wild.initialize(), [client(32, seed=0)])
    assert output.metrics["client_work"]["broken_clients"] == 1
    assert_same(weights(output.state), parameters(), rtol=0)


def test_a_fair_round_of_two_clients_is_the_same_made_by_hand(fair):
    clients = [client(2, seed=1), client(1, seed=2, counted=4)]
    losses = [loss_by_hand(OPINIONATED, batches) for batches in clients]
    asked = [n * loss**Q for n, loss in zip((8.0, 4.0), losses, strict=True)]
    shares = [weight / sum(asked) for weight in asked]
    assert abs(shares[0] - 8 / 12) > 0.05, "the losses differ"
    updates = [updates_by_hand(OPINIONATED, batches, 0.1, 0.5) for batches in clients]
    means = [shares[0] * a + shares[1] * b for a, b in zip(*updates, strict=True)]
    expected = [part - first_adam_step(mean) for part, mean in zip(OPINIONATED, means, strict=True)]
    assert_same(weights(fair.next(fair.initialize(), clients).state), expected, atol=1e-6)


def test_in_a_fair_round_too_clients_without_anything_to_learn_weigh_nothing(fair):
    alone = fair.next(fair.initialize(), [client(1, seed=1)])
    among = fair.next(fair.initialize(), [client(1, seed=3, counted=0), [], client(1, seed=1)])
    assert_same(weights(among.state), weights(alone.state), atol=1e-7)


def test_in_a_fair_round_too_a_broken_client_counts_for_nothing():
    wild = process(client_rate=20.0, clip=1e30, q=1.0)
    alone = wild.next(wild.initialize(), [client(1, seed=1)])
    among = wild.next(wild.initialize(), [client(1, seed=1), client(32, seed=0)])
    assert among.metrics["client_work"]["broken_clients"] == 1
    assert_same(weights(among.state), weights(alone.state), atol=1e-6)


def test_a_q_of_0_is_the_plain_round_and_measures_no_loss_for_it(calm, monkeypatch):
    def measured_all_the_same(*_):
        raise AssertionError("the clients' data are read twice")

    monkeypatch.setattr(sgd, "mean_loss", measured_all_the_same)
    unfair = process(client_rate=0.1, clip=0.5, q=0.0)
    clients = [client(2, seed=1), client(1, seed=2, counted=4)]
    plain, same = (weights(made.next(made.initialize(), clients).state) for made in (calm, unfair))
    assert_same(plain, same, rtol=1e-6)
