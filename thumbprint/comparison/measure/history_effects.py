"""What a personal model forgets: its recall on other users' text, by the number of local steps.

From which message on a phone profits: the gain of phones that have seen only so many messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from device_runtime.bundle.loader import Bundle
from device_runtime.simulation.trial import Trial
from federated.job import PersonalizationConfig
from federated.personalization.method import Method
from federated.personalization.program import TrainedMethod
from thumbprint.comparison.analysis.statistics import bootstrap_mean
from thumbprint.comparison.measure.device_evaluator import DeviceEvaluator
from thumbprint.comparison.measure.setting import ComparisonSetup
from thumbprint.comparison.measure.tff_evaluator import Counts, TffEvaluator
from thumbprint.comparison.results import ENOUGH, DriftPoint, ScarcityPoint

STEPS = (0, 2, 5, 10, 20)


def drift(
    setting: ComparisonSetup,
    in_tff: TffEvaluator,
    method: Method,
    config: PersonalizationConfig,
    learnt: TrainedMethod,
    users: Sequence[str],
) -> list[DriftPoint]:
    """Personalizes each user with K steps, and tests them on some of their own messages and of the next user's."""
    learn = {user: setting.clients.training_messages(user) for user in users}
    test = {user: setting.clients.test_messages(user)[:ENOUGH] for user in users}
    others = [*users[1:], *users[:1]]
    own = [(user, learn[user], test[user]) for user in users]
    foreign = [(user, learn[user], test[other]) for user, other in zip(users, others, strict=True)]
    points, before = [], (0.0, 0.0)
    for steps in STEPS:
        stepped = config.model_copy(update={"steps": steps})
        mine, theirs = (_recall(in_tff.measured(method, stepped, learnt, group)) for group in (own, foreign))
        before = (mine, theirs) if steps == 0 else before
        points.append(DriftPoint(steps=steps, own_gain=mine - before[0], others_change=theirs - before[1]))
    return points


def _recall(tallies: Iterable[Counts]) -> float:
    recalls = [one.personal.recall_at_3 for one in tallies]
    return float(np.mean(recalls)) if recalls else 0.0


SEEN = (5, 10, 30, 100, 300)


def scarcity(phones: DeviceEvaluator, bundle: Bundle, users: Sequence[str]) -> list[ScarcityPoint]:
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
