import numpy as np
import pytest

from federated.algorithms.regularized.mean_regularized_mtl import METHOD
from tests.support.federated.adapters_by_hand import arrays, assert_close, sgd
from tests.support.federated.personal import BASE, context_of, local, personal, random_adapter, rounds
from tests.support.federated.toys import client

MEAN, OWN = random_adapter(1), random_adapter(2)
BATCHES = client(3, seed=0, counted=7)
ALL = 1e20


def test_a_round_takes_the_pull_and_then_the_steps():
    made = local(METHOD, MEAN, OWN, BATCHES, context_of(METHOD))
    eta = (0.1, 0.1, 0.5)
    pulled = [
        (own + 3 * rate * 0.2 * mean) / (1 + 3 * rate * 0.2)
        for own, mean, rate in zip(arrays(OWN), arrays(MEAN), eta, strict=True)
    ]
    expected = sgd(BASE.parameters, pulled, BATCHES, (0.1, 0.5), 0.5)
    assert_close(made.client, expected)
    assert_close(made.update, [mean - own for mean, own in zip(arrays(MEAN), expected, strict=True)])


def test_without_a_pull_every_client_trains_alone():
    made = local(METHOD, MEAN, OWN, BATCHES, context_of(METHOD, proximal=0.0))
    assert_close(made.client, sgd(BASE.parameters, arrays(OWN), BATCHES, (0.1, 0.5), 0.5))


def test_a_very_large_pull_gives_one_adapter_for_all():
    context = context_of(METHOD, proximal=ALL)
    made = local(METHOD, MEAN, OWN, BATCHES, context)
    assert_close(made.client, sgd(BASE.parameters, arrays(MEAN), BATCHES, (0.1, 0.5), 0.5))
    assert_close(personal(METHOD, MEAN, OWN, BATCHES, [], context), arrays(MEAN))


def test_personalization_starts_at_the_clients_own_adapter():
    context = context_of(METHOD, proximal=0.0, evidence=0.0)
    found = personal(METHOD, MEAN, OWN, BATCHES, [], context)
    assert_close(found, sgd(BASE.parameters, arrays(OWN), BATCHES, (0.1, 0.5), 0.5))
    assert_close(METHOD.client(MEAN, context), arrays(MEAN))  # a new phone's is the mean


def test_clients_with_targets_have_equal_weights():
    context = context_of(METHOD)
    weights = [
        float(local(METHOD, MEAN, OWN, batches, context).weight)
        for batches in (BATCHES, client(1, seed=1, counted=2), client(1, seed=1, counted=0))
    ]
    assert weights == [1, 1, 0]


def test_the_phone_starts_at_the_mean():
    part = METHOD.phone(BASE, MEAN, context_of(METHOD))
    assert (part.starts, part.algorithm, dict(part.constants)) == ((MEAN,), "steps", {})


@pytest.mark.usefixtures("execution")
@pytest.mark.parametrize("rate", [1.0, 0.5])
def test_two_rounds_in_tff_with_a_very_large_pull_are_fedavg(rate):
    context = context_of(METHOD, {}, {"server_learning_rate": rate}, learning_rate=0.02, bias_rate=0.1, proximal=ALL)
    clients = [BATCHES, client(1, seed=1, counted=4)]
    server, states, _ = rounds(METHOD, context, clients, number=2)
    mean = arrays(BASE.adapter)
    for _ in range(2):
        trained = [sgd(BASE.parameters, mean, batches, (0.02, 0.1), 0.5) for batches in clients]
        mean = [m + rate * ((a + b) / 2 - m) for m, a, b in zip(mean, *trained, strict=True)]
    assert_close(server, mean)
    for state, expected in zip(states, trained, strict=True):
        assert_close(state, expected)


@pytest.mark.usefixtures("execution")
def test_clients_differ_more_with_a_small_pull_than_with_a_large_one():
    clients = [client(2, seed=seed) for seed in (3, 4, 5)]

    def spread(proximal: float) -> float:
        context = context_of(METHOD, learning_rate=0.02, bias_rate=0.1, proximal=proximal)
        _, states, _ = rounds(METHOD, context, clients, number=5)
        biases = np.stack([state.bias for state in states])
        return float(np.square(biases - biases.mean(axis=0)).sum())

    alone, held, together = (spread(proximal) for proximal in (0.0, 3.0, ALL))
    assert alone > 1.5 * held > 1.5 * together > 0
