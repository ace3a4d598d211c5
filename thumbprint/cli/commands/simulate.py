"""`thumbprint simulate`: what a bundle would do for the people of a corpus."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from thumbprint.cli.commands.options import PublicKeyOption

_SPLIT = "Which users (as in the training job)"
_SERVICE = "The phones of a running service (docs/api.md)"
_FLEET = "A fleet through simulated days (docs/fleet.md)"


class Part(StrEnum):
    """Users by the part they took in training."""

    ALL = "all"
    NEW = "new"
    TRAINING = "training"
    VALIDATION = "validation"


def simulate(
    corpus: Annotated[Path, typer.Option(metavar="CORPUS", help="Whose messages.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for what is found.", show_default=False)],
    bundle: Annotated[
        Path | None,
        typer.Argument(
            metavar="BUNDLE", help="The bundle: a folder, or a zip of it. None with --api.", show_default=False
        ),
    ] = None,
    min_messages: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Users with fewer messages enter no average; in a fleet they get no phone."
        ),
    ] = 20,
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Processes, each with one thread; devices at a time.")
    ] = 2,
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
    api: Annotated[
        str | None,
        typer.Option(
            "--api",
            metavar="URL",
            help="Drive the devices of the service there, which run its bundle.",
            rich_help_panel=_SERVICE,
            show_default=False,
        ),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            envvar="THUMBPRINT_API_KEY",
            help="A key of the scope admin; of the scope device with --keep-devices.",
            rich_help_panel=_SERVICE,
            show_default="none",
        ),
    ] = None,
    keep_devices: Annotated[
        bool,
        typer.Option("--keep-devices", help="Leave the devices there at the end.", rich_help_panel=_SERVICE),
    ] = False,
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

    With --api, the phones are devices of a running service, deleted as soon as each is tested. DIR gets the same files.

    Run again after a stop, it goes on where it was. DIR holds the phones too, and with them people's messages; those of
    a fleet are deleted as soon as their days are over, and those of a service are there.
    """
    from device_runtime.reporting import fleet as fleet_reporting
    from device_runtime.reporting import table
    from federated.corpus.store import Corpus
    from federated.data.federated_data import split_users
    from thumbprint.cli.trusted_keys import open_bundle
    from thumbprint.console.terminal import advancing, output, working
    from thumbprint.pipeline.simulate import FILES

    _check(bundle, api, keep_devices, population, days, next_bundle)
    opened = None if bundle is None else open_bundle(bundle, public_key)[0]
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
        written: tuple[str, ...] = FILES
        if opened is None:
            from thumbprint.remote_simulation.simulate import Where, simulate_service

            where = Where(str(api), api_key or None, keep_devices)
            with advancing("phones", count) as progress:
                report = simulate_service(
                    where, messages, chosen, out, min_messages, workers, progress, warn=partial(typer.echo, err=True)
                )
            output().print(table.table_of(report))
        elif population is not None and days is not None:
            from device_runtime.simulation.fleet.plan import FleetPlan
            from thumbprint.pipeline.simulate import FLEET_FILES, simulate_corpus_fleet

            plan = FleetPlan(population, days, seed, words_a_day, release_day)
            second = [open_bundle(next_bundle, public_key)[0]] if next_bundle else []
            typists = [user for user in chosen if messages.message_count(user) >= min_messages]
            if not typists:
                raise typer.BadParameter(
                    f"no user has {min_messages:,} messages or more: lower --min-messages or give a larger corpus"
                )
            with advancing("phones", plan.population) as progress:
                fleet = simulate_corpus_fleet([opened, *second], messages, typists, plan, out, workers, progress)
            output().print(fleet_reporting.table_of(fleet))
            written = FLEET_FILES
        else:
            from device_runtime.inference.engine import Engine
            from device_runtime.simulation.device import temporary_devices
            from thumbprint.pipeline.simulate import simulate_corpus, write_results

            with advancing("phones", count) as progress:
                report = simulate_corpus(opened, messages, chosen, out, min_messages, workers, progress)
            with working("writing the report"):
                write_results(temporary_devices(Engine(opened)), messages, report, out)
            output().print(table.table_of(report))
    typer.echo("wrote " + ", ".join(str(out / name) for name in written))


def _check(
    bundle: Path | None,
    api: str | None,
    keep_devices: bool,
    population: int | None,
    days: int | None,
    next_bundle: Path | None,
) -> None:
    """Refuses options that do not go together."""
    if bundle is None and api is None:
        raise typer.BadParameter("give a BUNDLE, or --api URL for the phones of a running service")
    if bundle is not None and api is not None:
        raise typer.BadParameter("give a BUNDLE or --api, not both: the devices of a service run the service's bundle")
    if keep_devices and api is None:
        raise typer.BadParameter("--keep-devices is for the devices of a service: give --api URL")
    if (population is None) != (days is None):
        raise typer.BadParameter("a fleet takes both --population and --days")
    if population is not None and api is not None:
        raise typer.BadParameter("a fleet lives here, not in a service: give a BUNDLE, and no --api")
    if next_bundle is not None and population is None:
        raise typer.BadParameter("--next-bundle is for a fleet: give --population and --days")
