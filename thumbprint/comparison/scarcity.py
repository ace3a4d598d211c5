"""From which message on a phone profits: the gain of phones that have seen only so many messages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from device_runtime.bundle import Bundle
from device_runtime.trial import Trial
from thumbprint.comparison.budget import ENOUGH
from thumbprint.comparison.on_phones import OnPhones
from thumbprint.comparison.results import ScarcityPoint
from thumbprint.comparison.statistics import bootstrap_mean

SEEN = (5, 10, 30, 100, 300)


def scarcity(phones: OnPhones, bundle: Bundle, users: Sequence[str]) -> list[ScarcityPoint]:
    """Gives each user a phone that has seen its newest 5, 10, … messages before the same test.

    A point counts the users who have that many; where there are none, there is no point.
    """
    setting, points = phones.setting, []
    for seen in SEEN:
        able = [user for user in users if len(setting.clients.training_messages(user)) >= seen]
        tested = phones.shown_only(bundle, setting.simulated(able), ENOUGH, seen)
        if tested:
            points.append(_point(seen, tested, setting.job.seed))
    return points


def _point(messages: int, tested: Sequence[Trial], seed: int) -> ScarcityPoint:
    gains = [trial.personal.recall_at_3 - trial.shared.recall_at_3 for trial in tested]
    recall = float(np.mean([trial.personal.recall_at_3 for trial in tested]))
    return ScarcityPoint(
        messages_seen=messages, users=len(tested), gain=bootstrap_mean(gains, seed), recall_at_3=recall
    )
