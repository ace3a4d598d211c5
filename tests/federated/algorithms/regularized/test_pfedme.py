import numpy as np
import pytest

from federated.algorithms.regularized.pfedme import METHOD
from federated.job import JobError
from tests.support.federated.adapters_by_hand import arrays, assert_close, clipped, loss_and_gradient
from tests.support.federated.personal import BASE, context_of, local, personal, random_adapter, rounds
from tests.support.federated.toys import client

W = random_adapter(1)
BATCHES = client(3, seed=0, counted=7)
ETA, CLIP = (0.1, 0.1, 0.5), 0.5


def solved(w, batch, pull, steps, eta=ETA):
    """θ after proximal steps on one batch from w, pulled to w."""
    theta = w
    for _ in range(steps):
        slope = clipped(loss_and_gradient(BASE.parameters, theta, batch)[1], CLIP)
        theta = [
            (part - rate * down + rate * pull * to) / (1 + rate * pull)
            for part, rate, down, to in zip(theta, eta, slope, w, strict=True)
        ]
    return theta


def outer_steps(w, batches, pull, steps, outer, eta=ETA):
    """w after one step towards θ a batch, by η·λ."""
    for batch in batches:
        theta = solved(w, batch, pull, steps, eta)
        w = [part - outer * pull * (part - to) for part, to in zip(w, theta, strict=True)]
    return w


@pytest.mark.parametrize("steps", [1, 4])
def test_a_round_agrees_with_a_hand_computed_one(steps):
    context = context_of(METHOD, {"inner_steps": steps, "outer_rate": 2.0}, proximal=0.2)
    made = local(METHOD, W, (), BATCHES, context)
    expected = outer_steps(arrays(W), BATCHES, pull=0.2, steps=steps, outer=2.0)
    assert_close(made.update, [before - after for before, after in zip(arrays(W), expected, strict=True)])
    assert made.client == ()
    assert (float(made.weight), float(made.targets)) == (1, 21)


def test_the_loss_is_that_before_the_steps_on_each_batch():
    context = context_of(METHOD, {"inner_steps": 3, "outer_rate": 2.0}, proximal=0.2)
    losses = [
        loss_and_gradient(BASE.parameters, outer_steps(arrays(W), BATCHES[:at], 0.2, 3, 2.0), batch)[0]
        for at, batch in enumerate(BATCHES)
    ]
    assert float(local(METHOD, W, (), BATCHES, context).loss_sum) == pytest.approx(7 * sum(losses), rel=1e-4)


def test_without_a_pull_the_servers_adapter_does_not_change():
    made = local(METHOD, W, (), BATCHES, context_of(METHOD, proximal=0.0))
    assert all(np.abs(part).max() == 0 for part in made.update)


def test_the_outer_step_does_not_overshoot_theta():
    context = context_of(METHOD, {"inner_steps": 2, "outer_rate": 1e6}, proximal=0.2)
    expected = solved(arrays(W), BATCHES[0], pull=0.2, steps=2)
    made = local(METHOD, W, (), BATCHES[:1], context)
    assert_close(made.update, [before - after for before, after in zip(arrays(W), expected, strict=True)])


def test_a_very_large_pull_gives_the_servers_adapter():
    context = context_of(METHOD, proximal=1e20)
    assert_close(personal(METHOD, W, (), BATCHES, [], context), arrays(W))
    assert METHOD.phone is not None and METHOD.phone(BASE, W, context).starts == (W,)


@pytest.mark.parametrize("options", [{"inner_steps": 0}, {"outer_rate": -1.0}])
def test_rejects_options_out_of_range(options):
    with pytest.raises(JobError, match=f"options of pfedme: {next(iter(options))}"):
        context_of(METHOD, options)


@pytest.mark.usefixtures("execution")
def test_the_server_interpolates_to_the_plain_mean_by_beta():
    context = context_of(
        METHOD,
        {"inner_steps": 2, "outer_rate": 2.0},
        {"server_learning_rate": 0.5},
        learning_rate=0.02,
        bias_rate=0.1,
        proximal=0.4,
    )
    clients = [BATCHES, client(1, seed=1, counted=4)]
    server, _, measured = rounds(METHOD, context, clients)
    start = arrays(BASE.adapter)
    ends = [outer_steps(start, batches, 0.4, 2, 2.0, (0.02, 0.02, 0.1)) for batches in clients]
    mean = [(one + other) / 2 for one, other in zip(*ends, strict=True)]
    assert_close(server, [0.5 * old + 0.5 * new for old, new in zip(start, mean, strict=True)])
    assert float(measured["targets"]) == 25
