"""One phone's days: its owner types, the keyboard is tested on what they type, the phone adapts when it may.

Every word is predicted before the phone has seen it and is learnt from afterwards (Dawid 1984, prequential): so the
phone is always tested on what it has not seen, and no message is set apart.
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

from device_runtime.adaptation.budget import Budget
from device_runtime.inference.engine import Engine
from device_runtime.phone.adaptation_policy import Policy
from device_runtime.phone.phone import Phone
from device_runtime.simulation.device import suggest
from device_runtime.simulation.fleet.device_conditions import DeviceConditions, draw_conditions
from device_runtime.simulation.fleet.plan import FleetPlan, RandomStream, generator
from device_runtime.simulation.fleet.timeline import Days, DeviceTimeline
from device_runtime.simulation.fleet.typing_calendar import DAY, DAY_0, TypedMessage, draw_words
from device_runtime.simulation.held_out import HeldOutWord, SimulatedUser
from device_runtime.simulation.trial import count_shown

IN_USE = timedelta(minutes=30)
"""A phone is idle when nothing was typed on it for so long."""


def looks(day: int, phone: int) -> list[datetime]:
    """When it asks on one day: hourly, each phone at a minute of its own."""
    return [DAY_0 + day * DAY + timedelta(hours=hour, minutes=phone * 7 % 60) for hour in range(24)]


class Scheduler:
    """Asks for one phone.

    Attributes:
        refused: How often the policy let no adaptation begin, by reason.
    """

    def __init__(self, around: DeviceConditions, policy: Policy) -> None:
        self._around, self._policy = around, policy
        self._now, self._typed_at = DAY_0, DAY_0 - IN_USE
        self.refused: Counter[str] = Counter()

    def clock(self) -> datetime:
        """What the phone's clock shows now."""
        return self._around.clock.reads(self._now)

    def typed(self, at: datetime) -> None:
        """Notes that the phone was in use."""
        self._now = self._typed_at = at

    def allows(self, phone: Phone, at: datetime) -> bool:
        """Whether the policy lets an adaptation begin at this true time, on a phone that is on."""
        self._now = at
        power = self._around.power
        conditions = phone.conditions(
            idle=at - self._typed_at >= IN_USE, charging=power.charging(at), unmetered=self._around.unmetered(at)
        )
        decision = self._policy.decide(conditions)
        if not decision.allowed:
            self.refused[kind_of(decision.reason)] += 1
        return decision.allowed


EngineOf = Callable[[int], Engine]
"""Gives the engine of the first bundle (0) or the second (1)."""

_NO_BUDGET = Budget(seconds=math.inf, bytes=math.inf)  # else a busy machine would change what a fleet comes to


@dataclass(frozen=True)
class Owner:
    """Whose phone it is. `phone`: its number in the fleet."""

    phone: int
    user: SimulatedUser


def simulate_device(engine_of: EngineOf, bundles: int, owner: Owner, plan: FleetPlan, folder: Path) -> DeviceTimeline:
    """Lets one phone live its days in `folder`, which must not exist yet.

    Nothing in it but a time depends on the machine, or on any other phone.

    Raises:
        PhoneError: the phone cannot store what it sees.
    """
    around = draw_conditions(plan, owner.phone, owner.user, bundles)
    days, scheduler = Days.none(plan.days), Scheduler(around, Policy())
    words_rng = generator(plan.seed, RandomStream.WORDS, owner.phone)
    turned_down: Counter[str] = Counter()
    seconds, size = 0.0, 0
    for bundle, part in _parts(around, plan.days):
        with Phone.open(folder, engine_of(bundle), clock=scheduler.clock) as phone:
            lived = _Living(phone, around, scheduler, days, turned_down)
            for day in part:
                seen = _seen(around, day, days)
                tested = draw_words([message.text for message in seen], plan.words_a_day, words_rng)
                lived.through(day, list(zip(seen, tested, strict=True)), looks(day, owner.phone))
            seconds += lived.seconds
            size = len(phone.adapter_file() or b"")
    return DeviceTimeline(
        phone=owner.phone,
        user_id=owner.user.user_id,
        own_times=around.typing.own_times,
        clock_right=around.clock.right,
        new_bundle_day=_within(around.new_bundle_day, plan.days),
        days=days,
        refused=dict(sorted(scheduler.refused.items())),
        turned_down=dict(sorted(turned_down.items())),
        adapter_bytes=size,
        adaptation_seconds=seconds,
    )


class _Living:
    """An open phone in its owner's hands."""

    def __init__(
        self, phone: Phone, around: DeviceConditions, scheduler: Scheduler, days: Days, turned_down: Counter[str]
    ) -> None:
        self._phone, self._around, self._scheduler = phone, around, scheduler
        self._days, self._turned_down = days, turned_down
        self._unseen: list[tuple[str, datetime | None]] = []
        self.seconds = 0.0

    def through(
        self, day: int, messages: Sequence[tuple[TypedMessage, list[HeldOutWord]]], looks: Sequence[datetime]
    ) -> None:
        """Lives one day in the order of its instants."""
        typed = [(message.at, partial(self._type, day, message, tested)) for message, tested in messages]
        looked = [(at, partial(self._look, day, at)) for at in looks if self._around.power.on(at)]
        for _, happen in sorted([*typed, *looked], key=lambda instant: instant[0]):
            happen()
        self._see()

    def _type(self, day: int, message: TypedMessage, tested: Sequence[HeldOutWord]) -> None:
        if tested:
            self._see()
        for word in tested:
            self._test(day, word)
        self._unseen.append((message.text, self._around.clock.reads(message.at)))
        self._scheduler.typed(message.at)

    def _see(self) -> None:
        """Hands the phone what was typed; together where nothing was asked in between, which is the same and faster."""
        self._phone.observe_many(self._unseen)
        self._unseen = []

    def _test(self, day: int, word: HeldOutWord) -> None:
        personal, shared = (count_shown(word, suggest(self._phone, word, 0, personal)) for personal in (True, False))
        self._days.words[day] += 1
        self._days.personal_at_1[day] += personal.hits_at_1
        self._days.personal_at_3[day] += personal.hits_at_3
        self._days.shared_at_1[day] += shared.hits_at_1
        self._days.shared_at_3[day] += shared.hits_at_3

    def _look(self, day: int, at: datetime) -> None:
        self._see()
        if not self._scheduler.allows(self._phone, at):
            return
        result = self._phone.adapt(_NO_BUDGET)
        self.seconds += result.seconds
        self._days.adapted[day] += 1
        self._days.kept[day] += result.verdict.kept
        if not result.verdict.kept:
            self._turned_down[kind_of(result.verdict.reason)] += 1


def _parts(around: DeviceConditions, days: int) -> Iterator[tuple[int, range]]:
    """Which bundle on which days; a part that has no day is left out."""
    new = days if around.new_bundle_day is None else min(around.new_bundle_day, days)
    return ((bundle, part) for bundle, part in ((0, range(new)), (1, range(new, days))) if part)


def _seen(around: DeviceConditions, day: int, days: Days) -> list[TypedMessage]:
    typed = around.typing.on(day)
    seen = [message for message in typed if not around.power.dead(message.at)]
    days.typed[day], days.missed[day] = len(seen), len(typed) - len(seen)
    return seen


def _within(day: int | None, days: int) -> int | None:
    return day if day is not None and day < days else None


_FIGURE = re.compile(r"-?(\d+ days?, )?\d+([.:]\d+)*")


def kind_of(reason: str) -> str:
    """Returns the reason with `…` in place of each number or span of time."""
    return _FIGURE.sub("…", reason)
