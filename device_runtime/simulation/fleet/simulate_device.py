"""Simulates one phone through its days: the owner types, words are tested, and the phone adapts when it is allowed to.

Each word is predicted before the phone sees its message, and learnt from afterwards (prequential evaluation, Dawid
1984). The phone is therefore always tested on new text, and no messages are held out.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np

from device_runtime.adaptation.budget import Budget
from device_runtime.inference.engine import Engine
from device_runtime.phone.adaptation_policy import Policy
from device_runtime.phone.phone import Phone
from device_runtime.simulation.device import suggest
from device_runtime.simulation.fleet.device_conditions import (
    DAY,
    DAY_0,
    DeviceConditions,
    TypedMessage,
    draw_conditions,
)
from device_runtime.simulation.fleet.plan import FleetPlan, RandomStream, generator
from device_runtime.simulation.fleet.timeline import Days, DeviceTimeline
from device_runtime.simulation.held_out import HeldOutWord, SimulatedUser, held_out_words
from device_runtime.simulation.trial import count_shown

IDLE_AFTER = timedelta(minutes=30)
"""A phone is idle if nothing was typed on it for this time."""

EngineOf = Callable[[int], Engine]
"""Returns the engine of the first bundle (0) or the second bundle (1)."""

_NO_BUDGET = Budget(seconds=math.inf, bytes=math.inf)  # with a time budget, a busy machine would change the results
_FIGURE = re.compile(r"-?(\d+ days?, )?\d+([.:]\d+)*")


@dataclass(frozen=True)
class Owner:
    """A user and the number of the phone that the user owns in the fleet."""

    phone: int
    user: SimulatedUser


def simulate_device(engine_of: EngineOf, bundles: int, owner: Owner, plan: FleetPlan, folder: Path) -> DeviceTimeline:
    """Simulates one phone in `folder`, which must not exist yet.

    Only the measured time depends on the machine. Nothing depends on other phones.

    Raises:
        PhoneError: the phone cannot store what it observes.
    """
    conditions = draw_conditions(plan, owner.phone, owner.user, bundles)
    days, scheduler = Days.zeros(plan.days), Scheduler(conditions, Policy())
    words_rng = generator(plan.seed, RandomStream.WORDS, owner.phone)
    turned_down: Counter[str] = Counter()
    seconds, size = 0.0, 0
    for bundle, period in _bundle_periods(conditions, plan.days):
        with Phone.open(folder, engine_of(bundle), clock=scheduler.clock) as phone:
            simulation = _PhoneSimulation(phone, conditions, scheduler, days, turned_down)
            for day in period:
                messages = _messages_seen(conditions, day, days)
                tested = draw_test_words([message.text for message in messages], plan.words_a_day, words_rng)
                simulation.run_day(day, list(zip(messages, tested, strict=True)), check_times(day, owner.phone))
            seconds += simulation.seconds
            size = len(phone.adapter_file() or b"")
    return DeviceTimeline(
        phone=owner.phone,
        user_id=owner.user.user_id,
        own_times=conditions.typing.own_times,
        clock_right=conditions.clock.correct,
        new_bundle_day=_within(conditions.new_bundle_day, plan.days),
        days=days,
        refused=dict(sorted(scheduler.refused.items())),
        turned_down=dict(sorted(turned_down.items())),
        adapter_bytes=size,
        adaptation_seconds=seconds,
    )


def draw_test_words(texts: Sequence[str], number: int, rng: np.random.Generator) -> list[list[HeldOutWord]]:
    """Draws the words of a day that are tested. Testing every word of a fleet would take too long.

    Args:
        texts: The day's messages.
        number: How many words to draw, each with the same probability. If there are no more words, all are returned.
        rng: Draws the words. It is unused if all words are returned.

    Returns:
        For each message, its words that are tested, in order.
    """
    words = [list(held_out_words([(None, text)])) for text in texts]
    total = sum(map(len, words))
    chosen = set(rng.choice(total, number, replace=False).tolist()) if total > number else set(range(total))
    numbered = iter(range(total))
    return [[word for word in message if next(numbered) in chosen] for message in words]


def check_times(day: int, phone: int) -> list[datetime]:
    """Returns when the scheduler of a phone checks on one day: every hour, each phone at a minute of its own."""
    return [DAY_0 + day * DAY + timedelta(hours=hour, minutes=phone * 7 % 60) for hour in range(24)]


class Scheduler:
    """The operating system's scheduler: it checks whether a phone can adapt now, like Android's JobScheduler.

    Attributes:
        refused: Number of checks at which the policy allowed no adaptation, by reason.
    """

    def __init__(self, conditions: DeviceConditions, policy: Policy) -> None:
        self._conditions, self._policy = conditions, policy
        self._now, self._typed_at = DAY_0, DAY_0 - IDLE_AFTER
        self.refused: Counter[str] = Counter()

    def clock(self) -> datetime:
        """Returns what the phone's clock shows now."""
        return self._conditions.clock.shows(self._now)

    def typed(self, at: datetime) -> None:
        """Records that the phone was in use at this true time."""
        self._now = self._typed_at = at

    def allows(self, phone: Phone, at: datetime) -> bool:
        """Whether the policy allows an adaptation at this true time. The phone must be on."""
        self._now = at
        state = phone.conditions(
            idle=at - self._typed_at >= IDLE_AFTER,
            charging=self._conditions.battery.charging(at),
            unmetered=self._conditions.unmetered(at),
        )
        decision = self._policy.decide(state)
        if not decision.allowed:
            self.refused[without_figures(decision.reason)] += 1
        return decision.allowed


