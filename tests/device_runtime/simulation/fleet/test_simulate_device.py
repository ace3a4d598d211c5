import dataclasses
import itertools
from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
import safetensors.numpy

from device_runtime.bundle.files import ADAPTER_INIT
from device_runtime.phone.phone import Phone
from device_runtime.simulation.fleet import device_conditions, simulate_device
from device_runtime.simulation.fleet.device_conditions import DAY, DAY_0, DeviceClock
from device_runtime.simulation.fleet.plan import FleetPlan, World
from device_runtime.simulation.fleet.simulate_device import Owner, draw_test_words, without_figures
from device_runtime.simulation.held_out import SimulatedUser
from tests.support.device_runtime.bundle_parts import LEARNING_RECIPE
from tests.support.device_runtime.simulation.users import IDEAL_WORLD, daily_user

DAYS = 5
NOT_CHARGING, METERED = "the phone is not charging", "the network is metered"


@pytest.fixture
def simulate(engine, tmp_path):
    def simulate_phone(world=IDEAL_WORLD, user=None, seed=0, phone=0, engines=None, **plan):
        engines = engines or [engine]
        owner = Owner(phone, user or daily_user("ann", DAYS))
        plan = FleetPlan(10, DAYS, seed=seed, world=world, **plan)
        return simulate_device.simulate_device(
            engines.__getitem__, len(engines), owner, plan, tmp_path / f"{len(list(tmp_path.iterdir()))}"
        )

    return simulate_phone


@pytest.fixture
def observed(monkeypatch):
    """The conditions that the policy decided on, in order."""
    seen = []
    conditions = Phone.conditions

    def recording(phone, **state):
        seen.append(conditions(phone, **state))
        return seen[-1]

    monkeypatch.setattr(Phone, "conditions", recording)
    return seen


def fix_conditions(monkeypatch, **changes):
    """Replaces some of the drawn conditions of every phone."""
    drawn = device_conditions.draw_conditions

    def changed(*arguments):
        return dataclasses.replace(drawn(*arguments), **changes)

    monkeypatch.setattr(simulate_device, "draw_conditions", changed)


def without_times(timeline):
    return timeline.model_dump(exclude={"adaptation_seconds"})


def test_a_phone_adapts_at_night_and_learns(simulate):
    timeline = simulate()
    assert timeline.own_times and timeline.clock_right
    assert timeline.days.typed == [12] * DAYS
    assert timeline.days.words == [5] * DAYS
    assert 2 <= sum(timeline.days.adapted) <= DAYS
    assert sum(timeline.days.personal_at_3) > sum(timeline.days.shared_at_3)
    assert timeline.days.personal_at_3[0] <= 5
    assert timeline.refused[NOT_CHARGING] > 0


def test_the_timeline_depends_on_the_seed(simulate):
    assert without_times(simulate(world=World(), seed=3)) == without_times(simulate(world=World(), seed=3))
    assert without_times(simulate(world=World(), seed=3)) != without_times(simulate(world=World(), seed=4))


def test_never_adapts_without_the_charger(simulate):
    timeline = simulate(world=dataclasses.replace(IDEAL_WORLD, unplugged_nights=1, endurance_hours=10_000))
    assert sum(timeline.days.adapted) == 0
    assert timeline.adapter_bytes == 0
    assert timeline.refused.keys() == {"the phone is in use", NOT_CHARGING}


def test_never_adapts_on_a_metered_network(simulate):
    timeline = simulate(world=dataclasses.replace(IDEAL_WORLD, always_metered=1))
    assert sum(timeline.days.adapted) == 0
    assert timeline.refused[METERED] > 0


def test_adapts_only_under_conditions_that_the_policy_allows(simulate, observed, monkeypatch):
    adapt, allowed = Phone.adapt, []

    def recording(phone, budget):
        allowed.append(observed[-1])
        return adapt(phone, budget)

    monkeypatch.setattr(Phone, "adapt", recording)
    timeline = simulate(world=World(wrong_clocks=1, jumping_clocks=0, always_metered=0, switched_off_at_night=0))
    assert not timeline.clock_right
    assert len(allowed) == sum(timeline.days.adapted) > 1
    for conditions in allowed:
        assert conditions.idle and conditions.charging and conditions.unmetered and conditions.new_words >= 50
    times = [conditions.at for conditions in allowed]
    assert all(later - earlier >= timedelta(hours=20) for earlier, later in itertools.pairwise(times))


