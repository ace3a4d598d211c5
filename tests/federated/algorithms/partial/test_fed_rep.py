import numpy as np
import pytest

from federated.algorithms.partial.fed_rep import METHOD
from federated.job import JobError
from tests.federated.algorithms.partial.test_fed_per import RATE, shared_step_by_hand
from tests.support.federated.adapters_by_hand import arrays, assert_close, loss_and_gradient, sgd
from tests.support.federated.personal import BASE, context_of, local, random_adapter, rounds
from tests.support.federated.toys import client

OWN = random_adapter(2)
BATCHES = client(3, seed=0, counted=7)


def context(passes=2, rate=RATE, federated=None, **changes):
    return context_of(METHOD, {"base_learning_rate": rate, "head_passes": passes}, federated, **changes)


def representation_by_hand(own, batches, clip):
    """Returns the shared layers after one pass under a fixed adapter, and the loss before each step."""
    shared, losses = BASE.parameters, []
    for batch in batches:
        losses.append(loss_and_gradient(shared, own, batch)[0])
        shared = shared_step_by_hand(shared, own, batch, clip)
    return shared, losses


@pytest.mark.parametrize("clip", [0.2, 1e6])
def test_a_round_trains_the_head_first_and_then_the_representation(clip):
    made = local(METHOD, BASE, OWN, BATCHES, context(clip=clip))
    own = sgd(BASE.parameters, arrays(OWN), BATCHES * 2, (0.1, 0.5), clip)  # no pull, the shared layers fixed
    shared, losses = representation_by_hand(own, BATCHES, clip)
    assert_close(made.client, own)
    assert_close(made.update, [before - after for before, after in zip(arrays(BASE.parameters), shared, strict=True)])
    assert float(made.loss_sum) == pytest.approx(7 * sum(losses), rel=1e-4)
    assert (float(made.weight), float(made.targets)) == (21, 21)


def test_without_passes_the_personal_layers_do_not_change():
    made = local(METHOD, BASE, OWN, BATCHES, context(passes=0))
    assert_close(made.client, arrays(OWN))
    shared, _ = representation_by_hand(arrays(OWN), BATCHES, 0.5)
    assert_close(made.update, [before - after for before, after in zip(arrays(BASE.parameters), shared, strict=True)])


def test_a_shared_rate_of_zero_trains_the_adapter_alone():
    made = local(METHOD, BASE, OWN, BATCHES, context(rate=0))
    assert all(np.abs(part).max() == 0 for part in made.update)


def test_rejects_a_negative_number_of_passes():
    with pytest.raises(JobError, match="options of fed_rep: head_passes"):
        context(passes=-1)


@pytest.mark.usefixtures("execution")
def test_the_server_averages_only_the_representation():
    context_ = context(federated={"server_learning_rate": 0.5}, rate=0.05, learning_rate=0.02, bias_rate=0.1)
    clients = [BATCHES, client(1, seed=1, counted=4)]
    server, states, _ = rounds(METHOD, context_, clients)
    made = [local(METHOD, BASE, BASE.adapter, batches, context_) for batches in clients]
    mean = [(21 * one + 4 * other) / 25 for one, other in zip(*(arrays(m.update) for m in made), strict=True)]
    assert_close(server.parameters, [old - 0.5 * step for old, step in zip(arrays(BASE.parameters), mean, strict=True)])
    assert_close(server.adapter, arrays(BASE.adapter))
    for state, one in zip(states, made, strict=True):
        assert_close(state, arrays(one.client))
