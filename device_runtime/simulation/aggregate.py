"""From one trial a user to a report: per user first, then over users (Wang et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from device_runtime.manifest import Manifest
from device_runtime.simulation.report import (
    BundleInfo,
    ClientRow,
    CorpusInfo,
    FailedUser,
    Gain,
    Metrics,
    ModelSummary,
    Percentiles,
    Report,
    Sizes,
)
from device_runtime.simulation.trial import Trial
from keyboard_model.metrics import WordCounts, fraction_helped, fraction_hurt, gains, spread


def _metrics(counts: WordCounts) -> Metrics | None:
    if not counts.words:
        return None
    return Metrics(
        recall_at_1=counts.recall_at_1, recall_at_3=counts.recall_at_3, keystroke_savings=counts.keystroke_savings
    )


def _summary(counts: Sequence[WordCounts]) -> ModelSummary:
    return ModelSummary(
        recall_at_1=spread(c.recall_at_1 for c in counts),
        recall_at_3=spread(c.recall_at_3 for c in counts),
        keystroke_savings=spread(c.keystroke_savings for c in counts),
        pooled=_metrics(sum(counts, WordCounts())),
    )


def _relative(personal: float | None, shared: float | None) -> float | None:
    return personal / shared - 1 if personal is not None and shared else None


def _percentiles(values: Iterable[float]) -> Percentiles:
    x = np.fromiter(values, dtype=np.float64)
    if not x.size:
        return Percentiles(p50=None, p90=None, p99=None, max=None)
    p50, p90, p99, largest = (float(v) for v in np.percentile(x, [50, 90, 99, 100]))
    return Percentiles(p50=p50, p90=p90, p99=p99, max=largest)


def _sizes(stored: Sequence[int]) -> Sizes:
    return Sizes(p50=round(float(np.median(stored))), max=max(stored)) if stored else Sizes(p50=None, max=None)


def _row(trial: Trial, in_aggregates: bool) -> ClientRow:
    return ClientRow(
        user_id=trial.user_id,
        messages=trial.messages,
        words_tested=trial.shared.words,
        shared=_metrics(trial.shared),
        personal=_metrics(trial.personal),
        verdict=trial.verdict,
        adapter_bytes=trial.adapter_bytes,
        adaptation_seconds=trial.adaptation_seconds,
        in_aggregates=in_aggregates,
    )


def aggregate(
    trials: Sequence[Trial],
    failed: Sequence[FailedUser],
    *,
    manifest: Manifest,
    corpus: CorpusInfo,
    min_messages: int,
    train_share: float,
) -> Report:
    """Returns the report of these trials; times and sizes are those of the users in the aggregates.

    Args:
        trials: One a user, in the order the report lists them.
        failed: Users who have no trial.
        manifest: The bundle's.
        corpus: Where the users are from.
        min_messages: A user with fewer, or without a word to test, has a row and is in no aggregate.
        train_share: Said in the report.
    """
    counted = [trial.messages >= min_messages and trial.shared.words > 0 for trial in trials]
    chosen = [trial for trial, counts in zip(trials, counted, strict=True) if counts]
    shared, personal = _summary([t.shared for t in chosen]), _summary([t.personal for t in chosen])
    recalls = [t.personal.recall_at_3 for t in chosen], [t.shared.recall_at_3 for t in chosen]
    return Report(
        bundle=BundleInfo(name=manifest.name, model_id=manifest.model_id, synthetic=manifest.provenance.synthetic),
        corpus=corpus,
        min_messages=min_messages,
        train_share=train_share,
        users=len(trials) + len(failed),
        clients_in_aggregates=len(chosen),
        shared=shared,
        personal=personal,
        gain=Gain(
            recall_at_3=spread(gains(*recalls)),
            relative_mean=_relative(personal.recall_at_3.mean, shared.recall_at_3.mean),
            relative_median=_relative(personal.recall_at_3.median, shared.recall_at_3.median),
        ),
        fraction_hurt=fraction_hurt(*recalls),
        fraction_helped=fraction_helped(*recalls),
        adapter_bytes=_sizes([t.adapter_bytes for t in chosen if t.adapter_bytes]),
        adaptation_seconds=_percentiles(t.adaptation_seconds for t in chosen),
        prediction_ms=_percentiles(ms for t in chosen for ms in t.prediction_ms),
        failed=tuple(failed),
        clients=tuple(_row(trial, counts) for trial, counts in zip(trials, counted, strict=True)),
    )
