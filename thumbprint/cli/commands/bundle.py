"""`thumbprint keys`, `thumbprint export` and `thumbprint bundle`: make, verify and inspect signed bundles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table

from thumbprint.cli.lazy_commands import STYLE
from thumbprint.cli.trusted_keys import (
    BundleArgument,
    PublicKeyOption,
    fingerprint,
    key_folder,
    open_bundle,
    signer_fingerprint,
    signing_key,
)
from thumbprint.console import SYNTHETIC_MODEL, headed, labelled, output, pairs, silence_tensorflow, working

if TYPE_CHECKING:
    from device_runtime.manifest import Manifest, Signature
    from tflite_export.parity_check import ParityReport

app = typer.Typer(no_args_is_help=True, **STYLE)
keys_app = typer.Typer(no_args_is_help=True, **STYLE)

_DIFFERENCES = {
    "log_probability": "largest difference in log-probability, nats",
    "mean_log_probability": "mean difference in log-probability, nats",
    "recall_at_3": "difference in recall@3 of pieces",
    "adapt": "difference of an adaptation step, relative to its length",
}


@app.callback()
def bundle() -> None:
    """Verify a bundle, and show its contents.

    An app ships a bundle: the model, the tokenizer, the adapter that every phone starts from, a manifest and its
    signature.
    """


@app.command()
def verify(bundle: BundleArgument, public_key: PublicKeyOption = None) -> None:
    """Check that a bundle is complete and signed with your key, and that its model runs.

    Runs every function of the model in a process of its own, because a damaged model can crash the interpreter. Prints
    one line that begins with OK, or ends with exit code 2 and the reason.
    """
    opened, key = open_bundle(bundle, public_key)
    from device_runtime.inference.model_trial import try_in_child

    try_in_child(opened)
    manifest = opened.manifest
    synthetic = ", SYNTHETIC" if manifest.provenance.synthetic else ""
    typer.echo(f"OK: {manifest.name}, model {manifest.model_id}, key {fingerprint(key)}{synthetic}")


@app.command()
def inspect(bundle: BundleArgument, public_key: PublicKeyOption = None) -> None:
    """Verify a bundle and show its contents.

    Shows its files, the origin of its model, its measured figures, the recipe by which a phone adapts, and the tensors
    of the model's signatures.
    """
    opened, key = open_bundle(bundle, public_key)
    output().print(bundle_view(opened.path, opened.manifest, fingerprint(key)))


def export(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="The folder of a finished training, or of a base.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The bundle to write.", show_default=False)],
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The private key to sign with.", show_default="your own")
    ] = None,
    job: Annotated[
        Path | None,
        typer.Option(
            metavar="JOB",
            help="Another job file. The bundle gets its name and [personalization].",
            show_default="the run's own, or the defaults",
        ),
    ] = None,
) -> None:
    """Make a signed bundle of a training run, or of a base as it is.

    Converts the model of the best round to TFLite with built-in operations and int8 weights. Then runs it in LiteRT
    and compares it with the TensorFlow model on the same inputs. The differences are printed and stored in the bundle.
    If one is above its tolerance, no bundle is written.
    """
    private_key = signing_key(key)
    signer = signer_fingerprint(private_key)
    silence_tensorflow()
    with working("exporting") as show:
        from federated.base import Base
        from federated.job import Job, load_job
        from federated.run import Run
        from thumbprint.pipeline.export import export_base, export_run

        chosen = load_job(job) if job else None
        if Base(run).exists():
            parity, synthetic = export_base(Base(run), out, private_key, chosen or Job()), False
        else:
            parity = export_run(run, out, private_key, chosen, on_stage=show)
            synthetic = bool(Run(run).read_json("corpus.json")["synthetic"])
    output().print(export_view(out, parity, size=out.stat().st_size, signer=signer, synthetic=synthetic))


@keys_app.callback()
def keys() -> None:
    """Generate the keys that sign bundles, and those of workers."""


@keys_app.command()
def generate(
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder for the keys.", show_default="your app folder"),
    ] = None,
) -> None:
    """Generate a new pair of Ed25519 keys. An existing key is never overwritten.

    The private key signs bundles (`thumbprint export`): keep it secret. The public key goes into the app. Without --out
    the pair becomes your own: commands use it to sign and verify bundles when you name no other key.
    """
    from device_runtime.bundle.signing_keys import SigningKeys

    private, public = SigningKeys.generate(out or key_folder())
    typer.echo(f"private key  {private}  (keep it secret)")
    typer.echo(f"public key   {public}")
    typer.echo(f"fingerprint  {fingerprint(public)}")


@keys_app.command()
def worker(
    hosts: Annotated[
        list[str],
        typer.Argument(
            metavar="HOST...", help="The machines of the workers, as --workers will name them.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for the files.", show_default=False)],
) -> None:
    """Generate a token and a TLS certificate for the workers of a training. Nothing is overwritten.

    Each worker needs the three files (`thumbprint worker`), and the training needs the token and the certificate
    (`thumbprint train --token-file --tls-ca`). The certificate is valid for a year.
    """
    from federated.runtime.credentials import CredentialFiles

    token, certificate, key = CredentialFiles.generate(out, hosts)
    typer.echo(f"token        {token}  (keep it secret)")
    typer.echo(f"certificate  {certificate}")
    typer.echo(f"private key  {key}  (keep it secret; only the workers need it)")


def export_view(out: Path, parity: ParityReport, *, size: int, signer: str, synthetic: bool) -> Group:
    """Returns the result of an export: size in bytes, fingerprint of the signer, differences from TensorFlow."""
    differences = {_DIFFERENCES[name]: value for name, value in asdict(parity).items()}
    fields = {"bytes": size, "signed with": signer, **differences}
    return labelled(synthetic, SYNTHETIC_MODEL, pairs(str(out), fields))


def bundle_view(path: Path, manifest: Manifest, key_fingerprint: str) -> Group:
    """Returns the contents of a verified bundle. `key_fingerprint` is that of the key that verified it."""
    return labelled(
        manifest.provenance.synthetic,
        SYNTHETIC_MODEL,
        pairs(str(path), {"name": manifest.name, "model id": manifest.model_id, "signed with": key_fingerprint}),
        _files(manifest),
        pairs("origin of the model", manifest.provenance.model_dump()),
        pairs("sizes of the model", manifest.model.model_dump()),
        pairs("n-grams of the shared model", {"ngram_weight": manifest.ngram_weight}),
        pairs("recipe: how a phone adapts", dict(_flat(manifest.recipe.model_dump()))),
        *([pairs("measured", manifest.metrics)] if manifest.metrics else []),
        _signatures(manifest.signatures),
    )


def _flat(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _files(manifest: Manifest) -> RenderableType:
    table = Table(show_footer=True)
    table.add_column("file", "total")
    table.add_column("bytes", f"{sum(entry.bytes for entry in manifest.files.values()):,}", justify="right")
    table.add_column("SHA-256", overflow="fold")
    for name, entry in manifest.files.items():
        table.add_row(name, f"{entry.bytes:,}", entry.sha256)
    return headed("files", table)


def _signatures(signatures: Mapping[str, Signature]) -> RenderableType:
    table = Table()
    for column in ("signature", "", "tensor", "type", "shape"):
        table.add_column(column)
    for name, signature in signatures.items():
        title = name  # only in the first row of the signature
        for side, tensors in (("in", signature.inputs), ("out", signature.outputs)):
            for tensor, spec in tensors.items():
                table.add_row(title, side, tensor, spec.dtype, str(spec.shape))
                title = ""
        table.add_section()
    return headed("signatures that an app calls", table)
