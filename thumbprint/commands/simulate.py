"""`thumbprint simulate`: what a bundle would do for the people of a corpus."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from thumbprint.commands.options import BundleArgument, PublicKeyOption

_SPLIT = "Which users (as in the training job)"
_FLEET = "A fleet through simulated days (docs/fleet.md)"


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
        int,
        typer.Option(
            min=0, metavar="N", help="Users with fewer messages enter no average; in a fleet they get no phone."
        ),
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
    seed: Annotated[int, typer.Option(metavar="N", help="The job's seed; a fleet's too.", rich_help_panel=_SPLIT)] = 0,
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
    population: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Phones, dealt to the users; with --days.", rich_help_panel=_FLEET),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(min=1, metavar="D", help="Days that each phone lives, from first use.", rich_help_panel=_FLEET),
    ] = None,
    words_a_day: Annotated[
        int, typer.Option(min=1, metavar="N", help="Words tested on each phone-day.", rich_help_panel=_FLEET)
    ] = 5,
    next_bundle: Annotated[
        Path | None,
        typer.Option(
            metavar="BUNDLE",
            help="A second bundle, which some phones get late.",
            rich_help_panel=_FLEET,
            show_default=False,
        ),
    ] = None,
    release_day: Annotated[
        int, typer.Option(min=0, metavar="DAY", help="The day it comes out.", rich_help_panel=_FLEET)
    ] = 7,
) -> None:
    """Give each user of a corpus a phone, or a fleet of phones simulated days.

    Each phone observes the first 80 % of its user's messages, adapts on its own, and predicts every word of the last
    20 %, which it never learns from. DIR gets report.json, report.html, gain.svg and gain.png; the table is printed.

    With --population and --days, phones live through days instead: typed on, charged at night, now and then off or
    with a wrong clock, adapting when the policy lets them. DIR gets fleet.json and pictures.

    Run again after a stop, it goes on where it was. DIR holds the phones too, and with them people's messages; those of
    a fleet are deleted as soon as their days are over.
    """
    from device_runtime.fleet.plan import FleetPlan
    from device_runtime.fleet.report_table import table_of
    from device_runtime.report import print_table
    from federated.corpus.splits import split_users
    from federated.corpus.store import Corpus
    from thumbprint.corpus_fleet import FLEET_FILES, live_through
    from thumbprint.corpus_simulation import FILES, simulate_users, write_results
    from thumbprint.terminal import output
    from thumbprint.trust import open_bundle

    if (population is None) != (days is None):
        raise typer.BadParameter("a fleet takes both --population and --days")
    if next_bundle is not None and population is None:
        raise typer.BadParameter("--next-bundle is for a fleet: give --population and --days")
    opened, _ = open_bundle(bundle, public_key)
    with Corpus.open(corpus) as messages:
        chosen: Iterable[str] = messages.user_ids()
        count = messages.num_users
        if users is not Part.ALL:
            split = split_users(chosen, new_phone_share=new_phone_share, validation_share=validation_share, seed=seed)
            part = {Part.NEW: split.new_phones, Part.TRAINING: split.training}
            chosen = part.get(users, split.validation)
            count = len(chosen)
        if not count:
            raise typer.BadParameter(f"the split leaves no {users} users: give larger shares or another --users")
        if population is not None and days is not None:
            plan = FleetPlan(population, days, seed, words_a_day, release_day)
            second = [open_bundle(next_bundle, public_key)[0]] if next_bundle else []
            people = [user for user in chosen if messages.message_count(user) >= min_messages]
            fleet = live_through([opened, *second], messages, people, plan, out, workers)
            output().print(table_of(fleet))
            written: tuple[str, ...] = FLEET_FILES
        else:
            report = simulate_users(opened, messages, chosen, count, out, min_messages, workers)
            write_results(opened, messages, report, out)
            print_table(report, output())
            written = FILES
    typer.echo("wrote " + ", ".join(str(out / name) for name in written))
