"""What q-FedAvg is told about each method's rounds: the loss at the received weights, and the rate of each tensor."""

import numpy as np
import pytest
import tensorflow as tf

from federated.algorithms import per_fedavg, thumbprint
from federated.algorithms.clustered import fed_em, ifca
from federated.algorithms.interpolated import after_training, apfl, mapper
from federated.algorithms.partial import fed_babu, fed_per, fed_recon, fed_rep
from federated.algorithms.registry import METHODS
from federated.algorithms.regularized import ditto, mean_regularized_mtl, pfedme
from federated.job import JobError
from tests.support.federated.adapters_by_hand import arrays, loss_and_gradient, sgd
from tests.support.federated.personal import BASE, context_of, local, random_adapter, rounds
from tests.support.federated.toys import client

W, OWN = random_adapter(1), random_adapter(2)
BATCHES = client(3, seed=0, counted=7)
ADAPTER_RATES = [0.1, 0.1, 0.5]
START_RATES = {"start_learning_rate": 0.3, "start_bias_rate": 3.0, "inner_steps": 1}
REPTILE = {"variant": "reptile", "inner_learning_rate": 0.2, "inner_bias_rate": 4.0}


def mean_loss(theta, batches=BATCHES) -> float:
    return float(np.mean([loss_and_gradient(BASE.parameters, theta, batch)[0] for batch in batches]))


def after_one_step(rates: tuple[float, float]) -> float:
    """Mean of f(U(w; D); D′), each batch once as D′, the next one as D."""
    ends = [sgd(BASE.parameters, arrays(W), [BATCHES[(i + 1) % 3]], rates, 0.5) for i in range(3)]
    return float(np.mean([mean_loss(end, [batch]) for end, batch in zip(ends, BATCHES, strict=True)]))


def stacked(*candidates):
    return ifca.Clusters(type(W)(*map(np.stack, zip(*candidates, strict=True))), np.float32(5))


def components(*candidates):
    return fed_em.Components(*stacked(*candidates))


PI = fed_em.Own(np.array([0.25, 0.75], np.float32))
HEAD = sgd(BASE.parameters, arrays(OWN), BATCHES * 2, (0.1, 0.5), 0.5)
SHARED_RATES = [0.3] * len(BASE.parameters)
SHARED = {"base_learning_rate": 0.3}


@pytest.mark.parametrize(
    ("method", "server", "kept", "options", "loss", "rates"),
    [
        (ditto, W, OWN, {}, mean_loss(arrays(W)), ADAPTER_RATES),
        (apfl, W, apfl.Own(OWN, np.float32(0.5)), {}, mean_loss(arrays(W)), ADAPTER_RATES),
        (after_training, W, (), {}, mean_loss(arrays(W)), ADAPTER_RATES),
        (pfedme, W, (), {"outer_rate": 2.0}, mean_loss(arrays(W)), [2.0] * 3),
        (pfedme, W, (), {"outer_rate": 10.0}, mean_loss(arrays(W)), [1 / 0.2] * 3),  # η·λ is limited to 1
        (ifca, stacked(W, W), (), {}, mean_loss(arrays(W)), ADAPTER_RATES),
        (fed_em, components(W, W), PI, {"components": 2}, mean_loss(arrays(W)), ADAPTER_RATES),
        (per_fedavg, W, (), {}, after_one_step((0.1, 0.5)), ADAPTER_RATES),
        (per_fedavg, W, (), REPTILE, mean_loss(arrays(W)), [0.2, 0.2, 4.0]),
        (thumbprint, W, (), START_RATES, after_one_step((0.3, 3.0)), [0.3, 0.3, 3.0]),
        (fed_per, BASE, OWN, SHARED, mean_loss(arrays(OWN)), SHARED_RATES),
        (fed_rep, BASE, OWN, SHARED, mean_loss(HEAD), SHARED_RATES),
        (fed_babu, fed_babu.body_of(BASE.parameters), (), SHARED, mean_loss(arrays(BASE.adapter)), SHARED_RATES[:4]),
    ],
    ids=lambda value: value.METHOD.name if hasattr(value, "METHOD") else "",
)
def test_the_loss_is_that_at_the_received_weights_and_the_rates_are_those_of_the_steps(
    method, server, kept, options, loss, rates
):
    made = local(method.METHOD, server, kept, BATCHES, context_of(method.METHOD, options, proximal=0.2))
    assert float(made.fairness.loss()) == pytest.approx(loss, rel=1e-5)
    assert [float(rate) for rate in tf.nest.flatten(made.fairness.rates)] == pytest.approx(rates)


