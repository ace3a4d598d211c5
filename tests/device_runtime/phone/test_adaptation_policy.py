"""When a phone may adapt."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from device_runtime.phone.adaptation_policy import Conditions, Policy

NIGHT = datetime(2015, 3, 9, 3, tzinfo=UTC)
READY = Conditions(
    NIGHT, idle=True, charging=True, unmetered=True, new_words=50, last_adaptation=NIGHT - timedelta(days=1)
)
POLICY = Policy(new_words=50, hours=20)


def test_a_charging_idle_phone_with_new_words_adapts() -> None:
    decision = POLICY.decide(READY)
    assert (decision.allowed, decision.reason) == (True, "50 new words")
    assert POLICY.decide(replace(READY, last_adaptation=None)).allowed


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"idle": False}, "in use"),
        ({"charging": False}, "not charging"),
        ({"unmetered": False}, "metered"),
        ({"new_words": 49}, "49 new words, 50 are needed"),
        ({"last_adaptation": NIGHT - timedelta(hours=18, minutes=30)}, "1:30:00 to wait"),
        ({"last_adaptation": NIGHT}, "20:00:00 to wait"),
    ],
)
def test_each_unmet_condition_is_the_reason(change: dict[str, Any], reason: str) -> None:
    decision = POLICY.decide(replace(READY, **change))
    assert not decision.allowed
    assert reason in decision.reason


def test_a_new_model_needs_no_new_words() -> None:
    just_now = replace(READY, due="new model", new_words=0, last_adaptation=NIGHT)
    assert POLICY.decide(just_now).allowed
    assert "new model" in POLICY.decide(just_now).reason
    assert not POLICY.decide(replace(just_now, charging=False)).allowed


def test_a_last_adaptation_in_the_future_does_not_block() -> None:
    assert POLICY.decide(replace(READY, last_adaptation=NIGHT + timedelta(days=400))).allowed


def test_compares_times_with_and_without_a_zone() -> None:
    assert not POLICY.decide(replace(READY, last_adaptation=NIGHT.replace(tzinfo=None))).allowed


def test_conditions_that_are_not_required_do_not_block() -> None:
    busy = replace(READY, idle=False, charging=False, unmetered=False, new_words=0, last_adaptation=NIGHT)
    assert Policy(new_words=0, hours=0, idle=False, charging=False, unmetered=False).decide(busy).allowed
