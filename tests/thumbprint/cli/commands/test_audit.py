"""`thumbprint audit`: invented users in a copy of a corpus, and the attack on a training with them."""

from __future__ import annotations

import json
import shutil

import pytest

from federated.audit.report import Audit
from federated.corpus.store import Corpus
from federated.run import Run
from thumbprint.cli.commands.audit import audit_view
from thumbprint.console import output


def test_prepares_a_copy_of_a_corpus_with_a_secret_file_beside_it(run, tiny_corpus, tmp_path):
    code, out, _ = run("audit", "prepare", tiny_corpus, "--out", tmp_path / "audit.sqlite", "--canaries", 30)
    assert code == 0 and "30 invented users, of whom" in out
    canaries = json.loads((tmp_path / "audit.sqlite.canaries.json").read_text())
    with Corpus.open(tmp_path / "audit.sqlite") as corpus, Corpus.open(tiny_corpus) as original:
        assert corpus.num_users == original.num_users + 30
        assert corpus.message_count(canaries[0]["user_id"]) == 50


def test_attacks_a_training_with_the_users(run, tiny_corpus, tmp_path, job_file):
    corpus, trained = tmp_path / "audit.sqlite", tmp_path / "run"
    run("audit", "prepare", tiny_corpus, "--out", corpus, "--canaries", 80, "--repetitions", 3)
    assert run("train", job_file, "--corpus", corpus, "--run", trained).code == 0
    code, out, _ = run("audit", trained)
    assert code == 0
    assert all(words in out for words in ("the training claims", "nothing", "advantage of the attack", "audit.json"))
    found = Audit(**json.loads((trained / "audit.json").read_text()))
    assert found.members + found.others > 30 and found.epsilon is None


def test_a_run_without_invented_users_is_an_error(run, tiny_run, tmp_path):
    folder = shutil.copytree(tiny_run, tmp_path / "run")
    assert "cannot read the canaries" in run("audit", folder).error
    (tmp_path / "canaries.json").write_text('[{"user_id": "canary", "text": "see you", "included": true}]')
    assert "prepare more with --canaries" in run("audit", folder, "--canaries-file", tmp_path / "canaries.json").error
    assert not (Run(folder).path / "audit.json").exists()


@pytest.mark.parametrize(
    ("changes", "conclusion"),
    [
        ({"epsilon": 2.0, "delta": 1e-5, "epsilon_above": 3.0}, "does not keep its promise"),
        ({"advantage_low": 0.1}, "The attack finds users"),
        ({"words": 1}, "The attack finds users"),
        ({}, "finds nobody"),
    ],
)
def test_says_what_follows(changes, conclusion, capsys):
    found = {"members": 50, "others": 50, "epsilon_above": 0.0, "advantage": 0.02, "advantage_low": -0.1}
    found |= {"advantage_high": 0.14, "exposure": 1.4, "words": 0, "epsilon": None, "delta": None}
    output().print(audit_view(Audit(**found | changes)))
    assert conclusion in capsys.readouterr().out
