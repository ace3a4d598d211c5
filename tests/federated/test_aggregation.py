import numpy as np
import pytest
import tensorflow as tf
import tensorflow_federated as tff

from federated.aggregation import (
    AT_LEAST,
    BITS,
    FIRST_CLIPPING_NORM,
    norm_histogram,
    norm_quantile,
    q_fed_avg_update,
    q_ffl_weight,
    robust_mean,
)
from federated.algorithms import per_fedavg
from federated.algorithms.regularized import ditto
from federated.personalization import personalization_process
from tests.support.federated.personal import BASE, context_of, local, rounds
from tests.support.federated.toys import client

SIZE = AT_LEAST + 1  # far fewer numbers than TFF's own aggregator needs to compress a tensor


def fair(update: tuple[float, ...], loss: float, rates: tuple[float, ...], q: float) -> tuple[list[float], float]:
    parts, weight = q_fed_avg_update(tuple(tf.constant([part]) for part in update), tf.constant(loss), rates, q)
    return [float(part[0]) for part in parts], float(weight)


def test_with_one_rate_the_q_fedavg_step_is_that_of_the_paper():
    """L = 2, Δ = L·(3, 4) = (6, 8), F = 3, q = 2: h = 2·3·100 + 2·9 = 618, and the step F^q·Δ/h = 9·(6, 8)/618."""
    update, weight = fair((3.0, 4.0), 3.0, (0.5, 0.5), 2.0)
    assert update == pytest.approx([9 * 6 / 618, 9 * 8 / 618])
    assert weight == pytest.approx(618 / 2)  # weights are relative


def test_each_tensor_counts_at_its_own_rate():
    """F = 2, q = 1, (w − w_k) = (.4, 8) at rates (.4, 16): ‖Δ‖² = .4 + 4 and h = 4.4 + 2."""
    update, weight = fair((0.4, 8.0), 2.0, (0.4, 16.0), 1.0)
    assert weight == pytest.approx(6.4)
    assert update == pytest.approx([2 * 0.4 / 6.4, 2 * 8 / 6.4])


@pytest.mark.parametrize(("rates", "norm"), [((0.0, 16.0), 4.0), ((0.0, 0.0), 0.0)])
def test_a_tensor_at_rate_zero_adds_nothing(rates, norm):
    moved = (0.0, 8.0 if rates[1] else 0.0)
    update, weight = fair(moved, 2.0, rates, 1.0)
    assert weight == pytest.approx(norm + 2)
    assert update == pytest.approx([2 * part / (norm + 2) for part in moved])


def test_q_zero_is_the_plain_mean():
    assert fair((3.0, 4.0), 3.0, (0.5, 16.0), 0.0) == ([3.0, 4.0], 1.0)


def test_a_client_with_a_larger_loss_counts_for_more():
    weights = [fair((0.0, 0.0), loss, (0.5, 0.5), 1.0)[1] for loss in (2.0, 4.0)]
    assert weights[1] == 2 * weights[0]


def test_the_q_ffl_weight_agrees_with_a_hand_computed_value():
    """n = 100 with F = 2 and n = 50 with F = 4: equal weights at q = 1, one to two at q = 2."""
    clients = [(100.0, 2.0), (50.0, 4.0)]
    for q, expected in ((0.0, [100, 50]), (1.0, [200, 200]), (2.0, [400, 800])):
        found = [float(q_ffl_weight(tf.constant(n), tf.constant(loss), q)) for n, loss in clients]
        assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", [0.0, float("inf"), float("nan")])
def test_a_client_without_examples_has_weight_zero(loss):
    assert float(q_ffl_weight(tf.constant(0.0), tf.constant(loss), 2.0)) == 0


@pytest.mark.usefixtures("execution")
def test_a_fair_round_differs_from_a_plain_one_and_stays_finite():
    clients = [client(2, seed=0), client(2, seed=1)]
    small = {"learning_rate": 0.02, "bias_rate": 0.1}
    fair, _, measured = rounds(ditto.METHOD, context_of(ditto.METHOD, {}, {"fairness_q": 1.0}, **small), clients)
    plain, _, _ = rounds(ditto.METHOD, context_of(ditto.METHOD, {}, {}, **small), clients)
    assert float(measured["broken_clients"]) == 0
    assert np.isfinite(fair.bias).all()
    assert not np.allclose(fair.bias, plain.bias)


def test_the_norm_quantile_is_the_upper_edge_of_the_bin_of_the_fourth_of_five_norms():
    """Norms 1, 2, 3, 8.5 and 900: four of five are at most 8.5, and 2^3.25 = 9.51 is the next edge."""
    updates = [(tf.constant([norm * 0.6]), tf.constant([norm * 0.8])) for norm in (1.0, 2.0, 3.0, 8.5, 900.0)]
    counted = sum(norm_histogram(update, tf.constant(5.0)).numpy() for update in updates)
    assert norm_quantile(counted) == pytest.approx(2**3.25)
    without_weight = norm_histogram(updates[0], tf.constant(0.0)).numpy()
    assert norm_quantile(counted + without_weight) == pytest.approx(2**3.25)
    assert norm_quantile(without_weight) == FIRST_CLIPPING_NORM


@pytest.mark.parametrize(("norm", "edge"), [(0.0, 2.0**-10), (1e9, 2.0**10)])
def test_a_norm_outside_the_bins_has_the_nearest_edge(norm, edge):
    assert norm_quantile(norm_histogram((tf.constant([norm]),), tf.constant(1.0)).numpy()) == edge


