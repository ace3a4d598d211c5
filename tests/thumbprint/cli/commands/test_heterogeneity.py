"""`thumbprint heterogeneity` and `thumbprint recommend`."""

import json

import pytest

from federated.corpus.synthetic.generate import write_synthetic
from thumbprint.pipeline.heterogeneity_report import PICTURES


def test_prints_a_table_and_writes_report_and_pictures(run, tiny_corpus, tmp_path):
    out = tmp_path / "new" / "found"
    code, printed, err = run("heterogeneity", tiny_corpus, "--out", out)
    assert (code, err) == (0, "")
    assert printed.count("SYNTHETIC") >= 2
    assert "user to user" in printed
    assert {path.name for path in out.iterdir()} == {"heterogeneity.json", *(f"{name}.svg" for name in PICTURES)}
    report = json.loads((out / "heterogeneity.json").read_text())
    assert f"{report['between_users']['difference']['mean']:.3f}" in printed
    for name, (title, _) in PICTURES.items():
        picture = (out / f"{name}.svg").read_text()
        assert title.replace("'", "&#x27;") in picture or title in picture
        assert "SYNTHETIC" in picture


def test_the_same_call_writes_the_same_bytes(run, tiny_corpus, tmp_path):
    for name in ("one", "two"):
        assert run("heterogeneity", tiny_corpus, "--out", tmp_path / name).code == 0
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_writes_nothing_without_out(run, tiny_corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("heterogeneity", tiny_corpus).code == 0
    assert {path.name for path in tmp_path.iterdir()} <= {"home"}


def test_measures_gradients_and_tokenizer_of_a_run(run, tiny_corpus, tiny_run, tmp_path):
    code, printed, _ = run("heterogeneity", tiny_corpus, "--run", tiny_run, "--out", tmp_path / "found")
    assert code == 0
    assert "cosine of two halves of one user" in printed
    assert "the tokenizer splits into pieces" in printed
    report = json.loads((tmp_path / "found" / "heterogeneity.json").read_text())
    assert report["gradients"]["users"] == 12
    assert report["gradients"]["dissimilarity"] > 0
    assert all(user["gradient"]["loss"] > 0 for user in report["users"])
    assert 0 < report["outside_tokenizer"]["mean"] <= 1


def test_measures_at_most_max_users(run, tiny_corpus, tmp_path):
    assert "5 of 12" in run("heterogeneity", tiny_corpus, "--max-users", 5).out


@pytest.mark.parametrize("with_run", [False, True])
def test_recommends_a_method_with_reasons(run, tiny_corpus, tiny_run, tmp_path, with_run):
    code, printed, _ = run("recommend", tiny_corpus, *([tiny_run] if with_run else []), "--out", tmp_path / "found")
    assert code == 0
    assert "SYNTHETIC" in printed
    recommendation = json.loads((tmp_path / "found" / "recommendation.json").read_text())
    assert f"{recommendation['method']}: {recommendation['because']}" in printed
    for finding in recommendation["findings"]:
        assert finding["rule"] in printed
        assert finding["measured"] is None or f"{finding['measured']:.3f}" in printed
    assert (tmp_path / "found" / "heterogeneity.json").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("heterogeneity", "missing.sqlite"), "does not exist"),
        (("recommend", "missing.sqlite"), "does not exist"),
        (("heterogeneity", "{corpus}", "--run", "."), "thumbprint train"),
        (("heterogeneity", "other.sqlite", "--run", "{run}"), "was not trained on"),
        (("heterogeneity", "single.sqlite", "--out", "found"), "needs two"),
        (("heterogeneity", "{corpus}", "--out", "file"), "file"),
    ],
)
def test_rejects_unusable_inputs(run, tiny_corpus, tiny_run, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    write_synthetic(tmp_path / "other.sqlite", users=3, messages=(20, 25))
    write_synthetic(tmp_path / "single.sqlite", users=1, messages=(20, 25))
    message = run(*(word.format(corpus=tiny_corpus, run=tiny_run) for word in arguments)).error
    assert expected in message
    assert not (tmp_path / "found").exists()
