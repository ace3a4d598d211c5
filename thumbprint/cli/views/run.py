"""What `thumbprint train` and `thumbprint export` show when they are done.

What `thumbprint evaluate` shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType

from device_runtime.reporting.phrases import percent
from thumbprint.console.tables import notice, pairs

if TYPE_CHECKING:
    from federated.run import TrainingResult
    from tflite_export.parity_check import ParityReport
from rich.table import Table
from rich.text import Text

from device_runtime.reporting.table import COLUMN_TITLES, COLUMNS, METRIC_TITLES
from federated.evaluation.evaluate_run import Evaluation, GroupFigures, WordFigures
from thumbprint.console.tables import headed

_STOPPED_BY = {
    "rounds": "all rounds are done",
    "patience": "validation gained nothing any more",
    "minutes": "the job's minutes are used up",
}
_DIFFERENCES = {
    "log_probability": "largest difference in log-probability, nats",
    "mean_log_probability": "mean difference in log-probability, nats",
    "recall_at_3": "difference in recall@3 of pieces",
    "adapt": "difference of an adaptation step, of its length",
}


def _labelled(synthetic: bool, *parts: RenderableType) -> Group:
    return Group(*([notice("the model was trained on messages that a program made up.")] if synthetic else []), *parts)


def training_view(run: Path, corpus: Mapping[str, object], outcome: TrainingResult) -> Group:
    """Returns how a training ended; `corpus` is the run's `corpus.json`."""
    fields: dict[str, object] = {
        "corpus": corpus["description"],
        "rounds": outcome.rounds,
        "ended because": _STOPPED_BY[outcome.stopped_by],
    }
    if outcome.best_round:
        recall = percent(outcome.best_recall)
        fields |= {"best round": outcome.best_round, "its recall@3 on validation users": recall}
    if outcome.broken_clients:
        fields["clients left out, their data broke training"] = outcome.broken_clients
    fields["minutes"] = f"{outcome.seconds / 60:.1f}"
    if outcome.tokens_per_second:  # nothing was left to train where a finished run is resumed
        fields["tokens/s"] = round(outcome.tokens_per_second)
    return _labelled(bool(corpus["synthetic"]), pairs(str(run), fields))


def export_view(out: Path, check: ParityReport, *, size: int, signer: str, synthetic: bool) -> Group:
    """Returns what was exported: how far LiteRT is from TensorFlow, bytes, and whose key signed it."""
    differences = {_DIFFERENCES[name]: value for name, value in asdict(check).items()}
    fields = {"bytes": size, "signed with": signer, **differences}
    return _labelled(synthetic, pairs(str(out), fields))


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


def _cells(figures: WordFigures, metric: str) -> list[str]:
    spread = getattr(figures, metric)
    pooled = getattr(figures.pooled, metric, None)
    return [*(percent(getattr(spread, column)) for column in COLUMNS), percent(pooled)]
