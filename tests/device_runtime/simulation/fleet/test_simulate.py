import multiprocessing
import subprocess
import sys
import textwrap

import pytest

from device_runtime.simulation.fleet.simulate import simulate_fleet
from device_runtime.simulation.fleet.world.plan import FleetError, FleetPlan
from device_runtime.simulation.held_out import SimulatedUser
from keyboard_model.storage.file_lock import exclusive_lock
from tests.support.device_runtime.fleet.lives import CORPUS
from tests.support.device_runtime.fleet.people import chatty, timeless

PEOPLE = {"ann": chatty("ann", 3), "bob": timeless("bob"), "silent": SimulatedUser("silent", [])}
PLAN = FleetPlan(population=5, days=3, seed=1)


@pytest.fixture
def simulate(bundle):
    def simulated(plan=PLAN, people=PEOPLE, bundles=None, **options):
        options.setdefault("workers", 1)
        return simulate_fleet(bundles or [bundle], list(people), people.__getitem__, plan, corpus=CORPUS, **options)

    return simulated


def without_times(report):
    return report.model_copy(update={"adaptation_seconds": None})


def test_the_same_seed_gives_the_same_fleet_on_any_number_of_processes(simulate):
    report = simulate()
    assert (report.phones, report.people, report.failed) == (5, 3, ())
    assert sum(day.words for day in report.days) > 0
    assert without_times(simulate(workers=2)) == without_times(report)


def test_stopped_and_run_again_it_lives_no_finished_phone_twice(simulate, tmp_path):
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
    assert simulate(folder=tmp_path) == report  # times, too: nothing was lived again


def test_no_message_is_left_behind(simulate, tmp_path):
    simulate(folder=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"lives.jsonl", ".fleet.lock"}
    assert b"zorblax" not in (tmp_path / "lives.jsonl").read_bytes()


def test_what_a_killed_run_left_is_cleared_away(simulate, tmp_path):
    (tmp_path / "living" / "someone").mkdir(parents=True)
    (tmp_path / "phones").mkdir()  # another simulation's
    simulate(FleetPlan(1, 1), folder=tmp_path)
    assert not (tmp_path / "living").exists() and (tmp_path / "phones").exists()


def test_a_fleet_that_grows_keeps_its_phones(simulate, tmp_path):
    simulate(FleetPlan(2, 3, seed=1), folder=tmp_path)
    stored = (tmp_path / "lives.jsonl").read_bytes()
    simulate(folder=tmp_path)
    assert (tmp_path / "lives.jsonl").read_bytes().startswith(stored)


def test_someone_whose_data_is_broken_breaks_no_other(simulate):
    report = simulate(people={**PEOPLE, "eve": SimulatedUser("eve", [(None, 5)])}, plan=FleetPlan(4, 2))
    (failed,) = report.failed
    assert failed.user_id == "eve" and report.phones == 4 and report.people == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"people": {}}, "no users to simulate: give at least one"),
        ({"workers": 0}, "workers 0"),
        ({"bundles": [1, 2, 3]}, "3 bundles"),
    ],
)
def test_what_cannot_be_is_said(simulate, options, said):
    with pytest.raises(FleetError, match=said):
        simulate(**options)


def test_two_fleets_do_not_share_a_folder(simulate, tmp_path):
    with (
        exclusive_lock(tmp_path, ".fleet.lock", ValueError, "taken"),
        pytest.raises(FleetError, match="another simulation"),
    ):
        simulate(folder=tmp_path)


def test_a_worker_that_dies_is_said_and_the_finished_phones_stay(simulate, tmp_path):
    def kill(_):
        for child in multiprocessing.active_children():
            child.kill()

    with pytest.raises(FleetError, match="a worker process died at or near phone"):
        simulate(FleetPlan(20, 1), folder=tmp_path, progress=kill)
    assert (tmp_path / "lives.jsonl").read_bytes().count(b"\n") >= 1


def test_no_tensorflow_is_loaded():
    code = """
        import sys
        import device_runtime.simulation.fleet.simulate
        import device_runtime.reporting.fleet_plots, device_runtime.reporting.fleet_table
        sys.exit(any(name.partition(".")[0] in ("tensorflow", "federated", "matplotlib") for name in sys.modules))
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(code)]).returncode == 0
