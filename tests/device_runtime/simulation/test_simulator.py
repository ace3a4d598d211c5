import dataclasses
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from device_runtime.bundle.files import BundleError
from device_runtime.simulation.held_out import SimulatedUser, TrialPlan
from device_runtime.simulation.simulator import simulate
from device_runtime.simulation.trial_queue import SimulationError
from tests.support.device_runtime.simulation.users import CORPUS, repetitive_user


def without_times(report):
    dumped = report.model_dump(mode="json", exclude={"adaptation_seconds", "prediction_ms"})
    for row in dumped["clients"]:
        del row["adaptation_seconds"]
    return dumped


def test_rows_have_the_order_of_the_users(report):
    assert [row.user_id for row in report.clients] == ["ann", "silent", "once", "wordless", "half", "bob"]


def test_only_users_with_enough_messages_and_words_are_in_the_aggregates(report):
    assert [row.user_id for row in report.clients if row.in_aggregates] == ["ann", "half", "bob"]
    assert report.clients_in_aggregates == 3
    chosen = [row.personal.recall_at_3 for row in report.clients if row.in_aggregates]
    assert report.personal.recall_at_3.mean == pytest.approx(sum(chosen) / 3)


def test_users_without_a_tested_word_have_a_row_without_figures(report):
    rows = {row.user_id: row for row in report.clients}
    for name in ("silent", "once", "wordless"):  # a single message is not tested
        assert (rows[name].words_tested, rows[name].shared, rows[name].personal) == (0, None, None)


def test_a_user_with_invalid_messages_fails_alone(report):
    assert [failed.user_id for failed in report.failed] == ["broken"]
    assert report.failed[0].reason
    assert report.users == 7


def test_min_messages_decides_who_is_in_the_aggregates(bundle, users):
    few = [*users[:3], SimulatedUser("twice", [(None, "hello there")] * 2)]
    report = simulate(bundle, few, corpus=CORPUS, min_messages=1, workers=1)
    assert [row.user_id for row in report.clients if row.in_aggregates] == ["ann", "twice"]


def test_the_number_of_workers_does_not_change_the_report(bundle, users, report):
    assert without_times(simulate(bundle, users, corpus=CORPUS, workers=1)) == without_times(report)


def test_all_worker_processes_end(report):
    assert multiprocessing.active_children() == []


def test_a_second_run_does_not_simulate_finished_users_again(bundle, tmp_path):
    first = simulate(bundle, [repetitive_user("ann"), repetitive_user("bob", 25, 1)], corpus=CORPUS, folder=tmp_path)
    rows = (tmp_path / "rows.jsonl").read_bytes()
    second = simulate(bundle, [repetitive_user("ann"), repetitive_user("bob", 25, 1)], corpus=CORPUS, folder=tmp_path)
    assert second == first  # also the times: no user was simulated again
    assert (tmp_path / "rows.jsonl").read_bytes() == rows
    assert len(list((tmp_path / "phones").iterdir())) == 2


def test_simulates_the_user_of_a_truncated_line_again(bundle, tmp_path):
    users = [repetitive_user("ann"), repetitive_user("bob", 25, 1)]
    first = simulate(bundle, users, corpus=CORPUS, folder=tmp_path)
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(rows.read_bytes()[:-40])  # as a crash leaves it
    assert without_times(simulate(bundle, users, corpus=CORPUS, folder=tmp_path)) == without_times(first)
    assert rows.read_bytes().count(b"\n") == 2


def test_reports_progress_for_every_user(bundle, users):
    seen = []
    simulate(bundle, users[1:5], corpus=CORPUS, progress=seen.append)
    assert seen == ["silent", "once", "wordless", "broken"]


def test_rejects_a_user_who_occurs_twice(bundle):
    with pytest.raises(SimulationError, match="'ann' occurs twice"):
        simulate(bundle, [SimulatedUser("ann", []), SimulatedUser("ann", [])], corpus=CORPUS)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [({"plan": TrialPlan(train_share=0.0)}, "train_share"), ({"plan": TrialPlan(train_share=1.0)}, "train_share"),
     ({"plan": TrialPlan(train_share=float("nan"))}, "train_share"), ({"min_messages": -1}, "min_messages"),
     ({"workers": 0}, "workers")],
)  # fmt: skip
def test_rejects_arguments_out_of_range(bundle, arguments, what):
    with pytest.raises(SimulationError, match=what):
        simulate(bundle, [], corpus=CORPUS, **arguments)


def test_rejects_a_phones_folder_that_is_a_file(bundle, tmp_path):
    (tmp_path / "phones").write_text("")
    with pytest.raises(SimulationError, match="cannot create the folder"):
        simulate(bundle, [], corpus=CORPUS, folder=tmp_path)


def test_rejects_a_model_that_does_not_run(bundle):
    with pytest.raises(BundleError):
        simulate(dataclasses.replace(bundle, model=b"no model"), [repetitive_user("ann")], corpus=CORPUS, workers=1)


_SCRIPT = """
    import sys
    from device_runtime.bundle.loader import load_bundle
    from device_runtime.simulation.report import CorpusInfo
    from device_runtime.simulation.held_out import SimulatedUser
    from device_runtime.simulation.simulator import simulate

    def users():
        for i in range(100_000):
            yield SimulatedUser(str(i), [(None, f"hello number {i} again and again")] * 40)

    if __name__ == "__main__":
        bundle = load_bundle(sys.argv[1], sys.argv[2])
        corpus = CorpusInfo(id="t", description="t", synthetic=True)
        simulate(bundle, users(), corpus=corpus, progress=lambda user: print(user, flush=True))
"""


def children_of(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.fixture
def running(tiny_bundle, tiny_public_key, tmp_path):
    script = tmp_path / "endless.py"
    script.write_text(textwrap.dedent(_SCRIPT))
    root = str(Path(__file__).parents[3])
    process = subprocess.Popen(
        [sys.executable, script, tiny_bundle, tiny_public_key],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=os.environ | {"PYTHONPATH": root},
    )  # fmt: skip
    assert process.stdout.readline() == "0\n", process.stderr.read()
    yield process
    process.kill()
    process.communicate()


def assert_all_end(pids, seconds=120):
    deadline = time.monotonic() + seconds
    while (alive := [pid for pid in pids if is_running(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert alive == []


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds child processes in Linux's /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_simulation(running, how):
    workers = children_of(running.pid)
    assert len(workers) >= 2
    running.send_signal(how)
    assert_all_end([*workers, running.pid])


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds child processes in Linux's /proc")
def test_a_worker_that_dies_gives_one_clear_error(running):
    victims = [pid for pid in children_of(running.pid) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(victims[0], signal.SIGKILL)
    _, errors = running.communicate(timeout=120)
    assert "SimulationError: a worker process died at or near user" in errors.splitlines()[-1]
    assert running.returncode == 1
