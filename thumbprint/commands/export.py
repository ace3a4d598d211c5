"""`thumbprint export`: what an app ships, of a training run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


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
    from thumbprint.tensorflow_log import quieten
    from thumbprint.terminal import output, working
    from thumbprint.trust import signer_fingerprint, signing_key

    private_key = signing_key(key)
    signer = signer_fingerprint(private_key)
    quieten()
    with working("exporting"):
        from federated.job import load_job
        from federated.run_folder import RunFolder
        from thumbprint.export_run import export_run
        from thumbprint.run_tables import export_view

        check = export_run(run, out, private_key, load_job(job) if job else None)
        synthetic = bool(RunFolder(run).read_json("corpus.json")["synthetic"])
    output().print(export_view(out, check, size=out.stat().st_size, signer=signer, synthetic=synthetic))
