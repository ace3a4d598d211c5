import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from federated.algorithms.clustered.ifca import METHOD, Clusters
from federated.algorithms.interpolated import after_training
from federated.job import JobError
from keyboard_model.model.adapter import AdapterTensors
from tests.support.federated.adapters_by_hand import arrays, assert_close, loss_and_gradient, sgd
from tests.support.federated.personal import BASE, context_of, local, personal, random_adapter, rounds
from tests.support.federated.toys import BOS, B, T, V, client

STARTS = [random_adapter(seed, scale=1.0) for seed in (1, 2, 3)]
SERVER = Clusters(AdapterTensors(*(np.stack(parts) for parts in zip(*STARTS, strict=True))), np.float32(1))
BATCHES = client(2, seed=0, counted=7)
SMALL = {"learning_rate": 0.02, "bias_rate": 0.1}


def speaker(group: int, seed: int):
    """A client of one of two groups that share no piece."""
    batches = client(8, seed=seed)
    low = BOS + 1 + group * (V - BOS - 1) // 2
    rng = np.random.default_rng(seed)
    for batch in batches:
        batch.targets[:] = rng.integers(low, low + (V - BOS - 1) // 2, (B, T))
    return batches


def losses_by_hand(batches) -> list[float]:
    """The mean loss of each cluster."""
    return [
        float(np.mean([loss_and_gradient(BASE.parameters, arrays(start), batch)[0] for batch in batches]))
        for start in STARTS
    ]


def best_by_hand(batches) -> int:
    return int(np.argmin(losses_by_hand(batches)))


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000))
def test_a_client_trains_only_the_cluster_with_the_lowest_loss(seed):
    batches = client(2, seed=seed, counted=7)
    lowest, second, _ = sorted(losses_by_hand(batches))
    assume(second - lowest > 1e-3)  # clearly more than the rounding errors of float32
    best = best_by_hand(batches)
    made = local(METHOD, SERVER, (), batches, context_of(METHOD, {"clusters": 3}))
    trained = sgd(BASE.parameters, arrays(STARTS[best]), batches, (0.1, 0.5), 0.5)
    for part, before, after in zip(made.update, arrays(STARTS[best]), trained, strict=True):
        expected = np.zeros(part.shape)
        expected[best] = before - after
        np.testing.assert_allclose(part, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(made.counts, np.eye(3)[best])
    assert (float(made.weight), float(made.targets)) == (14, 14)


def test_personalization_takes_steps_from_the_best_cluster():
    best = best_by_hand(BATCHES)
    context = context_of(METHOD, {"clusters": 3}, steps=2, proximal=0.0, evidence=0.0)
    expected = sgd(BASE.parameters, arrays(STARTS[best]), BATCHES, (0.1, 0.5), 0.5)
    assert_close(personal(METHOD, SERVER, (), BATCHES, [], context), expected)
    assert_close(personal(METHOD, SERVER, (), BATCHES, [], context_of(METHOD, {"clusters": 3}, steps=0)), STARTS[best])


def test_a_client_without_text_has_the_first_cluster():
    assert_close(personal(METHOD, SERVER, (), [], [], context_of(METHOD, {"clusters": 3})), arrays(STARTS[0]))


def test_in_the_warm_up_clients_join_random_clusters_that_depend_on_their_text():
    context = context_of(METHOD, {"clusters": 3, "warm_up": 2})
    clients = [client(1, seed=seed) for seed in range(6)]
    joined = [int(np.argmax(local(METHOD, SERVER, (), batches, context).counts)) for batches in (*clients, clients[0])]
    assert set(joined) == {0, 1, 2}
    assert joined[-1] == joined[0]


def test_each_cluster_moves_by_the_mean_of_its_own_clients():
    mean = AdapterTensors(*(tf.ones_like(part) * 0.25 for part in SERVER.adapters))
    context = context_of(METHOD, {"clusters": 3}, {"server_learning_rate": 0.5})
    # The clients' weights are 30 in the first cluster, 10 in the second and 0 in the third.
    moved = METHOD.aggregate(SERVER, (mean, tf.constant([30.0, 10.0, 0.0])), context)
    for after, before in zip(moved.adapters, SERVER.adapters, strict=True):
        np.testing.assert_allclose(before[0] - after[0], np.full(before[0].shape, 0.5 * 0.25 / 0.75), atol=1e-6)
        np.testing.assert_allclose(before[1] - after[1], np.full(before[1].shape, 0.5 * 0.25 / 0.25), atol=1e-6)
        np.testing.assert_array_equal(before[2], after[2])
    assert float(moved.round) == 2


def test_without_clients_no_cluster_moves():
    mean = AdapterTensors(*(tf.zeros_like(part) for part in SERVER.adapters))
    moved = METHOD.aggregate(SERVER, (mean, tf.zeros([3])), context_of(METHOD, {"clusters": 3}))
    for after, before in zip(moved.adapters, SERVER.adapters, strict=True):
        np.testing.assert_array_equal(before, after)


def test_the_device_artifact_has_every_cluster():
    part = METHOD.phone(BASE, SERVER, context_of(METHOD, {"clusters": 3}))
    assert (part.algorithm, len(part.starts), dict(part.constants)) == ("clusters", 3, {})
    for found, start in zip(part.starts, STARTS, strict=True):
        assert_close(found, arrays(start))


@pytest.mark.parametrize("options", [{"clusters": 0}, {"warm_up": 0}, {"k": 3}])
def test_rejects_options_that_are_unknown_or_out_of_range(options):
    with pytest.raises(JobError, match=f"options of clustered: {next(iter(options))}"):
        context_of(METHOD, options)


@pytest.mark.usefixtures("execution")
@pytest.mark.parametrize(
    ("rates", "federated"),
    [(SMALL, {}), ({"learning_rate": 2.0, "bias_rate": 20.0}, {}), (SMALL, {"fairness_q": 2.0})],
    ids=["small updates", "clipped by the aggregator", "q-FedAvg"],
)
def test_one_cluster_is_fedavg_on_the_adapter(rates, federated):
    clients = [BATCHES, client(1, seed=1, counted=4)]
    one, _, _ = rounds(METHOD, context_of(METHOD, {"clusters": 1}, federated, **rates), clients, number=2)
    plain, _, _ = rounds(
        after_training.METHOD, context_of(after_training.METHOD, {}, federated, **rates), clients, number=2
    )
    assert_close([part[0] for part in one.adapters], arrays(plain))
    assert float(np.abs(plain.bias - BASE.adapter.bias).max()) > 1e-3


@pytest.mark.usefixtures("execution")
def test_rounds_in_tff_separate_two_groups():
    groups = [0, 1, 0, 1, 0, 1]
    clients = [speaker(group, seed) for seed, group in enumerate(groups)]
    context = context_of(METHOD, {"clusters": 2}, learning_rate=0.1, bias_rate=0.5)
    server, states, measured = rounds(METHOD, context, clients, number=8)
    joined = [int(np.argmax(local(METHOD, server, (), batches, context).counts)) for batches in clients]
    assert joined in (groups, [1 - group for group in groups])
    assert (float(server.round), list(states), float(measured["broken_clients"])) == (8, [()] * 6, 0)


@pytest.mark.usefixtures("execution")
def test_a_compressed_round_moves_only_the_clusters_with_clients():
    context = context_of(METHOD, {"clusters": 3}, {"compressed": True})
    clients = [client(2, seed=seed) for seed in range(2)]
    server, _, _ = rounds(METHOD, context, clients)
    start = METHOD.server(BASE, context)
    joined = {int(np.argmax(local(METHOD, start, (), batches, context).counts)) for batches in clients}
    moved = {j for j in range(3) if np.abs(server.adapters.bias[j] - BASE.adapter.bias).max() > 0}
    assert moved == joined != {0, 1, 2}
