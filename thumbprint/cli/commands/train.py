"""`thumbprint train`: train a model from a job file and a corpus. `thumbprint worker`: run a TFF worker for it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group

from thumbprint.console import SYNTHETIC_MODEL, labelled, output, pairs, showing_rounds, silence_tensorflow

if TYPE_CHECKING:
    from federated.job import Job
    from federated.run import TrainingResult

ConcurrentClientsOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Clients that a worker on this machine trains at the same time.",
        show_default="one for each core",
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

    A share of the users takes no part (new phones). The newest messages of all other users are held out for testing.
    Validation users decide which round's model is kept, and when training stops.

    If training is stopped at any moment, by Ctrl-C or otherwise, --resume continues from the last checkpoint.

    Example: thumbprint train job.toml --corpus corpus.sqlite --run runs/first
    """
    from federated.job import load_job

    addresses = _addresses(workers)
    loaded = load_job(job)
    messages = corpus or loaded.corpus
    if messages is None:
        raise typer.BadParameter(f'{job} names no corpus: give --corpus CORPUS, or `corpus = "FILE"` in the job')
    folder = run or Path("runs") / loaded.name
    resume_command = ["thumbprint", "train", str(job), "--run", str(folder), "--resume"]
    resume_command += ["--corpus", str(corpus)] if corpus else []
    resume_command += ["--workers", workers] if workers else []
    resume_command += ["--concurrent-clients", str(concurrent_clients)] if concurrent_clients else []
    resume_command += ["--round-minutes", f"{round_minutes:g}"] if round_minutes else []
    settings = {"workers": addresses, "concurrent_clients": concurrent_clients, "round_minutes": round_minutes}
    result = _train(loaded, messages, folder, resume, settings, shlex.join(resume_command))

    from federated.run import Run

    output().print(training_view(folder, Run(folder).read_json("corpus.json"), result))


def _addresses(workers: str | None) -> list[str]:
    addresses = [part.strip() for part in workers.split(",")] if workers is not None else []
    for address in addresses:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise typer.BadParameter(f"--workers: {address!r} is not HOST:PORT")
    if len(set(addresses)) < len(addresses):
        raise typer.BadParameter("--workers: the same worker is named twice")
    return addresses


def _train(
    job: Job, corpus: Path, folder: Path, resume: bool, settings: Mapping[str, Any], resume_command: str
) -> TrainingResult:
    silence_tensorflow()
    with showing_rounds(job.training) as shown:
        from federated.run import Run
        from federated.runtime.worker import WorkerError
        from federated.training.callbacks.progress import ReportProgress
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
    port: Annotated[
        int, typer.Option(min=1, max=65535, metavar="N", help="The port to listen on.", show_default=False)
    ],
    concurrent_clients: ConcurrentClientsOption = None,
) -> None:
    """Lend this machine to a training elsewhere.

    Starts one worker of TensorFlow Federated, and stops it when this command ends, by Ctrl-C or otherwise. The training
    names its address: `thumbprint train JOB --workers THIS-MACHINE:PORT,OTHER-MACHINE:PORT`.

    The worker runs any code that it receives, receives the training messages, and encrypts nothing. Use it only in a
    private network.
    """
    from federated.runtime.worker import serve_worker

    def report_ready() -> None:
        typer.echo(f"worker listens on port {port}; Ctrl-C stops it")

    serve_worker(port, report_ready, concurrent_clients=concurrent_clients)


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
