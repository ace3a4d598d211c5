from federated.algorithms import fine_tuning, user_ngrams
from federated.algorithms.baselines import global_only
from tests.support.federated.adapters_by_hand import arrays, assert_close, clipped, loss_and_gradient
from tests.support.federated.personal import BASE, context_of, personal
from tests.support.federated.toys import client

BATCHES = client(2, seed=0, counted=7)


def test_takes_k_pulled_steps_over_the_repeated_batches():
    theta, start = arrays(BASE.adapter), arrays(BASE.adapter)
    share = 14 / (14 + 10)
    etas = (0.1 * share, 0.1 * share, 0.5 * share)
    for batch in (BATCHES[0], BATCHES[1], BATCHES[0]):
        slope = clipped(loss_and_gradient(BASE.parameters, theta, batch)[1], 0.5)
        theta = [
            (part - eta * down + eta * 0.2 * to) / (1 + eta * 0.2)
            for part, eta, down, to in zip(theta, etas, slope, start, strict=True)
        ]
    assert_close(personal(fine_tuning.METHOD, (), (), BATCHES, [], context_of(fine_tuning.METHOD)), theta)


def test_without_steps_or_text_the_result_is_the_shared_model():
    for batches, steps in ((BATCHES, 0), ([], 3)):
        found = personal(fine_tuning.METHOD, (), (), batches, [], context_of(fine_tuning.METHOD, steps=steps))
        assert_close(found, arrays(BASE.adapter))
    for method in (global_only.METHOD, user_ngrams.METHOD):
        assert_close(personal(method, (), (), BATCHES, [], context_of(method)), arrays(BASE.adapter))


def test_each_device_artifact_names_its_algorithm():
    context = context_of(fine_tuning.METHOD)
    assert fine_tuning.METHOD.phone(BASE, (), context).algorithm == "steps"
    assert global_only.METHOD.phone(BASE, (), context).algorithm == "none"
    assert (user_ngrams.METHOD.history, global_only.METHOD.history) == (True, False)
