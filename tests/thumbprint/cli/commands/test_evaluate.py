"""`thumbprint evaluate`: recall of the models of a run."""

import json
import shutil

import pytest

from federated.corpus.store import Corpus
from federated.corpus.synthetic.generate import write_synthetic
from federated.data.federated_data import FederatedData
from federated.run import Run
from keyboard_model.text.units import words
from keyboard_model.user_statistics import MIN_USERS


@pytest.fixture
def own_run(tiny_run, tmp_path):
    return shutil.copytree(tiny_run, tmp_path / "run")


def test_measures_users_in_training_and_new_phones_separately(run, own_run, tiny_corpus):
    code, out, _ = run("evaluate", own_run)
    assert code == 0
    assert "SYNTHETIC" in out
    assert all(text in out for text in ("users in training", "new phones", str(own_run / "evaluation.json")))
    evaluation = json.loads((own_run / "evaluation.json").read_text())
    job = Run(own_run).job()
    with Corpus.open(tiny_corpus) as corpus:
        clients = FederatedData.of(corpus, job.data, job.seed)
        for name in ("training", "new_phones"):
            group = getattr(clients.population, name)
            counts = [len([w for m in clients.test_messages(client) for w in words(m)]) for client in group]
            assert evaluation["groups"][name]["clients"] == len(group)
            assert evaluation["groups"][name]["words"] == sum(counts)
            shared = evaluation["groups"][name]["models"]["shared"]
            assert 0 <= shared["recall_at_1"]["mean"] <= shared["recall_at_3"]["mean"] <= 1
            assert shared["recall_at_3"]["p10"] <= shared["recall_at_3"]["median"]
            pooled = shared["pooled"]["recall_at_3"]
            if len(group) < MIN_USERS:
                assert pooled["low"] is None
            else:
                assert pooled["low"] <= pooled["value"] <= pooled["high"]
            assert shared["pooled"]["loss"]["value"] > 0


def test_leaves_out_users_with_few_messages(run, own_run):
    assert run("evaluate", own_run, "--min-messages", 1000).code == 0
    evaluation = json.loads((own_run / "evaluation.json").read_text())
    for group in evaluation["groups"].values():
        assert (group["clients"], group["words"]) == (0, 0)
        assert group["models"]["shared"]["recall_at_3"]["mean"] is None


def test_rejects_another_corpus(run, own_run, tmp_path):
    write_synthetic(tmp_path / "other.sqlite", users=5, messages=(20, 25))
    assert "not the corpus" in run("evaluate", own_run, "--corpus", tmp_path / "other.sqlite").error
    assert not (own_run / "evaluation.json").exists()


def test_rejects_a_folder_without_a_run(run, tmp_path):
    assert "thumbprint train" in run("evaluate", tmp_path).error
