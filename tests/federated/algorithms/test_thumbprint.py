import pytest

from federated.algorithms import dynamic_marginals, fine_tuning, per_fedavg
from federated.algorithms.thumbprint import METHOD
from federated.personalization.program import rounds_folder
from tests.support.federated.adapters_by_hand import arrays, assert_close
from tests.support.federated.personal import BASE, context_of, local, personal, random_adapter
from tests.support.federated.toys import client

START = random_adapter(1)
BATCHES = client(3, seed=0, counted=7)


def test_the_rounds_are_first_order_per_fedavg_at_their_own_rates():
    own = {"start_learning_rate": 0.03, "start_bias_rate": 0.2, "inner_steps": 1}
    meta = {"variant": "first_order", "inner_steps": 1}
    found = local(METHOD, START, (), BATCHES, context_of(METHOD, own))
    expected = local(
        per_fedavg.METHOD, START, (), BATCHES, context_of(per_fedavg.METHOD, meta, learning_rate=0.03, bias_rate=0.2)
    )
    assert_close(found.update, arrays(expected.update))


def test_the_device_artifact_is_that_of_marginals_at_the_trained_start():
    options = {"strength": 0.7, "pseudo_count": 3.0}
    context = context_of(METHOD, options)
    part = METHOD.phone(BASE, START, context)
    assert (part.starts, part.algorithm, dict(part.constants)) == ((START,), "marginals", options)
    found = personal(METHOD, BASE.adapter, (), BATCHES, [], context)
    assert_close(
        found,
        arrays(personal(dynamic_marginals.METHOD, (), (), BATCHES, [], context_of(dynamic_marginals.METHOD, options))),
    )


def test_without_rounds_and_strength_it_is_fine_tuning_with_history():
    context = context_of(METHOD)
    start = METHOD.server(BASE, context)
    found = personal(METHOD, start, (), BATCHES, [], context)
    assert_close(found, arrays(personal(fine_tuning.METHOD, (), (), BATCHES, [], context_of(fine_tuning.METHOD))))
    assert METHOD.history


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"steps": 7}, True),
        ({"options": {"strength": 1.0}}, True),
        ({"options": {"inner_steps": 3}}, False),
        ({"clip": 1.0}, False),
    ],
)
def test_only_settings_of_the_rounds_change_their_folder(tmp_path, change, same):
    config = context_of(METHOD).config
    other = config.model_copy(update=change)
    assert (rounds_folder(tmp_path, METHOD, config) == rounds_folder(tmp_path, METHOD, other)) == same
