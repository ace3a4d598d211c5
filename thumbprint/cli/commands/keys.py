"""`thumbprint keys`: the Ed25519 pair of whoever makes bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thumbprint.cli.lazy_commands import STYLE

app = typer.Typer(no_args_is_help=True, **STYLE)


@app.callback()
def keys() -> None:
    """Make the keys that bundles are signed with."""


@app.command()
def generate(
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder to put them in.", show_default="your app folder"),
    ] = None,
) -> None:
    """Make a new pair of Ed25519 keys; a key that exists is never overwritten.

    The private key signs bundles (`thumbprint export`) and stays with you; the public key goes into the app. Without
    --out the pair is your own: bundles are signed with it and checked with it wherever no other key is named.
    """
    from device_runtime.bundle.signing_keys import SigningKeys
    from thumbprint.cli.trusted_keys import fingerprint, key_folder

    private, public = SigningKeys.generate(out or key_folder())
    typer.echo(f"private key  {private}  (keep it to yourself)")
    typer.echo(f"public key   {public}")
    typer.echo(f"fingerprint  {fingerprint(public)}")
