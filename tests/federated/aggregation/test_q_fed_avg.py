import numpy as np
import pytest
import tensorflow as tf

from federated.aggregation.q_fed_avg import q_fed_avg_update, q_ffl_weight
from federated.algorithms.regularized.ditto import METHOD
from tests.support.federated.personal import plan_of, rounds
from tests.support.federated.toys import client


def test_by_hand():
    """L = 2, Δ = L·(3, 4) = (6, 8), F = 3, q = 2: h = 2·3·100 + 2·9 = 618, and F^q·Δ/h = 9·(6, 8)/618."""
    update, weight = q_fed_avg_update((tf.constant([3.0]), tf.constant([4.0])), tf.constant(3.0), 0.5, 2.0)
    assert float(weight) == pytest.approx(618)
    assert [float(part[0]) for part in update] == pytest.approx([9 * 6 / 618, 9 * 8 / 618])


def test_q_of_0_is_the_plain_mean():
    update, weight = q_fed_avg_update((tf.constant([3.0, 4.0]),), tf.constant(3.0), 0.5, 0.0)
    assert (float(weight), list(update[0].numpy())) == (2.0, [3.0, 4.0])


def test_who_is_served_worse_counts_for_more():
    weights = [float(q_fed_avg_update((tf.zeros([2]),), tf.constant(loss), 0.5, 1.0)[1]) for loss in (2.0, 4.0)]
    assert weights[1] == 2 * weights[0]


def test_a_fair_weight_by_hand():
    """n = 100 with F = 2 and n = 50 with F = 4: alike at q = 1, one to two at q = 2."""
    clients = [(100.0, 2.0), (50.0, 4.0)]
    for q, expected in ((0.0, [100, 50]), (1.0, [200, 200]), (2.0, [400, 800])):
        found = [float(q_ffl_weight(tf.constant(n), tf.constant(loss), q)) for n, loss in clients]
        assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", [0.0, float("inf"), float("nan")])
def test_who_has_no_examples_has_no_weight_whatever_the_loss(loss):
    assert float(q_ffl_weight(tf.constant(0.0), tf.constant(loss), 2.0)) == 0


@pytest.mark.usefixtures("execution")
def test_a_fair_round_in_tff_lies_between_its_clients():
    clients = [client(2, seed=0), client(2, seed=1)]
    small = {"learning_rate": 0.02, "bias_rate": 0.1}
    fair, _, measured = rounds(METHOD, plan_of(METHOD, {}, {"fairness_q": 1.0}, **small), clients)
    plain, _, _ = rounds(METHOD, plan_of(METHOD, {}, {}, **small), clients)
    assert float(measured["broken_clients"]) == 0
    assert np.isfinite(fair.bias).all()
    assert not np.allclose(fair.bias, plain.bias)
