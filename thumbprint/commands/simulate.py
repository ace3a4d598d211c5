"""`thumbprint simulate`: what a bundle would do for the people of a corpus."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from thumbprint.commands.options import BundleArgument, PublicKeyOption

_SPLIT = "Which users (as in the training job)"


class Part(StrEnum):
    """Users by the part they took in training."""

    ALL = "all"
    NEW = "new"
    TRAINING = "training"
    VALIDATION = "validation"


def simulate(
    bundle: BundleArgument,
    corpus: Annotated[Path, typer.Option(metavar="CORPUS", help="Whose messages.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for what is found.", show_default=False)],
    min_messages: Annotated[
        int, typer.Option(min=0, metavar="N", help="Users with fewer messages enter no average.")
    ] = 20,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Processes, each with one thread.")] = 2,
    public_key: PublicKeyOption = None,
    users: Annotated[
        Part,
        typer.Option(
            metavar="PART",
            help="all; new: the phones that training never saw; training; validation.",
            rich_help_panel=_SPLIT,
        ),
    ] = Part.ALL,
    seed: Annotated[int, typer.Option(metavar="N", help="The job's seed.", rich_help_panel=_SPLIT)] = 0,
    new_phone_share: Annotated[
        float,
        typer.Option(
            min=0, max=1, metavar="SHARE", help="Share of users held out as new phones.", rich_help_panel=_SPLIT
        ),
    ] = 0.2,
    validation_share: Annotated[
        float,
        typer.Option(
            min=0, max=1, metavar="SHARE", help="Share of the others held out for validation.", rich_help_panel=_SPLIT
        ),
    ] = 0.1,
) -> None:
    """Give each user of a corpus a phone.

    Each phone observes the first 80 % of its user's messages, adapts on its own, and predicts every word of the last
    20 %, which it never learns from. DIR gets report.json, report.html, gain.svg and gain.png; the table is printed.

    Run again after a stop, it goes on where it was. DIR holds the phones too, and with them people's messages.
    """
    from device_runtime.report import print_table
    from federated.corpus.splits import split_users
    from federated.corpus.store import Corpus
    from thumbprint.corpus_simulation import FILES, simulate_users, write_results
    from thumbprint.terminal import output
    from thumbprint.trust import open_bundle

    opened, _ = open_bundle(bundle, public_key)
    with Corpus.open(corpus) as messages:
        chosen: Iterable[str] = messages.user_ids()
        count = messages.num_users
        if users is not Part.ALL:
            population = split_users(
                chosen, new_phone_share=new_phone_share, validation_share=validation_share, seed=seed
            )
            part = {Part.NEW: population.new_phones, Part.TRAINING: population.training}
            chosen = part.get(users, population.validation)
            count = len(chosen)
        if not count:
            raise typer.BadParameter(f"the split leaves no {users} users: give larger shares or another --users")
        report = simulate_users(opened, messages, chosen, count, out, min_messages, workers)
        write_results(opened, messages, report, out)
    print_table(report, output())
    typer.echo("wrote " + ", ".join(str(out / name) for name in FILES))
