import pytest

from federated.job import PersonalizationConfig
from federated.personalization.method import Choice, Range
from keyboard_model.metrics import WordCounts
from thumbprint.comparison.tuning import tune, utility, value_at, values_in_space, with_values

SPACE = {"learning_rate": Range(0.01, 1.0, log=True), "steps": Choice((5, 10, 20)), "history.discount": Range(0.1, 0.9)}


def peak_at_a_tenth(config: PersonalizationConfig) -> float:
    return -abs(config.learning_rate - 0.1) - config.steps / 100 - abs(config.history.discount - 0.5)


def test_tries_the_settings_of_the_job_first_and_keeps_the_best(tmp_path):
    tried = []

    def objective(config):
        tried.append((config.learning_rate, config.steps))
        return peak_at_a_tenth(config)

    start = PersonalizationConfig(learning_rate=0.3, steps=20)
    tuned = tune("m", start, SPACE, objective, trials=12, seed=0, storage=tmp_path / "t.sqlite")
    assert tried[0] == (0.3, 20)
    assert tuned.trials == 12
    assert tuned.utility == pytest.approx(peak_at_a_tenth(tuned.config))
    assert tuned.utility > peak_at_a_tenth(start)
    assert value_at(tuned.config, "steps") == tuned.values["steps"]


def test_continues_a_stopped_study_after_its_last_trial(tmp_path):
    done = []

    def objective(config):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(config.learning_rate)
        return peak_at_a_tenth(config)

    storage = tmp_path / "t.sqlite"
    with pytest.raises(KeyboardInterrupt):
        tune("m", PersonalizationConfig(), SPACE, objective, trials=6, seed=0, storage=storage)
    again = []

    def counting(config):
        again.append(config)
        return peak_at_a_tenth(config)

    tuned = tune("m", PersonalizationConfig(), SPACE, counting, trials=6, seed=0, storage=storage)
    assert (len(again), tuned.trials) == (2, 6)


def test_an_empty_space_needs_no_trial(tmp_path):
    start = PersonalizationConfig()
    tuned = tune("m", start, {}, peak_at_a_tenth, trials=5, seed=0, storage=tmp_path / "t.sqlite")
    assert (tuned.config, tuned.trials, tuned.utility) == (start, 0, None)


def test_sets_and_reads_values_by_path():
    config = with_values(PersonalizationConfig(), {"history.discount": 0.25, "federated.rounds": 3, "options.pull": 2})
    assert (config.history.discount, config.federated.rounds, config.options) == (0.25, 3, {"pull": 2})
    assert value_at(config, "options.pull") == 2
    assert value_at(config, "options.other") is None


def test_keeps_only_values_inside_the_space():
    values = {"learning_rate": 5.0, "steps": 7, "history.discount": None}
    assert values_in_space(SPACE, values) == {}
    assert values_in_space(SPACE, {"learning_rate": 0.5, "steps": 5}) == {"learning_rate": 0.5, "steps": 5}


def test_counts_a_loss_threefold():
    shared = [WordCounts(words=100, hits_at_3=20), WordCounts(words=100, hits_at_3=20)]
    personal = [WordCounts(words=100, hits_at_3=26), WordCounts(words=100, hits_at_3=19)]
    assert utility(shared, personal) == pytest.approx((6 - 3 * 1) / 2)


def test_users_without_words_do_not_count():
    assert utility([WordCounts()], [WordCounts()]) == 0.0
