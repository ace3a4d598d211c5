"""Timelines with chosen counts, and a fleet report of them."""

from device_runtime.simulation.fleet.aggregate import FleetAggregate
from device_runtime.simulation.fleet.plan import FleetPlan
from device_runtime.simulation.fleet.timeline import Days, DeviceTimeline
from device_runtime.simulation.report import FailedUser
from tests.support.device_runtime.simulation.users import CORPUS


def timeline(phone=0, user_id="ann", days=3, **changes):
    counted = {name: changes.pop(name) for name in Days.model_fields if name in changes}
    fields = {
        "phone": phone,
        "user_id": user_id,
        "own_times": True,
        "clock_right": True,
        "new_bundle_day": None,
        "refused": {},
        "turned_down": {},
        "adapter_bytes": 0,
        "adaptation_seconds": 0.0,
    }
    return DeviceTimeline(**{**fields, **changes}, days=Days.zeros(days).model_copy(update=counted))


ANN = timeline(
    typed=[3, 1, 0],
    missed=[0, 0, 2],
    words=[4, 2, 0],
    shared_at_1=[0, 1, 0],
    shared_at_3=[1, 1, 0],
    personal_at_1=[1, 1, 0],
    personal_at_3=[2, 2, 0],
    adapted=[1, 1, 0],
    kept=[0, 1, 0],
    refused={"the phone is in use": 4, "the phone is not charging": 40},
    turned_down={"too little": 1},
    adapter_bytes=1000,
    adaptation_seconds=3.0,
)
BOB = timeline(
    1,
    "bob",
    own_times=False,
    clock_right=False,
    new_bundle_day=1,
    typed=[1, 0, 0],
    words=[1, 0, 0],
    shared_at_3=[1, 0, 0],
    refused={"the phone is in use": 1},
)
FAILED = FailedUser(user_id="eve", reason="ValueError: no text")


def make_fleet_report(bundles, timelines=(ANN, BOB), failed=(FAILED,), days=3):
    aggregate = FleetAggregate(FleetPlan(3, days, seed=7))
    for each in timelines:
        aggregate.add(each)
    for each in failed:
        aggregate.add_failed(each)
    return aggregate.report(bundles, CORPUS)
