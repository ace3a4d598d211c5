import pytest

from device_runtime.simulation.fleet.daily_counts import DeviceTimeline
from device_runtime.simulation.fleet.device_timeline import Owner
from device_runtime.simulation.fleet.worker import initialize, run_device
from device_runtime.simulation.fleet.world.plan import FleetPlan
from device_runtime.simulation.held_out import SimulatedUser
from device_runtime.simulation.report import FailedUser
from tests.support.device_runtime.fleet.people import chatty

PLAN = FleetPlan(1, 1)


@pytest.fixture(scope="module", autouse=True)
def in_this_process(bundle):
    initialize([bundle])


def test_a_life_leaves_no_folder(tmp_path):
    life = run_device(Owner(0, chatty("ann", 1)), tmp_path / "phone", PLAN)
    assert isinstance(life, DeviceTimeline) and life.days.typed == [12]
    assert list(tmp_path.iterdir()) == []


def test_a_phone_half_lived_is_begun_anew(tmp_path):
    (tmp_path / "phone").mkdir()
    (tmp_path / "phone" / "history.sqlite").write_text("no database")
    assert isinstance(run_device(Owner(0, chatty("ann", 1)), tmp_path / "phone", PLAN), DeviceTimeline)


def test_messages_that_are_none_are_their_writers_fault(tmp_path):
    failed = run_device(Owner(0, SimulatedUser("eve", [(None, 5)])), tmp_path / "phone", PLAN)
    assert isinstance(failed, FailedUser) and failed.user_id == "eve"
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_cannot_be_written_is_nobodys(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        run_device(Owner(0, chatty("ann", 1)), tmp_path / "file" / "phone", PLAN)