def test_a_phone_that_is_off_neither_observes_nor_adapts(simulate, monkeypatch):
    draw = device_conditions.draw_battery
    off = frozenset({1, 2})
    monkeypatch.setattr(device_conditions, "draw_battery", lambda *a: dataclasses.replace(draw(*a), days_off=off))
    timeline = simulate()
    assert timeline.days.typed == [12, 0, 0, 12, 12]
    assert timeline.days.missed == [0, 12, 12, 0, 0]
    assert timeline.days.words == [5, 0, 0, 5, 5]
    assert timeline.days.adapted[1] == timeline.days.adapted[2] == 0
    assert sum(timeline.days.adapted[3:]) > 0


@pytest.mark.parametrize("hours", [-36, 36])
def test_a_constant_clock_error_changes_only_the_times_that_the_phone_shows(simulate, observed, monkeypatch, hours):
    right = simulate()
    shown = [conditions.at for conditions in observed]
    observed.clear()
    fix_conditions(monkeypatch, clock=DeviceClock(timedelta(hours=hours)))
    wrong = simulate()
    assert [conditions.at for conditions in observed] == [at + timedelta(hours=hours) for at in shown]
    assert without_times(wrong) == {**without_times(right), "clock_right": False}


def test_a_clock_set_back_by_a_year_does_not_stop_adaptation(simulate, monkeypatch):
    fix_conditions(monkeypatch, clock=DeviceClock(jumps_at=DAY_0 + 3 * DAY, jump=timedelta(days=-365)))
    assert sum(simulate().days.adapted[3:]) > 0


def test_a_new_bundle_keeps_the_phones_history(simulate, engine, observed):
    timeline = simulate(engines=[engine, engine], release_day=3)
    assert timeline.new_bundle_day == 3
    assert without_times(timeline) == {**without_times(simulate()), "new_bundle_day": 3}


def test_a_bundle_with_another_model_causes_a_new_adaptation(simulate, rebuilt, content, observed):
    first = rebuilt(LEARNING_RECIPE)
    initial = safetensors.numpy.load(content[ADAPTER_INIT])
    moved = {name: tensor + np.float32(0.01) for name, tensor in initial.items()}
    second = rebuilt(LEARNING_RECIPE, {ADAPTER_INIT: safetensors.numpy.save(moved)})
    assert first.bundle.manifest.model_id != second.bundle.manifest.model_id
    timeline = simulate(engines=[first, second], release_day=3)
    assert timeline.days.adapted[:4] == [1, 1, 1, 2]  # on day 3 before dawn, and in the evening as ever
    assert next(c.due for c in observed if c.at >= DAY_0 + 3 * DAY) == "new model"
    assert timeline.adapter_bytes > 0


def test_a_user_who_types_nothing_has_only_zeros(simulate):
    timeline = simulate(user=SimulatedUser("silent", []))
    assert sum(timeline.days.typed) == sum(timeline.days.words) == sum(timeline.days.adapted) == 0


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


def test_tests_all_words_of_a_short_day_each_with_its_context():
    first, second = draw_test_words(["see you", "ok, bye"], 5, np.random.default_rng(0))
    assert [(word.context, word.word) for word in first] == [("", "see"), ("see ", "you")]
    assert [(word.context, word.word) for word in second] == [("", "ok"), ("ok, ", "bye")]


def test_draws_each_word_with_the_same_probability():
    texts = ["a b c d", "e", "f g h i j"]
    drawn = Counter(
        word.word
        for seed in range(2000)
        for message in draw_test_words(texts, 3, np.random.default_rng(seed))
        for word in message
    )
    assert drawn.total() == 3 * 2000
    assert set(drawn) == set("abcdefghij")
    assert max(drawn.values()) - min(drawn.values()) < 160  # 600 each, standard deviation 20


def test_a_day_without_words_has_no_test_words():
    assert draw_test_words([], 5, np.random.default_rng(0)) == []
    assert draw_test_words(["?!"], 5, np.random.default_rng(0)) == [[]]
