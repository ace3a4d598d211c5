"""`thumbprint demo`: every step on made-up messages, with a bar for each, and the result."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from thumbprint.console import (
    SYNTHETIC_MESSAGES,
    RoundsShown,
    advancing,
    counting,
    headed,
    notice,
    output,
    showing_rounds,
    silence_tensorflow,
    working,
)

if TYPE_CHECKING:
    from device_runtime.simulation.examples import Example, Examples
    from device_runtime.simulation.report import Report
    from federated.job import TrainingConfig

NOTICE = f"{SYNTHETIC_MESSAGES} The demo shows that everything works, not how well it would work for real users."


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for all results.")] = Path("runs/demo"),
) -> None:
    """See everything work on made-up messages, in one go.

    Makes up messages of a hundred users, trains tokenizer and shared model on eighty of them, exports a signed bundle,
    and gives each of the twenty others a phone with it. Ends with a table, ten predictions before and after the phone
    learned from its owner, and a picture. Takes a few minutes on two cores.

    If you run it again, it does only the unfinished steps. If you interrupt it, the next run continues from there.
    """
    from thumbprint.pipeline.demo import Demo, DemoSize, demo_job

    silence_tensorflow()
    console = output()
    console.print(notice(NOTICE))
    try:
        report, examples = Demo(out, demo_job(), DemoSize(), on_step=typer.echo, progress=DemoBars()).run()
    except (KeyboardInterrupt, SystemExit):
        typer.echo("stopped; run it again to continue", err=True)
        raise
    console.print(demo_view(report, examples))
    typer.echo(where_to_look(out, report))


class DemoBars:
    """Shows each step of the demo as a bar (see `thumbprint.pipeline.demo.DemoProgress`)."""

    def messages(self) -> AbstractContextManager[Callable[[int], None]]:
        return counting("making up", "messages")

    def training(self, config: TrainingConfig) -> AbstractContextManager[RoundsShown]:
        return showing_rounds(config)

    def phones(self, count: int) -> AbstractContextManager[Callable[[object], None]]:
        return advancing("phones", count)

    def working(self, what: str) -> AbstractContextManager[Callable[[str], None]]:
        return working(what)


def demo_view(report: Report, examples: Examples) -> Group:
    """Returns the table of figures, and that of example words."""
    from device_runtime.reporting.table import table_of

    return Group(
        table_of(report),
        Text(),
        notice("so are the examples."),
        headed("the next word, before and after", _examples(examples)),
        Text(examples.explanation, style="dim"),
    )


def where_to_look(out: Path, report: Report) -> str:
    """Returns the paths of the results in the demo's folder `out`, and a command to try next."""
    from device_runtime.bundle.signing_keys import PUBLIC_NAME

    key = out / "keys" / PUBLIC_NAME
    command = ["thumbprint", "predict", str(out / "demo.bundle"), "see you", "--public-key", str(key)]
    return "\n".join(
        (
            f"SYNTHETIC: measured on {len(report.clients)} new phones, whose owners took no part in training.",
            f"picture: {out / 'gain.png'}",
            f"page:    {out / 'report.html'}",
            f"figures: {out / 'report.json'}",
            f"bundle:  {out / 'demo.bundle'}",
            f"try:     {shlex.join(command)}",
        )
    )


def _examples(examples: Examples) -> Table:
    from device_runtime.reporting.html import shorten

    table = Table()
    for title in ("the message so far", "shared model shows", "personal keyboard shows", "typed", ""):
        table.add_column(title, overflow="fold")
    for example in examples.items:
        table.add_row(
            shorten(example.context) or "(beginning)",
            _suggestions(example, example.shared),
            _suggestions(example, example.personal),
            Text(example.typed, style="bold"),
            Text("gained", style="green") if example.won else Text("lost", style="red"),
        )
    return table


def _suggestions(example: Example, words: list[str]) -> Text:
    text = Text()
    for place, word in enumerate(words):
        text.append(", " if place else "")
        text.append(word, style="bold" if word == example.typed else "")
    return text
