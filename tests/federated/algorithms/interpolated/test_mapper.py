import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from federated.algorithms.interpolated.mapper import METHOD
from federated.job import JobError
from tests.support.federated.adapters_by_hand import arrays, assert_close, clipped, loss_and_gradient, sgd
from tests.support.federated.personal import BASE, context_of, local, personal, random_adapter, rounds
from tests.support.federated.toys import client

W = random_adapter(1)
BATCHES = client(5, seed=0, counted=7)
SUPPORT, QUERY = BATCHES[:2], BATCHES[2:]
ETA, CLIP, STEPS = (1.0, 4.0), 0.8, 3
SHARES = (0.0, 0.5, 1.0)


def context(federated=None, **changes):
    values = {"learning_rate": ETA[0], "bias_rate": ETA[1], "proximal": 0.3, "clip": CLIP, "steps": STEPS, **changes}
    return context_of(METHOD, {"grid": 3}, federated, **values)


def mixed(v, w, share):
    return [share * own + (1 - share) * shared for own, shared in zip(v, w, strict=True)]


def descend(theta, at, batch, scale):
    """Returns θ after one step with the gradient at another adapter, the rates times `scale`."""
    slope = clipped(loss_and_gradient(BASE.parameters, at, batch)[1], CLIP)
    return [part - scale * rate * down for part, rate, down in zip(theta, (ETA[0], *ETA), slope, strict=True)]


def local_part(batches, share):
    """Returns v after K steps through the interpolation with W."""
    v, pieces = arrays(W), 7 * len(batches)
    for i in range(STEPS):
        v = descend(v, mixed(v, arrays(W), share), batches[i % len(batches)], share * pieces / (pieces + 10))
    return v


def fitted(batches):
    return [mixed(local_part(batches, share), arrays(W), share) for share in SHARES]


def losses(candidates, batches):
    return [np.mean([loss_and_gradient(BASE.parameters, one, batch)[0] for batch in batches]) for one in candidates]


def round_by_hand(batches):
    """Returns w after a client's round, the chosen λ, and the loss before each step."""
    support, query = batches[: len(batches) // 2], batches[len(batches) // 2 :]
    share = SHARES[int(np.argmin(losses(fitted(support), query)))]
    v, w, before = local_part(support, share), arrays(W), []
    for batch in query:
        at = mixed(v, w, share)
        before.append(loss_and_gradient(BASE.parameters, at, batch)[0])
        w = descend(w, at, batch, 1 - share)
    return w, share, before


def text_that_chooses(share):
    """A client's batches for which this λ is clearly the best."""
    for seed in range(200):
        batches = client(4, seed=seed, counted=7)
        found = losses(fitted(batches[:2]), batches[2:])
        if int(np.argmin(found)) == SHARES.index(share) and np.diff(sorted(found))[0] > 1e-3:
            return batches
    raise AssertionError("no seed chooses it")


@pytest.mark.parametrize("share", SHARES)
def test_a_round_fits_the_local_part_first_and_trains_w_through_it(share):
    batches = text_that_chooses(share)
    w, chosen, before = round_by_hand(batches)
    made = local(METHOD, W, (), batches, context())
    assert chosen == share
    assert_close(made.update, [old - new for old, new in zip(arrays(W), w, strict=True)])
    assert float(made.loss_sum) == pytest.approx(7 * sum(before), rel=1e-4)
    assert (float(made.weight), float(made.targets), made.client) == (14, 14, ())
    moved = max(float(np.abs(part).max()) for part in made.update)
    assert (moved == 0) if share == 1 else (moved > 1e-3)  # a client that uses its own adapter alone leaves w


def test_a_client_of_one_batch_is_one_of_fedavg():
    made = local(METHOD, W, (), BATCHES[:1], context())
    trained = sgd(BASE.parameters, arrays(W), BATCHES[:1], ETA, CLIP)
    assert_close(made.update, [old - new for old, new in zip(arrays(W), trained, strict=True)])


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 10_000))
def test_personalization_chooses_the_share_on_the_tail(seed):
    tail = client(1, seed=seed, counted=6)
    candidates = fitted(SUPPORT)
    found = losses(candidates, tail)
    assume(np.diff(sorted(found))[0] > 1e-4)  # more than the rounding errors of float32
    assert_close(personal(METHOD, W, (), SUPPORT, tail, context()), candidates[int(np.argmin(found))])


def test_without_a_tail_or_without_text_a_client_has_the_shared_adapter():
    assert_close(personal(METHOD, W, (), SUPPORT, [], context()), arrays(W))
    assert_close(personal(METHOD, W, (), [], [], context()), arrays(W))


def test_the_device_artifact_has_the_shared_adapter_and_the_grid():
    part = METHOD.phone(BASE, W, context())
    assert (part.starts, part.algorithm, dict(part.constants)) == ((W,), "mapper", {"grid": 3.0})


@pytest.mark.parametrize("grid", [1, 22, 2.5])
def test_rejects_a_grid_out_of_range(grid):
    with pytest.raises(JobError, match="options of mapper: grid"):
        context_of(METHOD, {"grid": grid})


@pytest.mark.usefixtures("execution")
def test_a_round_in_tff_averages_the_changes_of_w():
    clients = [BATCHES, client(2, seed=1, counted=4)]
    small = context(federated={"server_learning_rate": 0.5}, learning_rate=0.02, bias_rate=0.1)
    server, states, measured = rounds(METHOD, small, clients)
    one, other = (arrays(local(METHOD, BASE.adapter, (), batches, small).update) for batches in clients)
    expected = [w - 0.5 * (21 * a + 4 * b) / 25 for w, a, b in zip(arrays(BASE.adapter), one, other, strict=True)]
    assert_close(server, expected)
    assert (list(states), float(measured["targets"]), float(measured["broken_clients"])) == ([(), ()], 25, 0)
