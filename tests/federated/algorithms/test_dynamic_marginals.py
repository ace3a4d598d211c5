import numpy as np
import pytest

from federated.algorithms import fine_tuning
from federated.algorithms.dynamic_marginals import METHOD
from federated.job import JobError
from keyboard_model.batching import IGNORE
from keyboard_model.model.adapter import AdapterTensors
from tests.support.federated.adapters_by_hand import arrays, assert_close, features, sgd
from tests.support.federated.personal import BASE, context_of, personal
from tests.support.federated.toys import client

LEARNT = client(3, seed=0, counted=7)
SHARE = 21 / (21 + 10)


def context(steps=0, strength=1.0, pseudo_count=2.0, **changes):
    return context_of(METHOD, {"strength": strength, "pseudo_count": pseudo_count}, steps=steps, **changes)


def moved_by_hand(strength, few, batches=LEARNT):
    """Sums the whole distribution of each target, instead of using a gradient."""
    a, b, bias = arrays(BASE.adapter)
    embedding, d = arrays(BASE.parameters)[0], arrays(BASE.parameters)[5]
    typed, expected = np.zeros_like(bias), np.zeros_like(bias)
    for batch in batches:
        targets = batch.targets.reshape(-1)
        read = features(BASE.parameters, batch.tokens)[targets != IGNORE]
        scores = (read + read @ a @ b) @ embedding.T + d + bias
        q = np.exp(scores - scores.max(axis=1, keepdims=True))
        expected += (q / q.sum(axis=1, keepdims=True)).sum(axis=0)
        np.add.at(typed, targets[targets != IGNORE], 1)
    assert 0 < (typed > 0).sum() < len(typed)
    change = strength * np.log((typed + few) / (expected + few))
    return [a, b, bias + np.where(typed > 0, change, 0)]


@pytest.mark.parametrize(("strength", "few"), [(1.0, 2.0), (0.4, 0.1)])
def test_the_bias_moves_by_the_log_ratio_of_typed_and_expected_counts(strength, few):
    assert_close(personal(METHOD, (), (), LEARNT, [], context(0, strength, few)), moved_by_hand(strength, few))


def test_the_steps_start_at_the_new_bias():
    free = {"learning_rate": 0.2, "bias_rate": 1.0, "proximal": 0.0, "clip": 1e6}
    eta = (0.2 * SHARE, 1.0 * SHARE)
    expected = sgd(BASE.parameters, AdapterTensors(*moved_by_hand(1.0, 2.0)), LEARNT, eta, 1e6)
    assert_close(personal(METHOD, (), (), LEARNT, [], context(3, **free)), expected)


def test_the_steps_are_pulled_to_the_new_bias():
    assert_close(personal(METHOD, (), (), LEARNT, [], context(3, proximal=1e9)), moved_by_hand(1.0, 2.0))


def test_without_strength_it_is_fine_tuning():
    tuned = personal(fine_tuning.METHOD, (), (), LEARNT, [], context_of(fine_tuning.METHOD))
    assert_close(personal(METHOD, (), (), LEARNT, [], context(3, strength=0.0)), arrays(tuned))


def test_large_pseudo_counts_or_no_text_give_the_shared_model():
    assert_close(personal(METHOD, (), (), LEARNT, [], context(pseudo_count=1e9)), arrays(BASE.adapter))
    assert_close(personal(METHOD, (), (), [], [], context()), arrays(BASE.adapter))


def test_the_device_artifact_has_the_start_and_both_constants():
    part = METHOD.phone(BASE, (), context(strength=0.5, pseudo_count=3.0))
    assert (part.starts, part.algorithm) == ((BASE.adapter,), "marginals")
    assert dict(part.constants) == {"strength": 0.5, "pseudo_count": 3.0}
    without = METHOD.phone(BASE, (), context(strength=0.0))
    assert (without.starts, without.algorithm, dict(without.constants)) == ((BASE.adapter,), "steps", {})


@pytest.mark.parametrize(("strength", "few"), [(-1.0, 1.0), (1.0, 0.0)])
def test_rejects_options_out_of_range(strength, few):
    with pytest.raises(JobError, match="options of marginals"):
        context(strength=strength, pseudo_count=few)
