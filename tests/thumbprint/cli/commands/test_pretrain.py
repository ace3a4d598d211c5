"""`thumbprint pretrain` and `thumbprint words`, and a training from the base."""

import re

import pytest

from device_runtime.bundle.loader import load_bundle
from federated.run import Run
from tests.support.tiny_job import TINY_JOB

SETTINGS = """
[vocabulary]
vocab_size = 400
[model]
embedding = 8
cells = 8
[training]
epochs = 1
batch = 4
window = 8
validation_share = 0.3
"""


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("".join(f"see you at {place}\nare you at {place}\n" for place in ("home", "work", "school") * 30))
    (tmp_path / "settings.toml").write_text(SETTINGS)
    return path


def test_words_then_a_base_then_a_bundle_and_a_training_from_it(run, text, tiny_corpus, tiny_keys, tmp_path):
    job, words, base = tmp_path / "job.toml", tmp_path / "words.tsv", tmp_path / "base"
    job.write_text(TINY_JOB.replace("[training]", f'[training]\nstart = "{base}"'))

    code, out, err = run("words", job, "--corpus", tiny_corpus, "--out", words)
    assert code == 0 and re.search(r"words +│ \d+", out) and err == ""
    assert words.read_text().splitlines()[0].count("\t") == 1

    make = ("pretrain", text, "--out", base, "--job", tmp_path / "settings.toml", "--words", words)
    code, out, err = run(*make)
    assert code == 0 and re.search(r"recall@3 on them +│ \d+\.\d %", out)
    assert "counting n-grams" in err and re.search(r"step \d+ of \d+: loss \d", err)
    assert "--resume" in run(*make).error
    assert run(*make, "--resume").code == 0

    assert run("export", base, "--out", tmp_path / "b.bundle", "--key", tiny_keys[0], "--job", job).code == 0
    manifest = load_bundle(tmp_path / "b.bundle", tiny_keys[1]).manifest
    assert (manifest.name, manifest.provenance.rounds, manifest.provenance.corpus) == (
        "tiny",
        0,
        "public text: text.txt",
    )
    assert manifest.ngram_weight == 0.3 and "held_out_recall_at_3" in manifest.metrics
    with_rounds = tmp_path / "rounds.toml"
    with_rounds.write_text(TINY_JOB + "[personalization.federated]\nrounds = 2\n")
    failed = run("export", base, "--out", tmp_path / "r.bundle", "--key", tiny_keys[0], "--job", with_rounds)
    assert "need users" in failed.error and not (tmp_path / "r.bundle").exists()

    assert run("train", job, "--corpus", tiny_corpus, "--run", tmp_path / "run").code == 0
    assert Run(tmp_path / "run").has_base()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("none.txt",), "none.txt"),
        (("text.txt", "--job", "none.toml"), "none.toml does not exist"),
        (("text.txt", "--words", "none.tsv"), "none.tsv"),
        (("text.txt", "--out", "text.txt"), "text.txt"),
        ((), "TEXT"),
    ],
)
def test_unusable_arguments_are_one_line_and_write_nothing(run, text, tmp_path, monkeypatch, arguments, expected):
    monkeypatch.chdir(tmp_path)
    assert expected in run("pretrain", "--out", "base", *arguments).error
    assert not (tmp_path / "base").exists()


def test_words_of_no_corpus_are_refused(run, tmp_path):
    (tmp_path / "job.toml").write_text("")
    assert "--corpus" in run("words", tmp_path / "job.toml", "--out", tmp_path / "words.tsv").error
    assert "none.sqlite" in run("words", tmp_path / "job.toml", "--corpus", "none.sqlite", "--out", "w.tsv").error
