"""`thumbprint access`: the API keys of `thumbprint serve`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thumbprint.cli.commands.options import DatabaseOption, DataOption
from thumbprint.cli.lazy_commands import STYLE

if TYPE_CHECKING:
    from api.auth.api_keys import ApiKeys

app = typer.Typer(no_args_is_help=True, **STYLE)


class Scope(StrEnum):
    """As `api.auth.api_keys.Scope`, which takes SQLAlchemy to import."""

    READ = "read"
    DEVICE = "device"
    ADMIN = "admin"


@app.callback()
def access() -> None:
    """Make and revoke the keys that the service asks for.

    A running service takes a new key at once and refuses a revoked one within 2 seconds.
    """


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is.", show_default=False)],
    scope: Annotated[
        Scope,
        typer.Option(
            metavar="SCOPE",
            help="read: bundles, devices, metrics, nothing that was typed; device: also all within devices; admin: "
            "also deleting them.",
        ),
    ] = Scope.DEVICE,
    device: Annotated[
        str | None, typer.Option(metavar="ID", help="The only device that the key opens.", show_default="all")
    ] = None,
    data: DataOption = None,
    database: DatabaseOption = None,
) -> None:
    """Make a key and print it. It is shown this once: the database keeps its hash alone."""
    from api.auth import api_keys

    with _keys(data, database) as keys:
        key, secret = keys.create(name, api_keys.Scope(scope), device)
    typer.echo(
        f"made {key.id} for {key.name}, scope {key.scope}{_bound(device)}; keep it, it cannot be shown again:", err=True
    )
    typer.echo(secret)


@app.command("list")
def list_keys(data: DataOption = None, database: DatabaseOption = None) -> None:
    """List the keys that are valid, without what opens anything."""
    with _keys(data, database) as keys:
        found = keys.valid()
    for key in found:
        typer.echo(f"{key.id}  {key.scope:6}  {key.created_at:%Y-%m-%d %H:%M} UTC  {key.name}{_bound(key.device_id)}")
    if not found:
        typer.echo("no keys: make one with `thumbprint access create NAME`", err=True)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.", show_default=False)],
    data: DataOption = None,
    database: DatabaseOption = None,
) -> None:
    """Make a key worthless, for good."""
    with _keys(data, database) as keys:
        keys.revoke(key_id)
    typer.echo(f"revoked {key_id}")


@contextmanager
def _keys(data: Path | None, database: str | None) -> Iterator[ApiKeys]:
    from api.auth.api_keys import ApiKeys
    from api.storage.data_folder import database_in
    from api.storage.migrate import open_database
    from thumbprint.cli.trusted_keys import app_folder

    opened = open_database(database or database_in(data or app_folder() / "devices"), to_serve=False)
    try:
        yield ApiKeys(opened)
    finally:
        opened.close()


def _bound(device: str | None) -> str:
    return "" if device is None else f", for the device {device} alone"
