"""`thumbprint predict`: what a keyboard with this bundle would suggest."""

from __future__ import annotations

from typing import Annotated

import typer

from thumbprint.cli.commands.options import BundleArgument, PublicKeyOption


def predict(
    bundle: BundleArgument,
    context: Annotated[
        str,
        typer.Argument(metavar="TEXT", help='The message before the next word; "" at its start.', show_default=False),
    ],
    prefix: Annotated[str, typer.Option(metavar="LETTERS", help="What of the next word is typed already.")] = "",
    k: Annotated[
        int, typer.Option("--k", "-k", min=1, max=100, metavar="N", help="How many words to suggest, 1 to 100.")
    ] = 3,
    history: Annotated[
        typer.FileText | None,
        typer.Option(
            encoding="utf-8",
            errors="replace",
            metavar="FILE",
            help="What the owner wrote before, a message a line; - reads stdin.",
            show_default=False,
        ),
    ] = None,
    adapt: Annotated[bool, typer.Option("--adapt", help="Let the phone train its adapter on --history too.")] = False,
    public_key: PublicKeyOption = None,
) -> None:
    """Suggest the next word of a message.

    Without --history the shared model answers. With it, a phone that lives for this one command reads those
    messages first, and its suggestions stand beside the shared model's. Nothing of it is kept.

    Example: thumbprint predict demo.bundle "see you" --prefix to
    """
    import tempfile
    from pathlib import Path

    from device_runtime.inference.engine import Engine
    from device_runtime.phone.phone import Phone
    from thumbprint.cli.trusted_keys import open_bundle
    from thumbprint.cli.views.suggestions import adaptation_line, suggestion_view
    from thumbprint.console.terminal import output, working

    if adapt and history is None:
        raise typer.BadParameter("--adapt needs messages to learn from: give --history FILE")
    opened, _ = open_bundle(bundle, public_key)
    console = output()
    with (
        tempfile.TemporaryDirectory(prefix="thumbprint-") as folder,
        Phone.open(Path(folder) / "phone", Engine(opened)) as phone,
    ):
        if history is not None:
            phone.observe_many(line.rstrip("\r\n") for line in history)
        if adapt:
            with working("adapting"):
                adaptation = phone.adapt()
            console.print(adaptation_line(adaptation, phone.messages, phone.words))
        columns = {"shared model": phone.predict(context, prefix, k, personal=False)}
        if history is not None:
            columns["this phone"] = phone.predict(context, prefix, k)
    console.print(suggestion_view(columns, synthetic=opened.manifest.provenance.synthetic))
