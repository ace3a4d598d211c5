"""What methods cost and need: bytes sent, bytes stored, messages seen, and what personal models forget.

Bytes sent are computed from the inputs and outputs of a round (float32 numbers of 4 bytes). Storage and the gain by
messages seen are measured on simulated phones, forgetting in TFF.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import tensorflow as tf

from device_runtime.bundle.loader import Bundle
from device_runtime.simulation.trial import Trial
from federated.job import PersonalizationConfig
from federated.personalization.method import Method
from federated.personalization.program import TrainedMethod
from keyboard_model.user_statistics import mean
from thumbprint.comparison.measure.comparison_setup import ComparisonSetup
from thumbprint.comparison.measure.device_evaluator import DeviceEvaluator
from thumbprint.comparison.measure.tff_evaluator import TffEvaluator, UserCounts
from thumbprint.comparison.results import (
    COST_TEST_MESSAGES,
    Communication,
    CurvePoint,
    DriftPoint,
    ScarcityPoint,
    StoredAs,
)

COMPRESSED_SHARE = 0.25
"""8 bits per number instead of 32 (`federated.aggregation`). The few unquantized numbers are ignored."""
DRIFT_STEPS = (0, 2, 5, 10, 20)
Recalls = Mapping[str, float]
"""recall_at_3 by user."""
MESSAGES_SEEN = (5, 10, 30, 100, 300)

_WITHOUT_ROUNDS = ("local_only", "centralized")
"""Methods that never send a model: each client trains alone, or all messages are in one place."""
_Form = Literal["fp32", "fp16", "int8", "sparse_bias"]
_ENCODINGS: dict[_Form, str] = {"fp32": "float32", "fp16": "float16", "int8": "int8", "sparse_bias": "sparse"}
"""The adapter encodings of a recipe by their names in the report."""


def communication(
    setup: ComparisonSetup, method: Method, config: PersonalizationConfig, trained: TrainedMethod
) -> Communication | None:
    """Returns what a method sends: the rounds of the shared model, plus the rounds of the method itself.

    In a method's own round, each client downloads the server's value and uploads an update. The shared model is part of
    the app. None if no model is ever sent.
    """
    if method.name in _WITHOUT_ROUNDS:
        return None
    rounds = method.context(config, setup.tokenizer.bos).config.federated.rounds
    shared = _shared_model(setup)
    if not rounds:
        return shared
    down = _bytes_of(trained.server)
    up = math.ceil(down * (COMPRESSED_SHARE if config.federated.compressed else 1.0))
    own = _communication(setup, up, down, rounds, config.federated.clients_per_round, ())
    return own.model_copy(
        update={
            "bytes_total": own.bytes_total + shared.bytes_total,
            "bytes_per_client": own.bytes_per_client + shared.bytes_per_client,
            "rounds": own.rounds + shared.rounds,
            "curve": shared.curve,
        }
    )


def _shared_model(setup: ComparisonSetup) -> Communication:
    """Returns what the shared model sent until its best round: all weights, down and up."""
    model = _bytes_of(setup.shared.parameters)
    summary = setup.run.read_json("summary.json")
    cohort = setup.job.training.clients_per_round
    rounds = summary["best_round"] or summary["rounds"]
    return _communication(setup, model, model, rounds, cohort, _curve(setup, 2 * model * cohort))


def _bytes_of(structure: object) -> int:
    """Returns the bytes of all numbers in a structure."""
    return sum(np.asarray(part).nbytes for part in tf.nest.flatten(structure))


def _communication(
    setup: ComparisonSetup, up: int, down: int, rounds: int, cohort: int, curve: Sequence[CurvePoint]
) -> Communication:
    total = (up + down) * cohort * rounds
    return Communication(
        bytes_up_a_round=up,
        bytes_down_a_round=down,
        rounds=rounds,
        cohort=cohort,
        bytes_per_client=total / max(len(setup.clients.population.training), 1),
        bytes_total=total,
        curve=tuple(curve),
    )


def _curve(setup: ComparisonSetup, bytes_per_round: int) -> list[CurvePoint]:
    return [
        CurvePoint(round=int(row["round"]), bytes=int(row["round"]) * bytes_per_round, recall_at_3=recall)
        for row in setup.run.read_rounds()
        if not math.isnan(recall := float(row["recall_at_3"]))
    ]


def storage(phones: DeviceEvaluator, bundle: Bundle, users: Sequence[str]) -> list[StoredAs]:
    """Measures adapter sizes and recall for each adapter encoding, on each user's phone.

    Phones that kept no adapter do not count in the sizes. An encoding that no phone used is left out.
    """
    results = []
    for form, encoding in _ENCODINGS.items():
        recipe = bundle.manifest.recipe.model_copy(update={"adapter_dtype": encoding})
        encoded = replace(bundle, manifest=bundle.manifest.model_copy(update={"recipe": recipe}))
        trials = phones.without_typing(encoded, phones.setup.simulated_users(users), COST_TEST_MESSAGES)
        sizes = [trial.adapter_bytes for trial in trials if trial.adapter_bytes]
        if sizes:
            recall = float(np.mean([trial.personal.recall_at_3 for trial in trials]))
            results.append(
                StoredAs(form=form, bytes_p50=int(np.median(sizes)), bytes_max=max(sizes), recall_at_3=recall)
            )
    return results


def scarcity(phones: DeviceEvaluator, bundle: Bundle, users: Sequence[str]) -> list[ScarcityPoint]:
    """Measures the gain of phones that saw only the newest 5, 10, ... messages before the same test.

    A point includes the users who have that many messages. A point without users is left out.
    """
    setup, points = phones.setup, []
    for seen in MESSAGES_SEEN:
        eligible = [user for user in users if len(setup.clients.training_messages(user)) >= seen]
        trials = phones.without_typing(bundle, setup.simulated_users(eligible), COST_TEST_MESSAGES, seen)
        if trials:
            points.append(_scarcity_point(seen, trials, setup.job.seed))
    return points


def _scarcity_point(messages_seen: int, trials: Sequence[Trial], seed: int) -> ScarcityPoint:
    gains = [trial.personal.recall_at_3 - trial.shared.recall_at_3 for trial in trials]
    recall = float(np.mean([trial.personal.recall_at_3 for trial in trials]))
    return ScarcityPoint(messages_seen=messages_seen, users=len(trials), gain=mean(gains, seed), recall_at_3=recall)


def drift(
    setup: ComparisonSetup,
    in_tff: TffEvaluator,
    method: Method,
    config: PersonalizationConfig,
    trained: TrainedMethod,
    users: Sequence[str],
) -> list[DriftPoint]:
    """Measures recall by the number of local steps, on each user's own messages and on those of the next user."""
    learn = {user: list(setup.clients.training_messages(user)) for user in users}
    test = {user: list(setup.clients.test_messages(user)[:COST_TEST_MESSAGES]) for user in users}
    others = [*users[1:], *users[:1]]
    on_own = [(user, learn[user], test[user]) for user in users]
    on_others = [(user, learn[user], test[other]) for user, other in zip(users, others, strict=True)]
    recalls = {
        steps: [
            _recalls(in_tff.evaluate(method, config.model_copy(update={"steps": steps}), trained, tests))
            for tests in (on_own, on_others)
        ]
        for steps in DRIFT_STEPS
    }
    if not all(recalls[0]):  # no user has a word to test
        return []
    return [_drift_point(steps, recalls[0], after, setup.job.seed) for steps, after in recalls.items()]


def _recalls(users: Iterable[UserCounts]) -> dict[str, float]:
    return {user.user: user.personal.recall_at_3 for user in users}


def _drift_point(steps: int, at_zero: Sequence[Recalls], after: Sequence[Recalls], seed: int) -> DriftPoint:
    own, others = (
        mean([late[user] - recall for user, recall in early.items()], seed)
        for early, late in zip(at_zero, after, strict=True)
    )
    return DriftPoint(steps=steps, own_gain=own, others_change=others)
