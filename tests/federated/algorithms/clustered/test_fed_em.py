import itertools

import numpy as np
import pytest
import tensorflow as tf

from federated.algorithms.clustered import fed_em
from federated.algorithms.clustered.fed_em import METHOD, Components, Own
from federated.algorithms.interpolated import after_training
from federated.job import JobError
from federated.local_training import adapter_sgd
from keyboard_model.batching import IGNORE, Batch
from keyboard_model.model.adapter import AdapterTensors
from tests.support.federated.adapters_by_hand import arrays, assert_close, clipped, features, sgd
from tests.support.federated.personal import BASE, TENSORS, context_of, local, personal, random_adapter, rounds
from tests.support.federated.toys import BOS, B, T, V, client, stacked

STARTS = [random_adapter(seed, scale=1.0) for seed in (1, 2, 3)]
SERVER = Components(AdapterTensors(*(np.stack(parts) for parts in zip(*STARTS, strict=True))), np.float32(1))
OWN = Own(np.array([0.2, 0.5, 0.3], np.float32))
BATCHES = client(2, seed=0, counted=7)
ETA, CLIP = (0.1, 0.5), 0.5


def context(federated=None, components=3, warm_up=1, iterations=4, **changes):
    options = {"components": components, "warm_up": warm_up, "iterations": iterations}
    return context_of(METHOD, options, federated, **changes)


def distributions(theta, batch):
    """Returns each counted target, its features, and the probabilities of all pieces there."""
    a, b, bias = theta
    targets = batch.targets.reshape(-1)
    kept = targets != IGNORE
    p = features(BASE.parameters, batch.tokens)[kept]
    embedding, d = arrays(BASE.parameters)[0], arrays(BASE.parameters)[5]
    scores = (p + p @ a @ b) @ embedding.T + d + bias
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    return targets[kept], p, chances / chances.sum(axis=1, keepdims=True)


def chances_of(starts, batches):
    """Returns the probability of each target under each component, `[N,M]`."""
    rows = [[distributions(arrays(start), batch) for start in starts] for batch in batches]
    return np.concatenate([np.stack([q[np.arange(len(y)), y] for y, _, q in row], axis=1) for row in rows])


def responsibilities(weights, chances):
    joint = weights * chances
    return joint / joint.sum(axis=1, keepdims=True)


def weighted_step(theta, batch, shares):
    """Returns θ after a step with the mean of the targets' gradients, each times its share."""
    a, b, _ = theta
    targets, p, q = distributions(theta, batch)
    q[np.arange(len(targets)), targets] -= 1
    d_scores = q * shares[:, np.newaxis] / len(targets)
    d_adapted = d_scores @ arrays(BASE.parameters)[0]
    slope = clipped([p.T @ (d_adapted @ b.T), (p @ a).T @ d_adapted, d_scores.sum(axis=0)], CLIP)
    return [part - rate * down for part, rate, down in zip(theta, (ETA[0], *ETA), slope, strict=True)]


def em_by_hand(starts, batches, weights, iterations):
    chances = chances_of(starts, batches)
    for _ in range(iterations):
        weights = responsibilities(weights, chances).mean(axis=0)
    return weights


def mean_by_hand(weights):
    return [
        sum(w * part for w, part in zip(weights, parts, strict=True))
        for parts in zip(*map(arrays, STARTS), strict=True)
    ]


def test_a_round_takes_the_e_step_at_the_received_components_and_weights_the_gradients_by_it():
    chances = chances_of(STARTS, BATCHES)
    shares = responsibilities(OWN.weights, chances)
    made = local(METHOD, SERVER, OWN, BATCHES, context())
    np.testing.assert_allclose(made.client.weights, shares.mean(axis=0), rtol=1e-5)
    for m, start in enumerate(STARTS):
        theta = arrays(start)
        for batch, rows in zip(BATCHES, np.split(shares[:, m], 2), strict=True):
            theta = weighted_step(theta, batch, rows)
        changed = [before - after for before, after in zip(arrays(start), theta, strict=True)]
        assert_close([part[m] for part in made.update], changed)
    assert float(made.loss_sum) == pytest.approx(-np.log(chances @ OWN.weights).sum(), rel=1e-5)
    assert (float(made.weight), float(made.targets)) == (14, 14)


def test_the_e_step_of_three_pieces_by_hand():
    # Probabilities 0.2, 0.2, 0.3 and 0.1, 0.4, 0.6: the first component answers for 2/3, 1/3 and 1/3.
    shares = responsibilities(np.array([0.5, 0.5]), np.array([[0.2, 0.1], [0.2, 0.4], [0.3, 0.6]]))
    np.testing.assert_allclose(shares[:, 0], [2 / 3, 1 / 3, 1 / 3])


def test_in_the_warm_up_a_client_trains_one_random_component_and_keeps_its_weights():
    joined = []
    for seed in (0, 1, 2, 3, 0):
        batches = client(1, seed=seed, counted=7)
        made = local(METHOD, SERVER, OWN, batches, context(warm_up=2))
        moved = [m for m in range(3) if np.abs(made.update.bias[m]).max() > 0]
        assert len(moved) == 1
        trained = sgd(BASE.parameters, arrays(STARTS[moved[0]]), batches, ETA, CLIP)
        changed = [before - after for before, after in zip(arrays(STARTS[moved[0]]), trained, strict=True)]
        assert_close([part[moved[0]] for part in made.update], changed)
        np.testing.assert_array_equal(made.client.weights, OWN.weights)
        joined += moved
    assert len(set(joined)) > 1
    assert joined[-1] == joined[0]  # the text is the seed