def test_fed_recons_loss_is_that_of_the_query_batches_under_the_reconstructed_adapter():
    context = context_of(fed_recon.METHOD, SHARED, steps=1, proximal=0.0, evidence=0.0)
    made = local(fed_recon.METHOD, BASE.parameters, (), BATCHES, context)
    own = sgd(BASE.parameters, arrays(BASE.adapter), BATCHES[:1], (0.1, 0.5), 0.5)
    assert float(made.fairness.loss()) == pytest.approx(mean_loss(own, BATCHES[1:]), rel=1e-5)
    assert [float(rate) for rate in made.fairness.rates] == pytest.approx(SHARED_RATES)


def test_fed_ems_loss_is_that_of_the_mixture():
    context = context_of(fed_em.METHOD, {"components": 2})
    made = local(fed_em.METHOD, components(W, OWN), PI, BATCHES, context)
    assert float(made.fairness.loss()) == pytest.approx(float(made.loss_sum / made.targets), rel=1e-6)
    assert float(made.fairness.loss()) != pytest.approx(mean_loss(arrays(W)), rel=1e-3)


def test_mappers_loss_is_that_of_the_chosen_interpolation_on_the_query_batches():
    context = context_of(mapper.METHOD, {"grid": 2}, steps=0)
    made = local(mapper.METHOD, W, (), BATCHES, context)
    assert float(made.fairness.loss()) == pytest.approx(mean_loss(arrays(W), BATCHES[1:]), rel=1e-5)
    assert [float(rate) for rate in made.fairness.rates] == pytest.approx(ADAPTER_RATES)


@pytest.mark.parametrize("changes", [{"learning_rate": 0.0}, {"learning_rate": 0.0, "bias_rate": 0.0}, {}])
@pytest.mark.usefixtures("execution")
def test_a_fair_round_in_tff_is_the_hand_computed_step(changes):
    rates = {"learning_rate": 0.02, "bias_rate": 0.3, **changes}
    clients, q = [BATCHES, client(1, seed=1, counted=4)], 2.0
    server, _, measured = rounds(ditto.METHOD, context_of(ditto.METHOD, {}, {"fairness_q": q}, **rates), clients)
    eta, moves, heights = (rates["learning_rate"],) * 2 + (rates["bias_rate"],), [], []
    for batches in clients:
        end = sgd(BASE.parameters, arrays(BASE.adapter), batches, eta[1:], 0.5)
        change = [before - after for before, after in zip(arrays(BASE.adapter), end, strict=True)]
        loss = mean_loss(arrays(BASE.adapter), batches)
        norm = sum((part**2).sum() / rate for part, rate in zip(change, eta, strict=True) if rate)
        moves.append([loss**q * part for part in change])
        heights.append(q * loss ** (q - 1) * norm + loss**q)
    for found, before, one, other in zip(server, arrays(BASE.adapter), *moves, strict=True):
        np.testing.assert_allclose(found, before - (one + other) / sum(heights), rtol=1e-4, atol=1e-6)
    assert float(measured["broken_clients"]) == 0


def test_q_fedavg_is_refused_where_it_does_not_apply():
    method = mean_regularized_mtl.METHOD
    with pytest.raises(JobError, match=r"fairness_q: q-FedAvg does not apply to the rounds of multi_task; set it to 0"):
        context_of(method, {}, {"fairness_q": 1.0})
    context_of(method, {}, {"fairness_q": 1.0, "rounds": 0})


def test_every_other_method_with_rounds_is_fair():
    unfair = [method.name for method in METHODS.values() if method.local and not method.fair]
    assert unfair == ["multi_task"]
