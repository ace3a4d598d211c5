"""`thumbprint compare`: measure every personalization method on the same users."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thumbprint.console import output, silence_tensorflow, status_line


def compare(
    job: Annotated[
        Path, typer.Argument(metavar="JOB", help="The job file (TOML) of the shared model.", show_default=False)
    ],
    corpus: Annotated[
        Path | None, typer.Option(metavar="CORPUS", help="The messages of the users.", show_default="the job's")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder for all results.", show_default="runs/NAME-comparison"),
    ] = None,
    run: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RUN",
            help="A finished training of this job, whose shared model is used. Give the option again for another fold.",
        ),
    ] = None,
    methods: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="The methods to compare.", show_default="all")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A preview: one fold, less training, few trials, fewer users and messages.")
    ] = False,
    folds: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=50,
            metavar="N",
            help="Shared models to train, each without another Nth of the users; 1 = only the job's own split.",
            show_default="5; 1 with --quick; with --run, their number",
        ),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Settings to try for each method.", show_default="4; 2 with --quick"),
    ] = None,
    at_once: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Trainings or methods at a time. Each needs a core and 4 GB of memory."),
    ] = 2,
    min_messages: Annotated[
        int, typer.Option(min=0, metavar="N", help="Users with fewer messages are left out of every figure.")
    ] = 20,
) -> None:
    """Compare all personalization methods, and show which users each one hurts.

    Splits the users into folds. For each fold, trains a shared model without its users: these are new phones. Tunes
    each method on validation users with the same number of trials, and measures it on users in training and on new
    phones. The figures pool the users of all folds. A method that runs on a phone is measured on simulated phones with
    its exported bundle.

    Writes report.html and report.json into DIR. If you stop it, the same command continues from there.

    Example: thumbprint compare job.toml --corpus corpus.sqlite --quick
    """
    from dataclasses import replace

    from federated.job import load_job

    loaded = load_job(job)
    messages = corpus or loaded.corpus
    if messages is None:
        raise typer.BadParameter(f'{job} names no corpus: give --corpus CORPUS, or `corpus = "FILE"` in the job')
    if run and folds not in (None, len(run)):
        raise typer.BadParameter(f"--folds is {folds}, but --run is given {len(run)} times: leave --folds out")
    folder = out or Path("runs") / f"{loaded.name}-comparison"
    silence_tensorflow()
    with status_line("loading TensorFlow") as show_step:
        from thumbprint.comparison.compare import compare as run_comparison
        from thumbprint.comparison.reporting.table import comparison_view
        from thumbprint.comparison.reporting.write import write_comparison
        from thumbprint.comparison.results import DEFAULT, QUICK

        budget = QUICK if quick else DEFAULT
        budget = replace(
            budget, folds=folds or len(run or ()) or budget.folds, trials=budget.trials if trials is None else trials
        )
        comparison = run_comparison(
            loaded,
            messages,
            folder,
            methods=[name.strip() for name in methods.split(",")] if methods else [],
            budget=budget,
            min_messages=min_messages,
            runs=run or (),
            at_once=at_once,
            on_progress=show_step,
        )
        show_step("writing the report")
        report = write_comparison(folder, comparison)
    output().print(comparison_view(report))
    typer.echo(f"wrote {folder / 'report.html'} and {folder / 'report.json'}")
