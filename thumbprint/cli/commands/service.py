"""`thumbprint serve`: phones over HTTP. `thumbprint access`: the API keys of that service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.schemas.base import KeyScope
from keyboard_model import base_en
from thumbprint.cli.lazy_commands import STYLE
from thumbprint.cli.trusted_keys import (
    BundleArgument,
    PublicKeyOption,
    app_folder,
    explaining_key_errors,
    trusted_public_key,
)

if TYPE_CHECKING:
    from api.auth.api_keys import ApiKeys

access_app = typer.Typer(no_args_is_help=True, **STYLE)

DataOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="The folder of the devices.", show_default="devices/ in your app folder"),
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="THUMBPRINT_DATABASE",
        help="The database of devices, keys and adaptations: postgresql://user@host/name. Put a password into the "
        "variable: other users can read a command line.",
        show_default="an SQLite file in DIR",
    ),
]


class LogLevel(StrEnum):
    """The least severe level that the log shows."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def serve(
    bundle: BundleArgument = base_en.NAME,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="The address to listen on; 127.0.0.1 is this machine only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="The port; 0 takes a free one.")] = 8000,
    data: DataOption = None,
    database: DatabaseOption = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure", help="Require no keys: every client that reaches the port can do everything. Local use only."
        ),
    ] = False,
    log_level: Annotated[
        LogLevel, typer.Option(metavar="LEVEL", help="debug, info (one line per request), warning or error.")
    ] = LogLevel.WARNING,
    fleet: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The output of `thumbprint simulate` that the page draws.", show_default="no fleet"
        ),
    ] = None,
    block_list: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Words that no device suggests: UTF-8, one word per line. Devices can add their own with GET and PUT "
            "blocked-words.",
            show_default="no words",
        ),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST",
            help="A public name of the service, such as that of a proxy in front of it, with the port if the address "
            "bar shows one. Repeat the option for several names.",
            show_default="only localhost and the address itself",
        ),
    ] = None,
    public_key: PublicKeyOption = None,
) -> None:
    """Serve phones over HTTP.

    Every device has its own history and adapter, and survives a restart. Requests need a key from
    `thumbprint access create`. The command prints its address when it is ready. Open it in a browser to try the
    keyboard; /v1/openapi.json describes the API. Without BUNDLE, phones have the English one that comes with
    Thumbprint. Ctrl-C stops the service after the current requests are answered.
    """
    from api.server import serve as run

    bundle = base_en.resolve(bundle, base_en.BUNDLE)
    key = trusted_public_key(public_key, bundle)
    with explaining_key_errors(key, bundle):
        run(
            bundle,
            key,
            data or app_folder() / "devices",
            host,
            port,
            database=database,
            insecure=insecure,
            fleet=fleet,
            block_list=block_list,
            allowed_hosts=allowed_host or (),
            log_level=log_level.value,
        )


@access_app.callback()
def access() -> None:
    """Create and revoke the keys that the service requires.

    A running service accepts a new key immediately and refuses a revoked one within 2 seconds.
    """


@access_app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who uses the key.", show_default=False)],
    scope: Annotated[
        KeyScope,
        typer.Option(
            metavar="SCOPE",
            help="read: bundles, devices and metrics, but no typed text; device: also everything in devices; admin: "
            "also deleting devices.",
        ),
    ] = KeyScope.DEVICE,
    device: Annotated[
        str | None, typer.Option(metavar="ID", help="The only device that the key can access.", show_default="all")
    ] = None,
    data: DataOption = None,
    database: DatabaseOption = None,
) -> None:
    """Create a key and print it. It is shown only once, because the database stores only its hash."""
    with _api_keys(data, database) as keys:
        key, secret = keys.create(name, scope, device)
    typer.echo(
        f"created {key.id} for {key.name}, scope {key.scope}{_device(device)}; save it, it cannot be shown again:",
        err=True,
    )
    typer.echo(secret)


@access_app.command("list")
def list_keys(data: DataOption = None, database: DatabaseOption = None) -> None:
    """List the valid keys, without their secrets."""
    with _api_keys(data, database) as keys:
        valid = keys.valid()
    for key in valid:
        typer.echo(f"{key.id}  {key.scope:6}  {key.created_at:%Y-%m-%d %H:%M} UTC  {key.name}{_device(key.device_id)}")
    if not valid:
        typer.echo("no keys: create one with `thumbprint access create NAME`", err=True)


@access_app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The id that `list` shows.", show_default=False)],
    data: DataOption = None,
    database: DatabaseOption = None,
) -> None:
    """Revoke a key permanently."""
    with _api_keys(data, database) as keys:
        keys.revoke(key_id)
    typer.echo(f"revoked {key_id}")


@contextmanager
def _api_keys(data: Path | None, database: str | None) -> Iterator[ApiKeys]:
    from api.auth.api_keys import ApiKeys
    from api.storage.data_folder import database_in
    from api.storage.schema import open_database

    opened = open_database(database or database_in(data or app_folder() / "devices"), to_serve=False)
    try:
        yield ApiKeys(opened)
    finally:
        opened.close()


def _device(device: str | None) -> str:
    return "" if device is None else f", only for the device {device}"