class _PhoneSimulation:
    """Runs the days of an open phone and counts them."""

    def __init__(
        self, phone: Phone, conditions: DeviceConditions, scheduler: Scheduler, days: Days, turned_down: Counter[str]
    ) -> None:
        self._phone, self._conditions, self._scheduler = phone, conditions, scheduler
        self._days, self._turned_down = days, turned_down
        self._unobserved: list[tuple[str, datetime | None]] = []
        self.seconds = 0.0

    def run_day(
        self, day: int, messages: Sequence[tuple[TypedMessage, list[HeldOutWord]]], checks: Sequence[datetime]
    ) -> None:
        """Runs the typing and the checks of one day in order of time."""
        typing = [(message.at, partial(self._type, day, message, tested)) for message, tested in messages]
        checking = [(at, partial(self._check, day, at)) for at in checks if self._conditions.battery.on(at)]
        for _, run in sorted([*typing, *checking], key=lambda event: event[0]):
            run()
        self._observe()

    def _type(self, day: int, message: TypedMessage, tested: Sequence[HeldOutWord]) -> None:
        if tested:
            self._observe()
        for word in tested:
            self._test(day, word)
        self._unobserved.append((message.text, self._conditions.clock.shows(message.at)))
        self._scheduler.typed(message.at)

    def _observe(self) -> None:
        """Passes typed messages to the phone. Passing several together is faster and gives the same result."""
        self._phone.observe_many(self._unobserved)
        self._unobserved = []

    def _test(self, day: int, word: HeldOutWord) -> None:
        personal, shared = (count_shown(word, suggest(self._phone, word, 0, personal)) for personal in (True, False))
        self._days.words[day] += 1
        self._days.personal_at_1[day] += personal.hits_at_1
        self._days.personal_at_3[day] += personal.hits_at_3
        self._days.shared_at_1[day] += shared.hits_at_1
        self._days.shared_at_3[day] += shared.hits_at_3

    def _check(self, day: int, at: datetime) -> None:
        self._observe()
        if not self._scheduler.allows(self._phone, at):
            return
        result = self._phone.adapt(_NO_BUDGET)
        self.seconds += result.seconds
        self._days.adapted[day] += 1
        self._days.kept[day] += result.verdict.kept
        if not result.verdict.kept:
            self._turned_down[without_figures(result.verdict.reason)] += 1


def without_figures(reason: str) -> str:
    """Returns the reason with `…` in place of each number or time span, so that equal reasons can be counted."""
    return _FIGURE.sub("…", reason)


def _bundle_periods(conditions: DeviceConditions, days: int) -> Iterator[tuple[int, range]]:
    """Yields each bundle's number and its days. A bundle without days is left out."""
    new = days if conditions.new_bundle_day is None else min(conditions.new_bundle_day, days)
    return ((bundle, period) for bundle, period in ((0, range(new)), (1, range(new, days))) if period)


def _messages_seen(conditions: DeviceConditions, day: int, days: Days) -> list[TypedMessage]:
    """Returns the messages that the phone sees on a day, and counts these and the others."""
    typed = conditions.typing.on(day)
    seen = [message for message in typed if conditions.battery.usable(message.at)]
    days.typed[day], days.missed[day] = len(seen), len(typed) - len(seen)
    return seen


def _within(day: int | None, days: int) -> int | None:
    return day if day is not None and day < days else None