@pytest.mark.usefixtures("execution")
def test_the_first_round_is_clipped_at_the_measured_norm_and_measuring_has_no_effect():
    """Four short updates and a far longer one: only the last is clipped, and the start is still that of the method."""
    context = context_of(ditto.METHOD, learning_rate=1.0, bias_rate=40.0, clip=0.1)
    clients = [*[client(2, seed=seed) for seed in range(4)], client(1, seed=4) * 12]
    process = personalization_process.build(ditto.METHOD, BASE, context)
    start = process.initialize()
    arguments = BASE, [BASE.adapter] * 5, clients
    norm = norm_quantile(np.asarray(process.measure(start, *arguments)))
    made = [local(ditto.METHOD, BASE.adapter, BASE.adapter, batches, context) for batches in clients]
    norms = np.array([float(tf.linalg.global_norm(each.update)) for each in made])
    assert norms[:4].max() <= norm < norms[4]
    after = process.server(process.next(process.initialize(norm), *arguments)[0])
    weights = np.array([float(each.weight) for each in made]) * np.minimum(1.0, norm / norms)
    total = sum(float(each.weight) for each in made)
    expected = [
        before - sum(weight * np.asarray(each.update[i]) for weight, each in zip(weights, made, strict=True)) / total
        for i, before in enumerate(BASE.adapter)
    ]
    for found, by_hand in zip(after, expected, strict=True):
        np.testing.assert_allclose(found, by_hand, rtol=1e-4, atol=1e-4)


HONEST = np.array([[0.6, 0.8, 0.0], [0.8, 0.6, 0.0], [0.6, 0.7, 0.1], [0.5, 0.8, 0.2]], np.float32)
HONEST_WEIGHTS, ATTACKERS_WEIGHT = [10.0, 20.0, 30.0, 40.0], 50.0
BOUND = 2 * FIRST_CLIPPING_NORM * ATTACKERS_WEIGHT / (sum(HONEST_WEIGHTS) + ATTACKERS_WEIGHT)


def vector_mean(factory):
    return factory.create(tff.TensorType(np.float32, [3]), tff.TensorType(np.float32))


@pytest.fixture(scope="module")
def robust(execution):
    return vector_mean(robust_mean())


def moved(process, scale: float) -> float:
    """How far an attacker who sends `scale` times the opposite of the others' update moves the mean."""

    def mean(updates, weights):
        weights = [np.float32(weight) for weight in weights]
        return process.next(process.initialize(), list(updates), weights).result

    attack = -np.float32(scale) * HONEST[:1]
    with_it = mean(np.concatenate([HONEST, attack]), [*HONEST_WEIGHTS, ATTACKERS_WEIGHT])
    return float(np.linalg.norm(with_it - mean(HONEST, HONEST_WEIGHTS)))


@pytest.mark.parametrize("scale", [1.0, 9.0, 10.0, 100.0, 1e30])
def test_a_client_moves_the_robust_mean_by_at_most_the_bound_whatever_it_sends(robust, scale):
    assert moved(robust, scale) <= 1.001 * BOUND
    assert moved(robust, 9.0) > 0.9 * BOUND, "clipped, but not yet left out"


@pytest.mark.usefixtures("execution")
def test_the_plain_mean_has_no_bound():
    assert moved(vector_mean(tff.aggregators.MeanFactory()), 100.0) > 30 * BOUND


def test_a_client_changes_the_next_clipping_norm_by_one_share_of_the_learning_rate(robust):
    """C ← C·exp(−0.2·(share of norms below C − 0.8)): with five clients, one changes it by at most exp(0.2/5)."""

    def next_norm(scale: float) -> float:
        updates, weights = [*HONEST, scale * HONEST[0]], [np.float32(1)] * 5
        state = robust.next(robust.initialize(), updates, weights).state
        return float(robust.next(state, updates, weights).measurements["zeroing"]["clipping_norm"])

    grown = next_norm(9.0) / next_norm(0.1)
    assert 1.01 < grown <= 1.001 * np.exp(0.2 / 5)


def compressed_mean(updates: list[np.ndarray], weights: list[float]) -> np.ndarray:
    process = robust_mean(compressed=True).create(
        tff.TensorType(np.float32, [len(updates[0])]), tff.TensorType(np.float32)
    )
    return process.next(process.initialize(), updates, [np.float32(weight) for weight in weights]).result


@pytest.mark.usefixtures("execution")
def test_the_compressed_mean_is_the_weighted_mean_up_to_8_bit_rounding():
    drawn = np.random.default_rng(0).normal(size=(2, SIZE)).astype(np.float32) / SIZE  # not clipped
    found, exact = compressed_mean(list(drawn), [3.0, 1.0]), (3 * drawn[0] + drawn[1]) / 4
    step = sum(weight * np.ptp(each) for weight, each in zip((3.0, 1.0), drawn, strict=True)) / 4 / (2**BITS - 1)
    assert 0 < np.abs(found - exact).max() <= 1.01 * step


@pytest.mark.usefixtures("execution")
def test_a_compressed_update_has_at_most_256_values():
    update = (np.random.default_rng(1).normal(size=5_000) / 100).astype(np.float32)
    assert len(np.unique(compressed_mean([update], [1.0]))) <= 2**BITS


@pytest.mark.usefixtures("execution")
def test_a_small_tensor_is_not_compressed():
    update = np.linspace(0, 0.01, AT_LEAST // 2, dtype=np.float32)
    assert compressed_mean([update], [2.0]) == pytest.approx(update)


@pytest.mark.usefixtures("execution")
def test_a_compressed_round_is_nearly_the_uncompressed_one():
    clients = [client(2, seed=seed) for seed in range(2)]
    exact, sent = (
        rounds(per_fedavg.METHOD, context_of(per_fedavg.METHOD, federated={"compressed": on}), clients)[0]
        for on in (False, True)
    )
    moved = np.linalg.norm(exact.bias)
    assert 0 < np.linalg.norm(sent.bias - exact.bias) < 0.1 * moved
