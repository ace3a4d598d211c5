"""The lower bound of ε: right where ε is known, and not above it more often than the confidence says."""

import numpy as np
import pytest
from scipy.stats import binom

from federated.audit.bounds import epsilon_above, p_value


def test_without_delta_the_bound_is_that_of_a_coin():
    assert p_value(50, 20, 15, epsilon=0.0, delta=0.0) == pytest.approx(binom(20, 0.5).sf(14))
    assert p_value(50, 20, 0, epsilon=1.0, delta=1e-5) == 1.0


def test_delta_and_epsilon_explain_more_right_guesses():
    values = [p_value(200, 100, 80, epsilon, 1e-6) for epsilon in (0.0, 1.0, 2.0, 4.0)]
    assert values == sorted(values) and values[0] < 1e-4 < 0.5 < values[-1]
    assert p_value(200, 100, 80, 0.5, 1e-3) > p_value(200, 100, 80, 0.5, 0.0)


@pytest.mark.parametrize("epsilon", [0.0, 0.5, 2.0])
def test_randomized_response_of_a_known_epsilon_exceeds_the_bound_rarely(epsilon):
    random, right = np.random.default_rng(1), 1 / (1 + np.exp(-epsilon))
    bounds = [epsilon_above(300, 300, int(random.binomial(300, right)), delta=0.0) for _ in range(400)]
    assert np.mean(np.array(bounds) > epsilon) < 0.07, "5 % are allowed"
    assert epsilon == 0 or np.median(bounds) > 0.5 * epsilon


def test_right_guesses_of_everything_prove_a_large_epsilon():
    assert epsilon_above(1000, 1000, 1000, delta=1e-6) > 5
    assert epsilon_above(1000, 1000, 520, delta=1e-6) == 0.0
