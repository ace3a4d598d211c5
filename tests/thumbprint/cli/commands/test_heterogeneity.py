import json

import pytest

from federated.corpus.synthetic.generate import write_synthetic
from thumbprint.pipeline.heterogeneity_report import PICTURES


def test_the_table_the_report_and_the_pictures(run, tiny_corpus, tmp_path):
    out = tmp_path / "new" / "found"
    code, said, err = run("heterogeneity", tiny_corpus, "--out", out)
    assert (code, err) == (0, "")
    assert said.count("SYNTHETIC") >= 2
    assert "user to user" in said
    assert {path.name for path in out.iterdir()} == {"heterogeneity.json", *(f"{name}.svg" for name in PICTURES)}
    report = json.loads((out / "heterogeneity.json").read_text())
    assert f"{report['between_users']['difference']['mean']:.3f}" in said
    for name, (title, _) in PICTURES.items():
        picture = (out / f"{name}.svg").read_text()
        assert title.replace("'", "&#x27;") in picture or title in picture
        assert "SYNTHETIC" in picture


def test_the_same_run_writes_the_same_bytes(run, tiny_corpus, tmp_path):
    for name in ("one", "two"):
        assert run("heterogeneity", tiny_corpus, "--out", tmp_path / name).code == 0
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_nothing_is_written_unless_asked(run, tiny_corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("heterogeneity", tiny_corpus).code == 0
    assert {path.name for path in tmp_path.iterdir()} <= {"home"}


def test_with_a_run_its_model_and_tokenizer_are_read(run, tiny_corpus, tiny_run, tmp_path):
    code, said, _ = run("heterogeneity", tiny_corpus, "--run", tiny_run, "--out", tmp_path / "found")
    assert code == 0
    assert "cosine of two halves of one user" in said
    assert "the tokenizer splits into pieces" in said
    report = json.loads((tmp_path / "found" / "heterogeneity.json").read_text())
    assert report["gradients"]["users"] == 12
    assert report["gradients"]["dissimilarity"] > 0
    assert all(user["gradient"]["loss"] > 0 for user in report["users"])
    assert 0 < report["outside_tokenizer"]["mean"] <= 1


def test_no_more_users_than_asked(run, tiny_corpus, tmp_path):
    assert "5 of 12" in run("heterogeneity", tiny_corpus, "--max-users", 5).out


def test_users_mistakes(run, tiny_corpus, tiny_run, tmp_path):
    assert "does not exist" in run("heterogeneity", tmp_path / "none.sqlite").error
    assert "thumbprint train" in run("heterogeneity", tiny_corpus, "--run", tmp_path).error
    write_synthetic(tmp_path / "other.sqlite", users=3, messages=(20, 25))
    assert "was not trained on" in run("heterogeneity", tmp_path / "other.sqlite", "--run", tiny_run).error
    write_synthetic(tmp_path / "alone.sqlite", users=1, messages=(20, 25))
    assert "needs two" in run("heterogeneity", tmp_path / "alone.sqlite", "--out", tmp_path / "found").error
    assert not (tmp_path / "found").exists()
    (tmp_path / "file").write_text("")
    assert "file" in run("heterogeneity", tiny_corpus, "--out", tmp_path / "file").error


@pytest.mark.parametrize("with_run", [False, True])
def test_the_advice_is_told_with_its_reasons(run, tiny_corpus, tiny_run, tmp_path, with_run):
    code, said, _ = run("recommend", tiny_corpus, *([tiny_run] if with_run else []), "--out", tmp_path / "found")
    assert code == 0
    assert "SYNTHETIC" in said
    advice = json.loads((tmp_path / "found" / "recommendation.json").read_text())
    assert f"{advice['method']}: {advice['because']}" in said
    for finding in advice["findings"]:
        assert finding["rule"] in said
        assert finding["measured"] is None or f"{finding['measured']:.3f}" in said
    assert (tmp_path / "found" / "heterogeneity.json").exists()


def test_advice_for_nobody(run, tmp_path):
    assert "does not exist" in run("recommend", tmp_path / "none.sqlite").error
