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
from device_runtime.simulation.fleet.simulate_device import Owner, kind_of
from device_runtime.simulation.fleet.typing_calendar import DAY, DAY_0
from device_runtime.simulation.held_out import SimulatedUser
from tests.support.device_runtime.bundle_parts import LEARNING_RECIPE
from tests.support.device_runtime.simulation.users import IDEAL_WORLD, daily_user

DAYS = 5
NOT_CHARGING, METERED = "the phone is not charging", "the network is metered"


@pytest.fixture
def live(engine, tmp_path):
    def lived(world=IDEAL_WORLD, user=None, seed=0, phone=0, engines=None, **plan):
        engines = engines or [engine]
        owner = Owner(phone, user or daily_user("ann", DAYS))
        plan = FleetPlan(10, DAYS, seed=seed, world=world, **plan)
        return simulate_device.simulate_device(
            engines.__getitem__, len(engines), owner, plan, tmp_path / f"{len(list(tmp_path.iterdir()))}"
        )

    return lived


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


def surely(monkeypatch, **changes):
    """Makes every phone's circumstances have these, whatever is drawn."""
    drawn = device_conditions.draw_conditions

    def changed(*arguments):
        return dataclasses.replace(drawn(*arguments), **changes)

    monkeypatch.setattr(simulate_device, "draw_conditions", changed)


def without_times(lived):
    return lived.model_dump(exclude={"adaptation_seconds"})


def test_a_phone_adapts_at_night_and_learns(live):
    lived = live()
    assert lived.own_times and lived.clock_right
    assert lived.days.typed == [12] * DAYS
    assert lived.days.words == [5] * DAYS
    assert 2 <= sum(lived.days.adapted) <= DAYS
    assert sum(lived.days.personal_at_3) > sum(lived.days.shared_at_3)
    assert lived.days.personal_at_3[0] <= 5
    assert lived.refused[NOT_CHARGING] > 0


def test_the_same_seed_gives_the_same_life_and_another_another(live):
    assert without_times(live(world=World(), seed=3)) == without_times(live(world=World(), seed=3))
    assert without_times(live(world=World(), seed=3)) != without_times(live(world=World(), seed=4))


def test_no_adaptation_without_the_charger(live):
    lived = live(world=dataclasses.replace(IDEAL_WORLD, unplugged_nights=1, endurance_hours=10_000))
    assert sum(lived.days.adapted) == 0
    assert lived.adapter_bytes == 0
    assert lived.refused.keys() == {"the phone is in use", NOT_CHARGING}


def test_no_adaptation_on_a_metered_network(live):
    lived = live(world=dataclasses.replace(IDEAL_WORLD, always_metered=1))
    assert sum(lived.days.adapted) == 0
    assert lived.refused[METERED] > 0


def test_every_adaptation_was_allowed_by_what_the_phone_could_see(live, observed, monkeypatch):
    adapt, allowed = Phone.adapt, []

    def spied(phone, budget):
        allowed.append(observed[-1])
        return adapt(phone, budget)

    monkeypatch.setattr(Phone, "adapt", spied)
    lived = live(world=World(wrong_clocks=1, jumping_clocks=0, always_metered=0, switched_off_at_night=0))
    assert not lived.clock_right
    assert len(allowed) == sum(lived.days.adapted) > 1
    for conditions in allowed:
        assert conditions.idle and conditions.charging and conditions.unmetered and conditions.new_words >= 50
    times = [conditions.at for conditions in allowed]
    assert all(later - earlier >= timedelta(hours=20) for earlier, later in itertools.pairwise(times))


def test_a_phone_that_is_off_sees_nothing_and_does_nothing(live, monkeypatch):
    draw = device_conditions.draw_battery
    off = frozenset({1, 2})
    monkeypatch.setattr(device_conditions, "draw_battery", lambda *a: dataclasses.replace(draw(*a), days_off=off))
    lived = live()
    assert lived.days.typed == [12, 0, 0, 12, 12]
    assert lived.days.missed == [0, 12, 12, 0, 0]
    assert lived.days.words == [5, 0, 0, 5, 5]
    assert lived.days.adapted[1] == lived.days.adapted[2] == 0
    assert sum(lived.days.adapted[3:]) > 0


@pytest.mark.parametrize("hours", [-36, 36])
def test_a_clock_that_is_wrong_all_along_changes_nothing_but_what_the_phone_says(live, observed, monkeypatch, hours):
    right = live()
    told = [conditions.at for conditions in observed]
    observed.clear()
    surely(monkeypatch, clock=DeviceClock(timedelta(hours=hours)))
    wrong = live()
    assert [conditions.at for conditions in observed] == [at + timedelta(hours=hours) for at in told]
    assert without_times(wrong) == {**without_times(right), "clock_right": False}


def test_a_clock_set_back_by_a_year_does_not_stop_adaptation(live, monkeypatch):
    surely(monkeypatch, clock=DeviceClock(jumps_at=DAY_0 + 3 * DAY, jump=timedelta(days=-365)))
    assert sum(live().days.adapted[3:]) > 0


def test_the_new_bundle_finds_the_phones_history(live, engine, observed):
    lived = live(engines=[engine, engine], release_day=3)
    assert lived.new_bundle_day == 3
    assert without_times(lived) == {**without_times(live()), "new_bundle_day": 3}


def test_on_another_model_the_adapter_is_derived_anew(live, rebuilt, content, observed):
    first = rebuilt(LEARNING_RECIPE)
    initial = safetensors.numpy.load(content[ADAPTER_INIT])
    moved = {name: tensor + np.float32(0.01) for name, tensor in initial.items()}
    second = rebuilt(LEARNING_RECIPE, {ADAPTER_INIT: safetensors.numpy.save(moved)})
    assert first.bundle.manifest.model_id != second.bundle.manifest.model_id
    lived = live(engines=[first, second], release_day=3)
    assert lived.days.adapted[:4] == [1, 1, 1, 2]  # on day 3 before dawn, and in the evening as ever
    assert next(c.due for c in observed if c.at >= DAY_0 + 3 * DAY) == "new model"
    assert lived.adapter_bytes > 0


def test_someone_who_types_nothing(live):
    lived = live(user=SimulatedUser("silent", []))
    assert sum(lived.days.typed) == sum(lived.days.words) == sum(lived.days.adapted) == 0


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("17 new words, 50 are needed", "… new words, … are needed"),
        ("the last was too short a time ago: 1 day, 2:03:04 to wait", "the last was too short a time ago: … to wait"),
        ("a gain of -0.012 nats a word on it, 0.034 needed", "a gain of … nats a word on it, … needed"),
        ("the phone is not charging", "the phone is not charging"),
    ],
)
def test_figures_go(reason, kind):
    assert kind_of(reason) == kind
