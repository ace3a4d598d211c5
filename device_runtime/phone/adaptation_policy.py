"""When a phone may adapt: while it is idle and charging, and only if there is something to learn.

These are the conditions of Gboard's federated training: charging, idle, on an unmetered network (Hard et al. 2018,
arXiv:1811.03604). An adaptation does not use the network, so an app that does not download bundles can leave out that
condition. The caller supplies the time and the state of the phone: a job scheduler, or a simulator.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from device_runtime.phone.database import seconds
from device_runtime.phone.state import Due


@dataclass(frozen=True)
class Conditions:
    """The state of a phone when it asks whether to adapt.

    Attributes:
        at: The time by the phone's clock.
        idle: The phone is not in use.
        charging: The phone is on a charger.
        unmetered: The phone's network does not charge by volume.
        new_words: How many words were typed since the last adaptation.
        last_adaptation: When the last adaptation was; None = there was none.
        due: Why the phone needs a new adapter even without new words; None = it does not.
    """

    at: datetime
    idle: bool
    charging: bool
    unmetered: bool
    new_words: int
    last_adaptation: datetime | None = None
    due: Due | None = None


@dataclass(frozen=True)
class Decision:
    """Whether to adapt now, and the reason in one sentence."""

    allowed: bool
    reason: str


@dataclass(frozen=True)
class Policy:
    """What must be true before a phone adapts.

    >>> noon = datetime(2024, 5, 1, 12)
    >>> conditions = Conditions(noon, idle=True, charging=True, unmetered=True, new_words=30)
    >>> Policy().decide(conditions).reason
    '30 new words, 50 are needed'
    >>> Policy(new_words=20).decide(conditions).allowed
    True

    Attributes:
        new_words: How many words must have been typed since the last adaptation.
        hours: How many hours must have passed since the last adaptation.
        idle, charging, unmetered: Whether each of these conditions is required.
    """

    new_words: int = 50
    hours: float = 20.0
    idle: bool = True
    charging: bool = True
    unmetered: bool = True

    def decide(self, conditions: Conditions) -> Decision:
        """Returns whether to adapt. If several conditions are not met, the reason names the first one."""
        for required, met, reason in (
            (self.idle, conditions.idle, "the phone is in use"),
            (self.charging, conditions.charging, "the phone is not charging"),
            (self.unmetered, conditions.unmetered, "the network is metered"),
        ):
            if required and not met:
                return Decision(False, reason)
        if conditions.due is not None:
            return Decision(True, f"the phone needs a new adapter ({conditions.due})")
        return self._decide_by_new_words(conditions)

    def _decide_by_new_words(self, conditions: Conditions) -> Decision:
        if conditions.new_words < self.new_words:
            return Decision(False, f"{conditions.new_words} new words, {self.new_words} are needed")
        if conditions.last_adaptation is None:
            return Decision(True, f"{conditions.new_words} new words, and the first adaptation")
        passed = seconds(conditions.at) - seconds(conditions.last_adaptation)
        # If the clock was set back, the last adaptation lies in the future; the phone does not wait for that time.
        if 0 <= passed < self.hours * 3600:
            wait = timedelta(seconds=round(self.hours * 3600 - passed))
            return Decision(False, f"the last adaptation was too recent: {wait} to wait")
        return Decision(True, f"{conditions.new_words} new words")
