import math

import pytest

from device_runtime.simulation.fleet.plan import FleetError, FleetPlan, World


@pytest.mark.parametrize(
    ("name", "value"),
    [("population", 0), ("days", 0), ("words_a_day", 0), ("seed", -1), ("release_day", -1)],
)
def test_a_plan_that_cannot_be_says_what_is_wrong(name, value):
    with pytest.raises(FleetError, match=f"{name} is {value}: it must be at least"):
        FleetPlan(**{"population": 5, "days": 3, name: value})


@pytest.mark.parametrize(("name", "value"), [("days_off", 1.1), ("late_phones", -0.1), ("late_days", math.inf)])
def test_a_world_that_cannot_be(name, value):
    with pytest.raises(FleetError, match=name):
        World(**{name: value})


def test_amounts_may_be_more_than_one():
    assert World(late_days=30).late_days == 30
