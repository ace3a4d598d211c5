"""`thumbprint corpus`: from what people have to a corpus, and what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thumbprint.cli.lazy_commands import STYLE

if TYPE_CHECKING:
    from federated.corpus.schema import ImportSummary

app = typer.Typer(no_args_is_help=True, **STYLE)

OutOption = Annotated[
    Path,
    typer.Option(
        metavar="FILE", help="The corpus to write. An older corpus is replaced, any other file refused.",
        show_default=False,
    ),
]  # fmt: skip


@app.callback()
def corpus() -> None:
    """Import messages, and see what a corpus holds.

    A corpus is a SQLite file of messages by user. It is read a client at a time, so that it may be of any size.
    """


@app.command("import")
def import_source(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A file; or the word stackoverflow, for TFF's Stack Overflow data.",
            show_default=False,
        ),
    ],
    out: OutOption,
    format: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What the file is: jsonl, nus_sms, android_sms, whatsapp, tff_data; auto finds out by its content.",
        ),
    ] = "auto",
) -> None:
    """Make a corpus of an export of messages.

    Reads JSON Lines (jsonl, gzipped or not), the NUS SMS corpus release (nus_sms: XML, zipped or not), an Android
    "SMS Backup & Restore" export (android_sms: the messages its owner sent), a WhatsApp chat export (whatsapp: a user
    an author) and TensorFlow Federated's client data (tff_data).

    The corpus is written whole or not at all; records that cannot be used are counted, with the reason.
    """
    from federated.corpus.importers.detect import import_corpus
    from thumbprint.console.tensorflow_log import silence_tensorflow
    from thumbprint.console.terminal import counting

    silence_tensorflow()  # TFF's client data is read with TensorFlow
    with counting("reading", "records") as progress:
        summary = import_corpus(source, out, format, progress)
    _print_summary(summary, out)


@app.command()
def synthetic(
    out: OutOption,
    users: Annotated[int, typer.Option(min=1, metavar="N", help="How many people to make up.")] = 60,
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed, other people.")] = 0,
) -> None:
    """Make up a corpus, to try things without anybody's messages.

    Made-up people with names, places, phrases and habits of their own; the same seed gives the same messages
    anywhere. All that comes of such a corpus is labelled SYNTHETIC: it shows that things work, not how well.
    """
    from federated.corpus.synthetic.generate import write_synthetic
    from thumbprint.console.terminal import counting

    with counting("making up", "messages") as progress:
        summary = write_synthetic(out, users=users, seed=seed, progress=progress)
    typer.echo("SYNTHETIC: nobody wrote these messages.")
    _print_summary(summary, out)


@app.command()
def stats(
    corpus: Annotated[
        Path, typer.Argument(metavar="CORPUS", help="A corpus made by import or synthetic.", show_default=False)
    ],
) -> None:
    """Show what a corpus holds, in figures.

    Users, messages and words, how they spread over users, and how much of all that is typed a vocabulary covers.
    """
    from federated.corpus.stats import corpus_stats
    from federated.corpus.store import Corpus
    from thumbprint.cli.views.corpus import stats_view
    from thumbprint.console.terminal import output, working

    with Corpus.open(corpus) as opened:
        with working("counting words"):
            found = corpus_stats(opened)
        output().print(stats_view(opened, found))


def _print_summary(summary: ImportSummary, out: Path) -> None:
    typer.echo(f"{out}: {summary.messages:,} messages by {summary.users:,} users")
    left_out = {"duplicate": summary.duplicates, "blank": summary.empty, "unusable": summary.broken}
    if any(left_out.values()):
        typer.echo("left out: " + ", ".join(f"{count:,} {kind}" for kind, count in left_out.items() if count))
    for reason in summary.reasons:
        typer.echo(f"  {reason}")
    if summary.broken > len(summary.reasons):
        typer.echo(f"  and {summary.broken - len(summary.reasons):,} more")
