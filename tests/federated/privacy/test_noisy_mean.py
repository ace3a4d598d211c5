"""The private means, as TFF computations: what they clip, and that their noise is what the plan says."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import portpicker
import pytest
import tensorflow as tf
import tensorflow_federated as tff
from scipy.linalg import toeplitz

from federated.job import Job
from federated.privacy.noisy_mean import METHOD, STEPS, noisy_mean
from federated.privacy.plan import NoisePlan, plan_privacy
from federated.runtime.execution_context import execution_context
from tests.support.federated.open_worker import open_worker

ROUNDS, COHORT, SEED = 24, 4, (2**62 + 12345, 2**61 + 54321)
KIND = tff.types.to_type((tff.TensorType(np.float32, [40, 20]), tff.TensorType(np.float32, [8])))
NUMBERS = 808


def plan_of(**privacy: Any) -> NoisePlan:
    settings = {"epsilon": 8.0, "delta": 1e-3, "clipping_norm": 0.5}
    rounds = {"rounds": ROUNDS, "clients_per_round": COHORT, "server_optimizer": "momentum"}
    job = Job.model_validate({"training": rounds, "privacy": settings | privacy})
    return plan_privacy(job, population=48).rounds


def update(norm: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns an update with equal entries."""
    entry = norm / NUMBERS**0.5
    return np.full((40, 20), entry, np.float32), np.full(8, entry, np.float32)


def means(
    plan: NoisePlan,
    norms: list[float],
    rounds: int = ROUNDS,
    state: Any = None,
    workers: Sequence[str] = (),
    **how: Any,
) -> tuple[np.ndarray, Any, list]:
    """Returns the means `[rounds, 808]` of clients whose updates have these norms, the last state and the metrics."""
    with execution_context(workers):
        process = noisy_mean(plan, SEED, **how).create(KIND, tff.TensorType(np.float32))
        state, found, measured = state or process.initialize(), [], []
        for _ in range(rounds):
            output = process.next(state, [update(norm) for norm in norms], [1.0] * len(norms))
            state = output.state
            found.append(np.concatenate([np.ravel(part) for part in output.result]))
            measured.append(output.measurements)
    return np.array(found), state, measured


def test_the_noise_over_the_rounds_is_independent_after_the_plans_matrix():
    plan = plan_of()
    found, _, _ = means(plan, [0.0] * COHORT)
    matrix = np.tril(toeplitz(plan.noise.coefficients(ROUNDS)))
    z = matrix @ (found * COHORT)
    assert z.std() == pytest.approx(plan.noise_multiplier * 0.5, rel=0.02)
    between_rounds = np.corrcoef(z)[~np.eye(ROUNDS, dtype=bool)]
    assert abs(between_rounds).max() < 5 / NUMBERS**0.5, "no two rounds share noise"
    assert abs(np.corrcoef(z[:, :800].T)[~np.eye(800, dtype=bool)].mean()) < 0.01


@pytest.mark.parametrize(
    "privacy", [{"mechanism": "independent"}, {"mechanism": "tree"}, {"mechanism": "tree", "restart_every": 8}]
)
def test_the_noise_in_the_sum_of_all_rounds_is_that_of_the_mechanism(privacy):
    plan = plan_of(**privacy)
    found, _, _ = means(plan, [0.0] * COHORT)
    in_sum = found.sum(0).std() * COHORT / (plan.noise_multiplier * 0.5)
    expected = {None: ROUNDS**0.5, 8: 3**0.5}[plan.restart_every]  # 24 nodes, or the tops of three trees
    if plan.mechanism == "tree" and plan.restart_every is None:
        expected = 2**0.5  # 16 + 8 rounds
    assert 0.6 * expected < in_sum < 1.1 * expected  # the estimates of TensorFlow Privacy use lower nodes, too


@pytest.mark.parametrize("mechanism", ["blt", "tree", "independent"])
def test_updates_are_clipped_and_divided_by_the_planned_cohort(mechanism):
    quiet = plan_of(mechanism=mechanism).model_copy(update={"noise_multiplier": 0.0})
    found, _, _ = means(quiet, [0.1, 0.5, 400.0], rounds=2)  # one of four clients was lost
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), (0.1 + 0.5 + 0.5) / 4, rtol=1e-5)


