import numpy as np
import pytest

from federated.algorithms.per_fedavg import METHOD
from federated.job import JobError
from keyboard_model.batching import Batch
from tests.support.federated.adapters_by_hand import Arrays, arrays, assert_close, clipped, loss_and_gradient, sgd
from tests.support.federated.personal import BASE, context_of, local, personal, random_adapter, rounds
from tests.support.federated.toys import B, T, client

W = random_adapter(1)
BATCHES = client(3, seed=0, counted=7)
ONE = client(1, seed=5)
ALPHA, BETA = (0.8, 2.0), (0.1, 0.5)
EVERY = ("first_order", "hessian_free", "reptile")


def context(variant, clip=1e6, **options):
    inner = {"inner_learning_rate": ALPHA[0], "inner_bias_rate": ALPHA[1]}
    return context_of(METHOD, {"variant": variant, **inner, **options}, clip=clip)


def moved(theta: Arrays, slope: Arrays, clip: float = 1e6) -> Arrays:
    steps = zip(theta, (BETA[0], *BETA), clipped(slope, clip), strict=True)
    return [part - rate * down for part, rate, down in steps]


def numerical_gradient(theta: Arrays, batch, inner_steps: int) -> Arrays:
    """Returns the gradient of f(U(w)) on one batch by central differences."""

    def objective(flat: np.ndarray) -> float:
        parts = np.split(flat, np.cumsum([part.size for part in theta])[:-1])
        point = [part.reshape(like.shape) for part, like in zip(parts, theta, strict=True)]
        return loss_and_gradient(
            BASE.parameters, sgd(BASE.parameters, point, [batch] * inner_steps, ALPHA, 1e6), batch
        )[0]

    flat = np.concatenate([part.reshape(-1) for part in theta])
    ways = 1e-5 * np.eye(len(flat))
    slope = np.array([(objective(flat + way) - objective(flat - way)) / 2e-5 for way in ways])
    parts = np.split(slope, np.cumsum([part.size for part in theta])[:-1])
    return [part.reshape(like.shape) for part, like in zip(parts, theta, strict=True)]


@pytest.mark.parametrize("inner_steps", [1, 2])
def test_hessian_free_agrees_with_the_numerical_gradient_of_the_objective(inner_steps):
    batches = ONE * (inner_steps + 2)  # D, D′ and D″ are different batches with the same text
    made = local(METHOD, W, (), batches, context("hessian_free", inner_steps=inner_steps))
    theta = arrays(W)
    for _ in batches:
        theta = moved(theta, numerical_gradient(theta, ONE[0], inner_steps))
    expected = [before - after for before, after in zip(arrays(W), theta, strict=True)]
    for part, by_hand in zip(made.update, expected, strict=True):
        np.testing.assert_allclose(part, by_hand, rtol=1e-3, atol=2e-5)


def test_hessian_free_and_first_order_differ():
    """Otherwise the test above would also pass for the first-order variant."""
    rough, exact = (
        local(METHOD, W, (), ONE * 3, context(variant)).update for variant in ("first_order", "hessian_free")
    )
    apart = max(np.abs(one - other).max() for one, other in zip(rough, exact, strict=True))
    assert apart > 1e-3


@pytest.mark.parametrize("inner_steps", [1, 2])
@pytest.mark.parametrize("clip", [0.2, 1e6])
def test_first_order_uses_the_gradient_after_the_inner_steps(inner_steps, clip):
    made = local(METHOD, W, (), BATCHES, context("first_order", clip=clip, inner_steps=inner_steps))
    theta, losses = arrays(W), []
    for i in range(3):
        learnt = [BATCHES[(i + 1 + step) % 3] for step in range(inner_steps)]
        stepped = sgd(BASE.parameters, theta, learnt, ALPHA, clip)
        loss, slope = loss_and_gradient(BASE.parameters, stepped, BATCHES[i])
        theta = moved(theta, slope, clip)
        losses.append(loss)
    assert_close(made.update, [before - after for before, after in zip(arrays(W), theta, strict=True)])
    assert float(made.loss_sum) == pytest.approx(7 * sum(losses), rel=1e-5)
    assert (float(made.weight), float(made.targets)) == (21, 21)


def test_a_client_of_one_batch_learns_and_tests_on_different_windows():
    made = local(METHOD, W, (), ONE, context("first_order"))
    halves = [Batch(ONE[0].tokens[[window]], ONE[0].targets[[window]]) for window in (0, 1)]
    theta, losses = arrays(W), []
    for tested, learnt in (halves, halves[::-1]):
        stepped = sgd(BASE.parameters, theta, [learnt], ALPHA, 1e6)
        loss, slope = loss_and_gradient(BASE.parameters, stepped, tested)
        theta = moved(theta, slope)
        losses.append(loss)
    assert_close(made.update, [before - after for before, after in zip(arrays(W), theta, strict=True)])
    assert float(made.loss_sum) == pytest.approx(T * sum(losses), rel=1e-5)
    assert (float(made.weight), float(made.targets)) == (B * T, B * T)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_target_is_tested_once_whatever_the_number_of_batches(number):
    made = local(METHOD, W, (), client(number, seed=2, counted=7), context("hessian_free", inner_steps=2))
    assert float(made.targets) == 7 * number and all(np.isfinite(part).all() for part in made.update)


