"""When a phone adapts: while nobody uses it, on the charger, and only when there is something to learn.

The conditions of Gboard's federated training (Hard et al. 2018, arXiv:1811.03604: charging, idle, on an
unmetered network). An adaptation itself needs no network: an app that ships no bundles over it leaves that one
out. The clock and the battery are the caller's: a job scheduler's, or a simulator's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from device_runtime.phone.database import seconds
from device_runtime.phone.state import Due


@dataclass(frozen=True)
class Conditions:
    """What a phone knows when it asks.

    Attributes:
        at: The time by its clock.
        idle: Nobody uses it.
        charging: It is on the charger.
        unmetered: Its network costs nothing.
        new_words: Words typed since the last adaptation.
        last_adaptation: When that was; None = there was none.
        due: Why the adapter should be derived anew however little is new; None = it need not.
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
    """Whether to adapt now, and why (not), in a sentence."""

    allowed: bool
    reason: str


@dataclass(frozen=True)
class Policy:
    """
    Attributes:
        new_words: That must have been typed since the last adaptation; 0 = none.
        hours: That must have passed since it; 0 = none.
        idle, charging, unmetered: Whether that is asked for.
    """

    new_words: int = 50
    hours: float = 20.0
    idle: bool = True
    charging: bool = True
    unmetered: bool = True

    def decide(self, conditions: Conditions) -> Decision:
        """Decides; the first reason against it is the one given."""
        for asked, met, reason in (
            (self.idle, conditions.idle, "the phone is in use"),
            (self.charging, conditions.charging, "the phone is not charging"),
            (self.unmetered, conditions.unmetered, "the network is metered"),
        ):
            if asked and not met:
                return Decision(False, reason)
        if conditions.due is not None:
            return Decision(True, f"the adapter is to be derived anew ({conditions.due})")
        return self._of_its_own(conditions)

    def _of_its_own(self, conditions: Conditions) -> Decision:
        if conditions.new_words < self.new_words:
            return Decision(False, f"{conditions.new_words} new words, {self.new_words} are needed")
        if conditions.last_adaptation is None:
            return Decision(True, f"{conditions.new_words} new words, and the first adaptation")
        passed = seconds(conditions.at) - seconds(conditions.last_adaptation)
        # A clock that was set back would otherwise keep the phone from adapting for as long as it was ahead.
        if 0 <= passed < self.hours * 3600:
            wait = timedelta(seconds=round(self.hours * 3600 - passed))
            return Decision(False, f"the last adaptation was too short a time ago: {wait} to wait")
        return Decision(True, f"{conditions.new_words} new words")
