import pytest

from device_runtime.simulation.fleet.report import load_fleet_report
from federated.corpus.synthetic.generate import write_synthetic
from thumbprint.pipeline.simulate import FLEET_FILES


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "c.sqlite"
    write_synthetic(path, users=3, messages=(20, 25))
    return path


@pytest.fixture
def fleet(run, tiny_bundle, trusted, corpus, tmp_path):
    def simulated(*options):
        return run(
            *("simulate", tiny_bundle, "--corpus", corpus, "--out", tmp_path / "fleet", "--workers", 1), *options
        )

    return simulated


def test_it_leaves_a_report_and_pictures(fleet, tmp_path):
    code, said, _ = fleet("--population", 4, "--days", 3, "--words-a-day", 2, "--seed", 5)
    assert code == 0
    report = load_fleet_report(tmp_path / "fleet" / "fleet.json")
    assert (report.phones, report.people, len(report.days), report.plan.seed) == (4, 3, 3, 5)
    assert all(day.words <= 2 * day.phones for day in report.days)
    assert "SYNTHETIC" in said and "4 phones of 3 people through 3 days (seed 5)" in said
    for name in FLEET_FILES:
        assert str(tmp_path / "fleet" / name) in said
        assert (tmp_path / "fleet" / name).stat().st_size > 500


def test_a_second_bundle(fleet, tiny_bundle, tmp_path):
    options = ("--population", 2, "--days", 3, "--next-bundle", tiny_bundle, "--release-day", 1)
    assert fleet(*options).code == 0
    report = load_fleet_report(tmp_path / "fleet" / "fleet.json")
    assert report.next_bundle == report.bundle
    assert report.days[0].new_bundle == 0


@pytest.mark.parametrize("options", [("--population", 3), ("--days", 3)])
def test_half_a_fleet(fleet, options, tmp_path):
    assert "both --population and --days" in fleet(*options).mistake
    assert not (tmp_path / "fleet").exists()


def test_a_second_bundle_without_a_fleet(fleet, tiny_bundle):
    assert "--next-bundle is for a fleet" in fleet("--next-bundle", tiny_bundle).mistake


def test_a_next_bundle_that_is_none(fleet, tmp_path):
    assert "none" in fleet("--population", 2, "--days", 1, "--next-bundle", tmp_path / "none").mistake


def test_rejects_a_minimum_of_messages_that_no_user_has(fleet, tmp_path):
    mistake = fleet("--population", 2, "--days", 1, "--min-messages", 1000).mistake
    assert "no user has 1,000 messages or more: lower --min-messages or give a larger corpus" in mistake
    assert not (tmp_path / "fleet").exists()


@pytest.mark.parametrize("options", [("--population", 0, "--days", 1), ("--population", 1, "--days", 0)])
def test_absurd_numbers(fleet, options):
    assert fleet(*options).mistake
