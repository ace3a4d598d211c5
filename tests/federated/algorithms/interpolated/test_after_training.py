import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from federated.algorithms.interpolated.after_training import METHOD
from federated.job import JobError
from tests.support.federated.adapters_by_hand import arrays, assert_close, loss_and_gradient, sgd
from tests.support.federated.personal import BASE, context_of, local, personal, random_adapter, rounds
from tests.support.federated.toys import client

W = random_adapter(1)
LEARNT = client(2, seed=0, counted=7)
SHARE = 14 / (14 + 10)
ETA = (1.0 * SHARE, 4.0 * SHARE)


def context(**options):
    return context_of(METHOD, options, learning_rate=1.0, bias_rate=4.0, proximal=0.0, clip=1e6, steps=4)


def own_by_hand():
    return sgd(BASE.parameters, arrays(W), LEARNT * 2, ETA, 1e6)


@settings(max_examples=6, deadline=None)
@given(st.integers(100, 10_000))
def test_the_weight_with_the_lowest_loss_on_the_tail_is_chosen(seed):
    tail = client(1, seed=seed, counted=6)
    own = own_by_hand()
    candidates = [
        [alpha * w + (1 - alpha) * v for w, v in zip(arrays(W), own, strict=True)] for alpha in np.linspace(1, 0, 5)
    ]
    losses = [loss_and_gradient(BASE.parameters, theta, tail[0])[0] for theta in candidates]
    lowest, second, *_ = sorted(losses)
    assume(second - lowest > 1e-4)  # more than the rounding errors of float32
    assert_close(personal(METHOD, W, (), LEARNT, tail, context(grid=5)), candidates[int(np.argmin(losses))])


def test_a_tail_with_the_same_text_selects_the_own_adapter_and_no_tail_the_shared_one():
    assert_close(personal(METHOD, W, (), LEARNT, LEARNT, context()), own_by_hand())
    assert_close(personal(METHOD, W, (), LEARNT, [], context()), arrays(W))


def test_a_client_without_text_has_the_shared_adapter():
    assert_close(personal(METHOD, W, (), [], [], context()), arrays(W))


def test_the_device_artifact_has_the_shared_adapter_and_the_grid():
    part = METHOD.phone(BASE, W, context(grid=6))
    assert (part.starts, part.algorithm, dict(part.constants)) == ((W,), "interpolate", {"grid": 6.0})


@pytest.mark.parametrize("grid", [1, 102, 2.5])
def test_rejects_a_grid_out_of_range(grid):
    with pytest.raises(JobError, match="options of mixture: grid"):
        context(grid=grid)


@pytest.mark.usefixtures("execution")
def test_a_round_in_tff_is_fedavg_on_the_adapter():
    small = context_of(METHOD, learning_rate=0.02, bias_rate=0.1)
    clients = [LEARNT, client(1, seed=1, counted=4)]
    server, states, measured = rounds(METHOD, small, clients)
    trained = [sgd(BASE.parameters, arrays(BASE.adapter), batches, (0.02, 0.1), 0.5) for batches in clients]
    assert_close(server, [(14 * a + 4 * b) / 18 for a, b in zip(*trained, strict=True)])
    assert (list(states), float(measured["targets"])) == ([(), ()], 18)


def test_the_weight_is_the_targets_and_the_loss_is_that_before_each_step():
    made = local(METHOD, W, (), LEARNT, context())
    first = loss_and_gradient(BASE.parameters, arrays(W), LEARNT[0])[0]
    after = sgd(BASE.parameters, arrays(W), LEARNT[:1], (1.0, 4.0), 1e6)
    second = loss_and_gradient(BASE.parameters, after, LEARNT[1])[0]
    assert (float(made.weight), float(made.targets)) == (14, 14)
    assert float(made.loss_sum) == pytest.approx(7 * (first + second), rel=1e-5)


@pytest.mark.usefixtures("execution")
def test_a_round_without_targets_moves_nothing():
    server, _, measured = rounds(METHOD, context(), [client(1, seed=0, counted=0)] * 2)
    assert_close(server, arrays(BASE.adapter))
    assert (float(measured["targets"]), float(measured["broken_clients"])) == (0, 0)
