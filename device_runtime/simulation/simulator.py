"""Simulates one phone for each user of a corpus, and reports what a bundle would do for each of them.

The report has figures for each user first, then over users (Wang et al. 2019).
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np

from device_runtime.bundle.loader import Bundle
from device_runtime.manifest import Manifest
from device_runtime.simulation.held_out import DEFAULT_PLAN, SimulatedUser, TrialPlan
from device_runtime.simulation.report import (
    BundleInfo,
    ClientRow,
    CorpusInfo,
    FailedUser,
    Gain,
    Metrics,
    ModelSummary,
    Percentiles,
    PooledMetrics,
    PooledRecall,
    PrequentialSummary,
    Recall,
    Report,
    Sizes,
)
from device_runtime.simulation.trial import Trial
from device_runtime.simulation.trial_queue import SimulationError, TrialQueue, TrialWorkerPool
from device_runtime.simulation.trial_store import TrialKeys, TrialStore
from keyboard_model.metrics import WordCounts, fraction_helped, fraction_hurt, gains
from keyboard_model.user_posterior import UserPosterior, count_changes, user_posteriors
from keyboard_model.user_statistics import fraction, pooled, relative_gain, spread


def simulate(
    bundle: Bundle,
    users: Iterable[SimulatedUser],
    *,
    corpus: CorpusInfo,
    folder: Path | None = None,
    min_messages: int = 20,
    plan: TrialPlan = DEFAULT_PLAN,
    workers: int = 2,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Runs one trial for each user and returns the report. See `run_trials` for the other arguments and errors.

    Args:
        corpus: Describes the users' corpus, for the report.
        min_messages: Users with fewer messages have a row but are in no aggregate. With 0, every user who has a word to
            test is in the aggregates.
    """
    if min_messages < 0:
        raise SimulationError(f"min_messages {min_messages} must be 0 or more")
    trials, failed = run_trials(bundle, users, folder=folder, plan=plan, workers=workers, progress=progress)
    return aggregate(
        trials,
        failed,
        manifest=bundle.manifest,
        corpus=corpus,
        min_messages=min_messages,
        train_share=plan.train_share,
    )


def run_trials(
    bundle: Bundle,
    users: Iterable[SimulatedUser],
    *,
    folder: Path | None = None,
    plan: TrialPlan = DEFAULT_PLAN,
    workers: int = 2,
    progress: Callable[[str], None] | None = None,
) -> tuple[list[Trial], list[FailedUser]]:
    """Gives each user a phone with `bundle`, lets it learn on its own, and tests it.

    A phone observes the first `plan.train_share` of its user's messages, adapts once, then predicts every word of the
    other messages, without learning from them and while counting them (`device_runtime.simulation.trial`). Everything
    in a trial except its times is deterministic.

    Args:
        bundle: The bundle on the phones.
        users: Read a few ahead of the workers. Each user_id occurs once.
        folder: Where `phones/` and `rows.jsonl` are stored. A second run reuses the finished users there. None: nothing
            is stored.
        plan: Which of each user's messages the phone learns from, and which are tested.
        workers: Number of processes. Each runs the interpreter with one thread.
        progress: Called with each user_id when its trial is done.

    Raises:
        SimulationError: an argument is out of range, a user_id occurs twice, or a worker died or cannot write.
        BundleError: the model does not run.
        TrialStoreError: `folder` cannot be written to, or another simulation is using it.
    """
    _check(plan, workers)
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(TrialStore(folder)) if folder else None
        phones = folder / "phones" if folder else Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            phones.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise SimulationError(f"cannot create the folder {phones}: {error.strerror or error}") from error
        pool = stack.enter_context(TrialWorkerPool(bundle, workers))

        def start(user: SimulatedUser, key: str) -> Future[Trial | FailedUser]:
            return pool.trial(user, phones / key[:24], store is not None, plan)

        return TrialQueue(start, TrialKeys(bundle.manifest, plan), store, workers).run(users, progress)


def _check(plan: TrialPlan, workers: int) -> None:
    if not 0 < plan.train_share < 1:
        raise SimulationError(
            f"train_share {plan.train_share} must be between 0 and 1: some messages to learn from, some to test"
        )
    if plan.seen is not None and plan.seen < 0:
        raise SimulationError(f"seen {plan.seen} must be 0 or more")
    if workers < 1:
        raise SimulationError(f"workers {workers} must be 1 or more")


def aggregate(
    trials: Sequence[Trial],
    failed: Sequence[FailedUser],
    *,
    manifest: Manifest,
    corpus: CorpusInfo,
    min_messages: int,
    train_share: float,
) -> Report:
    """Returns the report of these trials. Its times and sizes are those of the users in the aggregates.

    Args:
        trials: One for each user, in the order of the report's rows.
        failed: Users who have no trial.
        manifest: The bundle's manifest.
        corpus: The users' corpus.
        min_messages: A user with fewer messages, or without a word to test, has a row but is in no aggregate.
        train_share: For the report.
    """
    counted = [trial.messages >= min_messages and trial.shared.words > 0 for trial in trials]
    chosen = [trial for trial, counts in zip(trials, counted, strict=True) if counts]
    shared, personal = [t.shared for t in chosen], [t.personal for t in chosen]
    recalls = [counts.recall_at_3 for counts in personal], [counts.recall_at_3 for counts in shared]
    posteriors = _posteriors(chosen)
    return Report(
        bundle=BundleInfo(name=manifest.name, model_id=manifest.model_id, synthetic=manifest.provenance.synthetic),
        corpus=corpus,
        min_messages=min_messages,
        train_share=train_share,
        users=len(trials) + len(failed),
        clients_in_aggregates=len(chosen),
        shared=_summary(shared),
        personal=_summary(personal),
        gain=_gain(personal, shared),
        prequential=_prequential(chosen),
        fraction_hurt=fraction_hurt(*recalls),
        fraction_helped=fraction_helped(*recalls),
        likely_hurt=fraction(sum(each.hurt for each in posteriors.values()), len(posteriors)),
        likely_helped=fraction(sum(each.helped for each in posteriors.values()), len(posteriors)),
        adapter_bytes=_sizes([t.adapter_bytes for t in chosen if t.adapter_bytes]),
        adaptation_seconds=_percentiles(t.adaptation_seconds for t in chosen),
        prediction_ms=_percentiles(ms for t in chosen for ms in t.prediction_ms),
        failed=tuple(failed),
        clients=tuple(_row(trial, posteriors.get(trial.user_id)) for trial in trials),
    )


