"""What training sends, counted from what goes in and out of a round's computation (float32 numbers of 4 bytes)."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from federated.job import PersonalizationConfig
from federated.method import Method
from federated.personal_program import Learnt
from thumbprint.comparison.results import Communication, CurvePoint
from thumbprint.comparison.setting import Setting

COMPRESSED = 0.25
"""8 bits a number for 32 (`federated.compressed_mean`), the few that are not quantized left out of account."""

_WITHOUT_ROUNDS = ("local_only", "centralized")
"""Each client alone, and everybody's messages in one place: no model is ever sent for these."""


def size(structure: object) -> int:
    """Bytes of a structure's numbers."""
    return sum(np.asarray(part).nbytes for part in tf.nest.flatten(structure))


def shared_model(setting: Setting) -> Communication:
    """What the shared model cost until its best round: down and up, all weights."""
    model = size(setting.base.parameters)
    best = setting.run.read_json("summary.json")["best_round"] or setting.run.read_json("summary.json")["rounds"]
    cohort = setting.job.training.clients_per_round
    return _sent(setting, model, model, best, cohort, _curve(setting, 2 * model * cohort))


def own_rounds(setting: Setting, method: Method, config: PersonalizationConfig, learnt: Learnt) -> Communication | None:
    """What a method's own rounds cost on top: the server's value down, an update up; the base ships with the app.

    None where no model is ever sent.
    """
    if method.name in _WITHOUT_ROUNDS:
        return None
    rounds = method.plan(config, setting.tokenizer.bos).config.federated.rounds
    if not rounds:
        return shared_model(setting)
    down = size(learnt.server)
    up = math.ceil(down * (COMPRESSED if config.federated.compressed else 1.0))
    before = shared_model(setting)
    own = _sent(setting, up, down, rounds, config.federated.clients_per_round, ())
    return own.model_copy(
        update={
            "bytes_total": own.bytes_total + before.bytes_total,
            "bytes_per_client": own.bytes_per_client + before.bytes_per_client,
            "rounds": own.rounds + before.rounds,
            "curve": before.curve,
        }
    )


def _sent(setting: Setting, up: int, down: int, rounds: int, cohort: int, curve: Sequence[CurvePoint]) -> Communication:
    total = (up + down) * cohort * rounds
    return Communication(
        bytes_up_a_round=up,
        bytes_down_a_round=down,
        rounds=rounds,
        cohort=cohort,
        bytes_per_client=total / max(len(setting.clients.population.training), 1),
        bytes_total=total,
        curve=tuple(curve),
    )


def _curve(setting: Setting, bytes_a_round: int) -> list[CurvePoint]:
    with setting.run.rounds.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        CurvePoint(round=int(row["round"]), bytes=int(row["round"]) * bytes_a_round, recall_at_3=recall)
        for row in rows
        if not math.isnan(recall := float(row["recall_at_3"]))
    ]
