"""Arguments that several commands share.

Where the service keeps what it keeps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

BundleArgument = Annotated[
    Path, typer.Argument(metavar="BUNDLE", help="The bundle: a folder, or a zip of it.", show_default=False)
]
PublicKeyOption = Annotated[
    Path | None,
    typer.Option(
        "--public-key",
        metavar="FILE",
        envvar="THUMBPRINT_PUBLIC_KEY",
        help="The public key that the bundle must be signed with.",
        show_default="your own",
    ),
]


DataOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where the devices live.", show_default="devices/ in your app folder"),
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="THUMBPRINT_DATABASE",
        help="The database of devices, keys and adaptations: postgresql://user@host/name. A password in it belongs in "
        "the variable, for others can read a command line.",
        show_default="an SQLite file in DIR",
    ),
]
