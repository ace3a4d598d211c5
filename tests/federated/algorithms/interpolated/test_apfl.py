import numpy as np
import pytest

from federated.algorithms.interpolated.apfl import METHOD, Own
from federated.job import JobError
from tests.support.federated.adapters_by_hand import arrays, assert_close, clipped, loss_and_gradient, sgd
from tests.support.federated.personal import BASE, context_of, local, personal, random_adapter, rounds
from tests.support.federated.toys import client

W, V = random_adapter(1), random_adapter(2)
BATCHES = client(3, seed=0, counted=7)


def own_by_hand(own, alpha, shared, batch, eta, alpha_rate, clip):
    """Returns v and α after one batch, and the loss of the mixture before it."""
    mixture = [alpha * v + (1 - alpha) * w for v, w in zip(own, shared, strict=True)]
    loss, slope = loss_and_gradient(BASE.parameters, mixture, batch)
    slope = clipped(slope, clip)
    rise = sum(((v - w) * down).sum() for v, w, down in zip(own, shared, slope, strict=True))
    moved = [v - alpha * rate * down for v, down, rate in zip(own, slope, (eta[0], *eta), strict=True)]
    return moved, min(1.0, max(0.0, alpha - alpha_rate * rise)), loss


@pytest.mark.parametrize(("alpha", "clip", "alpha_rate"), [(0.3, 0.2, 0.5), (0.7, 1e6, 0.05), (0.9, 1e6, 1e3)])
def test_a_round_updates_w_v_and_alpha_at_once(alpha, clip, alpha_rate):
    context = context_of(METHOD, {"alpha_rate": alpha_rate}, clip=clip)
    made = local(METHOD, W, Own(V, np.float32(alpha)), BATCHES, context)
    shared, own, losses = arrays(W), arrays(V), []
    for batch in BATCHES:
        own, alpha, loss = own_by_hand(own, alpha, shared, batch, (0.1, 0.5), alpha_rate, clip)
        shared = sgd(BASE.parameters, shared, [batch], (0.1, 0.5), clip)
        losses.append(loss)
    assert_close(made.update, [before - after for before, after in zip(arrays(W), shared, strict=True)])
    assert_close(made.client.adapter, own)
    assert float(made.client.alpha) == pytest.approx(alpha, abs=1e-5)
    assert float(made.loss_sum) == pytest.approx(7 * sum(losses), rel=1e-5)
    assert (float(made.weight), float(made.targets)) == (21, 21)


def test_personalization_keeps_w_and_scales_the_rates_by_evidence():
    context = context_of(METHOD, {"alpha_rate": 0.5}, steps=4)
    share = 21 / (21 + 10)
    own, alpha = arrays(V), 0.4
    for batch in [*BATCHES, BATCHES[0]]:
        own, alpha, _ = own_by_hand(own, alpha, arrays(W), batch, (0.1 * share, 0.5 * share), 0.5, 0.5)
    found = personal(METHOD, W, Own(V, np.float32(0.4)), BATCHES, [], context)
    assert_close(found, [alpha * v + (1 - alpha) * w for v, w in zip(own, arrays(W), strict=True)])


def test_alpha_zero_is_the_shared_adapter():
    context = context_of(METHOD, {"alpha": 0, "alpha_rate": 0})
    made = local(METHOD, W, Own(V, np.float32(0)), BATCHES, context)
    assert_close(made.client.adapter, arrays(V))
    assert_close(personal(METHOD, W, Own(V, np.float32(0)), BATCHES, [], context), arrays(W))


def test_alpha_one_is_local_training():
    context = context_of(METHOD, {"alpha": 1, "alpha_rate": 0}, evidence=0.0)
    made = local(METHOD, W, Own(V, np.float32(1)), BATCHES, context)
    alone = sgd(BASE.parameters, arrays(V), BATCHES, (0.1, 0.5), 0.5)
    assert_close(made.client.adapter, alone)
    assert_close(personal(METHOD, W, Own(V, np.float32(1)), BATCHES, [], context), alone)


def test_on_a_new_phone_both_adapters_start_at_the_shared_one():
    context = context_of(METHOD, {"alpha": 0.25})
    own = METHOD.client(W, context)
    assert float(own.alpha) == 0.25
    assert_close(own.adapter, arrays(W))
    assert_close(personal(METHOD, W, own, [], [], context), arrays(W))  # no text


def test_the_device_artifact_has_w_and_the_constants():
    context = context_of(METHOD, {"alpha": 0.25, "alpha_rate": 0.5})
    part = METHOD.phone(BASE, W, context)
    assert (part.starts, part.algorithm, dict(part.constants)) == ((W,), "apfl", {"alpha": 0.25, "alpha_rate": 0.5})


@pytest.mark.parametrize("options", [{"alpha": 1.1}, {"alpha": -0.1}, {"alpha_rate": -1}, {"beta": 1}])
def test_rejects_options_that_are_unknown_or_out_of_range(options):
    with pytest.raises(JobError, match=rf"options of apfl: {next(iter(options))}"):
        context_of(METHOD, options)


@pytest.mark.usefixtures("execution")
def test_a_round_in_tff_keeps_each_clients_state_and_averages_the_updates():
    context = context_of(METHOD, {"alpha": 0.5, "alpha_rate": 0.5}, learning_rate=0.02, bias_rate=0.1)
    clients = [BATCHES, client(1, seed=1, counted=4)]
    server, states, measured = rounds(METHOD, context, clients)
    made = [local(METHOD, BASE.adapter, METHOD.client(BASE.adapter, context), batches, context) for batches in clients]
    mean = [(21 * a + 4 * b) / 25 for a, b in zip(*(arrays(each.update) for each in made), strict=True)]
    assert_close(server, [before - step for before, step in zip(arrays(BASE.adapter), mean, strict=True)])
    for state, each in zip(states, made, strict=True):
        assert_close(state.adapter, arrays(each.client.adapter))
        assert float(state.alpha) == pytest.approx(float(each.client.alpha), abs=1e-6)
    assert float(measured["targets"]) == 25
