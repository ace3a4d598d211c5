"""What a personal model forgets: its recall on other users' text, by the number of local steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from federated.job import PersonalizationConfig
from federated.method import Method
from federated.personal_program import Learnt
from thumbprint.comparison.budget import ENOUGH
from thumbprint.comparison.in_tff import Counts, InTff
from thumbprint.comparison.results import DriftPoint
from thumbprint.comparison.setting import Setting

STEPS = (0, 2, 5, 10, 20)


def drift(
    setting: Setting,
    in_tff: InTff,
    method: Method,
    config: PersonalizationConfig,
    learnt: Learnt,
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