def _metrics(counts: WordCounts) -> Metrics | None:
    if not counts.words:
        return None
    return Metrics(
        recall_at_1=counts.recall_at_1,
        recall_at_3=counts.recall_at_3,
        keystroke_savings=counts.keystroke_savings,
        keystroke_savings_with_taps=counts.keystroke_savings_with_taps,
    )


def _recall(counts: WordCounts | None) -> Recall | None:
    if counts is None or not counts.words:
        return None
    return Recall(recall_at_1=counts.recall_at_1, recall_at_3=counts.recall_at_3)


def _summary(counts: Sequence[WordCounts]) -> ModelSummary:
    return ModelSummary(
        recall_at_1=spread([c.recall_at_1 for c in counts]),
        recall_at_3=spread([c.recall_at_3 for c in counts]),
        keystroke_savings=spread([c.keystroke_savings for c in counts]),
        keystroke_savings_with_taps=spread([c.keystroke_savings_with_taps for c in counts]),
        pooled=_pooled(counts),
    )


def _pooled(counts: Sequence[WordCounts]) -> PooledMetrics:
    words, characters = [c.words for c in counts], [c.characters for c in counts]
    return PooledMetrics(
        recall_at_1=pooled([c.hits_at_1 for c in counts], words),
        recall_at_3=pooled([c.hits_at_3 for c in counts], words),
        keystroke_savings=pooled([c.characters_saved for c in counts], characters),
        keystroke_savings_with_taps=pooled([c.characters_saved - c.taps for c in counts], characters),
    )


def _prequential(trials: Sequence[Trial]) -> PrequentialSummary | None:
    tested = [(trial.prequential, trial.shared) for trial in trials if trial.prequential]
    if not tested:
        return None
    counts, shared = [each for each, _ in tested], [each for _, each in tested]
    words = [each.words for each in counts]
    return PrequentialSummary(
        recall_at_1=spread([each.recall_at_1 for each in counts]),
        recall_at_3=spread([each.recall_at_3 for each in counts]),
        pooled=PooledRecall(
            recall_at_1=pooled([each.hits_at_1 for each in counts], words),
            recall_at_3=pooled([each.hits_at_3 for each in counts], words),
        ),
        gain=_gain(counts, shared),
    )


def _gain(personal: Sequence[WordCounts], shared: Sequence[WordCounts]) -> Gain:
    recalls = [c.recall_at_3 for c in personal], [c.recall_at_3 for c in shared]
    more = [p.hits_at_3 - s.hits_at_3 for p, s in zip(personal, shared, strict=True)]
    return Gain(
        recall_at_3=spread(gains(*recalls)),
        pooled=pooled(more, [c.words for c in shared]),
        relative_mean=relative_gain(*recalls),
        relative_median=relative_gain(*recalls, average=np.median),
    )


def _posteriors(trials: Sequence[Trial]) -> dict[str, UserPosterior]:
    changes = [count_changes(trial.personal_shown, trial.shared_shown) for trial in trials]
    found = user_posteriors(
        [trial.shared.words for trial in trials], [gained for gained, _ in changes], [lost for _, lost in changes]
    )
    return {trial.user_id: posterior for trial, posterior in zip(trials, found, strict=True)}


def _percentiles(values: Iterable[float]) -> Percentiles:
    x = np.fromiter(values, dtype=np.float64)
    if not x.size:
        return Percentiles(p50=None, p90=None, p99=None, max=None)
    p50, p90, p99, largest = (float(v) for v in np.percentile(x, [50, 90, 99, 100]))
    return Percentiles(p50=p50, p90=p90, p99=p99, max=largest)


def _sizes(stored: Sequence[int]) -> Sizes:
    return Sizes(p50=round(float(np.median(stored))), max=max(stored)) if stored else Sizes(p50=None, max=None)


def _row(trial: Trial, posterior: UserPosterior | None) -> ClientRow:
    gained, lost = count_changes(trial.personal_shown, trial.shared_shown)
    return ClientRow(
        user_id=trial.user_id,
        messages=trial.messages,
        words_tested=trial.shared.words,
        shared=_metrics(trial.shared),
        personal=_metrics(trial.personal),
        prequential=_recall(trial.prequential),
        gained=gained,
        lost=lost,
        hurt_probability=posterior.hurt_probability if posterior else None,
        helped_probability=posterior.helped_probability if posterior else None,
        verdict=trial.verdict,
        adapter_bytes=trial.adapter_bytes,
        adaptation_seconds=trial.adaptation_seconds,
        in_aggregates=posterior is not None,
    )
