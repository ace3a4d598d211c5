"""`thumbprint evaluate`: how well the model of a run predicts, before it is exported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished training.", show_default=False)],
    corpus: Annotated[
        Path | None,
        typer.Option(metavar="CORPUS", help="Where the run's corpus lies now.", show_default="where it lay"),
    ] = None,
    min_messages: Annotated[
        int, typer.Option(min=0, metavar="N", help="Users with fewer messages enter no average.")
    ] = 20,
) -> None:
    """Measure a trained model word by word.

    Reads the newest messages of each user, which nothing was ever trained on: of the users in training, and apart from
    them of the new phones, which took no part at all. The table is printed, and RUN gets evaluation.json.
    """
    from dataclasses import asdict

    from thumbprint.console.tensorflow_log import silence_tensorflow
    from thumbprint.console.terminal import counting_up, output

    silence_tensorflow()
    with counting_up("evaluating", "users") as progress:
        from federated.evaluation.evaluate_run import evaluate as evaluate_run
        from federated.run import Run
        from thumbprint.cli.views.run import evaluation_view

        found = evaluate_run(run, corpus, min_messages=min_messages, on_clients=progress)
    Run(run).write_json("evaluation.json", asdict(found))
    output().print(evaluation_view(found))
    typer.echo(f"wrote {run / 'evaluation.json'}")
