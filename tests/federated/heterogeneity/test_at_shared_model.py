import pytest

from federated.corpus.store import Corpus
from federated.heterogeneity.at_shared_model import checked_run
from federated.run import RunError
from tests.support.federated.heterogeneity.users import corpus_of


def test_rejects_a_run_of_another_corpus(tmp_path):
    (tmp_path / "corpus.json").write_text('{"corpus_id": "another"}')
    (tmp_path / "summary.json").write_text("{}")
    with (
        Corpus.open(corpus_of(tmp_path / "c.sqlite", ann=["hi"])) as corpus,
        pytest.raises(RunError, match="was not trained on"),
    ):
        checked_run(tmp_path, corpus)


def test_rejects_a_folder_without_a_finished_run(tmp_path):
    with (
        Corpus.open(corpus_of(tmp_path / "c.sqlite", ann=["hi"])) as corpus,
        pytest.raises(RunError, match="thumbprint train"),
    ):
        checked_run(tmp_path, corpus)
