import math

import pytest

from device_runtime.simulation.fleet.plan import FleetError, FleetPlan, World


@pytest.mark.parametrize(
    ("name", "value"),
    [("population", 0), ("days", 0), ("words_a_day", 0), ("seed", -1), ("release_day", -1)],
)
def test_rejects_a_plan_out_of_range(name, value):
    with pytest.raises(FleetError, match=f"{name} is {value}: it must be at least"):
        FleetPlan(**{"population": 5, "days": 3, name: value})


@pytest.mark.parametrize(("name", "value"), [("days_off", 1.1), ("late_phones", -0.1), ("late_days", math.inf)])
def test_rejects_a_world_out_of_range(name, value):
    with pytest.raises(FleetError, match=name):
        World(**{name: value})


def test_amounts_can_be_larger_than_one():
    assert World(late_days=30).late_days == 30
