"""Errors of worker processes. `test_compare` tests what they measure."""

import os

import pytest

from federated.corpus.schema import CorpusError
from federated.job import PersonalizationConfig
from thumbprint.comparison.measure.worker_pool import WorkerConfig, WorkerPool, WorkerPoolError
from thumbprint.comparison.results import QUICK
from thumbprint.comparison.tuning import TuningResult


@pytest.fixture
def pool(tmp_path):
    corpus, keys = tmp_path / "nowhere.sqlite", tmp_path / "keys"
    config = WorkerConfig(corpus, tmp_path, tmp_path / "out", keys, 5, PersonalizationConfig(), QUICK)
    with WorkerPool({0: config}, 1, lambda fold, name, step: None) as pool:
        yield pool


def test_raises_the_error_of_a_worker_and_says_what_to_do_after_it_died(pool):
    with pytest.raises(CorpusError, match=r"nowhere\.sqlite"):
        list(pool.tune([(0, "ditto")]))
    pool.submit(os._exit, 3)
    with pytest.raises(WorkerPoolError, match="smaller --at-once"):
        list(pool.measure([(0, "ditto", TuningResult({}, None, 0, 0))]))
