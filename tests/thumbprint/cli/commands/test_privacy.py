"""`thumbprint privacy`: what a training guarantees, and how much noise a job would need."""

from __future__ import annotations

import numpy as np
import pytest

from federated.job import load_job
from federated.privacy.ledger import Ledger
from federated.privacy.plan import plan_privacy

JOB = """
[tokenizer]
added_pieces = 0
[training]
start = "base_en"
server_optimizer = "momentum"
rounds = 100
clients_per_round = 50
[privacy]
epsilon = 8
delta = 1e-7
"""


@pytest.fixture
def job(tmp_path):
    path = tmp_path / "job.toml"
    path.write_text(JOB)
    return path


def test_shows_what_a_training_spent_and_what_it_does_not_cover(run, job, tmp_path):
    job.write_text(JOB.replace("clients_per_round = 50", "clients_per_round = 2"))
    ledger = Ledger(tmp_path, plan_privacy(load_job(job), population=4))
    ledger.spend_counts("ngrams")
    for number, cohort in enumerate(([0, 1], [2, 3]), 1):
        ledger.spend("rounds", number, np.array(cohort))
    out = run("privacy", tmp_path).out
    for text in (
        f"{ledger.epsilon():.3g} of 8, at 1e-07",
        "4 of 4 users",
        "1, at least 2 apart",
        "zero-out",
        "BLT-DP-FTRL",
        f"those counted {ledger.plan.ngrams.threshold:,.0f} times or more",
    ):
        assert text in out
    assert "Not covered:" in out and "the server itself" in out


def test_a_run_that_was_not_private_is_an_error(run, tiny_run):
    assert "its training was not private" in run("privacy", tiny_run).error


def test_plans_the_noise_of_a_job(run, job):
    code, out, _ = run("privacy", "plan", job, "--population", 100_000)
    assert code == 0
    for text in ("ε = 8 at δ = 1e-07", "100,000", "100 of 50 users", "Other budgets:", "noise in a mean"):
        assert text in out


def multiplier(out: str) -> float:
    line = next(line for line in out.splitlines() if "noise multiplier" in line)
    return float(line.split()[4])


def test_options_replace_the_settings_of_the_job(run, job):
    base = multiplier(run("privacy", "plan", job, "--population", 10_000).out)
    assert multiplier(run("privacy", "plan", job, "--population", 10_000, "--epsilon", 1).out) > 4 * base
    assert multiplier(run("privacy", "plan", job, "--population", 10_000, "--rounds", 1000).out) > base


def test_a_plan_that_cannot_work_is_an_error(run, job, tmp_path):
    assert "permits to publish the text of one user" in run("privacy", "plan", job, "--population", 10**8).error
    job.write_text("seed = 1")
    assert "has no section [privacy]" in run("privacy", "plan", job, "--population", 10).error
