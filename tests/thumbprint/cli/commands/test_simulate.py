import pytest

from device_runtime.simulation.report import load_report
from federated.corpus.store import Corpus
from federated.corpus.synthetic.generate import write_synthetic
from federated.data.federated_data import split_users

USERS = 5


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "c.sqlite"
    write_synthetic(path, users=USERS, messages=(20, 25))
    return path


def test_it_leaves_report_page_and_pictures(run, tiny_bundle, trusted, corpus, tmp_path):
    out = tmp_path / "sim"
    code, said, _ = run("simulate", tiny_bundle, "--corpus", corpus, "--out", out, "--workers", 1)
    assert code == 0
    report = load_report(out / "report.json")
    with Corpus.open(corpus) as opened:
        assert [row.user_id for row in report.clients] == list(opened.user_ids())
        assert report.corpus.id == opened.corpus_id
    assert report.clients_in_aggregates == USERS
    assert "SYNTHETIC" in said
    assert "5 people" in said
    for name in ("report.html", "report.json", "gain.svg", "gain.png"):
        assert str(out / name) in said
    assert (out / "report.html").read_text().lstrip().startswith("<!")
    assert (out / "gain.svg").read_bytes().startswith(b"<?xml")
    assert (out / "gain.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("users", "part"), [("new", "new_phones"), ("validation", "validation")])
def test_users_by_their_part_in_training(run, tiny_bundle, trusted, corpus, tmp_path, users, part):
    split = {"seed": 7, "new_phone_share": 0.2, "validation_share": 0.25}
    options = [word for name, value in split.items() for word in (f"--{name.replace('_', '-')}", value)]
    out = tmp_path / "sim"
    code, _, _ = run(
        *("simulate", tiny_bundle, "--corpus", corpus, "--out", out, "--workers", 1, "--min-messages", 0),
        *("--users", users, *options),
    )
    assert code == 0
    with Corpus.open(corpus) as opened:
        expected = getattr(split_users(opened.user_ids(), **split), part)
    assert tuple(row.user_id for row in load_report(out / "report.json").clients) == expected


def test_nobody_to_simulate_is_said(run, tiny_bundle, trusted, corpus, tmp_path):
    arguments = ("simulate", tiny_bundle, "--corpus", corpus, "--out", tmp_path / "sim", "--users", "new")
    assert "new" in run(*arguments, "--new-phone-share", 0).mistake
    assert not (tmp_path / "sim").exists()


@pytest.mark.parametrize("arguments", [("--new-phone-share", "nan"), ("--new-phone-share", 1.5), ("--workers", 0)])
def test_absurd_numbers(run, tiny_bundle, trusted, corpus, tmp_path, arguments):
    assert run(
        "simulate", tiny_bundle, "--corpus", corpus, "--out", tmp_path / "sim", "--users", "new", *arguments
    ).mistake


def test_no_corpus(run, tiny_bundle, trusted, tmp_path):
    said = run("simulate", tiny_bundle, "--corpus", tmp_path / "none", "--out", tmp_path / "sim").mistake
    assert "corpus import" in said


def test_an_out_that_is_a_file(run, tiny_bundle, trusted, corpus):
    before = corpus.read_bytes()
    assert str(corpus) in run("simulate", tiny_bundle, "--corpus", corpus, "--out", corpus).mistake
    assert corpus.read_bytes() == before
