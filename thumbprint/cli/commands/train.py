"""`thumbprint train`: train a model from a job file and a corpus. `thumbprint worker`: run a TFF worker for it."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group

from thumbprint.cli.job_corpus import corpus_of
from thumbprint.console import SYNTHETIC_MODEL, labelled, output, pairs, showing_rounds, silence_tensorflow

if TYPE_CHECKING:
    from federated.job import Job
    from federated.run import TrainingResult
    from federated.runtime.credentials import TrainingCredentials

ConcurrentClientsOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Clients that a worker on this machine trains at the same time.",
        show_default="one for each core",
    ),
]

TokenOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The token that the training and its workers share (`thumbprint keys worker` makes one).",
        show_default=False,
    ),
]

_STOPPED_BY = {
    "rounds": "all rounds are done",
    "patience": "the validation result no longer improved",
    "minutes": "the job's minutes are used up",
}


def train(
    job: Annotated[
        Path, typer.Argument(metavar="JOB", help="The job file (TOML) with all settings.", show_default=False)
    ],
    corpus: Annotated[
        Path | None,
        typer.Option(metavar="CORPUS", help="The messages to train on.", show_default="the job's"),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder for the run.", show_default="runs/ and the job's name"),
    ] = None,
    fold: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Which users are the new phones.", show_default="the job's data.fold"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in the folder, or start one if there is none.")
    ] = False,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT,...",
            help="The addresses of `thumbprint worker` processes that share the clients of each round.",
            show_default="this machine only",
        ),
    ] = None,
    token_file: TokenOption = None,
    tls_ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The workers' certificates, or those of their issuers.", show_default=False),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Use workers of other machines without encryption and token.")
    ] = False,
    concurrent_clients: ConcurrentClientsOption = None,
    round_minutes: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=100_000,
            metavar="MINUTES",
            help="A worker that does not finish its part of a round in this time is lost.",
            show_default="30",
        ),
    ] = None,
) -> None:
    """Train tokenizer and shared model, federated.

    A share of the users takes no part (new phones). The last messages of all other users are held out for testing.
    Validation users decide which round's model is kept, and when training stops.

    If training is stopped at any moment, by Ctrl-C or otherwise, --resume continues from the last checkpoint.

    Example: thumbprint train job.toml --corpus corpus.sqlite --run runs/first
    """
    addresses = _addresses(workers)
    loaded, messages = corpus_of(job, corpus, fold)
    folder = run or Path("runs") / loaded.name
    resume_command = ["thumbprint", "train", str(job), "--run", str(folder), "--resume"]
    resume_command += ["--corpus", str(corpus)] if corpus else []
    resume_command += ["--fold", str(fold)] if fold is not None else []
    resume_command += ["--workers", workers] if workers else []
    resume_command += ["--token-file", str(token_file)] if token_file else []
    resume_command += ["--tls-ca", str(tls_ca)] if tls_ca else []
    resume_command += ["--insecure"] if insecure else []
    resume_command += ["--concurrent-clients", str(concurrent_clients)] if concurrent_clients else []
    resume_command += ["--round-minutes", f"{round_minutes:g}"] if round_minutes else []
    settings = {
        "workers": addresses,
        "credentials": _training_credentials(token_file, tls_ca),
        "insecure": insecure,
        "concurrent_clients": concurrent_clients,
        "round_minutes": round_minutes,
    }
    result = _train(loaded, messages, folder, resume, settings, shlex.join(resume_command))

    from federated.run import Run

    output().print(training_view(folder, Run(folder).read_json("corpus.json"), result))


def _addresses(workers: str | None) -> list[str]:
    if workers is None:
        return []
    from federated.runtime.credentials import Address

    addresses = [str(Address.parse(part.strip())) for part in workers.split(",")]
    if len(set(addresses)) < len(addresses):
        raise typer.BadParameter("--workers: the same worker is named twice")
    return addresses


def _training_credentials(token_file: Path | None, tls_ca: Path | None) -> TrainingCredentials | None:
    if token_file is None and tls_ca is None:
        return None
    if token_file is None or tls_ca is None:
        raise typer.BadParameter("give both --token-file and --tls-ca, or neither")
    from federated.runtime.credentials import TrainingCredentials

    return TrainingCredentials.read(token_file, tls_ca)


def _train(
    job: Job, corpus: Path, folder: Path, resume: bool, settings: Mapping[str, Any], resume_command: str
) -> TrainingResult:
    silence_tensorflow()
    with showing_rounds(job.training) as shown:
        from federated.run import Run
        from federated.runtime.worker import WorkerError
        from federated.training.callbacks.round_reports import ReportProgress
        from federated.training.train_run import train

        try:
            return train(
                job,
                corpus,
                folder,
                resume=resume,
                **settings,
                callbacks=[ReportProgress(stage=shown.stage, round=shown.round)],
            ).result()
        except (KeyboardInterrupt, SystemExit, WorkerError):
            if Run(folder).exists():
                shown.print(f"stopped; continue from the last checkpoint with: {resume_command}")
            raise


def worker(
    listen: Annotated[
        str,
        typer.Option(metavar="HOST:PORT", help="Where to listen; HOST 0.0.0.0 is every network.", show_default=False),
    ],
    token_file: TokenOption = None,
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The certificate of this machine.", show_default=False)
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The private key of the certificate.", show_default=False)
    ] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(metavar="CORPUS", help="A copy of the training's corpus, to read it here.", show_default=False),
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure",
            help="Listen for other machines without encryption and token, or where the worker cannot be closed off.",
        ),
    ] = False,
    concurrent_clients: ConcurrentClientsOption = None,
) -> None:
    """Lend this machine to a training elsewhere.

    Starts one worker of TensorFlow Federated, and stops it when this command ends, by Ctrl-C or otherwise. The training
    names its address: `thumbprint train JOB --workers THIS-MACHINE:PORT,OTHER-MACHINE:PORT`.

    The worker runs any code that it receives. With --token-file, --tls-cert and --tls-key (from `thumbprint keys
    worker`) it runs only what comes with the token, over TLS. Without them it listens for this machine only.

    With --corpus, the messages of clients of that corpus are read and encoded here, and not sent.

    Example: thumbprint worker --listen 0.0.0.0:9000 --token-file worker.token --tls-cert worker.crt --tls-key
    worker.key
    """
    from federated.runtime.credentials import Address, WorkerCredentials
    from federated.runtime.worker_front import serve_worker

    address, credentials = Address.parse(listen), None
    if token_file and tls_cert and tls_key:
        credentials = WorkerCredentials.read(token_file, tls_cert, tls_key)
    elif token_file or tls_cert or tls_key:
        raise typer.BadParameter("give --token-file, --tls-cert and --tls-key together, or none of them")

    def report_ready() -> None:
        typer.echo(f"worker listens on {address}{' with TLS' if credentials else ''}; Ctrl-C stops it")

    with contextlib.ExitStack() as stack:
        share = None
        if corpus is not None:
            silence_tensorflow()
            from federated.corpus.store import Corpus
            from federated.data.corpus_share import CorpusShare
            from federated.training.train_run import READERS

            share = CorpusShare(stack.enter_context(Corpus.open(corpus)), READERS)
        serve_worker(
            address,
            report_ready,
            credentials=credentials,
            insecure=insecure,
            share=share,
            concurrent_clients=concurrent_clients,
        )


def training_view(run: Path, corpus: Mapping[str, object], result: TrainingResult) -> Group:
    """Returns how a training ended. `corpus` is the run's `corpus.json`."""
    from device_runtime.reporting.table import percent

    fields: dict[str, object] = {
        "corpus": corpus["description"],
        "rounds": result.rounds,
        "ended because": _STOPPED_BY[result.stopped_by],
    }
    if result.best_round:
        recall = percent(result.best_recall)
        fields |= {"best round": result.best_round, "its recall@3 on validation users": recall}
    if result.broken_clients:
        fields["clients left out because their data broke training"] = result.broken_clients
    fields["minutes"] = f"{result.seconds / 60:.1f}"
    if result.tokens_per_second:  # a finished run that is resumed trains nothing
        fields["tokens/s"] = round(result.tokens_per_second)
    return labelled(bool(corpus["synthetic"]), SYNTHETIC_MODEL, pairs(str(run), fields))
