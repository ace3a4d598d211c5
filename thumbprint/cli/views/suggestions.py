"""What `thumbprint predict` shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from rich.console import Group
from rich.table import Table

from device_runtime.adaptation.adapt import Adaptation
from device_runtime.prediction.predictor import Suggestion
from thumbprint.console.tables import notice


def suggestion_view(columns: Mapping[str, Sequence[Suggestion]], *, synthetic: bool) -> Group:
    """Returns a table with the suggestions of each keyboard, by its name, best first."""
    table = Table()
    table.add_column("", justify="right")
    for name in columns:
        table.add_column(name)
        table.add_column("probability", justify="right")
    for place, row in enumerate(zip_longest(*columns.values()), 1):
        table.add_row(str(place), *(cell for suggestion in row for cell in _cells(suggestion)))
    warning = [notice("the model was trained on messages that a program made up.")] if synthetic else []
    return Group(*warning, table)


def _cells(suggestion: Suggestion | None) -> tuple[str, str]:
    return (suggestion.text, f"{100 * suggestion.probability:.1f} %") if suggestion else ("", "")


def adaptation_line(adaptation: Adaptation, messages: int, words: int) -> str:
    """Says what the gate decided about the adapter trained."""
    verdict = adaptation.verdict
    kept = "kept the new adapter" if verdict.kept else "stayed with the shared start"
    return f"{messages:,} messages, {words:,} words, {adaptation.seconds:.1f} s: {kept} ({verdict.reason})"
