"""What `thumbprint bundle inspect` shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from device_runtime.manifest import Manifest, Signature
from thumbprint.console.tables import headed, notice, pairs


def bundle_view(path: Path, manifest: Manifest, fingerprint: str) -> Group:
    """Returns the view of a verified bundle's manifest; `fingerprint`: of the key that it was checked with."""
    parts: list[RenderableType] = []
    if manifest.provenance.synthetic:
        parts.append(notice("the model was trained on messages that a program made up."))
    identity = {"name": manifest.name, "model id": manifest.model_id, "signed with": fingerprint}
    parts += [
        pairs(str(path), identity),
        _files(manifest),
        pairs("where the model comes from", manifest.provenance.model_dump()),
        pairs("sizes of the model", manifest.model.model_dump()),
        pairs("n-grams beside it", {"ngram_weight": manifest.ngram_weight}),
        pairs("recipe: how a phone adapts", dict(_flat(manifest.recipe.model_dump()))),
    ]
    if manifest.metrics:
        parts.append(pairs("measured", manifest.metrics))
    parts.append(_signatures(manifest.signatures))
    return Group(*parts)


def _flat(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _files(manifest: Manifest) -> RenderableType:
    table = Table(show_footer=True)
    table.add_column("file", "together")
    table.add_column("bytes", f"{sum(entry.bytes for entry in manifest.files.values()):,}", justify="right")
    table.add_column("SHA-256", overflow="fold")
    for name, entry in manifest.files.items():
        table.add_row(name, f"{entry.bytes:,}", entry.sha256)
    return headed("files", table)


def _signatures(signatures: Mapping[str, Signature]) -> RenderableType:
    table = Table()
    for name in ("signature", "", "tensor", "type", "shape"):
        table.add_column(name)
    for name, signature in signatures.items():
        said = name
        for side, tensors in (("in", signature.inputs), ("out", signature.outputs)):
            for tensor, spec in tensors.items():
                table.add_row(said, side, tensor, spec.dtype, str(spec.shape))
                said = ""
        table.add_section()
    return headed("signatures: what an app calls", table)