def test_the_outer_rates_are_those_of_the_start_and_not_those_of_the_phone():
    """The configured rates are those of the phone's steps."""
    outer = {"outer_learning_rate": 0.3, "outer_bias_rate": 1.5}
    made = local(METHOD, W, (), BATCHES, context("first_order", inner_learning_rate=0, inner_bias_rate=0, **outer))
    end = sgd(BASE.parameters, arrays(W), BATCHES, (0.3, 1.5), 1e6)
    assert_close(made.update, [before - after for before, after in zip(arrays(W), end, strict=True)])
    assert [float(rate) for rate in made.fairness.rates] == pytest.approx([0.3, 0.3, 1.5])


@pytest.mark.parametrize("clip", [0.2, 1e6])
def test_reptile_sends_the_change_after_plain_steps(clip):
    made = local(METHOD, W, (), BATCHES, context("reptile", clip=clip))
    end = sgd(BASE.parameters, arrays(W), BATCHES, ALPHA, clip)
    assert_close(made.update, [before - after for before, after in zip(arrays(W), end, strict=True)])


@pytest.mark.parametrize("variant", ["first_order", "hessian_free"])
def test_an_inner_rate_of_zero_is_fedavg(variant):
    made = local(METHOD, W, (), BATCHES, context(variant, clip=0.5, inner_learning_rate=0, inner_bias_rate=0))
    end = sgd(BASE.parameters, arrays(W), BATCHES, BETA, 0.5)
    assert_close(made.update, [before - after for before, after in zip(arrays(W), end, strict=True)])


def test_reptile_without_a_rate_does_not_train():
    made = local(METHOD, W, (), BATCHES, context("reptile", inner_learning_rate=0, inner_bias_rate=0))
    assert all(np.abs(part).max() == 0 for part in made.update)


@pytest.mark.parametrize("variant", EVERY)
def test_the_inner_rates_default_to_the_configured_ones(variant):
    own = context_of(METHOD, {"variant": variant, "inner_learning_rate": 0.1, "inner_bias_rate": 0.5})
    for found, expected in zip(
        local(METHOD, W, (), BATCHES, context_of(METHOD, {"variant": variant})).update,
        local(METHOD, W, (), BATCHES, own).update,
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("variant", EVERY)
def test_a_client_without_targets_changes_nothing(variant):
    made = local(METHOD, W, (), client(2, seed=0, counted=0), context(variant))
    assert all(np.abs(part).max() == 0 for part in made.update)
    assert float(made.weight) == 0


def test_personalization_starts_at_the_trained_start():
    context = context_of(METHOD, proximal=0.0, evidence=0.0)
    assert_close(personal(METHOD, W, (), BATCHES, [], context), sgd(BASE.parameters, arrays(W), BATCHES, BETA, 0.5))
    part = METHOD.phone(BASE, W, context)
    assert (part.starts, part.algorithm, dict(part.constants)) == ((W,), "steps", {})


@pytest.mark.parametrize("options", [{"variant": "maml"}, {"inner_steps": 0}, {"delta": 0}, {"inner_bias_rate": -1}])
def test_rejects_options_out_of_range(options):
    with pytest.raises(JobError, match=rf"options of per_fedavg: {next(iter(options))}"):
        context_of(METHOD, options)


@pytest.mark.usefixtures("execution")
@pytest.mark.parametrize("variant", EVERY)
def test_a_round_in_tff_is_the_mean_of_the_clients(variant):
    options = {"variant": variant, "inner_steps": 2, "inner_learning_rate": 0.01, "inner_bias_rate": 0.05}
    context = context_of(METHOD, options, {"server_learning_rate": 0.5}, learning_rate=0.02, bias_rate=0.1)
    clients = [BATCHES, client(1, seed=1, counted=4)]
    server, _, measured = rounds(METHOD, context, clients)
    made = [local(METHOD, BASE.adapter, (), batches, context) for batches in clients]
    mean = [(21 * a + 4 * b) / 25 for a, b in zip(*(arrays(each.update) for each in made), strict=True)]
    assert_close(server, [before - 0.5 * step for before, step in zip(arrays(BASE.adapter), mean, strict=True)])
    assert float(measured["targets"]) == 25
