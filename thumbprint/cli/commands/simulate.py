"""`thumbprint simulate`: what a bundle does for the users of a corpus, on simulated phones."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from thumbprint.cli.trusted_keys import PublicKeyOption, open_bundle
from thumbprint.console import advancing, output, working

_SPLIT = "Choice of users (the values of the training job)"
_SERVICE = "Phones of a running service (docs/api.md)"
_FLEET = "A fleet over simulated days (docs/fleet.md)"


class Part(StrEnum):
    """A part of the users, by their role in training."""

    ALL = "all"
    NEW = "new"
    TRAINING = "training"
    VALIDATION = "validation"


def simulate(
    corpus: Annotated[Path, typer.Option(metavar="CORPUS", help="The messages of the users.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for the results.", show_default=False)],
    bundle: Annotated[
        Path | None,
        typer.Argument(
            metavar="BUNDLE", help="The bundle: a folder, or a zip of it. Not with --api.", show_default=False
        ),
    ] = None,
    min_messages: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Users with fewer messages are left out of every average; in a fleet they get no phone.",
        ),
    ] = 20,
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Processes, each with one thread; with --api, devices at a time.")
    ] = 2,
    public_key: PublicKeyOption = None,
    users: Annotated[
        Part,
        typer.Option(
            metavar="PART",
            help="all; new: users who took no part in training; training; validation.",
            rich_help_panel=_SPLIT,
        ),
    ] = Part.ALL,
    seed: Annotated[
        int, typer.Option(metavar="N", help="The seed of the job, and of a fleet.", rich_help_panel=_SPLIT)
    ] = 0,
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
    fold: Annotated[
        int, typer.Option(min=0, metavar="N", help="The job's fold of new phones.", rich_help_panel=_SPLIT)
    ] = 0,
    api: Annotated[
        str | None,
        typer.Option(
            "--api",
            metavar="URL",
            help="Use devices of the service at URL, which run its bundle.",
            rich_help_panel=_SERVICE,
            show_default=False,
        ),
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY",
            envvar="THUMBPRINT_API_KEY",
            help="A key with scope admin; with --keep-devices, scope device is enough.",
            rich_help_panel=_SERVICE,
            show_default="none",
        ),
    ] = None,
    keep_devices: Annotated[
        bool,
        typer.Option("--keep-devices", help="Keep the devices at the end.", rich_help_panel=_SERVICE),
    ] = False,
    population: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Phones, distributed over the users.",
            rich_help_panel=_FLEET,
        ),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(min=1, metavar="D", help="Days of each phone, from its first use.", rich_help_panel=_FLEET),
    ] = None,
    words_a_day: Annotated[
        int, typer.Option(min=1, metavar="N", help="Words tested per phone and day.", rich_help_panel=_FLEET)
    ] = 5,
    next_bundle: Annotated[
        Path | None,
        typer.Option(
            metavar="BUNDLE",
            help="A second bundle, which some phones get with a delay.",
            rich_help_panel=_FLEET,
            show_default=False,
        ),
    ] = None,
    release_day: Annotated[
        int, typer.Option(min=0, metavar="DAY", help="The day on which it is released.", rich_help_panel=_FLEET)
    ] = 7,
) -> None:
    """Give each user of a corpus a phone, or simulate a fleet over days.

    Each phone observes the first 80 % of its user's messages, adapts, and predicts every word of the last 20 %: first
    without learning from them, then counting each message after its test. DIR gets report.json, report.html, gain.svg
    and gain.png. The table is printed.

    With --population and --days, a fleet is simulated over days instead. Its phones are used by day and charged at
    night, are sometimes off or have a wrong clock, and adapt when the policy allows it. DIR gets fleet.json and
    pictures.

    With --api, the phones are devices of a running service. Each is deleted after its test. DIR gets the same files.

    If you stop it, the same command continues from there. DIR also holds the phones, and therefore people's messages.
    Phones of a fleet are deleted after their last day; devices of a service stay in the service.
    """
    from device_runtime.reporting import fleet as fleet_reporting
    from device_runtime.reporting import table
    from federated.corpus.store import Corpus
    from federated.data.federated_data import split_users
    from thumbprint.pipeline.simulate import FILES

    _check_options(bundle, api, keep_devices, population, days, next_bundle)
    opened = None if bundle is None else open_bundle(bundle, public_key)[0]
    with Corpus.open(corpus) as messages:
        chosen: Iterable[str] = messages.user_ids()
        count = messages.num_users
        if users is not Part.ALL:
            shares = {"new_phone_share": new_phone_share, "validation_share": validation_share}
            split = split_users(chosen, **shares, fold=fold, seed=seed)
            part = {Part.NEW: split.new_phones, Part.TRAINING: split.training}
            chosen = part.get(users, split.validation)
            count = len(chosen)
        if not count:
            raise typer.BadParameter(f"the split leaves no {users} users: give larger shares or another --users")
        files: tuple[str, ...] = FILES
        if opened is None:
            from thumbprint.remote_simulation.simulate import Service, simulate_service

            service = Service(str(api), api_key or None, keep_devices)
            with advancing("phones", count) as progress:
                report = simulate_service(
                    service, messages, chosen, out, min_messages, workers, progress, warn=partial(typer.echo, err=True)
                )
            output().print(table.table_of(report))
        elif population is not None and days is not None:
            from device_runtime.simulation.fleet.plan import FleetPlan
            from thumbprint.pipeline.simulate import FLEET_FILES, simulate_corpus_fleet

            plan = FleetPlan(population, days, seed, words_a_day, release_day)
            second = [open_bundle(next_bundle, public_key)[0]] if next_bundle else []
            user_ids = [user for user in chosen if messages.message_count(user) >= min_messages]
            if not user_ids:
                raise typer.BadParameter(
                    f"no user has {min_messages:,} messages or more: lower --min-messages or give a larger corpus"
                )
            with advancing("phones", plan.population) as progress:
                fleet = simulate_corpus_fleet([opened, *second], messages, user_ids, plan, out, workers, progress)
            output().print(fleet_reporting.table_of(fleet))
            files = FLEET_FILES
        else:
            from device_runtime.inference.engine import Engine
            from device_runtime.simulation.device import temporary_devices
            from thumbprint.pipeline.simulate import simulate_corpus, write_results

            with advancing("phones", count) as progress:
                report = simulate_corpus(opened, messages, chosen, out, min_messages, workers, progress)
            with working("writing the report"):
                write_results(temporary_devices(Engine(opened)), messages, report, out)
            output().print(table.table_of(report))
    typer.echo("wrote " + ", ".join(str(out / name) for name in files))


def _check_options(
    bundle: Path | None,
    api: str | None,
    keep_devices: bool,
    population: int | None,
    days: int | None,
    next_bundle: Path | None,
) -> None:
    """Raises BadParameter for options that cannot be combined."""
    if bundle is None and api is None:
        raise typer.BadParameter("give a BUNDLE, or --api URL for the phones of a running service")
    if bundle is not None and api is not None:
        raise typer.BadParameter("give a BUNDLE or --api, not both: the devices of a service run the service's bundle")
    if keep_devices and api is None:
        raise typer.BadParameter("--keep-devices is for the devices of a service: give --api URL")
    if (population is None) != (days is None):
        raise typer.BadParameter("a fleet needs both --population and --days")
    if population is not None and api is not None:
        raise typer.BadParameter("a fleet does not run on a service: give a BUNDLE, and no --api")
    if next_bundle is not None and population is None:
        raise typer.BadParameter("--next-bundle is for a fleet: give --population and --days")
