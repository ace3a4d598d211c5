"""`thumbprint serve`: phones over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thumbprint.commands.options import BundleArgument, PublicKeyOption


def serve(
    bundle: BundleArgument,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="The address to listen on; 127.0.0.1 is this machine only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="The port; 0 takes a free one.")] = 8000,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the devices live.", show_default="devices/ in your app folder"),
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure", help="Allow an --host that other machines reach: anybody there could read what was typed."
        ),
    ] = False,
    public_key: PublicKeyOption = None,
) -> None:
    """Serve phones over HTTP.

    Every device has its own history and adapter, and survives a restart. The address is printed when it is ready; /docs
    there describes the API. Ctrl-C ends it, once requests underway are answered.
    """
    from api.server import serve as run
    from thumbprint.trust import app_folder, naming_the_key, trusted_public_key

    key = trusted_public_key(public_key, bundle)
    with naming_the_key(key, bundle):
        run(bundle, key, data or app_folder() / "devices", host, port, insecure=insecure)
