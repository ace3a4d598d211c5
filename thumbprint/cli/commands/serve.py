"""`thumbprint serve`: phones over HTTP."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from thumbprint.cli.commands.options import BundleArgument, DatabaseOption, DataOption, PublicKeyOption


class LogLevel(StrEnum):
    """From which weight on the log has lines."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def serve(
    bundle: BundleArgument,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="The address to listen on; 127.0.0.1 is this machine only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="The port; 0 takes a free one.")] = 8000,
    data: DataOption = None,
    database: DatabaseOption = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure", help="Ask for no keys: whoever reaches the port may do everything. On this machine only."
        ),
    ] = False,
    log_level: Annotated[
        LogLevel, typer.Option(metavar="LEVEL", help="debug, info (a line for every request), warning or error.")
    ] = LogLevel.WARNING,
    fleet: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="What `thumbprint simulate` wrote, for the page to draw.", show_default="nothing drawn"
        ),
    ] = None,
    block_list: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Words that no device suggests, in UTF-8, one a line. GET and PUT blocked-words hold a device's own.",
            show_default="no words",
        ),
    ] = None,
    public_key: PublicKeyOption = None,
) -> None:
    """Serve phones over HTTP.

    Every device has its own history and adapter, and survives a restart. Requests need a key that
    `thumbprint access create` made. The address is printed when it is ready: opened in a browser, it is a keyboard to
    try; /v1/openapi.json there describes the API. Ctrl-C ends it, once requests underway are answered.
    """
    from api.server import serve as run
    from thumbprint.cli.trusted_keys import app_folder, explaining_key_errors, trusted_public_key

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
            log_level=log_level.value,
        )
