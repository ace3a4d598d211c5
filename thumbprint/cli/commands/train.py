"""`thumbprint train`: a job file and a corpus become a trained model.

`thumbprint worker`: one of TFF's own workers, for as long as the command runs.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from federated.job import Job
    from federated.run import TrainingResult


def train(
    job: Annotated[
        Path, typer.Argument(metavar="JOB", help="The job file (TOML): what is trained, and how.", show_default=False)
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
        bool, typer.Option("--resume", help="Go on with the run that lies there; where there is none, begin it.")
    ] = False,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT,...",
            help="Where `thumbprint worker` listens: a round's clients are spread over these.",
            show_default="this machine only",
        ),
    ] = None,
) -> None:
    """Train tokenizer and shared model, federated.

    A share of the users takes no part (new phones), and of everybody else the newest messages are kept back, to be
    tested on. Validation users decide which round's model is kept, and when it is enough.

    Stopped at any moment, by Ctrl-C or otherwise, it goes on from the last checkpoint with --resume.

    Example: thumbprint train job.toml --corpus corpus.sqlite --run runs/first
    """
    from federated.job import load_job

    addresses = _addresses(workers)
    loaded = load_job(job)
    messages = corpus or loaded.corpus
    if messages is None:
        raise typer.BadParameter(f'{job} names no corpus: give --corpus CORPUS, or `corpus = "FILE"` in the job')
    folder = run or Path("runs") / loaded.name
    again = ["thumbprint", "train", str(job), "--run", str(folder), "--resume"]
    again += ["--corpus", str(corpus)] if corpus else []
    again += ["--workers", workers] if workers else []
    outcome = _train(loaded, messages, folder, resume, addresses, shlex.join(again))
    _show(outcome, folder)


def _addresses(workers: str | None) -> list[str]:
    addresses = [part.strip() for part in workers.split(",")] if workers is not None else []
    for address in addresses:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise typer.BadParameter(f"--workers: {address!r} is not HOST:PORT")
    if len(set(addresses)) < len(addresses):
        raise typer.BadParameter("--workers: the same worker is named twice")
    return addresses


def _train(job: Job, corpus: Path, folder: Path, resume: bool, workers: list[str], again: str) -> TrainingResult:
    from thumbprint.console.tensorflow_log import silence_tensorflow
    from thumbprint.console.training_progress import showing_rounds

    silence_tensorflow()
    with showing_rounds(job.training) as shown:
        from federated.run import Run
        from federated.training.callbacks.progress import ReportProgress
        from federated.training.train_run import train

        try:
            return train(
                job,
                corpus,
                folder,
                resume=resume,
                workers=workers,
                callbacks=[ReportProgress(stage=shown.stage, round=shown.round)],
            ).result()
        except (KeyboardInterrupt, SystemExit):
            if Run(folder).exists():
                shown.say(f"stopped; go on from the last checkpoint with: {again}")
            raise


def _show(outcome: TrainingResult, folder: Path) -> None:
    from federated.run import Run
    from thumbprint.cli.views.run import training_view
    from thumbprint.console.terminal import output

    output().print(training_view(folder, Run(folder).read_json("corpus.json"), outcome))


def worker(
    port: Annotated[
        int, typer.Option(min=1, max=65535, metavar="N", help="The port to listen on.", show_default=False)
    ],
) -> None:
    """Lend this machine to a training elsewhere.

    Starts one worker of TensorFlow Federated and ends it again on Ctrl-C, or however else this command ends. The
    training names it: `thumbprint train JOB --workers THIS-MACHINE:PORT,OTHER-MACHINE:PORT`.

    It runs what anybody who reaches the port sends, unencrypted, and is sent the messages to train on: for a network of
    your own only.
    """
    from federated.runtime.worker import serve_worker

    serve_worker(port, lambda: typer.echo(f"worker listens on port {port}; Ctrl-C ends it"))
