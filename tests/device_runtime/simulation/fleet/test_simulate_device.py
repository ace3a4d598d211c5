import dataclasses
import itertools
from datetime import timedelta

import numpy as np
import pytest
import safetensors.numpy

from device_runtime.bundle.files import ADAPTER_INIT
from device_runtime.phone.phone import Phone
from device_runtime.simulation.fleet import device_conditions, simulate_device
from device_runtime.simulation.fleet.device_conditions import DeviceClock
from device_runtime.simulation.fleet.plan import FleetPlan, World
from device_runtime.simulation.fleet.simulate_device import Owner, without_figures
from device_runtime.simulation.fleet.typing_calendar import DAY, DAY_0
from device_runtime.simulation.held_out import SimulatedUser
from tests.support.device_runtime.bundle_parts import LEARNING_RECIPE
from tests.support.device_runtime.simulation.users import IDEAL_WORLD, daily_user

DAYS = 5
NOT_CHARGING, METERED = "the phone is not charging", "the network is metered"


@pytest.fixture
def simulated(engine, tmp_path):
    def run(world=IDEAL_WORLD, user=None, seed=0, phone=0, engines=None, **plan):
        engines = engines or [engine]
        owner = Owner(phone, user or daily_user("ann", DAYS))
        plan = FleetPlan(10, DAYS, seed=seed, world=world, **plan)
        return simulate_device.simulate_device(
            engines.__getitem__, len(engines), owner, plan, tmp_path / f"{len(list(tmp_path.iterdir()))}"
        )

    return run


@pytest.fixture
def observed(monkeypatch):
    """What each adaptation was asked under: (true time, conditions)."""
    asked = []
    conditions = Phone.conditions

    def spied(phone, **given):
        asked.append(conditions(phone, **given))
        return asked[-1]

    monkeypatch.setattr(Phone, "conditions", spied)
    return asked


def with_conditions(monkeypatch, **changes):
    """Makes every phone's circumstances have these, whatever is drawn."""
    drawn = device_conditions.draw_conditions

    def changed(*arguments):
        return dataclasses.replace(drawn(*arguments), **changes)

    monkeypatch.setattr(simulate_device, "draw_conditions", changed)


def without_times(run):
    return run.model_dump(exclude={"adaptation_seconds"})


def test_a_phone_adapts_at_night_and_learns(simulated):
    run = simulated()
    assert run.own_times and run.clock_right
    assert run.days.typed == [12] * DAYS
    assert run.days.words == [5] * DAYS
    assert 2 <= sum(run.days.adapted) <= DAYS
    assert sum(run.days.personal_at_3) > sum(run.days.shared_at_3)
    assert run.days.personal_at_3[0] <= 5
    assert run.refused[NOT_CHARGING] > 0


def test_the_timeline_depends_on_the_seed(simulated):
    assert without_times(simulated(world=World(), seed=3)) == without_times(simulated(world=World(), seed=3))
    assert without_times(simulated(world=World(), seed=3)) != without_times(simulated(world=World(), seed=4))


def test_never_adapts_without_the_charger(simulated):
    run = simulated(world=dataclasses.replace(IDEAL_WORLD, unplugged_nights=1, endurance_hours=10_000))
    assert sum(run.days.adapted) == 0
    assert run.adapter_bytes == 0
    assert run.refused.keys() == {"the phone is in use", NOT_CHARGING}


def test_never_adapts_on_a_metered_network(simulated):
    run = simulated(world=dataclasses.replace(IDEAL_WORLD, always_metered=1))
    assert sum(run.days.adapted) == 0
    assert run.refused[METERED] > 0


