"""What training sends, counted from what goes in and out of a round's computation (float32 numbers of 4 bytes).

What an adapter weighs in each form, and what that form costs in recall, on the phones themselves.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import tensorflow as tf

from device_runtime.bundle.loader import Bundle
from federated.job import PersonalizationConfig
from federated.personalization.method import Method
from federated.personalization.program import TrainedMethod
from thumbprint.comparison.measure.device_evaluator import DeviceEvaluator
from thumbprint.comparison.measure.setting import ComparisonSetup
from thumbprint.comparison.results import ENOUGH, Communication, CurvePoint, StoredAs

COMPRESSED = 0.25
"""8 bits a number for 32 (`federated.aggregation`); the few that are not quantized do not count."""

_WITHOUT_ROUNDS = ("local_only", "centralized")
"""Each client alone, and everybody's messages in one place: no model is ever sent for these."""


def size(structure: object) -> int:
    """Bytes of a structure's numbers."""
    return sum(np.asarray(part).nbytes for part in tf.nest.flatten(structure))


def shared_model(setting: ComparisonSetup) -> Communication:
    """What the shared model cost until its best round: down and up, all weights."""
    model = size(setting.base.parameters)
    best = setting.run.read_json("summary.json")["best_round"] or setting.run.read_json("summary.json")["rounds"]
    cohort = setting.job.training.clients_per_round
    return _sent(setting, model, model, best, cohort, _curve(setting, 2 * model * cohort))


def own_rounds(
    setting: ComparisonSetup, method: Method, config: PersonalizationConfig, learnt: TrainedMethod
) -> Communication | None:
    """What a method's own rounds cost on top: the server's value down, an update up; the base ships with the app.

    None where no model is ever sent.
    """
    if method.name in _WITHOUT_ROUNDS:
        return None
    rounds = method.context(config, setting.tokenizer.bos).config.federated.rounds
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


def _sent(
    setting: ComparisonSetup, up: int, down: int, rounds: int, cohort: int, curve: Sequence[CurvePoint]
) -> Communication:
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


def _curve(setting: ComparisonSetup, bytes_a_round: int) -> list[CurvePoint]:
    with setting.run.rounds.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        CurvePoint(round=int(row["round"]), bytes=int(row["round"]) * bytes_a_round, recall_at_3=recall)
        for row in rows
        if not math.isnan(recall := float(row["recall_at_3"]))
    ]


_Form = Literal["fp32", "fp16", "int8", "sparse_bias"]
FORMS: dict[_Form, str] = {"fp32": "float32", "fp16": "float16", "int8": "int8", "sparse_bias": "sparse"}
"""The report's names, and the recipe's."""


def storage(phones: DeviceEvaluator, bundle: Bundle, users: Sequence[str]) -> list[StoredAs]:
    """Runs each user's phone with its adapter kept in each form; phones that kept no adapter weigh nothing."""
    found = []
    for name, form in FORMS.items():
        recipe = bundle.manifest.recipe.model_copy(update={"adapter_dtype": form})
        stored = replace(bundle, manifest=bundle.manifest.model_copy(update={"recipe": recipe}))
        measured = phones.shown_only(stored, phones.setting.simulated(users), ENOUGH)
        sizes = [trial.adapter_bytes for trial in measured if trial.adapter_bytes]
        if sizes:
            recall = float(np.mean([trial.personal.recall_at_3 for trial in measured]))
            found.append(StoredAs(form=name, bytes_p50=int(np.median(sizes)), bytes_max=max(sizes), recall_at_3=recall))
    return found
