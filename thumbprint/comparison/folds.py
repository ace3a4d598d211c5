"""The folds of a comparison: in each, other users are the new phones, and a shared model is trained without them.

With n folds, each user is a new phone once (cross-validation by user). The figures pool the users of all folds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federated.corpus.store import Corpus
from federated.data.federated_data import FederatedData
from federated.job import DataConfig, Job
from federated.run import Run
from thumbprint.comparison.results import MethodResult


class CompareError(ValueError):
    """The comparison cannot be run; the message says what to do."""


@dataclass(frozen=True)
class Fold:
    """One fold.

    Attributes:
        job: The job of its shared model, with its `data.fold`.
        run: The folder of the training of the shared model.
        folder: Where its results are stored.
        given: Whether the training was given and finished before the comparison.
    """

    job: Job
    run: Run
    folder: Path
    given: bool

    @property
    def number(self) -> int:
        return self.job.data.fold

    def is_trained(self) -> bool:
        """Whether the shared model is finished, with exactly this job."""
        if self.given:
            return True
        finished = (self.run.path / "summary.json").exists()
        return finished and self.run.job() == self.job.model_copy(update={"corpus": None})

    def results(self) -> Path:
        """Returns the folder of the results with the trained shared model."""
        digest = hashlib.sha256((self.run.path / "best.safetensors").read_bytes()).hexdigest()
        return self.folder / f"model-{digest[:12]}"

    def new_phones(self, corpus: Corpus, min_messages: int) -> list[str]:
        """Returns the new phones with at least `min_messages` messages."""
        population = FederatedData.of(corpus, self.job.data, self.job.seed).population
        return list(population.new_phones.with_messages(min_messages))


def folds_of(
    job: Job, out: Path, count: int, runs: Sequence[Path] = (), shared_rounds: int | None = None
) -> list[Fold]:
    """Returns the folds of a comparison.

    Args:
        job: The job of the shared models.
        out: The folder of the comparison.
        count: Number of folds; 1 means the job's own split.
        runs: Finished trainings, one for each fold. If there are any, `count` is ignored.
        shared_rounds: Most rounds of the other trainings; None = those of the job.

    Raises:
        CompareError: two runs have the same new phones, or are folds of different splits.
        RunError: a folder holds no run.
    """
    if runs:
        given = [Run(path) for path in runs]
        jobs = [run.job() for run in given]
        if len({each.data.fold for each in jobs}) < len(jobs):
            raise CompareError("two of the runs have the same fold: give one run for each `fold` of the job's [data]")
        if len({(each.seed, each.data.model_copy(update={"fold": 0}).model_dump_json()) for each in jobs}) > 1:
            raise CompareError("the runs split the users differently: their jobs may differ in `fold` of [data] only")
        return [Fold(each, run, _folder(out, each.data), True) for each, run in zip(jobs, given, strict=True)]
    shared = "shared"
    if shared_rounds is not None and shared_rounds < job.training.rounds:
        job = job.model_copy(update={"training": job.training.model_copy(update={"rounds": shared_rounds})})
        shared = f"shared-{shared_rounds}"
    splits = [job.data]
    if count > 1:
        splits = [job.data.model_copy(update={"new_phone_share": 1 / count, "fold": fold}) for fold in range(count)]
    return [
        Fold(job.model_copy(update={"data": data}), Run(folder / shared), folder, False)
        for data in splits
        for folder in [_folder(out, data)]
    ]


def _folder(out: Path, data: DataConfig) -> Path:
    """Returns the folder of a fold. A split with other shares has other folders."""
    return out / f"fold-{data.fold}-share-{data.new_phone_share:.3g}"


def pooled(results: Sequence[MethodResult]) -> MethodResult:
    """Returns the result of a method with the users of all its folds. Its costs are those of the first fold."""
    return results[0].model_copy(
        update={
            "clients": tuple(row for result in results for row in result.clients),
            "settings_by_fold": tuple(result.settings for result in results),
        }
    )
