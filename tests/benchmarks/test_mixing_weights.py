"""The examples of the folds, as the benchmark of the mixing weights keeps them."""

import numpy as np
import pytest

from benchmarks import mixing_weights
from benchmarks.five_folds.corpora import BenchmarkCorpus
from benchmarks.mixing_weights import main
from device_runtime.adaptation.mixing_examples import MixingExamples
from device_runtime.manifest import COMPONENTS, FEATURES


def made_up(words: int) -> MixingExamples:
    rng = np.random.default_rng(words)
    present = rng.random((words, COMPONENTS)) < 0.5
    return MixingExamples(rng.random((words, FEATURES)), present, rng.random((words, COMPONENTS)))


def test_examples_are_made_once_and_kept_by_user(tmp_path, monkeypatch):
    users = [made_up(3), made_up(5)]
    monkeypatch.setattr(mixing_weights, "_made", lambda corpus, fold: users)
    first = mixing_weights._examples(BenchmarkCorpus("made_up"), tmp_path)
    monkeypatch.setattr(mixing_weights, "_made", None)
    for found in (first, mixing_weights._examples(BenchmarkCorpus("made_up"), tmp_path)):
        assert [len(of_user.features) for of_user in found] == [3, 5]
        for of_user, wanted in zip(found, users, strict=True):
            for part, expected in zip(of_user, wanted, strict=True):
                np.testing.assert_array_equal(part, expected)


def test_a_corpus_without_a_finished_fold_is_named(tmp_path, monkeypatch):
    corpus = BenchmarkCorpus("made_up")
    monkeypatch.setattr(mixing_weights, "CORPORA", {"made_up": corpus})
    with pytest.raises(SystemExit, match="made_up has no finished fold"):
        main(["made_up"])
