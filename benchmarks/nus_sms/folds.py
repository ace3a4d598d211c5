"""The steps of one fold of the main job, and the figures of all folds. Each result is a file, made once.

In fold k, a fifth of the users are new phones of the shared model. The users that are measured as "in training" are the
new phones of the fold before, so that each user is measured once in each group.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.nus_sms.kenlm_baseline import KenlmTrigram, WordModel, recall
from benchmarks.nus_sms.publishable_trigram import PublishableTrigram
from device_runtime.bundle.loader import load_bundle
from device_runtime.bundle.signing_keys import SigningKeys
from device_runtime.simulation.held_out import DEFAULT_PLAN
from device_runtime.simulation.report import FailedUser, Report
from device_runtime.simulation.simulator import aggregate, run_trials
from device_runtime.simulation.trial import Trial
from federated.corpus.store import Corpus
from federated.data.federated_data import FederatedData
from federated.job import Job
from keyboard_model.storage.durable_files import atomic_write
from keyboard_model.user_statistics import pooled, spread
from thumbprint.pipeline.simulate import corpus_info, simulated_users

MIN_MESSAGES = 20
"""Users with fewer messages are left out."""
MIN_CLIENTS = 2
"""Fewest users of an n-gram of the trigram that could be published."""
GROUPS = ("training", "new_phones")
Tallies = dict[str, tuple[int, int, int]]
"""(words, hits at 1, hits at 3) of each user."""


def thumbprint(*arguments: object) -> None:
    """Runs one command as a user would. If it fails, the benchmark ends."""
    command = [sys.executable, "-m", "thumbprint", *map(str, arguments)]
    print("$ thumbprint", *map(str, arguments), flush=True)
    subprocess.run(command, check=True)


@dataclass(frozen=True)
class BenchmarkFold:
    """One fold in its own folder.

    Attributes:
        job_file: The job file of all folds.
        job: The job of this fold.
        folder: Where its results are.
        corpus: The file of the messages.
        keys: Sign the bundles.
    """

    job_file: Path
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

    def make(self) -> None:
        """Trains, evaluates and exports the shared model, and estimates the trigrams, unless that is done."""
        fold = ("--fold", self.job.data.fold)
        if not (self.run / "summary.json").exists():
            thumbprint("train", self.job_file, "--corpus", self.corpus, "--run", self.run, "--resume", *fold)
        if not (self.run / "evaluation.json").exists():
            thumbprint("evaluate", self.run, "--corpus", self.corpus)
        if not self.bundle.exists():
            thumbprint("export", self.run, "--out", self.bundle, "--key", self.keys.private, "--job", self.job_file)
        for group in GROUPS:
            print(f"fold {self.job.data.fold}: phones of {group}", flush=True)
            self.phones(group)
        self.trigrams()

    def users(self, group: str) -> list[str]:
        """Returns the users of a group that are measured in this fold."""
        data = self.job.data
        with Corpus.open(self.corpus) as corpus:
            if group == "training" and data.folds > 1:
                data = data.model_copy(update={"fold": (data.fold - 1) % data.folds})
                group = "new_phones"
            users = getattr(FederatedData.of(corpus, data, self.job.seed).population, group)
            return list(users.with_messages(MIN_MESSAGES))

    def phones(self, group: str) -> tuple[list[Trial], list[FailedUser]]:
        """Returns the trials of a group. Those that are stored are not run again."""
        folder = self.folder / group
        folder.mkdir(parents=True, exist_ok=True)
        with Corpus.open(self.corpus) as corpus:
            users = simulated_users(corpus, self.users(group))
            return run_trials(load_bundle(self.bundle, self.keys.public), users, folder=folder)

    def trigrams(self) -> dict[str, dict[str, Tallies]]:
        """Returns the tallies of both trigrams for each group, on the same users, split and words as the phones'."""
        path = self.folder / "trigrams.json"
        if not path.exists():
            print(f"fold {self.job.data.fold}: trigrams", flush=True)
            groups = {group: self.users(group) for group in GROUPS}
            with Corpus.open(self.corpus) as corpus:
                clients = FederatedData.of(corpus, self.job.data, self.job.seed)
                training = list(clients.all_training_messages())
                models: dict[str, WordModel] = {
                    "kenlm": KenlmTrigram.train(message for messages in training for message in messages),
                    "publishable": PublishableTrigram.train(training, MIN_CLIENTS),
                }
                tallies = {
                    name: {
                        group: {user: recall(model, clients.test_messages(user)) for user in users}
                        for group, users in groups.items()
                    }
                    for name, model in models.items()
                }
            atomic_write(path, json.dumps(tallies, indent=2).encode())
        content: dict[str, dict[str, Tallies]] = json.loads(path.read_text())
        return content


def report(folds: Sequence[BenchmarkFold], group: str) -> Report:
    """Returns the report of the phones of all folds."""
    results = [fold.phones(group) for fold in folds]
    first = folds[0]
    with Corpus.open(first.corpus) as corpus:
        about = corpus_info(corpus)
    return aggregate(
        [trial for trials, _ in results for trial in trials],
        [user for _, failed in results for user in failed],
        manifest=load_bundle(first.bundle, first.keys.public).manifest,
        corpus=about,
        min_messages=MIN_MESSAGES,
        train_share=DEFAULT_PLAN.train_share,
    )


def trigram_figures(tallies_of_folds: Sequence[Mapping[str, Mapping[str, Tallies]]]) -> dict[str, Any]:
    """Returns the recalls of each trigram and group over the users of all folds: over all words, and by user."""
    return {
        name: {
            group: _recalls([tally for fold in tallies_of_folds for tally in fold[name][group].values() if tally[0]])
            for group in GROUPS
        }
        for name in tallies_of_folds[0]
    }


def _recalls(tallies: Sequence[tuple[int, int, int]]) -> dict[str, Any]:
    words = [tally[0] for tally in tallies]
    figures: dict[str, Any] = {"users": len(tallies), "words": sum(words), "pooled": {}}
    for at, metric in ((1, "recall_at_1"), (2, "recall_at_3")):
        over_all = pooled([tally[at] for tally in tallies], words)
        figures["pooled"][metric] = over_all and asdict(over_all)
        figures[metric] = asdict(spread([tally[at] / tally[0] for tally in tallies]))
    return figures


def neural_figures(evaluations: Sequence[Any]) -> dict[str, Any]:
    """Returns the recalls of the neural models of all folds, from the contents of their `evaluation.json`.

    These have no figures by user, so the results have no intervals.
    """
    figures: dict[str, Any] = {}
    for group in GROUPS:
        parts = [evaluation["groups"][group] for evaluation in evaluations]
        clients, words = (sum(part[unit] for part in parts) for unit in ("clients", "words"))
        figures[group] = {"users": clients, "words": words, "pooled": {}}
        for metric in ("recall_at_1", "recall_at_3"):
            shared = [part["models"]["shared"] for part in parts]
            hits = sum(
                part["words"] * model["pooled"][metric]["value"] for part, model in zip(parts, shared, strict=True)
            )
            means = sum(part["clients"] * model[metric]["mean"] for part, model in zip(parts, shared, strict=True))
            figures[group]["pooled"][metric] = {"value": hits / words, "low": None, "high": None}
            figures[group][metric] = {"mean": means / clients, "low": None, "high": None}
    return figures
