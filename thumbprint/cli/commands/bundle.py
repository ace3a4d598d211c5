"""`thumbprint bundle`: whether a bundle can be trusted, and what is in it.

`thumbprint export`: what an app ships, of a training run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from thumbprint.cli.commands.options import BundleArgument, PublicKeyOption
from thumbprint.cli.lazy_commands import STYLE

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
    from thumbprint.cli.trusted_keys import fingerprint, open_bundle

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
    from thumbprint.cli.trusted_keys import fingerprint, open_bundle
    from thumbprint.cli.views.bundle import bundle_view
    from thumbprint.console.terminal import output

    opened, key = open_bundle(bundle, public_key)
    output().print(bundle_view(opened.path, opened.manifest, fingerprint(key)))


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished training.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The bundle to write.", show_default=False)],
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The private key to sign with.", show_default="your own")
    ] = None,
    job: Annotated[
        Path | None,
        typer.Option(
            metavar="JOB",
            help="Another job file, whose name and [personalization] the bundle gets.",
            show_default="the run's own",
        ),
    ] = None,
) -> None:
    """Make a signed bundle of a training run.

    The best round's model becomes a TFLite model of built-in operations and int8 weights. It is then run in LiteRT
    beside the TensorFlow model on the same inputs: the measured differences are printed and kept in the bundle, and
    past a stated tolerance nothing is written.
    """
    from thumbprint.cli.trusted_keys import signer_fingerprint, signing_key
    from thumbprint.console.tensorflow_log import silence_tensorflow
    from thumbprint.console.terminal import output, working

    private_key = signing_key(key)
    signer = signer_fingerprint(private_key)
    silence_tensorflow()
    with working("exporting"):
        from federated.job import load_job
        from federated.run import Run
        from thumbprint.cli.views.run import export_view
        from thumbprint.pipeline.export import export_run

        check = export_run(run, out, private_key, load_job(job) if job else None)
        synthetic = bool(Run(run).read_json("corpus.json")["synthetic"])
    output().print(export_view(out, check, size=out.stat().st_size, signer=signer, synthetic=synthetic))
