"""What becomes of a process that cannot go on; what it measures is in `test_compare`."""

import os

import pytest

from federated.corpus.store import CorpusError
from federated.job import PersonalizationConfig
from thumbprint.comparison.measure.worker_pool import MethodWorkerPool, WorkerConfig, WorkerPoolError
from thumbprint.comparison.results import QUICK


@pytest.fixture
def crew(tmp_path):
    opening = WorkerConfig(tmp_path / "nowhere.sqlite", tmp_path, tmp_path / "out", 5, PersonalizationConfig(), QUICK)
    with MethodWorkerPool(opening, 1, lambda name, what: None) as crew:
        yield crew


def test_a_mistake_is_told_in_the_words_of_whoever_found_it(crew):
    with pytest.raises(CorpusError, match=r"nowhere\.sqlite"):
        crew.shown_by_reference()


def test_a_process_that_dies_is_told_with_what_to_do(crew):
    crew.submit(os._exit, 3)
    with pytest.raises(WorkerPoolError, match="smaller --at-once"):
        list(crew.measured(["ditto"], {}))
