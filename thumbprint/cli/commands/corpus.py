"""`thumbprint corpus`: make a corpus of messages, and show what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table

from thumbprint.cli.lazy_commands import STYLE
from thumbprint.console import (
    SYNTHETIC_MESSAGES,
    counting,
    headed,
    labelled,
    notice,
    output,
    pairs,
    silence_tensorflow,
    working,
)

if TYPE_CHECKING:
    from federated.corpus.schema import ImportSummary
    from federated.corpus.stats import CorpusStats
    from federated.corpus.store import Corpus

app = typer.Typer(no_args_is_help=True, **STYLE)

OutOption = Annotated[
    Path,
    typer.Option(
        metavar="FILE",
        help="The corpus to write. An existing corpus is replaced; any other file is refused.",
        show_default=False,
    ),
]


@app.callback()
def corpus() -> None:
    """Import messages, and show what a corpus holds.

    A corpus is an SQLite file of messages, grouped by user. It is read one client at a time, so it can have any size.
    """


@app.command("import")
def import_source(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A file, or the word stackoverflow for TFF's Stack Overflow data.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The corpus to write, needed without --dry-run. An existing corpus is replaced; any other file is "
            "refused.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The format of the file: jsonl, nus_sms, android_sms, whatsapp, telegram, google_chat, hangouts, "
            "signal_json, signal_csv, imessage_text, imessage_database, leaf, columns, tff_data; auto detects it from "
            "the content.",
        ),
    ] = "auto",
    encoding: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The encoding of text that is not in UTF-8 and does not say so itself, for example cp1252.",
            show_default=False,
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="The columns of a table, if their names are unusual: user=NAME,time=NAME,text=NAME.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the first messages and the counts, and write nothing.")
    ] = False,
) -> None:
    """Make a corpus from an export of messages.

    Reads JSON Lines (jsonl), tables such as CSV (columns), the exports of WhatsApp (whatsapp), Telegram (telegram),
    Google Chat and Hangouts (google_chat, hangouts), Signal (signal_json, signal_csv) and iMessage (imessage_text,
    imessage_database), where each author is a user, and of Android's "SMS Backup & Restore"
    (android_sms: the messages that its owner sent), the NUS SMS corpus release (nus_sms), and the data of LEAF (leaf)
    and TensorFlow Federated (tff_data). Files can be gzipped or in a zip; of a zip, all chats are imported.

    Shows the first messages of a few authors, on standard output only. The corpus is written completely or not at all.
    Records that cannot be used are counted, with the reason.
    """
    from federated.corpus.importers.columns import parse_columns
    from federated.corpus.importers.import_source import Preview, import_corpus, inspect_source

    silence_tensorflow()  # it reads TFF's client data
    named = parse_columns(columns) if columns is not None else None
    if out is None and not dry_run:
        raise typer.BadParameter("name the corpus to write, or give --dry-run", param_hint="--out")
    preview = Preview()
    with counting("reading", "records") as progress:
        if out is None or dry_run:
            summary = inspect_source(source, format, progress, encoding=encoding, columns=named, seen=preview)
        else:
            summary = import_corpus(source, out, format, progress, encoding=encoding, columns=named, seen=preview)
    _print_preview(preview.messages)
    _print_summary(summary, None if dry_run else out)


@app.command()
def synthetic(
    out: OutOption,
    users: Annotated[int, typer.Option(min=1, metavar="N", help="The number of users to make up.")] = 60,
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed makes up other users.")] = 0,
) -> None:
    """Make up a corpus, to try things without real messages.

    The users have their own names, places, phrases and habits. The same seed gives the same messages on every machine.
    Every result of such a corpus is labelled SYNTHETIC: it shows that things work, not how well.
    """
    from federated.corpus.synthetic.generate import write_synthetic

    with counting("making up", "messages") as progress:
        summary = write_synthetic(out, users=users, seed=seed, progress=progress)
    output().print(notice(SYNTHETIC_MESSAGES))
    _print_summary(summary, out)


@app.command()
def stats(
    corpus: Annotated[
        Path, typer.Argument(metavar="CORPUS", help="A corpus made by import or synthetic.", show_default=False)
    ],
) -> None:
    """Show the figures of a corpus.

    Users, messages and words, their distribution over users, and the share of all typed words that a vocabulary covers.
    """
    from federated.corpus.stats import corpus_stats
    from federated.corpus.store import Corpus

    with Corpus.open(corpus) as opened:
        with working("counting words"):
            figures = corpus_stats(opened)
        output().print(stats_view(opened, figures))


def _print_preview(messages: Mapping[str, list[str]]) -> None:
    from federated.corpus.importers.import_source import one_line

    typer.echo("the first messages:")
    for author, texts in messages.items():
        for text in texts:
            typer.echo(f"  {one_line(author)}: {text}")


def _print_summary(summary: ImportSummary, out: Path | None) -> None:
    done = f"{out}: " if out else "nothing was written; the source has "
    typer.echo(f"{done}{summary.messages:,} messages by {summary.users:,} users")
    left_out = {"duplicate": summary.duplicates, "blank": summary.empty} | dict(summary.skipped)
    if any(left_out.values()):
        typer.echo("left out:")
    for reason, count in left_out.items():
        if count:
            typer.echo(f"  {count:,} {reason}")
    if summary.examples:
        typer.echo("the first of them:")
    for example in summary.examples:
        typer.echo(f"  {example}")


def stats_view(corpus: Corpus, stats: CorpusStats) -> Group:
    """Returns the origin of the corpus, totals, percentiles over users, and coverage."""
    totals = {
        "source": corpus.description,
        "format": corpus.source,
        "id": corpus.corpus_id,
        "users": stats.users,
        "messages": stats.messages,
        "words": stats.words,
        "different words": stats.distinct_words,
    }
    tables = (pairs(str(corpus.path), totals), _spread(stats), _coverage(stats))
    return labelled(corpus.synthetic, SYNTHETIC_MESSAGES, *tables)


def _spread(stats: CorpusStats) -> RenderableType:
    table = Table()
    table.add_column("")
    for name in stats.messages_per_user:
        table.add_column(name, justify="right")
    for name, percentiles in {"messages": stats.messages_per_user, "words": stats.words_per_user}.items():
        table.add_row(name, *(f"{value:,}" for value in percentiles.values()))
    return headed("per user (percentiles over users)", table)


def _coverage(stats: CorpusStats) -> RenderableType:
    table = Table()
    table.add_column("vocabulary")
    table.add_column("words typed", justify="right")
    for size, share in stats.coverage.items():
        table.add_row(f"the {size:,} most frequent words", f"{100 * share:.1f} %")
    table.add_row("words that 2 users or more typed", f"{100 * stats.shared_coverage:.1f} %")
    return headed("share of all typed words that a vocabulary covers", table)
