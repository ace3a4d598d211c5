"""Compares the recommended method with the measured best, on the graded populations and on the real corpus.

It trains a small shared model on each population, and `thumbprint compare` measures the methods that can be
recommended. Results are stored in runs/graded, and a second run reuses them. The real corpus counts only if it has
been compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure.results import Figure, Machine, publish, write_between
from benchmarks.results_page import COMPARISON, ROOT, percent
from federated.heterogeneity.recommendation import Recommendation
from federated.job import Job
from keyboard_model.user_statistics import mean
from thumbprint.comparison.analysis.report import load_comparison
from thumbprint.comparison.analysis.statistics import paired_rows
from thumbprint.comparison.compare import compare
from thumbprint.comparison.results import REFERENCE, Budget, Comparison

METHODS = ("user_history", "ditto", "clustered", "local_only", "thumbprint")
"""The methods that can be recommended, except the shared model itself."""
BUDGET = Budget(trials=2, tuning_rounds=5, rounds=15, epochs=1, seen_users=0, beside=False)
JOB = Job.model_validate(
    {
        "name": "graded",
        "data": {"new_phone_share": 0.3, "validation_share": 0.2},
        "tokenizer": {"vocab_size": 1024},
        "model": {"embedding": 32, "cells": 96},
        "training": {
            "rounds": 80,
            "client_learning_rate": 2.0,
            "server_learning_rate": 0.02,
            "server_epsilon": 1e-5,
            "dropout": 0.1,
            "word_dropout": 0.0,
            "evaluate_every": 20,
            "patience": 4,
        },
        "personalization": {"federated": {"max_windows": 32}},
    }
)
REAL = "NUS SMS"
DOC = ROOT / "docs" / "heterogeneity.md"
BEGIN, END = "<!-- measured: written by `python -m benchmarks.graded --measure`, not by hand -->", "<!-- /measured -->"


@dataclass(frozen=True)
class Outcome:
    """The result of one population.

    Attributes:
        advised: The recommended method.
        users: Number of new phones.
        recalls: recall_at_3 of each method, mean over new phones. For a method measured in TFF it is the shared model's
            recall on the phone plus the gain in TFF.
        loss: Recall that the best method gains over the recommended one, mean over new phones, with its interval;
            None if the recommended method was not measured.
    """

    advised: str
    users: int
    recalls: dict[str, float]
    loss: tuple[float, float | None, float | None] | None

    @property
    def best(self) -> str:
        return max(self.recalls, key=lambda method: self.recalls[method])


def outcomes(
    populations: Sequence[tuple[str, Path]], advice: Mapping[str, Recommendation], report: Callable[[str], None]
) -> Iterator[tuple[str, Outcome]]:
    """Compares the methods on each population, and reads the comparison on the real corpus if there is one."""
    made_of = hashlib.sha256(JOB.model_dump_json().encode()).hexdigest()[:8]
    for name, path in populations:
        compared = compare(
            JOB,
            path,
            path.parent / f"{path.stem}-{made_of}",
            methods=METHODS,
            budget=BUDGET,
            on_progress=lambda line, name=name: report(f"{name}: {line}"),  # type: ignore[misc]
        )
        yield name, outcome(compared, advice[name].method)
    real = COMPARISON / "report.json"
    if REAL in advice and real.exists():
        yield REAL, outcome(load_comparison(real).comparison, advice[REAL].method)


def outcome(compared: Comparison, advised: str) -> Outcome:
    """Compares the recommended method with the best method measured on new phones."""
    by_method = {REFERENCE: _by_user(compared, REFERENCE)}
    for method in compared.methods:
        if method.name in METHODS:
            by_method[method.name] = _by_user(compared, method.name)
    recalls = {name: float(np.mean(list(of.values()))) for name, of in by_method.items() if of}
    best = max(recalls, key=lambda name: recalls[name])
    loss = None
    if advised in recalls:
        lost = [by_method[best][user] - value for user, value in by_method[advised].items()]
        found = mean(lost, compared.seed)
        loss = (found.value, found.low, found.high)
    return Outcome(advised, len(by_method[REFERENCE]), recalls, loss)


def _by_user(compared: Comparison, name: str) -> dict[str, float]:
    """Returns each new phone's recall_at_3 with a method: the shared model's on the phone, plus the method's gain."""
    method, shared = compared.method(name), compared.method(REFERENCE)
    assert method is not None, "each of METHODS runs on these populations"
    assert shared is not None, "the reference is always measured"
    on_phone = {row.user_id: row.counts.recall_at_3 for row in shared.clients if row.words}
    return {
        pair.personal.user_id: on_phone[pair.personal.user_id] + pair.gain
        for pair in paired_rows(compared, method, "new_phone")
    }


def publish_outcomes(found: Mapping[str, Outcome], machine: Machine) -> None:
    """Writes runs/benchmarks/graded.json and the table in docs/heterogeneity.md."""
    figures = [
        Figure(f"{name.replace(' ', '_')}_loss", f"{name}: recall@3 that the advice loses", 100 * one.loss[0], "points")
        for name, one in found.items()
        if one.loss
    ]
    samples: dict[str, Any] = {
        name: {
            "advised": one.advised,
            "best": one.best,
            "users": one.users,
            "recall_at_3": one.recalls,
            "loss": one.loss,
        }
        for name, one in found.items()
    }
    publish("graded", figures, samples, machine)
    write_between(DOC, BEGIN, END, table(found))


def table(found: Mapping[str, Outcome]) -> str:
    """Returns the outcomes as a Markdown table."""
    methods = (REFERENCE, *METHODS)
    heads = ["population", "new phones", *(f"`{method}`" for method in methods), "advised", "it loses, points"]
    rows = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for name, one in found.items():
        recalls = (percent(one.recalls[method]) if method in one.recalls else "" for method in methods)
        marked = (
            f"**{shown}**" if method == one.best else shown for method, shown in zip(methods, recalls, strict=True)
        )
        rows.append(f"| {' | '.join([name, str(one.users), *marked, f'`{one.advised}`', _lost(one)])} |")
    return "\n".join(rows)


def _lost(one: Outcome) -> str:
    if one.loss is None:
        return "not measured"
    value, low, high = (None if part is None else f"{100 * part:.1f}" for part in one.loss)
    return str(value) if low is None or one.advised == one.best else f"{value} [{low}, {high}]"
