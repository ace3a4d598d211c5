"""`thumbprint simulate`: a phone for each user of a corpus, or a fleet."""

from __future__ import annotations

import pytest

from device_runtime.simulation.fleet.report import load_fleet_report
from device_runtime.simulation.report import load_report
from federated.corpus.store import Corpus
from federated.corpus.synthetic.generate import write_synthetic
from federated.data.federated_data import split_users
from thumbprint.pipeline.simulate import FLEET_FILES

USERS = 5


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "c.sqlite"
    write_synthetic(path, users=USERS, messages=(20, 25))
    return path


@pytest.fixture
def simulate(run, tiny_bundle, trusted, corpus, tmp_path):
    """Simulates the corpus into the folder `out`, with more options."""

    def command(*options):
        fixed = ("--corpus", corpus, "--out", tmp_path / "out", "--workers", 1)
        return run("simulate", tiny_bundle, *fixed, *options)

    return command


def test_writes_report_page_and_pictures(simulate, corpus, tmp_path):
    out = tmp_path / "out"
    code, printed, _ = simulate()
    assert code == 0
    report = load_report(out / "report.json")
    with Corpus.open(corpus) as opened:
        assert [row.user_id for row in report.clients] == list(opened.user_ids())
        assert report.corpus.id == opened.corpus_id
    assert report.clients_in_aggregates == USERS
    assert "SYNTHETIC" in printed
    assert "5 users" in printed
    for name in ("report.html", "report.json", "gain.svg", "gain.png"):
        assert str(out / name) in printed
    assert (out / "report.html").read_text().lstrip().startswith("<!")
    assert (out / "gain.svg").read_bytes().startswith(b"<?xml")
    assert (out / "gain.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("users", "part"), [("new", "new_phones"), ("validation", "validation")])
def test_users_selects_a_part_of_the_training_split(simulate, corpus, tmp_path, users, part):
    split = {"seed": 4, "new_phone_share": 0.2, "validation_share": 0.25, "fold": 1}
    options = [word for name, value in split.items() for word in (f"--{name.replace('_', '-')}", value)]
    assert simulate("--min-messages", 0, "--users", users, *options).code == 0
    with Corpus.open(corpus) as opened:
        expected = getattr(split_users(opened.user_ids(), **split), part)
    assert tuple(row.user_id for row in load_report(tmp_path / "out" / "report.json").clients) == expected


def test_a_fleet_writes_its_report_and_pictures(simulate, tmp_path):
    code, printed, _ = simulate("--population", 4, "--days", 3, "--words-a-day", 2, "--seed", 5)
    assert code == 0
    report = load_fleet_report(tmp_path / "out" / "fleet.json")
    assert (report.phones, report.users, len(report.days), report.plan.seed) == (4, 4, 3, 5)
    assert all(day.words <= 2 * day.phones for day in report.days)
    assert "SYNTHETIC" in printed and "4 phones of 4 users through 3 days (seed 5)" in printed
    for name in FLEET_FILES:
        assert str(tmp_path / "out" / name) in printed
        assert (tmp_path / "out" / name).stat().st_size > 500


def test_a_fleet_can_get_a_second_bundle(simulate, tiny_bundle, tmp_path):
    options = ("--population", 2, "--days", 3, "--next-bundle", tiny_bundle, "--release-day", 1)
    assert simulate(*options).code == 0
    report = load_fleet_report(tmp_path / "out" / "fleet.json")
    assert report.next_bundle == report.bundle
    assert report.days[0].new_bundle == 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--users", "new", "--new-phone-share", 0), "new"),
        (("--users", "new", "--new-phone-share", "nan"), "--new-phone-share"),
        (("--users", "new", "--new-phone-share", 1.5), "--new-phone-share"),
        (("--workers", 0), "--workers"),
        (("--population", 3), "both --population and --days"),
        (("--days", 3), "both --population and --days"),
        (("--population", 0, "--days", 1), "--population"),
        (("--population", 1, "--days", 0), "--days"),
        (
            ("--population", 2, "--days", 1, "--min-messages", 1000),
            "no user has 1,000 messages or more: lower --min-messages",
        ),
        (("--population", 2, "--days", 1, "--next-bundle", "missing.bundle"), "missing.bundle"),
        (("--next-bundle", "missing.bundle"), "--next-bundle is for a fleet"),
        (("--corpus", "missing.sqlite"), "corpus import"),
    ],
)
def test_rejects_unusable_options_before_it_writes(simulate, tmp_path, options, expected):
    assert expected in simulate(*options).error
    assert not (tmp_path / "out").exists()


def test_rejects_an_output_folder_that_is_a_file(simulate, corpus):
    before = corpus.read_bytes()
    assert str(corpus) in simulate("--out", corpus).error
    assert corpus.read_bytes() == before