def test_an_endless_update_counts_as_nothing():
    quiet = plan_of().model_copy(update={"noise_multiplier": 0.0})
    found, _, measured = means(quiet, [0.1, 3e38], rounds=1)
    assert np.linalg.norm(found[0]) == pytest.approx(0.1 / 4, rel=1e-4)
    assert measured[0]["clipped"] == 1


@pytest.mark.parametrize("mechanism", ["blt", "tree", "independent"])
def test_a_saved_state_continues_with_the_same_noise(mechanism):
    plan = plan_of(mechanism=mechanism)
    whole, _, _ = means(plan, [0.3, 0.7])
    first, state, _ = means(plan, [0.3, 0.7], rounds=10)
    saved = tf.nest.map_structure(np.asarray, state)
    second, _, _ = means(plan, [0.3, 0.7], rounds=ROUNDS - 10, state=saved)
    np.testing.assert_allclose(np.concatenate([first, second]), whole, rtol=1e-5, atol=1e-6)


def test_the_clipping_norm_follows_the_quantile_and_the_mean_follows_the_norm():
    plan = plan_of(clipping_quantile=0.5).model_copy(update={"noise_multiplier": 0.0, "count_noise": 0.0})
    found, _, measured = means(plan, [0.8, 0.9, 1.1, 1.2], rounds=40)
    assert measured[0]["clipping_norm"] == 0.5
    assert measured[-1]["clipping_norm"] == pytest.approx(1.0, abs=0.12), "between the second and the third norm"
    assert np.linalg.norm(found[0]) == pytest.approx(0.5, rel=1e-4)
    assert np.linalg.norm(found[-1]) > 0.85


def test_the_noise_grows_with_the_clipping_norm():
    plan = plan_of(clipping_quantile=0.5)
    found, _, measured = means(plan, [0.0] * COHORT)
    norms = np.array([float(each["clipping_norm"]) for each in measured])
    matrix = np.tril(toeplitz(plan.noise.coefficients(ROUNDS)))
    z = matrix @ (found * COHORT / norms[:, None])
    assert norms[-1] < 0.2 * norms[0], "nobody is clipped"
    assert z.std() == pytest.approx(plan.noise_multiplier, rel=0.02)


@pytest.mark.parametrize("quantile", [None, 0.5])
def test_secure_sums_are_those_of_integers_and_almost_the_same(quantile):
    plan = plan_of(clipping_quantile=quantile)
    plain, _, measured = means(plan, [0.3, 0.7, 400.0], rounds=5)
    secure, _, as_secure = means(plan, [0.3, 0.7, 400.0], rounds=5, secure=True)
    assert 0 < abs(secure - plain).max() < 4 * 0.5 / STEPS
    for one, other in zip(measured, as_secure, strict=True):
        assert one == pytest.approx(other, rel=1e-5)


def test_several_workers_make_the_same_secure_sums_and_the_same_noise():
    plan = plan_of(clipping_quantile=0.5)
    alone, _, _ = means(plan, [0.3, 0.7, 0.2], rounds=3, secure=True)
    with ExitStack() as stack:
        ports = [portpicker.pick_unused_port() for _ in range(2)]
        for port in ports:
            stack.enter_context(open_worker(port))
        workers = [f"localhost:{port}" for port in ports]
        shared, _, _ = means(plan, [0.3, 0.7, 0.2], rounds=3, workers=workers, secure=True)
    np.testing.assert_allclose(shared, alone, rtol=1e-5, atol=1e-6)


def test_streams_of_the_same_secret_have_different_noise():
    plan = plan_of()
    training, _, _ = means(plan, [0.0], rounds=2)
    method, _, _ = means(plan, [0.0], rounds=2, stream=METHOD)
    assert abs(np.corrcoef(training.ravel(), method.ravel())[0, 1]) < 0.1
