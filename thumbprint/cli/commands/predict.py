"""`thumbprint predict`: the words that a keyboard with this bundle suggests."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.table import Table

from thumbprint.cli.trusted_keys import BundleArgument, PublicKeyOption, open_bundle
from thumbprint.console import SYNTHETIC_MODEL, labelled, output, working

if TYPE_CHECKING:
    from device_runtime.adaptation.adapt import Adaptation
    from device_runtime.prediction.predictor import Suggestion


def predict(
    bundle: BundleArgument,
    context: Annotated[
        str,
        typer.Argument(metavar="TEXT", help='The message before the next word; "" at its start.', show_default=False),
    ],
    prefix: Annotated[str, typer.Option(metavar="LETTERS", help="The typed letters of the next word.")] = "",
    k: Annotated[
        int, typer.Option("--k", "-k", min=1, max=100, metavar="N", help="The number of suggestions, 1 to 100.")
    ] = 3,
    history: Annotated[
        typer.FileText | None,
        typer.Option(
            encoding="utf-8",
            errors="replace",
            metavar="FILE",
            help="The owner's earlier messages, one per line; - reads stdin.",
            show_default=False,
        ),
    ] = None,
    adapt: Annotated[
        bool, typer.Option("--adapt", help="Also train the phone's adapter on the messages of --history.")
    ] = False,
    two_words: Annotated[
        bool, typer.Option("--two-words", help="Suggest a second word as well, where one is probable.")
    ] = False,
    public_key: PublicKeyOption = None,
) -> None:
    """Suggest the next word of a message.

    Without --history the suggestions come from the shared model. With it, a temporary phone reads those messages first.
    Its suggestions are shown beside those of the shared model. The phone is deleted at the end.

    Example: thumbprint predict demo.bundle "see you" --prefix to
    """
    from device_runtime.inference.engine import Engine
    from device_runtime.phone.phone import Phone

    if adapt and history is None:
        raise typer.BadParameter("--adapt needs messages to learn from: give --history FILE")
    opened, _ = open_bundle(bundle, public_key)
    console = output()
    with (
        tempfile.TemporaryDirectory(prefix="thumbprint-") as folder,
        Phone.open(Path(folder) / "phone", Engine(opened)) as phone,
    ):
        if history is not None:
            phone.observe_many(line.rstrip("\r\n") for line in history)
        if adapt:
            with working("adapting"):
                adaptation = phone.adapt()
            console.print(adaptation_line(adaptation, phone.messages, phone.words))
        columns = {"shared model": phone.predict(context, prefix, k, False, two_words)}
        if history is not None:
            columns["this phone"] = phone.predict(context, prefix, k, True, two_words)
    console.print(suggestion_view(columns, synthetic=opened.manifest.provenance.synthetic))


def suggestion_view(columns: Mapping[str, Sequence[Suggestion]], *, synthetic: bool) -> Group:
    """Returns a table with the suggestions of each keyboard, by its name, best first."""
    table = Table()
    table.add_column("", justify="right")
    for name in columns:
        table.add_column(name)
        table.add_column("probability", justify="right")
    for place, row in enumerate(zip_longest(*columns.values()), 1):
        table.add_row(str(place), *(cell for suggestion in row for cell in _cells(suggestion)))
    return labelled(synthetic, SYNTHETIC_MODEL, table)


def _cells(suggestion: Suggestion | None) -> tuple[str, str]:
    if suggestion is None:
        return "", ""
    return f"{suggestion.text} {suggestion.then}".strip(), f"{100 * suggestion.probability:.1f} %"


def adaptation_line(adaptation: Adaptation, messages: int, words: int) -> str:
    """Returns the gate's decision about the trained adapter, in one line."""
    verdict = adaptation.verdict
    decision = "kept the new adapter" if verdict.kept else "stayed with the shared start"
    return f"{messages:,} messages, {words:,} words, {adaptation.seconds:.1f} s: {decision} ({verdict.reason})"
