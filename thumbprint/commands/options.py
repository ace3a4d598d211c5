"""Arguments that several commands share."""

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
