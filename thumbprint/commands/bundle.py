"""`thumbprint bundle`: whether a bundle can be trusted, and what is in it."""

from __future__ import annotations

import typer

from thumbprint.commands.options import BundleArgument, PublicKeyOption
from thumbprint.lazy import STYLE

app = typer.Typer(no_args_is_help=True, **STYLE)


@app.callback()
def bundle() -> None:
    """Verify a bundle, and look into it.

    A bundle is what an app ships: model, tokenizer, the adapter every phone starts from, a manifest and its signature.
    """


@app.command()
def verify(bundle: BundleArgument, public_key: PublicKeyOption = None) -> None:
    """Say whether a bundle is whole and signed with your key.

    Prints one line that begins with OK, or ends with exit code 2 and the reason.
    """
    from thumbprint.trust import fingerprint, open_bundle

    opened, key = open_bundle(bundle, public_key)
    manifest = opened.manifest
    synthetic = ", SYNTHETIC" if manifest.provenance.synthetic else ""
    typer.echo(f"OK: {manifest.name}, model {manifest.model_id}, key {fingerprint(key)}{synthetic}")


@app.command()
def inspect(bundle: BundleArgument, public_key: PublicKeyOption = None) -> None:
    """Show what is in a bundle, once it is verified.

    Its files, where its model comes from, its measured figures, how a phone adapts itself with it, and the tensors that
    an app calls the model with.
    """
    from thumbprint.bundle_tables import bundle_view
    from thumbprint.terminal import output
    from thumbprint.trust import fingerprint, open_bundle

    opened, key = open_bundle(bundle, public_key)
    output().print(bundle_view(opened.path, opened.manifest, fingerprint(key)))
