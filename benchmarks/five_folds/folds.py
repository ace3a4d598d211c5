"""The steps of one fold of the main job, and the figures of all folds. Each result is a file, made once.

In fold k, a fifth of the users are new phones of the shared model. The users that are measured as "in training" are the
new phones of the fold before, so that each user is measured once in each group.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks.five_folds.corpora import HERE, BenchmarkCorpus
from benchmarks.five_folds.kenlm_baseline import KenlmTrigram, WordModel, recall
from benchmarks.five_folds.publishable_trigram import PublishableTrigram
from benchmarks.measure.recalls import Tally, differences, recalls, tally
from benchmarks.measure.user_counts import counts_of
from device_runtime.bundle.loader import load_bundle
from device_runtime.bundle.signing_keys import SigningKeys
from device_runtime.simulation.held_out import TrialPlan
from device_runtime.simulation.report import FailedUser, Report
from device_runtime.simulation.simulator import aggregate, run_trials
from device_runtime.simulation.trial import Trial
from federated.corpus.store import Corpus
from federated.data.federated_data import FederatedData
from federated.job import Job
from federated.run import Run
from federated.runtime.execution_context import execution_context
from keyboard_model.metrics import WordCounts
from keyboard_model.storage.durable_files import atomic_write
from thumbprint.pipeline.simulate import corpus_info, simulated_users

MIN_MESSAGES = 20
"""Users with fewer messages are left out."""
USER_HISTORY = HERE / "user_history.toml"
"""The job of the phones that only have their owner's n-grams."""
MIN_CLIENTS = 2
"""Fewest users of an n-gram of the trigram that could be published."""
BASELINE = "kenlm"
TRIGRAMS: Mapping[str, Callable[[Sequence[Iterable[str]]], WordModel]] = {
    "kenlm": lambda users: KenlmTrigram.train(chain.from_iterable(users)),
    "publishable": lambda users: PublishableTrigram.train(users, MIN_CLIENTS),
}
"""Estimates each trigram from the messages of users."""
ModelTallies = Mapping[str, Mapping[str, Mapping[str, Tally]]]
"""The tallies by model, group and user."""


def thumbprint(*arguments: object) -> None:
    """Runs one command as a user would. If it fails, the benchmark ends."""
    command = [sys.executable, "-m", "thumbprint", *map(str, arguments)]
    print("$ thumbprint", *map(str, arguments), flush=True)
    subprocess.run(command, check=True)


@dataclass(frozen=True)
class BenchmarkFold:
    """One fold in its own folder.

    Attributes:
        measured: The corpus, and what is measured on it.
        job: The job of this fold.
        folder: Where its results are.
        corpus: The file of the messages.
        keys: Sign the bundles.
    """

    measured: BenchmarkCorpus
    job: Job
    folder: Path
    corpus: Path
    keys: SigningKeys

    @property
    def run(self) -> Path:
        return self.folder / "train"

    @property
    def bundle(self) -> Path:
        return self.folder / f"{self.job.name}.bundle"

    @property
    def history_bundle(self) -> Path:
        return self.folder / "user_history.bundle"

    def make(self) -> None:
        """Trains, exports and measures the shared model, and the trigrams, unless that is done."""
        fold = ("--fold", self.job.data.fold)
        if not (self.run / "summary.json").exists():
            thumbprint("train", self.measured.job, "--corpus", self.corpus, "--run", self.run, "--resume", *fold)
        for bundle, job in ((self.bundle, self.measured.job), (self.history_bundle, USER_HISTORY)):
            if not bundle.exists():
                thumbprint("export", self.run, "--out", bundle, "--key", self.keys.private, "--job", job)
        for group in self.measured.groups:
            print(f"fold {self.job.data.fold}: phones of {group}", flush=True)
            self.phones(group)
        print(f"fold {self.job.data.fold}: phones with the owner's n-grams alone", flush=True)
        self.history_phones()
        self.trigrams()
        self.neural()

    def users(self, group: str) -> list[str]:
        """Returns the users of a group that are measured in this fold."""
        data = self.job.data
        with Corpus.open(self.corpus) as corpus:
            if group == "training" and data.folds > 1:
                data = data.model_copy(update={"fold": (data.fold - 1) % data.folds})
                group = "new_phones"
            users = getattr(FederatedData.of(corpus, data, self.job.seed).population, group)
            users = users.with_messages(MIN_MESSAGES)
            most = self.measured.most_users
            return list(users if most is None else users.sample(most, self.job.seed))

    def phones(self, group: str) -> tuple[list[Trial], list[FailedUser]]:
        """Returns the trials of a group. Those that are stored are not run again."""
        return self._trials(self.bundle, group, self.folder / group, self.measured.plan)

    def history_phones(self) -> tuple[list[Trial], list[FailedUser]]:
        """Returns the trials of the new phones with the owner's n-grams alone. Those that are stored are not run
        again."""
        plan = replace(self.measured.plan, prequential=False, keystrokes=False, shared=False)
        return self._trials(self.history_bundle, "new_phones", self.folder / "user_history", plan)

    def _trials(self, bundle: Path, group: str, folder: Path, plan: TrialPlan) -> tuple[list[Trial], list[FailedUser]]:
        folder.mkdir(parents=True, exist_ok=True)
        with Corpus.open(self.corpus) as corpus:
            users = simulated_users(corpus, self.users(group))
            return run_trials(load_bundle(bundle, self.keys.public), users, folder=folder, plan=plan)

    def trigrams(self) -> ModelTallies:
        """Returns the tallies of the trigrams for each group, on the same users, split and words as the phones'."""

        def measure(data: FederatedData, users: Mapping[str, Sequence[str]]) -> ModelTallies:
            training = list(data.all_training_messages())
            tested = self.measured.plan.tested
            found = {}
            for name in self.measured.trigrams:
                model = TRIGRAMS[name](training)
                found[name] = {
                    group: {user: recall(model, data.test_messages(user)[:tested]) for user in of_group}
                    for group, of_group in users.items()
                }
            return found

        return self._tallies("trigrams", measure)

    def shared(self) -> ModelTallies:
        """Returns the tallies of the shared model on the phones of each group."""
        trials = {group: self.phones(group)[0] for group in self.measured.groups}
        return {
            "thumbprint": {
                group: {trial.user_id: tally(trial.shared) for trial in of_group} for group, of_group in trials.items()
            }
        }

    def neural(self) -> ModelTallies:
        """Returns the tallies of the neural model without the n-grams, on the same users. TFF computes them."""

        def measure(data: FederatedData, users: Mapping[str, Sequence[str]]) -> ModelTallies:
            run = Run(self.run)
            parameters, tokenizer = run.parameters(), run.tokenizer()
            with execution_context():
                counts = {
                    group: counts_of(of_group, data, parameters, tokenizer, messages=self.measured.plan.tested)(
                        parameters
                    )
                    for group, of_group in users.items()
                }
            return {
                "neural": {
                    group: {user: tally(words) for user, words in of_group.items()}
                    for group, of_group in counts.items()
                }
            }

        return self._tallies("neural", measure)

    def _tallies(
        self, name: str, measure: Callable[[FederatedData, Mapping[str, Sequence[str]]], ModelTallies]
    ) -> ModelTallies:
        """Returns what was measured on the users of both groups; it is stored under `name`."""
        path = self.folder / f"{name}.json"
        if not path.exists():
            print(f"fold {self.job.data.fold}: {name}", flush=True)
            users = {group: self.users(group) for group in self.measured.groups}
            with Corpus.open(self.corpus) as corpus:
                tallies = measure(FederatedData.of(corpus, self.job.data, self.job.seed), users)
            atomic_write(path, json.dumps(tallies, indent=2).encode())
        content: ModelTallies = json.loads(path.read_text())
        return content


