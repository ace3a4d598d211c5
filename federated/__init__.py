"""Federated training of the shared model, and its personalization, in TensorFlow Federated.

Start here:

    Job, load_job      the settings of a training run: keyword arguments with defaults, or a TOML file
    import_corpus      imports exported messages into a corpus, an SQLite file of messages by user
    Corpus             reads a corpus, one user at a time
    train              trains the models of a job on a corpus, in the folder of a run
    Run                reads a run: its job, tokenizer, weights, n-grams
    evaluate           measures the recall of the shared and the personal models on test messages
    pretrain, Base     makes and reads a model pre-trained on public text, from which `train` can start
    FederatedData      the users of a corpus as federated clients, split by role

Inside: `corpus` (import, storage, synthetic data), `data` (split of users, cohorts, client batches), `pretraining` (a
base of public text), `training` (FedAvg rounds and their callbacks), `local_training` (a client's steps), `aggregation`
(q-FedAvg, 8-bit means), `privacy` (noise, accounting, ledger), `personalization` (the interface of a method, and its
rounds), `algorithms` (one file for each personalization method), `evaluation`, `audit` (an attack on a training),
`heterogeneity` (how much the users differ, and which method fits), `run` (the folder of a run) and `runtime` (TFF
workers).

All names are imported on first use. Most of them need TensorFlow (the extra `train`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyboard_model.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from federated.base import Base, BaseError
    from federated.corpus.importers.import_source import import_corpus
    from federated.corpus.schema import CorpusError
    from federated.corpus.store import Corpus
    from federated.data.federated_data import FederatedData
    from federated.evaluation.evaluate_run import Evaluation, evaluate
    from federated.job import Job, JobError, load_job
    from federated.pretraining.pretrain import pretrain
    from federated.pretraining.settings import Pretraining
    from federated.run import Run, RunError
    from federated.training.train_run import train
else:
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            "federated.base": ("Base", "BaseError"),
            "federated.corpus.importers.import_source": ("import_corpus",),
            "federated.corpus.schema": ("CorpusError",),
            "federated.corpus.store": ("Corpus",),
            "federated.data.federated_data": ("FederatedData",),
            "federated.evaluation.evaluate_run": ("Evaluation", "evaluate"),
            "federated.job": ("Job", "JobError", "load_job"),
            "federated.pretraining.pretrain": ("pretrain",),
            "federated.pretraining.settings": ("Pretraining",),
            "federated.run": ("Run", "RunError"),
            "federated.training.train_run": ("train",),
        },
    )

__all__ = [
    "Base",
    "BaseError",
    "Corpus",
    "CorpusError",
    "Evaluation",
    "FederatedData",
    "Job",
    "JobError",
    "Pretraining",
    "Run",
    "RunError",
    "evaluate",
    "import_corpus",
    "load_job",
    "pretrain",
    "train",
]
