"""`thumbprint compare`: every way to personalize on the same users, and what to ship."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    job: Annotated[
        Path, typer.Argument(metavar="JOB", help="The job file (TOML) of the shared model.", show_default=False)
    ],
    corpus: Annotated[
        Path | None, typer.Option(metavar="CORPUS", help="The messages of the users.", show_default="the job's")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder for all of it.", show_default="runs/NAME-comparison"),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="A finished training of this job: its shared model is taken."),
    ] = None,
    methods: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="Which methods.", show_default="all of them")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A preview: few trials, few rounds, fewer users and messages tested.")
    ] = False,
    trials: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Settings tried for each method.", show_default="10; quick 2")
    ] = None,
    at_once: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Methods measured at a time: each takes a core and some 4 GB of memory."),
    ] = 2,
    min_messages: Annotated[
        int, typer.Option(min=0, metavar="N", help="Users with fewer messages enter no figure.")
    ] = 20,
) -> None:
    """Compare every way to personalize, and see whom each one hurts.

    Trains one shared model, tunes each method on validation users with the same number of trials, and measures it on
    users seen in training and on new phones: the exported bundle on the simulated phone where the method runs on one.

    Writes report.html and report.json into DIR. Stopped at any moment, the same command goes on where it was.

    Example: thumbprint compare job.toml --corpus corpus.sqlite --quick
    """
    from dataclasses import replace

    from federated.job import load_job
    from thumbprint.console.tensorflow_log import silence_tensorflow
    from thumbprint.console.terminal import output, status_line

    loaded = load_job(job)
    messages = corpus or loaded.corpus
    if messages is None:
        raise typer.BadParameter(f'{job} names no corpus: give --corpus CORPUS, or `corpus = "FILE"` in the job')
    folder = out or Path("runs") / f"{loaded.name}-comparison"
    silence_tensorflow()
    with status_line("loading TensorFlow") as say:
        from thumbprint.comparison.compare import compare as run_comparison
        from thumbprint.comparison.reporting.table import comparison_view
        from thumbprint.comparison.reporting.write import write_comparison
        from thumbprint.comparison.results import DEFAULT, QUICK

        budget = QUICK if quick else DEFAULT
        found = run_comparison(
            loaded,
            messages,
            folder,
            methods=[name.strip() for name in methods.split(",")] if methods else [],
            budget=budget if trials is None else replace(budget, trials=trials),
            min_messages=min_messages,
            run=run,
            at_once=at_once,
            say=say,
        )
        say("writing the report")
        write_comparison(folder, found)
    output().print(comparison_view(found))
    typer.echo(f"wrote {folder / 'report.html'} and {folder / 'report.json'}")
