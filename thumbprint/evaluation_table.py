"""What `thumbprint evaluate` shows."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from device_runtime.wording import COLUMN_TITLES, COLUMNS, METRIC_TITLES, percent
from thumbprint.evaluate_run import Evaluation, Figures, GroupFigures
from thumbprint.tables import headed, notice

_GROUPS = {"training": "users in training, on messages kept back", "new_phones": "new phones, users never in training"}
_METRICS = ("recall_at_3", "recall_at_1")


def evaluation_view(evaluation: Evaluation) -> Group:
    """Returns a table a group, and the lines that say what is counted."""
    label = [notice("a program made these messages up.")] if evaluation.synthetic else []
    tables = [_table(_GROUPS[name], group) for name, group in evaluation.groups.items()]
    counted = (
        f"Each user counts once, pooled each word does; users with fewer than {evaluation.min_messages:,} messages are "
        "left out. Words that the tokenizer spells in several pieces count as missed here; on a phone they are spelt "
        "(thumbprint simulate)."
    )
    return Group(*label, *tables, Text(counted))


def _table(title: str, group: GroupFigures) -> RenderableType:
    table = Table()
    table.add_column("")
    table.add_column("model")
    for column in (*COLUMN_TITLES, "pooled"):
        table.add_column(column, justify="right")
    for metric in _METRICS:
        for said, (name, figures) in enumerate(group.models.items()):
            table.add_row("" if said else METRIC_TITLES[metric], name, *_cells(figures, metric))
        table.add_section()
    losses = [f"{name} {figures.pooled.loss:.3f}" for name, figures in group.models.items() if figures.pooled]
    loss = f"; loss in nats a word: {', '.join(losses)}" if losses else ""
    return headed(f"{title}: {group.clients:,} users, {group.words:,} words{loss}", table)


def _cells(figures: Figures, metric: str) -> list[str]:
    spread = getattr(figures, metric)
    pooled = getattr(figures.pooled, metric, None)
    return [*(percent(getattr(spread, column)) for column in COLUMNS), percent(pooled)]
