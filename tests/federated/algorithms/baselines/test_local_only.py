import numpy as np
import pytest
import tensorflow as tf

from federated.algorithms.baselines.local_only import METHOD, shuffled
from federated.evaluation import personal_model, shared_model
from federated.evaluation.personal_model import TEST_WINDOWS
from federated.job import Job, JobError, ModelConfig
from federated.personalization.method import SharedModel
from keyboard_model.model import cifg_lstm
from keyboard_model.model.cifg_lstm import Parameters
from keyboard_model.text.tokenizer import train as train_tokenizer
from tests.support.federated.adam_by_hand import adam_by_hand
from tests.support.federated.personal import BASE, TENSORS, context_of, text
from tests.support.federated.toys import Batches, E, H, T, V, client, stacked

ONE = client(1, seed=0, counted=7)


def alone(learnt: Batches, **options) -> Parameters:
    context = context_of(METHOD, {"dropout": 0, "epochs": 3, "learning_rate": 0.01, **options})
    start = tf.nest.map_structure(tf.constant, METHOD.server(BASE, context))
    found = METHOD.personalize(TENSORS, start, (), text(learnt, []), context)
    for part, same in zip(found.adapter, BASE.adapter, strict=True):
        np.testing.assert_array_equal(part, same)
    return Parameters(*(part.numpy() for part in found.parameters))


def start(seed: int = 0) -> Parameters:
    return cifg_lstm.init(V, E, H, seed)


def apart(one: Parameters, other: Parameters) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


def test_the_passes_agree_with_a_separate_implementation_of_adam():
    for found, by_hand in zip(alone(ONE), adam_by_hand(start(), ONE * 3, 0.01, 0.5), strict=True):
        np.testing.assert_allclose(found, by_hand, atol=2e-5)


def test_the_model_does_not_depend_on_the_shared_model():
    assert apart(METHOD.server(BASE, context_of(METHOD)), start()) == 0
    assert apart(METHOD.server(BASE, context_of(METHOD, {"seed": 5})), start(5)) == 0


@pytest.mark.parametrize(("learnt", "options"), [(ONE, {"epochs": 0}), (ONE, {"learning_rate": 0}), ([], {})])
def test_without_training_the_model_is_the_random_start(learnt, options):
    assert apart(alone(learnt, **options), start()) == 0


def windows(batches) -> list[tuple]:
    return [(*map(tuple, row),) for batch in batches for row in zip(*batch, strict=True)]


def test_every_pass_has_the_same_windows_in_another_order():
    batches = client(6, seed=1)
    passes = [shuffled(stacked(batches), 0, tf.constant(number)) for number in range(3)]
    dealt = [windows(zip(*(each.numpy() for each in part), strict=True)) for part in passes]
    assert all(sorted(part) == sorted(windows(batches)) for part in dealt)
    assert not any(dealt[i] == dealt[j] for i, j in ((0, 1), (0, 2), (1, 2)))


def test_the_same_seed_gives_the_same_model():
    batches = client(4, seed=1)
    once, again, other = (alone(batches, dropout=0.3, seed=seed) for seed in (0, 0, 1))
    assert apart(once, again) == 0
    assert apart(once, other) > 1e-3


def test_has_neither_a_device_artifact_nor_rounds():
    assert METHOD.phone is None and METHOD.local is None


@pytest.mark.parametrize("options", [{"epochs": -1}, {"dropout": 1}, {"learning_rate": -1}, {"rounds": 1}])
def test_rejects_options_out_of_range(options):
    with pytest.raises(JobError, match=rf"options of local_only: {next(iter(options))}"):
        context_of(METHOD, options)


@pytest.mark.usefixtures("execution")
def test_in_tff_each_client_trains_on_its_own_text():
    tokenizer = train_tokenizer({"see": 9, "you": 8, "home": 6, "ok": 5, "later": 4}, 400)
    job = Job(model=ModelConfig(embedding=E, cells=H, adapter_rank=2))
    base = SharedModel.of(job, cifg_lstm.init(len(tokenizer), E, H, seed=3))
    context = context_of(METHOD, {"epochs": 40, "learning_rate": 0.02, "dropout": 0.1}, holdout_share=0.2)
    server = METHOD.server(base, context)
    clients = [["see you", "see you", "see you later", "see you"], ["ok home", "home ok", "ok home ok", "ok"], []]
    texts = [personal_model.adaptation_batches(tokenizer, messages, context.config) for messages in clients]
    tests = [
        shared_model.evaluation_batches(tokenizer, messages, TEST_WINDOWS, T)
        for messages in (clients[0], clients[1], clients[0])
    ]
    measure = personal_model.build(METHOD, base, server, context, tokenizer)
    found = measure(base, server, [()] * 3, *map(list, zip(*texts, strict=True)), tests)
    losses = [float(each["personal"]["loss_sum"]) for each in found]
    assert losses[0] < 0.5 * losses[2]  # the third typed nothing: the random start on the first one's words
    assert all(np.isfinite(losses))
