import multiprocessing
import subprocess
import sys
import textwrap
from collections import Counter

import pytest

from device_runtime.simulation.fleet.plan import FleetError, FleetPlan
from device_runtime.simulation.fleet.simulate import assign_users, initialize, run_device, simulate_fleet
from device_runtime.simulation.fleet.simulate_device import Owner
from device_runtime.simulation.fleet.timeline import DeviceTimeline
from device_runtime.simulation.held_out import SimulatedUser
from device_runtime.simulation.report import FailedUser
from keyboard_model.storage.file_lock import exclusive_lock
from tests.support.device_runtime.simulation.users import CORPUS, daily_user, user_without_times

USERS = {"ann": daily_user("ann", 3), "bob": user_without_times("bob"), "silent": SimulatedUser("silent", [])}
PLAN = FleetPlan(population=5, days=3, seed=1)


@pytest.fixture
def simulate(bundle):
    def simulated(plan=PLAN, users=USERS, bundles=None, **options):
        options.setdefault("workers", 1)
        return simulate_fleet(bundles or [bundle], list(users), users.__getitem__, plan, corpus=CORPUS, **options)

    return simulated


def without_times(report):
    return report.model_copy(update={"adaptation_seconds": None})


def test_the_same_seed_gives_the_same_report_with_any_number_of_workers(simulate):
    report = simulate()
    assert (report.phones, report.users, report.failed) == (5, 3, ())
    assert sum(day.words for day in report.days) > 0
    assert without_times(simulate(workers=2)) == without_times(report)


def test_a_second_run_does_not_simulate_finished_phones_again(simulate, tmp_path):
    class Stopped(Exception):
        pass

    def stop(phone):
        if phone == 2:
            raise Stopped

    with pytest.raises(Stopped):
        simulate(folder=tmp_path, progress=stop)
    stored = (tmp_path / "lives.jsonl").read_bytes()
    assert stored.count(b"\n") == 3
    seen = []
    report = simulate(folder=tmp_path, progress=seen.append)
    assert seen == [0, 1, 2, 3, 4]
    assert (tmp_path / "lives.jsonl").read_bytes().startswith(stored)
    assert (tmp_path / "lives.jsonl").read_bytes().count(b"\n") == 5
    assert without_times(report) == without_times(simulate())
    assert simulate(folder=tmp_path) == report  # also the times: no phone was simulated again


def test_leaves_no_messages_in_the_folder(simulate, tmp_path):
    simulate(folder=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"lives.jsonl", ".fleet.lock"}
    assert b"zorblax" not in (tmp_path / "lives.jsonl").read_bytes()


def test_deletes_the_phones_that_a_killed_run_left(simulate, tmp_path):
    (tmp_path / "living" / "someone").mkdir(parents=True)
    (tmp_path / "phones").mkdir()  # another simulation's
    simulate(FleetPlan(1, 1), folder=tmp_path)
    assert not (tmp_path / "living").exists() and (tmp_path / "phones").exists()


def test_a_larger_fleet_keeps_the_phones_of_a_smaller_one(simulate, tmp_path):
    simulate(FleetPlan(2, 3, seed=1), folder=tmp_path)
    stored = (tmp_path / "lives.jsonl").read_bytes()
    simulate(folder=tmp_path)
    assert (tmp_path / "lives.jsonl").read_bytes().startswith(stored)


def test_a_user_with_invalid_messages_fails_alone(simulate):
    report = simulate(users={**USERS, "eve": SimulatedUser("eve", [(None, 5)])}, plan=FleetPlan(4, 2))
    (failed,) = report.failed
    assert failed.user_id == "eve" and report.phones == 4 and report.users == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"users": {}}, "no users to simulate: give at least one"),
        ({"workers": 0}, "workers 0"),
        ({"bundles": [1, 2, 3]}, "3 bundles"),
    ],
)
def test_rejects_arguments_out_of_range(simulate, options, said):
    with pytest.raises(FleetError, match=said):
        simulate(**options)


def test_rejects_a_folder_that_another_fleet_uses(simulate, tmp_path):
    with (
        exclusive_lock(tmp_path, ".fleet.lock", ValueError, "taken"),
        pytest.raises(FleetError, match="another simulation"),
    ):
        simulate(folder=tmp_path)


def test_a_worker_that_dies_ends_the_fleet_and_keeps_the_finished_phones(simulate, tmp_path):
    def kill(_):
        for child in multiprocessing.active_children():
            child.kill()

    with pytest.raises(FleetError, match="a worker process died at or near phone"):
        simulate(FleetPlan(20, 1), folder=tmp_path, progress=kill)
    assert (tmp_path / "lives.jsonl").read_bytes().count(b"\n") >= 1


def test_imports_neither_tensorflow_nor_matplotlib():
    code = """
        import sys
        import device_runtime.simulation.fleet.simulate
        import device_runtime.reporting.fleet
        sys.exit(any(name.partition(".")[0] in ("tensorflow", "federated", "matplotlib") for name in sys.modules))
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(code)]).returncode == 0


def test_every_user_gets_a_phone_before_any_gets_a_second():
    assigned = assign_users(7, 16, seed=0).tolist()
    assert sorted(assigned[:7]) == sorted(assigned[7:14]) == list(range(7))
    assert max(Counter(assigned).values()) == 3
    assert assigned[:7] != assigned[7:14]


def test_a_larger_population_starts_with_the_users_of_a_smaller_one():
    assert assign_users(5, 4, seed=3).tolist() == assign_users(5, 12, seed=3).tolist()[:4]
    assert assign_users(5, 12, seed=3).tolist() != assign_users(5, 12, seed=4).tolist()


ONE_DAY = FleetPlan(1, 1)


@pytest.fixture
def initialized(bundle):
    initialize([bundle])


def test_a_simulated_phone_leaves_no_folder(initialized, tmp_path):
    timeline = run_device(Owner(0, daily_user("ann", 1)), tmp_path / "phone", ONE_DAY)
    assert isinstance(timeline, DeviceTimeline) and timeline.days.typed == [12]
    assert list(tmp_path.iterdir()) == []


def test_starts_an_unfinished_phone_again(initialized, tmp_path):
    (tmp_path / "phone").mkdir()
    (tmp_path / "phone" / "history.sqlite").write_text("no database")
    assert isinstance(run_device(Owner(0, daily_user("ann", 1)), tmp_path / "phone", ONE_DAY), DeviceTimeline)


def test_invalid_messages_fail_their_user(initialized, tmp_path):
    failed = run_device(Owner(0, SimulatedUser("eve", [(None, 5)])), tmp_path / "phone", ONE_DAY)
    assert isinstance(failed, FailedUser) and failed.user_id == "eve"
    assert list(tmp_path.iterdir()) == []


def test_a_storage_error_is_raised(initialized, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        run_device(Owner(0, daily_user("ann", 1)), tmp_path / "file" / "phone", ONE_DAY)
