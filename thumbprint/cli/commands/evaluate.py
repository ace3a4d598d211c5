"""`thumbprint evaluate`: how well the models of a run predict, before they are exported."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from thumbprint.console import (
    SYNTHETIC_MESSAGES,
    counting_up,
    headed,
    labelled,
    output,
    silence_tensorflow,
)

if TYPE_CHECKING:
    from federated.evaluation.evaluate_run import Evaluation, GroupFigures, WordFigures

_GROUPS = {
    "training": "users in training, on their held-out messages",
    "new_phones": "new phones: users who were never in training",
}
_METRICS = ("recall_at_3", "recall_at_1")


def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished training.", show_default=False)],
    corpus: Annotated[
        Path | None,
        typer.Option(
            metavar="CORPUS", help="Where the run's corpus is now.", show_default="its place at the time of training"
        ),
    ] = None,
    min_messages: Annotated[
        int, typer.Option(min=0, metavar="N", help="Users with fewer messages are left out of every average.")
    ] = 20,
    most_users: Annotated[
        int, typer.Option(min=1, metavar="N", help="Of a larger group, a random sample of so many users is tested.")
    ] = 2000,
) -> None:
    """Measure a trained model word by word.

    Tests on the last messages of each user, which training never reads. Users in training and new phones, which took
    no part in training, are measured separately. The table is printed, and RUN gets evaluation.json.
    """
    silence_tensorflow()
    with counting_up("evaluating", "users") as progress:
        from federated.evaluation.evaluate_run import evaluate as evaluate_run
        from federated.run import Run

        evaluation = evaluate_run(run, corpus, min_messages=min_messages, most_users=most_users, on_clients=progress)
    Run(run).write_json("evaluation.json", asdict(evaluation))
    output().print(evaluation_view(evaluation))
    typer.echo(f"wrote {run / 'evaluation.json'}")


def evaluation_view(evaluation: Evaluation) -> Group:
    """Returns one table per group, and an explanation of the columns."""
    tables = [_table(_GROUPS[name], group) for name, group in evaluation.groups.items()]
    explanation = (
        f"Users with fewer than {evaluation.min_messages:,} messages are left out, and of a group with "
        f"more than {evaluation.most_users:,} users a random sample is tested. All columns count each user once, "
        "except pooled, which counts each word once. A word that the tokenizer splits into several pieces counts as "
        "missed here, although a phone can suggest it (thumbprint simulate)."
    )
    return labelled(evaluation.synthetic, SYNTHETIC_MESSAGES, *tables, Text(explanation))


def _table(title: str, group: GroupFigures) -> RenderableType:
    from device_runtime.reporting.table import COLUMN_TITLES, METRIC_TITLES

    table = Table()
    table.add_column("")
    table.add_column("model")
    for column in (*COLUMN_TITLES, "pooled"):
        table.add_column(column, justify="right")
    for metric in _METRICS:
        for row, (name, figures) in enumerate(group.models.items()):
            table.add_row("" if row else METRIC_TITLES[metric], name, *_cells(figures, metric))
        table.add_section()
    losses = [
        f"{name} {figures.pooled.loss.value:.3f}"
        for name, figures in group.models.items()
        if figures.pooled and figures.pooled.loss
    ]
    loss = f"; loss in nats per word: {', '.join(losses)}" if losses else ""
    return headed(f"{title}: {group.clients:,} users, {group.words:,} words{loss}", table)


def _cells(figures: WordFigures, metric: str) -> list[str]:
    from device_runtime.reporting.table import DASH, interval, percent, spread_cells

    pooled = getattr(figures.pooled, metric, None)
    every_word = f"{percent(pooled.value)} {interval(pooled.low, pooled.high)}".strip() if pooled else DASH
    return [*spread_cells(getattr(figures, metric)), every_word]
