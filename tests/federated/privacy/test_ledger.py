"""The ledger: it survives kills, repeats rounds for nothing, and permits no round beyond the plan."""

import json
import stat

import numpy as np
import pytest

from federated.job import Job, RoundsConfig
from federated.privacy.guarantee import guarantee_of
from federated.privacy.ledger import Ledger, LedgerError
from federated.privacy.plan import plan_privacy, with_epsilon

JOB = Job.model_validate(
    {
        "training": {"rounds": 6, "clients_per_round": 2, "server_optimizer": "momentum"},
        "privacy": {"epsilon": 8, "delta": 1e-3},
    }
)
PLAN = plan_privacy(JOB, population=6, method=RoundsConfig(rounds=3, clients_per_round=2))
COHORTS = [np.array(cohort) for cohort in ([0, 1], [2, 3], [4, 5], [1, 0], [3, 2], [5, 4])]


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path, PLAN)


def spent(ledger: Ledger, rounds: int, *counts: str) -> Ledger:
    for name in counts:
        ledger.spend_counts(name)
    for number, cohort in enumerate(COHORTS[:rounds], 1):
        ledger.spend("rounds", number, cohort)
    return ledger


def test_a_ledger_counts_who_took_part(ledger):
    assert ledger.epsilon() == 0.0
    part = spent(ledger, 2).participation()
    assert (part.rounds, part.participants, part.turns, part.separation) == (2, 4, 1, 2)
    half = ledger.epsilon()
    part = spent(ledger, 6).participation()
    assert (part.rounds, part.participants, part.turns, part.separation) == (6, 6, 2, 3)
    assert 0 < half < ledger.epsilon() < 8
    assert spent(ledger, 6, "words", "ngrams").counts == ("words", "ngrams")
    assert ledger.epsilon() < 8
    for number in range(1, 4):
        ledger.spend("method", number, COHORTS[number - 1])
    assert ledger.participation("method").rounds == 3 and ledger.participation().rounds == 6
    assert ledger.epsilon() == pytest.approx(8.0)


def test_another_process_continues_where_the_ledger_ends(ledger, tmp_path):
    seed, before = ledger.seed, spent(ledger, 4, "words").epsilon()
    again = Ledger(tmp_path, plan_privacy(with_epsilon(JOB, 99), 6))
    assert (again.plan, again.seed, again.epsilon()) == (PLAN, seed, before)
    spent(again, 4, "words")
    assert again.epsilon() == before, "what is repeated costs nothing"
    again.spend("rounds", 5, COHORTS[4])
    assert again.participation().rounds == 5


def test_a_line_that_a_kill_truncated_is_a_round_that_did_not_take_place(ledger, tmp_path):
    spent(ledger, 3)
    path = tmp_path / "privacy" / "ledger.jsonl"
    path.write_bytes(path.read_bytes()[:-3])
    again = Ledger(tmp_path)
    assert again.participation().rounds == 2
    spent(again, 3)
    assert again.participation().rounds == 3


@pytest.mark.parametrize(
    ("number", "cohort"), [(4, [4, 1]), (7, [0, 1])], ids=["too soon after its last turn", "after the last round"]
)
def test_a_round_beyond_the_plan_is_refused_and_not_written(ledger, tmp_path, number, cohort):
    spent(ledger, number - 1)
    before = (tmp_path / "privacy" / "ledger.jsonl").read_bytes()
    with pytest.raises(LedgerError, match=f"round {number} would exceed what the guarantee assumes"):
        ledger.spend("rounds", number, np.array(cohort))
    assert (tmp_path / "privacy" / "ledger.jsonl").read_bytes() == before


def test_a_repeated_round_with_other_clients_is_refused(ledger):
    spent(ledger, 2)
    with pytest.raises(LedgerError, match="round 1 took place with other clients"):
        ledger.spend("rounds", 1, np.array([0, 2]))


def test_a_ledger_without_the_rounds_before_is_refused(ledger):
    with pytest.raises(LedgerError, match="lacks the rounds before 2"):
        ledger.spend("rounds", 2, COHORTS[1])


def test_only_its_owner_reads_a_ledger_and_its_secret(ledger, tmp_path):
    folder = tmp_path / "privacy"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_no_two_ledgers_have_the_same_secret(ledger, tmp_path):
    other = Ledger(tmp_path / "other", PLAN)
    assert 0 not in ledger.seed and ledger.seed != other.seed and max(*ledger.seed, *other.seed) < 2**63


def test_a_finished_training_erases_the_secret_and_permits_no_other_round(ledger, tmp_path):
    spent(ledger, 3)
    ledger.finish()
    assert [path.name for path in (tmp_path / "privacy").iterdir()] == ["ledger.jsonl"]
    again = Ledger(tmp_path, PLAN)
    for number in (3, 4):
        with pytest.raises(LedgerError, match="with other noise, something would be published twice"):
            again.spend("rounds", number, COHORTS[number - 1])
    with pytest.raises(LedgerError, match="published twice"):
        again.spend_counts("ngrams")
    assert guarantee_of(tmp_path).participation.rounds == 3


@pytest.mark.parametrize(
    "line", [b"[0, -1]", b"[[0]]", b"{}", b"nonsense", b"[99999]", b"[1e999]", b'["a"]', b'"letters"']
)
def test_a_damaged_ledger_is_an_error_and_stays_as_it_is(ledger, tmp_path, line):
    spent(ledger, 2)
    path = tmp_path / "privacy" / "ledger.jsonl"
    path.write_bytes(path.read_bytes() + line + b"\n")
    damaged = path.read_bytes()
    with pytest.raises(LedgerError, match="is damaged"):
        Ledger(tmp_path, PLAN)
    assert path.read_bytes() == damaged


def test_a_run_without_a_ledger_is_an_error(tmp_path):
    with pytest.raises(LedgerError, match="was not private"):
        guarantee_of(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_guarantee_is_that_of_what_took_place(ledger, tmp_path):
    spent(ledger, 2)
    guarantee = guarantee_of(tmp_path)
    assert guarantee.epsilon == ledger.epsilon() < guarantee.budget == 8.0
    assert guarantee.rho == pytest.approx(PLAN.rounds.mu(2, 1, 2) ** 2 / 2)
    assert json.loads((tmp_path / "privacy" / "ledger.jsonl").read_text().splitlines()[1]) == {"rounds": [0, 1]}


def test_counts_that_the_plan_does_not_have_are_refused(tmp_path):
    alone = JOB.model_copy(update={"privacy": JOB.privacy.model_copy(update={"ngrams_share": 0.0})})
    ledger = Ledger(tmp_path, plan_privacy(alone, 6))
    with pytest.raises(ValueError, match="the plan has no ngrams"):
        ledger.spend_counts("ngrams")
    with pytest.raises(LedgerError, match="no share for the rounds of a method"):
        ledger.spend("method", 1, COHORTS[0])
    assert Ledger(tmp_path).counts == ()
