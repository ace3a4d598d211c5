from pathlib import Path

import pytest

from federated.job import PersonalizationConfig
from federated.personalization.method import Choice, Range
from keyboard_model.metrics import WordCounts
from thumbprint.comparison.tuning import (
    Objective,
    Trial,
    TuningResult,
    choose,
    tune,
    utilities,
    value_at,
    values_in_space,
    with_values,
)

SPACE = {"learning_rate": Range(0.01, 1.0, log=True), "steps": Choice((5, 10, 20)), "history.discount": Range(0.1, 0.9)}


def peak_at_a_tenth(config: PersonalizationConfig) -> dict[str, float]:
    return {"ann": -abs(config.learning_rate - 0.1) - config.steps / 100, "bob": -abs(config.history.discount - 0.5)}


def tuned(storage: Path, objective: Objective = peak_at_a_tenth, trials: int = 6, **initial: object) -> list[Trial]:
    start = PersonalizationConfig.model_validate(initial)
    return tune("m", start, SPACE, objective, trials=trials, seed=3, storage=storage / "t.sqlite")


def test_tries_the_settings_of_the_job_first(tmp_path):
    trials = tuned(tmp_path, learning_rate=0.3, steps=20)
    assert len(trials) == 6
    assert (trials[0].values["learning_rate"], trials[0].values["steps"]) == (0.3, 20)
    assert trials[0].utilities == peak_at_a_tenth(with_values(PersonalizationConfig(), trials[0].values))
    assert len({trial.values["learning_rate"] for trial in trials}) == 6


def test_all_folds_try_the_same_settings_whatever_these_are_worth(tmp_path):
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    other = tuned(tmp_path / "b", lambda config: {"cem": config.learning_rate})
    assert [trial.values for trial in tuned(tmp_path / "a")] == [trial.values for trial in other]


def test_a_stopped_study_continues_with_the_settings_that_it_had_not_tried(tmp_path):
    done = []

    def interrupted(config):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(config.learning_rate)
        return peak_at_a_tenth(config)

    again = []

    def counting(config):
        again.append(config)
        return peak_at_a_tenth(config)

    (tmp_path / "whole").mkdir()
    with pytest.raises(KeyboardInterrupt):
        tuned(tmp_path, interrupted)
    assert tuned(tmp_path, counting) == tuned(tmp_path / "whole")
    assert len(again) == 2


def test_an_empty_space_needs_no_trial(tmp_path):
    storage = tmp_path / "t.sqlite"
    assert tune("m", PersonalizationConfig(), {}, peak_at_a_tenth, trials=5, seed=0, storage=storage) == []
    assert choose([[], []]) == TuningResult({}, None, 0, 0)


def tried(steps: int, **utilities: float) -> Trial:
    return Trial(values={"steps": steps}, utilities=utilities)


def test_chooses_the_best_settings_for_the_users_of_all_folds_without_the_new_phones():
    folds = [[tried(5, ann=1.0, bob=1.0), tried(10, ann=9.0, bob=0.0)], [tried(5, cem=1.0), tried(10, cem=0.0)]]
    assert choose(folds) == TuningResult({"steps": 10}, 3.0, 3, 2)
    assert choose(folds, without={"ann"}) == TuningResult({"steps": 5}, 1.0, 2, 2)
    assert choose(folds, without={"ann", "bob", "cem"}) == TuningResult({"steps": 5}, 0.0, 0, 2)  # the job's own


def test_sets_and_reads_values_by_path():
    config = with_values(PersonalizationConfig(), {"history.discount": 0.25, "federated.rounds": 3, "options.pull": 2})
    assert (config.history.discount, config.federated.rounds, config.options) == (0.25, 3, {"pull": 2})
    assert value_at(config, "options.pull") == 2
    assert value_at(config, "options.other") is None


def test_keeps_only_values_inside_the_space():
    values = {"learning_rate": 5.0, "steps": 7, "history.discount": None}
    assert values_in_space(SPACE, values) == {}
    assert values_in_space(SPACE, {"learning_rate": 0.5, "steps": 5}) == {"learning_rate": 0.5, "steps": 5}


def test_counts_a_loss_threefold_and_leaves_users_without_words_out():
    shared = WordCounts(words=100, hits_at_3=20)
    users = [
        ("ann", shared, WordCounts(words=100, hits_at_3=26)),
        ("bob", shared, WordCounts(words=100, hits_at_3=19)),
        ("cem", WordCounts(), WordCounts()),
    ]
    assert utilities(users) == pytest.approx({"ann": 6, "bob": -3})