def test_adapts_only_under_conditions_that_the_policy_allows(simulated, observed, monkeypatch):
    adapt, allowed = Phone.adapt, []

    def spied(phone, budget):
        allowed.append(observed[-1])
        return adapt(phone, budget)

    monkeypatch.setattr(Phone, "adapt", spied)
    run = simulated(world=World(wrong_clocks=1, jumping_clocks=0, always_metered=0, switched_off_at_night=0))
    assert not run.clock_right
    assert len(allowed) == sum(run.days.adapted) > 1
    for conditions in allowed:
        assert conditions.idle and conditions.charging and conditions.unmetered and conditions.new_words >= 50
    times = [conditions.at for conditions in allowed]
    assert all(later - earlier >= timedelta(hours=20) for earlier, later in itertools.pairwise(times))


def test_a_phone_that_is_off_neither_observes_nor_adapts(simulated, monkeypatch):
    draw = device_conditions.draw_battery
    off = frozenset({1, 2})
    monkeypatch.setattr(device_conditions, "draw_battery", lambda *a: dataclasses.replace(draw(*a), days_off=off))
    run = simulated()
    assert run.days.typed == [12, 0, 0, 12, 12]
    assert run.days.missed == [0, 12, 12, 0, 0]
    assert run.days.words == [5, 0, 0, 5, 5]
    assert run.days.adapted[1] == run.days.adapted[2] == 0
    assert sum(run.days.adapted[3:]) > 0


@pytest.mark.parametrize("hours", [-36, 36])
def test_a_constant_clock_error_changes_only_the_times_that_the_phone_shows(simulated, observed, monkeypatch, hours):
    right = simulated()
    shown = [conditions.at for conditions in observed]
    observed.clear()
    with_conditions(monkeypatch, clock=DeviceClock(timedelta(hours=hours)))
    wrong = simulated()
    assert [conditions.at for conditions in observed] == [at + timedelta(hours=hours) for at in shown]
    assert without_times(wrong) == {**without_times(right), "clock_right": False}


def test_a_clock_set_back_by_a_year_does_not_stop_adaptation(simulated, monkeypatch):
    with_conditions(monkeypatch, clock=DeviceClock(jumps_at=DAY_0 + 3 * DAY, jump=timedelta(days=-365)))
    assert sum(simulated().days.adapted[3:]) > 0


def test_a_new_bundle_keeps_the_phones_history(simulated, engine, observed):
    run = simulated(engines=[engine, engine], release_day=3)
    assert run.new_bundle_day == 3
    assert without_times(run) == {**without_times(simulated()), "new_bundle_day": 3}


def test_a_bundle_with_another_model_causes_a_new_adaptation(simulated, rebuilt, content, observed):
    first = rebuilt(LEARNING_RECIPE)
    initial = safetensors.numpy.load(content[ADAPTER_INIT])
    moved = {name: tensor + np.float32(0.01) for name, tensor in initial.items()}
    second = rebuilt(LEARNING_RECIPE, {ADAPTER_INIT: safetensors.numpy.save(moved)})
    assert first.bundle.manifest.model_id != second.bundle.manifest.model_id
    run = simulated(engines=[first, second], release_day=3)
    assert run.days.adapted[:4] == [1, 1, 1, 2]  # on day 3 before dawn, and in the evening as ever
    assert next(c.due for c in observed if c.at >= DAY_0 + 3 * DAY) == "new model"
    assert run.adapter_bytes > 0


def test_a_user_who_types_nothing_has_only_zeros(simulated):
    run = simulated(user=SimulatedUser("silent", []))
    assert sum(run.days.typed) == sum(run.days.words) == sum(run.days.adapted) == 0


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("17 new words, 50 are needed", "… new words, … are needed"),
        ("the last was too short a time ago: 1 day, 2:03:04 to wait", "the last was too short a time ago: … to wait"),
        ("a gain of -0.012 nats a word on it, 0.034 needed", "a gain of … nats a word on it, … needed"),
        ("the phone is not charging", "the phone is not charging"),
    ],
)
def test_replaces_figures_in_reasons(reason, kind):
    assert without_figures(reason) == kind
