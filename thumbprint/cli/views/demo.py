"""What `thumbprint demo` shows: a bar for each step, then the table, ten words before and after, and the files."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from rich.console import Group
from rich.table import Table
from rich.text import Text

from device_runtime.bundle.signing_keys import PUBLIC_NAME
from device_runtime.reporting.html import shorten
from device_runtime.reporting.table import table_of
from device_runtime.simulation.examples import Example, Examples
from device_runtime.simulation.report import Report
from federated.job import TrainingConfig
from thumbprint.console.tables import headed, notice
from thumbprint.console.terminal import advancing, counting, working
from thumbprint.console.training_progress import showing_rounds
from thumbprint.pipeline.demo import DemoProgress, TrainingProgress

NOTICE = "a program made these messages up; nobody wrote them. It shows that things work, not how well they would do."


class DemoBars(DemoProgress):
    """Shows each step of the demo as a bar."""

    def messages(self) -> AbstractContextManager[Callable[[int], None]]:
        return counting("making up", "messages")

    def training(self, config: TrainingConfig) -> AbstractContextManager[TrainingProgress]:
        return showing_rounds(config)

    def phones(self, count: int) -> AbstractContextManager[Callable[[object], None]]:
        return advancing("phones", count)

    def working(self, what: str) -> AbstractContextManager[None]:
        return working(what)


def demo_view(report: Report, examples: Examples) -> Group:
    """Returns the table of figures and that of words."""
    return Group(
        table_of(report),
        Text(),
        notice("the examples, too."),
        headed("the next word, before and after", _examples(examples)),
        Text(examples.chosen, style="dim"),
    )


def where_to_look(out: Path, report: Report) -> str:
    """Returns what lies where in the demo's folder `out`, and what to try next; lines that can be copied."""
    phones = f"{len(report.clients)} new phones, whose owners took no part in training"
    key = out / "keys" / PUBLIC_NAME
    trying = ["thumbprint", "predict", str(out / "demo.bundle"), "see you", "--public-key", str(key)]
    return "\n".join(
        (
            f"SYNTHETIC, all of it, on {phones}.",
            f"picture: {out / 'gain.png'}",
            f"page:    {out / 'report.html'}",
            f"figures: {out / 'report.json'}",
            f"bundle:  {out / 'demo.bundle'}",
            f"try:     {shlex.join(trying)}",
        )
    )


def _examples(examples: Examples) -> Table:
    table = Table()
    for title in ("the message so far", "shared model shows", "personal keyboard shows", "typed", ""):
        table.add_column(title, overflow="fold")
    for example in examples.items:
        table.add_row(
            shorten(example.context) or "(beginning)",
            _shown(example, example.shared),
            _shown(example, example.personal),
            Text(example.typed, style="bold"),
            Text("gained", style="green") if example.won else Text("lost", style="red"),
        )
    return table


def _shown(example: Example, words: list[str]) -> Text:
    said = Text()
    for at, word in enumerate(words):
        said.append(", " if at else "")
        said.append(word, style="bold" if word == example.typed else "")
    return said
