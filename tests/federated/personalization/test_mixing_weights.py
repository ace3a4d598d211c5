"""The federated training of the mixing weights, in TFF."""

from __future__ import annotations

import numpy as np
import pytest

from federated.personalization import mixing_weights
from federated.runtime.execution_context import execution_context

WORDS, COMPONENTS, FEATURES = 60, 3, 2


def client(seed: int) -> list[np.ndarray]:
    """Component 1 is right where the first feature is 1, component 0 elsewhere; 2 knows nothing half of the time."""
    rng = np.random.default_rng(seed)
    features = rng.integers(0, 2, (WORDS, FEATURES)).astype(np.float32)
    present = np.stack([np.full(WORDS, True), np.full(WORDS, True), rng.random(WORDS) < 0.5], 1)
    chances = np.full((WORDS, COMPONENTS), 0.05, np.float32)
    chances[np.arange(WORDS), features[:, 0].astype(int)] = 0.5
    return [features, present, np.where(present, chances, 0).astype(np.float32)]


START = np.array([[1.5, 0, 0], [0, 0, 0], [0, 0, 0]])


def weights(coefficients: np.ndarray, *features: float) -> np.ndarray:
    raised = np.exp(coefficients[:, 0] + coefficients[:, 1:] @ features)
    return raised / raised.sum()


@pytest.fixture(scope="module")
def context():
    with execution_context():
        yield


def test_learns_which_component_is_right_in_which_context(context, monkeypatch):
    monkeypatch.setattr(mixing_weights, "ROUNDS", 40)
    losses = []
    learned = mixing_weights.train([client(1), client(2)], START, 0.0, lambda done, loss: losses.append(loss))
    assert losses[-1] < losses[0] and losses[-1] == pytest.approx(-np.log(0.5), abs=0.1)
    assert weights(learned, 0, 0)[0] > 0.85 and weights(learned, 1, 1)[1] > 0.85


def test_a_client_whose_numbers_are_not_finite_changes_nothing(context, monkeypatch):
    monkeypatch.setattr(mixing_weights, "ROUNDS", 3)
    broken = client(3)
    broken[0][0] = np.nan
    with_it, without = (mixing_weights.train([client(1), *others], START, 0.0) for others in ([broken], []))
    np.testing.assert_allclose(with_it, without, atol=1e-6)


def test_the_loss_and_the_first_step_match_a_calculation_by_hand(context, monkeypatch):
    monkeypatch.setattr(mixing_weights, "ROUNDS", 1)
    features, present, chances = client(1)
    losses = []
    mixing_weights.train([[features, present, chances]], START, 0.0, lambda done, loss: losses.append(loss))
    shares = np.where(present, np.exp(START[:, 0]), 0)
    mixed = (shares * chances).sum(1) / shares.sum(1)
    assert losses == [pytest.approx(-np.log(mixed).mean(), rel=1e-5)]


def test_few_examples_do_not_move_weights_that_are_pulled_strongly(context, monkeypatch):
    monkeypatch.setattr(mixing_weights, "ROUNDS", 20)
    moved = [float(np.abs(mixing_weights.train([client(1)], START, pull) - START).max()) for pull in (0.0, 0.1)]
    assert moved[1] < 0.5 * moved[0]
