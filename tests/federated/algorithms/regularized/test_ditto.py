import numpy as np
import pytest

from federated.algorithms.regularized.ditto import METHOD
from tests.support.federated.adapters_by_hand import arrays, assert_close, clipped, loss_and_gradient, sgd
from tests.support.federated.personal import BASE, context_of, local, personal, random_adapter, rounds
from tests.support.federated.toys import client

SHARED, OWN = random_adapter(1), random_adapter(2)
BATCHES = client(3, seed=0, counted=7)
ETA, CLIP = (0.1, 0.1, 0.5), 0.5


def pulled_steps(theta, anchor, pull):
    for batch in BATCHES:
        slope = clipped(loss_and_gradient(BASE.parameters, theta, batch)[1], CLIP)
        theta = [
            (part - eta * down + eta * pull * to) / (1 + eta * pull)
            for part, eta, down, to in zip(theta, ETA, slope, anchor, strict=True)
        ]
    return theta


def test_a_round_trains_the_shared_adapter_and_the_clients_own():
    made = local(METHOD, SHARED, OWN, BATCHES, context_of(METHOD))
    shared = sgd(BASE.parameters, arrays(SHARED), BATCHES, (0.1, 0.5), CLIP)
    assert_close(made.update, [before - after for before, after in zip(arrays(SHARED), shared, strict=True)])
    assert_close(made.client, pulled_steps(arrays(OWN), arrays(SHARED), 0.2))


def test_without_a_pull_it_is_local_fine_tuning():
    made = local(METHOD, SHARED, OWN, BATCHES, context_of(METHOD, proximal=0.0))
    assert_close(made.client, sgd(BASE.parameters, arrays(OWN), BATCHES, (0.1, 0.5), CLIP))


def test_a_very_large_pull_gives_the_shared_adapter():
    context = context_of(METHOD, proximal=1e20)
    assert_close(local(METHOD, SHARED, OWN, BATCHES, context).client, arrays(SHARED))
    assert_close(personal(METHOD, SHARED, OWN, BATCHES, [], context), arrays(SHARED))


def test_a_new_phone_starts_at_the_shared_adapter():
    context = context_of(METHOD)
    assert_close(METHOD.client(SHARED, context), arrays(SHARED))
    assert METHOD.phone(BASE, SHARED, context).starts == (SHARED,)


@pytest.mark.usefixtures("execution")
def test_a_round_in_tff_is_the_weighted_mean_of_the_clients():
    context = context_of(METHOD, learning_rate=0.02, bias_rate=0.1)
    clients = [BATCHES, client(1, seed=1, counted=4)]
    server, states, measured = rounds(METHOD, context, clients)
    trained = [sgd(BASE.parameters, arrays(BASE.adapter), batches, (0.02, 0.1), CLIP) for batches in clients]
    assert_close(server, [(21 * one + 4 * other) / 25 for one, other in zip(*trained, strict=True)])
    assert float(measured["targets"]) == 25
    assert not np.allclose(states[0].bias, states[1].bias)