def test_a_client_without_targets_keeps_its_weights():
    made = local(METHOD, SERVER, OWN, client(1, seed=0, counted=0), context())
    np.testing.assert_array_equal(made.client.weights, OWN.weights)
    assert all(np.abs(part).max() == 0 for part in made.update)


@pytest.mark.parametrize("own", [OWN, Own(np.full(3, 1 / 3, np.float32))])
@pytest.mark.parametrize("iterations", [0, 1, 4])
def test_personalization_continues_em_from_the_clients_weights(own, iterations):
    weights = em_by_hand(STARTS, BATCHES, own.weights, iterations)
    found = personal(METHOD, SERVER, own, BATCHES, [], context(iterations=iterations, steps=0))
    assert_close(found, mean_by_hand(weights))


def test_the_steps_start_at_the_mean_and_are_pulled_to_it():
    mean = mean_by_hand(em_by_hand(STARTS, BATCHES, OWN.weights, 4))
    plain = personal(METHOD, SERVER, OWN, BATCHES, [], context(steps=2, proximal=0.0, evidence=0.0))
    assert_close(plain, sgd(BASE.parameters, mean, BATCHES, ETA, CLIP))
    assert_close(personal(METHOD, SERVER, OWN, BATCHES, [], context(steps=2, proximal=1e9)), mean)


def test_em_never_lowers_the_likelihood_and_without_text_the_weights_stay():
    chances, found = chances_of(STARTS, BATCHES), []
    for iterations in (0, 1, 2, 5):
        weights = fed_em.fitted_weights(
            TENSORS.parameters,
            AdapterTensors(*map(tf.constant, SERVER.adapters)),
            tf.fill([3], 1 / 3),
            adapter_sgd.read(TENSORS.parameters, stacked(BATCHES), BOS),
            context(iterations=iterations),
        )
        found.append(float(np.log(chances @ np.asarray(weights, np.float64)).sum()))
    assert all(later > earlier - 1e-5 for earlier, later in itertools.pairwise(found))
    assert found[-1] > found[0] + 1e-2
    assert_close(personal(METHOD, SERVER, OWN, [], [], context()), mean_by_hand(OWN.weights))


def test_the_server_moves_every_component_by_the_mean_change():
    mean = AdapterTensors(*(tf.ones_like(part) * 0.25 for part in SERVER.adapters))
    moved = METHOD.aggregate(SERVER, mean, context({"server_learning_rate": 0.5}))
    for after, before in zip(moved.adapters, SERVER.adapters, strict=True):
        np.testing.assert_allclose(after, before - 0.125, atol=1e-6)
    assert float(moved.round) == 2


def test_the_device_artifact_has_every_component():
    part = METHOD.phone(BASE, SERVER, context(iterations=7))
    assert (part.algorithm, dict(part.constants)) == ("fed_em", {"iterations": 7.0})
    for found, start in zip(part.starts, STARTS, strict=True):
        assert_close(found, arrays(start))


@pytest.mark.parametrize("options", [{"components": 0}, {"warm_up": 0}, {"iterations": -1}, {"k": 3}])
def test_rejects_options_that_are_unknown_or_out_of_range(options):
    with pytest.raises(JobError, match=f"options of fed_em: {next(iter(options))}"):
        context_of(METHOD, options)


@pytest.mark.usefixtures("execution")
@pytest.mark.parametrize("federated", [{}, {"fairness_q": 2.0}], ids=["plain", "q-FedAvg"])
def test_one_component_is_fedavg_on_the_adapter(federated):
    clients, rates = [BATCHES, client(1, seed=1, counted=4)], {"learning_rate": 0.02, "bias_rate": 0.1}
    one, states, _ = rounds(METHOD, context(federated, components=1, **rates), clients, number=2)
    plain, _, _ = rounds(
        after_training.METHOD, context_of(after_training.METHOD, {}, federated, **rates), clients, number=2
    )
    assert_close([part[0] for part in one.adapters], arrays(plain))
    assert [float(state[0][0]) for state in states] == [1, 1]


def speaker(group: int, seed: int):
    """A client that types half of the pieces only, and in whose text one of ten is of the other half."""
    rng, half = np.random.default_rng(seed), (V - BOS - 1) // 2
    batches = []
    for batch in client(8, seed=seed):
        of = np.where(rng.random((B, T)) < 0.1, 1 - group, group)
        batches.append(Batch(batch.tokens, (BOS + 1 + of * half + rng.integers(0, half, (B, T))).astype(np.int32)))
    return batches


@pytest.mark.usefixtures("execution")
def test_rounds_in_tff_find_two_components_and_each_clients_share_of_them():
    groups = [0, 1, 0, 1, 0, 1]
    clients = [speaker(group, seed) for seed, group in enumerate(groups)]
    context_ = context({"server_learning_rate": 4.0}, components=2, learning_rate=0.1, bias_rate=1.0, clip=5.0)
    server, states, measured = rounds(METHOD, context_, clients, number=12)
    weights = np.array([np.asarray(state[0]) for state in states])
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    side = weights.argmax(axis=1).tolist()
    assert side in (groups, [1 - group for group in groups])
    assert weights.max(axis=1).min() > 0.7  # the text is nine tenths of one kind
    assert (float(server.round), float(measured["broken_clients"])) == (12, 0)
