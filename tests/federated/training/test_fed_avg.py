"""A round of federated averaging in TFF, compared with the same round computed by hand."""

import math

import numpy as np
import pytest

from federated.job import TrainingConfig
from federated.local_training import full_model
from federated.training import fed_avg
from keyboard_model.model.cifg_lstm import Parameters
from tests.support.federated import computation_cache
from tests.support.federated.toys import BOS, B, T, V, client, loss_by_hand, parameters, updates_by_hand

pytestmark = pytest.mark.usefixtures("execution")

CAP, SERVER_RATE, EPSILON, BETA_2 = 8.0, 1.0, 0.5, 0.99
Q = 2.0
BIASED = parameters()._replace(d=np.linspace(-2, 2, V, dtype=np.float32))
"""Weights whose losses differ between clients; those of untrained weights do not."""


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
def small_steps():
    """Updates stay far below the first bounds of the robust aggregator (norm 1, largest entry 10)."""
    return process(client_rate=0.1, clip=0.5)


@pytest.fixture(scope="module")
def fair():
    return process(client_rate=0.1, clip=0.5, q=Q, initial=BIASED)


@pytest.fixture(scope="module")
def large_steps():
    """A client with one batch takes a large step; a client with 32 batches diverges to NaN."""
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


def test_the_initial_state_has_the_given_weights(small_steps):
    assert_same(weights(small_steps.initialize()), parameters(), rtol=0)


def test_a_round_of_two_clients_equals_the_round_computed_by_hand(small_steps):
    clients = [client(2, seed=1), client(1, seed=2, counted=4)]
    shares = [8.0 / 12.0, 4.0 / 12.0]  # the first client has 20 targets, which are capped at 8
    updates = [updates_by_hand(parameters(), batches, 0.1, 0.5) for batches in clients]
    assert all(math.sqrt(sum(float((part**2).sum()) for part in update)) < 1.0 for update in updates), "no outliers"
    means = [shares[0] * a + shares[1] * b for a, b in zip(*updates, strict=True)]
    expected = [part - first_adam_step(mean) for part, mean in zip(parameters(), means, strict=True)]
    output = small_steps.next(small_steps.initialize(), clients)
    assert_same(weights(output.state), expected, atol=1e-6)
    assert max(float(np.abs(a - b).max()) for a, b in zip(expected, parameters(), strict=True)) > 1e-3
    measured = output.metrics["client_work"]
    assert (measured["targets"], measured["broken_clients"]) == (24, 0)


def test_a_round_is_reproducible(small_steps):
    clients = [client(2, seed=1), client(1, seed=2)]
    once, again = (weights(small_steps.next(small_steps.initialize(), clients).state) for _ in range(2))
    assert_same(once, again, rtol=1e-6)


@pytest.mark.parametrize(
    "others",
    [([client(1, seed=3, counted=0)], [client(1, seed=4, counted=0)]), ([[]], [])],
    ids=["without targets", "without batches"],
)
def test_clients_without_targets_or_batches_have_no_weight(small_steps, others):
    before, after = others
    alone = small_steps.next(small_steps.initialize(), [client(1, seed=1)])
    together = small_steps.next(small_steps.initialize(), [*before, client(1, seed=1), *after])
    assert_same(weights(together.state), weights(alone.state), atol=1e-7)


def test_a_round_without_targets_changes_nothing_and_training_can_continue(small_steps):
    unchanged = small_steps.next(small_steps.initialize(), [client(1, seed=3, counted=0)])
    assert_same(weights(unchanged.state), parameters(), rtol=0)
    after = small_steps.next(unchanged.state, [client(1, seed=1)])
    assert all(np.isfinite(part).all() for part in weights(after.state))
    assert not np.array_equal(weights(after.state)[0], parameters()[0])


def test_a_diverging_client_is_counted_and_left_out(large_steps):
    alone = large_steps.next(large_steps.initialize(), [client(1, seed=1)])
    together = large_steps.next(large_steps.initialize(), [client(1, seed=1), client(32, seed=0)])
    assert together.metrics["client_work"]["broken_clients"] == 1
    assert alone.metrics["client_work"]["broken_clients"] == 0
    assert together.metrics["client_work"]["loss_sum"] == pytest.approx(alone.metrics["client_work"]["loss_sum"])
    assert_same(weights(together.state), weights(alone.state), atol=1e-6)
    assert not np.array_equal(weights(together.state)[0], parameters()[0])


def test_a_round_of_diverging_clients_changes_nothing(large_steps):
    output = large_steps.next(large_steps.initialize(), [client(32, seed=0)])
    assert output.metrics["client_work"]["broken_clients"] == 1
    assert_same(weights(output.state), parameters(), rtol=0)


def test_a_fair_round_of_two_clients_equals_the_round_computed_by_hand(fair):
    clients = [client(2, seed=1), client(1, seed=2, counted=4)]
    losses = [loss_by_hand(BIASED, batches) for batches in clients]
    products = [n * loss**Q for n, loss in zip((8.0, 4.0), losses, strict=True)]
    shares = [product / sum(products) for product in products]
    assert abs(shares[0] - 8 / 12) > 0.05, "the losses differ"
    updates = [updates_by_hand(BIASED, batches, 0.1, 0.5) for batches in clients]
    means = [shares[0] * a + shares[1] * b for a, b in zip(*updates, strict=True)]
    expected = [part - first_adam_step(mean) for part, mean in zip(BIASED, means, strict=True)]
    assert_same(weights(fair.next(fair.initialize(), clients).state), expected, atol=1e-6)


def test_clients_without_targets_or_batches_have_no_weight_in_a_fair_round(fair):
    alone = fair.next(fair.initialize(), [client(1, seed=1)])
    together = fair.next(fair.initialize(), [client(1, seed=3, counted=0), [], client(1, seed=1)])
    assert_same(weights(together.state), weights(alone.state), atol=1e-7)


def test_a_diverging_client_is_counted_and_left_out_of_a_fair_round():
    fair_large_steps = process(client_rate=20.0, clip=1e30, q=1.0)
    alone = fair_large_steps.next(fair_large_steps.initialize(), [client(1, seed=1)])
    together = fair_large_steps.next(fair_large_steps.initialize(), [client(1, seed=1), client(32, seed=0)])
    assert together.metrics["client_work"]["broken_clients"] == 1
    assert_same(weights(together.state), weights(alone.state), atol=1e-6)


def test_a_round_with_q_0_computes_no_extra_loss(monkeypatch):
    def fail(*_):
        raise AssertionError("the data of the clients is read twice")

    monkeypatch.setattr(full_model, "mean_loss", fail)
    computation_cache.forget()
    process(client_rate=0.1, clip=0.5, q=0.0)
    with pytest.raises(AssertionError, match="read twice"):
        process(client_rate=0.1, clip=0.5, q=1.0)
