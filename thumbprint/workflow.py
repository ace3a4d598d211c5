"""The functions of `import thumbprint`. They call the other packages and import them only when called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from device_runtime.simulation.report import Report
    from federated.base import Base
    from federated.evaluation.evaluate_run import Evaluation
    from federated.job import Job
    from federated.personalization.method import Method
    from federated.pretraining.central_training import TrainingProgress
    from federated.pretraining.settings import Pretraining
    from federated.run import Run
    from federated.runtime.credentials import TrainingCredentials
    from federated.training.callbacks.callback import Callback, RoundReport
    from tflite_export.parity_check import ParityReport
    from thumbprint.comparison.results import Comparison


def _ignore(*_: object) -> None:
    pass


def train(
    job: Job,
    corpus: Path | str,
    run: Path | str,
    *,
    resume: bool = False,
    workers: Sequence[str] = (),
    credentials: TrainingCredentials | None = None,
    insecure: bool = False,
    concurrent_clients: int | None = None,
    round_minutes: float | None = None,
    on_stage: Callable[[str], None] = _ignore,
    on_round: Callable[[RoundReport], None] = _ignore,
    callbacks: Sequence[Callback] = (),
) -> Run:
    """Trains tokenizer, shared model and the job's method by federated learning, in the folder `run`.

    For the arguments and errors see `federated.training.train_run.train`.
    """
    from federated.training import train_run
    from federated.training.callbacks.round_reports import ReportProgress

    progress = ReportProgress(stage=on_stage, round=on_round)
    return train_run.train(
        job,
        Path(corpus),
        Path(run),
        resume=resume,
        workers=workers,
        credentials=credentials,
        insecure=insecure,
        concurrent_clients=concurrent_clients,
        round_minutes=round_minutes,
        callbacks=[progress, *callbacks],
    )


def pretrain(
    texts: Sequence[Path | str],
    out: Path | str,
    settings: Pretraining | None = None,
    *,
    word_list: Path | str | None = None,
    resume: bool = False,
    on_stage: Callable[[str], None] = _ignore,
    on_progress: Callable[[TrainingProgress], None] = _ignore,
) -> Base:
    """Trains a base on public text, from which a training starts with `training={"start": base.path}` in its job.

    For the arguments and errors see `federated.pretraining.pretrain.pretrain`. `settings` of None are the defaults.
    """
    from federated.pretraining.pretrain import pretrain as make_base
    from federated.pretraining.settings import Pretraining

    return make_base(
        [Path(text) for text in texts],
        Path(out),
        settings or Pretraining(),
        word_list=None if word_list is None else Path(word_list),
        resume=resume,
        on_stage=on_stage,
        on_progress=on_progress,
    )


def personalize(
    run: Run,
    method: str,
    *,
    corpus: Path | str | None = None,
    on_stage: Callable[[str], None] = _ignore,
    **settings: Any,
) -> Run:
    """Trains another personalization method on the shared model of a finished run.

    Afterwards the run's job names that method, so `evaluate` and `export_bundle` use it.

    Args:
        method: A name in `federated.algorithms.METHODS`.
        corpus: Where the run's corpus is now; None means where it was at training.
        on_stage: Called with a description of each stage.
        settings: Other fields of the job's `[personalization]`, such as `steps` or `options`.

    Raises:
        RunError: the folder holds no run, or `corpus` is not the run's corpus.
        JobError, CorpusError, WorkerError: see `federated.training.train_run.train`.
        pydantic.ValidationError: a setting is unknown or out of range.
    """
    job = run.job()
    changed = job.personalization.model_dump() | {"method": method} | settings
    other = type(job).model_validate(job.model_dump() | {"personalization": changed})
    corpus_path = corpus or run.read_json("corpus.json")["path"]
    return train(other, corpus_path, run.path, resume=True, on_stage=on_stage)


def evaluate(
    run: Run,
    corpus: Path | str | None = None,
    *,
    min_messages: int = 20,
    most_users: int = 2000,
    on_clients: Callable[[int, int], None] = _ignore,
) -> Evaluation:
    """Measures the shared and the personal models of a finished run on the last messages of each user.

    For the arguments and errors see `federated.evaluation.evaluate_run.evaluate`.
    """
    from federated.evaluation import evaluate_run

    return evaluate_run.evaluate(
        run.path,
        None if corpus is None else Path(corpus),
        min_messages=min_messages,
        most_users=most_users,
        on_clients=on_clients,
    )


def compare(
    job: Job,
    corpus: Path | str,
    out: Path | str,
    *,
    methods: Sequence[str] = (),
    quick: bool = False,
    folds: int | None = None,
    runs: Sequence[Run] = (),
    on_progress: Callable[[str], None] = _ignore,
) -> Comparison:
    """Tunes and measures every personalization method on the same users.

    Args:
        methods: Their names; empty means all.
        quick: A preview with one fold and few trials, rounds and users.
        folds: Number of folds: shared models, each trained without another part of the users. None means 5, or 1 with
            `quick`.
        runs: Finished runs of this job, whose shared models are used, one for each fold. If empty, they are trained in
            `out`.
        on_progress: Called with a description of each step.

    Raises:
        CompareError and others: see `thumbprint.comparison.compare.compare`.
    """
    from thumbprint.comparison.compare import compare as compare_methods
    from thumbprint.comparison.results import DEFAULT, QUICK

    budget = QUICK if quick else DEFAULT
    return compare_methods(
        job,
        Path(corpus),
        Path(out),
        methods=methods,
        budget=budget if folds is None else replace(budget, folds=folds),
        runs=[run.path for run in runs],
        on_progress=on_progress,
    )


def export_bundle(run: Run, out: Path | str, private_key: Path | str) -> ParityReport:
    """Exports the run's model and method as a signed bundle. Returns its differences from TensorFlow.

    For errors see `thumbprint.pipeline.export.export_run`.
    """
    from thumbprint.pipeline.export import export_run

    return export_run(run.path, Path(out), Path(private_key))


def simulate(
    bundle: Path | str,
    corpus: Path | str,
    out: Path | str,
    public_key: Path | str,
    *,
    users: str = "all",
    seed: int = 0,
    min_messages: int = 20,
    workers: int = 2,
    on_phone: Callable[[object], None] = _ignore,
) -> Report:
    """Gives each user of a corpus a phone with the bundle, which learns their first messages and predicts the last.

    Args:
        out: Holds the phones, so that a stopped simulation can continue. It therefore holds the users' messages.
        public_key: The public key that verifies the bundle.
        users: all, new (never seen in training), training or validation. The job's `seed` decides the split.
        min_messages: Users with fewer messages are left out of every figure.
        workers: Number of processes.
        on_phone: Called with the user's id when a phone is finished.

    Raises:
        ValueError: `users` is not one of these words.
        BundleError, KeyFileError, CorpusError, SimulationError: see there.
    """
    from device_runtime.bundle.loader import load_bundle
    from federated.corpus.store import Corpus
    from federated.data.federated_data import split_users
    from thumbprint.pipeline.simulate import simulate_corpus

    with Corpus.open(corpus) as opened:
        user_ids = list(opened.user_ids())
        split = split_users(user_ids, seed=seed)
        parts = {
            "all": user_ids,
            "new": split.new_phones,
            "training": split.training,
            "validation": split.validation,
        }
        if users not in parts:
            raise ValueError(f"users is {users!r}, but must be one of {', '.join(parts)}")
        return simulate_corpus(
            load_bundle(bundle, public_key), opened, parts[users], Path(out), min_messages, workers, on_phone
        )


def execution_context(
    workers: Sequence[str] = (), *, credentials: TrainingCredentials | None = None, insecure: bool = False
) -> AbstractContextManager[None]:
    """Runs your own TFF computations inside the `with` block (see `federated.runtime.execution_context`)."""
    from federated.runtime.execution_context import execution_context as context

    return context(workers, credentials=credentials, insecure=insecure)


def register_method(method: Method) -> Method:
    """Registers a personalization method in this process (see `federated.algorithms.registry`).

    Raises:
        MethodError: its name is invalid or already registered.
    """
    from federated.algorithms.registry import METHODS

    return METHODS.register(method)