def report(folds: Sequence[BenchmarkFold], group: str) -> Report:
    """Returns the report of the phones of all folds."""
    return _report(folds, [fold.phones(group) for fold in folds])


def report_over_user_history(folds: Sequence[BenchmarkFold]) -> Report:
    """Returns the report of the new phones of all folds with the owner's n-grams alone in place of the shared model."""
    results = []
    for fold in folds:
        trials, failed = fold.phones("new_phones")
        others, _ = fold.history_phones()
        results.append((compared_with(trials, others), failed))
    return _report(folds, results)


def compared_with(trials: Iterable[Trial], others: Iterable[Trial]) -> list[Trial]:
    """Returns the trials with the personal keyboard of another trial of the user in place of the shared one.

    Users without another trial are left out. No character is counted, because the others may not have counted any.
    """
    by_user = {other.user_id: other for other in others}
    return [
        trial.model_copy(
            update={
                "personal": _without_characters(trial.personal),
                "shared": _without_characters(by_user[trial.user_id].personal),
                "shared_shown": by_user[trial.user_id].personal_shown,
                "prequential": None,
                "prequential_shown": None,
            }
        )
        for trial in trials
        if trial.user_id in by_user
    ]


def _without_characters(counts: WordCounts) -> WordCounts:
    return replace(counts, characters=0, characters_saved=0, taps=0)


def _report(folds: Sequence[BenchmarkFold], results: Sequence[tuple[Sequence[Trial], Sequence[FailedUser]]]) -> Report:
    first = folds[0]
    with Corpus.open(first.corpus) as corpus:
        about = corpus_info(corpus)
    return aggregate(
        [trial for trials, _ in results for trial in trials],
        [user for _, failed in results for user in failed],
        manifest=load_bundle(first.bundle, first.keys.public).manifest,
        corpus=about,
        min_messages=MIN_MESSAGES,
        train_share=first.measured.plan.train_share,
    )


def figures(tallies_of_folds: Sequence[ModelTallies]) -> dict[str, Any]:
    """Returns the recalls of each model and group over the users of all folds: over all words, and by user.

    `over_baseline` of a model is its difference from `BASELINE`, of the same users.
    """
    found: dict[str, dict[str, Any]] = {name: {} for name in tallies_of_folds[0]}
    for group in tallies_of_folds[0][BASELINE]:
        by_model = {
            name: {user: own for fold in tallies_of_folds for user, own in fold[name][group].items() if own[0]}
            for name in found
        }
        for name, tallies in by_model.items():
            words = sum(of_user[0] for of_user in tallies.values())
            found[name][group] = {"users": len(tallies), "words": words, **recalls(tallies)}
            if name != BASELINE:
                found[name][group]["over_baseline"] = differences(tallies, by_model[BASELINE])
    return found
